//! How long a move takes when the primary is lost at any moment: a thousand lines, each cut off at a moment drawn evenly
//! from a whole renewal period, with the phones' own timers by their manual (600 s, 4 s, 15 s). Prints the shortest, mean
//! and longest move beside what the timers say; exit code 1 if any move is not within the window computed for it.
//!
//! `cargo bench --bench moments -- [LINES] [SEED]`

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::{process::ExitCode, time::Duration};

use siprig::{
    config::{OutagePlan, Role, Scenario, Step, StepKind},
    event::{Move, OutageMode},
    rehearsal::{Rehearsal, Weather, cases, manual_timers},
    virtual_bench::{Description, random::Random},
};

/// Lines of one run.
const TOGETHER: u64 = 4;

/// 600 s granted − 15 s ahead.
const PERIOD_MS: u64 = 585_000;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let lines = numbers.next().unwrap_or(1_000);
    let seed = numbers.next().unwrap_or(1);
    let mut dice = Random::new(seed);
    let mut moves = Vec::new();
    let mut outside = 0u32;
    while (moves.len() as u64) < lines {
        let mut description = Description::default();
        manual_timers(&mut description);
        description.lab.phones = TOGETHER as u8;
        let period = Duration::from_millis(PERIOD_MS);
        let weather = Weather { seed: dice.number(), switch_on: period, ..Weather::default() };
        let at = Duration::from_millis(1 + dice.number() % PERIOD_MS);
        let run = Rehearsal::new(&description, scenario(at), weather, |_| {}, |_| {}).and_then(Rehearsal::run);
        let records = match run {
            Ok(records) => records,
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        };
        for case in cases(&records) {
            let failover = case.measurements.iter().find(|it| it.name == "failover");
            match failover.and_then(|it| Some((it.value?, it.max?))) {
                Some((value, max)) => {
                    moves.push(value);
                    outside += u32::from(value > max);
                }
                None => {
                    println!("{}: no move: {:?}", case.id, case.reason);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    report(&mut moves, outside, seed);
    if outside == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every line is cut off at its primary after this time, wherever it is in its renewal period then.
fn scenario(at: Duration) -> Scenario {
    let outage = OutagePlan::of(vec![Role::Primary], OutageMode::DROP, Duration::from_secs(3600));
    let steps = vec![
        Step::of("baseline", StepKind::Expect { of: Move::Baseline }),
        Step::of("some time", StepKind::Wait { span: at }),
        Step::of("outage", StepKind::Outage(Box::new(outage))),
        Step::of("failover", StepKind::Expect { of: Move::Failover }),
        Step::of("lift", StepKind::Lift { server: None, turns: None }),
    ];
    Scenario::of("moments", "the primary is lost at any moment", steps)
}

fn report(moves: &mut [f64], outside: u32, seed: u64) {
    moves.sort_unstable_by(f64::total_cmp);
    let seconds = |value: f64| format!("{:.1} s", value / 1000.0);
    let at = |share: usize| moves.get((moves.len().saturating_sub(1)) * share / 100).copied().unwrap_or_default();
    let mean = moves.iter().sum::<f64>() / moves.len().max(1) as f64;
    println!("{} moves, seed {seed}; {outside} outside the window computed for them", moves.len());
    println!("          measured   by the timers");
    println!("shortest  {:>8}   {:>8}", seconds(at(0)), "4 s");
    println!("mean      {:>8}   {:>8}", seconds(mean), "296.5 s");
    println!("longest   {:>8}   {:>8}", seconds(at(100)), "589 s");
    for tenth in 0..10 {
        let (from, to) = (4_000.0 + 58_500.0 * f64::from(tenth), 4_000.0 + 58_500.0 * f64::from(tenth + 1));
        let count = moves.iter().filter(|value| **value >= from && **value < to).count();
        println!("{:>6.1} to {:>6.1} s: {count:>4} {}", from / 1000.0, to / 1000.0, "#".repeat(count / 4));
    }
}
