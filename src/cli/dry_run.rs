//! What a run would do, for people: bench, phones, steps, and the times computed from the timers.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    time::Duration,
};

use crate::{
    config::{
        Asked, FailbackHabit, Failure, Identity, Keypad, Line, ModePlan, Model, Moment, Only, OutagePlan, Pace, Party,
        Phone, Plan, RegistrationHabit, RenewalLead, Scenario, Source, StartState, StepKind, Timers, Turns,
        provisioning::retimed,
    },
    driver::phone_files,
    engine::bound,
    event::{Move, OutageScope, PbxName, PhoneName, Toward},
    look::{harmless, span},
};

/// The plan as text.
pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String can not fail.
    let _ = write(&mut out, plan);
    out
}

fn write(out: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(out, "bench     {}", harmless(&plan.bench.name))?;
    match &plan.bench.network {
        Some(network) => {
            let bridge =
                network.bridge.as_deref().map_or_else(|| "created".to_owned(), |name| format!("{name}, adopted"));
            writeln!(
                out,
                "network   phones on {}, servers on {}; bridge {bridge}",
                network.phone_side, network.server_side
            )?;
        }
        None => writeln!(out, "network   none: no server can be taken away")?,
    }
    for server in &plan.bench.servers {
        let addresses: Vec<_> = server.addresses.iter().map(ToString::to_string).collect();
        writeln!(out, "server    {} ({}) {}", server.name, server.role, addresses.join(", "))?;
        if let Some(witness) = &server.witness {
            let how = match &witness.asked {
                Asked::Command(words) => words.join(" "),
                Asked::Http(url) => url.clone(),
            };
            let every = humantime::format_duration(witness.every);
            writeln!(out, "  witness its own list by `{}`, every {every}", harmless(&how))?;
        }
    }
    let needed = |setting: &PbxName| plan.scenarios().any(|scenario| scenario.uses_pbx(setting));
    for (setting, known) in plan.bench.pbx.iter().filter(|(setting, _)| needed(setting)) {
        writeln!(out, "pbx       {setting}: {}; read by `{}`", known.states(), harmless(&known.read.join(" ")))?;
    }
    if let Some(at) = plan.bench.syslog {
        writeln!(out, "syslog    received at {at}")?;
    }
    if let Some(at) = plan.bench.action_uri {
        writeln!(out, "calls     received at {at}")?;
    }
    if !plan.overrides.is_empty() {
        writeln!(out, "set       {}", harmless(&plan.overrides.join(", ")))?;
    }
    for phone in plan.phones.iter().filter_map(|name| plan.phone(name)) {
        write_phone(out, plan, phone)?;
    }
    for scenario in plan.scenarios() {
        write_scenario(out, plan, scenario)?;
    }
    let lines: usize = plan.phones.iter().filter_map(|name| plan.phone(name)).map(|phone| phone.lines.len()).sum();
    let cases = lines * plan.scenarios().count();
    writeln!(out, "\n{cases} {}. Nothing was touched.", if cases == 1 { "case" } else { "cases" })
}

