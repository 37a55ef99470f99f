//! Detectors that are always on, whatever the scenario: what no healthy phone does.

use std::{collections::VecDeque, time::Duration};

use super::{
    case::{CaseRun, Finding},
    registration::{Fix, Wait},
};
use crate::{
    event::{KeyName, ServerName, Stamp},
    verdict::Blame,
};

/// A line that changes its home more often than this has no stable home. Each outage provokes some changes beside it.
const HOME_CHANGES: u32 = 6;

/// Changes that one outage provokes, or one turn of a server that comes and goes: the binding runs out, the line moves, and
/// returns.
const CHANGES_BY_OUTAGE: u32 = 3;

/// What a line's home does within this time is one change: a phone that comes home over TCP confirms, takes back and asks
/// again within milliseconds what its kernel kept for it, and is at home at each server in turn while it does.
const STIR: Duration = Duration::from_secs(1);

/// More new REGISTER transactions of a line than this within [`STORM_SPAN`] are a storm.
const STORM_ATTEMPTS: usize = 40;

/// The span in which REGISTER transactions are counted.
const STORM_SPAN: Duration = Duration::from_secs(10);

/// This many renewals at one server in less time than half of one is due are a storm as well.
const EARLY_RENEWALS: usize = 5;

/// A line that goes elsewhere because a server asked it to stay away may take its leave from that server first, and be on its
/// way with another question: baresip takes its binding back, and begins to probe.
const LEAVE_TAKING: Duration = Duration::from_secs(1);

/// This many requests to a server ahead of its `Retry-After` are no accident.
const EARLY_RETRIES: u32 = 2;

/// A clock of a phone may be that much ahead of ours over a `Retry-After`.
const RETRY_SLACK: Duration = Duration::from_secs(1);

/// This many changes of server that no outage explains, with both bindings live, are no accident.
const UNPROVOKED_CHANGES: u32 = 2;

/// Counts what a line does.
#[derive(Debug, Default)]
pub struct Detectors {
    recent: VecDeque<Fix>,
    renewals: VecDeque<Fix>,
    unprovoked: u32,
    early: u32,
    both: u32,
    flapped: bool,
}

/// How often a line's home changed; see [`STIR`].
#[derive(Debug, Clone, Copy, Default)]
pub struct HomeChanges {
    count: u32,
    latest: Option<Stamp>,
}

impl HomeChanges {
    /// Takes note that the home is another one since `at`.
    pub fn note(&mut self, at: Stamp) {
        if self.latest.is_none_or(|latest| at.since(latest) >= STIR) {
            self.count += 1;
            self.latest = Some(at);
        }
    }
}

/// Something a detector saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// A stable word.
    pub code: &'static str,
    /// Whose fault it is.
    pub blame: Blame,
    /// For people.
    pub note: String,
    /// The records that show it.
    pub evidence: Vec<u64>,
}

impl Detection {
    /// Whether it is what a line without its server may do.
    pub fn follows_network(&self) -> bool {
        matches!(self.code, "flapping" | "double-registration" | "storm" | "retry-too-early")
    }

    /// The finding it makes.
    pub fn finding(&self) -> Finding {
        let finding = match self.blame {
            // What may be the rig's own doing is no verdict on a phone.
            Blame::Unknown => Finding::unclear(self.code, self.note.clone()),
            blame => Finding::fail(blame, self.code, self.note.clone()),
        };
        finding.shown_by(self.evidence.iter().copied())
    }
}

impl Detectors {
    /// The line changed its home.
    pub fn moved(&mut self, case: &CaseRun, fix: Fix) -> Option<Detection> {
        let period = case.track.home().and_then(|home| case.track.last_granted(home));
        let period =
            period.map_or(Duration::MAX, |granted| granted.saturating_sub(case.timers.renewal_lead.value.of(granted)));
        let causes = case.cuts.iter().map(|cut| cut.provocations(period, fix.when.at));
        let causes = causes.fold(0, u32::saturating_add);
        let (outages, changes) = (case.cuts.len(), case.home_changes.count);
        let provoked = causes.saturating_mul(CHANGES_BY_OUTAGE);
        if self.flapped || case.keeps_both || changes < HOME_CHANGES.saturating_add(provoked) {
            return None;
        }
        self.flapped = true;
        Some(Detection {
            code: "flapping",
            blame: Blame::Phone,
            note: format!("the line changed its server {changes} times in {outages} outages"),
            evidence: vec![fix.seq],
        })
    }

