//! What the engine makes of it.

use serde::{Deserialize, Serialize};

use super::{
    Answer, BindingChange, ByHand, ByHandAnswer, Hand, LineId, Move, OutageSpec, PhoneName, PromptEnd, ServerName,
    Stroke,
};
use crate::verdict::{Case, CaseId, Measurement};

/// What the engine concludes. Front ends and reports live on these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Derived {
    /// The next of several scenarios begins. The first one begins with the run, without a word.
    ScenarioStarted {
        /// Its name.
        scenario: String,
        /// Its index, from 0.
        index: usize,
        /// How many there are.
        of: usize,
    },
    /// A step of the scenario begins.
    StepStarted {
        /// Its index, from 0.
        step: usize,
        /// How many there are.
        of: usize,
        /// For people: `take the primary away`.
        title: String,
        /// The phones that begin it, where phones go at their own pace; none: all of the run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        phones: Vec<PhoneName>,
    },
    /// A case finished or left a step.
    StepEnded {
        /// Its index, from 0.
        step: usize,
        /// Which case.
        case: CaseId,
        /// Whether what the step expects was seen.
        ok: bool,
        /// For people: what was seen, or what was not.
        note: String,
        /// The records that show it.
        evidence: Vec<u64>,
    },
    /// An outage that phones may do without does not begin for these, with all that follows from it: the bench has no place
    /// for it.
    OutageSkipped {
        /// What would have begun, and for whom.
        spec: Box<OutageSpec>,
        /// What it needs, for people: `needs a server on the link: …`.
        needs: String,
    },
    /// From now on this server holds a live binding for the line, or held one and no longer does.
    Binding(BindingChange),
    /// Where the line is registered, seen from the phone: the server that last confirmed it.
    Home {
        /// The line.
        line: LineId,
        /// The server, or none.
        server: Option<ServerName>,
    },
    /// Whom the phone of a line speaks with whose signalling is encrypted: a weaker claim than [`Home`](Self::Home).
    Connected {
        /// The line.
        line: LineId,
        /// The servers, in the order of their names.
        servers: Vec<ServerName>,
    },
    /// A key press showed (or failed to show) its effect on the phone.
    KeyConfirmed {
        /// The phone.
        phone: PhoneName,
        /// What was pressed.
        key: Stroke,
        /// The console line that shows it; none: unconfirmed.
        by: Option<u64>,
    },
    /// What became of what an operator asked to be done to a phone.
    HandAnswered {
        /// Who asked.
        by: String,
        /// The phone.
        phone: PhoneName,
        /// What was asked.
        hand: Hand,
        /// What became of it.
        answer: Answer,
    },
    /// A person is needed. Whoever has the run open is asked.
    OperatorAsked {
        /// Its number, by which it is answered.
        prompt: u32,
        /// What is to be done, for people.
        text: String,
        /// The phones that wait for it.
        phones: Vec<PhoneName>,
        /// How long, in nanoseconds.
        limit_ns: u64,
        /// Which of the prompts of its step it is, from 1.
        nth: usize,
        /// How many these are.
        of: usize,
    },
    /// A prompt is over.
    PromptEnded {
        /// Its number.
        prompt: u32,
        /// What was to be done.
        text: String,
        /// How it ended.
        end: PromptEnd,
    },
    /// An answer does not count.
    ReplyRefused {
        /// Whose.
        by: String,
        /// To which prompt.
        prompt: u32,
        /// Why, for people.
        reason: String,
    },
    /// What became of what an operator wished of the network.
    OutageAnswered {
        /// Who asked.
        by: String,
        /// What was asked.
        wish: ByHand,
        /// What became of it.
        answer: ByHandAnswer,
    },
    /// The latest time at which a move is still in order.
    DeadlineComputed {
        /// The case it belongs to.
        case: CaseId,
        /// Which move.
        of: Move,
        /// The length of the window, in milliseconds.
        window_ms: f64,
        /// The sum, written out for people.
        derivation: String,
        /// Timers in it that are assumed, neither configured nor seen on the wire.
        assumed: Vec<String>,
    },
    /// A value was measured.
    Measured {
        /// The case it belongs to.
        case: CaseId,
        /// The value.
        measurement: Measurement,
    },
    /// An always-on detector saw something.
    Detected {
        /// The line.
        line: LineId,
        /// A stable word: `flapping`, `double-registration`, `stranger`, `storm`, `reboot`.
        code: String,
        /// For people.
        note: String,
        /// The records that show it.
        evidence: Vec<u64>,
    },
    /// A case is decided.
    CaseDecided(Box<Case>),
    /// Nothing more will be concluded.
    RunEnded,
}
