use std::os::unix::fs::symlink;

use super::*;
use crate::{
    journal::{JournalWriter, RunDir},
    nightly::Ledger,
};

/// A run with some bytes.
fn run(reports: &Path, name: &str) -> JournalWriter {
    let dir = RunDir::create(reports, name, 0, false).unwrap();
    let writer = JournalWriter::create(&dir).unwrap();
    fs::write(dir.path().join("capture.pcapng"), vec![7; 100_000]).unwrap();
    writer
}

fn prune(reports: &Path, dry_run: bool) -> Vec<String> {
    let args = PruneArgs { older: None, keep: Some(0), size: None, dry_run, report_dir: reports.to_owned() };
    main(&args).unwrap();
    let mut left: Vec<String> =
        reports.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    left
}

#[test]
fn what_is_nobody_s_goes_and_what_is_written_to_or_kept_stays() {
    let place = tempfile::tempdir().unwrap();
    let reports = place.path();
    drop(run(reports, "old"));
    let written = run(reports, "written");
    drop(run(reports, "kept"));
    fs::write(reports.join("1970-01-01T000000Z-kept/keep"), "").unwrap();
    let night = reports.join("night");
    fs::create_dir(&night).unwrap();
    let ledger = Ledger::create(&night).unwrap();
    drop(run(&night, "of-the-night"));

    assert_eq!(prune(reports, true).len(), 4, "nothing is touched");
    let stay = ["1970-01-01T000000Z-kept", "1970-01-01T000000Z-written", "night"];
    assert_eq!(prune(reports, false), stay);
    drop((written, ledger));
    assert_eq!(prune(reports, false), ["1970-01-01T000000Z-kept"], "a night goes with its runs");
    assert!(place.path().join("1970-01-01T000000Z-kept/capture.pcapng").exists());
}

#[test]
fn what_is_not_ours_stays_and_no_link_is_followed() {
    let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let reports = place.path();
    drop(run(elsewhere.path(), "elsewhere"));
    let elsewhere_run = elsewhere.path().join("1970-01-01T000000Z-elsewhere");
    symlink(&elsewhere_run, reports.join("link-to-a-run")).unwrap();
    fs::create_dir(reports.join("with-a-linked-journal")).unwrap();
    symlink(elsewhere_run.join("journal.jsonl"), reports.join("with-a-linked-journal/journal.jsonl")).unwrap();
    fs::create_dir(reports.join("somebody-s")).unwrap();
    fs::write(reports.join("somebody-s/journal.jsonl"), "dear diary\n").unwrap();
    fs::create_dir(reports.join("empty")).unwrap();
    fs::write(reports.join("file"), "").unwrap();
    drop(run(reports, "ours"));
    symlink(&elsewhere_run, reports.join("1970-01-01T000000Z-ours/link")).unwrap();

    let stay = ["empty", "file", "link-to-a-run", "somebody-s", "with-a-linked-journal"];
    assert_eq!(prune(reports, false), stay);
    assert!(elsewhere_run.join("capture.pcapng").exists() && elsewhere_run.join("journal.jsonl").exists());
}

#[test]
fn what_was_left_by_one_that_was_cut_off_goes_with_the_next() {
    let place = tempfile::tempdir().unwrap();
    let half = place.path().join(format!("{GOING}half"));
    fs::create_dir(&half).unwrap();
    fs::write(half.join("capture.pcapng"), "half").unwrap();
    assert_eq!(prune(place.path(), true).len(), 1);
    assert_eq!(prune(place.path(), false), [] as [&str; 0]);
}

#[test]
fn a_night_is_never_pruned_from_within_and_what_it_takes_up_is_told() {
    let place = tempfile::tempdir().unwrap();
    let night = place.path().join("night");
    fs::create_dir(&night).unwrap();
    drop(Ledger::create(&night).unwrap());
    drop(run(&night, "of-the-night"));
    let args = PruneArgs { older: None, keep: Some(0), size: None, dry_run: false, report_dir: night.clone() };
    assert_eq!(main(&args).unwrap_err().exit, Exit::Usage);
    let units = units(place.path(), true).unwrap();
    assert!(units.len() == 1 && (100_000..400_000).contains(&units[0].size), "{units:?}");
}
