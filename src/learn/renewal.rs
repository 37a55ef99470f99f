//! What lifetime a phone asks for, and how long before its end it renews.

use std::time::Duration;

use super::{
    evidence::{Evidence, LineEvidence},
    tries::{End, Try},
    value::{Known, Measured, Sample, is_same},
};
use crate::config::RenewalLead;

/// Shares of two lifetimes tell from times if one of these is so much longer.
const APART: f64 = 1.2;

/// A renewal: how long before the end, and of what lifetime.
#[derive(Debug, Clone)]
pub struct Renewed {
    pub granted: Duration,
    pub lead: Sample,
}

/// The lifetime that it asks for.
pub fn asked(evidence: &Evidence) -> Known<Duration> {
    let mut all: Vec<(u64, Duration)> = evidence.lines.iter().flat_map(|line| line.asked.iter().copied()).collect();
    all.sort_unstable();
    let Some((_, last)) = all.last().copied() else {
        return Known::unknown("no REGISTER of it was seen that asks for a lifetime");
    };
    let sample = |(seq, value): (u64, Duration)| Sample { value, error: Duration::ZERO, evidence: vec![seq] };
    // A server that has refused it as too short has made the phone ask for another.
    let samples: Vec<Sample> = all.into_iter().filter(|(_, value)| *value == last).map(sample).collect();
    Known::of(&samples, "")
}

/// Every renewal that was seen. Those on the backup begin at the primary, for whose answer is waited for `patience`.
pub fn samples(evidence: &Evidence, patience: Option<Duration>) -> Vec<Renewed> {
    evidence.lines.iter().flat_map(|line| of_line(line, patience)).collect()
}

fn of_line(line: &LineEvidence, patience: Option<Duration>) -> Vec<Renewed> {
    let registers = line.registers();
    let mut renewed = Vec::new();
    for (index, before) in registers.iter().enumerate() {
        let End::Confirmed(confirmed, granted) = before.end else { continue };
        let mut later = registers[index + 1..].iter().filter(|it| !line.is_twofold || it.server == before.server);
        let Some(next) = later.next() else { continue };
        let round = |it: &Try| {
            let second = later.clone().next()?;
            let waited = second.began.when.at.since(it.began.when.at);
            let goes_on = second.server == before.server && second.goes_on_with(before);
            (goes_on && it.is_silent_by(second.began.when.at) && is_same(waited, patience?)).then_some(())
        };
        let is_renewal = if next.server == before.server { next.goes_on_with(before) } else { round(next).is_some() };
        let end = confirmed.when.at + granted;
        if is_renewal && next.began.when.at < end {
            let mut lead = Sample::between(confirmed, next.began);
            lead.value = end.since(next.began.when.at);
            renewed.push(Renewed { granted, lead });
        }
    }
    renewed
}

/// How long before expiry it renews, in the form that fits: a time, or a share of the lifetime. By lifetimes that are all the
/// same nobody can tell, and the form is the model's.
pub fn known(renewed: &[Renewed], evidence: &Evidence) -> Known<RenewalLead> {
    let samples: Vec<Sample> = renewed.iter().map(|it| it.lead.clone()).collect();
    let known = Known::of(&samples, "no renewal was seen that followed a confirmation before its end");
    let Known::Measured(measured) = known else { return known.map(RenewalLead::Span) };
    let mut shares: Vec<f64> =
        renewed.iter().map(|it| it.lead.value.as_secs_f64() / it.granted.as_secs_f64() * 100.0).collect();
    shares.sort_by(f64::total_cmp);
    let share = RenewalLead::Percent((shares[(shares.len() - 1) / 2] * 100.0).round() / 100.0);
    let lifetimes = || renewed.iter().map(|it| it.granted);
    let (shortest, longest) = (lifetimes().min().unwrap_or_default(), lifetimes().max().unwrap_or_default());
    let tells = longest.as_secs_f64() > shortest.as_secs_f64() * APART;
    let is_share = if tells {
        let (least, most) = measured.spread.unwrap_or_default();
        let apart = |least: f64, most: f64| (most - least) / most.max(f64::EPSILON);
        apart(shares[0], shares[shares.len() - 1]) < apart(least.as_secs_f64(), most.as_secs_f64())
    } else {
        matches!(evidence.model.timers.renewal_lead.value, RenewalLead::Percent(_))
    };
    let value = if is_share { share } else { RenewalLead::Span(measured.value) };
    let note = if tells {
        format!("of lifetimes from {} to {} s", shortest.as_secs(), longest.as_secs())
    } else {
        let form = if is_share { "a share" } else { "a time" };
        format!("all of lifetimes of {} s, so that {form} is what the model has", longest.as_secs())
    };
    let Measured { times, spread, error, evidence, .. } = measured;
    Known::Measured(Measured { value, times, spread, error, evidence, note })
}
