//! Whether registrars held what `siprig analyze` reads off a capture of the same time, by their own words.
//!
//! The words are those of kamailio on the bench of `rig/real-software`: exact times of what REGISTERs changed, and whole
//! seconds for what runs out by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    net::IpAddr,
    path::Path,
};

use serde::{Deserialize, Serialize};
use siprig::wire::capture::CaptureReader;

pub mod analysis;
pub mod blind;
pub mod recorded;
pub mod word;

use analysis::{Analysis, Registration};
use word::{End, Held, Word};

/// In seconds: what a time loses in being written down.
const ROUNDING: f64 = 1e-5;

/// In seconds: a registrar notes the time when it has sent its answer, and the frame is stamped on its way after that, or
/// before.
pub const WIRE: f64 = 0.025;

/// The same where a program carries the frames on the way, which on a busy machine has to wait for its turn.
pub const CARRIED: f64 = 0.25;

/// In seconds: a registrar's second begins when the kernel's next tick has come.
const TICK: f64 = 0.01;

/// In seconds: a registrar ends contacts at full seconds of its clock.
const CLOCK: f64 = 1.0;

/// In milliseconds: between what siprig saw live, on the clock of its run, and what a clock of the time of day says of it:
/// a capture's, or a registrar's. The two are read one after the other when a run begins, and each second of it.
const LIVE_MS: f64 = 0.2;

/// In seconds: a binding at the primary that the phone takes back sooner than that is what its kernel delivered late.
const LATE: f64 = 1.0;

/// A time on a bench of real software, as those tell it who were there. Times are seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Truth {
    pub servers: BTreeMap<String, Server>,
    /// Beginning of the primary's outage, and its end, if anybody came home after it.
    pub outage: (f64, Option<f64>),
    /// By how much a frame may be stamped later than its sender has sent it, in seconds.
    pub wire: f64,
    /// What siprig measured when it was there.
    pub moves: Vec<Move>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    pub primary: bool,
    pub addresses: Vec<IpAddr>,
    pub said: Vec<Word>,
}

/// A measurement of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Move {
    pub user: String,
    pub name: String,
    pub at: Option<f64>,
    /// In milliseconds; none: it was not made.
    pub value: Option<f64>,
}

impl Truth {
    /// The options that tell `analyze` what a foreign capture does not; `epoch`: its first frame.
    pub fn outage_since(&self, epoch: f64) -> Vec<String> {
        let since = |at: f64| format!("{:.6}s", at - epoch);
        let (from, to) = (since(self.outage.0), self.outage.1.map(since).unwrap_or_default());
        vec!["--outage".to_owned(), format!("{from}..{to}")]
    }

    /// The options that name the servers.
    pub fn roles(&self) -> Vec<String> {
        let option = |server: &Server| if server.primary { "--primary" } else { "--backup" };
        let named = self.servers.values().flat_map(|it| it.addresses.iter().map(move |address| (option(it), address)));
        named.flat_map(|(option, address)| [option.to_owned(), address.to_string()]).collect()
    }

    /// Everything in which the analysis of a capture differs from this, in sentences. `ends`: the capture's last frame.
    pub fn differences(&self, analysis: &Analysis, ends: f64) -> Vec<String> {
        let mut found = Vec::new();
        let users: BTreeSet<&str> = self.servers.values().flat_map(|it| it.said.iter().map(Word::user)).collect();
        for line in analysis.phones.iter().filter(|line| !users.contains(line.user())) {
            found.push(format!("{:?} at {} is of nobody whom a registrar knows", line.aor, line.address));
        }
        for user in users {
            for (name, server) in &self.servers {
                let lines = analysis.lines(user).flat_map(|line| &line.registrations);
                let mut read: Vec<_> = lines.filter(|it| server.addresses.contains(&it.server)).collect();
                read.sort_by(|one, other| one.from_ms.total_cmp(&other.from_ms));
                // Whether the last answers were captured still, nobody knows: then it may be one or the other.
                let until = |time: f64| {
                    let held = word::held(&server.said, user, time);
                    lists_differ(&held, &read, &Seen { server, analysis, ends, wire: self.wire })
                };
                let mut differ = until(ends);
                if !differ.is_empty() {
                    differ = until(ends - self.wire);
                }
                found.extend(differ.into_iter().map(|what| format!("{user} at {name}: {what}")));
            }
            found.extend(self.moves_differ(user, analysis, ends));
        }
        found
    }

