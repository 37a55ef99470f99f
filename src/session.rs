//! The loop: the only place where order is decided.
//!
//! Every report of a driver, every deadline that fires and everything that the operator asks for gets a number and a
//! place, is appended to the journal first, then judged, then shown, and then acted upon.
//!
//! Not here: any judgement (`engine`), any device (`driver`).

use std::{path::PathBuf, time::Duration};

use thiserror::Error;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
};

use crate::{
    config::{Plan, keying},
    driver::{
        DriverError, Drivers, Report, Surroundings,
        clock::RunClock,
        hook::notes::{Changed, Left, Notes, Rewritten},
        signals::Signals,
        whispers::Whispers,
    },
    engine::Engine,
    event::{Action, ByHand, Control, Derived, Hand, KeyName, Observed, PhoneName, Record, Reply, Stamp, Stroke, When},
    journal::{JournalError, JournalWriter, RunDir},
};

mod desk;
mod pulse;
mod replay;

use desk::Desk;
pub(crate) use desk::conclusions;
pub use pulse::{Ages, Pulse};
pub use replay::{Difference, Replay, ReplayError, VerifyReport, replay, verify};

/// Reports that may wait for the session. Drivers that must not wait keep their own queue behind it.
const QUEUE: usize = 4096;

/// How often both clocks are compared.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// After the wish to stop, the engine has this long to give everything back in good order.
const STOP_TIME: Duration = Duration::from_secs(5);

/// A deadline that is later than this goes before reports, so that a flood of them cannot hold it up.
const OVERDUE: Duration = Duration::from_millis(20);

/// Somebody who looks on: a display, a report, a test. Called in the loop, so it must be quick and must not wait.
pub trait Subscriber {
    /// The next record, in the order of the journal.
    fn record(&mut self, record: &Record);
}

/// Why no run took place.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The journal could not be created.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A port or the bridge could not be had. Whatever had been opened is closed again.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// How a run ended. Everything was given back.
#[derive(Debug)]
pub struct SessionEnd {
    /// The signal (`SIGINT`) or operator that asked for the end, if anybody did.
    pub stopped_by: Option<String>,
    /// The engine concluded the run; otherwise it was cut off, and its undecided cases were not run.
    pub concluded: bool,
    /// The journal could not be written on: whatever was decided, the run is a rig error.
    pub journal_failed: Option<JournalError>,
}

/// A run about to begin.
pub struct Session {
    plan: Plan,
    run_dir: RunDir,
    clock: RunClock,
    /// Where sockets go by which others may look on at the consoles.
    state: Option<PathBuf>,
    subscribers: Vec<Box<dyn Subscriber + Send>>,
    reports: mpsc::Sender<Report>,
    inbox: mpsc::Receiver<Report>,
    stopped: Option<Notes<Left>>,
    changed: Option<Notes<Changed>>,
    rewritten: Option<Notes<Rewritten>>,
    whispers: Whispers,
    pulse: Pulse,
}

/// The operator's wishes.
#[derive(Debug, Clone)]
pub struct Operator {
    reports: mpsc::Sender<Report>,
    clock: RunClock,
    whispers: Whispers,
    pulse: Pulse,
}

impl Operator {
    /// Whether the run is alive.
    pub fn pulse(&self) -> Ages {
        self.pulse.ages()
    }

    // Each of these is false where the session is over, or can not hear just now.

    /// Asks for the end of the run, as a signal does: the first time in good order, the second time at once. `by` is who asks.
    pub fn stop(&self, by: &str) -> bool {
        self.ask(Observed::StopRequested { by: by.to_owned() })
    }

    /// Asks that every phone be given its network back at once.
    pub fn restore(&self, by: &str) -> bool {
        self.ask(Observed::RestoreRequested { by: by.to_owned() })
    }

    /// Answers what the run asks.
    pub fn answer(&self, by: &str, prompt: u32, reply: Reply) -> bool {
        self.ask(Observed::ReplyGiven { by: by.to_owned(), prompt, reply })
    }

