//! Checks of what an outage does to frames, with the settings that belong to it.

use std::{ops::Range, time::Duration};

use toml::Spanned;

use super::super::{Findings, scenario::ROLES};
use crate::{
    config::{
        raw,
        scenario::{LONGEST_DELAY, LONGEST_OUTAGE, ModePlan},
    },
    event::{
        Impairment, LinkSide, Manner, OutageMode, Share, Unreachable,
        outage::{Fading, Flapping, Rebooting},
    },
};

/// The longest time for which a phone may be asked to stay away: a day.
const LONGEST_RETRY: Duration = Duration::from_secs(24 * 3600);
/// The shortest phase of an outage: canaries must prove it while it lasts.
const SHORTEST_PHASE: Duration = Duration::from_secs(1);

/// A word for a mode, and the settings that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Drop,
    Refuse,
    HostUnreachable,
    AdminProhibited,
    Reset,
    Unresolvable,
    Dns,
    Answer,
    Impair,
    Flap,
    Fade,
    Reboot,
    Hook,
    LinkDown,
}

const WORDS: [(&str, Word); 14] = [
    ("drop", Word::Drop),
    ("refuse", Word::Refuse),
    ("host-unreachable", Word::HostUnreachable),
    ("admin-prohibited", Word::AdminProhibited),
    ("reset", Word::Reset),
    ("unresolvable", Word::Unresolvable),
    ("dns", Word::Dns),
    ("answer", Word::Answer),
    ("impair", Word::Impair),
    ("flap", Word::Flap),
    ("fade", Word::Fade),
    ("reboot", Word::Reboot),
    ("hook", Word::Hook),
    ("link-down", Word::LinkDown),
];

/// Whether it is a link that is down, and not servers by themselves.
pub(super) fn is_of_link(raw: &raw::Outage) -> bool {
    raw.mode.as_ref().is_some_and(|mode| mode.get_ref() == "link-down")
}

/// What happens to the frames.
pub(super) fn mode(raw: &raw::Outage, findings: &mut Findings<'_>) -> Option<ModePlan> {
    let word = raw.mode.as_ref().map_or(Some(Word::Drop), |mode| findings.word(mode, "mode of an outage", &WORDS))?;
    let before = findings.count();
    for (name, span, of) in settings(raw) {
        if !of.contains(&word) {
            let modes: Vec<String> = WORDS
                .iter()
                .filter(|(_, it)| of.contains(it))
                .map(|(text, _)| format!("`mode = \"{text}\"`"))
                .collect();
            let (text, _) = WORDS[word as usize];
            findings.at(
                span,
                format!("`{name}` of an outage whose mode is `{text}`"),
                format!("it belongs to {}", modes.join(" or ")),
            );
        }
    }
    let owner = raw.mode.as_ref().map_or(0..0, Spanned::span);
    let plan = match word {
        Word::Drop => ModePlan::DROP,
        Word::Refuse => ModePlan::REFUSE,
        Word::HostUnreachable => plain(Manner::Unreachable(Unreachable::Host)),
        Word::AdminProhibited => plain(Manner::Unreachable(Unreachable::Admin)),
        Word::Reset => plain(Manner::Reset),
        Word::LinkDown => ModePlan::Plain(OutageMode::LinkDown(link(raw, findings)?)),
        Word::Hook => {
            for (name, span) in parts(raw).into_iter().chain(whom(raw)) {
                let help = format!("remove `{name}`: a server that is stopped is so as a whole, and for everybody");
                findings.at(span, format!("`{name}` of an outage whose mode is `hook`"), help);
            }
            if let Some(failure) = raw.failure.as_ref().filter(|failure| failure.get_ref() == "cut") {
                findings.at(failure.span(), "a server that is stopped is not cut off alone", "remove `failure`");
            }
            ModePlan::Plain(OutageMode::Hook)
        }
        Word::Unresolvable | Word::Dns => {
            let (text, _) = WORDS[word as usize];
            for (name, span) in parts(raw) {
                let help = format!("remove `{name}`: nobody asks for a part of a host");
                findings.at(span, format!("`{name}` of an outage whose mode is `{text}`"), help);
            }
            plain(if word == Word::Dns { Manner::Nameless } else { Manner::Unresolvable })
        }
        Word::Answer => answer(raw, owner, findings)?,
        Word::Impair => plain(Manner::Impair(impairment(raw, owner, findings)?)),
        Word::Flap => {
            let away = phase(raw.away.as_ref(), &owner, ("away", "5s"), findings);
            let back = phase(raw.back.as_ref(), &owner, ("back", "10s"), findings);
            ModePlan::Plain(OutageMode::Flap(Flapping { away: away?, back: back? }))
        }
        Word::Fade => {
            let over = phase(raw.over.as_ref(), &owner, ("over", "30s"), findings);
            let help = "add how late frames are at the end of it, as `delay = \"4s\"`";
            let delay = findings.required(raw.delay.as_ref(), owner, "the outage has no `delay`", help);
            let delay = delay.and_then(|it| findings.duration(it, (Duration::from_millis(1), LONGEST_DELAY)));
            ModePlan::Plain(OutageMode::Fade(Fading { over: over?, delay: delay? }))
        }
        Word::Reboot => {
            let refuse = optional_phase(raw.refuse.as_ref(), findings);
            let silent = phase(raw.silent.as_ref(), &owner, ("silent", "30s"), findings);
            let starting = optional_phase(raw.starting.as_ref(), findings);
            ModePlan::Plain(OutageMode::Reboot(Rebooting { refuse: refuse?, silent: silent?, starting: starting? }))
        }
    };
    (findings.count() == before).then_some(plan)
}

