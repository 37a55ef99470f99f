//! Checks of a phone model, laid over the one that it extends.

use std::{collections::BTreeMap, time::Duration};

use toml::Spanned;

use super::{Findings, LONGEST, keys, plain, witness};
use crate::config::{
    model::{
        Dialect, FailbackHabit, LoginDialogue, Model, RegistrationHabit, RenewalLead, Sign, Source, Timer, Timers,
    },
    raw,
};

/// Pauses in typing that make sense.
const PAUSES: (Duration, Duration) = (Duration::from_micros(10), Duration::from_secs(1));

/// What means on every console that something crashed or began anew, whatever else its model knows: the kernel's own words
/// (`panic` in kernel/panic.c, `die` on several architectures, the watchdogs in kernel/watchdog.c), those of its restart
/// (kernel/reboot.c), and the banners of boot loaders.
const ALWAYS_FATAL: [&str; 6] = [
    r"\bKernel panic\b",
    r"\b(?:Internal error: )?Oops(?: - |: )",
    r"(?i)\bwatchdog: (?:BUG|hard lockup|soft lockup)|\bwatchdog (?:reset|timeout|expired)\b",
    r"\bRebooting in \d+ seconds",
    r"^\[ *\d+\.\d+\] reboot: Restarting system",
    r"^U-Boot (?:SPL )?20\d\d\.",
];

/// The checked model; it is worth nothing if there are findings.
pub(in crate::config) fn model(raw: &raw::Model, base: Option<Model>, findings: &mut Findings<'_>) -> Model {
    let name = findings.required(raw.name.as_ref(), 0..0, "the model has no name", "add `name = \"…\"` on top");
    let name = name.and_then(|name| findings.name(name)).unwrap_or_default();
    let base = base.unwrap_or_else(Model::unknown);
    let known = keys::Keys::of(raw, &base, findings);
    let (failback, keeps_both) = registration(raw, &base, findings);
    Model {
        title: plain(&raw.title).unwrap_or_else(|| name.clone()),
        name,
        timers: timers(&raw.timers, base.timers, findings),
        failback,
        keeps_both,
        keep_alive: match &raw.keep_alive {
            Some(raw) => keep_alive(raw, findings),
            None => base.keep_alive,
        },
        console: match &raw.console {
            Some(raw) => Some(dialect(raw.get_ref(), base.console, findings)),
            None => base.console,
        },
        status_page: match &raw.status_page {
            Some(raw) => witness::status_page(raw, base.status_page, findings),
            None => base.status_page,
        },
        syslog: match &raw.syslog {
            Some(raw) => Some(witness::syslog_dialect(raw, base.syslog, findings)),
            None => base.syslog,
        },
        menus: known.menus(raw, base.menus, findings),
        keys: known.wired,
        unwired: known.unwired,
        xml_names: known.xml_names,
        xml_keys: known.xml_keys,
        key_url: raw.key_url.as_ref().and_then(|raw| keys::url(raw, findings)).or(base.key_url),
        url_keys: known.url,
        typed_keys: known.typed,
        key_codes: known.codes,
        confirmed_by: raw.confirmed_by.as_ref().map_or(base.confirmed_by, |signs| {
            signs.iter().filter_map(|sign| findings.word(sign, "sign that a key arrived", &Sign::WORDS)).collect()
        }),
        pressing: keys::pressing(&raw.pressing, base.pressing, findings),
        groups: known.groups,
        assignable: keys::assignable(raw.assignable.as_ref(), base.assignable, findings),
    }
}

/// The word `registration` stands for a pair of the two habits, which may also be given by themselves.
fn registration(raw: &raw::Model, base: &Model, findings: &mut Findings<'_>) -> (FailbackHabit, bool) {
    let words = [
        ("serial", RegistrationHabit::Serial),
        ("concurrent", RegistrationHabit::Concurrent),
        ("keep-alive", RegistrationHabit::KeepAlive),
    ];
    let word = raw.registration.as_ref();
    let habit = word.and_then(|word| findings.word(word, "habit of registering", &words));
    let given = raw.failback.as_ref().and_then(|habit| failback(habit.get_ref(), findings));
    let keeps = raw.keeps_both.as_ref().map(|keeps| *keeps.get_ref());
    let (implied, implied_keeps) = match habit {
        Some(RegistrationHabit::Serial) => (FailbackHabit::Renewal, false),
        Some(RegistrationHabit::Concurrent) => (base.failback, true),
        Some(RegistrationHabit::KeepAlive) => (base.failback, false),
        None => (base.failback, base.keeps_both),
    };
    let found = (given.unwrap_or(implied), keeps.unwrap_or(implied_keeps));
    if let (Some(habit), Some(word)) = (habit, word) {
        let (message, help) = match (habit, found) {
            (RegistrationHabit::Serial, (FailbackHabit::Poll(_), _)) => {
                ("a phone that registers serially does not poll", "write `registration = \"keep-alive\"`")
            }
            (RegistrationHabit::Serial | RegistrationHabit::KeepAlive, (_, true)) => {
                ("a phone at one server at a time keeps no two registrations", "write `registration = \"concurrent\"`")
            }
            (RegistrationHabit::Concurrent, (_, false)) => {
                ("a phone that registers concurrently keeps both registrations", "remove `keeps-both = false`")
            }
            (RegistrationHabit::KeepAlive, (FailbackHabit::Renewal, _)) => (
                "it is not said how often the phone looks whether the primary is back",
                "add `failback = { poll = \"2m\" }`",
            ),
            _ => return found,
        };
        findings.at(word.span(), message, help);
    }
    found
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
    raw.and_then(|raw| known_timer(raw, findings, read)).unwrap_or(base)
}

