//! What breaks a lab on its first day: by what the machine tells of its interfaces, and, if somebody listens, by what comes in.

use std::{io::Write as _, time::Duration};

use super::{Finding, State};
use crate::{
    bridge::{protocol::Refusal, survey},
    cli::{error::UserError, state},
    config::{Bench, Network},
    driver::{clock::RunClock, listen::Listener, signals::Signals},
    event::{LinkSide, Stamp},
    wiring::{self, Circumstances, Ear, Verdict, machine::Machine},
};

/// What came in until somebody had heard enough is still taken.
const LEFT: Duration = Duration::from_millis(100);

impl From<wiring::Finding> for Finding {
    fn from(finding: wiring::Finding) -> Self {
        let state = match finding.verdict {
            Verdict::Ok => State::Ok,
            Verdict::Problem => State::Problem,
            Verdict::Unknown => State::Skipped,
        };
        Self::of("wiring", state, finding.what, finding.remedy)
    }
}

/// What the machine tells of the two interfaces.
pub(super) fn of_machine(network: &Network) -> Vec<Finding> {
    match machine(network) {
        Ok(machine) => machine.findings().into_iter().map(Finding::from).collect(),
        Err(error) => vec![Finding::skipped("wiring", "settings of the interfaces", error.text())],
    }
}

fn machine(network: &Network) -> Result<Machine, UserError> {
    let told = runtime()?.block_on(survey::machine(network));
    told.map_err(|error| state::unexpected("ask the kernel for its interfaces", &error))
}

fn runtime() -> Result<tokio::runtime::Runtime, UserError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| state::unexpected("start the runtime", &error))
}

/// What was heard.
pub(super) struct Heard {
    pub findings: Vec<Finding>,
    /// The signal that ended it.
    pub stopped_by: Option<&'static str>,
}

/// Listens on both sides for a while. Nothing is sent or changed.
///
/// # Errors
/// If signals can not be taken, or the kernel does not tell of its interfaces.
pub(super) fn listen(bench: &Bench, time: Duration) -> Result<Heard, UserError> {
    // A bench without interfaces was found wanting already.
    let Some(network) = &bench.network else { return Ok(Heard { findings: Vec::new(), stopped_by: None }) };
    let own = machine(network)?.macs();
    runtime()?.block_on(hear(network, time, Ear::new(bench, own)))
}

async fn hear(network: &Network, time: Duration, mut ear: Ear) -> Result<Heard, UserError> {
    let mut listener = match Listener::open(network, false).await {
        Ok(listener) => listener,
        Err(refusal) => return Ok(Heard { findings: vec![unheard(&refusal)], stopped_by: None }),
    };
    let mut signals = Signals::listen().map_err(|error| state::unexpected("listen for signals", &error))?;
    let Network { phone_side, server_side, .. } = network;
    let told = humantime::format_duration(time);
    say(&format!("listening for {told} on {phone_side} (phones) and {server_side} (servers); Ctrl-C ends it"));
    let clock = RunClock::start();
    let (mut end, mut stopped_by) = (clock.now() + time, None);
    loop {
        tokio::select! {
            biased;
            signal = signals.next(), if stopped_by.is_none() => {
                stopped_by = Some(signal);
                end = end.min(clock.now() + LEFT);
            }
            () = clock.wait(Some(end)) => break,
            // An interface that goes down has nothing to say; that it has no link is told at the end.
            _ = listener.next(|heard| {
                let side = if heard.side == 0 { LinkSide::Phone } else { LinkSide::Server };
                ear.take(side, heard.unix_ns, heard.bytes);
            }) => {}
        }
    }
    let silent = survey::silent(network).await.unwrap_or_default();
    let how = Circumstances {
        lasted: clock.now().since(Stamp::ZERO),
        joined: listener.standing().bridge.is_some(),
        links: [phone_side, server_side].map(|name| !silent.contains(name)),
        lost: listener.lost(),
    };
    let [phones, servers] = ear.frames();
    say(&format!("  {phones} frames came in at {phone_side}, {servers} at {server_side}"));
    Ok(Heard { findings: ear.findings(&how).into_iter().map(Finding::from).collect(), stopped_by })
}

/// Why nothing could be heard.
fn unheard(refusal: &Refusal) -> Finding {
    let text = refusal.to_string();
    let why = match refusal {
        Refusal::Permission { .. } => "listening needs CAP_NET_RAW: run as root, or give it to siprig",
        _ => text.split_once("; ").map_or(text.as_str(), |(why, _)| why),
    };
    Finding::skipped("wiring", "what comes in at the two interfaces", why)
}

/// Tells people something, on stderr.
fn say(text: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::lines;

    #[test]
    fn findings_are_printed_as_all_others_and_what_is_unknown_has_its_reason() {
        let of = |verdict, what: &str, remedy: Option<&str>| {
            Finding::from(wiring::Finding { verdict, what: what.to_owned(), remedy: remedy.map(str::to_owned) })
        };
        let findings = [
            of(Verdict::Ok, "enp3s0 (toward the phones) has a link", None),
            of(Verdict::Problem, "the two cables are exchanged", Some("exchange them")),
            of(Verdict::Unknown, "where phone p1 comes in", Some("enp3s0 has no link")),
            unheard(&Refusal::Permission { operation: "listen".to_owned() }),
        ];
        insta::assert_snapshot!(lines(&findings));
    }
}
