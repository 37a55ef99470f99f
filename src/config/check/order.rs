//! Whether the steps of a scenario come in an order that can happen: what is away, what was awaited, how far calls are.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Findings,
    scenario::{Placed, ROLES},
};
use crate::{
    config::{
        bench::Role,
        duration,
        scenario::{CallAct, CallMark, ModePlan, OutagePlan, Pace, StepKind},
    },
    event::{LinkSide, Move, OutageMode},
};

/// Follows what is away and what was awaited, as far as the steps say it.
pub(super) fn check(pace: Pace, steps: &[Placed<'_>], findings: &mut Findings<'_>) {
    let mut away: BTreeSet<Role> = BTreeSet::new();
    let mut was_away: BTreeSet<Role> = BTreeSet::new();
    let mut stranded = false;
    // Where the lines are is known.
    let mut settled = false;
    let mut call = None;
    let mut home = true;
    // A server answers in another's name.
    let mut answering = false;
    // Servers that are away in a way that a phone may bear.
    let mut bearable: BTreeSet<Role> = BTreeSet::new();
    // Servers that are stopped, and not cut off.
    let mut stopped: BTreeSet<Role> = BTreeSet::new();
    // The side whose link is down.
    let mut link: Option<LinkSide> = None;
    // When each outage ends by itself.
    let mut limits: BTreeMap<Role, Duration> = BTreeMap::new();
    for (raw, step) in steps {
        let span = raw.span();
        match &step.kind {
            StepKind::Outage(plan) => {
                let OutagePlan { servers, mode, .. } = &**plan;
                answering |= matches!(mode, ModePlan::Answer { .. });
                if *mode == ModePlan::Plain(OutageMode::Hook) {
                    stopped.extend(servers);
                    if pace != Pace::Together {
                        let help = "remove `pace`, or choose another mode";
                        let message = "a server is stopped for everybody by phones that go at their own pace";
                        findings.at(span.clone(), message, help);
                    }
                }
                if let Some(side) = plan.link() {
                    link = Some(side);
                    if step.only.is_some() {
                        let help = "remove `only`, or choose another mode";
                        findings.at(span.clone(), "a link is taken down for everybody in a step of some phones", help);
                    }
                    if pace != Pace::Together {
                        let help = "remove `pace`, or choose another mode";
                        let message = "a link is taken down for everybody by phones that go at their own pace";
                        findings.at(span.clone(), message, help);
                    }
                }
                for server in servers {
                    limits.insert(*server, plan.limit);
                    if plan.away_after().is_none() {
                        bearable.insert(*server);
                    }
                    if !away.insert(*server) {
                        let message = format!("an outage of the {server} begins while another is in force");
                        findings.at(span.clone(), message, "put a `lift = true` step before it");
                    }
                }
                was_away.extend(servers);
                settled = false;
                stranded |= away.len() == ROLES.len();
                home = false;
            }
            StepKind::Lift { server, turns } => {
                let back = |role: &Role| server.is_none_or(|server| server == *role);
                if link.take().is_some() && (turns.is_some() || server.is_some()) {
                    let help = "write `lift = true`";
                    findings.at(
                        span.clone(),
                        "a link that was down comes back as a whole, for everybody at once",
                        help,
                    );
                }
                if turns.is_some() && stopped.iter().any(back) {
                    let help = "write `lift = true`";
                    findings.at(span.clone(), "a server that was stopped comes back for everybody at once", help);
                }
                stopped.retain(|role| !back(role));
                let lifted: Vec<Role> = match server {
                    Some(server) => away.take(server).into_iter().collect(),
                    None => std::mem::take(&mut away).into_iter().collect(),
                };
                settled = false;
                answering &= !away.is_empty();
                bearable.retain(|server| away.contains(server));
                let limit = lifted.iter().filter_map(|server| limits.get(server)).min();
                if let Some((turns, limit)) = turns.as_ref().zip(limit).filter(|(turns, limit)| turns.over >= **limit) {
                    let (over, limit) = (duration::show(turns.over), duration::show(*limit));
                    let message =
                        format!("the last phone comes back after {over}, and the outage ends by itself after {limit}");
                    findings.at(span.clone(), message, "give the outage a longer `limit`, or the lift less time");
                }
                if lifted.is_empty() && !findings.unread_outage {
                    findings.at(span, "there is no outage to lift", "put an `outage` step before it");
                }
            }
            StepKind::Expect { of } => {
                let cannot = cannot_happen(*of, &away, &was_away, stranded);
                if link == Some(LinkSide::Phone) && needs_frames(*of) {
                    let message =
                        format!("a {of} is expected of phones that have no link, and of which nothing is seen");
                    findings.at(span, message, "put a `lift` before it, or take the link of the servers down");
                } else if let Some((message, help)) = cannot.filter(|_| !findings.unread_outage) {
                    findings.at(span, message, help);
                } else if needs_absence(*of) && bearable.contains(&Role::Primary) {
                    let message = format!("a {of} is expected in an outage of the primary that a phone may bear");
                    let help = "expect a `reaction` in its place: a move is measured where a phone makes one";
                    findings.at(span, message, help);
                } else if *of == Move::Renewal && !home {
                    let message = "a renewal is expected of lines that nobody has seen come home";
                    findings.at(span, message, "expect a `failback` before it");
                } else if *of == Move::Rejection && !answering {
                    let message = "a rejection is expected, and nobody rejects";
                    findings.at(span, message, "put an `outage` with `mode = \"answer\"` before it");
                }
                home |= *of == Move::Failback;
                stranded &= *of != Move::Recovery;
                settled = !matches!(of, Move::Stranded | Move::Rejection);
            }
            // Where a line is registered after a boot is for a `log-on` to say.
            StepKind::Push { .. } | StepKind::Restart => settled = false,
            StepKind::MessageLamp if !settled => {
                let message = "`mwi` is expected before it is clear where the lines are registered";
                findings.at(span, message, "expect the `baseline`, `failover` or `failback` before it");
            }
            StepKind::MessageLamp => {}
            StepKind::Call { act } => call_order(&mut call, &mut |call| act_on(*act, call), span, findings),
            StepKind::ExpectCall { of } => call_order(&mut call, &mut |call| expect_of(*of, call), span, findings),
            StepKind::ExpectIdle if call.is_some_and(|stage| stage != CallStage::Over) => {
                let message = "phones are expected to be idle in the middle of a call";
                findings.at(span, message, "put `call = \"clear\"` before it");
            }
            StepKind::ExpectIdle => {}
            StepKind::Reaction if !away.contains(&Role::Primary) && !findings.unread_outage => {
                let message = "there is no outage of the primary to react to";
                findings.at(span, message, "put an `outage` step before it");
            }
            StepKind::Reaction => {}
            StepKind::Keys { .. }
            | StepKind::Press { .. }
            | StepKind::Dial { .. }
            | StepKind::Display { .. }
            | StepKind::Ask { .. }
            | StepKind::Alive
            | StepKind::Silence
            | StepKind::Meet
            | StepKind::Pbx { .. }
            | StepKind::Configure { .. }
            | StepKind::Fetch
            | StepKind::Wait { .. } => {}
        }
    }
}

/// How far the calls of a scenario have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallStage {
    Dialled,
    Ringing,
    PickedUp,
    Up,
    Over,
}

