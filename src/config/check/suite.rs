//! Checks of a suite: what it runs can be read, and what it excuses is something that it runs.

use std::{collections::BTreeMap, path::Path, time::Duration};

use toml::Spanned;

use super::{Findings, LONGEST, hook, plain, suggest};
use crate::{
    config::{
        Bench, Scenario,
        diagnostic::Diagnostics,
        raw,
        suite::{Day, Entry, KnownIssue, Notify, Occasion, Suite},
    },
    event::PhoneName,
};

/// Most runs of a night.
const MOST_RUNS: usize = 10_000;
/// Most rounds of an entry.
const MOST_ROUNDS: i64 = 1000;
/// Most attempts after the first.
const MOST_RETRIES: i64 = 9;
/// How much counts what does not say it.
const PRIORITY: u8 = 5;
/// How long a run or a night may be.
const LIMITS: (Duration, Duration) = (Duration::from_secs(1), LONGEST);

/// How long the command may take that is told what a night came to: nobody else hears a word of it meanwhile.
const NOTIFY_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(50));
/// The same where it is not said.
const NOTIFY_LIMIT: Duration = Duration::from_secs(30);

/// Scenarios by the name or path by which a suite has them.
type Scenarios = BTreeMap<String, Scenario>;

/// Reads a scenario, and tells by which name or path it is known from then on.
pub(in crate::config) type Find<'f> = dyn FnMut(&str) -> Result<(String, Scenario), Diagnostics> + 'f;

/// The checked suite with its scenarios, whose file is in `folder`; it is worth nothing if there are findings.
pub(in crate::config) fn suite(
    raw: &raw::Suite,
    folder: &Path,
    find: &mut Find<'_>,
    findings: &mut Findings<'_>,
) -> (Suite, Scenarios) {
    let name = findings.required(raw.name.as_ref(), 0..0, "the suite has no name", "add `name = \"…\"` on top");
    let name = name.and_then(|name| findings.name(name)).unwrap_or_default();
    if raw.entry.is_empty() {
        findings.missing(0..0, "the suite runs nothing", "add `[[entry]]` tables");
    }
    let mut scenarios = Scenarios::new();
    let entries: Vec<Entry> = raw.entry.iter().filter_map(|raw| entry(raw, find, &mut scenarios, findings)).collect();
    let runs: usize = entries.iter().map(|entry| entry.scenarios.len() * entry.repeat as usize).sum();
    if runs > MOST_RUNS {
        findings.at(0..0, format!("the suite has {runs} runs"), format!("no night has more than {MOST_RUNS}"));
    }
    let known_issues = raw.known_issue.iter().filter_map(|raw| known_issue(raw, &scenarios, findings)).collect();
    let suite = Suite {
        name,
        description: plain(&raw.description).map(|text| text.trim().to_owned()),
        time_limit: raw.time_limit.as_ref().and_then(|limit| findings.duration(limit, LIMITS)),
        gate_flaky: raw.gate_flaky,
        preflight: raw.preflight.unwrap_or(true),
        never_retry: raw.never_retry,
        confirm_new: raw.confirm_new.unwrap_or(true),
        controls: raw.controls.as_ref().map(|named| phones(named, "list of controls", findings)).unwrap_or_default(),
        expected_firmware: raw
            .expected_firmware
            .iter()
            .map(|(model, text)| (model.clone(), text.get_ref().clone()))
            .collect(),
        entries,
        known_issues,
        notify: raw.notify.as_ref().and_then(|raw| notify(raw, folder, findings)),
    };
    (suite, scenarios)
}

