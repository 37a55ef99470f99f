//! Checks of a scenario: each step does one thing, and the moves come in an order that can happen.

use std::{collections::BTreeSet, time::Duration};

use toml::Spanned;

use super::{
    Findings,
    keying::{self, documented_limit},
    plain,
};
use crate::{
    config::{
        bench::Role,
        raw,
        scenario::{CallAct, CallMark, ModePlan, Moment, OutagePlan, Party, Scenario, Step, StepKind},
    },
    event::{Move, OutageScope},
};

/// Longest time that an outage may last: a day.
const LONGEST_OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// Most steps of a scenario, repeated ones written out.
const MOST_STEPS: usize = 500;

/// Most repetitions of a group of steps.
const MOST_REPEATS: i64 = 100;

/// What a scenario calls the subscription of the message lamp.
const MESSAGE_LAMP: &str = "mwi";

/// How a scenario calls what becomes of a call.
const CALL_MARKS: [(&str, CallMark); 5] = [
    ("ringing", CallMark::Ringing),
    ("answered", CallMark::Answered),
    ("call-fails", CallMark::Fails),
    ("call-alive", CallMark::Alive),
    ("hung-up", CallMark::HungUp),
];

/// How it calls that there is none.
const IDLE: &str = "idle";

/// How it calls what keys do about one.
const CALL_ACTS: [(&str, CallAct); 4] =
    [("dial", CallAct::Dial), ("answer", CallAct::Answer), ("hang-up", CallAct::HangUp), ("clear", CallAct::Clear)];

/// The roles that a server can have for every line.
const ROLES: [(&str, Role); 2] = [("primary", Role::Primary), ("backup", Role::Backup)];

/// The checked scenario; it is worth nothing if there are findings.
pub(in crate::config) fn scenario(raw: &raw::Scenario, findings: &mut Findings<'_>) -> Scenario {
    let name = findings.required(raw.name.as_ref(), 0..0, "the scenario has no name", "add `name = \"…\"` on top");
    let name = name.and_then(|name| findings.name(name)).unwrap_or_default();
    if raw.step.is_empty() {
        findings.missing(0..0, "the scenario has no steps", "add `[[step]]` tables");
    }
    let (mut steps, mut teardown) = (Vec::new(), Vec::new());
    unroll(&raw.step, &mut steps, findings);
    unroll(&raw.teardown, &mut teardown, findings);
    check_order(&steps, findings);
    keying::check(&steps, &teardown, findings);
    Scenario {
        title: plain(&raw.title).unwrap_or_else(|| name.clone()),
        name,
        proves: plain(&raw.proves).map(|text| text.trim().to_owned()),
        steps: steps.into_iter().map(|(_, step)| step).collect(),
        teardown: teardown.into_iter().map(|(_, step)| step).collect(),
    }
}

/// A step and where it is written.
pub(super) type Placed<'a> = (&'a Spanned<raw::Step>, Step);

/// Writes repeated steps out, each as often as it happens.
fn unroll<'a>(raw: &'a [Spanned<raw::Step>], steps: &mut Vec<Placed<'a>>, findings: &mut Findings<'_>) {
    for raw in raw {
        let Some(work) = work(raw, findings) else { continue };
        let before = findings.count();
        match work {
            Work::Once(kind) => {
                let title = plain(&raw.get_ref().title).unwrap_or_else(|| default_title(&kind));
                let optional = raw.get_ref().optional.unwrap_or(false);
                let documented_limit = documented_limit(raw, &kind, findings);
                steps.push((raw, Step { title, kind, optional, documented_limit }));
            }
            Work::Repeated(times) => {
                // What is wrong with a repeated step is said once.
                for _ in 0..times {
                    unroll(&raw.get_ref().step, steps, findings);
                    if findings.count() > before {
                        break;
                    }
                }
            }
        }
        if steps.len() > MOST_STEPS {
            if findings.count() > before {
                return;
            }
            findings.at(raw.span(), format!("the scenario has more than {MOST_STEPS} steps"), "repeat less often");
            return;
        }
    }
}

/// What a `[[step]]` table stands for.
enum Work {
    Once(StepKind),
    Repeated(i64),
}

