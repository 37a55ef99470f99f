//! Servers that were stopped by a command of their own. That they are away is shown by their silence, and since when by the last
//! that they said.

use std::{collections::BTreeSet, time::Duration};

use super::{
    case::Finding,
    cut::Cut,
    registration::Fix,
    run::GRACE,
    subjects::{OutageRun, Subjects},
};
use crate::{
    config::OutagePlan,
    event::{HookAct, HookOutcome, OutageId, OutageMode, PhoneName, ServerName, Stamp, When},
    verdict::{Blame, Verdict},
};

/// What is known of the commands of an outage, and of what its server said meanwhile.
#[derive(Debug, Default)]
pub struct Hooked {
    /// It has ended well.
    stopped: Option<Stamp>,
    /// The command that starts it was about to be run.
    starting: Option<Stamp>,
    /// The last that it said to one of the phones until it was stopped.
    last: Option<Fix>,
    /// The first that it said since it is being started.
    first: Option<Fix>,
}

impl Hooked {
    /// For an outage that is one of this kind.
    pub fn of(mode: &OutageMode) -> Option<Self> {
        (*mode == OutageMode::Hook).then(Self::default)
    }

    /// *t0*: the last that the server said after its stop command was run, which may have been too long ago by the time that the
    /// command went on; or else when that was run.
    fn began(&self, told: Fix) -> Fix {
        let ended = told.when.at.0 + told.when.error_ns;
        let last = self.last.filter(|last| last.when.at >= told.when.at);
        last.map_or(told, |last| at(last, ended.saturating_sub(last.when.at.0)))
    }

    /// When it was back: with the first that it said since its start command was run, or else when that had ended.
    fn lifted(&self, told: Fix) -> Fix {
        self.first.filter(|first| first.when.at <= told.when.at).unwrap_or(told)
    }
}

fn at(fix: Fix, error_ns: u64) -> Fix {
    Fix { when: When { error_ns: error_ns.max(fix.when.error_ns), ..fix.when }, ..fix }
}

/// A command is about to be run.
pub fn started(subjects: &mut Subjects, outage: OutageId, act: HookAct, fix: Fix) {
    let Some(hooked) = subjects.outages.get_mut(&outage).and_then(|run| run.hooked.as_mut()) else { return };
    if act == HookAct::Start {
        hooked.starting = Some(fix.when.at);
    }
}

/// It has ended. What could not be stopped shows nothing, and what could not be started again may still be away.
pub fn ended(subjects: &mut Subjects, outage: OutageId, act: HookAct, outcome: &HookOutcome, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    let Some(hooked) = &mut run.hooked else { return };
    let Some(error) = &outcome.error else {
        if act == HookAct::Stop {
            hooked.stopped = Some(fix.when.at);
        }
        return;
    };
    let (server, phones) = (run.spec.server.clone(), run.spec.phones.clone());
    let wrote = if outcome.output.is_empty() { String::new() } else { format!(" (\"{}\")", outcome.output) };
    let reason = format!(
        "the command that is to {act} server {server} {error}{wrote}; look at `hook.{act}` of the server in the bench file"
    );
    let finding = || rig("hook-failed", reason.clone()).shown_by([fix.seq]);
    match act {
        HookAct::Stop => phones.iter().for_each(|phone| subjects.decide(phone, finding)),
        // It is away for everybody, and nothing that comes after it shows anything.
        HookAct::Start => {
            if let Some(run) = subjects.outages.get_mut(&outage) {
                run.ended = true;
            }
            subjects.decide_all(finding);
        }
    }
}

/// An outage has taken force; when, as far as its server shows.
pub fn began(run: &mut OutageRun, told: Fix) -> Fix {
    let Some(hooked) = &mut run.hooked else { return told };
    hooked.stopped = Some(Stamp(told.when.at.0 + told.when.error_ns));
    hooked.began(told)
}

/// An outage is over; since when, as far as its server shows.
pub fn lifted(run: &OutageRun, told: Fix) -> Fix {
    run.hooked.as_ref().map_or(told, |hooked| hooked.lifted(told))
}

