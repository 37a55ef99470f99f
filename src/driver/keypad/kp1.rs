//! Key boards on serial lines: one task for each board, which speaks KP1 to it.
//!
//! No key is pressed before the board has been greeted and its dead-man is armed ([`DEAD_MAN_MS`]). The board times the keys
//! itself and lets them all go when it does not hear from us; we let them go when the run ends. After each sequence the
//! matrix is read back: a press counts only if its contacts are open again. A board that was lost, or that has restarted
//! in between, did not play what it was at, and that is said.
//!
//! Not here: the protocol ([`wire::kp1`](crate::wire::kp1)), and whether a key had an effect on the phone (`engine`).

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    super::{
        Report,
        clock::RunClock,
        discretion::{Discretion, Pin},
        outbox::Outbox,
        serial::{Port, PortError, REOPEN_EVERY},
    },
    Order, score,
};
use crate::{
    config::{Pressing, keying},
    event::{KeyName, Observed, PhoneName, PortKind, Stamp, When},
    wire::kp1::{Event, Host, HostEvent, Identity, MAX_LINE, Misfit, Refusal, Sequence, Verb},
};

mod talk;

/// Bit rate of every KP1 board (`docs/kp1.md`).
const BAUD: u32 = 115_200;

/// All keys go up when the board hears nothing from us for this long.
pub const DEAD_MAN_MS: u16 = 3000;

/// How often a board that plays hears from us.
const FEED_EVERY: Duration = Duration::from_secs(1);

/// How often a board that does not answer is greeted again: those that start when their port is opened take a while.
const GREET_EVERY: Duration = Duration::from_millis(500);

/// A board is given this long after its port was opened before its silence is told: opening may have reset it.
const START_TIME: Duration = Duration::from_secs(3);

/// A board that plays this much longer than computed, and has not said that it is done, is asked.
const PLAY_MARGIN: Duration = Duration::from_millis(500);

/// How often it is asked before it counts as stuck.
const MOST_ASKED: u32 = 4;

/// How often in a row an answer may be to another greeting than ours.
const MOST_MISTAKEN: u32 = 3;

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
    /// How they want to be pressed.
    pub pressing: Pressing,
    /// What is pressed in the place of `{pin}`.
    pub pin: Option<Pin>,
    /// What the phone's console shows is hidden while that is pressed.
    pub discretion: Discretion,
}

/// A board, open and spoken to.
#[derive(Debug)]
pub struct Board {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Board {
    /// Opens a board and greets it. Must be called within a tokio runtime. A board that does not answer is reported as
    /// [`Observed::PortLost`], and greeted on.
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
        let talk = Talk {
            path: path.to_owned(),
            seats,
            clock: clock.clone(),
            orders: inbox,
            waiting: VecDeque::new(),
            outbox: Outbox::new(reports),
            host: Host::new(),
            asked: BTreeMap::new(),
            jobs: BTreeMap::new(),
            bond: Bond::Resting { until: Stamp::ZERO },
            opened: Stamp::ZERO,
            told_lost: false,
            fed: Stamp::ZERO,
            unsent: VecDeque::new(),
            line: Vec::new(),
        };
        Ok(Self { orders, task: tokio::spawn(talk.run(port)) })
    }

    /// What takes orders for the phones of its seats.
    pub fn keys(&self) -> mpsc::UnboundedSender<Order> {
        self.orders.clone()
    }

    /// Lets all keys go and closes the port. Whatever else [`keys`](Self::keys) has given out must be dropped before.
    pub async fn close(self) {
        drop(self.orders);
        let _ = self.task.await;
    }

