//! The night itself: one run after the other until nothing is left, time is up, or somebody ends it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Place,
    chain::{Chain, Over},
    child::{self, Came, Order, Running},
    files, notify,
    preflight::{self, Looked},
    set_right,
    told::{self, Teller},
    watchers::Watchers,
};
use crate::{
    cli::{error::UserError, exit::Exit, state},
    config::Day,
    driver::{clock::RunClock, signals::Signals},
    event::{PhoneName, Stamp},
    look::{Look, harmless},
    nightly::{
        Entry, Event, Ledger, Night, NightSummary, PlannedRun, budget, junit,
        ledger::Ending,
        parking::State,
        plan::Estimate,
        state::{Next, Status},
    },
    report::{self, table},
    verdict::CaseId,
};

/// How often it is looked whether a run has its bench.
const LOOK: Duration = Duration::from_millis(500);
/// How long a run that was asked to end may take for it: it lifts outages, gives settings back by commands and writes its reports.
const GOOD_ORDER: Duration = Duration::from_secs(30);

/// Documents that take longer than this to write are written less often,
const MUCH: Duration = Duration::from_millis(250);
/// so that it takes no more than this part of the time.
const SELDOM: u32 = 20;

/// A night that is going on.
pub(super) struct Conductor {
    name: String,
    directory: PathBuf,
    ledger: Ledger,
    night: Night,
    clock: RunClock,
    pub(super) teller: Teller,
    watchers: Watchers,
    /// The documents could not be written last time.
    unwritten: bool,
    /// They are not written anew before this.
    write_next: Stamp,
    killed: bool,
}

/// What ends a run other than itself.
#[derive(Default)]
struct Ends {
    /// The night was ended by this signal.
    stopped: Option<&'static str>,
    /// It took too long.
    hung: bool,
    /// It is killed then.
    killed_at: Option<Stamp>,
}

impl Conductor {
    /// One that goes on from these entries.
    pub(super) fn new(
        directory: PathBuf,
        ledger: Ledger,
        entries: Vec<Entry>,
        clock: RunClock,
        teller: Teller,
        metrics: Option<&Path>,
    ) -> Result<Self, UserError> {
        let unreadable = || UserError::new(Exit::Usage, "the ledger has no plan", "begin the night anew, with --suite");
        let night = Night::of(&entries).ok_or_else(unreadable)?;
        let directory =
            directory.canonicalize().map_err(|error| state::unexpected("find the night's directory", &error))?;
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let watchers = Watchers::new(metrics, &directory, &night, &clock, &teller);
        Ok(Self {
            name,
            directory,
            ledger,
            night,
            clock,
            teller,
            watchers,
            unwritten: false,
            write_next: Stamp::ZERO,
            killed: false,
        })
    }

    /// Notes that somebody goes on with it, and what was cut off.
    pub(super) fn resume(&mut self) -> Result<(), UserError> {
        self.note(Event::Resumed)?;
        let files = files::changed(&self.night.plan.surroundings.files);
        if !files.is_empty() {
            for file in &files {
                let file = file.display();
                self.teller.say(&format!(
                    "{file} is not what it was when the night began; what comes now is of the file as it is"
                ));
            }
            self.note(Event::Changed { files })?;
        }
        let cut = self.night.in_flight().map(|(run, attempt)| (run.id.clone(), attempt.number));
        if let Some((run, attempt)) = cut {
            self.teller.say(&format!("{run} was cut off at attempt {attempt}, and is run again"));
            let (directory, cases) = child::left_behind(&self.directory, &run, attempt);
            let by = "the end of its night".to_owned();
            self.note(Event::Interrupted { run: run.clone(), attempt, by, directory, cases })?;
            child::forget(&self.directory, &run, attempt);
        }
        self.teller.say(&told::place(&self.night, Look::PLAIN));
        Ok(())
    }

    /// Whether a run had to be killed, or fell.
    pub(super) fn had_to_kill(&self) -> bool {
        self.killed
    }

