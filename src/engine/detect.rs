//! Detectors that are always on, whatever the scenario: what no healthy phone does.

use std::{collections::VecDeque, time::Duration};

use super::{
    case::{CaseRun, Finding},
    registration::Fix,
};
use crate::{event::ServerName, verdict::Blame};

/// A line that changes its home more often than this has no stable home. Each outage provokes some changes beside it.
const HOME_CHANGES: u32 = 6;

/// Changes that one outage provokes: the binding runs out, the line moves, and returns.
const CHANGES_BY_OUTAGE: u32 = 3;

/// More new REGISTER transactions of a line than this within [`STORM_SPAN`] are a storm.
const STORM_ATTEMPTS: usize = 40;

/// The span in which REGISTER transactions are counted.
const STORM_SPAN: Duration = Duration::from_secs(10);

/// Counts what a line does.
#[derive(Debug, Default)]
pub struct Detectors {
    recent: VecDeque<Fix>,
    both: u32,
    flapped: bool,
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
    /// The finding it makes.
    pub fn finding(&self) -> Finding {
        Finding::fail(self.blame, self.code, self.note.clone()).shown_by(self.evidence.iter().copied())
    }
}

impl Detectors {
    /// The line changed its home.
    pub fn moved(&mut self, case: &CaseRun, fix: Fix) -> Option<Detection> {
        let outages = u32::try_from(case.cuts.len()).unwrap_or(u32::MAX);
        let changes = case.home_changes;
        if self.flapped || case.keeps_both || changes < HOME_CHANGES + outages.saturating_mul(CHANGES_BY_OUTAGE) {
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

/// A server that the bench does not name accepted the line.
pub fn stranger(address: &str, fix: Fix) -> Detection {
    Detection {
        code: "stranger",
        blame: Blame::Configuration,
        note: format!("the line registered at {address}, which the bench does not name"),
        evidence: vec![fix.seq],
    }
}

/// The console shows a reboot or a crash.
pub fn reboot(pattern: &str, fix: Fix) -> Detection {
    Detection {
        code: "reboot",
        blame: Blame::Phone,
        note: format!("the console shows a reboot or a crash (`{pattern}`)"),
        evidence: vec![fix.seq],
    }
}
