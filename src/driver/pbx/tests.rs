use std::{fs, path::Path, time::Duration};

use tokio::sync::mpsc::Receiver;

use super::*;

/// A PBX that is a file: its commands write their state into it and read it, or do something else.
struct Pbx {
    place: tempfile::TempDir,
    settings: Option<Settings>,
    reports: Receiver<Report>,
}

fn notes(place: &Path) -> Notes<Changed> {
    Notes::at(place.join("pbx.json"))
}

impl Pbx {
    fn new(set: &str, read: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("state"), "off").unwrap();
        let words = |text: &str| {
            let text = text.replace("STATE", &place.path().join("state").to_string_lossy());
            ["/bin/sh".to_owned(), "-c".to_owned(), text].to_vec()
        };
        let by_state = |of: &dyn Fn(&str) -> Vec<String>| ["off", "on"].map(|it| (it.to_owned(), of(it))).into();
        let setting = PbxSetting {
            set: by_state(&|state| words(&set.replace("WORD", state))),
            read: words(read),
            patterns: [("off", "^off$"), ("on", "^on$")].map(|(state, it)| (state.to_owned(), it.to_owned())).into(),
            limit: Duration::from_secs(1),
        };
        let (sender, reports) = tokio::sync::mpsc::channel(100);
        let hand = Hand {
            name: "distribution".into(),
            setting,
            secrets: Secrets::these(["47110815".to_owned()]),
            clock: RunClock::start(),
            reports: Some(sender),
        };
        let keeper = Work { hand, notes: Some(notes(place.path())), was: None }.begin().unwrap();
        let settings = Settings { keepers: BTreeMap::from([("distribution".into(), keeper)]) };
        Self { place, settings: Some(settings), reports }
    }

    fn set(&self, sequence: u32, state: &str) {
        assert!(self.settings.as_ref().unwrap().set(&"distribution".into(), sequence, state.to_owned()));
    }

    fn restore(&self, sequence: u32) {
        assert!(self.settings.as_ref().unwrap().restore(&"distribution".into(), sequence));
    }

    /// What was told until there is nobody to tell more, what the PBX is then, and what is noted of it.
    fn end(mut self) -> (Vec<String>, String, Vec<String>) {
        drop(self.settings.take());
        let told = std::iter::from_fn(|| self.reports.try_recv().ok()).map(|report| line(&report.observed)).collect();
        let left = notes(self.place.path()).read().unwrap().into_values().map(|left| left.was).collect();
        (told, fs::read_to_string(self.place.path().join("state")).unwrap(), left)
    }
}

/// A report in a line: `set on: done`, `1: on order, was off`.
fn line(observed: &Observed) -> String {
    match observed {
        Observed::PbxRan { act, outcome, .. } => {
            let act = match act {
                PbxAct::Read => "read".to_owned(),
                PbxAct::Set(state) => format!("set {state}"),
            };
            format!("{act}: {}", outcome.error.as_ref().unwrap_or(&outcome.output))
        }
        Observed::PbxSettled { sequence, was, flaw, .. } => {
            let sequence = sequence.map_or_else(|| "at the end".to_owned(), |sequence| sequence.to_string());
            let was = was.as_ref().map(|was| format!(", was {was}")).unwrap_or_default();
            let flaw = flaw.as_ref().map_or("done", |flaw| flaw.fault.code());
            format!("{sequence}: {flaw}{was}")
        }
        other => format!("{other:?}"),
    }
}

const SET: &str = "printf WORD > STATE";
const READ: &str = "cat STATE";

#[test]
fn a_setting_is_read_set_and_read_back_and_set_back_to_what_it_was() {
    let pbx = Pbx::new(SET, READ);
    pbx.set(1, "on");
    pbx.restore(2);
    let (told, state, left) = pbx.end();
    assert_eq!(told, ["read: off", "set on: ", "read: on", "1: done, was off", "set off: ", "read: off", "2: done"]);
    assert_eq!((state.as_str(), left.len()), ("off", 0));
}

#[test]
fn what_is_so_already_is_not_set_and_what_a_scenario_sets_back_itself_is_not_set_again() {
    let pbx = Pbx::new(SET, READ);
    pbx.set(1, "off");
    pbx.set(2, "on");
    pbx.set(3, "off");
    let (told, _, left) = pbx.end();
    let expected = ["read: off", "1: done", "read: off", "set on: ", "read: on", "2: done, was off", "set off: "];
    assert_eq!(told[..7], expected);
    assert_eq!(told[7..], ["read: off", "3: done"]);
    assert!(left.is_empty());
}