    /// The moves of a user: the run, the registrars and the analysis are to tell the same.
    fn moves_differ(&self, user: &str, analysis: &Analysis, ends: f64) -> Vec<String> {
        let mut found = Vec::new();
        for it in self.moves.iter().filter(|it| it.user == user) {
            if let Some(primary) = it.destination() {
                let done = it.at.zip(it.value).map(|(at, value)| at + value / 1e3);
                let arrived = self.arrived(user, primary, ends);
                let same = match (done, arrived) {
                    (Some(done), Some([from, to])) => {
                        within(done, [from - LIVE_MS / 1e3, to + LIVE_MS / 1e3], self.wire)
                    }
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    found.push(format!(
                        "{user}: {} was done at {done:?} by the run, {arrived:?} by the registrar",
                        it.name
                    ));
                }
            }
            let mut same =
                analysis.lines(user).flat_map(|line| &line.measurements).filter(|other| other.name == it.name);
            let Some(other) = same.next() else {
                found.push(format!("{user}: the capture shows no {}", it.name));
                continue;
            };
            let same = match (it.at.zip(it.value), other.at_ms.zip(other.value)) {
                (Some((at, value)), Some((ms, other))) => {
                    ((analysis.unix(ms) - at) * 1e3).abs() <= LIVE_MS && (value - other).abs() <= LIVE_MS
                }
                (None, None) => true,
                _ => false,
            };
            if !same {
                found.push(format!(
                    "{user}: {it:?} by the run, {other:?} by the capture, which is from {}",
                    analysis.unix(0.0)
                ));
            }
        }
        found
    }

    /// Asserts that a user moved to the backup in the outage, and came back after it.
    pub fn moved(&self, user: &str) {
        let away = self.arrived(user, false, f64::MAX).unwrap();
        let back = self.arrived(user, true, f64::MAX).unwrap();
        assert!(away[1] < self.outage.1.unwrap(), "away {away:?}, back {back:?}, outage {:?}", self.outage);
    }

    /// When the first binding of a move began: of a return, the first that stayed.
    fn arrived(&self, user: &str, primary: bool, ends: f64) -> Option<[f64; 2]> {
        let since = if primary { self.outage.1? } else { self.outage.0 };
        let server = self.servers.values().find(|it| it.primary == primary)?;
        let stayed = |it: &Held| !primary || !matches!(it.end, End::Removed([_, after]) if after - it.from[0] < LATE);
        word::held(&server.said, user, ends).into_iter().filter(|it| it.from[0] > since).find(stayed).map(|it| it.from)
    }
}

impl Move {
    /// Whether it leads to the primary; none: it is but a part of a move.
    fn destination(&self) -> Option<bool> {
        match self.name.as_str() {
            "failover" => Some(false),
            "failback" => Some(true),
            _ => None,
        }
    }
}

/// What surrounds registrations that were read off a capture.
struct Seen<'a> {
    server: &'a Server,
    analysis: &'a Analysis,
    /// The capture's last frame.
    ends: f64,
    wire: f64,
}

/// In what the contacts that a registrar held differ from those that were read off the capture.
fn lists_differ(held: &[Held], read: &[&Registration], seen: &Seen<'_>) -> Vec<String> {
    if held.len() != read.len() {
        return vec![format!("it held {held:#?}, and the capture says {read:#?}")];
    }
    held.iter().zip(read).flat_map(|(held, read)| differ(held, read, seen)).collect()
}

/// In what a contact that a registrar held differs from one that was read off the capture.
fn differ(held: &Held, read: &Registration, seen: &Seen<'_>) -> Vec<String> {
    let Seen { server, analysis, ends, wire } = *seen;
    let mut found = Vec::new();
    let began = analysis.unix(read.from_ms);
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            found.push(format!(
                "{what} differs: it held {held:?}, and the capture says {read:?}, which began at {began}"
            ));
        }
    };
    hold(read.contact.trim_matches(['<', '>']) == held.contact, "the contact");
    hold(read.role.as_deref() == Some(if server.primary { "primary" } else { "backup" }), "the role");
    hold(within(began, held.from, wire), "the beginning");
    hold(read.refreshes == held.refreshes, "the number of refreshes");
    // It counts from the second in which it was asked.
    let [asked, answered] = held.confirmed;
    let counted_from = [(asked - TICK).floor(), answered.floor()];
    hold(within(held.due - read.expires_s, counted_from, 0.0), "the lifetime");
    let until = read.until_ms.map(|until| analysis.unix(until));
    let due = [held.due, held.due + CLOCK + TICK];
    let ended = match (held.end, until) {
        (End::Removed(span), Some(until)) => read.ended_by == "removed" && within(until, span, wire),
        (End::Lapsed | End::Open, Some(until)) => {
            read.ended_by == "expired" && until <= ends && within(until, due, wire)
        }
        (End::Removed([_, after]), None) => read.ended_by == "capture-end" && after + wire >= ends,
        (End::Lapsed | End::Open, None) => read.ended_by == "capture-end" && due[1] + wire >= ends,
    };
    hold(ended, "the end");
    found
}

/// When the first and the last frame of a capture were seen, in seconds since 1970.
pub fn span(capture: &Path) -> [f64; 2] {
    let mut reader = CaptureReader::new(File::open(capture).unwrap()).unwrap();
    let mut span: Option<[i64; 2]> = None;
    while let Some(captured) = reader.next() {
        let at = captured.unwrap().unix_ns;
        let [first, last] = span.unwrap_or([at, at]);
        span = Some([first.min(at), last.max(at)]);
    }
    span.unwrap().map(|ns| ns as f64 / 1e9)
}

/// Whether a time lies between two others, or a little later.
fn within(time: f64, [from, to]: [f64; 2], later: f64) -> bool {
    (from - ROUNDING..=to + later + ROUNDING).contains(&time)
}
