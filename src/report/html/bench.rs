//! The bench in tables: phones with their timers and where those are from, and servers.

use std::time::Duration;

use crate::{
    config::{Phone, RenewalLead, Source, Timer, Timers},
    event::ServerName,
    report::RunStory,
};

/// One phone with its timers.
pub struct PhoneRow {
    pub name: String,
    pub model: String,
    /// Its MAC; or its addresses, and what it was seen to be behind.
    pub identity: String,
    pub lines: String,
    pub timers: [(String, &'static str); 5],
}

/// One registrar.
pub struct ServerRow {
    pub name: String,
    pub role: String,
    pub addresses: String,
    pub ports: String,
    /// Where it was seen to answer from.
    pub places: String,
}

/// The phones under test.
pub fn phones(story: &RunStory) -> Vec<PhoneRow> {
    let Some(plan) = &story.plan else { return Vec::new() };
    let phones = plan.phones.iter().filter_map(|name| plan.phone(name));
    let rows = phones.map(|phone| {
        let lines = phone.lines.iter().map(|line| {
            let backup = line.backup.as_ref().map_or_else(|| "no backup".to_owned(), ToString::to_string);
            format!("{}: {} → {backup}", line.extension, line.primary)
        });
        let lines: Vec<_> = lines.collect();
        PhoneRow {
            name: phone.name.to_string(),
            model: plan.model_of(phone).map_or_else(|| phone.model.clone(), |model| model.title.clone()),
            identity: identity(phone, story),
            lines: lines.join(", "),
            timers: timers(&phone.timers),
        }
    });
    rows.collect()
}

fn identity(phone: &Phone, story: &RunStory) -> String {
    let routers: Vec<String> = story.routers.get(&phone.name).into_iter().flatten().map(ToString::to_string).collect();
    if routers.is_empty() { phone.identity.to_string() } else { format!("{}: {}", phone.identity, routers.join("; ")) }
}

fn timers(timers: &Timers) -> [(String, &'static str); 5] {
    let time = |timer: &Timer<Duration>| (humantime::format_duration(timer.value).to_string(), source(timer.source));
    let lead = match timers.renewal_lead.value {
        RenewalLead::Span(span) => humantime::format_duration(span).to_string(),
        RenewalLead::Percent(percent) => format!("{percent} %"),
    };
    [
        time(&timers.expires),
        time(&timers.transaction),
        (lead, source(timers.renewal_lead.source)),
        time(&timers.retry_timeout),
        time(&timers.retry_rejected),
    ]
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Configured => "configured",
        Source::Manual => "from the manual",
        Source::Measured => "measured",
        Source::Assumed => "assumed",
    }
}

/// The registrars of the bench.
pub fn servers(story: &RunStory) -> Vec<ServerRow> {
    let Some(plan) = &story.plan else { return Vec::new() };
    let joined = |texts: Vec<String>| texts.join(", ");
    let rows = plan.bench.servers.iter().map(|server| ServerRow {
        name: server.name.to_string(),
        role: server.role.to_string(),
        addresses: joined(server.addresses.iter().map(ToString::to_string).collect()),
        ports: joined(server.sip_ports().iter().map(ToString::to_string).collect()),
        places: places(story, &server.name),
    });
    rows.collect()
}

/// Where a server was seen to answer from: `10.77.0.2 from 02:00:00:00:00:09 on the side of the servers, hop limit 63`.
fn places(story: &RunStory, server: &ServerName) -> String {
    let seen = story.places.get(server).into_iter().flatten();
    let told: Vec<String> = seen.map(|(address, place)| format!("{address} from {place}")).collect();
    if told.is_empty() { "not seen".to_owned() } else { told.join("; ") }
}
