//! Checks of the commands that stop and start a server.

use std::{path::Path, time::Duration};

use toml::Spanned;

use super::Findings;
use crate::config::{bench::Hook, raw};

/// How long a command may take unless a bench says otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// The longest that it may be given: a run that is stopped waits for it.
const LONGEST: Duration = Duration::from_secs(600);

/// The commands, if there is nothing wrong with them. A program with a `/` in its name is looked for from `folder` on, any
/// other where the system looks for programs.
pub(super) fn hook(raw: &Spanned<raw::Hook>, owner: &str, folder: &Path, findings: &mut Findings<'_>) -> Option<Hook> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mut read = |words: &Option<Spanned<Vec<Spanned<String>>>>, name: &str| {
        let help = format!("add program and arguments, as `{name} = [\"systemctl\", \"{name}\", \"kamailio\"]`");
        let message = format!("the hook of {owner} has no `{name}`");
        let words = findings.required(words.as_ref(), span.clone(), &message, &help)?;
        let example = format!("`{name} = [\"systemctl\", \"{name}\", \"kamailio\"]`");
        command(words, &format!("the `{name}` of a hook"), &example, folder, findings)
    };
    let (stop, start) = (read(&raw.stop, "stop"), read(&raw.start, "start"));
    let limit = match &raw.limit {
        Some(limit) => findings.duration(limit, (Duration::from_secs(1), LONGEST)),
        None => Some(LIMIT),
    };
    Some(Hook { stop: stop?, start: start?, limit: limit? })
}

/// Program and arguments of `what`, for which there is an `example`.
pub(super) fn command(
    words: &Spanned<Vec<Spanned<String>>>,
    what: &str,
    example: &str,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<Vec<String>> {
    let Some((program, arguments)) = words.get_ref().split_first().filter(|(program, _)| !program.get_ref().is_empty())
    else {
        let help = format!("write program and arguments, as {example}");
        findings.at(words.span(), format!("{what} names no program"), help);
        return None;
    };
    if let Some(word) = words.get_ref().iter().find(|word| word.get_ref().contains('\0')) {
        findings.at(word.span(), "a word of a command with a NUL in it", "remove it: no program can be told that");
        return None;
    }
    if arguments.is_empty() && program.get_ref().contains(' ') {
        let help = "write each word by itself, as `[\"systemctl\", \"stop\", \"kamailio\"]`: no shell reads it";
        findings.at(program.span(), "a command in one word", help);
        return None;
    }
    let program = match program.get_ref().contains('/') {
        true => folder.join(program.get_ref()).to_string_lossy().into_owned(),
        false => program.get_ref().clone(),
    };
    Some([program].into_iter().chain(arguments.iter().map(|word| word.get_ref().clone())).collect())
}
