//! What a night would run, for people: the runs in their order, and how long they would take.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use super::told::{expected, length};
use crate::{
    config::Day,
    look::{harmless, width},
    nightly::{Estimate, Night, PlannedRun, budget},
};

/// The plan as text: what is still to be run, if it were today.
pub(super) fn render(night: &Night, today: &Day, budget: Option<Duration>) -> String {
    let mut out = String::new();
    // Writing to a String can not fail.
    let _ = write(&mut out, night, today, budget);
    out
}

fn write(out: &mut String, night: &Night, today: &Day, budget: Option<Duration>) -> fmt::Result {
    let plan = &night.plan;
    writeln!(out, "suite     {}", harmless(&plan.suite))?;
    writeln!(out, "bench     {}", harmless(&plan.bench))?;
    if !plan.surroundings.overrides.is_empty() {
        writeln!(out, "set       {}", harmless(&plan.surroundings.overrides.join(", ")))?;
    }
    for issue in plan.known_on(today) {
        writeln!(out, "known     {issue}, until {}: {}", issue.expires, harmless(&issue.reason))?;
    }
    for issue in plan.expired_on(today) {
        writeln!(out, "expired   {issue}, on {}, and excuses nothing: {}", issue.expires, harmless(&issue.reason))?;
    }
    if plan.preflight {
        writeln!(out, "preflight of all phones ahead, a minute at most")?;
    }
    if night.done() > 0 {
        writeln!(out, "done      {} of {} runs", night.done(), plan.runs.len())?;
    }
    let fitting = budget::fitting(night.waits(), budget);
    let estimated = |(at, run): (usize, &PlannedRun)| {
        let (run, attempts, _) = night.runs().nth(at).unwrap_or((run, &[], None));
        let next = night.next(run, attempts);
        (at, run.clone(), Estimate { time: run.share(&next.scenarios), ..run.estimate }, next)
    };
    let waiting: Vec<_> = night.waiting().map(estimated).collect();
    let of = |at: &usize| fitting.contains(at);
    let rows: Vec<[String; 4]> = waiting
        .iter()
        .map(|(at, run, estimate, next)| {
            let phones: Vec<&str> = next.phones.iter().map(|phone| phone.0.as_str()).collect();
            let time = if of(at) { expected(*estimate) } else { format!("left out; {}", expected(*estimate)) };
            [run.id.to_string(), phones.join(", "), run.priority.to_string(), time]
        })
        .collect();
    writeln!(out)?;
    let heading = ["run", "phones", "priority", "expected"].map(str::to_owned);
    let widest = |column: usize| {
        let cells = std::iter::once(&heading).chain(&rows).filter_map(|row| row.get(column));
        cells.map(|cell| width(cell)).max().unwrap_or_default()
    };
    let [first, second, third] = [widest(0), widest(1), widest(2)];
    for [run, phones, priority, time] in std::iter::once(&heading).chain(&rows) {
        writeln!(out, "{run:first$}  {phones:second$}  {priority:third$}  {time}")?;
    }
    let sum = |computed: bool| -> Duration {
        let of_kind = waiting.iter().filter(|(at, _, estimate, _)| of(at) && (estimate.of_runs == 0) == computed);
        of_kind.map(|(_, _, estimate, _)| estimate.time).sum()
    };
    let kept = waiting
        .iter()
        .filter(|(at, ..)| of(at))
        .flat_map(|(_, _, _, next)| next.scenarios.iter().map(|scenario| plan.cases_of(scenario, &next.phones).len()));
    let cases: usize = kept.sum();
    let parts = [(sum(false), "by what runs took before"), (sum(true), "at most, computed from the phones' timers")];
    let parts = parts.iter().filter(|(time, _)| !time.is_zero());
    let parts: Vec<String> = parts.map(|(time, how)| format!("{} {how}", length(*time))).collect();
    let parts = if parts.is_empty() { "no time".to_owned() } else { parts.join(", and ") };
    writeln!(out, "\n{} runs, {cases} cases: {parts}.", fitting.len())?;
    if let Some(budget) = budget.filter(|_| fitting.len() < waiting.len()) {
        let out_of = waiting.len() - fitting.len();
        let out_of = if out_of == 1 { "1 run is".to_owned() } else { format!("{out_of} runs are") };
        writeln!(out, "{out_of} left out unless others are quicker: the night may take {}.", length(budget))?;
    }
    writeln!(out, "Nothing was touched.")
}
