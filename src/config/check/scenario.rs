//! Checks of a scenario: each step does one thing, and the moves come in an order that can happen.

use std::time::Duration;

use toml::Spanned;

use super::{
    Findings, ask,
    keying::{self, documented_limit},
    lift, order, outage, pbx, peer, phone_files, plain,
};
use crate::{
    config::{
        bench::Role,
        raw,
        scenario::{
            self, CallAct, CallMark, LONGEST_OUTAGE, Limit, Only, Pace, Party, Scenario, StartState, Step, StepKind,
        },
    },
    event::{Move, PushCommand},
    verdict::Blame,
};

/// Most steps of a scenario, repeated ones written out.
const MOST_STEPS: usize = 500;

/// Most repetitions of a group of steps.
const MOST_REPEATS: i64 = 100;

/// What a scenario calls the subscription of the message lamp.
const MESSAGE_LAMP: &str = "mwi";

/// What it calls a sign of life of each phone.
const ALIVE: &str = "alive";

/// What it calls that a line does not register.
const SILENCE: &str = "silence";
const REACTION: &str = "reaction";

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
pub(super) const ROLES: [(&str, Role); 2] = [("primary", Role::Primary), ("backup", Role::Backup)];

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
    let paces = [("together", Pace::Together), ("pairs", Pace::Pairs), ("phones", Pace::Phones)];
    let pace = raw.pace.as_ref().and_then(|pace| findings.word(pace, "pace", &paces)).unwrap_or_default();
    let starts = [("registered", StartState::Registered), ("logged-off", StartState::LoggedOff)];
    let start = raw.start.as_ref().and_then(|start| findings.word(start, "start state", &starts)).unwrap_or_default();
    let peer = peer::side(raw, findings);
    let needs = pbx::needs(&raw.needs, findings);
    let limits = raw.limit.iter().filter_map(|limit| self::limit(limit, findings)).collect();
    let longest = (Duration::from_secs(1), LONGEST_OUTAGE);
    let teardown_limit = raw.teardown_limit.as_ref().and_then(|limit| findings.duration(limit, longest));
    check_start(start, &steps, findings);
    order::check(pace, &steps, findings);
    lift::check_pace(pace, &steps, findings);
    pbx::check(pace, &steps, &teardown, findings);
    phone_files::check(pace, &steps, &teardown, findings);
    keying::check(&steps, &teardown, findings);
    ask::check(&teardown, findings);
    Scenario {
        title: plain(&raw.title).unwrap_or_else(|| name.clone()),
        name,
        proves: plain(&raw.proves).map(|text| text.trim().to_owned()),
        tried_on: raw.tried_on.as_ref().and_then(|bench| findings.name(bench)),
        pace,
        start,
        peer,
        needs,
        load: raw.load,
        watch: watch(raw, &steps, &teardown, findings),
        limits,
        steps: steps.into_iter().map(|(_, step)| step).collect(),
        teardown: teardown.into_iter().map(|(_, step)| step).collect(),
        teardown_limit: teardown_limit.unwrap_or_else(scenario::teardown_limit),
    }
}

/// Whether somebody only looks on. What is asked then would come to nothing.
fn watch(raw: &raw::Scenario, steps: &[Placed<'_>], teardown: &[Placed<'_>], findings: &mut Findings<'_>) -> bool {
    let Some(watch) = raw.watch.as_ref().filter(|watch| *watch.get_ref()) else { return false };
    let mut all = steps.iter().chain(teardown);
    if !teardown.is_empty() || all.any(|(_, step)| !matches!(step.kind, StepKind::Wait { .. })) {
        findings.at(
            watch.span(),
            "a scenario that only watches judges nothing, and has steps that are to be judged, or a teardown",
            "leave it `wait` alone, or remove `watch`",
        );
    }
    true
}

