//! Board and host over a line that loses and flips bytes, and over one that ends.

use std::{collections::BTreeSet, time::Duration};

use super::{MS, verb};
use crate::{
    event::Stamp,
    virtual_bench::{
        board::{Board, BoardInput, BoardOutput},
        random::Random,
    },
    wire::kp1::{Host, HostEvent, Identity, Verb},
};

/// Five faulty bytes in a thousand.
const FAULTS_PER_100_000: u64 = 500;

const DEAD_MAN: Duration = Duration::from_secs(3);

#[test]
fn ten_thousand_orders_over_a_line_with_five_faults_in_a_thousand_bytes_leave_every_key_as_ordered() {
    let mut line = Line::new(5, FAULTS_PER_100_000);
    let mut model = Model { random: Random::new(11), down: BTreeSet::new(), edges: Vec::new() };
    let greeting = line.order(Verb::Hello { nonce: 77 }).unwrap();
    assert!(Identity::greeted(&greeting, 77).is_ok());
    line.order(verb("W 3000")).unwrap();
    for number in 0..10_000 {
        let (order, expected) = model.next_order();
        let answer = line.order(verb(&order)).unwrap_or_else(|code| panic!("order {number}, {order}: {code}"));
        if let Some(expected) = expected {
            assert_eq!(answer, expected, "order {number}, {order}");
        }
        if order.starts_with('S') {
            line.pass(100 * MS);
        }
    }
    let (first, differs) = line.edges.iter().zip(&model.edges).enumerate().find(|(_, (is, ought))| is != ought).unzip();
    assert_eq!((first, differs), (None, None));
    assert_eq!(line.edges.len(), model.edges.len());
    println!(
        "10000 orders: {} retries, {} given up, {} edges as ordered",
        line.retries,
        line.given_up,
        line.edges.len()
    );
    assert!(line.retries > 1000, "the noise did not bite: {} retries", line.retries);
    assert_eq!(line.given_up, 0);
}

#[test]
fn a_board_that_is_unplugged_in_the_middle_of_a_hold_lets_the_key_go_within_the_dead_man_time() {
    for seed in 0..50 {
        let mut line = Line::new(seed, FAULTS_PER_100_000);
        line.order(Verb::Hello { nonce: 1 }).unwrap();
        line.order(verb("W 3000")).unwrap();
        line.order(verb("S 80,80 1.2:60000")).unwrap();
        // Fed once a second, it holds on; then nobody speaks to it any more.
        let mut fed = 0;
        while fed < 2 + seed % 9 {
            line.pass(1000 * MS);
            assert_eq!(line.order(Verb::Ping), Ok("playing 02".to_owned()));
            fed += 1;
        }
        assert_eq!(line.edges, ["+1.2"]);
        let unplugged = line.now;
        let released = loop {
            let at = line.board.poll_deadline().expect("the dead-man is due");
            line.board.handle(at, BoardInput::Timeout);
            line.hear();
            if line.edges.len() > 1 {
                break at;
            }
        };
        assert_eq!(line.edges, ["+1.2", "-1.2"]);
        assert!(released <= unplugged + DEAD_MAN, "after {:?}", released - unplugged);
        // Plugged in again, it is greeted, and nothing of before goes on.
        line.now = released + 10 * MS;
        line.host.reset();
        assert!(line.order(Verb::Hello { nonce: 2 }).is_ok_and(|text| Identity::greeted(&text, 2).is_ok()));
        assert_eq!((line.order(Verb::Ping), line.order(Verb::ReadBack)), (Ok("idle".into()), Ok("-".into())));
        line.pass(Duration::from_secs(70));
        assert_eq!(line.edges.len(), 2);
    }
}

/// What keys are to do.
struct Model {
    random: Random,
    down: BTreeSet<String>,
    edges: Vec<String>,
}

