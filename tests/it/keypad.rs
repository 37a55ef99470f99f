//! The driver of key boards, against an emulated board on a PTY that is disturbed, unplugged, restarted and welded.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use siprig::{
    config::Pressing,
    driver::{
        Report,
        clock::RunClock,
        discretion::Discretion,
        keypad::{
            Keypad, Order,
            kp1::{Board as Driver, DEAD_MAN_MS, Seat},
        },
    },
    event::{Observed, PortKind, Stamp},
    virtual_bench::{
        board::{Board, BoardInput, BoardOutput},
        process::Uptime,
        pty::Pty,
        random::Random,
    },
    wire::kp1::Key,
};
use tokio::{sync::mpsc, task::JoinHandle};

mod by_hand;
mod cabling;
pub mod fifo;
mod typed;
mod web;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn strokes_are_played_by_the_board_and_count_once_its_contacts_are_open_again() {
    let mut rig = Rig::new(Fault::None).await;
    assert_eq!(
        rig.next().await,
        Observed::PortOpened { phone: "p1".into(), port: PortKind::Keypad, away_ns: None, across_network: false }
    );
    let began = rig.clock.now();
    assert_eq!(rig.play(7, &["1", "2:200ms", "~100ms", "1+2"]).await, None);
    assert_eq!(rig.edges(6).await, ["+0.0", "-0.0", "+0.1", "-0.1", "+0.0", "+0.1"]);
    assert_eq!(rig.edges(2).await, ["-0.0", "-0.1"]);
    let took = rig.clock.now().since(began);
    assert!(took >= Duration::from_millis(160 + 280 + 100 + 160), "{took:?}");
    assert_eq!(rig.play(8, &["hook"]).await, Some("the phone's model has no key `hook`".to_owned()));
    rig.end().await;
}

#[tokio::test]
async fn what_is_ordered_while_something_is_played_is_played_after_it() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.order(1, &["1:400ms"]);
    rig.order(2, &["2"]);
    rig.order(3, &["1+2"]);
    for order in 1..=3 {
        assert_eq!(rig.played(order).await, None);
    }
    assert_eq!(rig.edges(4).await, ["+0.0", "-0.0", "+0.1", "-0.1"]);
    rig.end().await;
}

#[tokio::test]
async fn each_stroke_is_played_once_over_a_line_with_five_faults_in_a_thousand_bytes() {
    let mut rig = Rig::new(Fault::Noise { seed: 3 }).await;
    let mut expected: Vec<String> = Vec::new();
    for number in 0..40 {
        let (stroke, edges): (_, &[&str]) =
            if number % 2 == 0 { ("1:5ms", &["+0.0", "-0.0"]) } else { ("1+2:5ms", &["+0.0", "+0.1", "-0.0", "-0.1"]) };
        assert_eq!(rig.play(number, &[stroke]).await, None, "order {number}");
        expected.extend(edges.iter().map(|edge| (*edge).to_owned()));
    }
    assert_eq!(rig.edges(expected.len()).await, expected);
    rig.end().await;
    assert_eq!(rig.edges_left(), [] as [String; 0]);
}

#[tokio::test]
async fn a_line_that_is_cut_in_the_middle_of_a_hold_is_told_and_the_key_goes_up_within_the_dead_man_time() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.order(1, &["1:30s"]);
    assert_eq!(rig.edges(1).await, ["+0.0"]);
    // Longer than the dead-man: it is fed.
    rig.sleep(Duration::from_millis(u64::from(DEAD_MAN_MS) + 700)).await;
    assert_eq!(rig.edges_left(), [] as [String; 0]);
    rig.tell(Command::Unplug);
    let cut = rig.clock.now();
    assert_eq!(rig.played(1).await, Some("the keypad board was lost in the middle of a sequence".to_owned()));
    assert!(matches!(rig.next().await, Observed::PortLost { port: PortKind::Keypad, .. }));
    assert_eq!(rig.edges(1).await, ["-0.0"]);
    let took = rig.clock.now().since(cut);
    assert!(took <= Duration::from_millis(u64::from(DEAD_MAN_MS) + 100), "{took:?}");
    assert_eq!(rig.play(2, &["1"]).await, Some("the keypad board is not there; plug it in again".to_owned()));
    rig.tell(Command::Plug);
    assert!(matches!(rig.next().await, Observed::PortOpened { .. }));
    assert_eq!(rig.play(3, &["1"]).await, None);
    rig.end().await;
}

