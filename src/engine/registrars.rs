//! Which registrars a line asks for at one address. The registrar of a REGISTER is the one that its Request-URI names (RFC 3261
//! section 10.2); the address that it is sent to may be that of an outbound proxy, which is the next hop and no more (section 8.1.2).
//! Roles go by the address on the wire, since phones also write the name of one server in what they send to another. So where a line
//! asks for two registrars at one address, an outage of that takes both, and where the line is no address tells: neither a move that
//! is missed nor one that is seen shows anything then, and nobody is blamed for it.

use std::collections::BTreeMap;

use super::{
    Outbox,
    case::{CaseRun, Finding},
    registration::{Fix, address_user},
};
use crate::{
    config::{Bench, Server},
    event::{Derived, ServerName, SipFact, SipMessage, SipStart, Toward},
    verdict::{Blame, Verdict},
};

/// What is found of where a line registers, by the address alone.
const BY_ADDRESS: [&str; 15] = [
    "never-failed-over",
    "never-failed-back",
    "never-tried-backup",
    "never-recovered",
    "never-registered",
    "never-renewed",
    "never-logged-on",
    "left-primary",
    "lost-backup",
    "binding-lapses",
    "late",
    "promise-broken",
    "flapping",
    "double-registration",
    "display-wrong",
];

const CODE: &str = "one-address";

/// So many are kept of an address: who writes another name each time says nothing by it.
const MOST: usize = 8;

/// The registrars that a line asks for, by the address that it asks them at.
#[derive(Debug, Clone, Default)]
pub struct Registrars {
    at: BTreeMap<String, Vec<Registrar>>,
    /// What was ordered of the phone until then: a user who logs on, and a boot, may bring other settings.
    orders: usize,
    shared: Option<Shared>,
}

#[derive(Debug, Clone)]
struct Registrar {
    /// The server of the bench that it is.
    server: Option<ServerName>,
    /// As it stands in the Request-URI.
    written: String,
}

impl PartialEq for Registrar {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written || self.server.is_some() && self.server == other.server
    }
}

/// An address that stands before several.
#[derive(Debug, Clone)]
struct Shared {
    place: String,
    /// The first two.
    names: [String; 2],
    since: Fix,
    /// The line has gone back to one that it had left, which settings that were changed do not explain.
    to_and_fro: bool,
}

/// Hears for which registrar a line asks, and whom it asks.
pub fn note(case: &mut CaseRun, bench: &Bench, fact: &SipFact, fix: Fix, out: &mut Outbox) {
    let SipMessage::Read(message) = &fact.message else { return };
    let SipStart::Request { method, uri } = &message.start else { return };
    let asks = fact.toward == Toward::Server && method == "REGISTER";
    if !asks || address_user(&message.to) != Some(case.id.line.as_str()) {
        return;
    }
    if case.registrars.orders != case.orders.len() {
        case.registrars = Registrars { orders: case.orders.len(), ..Registrars::default() };
    }
    let Some(registrar) = registrar(uri, bench) else { return };
    let place = fact.server.as_ref().map_or_else(|| fact.server_addr.to_string(), |server| format!("server {server}"));
    let known = case.registrars.at.entry(place.clone()).or_default();
    if known.last() == Some(&registrar) || known.len() == MOST {
        return;
    }
    let to_and_fro = known.contains(&registrar);
    known.push(registrar);
    match (&mut case.registrars.shared, known.as_slice()) {
        (Some(shared), _) if shared.place == place => shared.to_and_fro |= to_and_fro,
        (shared @ None, [first, second]) => {
            let names = [first.written.clone(), second.written.clone()];
            let found = shared.insert(Shared { place, names, since: fix, to_and_fro });
            let (line, note) = (case.track.line().clone(), found.words());
            out.conclude(fix.when, Derived::Detected { line, code: CODE.to_owned(), note, evidence: vec![fix.seq] });
        }
        _ => {}
    }
}

impl Registrars {
    /// The server of the bench that the line asked for last at an address which is none of the bench.
    pub fn meant_at(&self, address: &str) -> Option<&ServerName> {
        self.at.get(address)?.last()?.server.as_ref()
    }
}

impl Shared {
    fn words(&self) -> String {
        let Self { place, names: [first, second], .. } = self;
        format!(
            "the line asks for registrars {first} and {second} at one address, that of {place}: a proxy is before both"
        )
    }
}

/// What the address tells shows nothing where it stands before several registrars.
pub fn weigh(case: &CaseRun, finding: Finding) -> Finding {
    let Some(shared) = &case.registrars.shared else { return finding };
    let against = matches!(finding.blame, Some(Blame::Phone | Blame::Unknown)) && BY_ADDRESS.contains(&finding.code);
    let passes = finding.verdict == Verdict::Pass && shared.to_and_fro;
    if !against && !passes {
        return finding;
    }
    let found = if passes { String::new() } else { format!(" ({})", finding.reason) };
    let reason = format!(
        "{}, so that an outage takes both and the address does not tell where the line is{found}; declare that address as \
         the line's primary, and no backup",
        shared.words()
    );
    Finding::unclear(CODE, reason).shown_by(finding.evidence.into_iter().chain([shared.since.seq]))
}

/// The registrar that a Request-URI names: host and port, or the server of the bench that they are.
fn registrar(uri: &str, bench: &Bench) -> Option<Registrar> {
    let (_, rest) = uri.split_once(':')?;
    let rest = rest.split([';', '?', '>']).next()?;
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let written = place.strip_suffix(":5060").unwrap_or(place).to_ascii_lowercase();
    let bare = written.trim_start_matches('[').trim_end_matches(']');
    let server = match bare.parse() {
        Ok(address) => bench.server_at(address),
        // A name that several have, as that of a domain, is none of one.
        Err(_) => {
            let is_called =
                |server: &&Server| server.names.iter().any(|it| it.to_string().eq_ignore_ascii_case(&written));
            let mut named = bench.servers.iter().filter(is_called);
            named.next().filter(|_| named.next().is_none())
        }
    };
    (!written.is_empty()).then(|| Registrar { server: server.map(|server| server.name.clone()), written })
}