    /// Runs what is left, in this time or that of the suite. Each run waits so long for the bench.
    pub(super) fn night(&mut self, budget: Option<Duration>, wait: Duration, place: &Place) -> Result<Exit, UserError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| state::unexpected("start the runtime", &error))?;
        self.teller.say(&format!("night {} on the bench {}", self.name, self.night.plan.bench));
        for issue in self.night.plan.expired_on(&self.today()) {
            self.teller.say(&format!(
                "error: the known issue of {issue} expired on {}, and excuses nothing any more: {}",
                issue.expires, issue.reason
            ));
        }
        let budget = budget.or(self.night.plan.time_limit);
        let stopped = runtime.block_on(self.runs(budget, wait, place))?;
        let outcomes = self.night.outcomes().into_iter();
        let cases: Vec<_> = outcomes.map(|outcome| outcome.case).collect();
        let rig_failed = self.unwritten || self.night.unlooked || self.night.unfit.is_some();
        let exit = Exit::of_night(&cases, stopped, self.night.plan.gate_flaky, rig_failed);
        self.note(Event::Closed { exit: exit.code(), stopped_by: stopped.map(str::to_owned) })?;
        let message = notify::of_night(&self.directory, &self.night, &self.clock, &self.teller);
        // Whatever becomes of it, the night is over and has come to what it has come to.
        if let Some(handed) = runtime.block_on(message)
            && let Err(error) = self.note(Event::Message(handed))
        {
            self.teller.say(&format!("rig error: {}", error.text()));
        }
        self.teller.say(&format!("summary: {}", self.directory.join("summary.json").display()));
        Ok(if self.unwritten && exit == Exit::Success { Exit::Rig } else { exit })
    }

    fn today(&self) -> Day {
        Day::of_unix_ns(self.clock.unix_ns(self.clock.now()))
    }

    /// Its directory, as it is named from where the night began.
    fn place(&self) -> &Path {
        self.directory.strip_prefix(&self.night.plan.surroundings.directory).unwrap_or(&self.directory)
    }

    /// The night, with its directory.
    pub(super) fn told(&self) -> (&Night, &Path) {
        (&self.night, &self.directory)
    }

    /// The result, for stdout.
    pub(super) fn result(&self) -> String {
        use std::io::IsTerminal;
        let outcomes = self.night.outcomes();
        let look = Look { colour: false, ..Look::of_stream(std::io::stdout().is_terminal()) };
        let points = told::open_points(&outcomes, look);
        let cases: Vec<_> = outcomes.into_iter().map(|outcome| outcome.case).collect();
        format!("{points}{}: {}\n", harmless(&self.name), table::totals(&cases))
    }

    /// One run after the other; the signal that ended it.
    async fn runs(
        &mut self,
        budget: Option<Duration>,
        wait: Duration,
        place: &Place,
    ) -> Result<Option<&'static str>, UserError> {
        let mut signals = Signals::listen().map_err(|error| state::unexpected("listen to signals", &error))?;
        let until = budget.map(|budget| self.clock.now() + budget);
        if let Some(by) = self.look(self.night.missing(), &mut signals).await? {
            return Ok(Some(by));
        }
        // They were looked at just now.
        let mut looked_again = true;
        let why = loop {
            if let Some(why) = &self.night.unfit {
                break format!("the bench is not fit: {why}");
            }
            let left = until.map(|until| until.since(self.clock.now()));
            let Some(at) = budget::next(self.night.waits(), left) else {
                // Whoever is parked has a last chance before the night is over.
                let missing = self.night.missing();
                let parked: BTreeSet<_> = self.night.parked.keys().filter(|phone| missing.contains(*phone)).collect();
                if !looked_again && !parked.is_empty() && self.night.waiting().next().is_none() {
                    looked_again = true;
                    if let Some(by) = self.look(parked.into_iter().cloned().collect(), &mut signals).await? {
                        return Ok(Some(by));
                    }
                    continue;
                }
                let budget = budget.map(told::length).unwrap_or_default();
                break format!("there was no time for it in the {budget} that the night may take");
            };
            if let Some(by) = self.run(at, wait, &mut signals).await? {
                self.leave(&format!("the night was ended by {by}"))?;
                return Ok(Some(by));
            }
            looked_again = false;
            if std::mem::take(&mut self.killed) {
                set_right(place, Some(wait), &self.teller)?;
            }
            let healing = self.night.parked.values().filter(|parked| parked.may_heal());
            let healing: Vec<_> = healing.map(|parked| parked.phone.clone()).collect();
            let doubtful = self.night.doubtful().into_iter().chain(healing).collect();
            if let Some(by) = self.look(doubtful, &mut signals).await? {
                return Ok(Some(by));
            }
            if self.night.is_in_vain() {
                break "one run after the other came to nothing".to_owned();
            }
        };
        self.leave(&why)?;
        Ok(None)
    }

    /// Looks at phones, and parks those with a problem; the signal that ended it and the night.
    async fn look(
        &mut self,
        phones: BTreeSet<PhoneName>,
        signals: &mut Signals,
    ) -> Result<Option<&'static str>, UserError> {
        if phones.is_empty() || !self.night.plan.preflight {
            return Ok(None);
        }
        let phones: Vec<PhoneName> = phones.into_iter().collect();
        let names: Vec<&str> = phones.iter().map(|phone| phone.0.as_str()).collect();
        self.teller.say(&format!("preflight of {}: a minute, or less", names.join(", ")));
        let began = self.clock.now();
        let before: Vec<PhoneName> = self.night.parked.keys().cloned().collect();
        let mut asked =
            signal(SignalKind::user_defined1()).map_err(|error| state::unexpected("listen to signals", &error))?;
        let (surroundings, report_dir) = (&self.night.plan.surroundings, self.directory.as_path());
        let what = preflight::Look { surroundings, phones: &phones, report_dir };
        let mut looking = Box::pin(preflight::look(what, signals, &self.clock));
        let looked = loop {
            tokio::select! {
                looked = &mut looking => break looked?,
                _ = asked.recv() => {
                    self.teller.say(&told::place(&self.night, Look::PLAIN));
                    self.teller.say("  the phones are being looked at");
                }
                () = self.clock.wait(Some(self.teller.due())) => self.teller.say("  the phones are still being looked at"),
                () = self.clock.wait(Some(self.watchers.due())) => self.watch(),
            }
        };
        drop(looking);
        let (found, failed) = match looked {
            Looked::Found(found) => (found, None),
            Looked::Failed(why) => (Vec::new(), Some(why)),
            Looked::Stopped(by) => {
                self.leave(&format!("the night was ended by {by}"))?;
                return Ok(Some(by));
            }
        };
        if let Some(why) = failed.as_deref().and_then(|why| why.lines().next()) {
            self.teller.say(&format!("  the phones could not be looked at, and nothing is known of them: {why}"));
        }
        for it in found.iter().filter(|it| it.state == State::Unknown) {
            let whose = it.phone.as_ref().map(|phone| format!("{phone}: ")).unwrap_or_default();
            self.teller.say(&format!("  unknown   {whose}{}", it.what));
        }
        self.note(Event::Preflight { phones: phones.clone(), found, failed })?;
        for parked in self.night.parked.values().filter(|parked| phones.contains(&parked.phone)) {
            self.teller.say(&format!("  parked    {}: {}: {}", parked.phone, parked.code, parked.why));
        }
        for phone in before.iter().filter(|phone| !self.night.parked.contains_key(*phone)) {
            self.teller.say(&format!("  {phone} takes part again"));
        }
        self.teller.say(&format!("  the preflight took {}", told::length(self.clock.now().since(began))));
        Ok(None)
    }

    /// Notes what is not run.
    fn leave(&mut self, why: &str) -> Result<(), UserError> {
        let runs: Vec<_> = self.night.waiting().map(|(_, run)| run.id.clone()).collect();
        if runs.is_empty() {
            return Ok(());
        }
        let left = if runs.len() == 1 { "1 run is left".to_owned() } else { format!("{} runs are left", runs.len()) };
        self.teller.say(&format!("{left}, because {why}"));
        self.note(Event::Left { runs, why: why.to_owned() })
    }

    /// Makes an attempt at a run; the signal that ended it and the night.
    async fn run(
        &mut self,
        at: usize,
        wait: Duration,
        signals: &mut Signals,
    ) -> Result<Option<&'static str>, UserError> {
        let Some((run, attempts, _)) = self.night.runs().nth(at) else { return Ok(None) };
        let next = self.night.next(run, attempts);
        let (run, attempt) = (run.clone(), attempts.last().map_or(1, |attempt| attempt.number + 1));
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let what = told::run(&run, &next);
        let all = self.night.plan.runs.len();
        let estimate = Estimate { time: run.share(&next.scenarios), ..run.estimate };
        self.teller.say(&format!("run {} of {all}: {what}{again}; {}", at + 1, told::expected(estimate)));
        let Next { scenarios, phones } = next.clone();
        self.note(Event::Began { run: run.id.clone(), attempt, phones, scenarios })?;
        let began = self.clock.now();
        let order = Order {
            run: &run,
            attempt,
            next: &next,
            surroundings: &self.night.plan.surroundings,
            night: &self.directory,
            wait,
        };
        let mut child = Running::begin(&order)?;
        let (status, ends) = self.attend(&mut child, &run, attempt, wait, signals).await?;
        let came = child.came_to(status, ends.hung, &self.clock).await;
        let took = self.clock.now().since(began);
        self.killed |= ends.killed_at.is_some_and(|at| at <= self.clock.now()) || came.end.end == Ending::Crashed;
        if let Some(by) = ends.stopped {
            self.teller.say(&format!("{what} was ended by {by}"));
            let Came { directory, cases, .. } = came;
            let id = run.id.clone();
            self.note(Event::Interrupted { run: id, attempt, by: by.to_owned(), directory, cases })?;
            child::forget(&self.directory, &run.id, attempt);
            return Ok(Some(by));
        }
        self.ended(&run, attempt, came, took)?;
        child::forget(&self.directory, &run.id, attempt);
        Ok(None)
    }

    fn ended(&mut self, run: &PlannedRun, attempt: u32, came: Came, took: Duration) -> Result<(), UserError> {
        let Came { end, directory, cases } = came;
        if end.end != Ending::Told {
            let why = end.why.as_deref().and_then(|why| why.lines().next()).unwrap_or("it said nothing");
            self.teller.say(&format!("  {} {}: {why}", run.id, end.end));
        }
        let told: Vec<CaseId> = self.night.cases_of_attempt(&run.id, attempt).into_iter().map(|case| case.id).collect();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.note(Event::Ended { run: run.id.clone(), attempt, end, took_ms, directory, cases })?;
        let came = self.night.cases_of_attempt(&run.id, attempt).into_iter();
        came.filter(|case| !told.contains(&case.id)).for_each(|case| self.teller.case(&case));
        let again = self
            .night
            .runs()
            .any(|(known, attempts, _)| known.id == run.id && self.night.status(known, attempts) == Status::Waiting);
        let again = if again { "; it is tried again" } else { "" };
        self.teller.say(&format!("  {} took {}{again}", run.id, told::length(took)));
        Ok(())
    }

    /// Stays with a run until it is gone: hands signals on, gives signs of life, and ends it when it takes too long.
    async fn attend(
        &mut self,
        child: &mut Running,
        run: &PlannedRun,
        attempt: u32,
        wait: Duration,
        signals: &mut Signals,
    ) -> Result<(Option<std::process::ExitStatus>, Ends), UserError> {
        let mut asked =
            signal(SignalKind::user_defined1()).map_err(|error| state::unexpected("listen to signals", &error))?;
        // It takes as long as it may from when it has the bench; before, it waits for that as well, or brings one up.
        let began = self.clock.now();
        let mut has_bench: Option<Stamp> = None;
        let mut chain = Chain::default();
        let mut ends = Ends::default();
        loop {
            if has_bench.is_none() && child.has_begun() {
                has_bench = Some(self.clock.now());
            }
            let due = has_bench.map_or(began + wait + run.limit, |since| since + run.limit);
            let due = ends.killed_at.unwrap_or(due);
            let looks = (has_bench.is_none() || run.scenarios.len() > 1).then(|| self.clock.now() + LOOK);
            if run.scenarios.len() > 1 {
                self.follow(&mut chain, child, run, attempt)?;
            }
            tokio::select! {
                status = child.gone() => return Ok((status, ends)),
                by = signals.next() => {
                    self.teller.say(&format!("{by}: {} is ended, and the night with it", run.id));
                    ends.stopped.get_or_insert(by);
                    ends.killed_at.get_or_insert(self.clock.now() + GOOD_ORDER);
                    child.signal(if by == "SIGINT" { Signal::SIGINT } else { Signal::SIGTERM });
                }
                _ = asked.recv() => {
                    self.teller.say(&told::place(&self.night, Look::PLAIN));
                    self.sign_of_life(child, run, began);
                }
                () = self.clock.wait(Some(self.teller.due())) => {
                    // What NTP does to the wall clock is followed.
                    self.clock.resample();
                    self.sign_of_life(child, run, began);
                }
                () = self.clock.wait(Some(self.watchers.due())) => self.watch(),
                () = self.clock.wait(looks) => {}
                () = self.clock.wait(Some(due)) => if ends.killed_at.is_none() {
                    self.teller.say(&format!("{} takes longer than {}, and is ended", run.id, told::length(run.limit)));
                    ends.hung = true;
                    ends.killed_at = Some(self.clock.now() + GOOD_ORDER);
                    child.signal(Signal::SIGTERM);
                } else {
                    self.teller.say(&format!("{} does not end, and is killed", run.id));
                    child.signal(Signal::SIGKILL);
                    return Ok((child.gone().await, ends));
                }
            }
        }
    }

    /// Notes each scenario of a chain that is over while the run goes on.
    fn follow(&mut self, chain: &mut Chain, child: &Running, run: &PlannedRun, attempt: u32) -> Result<(), UserError> {
        for Over { took, cases } in chain.look(child.directory().as_deref()) {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let told = self.night.cases_of_attempt(&run.id, attempt).len();
            self.note(Event::Decided { run: run.id.clone(), attempt, took_ms, cases })?;
            self.night.cases_of_attempt(&run.id, attempt).iter().skip(told).for_each(|case| self.teller.case(case));
        }
        Ok(())
    }

    fn sign_of_life(&self, child: &Running, run: &PlannedRun, began: Stamp) {
        let so_far = told::length(self.clock.now().since(began));
        let usual = told::expected(run.estimate);
        self.teller.say(&format!("  still running: {} since {so_far}, {usual}; {}", run.id, child.said()));
    }

    /// Puts a fact on record, and writes the documents anew.
    fn note(&mut self, event: Event) -> Result<(), UserError> {
        let entry = Entry { at_unix_ns: self.clock.unix_ns(self.clock.now()), event };
        self.ledger.append(&entry)?;
        self.night.apply(&entry);
        // Those of thousands of runs take their time, and are written the less often.
        let ends = matches!(entry.event, Event::Closed { .. } | Event::Interrupted { .. } | Event::Left { .. });
        if ends || self.clock.now() >= self.write_next {
            self.write();
        }
        self.watch();
        Ok(())
    }

    /// Writes the documents anew.
    fn write(&mut self) {
        let began = self.clock.now();
        let written = NightSummary::of(&self.name, &self.night)
            .to_json()
            .and_then(|text| report::replace(&self.directory.join("summary.json"), &text))
            .and_then(|()| junit::render(&self.name, &self.night, self.place()))
            .and_then(|text| report::replace(&self.directory.join("junit.xml"), &text));
        // The ledger is what counts; they are made from it anew after the next run.
        if let Err(error) = &written
            && !self.unwritten
        {
            self.teller.say(&format!("rig error: {error}"));
        }
        self.unwritten = written.is_err();
        let now = self.clock.now();
        let took = now.since(began);
        self.write_next = if took > MUCH { now + took * SELDOM } else { now };
    }

    /// Tells those who look on from outside where it is.
    fn watch(&self) {
        self.ledger.sign();
        self.watchers.tell(&self.night, &self.teller);
    }
}