/// The side whose link is down.
fn link(raw: &raw::Outage, findings: &mut Findings<'_>) -> Option<LinkSide> {
    for (name, span) in parts(raw).into_iter().chain(whom(raw)) {
        let help = format!("remove `{name}`: a link that is down is so as a whole, and for everybody behind it");
        findings.at(span, format!("`{name}` of an outage whose mode is `link-down`"), help);
    }
    if let Some(server) = raw.server.as_ref().filter(|server| server.get_ref() != "both") {
        let help = "remove `server`, and say `side` if it is not that of the servers";
        findings.at(server.span(), "a link that is down takes no server alone", help);
    }
    if let Some(failure) = raw.failure.as_ref().filter(|failure| failure.get_ref() == "down") {
        findings.at(failure.span(), "servers whose link is down run all the same", "remove `failure`");
    }
    let sides = [("server", LinkSide::Server), ("phone", LinkSide::Phone)];
    raw.side.as_ref().map_or(Some(LinkSide::Server), |side| findings.word(side, "side of the bridge", &sides))
}

/// Settings that make an outage one of some phones, or of each at its own moment.
fn whom(raw: &raw::Outage) -> impl Iterator<Item = (&'static str, Range<usize>)> {
    let place = |text: &raw::Text| text.as_ref().map(Spanned::span);
    let whom = [("phones", place(&raw.phones)), ("at", place(&raw.at))];
    whom.into_iter().filter_map(|(name, span)| Some((name, span?)))
}

/// Settings that make an outage one of a part of what it could take.
fn parts(raw: &raw::Outage) -> Vec<(&'static str, Range<usize>)> {
    let text = |text: &raw::Text| text.as_ref().map(Spanned::span);
    let all = [
        ("scope", raw.scope.as_ref().filter(|scope| scope.get_ref() != "host").map(Spanned::span)),
        ("address", text(&raw.address)),
        ("ports", raw.ports.as_ref().map(Spanned::span)),
        ("transport", text(&raw.transport)),
        ("only", raw.only.as_ref().map(Spanned::span)),
        ("one-way", text(&raw.one_way)),
    ];
    all.into_iter().filter_map(|(name, span)| Some((name, span?))).collect()
}

/// Whether the phone is told of it, so that it can not be one-way.
pub(super) fn tells(mode: &ModePlan) -> bool {
    let tells =
        |manner: &Manner| matches!(manner, Manner::Refuse | Manner::Unreachable(_) | Manner::Reset | Manner::Answer(_));
    match mode {
        ModePlan::Answer { .. } => true,
        ModePlan::Plain(mode) => mode.course().phases.iter().any(|phase| tells(&phase.manner)),
    }
}

fn plain(manner: Manner) -> ModePlan {
    ModePlan::Plain(manner.into())
}

/// A setting, where it stands, and the modes to which it belongs.
type Setting<Place> = (&'static str, Place, &'static [Word]);

/// The settings that are given.
fn settings(raw: &raw::Outage) -> Vec<Setting<Range<usize>>> {
    let text = |text: &raw::Text| text.as_ref().map(Spanned::span);
    let number = |number: &Option<Spanned<i64>>| number.as_ref().map(Spanned::span);
    const ANSWER: &[Word] = &[Word::Answer];
    const IMPAIR: &[Word] = &[Word::Impair];
    let all: [Setting<Option<Range<usize>>>; 18] = [
        ("code", number(&raw.code), ANSWER),
        ("retry-after", text(&raw.retry_after), ANSWER),
        ("redirect", text(&raw.redirect), ANSWER),
        ("loss", text(&raw.loss), IMPAIR),
        ("burst", number(&raw.burst), IMPAIR),
        ("delay", text(&raw.delay), &[Word::Impair, Word::Fade]),
        ("jitter", text(&raw.jitter), IMPAIR),
        ("reorder", text(&raw.reorder), IMPAIR),
        ("duplicate", text(&raw.duplicate), IMPAIR),
        ("rate", number(&raw.rate), IMPAIR),
        ("seed", number(&raw.seed), IMPAIR),
        ("away", text(&raw.away), &[Word::Flap]),
        ("back", text(&raw.back), &[Word::Flap]),
        ("over", text(&raw.over), &[Word::Fade]),
        ("refuse", text(&raw.refuse), &[Word::Reboot]),
        ("silent", text(&raw.silent), &[Word::Reboot]),
        ("starting", text(&raw.starting), &[Word::Reboot]),
        ("side", text(&raw.side), &[Word::LinkDown]),
    ];
    all.into_iter().filter_map(|(name, span, of)| Some((name, span?, of))).collect()
}