/// A limit that the scenario sets.
fn limit(raw: &Spanned<raw::Limit>, findings: &mut Findings<'_>) -> Option<Limit> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = "add its name, as `measurement = \"failover\"`";
    let name = findings.required(raw.measurement.as_ref(), span.clone(), "the limit is of nothing", help);
    let measurement = name.and_then(|name| findings.name(name))?;
    let help = "add the most that it may be, as `at-most = \"10m\"`, or `at-most = 1` for a count";
    let most = findings.required(raw.at_most.as_ref(), span, "the limit has no value", help)?;
    let at_most = match most.get_ref() {
        raw::Most::Count(count) => u64::try_from(*count).ok().or_else(|| {
            findings.at(most.span(), "a limit below zero", "write a count or a time");
            None
        })?,
        raw::Most::Time(text) => {
            let text = Spanned::new(most.span(), text.clone());
            let time = findings.duration(&text, (Duration::from_millis(1), LONGEST_OUTAGE))?;
            u64::try_from(time.as_millis()).ok()?
        }
    };
    let blames = [
        ("phone", Blame::Phone),
        ("server", Blame::Server),
        ("configuration", Blame::Configuration),
        ("unknown", Blame::Unknown),
    ];
    let blame = match &raw.blame {
        Some(blame) => findings.word(blame, "thing to blame", &blames)?,
        None => Blame::Unknown,
    };
    Some(Limit { measurement, at_most, blame })
}

