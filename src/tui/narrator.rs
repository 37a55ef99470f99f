//! Tells what happens in a run, one line for each event worth one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{known::Known, wording};
use crate::{
    config::{Role, duration::show},
    event::{
        Action, ByHand, ByHandAnswer, Derived, Event, Fate, Fetch, LineId, Observed, OutageEnd, OutageId, OutageSpec,
        Record, ServerName, Stamp, Standing, Testimony, Witness,
    },
    look::{harmless, span},
    verdict::Verdict,
};

/// Remembers what it needs to tell the next event in full.
#[derive(Debug, Clone, Default)]
pub struct Narrator {
    known: Option<Arc<Known>>,
    /// Those that were ordered and are not over.
    outages: BTreeMap<OutageId, OutageSpec>,
    /// What further witnesses said last.
    said: BTreeMap<(LineId, Witness), Standing>,
}

/// One line of the story. Its text is harmless for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it happened.
    pub at: Stamp,
    /// What happened.
    pub text: String,
    /// The verdict that it announces, if it does.
    pub verdict: Option<Verdict>,
    /// It deserves a second look.
    pub alarming: bool,
}

impl Narrator {
    /// What is run, once that is known.
    pub const fn known(&self) -> Option<&Arc<Known>> {
        self.known.as_ref()
    }

    /// What the record tells, if anything.
    pub fn tell(&mut self, record: &Record) -> Option<Told> {
        let (text, alarming) = match &record.event {
            Event::Observed(observed) => self.observed(observed)?,
            Event::Derived(derived) => self.derived(derived)?,
            Event::Action(Action::BeginOutage { outage, spec }) => {
                self.outages.insert(*outage, spec.as_ref().clone());
                return None;
            }
            Event::Action(_) => return None,
        };
        let verdict = match &record.event {
            Event::Derived(Derived::CaseDecided(case)) => Some(case.verdict),
            _ => None,
        };
        if let Event::Observed(Observed::OutageEnded { outage, .. } | Observed::OutageDeclined { outage, .. }) =
            &record.event
        {
            self.outages.remove(outage);
        }
        Some(Told { at: record.when.at, text: harmless(&text), verdict, alarming })
    }

