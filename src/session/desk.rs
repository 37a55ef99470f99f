//! Where records get their numbers: append, judge, append what was concluded and ordered, show.

use super::{Judge, Subscriber};
use crate::{
    event::{Action, Derived, Event, Observed, Record, Stamp, When},
    journal::{JournalError, JournalWriter},
};

/// Numbers, appends, judges and shows records.
pub(super) struct Desk<J> {
    pub(super) judge: J,
    journal: JournalWriter,
    subscribers: Vec<Box<dyn Subscriber + Send>>,
    seq: u64,
    seen: Stamp,
}

/// What came of one observation.
pub(super) struct Outcome {
    /// To be carried out, in order.
    pub(super) orders: Vec<Action>,
    /// The engine has nothing more to conclude.
    pub(super) ended: bool,
}

impl<J: Judge> Desk<J> {
    pub(super) fn new(judge: J, journal: JournalWriter, subscribers: Vec<Box<dyn Subscriber + Send>>) -> Self {
        Self { judge, journal, subscribers, seq: 0, seen: Stamp::ZERO }
    }

    /// Takes an observation at the time `now`: it and all that follows from it is in the journal when this returns.
    pub(super) fn take(&mut self, now: Stamp, when: When, observed: Observed) -> Result<Outcome, JournalError> {
        self.seen = self.seen.max(now);
        self.seq += 1;
        let seq = self.seq;
        let record = Record { seq, seen: self.seen, when, event: Event::Observed(observed) };
        self.journal.append(&record)?;
        self.show(&record);
        if let Event::Observed(observed) = &record.event {
            self.judge.handle(seq, self.seen, when, observed);
        }
        let mut outcome = Outcome { orders: Vec::new(), ended: false };
        for record in conclusions(&mut self.judge, seq, self.seen) {
            self.seq = record.seq;
            self.journal.append(&record)?;
            self.show(&record);
            match record.event {
                Event::Derived(Derived::RunEnded) | Event::Action(Action::Finish) => outcome.ended = true,
                Event::Action(action) => outcome.orders.push(action),
                Event::Derived(_) | Event::Observed(_) => {}
            }
        }
        Ok(outcome)
    }

    fn show(&mut self, record: &Record) {
        for subscriber in &mut self.subscribers {
            subscriber.record(record);
        }
    }
}

/// Everything that the judge concluded from the record `seq`, then everything that it orders, as the records that
/// follow it. Orders carry no time of their own: they were given when their cause was seen.
pub(crate) fn conclusions(judge: &mut impl Judge, seq: u64, seen: Stamp) -> Vec<Record> {
    let mut records = Vec::new();
    let mut number = seq;
    while let Some((when, derived)) = judge.poll_derived() {
        number += 1;
        records.push(Record { seq: number, seen, when, event: Event::Derived(derived) });
    }
    while let Some(action) = judge.poll_action() {
        number += 1;
        records.push(Record { seq: number, seen, when: When::exactly(seen), event: Event::Action(action) });
    }
    records
}
