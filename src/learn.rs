//! What a run shows of a phone's own timers and habits: a pure function of its records.
//!
//! Any run will do; the scenario `learn` is made so that each timer shows. Bindings and answers are read by the tracking that
//! judges runs ([`registration`](crate::engine::registration)); here it is said what they tell of the phone.
//!
//! | part | what it does |
//! |---|---|
//! | [`evidence`] | what the records say of the phone |
//! | [`tries`] | its attempts, each with its end |
//! | [`value`] | what was measured, how often, how exactly; or why not |
//! | [`renewal`] | how long before expiry it renews |
//! | [`transaction`] | how long it waits for an answer |
//! | [`retry`] | when it tries again |
//! | [`probing`] | how it looks for its primary from the backup |
//! | [`noticing`] | when it notices that its server is gone |
//! | [`file`](mod@file) | the model file of all that |
//! | [`text`] | the same for people |
//!
//! **Absence of evidence is never a value**: what did not show stays as the model has it, with the reason.
//!
//! Not here: running anything, and where files go (`cli`).

use std::time::Duration;

use crate::{
    config::{FailbackHabit, Model, RenewalLead, Source, Timer, Timers},
    event::{PhoneName, Record, Transport},
};

mod evidence;
pub mod file;
mod noticing;
mod probing;
mod renewal;
mod retry;
mod text;
mod transaction;
mod tries;
mod value;

pub use noticing::Noticing;
pub use probing::{Probe, Probing};
pub use retry::TurnedAway;
pub use text::render;
pub use value::{Known, Measured};

use evidence::Evidence;

/// All that was learnt of a phone.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// The run that shows it.
    pub run: String,
    /// The phone.
    pub phone: PhoneName,
    /// Its model as the bench names it.
    pub model_name: String,
    /// That model.
    pub model: Model,
    /// What it calls itself (`User-Agent`), each once.
    pub agents: Vec<String>,
    /// The lifetime that it asks for.
    pub expires: Known<Duration>,
    /// How long before expiry it renews.
    pub renewal_lead: Known<RenewalLead>,
    /// How long it waits for an answer to a REGISTER before it gives a server up, by what carries it.
    pub transaction: Vec<(Transport, Known<Duration>)>,
    /// How long it pauses when no server has answered.
    pub retry_timeout: Known<Duration>,
    /// How long it pauses when a server has turned it away.
    pub retry_rejected: Known<Duration>,
    /// What makes it try the primary again while it is on the backup.
    pub failback: Known<FailbackHabit>,
    /// How it looks for its primary from the backup.
    pub probing: Probing,
    /// When it notices that its server is gone.
    pub noticing: Known<Noticing>,
    /// What it did where it was turned away and did not simply wait.
    pub turned_away: Vec<TurnedAway>,
}

/// Why nothing can be learnt of a phone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLearnt {
    /// The journal does not begin with a plan.
    #[error("the journal does not tell what its run was about")]
    NoPlan,
    /// The bench of the run has no such phone.
    #[error("the bench of the run has no phone `{phone}`; it has {known}")]
    NoPhone {
        /// The phone.
        phone: String,
        /// Those that it has.
        known: String,
    },
}

/// Learns what the records of a run show of a phone.
///
/// # Errors
/// If the run was about no such phone.
pub fn learn(records: impl IntoIterator<Item = Record>, phone: &PhoneName) -> Result<Learnt, NotLearnt> {
    let mut evidence = Evidence::gather(records, phone)?;
    let transaction = transaction::measured(&evidence);
    let patience = longest(&transaction);
    evidence.tell_apart(patience);
    let renewal_lead = renewal::known(&renewal::samples(&evidence, patience), &evidence);
    let (probing, failback) = probing::found(&evidence, patience, &renewal_lead);
    let (retry_rejected, turned_away) = retry::after_rejection(&evidence);
    Ok(Learnt {
        expires: renewal::asked(&evidence),
        noticing: noticing::found(&evidence, &renewal_lead),
        retry_timeout: retry::after_silence(&evidence, patience),
        retry_rejected,
        turned_away,
        transaction,
        renewal_lead,
        failback,
        probing,
        run: evidence.run,
        phone: phone.clone(),
        model_name: evidence.model_name,
        model: evidence.model,
        agents: evidence.agents,
    })
}

impl Learnt {
    /// Whether anything was measured that a model can say.
    pub fn is_something(&self) -> bool {
        self.expires.is_measured()
            || self.renewal_lead.is_measured()
            || self.transaction.iter().any(|(_, known)| known.is_measured())
            || self.retry_timeout.is_measured()
            || self.retry_rejected.is_measured()
            || self.failback.is_measured()
    }

    /// The transaction timer as a model has it, once: where phones differ by transport, the longer one.
    pub fn one_transaction(&self) -> Known<Duration> {
        let measured = self.transaction.iter().filter_map(|(_, known)| known.measured());
        match measured.max_by_key(|measured| measured.value) {
            Some(longest) => Known::Measured(longest.clone()),
            None => {
                self.transaction.first().map_or_else(|| Known::unknown(transaction::UNSEEN), |(_, known)| known.clone())
            }
        }
    }
}

fn longest(transaction: &[(Transport, Known<Duration>)]) -> Option<Duration> {
    transaction.iter().filter_map(|(_, known)| Some(known.measured()?.value)).max()
}

/// The timers by which a run waits for a phone whose own are to be learnt: no shorter than those of any phone that is known.
/// What the phone does sooner is not waited for.
pub fn patient(timers: &Timers) -> Timers {
    let seconds = Duration::from_secs;
    let assumed = Source::Assumed;
    let at_least = |timer: Timer<Duration>, least: Duration| Timer { value: timer.value.max(least), source: assumed };
    Timers {
        expires: at_least(timers.expires, seconds(3600)),
        // The longest that the maker's guide allows (`sip transaction timer`: 4000 to 64000 ms).
        transaction: at_least(timers.transaction, seconds(64)),
        renewal_lead: Timer { value: RenewalLead::Span(Duration::ZERO), source: assumed },
        retry_timeout: at_least(timers.retry_timeout, seconds(300)),
        // `sip registration retry timer`: 30 to 1800 s.
        retry_rejected: at_least(timers.retry_rejected, seconds(1800)),
    }
}
