//! Checks of settings of the PBX: how a bench has them set and read, and what scenarios ask of them.

use std::{collections::BTreeMap, ops::Range, path::Path, time::Duration};

use toml::Spanned;

use super::{Findings, hook, scenario::Placed};
use crate::{
    config::{
        pbx::{Need, PbxSetting},
        raw,
        scenario::{Pace, StepKind},
    },
    event::PbxName,
};

/// How long a command may take unless a bench says otherwise.
const LIMIT: Duration = Duration::from_secs(30);
/// What it may be given: a run that is stopped waits for several.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

const READ: &str =
    "add `read = { command = [\"ssh\", \"pbx\", \"…\"], pattern = { on = '(?m)^…$', off = '(?m)^…$' } }`";

/// The settings that a bench knows how to change. A program with a `/` in its name is looked for from `folder` on.
pub(super) fn settings(
    raw: &BTreeMap<Spanned<String>, Spanned<raw::Pbx>>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> BTreeMap<PbxName, PbxSetting> {
    let read = |(name, raw): (&Spanned<String>, &Spanned<raw::Pbx>)| {
        let name = findings.name(name)?;
        let setting = setting(&name, raw, folder, findings)?;
        Some((PbxName(name), setting))
    };
    raw.iter().filter_map(read).collect()
}

fn setting(name: &str, raw: &Spanned<raw::Pbx>, folder: &Path, findings: &mut Findings<'_>) -> Option<PbxSetting> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let limit = raw.limit.as_ref().map_or(Some(LIMIT), |limit| findings.duration(limit, LIMITS));
    let help = "add a command for each state, as `set = { on = [\"ssh\", …], off = [\"ssh\", …] }`";
    let commands = findings.required(raw.set.as_ref(), span.clone(), &format!("nothing sets pbx.{name}"), help);
    let read = findings.required(raw.read.as_ref(), span.clone(), &format!("nothing reads pbx.{name}"), READ);
    let (commands, read) = (commands?, read?);
    let command =
        findings.required(read.get_ref().command.as_ref(), read.span(), &format!("no command reads pbx.{name}"), READ);
    let command = command.and_then(|words| {
        hook::command(words, "the `command` that reads a setting", "`[\"ssh\", \"pbx\", \"…\"]`", folder, findings)
    });
    let patterns = findings.required(
        read.get_ref().pattern.as_ref(),
        read.span(),
        &format!("nothing says how an answer about pbx.{name} is read"),
        "add a pattern for each state, as `pattern = { on = '(?m)^…$', off = '(?m)^…$' }`",
    );
    let set = states(name, commands, folder, findings);
    let patterns = patterns.map(|patterns| self::patterns(name, patterns, commands.get_ref(), findings));
    Some(PbxSetting { set, read: command?, patterns: patterns?, limit: limit? })
}

/// The command for each state.
fn states(
    name: &str,
    raw: &Spanned<BTreeMap<Spanned<String>, raw::Words>>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, Vec<String>> {
    if raw.get_ref().len() < 2 {
        let help = "add the command for its other state: what is changed is set back";
        findings.missing(raw.span(), format!("pbx.{name} has fewer than two states"), help);
    }
    let mut set = BTreeMap::new();
    for (state, words) in raw.get_ref() {
        let what = format!("the command that sets pbx.{name} to `{}`", state.get_ref());
        let command = hook::command(words, &what, "`[\"ssh\", \"pbx\", \"…\"]`", folder, findings);
        if let Some((state, command)) = findings.name(state).zip(command) {
            set.insert(state, command);
        }
    }
    set
}

/// The pattern of each state, which are those that can be set.
fn patterns(
    name: &str,
    raw: &Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    set: &BTreeMap<Spanned<String>, raw::Words>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, String> {
    let mut patterns = BTreeMap::new();
    for (state, pattern) in raw.get_ref() {
        if !set.keys().any(|known| known.get_ref() == state.get_ref()) {
            let message = format!("pbx.{name} may read as `{}`, and nothing sets it to that", state.get_ref());
            findings.at(state.span(), message, "add the command under `set`: what is changed is set back");
        }
        let compiled = findings.pattern(&Some(pattern.clone()), &[]);
        patterns.extend(compiled.map(|pattern| (state.get_ref().clone(), pattern)));
    }
    for state in set.keys().map(Spanned::get_ref) {
        if !raw.get_ref().keys().any(|known| known.get_ref() == state) {
            let message = format!("nothing says how an answer shows that pbx.{name} is `{state}`");
            findings.missing(raw.span(), message, format!("add `{state} = '…'`"));
        }
    }
    patterns
}

/// What a scenario says that it needs.
pub(super) fn needs(raw: &[Spanned<String>], findings: &mut Findings<'_>) -> Vec<Need> {
    let need = |need: &Spanned<String>| match need.get_ref().strip_prefix(Need::PBX) {
        Some(setting) => {
            let setting = Spanned::new(need.span(), setting.to_owned());
            findings.name(&setting).map(|name| Need::Pbx(PbxName(name)))
        }
        None => {
            let help = "write which setting of the PBX, as `needs = [\"pbx.distribution\"]`";
            findings.at(need.span(), format!("`{}` is nothing that a bench can have", need.get_ref()), help);
            None
        }
    };
    raw.iter().filter_map(need).collect()
}

/// A step that changes a setting.
pub(super) fn kind(
    raw: &Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    findings: &mut Findings<'_>,
) -> Option<StepKind> {
    let mut settings = raw.get_ref().iter();
    let (Some((setting, state)), None) = (settings.next(), settings.next()) else {
        let help = "write one setting and its state, as `pbx = { distribution = \"on\" }`; each by a step of its own";
        findings.at(raw.span(), "a step is about one setting of the PBX", help);
        return None;
    };
    let (setting, state) = (findings.name(setting), findings.name(state));
    Some(StepKind::Pbx { setting: PbxName(setting?), state: state? })
}

/// What is changed is so for everybody, and is set back before the teardown.
pub(super) fn check(pace: Pace, steps: &[Placed<'_>], teardown: &[Placed<'_>], findings: &mut Findings<'_>) {
    let about = |steps: &[Placed<'_>]| -> Vec<(Range<usize>, bool)> {
        let changes = steps.iter().filter(|(_, step)| matches!(step.kind, StepKind::Pbx { .. }));
        changes.map(|(raw, step)| (raw.span(), step.only.is_some())).collect()
    };
    for (span, some) in about(steps) {
        if some {
            let message = "a setting of the PBX is changed for everybody in a step of some phones";
            findings.at(span.clone(), message, "remove `only`");
        }
        if pace != Pace::Together {
            let message = "a setting of the PBX is changed for everybody by phones that go at their own pace";
            findings.at(span, message, "remove `pace`");
        }
    }
    for (span, _) in about(teardown) {
        let help = "remove the step: what was changed is set back before the teardown begins";
        findings.at(span, "a setting of the PBX is changed in the teardown", help);
    }
}
