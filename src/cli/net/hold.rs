//! Holds one outage from the first look at the path until everything is as it was.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{account::Account, canaries::Round, progress::Progress, show::unreadable};
use crate::{
    bridge::survey,
    cli::{
        changes::ChangesFile,
        error::{UserError, print_data},
        exit::Exit,
        places::PlacesFile,
    },
    config::{Bench, Network},
    driver::{
        Report,
        clock::RunClock,
        network::{NetworkDriver, NetworkError},
        signals::Signals,
    },
    event::{Observed, OutageEnd, OutageId, OutageSpec, Stamp},
};

/// There is one.
const OUTAGE: OutageId = OutageId(1);
/// How long the bridge may take for an order.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the links may take to come up: two interfaces that agree on a speed take some seconds.
const LINK_PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether they have.
const LINK_LOOK: Duration = Duration::from_millis(50);
/// Reports that may wait.
const QUEUE: usize = 1024;

/// Why it goes no further.
enum Halt {
    /// Somebody wants its end.
    Signal(&'static str),
    /// It can not go on.
    Error(UserError),
}

impl From<NetworkError> for Halt {
    fn from(error: NetworkError) -> Self {
        Self::Error(error.into())
    }
}

/// What happens next.
enum Next {
    Report(Report),
    Signal(&'static str),
    Late,
}

struct Hold {
    clock: RunClock,
    signals: Signals,
    reports: mpsc::Receiver<Report>,
    driver: NetworkDriver,
    spec: OutageSpec,
    account: Account,
    progress: Progress,
    changes: ChangesFile,
    places: PlacesFile,
}

/// Holds the outage until its time is over or a signal comes, and tells what it did.
///
/// # Errors
/// If it could not begin.
pub async fn hold(bench: &Bench, network: &Network, spec: OutageSpec) -> Result<Exit, UserError> {
    let signals = Signals::listen().map_err(|error| {
        UserError::new(Exit::Unexpected, format!("cannot take signals: {error}"), "please report this")
    })?;
    let clock = RunClock::start();
    let (sender, reports) = mpsc::channel(QUEUE);
    let (changes, places) = (ChangesFile::of(network)?, PlacesFile::of(network)?);
    // Not to be broken off: what is changed for it must be noted. A signal is heard afterwards.
    // That it was allowed was looked at before.
    let allowed = spec.mode.link().is_some();
    let driver = NetworkDriver::start_unrecorded(bench, allowed, &clock, sender).await?;
    let account = Account::new(spec.clone());
    let mut hold = Hold { clock, signals, reports, driver, spec, account, progress: Progress::new(), changes, places };
    let went = hold.go(network).await;
    let given_back = hold.give_back().await;
    hold.progress.end();
    let Hold { driver, account, .. } = hold;
    let closed = if given_back { driver.close().await } else { Ok(()) };
    print_data(&account.conclusion())?;
    match went {
        Err(Halt::Signal(signal)) => Ok(Exit::of_signal(signal)),
        Err(Halt::Error(error)) => Err(error),
        Ok(()) => {
            closed?;
            Ok(if account.faults.is_empty() { Exit::Success } else { Exit::Rig })
        }
    }
}

impl Hold {
    /// From the first look until it is over and the path is open again.
    async fn go(&mut self, network: &Network) -> Result<(), Halt> {
        while let Ok(report) = self.reports.try_recv() {
            self.take(&report)?;
        }
        self.until_linked(network).await?;
        self.until_open("the path is not open; check the cabling").await?;
        if let Some(side) = self.spec.mode.link() {
            self.changes.note_off(network.interface_of(side)).map_err(Halt::Error)?;
        }
        self.driver.begin_outage(OUTAGE, &self.spec)?;
        let until = self.clock.now() + PATIENCE;
        while self.account.began.is_none() {
            if !self.step(until).await? {
                let why = self.account.faults.join(", ");
                let help = if why.is_empty() { "the bridge helper did not confirm it".to_owned() } else { why };
                return Err(Halt::Error(UserError::new(Exit::Rig, "the outage did not begin", help)));
            }
        }
        self.prove().await?;
        self.watch().await?;
        if self.account.faults.is_empty() {
            self.until_open("the outage is over, and something else holds frames up").await?;
        }
        Ok(())
    }

    /// Shows how it goes until it is over.
    async fn watch(&mut self) -> Result<(), Halt> {
        let counted = self.driver.counted();
        while self.account.is_in_force() {
            // A helper that is gone says so by itself.
            let _ = self.driver.count(OUTAGE);
            let next = self.clock.now() + self.progress.period();
            while self.account.is_in_force() && self.step(next).await? {}
            self.account.count(&counted.borrow());
            if self.account.is_in_force() {
                let line = self.account.live(self.clock.now(), self.progress.look());
                self.progress.draw(&line);
            }
            // A step of the wall clock moves stamps that are still to come, and no outage.
            let _ = self.clock.resample();
        }
        Ok(())
    }