    fn observed(&mut self, observed: &Observed) -> Option<(String, bool)> {
        let told = match observed {
            Observed::RunStarted { plan } => {
                self.known = Some(Arc::new(Known::of(plan)));
                let (phones, lines) = (plan.phones.len(), if plan.phones.len() == 1 { "phone" } else { "phones" });
                (format!("{} on bench {}: {phones} {lines}", plan.title(), plan.bench.name), false)
            }
            Observed::KeyboardHeld { by: Some(by) } => (format!("{by} has the keyboard"), false),
            Observed::KeyboardHeld { by: None } => ("nobody has the keyboard any more".to_owned(), false),
            Observed::BridgeReady { bridge, adopted, changed } => {
                let adopted = if *adopted { " (adopted)" } else { "" };
                let changed: String = changed.iter().map(|change| format!("; changed {change}")).collect();
                (format!("bridge {bridge} is up{adopted}{changed}"), false)
            }
            Observed::OutageBegan { outage } => {
                let begins = self.outages.get(outage).map(|spec| wording::outage(spec).1);
                let begins = begins.unwrap_or_else(|| "is taken away".to_owned());
                let (server, whom, by) = (self.server(*outage), self.whom(*outage), self.by(*outage));
                (format!("{server} {begins}{whom}{by}{}", self.dark(*outage)), false)
            }
            Observed::OutageEnded { outage, why, .. } => {
                let server = self.server(*outage);
                let by = self.outages.get(outage).and_then(|spec| spec.by.as_ref());
                match why {
                    OutageEnd::Limit if let Some(by) = by => {
                        (format!("{server} is back: the outage that {by} had made came to its limit"), false)
                    }
                    OutageEnd::Lifted => (format!("{server} is given back{}", self.whom(*outage)), false),
                    OutageEnd::Limit => (format!("{server} is back: the outage came to its time limit"), true),
                    OutageEnd::HelperLost => (format!("{server} is back: the bridge helper was lost"), true),
                    OutageEnd::Lapsed => (format!("{server} is back: the outage was not renewed in time"), true),
                }
            }
            Observed::HookStarted { server, act, .. } => {
                (format!("the command that is to {act} {server} is run"), false)
            }
            Observed::HookEnded { server, act, outcome, .. } => {
                let error = outcome.error.as_ref()?;
                (format!("the command that is to {act} {server} {error}"), true)
            }
            Observed::PbxRan { setting, act, outcome } => {
                let error = outcome.error.as_ref()?;
                (format!("the command that is to {} {error}", act.of(setting)), true)
            }
            Observed::PeerCalls { call, .. } => {
                (format!("{} calls {} through {}", call.peer, call.extension, call.server), false)
            }
            Observed::PeerCalled { peer, phone, outcome, .. } => {
                let error = outcome.error.as_ref()?;
                (format!("the command by which {peer} called {phone} {error}"), false)
            }
            Observed::PeerGone { peer, .. } => (format!("what answers calls for {peer} has ended"), true),
            Observed::PbxSettled { flaw: Some(flaw), .. } => (flaw.reason.clone(), true),
            Observed::PbxSettled { setting, was: Some(was), flaw: None, .. } => {
                (format!("pbx.{setting} is changed, and was {was}"), false)
            }
            Observed::PbxSettled { setting, was: None, flaw: None, .. } => {
                (format!("pbx.{setting} is as it was"), false)
            }
            Observed::PhoneFileWritten { flaw: Some(flaw), .. } => (flaw.reason.clone(), true),
            Observed::PhoneFileWritten { phone, file, settings, .. } if settings.is_empty() => {
                (format!("{file} of {phone} is as it was"), false)
            }
            Observed::PhoneFileWritten { phone, file, .. } => (format!("{file} of {phone} was written"), false),
            Observed::Fetched(fetch) if fetch.fate == Fate::Passed => {
                let Fetch { phone, address, server, file, .. } = &**fetch;
                let whom = server.as_ref().map_or_else(|| address.to_string(), |server| format!("server {server}"));
                (format!("{phone} asks {whom} for {file}"), false)
            }
            Observed::Leak { phone, .. } => (format!("{phone}: a frame leaked through the outage"), true),
            Observed::OrphansRemoved { names } => {
                (format!("removed what an earlier siprig had left: {}", names.join(", ")), false)
            }
            Observed::LinkLost { interface, how } => (format!("{interface} {how}: nothing passes there"), true),
            Observed::LinkBack { interface, gap_ns, .. } => {
                (format!("{interface} is back after {:.3} s", *gap_ns as f64 / 1e9), true)
            }
            Observed::BystanderLost { mac, .. } => (
                format!("{mac}, which is of no outage, lost a frame to or from a server that is away for others"),
                true,
            ),
            Observed::ServerSeen { server, address, place } => {
                (format!("server {server} answers from {address}: {place}"), false)
            }
            Observed::FollowedLate { outage, phone, address, late_ns } => (
                format!(
                    "outage {} followed {phone} and its address {address} only after {:.1} ms",
                    outage.0,
                    *late_ns as f64 / 1e6
                ),
                true,
            ),
            Observed::RouterSeen { phone, address, place, taken: false } => {
                (format!("{phone} comes from {address} through {place}"), false)
            }
            Observed::RouterSeen { phone, address, place, taken: true } => {
                (format!("a device on the link has {address} too, which is {phone}'s: {place}; it is let alone"), true)
            }
            Observed::EvidenceLost { count, .. } => (format!("evidence lost: {count} frames"), true),
            Observed::PortLost { phone, port, reason } => (format!("{phone}: {port} lost: {reason}"), true),
            Observed::OutageDeclined { outage, reason } => {
                (format!("outage {} does not begin: {reason}", outage.0), true)
            }
            Observed::DriverFailed { reason, .. } => (reason.clone(), true),
            Observed::ClockStepped { by_ns } => {
                (format!("the wall clock was stepped by {:+.3} s", *by_ns as f64 / 1e9), true)
            }
            Observed::RestoreRequested { by } => (format!("{by}: every phone is given its network back"), true),
            Observed::Testified(said) => return self.testified(said),
            Observed::WitnessLost { reason, .. } => (reason.clone(), true),
            Observed::StopRequested { by } => (format!("{by}: giving everything back, then ending"), true),
            _ => return None,
        };
        Some(told)
    }

    /// What a further witness says, if that is new.
    fn testified(&mut self, said: &Testimony) -> Option<(String, bool)> {
        let key = (said.line.clone(), said.witness.clone());
        let before = self.said.insert(key, said.standing.clone());
        let news = before.as_ref() != Some(&said.standing);
        news.then(|| (format!("{}: {} says: {}", said.line, said.witness, said.standing), false))
    }

