use std::path::Path;

use super::*;
use crate::config::{document::Document, load};

/// A peer that calls and answers by these shell scripts.
fn peers(call: &str, answer: &str) -> (Peers, tokio::sync::mpsc::Receiver<Report>) {
    let text = format!(
        r#"
        bench.name = "lab"
        server = [{{ name = "a", role = "primary", addresses = ["10.77.0.2"] }}]

        [[phone]]
        name = "p1"
        model = "aastra-6731i"
        mac = "00:08:5d:23:74:29"
        extension = "1001"

        [[peer]]
        name = "desk"
        extension = "8001"
        address = "10.77.0.241"
        hold = "10m"
        call = ["/bin/sh", "-c", """{call} # {{extension}}"""]
        answer = ["/bin/sh", "-c", """{answer}"""]
        "#
    );
    let document = Document::parse("lab.toml".into(), text, &[]).unwrap();
    let (bench, _) = load::checked_bench(&document, Path::new(load::RIG)).unwrap_or_else(|error| panic!("{error:?}"));
    let (reports, inbox) = tokio::sync::mpsc::channel(16);
    let (bench, clock) = (Arc::new(bench), RunClock::start());
    let work = Work { bench, secrets: Secrets::default(), clock, reports };
    (Peers::taking(vec![Party::Callees, Party::Callers], work).unwrap(), inbox)
}

fn called() -> PeerCall {
    PeerCall { peer: "desk".into(), phone: "p1".into(), extension: "1001".to_owned(), server: "a".into() }
}

/// Whether a process that wrote its number there lives.
fn lives(pid: &Path) -> bool {
    let pid = std::fs::read_to_string(pid).unwrap_or_default();
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !pid.is_empty() && !status.is_empty() && !status.contains(") Z ")
}

#[test]
fn a_call_is_told_when_it_begins_and_when_it_is_over_with_what_its_command_wrote() {
    let (mut peers, mut inbox) = peers("echo {extension} through {server-address} for {hold}; exit 3", "sleep 600");
    assert!(peers.call(7, called()));
    let begun = inbox.blocking_recv().unwrap().observed;
    assert_eq!(begun, Observed::PeerCalls { sequence: 7, call: Box::new(called()) });
    let Observed::PeerCalled { sequence: 7, outcome, .. } = inbox.blocking_recv().unwrap().observed else { panic!() };
    assert_eq!(outcome.error.as_deref(), Some("ended with exit code 3"));
    assert_eq!(outcome.output, "1001 through 10.77.0.2 for 600");
}

#[test]
fn a_call_that_is_to_end_is_told_by_a_signal_when_it_does_not_end_by_itself() {
    let (mut peers, mut inbox) = peers("trap 'echo hung up; exit 0' TERM; sleep 600 & wait", "sleep 600");
    assert!(peers.call(1, called()));
    assert!(matches!(inbox.blocking_recv().unwrap().observed, Observed::PeerCalls { .. }));
    peers.end(1, true);
    let Observed::PeerCalled { outcome, .. } = inbox.blocking_recv().unwrap().observed else { panic!() };
    assert_eq!((outcome.error, outcome.output.as_str()), (None, "hung up"));
}

#[test]
fn what_calls_and_what_answers_end_with_the_run_and_so_does_what_they_have_started() {
    let place = tempfile::tempdir().unwrap();
    let [call, answer] = ["call", "answer"].map(|name| place.path().join(name));
    let script = |pid: &Path| format!("sleep 600 & echo $! > {}; wait", pid.display());
    let (mut peers, mut inbox) = peers(&script(&call), &script(&answer));
    assert!(peers.call(1, called()));
    let ready = || [&call, &answer].into_iter().all(|pid| lives(pid));
    assert!((0..4000).any(|_| ready() || nix::poll::poll(&mut [], nix::poll::PollTimeout::from(5_u8)).is_err()));
    drop(peers);
    assert!(!lives(&call) && !lives(&answer));
    let told: Vec<_> = std::iter::from_fn(|| inbox.try_recv().ok()).map(|report| report.observed).collect();
    assert!(told.iter().all(|it| !matches!(it, Observed::PeerGone { .. })), "it was told to end: {told:?}");
}

#[test]
fn what_answers_and_ends_by_itself_is_told() {
    let (_peers, mut inbox) = peers("true", "echo no such address; exit 1");
    let Observed::PeerGone { peer, outcome } = inbox.blocking_recv().unwrap().observed else { panic!() };
    assert_eq!((peer, outcome.output.as_str()), ("desk".into(), "no such address"));
    assert_eq!(outcome.error.as_deref(), Some("ended with exit code 1"));
}
