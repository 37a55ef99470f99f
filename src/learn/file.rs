//! The model file of what was learnt. It extends the model that it was begun from and says each timer, with its source: what was
//! measured by its value, and what was not as that model has it, with the reason in a comment.

use std::{fmt::Write as _, time::Duration};

use super::{
    Known, Learnt, Measured,
    text::{exactly, millis, seconds, sentences, source},
    value::often,
};
use crate::{
    config::{FailbackHabit, RenewalLead, Source, Timer},
    look::harmless,
};

/// The widest line of a comment.
const WIDTH: usize = 120;

/// The file of a model of that name. `extends` is the model that it was begun from, as the file can find it.
pub fn write(learnt: &Learnt, name: &str, extends: &str) -> String {
    let mut text = String::new();
    let agents: Vec<String> = learnt.agents.iter().map(|agent| harmless(agent)).collect();
    let title = agents.first().cloned().unwrap_or_else(|| learnt.model.title.clone());
    comment(
        &mut text,
        &format!(
            "Learnt of phone {} by `siprig phone learn` from the run {}, and begun from the model {}. What is `measured` was \
             seen in that run; all else is as that model has it.",
            learnt.phone,
            harmless(&learnt.run),
            harmless(&learnt.model_name)
        ),
    );
    if !agents.is_empty() {
        comment(&mut text, &format!("It calls itself: {}.", agents.join("; ")));
    }
    let mut about = sentences(learnt);
    // What is about one timer stands beside it.
    about.retain(|sentence| sentence.starts_with(|first: char| first.is_uppercase()));
    for sentence in about {
        comment(&mut text, &sentence);
    }
    // Writing to a String can not fail.
    let _ = writeln!(text, "\nname = {}", quoted(name));
    let _ = writeln!(text, "extends = {}", quoted(extends));
    let _ = writeln!(text, "title = {}", quoted(&title));
    failback(&mut text, learnt);
    text.push_str("\n[timers]\n");
    let timers = &learnt.model.timers;
    expires(&mut text, learnt);
    timer(&mut text, "transaction", &learnt.one_transaction(), &timers.transaction, written);
    timer(&mut text, "renewal-lead", &learnt.renewal_lead, &timers.renewal_lead, lead);
    timer(&mut text, "retry-timeout", &learnt.retry_timeout, &timers.retry_timeout, written);
    timer(&mut text, "retry-rejected", &learnt.retry_rejected, &timers.retry_rejected, written);
    text
}

fn failback(text: &mut String, learnt: &Learnt) {
    text.push('\n');
    match &learnt.failback {
        Known::Measured(measured) => {
            comment(text, &how(measured));
            let _ = match measured.value {
                FailbackHabit::Renewal => writeln!(text, "failback = \"renewal\""),
                FailbackHabit::Poll(pause) => writeln!(text, "failback = {{ poll = {} }}", quoted(&written(pause))),
            };
        }
        Known::Unknown(why) => {
            comment(
                text,
                &format!("What makes it go back was not measured: {why}. It is as {} has it.", learnt.model_name),
            );
        }
    }
}

/// A lifetime that is not longer than the renewal lead of the model can not stand beside it.
fn expires(text: &mut String, learnt: &Learnt) {
    let timers = &learnt.model.timers;
    let lead = learnt.renewal_lead.measured().map_or(timers.renewal_lead.value, |lead| lead.value);
    match (&learnt.expires, lead) {
        (Known::Measured(measured), RenewalLead::Span(lead)) if lead >= measured.value => {
            let why = format!(
                "it asked for {}, which is no longer than the renewal lead of {} that the model has",
                seconds(measured.value),
                seconds(lead)
            );
            timer(text, "expires", &Known::Unknown(why), &timers.expires, written);
        }
        (known, _) => timer(text, "expires", known, &timers.expires, written),
    }
}

fn timer<T: Copy>(text: &mut String, name: &str, known: &Known<T>, model: &Timer<T>, show: fn(T) -> String) {
    let (value, from) = match known {
        Known::Measured(measured) => {
            comment(text, &how(measured));
            (measured.value, Source::Measured)
        }
        Known::Unknown(why) => {
            comment(text, &format!("Not measured, and as the model has it: {why}."));
            (model.value, model.source)
        }
    };
    let _ = writeln!(text, "{name} = {{ value = {}, source = {} }}", quoted(&show(value)), quoted(source(from)));
}

/// How often and how exactly something was measured.
fn how<T>(measured: &Measured<T>) -> String {
    let mut said = format!("Measured {}", often(measured.times));
    if let Some((least, most)) = measured.spread.filter(|(least, most)| least != most) {
        let _ = write!(said, ", {} to {}", exactly(least), exactly(most));
    }
    if !measured.error.is_zero() {
        let _ = write!(said, ", each ± {} ms", millis(measured.error));
    }
    if !measured.note.is_empty() {
        let _ = write!(said, "; {}", measured.note);
    }
    said + "."
}

fn written(span: Duration) -> String {
    crate::config::duration::show(span).to_string()
}

fn lead(lead: RenewalLead) -> String {
    match lead {
        RenewalLead::Span(span) => written(span),
        RenewalLead::Percent(percent) => format!("{percent}%"),
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A comment, broken into lines.
fn comment(text: &mut String, said: &str) {
    let mut line = "#".to_owned();
    for word in said.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            text.push_str(&line);
            text.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
