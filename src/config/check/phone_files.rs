//! Checks of where a bench says that the phones' files are, and of what scenarios put on top of them. That the folders are there
//! is for `siprig check` to say.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Spanned;

use super::{Findings, hook, scenario::Placed};
use crate::config::{
    phone_files::{PhoneFiles, PutCommand, Served},
    provisioning::{Kind, Unknown, identify, is_secret, line_of},
    raw,
    scenario::{Pace, StepKind},
};

/// How long a command may take unless a bench says otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// What it may be given: a run that is stopped waits for one for each phone.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// Who is at home where: what the bench file says of lines, which nothing may make untrue.
const HOMES: [&str; 15] = [
    "sip user name",
    "sip auth name",
    "sip proxy ip",
    "sip proxy port",
    "sip registrar ip",
    "sip registrar port",
    "sip backup proxy ip",
    "sip backup proxy port",
    "sip backup registrar ip",
    "sip backup registrar port",
    "sip outbound proxy",
    "sip outbound proxy port",
    "sip backup outbound proxy",
    "sip backup outbound proxy port",
    "sip transport protocol",
];

/// The base set, and where it is served; relative folders start from `folder`.
pub(super) fn phone_files(
    raw: &Spanned<raw::Provisioning>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<PhoneFiles> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = "add `base = \"phones\"`, a folder";
    let base =
        findings.required(raw.base.as_ref(), span.clone(), "nothing says what the phones' files are meant to be", help);
    let base = base.and_then(|text| path(text, help, folder, findings));
    let help = "add `folder = \"/srv/tftp\"`, as this machine sees what their server serves, or `put = [\"scp\", \"{file}\", \"pbx:/srv/tftp/{name}\"]`";
    let served = match (&raw.folder, &raw.put) {
        (Some(served), None) => path(served, help, folder, findings).map(Served::Folder),
        (None, Some(command)) => put(command, &raw.limit, folder, findings).map(Served::Put),
        (Some(_), Some(command)) => {
            let message = "the phones' files are served from a folder and put there by a command";
            findings.at(command.span(), message, "remove `put`, or `folder` if this machine does not see it");
            None
        }
        (None, None) => {
            findings.missing(span.clone(), "nothing says where the phones' files are served from", help);
            None
        }
    };
    if let (Some(limit), Some(_)) = (&raw.limit, &raw.folder) {
        findings.at(limit.span(), "`limit` without a command that it is for", "remove it");
    }
    let (base, served) = (base?, served?);
    if served == Served::Folder(base.clone()) {
        let help = "keep a copy elsewhere, which nobody serves, and name that as `base`";
        findings.at(span, "the phones' files are held against themselves", help);
        return None;
    }
    Some(PhoneFiles { base, served })
}

fn path(text: &Spanned<String>, help: &str, folder: &Path, findings: &mut Findings<'_>) -> Option<PathBuf> {
    if text.get_ref().is_empty() || text.get_ref().contains('\0') {
        findings.at(text.span(), "not the path of a folder", help);
        return None;
    }
    Some(folder.join(text.get_ref()))
}

/// The command that puts a file in place, which must be told what and as what.
fn put(raw: &raw::Words, limit: &raw::Text, folder: &Path, findings: &mut Findings<'_>) -> Option<PutCommand> {
    let limit = limit.as_ref().map_or(Some(LIMIT), |limit| findings.duration(limit, LIMITS));
    let example = "`put = [\"scp\", \"{file}\", \"pbx:/srv/tftp/{name}\"]`";
    let command = hook::command(raw, "the command that puts a file in place", example, folder, findings)?;
    for word in [PutCommand::FILE, PutCommand::NAME] {
        if !command.iter().any(|known| known.contains(word)) {
            let help = format!("write `{word}` where it belongs, as in {example}");
            findings.at(raw.span(), format!("the command that puts a file in place is not told its {word}"), help);
            return None;
        }
    }
    Some(PutCommand { command, limit: limit? })
}