    /// A server confirmed the line that was at home at `before`; no outage of this line is in force or was ever.
    pub fn confirmed(
        &mut self,
        case: &CaseRun,
        before: Option<&ServerName>,
        server: &ServerName,
        fix: Fix,
    ) -> Option<Detection> {
        let before = before.filter(|before| *before != server && case.track.binding(before).is_some())?;
        if case.keeps_both || !case.cuts.is_empty() {
            return None;
        }
        self.unprovoked += 1;
        (self.unprovoked == UNPROVOKED_CHANGES).then(|| Detection {
            code: "double-registration",
            blame: Blame::Phone,
            note: format!("the line registers at servers {before} and {server} by turns, and no server was taken away"),
            evidence: vec![fix.seq],
        })
    }

    /// The line was confirmed where it is, and is next due a lead before `granted` is over.
    pub fn refreshed(&mut self, due: Duration, fix: Fix) -> Option<Detection> {
        self.renewals.push_back(fix);
        if self.renewals.len() > EARLY_RENEWALS {
            self.renewals.pop_front();
        }
        let first = self.renewals.front().filter(|_| self.renewals.len() == EARLY_RENEWALS)?;
        let took = fix.when.at.since(first.when.at);
        (2 * took < due).then(|| {
            let evidence = self.renewals.drain(..).map(|fix| fix.seq).collect();
            Detection {
                code: "storm",
                blame: Blame::Phone,
                note: format!(
                    "{EARLY_RENEWALS} renewals within {:.1} s, where one is due every {:.0} s",
                    took.as_secs_f64(),
                    due.as_secs_f64()
                ),
                evidence,
            }
        })
    }

    /// The line sent a REGISTER that begins a new transaction, at a server that asked it to wait.
    pub fn retried(&mut self, server: &ServerName, wait: Wait, fix: Fix) -> Option<Detection> {
        let at = fix.when.at;
        if at.since(wait.asked) <= LEAVE_TAKING || at + RETRY_SLACK >= wait.until {
            return None;
        }
        self.early += 1;
        (self.early == EARLY_RETRIES).then(|| Detection {
            code: "retry-too-early",
            blame: Blame::Phone,
            note: format!(
                "{EARLY_RETRIES} requests to server {server} ahead of the time that its Retry-After asks for"
            ),
            evidence: vec![fix.seq],
        })
    }

    /// The line sent a REGISTER that begins a new transaction.
    pub fn attempted(&mut self, fix: Fix) -> Option<Detection> {
        self.recent.push_back(fix);
        while self.recent.front().is_some_and(|old| fix.when.at.since(old.when.at) > STORM_SPAN) {
            self.recent.pop_front();
        }
        (self.recent.len() == STORM_ATTEMPTS).then(|| Detection {
            code: "storm",
            blame: Blame::Phone,
            note: format!("{STORM_ATTEMPTS} REGISTER transactions within {} s", STORM_SPAN.as_secs()),
            evidence: self.recent.iter().take(8).map(|fix| fix.seq).collect(),
        })
    }

    /// The line renewed at its backup although it had come home. The second time counts: the first renewal may have been
    /// on its way when the line came home.
    pub fn renewed(&mut self, case: &CaseRun, server: &ServerName, fix: Fix) -> Option<Detection> {
        let lifted = case.last_cut().is_some_and(|cut| cut.lifted.is_some());
        let home = lifted && case.track.binding(&case.primary).is_some();
        let back = case.moved(crate::event::Move::Failback).is_some();
        if case.keeps_both || !home || !back || case.backup.as_ref() != Some(server) {
            return None;
        }
        self.both += 1;
        (self.both == 2).then(|| Detection {
            code: "double-registration",
            blame: Blame::Phone,
            note: format!("the line renews at server {server} although it has returned to {}", case.primary),
            evidence: vec![fix.seq],
        })
    }
}

/// The console shows a key that nobody pressed.
pub fn phantom_key(key: &KeyName, fix: Fix) -> Detection {
    Detection {
        code: "phantom-key",
        blame: Blame::Unknown,
        note: format!(
            "the console shows key `{key}`, which was not pressed: is it stuck, or is somebody at the phone?"
        ),
        evidence: vec![fix.seq],
    }
}

