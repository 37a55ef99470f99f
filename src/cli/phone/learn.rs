//! `siprig phone learn`: a guided outage, what it shows of a phone, and the model file of that.

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    super::{
        args::{RunArgs, WhichRun},
        bench,
        error::{UserError, print_data},
        exit::Exit,
        run::{self, Outcome},
        runs,
    },
    args::LearnArgs,
};
use crate::{
    config::{Plan, load},
    event::PhoneName,
    journal::{JournalReader, RunDir},
    learn::{self, Learnt, NotLearnt},
    look::harmless,
    report,
    session::SessionEnd,
    verdict::Verdict,
};

/// The guided outage.
const SCENARIO: &str = "learn";

/// Learns, here or inside the virtual bench.
///
/// # Errors
/// If there is no such phone or run, no run took place, or the model file can not be written.
pub(super) fn main(args: &LearnArgs) -> Result<ExitCode, UserError> {
    let file = args.out.as_deref().map(|path| ModelFile::new(path, args.force)).transpose()?;
    let phone = PhoneName(args.phone.clone());
    let (run_dir, exit) = match &args.from {
        Some(run) => {
            let which = WhichRun { run: run.clone(), report_dir: args.report_dir.clone() };
            (runs::find(&which)?, Exit::Success)
        }
        None => match run::perform(&run_args(args), |plan| prepare(plan, &phone))? {
            Outcome::Inside(code) => return Ok(code),
            Outcome::Said => return Ok(Exit::Success.into()),
            Outcome::Ran(run_dir, end) => {
                let exit = keep(&run_dir, &end)?;
                (run_dir, exit)
            }
        },
    };
    let learnt = read(&run_dir, &phone)?;
    print_data(&learn::render(&learnt))?;
    if let Some(file) = file {
        file.write(&learnt, args)?;
    }
    let exit = if exit == Exit::Success && !learnt.is_something() { Exit::NothingRan } else { exit };
    Ok(exit.into())
}

fn run_args(args: &LearnArgs) -> RunArgs {
    RunArgs {
        scenarios: vec![SCENARIO.to_owned()],
        bench: args.bench.clone(),
        phones: vec![args.phone.clone()],
        report_dir: args.report_dir.clone(),
        json: false,
        dry_run: args.dry_run,
        allow_link_down: false,
        attended: false,
        wait: args.wait,
        keep_secrets: false,
        of_night: false,
        announce: None,
    }
}

/// The wire alone tells, and the phone is given time: what its model says of it may be wrong.
fn prepare(plan: &mut Plan, phone: &PhoneName) {
    for it in plan.bench.phones.iter_mut().filter(|it| it.name == *phone) {
        (it.console, it.keypad, it.push, it.status_page) = (None, None, None, None);
        it.timers = learn::patient(&it.timers);
    }
}

/// Writes the reports of the run, and says what became of it. That a phone is not as its model says is no failure here.
fn keep(run_dir: &RunDir, end: &SessionEnd) -> Result<Exit, UserError> {
    let mut story = report::load(run_dir.path())?;
    story.journal_lost = end.journal_failed.as_ref().map(ToString::to_string);
    let exit = Exit::of_run(&story.cases(), end.stopped_by.as_deref(), end.journal_failed.is_some());
    let written = report::write_all(run_dir.path(), exit.code())?;
    for case in story.cases().iter().filter(|case| case.verdict != Verdict::Pass) {
        let why = case.reason.as_deref().unwrap_or("no reason is known");
        say(&format!("line {} did not go through all of it: {}", harmless(&case.id.line), harmless(why)));
    }
    if let Some(lost) = &story.journal_lost {
        say(&format!("rig error: {lost}"));
    }
    say(&format!("report: {}", written.html.display()));
    Ok(if exit == Exit::Failed { Exit::Success } else { exit })
}

