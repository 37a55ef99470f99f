//! `siprig runs` and `siprig report`: runs that were.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    args::{Format, ReportArgs, RunsCommand, WhichRun},
    error::{UserError, print_data},
    exit::Exit,
    run,
};
use crate::{
    journal::RunDir,
    report::{self, RunStory, Summary},
    session::{self, VerifyReport},
};

mod console;
pub(super) mod prune;

/// Runs a subcommand of `runs`.
///
/// # Errors
/// If there is no such run, or it can not be read.
pub fn main(command: &RunsCommand) -> Result<ExitCode, UserError> {
    match command {
        RunsCommand::List { report_dir } => list(report_dir),
        RunsCommand::Show { run, times: true, .. } => {
            print_data(&report::times(find(run)?.path())?.render())?;
            Ok(Exit::Success.into())
        }
        RunsCommand::Show { run, json, .. } => {
            let run_dir = find(run)?;
            let story = report::load(run_dir.path())?;
            let exit = exit_of(&run_dir, &story);
            run::show(&story, &run_dir, *json, exit)?;
            Ok(Exit::Success.into())
        }
        RunsCommand::Console { run, phone, replay, speed, raw, hex } => {
            let how = match (hex, raw) {
                (true, _) => console::How::Hex,
                (false, raw) => console::How::Text { raw: *raw, pace: replay.then_some(*speed) },
            };
            console::show(&find(run)?, phone, how)
        }
        RunsCommand::Verify { run } => verify(&find(run)?),
        RunsCommand::Prune(args) => prune::main(args),
    }
}

/// Makes reports again.
///
/// # Errors
/// If there is no such run, it can not be read, or a report can not be written.
pub fn report(args: &ReportArgs) -> Result<ExitCode, UserError> {
    let run_dir = find(&args.run)?;
    let story = report::load(run_dir.path())?;
    let exit = exit_of(&run_dir, &story).code();
    let out = args.out.as_deref().unwrap_or(run_dir.path());
    let unwritable = |path: &Path, error: std::io::Error| {
        let message = format!("cannot write {}: {error}", path.display());
        UserError::new(Exit::Rig, message, "choose another directory with --out")
    };
    fs::create_dir_all(out).map_err(|error| unwritable(out, error))?;
    let mut said = String::new();
    for format in &args.format {
        let (name, text) = match format {
            Format::Html => ("report.html", report::html::render(&story, exit, &report::raw_files(run_dir.path())?)?),
            Format::Junit => ("junit.xml", report::junit::render(&story)?),
            Format::Json => ("summary.json", Summary::of(&story, run_dir.path(), exit).to_json()?),
        };
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| unwritable(&path, error))?;
        said.push_str(&format!("{}\n", path.display()));
    }
    print_data(&said)?;
    Ok(Exit::Success.into())
}

/// The exit code that the run ended with, as far as its own summary or else its records tell.
fn exit_of(run_dir: &RunDir, story: &RunStory) -> Exit {
    let told = fs::read_to_string(run_dir.summary()).ok().and_then(|text| serde_json::from_str::<Summary>(&text).ok());
    let judged = Exit::of_run(&story.cases(), story.stopped_by.as_deref(), false);
    match told {
        // A journal that could not be written is not in the journal.
        Some(summary) if summary.exit == Exit::Rig.code() && judged == Exit::Success => Exit::Rig,
        _ => judged,
    }
}

fn list(report_dir: &Path) -> Result<ExitCode, UserError> {
    let mut table = String::new();
    for run_dir in all(report_dir)? {
        let told = match report::load(run_dir.path()) {
            Ok(story) => report::table::totals(&story.cases()),
            Err(error) => format!("unreadable: {error}"),
        };
        table.push_str(&format!("{:40} {told}\n", run_dir.name()));
    }
    if table.is_empty() {
        table = format!("no runs in {}\n", report_dir.display());
    }
    print_data(&table)?;
    Ok(Exit::Success.into())
}

fn verify(run_dir: &RunDir) -> Result<ExitCode, UserError> {
    let report = session::verify(&run_dir.journal())?;
    print_data(&told(run_dir, &report))?;
    Ok(if report.difference.is_some() { Exit::Rig.into() } else { Exit::Success.into() })
}

fn told(run_dir: &RunDir, report: &VerifyReport) -> String {
    let mut text = format!("{}: {} records, {} of them observed\n", run_dir.name(), report.records, report.observed);
    if report.torn {
        text.push_str("the last line is torn, and was passed over\n");
    }
    if !report.complete {
        text.push_str("the run was cut off: the journal does not tell of its end\n");
    }
    match &report.difference {
        None => text.push_str("OK: judged again, every conclusion is the same, byte for byte\n"),
        Some(difference) => {
            let line = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
            text.push_str(&format!("DIFFERENT from record {} on\n", difference.seq));
            text.push_str(&format!("  journal says: {}\n", line(&difference.journal).trim_end()));
            text.push_str(&format!("  replay says:  {}\n", line(&difference.replayed).trim_end()));
        }
    }
    text
}

/// The run that was named.
pub(super) fn find(which: &WhichRun) -> Result<RunDir, UserError> {
    if which.run == "latest" {
        return all(&which.report_dir)?.pop().ok_or_else(|| {
            let message = format!("there is no run in {}", which.report_dir.display());
            UserError::new(Exit::Usage, message, "name the directory of runs with --report-dir")
        });
    }
    let here = PathBuf::from(&which.run);
    let path = if here.is_dir() { here } else { which.report_dir.join(&which.run) };
    if !path.is_dir() {
        let message =
            format!("there is no run `{}`, neither as a directory nor in {}", which.run, which.report_dir.display());
        return Err(UserError::new(Exit::Usage, message, "`siprig runs list` shows what there is"));
    }
    Ok(RunDir::open(&path)?)
}

/// All runs of a directory, the newest last. Their names begin with their time.
pub(super) fn all(report_dir: &Path) -> Result<Vec<RunDir>, UserError> {
    let entries = fs::read_dir(report_dir).map_err(|error| {
        let message = format!("cannot read the directory of runs {}: {error}", report_dir.display());
        UserError::new(Exit::Usage, message, "name it with --report-dir")
    })?;
    let mut runs: Vec<_> = entries.flatten().filter_map(|entry| RunDir::open(&entry.path()).ok()).collect();
    runs.sort_by_key(RunDir::name);
    Ok(runs)
}
