//! `siprig nightly`: the runs of a suite one after the other, each in a process of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::{
    args::BenchArgs,
    bench::{self, Opened},
    error::{UserError, print_data},
    exit::Exit,
    leftovers,
    lock::{self, Holder, Locks},
    state, switched_off, written_back,
};
use crate::{
    config::{Bench, Day, Model, Phone, Scenario, Suite, load},
    driver::clock::RunClock,
    event::PhoneName,
    journal::RunDir,
    nightly::{
        Entry, Event, Ledger, Night, NightPlan,
        before::Before,
        history::{self, Alike},
        ledger,
        plan::{Foresight, Surroundings},
    },
    verdict::CaseId,
};

mod annotate;
mod begun;
mod chain;
mod child;
mod conduct;
mod dry_run;
mod estimate;
mod files;
mod notify;
mod patience;
mod preflight;
mod signals;
mod tags;
pub(super) mod told;
mod watchers;

use annotate::Annotations;
use conduct::Conductor;
use told::Teller;

pub(super) const ABOUT: &str = "\
Run a suite, unattended

Before anything is run the phones are looked at (`siprig check --preflight`), and the night goes on without those that have a problem. \
Each run is a `siprig run` in a process of its own, one after the other, with a limit to its time. What it does is kept in its own \
directory below that of the night, with what it said beside it. A line is written for each event, with its time in UTC, and never less than one a minute; the result \
goes to stdout. summary.json (schema siprig.night/1) and junit.xml in the night's directory are whole at every moment.

SIGINT, SIGTERM or SIGHUP end the run in good order, and the night; SIGUSR1 has it say where it is. A night that was ended, \
killed or cut off by a power failure goes on with --resume: what was done is not done again, and what was in flight is. `siprig status` tells where a night is.";

pub(super) const EXAMPLES: &str = "\
Examples:
  siprig nightly --suite nightly                   the built-in suite, on the virtual bench
  siprig nightly --suite nightly --bench rig/lab-3.toml --dry-run
                                                   what would be run, and for how long
  siprig nightly --suite rig/suites/weekend.toml --bench rig/lab-3.toml --budget 8h
  siprig nightly --resume latest                   on with what is left";

/// How long a run waits for a bench that another holds, or that a run before it is about to give back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `nightly`.
#[derive(Debug, Args)]
pub struct NightlyArgs {
    /// Suite file, or the name of one in ./rig/suites or built in
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    pub suite: Option<String>,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Only entries with one of these tags, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "TAGS", conflicts_with = "resume")]
    pub tags: Vec<String>,
    /// Directory for the night's directory; created if it is not there
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
    /// Print what would be run and how long it would take, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Begin nothing that would not be over in this time; what is least important is left out [default: the suite's time-limit]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// Go on with a night: its directory, its name below --report-dir, or `latest`
    #[arg(long, value_name = "NIGHT")]
    pub resume: Option<String>,
    /// Wait so long for a bench that another holds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
    /// Tell in this file, at each event and each minute, where the night is: metrics in the text format of Prometheus, as the node
    /// exporter's textfile collector reads them (FILE.prom)
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Tell build servers in their own words what is wrong, at the end: workflow commands on stdout for GitHub,
    /// gl-code-quality-report.json in the night's directory for GitLab
    #[arg(long, value_enum, value_name = "SERVER")]
    pub annotations: Option<Annotations>,
    /// Hand a sample to the command of the suite that is told what a night came to, and run nothing
    #[arg(long, conflicts_with_all = ["resume", "dry_run"])]
    pub test_message: bool,
    /// Say something at least so often
    #[arg(long, value_name = "TIME", hide = true, default_value = "55s", value_parser = humantime::parse_duration)]
    pub silence: Duration,
    /// Allow outages with `mode = "link-down"`, as in `siprig run`
    #[arg(long, conflicts_with = "resume")]
    pub allow_link_down: bool,
}