/// Nobody who is logged off can be expected at the primary, and keys reach no phone that is not known to live.
fn check_start(start: StartState, steps: &[Placed<'_>], findings: &mut Findings<'_>) {
    let about_no_phone =
        |kind: &StepKind| matches!(kind, StepKind::Wait { .. } | StepKind::Meet | StepKind::Pbx { .. });
    let first = steps.iter().find(|(_, step)| !about_no_phone(&step.kind));
    match (start, first) {
        (StartState::LoggedOff, Some((raw, step))) if step.kind != StepKind::Alive => {
            let help =
                "put `expect = \"alive\"` before it: on lines where nobody is logged on no registration tells that";
            findings.at(raw.span(), "the scenario begins with phones of which nothing is known", help);
        }
        (StartState::Registered, Some((raw, Step { kind: StepKind::Outage(_), .. }))) => {
            let help = "put `expect = \"baseline\"` before it";
            findings.at(raw.span(), "an outage begins before it is known where the lines are", help);
        }
        _ => {}
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
                let only = raw.get_ref().only.as_ref().and_then(|only| chosen(only, findings));
                let confirm = keying::confirm(raw.get_ref(), &kind, findings);
                let then = follow(&kind);
                steps.push((
                    raw,
                    Step { title, kind, optional, completes: false, only: only.clone(), confirm, documented_limit },
                ));
                // A phone that lacks the first of them has left its case or passes over all.
                steps.extend(then.into_iter().map(|kind| {
                    (
                        raw,
                        Step { optional, completes: true, only: only.clone(), ..Step::of(&default_title(&kind), kind) },
                    )
                }));
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

/// The steps without which one would show nothing: settings count from a boot on, in which they are fetched, and after which
/// the phone registers.
fn follow(kind: &StepKind) -> Vec<StepKind> {
    match kind {
        StepKind::Configure { .. } => {
            vec![StepKind::Restart, StepKind::Fetch, StepKind::Expect { of: Move::LogOn }]
        }
        _ => Vec::new(),
    }
}

/// The phones that take a step.
fn chosen(only: &Spanned<raw::Only>, findings: &mut Findings<'_>) -> Option<Only> {
    match only.get_ref() {
        raw::Only::Party(party) => {
            let party = Spanned::new(only.span(), party.clone());
            let parties = [("callers", Party::Callers), ("callees", Party::Callees)];
            findings.word(&party, "choice of phones", &parties).map(Only::Party)
        }
        raw::Only::Model { model } => Some(Only::Model(model.clone())),
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
        ("push", step.push.is_some()),
        ("restart", step.restart.is_some()),
        ("configure", step.configure.is_some()),
        ("display", step.display.is_some()),
        ("ask", step.ask.is_some()),
        ("call", step.call.is_some()),
        ("pbx", step.pbx.is_some()),
        ("outage", step.outage.is_some()),
        ("lift", step.lift.is_some()),
        ("wait", step.wait.is_some()),
        ("meet", step.meet.is_some()),
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
            "give each step one of `expect`, `keys`, `press`, `dial`, `push`, `restart`, `configure`, `display`, `ask`, `call`, \
             `pbx`, `outage`, `lift`, `wait`, `meet`, `repeat`",
        );
        return None;
    }
    if let Some(limit) = step.limit.as_ref().filter(|_| step.ask.is_none()) {
        let help = "move it to the `ask` step, or into the `outage` table";
        findings.at(limit.span(), "`limit` in a step that asks nobody", help);
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
    Alive,
    Silence,
    Reaction,
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
            Move::Rejection,
            Move::Hold,
            Move::Admission,
        ];
        let names: Vec<String> = moves.iter().map(ToString::to_string).collect();
        let moves = names.iter().map(String::as_str).zip(moves.map(Awaited::Move));
        let calls = CALL_MARKS.map(|(word, of)| (word, Awaited::Call(of)));
        let words: Vec<(&str, Awaited)> = moves
            .chain([
                (MESSAGE_LAMP, Awaited::MessageLamp),
                (ALIVE, Awaited::Alive),
                (SILENCE, Awaited::Silence),
                (REACTION, Awaited::Reaction),
                (IDLE, Awaited::Idle),
            ])
            .chain(calls)
            .collect();
        return findings.word(expect, "thing to expect", &words).map(|awaited| match awaited {
            Awaited::Move(of) => StepKind::Expect { of },
            Awaited::MessageLamp => StepKind::MessageLamp,
            Awaited::Alive => StepKind::Alive,
            Awaited::Silence => StepKind::Silence,
            Awaited::Reaction => StepKind::Reaction,
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
    if let Some(command) = &step.push {
        return findings.word(command, "thing to push", &PushCommand::WORDS).map(|command| StepKind::Push { command });
    }
    if let Some(restart) = &step.restart {
        if !restart.get_ref() {
            findings.at(restart.span(), "`restart = false` does nothing", "write `restart = true`, or remove the step");
        }
        return restart.get_ref().then_some(StepKind::Restart);
    }
    if let Some(settings) = &step.configure {
        return phone_files::kind(settings.get_ref(), findings);
    }
    if let Some(text) = &step.display {
        return keying::display(text, findings);
    }
    if let Some(text) = &step.ask {
        return ask::kind(text, step.limit.as_ref(), findings);
    }
    if let Some(call) = &step.call {
        return findings.word(call, "thing to do about a call", &CALL_ACTS).map(|act| StepKind::Call { act });
    }
    if let Some(pbx) = &step.pbx {
        return pbx::kind(pbx, findings);
    }
    if let Some(lift) = &step.lift {
        return lift::kind(lift, findings);
    }
    if let Some(meet) = &step.meet {
        if !meet.get_ref() {
            findings.at(meet.span(), "`meet = false` does nothing", "write `meet = true`, or remove the step");
            return None;
        }
        return Some(StepKind::Meet);
    }
    if let Some(wait) = &step.wait {
        let span = findings.duration(wait, (Duration::from_millis(1), LONGEST_OUTAGE))?;
        return Some(StepKind::Wait { span });
    }
    let plan = step.outage.as_ref().map(|it| outage::plan(it, findings));
    // Of one that could not be read nobody knows what comes after it.
    findings.unread_outage |= plan.as_ref().is_some_and(Option::is_none);
    plan.flatten().map(|plan| StepKind::Outage(Box::new(plan)))
}

fn default_title(kind: &StepKind) -> String {
    match kind {
        StepKind::Expect { of } => format!("expect the {of}"),
        StepKind::Keys { menu, .. } => format!("keys for {menu}"),
        StepKind::Press { keys, .. } => {
            format!("press {}", keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        StepKind::Dial { number } => format!("dial {number}"),
        StepKind::Push { command } => format!("push `{command}` to each phone"),
        StepKind::Restart => "restart each phone".to_owned(),
        StepKind::Configure { settings } if settings.is_empty() => "set each phone back to its base".to_owned(),
        StepKind::Configure { settings } => {
            let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("set each phone to {}", settings.join(", "))
        }
        StepKind::Fetch => "each phone fetches its file".to_owned(),
        StepKind::Display { text } => format!("the display shows {text}"),
        StepKind::Ask { text, .. } => format!("ask: {text}"),
        StepKind::Alive => "every phone gives a sign of life".to_owned(),
        StepKind::Silence => "no line registers".to_owned(),
        StepKind::Reaction => "every line shows what it does about it".to_owned(),
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
        StepKind::Pbx { setting, state } => format!("set {setting} of the PBX to {state}"),
        StepKind::Outage(plan) => match plan.servers.as_slice() {
            [server] if plan.shared => format!("take one server away, the {server} of the first line"),
            [server] => format!("take the {server} away"),
            _ => "take both servers away".to_owned(),
        },
        StepKind::Lift { server, turns } => {
            let turns = if turns.is_some() { " for one phone after the other" } else { "" };
            let what = server.map_or_else(|| "end the outage".to_owned(), |server| format!("give the {server} back"));
            format!("{what}{turns}")
        }
        StepKind::Meet => "wait for the other phones".to_owned(),
        StepKind::Wait { span } => format!("wait {}", humantime::format_duration(*span)),
    }
}