/// A server that the bench does not name accepted the line; `meant` is the one that it asked for there.
pub fn stranger(address: &str, meant: Option<&ServerName>, fix: Fix) -> Detection {
    let proxy = |server| {
        format!(
            ": a proxy before server {server}, for which the phone asks there; what phones send to is what the bench has to name"
        )
    };
    let proxy = meant.map(proxy).unwrap_or_default();
    Detection {
        code: "stranger",
        blame: Blame::Configuration,
        note: format!("the line registered at {address}, which the bench does not name{proxy}"),
        evidence: vec![fix.seq],
    }
}

/// The console shows a reboot or a crash.
pub fn reboot(line: &str, fix: Fix) -> Detection {
    Detection {
        code: "reboot",
        blame: Blame::Phone,
        note: format!("the console shows a reboot or a crash: `{}`", line.trim()),
        evidence: vec![fix.seq],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::cut::Cut,
        event::{
            Impairment, Manner, OutageMode, OutageScope, OutageSpec, Share, When,
            outage::{Flapping, Rebooting},
        },
    };

    /// Causes to leave within 60 s, for a line that renews each 6 s.
    fn causes(mode: OutageMode) -> u32 {
        let secs = Duration::from_secs;
        let spec = OutageSpec {
            mode,
            server: "a".into(),
            scope: OutageScope::Host,
            only: None,
            phones: Vec::new(),
            toward: None,
            limit: secs(600),
            by: None,
        };
        let began = Fix { seq: 1, when: When::exactly(Stamp::ZERO + secs(100)) };
        Cut::new(&spec, began, None).provocations(secs(6), Stamp::ZERO + secs(160))
    }

    #[test]
    fn a_line_that_takes_its_leave_heeds_a_retry_after_and_one_that_comes_again_and_again_does_not() {
        let at = |ms| Stamp::ZERO + Duration::from_millis(ms);
        let wait = |asked, until| Wait { asked: at(asked), until: at(until) };
        let found = |requests: &[(Wait, u64)]| {
            let mut detectors = Detectors::default();
            let retried = |(wait, ms): &(Wait, u64)| {
                let fix = Fix { seq: *ms, when: When::exactly(at(*ms)) };
                Some(detectors.retried(&"a".into(), *wait, fix)?.evidence)
            };
            requests.iter().find_map(retried)
        };
        let asked = wait(10_000, 20_000);
        assert_eq!(found(&[(asked, 10_001), (asked, 10_002), (asked, 10_900), (asked, 19_100), (asked, 20_500)]), None);
        assert_eq!(found(&[(asked, 10_001), (asked, 12_000), (asked, 15_000)]), Some(vec![15_000]));
        let again = [(asked, 10_900), (wait(10_000, 20_900), 11_800), (wait(10_000, 21_800), 12_700)];
        assert_eq!(found(&again), Some(vec![12_700]));
    }

    #[test]
    fn changes_in_a_moment_are_one_and_a_line_that_never_rests_is_counted_each_second() {
        let mut changes = HomeChanges::default();
        for ms in [0, 1, 2, 2, 999, 1_000, 1_001] {
            changes.note(Stamp::ZERO + Duration::from_millis(10_000 + ms));
        }
        assert_eq!(changes.count, 2);
        let mut restless = HomeChanges::default();
        for change in 0..100 {
            restless.note(Stamp::ZERO + Duration::from_millis(300 * change));
        }
        assert_eq!(restless.count, 25);
    }

    #[test]
    fn each_turn_of_a_server_that_flaps_and_each_renewal_on_a_bad_path_is_a_cause_to_move() {
        let secs = Duration::from_secs;
        assert_eq!(causes(OutageMode::DROP), 1);
        assert_eq!(causes(OutageMode::Flap(Flapping { away: secs(5), back: secs(10) })), 5);
        let lossy = Impairment { loss: Share::percent(30), ..Impairment::default() };
        assert_eq!(causes(Manner::Impair(lossy).into()), 11);
        let reboot = Rebooting { refuse: secs(2), silent: secs(20), starting: secs(8) };
        assert_eq!(causes(OutageMode::Reboot(reboot)), 1);
    }
}