fn write_scenario(out: &mut String, plan: &Plan, scenario: &Scenario) -> fmt::Result {
    writeln!(out, "\nscenario  {}: {}", scenario.name, harmless(&scenario.title))?;
    match scenario.start {
        StartState::Registered => {}
        StartState::LoggedOff => writeln!(out, "  begins with nobody logged on")?,
    }
    match scenario.pace {
        Pace::Together => {}
        Pace::Pairs => writeln!(out, "  each pair of phones at its own pace")?,
        Pace::Phones => writeln!(out, "  each phone at its own pace")?,
    }
    match scenario.peer.and_then(|side| Some((side, plan.bench.peer_for(side)?))) {
        Some((Party::Callers, peer)) => writeln!(out, "  each phone is called by peer {}", peer.name)?,
        Some((Party::Callees, peer)) => {
            writeln!(out, "  each phone calls peer {} at {}", peer.name, harmless(&peer.extension))?
        }
        None => {}
    }
    for need in scenario.all_needs() {
        writeln!(out, "  needs {need}")?;
    }
    if let Some((_, lacks)) = plan.bench.lacks_need(scenario) {
        writeln!(out, "  skipped: {lacks}")?;
    }
    for limit in &scenario.limits {
        writeln!(out, "  {} at most {}", harmless(&limit.measurement), limit.at_most)?;
    }
    let mut before = bound::StepsBefore::default();
    let mut configured = plan.clone();
    for (number, step) in (1..).zip(scenario.all_steps()) {
        before.take(&step.kind);
        let optional = if step.optional { " (where the phone can)" } else { "" };
        let teardown = if number > scenario.steps.len() { "afterwards, " } else { "" };
        writeln!(out, "  {number:2}. {teardown}{}{optional}", harmless(&step.title))?;
        if let Some(limit) = &step.documented_limit {
            writeln!(out, "      expected to fail with {}: \"{}\"", limit.code, harmless(&limit.says))?;
        }
        if let Some(only) = &step.only {
            let whose = match only {
                Only::Party(Party::Callers) => "phones that call".to_owned(),
                Only::Party(Party::Callees) => "phones that are called".to_owned(),
                Only::Model(model) => format!("phones of the model {}", harmless(model)),
            };
            writeln!(out, "      only {whose}")?;
        }
        match &step.kind {
            StepKind::Outage(outage) => {
                write_outage(out, outage)?;
                if let Some(side) = outage.link() {
                    writeln!(
                        out,
                        "      with it, for everybody: {}",
                        harmless(&plan.bench.dark_behind(side).join(", "))
                    )?;
                }
                write_skipped(out, plan, outage)?;
                let phones = plan.phones.iter().filter_map(|name| plan.phone(name));
                for (server, dark) in plan.bench.dark_under(outage, phones) {
                    writeln!(out, "      with server {server}, for these phones: {}", harmless(&dark.join(", ")))?;
                }
            }
            StepKind::Pbx { setting, state } => write_change(out, plan, setting, state)?,
            StepKind::Configure { settings } => {
                configured = retimed_plan(plan, settings);
                write_files(out, plan, settings)?;
            }
            StepKind::Ask { limit, .. } => {
                let limit = humantime::format_duration(*limit);
                let whom = "a person, at `siprig console --attach`";
                writeln!(out, "      asks {whom}; without an answer in {limit} the case is skipped")?;
            }
            StepKind::Lift { turns: Some(turns), .. } => write_turns(out, plan, turns)?,
            StepKind::Expect { of } => write_windows(out, &configured, *of, before)?,
            _ => {}
        }
    }
    Ok(())
}

/// What phones are set to, and whose files can not be written.
fn write_files(out: &mut String, plan: &Plan, settings: &BTreeMap<String, String>) -> fmt::Result {
    for (name, value) in settings {
        writeln!(out, "      {}: {}", harmless(name), harmless(value))?;
    }
    let phones = || plan.phones.iter().filter_map(|name| plan.phone(name));
    let lacks: Vec<String> = phones().filter_map(|phone| plan.bench.lacks_files(phone)).collect();
    match (&plan.bench.provisioning, lacks.first()) {
        (_, Some(lacks)) => writeln!(out, "      skipped: {}", harmless(lacks)),
        (Some(files), None) => {
            let names: Vec<String> = phones().filter_map(Phone::settings_file).collect();
            let (names, place) = (names.join(", "), harmless(&phone_files::shown(files)));
            let how = if files.folder().is_some() { "in" } else { "by" };
            writeln!(out, "      {names} {how} {place}; afterwards written back")
        }
        (None, None) => Ok(()),
    }
}

/// The plan with the timers that phones have by then, each by those of its first line.
fn retimed_plan(plan: &Plan, settings: &BTreeMap<String, String>) -> Plan {
    let mut plan = plan.clone();
    for phone in &mut plan.bench.phones {
        phone.timers = retimed(&phone.timers, settings, 1);
    }
    plan
}