fn work(raw: &Spanned<raw::Step>, findings: &mut Findings<'_>) -> Option<Work> {
    let (span, step) = (raw.span(), raw.get_ref());
    let given = [
        ("expect", step.expect.is_some()),
        ("keys", step.keys.is_some()),
        ("press", step.press.is_some()),
        ("dial", step.dial.is_some()),
        ("display", step.display.is_some()),
        ("call", step.call.is_some()),
        ("outage", step.outage.is_some()),
        ("lift", step.lift.is_some()),
        ("wait", step.wait.is_some()),
        ("repeat", step.repeat.is_some()),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if given.len() != 1 {
        let message = match given.as_slice() {
            [] => "the step does nothing".to_owned(),
            several => format!("the step does several things: {}", several.join(", ")),
        };
        findings.at(
            span,
            message,
            "give each step one of `expect`, `keys`, `press`, `dial`, `display`, `call`, `outage`, `lift`, `wait`, `repeat`",
        );
        return None;
    }
    let Some(repeat) = &step.repeat else {
        if let Some(nested) = step.step.first() {
            findings.at(nested.span(), "steps within a step that repeats nothing", "add `repeat = 3` to the outer one");
        }
        return kind(raw, findings).map(Work::Once);
    };
    if !(1..=MOST_REPEATS).contains(repeat.get_ref()) {
        let message = format!("`repeat` is {}; it can be 1 to {MOST_REPEATS}", repeat.get_ref());
        findings.at(repeat.span(), message, "write how often the steps below it are done");
        return None;
    }
    if step.step.is_empty() {
        findings.at(span, "`repeat` without steps", "add `[[step.step]]` tables below it");
        return None;
    }
    Some(Work::Repeated(*repeat.get_ref()))
}

/// What can be expected.
#[derive(Clone, Copy)]
enum Awaited {
    Move(Move),
    MessageLamp,
    Call(CallMark),
    Idle,
}

fn kind(raw: &Spanned<raw::Step>, findings: &mut Findings<'_>) -> Option<StepKind> {
    let step = raw.get_ref();
    if let Some(expect) = &step.expect {
        let moves = [
            Move::Baseline,
            Move::Renewal,
            Move::Failover,
            Move::Failback,
            Move::Stranded,
            Move::Recovery,
            Move::LogOn,
            Move::LogOff,
        ];
        let names: Vec<String> = moves.iter().map(ToString::to_string).collect();
        let moves = names.iter().map(String::as_str).zip(moves.map(Awaited::Move));
        let calls = CALL_MARKS.map(|(word, of)| (word, Awaited::Call(of)));
        let words: Vec<(&str, Awaited)> =
            moves.chain([(MESSAGE_LAMP, Awaited::MessageLamp), (IDLE, Awaited::Idle)]).chain(calls).collect();
        return findings.word(expect, "thing to expect", &words).map(|awaited| match awaited {
            Awaited::Move(of) => StepKind::Expect { of },
            Awaited::MessageLamp => StepKind::MessageLamp,
            Awaited::Call(of) => StepKind::ExpectCall { of },
            Awaited::Idle => StepKind::ExpectIdle,
        });
    }
    if let Some(keys) = &step.keys {
        let reboots = keying::reboots(step);
        return Some(StepKind::Keys { menu: keys.get_ref().clone(), reboots });
    }
    if step.press.is_some() || step.dial.is_some() {
        return keying::kind(step, findings);
    }
    if let Some(text) = &step.display {
        return keying::display(text, findings);
    }
    if let Some(call) = &step.call {
        return findings.word(call, "thing to do about a call", &CALL_ACTS).map(|act| StepKind::Call { act });
    }
    if let Some(lift) = &step.lift {
        return match lift.get_ref() {
            raw::Lift::All(true) => Some(StepKind::Lift { server: None }),
            raw::Lift::All(false) => {
                findings.at(lift.span(), "`lift = false` does nothing", "write `lift = true`, or remove the step");
                None
            }
            raw::Lift::Role(role) => {
                let role = Spanned::new(lift.span(), role.clone());
                let server = findings.word(&role, "role that a server has for every line", &ROLES)?;
                Some(StepKind::Lift { server: Some(server) })
            }
        };
    }
    if let Some(wait) = &step.wait {
        let span = findings.duration(wait, (Duration::from_millis(1), LONGEST_OUTAGE))?;
        return Some(StepKind::Wait { span });
    }
    step.outage.as_ref().and_then(|outage| outage_kind(outage, findings))
}

fn outage_kind(raw: &Spanned<raw::Outage>, findings: &mut Findings<'_>) -> Option<StepKind> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mode = match &raw.mode {
        Some(mode) => findings.word(mode, "mode of an outage", &[("drop", ModePlan::Drop)]),
        None => Some(ModePlan::Drop),
    };
    let scope = match &raw.scope {
        Some(scope) => {
            findings.word(scope, "scope of an outage", &[("host", OutageScope::Host), ("sip", OutageScope::Sip)])
        }
        None => Some(OutageScope::Host),
    };
    let roles: [(&str, &[Role]); 3] =
        [("primary", &[Role::Primary]), ("backup", &[Role::Backup]), ("both", &[Role::Primary, Role::Backup])];
    let servers = findings
        .required(raw.server.as_ref(), span.clone(), "the outage takes no server away", "add `server = \"primary\"`")
        .and_then(|server| findings.word(server, "role that a server has for every line", &roles))
        .map(<[Role]>::to_vec);
    let limit = findings
        .required(
            raw.limit.as_ref(),
            span,
            "the outage has no time limit",
            "add `limit = \"20m\"`: it ends by itself then, whatever happens to siprig",
        )
        .and_then(|limit| findings.duration(limit, (Duration::from_secs(1), LONGEST_OUTAGE)));
    let parties = [("all", None), ("callers", Some(Party::Callers)), ("callees", Some(Party::Callees))];
    let party = match &raw.phones {
        Some(phones) => findings.word(phones, "choice of phones", &parties)?,
        None => None,
    };
    Some(StepKind::Outage(OutagePlan {
        mode: mode?,
        toward: None,
        servers: servers?,
        scope: scope?,
        party,
        at: Moment::Now,
        limit: limit?,
    }))
}

