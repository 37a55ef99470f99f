//! Thousands of healthy benches on virtual time, each with its own timers, moments, delays, losses and transports: a
//! complaint about any of them is a fault of siprig. Prints what was run and every complaint, and how many were left
//! undecided because frames were lost where siprig can not see it; exit code 1 if there is a complaint.
//!
//! `cargo bench --bench healthy -- [RUNS] [SEED] [ONLY] [SCENARIO…]`; ONLY is the number of one run, whose journal is printed
//! as well. Where scenarios are named, only they are run.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use siprig::{
    config::load,
    rehearsal::{Rehearsal, cases, healthy},
    verdict::{Blame, Case, Verdict},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<u64>().ok());
    let runs = numbers.next().unwrap_or(2_000);
    let seed = numbers.next().unwrap_or(1);
    let only = numbers.next();
    let mut names = load::scenario_names(Path::new(load::RIG));
    // Nothing is judged in it, for half a day.
    names.retain(|name| name != "watch");
    if arguments.iter().any(|argument| names.contains(argument)) {
        names.retain(|name| arguments.contains(name));
    }
    let mut tally: BTreeMap<&str, Tally> = BTreeMap::new();
    for number in (0..runs).filter(|number| only.is_none_or(|only| only == *number)) {
        let drawn = seed.wrapping_mul(1_000_003).wrapping_add(number);
        let name = names[number as usize % names.len()].as_str();
        let scenario = match load::scenario(name, Path::new(load::RIG)) {
            Ok(scenario) => scenario,
            Err(error) => return refuse(&format!("{error:?}")),
        };
        let (description, weather) = match healthy::bench_for(&scenario, drawn) {
            Ok(bench) => bench,
            Err(error) => return refuse(&format!("{name}: {error}")),
        };
        let rehearsal = Rehearsal::new(&description, scenario, weather, |_| {}, |_| {});
        let records = match rehearsal.and_then(Rehearsal::run) {
            Ok(records) => records,
            Err(error) => return refuse(&format!("run {number}, {name}, bench {drawn}: {error}")),
        };
        if only.is_some() {
            records.iter().filter_map(|record| serde_json::to_string(record).ok()).for_each(|line| println!("{line}"));
        }
        let tally = tally.entry(name).or_default();
        tally.runs += 1;
        for case in cases(&records) {
            let (kind, told) = judged(case);
            *tally.cases.entry(kind).or_default() += 1;
            if told {
                println!(
                    "{kind}: run {number}, bench {drawn}: {} {:?} {:?}: {:?}\n    {:?} {weather:?}",
                    case.id, case.blame, case.code, case.reason, description.timers
                );
            }
        }
    }
    for (name, tally) in &tally {
        println!("{name}: {} runs, {:?}", tally.runs, tally.cases);
    }
    let complaints: u64 = tally.values().filter_map(|tally| tally.cases.get(COMPLAINT)).sum();
    let ran: u64 = tally.values().map(|tally| tally.runs).sum();
    println!("{ran} runs, seed {seed}: {complaints} complaints");
    if complaints == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the runs of a scenario came to.
#[derive(Default)]
struct Tally {
    runs: u64,
    cases: BTreeMap<&'static str, u64>,
}

const COMPLAINT: &str = "complaint";

/// What a verdict about a healthy line is, and whether it is worth a line.
fn judged(case: &Case) -> (&'static str, bool) {
    match (case.verdict, case.blame, case.code.as_deref()) {
        (Verdict::Pass, ..) => ("pass", false),
        (Verdict::Fail, _, Some("documented-limit")) if !case.expected => ("documented limit", false),
        // Codes log on and off at the first line of a phone alone.
        (Verdict::Skipped, _, Some("not-first-line")) => ("skipped", false),
        // What the loss of a last answer behind the bridge leaves undecided is held against nobody.
        (Verdict::RigError, Some(Blame::Unknown), _) => ("undecided", true),
        _ => (COMPLAINT, true),
    }
}

fn refuse(why: &str) -> ExitCode {
    println!("{why}");
    ExitCode::FAILURE
}