    /// Goes away without another word, as if this process had been killed: what is pressed, the board's dead-man lets go.
    pub async fn die(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Why a frame was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Hello {
        nonce: u32,
    },
    /// The dead-man, ahead of the first key.
    Arm,
    /// The next sequence of this unit's job.
    Play(u8),
    /// Whether it still plays.
    Progress(u8),
    /// Which contacts of the unit are closed.
    ReadBack(u8),
    Release,
    /// Feeds the dead-man.
    Alive,
}

/// How far we are with the board.
#[derive(Debug, Clone)]
enum Bond {
    /// It was greeted; this many answers were to others.
    Greeting { mistaken: u32 },
    /// It has answered, and its dead-man is being armed.
    Arming(Identity),
    /// It takes orders.
    Ready(Identity),
    /// It does not answer, or is no board for us; it is greeted again then.
    Resting { until: Stamp },
}

/// An order that is being carried out on one unit.
#[derive(Debug)]
struct Job {
    order: Order,
    ordered: Stamp,
    /// When the board took the first of it.
    acknowledged: Option<Stamp>,
    /// What follows the sequence in progress.
    next: VecDeque<Sequence>,
    lasts: Duration,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The board has not taken the sequence yet.
    Sent,
    /// It plays; until then it should be done.
    Playing { seq: u8, until: Stamp, asked: u32 },
    /// It is being asked whether it still plays.
    Asking { seq: u8, asked: u32 },
    /// It was played; it is being asked which contacts are closed.
    Reading,
}

/// Why a board is not spoken to any more.
enum Ended {
    Closed,
    Lost(String),
}

struct Talk {
    path: PathBuf,
    seats: Vec<Seat>,
    clock: RunClock,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Orders that came before the board was ready for any.
    waiting: VecDeque<Order>,
    outbox: Outbox,
    host: Host,
    /// What is queued or under way, by number of its frame.
    asked: BTreeMap<u8, Asked>,
    /// What is being played, by unit.
    jobs: BTreeMap<u8, Job>,
    bond: Bond,
    /// When its port was opened.
    opened: Stamp,
    /// Its loss was told since it answered last.
    told_lost: bool,
    /// When it heard from us last, for certain.
    fed: Stamp,
    unsent: VecDeque<u8>,
    line: Vec<u8>,
}

impl Talk {
    /// Greets the board, which lets all keys go and forgets what was ordered.
    fn greet(&mut self, mistaken: u32) {
        self.host.reset();
        self.asked.clear();
        self.bond = Bond::Greeting { mistaken };
        // Different each time, and not those of another process that has just begun.
        let nonce = self.clock.now().0 ^ u64::from(std::process::id()).rotate_left(20);
        let nonce = u32::try_from(nonce & u64::from(u32::MAX)).unwrap_or(0);
        self.ask(1, Verb::Hello { nonce }, Asked::Hello { nonce });
    }

    fn ask(&mut self, unit: u8, verb: Verb, why: Asked) {
        match self.host.send(unit, verb) {
            Ok(seq) => drop(self.asked.insert(seq, why)),
            Err(error) => self.refused(why, &error.to_string()),
        }
    }

    fn answered(&mut self, seq: u8, why: Asked, result: Result<String, Refusal>) {
        self.fed = self.clock.now();
        if let (Err(refusal), false) = (&result, matches!(why, Asked::Hello { .. }))
            && refusal.code == Refusal::HELLO
        {
            return self.restarted();
        }
        match (why, result) {
            (Asked::Hello { nonce }, Ok(text)) => self.introduced(&text, nonce),
            (Asked::Hello { .. } | Asked::Arm, Err(refusal)) => self.rest(&refusal.to_string()),
            (Asked::Arm, Ok(_)) => self.ready(),
            (Asked::Play(unit), Ok(_)) => self.accepted(seq, unit),
            (Asked::Progress(unit), Ok(text)) => self.told_progress(unit, &text),
            (Asked::ReadBack(unit), Ok(text)) => self.read_back(unit, &text),
            (why, Err(refusal)) => self.refused(why, &refusal.to_string()),
            (Asked::Release | Asked::Alive, Ok(_)) => {}
        }
    }

    fn introduced(&mut self, text: &str, nonce: u32) {
        let Bond::Greeting { mistaken } = self.bond else { return };
        match Identity::greeted(text, nonce) {
            Ok(identity) => {
                self.bond = Bond::Arming(identity);
                self.ask(1, Verb::DeadMan { ms: DEAD_MAN_MS }, Asked::Arm);
            }
            Err(Misfit::Nonce) if mistaken < MOST_MISTAKEN => self.greet(mistaken + 1),
            Err(misfit) => self.rest(&misfit.to_string()),
        }
    }

