//! Keypad boards on serial lines: one task for each board, which speaks KP1 to it.
//!
//! The board times the keys itself and lets them all go when it does not hear from us ([`DEAD_MAN_MS`]); we let them go
//! when the run ends, and say so when the board was lost while it played.
//!
//! Not here: the protocol ([`wire::kp1`](crate::wire::kp1)), and whether a key had an effect on the phone (`engine`).

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    Report,
    clock::RunClock,
    discretion::{Discretion, Pin},
    outbox::Outbox,
    serial::{Port, PortError, REOPEN_EVERY},
};
use crate::{
    config::keying,
    event::{KeyName, Observed, PhoneName, PortKind, Stamp, When},
    wire::kp1::{Chord, Event, Host, HostEvent, Item, Key, MAX_LINE, Sequence, Verb},
};

/// Bit rate of every KP1 board (`docs/kp1.md`).
const BAUD: u32 = 115_200;

/// All keys go up when the board hears nothing from us for this long.
const DEAD_MAN_MS: u16 = 3000;

/// How often a board that plays hears from us.
const FEED_EVERY: Duration = Duration::from_secs(1);

/// A board is fed for this long beyond the computed end of what it plays, unless it says before that it is done.
const PLAY_MARGIN: Duration = Duration::from_millis(500);

/// How long the end of a run waits for the board to let the keys go.
const RELEASE_TIME: Duration = Duration::from_millis(500);

/// A phone whose keys a board presses.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The phone.
    pub phone: PhoneName,
    /// Which of the board's units is wired to it, from 1.
    pub unit: u8,
    /// The phone's keys and where they are in the matrix, as `row.column`.
    pub keys: BTreeMap<KeyName, String>,
    /// What is pressed in the place of `{pin}`.
    pub pin: Option<Pin>,
    /// What the phone's console shows is hidden while that is pressed.
    pub discretion: Discretion,
}

/// An order to play keys.
#[derive(Debug)]
struct Order {
    phone: PhoneName,
    sequence: u32,
    keys: Vec<KeyName>,
}

/// A board, open and spoken to.
#[derive(Debug)]
pub struct Keypad {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Keypad {
    /// Opens a board and greets it. Must be called within a tokio runtime. A board that does not answer is reported as
    /// [`Observed::PortLost`].
    ///
    /// # Errors
    /// If the port can not be had.
    pub fn open(
        path: &Path,
        seats: Vec<Seat>,
        clock: &RunClock,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, PortError> {
        let port = Port::open(path, BAUD)?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let board = Board {
            path: path.to_owned(),
            seats,
            clock: clock.clone(),
            orders: inbox,
            outbox: Outbox::new(reports),
            host: Host::new(),
            asked: BTreeMap::new(),
            playing: BTreeMap::new(),
            fed: Stamp::ZERO,
            answers: false,
            unsent: VecDeque::new(),
            line: Vec::new(),
        };
        Ok(Self { orders, task: tokio::spawn(board.run(port)) })
    }

    /// Orders keys to be played on the phone of one seat. What comes of it is reported as [`Observed::KeysPlayed`] with
    /// the same `sequence`.
    pub fn play(&self, phone: PhoneName, sequence: u32, keys: Vec<KeyName>) {
        // A task that is gone has reported why.
        let _ = self.orders.send(Order { phone, sequence, keys });
    }

    /// Lets all keys go and closes the port.
    pub async fn close(self) {
        drop(self.orders);
        let _ = self.task.await;
    }
}

/// Why a frame was sent.
#[derive(Debug)]
enum Asked {
    Hello,
    Play {
        order: Order,
        ordered: Stamp,
        lasts: Duration,
    },
    Release,
    /// Dead-man and its feeding; the answer says no more than that the board lives.
    Alive,
}

/// A sequence that the board has taken.
#[derive(Debug)]
struct Playing {
    order: Order,
    ordered: Stamp,
    acknowledged: Stamp,
    /// When it is over for certain, also if the board's word of that was lost: events are not repeated.
    until: Stamp,
}

/// Why a board is not spoken to any more.
enum Ended {
    Closed,
    Lost(String),
}

struct Board {
    path: PathBuf,
    seats: Vec<Seat>,
    clock: RunClock,
    orders: mpsc::UnboundedReceiver<Order>,
    outbox: Outbox,
    host: Host,
    /// What is queued or under way, by number of its frame.
    asked: BTreeMap<u8, Asked>,
    /// The sequences that are being played, by number of their frames.
    playing: BTreeMap<u8, Playing>,
    fed: Stamp,
    /// It answered the greeting after this opening.
    answers: bool,
    unsent: VecDeque<u8>,
    line: Vec<u8>,
}

impl Board {
    async fn run(mut self, port: Port) {
        let mut current = Some(port);
        while let Some(port) = current {
            self.greet();
            current = match self.serve(&port).await {
                Ended::Closed => {
                    self.release(&port).await;
                    None
                }
                Ended::Lost(reason) => {
                    drop(port);
                    self.lost(&reason);
                    self.reopen().await
                }
            };
        }
        self.outbox.finish();
    }

