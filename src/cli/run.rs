//! `siprig run`: from the files to the verdicts.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use super::{
    args::RunArgs,
    bench::{self, Opened},
    dry_run,
    error::{UserError, print_data},
    exit::Exit,
    lock::{self, Holder},
    state,
};
use crate::{
    config::{Bench, Model, Phone, Plan, Scenario, document::Document, load},
    driver::clock::RunClock,
    event::{PhoneName, Record},
    journal::RunDir,
    look::{Look, harmless},
    report::{self, RunStory, Summary},
    session::{Session, SessionEnd, Subscriber},
    tui::{LiveDisplay, PlainDisplay},
};

/// Runs a scenario, here or inside the virtual bench.
///
/// # Errors
/// If no run took place.
pub fn main(args: &RunArgs) -> Result<ExitCode, UserError> {
    let rig = bench::rig();
    let opened = bench::open(&args.bench)?;
    let scenario = load::scenario(&args.scenario, &rig)?;
    match opened {
        Opened::Virtual(description) => {
            // What can be known to be wrong is said before a bench is brought up for nothing.
            check_names(&args.phones, |name| description.phone_names().any(|known| known == name))?;
            let preview = bench::preview(&description, &rig)?;
            if args.dry_run {
                return run(args, &preview, scenario).map(ExitCode::from);
            }
            let (bench, models) = load::checked_bench(&preview, &rig)?;
            load::fit(&scenario, &selected(&bench, &args.phones), &models)?;
            bench::run_inside(&description, &rig)
        }
        Opened::Real(document) => run(args, &document, scenario).map(ExitCode::from),
    }
}

fn run(args: &RunArgs, document: &Document, scenario: Scenario) -> Result<Exit, UserError> {
    let (bench, models) = load::checked_bench(document, &bench::rig())?;
    check_names(&args.phones, |name| bench.phones.iter().any(|phone| phone.name.0 == name))?;
    load::fit(&scenario, &selected(&bench, &args.phones), &models)?;
    if args.dry_run {
        print_data(&dry_run::render(&plan(args, bench, models, scenario, String::new(), 0)))?;
        return Ok(Exit::Success);
    }
    let needed = lock::needed(&bench, &selected(&bench, &args.phones));
    let myself = Holder::myself(&format!("siprig run {}", scenario.name));
    let _locks = lock::acquire(&state::directory()?, &needed, &myself, args.wait, |held| {
        let held = held.to_string();
        say(&format!("waiting: {}", held.split_once("; ").map_or(held.as_str(), |(held, _)| held)));
    })?;

    let clock = RunClock::start();
    let run_dir = RunDir::create(&args.report_dir, &scenario.name, clock.epoch_unix_ns(), args.keep_secrets)?;
    let plan = plan(args, bench, models, scenario, run_dir.name(), clock.epoch_unix_ns());
    let end = conduct(plan, &run_dir, &clock)?;
    conclude(args, &run_dir, &end)
}

/// Runs the session with somebody to tell people about it.
fn conduct(plan: Plan, run_dir: &RunDir, clock: &RunClock) -> Result<SessionEnd, UserError> {
    let unexpected = |what: &str, error: io::Error| {
        UserError::new(
            Exit::Unexpected,
            format!("cannot {what}: {error}"),
            "is this machine out of memory or processes?",
        )
    };
    let mut session = Session::new(plan, run_dir.clone(), clock.clone());
    session.subscribe(Progress::start(clock).map_err(|error| unexpected("show the progress", error))?);
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
    let story = report::load(run_dir.path())?;
    let exit = Exit::of_run(&story.cases(), end.stopped_by.as_deref(), end.journal_failed.is_some());
    let written = report::write_all(run_dir.path(), exit.code());
    let shown = show(&story, run_dir, args.json, exit);
    if let Some(error) = &end.journal_failed {
        say(&format!("rig error: {error}"));
    }
    say(&format!("report: {}", written?.html.display()));
    shown.map(|()| exit)
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

fn plan(
    args: &RunArgs,
    bench: Bench,
    models: BTreeMap<String, Model>,
    scenario: Scenario,
    run: String,
    epoch_unix_ns: i64,
) -> Plan {
    Plan {
        run,
        epoch_unix_ns,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        phones: selected(&bench, &args.phones).into_iter().map(|phone| phone.name.clone()).collect(),
        bench,
        models,
        scenario,
        overrides: bench::in_force(&args.bench).map(ToString::to_string).collect(),
        keep_secrets: args.keep_secrets,
    }
}

/// The phones under test, in the order of the bench.
fn selected<'a>(bench: &'a Bench, names: &[String]) -> Vec<&'a Phone> {
    let chosen = |name: &PhoneName| names.is_empty() || names.contains(&name.0);
    bench.phones.iter().filter(|phone| chosen(&phone.name)).collect()
}

fn check_names(names: &[String], is_known: impl Fn(&str) -> bool) -> Result<(), UserError> {
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
