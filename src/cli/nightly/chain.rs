//! Scenarios of a chain, as each of them is over: read from the journal while their run goes on.

use std::{path::Path, time::Duration};

use crate::{
    event::{Derived, Event, Record, Stamp},
    journal::{RunDir, follow::Follower},
    verdict::Case,
};

/// A scenario that is over.
#[derive(Debug, PartialEq)]
pub(super) struct Over {
    /// How long it took.
    pub(super) took: Duration,
    /// What its cases came to.
    pub(super) cases: Vec<Case>,
}

/// What was read of the journal of a run.
#[derive(Debug, Default)]
pub(super) struct Chain {
    journal: Option<Follower>,
    /// It can not be read: what the run tells at its end counts alone.
    is_broken: bool,
    began: Stamp,
    last: Stamp,
    cases: Vec<Case>,
}

impl Chain {
    /// The scenarios that are over since it was looked the last time. `directory` is that of the run, once it has one.
    pub(super) fn look(&mut self, directory: Option<&Path>) -> Vec<Over> {
        let mut over = Vec::new();
        if self.journal.is_none() {
            // Until its first record there may be none.
            let journal = directory.and_then(|directory| RunDir::open(directory).ok()).map(|run| run.journal());
            self.journal = journal.and_then(|journal| Follower::open(&journal).ok());
        }
        while let Some(journal) = self.journal.as_mut().filter(|_| !self.is_broken) {
            match journal.next_record() {
                Ok(Some(record)) => over.extend(self.take(record)),
                Ok(None) => break,
                Err(_) => self.is_broken = true,
            }
        }
        over
    }

    /// A scenario is over when all is told of it that there is: when the next one begins.
    fn take(&mut self, record: Record) -> Option<Over> {
        match record.event {
            Event::Derived(Derived::CaseDecided(case)) => {
                self.cases.push(*case);
                self.last = record.seen;
                None
            }
            Event::Derived(Derived::ScenarioStarted { .. }) if !self.cases.is_empty() => {
                let over = Over { took: self.last.since(self.began), cases: std::mem::take(&mut self.cases) };
                self.began = record.seen;
                Some(over)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::JournalWriter, report::sample};

    #[test]
    fn a_scenario_is_told_when_the_next_one_begins_and_once() {
        let reports = tempfile::tempdir().unwrap();
        let run = RunDir::create(reports.path(), "failover", 0, false).unwrap();
        let mut journal = JournalWriter::create(&run).unwrap();
        let mut chain = Chain::default();
        assert!(chain.look(None).is_empty() && chain.look(Some(run.path())).is_empty());
        let records = sample::clean_run();
        records.iter().for_each(|record| journal.append(record).unwrap());
        assert!(chain.look(Some(run.path())).is_empty(), "its run is not over either");
        let last = records.last().unwrap();
        let started = Derived::ScenarioStarted { scenario: "storm".to_owned(), index: 1, of: 2 };
        journal.append(&Record { seq: last.seq + 1, event: Event::Derived(started), ..last.clone() }).unwrap();
        let over = chain.look(Some(run.path()));
        let decided = records.iter().filter(|it| matches!(it.event, Event::Derived(Derived::CaseDecided(_)))).count();
        assert_eq!((over.len(), over[0].cases.len()), (1, decided));
        assert!(decided > 0 && over[0].took > Duration::ZERO && chain.look(Some(run.path())).is_empty());
    }
}