/// Runs a suite, goes on with a night, or says what would be run.
///
/// # Errors
/// If no night took place.
pub fn main(args: &NightlyArgs) -> Result<ExitCode, UserError> {
    signals::keep_questions_from_killing()?;
    match &args.resume {
        Some(named) => go_on(args, &find(named, &args.report_dir)?),
        None => begin(args),
    }
}

/// The bench of a night, looked at from outside.
struct Place {
    bench: Bench,
    models: BTreeMap<String, Model>,
    /// Each run brings it up for itself.
    is_virtual: bool,
}

impl Place {
    fn open(args: &BenchArgs, scenarios: &[Scenario]) -> Result<Self, UserError> {
        let rig = bench::rig();
        let (document, is_virtual) = match bench::open(args, scenarios)? {
            Opened::Real(document) => (*document, false),
            Opened::Virtual(description) => (bench::preview(&description, &rig)?, true),
        };
        let (bench, models) = load::checked_bench(&document, &rig)?;
        Ok(Self { bench, models, is_virtual })
    }

    fn phones(&self, names: &[PhoneName]) -> Vec<&Phone> {
        self.bench.phones.iter().filter(|phone| names.contains(&phone.name)).collect()
    }

    /// Checks that the phones can do what the runs ask of them.
    fn fits(&self, plan: &NightPlan, scenarios: &BTreeMap<String, Scenario>) -> Result<(), UserError> {
        for run in &plan.runs {
            let phones = self.phones(&run.phones);
            for scenario in run.scenarios.iter().filter_map(|planned| scenarios.get(&planned.named)) {
                load::fit(scenario, &phones, &self.models)?;
                load::reach(scenario, &self.bench, &phones)?;
            }
        }
        Ok(())
    }
}

fn begin(args: &NightlyArgs) -> Result<ExitCode, UserError> {
    let (rig, clock) = (bench::rig(), RunClock::start());
    let document = load::suite_document(args.suite.as_deref().unwrap_or_default(), &rig)?;
    let (suite, scenarios) = load::suite(&document, &rig)?;
    if args.test_message {
        notify::test(&suite, document.file(), &Teller::new(&clock, args.silence))?;
        return Ok(Exit::Success.into());
    }
    let place = Place::open(&args.bench, &scenarios.values().cloned().collect::<Vec<_>>())?;
    load::suite_fits(&document, &place.bench)?;
    let plan = plan(args, &suite, &scenarios, &place)?;
    place.fits(&plan, &scenarios)?;
    if args.dry_run {
        let begins = Entry { at_unix_ns: clock.epoch_unix_ns(), event: Event::Planned { plan: Box::new(plan) } };
        return Night::of(&[begins])
            .map_or_else(|| Ok(Exit::NothingRan.into()), |night| say_what_would_be(args, &night));
    }
    let planned: BTreeSet<&str> = plan.scenarios().map(|planned| planned.name.as_str()).collect();
    let run = |scenario: &&Scenario| planned.contains(scenario.name.as_str());
    switched_off::allowed(scenarios.values().filter(run), args.allow_link_down)?;
    let teller = Teller::new(&clock, args.silence);
    let _lock = lock(&plan.bench, &suite.name, args.wait, &teller)?;
    // What somebody before has left behind would be taken for the phones' own state.
    set_right(&place, args.wait, &teller)?;
    let directory = RunDir::create(&args.report_dir, &suite.name, clock.epoch_unix_ns(), false)?.path().to_owned();
    let mut ledger = Ledger::create(&directory)?;
    let mut plan = plan;
    let named = args.suite.as_deref().unwrap_or_default();
    plan.surroundings.files = files::digests(&rig, named, args.bench.bench.as_deref(), &plan);
    if plan.failed_before.is_some() {
        let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let ids: Vec<CaseId> = plan.runs.iter().flat_map(|run| plan.cases(run, &run.phones)).collect();
        let ids: Vec<&CaseId> = ids.iter().collect();
        plan.failed_before = Some(Before::of(&args.report_dir, &name, &plan.suite, &plan.bench, &ids).failures());
    }
    let first = Entry { at_unix_ns: clock.unix_ns(clock.now()), event: Event::Planned { plan: Box::new(plan) } };
    ledger.append(&first)?;
    let conductor = Conductor::new(directory, ledger, vec![first], clock, teller, args.metrics.as_deref())?;
    perform(args, conductor, &place)
}

