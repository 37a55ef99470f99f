//! A night as metrics in the text format of Prometheus (Prometheus documentation, "Exposition formats"), for the textfile collector of the
//! node exporter. Pure: a night and the time in, text out.
//!
//! Each sample has the labels `suite` and `bench`, so that files of several nights may lie side by side. Times are seconds since
//! the Unix epoch, as such metrics have it.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    before::{self, Before},
    standing::{self, Runs},
    state::Night,
};
use crate::verdict::Verdict;

/// A metric: its samples, each with further labels.
struct Metric {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Metric {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Vec::new() }
    }

    fn of(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::new(name, help).with(Vec::new(), value)
    }

    fn with(mut self, labels: Vec<(&'static str, String)>, value: f64) -> Self {
        self.samples.push((labels, value));
        self
    }
}

/// The text for a night of this name, at this time.
pub fn render(name: &str, night: &Night, before: &Before, now_unix_ns: i64) -> String {
    let common = [("suite", night.plan.suite.as_str()), ("bench", night.plan.bench.as_str())];
    let mut out = String::new();
    for Metric { name, help, samples } in metrics(name, night, before, now_unix_ns) {
        // Writing to a String can not fail.
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} gauge", help.replace('\\', "\\\\").replace('\n', "\\n"));
        for (labels, value) in samples {
            let further = labels.iter().map(|(name, value)| (*name, value.as_str()));
            let labels =
                common.into_iter().chain(further).map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
            let _ = writeln!(out, "{name}{{{}}} {value}", labels.collect::<Vec<_>>().join(","));
        }
    }
    out
}

/// The value of a label: backslash, quote and line feed are escaped, and nothing else is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn metrics(name: &str, night: &Night, before: &Before, now_unix_ns: i64) -> Vec<Metric> {
    let (seconds, runs, outcomes) = (|unix_ns: i64| unix_ns as f64 / 1e9, Runs::of(night), night.outcomes());
    let end = night.closed.as_ref().map_or(now_unix_ns, |_| night.last_unix_ns);
    let is_over = night.closed.is_some();
    let left = if is_over { 0.0 } else { standing::left_of(night, now_unix_ns).as_secs_f64() };
    let info = vec![("night", name.to_owned()), ("version", night.plan.version.clone())];
    let mut all = vec![
        Metric::new("siprig_night_info", "The night that is told of, always 1.").with(info, 1.0),
        Metric::of(
            "siprig_night_running",
            "1 while the night goes on, 0 when it has come to its end.",
            if is_over { 0.0 } else { 1.0 },
        ),
        Metric::of(
            "siprig_night_start_timestamp_seconds",
            "When the night began, in seconds since the Unix epoch.",
            seconds(night.began_unix_ns),
        ),
        Metric::of(
            "siprig_night_last_sign_timestamp_seconds",
            "When the night gave its last sign of life, in seconds since the Unix epoch; no more than a minute old while it goes on.",
            seconds(now_unix_ns),
        ),
        Metric::of(
            "siprig_night_duration_seconds",
            "For how long the night has been going on, or went on.",
            seconds(end.saturating_sub(night.began_unix_ns)).max(0.0),
        ),
        Metric::of("siprig_night_remaining_seconds", "How long what is left of the night should take.", left),
    ];
    let states = [("done", runs.done), ("running", runs.running), ("waiting", runs.waiting), ("left", runs.left)];
    let of_runs = Metric::new(
        "siprig_night_runs",
        "Runs of the night by where they are; left are those that are not run in it any more.",
    );
    all.push(
        states
            .into_iter()
            .fold(of_runs, |metric, (state, count)| metric.with(vec![("state", state.to_owned())], count as f64)),
    );
    let mut cases: BTreeMap<[String; 3], usize> = BTreeMap::new();
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    let mut new = 0;
    for case in outcomes.iter().map(|outcome| &outcome.case) {
        let blame = case.blame.map_or("none".to_owned(), |blame| blame.to_string());
        *cases.entry([case.verdict.to_string(), blame, (!case.expected).to_string()]).or_default() += 1;
        if case.verdict == Verdict::RigError {
            *faults.entry(case.code.clone().unwrap_or_default()).or_default() += 1;
        }
        new += usize::from(before::breaks(case.verdict, case.expected) && before.is_new(case));
    }
    let of_cases = Metric::new(
        "siprig_night_cases",
        "Cases of the night by verdict and blame; known are those of which a known issue or a documented limit tells.",
    );
    all.push(cases.into_iter().fold(of_cases, |metric, ([verdict, blame, known], count)| {
        metric.with(vec![("verdict", verdict), ("blame", blame), ("known", known)], count as f64)
    }));
    all.push(Metric::of(
        "siprig_night_new_failures",
        "Cases that fail and did not do so in the nights before.",
        new as f64,
    ));
    let of_faults =
        Metric::new("siprig_night_rig_faults", "Cases without a verdict because of the rig, by what was wrong.");
    all.push(
        faults.into_iter().fold(of_faults, |metric, (code, count)| metric.with(vec![("code", code)], count as f64)),
    );
    all.push(Metric::of("siprig_night_parked_phones", "Phones that take no part any more.", night.parked.len() as f64));
    if let Some(closed) = &night.closed {
        all.push(Metric::of(
            "siprig_night_exit_code",
            "The exit code of the night, once it is over.",
            closed.exit.into(),
        ));
    }
    all.retain(|metric| !metric.samples.is_empty());
    all
}

#[cfg(test)]
mod tests;
