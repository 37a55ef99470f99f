//! Keys as events in a FIFO that nobody reads, and in one that is not there.

use std::{collections::BTreeMap, path::Path, process::Command};

use siprig::{
    config::Pressing,
    driver::{
        clock::RunClock,
        discretion::Discretion,
        keypad::{
            Keypad, Order,
            evdev::EventKeys,
            single::{Manner, Single},
        },
    },
    event::Observed,
};

#[tokio::test]
async fn a_fifo_that_nobody_reads_and_one_that_is_not_there_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (unread, missing) = (folder.path().join("unread"), folder.path().join("missing"));
    make_fifo(&unread);
    for (path, expected) in [(unread, "nobody reads"), (missing, "there is no FIFO")] {
        let clock = RunClock::start();
        let (reports, mut inbox) = tokio::sync::mpsc::channel(8);
        let manner =
            Manner { phone: "p1".into(), pressing: Pressing::default(), pin: None, discretion: Discretion::default() };
        let codes = BTreeMap::from([("1".into(), 2)]);
        let keys = Single::start(manner, EventKeys::new(path, codes, &clock), &clock, reports);
        keys.keys().play(Order { phone: "p1".into(), sequence: 1, strokes: vec!["1".parse().unwrap()], digit: None });
        let Observed::KeysPlayed { error, .. } = inbox.recv().await.unwrap().observed else { panic!() };
        assert!(error.as_ref().is_some_and(|error| error.contains(expected)), "{error:?}");
        keys.close().await;
    }
}

#[tokio::test]
async fn a_key_that_is_held_when_the_run_ends_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("keys");
    make_fifo(&fifo);
    // Open for both, so that neither opening nor reading waits for the other end.
    let mut reader = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let clock = RunClock::start();
    let (reports, _inbox) = tokio::sync::mpsc::channel(8);
    let manner =
        Manner { phone: "p1".into(), pressing: Pressing::default(), pin: None, discretion: Discretion::default() };
    let codes = BTreeMap::from([("1".into(), 2), ("2".into(), 3)]);
    let keys = Single::start(manner, EventKeys::new(fifo, codes, &clock), &clock, reports);
    keys.keys().play(Order { phone: "p1".into(), sequence: 1, strokes: vec!["1+2:30s".parse().unwrap()], digit: None });
    let events = |reader: &mut std::fs::File| {
        let mut bytes = [0; 3 * 24];
        std::io::Read::read_exact(reader, &mut bytes).unwrap();
        let short = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let event = |event: usize| (short(24 * event + 16), short(24 * event + 18), bytes[24 * event + 20]);
        [event(0), event(1), event(2)]
    };
    let (mut other, down) = tokio::task::spawn_blocking(move || {
        let down = events(&mut reader);
        (reader, down)
    })
    .await
    .unwrap();
    assert_eq!(down, [(1, 2, 1), (1, 3, 1), (0, 0, 0)]);
    keys.close().await;
    assert_eq!(events(&mut other), [(1, 2, 0), (1, 3, 0), (0, 0, 0)]);
}

pub fn make_fifo(path: &Path) {
    let done = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(done.success());
}
