//! Phones that are set otherwise than the bench's base set has them: since which order, and what is left to be undone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Outbox, case::Finding, subjects::Subjects};
use crate::{
    config::{Served, provisioning::retimed},
    event::{Action, FileFlaw, PhoneName},
    verdict::{Blame, Verdict},
};

/// By name, what is on top of the base set.
pub type Settings = BTreeMap<String, String>;

/// How long the rig may take for an order beside what its command may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The phones whose own files are, or may be, other than before the run, or which may still go by what they were.
#[derive(Debug, Default)]
pub struct Rewritten {
    open: BTreeMap<PhoneName, State>,
    /// Those that passed over the last step that sets phones.
    passed_over: BTreeSet<PhoneName>,
}

#[derive(Debug, Default)]
struct State {
    /// What is on top of the base set where it is served.
    served: Settings,
    /// The phone was seen to load what was on top of the base set.
    loaded: bool,
    /// It was ordered to be written back, by this number.
    restoring: Option<u32>,
    /// That was tried in vain.
    stuck: bool,
}

impl Rewritten {
    /// These may go by what a run before this one has set.
    pub fn unsettled(phones: &[PhoneName]) -> Self {
        Self { open: phones.iter().map(|phone| (phone.clone(), State::default())).collect(), ..Self::default() }
    }

    /// Something came of an order.
    pub fn written(&mut self, phone: &PhoneName, sequence: Option<u32>, settings: &Settings, flaw: Option<&FileFlaw>) {
        let Some(state) = self.open.get_mut(phone) else { return };
        state.served = settings.clone();
        if sequence.is_some() && state.restoring == sequence {
            state.stuck |= flaw.is_some();
        }
    }

    /// A phone has fetched what is served. True: that is the base set, so that nothing is left to be undone.
    fn fetched(&mut self, phone: &PhoneName) -> bool {
        if let Some(state) = self.open.get_mut(phone) {
            state.loaded |= !state.served.is_empty();
        }
        let back = self.open.get(phone).is_some_and(|state| state.served.is_empty());
        if back {
            self.open.remove(phone);
        }
        back
    }

    /// Whether a phone that registers after a boot has nothing left to be undone, although nothing shows it load its file: the base
    /// set is served, and what was on top of it the phone was not seen to load either.
    pub fn is_settled_by_boot(&self, phone: &PhoneName) -> bool {
        self.open.get(phone).is_some_and(|state| state.served.is_empty() && !state.loaded)
    }

    /// A phone passes over what it can not do, and what belongs to it.
    pub fn pass_over(&mut self, phone: &PhoneName) {
        self.passed_over.insert(phone.clone());
    }

    /// Whether it has done so the last time.
    pub fn has_passed_over(&self, phone: &PhoneName) -> bool {
        self.passed_over.contains(phone)
    }

    /// The phones that have something left to be undone.
    pub fn phones(&self) -> impl Iterator<Item = &PhoneName> {
        self.open.keys()
    }

    /// Whether something is to be waited for until it is written back.
    pub fn are_open(&self) -> bool {
        self.open.values().any(|state| !state.served.is_empty() && !state.stuck)
    }

    /// Whether a phone is left as it was set, so that nothing that comes after it would show anything.
    pub fn are_stuck(&self) -> bool {
        self.open.values().any(|state| state.stuck)
    }
}

/// Orders a phone's file to be written. The number of the order.
pub fn order(phone: &PhoneName, settings: &Settings, subjects: &mut Subjects, out: &mut Outbox) -> u32 {
    let sequence = subjects.next_sequence();
    subjects.files.passed_over.remove(phone);
    let state = subjects.files.open.entry(phone.clone()).or_default();
    if settings.is_empty() {
        state.restoring = Some(sequence);
    }
    out.order(Action::WritePhoneFile { phone: phone.clone(), sequence, settings: settings.clone() });
    sequence
}

/// Orders everything to be written back that may be other than it was, and was not ordered so yet.
pub fn restore_all(subjects: &mut Subjects, out: &mut Outbox) {
    let waits = subjects.files.open.iter().filter(|(_, state)| !state.served.is_empty() && state.restoring.is_none());
    let waits: Vec<PhoneName> = waits.map(|(phone, _)| phone.clone()).collect();
    for phone in waits {
        order(&phone, &Settings::new(), subjects, out);
    }
}

/// A phone has fetched what is served: from now on it goes by that.
pub fn fetched(phone: &PhoneName, subjects: &mut Subjects, out: &mut Outbox) {
    let settings = subjects.files.open.get(phone).map(|state| state.served.clone()).unwrap_or_default();
    if subjects.files.fetched(phone) {
        out.order(Action::SettlePhoneFile { phone: phone.clone() });
    }
    let plan = subjects.plan();
    let Some(known) = plan.phone(phone) else { return };
    let (timers, lines) = (known.timers.clone(), known.lines.clone());
    for case in subjects.cases_mut().iter_mut().filter(|case| case.id.phone == *phone) {
        let number = lines.iter().position(|line| line.extension == case.id.line).unwrap_or_default();
        let number = u8::try_from(number + 1).unwrap_or(u8::MAX);
        case.timers = if settings.is_empty() { timers.clone() } else { retimed(&timers, &settings, number) };
        case.configured = settings.clone();
    }
}

/// How long an order may take, where others wait before it.
pub fn patience(subjects: &Subjects, phones: usize) -> Duration {
    let limit = subjects.plan().bench.provisioning.as_ref().map(|files| match &files.served {
        Served::Folder(_) => Duration::ZERO,
        Served::Put(put) => put.limit,
    });
    PATIENCE + limit.unwrap_or_default() * u32::try_from(phones).unwrap_or(u32::MAX)
}

/// When what is still to be written back at the end must be told of.
pub fn return_patience(subjects: &Subjects) -> Duration {
    if subjects.files.are_open() { patience(subjects, subjects.files.open.len()) } else { Duration::ZERO }
}

/// A file is not as it was ordered: no phone's fault.
pub fn flawed(flaw: &FileFlaw, by: u64) -> Finding {
    rig(flaw.fault.code(), flaw.reason.clone()).shown_by([by])
}

/// It could not be written back.
pub fn not_restored(file: &str, flaw: &FileFlaw, by: u64) -> Finding {
    rig("file-not-restored", format!("{file} was not written back: {}", flaw.reason)).shown_by([by])
}

fn rig(code: &'static str, reason: String) -> Finding {
    Finding { verdict: Verdict::RigError, ..Finding::fail(Blame::Configuration, code, reason) }
}
