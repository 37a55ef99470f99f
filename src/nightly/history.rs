//! How long runs took before: read from the runs that are kept, those of earlier nights included.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::plan::Estimate;
use crate::{
    event::{Event, Observed},
    journal::{JournalReader, RunDir, follow},
    report::Summary,
    verdict::Verdict,
};

/// So many of the latest runs of a scenario are looked at.
const LATEST: usize = 9;

/// Which runs are comparable.
#[derive(Debug, Clone, Copy)]
pub struct Alike<'a> {
    /// Name of the bench.
    pub bench: &'a str,
    /// Overrides in force.
    pub overrides: &'a [String],
}

/// What runs of these scenarios, one after the other, took, in the middle, on the same bench with the same overrides; none: there was none. Runs that were
/// cut off, that had fewer phones or other scenarios beside it, or in which the rig failed, tell nothing.
pub fn estimate(report_dir: &Path, scenarios: &[&str], phones: usize, alike: Alike<'_>) -> Option<Estimate> {
    let mut took: Vec<Duration> = runs(report_dir, scenarios.first()?)
        .into_iter()
        .rev()
        .filter_map(|run| of_run(&run, scenarios, phones, alike))
        .take(LATEST)
        .collect();
    took.sort_unstable();
    let time = *took.get(took.len() / 2)?;
    Some(Estimate { time, of_runs: u32::try_from(took.len()).ok()? })
}

/// Directories of runs that may be of a scenario, the latest last: those of the directory and of the nights in it.
fn runs(report_dir: &Path, scenario: &str) -> Vec<PathBuf> {
    let of = |directory: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut runs: Vec<PathBuf> = Vec::new();
    for directory in of(report_dir) {
        if directory.join(super::ledger::FILE).is_file() {
            runs.extend(of(&directory));
        } else {
            runs.push(directory);
        }
    }
    // A name may have a number behind it; the journal says which scenario it is.
    runs.retain(|run| name(run).contains(&format!("-{scenario}")));
    runs.sort_by_key(name);
    runs
}

/// What a run took from its beginning to its last record.
fn of_run(directory: &Path, scenarios: &[&str], phones: usize, alike: Alike<'_>) -> Option<Duration> {
    let run = RunDir::open(directory).ok()?;
    let summary: Summary = serde_json::from_str(&fs::read_to_string(run.summary()).ok()?).ok()?;
    if summary.cases.iter().any(|case| matches!(case.verdict, Verdict::NotRun | Verdict::RigError)) {
        return None;
    }
    let first = JournalReader::open(&run.journal()).ok()?.next()?.ok()?;
    let Event::Observed(Observed::RunStarted { plan }) = first.event else { return None };
    let is_alike = plan.scenarios().map(|scenario| scenario.name.as_str()).eq(scenarios.iter().copied())
        && plan.phones.len() >= phones
        && plan.bench.name == alike.bench
        && plan.overrides == alike.overrides;
    let last = follow::last_record(&run.journal()).ok()??;
    is_alike.then(|| last.seen.since(first.seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Derived, Record, Stamp},
        journal::JournalWriter,
        report::sample,
    };

    /// Keeps a run of the sample that took this long.
    fn keep(directory: &Path, seconds: u64, change: impl Fn(&mut Vec<Record>)) {
        let mut records = sample::clean_run();
        if let Some(last) = records.last_mut() {
            last.seen = Stamp::from_millis(seconds * 1000);
        }
        change(&mut records);
        let run =
            RunDir::create(directory, "failover", i64::try_from(seconds).unwrap() * 1_000_000_000, false).unwrap();
        let mut journal = JournalWriter::create(&run).unwrap();
        records.iter().for_each(|record| journal.append(record).unwrap());
        crate::report::write_all(run.path(), 0).unwrap();
    }

    #[test]
    fn earlier_runs_on_the_same_bench_tell_and_no_others() {
        let reports = tempfile::tempdir().unwrap();
        let sampled = sample::clean_run();
        let Event::Observed(Observed::RunStarted { plan }) = &sampled[0].event else { panic!("a run begins") };
        let alike = Alike { bench: &plan.bench.name, overrides: &plan.overrides };
        assert_eq!(estimate(reports.path(), &["failover"], 4, alike), None);

        let night = reports.path().join("2026-11-25T221503Z-nightly");
        fs::create_dir(&night).unwrap();
        fs::write(night.join(super::super::ledger::FILE), "").unwrap();
        keep(reports.path(), 100, |_| {});
        keep(&night, 120, |_| {});
        keep(&night, 300, |_| {});
        keep(&night, 400, |records| records.truncate(30));
        keep(&night, 500, |records| {
            if let Event::Observed(Observed::RunStarted { plan }) = &mut records[0].event {
                plan.overrides.push("expires=10m".to_owned());
            }
        });
        keep(&night, 600, |records| {
            if let Event::Observed(Observed::RunStarted { plan }) = &mut records[0].event {
                plan.phones.truncate(3);
            }
        });
        keep(&night, 700, |records| {
            let verdict = records.iter_mut().find_map(|record| match &mut record.event {
                Event::Derived(Derived::CaseDecided(case)) => Some(case),
                _ => None,
            });
            verdict.unwrap().verdict = Verdict::RigError;
        });
        let expected = Estimate { time: Duration::from_secs(120), of_runs: 3 };
        assert_eq!(estimate(reports.path(), &["failover"], 4, alike), Some(expected));
        assert_eq!(estimate(reports.path(), &["failover"], 5, alike), None, "more phones than ever");
        assert_eq!(estimate(reports.path(), &["baseline"], 4, alike), None);
        assert_eq!(estimate(reports.path(), &["failover"], 4, Alike { bench: "another", ..alike }), None);
    }
}
