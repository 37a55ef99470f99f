//! How long a phone waits for an answer to a REGISTER before it gives a server up: from the first that nobody answered to the
//! one at another server that follows.

use std::time::Duration;

use super::{
    evidence::{self, Evidence, LineEvidence},
    tries::{End, Try},
    value::{Known, Sample, is_same},
};
use crate::event::Transport;

pub const UNSEEN: &str = "it was never seen to leave a server that kept silent";

/// The timer, by what carries the requests.
pub fn measured(evidence: &Evidence) -> Vec<(Transport, Known<Duration>)> {
    let transports = evidence::transports(evidence).into_iter();
    let known = transports.map(|transport| {
        let of = |samples: fn(&LineEvidence) -> Vec<(Transport, Sample)>| -> Vec<Sample> {
            let all = evidence.lines.iter().flat_map(samples);
            all.filter(|(carrier, _)| *carrier == transport).map(|(_, sample)| sample).collect()
        };
        (transport, both(of(moves), of(stranded)))
    });
    known.collect()
}

/// A phone that is sent back by a challenge takes longer to move than to give up, and the move is what counts.
fn both(moves: Vec<Sample>, stranded: Vec<Sample>) -> Known<Duration> {
    let moved = Known::of(&moves, UNSEEN);
    let Some(usual) = moved.measured().map(|measured| measured.value) else { return Known::of(&stranded, UNSEEN) };
    if stranded.iter().any(|sample| !is_same(sample.value, usual)) {
        let remark = "where no server answered it gave up after another time, which is not counted in";
        return moved.noted(remark);
    }
    Known::of(&[moves, stranded].concat(), UNSEEN)
}

/// Moves: from the first try at home that was not answered to the try elsewhere that was confirmed.
fn moves(line: &LineEvidence) -> Vec<(Transport, Sample)> {
    let registers = line.registers();
    let mut samples = Vec::new();
    for (index, there) in registers.iter().enumerate() {
        if line.is_twofold || !matches!(there.end, End::Confirmed(..)) {
            continue;
        }
        let then = there.began.when.at;
        let Some((home, confirmed, _)) = line.home_at(then).filter(|(home, ..)| **home != there.server) else {
            continue;
        };
        let since = |it: &&&Try| it.began.when.at > confirmed.when.at;
        let between: Vec<&&Try> = registers[..index].iter().filter(since).collect();
        let first = between.iter().find(|it| it.server == *home && it.is_silent_by(then));
        let told = between.iter().any(|it| it.server == *home && !it.is_silent_by(then));
        let in_vain = between.iter().any(|it| it.server == there.server && matches!(it.end, End::Unanswered));
        if let Some(first) = first.filter(|_| !told && !in_vain) {
            samples.push((first.transport, Sample::between(first.leg, there.began)));
        }
    }
    samples
}

/// From a server that did not answer to the next, which did not answer either.
fn stranded(line: &LineEvidence) -> Vec<(Transport, Sample)> {
    let registers = line.registers();
    let pairs = registers.windows(2).filter(|pair| is_round(line, pair[0], pair[1]));
    pairs.map(|pair| (pair[0].transport, Sample::between(pair[0].leg, pair[1].began))).collect()
}

/// Whether two tries that follow one another asked both servers in vain, from home on.
pub fn is_round(line: &LineEvidence, one: &Try, other: &Try) -> bool {
    let then = other.began.when.at;
    let home = line.home_at(then).map(|(home, ..)| home);
    !line.is_twofold
        && one.server != other.server
        && one.is_silent_by(then)
        && other.end == End::Unanswered
        && other.refused.is_none()
        && home != Some(&other.server)
}
