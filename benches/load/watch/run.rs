//! A run that says what it is told to say, and `siprig console` that is attached to it.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use nix::time::{ClockId, clock_gettime};
use siprig::{
    journal::{JournalWriter, RunDir},
    virtual_bench::random::Random,
};

use super::{RATE, now_ns, records::Round, resident_kb, terminal::Window};

/// The row of the screens' names.
const NAMES: usize = 2;

/// A run that goes on.
struct Run {
    folder: tempfile::TempDir,
    quiet: Arc<AtomicBool>,
    writer: Option<JoinHandle<u64>>,
}

impl Run {
    /// Begins one of so many phones, that says so many records a second until it is told to be quiet.
    fn begin(phones: usize, rate: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wall = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
        let epoch = wall.tv_sec() * 1_000_000_000 + wall.tv_nsec();
        let run_dir = RunDir::create(folder.path(), "failover", epoch, false).unwrap();
        let listener = UnixListener::bind(run_dir.operator_socket()).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
        let mut journal = JournalWriter::create(&run_dir).unwrap();
        let mut round = Round::of(phones, epoch);
        journal.append(&round.begin).unwrap();
        let quiet = Arc::new(AtomicBool::new(rate == 0));
        let ended = Arc::clone(&quiet);
        let writer = thread::spawn(move || {
            let (begun, mut said) = (now_ns(), 0_u64);
            while !ended.load(Ordering::Relaxed) {
                let due = (now_ns() - begun) * rate / 1_000_000_000;
                for _ in said..due {
                    journal.append(round.next()).unwrap();
                }
                said = said.max(due);
                thread::park_timeout(std::time::Duration::from_millis(5));
            }
            // The journal stays open, as that of a run that goes on does.
            std::mem::forget(journal);
            said
        });
        Self { folder, quiet, writer: Some(writer) }
    }

    fn watch(&self, siprig: &str) -> Window {
        let folder = self.folder.path().to_str().unwrap();
        let state = format!("{folder}/state");
        Window::open(siprig, &["console", "--attach", "--report-dir", folder], &[("SIPRIG_STATE", &state)])
    }

    fn end(&mut self) -> u64 {
        self.quiet.store(true, Ordering::Relaxed);
        self.writer.take().unwrap().join().unwrap()
    }
}

/// Says that the run is alive, whenever that is asked.
fn answer(stream: UnixStream) {
    let mut input = BufReader::new(stream);
    while input.read_line(&mut String::new()).is_ok_and(|count| count > 0) {
        if input.get_mut().write_all(b"{\"heard\":true,\"pulse\":{\"round-ms\":0}}\n").is_err() {
            return;
        }
    }
}

fn later(seconds: u64) -> u64 {
    now_ns() + seconds * 1_000_000_000
}

/// Key to screen, frames and processor time while it says much.
pub fn screen(siprig: &str, phones: usize, seconds: u64) {
    let mut run = Run::begin(phones, RATE);
    let mut window = run.watch(siprig);
    window.looks(later(30), NAMES, "[1 Phones]").expect("it shows nothing");
    let settled = later(2);
    window.looks(settled, 0, "");
    let (begun, before, frames) = (now_ns(), window.used(), window.frames);
    let mut dice = Random::new(1);
    let mut late = Vec::new();
    let names =
        [("1", "[1 Phones]"), ("2", "[2 Phone]"), ("3", "[3 SIP]"), ("4", "[4 Network]"), ("5", "[5 Scenario]")];
    while now_ns() < begun + seconds * 1_000_000_000 {
        // At any moment of a frame.
        window.looks(now_ns() + 20_000_000 + dice.number() % 60_000_000, 0, "");
        let (key, name) = names[late.len() % names.len()];
        let asked = now_ns();
        window.types(key.as_bytes());
        let shown = window.looks(later(5), NAMES, name).expect("a key was not answered");
        late.push((shown - asked) as f64 / 1e6);
    }
    let passed = (now_ns() - begun) as f64 / 1e9;
    let (share, frames) = (100.0 * (window.used() - before) / passed, (window.frames - frames) as f64 / passed);
    let behind = window.row(1).contains("catching up");
    let said = run.end();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    println!("{} keys: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms", late.len(), at(0.5), at(0.99), at(1.0));
    println!(
        "{frames:.1} frames a second, {share:.1} % of a core, {} MB resident",
        resident_kb(window.child.id()) / 1000
    );
    println!("{said} records were said, {}", if behind { "and it lagged behind" } else { "and it kept up" });
}

/// Bytes and processor time where nothing happens.
pub fn still(siprig: &str) {
    const SECONDS: u64 = 20;
    let mut run = Run::begin(1000, 0);
    let mut window = run.watch(siprig);
    window.looks(later(30), NAMES, "[1 Phones]").expect("it shows nothing");
    window.looks(later(2), 0, "");
    let (before, bytes) = (window.used(), window.bytes);
    window.looks(later(SECONDS), 0, "");
    let share = 100.0 * (window.used() - before) / SECONDS as f64;
    let each = (window.bytes - bytes) / SECONDS;
    println!("a run of 1000 phones that says nothing: {share:.2} % of a core, {each} bytes a second for its times");
    run.end();
    drop(window);
    // A recording that is held: not even its times change.
    let folder = run.folder.path().to_str().unwrap();
    let state = format!("{folder}/state");
    let arguments = ["console", "--replay", "latest", "--report-dir", folder];
    let mut window = Window::open(siprig, &arguments, &[("SIPRIG_STATE", &state)]);
    window.looks(later(30), NAMES, "[1 Phones]").expect("it shows nothing");
    window.looks(later(2), 0, "");
    let (before, bytes) = (window.used(), window.bytes);
    window.looks(later(SECONDS), 0, "");
    let share = 100.0 * (window.used() - before) / SECONDS as f64;
    println!("a recording at its end: {share:.2} % of a core, {} bytes", window.bytes - bytes);
}
