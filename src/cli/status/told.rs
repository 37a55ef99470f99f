//! Where a night is, for people.

use std::{fmt::Write as _, path::Path, time::Duration};

use crate::{
    cli::nightly::told::{expected, length},
    look::harmless,
    nightly::{
        plan::Estimate,
        standing::{Goes, Point, Standing, Stands},
    },
};

/// So many cases of a kind are told, and the rest is counted.
const MOST: usize = 20;

/// The text.
pub(super) fn render(standing: &Standing, report_dir: &Path) -> String {
    let Some(night) = &standing.night else {
        return format!("no night in {}\n", harmless(&report_dir.to_string_lossy()));
    };
    let mut out = String::new();
    let mut line = |head: &str, text: &str| {
        // Writing to a String can not fail.
        let _ = writeln!(out, "{head:10} {}", harmless(text));
    };
    line("night", &night.night);
    line("suite", &format!("{} on the bench {}", night.suite, night.bench));
    line("state", &state(night));
    line("runs", &runs(night));
    if let Some(flight) = &night.in_flight {
        let phones: Vec<&str> = flight.phones.iter().map(|phone| phone.0.as_str()).collect();
        let estimate = Estimate { time: Duration::from_millis(flight.expected_ms), of_runs: flight.of_runs };
        let since = span(flight.since_ms);
        let again = if flight.attempt > 1 { format!(", attempt {}", flight.attempt) } else { String::new() };
        line(
            "in flight",
            &format!("{}{again} on {}, since {since}; {}", flight.run, phones.join(", "), expected(estimate)),
        );
        line("", flight.doing.as_deref().unwrap_or("it told nothing yet"));
    }
    let counts: Vec<String> = night.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    line("cases", &counts.join(", "));
    if !night.failed.is_empty() {
        let since = night
            .compared_with
            .as_deref()
            .map_or("there is no night before".to_owned(), |night| format!("new since {night}"));
        line("", &since);
    }
    cases(&mut line, "new", night.failed.iter().filter(|point| point.new));
    cases(&mut line, "failed", night.failed.iter().filter(|point| !point.new));
    cases(&mut line, "rig fault", night.rig_faults.iter());
    for parked in &night.parked {
        line("parked", &format!("{}: {}", parked.phone, parked.why));
    }
    line("directory", &night.directory);
    out
}

fn state(night: &Stands) -> String {
    let silent = span(night.silent_ms);
    match night.state {
        Goes::Running => format!("it goes on, since {}; its last sign of life is {silent} old", span(night.since_ms)),
        Goes::Over => {
            let by = night.stopped_by.as_deref().map(|by| format!(", ended by {by}")).unwrap_or_default();
            format!("over since {silent}, exit code {}{by}", night.exit.unwrap_or_default())
        }
        Goes::CutOff => {
            format!("cut off {silent} ago, and nobody goes on with it: siprig nightly --resume {}", night.night)
        }
    }
}

fn runs(night: &Stands) -> String {
    let runs = night.runs;
    let mut text = format!("{} of {} done", runs.done, runs.all);
    for (count, what) in [(runs.running, "in flight"), (runs.waiting, "to go"), (runs.left, "left")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    if let (Some(left), Some(over)) = (night.left_ms, &night.over_at) {
        text += &format!("; {} to go, over at {over}", span(left));
    }
    text
}

fn cases<'a>(line: &mut impl FnMut(&str, &str), head: &str, points: impl Iterator<Item = &'a Point>) {
    let points: Vec<&Point> = points.collect();
    for point in points.iter().take(MOST) {
        let blame = point.blame.map(|blame| format!("{blame}, ")).unwrap_or_default();
        let code = point.code.as_deref().unwrap_or("pass");
        let reason = point.reason.as_deref().unwrap_or("no reason was given");
        line(head, &format!("{}: {blame}{code}: {reason} ({})", point.id, point.run));
    }
    if points.len() > MOST {
        line(head, &format!("and {} more", points.len() - MOST));
    }
}

fn span(ms: u64) -> String {
    length(Duration::from_millis(ms))
}
