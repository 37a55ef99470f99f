//! A look at phones of a bench through its ports: the interfaces are joined as a run does, a procedure gives orders and hears what
//! comes of them, and everything is given back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{
    cli::{
        changes::Noting,
        error::UserError,
        exit::Exit,
        lock::{self, Holder},
        state::{self, Scratch},
    },
    config::{Bench, Model, Phone, Plan, Scenario},
    driver::{Drivers, Report, Surroundings, clock::RunClock, privileges, signals::Signals},
    event::{Action, Event, Observed, Record, Stamp, When},
    session::Subscriber,
};

/// What is gone through, without a clock or a socket.
pub(super) trait Procedure {
    /// Takes in what a driver reports.
    fn observe(&mut self, now: Stamp, when: When, observed: &Observed);
    /// Lets a time pass.
    fn pass(&mut self, now: Stamp);
    /// The next order.
    fn poll_action(&mut self) -> Option<Action>;
    /// When [`pass`](Self::pass) is wanted; none when it is over.
    fn poll_deadline(&self) -> Option<Stamp>;
}

/// At what is looked.
pub(super) struct Look<'a> {
    /// In a word, as the option of `siprig check` is called.
    pub purpose: &'static str,
    pub bench: &'a Bench,
    pub phones: &'a [&'a Phone],
    pub models: &'a BTreeMap<String, Model>,
}

/// What came of it.
pub(super) struct Looked<P, B> {
    pub procedure: P,
    /// What was done meanwhile.
    pub beside: B,
    pub ended: Stamp,
}

impl Look<'_> {
    /// Joins the interfaces, goes through a procedure, and does something else meanwhile, once they are joined. That is told to
    /// end when the look is ended.
    ///
    /// # Errors
    /// If a port, the interfaces or a lock can not be had, or somebody ended it.
    pub fn through<P: Procedure, B: Send + 'static>(
        &self,
        begin: impl FnOnce(&Plan, Stamp) -> P,
        beside: impl FnOnce(&AtomicBool) -> B + Send + 'static,
    ) -> Result<Looked<P, B>, UserError> {
        let Self { purpose, bench, phones, models } = self;
        if bench.network.is_none() {
            let message = "the bench names no interfaces: nobody can be seen to register";
            return Err(UserError::new(Exit::Config, message, "add [network] with `phone-side` and `server-side`"));
        }
        let myself = Holder::myself(&format!("siprig check --{purpose}"));
        let _locks = lock::acquire(&state::directory()?, &lock::needed(bench, phones), &myself, None, |_| {})?;
        let clock = RunClock::start();
        let plan = Plan {
            run: String::new(),
            epoch_unix_ns: clock.epoch_unix_ns(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bench: (*bench).clone(),
            models: (*models).clone(),
            scenario: Scenario::of(purpose, purpose, Vec::new()),
            then: Vec::new(),
            phones: phones.iter().map(|phone| phone.name.clone()).collect(),
            unsettled: Vec::new(),
            overrides: Vec::new(),
            keep_secrets: false,
            allow_link_down: false,
        };
        privileges::lay_down().map_err(|error| state::unexpected("work without privileges", &error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| state::unexpected("start the runtime", &error))?;
        runtime.block_on(go_through(purpose, &plan, &clock, begin, beside))
    }
}

async fn go_through<P: Procedure, B: Send + 'static>(
    purpose: &str,
    plan: &Plan,
    clock: &RunClock,
    begin: impl FnOnce(&Plan, Stamp) -> P,
    beside: impl FnOnce(&AtomicBool) -> B + Send + 'static,
) -> Result<Looked<P, B>, UserError> {
    let scratch = Scratch::make(purpose)?;
    let mut signals = Signals::listen().map_err(|error| state::unexpected("listen for signals", &error))?;
    let mut noting = plan.bench.network.as_ref().map(Noting::new).transpose()?;
    let (sender, mut reports) = mpsc::channel(4096);
    let drivers = Drivers::start(plan, clock, scratch.path(), Surroundings::default(), sender).await;
    let mut drivers = drivers.map_err(|error| {
        let exit = if error.is_busy() { Exit::Busy } else { Exit::Rig };
        UserError::new(exit, error.to_string(), "see `siprig check`")
    })?;
    let given_up = Arc::new(AtomicBool::new(false));
    let meanwhile = tokio::task::spawn_blocking({
        let given_up = Arc::clone(&given_up);
        move || beside(&given_up)
    });
    let mut procedure = begin(plan, clock.now());
    let stopped = loop {
        while let Some(action) = procedure.poll_action() {
            if let Err(failed) = drivers.perform(action) {
                let now = clock.now();
                procedure.observe(now, When::exactly(now), &failed);
            }
        }
        let Some(due) = procedure.poll_deadline() else { break None };
        tokio::select! {
            signal = signals.next() => break Some(signal),
            Some(Report { when, observed }) = reports.recv() => {
                procedure.observe(clock.now(), when, &observed);
                let record = Record { seq: 0, seen: clock.now(), when, event: Event::Observed(observed) };
                noting.iter_mut().for_each(|noting| noting.record(&record));
            }
            () = clock.wait(Some(due)) => procedure.pass(clock.now()),
        }
    };
    let ended = clock.now();
    let mut meanwhile = meanwhile;
    let (stopped, beside) = match stopped {
        None => tokio::select! {
            signal = signals.next() => (Some(signal), None),
            beside = &mut meanwhile => (None, Some(beside)),
        },
        Some(signal) => (Some(signal), None),
    };
    given_up.store(stopped.is_some(), Ordering::SeqCst);
    let beside = match beside {
        Some(beside) => beside,
        None => meanwhile.await,
    };
    drivers.close().await;
    match (stopped, beside) {
        (None, Ok(beside)) => Ok(Looked { procedure, beside, ended }),
        (None, Err(error)) => {
            Err(UserError::new(Exit::Unexpected, format!("a look was broken off: {error}"), "please report this"))
        }
        (Some(signal), _) => {
            let message = format!("{signal} ended it; nothing was found out");
            Err(UserError::new(Exit::of_signal(signal), message, "every key was let go"))
        }
    }
}