impl Model {
    /// The next order, and what its answer must be where that says something of keys.
    fn next_order(&mut self) -> (String, Option<String>) {
        let free: Vec<String> =
            (0..64).map(|at| format!("{}.{}", at / 8, at % 8)).filter(|key| !self.down.contains(key)).collect();
        let mut pick = || free[(self.random.number() % free.len() as u64) as usize].clone();
        let (one, mut two) = (pick(), pick());
        while two == one {
            two = pick();
        }
        match self.random.number() % 8 {
            0 => {
                self.edges.extend([format!("+{one}"), format!("-{one}")]);
                (format!("S 10,5 {one}"), None)
            }
            1 => {
                let all = [("+", &one), ("+", &two), ("-", &one), ("-", &two)];
                self.edges.extend(all.map(|(edge, key)| format!("{edge}{key}")));
                (format!("S 10,5 {one}+{two}:20"), None)
            }
            2 => {
                let all = [("+", &one), ("+", &two), ("-", &two), ("-", &one)];
                self.edges.extend(all.map(|(edge, key)| format!("{edge}{key}")));
                (format!("S 10,5 +{one} ~3 {two} -{one}"), None)
            }
            3 | 4 if self.down.len() < 6 => {
                self.edges.push(format!("+{one}"));
                self.down.insert(one.clone());
                (format!("D {one}"), None)
            }
            5 if !self.down.is_empty() => {
                let key = self.down.pop_first().unwrap();
                self.edges.push(format!("-{key}"));
                (format!("U {key}"), None)
            }
            6 => {
                self.edges.extend(std::mem::take(&mut self.down).iter().map(|key| format!("-{key}")));
                (if self.random.number().is_multiple_of(2) { "U *" } else { "X" }.to_owned(), None)
            }
            _ => {
                let down = self.down.iter().cloned().collect::<Vec<_>>().join("+");
                ("R".to_owned(), Some(if down.is_empty() { "-".to_owned() } else { down }))
            }
        }
    }
}

/// A host, a board, and a bad line between them, on virtual time.
struct Line {
    random: Random,
    faults: u64,
    now: Duration,
    host: Host,
    board: Board,
    to_host: Vec<u8>,
    edges: Vec<String>,
    retries: u32,
    given_up: u32,
}

impl Line {
    fn new(seed: u64, faults: u64) -> Self {
        Self {
            random: Random::new(seed),
            faults,
            now: Duration::ZERO,
            host: Host::new(),
            board: Board::new(1),
            to_host: Vec::new(),
            edges: Vec::new(),
            retries: 0,
            given_up: 0,
        }
    }

    /// Gives an order and waits for its answer: the text, or the code of a refusal.
    fn order(&mut self, verb: Verb) -> Result<String, String> {
        self.host.send(1, verb).unwrap();
        loop {
            if let Some(bytes) = self.host.poll_transmit(stamp(self.now)) {
                let noisy = self.noise(&bytes);
                self.board.handle(self.now, BoardInput::Bytes(noisy));
            }
            for event in self.hear() {
                match event {
                    HostEvent::Answered { result, tries, .. } => {
                        self.retries += tries - 1;
                        return result.map_err(|refusal| refusal.code);
                    }
                    HostEvent::GaveUp { .. } | HostEvent::Reported { .. } => {}
                }
            }
            let next = self.host.poll_deadline().map(|at| Duration::from_nanos(at.0));
            self.now = self.board.poll_deadline().into_iter().chain(next).min().unwrap().max(self.now);
            self.board.handle(self.now, BoardInput::Timeout);
            if let Some(HostEvent::GaveUp { .. }) = self.host.handle_deadline(stamp(self.now)) {
                self.given_up += 1;
                return Err("given up".to_owned());
            }
        }
    }

    /// Lets time pass in which the host says nothing.
    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.board.handle(self.now, BoardInput::Timeout);
        self.hear();
    }

    /// Takes what the board does, and what of its words reaches the host.
    fn hear(&mut self) -> Vec<HostEvent> {
        while let Some(output) = self.board.poll_output() {
            match output {
                BoardOutput::Bytes(bytes) => {
                    let noisy = self.noise(&bytes);
                    self.to_host.extend(noisy);
                }
                BoardOutput::KeyDown { row, col, .. } => self.edges.push(format!("+{row}.{col}")),
                BoardOutput::KeyUp { row, col, .. } => self.edges.push(format!("-{row}.{col}")),
            }
        }
        let mut events = Vec::new();
        while let Some(end) = self.to_host.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.to_host.drain(..=end).collect();
            events.extend(self.host.handle_line(&line));
        }
        events
    }

    /// What of some bytes arrives: one that is hit is dropped, or has a bit flipped.
    fn noise(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for byte in bytes {
            if self.random.number() % 100_000 >= self.faults {
                out.push(*byte);
            } else if self.random.number().is_multiple_of(2) {
                out.push(byte ^ (1 << (self.random.number() % 8)));
            }
        }
        out
    }
}

fn stamp(now: Duration) -> Stamp {
    Stamp::ZERO + now
}
