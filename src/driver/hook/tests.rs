use std::{fs, path::Path};

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::event::HookAct::*;

const LONG: Duration = Duration::from_secs(60);

/// A server whose commands write what they are into a file.
struct Bench {
    place: tempfile::TempDir,
    hooks: Option<Hooks>,
    reports: Receiver<Report>,
}

impl Bench {
    fn new(stop: &str, start: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        let words = |act: &str, more: &str| {
            ["/bin/sh".to_owned(), "-c".to_owned(), format!("echo {act} >> {}; {more}", log.display())].to_vec()
        };
        let hook = Hook { stop: words("stop", stop), start: words("start", start), limit: Duration::from_secs(20) };
        let (sender, reports) = tokio::sync::mpsc::channel(100);
        let work = Work {
            server: "a".into(),
            hook,
            notes: Some(notes(place.path())),
            clock: RunClock::start(),
            reports: sender,
            secrets: Secrets::default(),
            stopped: None,
        };
        let hooks = Hooks { keepers: BTreeMap::from([("a".into(), work.begin().unwrap())]), hooked: BTreeMap::new() };
        Self { place, hooks: Some(hooks), reports }
    }

    fn stop(&mut self, limit: Duration) {
        assert!(self.hooks.as_mut().unwrap().begin(OutageId(1), &"a".into(), limit));
    }

    /// What was told until there is nobody to tell more, and what the commands wrote.
    fn end(mut self) -> (Vec<(When, Observed)>, String, usize) {
        drop(self.hooks.take());
        let told = std::iter::from_fn(|| self.reports.try_recv().ok()).map(|report| (report.when, report.observed));
        let left = notes(self.place.path()).read().unwrap().len();
        (told.collect(), fs::read_to_string(self.place.path().join("log")).unwrap_or_default(), left)
    }
}

fn notes(place: &Path) -> Notes<Left> {
    Notes::at(place.join("stopped.json"))
}

fn kinds(told: &[(When, Observed)]) -> Vec<String> {
    let kind = |(_, observed): &(When, Observed)| match observed {
        Observed::HookStarted { act, .. } => act.to_string(),
        Observed::HookEnded { act, outcome, .. } => format!("{act}: {}", outcome.error.as_deref().unwrap_or("done")),
        Observed::OutageBegan { .. } => "away".to_owned(),
        Observed::OutageEnded { why, .. } => format!("back: {why:?}"),
        other => format!("{other:?}"),
    };
    told.iter().map(kind).collect()
}

#[test]
fn a_server_is_stopped_and_started_and_both_are_told_with_how_long_they_took() {
    let mut bench = Bench::new("sleep 0.2", "sleep 0.1");
    bench.stop(LONG);
    assert!(bench.hooks.as_ref().unwrap().end(OutageId(1)));
    let (told, log, left) = bench.end();
    assert_eq!(kinds(&told), ["stop", "stop: done", "away", "start", "start: done", "back: Lifted"]);
    assert_eq!((log.as_str(), left), ("stop\nstart\n", 0));
    let [began, ended] = [2, 5].map(|index| told[index].0);
    assert_eq!(told[0].0.at, began.at);
    assert!(began.error_ns >= 200_000_000 && ended.error_ns >= 100_000_000);
}

#[test]
fn a_server_that_is_stopped_is_started_when_whoever_stopped_it_is_gone() {
    let mut bench = Bench::new("", "");
    bench.stop(LONG);
    let (told, log, left) = bench.end();
    assert_eq!(kinds(&told), ["stop", "stop: done", "away", "start", "start: done", "back: Lifted"]);
    assert_eq!((log.as_str(), left), ("stop\nstart\n", 0));
}

#[test]
fn a_server_is_started_at_the_limit_of_its_outage() {
    let mut bench = Bench::new("", "");
    bench.stop(Duration::from_millis(300));
    let told: Vec<(When, Observed)> =
        (0..6).map(|_| bench.reports.blocking_recv().map(|report| (report.when, report.observed)).unwrap()).collect();
    assert_eq!(kinds(&told)[5], "back: Limit");
    assert!(told[5].0.at.since(told[0].0.at) >= Duration::from_millis(300));
    assert_eq!(bench.end().1, "stop\nstart\n");
}

#[test]
fn what_was_stopped_in_vain_is_started_and_is_never_away() {
    let mut bench = Bench::new("exit 7", "");
    bench.stop(LONG);
    let (told, log, left) = bench.end();
    let expected = ["stop", "stop: ended with exit code 7", "start", "start: done", "back: Lifted"];
    assert_eq!(kinds(&told), expected);
    assert_eq!((log.as_str(), left), ("stop\nstart\n", 0));
}

#[test]
fn a_start_that_fails_is_tried_once_more_at_the_end_and_the_note_stays() {
    let mut bench = Bench::new("", "exit 3");
    bench.stop(LONG);
    assert!(bench.hooks.as_ref().unwrap().end(OutageId(1)));
    let (told, log, left) = bench.end();
    let failed = "start: ended with exit code 3";
    assert_eq!(kinds(&told), ["stop", "stop: done", "away", "start", failed, "start", failed]);
    assert_eq!((log.as_str(), left), ("stop\nstart\nstart\n", 1));
}

#[test]
fn a_server_of_which_nothing_can_be_noted_is_not_stopped() {
    let mut bench = Bench::new("", "");
    fs::write(bench.place.path().join("stopped.json"), "none of ours").unwrap();
    bench.stop(LONG);
    drop(bench.hooks.take());
    let told = std::iter::from_fn(|| bench.reports.try_recv().ok()).map(|report| (report.when, report.observed));
    let told: Vec<_> = told.collect();
    assert!(matches!(&told[..], [(_, Observed::HookEnded { act: Stop, outcome, .. })]
        if outcome.error.as_ref().is_some_and(|error| error.starts_with("was not run"))));
    assert!(!bench.place.path().join("log").exists());
}
