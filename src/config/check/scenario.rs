//! Checks of a scenario: each step does one thing, and the moves come in an order that can happen.

use std::time::Duration;

use toml::Spanned;

use super::{Findings, plain};
use crate::{
    config::{
        bench::Role,
        raw,
        scenario::{Scenario, Step, StepKind},
    },
    event::{Move, OutageMode, OutageScope},
};

/// Longest time that an outage may last: a day.
const LONGEST_OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// The checked scenario; it is worth nothing if there are findings.
pub(in crate::config) fn scenario(raw: &raw::Scenario, findings: &mut Findings<'_>) -> Scenario {
    let name = findings.required(raw.name.as_ref(), 0..0, "the scenario has no name", "add `name = \"…\"` on top");
    let name = name.and_then(|name| findings.name(name)).unwrap_or_default();
    if raw.step.is_empty() {
        findings.missing(0..0, "the scenario has no steps", "add `[[step]]` tables");
    }
    let mut steps = Vec::new();
    for raw in &raw.step {
        let Some(kind) = kind(raw, findings) else { continue };
        let title = plain(&raw.get_ref().title).unwrap_or_else(|| default_title(&kind));
        steps.push((raw, Step { title, kind, optional: raw.get_ref().optional.unwrap_or(false) }));
    }
    check_order(&steps, findings);
    Scenario {
        title: plain(&raw.title).unwrap_or_else(|| name.clone()),
        name,
        proves: plain(&raw.proves).map(|text| text.trim().to_owned()),
        steps: steps.into_iter().map(|(_, step)| step).collect(),
    }
}

fn kind(raw: &Spanned<raw::Step>, findings: &mut Findings<'_>) -> Option<StepKind> {
    let (span, step) = (raw.span(), raw.get_ref());
    let given = [
        ("expect", step.expect.is_some()),
        ("keys", step.keys.is_some()),
        ("outage", step.outage.is_some()),
        ("lift", step.lift.is_some()),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if given.len() != 1 {
        let message = match given.as_slice() {
            [] => "the step does nothing".to_owned(),
            several => format!("the step does several things: {}", several.join(", ")),
        };
        findings.at(span, message, "give each step one of `expect`, `keys`, `outage`, `lift`");
        return None;
    }
    if let Some(expect) = &step.expect {
        let moves = [("baseline", Move::Baseline), ("failover", Move::Failover), ("failback", Move::Failback)];
        return findings.word(expect, "move", &moves).map(|of| StepKind::Expect { of });
    }
    if let Some(keys) = &step.keys {
        return Some(StepKind::Keys { menu: keys.get_ref().clone() });
    }
    if let Some(lift) = &step.lift {
        if !lift.get_ref() {
            findings.at(lift.span(), "`lift = false` does nothing", "write `lift = true`, or remove the step");
        }
        return Some(StepKind::Lift);
    }
    step.outage.as_ref().and_then(|outage| outage_kind(outage, findings))
}

fn outage_kind(raw: &Spanned<raw::Outage>, findings: &mut Findings<'_>) -> Option<StepKind> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mode = match &raw.mode {
        Some(mode) => findings.word(mode, "mode of an outage", &[("drop", OutageMode::Drop)]),
        None => Some(OutageMode::Drop),
    };
    let scope = match &raw.scope {
        Some(scope) => {
            findings.word(scope, "scope of an outage", &[("host", OutageScope::Host), ("sip", OutageScope::Sip)])
        }
        None => Some(OutageScope::Host),
    };
    let roles = [("primary", Role::Primary), ("backup", Role::Backup)];
    let server = findings
        .required(raw.server.as_ref(), span.clone(), "the outage takes no server away", "add `server = \"primary\"`")
        .and_then(|server| findings.word(server, "role that a server has for every line", &roles));
    let limit = findings
        .required(
            raw.limit.as_ref(),
            span,
            "the outage has no time limit",
            "add `limit = \"20m\"`: it ends by itself then, whatever happens to siprig",
        )
        .and_then(|limit| findings.duration(limit, (Duration::from_secs(1), LONGEST_OUTAGE)));
    Some(StepKind::Outage { mode: mode?, server: server?, scope: scope?, limit: limit? })
}

/// Follows what is away and where the lines are, as far as the steps say it.
fn check_order(steps: &[(&Spanned<raw::Step>, Step)], findings: &mut Findings<'_>) {
    let mut away: Option<Role> = None;
    let mut failed_over = false;
    for (raw, step) in steps {
        let span = raw.span();
        match step.kind {
            StepKind::Outage { server, .. } => {
                if away.is_some() {
                    findings.at(
                        span,
                        "an outage begins while another is in force",
                        "put a `lift = true` step before it",
                    );
                }
                away = Some(server);
            }
            StepKind::Lift => {
                if away.take().is_none() {
                    findings.at(span, "there is no outage to lift", "put an `outage` step before it");
                }
            }
            StepKind::Expect { of: Move::Failover } => {
                if away != Some(Role::Primary) {
                    findings.at(
                        span,
                        "a failover is expected while the primary is there",
                        "put an `outage` of the primary before it",
                    );
                }
                failed_over = true;
            }
            StepKind::Expect { of: Move::Failback } => {
                if !failed_over {
                    findings.at(span, "a failback is expected before any failover", "expect the failover first");
                } else if away == Some(Role::Primary) {
                    findings.at(
                        span,
                        "a failback is expected while the primary is away",
                        "put a `lift = true` step before it",
                    );
                }
                failed_over = false;
            }
            StepKind::Expect { of: Move::Baseline } => {
                if away.is_some() {
                    findings.at(span, "a baseline is expected during an outage", "expect it before the outage");
                }
            }
            StepKind::Keys { .. } => {}
        }
    }
}

fn default_title(kind: &StepKind) -> String {
    match kind {
        StepKind::Expect { of } => format!("expect the {of}"),
        StepKind::Keys { menu } => format!("keys for {menu}"),
        StepKind::Outage { server, .. } => format!("take the {server} away"),
        StepKind::Lift => "end the outage".to_owned(),
    }
}
