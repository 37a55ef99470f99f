//! When a phone tries again: after no server has answered, and after one has turned it away.

use std::time::Duration;

use super::{
    evidence::{Evidence, LineEvidence},
    transaction,
    tries::End,
    value::{Known, Sample, is_same},
};
use crate::event::{ServerName, Stamp};

/// Who asks another server within this time has not waited.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What a phone did that was turned away, where it did not simply wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// By this code.
    pub code: u16,
    /// It asked this server, …
    pub then: ServerName,
    /// … so long afterwards.
    pub after: Duration,
}

/// The pause after both servers have let it down: from when the last of them was given up to the next try.
pub fn after_silence(evidence: &Evidence, patience: Option<Duration>) -> Known<Duration> {
    let in_vain: usize = evidence.lines.iter().map(|line| rounds(line).count()).sum();
    let samples: Vec<Sample> = evidence
        .lines
        .iter()
        .flat_map(|line| rounds(line).filter_map(|round| pause(line, evidence, round, patience?)).collect::<Vec<_>>())
        .collect();
    Known::of(
        &samples,
        if in_vain == 0 {
            "it was never seen to ask both its servers in vain"
        } else {
            "after both its servers had kept silent it was not seen to try again before one was back, or not in a way that \
             tells when it had given up"
        },
    )
}

/// Where the second of two servers was asked in vain, by its place among the tries for a binding.
fn rounds(line: &LineEvidence) -> impl Iterator<Item = usize> {
    let registers = line.registers();
    (1..registers.len()).filter(move |index| transaction::is_round(line, registers[index - 1], registers[*index]))
}

fn pause(line: &LineEvidence, evidence: &Evidence, second: usize, patience: Duration) -> Option<Sample> {
    let registers = line.registers();
    let (first, second, next) = (registers[second - 1], registers[second], registers.get(second + 1)?);
    let waited = second.began.when.at.since(first.leg.when.at);
    let gave_up = second.leg.when.at + patience;
    let (from, to) = (second.began.when.at, next.began.when.at);
    if !is_same(waited, patience) || to <= gave_up || is_disturbed(evidence, from, to) {
        return None;
    }
    let mut sample = Sample::between(second.leg, next.began);
    sample.value = to.since(gave_up);
    Some(sample)
}

/// The pause after a rejection, of those that were not asked to stay away for a time; and what else phones did then.
pub fn after_rejection(evidence: &Evidence) -> (Known<Duration>, Vec<TurnedAway>) {
    let (mut samples, mut elsewhere) = (Vec::new(), Vec::new());
    let (mut rejected, mut told_how_long) = (0, 0);
    for line in &evidence.lines {
        let registers = line.registers();
        for (index, it) in registers.iter().enumerate() {
            let End::Rejected(at, code, asked_away) = it.end else { continue };
            rejected += 1;
            let Some(next) = registers.get(index + 1) else { continue };
            let sample = Sample::between(at, next.began);
            if next.server != it.server {
                let after = if sample.value < AT_ONCE { Duration::ZERO } else { sample.value };
                elsewhere.push(TurnedAway { code, then: next.server.clone(), after });
            } else if asked_away {
                told_how_long += 1;
            } else if !line.is_twofold && !is_disturbed(evidence, at.when.at, next.began.when.at) {
                samples.push(sample);
            }
        }
    }
    elsewhere.dedup();
    let why = match (rejected, elsewhere.is_empty()) {
        (0, _) => "no server turned it away",
        (_, false) => "where it was turned away it asked another server, and did not wait",
        _ if told_how_long > 0 => "whoever turned it away told it for how long",
        _ => "after it was turned away it was not seen to try again",
    };
    (Known::of(&samples, why), elsewhere)
}

/// Whether somebody pressed keys or pushed something meanwhile, which may have made it register.
fn is_disturbed(evidence: &Evidence, from: Stamp, to: Stamp) -> bool {
    evidence.interventions.iter().any(|at| *at >= from && *at <= to)
}
