//! Checks of what a scenario says of the end of outages.

use std::time::Duration;

use toml::Spanned;

use super::{
    Findings,
    scenario::{Placed, ROLES},
};
use crate::config::{
    bench::Role,
    raw,
    scenario::{LONGEST_OUTAGE, Pace, StepKind, TurnOrder, Turns},
};

/// The step, if there is nothing wrong with it.
pub(super) fn kind(lift: &Spanned<raw::Lift>, findings: &mut Findings<'_>) -> Option<StepKind> {
    match lift.get_ref() {
        raw::Lift::All(true) => Some(StepKind::Lift { server: None, turns: None }),
        raw::Lift::All(false) => {
            findings.at(lift.span(), "`lift = false` does nothing", "write `lift = true`, or remove the step");
            None
        }
        raw::Lift::Role(name) => {
            let server = role(&Spanned::new(lift.span(), name.clone()), findings)?;
            Some(StepKind::Lift { server: Some(server), turns: None })
        }
        raw::Lift::InTurn(raw) => {
            let before = findings.count();
            let server = raw.server.as_ref().and_then(|name| role(name, findings));
            let help = "add the time from the first phone to the last, as `over = \"30s\"`; `lift = true` gives all back at once";
            let over =
                findings.required(raw.over.as_ref(), lift.span(), "the lift does not say how long it takes", help);
            let over = over.and_then(|over| findings.duration(over, (Duration::from_millis(1), LONGEST_OUTAGE)));
            let order = order(raw, findings);
            let turns = Turns { over: over?, order: order? };
            (findings.count() == before).then_some(StepKind::Lift { server, turns: Some(turns) })
        }
    }
}

fn role(name: &Spanned<String>, findings: &mut Findings<'_>) -> Option<Role> {
    findings.word(name, "role that a server has for every line", &ROLES)
}

fn order(raw: &raw::InTurn, findings: &mut Findings<'_>) -> Option<TurnOrder> {
    let seed = match &raw.seed {
        Some(seed) => findings.integer(seed, "seed", (0, i64::MAX))?,
        None => 1,
    };
    let words = [("run", TurnOrder::Run), ("reverse", TurnOrder::Reverse), ("shuffled", TurnOrder::Shuffled(seed))];
    let order = match &raw.order {
        Some(order) => findings.word(order, "order of phones", &words)?,
        None => TurnOrder::default(),
    };
    if let (Some(seed), false) = (&raw.seed, matches!(order, TurnOrder::Shuffled(_))) {
        let help = "add `order = \"shuffled\"`, or remove `seed`";
        findings.at(seed.span(), "a `seed` where chance decides nothing", help);
    }
    Some(order)
}

/// Whether phones that have turns wait for one another at all.
pub(super) fn check_pace(pace: Pace, steps: &[Placed<'_>], findings: &mut Findings<'_>) {
    let in_turn = |(_, step): &&Placed<'_>| matches!(step.kind, StepKind::Lift { turns: Some(_), .. });
    for (raw, _) in steps.iter().filter(in_turn).filter(|_| pace != Pace::Together) {
        let help =
            "remove `pace`, or write `lift = true`: phones that go at their own pace come back one by one anyway";
        findings.at(raw.span(), "phones have turns that do not wait for one another", help);
    }
}