fn notify(raw: &Spanned<raw::Notify>, folder: &Path, findings: &mut Findings<'_>) -> Option<Notify> {
    const EXAMPLE: &str = "`command = [\"/usr/local/bin/tell-the-lab\"]`";
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = format!("add {EXAMPLE}");
    let words = findings.required(raw.command.as_ref(), span, "there is no command to be told", &help);
    let command = words.and_then(|words| hook::command(words, "`notify.command`", EXAMPLE, folder, findings));
    let limit = match &raw.limit {
        Some(limit) => findings.duration(limit, NOTIFY_LIMITS),
        None => Some(NOTIFY_LIMIT),
    };
    let when = match raw.when.as_ref().map(|when| (when.span(), when.get_ref().as_str())) {
        None | Some((_, "always")) => Some(Occasion::Always),
        Some((_, "changed")) => Some(Occasion::Changed),
        Some((_, "failed")) => Some(Occasion::Failed),
        Some((span, other)) => {
            let known = ["always", "changed", "failed"];
            findings.at(span, format!("`{other}` is no occasion to tell somebody"), suggest(other, &known));
            None
        }
    };
    Some(Notify { command: command?, limit: limit?, when: when? })
}

fn entry(
    raw: &Spanned<raw::SuiteEntry>,
    find: &mut Find<'_>,
    scenarios: &mut Scenarios,
    findings: &mut Findings<'_>,
) -> Option<Entry> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = "add `scenarios = [\"failover\"]`";
    let named = findings.required(raw.scenarios.as_ref(), span, "the entry runs no scenario", help);
    if let Some(named) = named.filter(|named| named.get_ref().is_empty()) {
        findings.at(named.span(), "the entry runs no scenario", "name one, or remove the entry");
    }
    let mut own = Vec::new();
    for text in named.into_iter().flat_map(|named| named.get_ref()) {
        own.extend(scenario(text, &own, find, scenarios, findings));
    }
    let phones = raw.phones.as_ref().map(|phones| self::phones(phones, "entry", findings)).unwrap_or_default();
    let mut number = |value: &Option<Spanned<i64>>, what, range, default| match value {
        Some(value) => findings.integer::<u32>(value, what, range).unwrap_or(default),
        None => default,
    };
    let repeat = number(&raw.repeat, "number of rounds", (1, MOST_ROUNDS), 1);
    let retry = number(&raw.retry, "number of further attempts", (0, MOST_RETRIES), 0);
    let priority = number(&raw.priority, "priority", (1, 9), PRIORITY.into());
    Some(Entry {
        scenarios: own,
        phones,
        chain: raw.chain,
        repeat,
        priority: u8::try_from(priority).unwrap_or(PRIORITY),
        tags: raw.tags.iter().filter_map(|tag| findings.name(tag)).collect(),
        time_limit: raw.time_limit.as_ref().and_then(|limit| findings.duration(limit, LIMITS)),
        retry,
    })
}

/// A scenario of an entry. `own` are those that the entry has already.
fn scenario(
    text: &Spanned<String>,
    own: &[String],
    find: &mut Find<'_>,
    scenarios: &mut Scenarios,
    findings: &mut Findings<'_>,
) -> Option<String> {
    let (named, scenario) = match find(text.get_ref()) {
        Ok(found) => found,
        Err(why) if why.0.iter().all(|finding| finding.place.is_none()) => {
            for finding in why.0 {
                findings.push(text.span(), finding.message, finding.help);
            }
            return None;
        }
        Err(why) => {
            findings.extend(why);
            return None;
        }
    };
    if own.contains(&named) {
        let help = "name it once, and say `repeat = 2` if it is to run twice";
        findings.at(text.span(), format!("`{}` stands twice in this entry", text.get_ref()), help);
        return None;
    }
    let other = scenarios.iter().find(|(known, other)| **known != named && other.name == scenario.name);
    if let Some((other, _)) = other {
        let message = format!("`{}` and `{other}` are both called `{}`", text.get_ref(), scenario.name);
        findings.at(text.span(), message, "give one of them another name; cases are told apart by it");
        return None;
    }
    scenarios.insert(named.clone(), scenario);
    Some(named)
}