    async fn serve(&mut self, port: &Port) -> Ended {
        loop {
            if let Err(lost) = self.step(port, None).await {
                return lost;
            }
        }
    }

    /// One thing happens: the board says something, takes something, is ordered something, or lets a time pass.
    async fn step(&mut self, port: &Port, limit: Option<Stamp>) -> Result<(), Ended> {
        let now = self.clock.now();
        self.feed(now);
        if self.unsent.is_empty() {
            self.unsent.extend(self.host.poll_transmit(now).unwrap_or_default());
        }
        let over = self.playing.values().map(|playing| playing.until).min();
        let due = [self.host.poll_deadline(), self.next_feeding(), over, limit].into_iter().flatten().min();
        let mut buffer = [0; 512];
        let closing = limit.is_some();
        tokio::select! {
            read = port.read(&mut buffer) => match read {
                Ok(count) => self.received(&buffer[..count])?,
                Err(reason) => return Err(Ended::Lost(reason.to_string())),
            },
            order = self.orders.recv(), if !closing => match order {
                Some(order) => self.begin(order),
                None => return Err(Ended::Closed),
            },
            wrote = write_some(port, self.unsent.as_slices().0) => match wrote {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(reason) => return Err(Ended::Lost(reason.to_string())),
            },
            () = self.outbox.deliver() => {}
            () = self.clock.wait(due) => {
                let event = self.host.handle_deadline(self.clock.now());
                event.map_or(Ok(()), |event| self.learnt(event))?;
            }
        }
        Ok(())
    }

    /// Greets the board, which lets all keys go, and arms the dead-man of each phone.
    fn greet(&mut self) {
        self.host.reset();
        self.answers = false;
        self.unsent.clear();
        self.line.clear();
        let nonce = u32::try_from(self.clock.now().0 & u64::from(u32::MAX)).unwrap_or(0);
        self.ask(1, Verb::Hello { nonce }, Asked::Hello);
        let units: Vec<u8> = self.seats.iter().map(|seat| seat.unit).collect();
        for unit in units {
            self.ask(unit, Verb::DeadMan { ms: DEAD_MAN_MS }, Asked::Alive);
        }
    }

    fn ask(&mut self, unit: u8, verb: Verb, why: Asked) {
        match self.host.send(unit, verb) {
            Ok(seq) => drop(self.asked.insert(seq, why)),
            Err(error) => self.refused(why, &error.to_string()),
        }
    }

    fn begin(&mut self, order: Order) {
        let ordered = self.clock.now();
        match self.translate(&order) {
            Ok((unit, sequence)) => {
                if order.keys.iter().any(keying::is_pin)
                    && let Some(seat) = self.seat(&order.phone)
                {
                    seat.discretion.begin();
                }
                let lasts = Duration::from_millis(sequence.duration_ms());
                self.ask(unit, Verb::Play(sequence), Asked::Play { order, ordered, lasts });
            }
            Err(reason) => self.refused(Asked::Play { order, ordered, lasts: Duration::ZERO }, &reason),
        }
    }