#[tokio::test]
async fn a_controller_that_dies_in_the_middle_of_a_hold_holds_no_key_longer_than_the_dead_man_allows() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.order(1, &["1+2:30s"]);
    assert_eq!(rig.edges(2).await, ["+0.0", "+0.1"]);
    let died = rig.clock.now();
    rig.driver.take().unwrap().die().await;
    assert_eq!(rig.edges(2).await, ["-0.0", "-0.1"]);
    let took = rig.clock.now().since(died);
    assert!(took > Duration::from_secs(1) && took <= Duration::from_millis(u64::from(DEAD_MAN_MS) + 100), "{took:?}");
}

#[tokio::test]
async fn the_end_of_a_run_lets_go_at_once_and_plays_nothing_that_was_still_to_come() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.order(1, &["1:30s", "2"]);
    assert_eq!(rig.edges(1).await, ["+0.0"]);
    let ended = rig.clock.now();
    rig.end().await;
    assert_eq!(rig.edges(1).await, ["-0.0"]);
    assert!(rig.clock.now().since(ended) < Duration::from_millis(500));
    rig.sleep(Duration::from_millis(300)).await;
    assert_eq!(rig.edges_left(), [] as [String; 0]);
}

#[tokio::test]
async fn a_board_that_restarts_in_the_middle_of_a_hold_has_not_played_it_and_is_greeted_again() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.order(1, &["1:30s"]);
    assert_eq!(rig.edges(1).await, ["+0.0"]);
    rig.tell(Command::Board(BoardInput::PowerCycle));
    assert_eq!(rig.edges(1).await, ["-0.0"]);
    let error = rig.played(1).await.unwrap();
    assert!(error.starts_with("the keypad board restarted in the middle of a sequence"), "{error}");
    assert!(matches!(rig.next().await, Observed::PortOpened { .. }));
    assert_eq!(rig.play(2, &["2"]).await, None);
    rig.end().await;
}

#[tokio::test]
async fn a_contact_that_stays_closed_is_no_press() {
    let mut rig = Rig::new(Fault::None).await;
    rig.next().await;
    rig.tell(Command::Board(BoardInput::Weld { unit: 1, key: Key { row: 0, column: 1 } }));
    assert_eq!(rig.edges(1).await, ["+0.1"]);
    let error = rig.play(1, &["1"]).await.unwrap();
    assert!(error.starts_with("the contacts 0.1 are still closed after all keys were let go"), "{error}");
    rig.end().await;
}

#[tokio::test]
async fn a_board_that_is_late_is_told_as_lost_and_takes_orders_once_it_answers() {
    let mut rig = Rig::new(Fault::Deaf).await;
    // Ordered before anybody knows that nobody answers.
    rig.order(1, &["1"]);
    let error = rig.played(1).await.unwrap();
    assert!(error.contains("did not answer 12 times"), "{error}");
    let Observed::PortLost { reason, .. } = rig.next().await else { panic!() };
    assert!(reason.contains("did not answer 12 times; is it powered and wired?"), "{reason}");
    rig.tell(Command::Listen);
    assert!(matches!(rig.next().await, Observed::PortOpened { .. }));
    assert_eq!(rig.play(2, &["1"]).await, None);
    assert_eq!(rig.edges(2).await, ["+0.0", "-0.0"]);
    rig.end().await;
}

#[tokio::test]
async fn a_unit_that_the_board_does_not_have_is_told_before_a_key_is_pressed() {
    let mut rig = Rig::with(Fault::None, 3).await;
    let Observed::PortLost { reason, .. } = rig.next().await else { panic!() };
    assert_eq!(reason, "the board has 1 units, and the bench file says unit 3");
    assert!(rig.play(1, &["1"]).await.unwrap().contains("the bench file says unit 3"));
    rig.end().await;
}

/// What is wrong with the line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Bytes are lost and flipped, both ways, five in a thousand.
    Noise {
        seed: u64,
    },
    /// The board hears nothing yet.
    Deaf,
}

/// What happens to the board.
#[derive(Debug)]
enum Command {
    Unplug,
    Plug,
    Listen,
    Board(BoardInput),
}

/// An emulated board on a PTY, and the driver that speaks to it.
struct Rig {
    clock: RunClock,
    driver: Option<Driver>,
    reports: mpsc::Receiver<Report>,
    edges: mpsc::UnboundedReceiver<String>,
    commands: mpsc::UnboundedSender<Command>,
    board: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new(fault: Fault) -> Self {
        Self::with(fault, 1).await
    }

    /// The board alone: somebody else speaks to it.
    fn bare(fault: Fault) -> Self {
        Self::start(fault)
    }