    /// Says of a prompt that nobody is there who could answer it.
    pub fn nobody_attends(&self, prompt: u32) -> bool {
        self.ask(Observed::NobodyAttends { prompt })
    }

    /// The time of the run.
    pub fn now(&self) -> Stamp {
        self.clock.now()
    }

    /// Asks that keys of a phone be pressed. A digit that is pressed in confidence is on no record; one that is held, or pressed with
    /// others, can not be, and false is returned.
    pub fn press(&self, by: &str, phone: &PhoneName, stroke: Stroke, in_confidence: bool) -> bool {
        let digits = stroke.keys().iter().any(keying::is_digit);
        if in_confidence && digits && stroke.is_special() {
            return false;
        }
        let digit = stroke.plain().filter(|key| in_confidence && keying::is_digit(key)).cloned();
        let hand = match digit {
            Some(KeyName(digit)) => Stroke::key(&*keying::whispered(self.whispers.tell(digit))),
            None => stroke,
        };
        self.ask(Observed::HandAsked { by: by.to_owned(), phone: phone.clone(), hand: Hand::Press(hand) })
    }

    /// Asks that a line be typed on the console of a phone. Of one that is typed in confidence no record tells.
    pub fn type_line(&self, by: &str, phone: &PhoneName, line: String, in_confidence: bool) -> bool {
        let line = if in_confidence { keying::whispered(self.whispers.tell(line)) } else { line };
        self.ask(Observed::HandAsked { by: by.to_owned(), phone: phone.clone(), hand: Hand::Type(line) })
    }

    /// Asks for an outage, or for the end of one that an operator has made.
    pub fn network(&self, by: &str, wish: ByHand) -> bool {
        self.ask(Observed::OutageAsked { by: by.to_owned(), wish })
    }

    /// Asks that a control character be typed on the console of a phone: false if there is none for that letter.
    pub fn type_control(&self, by: &str, phone: &PhoneName, letter: char) -> bool {
        Control::of(letter).is_some_and(|control| {
            self.ask(Observed::HandAsked { by: by.to_owned(), phone: phone.clone(), hand: Hand::Control(control) })
        })
    }

    /// Says who may lay hands on phones from now on; none: whoever wants to.
    pub fn has_keyboard(&self, by: Option<&str>) {
        // Nobody is told who has it by a session that can not hear.
        let _ = self.ask(Observed::KeyboardHeld { by: by.map(str::to_owned) });
    }

    /// Tells the session. What it is told of by drivers may be more than it can take at once: whoever may wait does.
    fn ask(&self, observed: Observed) -> bool {
        match self.reports.try_send(Report { when: When::exactly(self.clock.now()), observed }) {
            Ok(()) => true,
            // A task of the session's own runtime would hold up what it waits for.
            Err(TrySendError::Full(report)) if Handle::try_current().is_err() => {
                self.reports.blocking_send(report).is_ok()
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
        }
    }
}

impl Session {
    /// Prepares a run; nothing is touched yet.
    pub fn new(plan: Plan, run_dir: RunDir, clock: RunClock) -> Self {
        let (reports, inbox) = mpsc::channel(QUEUE);
        let pulse = Pulse::new(clock.clone());
        Self {
            plan,
            run_dir,
            clock,
            state: None,
            subscribers: Vec::new(),
            reports,
            inbox,
            stopped: None,
            changed: None,
            rewritten: None,
            whispers: Whispers::default(),
            pulse,
        }
    }

    /// Lets others on this machine look on at the consoles, by sockets in this directory.
    pub fn share_consoles(&mut self, state: PathBuf) {
        self.state = Some(state);
    }

    /// Adds somebody who looks on.
    pub fn subscribe(&mut self, subscriber: impl Subscriber + Send + 'static) {
        self.subscribers.push(Box::new(subscriber));
    }

    /// Has servers that are stopped noted there, for whoever comes after a run that was killed.
    pub fn note_stopped(&mut self, notes: Notes<Left>) {
        self.stopped = Some(notes);
    }

    /// The same of settings of the PBX that are changed.
    pub fn note_changed(&mut self, notes: Notes<Changed>) {
        self.changed = Some(notes);
    }

