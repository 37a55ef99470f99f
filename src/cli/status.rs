//! `siprig status`: where the night is that goes on, or how the last one went, by its files alone.
//!
//! Whoever is asked is not disturbed: nobody is signalled, and no file is written.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::{
    error::{UserError, print_data},
    exit::Exit,
    state,
};
use crate::{
    driver::clock::RunClock,
    event::{Derived, Event},
    journal::follow,
    nightly::{
        Before, Night, Standing, ledger,
        standing::{Goes, Seen},
    },
};

mod told;

pub(super) const ABOUT: &str = "\
Say where the night is that goes on, or how the last one went

Of the nights of --report-dir the one that goes on is told, or else the last: since when, which run is in flight and what it is about, how \
many cases came to what, which of them fail and did not do so in the night before, what is left and when it should be over. The night is not disturbed, and need not \
be one of yours: its files alone are read, and of the journal of a run its end.

Whether its process lives is told by the lock that it holds on its ledger; when it last wrote something, by its files.";

pub(super) const EXAMPLES: &str = "\
Examples:
  siprig status                                    the night of ./reports
  siprig status --report-dir /var/lib/siprig/reports
  siprig status --json | jq '.night.failed[] | select(.new) | .reason'
  while sleep 60; do siprig status; done

Exit codes:
    0  a night goes on, or the last one came to its end, whatever that was
    4  there is no night
    5  the last night was cut off, and nobody goes on with it (siprig nightly --resume latest)
    3  its files can not be read
    2  wrong usage";

/// How much of the end of a journal is looked at.
const END: u64 = 256 << 10;
/// How much of the end of what a run said.
const LAST_WORDS: u64 = 4 << 10;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print one JSON document (schema siprig.status/1)
    #[arg(long)]
    pub json: bool,
    /// Where nights are looked for
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
}

/// Says where the night is.
///
/// # Errors
/// If its files can not be read.
pub fn main(args: &StatusArgs) -> Result<ExitCode, UserError> {
    let now_unix_ns = RunClock::start().epoch_unix_ns();
    let standing = match of_interest(&args.report_dir) {
        Some((directory, lives)) => look(&directory, lives, now_unix_ns)?,
        None => Standing::none(now_unix_ns),
    };
    let exit = match &standing.night {
        None => Exit::NothingRan,
        Some(night) if night.state == Goes::CutOff => Exit::Outstanding,
        Some(_) => Exit::Success,
    };
    if args.json {
        let text = serde_json::to_string(&standing).map_err(|error| state::unexpected("write JSON", &error.into()))?;
        print_data(&(text + "\n"))?;
    } else {
        print_data(&told::render(&standing, &args.report_dir))?;
    }
    Ok(exit.into())
}

/// The night that is told of, and whether its process lives: the last one that does, or else the last one. A night that was cut off
/// before it had a plan is none.
fn of_interest(report_dir: &Path) -> Option<(PathBuf, bool)> {
    let entries = report_dir.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut nights: Vec<PathBuf> = entries.filter(|path| path.join(ledger::FILE).is_file()).collect();
    nights.sort_unstable();
    let lives = nights.iter().rfind(|night| ledger::is_held(night).unwrap_or(false));
    match lives {
        Some(night) => Some((night.clone(), true)),
        None => nights.pop().map(|night| (night, false)),
    }
}

fn look(directory: &Path, lives: bool, now_unix_ns: i64) -> Result<Standing, UserError> {
    let Some(night) = Night::of(&ledger::glance(directory)?) else { return Ok(Standing::none(now_unix_ns)) };
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let seen = seen(&directory, &night, lives, now_unix_ns);
    let outcomes = night.outcomes();
    let before = Before::of_night(&directory, &night, &outcomes);
    Ok(Standing::of(&name, &directory.to_string_lossy(), &night, &outcomes, &before, seen))
}

/// What the files of a night tell beside its ledger.
fn seen(directory: &Path, night: &Night, lives: bool, now_unix_ns: i64) -> Seen {
    let mut seen = Seen { now_unix_ns, lives, ..Seen::default() };
    let mut signs = vec![written(&directory.join(ledger::FILE))];
    if let Some((run, attempt)) = night.in_flight() {
        let stem = format!("{}-{}", run.id, attempt.number);
        let log = directory.join(format!("{stem}.log"));
        signs.push(written(&log));
        let announced = fs::read_to_string(directory.join(format!("{stem}.at"))).ok().map(PathBuf::from);
        let journal = announced.as_ref().map(|run| run.join("journal.jsonl"));
        signs.extend(journal.as_deref().map(written));
        let name = announced.as_ref().and_then(|run| run.file_name());
        seen.run_directory = name.map(|name| name.to_string_lossy().into_owned());
        seen.doing = journal.as_deref().and_then(step).or_else(|| last_words(&log));
    }
    seen.sign_unix_ns = signs.into_iter().flatten().max().unwrap_or_default();
    seen
}

