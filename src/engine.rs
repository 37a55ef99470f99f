//! The engine: observed records in; derived facts, actions and deadlines out. No clock, no socket, no thread.
//!
//! | part | what it knows |
//! |---|---|
//! | [`registration`] | which server holds a binding for a line, from the SIP that passes |
//! | [`registrars`] | which registrars a line asks for at one address |
//! | [`dialog`] | calls and subscriptions, from the SIP that passes |
//! | [`blind`] | lines whose signalling is encrypted: what is known of them, and what may be said |
//! | [`phone`] | what console, keypad and frames say of a phone |
//! | [`files`] | what phones ask for when they boot |
//! | [`witness`] | what further witnesses say of a line, and what their word is worth |
//! | [`case`] | a line on its way through the scenario |
//! | [`bound`] | how long a move may take |
//! | [`coverage`] | for how long nobody could be reached |
//! | [`measure`] | the values that a case is measured by |
//! | `leases` | whose address a phone has |
//! | [`load`] | how hard moves hit a server |
//! | [`judge`] | whose fault it is |
//! | [`refusal`] | why a server did not take a line |
//! | [`call_judge`] | what became of a call, and whose fault it is |
//! | [`detect`] | what is wrong in every scenario |
//! | [`step`] | what each kind of step waits for |
//! | [`pairs`] | who calls whom |
//! | [`peer`] | calls that peers on the servers' side were ordered to make |
//! | [`speech`] | what of the speech of calls crossed the bridge, and what that proves |
//! | [`pbx`] | which settings of the PBX are changed, and whether they can be set back |
//! | [`subjects`] | all that a step can touch |
//! | [`observe`] | what each observation changes in what is known |
//! | [`hand`] | what operators do to phones, and what their cases are worth then |
//! | [`course`] | who waits for whom: all phones together, or each pair or phone at its own pace |
//! | [`run`] | the whole: cases, courses, the teardown, the end |

use std::collections::VecDeque;

use self::{registration::Fix, run::Run};
use crate::event::{Action, Derived, Observed, Stamp, When};

pub mod blind;
pub mod bound;
mod by_hand;
pub mod call_judge;
pub mod case;
mod clearing;
pub mod course;
pub mod coverage;
pub mod cut;
pub mod detect;
pub mod dialog;
pub mod effect;
pub mod fetches;
pub mod finding;
pub mod firmware;
mod gaps;
pub mod hand;
pub mod hook;
mod judge;
mod leases;
pub mod load;
pub mod measure;
pub mod observe;
pub mod pairs;
pub mod pbx;
pub mod peer;
pub mod phone;
pub mod phone_files;
pub mod refusal;
pub mod registrars;
pub mod registration;
pub mod run;
pub mod seat;
pub mod speech;
pub mod step;
pub mod subjects;
mod unhit;
mod without;
pub mod witness;

/// Judges a run from what is observed in it.
///
/// Time is an argument. To use it: hand every observed record to [`handle`](Self::handle) in journal order; after each,
/// drain [`poll_derived`](Self::poll_derived), then [`poll_action`](Self::poll_action); then wait for the next
/// observation, but no longer than [`poll_deadline`](Self::poll_deadline), and hand in
/// [`Observed::DeadlineFired`] when that time has come.
#[derive(Debug, Default)]
pub struct Engine {
    out: Outbox,
    run: Option<Run>,
}

/// What the engine has concluded and ordered and nobody has collected yet.
#[derive(Debug, Default)]
pub struct Outbox {
    derived: VecDeque<(When, Derived)>,
    actions: VecDeque<Action>,
}

impl Outbox {
    /// Concludes a fact.
    pub fn conclude(&mut self, when: When, fact: Derived) {
        self.derived.push_back((when, fact));
    }

    /// Orders something from the drivers.
    pub fn order(&mut self, action: Action) {
        self.actions.push_back(action);
    }
}

impl Engine {
    /// An engine that waits for [`Observed::RunStarted`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one observed record: its number, when the session took it, when it happened, and what it was.
    pub fn handle(&mut self, seq: u64, seen: Stamp, when: When, observed: &Observed) {
        let fix = Fix { seq, when };
        if let Observed::RunStarted { plan } = observed {
            self.run = Some(Run::begin(plan));
        } else if let Some(run) = &mut self.run {
            run.observe(observed, fix, &mut self.out);
            run.lend_hand(observed, seen, fix, &mut self.out);
            run.lend_network(observed, fix, &mut self.out);
        }
        if let Some(run) = &mut self.run {
            run.advance(seen, fix, &mut self.out);
        }
    }

    /// The next fact that was concluded, with the time it holds from.
    pub fn poll_derived(&mut self) -> Option<(When, Derived)> {
        self.out.derived.pop_front()
    }

    /// The next order for the drivers.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// When the engine wants to be called next if nothing is observed before, and why.
    pub fn poll_deadline(&self) -> Option<(Stamp, &'static str)> {
        self.run.as_ref().and_then(Run::deadline)
    }
}
