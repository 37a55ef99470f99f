//! `siprig run`: from the files to the verdicts.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use super::{
    args::RunArgs,
    bench::{self, Opened},
    changes::Noting,
    dry_run,
    error::{UserError, print_data},
    exit::Exit,
    leftovers,
    lock::{self, Holder},
    operator::{self, Ear},
    places::{NotingPlaces, PlacesFile},
    set_back, state, stopped, switched_off, written_back,
};
use crate::{
    config::{Bench, Model, Phone, Plan, Scenario, StepKind, document::Document, load},
    driver::{clock::RunClock, privileges, serial::share},
    event::{PhoneName, Record},
    journal::RunDir,
    look::{Look, harmless},
    report::{self, RunStory, Summary},
    session::{Session, SessionEnd, Subscriber},
    tui::{LiveDisplay, PlainDisplay},
};

/// What became of a command that runs something.
pub(super) enum Outcome {
    /// The same command was run inside a virtual bench, and came to this.
    Inside(ExitCode),
    /// It was said what would be done.
    Said,
    /// It was run.
    Ran(RunDir, SessionEnd),
}

/// Runs a scenario, here or inside the virtual bench.
///
/// # Errors
/// If no run took place.
pub fn main(args: &RunArgs) -> Result<ExitCode, UserError> {
    match perform(args, |_| {})? {
        Outcome::Inside(code) => Ok(code),
        Outcome::Said => Ok(Exit::Success.into()),
        Outcome::Ran(run_dir, end) => conclude(args, &run_dir, &end).map(ExitCode::from),
    }
}

/// Runs a scenario, here or inside the virtual bench; `prepare` may change the plan before anything is touched.
///
/// # Errors
/// If no run took place.
pub(super) fn perform(args: &RunArgs, prepare: impl Fn(&mut Plan)) -> Result<Outcome, UserError> {
    let rig = bench::rig();
    let scenarios = scenarios(args, &rig)?;
    let opened = bench::open(&args.bench, &scenarios)?;
    match opened {
        Opened::Virtual(description) => {
            // What can be known to be wrong is said before a bench is brought up for nothing.
            check_names(&args.phones, |name| description.phone_names().any(|known| known == name))?;
            let preview = bench::preview(&description, &rig)?;
            if args.dry_run {
                return run(args, &preview, scenarios, prepare);
            }
            let (bench, models) = load::checked_bench(&preview, &rig)?;
            fit(&scenarios, &selected(&bench, &args.phones), &models)?;
            switched_off::allowed(&scenarios, args.allow_link_down)?;
            bench::run_inside(&description, &rig).map(Outcome::Inside)
        }
        Opened::Real(document) => run(args, &document, scenarios, prepare),
    }
}

/// The scenarios that were named, each once.
fn scenarios(args: &RunArgs, rig: &Path) -> Result<Vec<Scenario>, UserError> {
    let scenarios: Vec<_> = args.scenarios.iter().map(|name| load::scenario(name, rig)).collect::<Result<_, _>>()?;
    for (index, scenario) in scenarios.iter().enumerate() {
        if scenarios.iter().take(index).any(|before| before.name == scenario.name) {
            let message = format!("scenario `{}` is named twice", harmless(&scenario.name));
            return Err(UserError::new(Exit::Usage, message, "name each scenario once; cases are told apart by it"));
        }
    }
    Ok(scenarios)
}

/// Checks that the phones can do what all scenarios ask of them.
fn fit(scenarios: &[Scenario], phones: &[&Phone], models: &BTreeMap<String, Model>) -> Result<(), UserError> {
    scenarios.iter().try_for_each(|scenario| load::fit(scenario, phones, models))?;
    Ok(())
}

