//! What was learnt, for people: a line for each timer, and what is no timer in sentences.

use std::{fmt::Write as _, time::Duration};

use super::{
    Known, Learnt, Noticing,
    value::{is_same, often},
};
use crate::{
    config::{FailbackHabit, RenewalLead, Source, Timer},
    look::harmless,
};

/// A line of the table.
struct Row {
    name: String,
    value: String,
    times: String,
    spread: String,
    error: String,
    source: &'static str,
    model: String,
}

/// The table and the sentences.
pub fn render(learnt: &Learnt) -> String {
    let mut text = String::new();
    // Writing to a String can not fail.
    let _ = writeln!(text, "phone {}, model {}, by the run {}", learnt.phone, harmless(&learnt.model_name), learnt.run);
    for agent in &learnt.agents {
        let _ = writeln!(text, "it calls itself {}", harmless(agent));
    }
    text.push('\n');
    let rows = rows(learnt);
    let head = ["timer", "value", "times", "from … to", "error", "source", "the model says"].map(str::to_owned);
    let cells: Vec<[String; 7]> = std::iter::once(head).chain(rows.into_iter().map(Row::cells)).collect();
    let widths: Vec<usize> =
        (0..7).map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &cells {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text.push('\n');
    for sentence in sentences(learnt) {
        let _ = writeln!(text, "{sentence}");
    }
    text
}

impl Row {
    fn cells(self) -> [String; 7] {
        [self.name, self.value, self.times, self.spread, self.error, self.source.to_owned(), self.model]
    }
}

fn rows(learnt: &Learnt) -> Vec<Row> {
    let timers = &learnt.model.timers;
    let mut rows = vec![
        row("expires", &learnt.expires, &timers.expires, seconds, is_same),
        row("renewal-lead", &learnt.renewal_lead, &timers.renewal_lead, lead, same_lead),
    ];
    for (transport, known) in &learnt.transaction {
        let name = format!("transaction ({transport})");
        rows.push(row(&name, known, &timers.transaction, seconds, is_same));
    }
    rows.push(row("retry-timeout", &learnt.retry_timeout, &timers.retry_timeout, seconds, is_same));
    rows.push(row("retry-rejected", &learnt.retry_rejected, &timers.retry_rejected, seconds, is_same));
    // A model does not say where its habit is from.
    let habit = Timer { value: learnt.model.failback, source: Source::Assumed };
    let mut failback = row("failback", &learnt.failback, &habit, habit_words, same_habit);
    failback.source = if learnt.failback.is_measured() { "measured" } else { "the model" };
    failback.model = failback.model.replace(" (assumed)", "");
    rows.push(failback);
    rows
}

fn row<T: Copy>(name: &str, known: &Known<T>, model: &Timer<T>, show: fn(T) -> String, same: fn(T, T) -> bool) -> Row {
    let says = format!("{} ({})", show(model.value), source(model.source));
    match known {
        Known::Measured(measured) => Row {
            name: name.to_owned(),
            value: show(measured.value),
            times: measured.times.to_string(),
            spread: measured.spread.map_or_else(String::new, |(least, most)| {
                if least == most { String::new() } else { format!("{} … {}", exactly(least), exactly(most)) }
            }),
            error: if measured.error.is_zero() { String::new() } else { format!("± {} ms", millis(measured.error)) },
            source: "measured",
            model: if same(measured.value, model.value) {
                format!("the same ({})", source(model.source))
            } else {
                says
            },
        },
        Known::Unknown(_) => Row {
            name: name.to_owned(),
            value: show(model.value),
            times: String::new(),
            spread: String::new(),
            error: String::new(),
            source: source(model.source),
            model: "not measured".to_owned(),
        },
    }
}

/// What is no timer, and what was not measured, with the reason.
pub(super) fn sentences(learnt: &Learnt) -> Vec<String> {
    let mut list = Vec::new();
    if let Known::Measured(noticing) = &learnt.noticing {
        let (when, times) = (noticing.value, often(noticing.times));
        let mut sentence = match when {
            Noticing::AtRenewal => format!("It notices that its server is gone with its next renewal (seen {times})"),
            Noticing::Before(after) => {
                format!(
                    "It notices that its server is gone before its renewal, {} later (seen {times})",
                    seconds(after)
                )
            }
        };
        if !noticing.note.is_empty() {
            let _ = write!(sentence, "; {}", noticing.note);
        }
        list.push(sentence + ".");
    }
    let probing = &learnt.probing;
    for probe in &probing.probes {
        let pause =
            probe.pause.measured().map_or_else(String::new, |it| format!(", {} after the last", seconds(it.value)));
        list.push(format!(
            "On its backup it asks for its primary by {}{pause} (seen {}).",
            probe.how,
            often(probe.times)
        ));
    }
    if probing.renewals > 0 {
        list.push(format!("On its backup its renewals begin at the primary (seen {}).", often(probing.renewals)));
    }
    if !probing.away.is_zero() && probing.probes.is_empty() {
        list.push(format!(
            "On its backup it was for {} s, and was not seen to ask for its primary by anything else; what it does less often \
             would not have shown.",
            probing.away.as_secs()
        ));
    }
    for away in &learnt.turned_away {
        let when = if away.after.is_zero() { "at once".to_owned() } else { format!("{} later", seconds(away.after)) };
        list.push(format!("Turned away with {} it asked server {} {when}.", away.code, away.then));
    }
    list.extend(notes(learnt));
    list
}

fn notes(learnt: &Learnt) -> Vec<String> {
    let mut list = Vec::new();
    note("expires", &learnt.expires, &mut list);
    note("renewal-lead", &learnt.renewal_lead, &mut list);
    for (transport, known) in &learnt.transaction {
        note(&format!("transaction ({transport})"), known, &mut list);
    }
    note("retry-timeout", &learnt.retry_timeout, &mut list);
    note("retry-rejected", &learnt.retry_rejected, &mut list);
    note("failback", &learnt.failback, &mut list);
    list
}

fn note<T>(name: &str, known: &Known<T>, list: &mut Vec<String>) {
    match known {
        Known::Measured(measured) if measured.note.is_empty() => {}
        Known::Measured(measured) => list.push(format!("{name}: {}.", measured.note)),
        Known::Unknown(why) => list.push(format!("{name} was not measured: {why}.")),
    }
}

/// `4 s`, `2.998 s`.
pub(super) fn seconds(span: Duration) -> String {
    let text = format!("{:.3}", span.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// To a tenth of a millisecond.
pub(super) fn exactly(span: Duration) -> String {
    format!("{:.4} s", span.as_secs_f64())
}

/// In milliseconds, to a microsecond that is never rounded down.
pub(super) fn millis(span: Duration) -> String {
    let micros = span.as_nanos().div_ceil(1000);
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

fn lead(lead: RenewalLead) -> String {
    match lead {
        RenewalLead::Span(span) => seconds(span),
        RenewalLead::Percent(percent) => format!("{percent}%"),
    }
}

fn same_lead(one: RenewalLead, other: RenewalLead) -> bool {
    match (one, other) {
        (RenewalLead::Span(one), RenewalLead::Span(other)) => is_same(one, other),
        (RenewalLead::Percent(one), RenewalLead::Percent(other)) => (one - other).abs() <= one.max(other) / 20.0,
        _ => false,
    }
}

fn habit_words(habit: FailbackHabit) -> String {
    match habit {
        FailbackHabit::Renewal => "renewal".to_owned(),
        FailbackHabit::Poll(pause) => format!("poll {}", seconds(pause)),
    }
}

fn same_habit(one: FailbackHabit, other: FailbackHabit) -> bool {
    match (one, other) {
        (FailbackHabit::Poll(one), FailbackHabit::Poll(other)) => is_same(one, other),
        _ => one == other,
    }
}

pub(super) fn source(source: Source) -> &'static str {
    match source {
        Source::Configured => "configured",
        Source::Manual => "manual",
        Source::Measured => "measured",
        Source::Assumed => "assumed",
    }
}
