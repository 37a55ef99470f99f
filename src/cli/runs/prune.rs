//! `siprig runs prune`: runs and nights that are old, many or large go, the oldest first. A night goes as a whole or not at all.
//!
//! Only what is ours goes: a directory with a journal or a ledger in it, that is no link. What somebody writes to is locked by him, and
//! stays so until it is gone; what somebody wants to keep has a file `keep` in it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{ArgGroup, Args};

use crate::{
    cli::{
        error::{UserError, print_data},
        exit::Exit,
        nightly::told::length,
    },
    driver::clock::RunClock,
    look::harmless,
    nightly::ledger,
};

mod choice;
pub(in crate::cli) mod size;

use choice::{Limits, Unit, Why};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  siprig runs prune --older 30d --dry-run          what is older, and what it takes up
  siprig runs prune --older 30d --keep 100 --size 10GB
  touch reports/2026-11-27T200000Z-nightly/keep    this night stays";

/// What goes away is named so until it is gone, so that whoever is cut off meanwhile leaves nothing that looks like a run.
const GOING: &str = ".siprig-pruned-";
/// A file of this name keeps the directory that it is in.
const KEEP: &str = "keep";

/// Arguments of `runs prune`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limits").required(true).multiple(true).args(["older", "keep", "size"])))]
pub struct PruneArgs {
    /// What was last written to longer ago than this goes
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub older: Option<Duration>,
    /// So many stay, the newest ones; a night counts once
    #[arg(long, value_name = "NUMBER")]
    pub keep: Option<usize>,
    /// The oldest go until the rest takes up no more than this: 500MB, 10GB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub size: Option<u64>,
    /// Say what would go and what that frees, and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where runs and nights are looked for
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
}

/// Removes what is old, too many or too large.
///
/// # Errors
/// If the directory can not be read, or is that of a night.
pub fn main(args: &PruneArgs) -> Result<ExitCode, UserError> {
    let unreadable = |error: io::Error| {
        let message = format!("cannot read the directory of runs {}: {error}", args.report_dir.display());
        UserError::new(Exit::Usage, message, "name it with --report-dir")
    };
    if args.report_dir.join(ledger::FILE).exists() {
        let message = format!("{} is a night, which goes as a whole or not at all", args.report_dir.display());
        return Err(UserError::new(Exit::Usage, message, "name the directory that it is in with --report-dir"));
    }
    let now_unix_ns = RunClock::start().epoch_unix_ns();
    let found = units(&args.report_dir, args.dry_run).map_err(unreadable)?;
    let limits = Limits { older: args.older, keep: args.keep, size: args.size };
    let (mut said, mut freed, mut gone, mut failed) = (String::new(), 0, 0, 0);
    let all: u64 = found.iter().map(|unit| unit.size).sum();
    for (unit, why) in choice::choose(&found, limits, now_unix_ns) {
        let told = format!("{:40} {:>9}  {why}\n", harmless(&unit.name), size::told(unit.size));
        match why {
            Why::Held | Why::Kept | Why::Foreign => said += &told,
            _ if args.dry_run => (freed, gone) = (freed + unit.size, gone + 1),
            _ => match remove(&args.report_dir, unit) {
                Ok(()) => (freed, gone) = (freed + unit.size, gone + 1),
                Err(error) => {
                    failed += 1;
                    said += &format!("{:40} could not be removed: {error}\n", harmless(&unit.name));
                    continue;
                }
            },
        }
        if !matches!(why, Why::Held | Why::Kept | Why::Foreign) {
            said += &told;
        }
    }
    let (what, frees) = if args.dry_run { ("would go", "would free") } else { ("went", "freed") };
    said += &format!("{gone} of {} {what}, which {frees} {} of {}\n", found.len(), size::told(freed), size::told(all));
    if args.dry_run {
        said += "Nothing was touched.\n";
    }
    print_data(&said)?;
    Ok(if failed > 0 { Exit::Rig.into() } else { Exit::Success.into() })
}

/// All runs and nights of a directory, the oldest first. What an earlier one was cut off in removing is removed, unless nothing is to be.
fn units(report_dir: &Path, dry_run: bool) -> io::Result<Vec<Unit>> {
    let mut units = Vec::new();
    for entry in fs::read_dir(report_dir)? {
        let entry = entry?;
        // A link is none of ours, wherever it leads to.
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(GOING) {
            if !dry_run {
                // It is tried again the next time.
                let _ = fs::remove_dir_all(entry.path());
            }
            continue;
        }
        units.extend(unit(&entry.path(), name));
    }
    units.sort_by(|a, b| (a.written_unix_ns, &a.name).cmp(&(b.written_unix_ns, &b.name)));
    Ok(units)
}

/// The run or night of a directory; none: it is none.
fn unit(path: &Path, name: String) -> Option<Unit> {
    let (own, schema) = [(ledger::FILE, "siprig.ledger/"), ("journal.jsonl", "siprig.journal/")]
        .into_iter()
        .find(|(own, _)| fs::symlink_metadata(path.join(own)).is_ok_and(|found| found.is_file()))?;
    let own = path.join(own);
    let found = fs::symlink_metadata(&own).ok()?;
    let mut head = Vec::new();
    File::open(&own).ok()?.take(200).read_to_end(&mut head).ok()?;
    String::from_utf8_lossy(&head).starts_with(&format!("{{\"schema\":\"{schema}")).then_some(())?;
    let device = fs::symlink_metadata(path).ok()?.dev();
    let size = taken(path, device).ok();
    Some(Unit {
        name,
        written_unix_ns: found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()),
        size: size.flatten().unwrap_or_default(),
        is_held: File::open(&own).is_ok_and(|file| file.try_lock_shared().is_err()),
        is_kept: fs::symlink_metadata(path.join(KEEP)).is_ok(),
        is_whole: size.is_some_and(|size| size.is_some()),
        own,
    })
}

/// What a directory takes up with all that is in it, in bytes; none: something is mounted in it.
fn taken(path: &Path, device: u64) -> io::Result<Option<u64>> {
    let found = fs::symlink_metadata(path)?;
    if found.dev() != device {
        return Ok(None);
    }
    let mut sum = found.blocks() * 512;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            match taken(&entry?.path(), device)? {
                Some(size) => sum += size,
                None => return Ok(None),
            }
        }
    }
    Ok(Some(sum))
}

/// Removes a run or a night. Nobody goes on with it from before it has another name until it is gone.
fn remove(report_dir: &Path, unit: &Unit) -> io::Result<()> {
    let lock = File::options().append(true).open(&unit.own)?;
    lock.try_lock().map_err(|_| io::Error::other("somebody has just begun to write to it"))?;
    let directory = unit.own.parent().ok_or_else(|| io::Error::other("it is nowhere"))?;
    if fs::symlink_metadata(directory.join(KEEP)).is_ok() {
        return Err(io::Error::other("somebody has just said that it is to be kept"));
    }
    let mut going = OsString::from(GOING);
    going.push(directory.file_name().unwrap_or_default());
    let going = report_dir.join(going);
    fs::rename(directory, &going)?;
    // This follows no links, whatever becomes of the directory meanwhile.
    fs::remove_dir_all(going)
}

/// For how long nobody has written to something.
fn age(unix_ns: i64, now_unix_ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(now_unix_ns.saturating_sub(unix_ns)).unwrap_or_default())
}

/// An age for people.
fn days(age: Duration) -> String {
    let days = age.as_secs() / 86_400;
    if days == 0 { length(age) } else { format!("{days} d") }
}

#[cfg(test)]
mod tests;
