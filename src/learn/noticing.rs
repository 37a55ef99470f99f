//! When a phone notices that its server is gone: with its next renewal, or before.

use std::time::Duration;

use super::{
    evidence::{Evidence, LineEvidence, Outage},
    value::{Known, Measured, is_due},
};
use crate::config::RenewalLead;

/// When a phone notices that its server is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticing {
    /// When it asks for its next renewal.
    AtRenewal,
    /// Before that: so long after the server had gone.
    Before(Duration),
}

/// What outages of the server that it was registered at show.
pub fn found(evidence: &Evidence, lead: &Known<RenewalLead>) -> Known<Noticing> {
    let Some(lead) = lead.measured() else {
        return Known::unknown("when its renewals are due is not known");
    };
    let seen: Vec<(Noticing, u64)> = evidence
        .lines
        .iter()
        .filter(|line| !line.is_twofold)
        .flat_map(|line| line.outages.iter().filter_map(|outage| of_outage(line, outage, lead.value)))
        .collect();
    // What it can do at all it has done once.
    let early = seen.iter().find(|(noticing, _)| matches!(noticing, Noticing::Before(_)));
    let Some((value, _)) = early.or(seen.first()).copied() else {
        return Known::unknown("no outage of the server that it was registered at made it ask anew");
    };
    let agree: Vec<u64> = seen
        .iter()
        .filter(|(noticing, _)| matches!(noticing, Noticing::Before(_)) == matches!(value, Noticing::Before(_)))
        .map(|(_, seq)| *seq)
        .collect();
    let note = if agree.len() < seen.len() { "in other outages with its renewal" } else { "" };
    Known::Measured(Measured {
        value,
        times: agree.len(),
        spread: None,
        error: Duration::ZERO,
        evidence: agree,
        note: note.to_owned(),
    })
}

fn of_outage(line: &LineEvidence, outage: &Outage, lead: RenewalLead) -> Option<(Noticing, u64)> {
    let (home, confirmed, granted) = line.home_at(outage.began.when.at)?;
    if *home != outage.server {
        return None;
    }
    let registers = line.registers();
    let next = registers.iter().find(|it| it.began.when.at > confirmed.when.at)?;
    // One that was under way when the server went tells nothing.
    if next.began.when.at < outage.began.when.at {
        return None;
    }
    let due = granted.saturating_sub(lead.of(granted));
    let asked = next.began.when.at.since(confirmed.when.at);
    let noticing = if asked >= due || is_due(asked, granted, lead) {
        Noticing::AtRenewal
    } else {
        Noticing::Before(next.began.when.at.since(outage.began.when.at))
    };
    Some((noticing, next.began.seq))
}
