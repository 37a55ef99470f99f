//! Checks of a phone model, laid over the one that it extends.

use std::{collections::BTreeMap, time::Duration};

use toml::Spanned;

use super::{Findings, LONGEST, plain, suggest};
use crate::{
    config::{
        model::{Dialect, FailbackHabit, Model, RenewalLead, Source, Timer, Timers},
        raw,
    },
    event::KeyName,
};

/// The checked model; it is worth nothing if there are findings.
pub(in crate::config) fn model(raw: &raw::Model, base: Option<Model>, findings: &mut Findings<'_>) -> Model {
    let name = findings.required(raw.name.as_ref(), 0..0, "the model has no name", "add `name = \"…\"` on top");
    let name = name.and_then(|name| findings.name(name)).unwrap_or_default();
    let base = base.unwrap_or_else(unknown_phone);
    let mut keys = base.keys;
    for (key, position) in &raw.keys {
        if !is_position(position.get_ref()) {
            let message = format!("`{}` is no position in a key matrix", position.get_ref());
            findings.at(position.span(), message, "write row and column, as `3.1`, each between 0 and 31");
        }
        keys.insert(KeyName(key.clone()), position.get_ref().clone());
    }
    let menus = menus(raw, base.menus, &keys, findings);
    Model {
        title: plain(&raw.title).unwrap_or_else(|| name.clone()),
        name,
        timers: timers(&raw.timers, base.timers, findings),
        failback: raw
            .failback
            .as_ref()
            .map_or(Some(base.failback), |habit| failback(habit.get_ref(), findings))
            .unwrap_or(FailbackHabit::Renewal),
        keeps_both: raw.keeps_both.unwrap_or(base.keeps_both),
        console: match &raw.console {
            Some(raw) => Some(dialect(raw.get_ref(), base.console, findings)),
            None => base.console,
        },
        keys,
        menus,
    }
}

/// What a model that extends nothing starts from. Its timers are those that RFC 3261 implies, and known to nobody.
fn unknown_phone() -> Model {
    const fn assumed<T>(value: T) -> Timer<T> {
        Timer { value, source: Source::Assumed }
    }
    Model {
        name: String::new(),
        title: String::new(),
        timers: Timers {
            // RFC 3261 section 10.2.1.1: an hour, where the registrar chooses.
            expires: assumed(Duration::from_secs(3600)),
            // RFC 3261 section 17.1.2.2: timer F, 64 × T1.
            transaction: assumed(Duration::from_secs(32)),
            renewal_lead: assumed(RenewalLead::Percent(10.0)),
            retry_timeout: assumed(Duration::from_secs(120)),
            retry_rejected: assumed(Duration::from_secs(1800)),
        },
        failback: FailbackHabit::Renewal,
        keeps_both: false,
        console: None,
        keys: BTreeMap::new(),
        menus: BTreeMap::new(),
    }
}

/// `row.column`, both small numbers.
fn is_position(text: &str) -> bool {
    let small = |digits: &str| digits.parse::<u8>().is_ok_and(|number| number < 32);
    text.split_once('.').is_some_and(|(row, column)| small(row) && small(column))
}