    /// Waits until both sides have a link: a bridge forwards nothing before.
    async fn until_linked(&mut self, network: &Network) -> Result<(), Halt> {
        let until = self.clock.now() + LINK_PATIENCE;
        loop {
            let silent = survey::silent(network).await.map_err(|error| Halt::Error(unreadable(&error)))?;
            if silent.is_empty() {
                return Ok(());
            }
            let now = self.clock.now();
            if now >= until {
                let message = format!("no link at {}", silent.join(" and "));
                let help = "is the cable in, and the other end switched on?";
                return Err(Halt::Error(UserError::new(Exit::Rig, message, help)));
            }
            while self.step(now + LINK_LOOK).await? {}
        }
    }

    /// Waits until canaries pass without an outage: a link that came up a moment ago may lose what is sent through it.
    async fn until_open(&mut self, help: &str) -> Result<(), Halt> {
        let until = self.clock.now() + PATIENCE;
        for tries in 1.. {
            let round = self.round(Round::control(&self.spec)).await?;
            match round.wrong() {
                None if tries == 1 => self.progress.tell(self.clock.now(), round.shows()),
                None => self.progress.tell(self.clock.now(), &format!("{}, at try {tries}", round.shows())),
                Some(_) if self.clock.now() < until => continue,
                Some(wrong) => return Err(Halt::Error(UserError::new(Exit::Rig, wrong, help))),
            }
            break;
        }
        Ok(())
    }

    /// Proves that the outage holds, with canaries of its own.
    async fn prove(&mut self) -> Result<(), Halt> {
        let round = self.round(Round::proof(&self.spec, OUTAGE)).await?;
        match round.wrong() {
            None => {
                self.progress.tell(self.clock.now(), round.shows());
                Ok(())
            }
            Some(wrong) => {
                let help = "the outage is given back: it does not do what it should";
                Err(Halt::Error(UserError::new(Exit::Rig, wrong, help)))
            }
        }
    }

    /// Sends canaries through every path and waits for what comes of them.
    async fn round(&mut self, mut round: Round) -> Result<Round, Halt> {
        self.driver.send_canaries(round.outage(), &self.spec.server, &self.spec.phones)?;
        let until = self.clock.now() + PATIENCE;
        loop {
            match self.next(until).await {
                Next::Report(report) => {
                    let over = round.take(&report.observed);
                    self.take(&report)?;
                    if over {
                        return Ok(round);
                    }
                }
                Next::Signal(signal) => return Err(Halt::Signal(signal)),
                Next::Late => return Ok(round),
            }
        }
    }

    /// Takes what comes next. False if nothing did until then.
    async fn step(&mut self, until: Stamp) -> Result<bool, Halt> {
        match self.next(until).await {
            Next::Report(report) => self.take(&report).map(|()| true),
            Next::Signal(signal) => Err(Halt::Signal(signal)),
            Next::Late => Ok(false),
        }
    }

    async fn next(&mut self, until: Stamp) -> Next {
        tokio::select! {
            biased;
            signal = self.signals.next() => Next::Signal(signal),
            Some(report) = self.reports.recv() => Next::Report(report),
            () = self.clock.wait(Some(until)) => Next::Late,
        }
    }

    fn take(&mut self, report: &Report) -> Result<(), Halt> {
        if let Observed::BridgeReady { bridge, adopted, changed } = &report.observed {
            self.changes.note(bridge, *adopted, changed).map_err(Halt::Error)?;
        }
        if let Observed::LinkBack { changed, .. } = &report.observed {
            self.changes.note_settings(changed).map_err(Halt::Error)?;
        }
        self.note_on(report)?;
        self.places.take(&report.observed);
        if let Some(text) = self.account.take(report) {
            self.progress.tell(report.when.at, &text);
        }
        Ok(())
    }

    /// Notes that the link is on again. Of an outage whose helper was lost that is not known.
    fn note_on(&self, report: &Report) -> Result<(), Halt> {
        match report.observed {
            Observed::OutageEnded { why, .. } if self.spec.mode.link().is_some() && why != OutageEnd::HelperLost => {
                self.changes.note_on().map_err(Halt::Error)
            }
            _ => Ok(()),
        }
    }

    /// Lifts the outage if it lasts, and waits for word of it. False if somebody does not want to wait: the helper is left to
    /// the kernel then, which forwards again when it is gone.
    async fn give_back(&mut self) -> bool {
        // A helper that is gone has given everything back.
        let _ = self.driver.end_outage(OUTAGE);
        let until = self.clock.now() + PATIENCE + self.spec.mode.return_patience();
        while self.account.is_in_force() {
            match self.next(until).await {
                Next::Report(report) => {
                    if let Err(Halt::Error(error)) = self.note_on(&report) {
                        error.print();
                    }
                    if let Some(text) = self.account.take(&report) {
                        self.progress.tell(report.when.at, &text);
                    }
                }
                Next::Signal(_) => return false,
                Next::Late => return true,
            }
        }
        true
    }
}