fn run(
    args: &RunArgs,
    document: &Document,
    scenarios: Vec<Scenario>,
    prepare: impl Fn(&mut Plan),
) -> Result<Outcome, UserError> {
    let (bench, models) = load::checked_bench(document, &bench::rig())?;
    check_names(&args.phones, |name| bench.phones.iter().any(|phone| phone.name.0 == name))?;
    let phones = selected(&bench, &args.phones);
    fit(&scenarios, &phones, &models)?;
    scenarios.iter().try_for_each(|scenario| load::reach(scenario, &bench, &phones))?;
    let mut plan = plan(args, bench, models, scenarios)?;
    prepare(&mut plan);
    if !args.dry_run {
        switched_off::allowed(plan.scenarios(), plan.allow_link_down)?;
    }
    if args.dry_run {
        print_data(&dry_run::render(&plan))?;
        return Ok(Outcome::Said);
    }
    let mut needed = lock::needed(&plan.bench, &selected(&plan.bench, &args.phones));
    if !args.of_night {
        // A bench on which a night goes on is in use between its runs as well.
        needed.insert(0, lock::night(&plan.bench.name));
    }
    let myself = Holder::myself(&format!("siprig run {}", plan.title()));
    let _locks = lock::acquire(&state::directory()?, &needed, &myself, args.wait, |held| {
        let held = held.to_string();
        say(&format!("waiting: {}", held.split_once("; ").map_or(held.as_str(), |(held, _)| held)));
    })?;

    plan.unsettled = leftovers::undo(&plan.bench, say)?;
    if plan.bench.provisioning.is_none() {
        // Nobody knows where they would load their files from.
        written_back::say_until_they_boot(&std::mem::take(&mut plan.unsettled), say);
    }
    let tested = plan.phones.clone();
    plan.unsettled.retain(|phone| tested.contains(phone));
    share::sweep(&state::directory()?);
    let clock = RunClock::start();
    let run_dir = RunDir::create(&args.report_dir, &plan.scenario.name, clock.epoch_unix_ns(), args.keep_secrets)?;
    (plan.run, plan.epoch_unix_ns) = (run_dir.name(), clock.epoch_unix_ns());
    if let Some(file) = &args.announce {
        announce(file, &run_dir)?;
    }
    let asks = plan.scenarios().flat_map(Scenario::all_steps).any(|step| matches!(step.kind, StepKind::Ask { .. }));
    if asks && args.announce.is_none() {
        let else_ = if args.attended { "each is waited for" } else { "where nobody is, those cases are skipped" };
        say(&format!("this run asks for an operator, at `siprig console --attach{}`; {else_}", reports(args)));
    }
    let end = conduct(plan, &run_dir, &clock, args.attended).inspect_err(|_| run_dir.discard())?;
    Ok(Outcome::Ran(run_dir, end))
}

/// What else to say where runs are not where they are looked for.
fn reports(args: &RunArgs) -> String {
    let place = args.report_dir.display();
    if args.report_dir == Path::new("reports") { String::new() } else { format!(" --report-dir {place}") }
}

/// Tells whoever began this run where it is.
fn announce(file: &Path, run_dir: &RunDir) -> Result<(), UserError> {
    let path = run_dir.path().canonicalize().unwrap_or_else(|_| run_dir.path().to_owned());
    let (beside, text) = (file.with_extension("partial"), path.to_string_lossy().into_owned());
    // Whoever reads it finds all of it or nothing.
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file)).map_err(|error| {
        let message = format!("cannot write {}: {error}", file.display());
        UserError::new(Exit::Rig, message, "is there room on its disk?")
    })
}