fn menus(
    raw: &raw::Model,
    mut menus: BTreeMap<String, Vec<KeyName>>,
    keys: &BTreeMap<KeyName, String>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, Vec<KeyName>> {
    let known: Vec<_> = keys.keys().map(|key| key.0.as_str()).collect();
    for (menu, sequence) in &raw.menus {
        for key in sequence.get_ref() {
            if !known.contains(&key.get_ref().as_str()) {
                let message =
                    format!("the menu `{menu}` needs a key `{}`, which the model does not have", key.get_ref());
                findings.at(key.span(), message, suggest(key.get_ref(), &known));
            }
        }
        if sequence.get_ref().is_empty() {
            findings.at(sequence.span(), format!("the menu `{menu}` has no keys"), "list keys of [keys], or remove it");
        }
        menus.insert(menu.clone(), sequence.get_ref().iter().map(|key| KeyName(key.get_ref().clone())).collect());
    }
    menus
}

fn timers(raw: &raw::ModelTimers, base: Timers, findings: &mut Findings<'_>) -> Timers {
    let span = |findings: &mut Findings<'_>, text: &Spanned<String>| {
        findings.duration(text, (Duration::from_millis(10), LONGEST))
    };
    let timers = Timers {
        expires: timer(raw.expires.as_ref(), base.expires, findings, span),
        transaction: timer(raw.transaction.as_ref(), base.transaction, findings, span),
        renewal_lead: timer(raw.renewal_lead.as_ref(), base.renewal_lead, findings, |findings, text| {
            findings.lead(text)
        }),
        retry_timeout: timer(raw.retry_timeout.as_ref(), base.retry_timeout, findings, span),
        retry_rejected: timer(raw.retry_rejected.as_ref(), base.retry_rejected, findings, span),
    };
    if let Some(lead) = raw.renewal_lead.as_ref()
        && let RenewalLead::Span(span) = timers.renewal_lead.value
        && span >= timers.expires.value
    {
        findings.at(lead.span(), "the renewal lead is not shorter than the expiry", "a phone renews before expiry");
    }
    timers
}

fn timer<T>(
    raw: Option<&Spanned<raw::ModelTimer>>,
    base: Timer<T>,
    findings: &mut Findings<'_>,
    read: impl Fn(&mut Findings<'_>, &Spanned<String>) -> Option<T>,
) -> Timer<T> {
    let Some(raw) = raw else { return base };
    let (span, raw) = (raw.span(), raw.get_ref());
    let sources = [("manual", Source::Manual), ("measured", Source::Measured), ("assumed", Source::Assumed)];
    let value = findings
        .required(
            raw.value.as_ref(),
            span.clone(),
            "the timer has no value",
            "write `{ value = \"4s\", source = \"manual\" }`",
        )
        .and_then(|value| read(findings, value));
    let source = findings
        .required(
            raw.source.as_ref(),
            span,
            "the timer does not say how it is known",
            "add `source = \"manual\"`, `\"measured\"` or `\"assumed\"`",
        )
        .and_then(|source| findings.word(source, "source of a timer", &sources));
    match (value, source) {
        (Some(value), Some(source)) => Timer { value, source },
        _ => base,
    }
}

fn failback(raw: &raw::Failback, findings: &mut Findings<'_>) -> Option<FailbackHabit> {
    match raw {
        raw::Failback::Renewal => Some(FailbackHabit::Renewal),
        raw::Failback::Poll(interval) => {
            findings.duration(interval, (Duration::from_millis(100), LONGEST)).map(FailbackHabit::Poll)
        }
    }
}

fn dialect(raw: &raw::Dialect, base: Option<Dialect>, findings: &mut Findings<'_>) -> Dialect {
    let base = base.unwrap_or_else(|| Dialect {
        line_ending: "\r\n".to_owned(),
        prompt: None,
        status_command: None,
        registered: None,
        unregistered: None,
        gave_up: None,
        key: None,
        status_shown: None,
        fatal: Vec::new(),
    });
    let fatal = raw
        .fatal
        .as_ref()
        .map(|patterns| patterns.iter().filter_map(|pattern| findings.pattern(&Some(pattern.clone()), &[])).collect());
    Dialect {
        line_ending: plain(&raw.line_ending).unwrap_or(base.line_ending),
        prompt: findings.pattern(&raw.prompt, &[]).or(base.prompt),
        status_command: plain(&raw.status_command).or(base.status_command),
        registered: findings.pattern(&raw.registered, &["extension", "server"]).or(base.registered),
        unregistered: findings.pattern(&raw.unregistered, &["extension"]).or(base.unregistered),
        gave_up: findings.pattern(&raw.gave_up, &["extension", "server"]).or(base.gave_up),
        key: findings.pattern(&raw.key, &["key"]).or(base.key),
        status_shown: findings.pattern(&raw.status_shown, &[]).or(base.status_shown),
        fatal: fatal.unwrap_or(base.fatal),
    }
}
