//! What phones ask for when they boot. One that waits for its files asks for the same one again and again; one that hangs asks for
//! nothing. Whether it got a file nobody sees, but that an outage has the host where it asks is known: then it is no fault of the phone
//! that it does not come up, and none of the servers either.

mod by_name;

use std::{net::IpAddr, time::Duration};

pub use by_name::ByName;

use super::{
    Outbox,
    case::{CaseRun, Finding},
    phone::PhoneWatch,
    registration::Fix,
    subjects::Subjects,
};
use crate::{
    event::{Derived, Fate, Fetch, ServerName, Stamp},
    verdict::{Blame, Verdict},
};

/// Who asks for the same file so often has had no answer: what is read, or not there, is followed by the next one.
const UNANSWERED: u32 = 3;

/// The files that a phone asked for.
#[derive(Debug, Clone, Default)]
pub struct Fetches {
    /// All of them.
    pub by_name: ByName,
    last: Option<Asking>,
    /// The one that it asked for in vain or without an answer for longest.
    slowest: Option<Asking>,
}

/// A file that a phone asked for.
#[derive(Debug, Clone)]
struct Asking {
    file: String,
    address: IpAddr,
    server: Option<ServerName>,
    first: Fix,
    last: Fix,
    times: u32,
    /// An outage took the last request.
    in_vain: bool,
}

impl Fetches {
    /// The phone is told to boot: what it waited for before is over.
    pub fn boots(&mut self) {
        (self.last, self.slowest) = (None, None);
    }
}

/// Hears a phone ask for a file; tells its lines once for each file that an outage keeps from it.
pub fn note(subjects: &mut Subjects, fetch: &Fetch, fix: Fix, out: &mut Outbox) {
    // Of a server that a command has stopped the machine goes on, and may have the files.
    let in_vain = matches!(fetch.fate, Fate::Dropped(_));
    let Some(watch) = subjects.watch_mut(&fetch.phone) else { return };
    watch.fetches.by_name.observe(fetch, fix);
    let again = watch.fetches.last.take().filter(|it| it.file == fetch.file && it.address == fetch.address);
    let asking = Asking {
        file: fetch.file.clone(),
        address: fetch.address,
        server: fetch.server.clone(),
        first: again.as_ref().map_or(fix, |before| before.first),
        last: fix,
        times: again.as_ref().map_or(1, |before| before.times.saturating_add(1)),
        in_vain,
    };
    let new = in_vain && !again.is_some_and(|before| before.in_vain);
    let note = format!("the phone asks {} in vain for {}: an outage has that host", asking.host(), asking.file);
    if (asking.in_vain || asking.times >= UNANSWERED)
        && watch.fetches.slowest.as_ref().is_none_or(|slowest| asking.waited() >= slowest.waited())
    {
        watch.fetches.slowest = Some(asking.clone());
    }
    watch.fetches.last = Some(asking);
    for case in subjects.cases().iter().filter(|case| new && case.at == fetch.phone) {
        let (line, code) = (case.track.line().clone(), "files-unreachable".to_owned());
        out.conclude(fix.when, Derived::Detected { line, code, note: note.clone(), evidence: vec![fix.seq] });
    }
}

impl Asking {
    fn waited(&self) -> Duration {
        self.last.when.at.since(self.first.when.at)
    }

    fn host(&self) -> String {
        match &self.server {
            Some(server) => format!("server {server}"),
            None => self.address.to_string(),
        }
    }

    /// An outage has kept it from the phone.
    fn kept_away(&self, finding: &Finding) -> Finding {
        let reason = format!(
            "the phone boots, and asks in vain for {}: the outage has taken the host of its files with the server; keep them \
             elsewhere, or take the server's SIP alone away (`scope = \"sip\"`) ({})",
            self.words(),
            finding.reason
        );
        Finding::fail(Blame::Configuration, "files-unreachable", reason).shown_by([self.first.seq, self.last.seq])
    }

    /// Whoever has it does not give it, as far as that is seen.
    fn unanswered(&self, finding: &Finding) -> Finding {
        let reason =
            format!("the phone boots, and has no answer when it asks for {} ({})", self.words(), finding.reason);
        Finding::unclear("files-unanswered", reason).shown_by([self.first.seq, self.last.seq])
    }

    /// `00085D770001.cfg at server a, 4 times from 12.3 s on`.
    fn words(&self) -> String {
        let (host, since) = (self.host(), self.first.when.at.since(Stamp::ZERO).as_secs_f64());
        let times = if self.times == 1 { "once".to_owned() } else { format!("{} times", self.times) };
        format!("{} at {host}, {times} from {since:.1} s on", self.file)
    }
}

/// What to say of a line that did not register since, by what its phone asks for meanwhile.
pub fn weigh(case: &CaseRun, phone: &PhoneWatch, cause: Fix, finding: Finding) -> Finding {
    let since = |asking: &&Asking| asking.last.when.at >= cause.when.at;
    // Who registers has what it needs for that.
    let waits = |asking: &&Asking| case.track.attempts().all(|it| it.last.when.at < asking.first.when.at);
    let against = finding.verdict == Verdict::Fail && matches!(finding.blame, Some(Blame::Phone | Blame::Unknown));
    let Some(asking) = phone.fetches.last.as_ref().filter(since).filter(waits).filter(|_| against) else {
        return finding;
    };
    if asking.in_vain {
        return asking.kept_away(&finding).shown_by([cause.seq]);
    }
    if asking.times >= UNANSWERED {
        return asking.unanswered(&finding).shown_by([cause.seq]);
    }
    let reason = format!("{}; the last that it asked for was {}", finding.reason, asking.words());
    Finding { reason, ..finding }.shown_by([asking.first.seq, asking.last.seq])
}

/// What to say of a phone that was told to boot and registered late: the time in which it waited for a file is not its own.
pub fn weigh_late(phone: &PhoneWatch, cause: Fix, took: Duration, allowed: Duration, finding: Finding) -> Finding {
    let Some(asking) = phone.fetches.slowest.as_ref().filter(|_| finding.blame == Some(Blame::Phone)) else {
        return finding;
    };
    if asking.first.when.at < cause.when.at || took > allowed + asking.waited() {
        return finding;
    }
    let found = if asking.in_vain { asking.kept_away(&finding) } else { asking.unanswered(&finding) };
    found.shown_by(finding.evidence)
}