/// What the records of a run show.
fn read(run_dir: &RunDir, phone: &PhoneName) -> Result<Learnt, UserError> {
    let mut failed = None;
    let reader = JournalReader::open(&run_dir.journal())?;
    let records = reader.map_while(|record| record.map_err(|error| failed = Some(error)).ok());
    let learnt = learn::learn(records, phone);
    if let Some(error) = failed {
        return Err(error.into());
    }
    learnt.map_err(|error| match error {
        NotLearnt::NoPlan => UserError::new(Exit::Config, error.to_string(), "name another run; this one is cut off"),
        NotLearnt::NoPhone { .. } => {
            let text = error.to_string();
            let (message, known) = text.split_once("; ").unwrap_or((&text, ""));
            UserError::new(Exit::Usage, harmless(message), known)
        }
    })
}

/// The file of a model.
struct ModelFile {
    path: PathBuf,
    name: String,
    over: bool,
}

impl ModelFile {
    /// Refuses what can be known to be refused ahead of a run of two hours.
    fn new(path: &Path, over: bool) -> Result<Self, UserError> {
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && name.len() <= 64;
        if !is_name || path.extension() != Some(OsStr::new("toml")) {
            let message = format!("{} can not be the file of a model", harmless(&path.to_string_lossy()));
            return Err(UserError::new(Exit::Usage, message, "name it by the model, as rig/models/my-phone.toml"));
        }
        if !over && fs::symlink_metadata(path).is_ok() {
            return Err(taken(path));
        }
        Ok(Self { path: path.to_owned(), name, over })
    }

    fn write(&self, learnt: &Learnt, args: &LearnArgs) -> Result<(), UserError> {
        let unwritable = |error: io::Error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return taken(&self.path);
            }
            let message = format!("cannot write {}: {error}", self.path.display());
            UserError::new(Exit::Rig, message, "name a file in a folder that is there and yours")
        };
        if self.name == learnt.model_name {
            let message = format!("the model {} can not extend itself", self.name);
            return Err(UserError::new(Exit::Usage, message, "give the file another name"));
        }
        let extends = extends(&learnt.model_name, args);
        if self.path.canonicalize().is_ok_and(|own| own == Path::new(&extends)) {
            let message = format!("{} is the model that it would extend", self.path.display());
            return Err(UserError::new(Exit::Usage, message, "give the file another name"));
        }
        let text = learn::file::write(learnt, &self.name, &extends);
        // What a bench would refuse is not written.
        load::model_text(&self.path, text.clone(), &bench::rig())?;
        let mut options = OpenOptions::new();
        let options = if self.over { options.create(true).truncate(true) } else { options.create_new(true) };
        options
            .write(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(unwritable)?;
        // Those in the rig directory have names; others are found by their paths.
        let in_rig = self.path.parent().is_some_and(|folder| folder.ends_with("rig/models"));
        let named = if in_rig { self.name.clone() } else { self.path.to_string_lossy().into_owned() };
        say(&format!("model: {}; a phone has it by `model = \"{named}\"` in the bench file", self.path.display()));
        Ok(())
    }
}

/// The model that was begun from, as a file anywhere finds it: names are looked for in the rig directory, and paths start from
/// the bench file.
fn extends(model: &str, args: &LearnArgs) -> String {
    if !model.contains('/') && Path::new(model).extension() != Some(OsStr::new("toml")) {
        return model.to_owned();
    }
    let bench = args.bench.bench.as_deref().and_then(|bench| Path::new(bench).parent());
    let rig = bench::rig();
    let folders = bench.into_iter().chain([Path::new(""), rig.as_path()]);
    let found = folders.filter_map(|folder| folder.join(model).canonicalize().ok()).next();
    found.map_or_else(|| model.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn taken(path: &Path) -> UserError {
    let message = format!("{} is there already, and is left as it is", path.display());
    UserError::new(Exit::Usage, message, "name another file, or write over it with --force")
}

/// Tells people something, on stderr.
fn say(text: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}
