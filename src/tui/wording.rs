//! How outages, and what operators do, are told to people.

use crate::{
    config::keying,
    event::{Answer, Hand, Manner, OutageMode, OutageScope, OutageSpec, PhoneName, Stroke, Toward, Unreachable},
};

/// Most phones that are named one by one.
const NAMED: usize = 3;

/// What is the matter with the server while an outage lasts, and what is told when it begins: `IS AWAY`, `is taken away`.
pub fn outage(spec: &OutageSpec) -> (String, String) {
    let (state, beginning) = match (&spec.mode, spec.toward) {
        (OutageMode::Flap(_), _) => ("COMES AND GOES", "comes and goes from now on"),
        (OutageMode::Fade(_), _) => ("IS DYING", "gets slower from now on, and dies"),
        (OutageMode::Reboot(_), _) => ("REBOOTS", "reboots"),
        (OutageMode::Hook, _) => ("IS STOPPED", "is stopped"),
        (OutageMode::LinkDown(_), _) => ("HAS NO LINK", "has no link from now on"),
        (OutageMode::Steady(manner), way) => match (manner, way) {
            (Manner::Drop, _) if spec.only.is_some() => ("LOSES SOME", "loses some messages from now on"),
            (Manner::Drop, None) if matches!(spec.scope, OutageScope::Part(_)) => {
                ("IS AWAY IN PART", "is taken away in part")
            }
            (Manner::Drop, None) => ("IS AWAY", "is taken away"),
            (Manner::Drop, Some(Toward::Server)) => ("HEARS NOTHING", "hears nothing from now on"),
            (Manner::Drop, Some(Toward::Phone)) => ("IS NOT HEARD", "is not heard from now on"),
            (Manner::Refuse, _) => ("REFUSES", "refuses from now on"),
            (Manner::Unreachable(Unreachable::Host), _) => ("IS UNREACHABLE", "is unreachable from now on"),
            (Manner::Unreachable(Unreachable::Admin), _) => ("IS PROHIBITED", "is prohibited from now on"),
            (Manner::Reset, _) => ("RESETS", "has its connections reset from now on"),
            (Manner::Unresolvable, _) => ("IS NOT FOUND", "is not found any more (ARP)"),
            (Manner::Nameless, _) => ("HAS NO NAME", "is not found by name any more (DNS)"),
            (Manner::Impair(_), _) => ("HAS A BAD PATH", "has a bad path from now on"),
            (Manner::Pass, _) => ("IS AS IT WAS", "is as it was"),
            (Manner::Answer(spoof), _) => {
                let (state, beginning) =
                    (format!("ANSWERS {}", spoof.code), format!("answers {} from now on", spoof.code));
                return details(spec, &state, &beginning, None);
            }
        },
    };
    let how = match &spec.mode {
        OutageMode::Flap(_) | OutageMode::Fade(_) | OutageMode::Reboot(_) | OutageMode::LinkDown(_) => {
            Some(spec.mode.to_string())
        }
        OutageMode::Steady(Manner::Impair(bad)) => Some(bad.to_string()),
        OutageMode::Hook | OutageMode::Steady(_) => None,
    };
    details(spec, state, beginning, how)
}

/// With what it is about, where that is not everything, and how it goes on.
fn details(spec: &OutageSpec, state: &str, beginning: &str, how: Option<String>) -> (String, String) {
    let part = matches!(spec.scope, OutageScope::Part(_)).then(|| spec.scope.to_string());
    let about: Vec<String> = [spec.only.as_ref().map(ToString::to_string), part].into_iter().flatten().collect();
    let more: Vec<String> = about.iter().cloned().chain(how).collect();
    let with = |words: &str, more: &[String]| match more {
        [] => words.to_owned(),
        more => format!("{words} ({})", more.join("; ")),
    };
    (with(state, &about), with(beginning, &more))
}

/// For whom, where that is not for all: ` for p2, p4`, ` for p1, p2, p3 and 5 more`.
pub fn whom(phones: &[PhoneName], all: usize) -> String {
    if phones.len() >= all {
        return String::new();
    }
    let names: Vec<&str> = phones.iter().take(NAMED).map(|phone| phone.0.as_str()).collect();
    let more = phones.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" for {}{more}", names.join(", "))
}

/// What an operator did to a phone: `anna pressed options on p1`; and whether it was refused.
pub(super) fn hand(by: &str, phone: &PhoneName, hand: &Hand, answer: &Answer) -> (String, bool) {
    let what = match hand {
        Hand::Press(stroke) => format!("{} on {phone}", stroke_of(stroke)),
        Hand::Type(text) => format!("on the console of {phone}: {}", typed(text)),
        Hand::Control(control) => format!("on the console of {phone}: {control}"),
    };
    let verb = if matches!(hand, Hand::Press(_)) { "pressed" } else { "typed" };
    match answer {
        Answer::Obeyed { .. } => (format!("{by} {verb} {what}"), false),
        Answer::Refused { reason } => (format!("{by} has not {verb} {what}: {reason}"), true),
    }
}

/// A stroke for people: a digit that was given in confidence is one.
pub(super) fn stroke_of(stroke: &Stroke) -> String {
    if keying::whispered_digit(stroke).is_some() { "a digit".to_owned() } else { stroke.to_string() }
}

/// The same of a line that was typed.
pub(super) fn typed(text: &str) -> String {
    if keying::whisper_of(text).is_some() { "(a secret)".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{Impairment, Part, Selection, Share};

    #[test]
    fn what_an_outage_is_about_is_told_where_that_is_not_everything_and_so_is_how_it_goes_on() {
        let spec = |mode, only, scope| OutageSpec {
            mode,
            server: "a".into(),
            scope,
            only,
            phones: Vec::new(),
            toward: None,
            limit: Duration::from_secs(60),
            by: None,
        };
        let told = |spec: &OutageSpec| {
            let (state, beginning) = outage(spec);
            format!("a {state} / a {beginning}")
        };
        let only = Selection { method: Some("REGISTER".to_owned()), status: Some(200), ..Selection::default() };
        assert_eq!(told(&spec(OutageMode::DROP, None, OutageScope::Host)), "a IS AWAY / a is taken away");
        assert_eq!(
            told(&spec(OutageMode::DROP, Some(only), OutageScope::Sip)),
            "a LOSES SOME (answers 200 to REGISTER) / \
             a loses some messages from now on (answers 200 to REGISTER)"
        );
        let part = Part { ports: vec![5061], ..Part::default() };
        assert_eq!(
            told(&spec(OutageMode::DROP, None, OutageScope::Part(part))),
            "a IS AWAY IN PART (port 5061) / a is taken away in part (port 5061)"
        );
        let lossy = Impairment { loss: Share::percent(30), burst: 3, ..Impairment::default() };
        assert_eq!(
            told(&spec(Manner::Impair(lossy).into(), None, OutageScope::Host)),
            "a HAS A BAD PATH / a has a bad path from now on (30% lost in bursts of 3)"
        );
    }

    #[test]
    fn phones_are_named_where_it_is_not_for_all_and_not_without_end() {
        let phones: Vec<PhoneName> = (1..=5).map(|number| PhoneName::from(format!("p{number}").as_str())).collect();
        assert_eq!(whom(&phones, 5), "");
        assert_eq!(whom(&phones[..2], 5), " for p1, p2");
        assert_eq!(whom(&phones, 40), " for p1, p2, p3 and 2 more");
    }
}