/// The interval of keep-alives, which many phones do not have.
fn keep_alive(raw: &Spanned<raw::ModelTimer>, findings: &mut Findings<'_>) -> Option<Timer<Duration>> {
    known_timer(raw, findings, |findings, text| findings.duration(text, (Duration::from_secs(1), LONGEST)))
}

/// A value and how it is known.
fn known_timer<T>(
    raw: &Spanned<raw::ModelTimer>,
    findings: &mut Findings<'_>,
    read: impl Fn(&mut Findings<'_>, &Spanned<String>) -> Option<T>,
) -> Option<Timer<T>> {
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
    Some(Timer { value: value?, source: source? })
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
        identity_command: None,
        mac: None,
        firmware: None,
        registered: None,
        unregistered: None,
        gave_up: None,
        key: None,
        status_shown: None,
        shown_account: None,
        display: None,
        lamp: None,
        local_settings: None,
        booting: None,
        ready: None,
        fatal: Vec::new(),
        byte_gap: None,
        quiet_before_typing: None,
        login: None,
        commands: BTreeMap::new(),
        says: BTreeMap::new(),
    });
    let mut says = base.says;
    for (name, pattern) in &raw.says {
        says.extend(findings.pattern(&Some(pattern.clone()), &[]).map(|pattern| (name.clone(), pattern)));
    }
    let mut commands = base.commands;
    for (name, text) in &raw.commands {
        if text.get_ref().is_empty() || text.get_ref().contains(['\r', '\n']) {
            findings.at(text.span(), format!("the command `{name}` is no line"), "write one line without its ending");
        }
        commands.insert(name.clone(), text.get_ref().clone());
    }
    let login = raw.login.as_ref().and_then(|raw| login(raw, findings)).or(base.login);
    let mut fatal: Vec<String> = raw.fatal.as_ref().map_or(base.fatal, |patterns| {
        patterns.iter().filter_map(|pattern| findings.pattern(&Some(pattern.clone()), &[])).collect()
    });
    for pattern in ALWAYS_FATAL {
        if !fatal.iter().any(|known| known == pattern) {
            fatal.push(pattern.to_owned());
        }
    }
    let mut pause = |text: &raw::Text| text.as_ref().and_then(|text| findings.duration(text, PAUSES));
    let (byte_gap, quiet) = (pause(&raw.byte_gap), pause(&raw.quiet_before_typing));
    Dialect {
        line_ending: plain(&raw.line_ending).unwrap_or(base.line_ending),
        prompt: findings.pattern(&raw.prompt, &[]).or(base.prompt),
        status_command: plain(&raw.status_command).or(base.status_command),
        identity_command: plain(&raw.identity_command).or(base.identity_command),
        mac: findings.pattern(&raw.mac, &["mac"]).or(base.mac),
        firmware: findings.pattern(&raw.firmware, &["firmware"]).or(base.firmware),
        registered: findings.pattern(&raw.registered, &["extension", "server"]).or(base.registered),
        unregistered: findings.pattern(&raw.unregistered, &["extension"]).or(base.unregistered),
        gave_up: findings.pattern(&raw.gave_up, &["extension", "server"]).or(base.gave_up),
        key: findings.pattern(&raw.key, &["key"]).or(base.key),
        status_shown: findings.pattern(&raw.status_shown, &[]).or(base.status_shown),
        shown_account: findings.pattern(&raw.shown_account, &["extension", "server"]).or(base.shown_account),
        display: findings.pattern(&raw.display, &["text"]).or(base.display),
        lamp: findings.pattern(&raw.lamp, &[]).or(base.lamp),
        local_settings: findings.pattern(&raw.local_settings, &["count"]).or(base.local_settings),
        booting: findings.pattern(&raw.booting, &[]).or(base.booting),
        ready: findings.pattern(&raw.ready, &[]).or(base.ready),
        fatal,
        byte_gap: byte_gap.or(base.byte_gap),
        quiet_before_typing: quiet.or(base.quiet_before_typing),
        login,
        commands,
        says,
    }
}

fn login(raw: &Spanned<raw::Login>, findings: &mut Findings<'_>) -> Option<LoginDialogue> {
    let help = "add `user-prompt = '\\blogin: $'`";
    findings.required(raw.get_ref().user_prompt.as_ref(), raw.span(), "the login dialogue has no prompt", help)?;
    Some(LoginDialogue {
        user_prompt: findings.pattern(&raw.get_ref().user_prompt, &[])?,
        password_prompt: findings.pattern(&raw.get_ref().password_prompt, &[]),
        user: plain(&raw.get_ref().user),
    })
}