/// What is to be run.
fn plan(
    args: &NightlyArgs,
    suite: &Suite,
    scenarios: &BTreeMap<String, Scenario>,
    place: &Place,
) -> Result<NightPlan, UserError> {
    tags::check(suite, &args.tags)?;
    let overrides: Vec<String> = bench::in_force(&args.bench).map(ToString::to_string).collect();
    let alike = Alike { bench: &place.bench.name, overrides: &overrides };
    let foresight = Foresight {
        bound: &|scenario, phones| estimate::bound(scenario, &place.bench, &place.phones(phones), &place.models),
        history: &|scenarios, phones| history::estimate(&args.report_dir, scenarios, phones, alike),
    };
    let mut plan = NightPlan::new(suite, scenarios, &place.bench, &args.tags, &foresight);
    plan.surroundings = Surroundings {
        directory: std::env::current_dir()
            .map_err(|error| state::unexpected("tell which directory this is", &error))?,
        bench: args.bench.bench.clone(),
        overrides,
        files: BTreeMap::new(),
        allow_link_down: args.allow_link_down,
    };
    Ok(plan)
}

fn go_on(args: &NightlyArgs, directory: &Path) -> Result<ExitCode, UserError> {
    let read = |entries: &[Entry]| {
        Night::of(entries).ok_or_else(|| {
            let message = format!("{} was cut off before it had a plan", directory.display());
            UserError::new(Exit::Usage, message, "begin the night anew, with --suite")
        })
    };
    let night = read(&ledger::entries(directory)?)?;
    // Named from here, and not from where the night began.
    let metrics = args.metrics.as_deref().map(std::path::absolute).transpose();
    let metrics = metrics.map_err(|error| state::unexpected("tell which directory this is", &error))?;
    let place = same(args, &night.plan)?;
    if args.dry_run {
        return say_what_would_be(args, &night);
    }
    let clock = RunClock::start();
    let teller = Teller::new(&clock, args.silence);
    let _lock = lock(&night.plan.bench, &night.plan.suite, args.wait, &teller)?;
    // Somebody else may have gone on with it meanwhile.
    let (ledger, entries) = Ledger::resume(directory)?;
    read(&entries)?;
    let mut conductor = Conductor::new(directory.to_owned(), ledger, entries, clock, teller, metrics.as_deref())?;
    set_right(&place, args.wait, &conductor.teller)?;
    conductor.resume()?;
    perform(args, conductor, &place)
}

/// The bench of a night that goes on. What is said of it once more must be what it was.
fn same(args: &NightlyArgs, plan: &NightPlan) -> Result<Place, UserError> {
    let differs = |what: &str, was: &str| {
        let message = format!("the night goes on with the {what} that it began with: {was}");
        UserError::new(Exit::Usage, message, "leave that out beside --resume, or begin another night")
    };
    let Surroundings { directory, bench, overrides, .. } = &plan.surroundings;
    // Files of the night are named from where it began.
    std::env::set_current_dir(directory).map_err(|error| {
        let message = format!("cannot go to {}, where the night began: {error}", directory.display());
        UserError::new(Exit::Config, message, "its files are named from there; begin another night")
    })?;
    if let Some(suite) = &args.suite
        && load::suite(&load::suite_document(suite, &bench::rig())?, &bench::rig())?.0.name != plan.suite
    {
        return Err(differs("suite", &plan.suite));
    }
    if args.bench.bench.is_some() && args.bench.bench != *bench {
        return Err(differs("bench", bench.as_deref().unwrap_or(&plan.bench)));
    }
    let said: Vec<String> = bench::in_force(&args.bench).map(ToString::to_string).collect();
    if !said.is_empty() && said != *overrides {
        return Err(differs("overrides", &overrides.join(", ")));
    }
    let overrides = overrides.iter().filter_map(|text| text.parse().ok()).collect();
    let names: BTreeSet<&str> = plan.scenarios().map(|planned| planned.named.as_str()).collect();
    let scenarios: Vec<_> = names.iter().map(|name| load::scenario(name, &bench::rig())).collect::<Result<_, _>>()?;
    Place::open(&BenchArgs { bench: bench.clone(), overrides, applied: Vec::new() }, &scenarios)
}