    /// The same of phones' files that are written.
    pub fn note_rewritten(&mut self, notes: Notes<Rewritten>) {
        self.rewritten = Some(notes);
    }

    /// The operator's end of this run.
    pub fn operator(&self) -> Operator {
        Operator {
            reports: self.reports.clone(),
            clock: self.clock.clone(),
            whispers: self.whispers.clone(),
            pulse: self.pulse.clone(),
        }
    }

    /// Runs the plan to its end. Needs a tokio runtime with time and I/O. Takes SIGINT, SIGTERM and SIGHUP over.
    ///
    /// # Errors
    /// If the run could not begin; a run that began always ends with a [`SessionEnd`].
    pub async fn run(self) -> Result<SessionEnd, SessionError> {
        let signals = Signals::listen().map_err(DriverError::Signals)?;
        let journal = JournalWriter::create(&self.run_dir)?;
        let desk = Desk::new(Engine::new(), journal, self.subscribers);
        let mut course = Course::new(desk, self.clock.clone(), self.inbox, signals);
        course.pulse = self.pulse.clone();
        course.observe(Observed::RunStarted { plan: Box::new(self.plan.clone()) });

        let around = Surroundings {
            notes: self.stopped.as_ref(),
            changes: self.changed.as_ref(),
            rewritten: self.rewritten.as_ref(),
            state: self.state.as_deref(),
            whispers: Some(&self.whispers),
        };
        let start = Drivers::start(&self.plan, &self.clock, self.run_dir.path(), around, self.reports);
        let mut drivers = course.until(start).await?;
        if let Some(tap) = drivers.tap() {
            self.pulse.listen_to(tap);
        }
        course.run(&mut drivers).await;
        course.close(drivers.close()).await;
        Ok(course.end())
    }
}

/// What carries the engine's orders out.
trait Rig {
    /// Carries an order out without waiting; or says why not.
    fn perform(&mut self, action: Action) -> Result<(), Box<Observed>>;
}

impl Rig for Drivers {
    fn perform(&mut self, action: Action) -> Result<(), Box<Observed>> {
        Self::perform(self, action)
    }
}

/// What judges. The engine, but for tests.
pub(crate) trait Judge {
    fn handle(&mut self, seq: u64, seen: Stamp, when: When, observed: &Observed);
    fn poll_derived(&mut self) -> Option<(When, Derived)>;
    fn poll_action(&mut self) -> Option<Action>;
    fn poll_deadline(&self) -> Option<(Stamp, &'static str)>;
}

impl Judge for Engine {
    fn handle(&mut self, seq: u64, seen: Stamp, when: When, observed: &Observed) {
        Self::handle(self, seq, seen, when, observed);
    }

    fn poll_derived(&mut self) -> Option<(When, Derived)> {
        Self::poll_derived(self)
    }

    fn poll_action(&mut self) -> Option<Action> {
        Self::poll_action(self)
    }

    fn poll_deadline(&self) -> Option<(Stamp, &'static str)> {
        Self::poll_deadline(self)
    }
}

/// A run in its course.
struct Course<J> {
    desk: Desk<J>,
    clock: RunClock,
    inbox: mpsc::Receiver<Report>,
    signals: Signals,
    /// Ordered, but not carried out yet.
    orders: Vec<Action>,
    stop: Option<Stop>,
    clock_due: Stamp,
    concluded: bool,
    journal_failed: Option<JournalError>,
    pulse: Pulse,
}

/// Somebody wants the run to end.
struct Stop {
    by: String,
    /// It is cut off then, if the engine has not concluded it.
    limit: Stamp,
    /// They asked again.
    impatient: bool,
}

impl<J: Judge> Course<J> {
    fn new(desk: Desk<J>, clock: RunClock, inbox: mpsc::Receiver<Report>, signals: Signals) -> Self {
        let clock_due = clock.now() + CLOCK_EVERY;
        Self {
            pulse: Pulse::new(clock.clone()),
            desk,
            clock,
            inbox,
            signals,
            orders: Vec::new(),
            stop: None,
            clock_due,
            concluded: false,
            journal_failed: None,
        }
    }

