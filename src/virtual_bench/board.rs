//! A simulated keypad board: speaks KP1 on a serial line and closes contacts of key matrices. Sans-IO.
//!
//! Not here: the protocol's syntax (`wire::kp1`), what a key does (`phone`).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::wire::kp1::{
    BadFrame, BoardFrame, Event, HostFrame, Identity, Item, Key, MAX_LINE, Refusal, Sequence, Verb,
};

mod contacts;

use contacts::{Bounce, Contacts, Edge};

/// Rows and columns of each matrix: those of one ADG2188 crosspoint switch.
const SIDE: u8 = 8;

/// Most items in one sequence.
const MAX_ITEMS: u16 = 64;

/// What happens to a board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardInput {
    /// Bytes arrived on the serial line.
    Bytes(Vec<u8>),
    /// The time asked for by [`Board::poll_deadline`] has come.
    Timeout,
    /// Its power was away for a moment: all contacts open, and it knows nothing of what was.
    PowerCycle,
    /// A contact is welded together, and never opens again.
    Weld {
        /// Which phone, from 1.
        unit: u8,
        /// Which contact.
        key: Key,
    },
}

/// What a board does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardOutput {
    /// It writes to the serial line.
    Bytes(Vec<u8>),
    /// It closes a contact.
    KeyDown {
        /// Which phone, from 1.
        unit: u8,
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
    /// It opens a contact.
    KeyUp {
        /// Which phone, from 1.
        unit: u8,
        /// Row, from 0.
        row: u8,
        /// Column, from 0.
        col: u8,
    },
}

/// A sequence that is being played.
#[derive(Debug)]
struct Player {
    seq: u8,
    hold_ms: u16,
    gap_ms: u16,
    items: VecDeque<Item>,
    /// Keys of a tap that go up next.
    tapped: Vec<Key>,
    next_at: Duration,
}

/// The answer to the last frame, for when the host did not hear it.
#[derive(Debug)]
struct Answered {
    seq: u8,
    hello: Option<u32>,
    line: String,
}

/// A simulated board.
#[derive(Debug)]
pub struct Board {
    units: u8,
    /// When its clock began.
    started: Duration,
    input: Vec<u8>,
    /// Somebody has greeted it since.
    greeted: bool,
    last: Option<Answered>,
    /// The keys that are to be down.
    down: BTreeSet<(u8, Key)>,
    contacts: Contacts,
    players: BTreeMap<u8, Player>,
    dead_man: Duration,
    fed_at: Duration,
    outputs: VecDeque<BoardOutput>,
}