/// How a setting of the PBX is changed, or why it is not.
fn write_change(out: &mut String, plan: &Plan, setting: &PbxName, state: &str) -> fmt::Result {
    if let Some(lacks) = plan.bench.lacks_state(setting, state) {
        return writeln!(out, "      skipped: {}", harmless(&lacks));
    }
    let words = plan.bench.pbx.get(setting).and_then(|known| known.set.get(state)).map(|words| words.join(" "));
    let words = words.unwrap_or_default();
    writeln!(out, "      for everybody, by `{}`; afterwards set back to what it was", harmless(&words))
}

/// Who has to do without an outage, and why.
fn write_skipped(out: &mut String, plan: &Plan, outage: &OutagePlan) -> fmt::Result {
    let lacks = |phone: &&Phone| plan.bench.lacks_for(outage, [*phone]).next();
    let phones: Vec<&Phone> = plan.phones.iter().filter_map(|name| plan.phone(name)).collect();
    let Some(needs) = phones.iter().find_map(lacks) else { return Ok(()) };
    let names: Vec<&str> =
        phones.iter().filter(|phone| lacks(phone).is_some()).map(|phone| phone.name.0.as_str()).collect();
    let names = names.join(", ");
    writeln!(out, "      skipped for {names}, up to the next outage: {}", harmless(&needs))
}

/// When which phone comes back.
fn write_turns(out: &mut String, plan: &Plan, turns: &Turns) -> fmt::Result {
    let turn = |(after, phone): (Duration, &PhoneName)| format!("{phone} after {}", ms(after));
    let phones: Vec<String> = turns.of(plan.phones.iter().collect()).into_iter().map(turn).collect();
    writeln!(out, "      {turns}: {}", phones.join(", "))
}

/// Within which time the phones have to make a move at worst; those with the same timers together.
fn write_windows(out: &mut String, plan: &Plan, of: Move, before: bound::StepsBefore) -> fmt::Result {
    let mut windows: Vec<(String, Vec<&str>)> = Vec::new();
    for phone in plan.phones.iter().filter_map(|name| plan.phone(name)) {
        let window = bound::at_worst(of, &phone.timers, before.habit(plan.model_of(phone)));
        let text = format!("within {} at worst: {}", ms(window.length), window.derivation);
        match windows.iter_mut().find(|(known, _)| *known == text) {
            Some((_, phones)) => phones.push(&phone.name.0),
            None => windows.push((text, vec![&phone.name.0])),
        }
    }
    let apart = windows.len() > 1;
    for (text, phones) in windows {
        let whose = if apart { format!("{}: ", phones.join(", ")) } else { String::new() };
        writeln!(out, "      {whose}{text}")?;
    }
    Ok(())
}

fn write_outage(out: &mut String, outage: &OutagePlan) -> fmt::Result {
    let mut only = outage.only.as_ref().map_or_else(String::new, |only| format!("{only} alone; "));
    let what = match &outage.mode {
        mode if *mode == ModePlan::DROP => match (outage.toward, &outage.only) {
            (_, Some(of)) => {
                only.clear();
                format!("{of} alone are dropped; ")
            }
            (None, None) => String::new(),
            (Some(Toward::Server), None) => "requests alone are dropped; ".to_owned(),
            (Some(Toward::Phone), None) => "answers alone are dropped; ".to_owned(),
        },
        mode if *mode == ModePlan::REFUSE => "refused by ICMP and TCP reset; ".to_owned(),
        _ if outage.is_hook() => "stopped by the command of the bench file, for everybody; ".to_owned(),
        _ if let Some(side) = outage.link() => {
            format!("the interface of the {side} side is switched off; needs --allow-link-down; ")
        }
        ModePlan::Answer { code, .. } => format!("answered {code} in the server's name; "),
        ModePlan::Plain(mode) => format!("{mode}; "),
    };
    let part = match &outage.scope {
        OutageScope::Host | OutageScope::Sip => String::new(),
        scope @ OutageScope::Part(_) => format!("{scope} alone; "),
    };
    let when = match outage.at {
        Moment::Now => "",
        Moment::BeforeRenewal => "for each phone just before it renews; ",
        Moment::AfterRenewal => "for each phone just after it has renewed; ",
    };
    let stands = match outage.failure {
        Failure::Down if outage.is_hook() => "",
        Failure::Cut => "",
        Failure::Down => " (stands for a server that is down: the bridge can only cut it off from the phones)",
    };
    writeln!(
        out,
        "      {what}{only}{part}{when}ends by itself after {}{stands}",
        humantime::format_duration(outage.limit)
    )
}

