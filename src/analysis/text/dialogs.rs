//! Calls, message waiting and refusals for people.

use std::fmt::Write as _;

use super::{MOST, elided};
use crate::{
    analysis::{
        Findings,
        document::{Across, Call, CallState, Direction, Party, Phone, Refusal, Subscription, SubscriptionEndedBy},
    },
    look::{Look, harmless},
};

/// Who turned the line away, and where to.
pub fn refusals(out: &mut String, findings: &Findings, phone: &Phone, look: Look) -> std::fmt::Result {
    elided(out, &phone.refusals, MOST, look, |it| refusal(findings, it, "refused"))
}

fn refusal(findings: &Findings, it: &Refusal, how: &str) -> String {
    let mut text = format!("{how} by {} with {}", harmless(&findings.book.settings.label(it.server)), it.code);
    if it.by_bridge {
        text.push_str(" (the bridge in its name)");
    }
    if it.count > 1 {
        let _ = write!(text, " {} times", it.count);
    }
    let _ = write!(text, ", at {:.3} s", it.first_ms / 1000.0);
    if it.count > 1 {
        let _ = write!(text, " first and {:.3} s last", it.last_ms / 1000.0);
    }
    if let Some(seconds) = it.retry_after_s {
        let _ = write!(text, ", Retry-After {seconds} s");
    }
    if let Some(to) = &it.redirected_to {
        let _ = write!(text, ", sent to {}", harmless(to));
    }
    text
}

/// The calls of a line.
pub fn calls(out: &mut String, findings: &Findings, phone: &Phone, look: Look) -> std::fmt::Result {
    elided(out, &phone.calls, MOST, look, |it| call(findings, it))
}

fn call(findings: &Findings, it: &Call) -> String {
    let server = harmless(&findings.book.settings.label(it.server));
    let mut text = match it.direction {
        Direction::Out => format!("called {} at {:.3} s through {server}", harmless(&it.callee), it.from_ms / 1000.0),
        Direction::In => format!("called by {} at {:.3} s through {server}", harmless(&it.caller), it.from_ms / 1000.0),
    };
    if it.tried.len() > 1 {
        let _ = write!(text, " ({} servers tried)", it.tried.len());
    }
    if let Some(delay) = it.post_dial_delay_ms {
        let _ = write!(text, ", rang after {delay} ms");
    }
    if let Some(answered) = it.answered_ms {
        let _ = write!(text, ", picked up at {:.3} s", answered / 1000.0);
        if it.acknowledged_ms.is_none() {
            text.push_str(", no ACK seen");
        }
    }
    text.push_str(&ending(it));
    // One request may show of several moments that the call outlived them.
    for alike in it.across.chunk_by(|one, other| (one.survived, one.shown_ms) == (other.survived, other.shown_ms)) {
        let _ = write!(text, "; {}", fate(alike));
    }
    text
}

fn ending(it: &Call) -> String {
    let until = it.until_ms.map_or_else(String::new, |until| format!(" at {:.3} s", until / 1000.0));
    match (it.state, it.ended_by) {
        (CallState::Up, _) => ", up at the end of the capture".to_owned(),
        (CallState::Unknown, _) => ", its end is not known".to_owned(),
        (CallState::Unanswered, _) => ", no final answer seen".to_owned(),
        (CallState::Cancelled, _) => format!(", cancelled{until}"),
        (CallState::Refused, _) => {
            format!(", refused with {}{until}", it.code.map_or_else(String::new, |code| code.to_string()))
        }
        (CallState::Ended, by) => {
            let by = if by == Some(Party::Phone) { "the phone" } else { "the other end" };
            let answer = match it.bye_code {
                Some(200..300) => String::new(),
                Some(code) => format!(", its BYE answered with {code}"),
                None => ", its BYE not answered".to_owned(),
            };
            format!(", {by} hung up{until}{answer}")
        }
    }
}

fn fate(alike: &[Across]) -> String {
    let names: Vec<String> = alike.iter().map(|it| format!("the {} at {:.3} s", it.what, it.at_ms / 1000.0)).collect();
    let what = names.join(", ");
    let survived = match alike.first().and_then(|it| it.survived) {
        Some(true) => "survived",
        Some(false) => "did not survive",
        None => return format!("nothing shows whether it survived {what}"),
    };
    let shown = alike.first().and_then(|it| Some((it.shown_by?, it.code?, it.shown_ms?)));
    let shown = shown.map(|(method, code, ms)| format!(" ({method} answered with {code} at {:.3} s)", ms / 1000.0));
    format!("{survived} {what}{}", shown.unwrap_or_default())
}

/// What a line was told of messages that wait.
pub fn waiting(out: &mut String, findings: &Findings, phone: &Phone, look: Look) -> std::fmt::Result {
    elided(out, &phone.subscriptions, MOST, look, |it| subscription(findings, it, look))?;
    let Some(it) = &phone.message_waiting else { return Ok(()) };
    elided(out, &it.refusals, MOST, look, |it| refusal(findings, it, "SUBSCRIBE refused"))?;
    let mut text = match (it.server, it.at_ms) {
        (Some(server), Some(at)) => {
            let from = harmless(&findings.book.settings.label(server));
            format!("messages waiting: {} (NOTIFY from {from} at {:.3} s)", yes_or_no(it.waiting), at / 1000.0)
        }
        _ => "messages waiting: unknown, no NOTIFY came".to_owned(),
    };
    if it.unsolicited > 0 {
        let _ = write!(text, ", {} of {} NOTIFYs unsolicited", it.unsolicited, it.notifies);
    }
    if it.refused > 0 {
        let _ = write!(text, ", {} refused by the phone", it.refused);
    }
    writeln!(out, "  {text}")
}

fn subscription(findings: &Findings, it: &Subscription, look: Look) -> String {
    let until = it.until_ms.map_or_else(|| "end of capture".to_owned(), |until| format!("{:.3} s", until / 1000.0));
    let ending = match it.ended_by {
        SubscriptionEndedBy::Expired => ", ran out",
        SubscriptionEndedBy::Removed => ", ended by the phone",
        SubscriptionEndedBy::Terminated => ", ended by the server",
        SubscriptionEndedBy::Unknown => ", its end is not known",
        SubscriptionEndedBy::CaptureEnd => "",
    };
    let notified = it.notified_ms.map_or_else(
        || "no NOTIFY".to_owned(),
        |first| {
            format!("{} NOTIFY{} from {:.3} s on", it.notifies, if it.notifies == 1 { "" } else { "s" }, first / 1000.0)
        },
    );
    format!(
        "subscribed to message waiting at {} from {:.3} s {} {until}: {} s granted, {}{ending}, {notified}",
        harmless(&findings.book.settings.label(it.server)),
        it.from_ms / 1000.0,
        look.pick("–", "-"),
        it.expires_s,
        super::renewed(it.refreshes),
    )
}

fn yes_or_no(waiting: Option<bool>) -> &'static str {
    match waiting {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not told",
    }
}