impl Board {
    /// A board for this many phones, at least one; every matrix has 8 rows and 8 columns.
    pub fn new(units: u8) -> Self {
        Self {
            units: units.max(1),
            started: Duration::ZERO,
            input: Vec::new(),
            greeted: false,
            last: None,
            down: BTreeSet::new(),
            contacts: Contacts::default(),
            players: BTreeMap::new(),
            dead_man: Duration::ZERO,
            fed_at: Duration::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: BoardInput) {
        self.run(now);
        let bytes = match input {
            BoardInput::Bytes(bytes) => bytes,
            BoardInput::Timeout => return,
            BoardInput::PowerCycle => return self.power_cycle(now),
            BoardInput::Weld { unit, key } => {
                self.contacts.weld((unit, key));
                return self.show_edges();
            }
        };
        for byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.input);
                self.line(now, &line);
            } else if self.input.len() <= MAX_LINE {
                // One byte more than a line may have is enough to know that it is too long.
                self.input.push(byte);
            }
        }
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<BoardOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`BoardInput::Timeout`].
    pub fn poll_deadline(&self) -> Option<Duration> {
        let players = self.players.values().map(|player| player.next_at);
        players.chain(self.dead_man_at()).chain(self.contacts.due()).min()
    }

    /// When the dead-man lets go; none while there is nothing to let go of.
    fn dead_man_at(&self) -> Option<Duration> {
        let busy = !self.down.is_empty() || !self.players.is_empty();
        (busy && !self.dead_man.is_zero()).then(|| self.fed_at + self.dead_man)
    }

    /// Does what is due, in order of time: a late call makes up for what it missed.
    fn run(&mut self, now: Duration) {
        while let Some(at) = self.poll_deadline().filter(|at| *at <= now) {
            self.contacts.run(at);
            self.show_edges();
            if self.dead_man_at() == Some(at) {
                self.release_all(at);
                self.report(at, Event::Released);
                continue;
            }
            let due = self.players.iter().find(|(_, player)| player.next_at == at).map(|(unit, _)| *unit);
            if let Some((unit, player)) = due.and_then(|unit| self.players.remove_entry(&unit)) {
                self.play(at, unit, player);
            }
        }
    }

    /// Plays up to the next wait of a sequence.
    fn play(&mut self, at: Duration, unit: u8, mut player: Player) {
        let ms = |ms: u16| Duration::from_millis(u64::from(ms));
        if !player.tapped.is_empty() {
            for key in std::mem::take(&mut player.tapped) {
                self.up(at, unit, key);
            }
            player.next_at = at + ms(player.gap_ms);
        }
        while player.next_at <= at {
            match player.items.pop_front() {
                None => return self.report(at, Event::Done { seq: player.seq }),
                Some(Item::Pause { ms: pause }) => player.next_at = at + ms(pause),
                Some(Item::Press(keys)) => keys.keys().iter().for_each(|key| self.down(at, unit, *key)),
                Some(Item::Release(keys)) => keys.keys().iter().for_each(|key| self.up(at, unit, *key)),
                Some(Item::Tap { keys, hold_ms }) => {
                    keys.keys().iter().for_each(|key| self.down(at, unit, *key));
                    player.tapped = keys.keys().to_vec();
                    player.next_at = at + ms(hold_ms.unwrap_or(player.hold_ms));
                }
            }
        }
        self.players.insert(unit, player);
    }

    fn power_cycle(&mut self, now: Duration) {
        self.players.clear();
        self.contacts.set_bounce(Bounce::default());
        for (unit, key) in std::mem::take(&mut self.down) {
            self.contacts.turn(now, (unit, key), false);
        }
        self.show_edges();
        (self.started, self.greeted, self.last, self.dead_man) = (now, false, None, Duration::ZERO);
        self.input.clear();
    }

    fn line(&mut self, now: Duration, line: &[u8]) {
        let (frame, seq) = match HostFrame::parse(line) {
            Ok(frame) => {
                let seq = frame.seq;
                (Ok(frame), seq)
            }
            Err(BadFrame::Meaning(what)) => match HostFrame::sequence_number(line) {
                Some(seq) => (Err(what), seq),
                None => return,
            },
            // Noise: the host's retry repairs it.
            Err(BadFrame::Blank | BadFrame::Shape | BadFrame::Checksum) => return,
        };
        self.fed_at = now;
        let hello = match &frame {
            Ok(HostFrame { verb: Verb::Hello { nonce }, .. }) => Some(*nonce),
            _ => None,
        };
        let repeated = |last: &&Answered| last.seq == seq && (hello.is_none() || last.hello == hello);
        if let Some(last) = self.last.as_ref().filter(repeated) {
            let bytes = last.line.clone().into_bytes();
            return self.outputs.push_back(BoardOutput::Bytes(bytes));
        }
        let before = self.outputs.len();
        let result = match frame {
            _ if !self.greeted && hello.is_none() => Err(refusal(Refusal::HELLO, "greet me first")),
            Ok(frame) => self.execute(now, frame),
            Err(what @ ("verb" | "unit")) => Err(refusal(what, "unknown")),
            Err(what) => Err(refusal("args", what)),
        };
        let line = BoardFrame::Reply { seq, result }.line();
        // The acknowledgement goes ahead of the events of what it acknowledges.
        self.outputs.insert(before, BoardOutput::Bytes(line.clone().into_bytes()));
        self.last = Some(Answered { seq, hello, line });
        // A sequence begins behind its acknowledgement.
        self.run(now);
    }

    fn execute(&mut self, now: Duration, HostFrame { seq, unit, verb }: HostFrame) -> Result<String, Refusal> {
        if unit == 0 || unit > self.units {
            return Err(refusal("unit", "no such unit"));
        }
        let playing = self.players.get(&unit).map(|player| player.seq);
        match verb {
            Verb::Hello { nonce } => {
                self.release_all(now);
                (self.greeted, self.dead_man) = (true, Duration::ZERO);
                self.contacts.set_bounce(Bounce::default());
                let identity = Identity {
                    nonce,
                    version: 1,
                    serial: "SIM1".to_owned(),
                    rows: SIDE,
                    columns: SIDE,
                    units: self.units,
                    max_items: MAX_ITEMS,
                };
                return Ok(identity.to_string());
            }
            Verb::Down(_) | Verb::Up(_) | Verb::Play(_) if playing.is_some() => {
                return Err(refusal("busy", "a sequence is being played"));
            }
            Verb::Down(keys) => {
                check(keys.keys())?;
                keys.keys().iter().for_each(|key| self.down(now, unit, *key));
            }
            Verb::Up(Some(keys)) => {
                check(keys.keys())?;
                keys.keys().iter().for_each(|key| self.up(now, unit, *key));
            }
            Verb::Up(None) => self.release(now, unit),
            Verb::Abort => {
                self.players.remove(&unit);
                self.release(now, unit);
            }
            Verb::Play(Sequence { hold_ms, gap_ms, items }) => {
                if items.len() > usize::from(MAX_ITEMS) {
                    return Err(refusal("long", "too many items"));
                }
                for item in &items {
                    match item {
                        Item::Tap { keys, .. } | Item::Press(keys) | Item::Release(keys) => check(keys.keys())?,
                        Item::Pause { .. } => {}
                    }
                }
                let player = Player { seq, hold_ms, gap_ms, items: items.into(), tapped: Vec::new(), next_at: now };
                self.players.insert(unit, player);
            }
            Verb::DeadMan { ms } => self.dead_man = Duration::from_millis(u64::from(ms)),
            Verb::Ping => return Ok(playing.map_or_else(|| "idle".to_owned(), |seq| format!("playing {seq:02X}"))),
            Verb::ReadBack => {
                let down: Vec<String> = self.contacts.closed(unit).iter().map(Key::to_string).collect();
                return Ok(if down.is_empty() { "-".to_owned() } else { down.join("+") });
            }
            Verb::Bounce { count, us } => {
                self.contacts.set_bounce(Bounce { count, apart: Duration::from_micros(us.into()) });
            }
        }
        Ok(String::new())
    }

    fn keys_down(&self, unit: u8) -> Vec<Key> {
        self.down.iter().filter(|(of, _)| *of == unit).map(|(_, key)| *key).collect()
    }

    fn release_all(&mut self, at: Duration) {
        self.players.clear();
        for unit in 1..=self.units {
            self.release(at, unit);
        }
    }

    fn release(&mut self, at: Duration, unit: u8) {
        self.contacts.settle(unit);
        self.show_edges();
        for key in self.keys_down(unit) {
            self.up(at, unit, key);
        }
    }

    fn down(&mut self, at: Duration, unit: u8, key: Key) {
        if self.down.insert((unit, key)) {
            self.contacts.turn(at, (unit, key), true);
            self.show_edges();
            self.report(at, Event::Down { unit, key });
        }
    }

    fn up(&mut self, at: Duration, unit: u8, key: Key) {
        if self.down.remove(&(unit, key)) {
            self.contacts.turn(at, (unit, key), false);
            self.show_edges();
            self.report(at, Event::Up { unit, key });
        }
    }

    fn show_edges(&mut self) {
        while let Some(Edge { place: (unit, Key { row, column: col }), closed }) = self.contacts.poll() {
            let edge =
                if closed { BoardOutput::KeyDown { unit, row, col } } else { BoardOutput::KeyUp { unit, row, col } };
            self.outputs.push_back(edge);
        }
    }

    fn report(&mut self, at: Duration, event: Event) {
        // The board's clock is modulo 2^32 ms.
        let ms = (at.saturating_sub(self.started).as_millis() % (1 << 32)).try_into().unwrap_or_default();
        self.outputs.push_back(BoardOutput::Bytes(BoardFrame::Event { ms, event }.line().into_bytes()));
    }
}

fn check(keys: &[Key]) -> Result<(), Refusal> {
    let outside = keys.iter().any(|key| key.row >= SIDE || key.column >= SIDE);
    if outside { Err(refusal("key", "outside the matrix")) } else { Ok(()) }
}

fn refusal(code: &str, text: &str) -> Refusal {
    Refusal { code: code.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests;