/// Follows what is away and what was awaited, as far as the steps say it.
fn check_order(steps: &[Placed<'_>], findings: &mut Findings<'_>) {
    let mut away: BTreeSet<Role> = BTreeSet::new();
    let mut was_away: BTreeSet<Role> = BTreeSet::new();
    let mut stranded = false;
    // Where the lines are is known.
    let mut settled = false;
    let mut call = None;
    let mut home = true;
    for (raw, step) in steps {
        let span = raw.span();
        match &step.kind {
            StepKind::Outage(OutagePlan { servers, .. }) => {
                for server in servers {
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
            StepKind::Lift { server } => {
                let lifted: Vec<Role> = match server {
                    Some(server) => away.take(server).into_iter().collect(),
                    None => std::mem::take(&mut away).into_iter().collect(),
                };
                settled = false;
                if lifted.is_empty() {
                    findings.at(span, "there is no outage to lift", "put an `outage` step before it");
                }
            }
            StepKind::Expect { of } => {
                if let Some((message, help)) = cannot_happen(*of, &away, &was_away, stranded) {
                    findings.at(span, message, help);
                } else if *of == Move::Renewal && !home {
                    let message = "a renewal is expected of lines that nobody has seen come home";
                    findings.at(span, message, "expect a `failback` before it");
                }
                home |= *of == Move::Failback;
                stranded &= *of != Move::Recovery;
                settled = *of != Move::Stranded;
            }
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
            StepKind::Keys { .. }
            | StepKind::Press { .. }
            | StepKind::Dial { .. }
            | StepKind::Display { .. }
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

fn default_title(kind: &StepKind) -> String {
    match kind {
        StepKind::Expect { of } => format!("expect the {of}"),
        StepKind::Keys { menu, .. } => format!("keys for {menu}"),
        StepKind::Press { keys, .. } => {
            format!("press {}", keys.iter().map(|key| key.0.as_str()).collect::<Vec<_>>().join(" "))
        }
        StepKind::Dial { number } => format!("dial {number}"),
        StepKind::Display { text } => format!("the display shows {text}"),
        StepKind::MessageLamp => "expect the message lamp's subscription".to_owned(),
        StepKind::Call { act: CallAct::Dial } => "each caller dials".to_owned(),
        StepKind::Call { act: CallAct::Answer } => "each callee picks up".to_owned(),
        StepKind::Call { act: CallAct::HangUp } => "each caller hangs up".to_owned(),
        StepKind::Call { act: CallAct::Clear } => "everybody hangs up".to_owned(),
        StepKind::ExpectCall { of: CallMark::Ringing } => "every callee rings".to_owned(),
        StepKind::ExpectCall { of: CallMark::Answered } => "every call is up".to_owned(),
        StepKind::ExpectCall { of: CallMark::Fails } => "no call gets through".to_owned(),
        StepKind::ExpectCall { of: CallMark::Alive } => "every call is still up".to_owned(),
        StepKind::ExpectCall { of: CallMark::HungUp } => "every call is over".to_owned(),
        StepKind::ExpectIdle => "nobody is in a call".to_owned(),
        StepKind::Outage(OutagePlan { servers, .. }) => match servers.as_slice() {
            [server] => format!("take the {server} away"),
            _ => "take both servers away".to_owned(),
        },
        StepKind::Lift { server: Some(server) } => format!("give the {server} back"),
        StepKind::Lift { server: None } => "end the outage".to_owned(),
        StepKind::Wait { span } => format!("wait {}", humantime::format_duration(*span)),
    }
}
