//! Waits for what lines do about an outage, whatever that is: they move, or are confirmed at their primary in spite of it, or
//! do neither for as long as a move may take. None of it is right or wrong; the time of a move is measured.

use std::{collections::BTreeMap, time::Duration};

use super::expect;
use crate::{
    engine::{
        bound,
        case::{CaseRun, Finding, Leg},
        registration::Fix,
        run::GRACE,
        subjects::Subjects,
    },
    event::{Move, Stamp},
    verdict::{CaseId, Measurement},
};

/// The step.
#[derive(Debug)]
pub struct Reaction {
    waits: BTreeMap<CaseId, Wait>,
}

#[derive(Debug)]
struct Wait {
    leg: Leg,
    /// When a move should have been made, and late reports are in.
    until: Stamp,
}

impl Reaction {
    /// To the last outage of each line's primary.
    pub fn begin(subjects: &mut Subjects) -> Self {
        let (mut waits, mut without) = (BTreeMap::new(), Vec::new());
        let at_home: Vec<CaseId> = subjects
            .cases()
            .iter()
            .filter(|case| subjects.keeps_home(case).is_some())
            .map(|case| case.id.clone())
            .collect();
        for id in &at_home {
            subjects.finish_case_step(id, "its home was not taken away", &[]);
        }
        for case in subjects.running().filter(|case| !at_home.contains(&case.id)) {
            let leg = case.leg(Move::Failover).filter(|leg| case.cut_of(*leg).is_some());
            let Some((leg, cut)) = leg.and_then(|leg| Some((leg, case.cuts.get_mut(leg.cut?)?))) else {
                without.push(case.id.clone());
                continue;
            };
            cut.watched = true;
            let (began, later) = (cut.began.when.at, cut.away_after.unwrap_or(Duration::ZERO));
            // Of a line whose binding nobody saw, or that may renew it until its server is gone, anything from then on may be
            // its next renewal.
            let seen = expect::window(case, leg).filter(|_| later.is_zero());
            let window = seen.unwrap_or_else(|| bound::unread_failover(&case.timers));
            waits.insert(case.id.clone(), Wait { leg, until: began + later + window.length + GRACE });
        }
        for id in without {
            subjects
                .decide_case(&id, Finding::rig("no-outage", "no outage of the line's primary is there to react to"));
        }
        Self { waits }
    }

    /// Ends for each case when its line has shown what it does.
    pub fn advance(&self, now: Stamp, subjects: &mut Subjects) {
        for (id, wait) in &self.waits {
            let Some(case) = subjects.case(id).filter(|case| case.running() && !case.step_done) else { continue };
            let moved = case.moves.get(&wait.leg).map(|moved| moved.done);
            let told = match (moved, confirmed(case, wait.leg)) {
                (Some(moved), _) => Some(("moved to its backup", moved.seq)),
                (None, Some(answer)) => Some(("was confirmed at its primary in spite of the outage", answer.seq)),
                (None, None) => None,
            };
            if let Some((what, seq)) = told {
                subjects.finish_case_step(id, what, &[seq]);
            } else if now >= wait.until {
                subjects.finish_case_step(id, "neither moved nor was confirmed for as long as a move may take", &[]);
            }
        }
    }

    /// When lines have had the time that they may take.
    pub fn deadline(&self, subjects: &Subjects) -> Option<(Stamp, &'static str)> {
        let waiting = |id: &CaseId| subjects.case(id).is_some_and(|case| case.running() && !case.step_done);
        let due = self.waits.iter().filter(|(id, _)| waiting(id)).map(|(_, wait)| wait.until);
        due.min().map(|at| (at, "the end of the time to react"))
    }
}

/// The first answer with which the primary itself confirmed the line in the outage, when that had done all that it does.
fn confirmed(case: &CaseRun, leg: Leg) -> Option<Fix> {
    let cut = case.cut_of(leg)?;
    let until = cut.lifted.map(|lifted| lifted.when.at);
    let answers = case.track.attempts_at(&cut.server).filter_map(|attempt| attempt.answer);
    let since = cut.began.when.at + cut.away_after.unwrap_or(Duration::ZERO);
    let within = |at: Stamp| at > since && until.is_none_or(|until| at <= until);
    answers.filter(|answer| answer.live && !answer.ours && within(answer.fix.when.at)).map(|answer| answer.fix).next()
}

/// Why a line that did not move has no time of a move.
pub fn why_none(case: &CaseRun, leg: Leg) -> &'static str {
    if confirmed(case, leg).is_some() { Measurement::STAYED } else { Measurement::STRANDED }
}