    fn start(fault: Fault) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keypad");
        let (commands, orders) = mpsc::unbounded_channel();
        let (moved, edges) = mpsc::unbounded_channel();
        let pty = Pty::open(&path).unwrap();
        let board = tokio::spawn(emulate(pty, path, fault, orders, moved));
        let (clock, reports) = (RunClock::start(), mpsc::channel(1).1);
        Self { clock, driver: None, reports, edges, commands, board, folder }
    }

    async fn with(fault: Fault, unit: u8) -> Self {
        let mut rig = Self::start(fault);
        let (reports, inbox) = mpsc::channel(64);
        let seat = Seat {
            phone: "p1".into(),
            unit,
            keys: BTreeMap::from([("1", "0.0"), ("2", "0.1")].map(|(key, place)| (key.into(), place.to_owned()))),
            pressing: Pressing::default(),
            pin: None,
            discretion: Discretion::default(),
        };
        let path = rig.folder().join("keypad");
        rig.driver = Some(Driver::open(&path, vec![seat], &rig.clock, reports).unwrap());
        rig.reports = inbox;
        rig
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn tell(&self, command: Command) {
        self.commands.send(command).unwrap();
    }

    fn order(&self, sequence: u32, strokes: &[&str]) {
        let strokes = strokes.iter().map(|stroke| stroke.parse().unwrap()).collect();
        self.driver.as_ref().unwrap().keys().play(Order { phone: "p1".into(), sequence, strokes, digit: None });
    }

    async fn play(&mut self, sequence: u32, strokes: &[&str]) -> Option<String> {
        self.order(sequence, strokes);
        self.played(sequence).await
    }

    /// What came of an order; other reports before it are passed over.
    async fn played(&mut self, number: u32) -> Option<String> {
        loop {
            if let Observed::KeysPlayed { sequence, error, .. } = self.next().await {
                assert_eq!(sequence, number);
                return error;
            }
        }
    }

    async fn next(&mut self) -> Observed {
        let limit = self.clock.now() + PATIENCE;
        tokio::select! {
            report = self.reports.recv() => report.expect("the driver lives").observed,
            () = self.clock.wait(Some(limit)) => panic!("nothing was reported"),
        }
    }

    async fn edges(&mut self, count: usize) -> Vec<String> {
        let limit = self.clock.now() + PATIENCE;
        let mut edges = Vec::new();
        while edges.len() < count {
            tokio::select! {
                edge = self.edges.recv() => edges.push(edge.expect("the board lives")),
                () = self.clock.wait(Some(limit)) => panic!("no more than {edges:?}"),
            }
        }
        edges
    }

    fn edges_left(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.edges.try_recv().ok()).collect()
    }

    async fn sleep(&self, span: Duration) {
        let until: Stamp = self.clock.now() + span;
        self.clock.wait(Some(until)).await;
    }

    async fn end(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.close().await;
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.board.abort();
    }
}

/// The board at work: what comes from the line, what goes there, and what becomes of its contacts.
async fn emulate(
    pty: Pty,
    path: PathBuf,
    fault: Fault,
    mut commands: mpsc::UnboundedReceiver<Command>,
    moved: mpsc::UnboundedSender<String>,
) {
    let uptime = Uptime::start();
    let mut board = Board::new(1);
    let mut line = Some(pty);
    let mut deaf = fault == Fault::Deaf;
    let mut noise = if let Fault::Noise { seed } = fault { Some(Random::new(seed)) } else { None };
    loop {
        while let Some(output) = board.poll_output() {
            let edge = match output {
                BoardOutput::Bytes(bytes) => {
                    if let Some(line) = &line {
                        line.write(&disturbed(&bytes, &mut noise));
                    }
                    continue;
                }
                BoardOutput::KeyDown { row, col, .. } => format!("+{row}.{col}"),
                BoardOutput::KeyUp { row, col, .. } => format!("-{row}.{col}"),
            };
            if moved.send(edge).is_err() {
                return;
            }
        }
        let due = board.poll_deadline();
        let read = async {
            match &line {
                Some(line) => line.read().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            bytes = read => {
                let bytes = disturbed(&bytes.unwrap(), &mut noise);
                if !deaf {
                    board.handle(uptime.now(), BoardInput::Bytes(bytes));
                }
            }
            command = commands.recv() => match command {
                None => return,
                Some(Command::Unplug) => line = None,
                Some(Command::Plug) => line = Some(Pty::open(&path).unwrap()),
                Some(Command::Listen) => deaf = false,
                Some(Command::Board(input)) => board.handle(uptime.now(), input),
            },
            () = uptime.wait(due) => board.handle(uptime.now(), BoardInput::Timeout),
        }
    }
}

fn disturbed(bytes: &[u8], noise: &mut Option<Random>) -> Vec<u8> {
    let Some(random) = noise else { return bytes.to_vec() };
    let mut out = Vec::new();
    for byte in bytes {
        if random.number() % 1000 >= 5 {
            out.push(*byte);
        } else if random.number().is_multiple_of(2) {
            out.push(byte ^ (1 << (random.number() % 8)));
        }
    }
    out
}
