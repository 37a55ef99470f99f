//! Records of a long run of many phones, made from those of a recorded run of two.

use std::{net::IpAddr, path::Path};

use siprig::{
    config::{Identity, Mac, Plan},
    event::{Action, Derived, Event, Fate, LineId, Observed, OutageId, PhoneName, Record, SipMessage, Stamp, When},
    journal::JournalReader,
};

const JOURNAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/journals/failover.jsonl");
/// Time from one record to the next: 20 000 a second.
const APART_NS: u64 = 1_000_000_000 / super::RATE;

/// One round: a failover of all phones, decoded. Each further round is another scenario of the run, with outages of its own.
pub struct Round {
    /// The first record of the run.
    pub begin: Record,
    records: Vec<Record>,
    at: usize,
    /// The record that was last.
    now: u64,
    seq: u64,
}

impl Round {
    /// Of so many phones.
    pub fn of(phones: usize, epoch_unix_ns: i64) -> Self {
        let recorded: Vec<Record> = JournalReader::open(Path::new(JOURNAL)).unwrap().map(Result::unwrap).collect();
        let mut begin = recorded[0].clone();
        let Event::Observed(Observed::RunStarted { plan }) = &mut begin.event else { panic!("no plan") };
        let two: Vec<PhoneName> = plan.phones.clone();
        multiply(plan, phones, epoch_unix_ns);
        let names = plan.phones.clone();
        let scenario = plan.scenario.name.clone();
        let started = Derived::ScenarioStarted { scenario, index: 0, of: 1 };
        let mut records = vec![Record { event: Event::Derived(started), ..begin.clone() }];
        for record in &recorded[1..] {
            if matches!(record.event, Event::Derived(Derived::RunEnded) | Event::Action(Action::Finish)) {
                continue;
            }
            match record.phone().and_then(|phone| two.iter().position(|known| known == phone)) {
                // What was told of one of the two is told of every other one.
                Some(which) => records.extend((which..phones).step_by(two.len()).map(|at| renamed(record, &names, at))),
                None => records.push(for_all(record, &names)),
            }
        }
        Self { begin, records, at: 0, now: 0, seq: 1 }
    }

    /// How many records a round has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The next record, at its time.
    pub fn next(&mut self) -> &Record {
        self.now += APART_NS;
        self.seq += 1;
        let (at, count) = (self.at, self.records.len());
        self.at = (at + 1) % count;
        let record = &mut self.records[at];
        record.seq = self.seq;
        record.seen = Stamp(self.now);
        record.when = When::exactly(Stamp(self.now));
        // From one round to the next.
        let number = |outage: &mut OutageId| outage.0 += 10;
        match &mut record.event {
            Event::Observed(
                Observed::OutageBegan { outage }
                | Observed::OutageEnded { outage, .. }
                | Observed::FirstBite { outage, .. }
                | Observed::LastBite { outage, .. },
            )
            | Event::Action(Action::BeginOutage { outage, .. } | Action::EndOutage { outage }) => number(outage),
            Event::Observed(Observed::Sip(fact)) => {
                if let Fate::Dropped(outage) = &mut fact.fate {
                    number(outage);
                }
                if let SipMessage::Read(read) = &mut fact.message {
                    read.cseq = read.cseq.wrapping_add(100);
                }
            }
            _ => {}
        }
        record
    }
}

fn multiply(plan: &mut Plan, phones: usize, epoch_unix_ns: i64) {
    let template = plan.bench.phones[0].clone();
    plan.bench.phones = (0..phones)
        .map(|number| {
            let mut phone = template.clone();
            let [.., high, low] = (number as u32).to_be_bytes();
            phone.name = PhoneName(format!("p{}", number + 1));
            phone.identity = Identity::OnLink { mac: Mac([2, 0, 0, 1, high, low]) };
            phone.address = Some(IpAddr::from([10, 78, high, low]));
            phone.lines.truncate(1);
            phone.lines[0].extension = extension(number);
            phone
        })
        .collect();
    plan.phones = plan.bench.phones.iter().map(|phone| phone.name.clone()).collect();
    plan.epoch_unix_ns = epoch_unix_ns;
}

fn extension(number: usize) -> String {
    (10_001 + number).to_string()
}

/// A record as one of another phone.
fn renamed(record: &Record, names: &[PhoneName], at: usize) -> Record {
    let mut record = record.clone();
    let (name, extension) = (names[at].clone(), extension(at));
    let line = LineId { phone: name.clone(), extension: extension.clone() };
    match &mut record.event {
        Event::Observed(observed) => match observed {
            Observed::PortOpened { phone, .. }
            | Observed::PortLost { phone, .. }
            | Observed::ConsoleLine { phone, .. }
            | Observed::KeysPlayed { phone, .. }
            | Observed::SignOfLife { phone }
            | Observed::AddressSeen { phone, .. }
            | Observed::FirstBite { phone, .. }
            | Observed::LastBite { phone, .. }
            | Observed::Canary { phone, .. }
            | Observed::Knock { phone, .. } => *phone = name,
            Observed::Sip(fact) => {
                fact.phone = name;
                if let SipMessage::Read(read) = &mut fact.message {
                    read.call_id = format!("{extension}-{}", read.call_id);
                }
            }
            _ => {}
        },
        Event::Derived(derived) => match derived {
            Derived::Binding(change) => change.line = line,
            Derived::Home { line: of, .. }
            | Derived::Connected { line: of, .. }
            | Derived::Detected { line: of, .. } => {
                *of = line;
            }
            Derived::KeyConfirmed { phone, .. } => *phone = name,
            Derived::StepEnded { case, .. }
            | Derived::DeadlineComputed { case, .. }
            | Derived::Measured { case, .. } => (case.phone, case.line) = (name, extension),
            Derived::CaseDecided(case) => (case.id.phone, case.id.line) = (name, extension),
            _ => {}
        },
        Event::Action(Action::Type { phone, .. } | Action::PlayKeys { phone, .. } | Action::Push { phone, .. }) => {
            *phone = name;
        }
        Event::Action(_) => {}
    }
    record
}

/// What is about all phones is about all of these.
fn for_all(record: &Record, names: &[PhoneName]) -> Record {
    let mut record = record.clone();
    match &mut record.event {
        Event::Action(Action::BeginOutage { spec, .. }) => spec.phones = names.to_vec(),
        Event::Observed(Observed::OutageEnded { tally, .. }) => {
            let one = tally.values().next().copied().unwrap_or_default();
            *tally = names.iter().map(|name| (name.clone(), one)).collect();
        }
        _ => {}
    }
    record
}
