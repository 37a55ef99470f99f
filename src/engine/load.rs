//! How hard the moves of all lines hit a server: what a mass move or a mass return asks of it.

use std::time::Duration;

use super::{
    case::{CaseRun, Leg, Moved},
    measure,
};
use crate::{
    config::Server,
    event::{Move, Stamp},
    verdict::Measurement,
};

/// The span in which registrations are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// For each move of a case from or to its primary: `…-peak`, the most lines that the server took within a second, and
/// `…-attempts`, the REGISTER transactions that this line began until it was taken, challenges included.
pub fn of(case: &CaseRun, all: &[CaseRun]) -> Vec<Measurement> {
    let read = |leg: &Leg| !case.unread.contains_key(leg);
    let moves = case.moves.iter().filter(|(leg, _)| matches!(leg.of, Move::Failover | Move::Failback) && read(leg));
    moves.flat_map(|(leg, moved)| [peak(case, *leg, moved, all), attempts(case, *leg, moved)]).flatten().collect()
}

/// `spread`, for a line that was admitted at whatever server would have it: the most lines at a server of the bench, less
/// the fewest at one.
pub fn spread(case: &CaseRun, all: &[CaseRun], servers: &[Server]) -> Option<Measurement> {
    let leg = case.leg(Move::Admission)?;
    let moved = case.moves.get(&leg).filter(|_| case.windows.contains_key(&leg))?;
    let at = |server: &Server| all.iter().filter(|case| case.track.home() == Some(&server.name)).count();
    let (most, fewest) = (servers.iter().map(at).max()?, servers.iter().map(at).min()?);
    Some(measure::count(case, leg, "spread", moved.done, most - fewest, "1"))
}

fn peak(case: &CaseRun, leg: Leg, moved: &Moved, all: &[CaseRun]) -> Option<Measurement> {
    let destination = case.destination(leg)?;
    let same = |other: &&CaseRun| other.destination(leg) == Some(destination);
    // Each has a cause of its own where phones come back one after the other.
    let taken_at = |other: &CaseRun| {
        let done = other.moves.get(&leg).filter(|_| !other.unread.contains_key(&leg))?.done;
        (done.when.at >= other.cause(leg, done)?.when.at).then_some(done.when.at)
    };
    let mut taken: Vec<Stamp> = all.iter().filter(same).filter_map(taken_at).collect();
    taken.sort_unstable();
    let within = |first: &Stamp| taken.iter().filter(|at| **at >= *first && at.since(*first) < WINDOW).count();
    let most = taken.iter().map(within).max()?;
    Some(measure::count(case, leg, &format!("{}-peak", leg.of), moved.done, most, "1/s"))
}

fn attempts(case: &CaseRun, leg: Leg, moved: &Moved) -> Option<Measurement> {
    let cause = case.cause(leg, moved.done)?;
    let of_move = |at: Stamp| at >= cause.when.at && at <= moved.done.when.at;
    let begun = case.track.attempts().filter(|attempt| of_move(attempt.first.when.at)).count();
    Some(measure::count(case, leg, &format!("{}-attempts", leg.of), moved.done, begun, "1"))
}
