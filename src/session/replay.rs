//! Replay: a journal's observed records, fed to a fresh engine, must give the same conclusions and the same orders.

use std::{collections::VecDeque, path::Path};

use thiserror::Error;

use super::desk::conclusions;
use crate::{
    engine::Engine,
    event::{Derived, Event, Record},
    journal::{JournalError, JournalReader},
};

/// What a fresh engine makes of observed records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replay {
    /// Its conclusions and orders, numbered as in a journal.
    pub records: Vec<Record>,
}

/// Feeds the observed records among `records` to a fresh engine. The others are passed over.
pub fn replay(records: impl IntoIterator<Item = Record>) -> Replay {
    let mut engine = Engine::new();
    let mut replay = Replay::default();
    for record in records {
        if let Event::Observed(observed) = &record.event {
            engine.handle(record.seq, record.seen, record.when, observed);
            replay.records.extend(conclusions(&mut engine, record.seq, record.seen));
        }
    }
    replay
}

/// What came of verifying a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records in the journal.
    pub records: u64,
    /// Of them, those that were observed.
    pub observed: u64,
    /// The journal tells of the end of its run; otherwise the run was killed, and only what is there was compared.
    pub complete: bool,
    /// The last line was torn, and passed over.
    pub torn: bool,
    /// The first place where journal and replay differ; none: they are equal, byte for byte.
    pub difference: Option<Difference>,
}

/// Where journal and replay differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Number of the record.
    pub seq: u64,
    /// What the journal says; none: nothing.
    pub journal: Option<String>,
    /// What the replay says; none: nothing.
    pub replayed: Option<String>,
}

/// Why a journal can not be verified.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It can not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A replayed record can not be written out.
    #[error("cannot write replayed record {seq} out: {source}")]
    Print {
        /// Number of the record.
        seq: u64,
        /// What the serializer said.
        source: serde_json::Error,
    },
}

/// Replays the journal at `path` and compares it with itself, up to the first difference.
///
/// # Errors
/// If the journal can not be read.
pub fn verify(path: &Path) -> Result<VerifyReport, ReplayError> {
    let mut reader = JournalReader::open(path)?;
    let mut engine = Engine::new();
    let mut expected = VecDeque::<Record>::new();
    let mut report = VerifyReport { records: 0, observed: 0, complete: false, torn: false, difference: None };
    while let Some(record) = reader.next() {
        let record = record?;
        report.records += 1;
        report.complete |= record.event == Event::Derived(Derived::RunEnded);
        let replayed = match &record.event {
            Event::Observed(observed) if expected.is_empty() => {
                report.observed += 1;
                engine.handle(record.seq, record.seen, record.when, observed);
                expected.extend(conclusions(&mut engine, record.seq, record.seen));
                continue;
            }
            // An observation where conclusions were due, or a conclusion: what the replay says stands first in line.
            _ => expected.pop_front().map(|record| print(&record)).transpose()?,
        };
        let journal = String::from_utf8_lossy(reader.line()).into_owned();
        if replayed.as_ref() != Some(&journal) {
            report.difference = Some(Difference { seq: record.seq, journal: Some(journal), replayed });
            break;
        }
    }
    // What follows the first difference is counted and not compared.
    for record in reader.by_ref() {
        let record = record?;
        report.records += 1;
        report.observed += u64::from(matches!(record.event, Event::Observed(_)));
        report.complete |= record.event == Event::Derived(Derived::RunEnded);
    }
    report.torn = reader.torn();
    // A run that was killed may have ended between an observation and its conclusions.
    let whole = report.complete && !report.torn && report.difference.is_none();
    if let Some(record) = expected.pop_front().filter(|_| whole) {
        report.difference = Some(Difference { seq: record.seq, journal: None, replayed: Some(print(&record)?) });
    }
    Ok(report)
}

fn print(record: &Record) -> Result<String, ReplayError> {
    serde_json::to_string(record).map_err(|source| ReplayError::Print { seq: record.seq, source })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::{
        config::load,
        journal::{JournalWriter, RunDir},
        rehearsal::{Rehearsal, Weather},
        virtual_bench::Description,
    };

    /// The journal of a short run, and the directory that it lies in.
    fn journal() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::create(folder.path(), "failover", 0, false).unwrap();
        let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
        let mut rehearsal =
            Rehearsal::new(&Description::default(), scenario, Weather::default(), |_| {}, |_| {}).unwrap();
        rehearsal.plan_mut().phones.truncate(1);
        let mut writer = JournalWriter::create(&run).unwrap();
        for record in rehearsal.run().unwrap() {
            writer.append(&record).unwrap();
        }
        (folder, run.journal())
    }

    #[test]
    fn a_journal_that_breaks_off_anywhere_in_its_last_lines_is_no_different_one() {
        let (_folder, path) = journal();
        let whole = fs::read(&path).unwrap();
        assert!(verify(&path).unwrap().complete);
        for lost in [1, 2, 30, 200, 500, 1500, 4000] {
            fs::write(&path, &whole[..whole.len() - lost]).unwrap();
            let report = verify(&path).unwrap();
            assert_eq!(report.difference, None, "{lost} bytes lost");
            assert!(report.torn, "{lost} bytes lost");
        }
    }

    #[test]
    fn another_verdict_than_the_engine_s_is_found_and_the_rest_of_the_journal_still_counted() {
        let (_folder, path) = journal();
        let honest = verify(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""verdict":"pass""#), "{text}");
        fs::write(&path, text.replace(r#""verdict":"pass""#, r#""verdict":"fail""#)).unwrap();
        let forged = verify(&path).unwrap();
        let difference = forged.difference.unwrap();
        assert!(difference.replayed.unwrap().contains(r#""verdict":"pass""#));
        assert!(forged.complete, "a run that was not cut off is not said to be");
        assert_eq!((forged.records, forged.observed), (honest.records, honest.observed));
    }
}