/// A server said something to a phone.
pub fn heard(subjects: &mut Subjects, server: &ServerName, phone: &PhoneName, fix: Fix) {
    let when = fix.when.at;
    let concerned = |run: &&mut OutageRun| run.spec.server == *server && run.spec.phones.contains(phone) && !run.ended;
    let mut moved = None;
    let mut breach = None;
    for run in subjects.outages.values_mut().filter(concerned) {
        let Some(hooked) = &mut run.hooked else { continue };
        let latest = |known: Option<Fix>| known.filter(|known| known.when.at >= when).or(Some(fix));
        match (hooked.stopped, hooked.starting) {
            (_, Some(starting)) if when >= starting => {
                hooked.first = hooked.first.filter(|first| first.when.at <= when).or(Some(fix));
            }
            (Some(stopped), _) if when > stopped + GRACE => {
                breach = Some((run.spec.phones.clone(), when.since(stopped)));
            }
            (stopped, _) => {
                hooked.last = latest(hooked.last);
                // It was said before it was stopped, and told of after.
                if let Some((was, stopped)) = run.began.zip(stopped).filter(|(was, _)| when > was.when.at) {
                    let now = at(fix, stopped.0.saturating_sub(when.0));
                    run.began = Some(now);
                    moved = Some((was, now));
                }
            }
        }
    }
    if let Some((was, now)) = moved {
        let cuts = subjects.cases_mut().iter_mut().flat_map(|case| &mut case.cuts);
        cuts.filter(|cut: &&mut Cut| cut.server == *server && cut.began == was).for_each(|cut| cut.began = now);
    }
    if let Some((phones, after)) = breach {
        void(subjects, server, &phones, after, fix);
    }
}

/// A server that speaks although it was stopped: whatever the phones did, it was not for its absence.
fn void(subjects: &mut Subjects, server: &ServerName, phones: &[PhoneName], after: Duration, fix: Fix) {
    let after = after.as_secs_f64();
    let finding = || {
        let reason = format!(
            "server {server} answered {after:.1} s after its stop command had ended well: `hook.stop` of the bench file does \
             not stop what speaks SIP at its addresses, or something has started that again"
        );
        rig("still-answers", reason).shown_by([fix.seq])
    };
    for case in subjects.cases_mut().iter_mut().filter(|case| phones.contains(&case.at)) {
        case.decide(finding());
        case.void.get_or_insert_with(finding);
    }
}

/// No honest verdict is possible, for what the bench file says.
fn rig(code: &'static str, reason: String) -> Finding {
    Finding { verdict: Verdict::RigError, ..Finding::fail(Blame::Configuration, code, reason) }
}

/// What the servers of a phone lack to be stopped, if anything.
pub fn lacking(subjects: &Subjects, phone: &PhoneName, plan: &OutagePlan) -> Option<Finding> {
    let mut servers = subjects.taken_from(phone, plan);
    let lacks = |name: &ServerName| subjects.plan().bench.server(name).is_none_or(|server| server.hook.is_none());
    let reason = format!("nothing can stop server {}; add `hook` to it in the bench file", servers.find(lacks)?);
    Some(Finding::skipped("no-hook", reason))
}

/// How much longer than the bridge's patience these outages may take to end: for commands of the servers that they have stopped,
/// and for links that come back.
pub fn return_patience(subjects: &Subjects, outages: &BTreeSet<OutageId>) -> Duration {
    let link = |outage: &OutageId| subjects.outages.get(outage).map(|run| run.spec.mode.return_patience());
    let links = outages.iter().filter_map(link).max().unwrap_or_default();
    links.max(patience(subjects, outages.iter().copied()))
}

/// How long the bridge's patience has to be longer for commands of the servers that these outages have stopped.
pub fn patience(subjects: &Subjects, outages: impl IntoIterator<Item = OutageId>) -> Duration {
    let limit = |outage: OutageId| {
        let run = subjects.outages.get(&outage).filter(|run| run.hooked.is_some())?;
        let hook = subjects.plan().bench.server(&run.spec.server)?.hook.as_ref()?;
        // What was ordered while the other command was still running comes after it.
        Some(2 * hook.limit)
    };
    outages.into_iter().filter_map(limit).max().unwrap_or_default()
}