/// Runs the session with somebody to tell people about it.
fn conduct(plan: Plan, run_dir: &RunDir, clock: &RunClock, attended: bool) -> Result<SessionEnd, UserError> {
    let unexpected = |what: &str, error: io::Error| {
        UserError::new(
            Exit::Unexpected,
            format!("cannot {what}: {error}"),
            "is this machine out of memory or processes?",
        )
    };
    let network = plan.bench.network.clone();
    let (stopped, changed) = (stopped::notes(&plan.bench)?, set_back::notes(&plan.bench)?);
    let rewritten = written_back::notes(&plan.bench)?;
    let mut session = Session::new(plan, run_dir.clone(), clock.clone());
    session.note_stopped(stopped);
    session.note_changed(changed);
    session.note_rewritten(rewritten);
    session.share_consoles(state::directory()?);
    if let Some(network) = &network {
        session.subscribe(Noting::new(network)?);
        session.subscribe(NotingPlaces(PlacesFile::of(network)?));
    }
    // That operators can not be heard is no reason not to run.
    let ear = operator::listen(run_dir, session.operator()).ok();
    session.subscribe(Ear::attendance(ear.as_ref(), session.operator(), attended));
    session.subscribe(Progress::start(clock).map_err(|error| unexpected("show the progress", error))?);
    privileges::lay_down().map_err(|error| unexpected("work without privileges", error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| unexpected("start the runtime", error))?;
    let ended = runtime.block_on(session.run());
    Ok(ended?)
}

/// Writes the reports, tells the result, and says what it comes to.
fn conclude(args: &RunArgs, run_dir: &RunDir, end: &SessionEnd) -> Result<Exit, UserError> {
    let mut story = report::load(run_dir.path())?;
    story.journal_lost = end.journal_failed.as_ref().map(ToString::to_string);
    let exit = |rig_failed| Exit::of_run(&story.cases(), end.stopped_by.as_deref(), rig_failed);
    let written = report::write_all(run_dir.path(), exit(end.journal_failed.is_some()).code());
    let exit = exit(end.journal_failed.is_some() || written.is_err());
    show(&story, run_dir, args.json, exit)?;
    if let Some(error) = &end.journal_failed {
        say(&format!("rig error: {error}"));
    }
    match written {
        Ok(written) => say(&format!("report: {}", written.html.display())),
        // The result was told; that it could not be kept is no second one.
        Err(error) => UserError::from(error).print(),
    }
    Ok(exit)
}

/// Prints the closing table, or the document in its place.
pub(super) fn show(story: &RunStory, run_dir: &RunDir, json: bool, exit: Exit) -> Result<(), UserError> {
    if json {
        return print_data(&Summary::of(story, run_dir.path(), exit.code()).to_json()?);
    }
    let is_terminal = io::stdout().is_terminal();
    let width = if is_terminal { crossterm::terminal::size().map_or(80, |(columns, _)| columns.into()) } else { 100 };
    print_data(&report::table::render(story, width, Look::of_stream(is_terminal)))
}

/// What is to be run, without a name and a beginning yet.
fn plan(
    args: &RunArgs,
    bench: Bench,
    models: BTreeMap<String, Model>,
    scenarios: Vec<Scenario>,
) -> Result<Plan, UserError> {
    let mut scenarios = scenarios.into_iter();
    let Some(scenario) = scenarios.next() else {
        return Err(UserError::new(Exit::Usage, "no scenario is named", "`siprig run` alone runs `failover`"));
    };
    Ok(Plan {
        run: String::new(),
        epoch_unix_ns: 0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        phones: selected(&bench, &args.phones).into_iter().map(|phone| phone.name.clone()).collect(),
        bench,
        models,
        scenario,
        then: scenarios.collect(),
        unsettled: Vec::new(),
        overrides: bench::in_force(&args.bench).map(ToString::to_string).collect(),
        keep_secrets: args.keep_secrets,
        allow_link_down: args.allow_link_down,
    })
}

/// The phones under test, in the order of the bench.
pub(super) fn selected<'a>(bench: &'a Bench, names: &[String]) -> Vec<&'a Phone> {
    let chosen = |name: &PhoneName| names.is_empty() || names.contains(&name.0);
    bench.phones.iter().filter(|phone| chosen(&phone.name)).collect()
}

/// Whether all names are those of phones.
///
/// # Errors
/// The first that is not.
pub(super) fn check_names(names: &[String], is_known: impl Fn(&str) -> bool) -> Result<(), UserError> {
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => {
            let message = format!("the bench has no phone `{}`", harmless(unknown));
            Err(UserError::new(Exit::Usage, message, "`siprig run --dry-run` lists the phones of a bench"))
        }
        None => Ok(()),
    }
}

/// Tells people something, on stderr.
fn say(text: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Shows the run while it goes on: a board on a terminal, lines elsewhere.
enum Progress {
    Live(LiveDisplay),
    Plain(PlainDisplay),
}

impl Progress {
    fn start(clock: &RunClock) -> io::Result<Self> {
        let is_terminal = io::stderr().is_terminal();
        let look = Look::of_stream(is_terminal);
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let (first, second) = (clock.clone(), clock.clone());
        if is_terminal
            && !dumb
            && let Ok(live) = LiveDisplay::start(look, move || first.now())
        {
            return Ok(Self::Live(live));
        }
        PlainDisplay::start(io::stderr(), look, move || second.now()).map(Self::Plain)
    }
}

impl Subscriber for Progress {
    fn record(&mut self, record: &Record) {
        match self {
            Self::Live(live) => live.record(record),
            Self::Plain(plain) => plain.record(record),
        }
    }
}
