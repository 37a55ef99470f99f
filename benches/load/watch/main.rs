//! Loads the operator console, and looks at it; for `benches/watching`.
//!
//! | what | |
//! |---|---|
//! | `fold PHONES SECONDS` | what it costs to take 20 000 decoded records a second and to draw 30 frames of each screen, and how many it can take |
//! | `memory PHONES RECORDS` | what it occupies while it takes so many |
//! | `screen SIPRIG PHONES SECONDS` | `siprig console` at a run that says 20 000 records a second: key to screen, frames, processor time |
//! | `still SIPRIG` | the same where nothing happens: bytes that are written, processor time |
//! | `garbage MEGABYTES` | what a phone's console that says anything costs, and what of it would reach the terminal |
//! | `hostile SIPRIG MEGABYTES` | the same, looked at with `siprig console`, as it was recorded |

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that can not go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "figures are what this is for")]

use std::time::Duration;

use nix::{
    sys::resource::{UsageWho, getrusage},
    time::{ClockId, clock_gettime},
};

mod fold;
mod garbage;
mod records;
mod run;
mod terminal;

/// Records a second.
const RATE: u64 = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<u64>().unwrap();
    match arguments[0].as_str() {
        "fold" => fold::cost(number(1) as usize, number(2)),
        "memory" => fold::memory(number(1) as usize, number(2)),
        "screen" => run::screen(&arguments[1], number(2) as usize, number(3)),
        "still" => run::still(&arguments[1]),
        "garbage" => garbage::fold(number(1)),
        "hostile" => garbage::hostile(&arguments[1], number(2)),
        other => panic!("nothing that is measured: {other}"),
    }
}

/// CLOCK_MONOTONIC.
fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    u64::try_from(time.tv_sec()).unwrap() * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap()
}

/// Processor time of this process so far.
fn used() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let span = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec().unsigned_abs()) + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    span(usage.user_time()) + span(usage.system_time())
}

/// What a process occupies, in kB (`VmRSS`, proc_pid_status(5)).
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