#[test]
fn what_is_changed_is_set_back_when_whoever_changed_it_is_gone() {
    let pbx = Pbx::new(SET, READ);
    pbx.set(1, "on");
    let (told, state, left) = pbx.end();
    assert_eq!(told[4..], ["set off: ", "read: off", "at the end: done"]);
    assert_eq!((state.as_str(), left.len()), ("off", 0));
}

#[test]
fn a_setting_that_reads_as_something_else_after_it_was_set_is_waited_for_until_its_limit() {
    // It takes two looks until it is so.
    let pbx = Pbx::new("printf x >> STATE.asked; printf WORD > STATE.next", "cat STATE; cp STATE.next STATE || true");
    pbx.set(1, "on");
    let (told, _, _) = pbx.end();
    assert!(told.contains(&"1: done, was off".to_owned()), "{told:?}");

    let pbx = Pbx::new("true", READ);
    pbx.set(1, "on");
    let (told, _, left) = pbx.end();
    assert!(told.contains(&"1: pbx-unchanged, was off".to_owned()), "{told:?}");
    assert!(told.iter().filter(|it| *it == "read: off").count() > 2, "{told:?}");
    // It was off all the time.
    assert_eq!((told.last().unwrap().as_str(), left.len()), ("at the end: done", 0));
}

#[test]
fn an_answer_that_shows_no_state_changes_nothing() {
    let pbx = Pbx::new(SET, "echo no such command, 47110815");
    pbx.set(1, "on");
    let mut reports = pbx.end();
    assert_eq!(reports.0.remove(0), "read: no such command, xxxxxxxx");
    assert_eq!(reports, (vec!["1: pbx-unread".to_owned()], "off".to_owned(), Vec::new()));
}

#[test]
fn a_command_that_hangs_is_killed_and_told_and_what_it_may_have_changed_is_set_back() {
    let pbx = Pbx::new("test WORD = off || exec sleep 600; printf WORD > STATE", READ);
    pbx.set(1, "on");
    let (told, state, left) = pbx.end();
    assert_eq!(told[1..3], ["set on: did not end within 1s, and was killed", "1: pbx-failed, was off"]);
    assert_eq!(told[3..], ["set off: ", "read: off", "at the end: done"]);
    assert_eq!((state.as_str(), left.len()), ("off", 0));
}

#[test]
fn what_can_not_be_set_back_is_tried_once_more_at_the_end_and_its_note_stays() {
    let pbx = Pbx::new("test WORD = on || exit 3; printf WORD > STATE", READ);
    pbx.set(1, "on");
    pbx.restore(2);
    let (told, state, left) = pbx.end();
    let failed = "set off: ended with exit code 3";
    assert_eq!(told[4..], [failed, "2: pbx-failed, was off", failed, "at the end: pbx-failed, was off"]);
    assert_eq!((state.as_str(), left), ("on", vec!["off".to_owned()]));
}

#[test]
fn a_setting_of_which_nothing_can_be_noted_is_not_changed() {
    let mut pbx = Pbx::new(SET, READ);
    fs::write(pbx.place.path().join("pbx.json"), "none of ours").unwrap();
    pbx.set(1, "on");
    drop(pbx.settings.take());
    let told: Vec<_> = std::iter::from_fn(|| pbx.reports.try_recv().ok()).map(|report| report.observed).collect();
    let [Observed::PbxRan { .. }, Observed::PbxSettled { was: None, flaw: Some(flaw), .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(flaw.reason.contains("nobody would know of it after a crash"), "{}", flaw.reason);
    assert_eq!(fs::read_to_string(pbx.place.path().join("state")).unwrap(), "off");
}

#[test]
fn what_is_said_of_a_fault_names_the_key_of_the_bench_file_and_no_secret() {
    let flaw = |set: &str, read: &str| {
        let mut pbx = Pbx::new(set, read);
        pbx.set(1, "on");
        drop(pbx.settings.take());
        let told = std::iter::from_fn(|| pbx.reports.try_recv().ok());
        let flaws = told.filter_map(|report| match report.observed {
            Observed::PbxSettled { flaw, .. } => flaw.map(|flaw| flaw.reason),
            _ => None,
        });
        flaws.collect::<Vec<_>>().remove(0)
    };
    assert_eq!(
        flaw("echo 47110815 is wrong; exit 5", READ),
        "the command that is to set pbx.distribution to on ended with exit code 5 (\"xxxxxxxx is wrong\"); look at \
         `pbx.distribution.set.on` of the bench file"
    );
    assert_eq!(
        flaw(SET, "echo on off"),
        "pbx.distribution reads as none of its states (off, on) (\"on off\"); look at `pbx.distribution.read.pattern` of the \
         bench file"
    );
    assert_eq!(
        flaw("true", READ),
        "pbx.distribution was set to on, and reads as off 1s later; look at [pbx.distribution] of the bench file, and at the \
         PBX"
    );
}
