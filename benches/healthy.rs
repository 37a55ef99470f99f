//! Thousands of healthy benches on virtual time, each with its own timers, moments, delays, losses and transports: a
//! complaint about any of them is a fault of siprig. Prints what was run and every complaint, and how many were left
//! undecided because frames were lost where siprig can not see it; exit code 1 if there is a complaint.
//!
//! `cargo bench --bench healthy -- [RUNS] [SEED] [ONLY]`; ONLY is the number of one run, whose journal is printed as well.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

use siprig::{
    config::load,
    rehearsal::{Rehearsal, Weather, cases},
    verdict::{Blame, Verdict},
    virtual_bench::{Description, phone::Transport, random::Random},
};

/// The scenarios of registration. Those of calls and log-ons are left out: what a lost frame does to a call is not told
/// from what a phone does yet.
const SCENARIOS: [&str; 5] = ["baseline", "both-away", "failover", "flapping", "settling"];

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let runs = numbers.next().unwrap_or(2_000);
    let seed = numbers.next().unwrap_or(1);
    let only = numbers.next();
    let mut verdicts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut complaints, mut undecided) = (0u64, 0u64);
    for number in (0..runs).filter(|number| only.is_none_or(|only| only == *number)) {
        let mut dice = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let (description, weather) = bench(&mut dice);
        let name = SCENARIOS[number as usize % SCENARIOS.len()];
        let scenario = match load::scenario(name, Path::new(load::RIG)) {
            Ok(scenario) => scenario,
            Err(error) => return refuse(&format!("{error:?}")),
        };
        let rehearsal = Rehearsal::new(&description, scenario, weather, |_| {}, |_| {});
        let records = match rehearsal.and_then(Rehearsal::run) {
            Ok(records) => records,
            Err(error) => return refuse(&format!("run {number}: {error}")),
        };
        if only.is_some() {
            records.iter().filter_map(|record| serde_json::to_string(record).ok()).for_each(|line| println!("{line}"));
        }
        for case in cases(&records) {
            *verdicts.entry(case.verdict.to_string()).or_default() += 1;
            // What the loss of a last answer behind the bridge leaves undecided is held against nobody.
            undecided += u64::from(case.verdict == Verdict::RigError && case.blame == Some(Blame::Unknown));
            if !matches!(case.verdict, Verdict::Pass | Verdict::RigError) || case.blame == Some(Blame::Rig) {
                complaints += 1;
                let (code, reason) = (case.code.as_deref(), case.reason.as_deref());
                println!(
                    "run {number}: {} {:?} {code:?}: {reason:?}\n    {:?} {weather:?}",
                    case.id, case.blame, description.timers
                );
            }
        }
    }
    println!("{runs} runs, seed {seed}: {verdicts:?}, {complaints} complaints, {undecided} undecided");
    if complaints == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A bench on which nothing is wrong.
fn bench(dice: &mut Random) -> (Description, Weather) {
    let mut description = Description::default();
    let mut below = |most: u64| dice.number() % most;
    let seconds = Duration::from_secs;
    description.lab.phones = 4;
    description.lab.lines = 1 + below(2) as u8;
    description.lab.digest = below(4) > 0;
    let transports = [Transport::Udp, Transport::Tcp];
    description.lab.transports = (0..4).map(|_| transports[below(2) as usize]).collect();
    let timers = &mut description.timers;
    timers.transaction = seconds(4 + below(29));
    timers.renewal_lead = timers.transaction + seconds(2 + below(30));
    timers.expires = timers.renewal_lead + seconds(5 + below(560));
    timers.retry_timeout = seconds(30 + below(120));
    timers.retry_rejected = seconds(30 + below(600));
    let weather = Weather {
        seed: below(u64::MAX),
        delay: Duration::from_millis(below(60)),
        loss_per_10000: [0, 0, 50, 200][below(4) as usize],
        lateness: Duration::from_millis(below(40)),
        switch_on: seconds(below(60)).min(description.timers.expires),
    };
    (description, weather)
}

fn refuse(why: &str) -> ExitCode {
    println!("{why}");
    ExitCode::FAILURE
}