/// When a file was last written to, in nanoseconds since the Unix epoch.
fn written(path: &Path) -> Option<i64> {
    let found = fs::metadata(path).ok()?;
    Some(found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()))
}

/// The step that a journal tells of last.
fn step(journal: &Path) -> Option<String> {
    let record = follow::last_with(journal, br#""what":"step-started""#, END).ok()??;
    match record.event {
        Event::Derived(Derived::StepStarted { step, of, title, .. }) => {
            Some(format!("step {} of {of}: {title}", step + 1))
        }
        _ => None,
    }
}

/// The last line of what a run said.
fn last_words(log: &Path) -> Option<String> {
    let mut file = fs::File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS))).ok()?;
    let mut end = Vec::new();
    file.take(LAST_WORDS).read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end);
    end.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{
        event::{Record, Stamp, When},
        nightly::{Ledger, state::sample},
    };

    /// A night in a run whose journal is longer than anybody could read.
    fn night(folder: &Path) -> Ledger {
        let mut ledger = Ledger::create(folder).unwrap();
        sample::night()[..4].iter().for_each(|entry| ledger.append(entry).unwrap());
        let run = folder.join("2026-11-25T221503Z-call");
        fs::create_dir(&run).unwrap();
        let step =
            Derived::StepStarted { step: 2, of: 7, title: "take the primary away".to_owned(), phones: Vec::new() };
        let record = Record { seq: 9, seen: Stamp(9), when: When::exactly(Stamp(9)), event: Event::Derived(step) };
        let mut journal = fs::File::create(run.join("journal.jsonl")).unwrap();
        journal.set_len(1 << 40).unwrap();
        journal.seek(SeekFrom::End(0)).unwrap();
        writeln!(journal, "\n{}\n{{\"torn\":", serde_json::to_string(&record).unwrap()).unwrap();
        fs::write(folder.join("1.1.call-1.at"), run.to_str().unwrap()).unwrap();
        fs::write(folder.join("1.1.call-1.log"), "first\nlast words \n\n").unwrap();
        ledger
    }

    #[test]
    fn what_a_run_is_about_is_told_by_the_end_of_its_journal_however_long_that_is() {
        let reports = tempfile::tempdir().unwrap();
        let folder = reports.path().join("2026-11-25T221503Z-sample");
        fs::create_dir(&folder).unwrap();
        let ledger = night(&folder);
        let now = sample::night()[3].at_unix_ns + 5_000_000_000;
        let stands = |lives| look(&folder, lives, now).unwrap().night.unwrap();
        let flight = stands(true).in_flight.unwrap();
        assert_eq!(flight.doing.as_deref(), Some("step 3 of 7: take the primary away"));
        assert_eq!((flight.directory.as_deref(), flight.since_ms), (Some("2026-11-25T221503Z-call"), 5000));
        fs::remove_dir_all(folder.join("2026-11-25T221503Z-call")).unwrap();
        assert_eq!(stands(true).in_flight.unwrap().doing.as_deref(), Some("last words"));
        assert_eq!(of_interest(reports.path()), Some((folder.clone(), true)));
        drop(ledger);
        assert_eq!(of_interest(reports.path()), Some((folder.clone(), false)));
        assert_eq!((stands(false).state, stands(false).in_flight), (Goes::CutOff, None));
    }

    #[test]
    fn the_night_that_goes_on_is_told_even_if_another_one_began_later() {
        let reports = tempfile::tempdir().unwrap();
        let [first, last] = ["2026-11-25T221503Z-sample", "2026-11-26T221503Z-sample"].map(|name| {
            let folder = reports.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        });
        let goes_on = Ledger::create(&first).unwrap();
        drop(Ledger::create(&last).unwrap());
        assert_eq!(of_interest(reports.path()), Some((first, true)));
        drop(goes_on);
        assert_eq!(of_interest(reports.path()), Some((last.clone(), false)));
        assert_eq!(look(&last, false, 0).unwrap().night, None, "it never had a plan");
    }
}