fn phones(raw: &Spanned<Vec<Spanned<String>>>, what: &str, findings: &mut Findings<'_>) -> Vec<PhoneName> {
    if raw.get_ref().is_empty() {
        findings.at(raw.span(), format!("the {what} has no phone"), "leave it out if it is for all of the bench");
    }
    let mut phones = Vec::new();
    for text in raw.get_ref() {
        let Some(phone) = findings.name(text).map(PhoneName) else { continue };
        if phones.contains(&phone) {
            findings.at(text.span(), format!("phone `{phone}` stands twice in this {what}"), "name it once");
        }
        phones.push(phone);
    }
    phones
}

fn known_issue(
    raw: &Spanned<raw::KnownIssue>,
    scenarios: &Scenarios,
    findings: &mut Findings<'_>,
) -> Option<KnownIssue> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mut word = |text: &raw::Text, lacks: &str, help: &str| {
        let text = findings.required(text.as_ref(), span.clone(), lacks, help);
        text.and_then(|text| findings.name(text).map(|name| (text.span(), name)))
    };
    let scenario = word(&raw.scenario, "the known issue is of no scenario", "add `scenario = \"failover\"`");
    let code = word(&raw.code, "the known issue has no code", "add the code of the verdict, as `code = \"late\"`");
    let help = "say why it is not mended yet, and where it is followed up, as `reason = \"ticket 4711\"`";
    let reason = findings.required(raw.reason.as_ref(), span.clone(), "the known issue has no reason", help);
    let help = "add the last day on which it is excused, as `expires = 2026-12-31`";
    let expires = findings.required(raw.expires.as_ref(), span, "the known issue never expires", help);
    let day = expires.and_then(|expires| {
        let date = expires.get_ref().date.filter(|_| expires.get_ref().time.is_none());
        let day = date.and_then(|date| Day::new(date.year, date.month, date.day));
        if day.is_none() {
            findings.at(expires.span(), "this is no day", "write a day alone, as `expires = 2026-12-31`");
        }
        day
    });
    if let Some((span, scenario)) = scenario.as_ref().filter(|(_, name)| scenarios.values().all(|it| it.name != *name))
        && !findings.incomplete
        && !scenarios.is_empty()
    {
        let known: Vec<_> = scenarios.values().map(|it| it.name.as_str()).collect();
        findings.at(span.clone(), format!("the suite does not run `{scenario}`"), suggest(scenario, &known));
    }
    Some(KnownIssue {
        scenario: scenario?.1,
        phone: raw.phone.as_ref().and_then(|phone| findings.name(phone)).map(PhoneName),
        code: code?.1,
        reason: reason?.get_ref().trim().to_owned(),
        expires: day?,
    })
}

/// Checks that the phones that a suite names are those of a bench.
pub(in crate::config) fn fit(raw: &raw::Suite, bench: &Bench, findings: &mut Findings<'_>) {
    let known: Vec<&str> = bench.phones.iter().map(|phone| phone.name.0.as_str()).collect();
    let of_entries = raw.entry.iter().filter_map(|entry| entry.get_ref().phones.as_ref()).flat_map(Spanned::get_ref);
    let of_issues = raw.known_issue.iter().filter_map(|issue| issue.get_ref().phone.as_ref());
    let controls = raw.controls.iter().flat_map(Spanned::get_ref);
    for phone in of_entries.chain(controls).chain(of_issues).filter(|phone| !known.contains(&phone.get_ref().as_str()))
    {
        let message = format!("the bench `{}` has no phone `{}`", bench.name, phone.get_ref());
        findings.at(phone.span(), message, suggest(phone.get_ref(), &known));
    }
    let models: Vec<&str> = bench.phones.iter().map(|phone| phone.model.as_str()).collect();
    for (model, text) in raw.expected_firmware.iter().filter(|(model, _)| !models.contains(&model.as_str())) {
        let message = format!("the bench `{}` has no phone of the model `{model}`", bench.name);
        findings.at(text.span(), message, suggest(model, &models));
    }
}