type CallOrder = Result<Option<CallStage>, (&'static str, &'static str)>;

fn call_order(
    call: &mut Option<CallStage>,
    next: &mut dyn FnMut(Option<CallStage>) -> CallOrder,
    span: std::ops::Range<usize>,
    findings: &mut Findings<'_>,
) {
    match next(*call) {
        Ok(stage) => *call = stage,
        Err((message, help)) => findings.at(span, message, help),
    }
}

fn act_on(act: CallAct, call: Option<CallStage>) -> CallOrder {
    match (act, call) {
        (CallAct::Dial, None | Some(CallStage::Over)) => Ok(Some(CallStage::Dialled)),
        (CallAct::Dial, Some(_)) => {
            Err(("a call is dialled before the last one was ended", "put `call = \"hang-up\"` before it"))
        }
        (CallAct::Answer, Some(CallStage::Ringing)) => Ok(Some(CallStage::PickedUp)),
        (CallAct::Answer, _) => {
            Err(("a call is answered that is not known to ring", "put `expect = \"ringing\"` before it"))
        }
        (CallAct::HangUp, None | Some(CallStage::Over)) => {
            Err(("there is no call to hang up", "put `call = \"dial\"` before it"))
        }
        (CallAct::HangUp, Some(_)) => Ok(Some(CallStage::Over)),
        (CallAct::Clear, _) => Ok(None),
    }
}