    /// From now on keys may be pressed.
    fn ready(&mut self) {
        let Bond::Arming(identity) = self.bond.clone() else { return };
        self.told_lost = false;
        for Seat { phone, unit, .. } in &self.seats {
            let (phone, port) = (phone.clone(), PortKind::Keypad);
            let observed = if *unit <= identity.units {
                Observed::PortOpened { phone, port, away_ns: None, across_network: false }
            } else {
                Observed::PortLost { phone, port, reason: no_unit(*unit, &identity) }
            };
            self.outbox.push(When::exactly(self.clock.now()), observed);
        }
        self.bond = Bond::Ready(identity);
        for order in std::mem::take(&mut self.waiting) {
            self.begin(order);
        }
    }

    fn begin(&mut self, order: Order) {
        let ordered = self.clock.now();
        let identity = match &self.bond {
            Bond::Ready(identity) => identity.clone(),
            Bond::Resting { .. } if !self.told_lost => return self.waiting.push_back(order),
            Bond::Greeting { .. } | Bond::Arming(_) => return self.waiting.push_back(order),
            Bond::Resting { .. } => {
                let reason = "the keypad board does not answer; is it powered and wired?".to_owned();
                return self.played(&order, ordered, ordered, Some(reason));
            }
        };
        let Some(seat) = self.seats.iter().find(|seat| seat.phone == order.phone) else {
            let reason = format!("no unit of this board is wired to {}", order.phone);
            return self.played(&order, ordered, ordered, Some(reason));
        };
        let (unit, discretion) = (seat.unit, seat.discretion.clone());
        if self.jobs.contains_key(&unit) {
            return self.waiting.push_back(order);
        }
        let sequences = if unit > identity.units {
            Err(no_unit(unit, &identity))
        } else {
            score::sequences(
                &order.strokes,
                &seat.keys,
                seat.pressing,
                order.digit.as_ref().or(seat.pin.as_ref()),
                &identity,
            )
        };
        match sequences {
            Ok(sequences) => {
                if order.strokes.iter().any(keying::is_pin) {
                    discretion.begin();
                }
                let (next, lasts) = (sequences.into(), Duration::ZERO);
                self.jobs.insert(unit, Job { order, ordered, acknowledged: None, next, lasts, stage: Stage::Sent });
                self.play_next(unit);
            }
            Err(reason) => self.played(&order, ordered, ordered, Some(reason)),
        }
    }

    /// The next sequence of a job, or word that it was the last.
    fn play_next(&mut self, unit: u8) {
        let Some(job) = self.jobs.get_mut(&unit) else { return };
        match job.next.pop_front() {
            Some(sequence) => {
                job.lasts = Duration::from_millis(sequence.duration_ms());
                job.stage = Stage::Sent;
                self.ask(unit, Verb::Play(sequence), Asked::Play(unit));
            }
            None => self.end_job(unit, None),
        }
    }

    fn accepted(&mut self, seq: u8, unit: u8) {
        let now = self.clock.now();
        let Some(job) = self.jobs.get_mut(&unit) else { return };
        job.acknowledged.get_or_insert(now);
        job.stage = Stage::Playing { seq, until: now + job.lasts + PLAY_MARGIN, asked: 0 };
    }

    /// A sequence was played to its end: are the contacts open again?
    fn done(&mut self, seq: u8) {
        let is =
            |stage: Stage| matches!(stage, Stage::Playing { seq: of, .. } | Stage::Asking { seq: of, .. } if of == seq);
        let Some((&unit, job)) = self.jobs.iter_mut().find(|(_, job)| is(job.stage)) else { return };
        job.stage = Stage::Reading;
        self.ask(unit, Verb::ReadBack, Asked::ReadBack(unit));
    }

    /// Its word that it is done may have been lost.
    fn overdue(&mut self, unit: u8) {
        let Some(job) = self.jobs.get_mut(&unit) else { return };
        if let Stage::Playing { seq, asked, .. } = job.stage {
            job.stage = Stage::Asking { seq, asked: asked + 1 };
            self.ask(unit, Verb::Ping, Asked::Progress(unit));
        }
    }

    fn told_progress(&mut self, unit: u8, text: &str) {
        let until = self.clock.now() + PLAY_MARGIN;
        let Some(job) = self.jobs.get_mut(&unit) else { return };
        let Stage::Asking { seq, asked } = job.stage else { return };
        if text == "idle" {
            self.done(seq);
        } else if text == format!("playing {seq:02X}") && asked < MOST_ASKED {
            job.stage = Stage::Playing { seq, until, asked };
        } else {
            self.ask(unit, Verb::Abort, Asked::Release);
            self.end_job(unit, Some("the keypad board does not come to the end of what it plays"));
        }
    }