    fn derived(&self, derived: &Derived) -> Option<(String, bool)> {
        let told = match derived {
            Derived::ScenarioStarted { scenario, index, of } => {
                (format!("scenario {}/{of}: {scenario}", index + 1), false)
            }
            Derived::StepStarted { step, of, title, phones } => {
                let names: Vec<&str> = phones.iter().map(|phone| phone.0.as_str()).collect();
                let whose = if names.is_empty() { String::new() } else { format!("{}: ", names.join(", ")) };
                (format!("{whose}step {}/{of}: {title}", step + 1), false)
            }
            Derived::OutageSkipped { spec, needs } => {
                let phones: Vec<&str> = spec.phones.iter().map(|phone| phone.0.as_str()).collect();
                (format!("{}: {} of server {} is skipped: {needs}", phones.join(", "), spec.what(), spec.server), true)
            }
            Derived::StepEnded { case, ok: false, note, .. } => (format!("{}/{}: {note}", case.phone, case.line), true),
            Derived::Home { line, server: Some(server) } => {
                (format!("{line} is registered at {}", self.label(line, server)), false)
            }
            Derived::Home { line, server: None } => (format!("{line} is registered nowhere"), true),
            Derived::Connected { line, servers } if servers.is_empty() => {
                (format!("{line} speaks with nobody any more"), false)
            }
            Derived::Connected { line, servers } => {
                let label = |server| self.label(line, server);
                let servers: Vec<String> = servers.iter().map(label).collect();
                (format!("{line} speaks TLS with {}: nobody can read what", servers.join(" and ")), false)
            }
            Derived::Measured { case, measurement } if measurement.is_encrypted() => {
                if measurement.max.is_none() || measurement.name == "baseline" {
                    return None;
                }
                (format!("{}/{}: {} can not be read", case.phone, case.line, measurement.name), false)
            }
            Derived::Measured { case, measurement } if matches!(&*measurement.name, "failover" | "failback") => {
                let (value, max) = (measurement.value, measurement.max);
                let limit = max.map_or_else(String::new, |max| format!(" (limit {})", span(max)));
                let value = value.map_or_else(|| "was not seen".to_owned(), |value| format!("took {}", span(value)));
                let late = measurement.value.is_none_or(|value| max.is_some_and(|max| value > max));
                (format!("{}/{}: {} {value}{limit}", case.phone, case.line, measurement.name), late)
            }
            Derived::Detected { line, code, note, .. } => (format!("{line}: {code}: {note}"), true),
            Derived::HandAnswered { by, phone, hand, answer } => wording::hand(by, phone, hand, answer),
            Derived::OperatorAsked { text, limit_ns, .. } => {
                let limit = humantime::format_duration(Duration::from_secs(limit_ns / 1_000_000_000));
                (format!("OPERATOR NEEDED within {limit} (siprig console --attach): {text}"), true)
            }
            Derived::PromptEnded { text, end, .. } => (format!("{end}: {text}"), !end.is_good()),
            Derived::ReplyRefused { by, reason, .. } => (format!("the answer of {by} does not count: {reason}"), true),
            Derived::OutageAnswered { by, wish, answer } => match (wish, answer) {
                // Its beginning and its end are told when they come.
                (_, ByHandAnswer::Obeyed { .. }) => return None,
                (ByHand::Block(blocking), ByHandAnswer::Refused { reason }) => {
                    (format!("{by} has not blocked {} ({}): {reason}", blocking.server, blocking.what), true)
                }
                (ByHand::Lift { outage }, ByHandAnswer::Refused { reason }) => {
                    (format!("{by} has not lifted outage {}: {reason}", outage.0), true)
                }
            },
            Derived::CaseDecided(case) => {
                let mut text = format!("{} {}/{}", case.verdict, case.id.phone, case.id.line);
                for part in [&case.code, &case.reason].into_iter().flatten() {
                    text = format!("{text}: {part}");
                }
                (text, matches!(case.verdict, Verdict::Fail | Verdict::RigError))
            }
            _ => return None,
        };
        Some(told)
    }

    /// For whom an outage is, where that is not for all.
    fn whom(&self, outage: OutageId) -> String {
        let all = self.known.as_ref().map_or(0, |known| known.phones.len());
        self.outages.get(&outage).map_or_else(String::new, |spec| wording::whom(&spec.phones, all))
    }

    /// Who has made it, where that is an operator: ` by anna, for 5m at most`.
    fn by(&self, outage: OutageId) -> String {
        let spec = self.outages.get(&outage);
        let by = spec.and_then(|spec| Some(format!(" by {}, for {} at most", spec.by.as_ref()?, show(spec.limit))));
        by.unwrap_or_default()
    }

    /// What goes dark with it, where something does: `; with it xml (80)`.
    fn dark(&self, outage: OutageId) -> String {
        let known = self.known.as_ref().zip(self.outages.get(&outage));
        let dark = known.map_or_else(Vec::new, |(known, spec)| known.bench.dark_in(spec));
        if dark.is_empty() { String::new() } else { format!("; with it {}", dark.join(", ")) }
    }

    fn server(&self, outage: OutageId) -> String {
        self.outages.get(&outage).map_or_else(|| "a server".to_owned(), |spec| spec.server.to_string())
    }

    /// `b (backup)`.
    fn label(&self, line: &LineId, server: &ServerName) -> String {
        let role = self.known.as_ref().map_or(Role::Other, |known| known.role(line, server));
        format!("{server} ({role})")
    }
}
