//! Checks of steps that ask a person.

use std::time::Duration;

use toml::Spanned;

use super::{Findings, scenario::Placed};
use crate::config::{
    keying::{EXTENSION, PHONE},
    scenario::{LONGEST_OUTAGE, StepKind},
};

/// How long is waited where the scenario does not say.
const LIMIT: Duration = Duration::from_secs(120);

/// The longest text: with the names of a phone in it, what three rows of a box show.
const MOST: usize = 140;

/// A step that asks for something.
pub(super) fn kind(
    text: &Spanned<String>,
    limit: Option<&Spanned<String>>,
    findings: &mut Findings<'_>,
) -> Option<StepKind> {
    let asked = text.get_ref().trim();
    let help = "write a sentence, as `ask = \"Lift the handset of {phone} and put it back\"`";
    if asked.is_empty() || asked.chars().count() > MOST || asked.contains(char::is_control) {
        findings.at(text.span(), format!("what is asked has to be one line of 1 to {MOST} characters"), help);
        return None;
    }
    if asked.replace(PHONE, "").replace(EXTENSION, "").contains(['{', '}']) {
        findings.at(text.span(), "what is asked has braces that stand for nothing", "write `{phone}` or `{extension}`");
        return None;
    }
    let limit = match limit {
        Some(limit) => findings.duration(limit, (Duration::from_secs(1), LONGEST_OUTAGE))?,
        None => LIMIT,
    };
    Some(StepKind::Ask { text: asked.to_owned(), limit })
}

/// The start state has to be restored whoever is there.
pub(super) fn check(teardown: &[Placed<'_>], findings: &mut Findings<'_>) {
    for (raw, _) in teardown.iter().filter(|(_, step)| matches!(step.kind, StepKind::Ask { .. })) {
        findings.at(raw.span(), "the teardown asks a person, who may not be there", "have keys do it");
    }
}