fn expect_of(of: CallMark, call: Option<CallStage>) -> CallOrder {
    match (of, call) {
        (CallMark::Ringing, Some(CallStage::Dialled)) => Ok(Some(CallStage::Ringing)),
        (CallMark::Fails, Some(CallStage::Dialled)) => Ok(call),
        (CallMark::Ringing | CallMark::Fails, _) => {
            Err(("this is expected of a call that was not just dialled", "put `call = \"dial\"` before it"))
        }
        (CallMark::Answered, Some(CallStage::PickedUp)) => Ok(Some(CallStage::Up)),
        (CallMark::Answered, _) => {
            Err(("an answer is expected and nobody picks up", "put `call = \"answer\"` before it"))
        }
        (CallMark::Alive, Some(CallStage::Up)) => Ok(call),
        (CallMark::Alive, _) => Err(("no call is up that could be alive", "put `expect = \"answered\"` before it")),
        (CallMark::HungUp, Some(CallStage::Over)) => Ok(call),
        (CallMark::HungUp, _) => Err(("nobody hangs up", "put `call = \"hang-up\"` before it")),
    }
}

/// Whether a move is sure to be made only where the primary can not be reached at all.
fn needs_absence(of: Move) -> bool {
    matches!(of, Move::Failover | Move::Hold | Move::Stranded | Move::LogOn)
}

/// Whether a move is seen by frames of the phone, while no server is there.
fn needs_frames(of: Move) -> bool {
    matches!(of, Move::Stranded | Move::Rejection | Move::Hold)
}

/// Why a move can not happen as things stand, and what to do about it.
fn cannot_happen(
    of: Move,
    away: &BTreeSet<Role>,
    was_away: &BTreeSet<Role>,
    stranded: bool,
) -> Option<(&'static str, &'static str)> {
    let gone = |role| away.contains(&role);
    match of {
        Move::Baseline if !away.is_empty() => {
            Some(("a baseline is expected during an outage", "expect it before the outage"))
        }
        Move::Renewal if !away.is_empty() => {
            Some(("a renewal is expected during an outage", "put a `lift` and a `failback` before it"))
        }
        Move::Hold if !gone(Role::Primary) => Some((
            "a hold of the backup is expected while the primary is there",
            "put an `outage` of the primary before it",
        )),
        Move::Failover if !gone(Role::Primary) => {
            Some(("a failover is expected while the primary is there", "put an `outage` of the primary before it"))
        }
        Move::Failover if gone(Role::Backup) => Some((
            "a failover is expected while the backup is away as well",
            "expect `stranded`, or `lift = \"backup\"` before it",
        )),
        Move::Failback if gone(Role::Primary) => {
            Some(("a failback is expected while the primary is away", "put a `lift = true` step before it"))
        }
        Move::Failback if !was_away.contains(&Role::Primary) => Some((
            "a failback is expected before any outage of the primary",
            "put an `outage` of the primary and a `lift` before it",
        )),
        Move::Stranded if away.len() < ROLES.len() => Some((
            "`stranded` is expected while a server is there",
            "put an `outage` with `server = \"both\"` before it",
        )),
        Move::Recovery if away.len() == ROLES.len() => {
            Some(("a recovery is expected while both servers are away", "put a `lift` step before it"))
        }
        Move::Recovery if !stranded => {
            Some(("a recovery is expected, but the servers were never both away", "expect `failback`"))
        }
        _ => None,
    }
}
