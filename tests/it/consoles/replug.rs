//! A port that is unplugged and plugged in again at random moments while the phone talks.
//!
//! `$SIPRIG_REPLUGS` says how often; `benches/consoles` asks for a hundred.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use siprig::{driver::clock::RunClock, event::Observed, journal::console::What};

use super::{Bench, Line, PATIENCE, aastra};

fn replugs() -> usize {
    std::env::var("SIPRIG_REPLUGS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// Open ports of this process whose other end is gone: those of lines that were unplugged, if their names are given.
fn left_open(unplugged: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    targets.filter(|target| unplugged.contains(target)).collect()
}

/// How long the threads of this test's runtime have been at work so far; what other tests do is not in it.
fn at_work() -> Duration {
    let metrics = tokio::runtime::Handle::current().metrics();
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_gap_is_recorded_and_no_line_is_given_to_another_time() {
    let replugs = replugs();
    let mut bench = Bench::open(Some(&aastra())).await;
    bench.report(|it| matches!(it, Observed::PortOpened { .. })).await;
    let clock = RunClock::start();
    let mut unplugged = BTreeSet::new();
    for number in 1..=replugs {
        // In the middle of a line, of a burst, or of silence.
        let line = bench.line.take().unwrap();
        for piece in 0..fastrand::usize(0..40) {
            line.says(format!("plug {} piece {piece} of what it says\r\n", number - 1).as_bytes());
            clock.wait(Some(clock.now() + Duration::from_millis(fastrand::u64(0..3)))).await;
        }
        line.says(b"and half a li");
        unplugged.insert(format!("{} (deleted)", std::fs::read_link(&bench.link).unwrap().display()).into());
        std::fs::remove_file(&bench.link).unwrap();
        drop(line);
        bench.report(|it| matches!(it, Observed::PortLost { .. })).await;
        bench.line = Some(Line::plugged_in_at(&bench.link));
        let opened = bench.report(|it| matches!(it, Observed::PortOpened { .. })).await;
        assert!(matches!(opened, Observed::PortOpened { away_ns: Some(1..), .. }), "{opened:?}");
        bench.says(&format!("plug {number} is in\r\n"));
    }
    let deadline = clock.now() + PATIENCE;
    while !left_open(&unplugged).is_empty() {
        assert!(clock.now() < deadline, "still open: {:?}", left_open(&unplugged));
        tokio::task::yield_now().await;
    }

    // With the port gone, waiting for it costs next to nothing.
    std::fs::remove_file(&bench.link).unwrap();
    bench.line = None;
    bench.report(|it| matches!(it, Observed::PortLost { .. })).await;
    let before = at_work();
    clock.wait(Some(clock.now() + Duration::from_secs(1))).await;
    let at_work = at_work() - before;
    println!("{replugs} replugs; a second without the port took {at_work:?} of work");
    // Whoever asks again without a wait is at work all the time; this one wakes four times.
    assert!(at_work < Duration::from_millis(500), "{at_work:?}");

    let recording = bench.recording().await;
    let of = |what| recording.iter().filter(move |it| it.0 == what);
    assert_eq!((of(What::Lost).count(), of(What::Opened).count()), (replugs + 1, replugs + 1));
    assert!(of(What::Opened).skip(1).all(|it| it.2.is_some_and(|away| away > 0)));
    // What was read between two openings is of one plug alone.
    let mut plug = None;
    for (what, bytes, _) in &recording {
        match what {
            What::Opened => plug = Some(plug.map_or(0, |plug| plug + 1)),
            What::In => {
                let text = String::from_utf8_lossy(bytes);
                for other in
                    text.split("plug ").skip(1).filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
                {
                    assert_eq!(Some(other), plug, "{text}");
                }
            }
            What::Out | What::Lost => {}
        }
    }
}