    /// Key names to places in the matrix.
    fn translate(&self, order: &Order) -> Result<(u8, Sequence), String> {
        let seat =
            self.seat(&order.phone).ok_or_else(|| format!("no unit of this board is wired to {}", order.phone))?;
        let tap = |name: &KeyName| {
            let place = seat.keys.get(name);
            let name = &keying::sayable(&order.keys, name);
            let place = place.ok_or_else(|| format!("the phone's model has no key `{name}`"))?;
            let key: Key =
                place.parse().map_err(|_| format!("key `{name}` is at `{place}`, which is no row.column"))?;
            Ok::<_, String>(Item::Tap { keys: Chord::single(key), hold_ms: None })
        };
        let pin = seat.pin.as_ref().map(Pin::digits);
        let keys = keying::with_pin(&order.keys, pin).ok_or("no PIN is known of this phone's line")?;
        let items = keys.iter().map(tap).collect::<Result<Vec<_>, _>>()?;
        if items.is_empty() {
            return Err("there is no key to play".to_owned());
        }
        Ok((seat.unit, Sequence { hold_ms: Sequence::DEFAULT_MS, gap_ms: Sequence::DEFAULT_MS, items }))
    }

    fn seat(&self, phone: &PhoneName) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.phone == *phone)
    }

    fn received(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if let Some(event) = self.host.handle_line(&line) {
                    self.learnt(event)?;
                }
            } else if self.line.len() <= MAX_LINE {
                // What is longer is no frame; the rest of it may be dropped.
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn learnt(&mut self, event: HostEvent) -> Result<(), Ended> {
        match event {
            HostEvent::Answered { seq, result, .. } => match (self.asked.remove(&seq), result) {
                (Some(Asked::Hello), Ok(_)) => self.greeted(),
                (Some(Asked::Hello), Err(refusal)) => return Err(Ended::Lost(refusal.to_string())),
                (Some(Asked::Play { order, ordered, lasts }), Ok(_)) => self.accepted(seq, order, ordered, lasts),
                (Some(why), Err(refusal)) => self.refused(why, &refusal.to_string()),
                (_, Ok(_)) | (None, _) => {}
            },
            HostEvent::GaveUp { seq, tries } => {
                let reason = format!("the keypad board did not answer {tries} times; is it powered and wired?");
                let why = self.asked.remove(&seq);
                let greeted = self.answers;
                if let Some(why) = why {
                    self.refused(why, &reason);
                }
                // A board that once answered and is silent now must be greeted again before it is trusted.
                if greeted {
                    return Err(Ended::Lost(reason));
                }
            }
            HostEvent::Reported { event: Event::Done { seq }, .. } => {
                if let Some(playing) = self.playing.remove(&seq) {
                    self.finished(playing);
                }
            }
            HostEvent::Reported { event: Event::Released, .. } => self.let_go(),
            HostEvent::Reported { event: Event::Down { .. } | Event::Up { .. }, .. } => {}
        }
        Ok(())
    }

    fn greeted(&mut self) {
        self.answers = true;
        for seat in &self.seats {
            let observed = Observed::PortOpened { phone: seat.phone.clone(), port: PortKind::Keypad };
            self.outbox.push(When::exactly(self.clock.now()), observed);
        }
    }

    fn accepted(&mut self, seq: u8, order: Order, ordered: Stamp, lasts: Duration) {
        let now = self.clock.now();
        self.fed = now;
        let until = now + lasts + PLAY_MARGIN;
        self.playing.insert(seq, Playing { order, ordered, acknowledged: now, until });
    }

    /// The last key is up: only now may the next sequence be ordered.
    fn finished(&mut self, playing: Playing) {
        let Playing { order, ordered, acknowledged, .. } = playing;
        self.played(order, acknowledged, ordered, None);
    }

    fn refused(&mut self, why: Asked, reason: &str) {
        match why {
            Asked::Play { order, ordered, .. } => {
                self.played(order, self.clock.now(), ordered, Some(reason.to_owned()));
            }
            Asked::Hello => {
                let reason = format!("{}: {reason}", self.path.display());
                self.say_lost(&reason);
            }
            Asked::Release | Asked::Alive => {}
        }
    }

    fn played(&mut self, order: Order, answered: Stamp, ordered: Stamp, error: Option<String>) {
        let ack_after_ns = answered.0.saturating_sub(ordered.0);
        if let Some(seat) = self.seat(&order.phone) {
            seat.discretion.end(self.clock.now());
        }
        let observed = Observed::KeysPlayed { phone: order.phone, sequence: order.sequence, ack_after_ns, error };
        self.outbox.push(When::exactly(self.clock.now()), observed);
    }

    /// The dead-man came although we fed it: what was being played did not arrive as a whole.
    fn let_go(&mut self) {
        self.broken_off("the keypad board let all keys go in the middle of a sequence: its dead-man came");
    }

    /// Feeds the dead-man while keys may be down.
    fn feed(&mut self, now: Stamp) {
        let over: Vec<u8> =
            self.playing.iter().filter(|(_, playing)| playing.until <= now).map(|(seq, _)| *seq).collect();
        for playing in over.into_iter().filter_map(|seq| self.playing.remove(&seq)).collect::<Vec<_>>() {
            self.finished(playing);
        }
        if self.next_feeding().is_some_and(|due| due <= now) && self.host.is_idle() {
            self.fed = now;
            self.ask(1, Verb::Ping, Asked::Alive);
        }
    }

    fn next_feeding(&self) -> Option<Stamp> {
        (!self.playing.is_empty() && self.host.is_idle()).then(|| self.fed + FEED_EVERY)
    }

    /// Lets all keys of all phones go before the port is closed; a board that does not answer does it by itself.
    async fn release(&mut self, port: &Port) {
        if !self.answers {
            return;
        }
        let units: Vec<u8> = self.seats.iter().map(|seat| seat.unit).collect();
        for unit in units {
            self.ask(unit, Verb::Abort, Asked::Release);
        }
        let limit = self.clock.now() + RELEASE_TIME;
        while !self.host.is_idle() && self.clock.now() < limit {
            if self.step(port, Some(limit)).await.is_err() {
                return;
            }
        }
    }

    fn lost(&mut self, reason: &str) {
        for (_, why) in std::mem::take(&mut self.asked) {
            if matches!(why, Asked::Play { .. }) {
                self.refused(why, &format!("the keypad board was lost: {reason}"));
            }
        }
        self.broken_off("the keypad board was lost in the middle of a sequence");
        let reason = format!("{}: {reason}", self.path.display());
        self.say_lost(&reason);
    }

    /// What is being played does not come to its end.
    fn broken_off(&mut self, reason: &str) {
        for (_, playing) in std::mem::take(&mut self.playing) {
            self.played(playing.order, playing.acknowledged, playing.ordered, Some(reason.to_owned()));
        }
    }

    fn say_lost(&mut self, reason: &str) {
        for seat in &self.seats {
            let phone = seat.phone.clone();
            let observed = Observed::PortLost { phone, port: PortKind::Keypad, reason: reason.to_owned() };
            self.outbox.push(When::exactly(self.clock.now()), observed);
        }
    }

    /// Waits for the port to come back; none if it is not wanted any more.
    async fn reopen(&mut self) -> Option<Port> {
        let mut next = self.clock.now();
        loop {
            next = next + REOPEN_EVERY;
            loop {
                tokio::select! {
                    order = self.orders.recv() => {
                        let (order, ordered) = (order?, self.clock.now());
                        let reason = "the keypad board is not there; plug it in again".to_owned();
                        self.played(order, ordered, ordered, Some(reason));
                    }
                    () = self.outbox.deliver() => {}
                    () = self.clock.wait(Some(next)) => break,
                }
            }
            if let Ok(port) = Port::open(&self.path, BAUD) {
                return Some(port);
            }
        }
    }
}

async fn write_some(port: &Port, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { std::future::pending().await } else { port.write(bytes).await }
}