/// A phase that must be named.
fn phase(
    text: Option<&Spanned<String>>,
    owner: &Range<usize>,
    (name, example): (&str, &str),
    findings: &mut Findings<'_>,
) -> Option<Duration> {
    let help = format!("add for how long, as `{name} = \"{example}\"`");
    let text = findings.required(text, owner.clone(), &format!("the outage has no `{name}`"), &help)?;
    findings.duration(text, (SHORTEST_PHASE, LONGEST_OUTAGE))
}

/// A phase that may be left out.
fn optional_phase(text: Option<&Spanned<String>>, findings: &mut Findings<'_>) -> Option<Duration> {
    text.map_or(Some(Duration::ZERO), |text| findings.duration(text, (SHORTEST_PHASE, LONGEST_OUTAGE)))
}

fn impairment(raw: &raw::Outage, owner: Range<usize>, findings: &mut Findings<'_>) -> Option<Impairment> {
    let share = |text: &raw::Text, findings: &mut Findings<'_>| match text
        .as_ref()
        .map(|text| (text, text.get_ref().parse()))
    {
        None => Some(Share::NONE),
        Some((_, Ok(share))) => Some(share),
        Some((text, Err(error))) => {
            let error: crate::event::outage::NotAShare = error;
            findings.at(text.span(), error.to_string(), "write a share of the frames, as `20%`");
            None
        }
    };
    let time = |text: &raw::Text, findings: &mut Findings<'_>| {
        text.as_ref().map_or(Some(Duration::ZERO), |text| findings.duration(text, (Duration::ZERO, LONGEST_DELAY)))
    };
    let rate = raw.rate.as_ref().map(|rate| findings.integer(rate, "rate in bit/s", (1_000, 100_000_000_000)));
    let (loss, reorder) = (share(&raw.loss, findings), share(&raw.reorder, findings));
    let (delay, jitter) = (time(&raw.delay, findings), time(&raw.jitter, findings));
    let duplicate = share(&raw.duplicate, findings);
    let burst = raw.burst.as_ref().map_or(Some(1), |it| findings.integer(it, "mean length of bursts", (1, 1000)));
    let seed = raw.seed.as_ref().map_or(Some(1), |it| findings.integer(it, "seed", (0, i64::MAX)));
    let bad = Impairment {
        loss: loss?,
        burst: burst?,
        delay: delay?,
        jitter: jitter?,
        ramp: Duration::ZERO,
        reorder: reorder?,
        duplicate: duplicate?,
        rate_bps: match rate {
            Some(rate) => Some(rate?),
            None => None,
        },
        seed: seed?,
    };
    if bad.is_nothing() {
        let help = "add `loss`, `delay`, `jitter`, `reorder`, `duplicate` or `rate`";
        findings.at(owner, "the outage impairs nothing", help);
        return None;
    }
    if !bad.has_room_between_bursts() {
        let help = "make bursts longer, or lose less: between two bursts at least one frame arrives";
        findings.at(owner, format!("{} can not be lost in bursts of {}", bad.loss, bad.burst), help);
        return None;
    }
    Some(bad)
}

fn answer(raw: &raw::Outage, mode: Range<usize>, findings: &mut Findings<'_>) -> Option<ModePlan> {
    let help = "add the status code, as `code = 503`";
    let code = findings.required(raw.code.as_ref(), mode.clone(), "the outage answers without a code", help);
    let code: u16 = code.and_then(|code| findings.integer(code, "code", (300, 699)))?;
    let retry_after_s = match &raw.retry_after {
        Some(text) => {
            let span = findings.duration(text, (Duration::from_secs(1), LONGEST_RETRY))?;
            u32::try_from(span.as_secs()).ok()
        }
        None => None,
    };
    let redirect = match &raw.redirect {
        Some(text) => Some(findings.word(text, "role that a server has for every line", &ROLES)?),
        None => None,
    };
    if redirect.is_some() != (300..400).contains(&code) {
        let help = "a 3xx names another server, as `redirect = \"backup\"`, and nothing else does";
        findings.at(mode, format!("the answer {code} does not fit the `redirect`"), help);
        return None;
    }
    Some(ModePlan::Answer { code, retry_after_s, redirect })
}
