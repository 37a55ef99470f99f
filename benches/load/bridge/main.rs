//! Loads siprig's bridge and looks at what comes out: `bridge-load forwarding|cut-off|soak …`, in network, mount and process
//! namespaces that the scripts beside make (benches/forwarding, benches/cut-off, benches/soak.sh).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures real time on real sockets and tells what it found"
)]

use std::{process::ExitCode, time::Duration};

mod cut_off;
mod forwarding;
mod lab;
mod rig;
mod soak;
mod traffic;

use forwarding::Amount;
use lab::Outcome;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bridge-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether what is promised holds.
fn run(words: &[&str]) -> Outcome<bool> {
    let here = std::env::current_dir()?;
    match words {
        ["forwarding", siprig, "short"] => forwarding::run(siprig, &here, Amount::SHORT),
        ["forwarding", siprig, "long", rounds] => {
            forwarding::run(siprig, &here, Amount { rounds: rounds.parse()?, ..Amount::LONG })
        }
        ["cut-off", siprig, count, seed, idle] => cut_off::run(siprig, count.parse()?, seed.parse()?, *idle == "idle"),
        ["soak", siprig, seconds] => soak::run(siprig, &here, Duration::from_secs(seconds.parse()?)),
        ["hold", siprig, kind, phone_side, server_side] => {
            cut_off::hold(siprig, kind, [phone_side, server_side], &here).map(|()| true)
        }
        ["pnet-bridge", one, other] => forwarding::pnet_bridge(one, other).map(|()| true),
        _ => Err("what? see the scripts in benches".into()),
    }
}