fn write_phone(out: &mut String, plan: &Plan, phone: &Phone) -> fmt::Result {
    let title = plan.model_of(phone).map_or("", |model| model.title.as_str());
    let place = match (&phone.identity, phone.address) {
        (identity @ Identity::Routed { .. }, _) => identity.to_string(),
        (Identity::OnLink { mac }, Some(address)) => format!("{mac}, {address}"),
        (Identity::OnLink { mac }, None) => format!("{mac}, address not yet known"),
    };
    writeln!(out, "\nphone     {}: {} ({}), {place}", phone.name, phone.model, harmless(title))?;
    if let Some(console) = &phone.console {
        writeln!(out, "  console {} at {} bit/s", console.port, console.baud)?;
    }
    match &phone.keypad {
        Some(Keypad::Kp1 { port, unit }) => writeln!(out, "  keypad  {} unit {unit}", port.display())?,
        Some(Keypad::Xml) => writeln!(out, "  keypad  its own XML interface")?,
        Some(Keypad::Url { at, .. }) => writeln!(out, "  keypad  requests to its web interface at {at}")?,
        Some(Keypad::Console) => writeln!(out, "  keypad  typed on its console")?,
        Some(Keypad::Evdev { fifo }) => writeln!(out, "  keypad  events in {}", fifo.display())?,
        None => {}
    }
    if let Some(push) = phone.push {
        writeln!(out, "  push    {push}")?;
    }
    if let Some(page) = &phone.status_page {
        let every = humantime::format_duration(page.every);
        writeln!(out, "  witness its status page at {}, every {every}", page.at)?;
    }
    for line in &phone.lines {
        writeln!(out, "  line    {}", path_of(line))?;
    }
    write_timers(out, &phone.timers)?;
    if let Some(model) = plan.model_of(phone) {
        writeln!(out, "  habits  {}", habits(model))?;
    }
    Ok(())
}

/// How it registers, and what it sends in between.
fn habits(model: &Model) -> String {
    let registers = match (model.registration(), model.failback) {
        (RegistrationHabit::Serial, _) => "one server at a time, the primary first at each renewal".to_owned(),
        (RegistrationHabit::Concurrent, _) => "all servers at once".to_owned(),
        (RegistrationHabit::KeepAlive, FailbackHabit::Poll(interval)) => {
            format!("one server at a time, looks for the primary every {}", humantime::format_duration(interval))
        }
        (RegistrationHabit::KeepAlive, FailbackHabit::Renewal) => "one server at a time".to_owned(),
    };
    let keep_alive = model.keep_alive.map(|keep_alive| {
        let every = humantime::format_duration(keep_alive.value);
        format!("; keep-alives every {every} ({})", known(keep_alive.source))
    });
    registers + &keep_alive.unwrap_or_default()
}

fn path_of(line: &Line) -> String {
    match &line.backup {
        Some(backup) => format!("{}: primary {}, backup {backup}", line.extension, line.primary),
        None => format!("{}: primary {}, no backup", line.extension, line.primary),
    }
}

fn write_timers(out: &mut String, timers: &Timers) -> fmt::Result {
    let lead = match timers.renewal_lead.value {
        RenewalLead::Span(lead) => humantime::format_duration(lead).to_string(),
        RenewalLead::Percent(percent) => format!("{percent}%"),
    };
    writeln!(
        out,
        "  timers  expires {} ({}), transaction {} ({}), renewal lead {lead} ({})",
        humantime::format_duration(timers.expires.value),
        known(timers.expires.source),
        humantime::format_duration(timers.transaction.value),
        known(timers.transaction.source),
        known(timers.renewal_lead.source),
    )
}

const fn known(source: Source) -> &'static str {
    match source {
        Source::Configured => "configured",
        Source::Manual => "manual",
        Source::Measured => "measured",
        Source::Assumed => "assumed",
    }
}

fn ms(length: Duration) -> String {
    span(length.as_secs_f64() * 1000.0)
}