/// A step that puts settings on top of each phone's own; none: it takes them away again.
pub(super) fn kind(
    raw: &BTreeMap<Spanned<String>, Spanned<raw::SettingValue>>,
    findings: &mut Findings<'_>,
) -> Option<StepKind> {
    let mut settings = BTreeMap::new();
    let before = findings.count();
    for (name, value) in raw {
        let text = match value.get_ref() {
            raw::SettingValue::Number(number) => number.to_string(),
            raw::SettingValue::Text(text) => text.clone(),
        };
        match line_of(name.get_ref(), &text) {
            Ok((name_read, _)) => {
                known(&name_read, name.span(), &text, value.span(), findings);
                if settings.insert(name_read.clone(), text).is_some() {
                    findings.at(name.span(), format!("`{name_read}` is set twice"), "remove one of them");
                }
            }
            Err(_) => {
                let message = format!("no line of a phone's file can hold `{}` with this value", name.get_ref());
                findings.at(value.span(), message, "write a name and a value without line breaks, colons and comments");
            }
        }
    }
    (findings.count() == before).then_some(StepKind::Configure { settings })
}

/// Refuses what phones would pass over in silence, what is secret, and what would make the bench file untrue.
fn known(name: &str, at: Range<usize>, value: &str, value_at: Range<usize>, findings: &mut Findings<'_>) {
    let found = match identify(name) {
        Ok(found) => found,
        Err(Unknown::Unlisted) if is_secret(name) => return secret(name, at, findings),
        Err(Unknown::Unlisted) => return,
        Err(unknown) => {
            let (message, help) = match unknown {
                Unknown::Misspelt(right) => {
                    (format!("phones have no parameter `{name}`"), format!("perhaps `{right}`"))
                }
                Unknown::NotPerLine(right) => {
                    (format!("`{name}` can not be set for one line"), format!("write `{right}`"))
                }
                Unknown::NoSuchNumber | Unknown::Unlisted => {
                    (format!("phones have no line or key as in `{name}`"), "correct its number".to_owned())
                }
            };
            return findings.at(at, message, help);
        }
    };
    let parameter = found.parameter;
    if HOMES.contains(&parameter.name) {
        let message = format!("`{name}` decides who registers where and how, which the bench file says");
        return findings.at(at, message, "write a bench file for phones that are set so, and run the scenario on that");
    }
    match parameter.kind {
        Kind::Secret | Kind::Digits => secret(name, at, findings),
        Kind::Number { min, max, unit, .. }
            if !value.parse().is_ok_and(|number: u64| (min..=max).contains(&number)) =>
        {
            let message = format!("`{name}` can be {min} to {max} {}", unit.symbol());
            findings.at(value_at, message, "phones would take another value for it");
        }
        Kind::Flag if !matches!(value, "0" | "1") => {
            findings.at(value_at, format!("`{name}` can be 0 or 1"), "phones would take another value for it");
        }
        Kind::Word(words) if !words.contains(&value) => {
            let message = format!("`{name}` can be {}", words.join(", "));
            findings.at(value_at, message, "phones would take another value for it");
        }
        _ => {}
    }
}

fn secret(name: &str, at: Range<usize>, findings: &mut Findings<'_>) {
    let message = format!("`{name}` is a secret, and a scenario is told to everybody");
    findings.at(at, message, "remove it, or change it in the base set");
}

/// What is taken for the effect of settings is read off what a phone does next, so that all phones are set together; and they
/// are set back before the teardown.
pub(super) fn check(pace: Pace, steps: &[Placed<'_>], teardown: &[Placed<'_>], findings: &mut Findings<'_>) {
    let about = |steps: &[Placed<'_>]| -> Vec<Range<usize>> {
        let changes = steps.iter().filter(|(_, step)| matches!(step.kind, StepKind::Configure { .. }));
        changes.map(|(raw, _)| raw.span()).collect()
    };
    if pace != Pace::Together {
        for span in about(steps) {
            let message = "phones are set otherwise that go at their own pace";
            findings.at(span, message, "remove `pace`");
        }
    }
    for span in about(teardown) {
        let help = "remove the step: what was changed is set back before the teardown begins";
        findings.at(span, "phones are set otherwise in the teardown", help);
    }
}