fn say_what_would_be(args: &NightlyArgs, night: &Night) -> Result<ExitCode, UserError> {
    let today = Day::of_unix_ns(RunClock::start().epoch_unix_ns());
    print_data(&dry_run::render(night, &today, args.budget.or(night.plan.time_limit)))?;
    Ok(Exit::Success.into())
}

/// Runs what is to be run, and tells what it came to.
fn perform(args: &NightlyArgs, mut conductor: Conductor, place: &Place) -> Result<ExitCode, UserError> {
    let waits = args.wait.unwrap_or_default().max(PATIENCE);
    let exit = conductor.night(args.budget, waits, place);
    signals::let_them_end_it();
    let told = exit.is_ok().then(|| print_data(&conductor.result()));
    if conductor.had_to_kill() {
        // Nobody comes after it who would do so, whatever else has gone wrong.
        set_right(place, Some(waits), &conductor.teller)?;
    }
    told.transpose()?;
    if let Some(server) = args.annotations {
        let (night, directory) = conductor.told();
        // It changes nothing about what the night came to.
        if let Err(error) = annotate::tell(server, args.suite.as_deref(), night, directory) {
            conductor.teller.say(&format!("rig error: {}", error.text()));
        }
    }
    Ok(exit?.into())
}

/// Undoes what runs that were killed have left behind. A virtual bench is gone with its run, and all of it.
fn set_right(place: &Place, wait: Option<Duration>, teller: &Teller) -> Result<(), UserError> {
    if place.is_virtual {
        return Ok(());
    }
    let needed = lock::needed(&place.bench, &place.bench.phones.iter().collect::<Vec<_>>());
    let waits = wait.unwrap_or_default().max(PATIENCE);
    let _locks = wait_for(needed, "siprig nightly", Some(waits), teller)?;
    let unsettled = patience::work("the bench is set right", teller, |say| leftovers::undo(&place.bench, say))??;
    written_back::say_until_they_boot(&unsettled, |text| teller.say(text));
    Ok(())
}

/// Takes the night's lock on a bench: one night at a time, and no other run in between.
fn lock(bench: &str, suite: &str, wait: Option<Duration>, teller: &Teller) -> Result<Locks, UserError> {
    wait_for(vec![lock::night(bench)], &format!("siprig nightly, suite {suite}"), wait, teller)
}

/// Waits for locks, and says so each minute.
fn wait_for(
    needed: Vec<lock::Lockable>,
    myself: &str,
    wait: Option<Duration>,
    teller: &Teller,
) -> Result<Locks, UserError> {
    let (state, myself) = (state::directory()?, Holder::myself(myself));
    let locks = patience::work("the bench is waited for", teller, |say| {
        let waiting = |held: &lock::LockError| {
            let held = held.to_string();
            let held = held.split_once("; ").map_or(held.as_str(), |(held, _)| held);
            say(&format!("waiting: {held}"));
        };
        lock::acquire(&state, &needed, &myself, wait, waiting)
    });
    Ok(locks??)
}

/// The directory of the night that was named.
fn find(named: &str, report_dir: &Path) -> Result<PathBuf, UserError> {
    let is_night = |path: &PathBuf| path.join(ledger::FILE).is_file();
    let found = if named == "latest" {
        let nights = report_dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        nights.filter(is_night).max()
    } else {
        [PathBuf::from(named), report_dir.join(named)].into_iter().find(is_night)
    };
    let found = found.and_then(|path| path.canonicalize().ok());
    found.ok_or_else(|| {
        let what =
            if named == "latest" { "there is no night".to_owned() } else { format!("there is no night `{named}`") };
        let message = format!("{what} in {}", report_dir.display());
        UserError::new(Exit::Usage, message, "name its directory, or that of all nights with --report-dir")
    })
}