    fn read_back(&mut self, unit: u8, text: &str) {
        if self.jobs.get(&unit).is_none_or(|job| job.stage != Stage::Reading) {
            return;
        }
        if text == "-" {
            return self.play_next(unit);
        }
        let secret = self.jobs.get(&unit).is_some_and(|job| job.order.strokes.iter().any(keying::is_pin));
        let reason = if secret {
            "a contact is still closed after its key was let go; is it welded, or shorted?".to_owned()
        } else {
            format!("the contacts {text} are still closed after all keys were let go; are they welded, or shorted?")
        };
        self.ask(unit, Verb::Abort, Asked::Release);
        self.end_job(unit, Some(&reason));
    }

    fn end_job(&mut self, unit: u8, error: Option<&str>) {
        if let Some(job) = self.jobs.remove(&unit) {
            let answered = job.acknowledged.unwrap_or_else(|| self.clock.now());
            self.played(&job.order, answered, job.ordered, error.map(str::to_owned));
        }
        // Where the board itself is gone, what waits does so until it is back, or given up.
        if error.is_none() {
            self.play_waiting(unit);
        }
    }

    /// Takes up what was ordered while a unit played something else.
    fn play_waiting(&mut self, unit: u8) {
        let of_unit = |phone: &PhoneName| self.seats.iter().any(|seat| seat.unit == unit && seat.phone == *phone);
        let next = self.waiting.iter().position(|order| of_unit(&order.phone));
        if let Some(order) = next.and_then(|next| self.waiting.remove(next)) {
            self.begin(order);
        }
    }

    fn refused(&mut self, why: Asked, reason: &str) {
        match why {
            Asked::Hello { .. } | Asked::Arm => self.rest(reason),
            Asked::Play(unit) | Asked::Progress(unit) | Asked::ReadBack(unit) => {
                self.end_job(unit, Some(reason));
                self.play_waiting(unit);
            }
            Asked::Release | Asked::Alive => {}
        }
    }

    fn played(&mut self, order: &Order, answered: Stamp, ordered: Stamp, error: Option<String>) {
        let now = self.clock.now();
        if let Some(seat) = self.seats.iter().find(|seat| seat.phone == order.phone) {
            seat.discretion.end(now);
        }
        let (phone, ack_after_ns) = (order.phone.clone(), answered.0.saturating_sub(ordered.0));
        let observed = Observed::KeysPlayed { phone, sequence: order.sequence, ack_after_ns, error };
        self.outbox.push(When::exactly(now), observed);
    }

    /// It was without power, or was reset: what it was playing was not played, and nobody knows what was.
    fn restarted(&mut self) {
        self.break_off("the keypad board restarted in the middle of a sequence; is its power good?");
        self.greet(0);
    }

    /// What is being played does not come to its end, and what waits for it is not begun.
    fn break_off(&mut self, reason: &str) {
        for unit in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.end_job(unit, Some(reason));
        }
    }

    /// Leaves the board alone for a while; says that it is lost, if that was not said.
    fn rest(&mut self, reason: &str) {
        self.bond = Bond::Resting { until: self.clock.now() + GREET_EVERY };
        self.host.reset();
        self.asked.clear();
        self.break_off(reason);
        if self.clock.now() >= self.opened + START_TIME {
            self.say_lost(reason);
        }
    }

    /// Tells every phone of the board, once for each loss, and gives the orders up that wait for it.
    fn say_lost(&mut self, reason: &str) {
        let now = self.clock.now();
        for order in std::mem::take(&mut self.waiting) {
            self.played(&order, now, now, Some(reason.to_owned()));
        }
        if std::mem::replace(&mut self.told_lost, true) {
            return;
        }
        let reason = format!("{}: {reason}", self.path.display());
        for Seat { phone, .. } in &self.seats {
            let (phone, port, reason) = (phone.clone(), PortKind::Keypad, reason.clone());
            self.outbox.push(When::exactly(now), Observed::PortLost { phone, port, reason });
        }
    }
}

fn no_unit(unit: u8, identity: &Identity) -> String {
    format!("the board has {} units, and the bench file says unit {unit}", identity.units)
}
