//! Checks of the command that tells how many licences are free.

use std::{path::Path, time::Duration};

use toml::Spanned;

use super::{Findings, hook};
use crate::config::{Licences, raw};

/// How long the command may take unless a bench says otherwise: a look ahead of a night takes less than a minute.
const LIMIT: Duration = Duration::from_secs(20);
/// What it may be given.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(50));

/// How licences are asked for, if there is nothing wrong with it. A program with a `/` in its name is looked for from `folder` on.
pub(super) fn licences(raw: &Spanned<raw::Licences>, folder: &Path, findings: &mut Findings<'_>) -> Option<Licences> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = "add program and arguments, as `command = [\"ssh\", \"pbx\", \"…\"]`";
    let words = findings.required(raw.command.as_ref(), span.clone(), "no command asks for licences", help);
    let command = words.and_then(|words| {
        hook::command(words, "the `command` of [licences]", "`[\"ssh\", \"pbx\", \"…\"]`", folder, findings)
    });
    let help = "add a pattern, as `pattern = '(?m)^free: *(?P<free>\\d+)$'`";
    findings.required(raw.pattern.as_ref(), span, "nothing says how many licences an answer tells of", help);
    let pattern = findings.pattern(&raw.pattern, &["free"]);
    let limit = raw.limit.as_ref().map_or(Some(LIMIT), |limit| findings.duration(limit, LIMITS));
    let needed = raw.needed.as_ref().map(|needed| {
        let number = u32::try_from(*needed.get_ref()).ok();
        if number.is_none() {
            findings.at(needed.span(), "that many licences can not be needed", "write a number, as `needed = 2`");
        }
        number
    });
    Some(Licences { command: command?, pattern: pattern?, needed: needed.flatten(), limit: limit? })
}
