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

use meter::{now_ns, used};

mod fold;
mod garbage;
#[path = "../meter.rs"]
mod meter;
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

/// What a process occupies, in kB (`VmRSS`, proc_pid_status(5)).
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
