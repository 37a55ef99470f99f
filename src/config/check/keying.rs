//! Checks of steps that press keys and dial, of what a log-on needs before it, and of documented limits.

use toml::Spanned;

use super::{Findings, plain, scenario::Placed};
use crate::{
    config::{
        keying::{self, Confirm},
        raw,
        scenario::{CallAct, DocumentedLimit, StepKind},
    },
    event::{Move, Stroke},
};

/// Most keys of a step: what a display can show of a number.
const MOST_KEYS: usize = 40;

/// A step that presses keys or dials.
pub(super) fn kind(step: &raw::Step, findings: &mut Findings<'_>) -> Option<StepKind> {
    if let Some(keys) = &step.press {
        return press(keys, reboots(step), findings);
    }
    let number = step.dial.as_ref()?;
    match keying::keys_of(number.get_ref()) {
        Ok(keys) if (1..=MOST_KEYS).contains(&keys.len()) => Some(StepKind::Dial { number: number.get_ref().clone() }),
        Ok(_) => {
            let help = format!("write 1 to {MOST_KEYS} of 0 to 9, `*`, `#`, `{{pin}}` and `{{extension}}`");
            findings.at(number.span(), "this is no number to dial", help);
            None
        }
        Err(piece) => {
            let help =
                "a number consists of 0 to 9, `*`, `#`, `{pin}` and `{extension}`; other keys go into a `press` step";
            findings.at(number.span(), format!("`{piece}` is not on a key pad"), help);
            None
        }
    }
}

/// What is to show that the keys of a step arrived.
pub(super) fn confirm(step: &raw::Step, kind: &StepKind, findings: &mut Findings<'_>) -> Confirm {
    let Some(confirm) = &step.confirm else { return Confirm::default() };
    if !matches!(kind, StepKind::Press { .. } | StepKind::Keys { .. } | StepKind::Dial { .. }) {
        let help = "move it to the `press`, `keys` or `dial` step";
        findings.at(confirm.span(), "`confirm` in a step that presses no keys", help);
    }
    let words = [("where-told", Confirm::WhereTold), ("required", Confirm::Required), ("optional", Confirm::Optional)];
    findings.word(confirm, "way to confirm keys", &words).unwrap_or_default()
}

/// A step that waits for a text on the display.
pub(super) fn display(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<StepKind> {
    let wanted = text.get_ref().trim();
    if wanted.is_empty() {
        findings.at(text.span(), "a display that shows nothing is no sign", "write a part of what it is to show");
        return None;
    }
    Some(StepKind::Display { text: wanted.to_owned() })
}

/// Whether the keys of a step make the phone boot.
pub(super) fn reboots(step: &raw::Step) -> bool {
    step.reboots.as_ref().is_some_and(|reboots| *reboots.get_ref())
}

fn press(keys: &Spanned<Vec<Spanned<String>>>, reboots: bool, findings: &mut Findings<'_>) -> Option<StepKind> {
    if !(1..=MOST_KEYS).contains(&keys.get_ref().len()) {
        let message = format!("{} keys in one step", keys.get_ref().len());
        findings.at(keys.span(), message, format!("write 1 to {MOST_KEYS} keys"));
        return None;
    }
    let before = findings.count();
    let mut strokes: Vec<Stroke> = Vec::new();
    for text in keys.get_ref() {
        let Some(stroke) = super::keys::read(text, findings) else { continue };
        let braces = |name: &str| name.starts_with('{');
        let stands_for = stroke.plain().is_some_and(keying::is_placeholder);
        if stroke.keys().iter().any(|key| braces(&key.0)) && !stands_for {
            let help = "write `{pin}` or `{extension}` by themselves, without others and without a time";
            findings.at(text.span(), format!("`{stroke}` stands for nothing"), help);
        }
        strokes.push(stroke);
    }
    (findings.count() == before).then_some(StepKind::Press { keys: strokes, reboots })
}

/// What a document says that this step will not come to.
pub(super) fn documented_limit(
    step: &Spanned<raw::Step>,
    kind: &StepKind,
    findings: &mut Findings<'_>,
) -> Option<DocumentedLimit> {
    if let Some(reboots) = &step.get_ref().reboots
        && !matches!(kind, StepKind::Press { .. } | StepKind::Keys { .. })
    {
        findings.at(
            reboots.span(),
            "`reboots` in a step that presses no keys",
            "move it to the `press` or `keys` step",
        );
    }
    let limit = step.get_ref().documented_limit.as_ref()?;
    if !matches!(kind, StepKind::Expect { .. } | StepKind::Display { .. }) {
        let help = "move it to the `expect` or `display` step that fails where the limit shows";
        findings.at(limit.span(), "a documented limit of a step that expects nothing", help);
        return None;
    }
    let code = &limit.get_ref().code;
    let help = "add the code of the failure that shows it, as `code = \"never-failed-back\"`";
    let code = findings.required(code.as_ref(), limit.span(), "the documented limit has no code", help);
    let help = "quote the sentence of the document, as `says = \"…\"`";
    let says =
        findings.required(limit.get_ref().says.as_ref(), limit.span(), "the documented limit has no sentence", help);
    let says = plain(&says.cloned())?.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(DocumentedLimit { code: code.and_then(|code| findings.name(code))?, says })
}

/// Whether a log-on or log-off has a cause, the teardown leaves the network alone, and no second limit hides a first.
pub(super) fn check(steps: &[Placed<'_>], teardown: &[Placed<'_>], findings: &mut Findings<'_>) {
    let mut pressed = false;
    for (raw, step) in steps.iter().chain(teardown) {
        match &step.kind {
            StepKind::Press { .. }
            | StepKind::Dial { .. }
            | StepKind::Keys { reboots: true, .. }
            | StepKind::Push { .. }
            | StepKind::Restart => pressed = true,
            StepKind::Expect { of: of @ (Move::LogOn | Move::LogOff) } if !pressed => {
                let help = "put a `dial`, `press`, `push` or `restart` step before it";
                let message = format!("a {of} is expected, but nobody has pressed a key or restarted a phone");
                findings.at(raw.span(), message, help);
            }
            _ => {}
        }
    }
    for (raw, _) in steps.iter().filter(|(_, step)| step.documented_limit.is_some()).skip(1) {
        let help = "give each documented limit a scenario of its own";
        findings.at(raw.span(), "a second documented limit: a case can show only one", help);
    }
    for (raw, step) in teardown {
        match &step.kind {
            StepKind::Outage { .. } | StepKind::Lift { .. } => {
                let help = "remove it: every outage is over before the teardown begins";
                findings.at(raw.span(), "the teardown takes a server away or gives it back", help);
            }
            StepKind::Expect { of } if !matches!(of, Move::LogOn | Move::LogOff) => {
                let help = "expect `log-on` or `log-off`, which the keys before it bring about";
                findings.at(raw.span(), format!("a {of} is expected in the teardown"), help);
            }
            StepKind::Call { act } if *act != CallAct::Clear => {
                let help = "write `call = \"clear\"`: both phones of each pair hang up then";
                findings.at(raw.span(), "the teardown is in the middle of a call", help);
            }
            StepKind::ExpectCall { .. } => {
                let help = "expect `idle`, which `call = \"clear\"` before it brings about";
                findings.at(raw.span(), "something of a call is expected in the teardown", help);
            }
            _ => {}
        }
        if step.documented_limit.is_some() {
            findings.at(raw.span(), "a documented limit in the teardown", "move it to the `[[step]]` that shows it");
        }
    }
}