    /// Goes on until the engine concludes the run, or it has to be cut off.
    async fn run(&mut self, rig: &mut impl Rig) {
        while !self.is_over() {
            let orders = std::mem::take(&mut self.orders);
            for order in orders {
                if let Err(failure) = rig.perform(order) {
                    self.observe(*failure);
                }
            }
            if self.orders.is_empty() && !self.is_over() {
                self.step().await;
            }
        }
    }

    /// Lets the run take its course while the drivers come up. Orders wait until they have.
    async fn until<T>(&mut self, start: impl Future<Output = T>) -> T {
        tokio::pin!(start);
        loop {
            tokio::select! {
                started = &mut start => return started,
                () = self.step() => {}
            }
        }
    }

    /// Waits until everything is given back. What is reported meanwhile is still evidence, unless all is said.
    async fn close(&mut self, closing: impl Future<Output = ()>) {
        tokio::pin!(closing);
        loop {
            tokio::select! {
                () = &mut closing => break,
                Some(report) = self.inbox.recv() => self.late(report),
                // Nothing is left to be hurried: everything is being given back already.
                _ = self.signals.next() => {}
            }
        }
        while let Ok(report) = self.inbox.try_recv() {
            self.late(report);
        }
    }

    fn end(self) -> SessionEnd {
        SessionEnd {
            stopped_by: self.stop.map(|stop| stop.by),
            concluded: self.concluded,
            journal_failed: self.journal_failed,
        }
    }

    fn is_over(&self) -> bool {
        let cut_off = self.stop.as_ref().is_some_and(|stop| stop.impatient || self.clock.now() >= stop.limit);
        self.concluded || self.journal_failed.is_some() || cut_off
    }

    /// One thing happens. Safe to cancel: nothing is taken before it is kept.
    async fn step(&mut self) {
        self.pulse.beat();
        let deadline = self.desk.judge.poll_deadline();
        if let Some((due, reason)) = deadline
            && self.clock.now() >= due + OVERDUE
        {
            return self.fire(due, reason);
        }
        let limit = self.stop.as_ref().map(|stop| stop.limit);
        tokio::select! {
            biased;
            signal = self.signals.next() => self.observe(Observed::StopRequested { by: signal.to_owned() }),
            Some(report) = self.inbox.recv() => self.take(report.when, report.observed),
            () = self.clock.wait(deadline.map(|(due, _)| due)) => {
                if let Some((due, reason)) = deadline {
                    self.fire(due, reason);
                }
            }
            () = self.clock.wait(Some(self.clock_due)) => self.compare_clocks(),
            () = self.clock.wait(limit) => {}
        }
    }

    fn fire(&mut self, due: Stamp, reason: &str) {
        self.take(When::exactly(due), Observed::DeadlineFired { reason: reason.to_owned() });
    }

    fn compare_clocks(&mut self) {
        self.clock_due = self.clock.now() + CLOCK_EVERY;
        if let Some(by_ns) = self.clock.resample() {
            self.observe(Observed::ClockStepped { by_ns });
        }
    }

    /// Something happened just now.
    fn observe(&mut self, observed: Observed) {
        self.take(When::exactly(self.clock.now()), observed);
    }

    fn take(&mut self, when: When, observed: Observed) {
        let now = self.clock.now();
        if let Observed::StopRequested { by } = &observed {
            match &mut self.stop {
                Some(stop) => stop.impatient = true,
                None => self.stop = Some(Stop { by: by.clone(), limit: now + STOP_TIME, impatient: false }),
            }
        }
        match self.desk.take(now, when, observed) {
            Ok(outcome) => {
                self.concluded |= outcome.ended;
                self.orders.extend(outcome.orders);
            }
            Err(error) => self.journal_failed = Some(error),
        }
    }

    fn late(&mut self, report: Report) {
        if !self.concluded && self.journal_failed.is_none() {
            self.take(report.when, report.observed);
        }
    }
}
