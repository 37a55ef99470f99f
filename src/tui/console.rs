//! The operator console: a run seen and steered from one terminal.
//!
//! [`Console`] is the state: a fold over records, and what the operator looks at. [`draw`](screen::draw) turns it into cells and
//! changes nothing. What a key does stands in one table ([`action::ACTIONS`]); what the console itself can not do is a [`Wish`]
//! for whoever runs it. Live runs and recordings are the same to all of it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use super::{board::Board, narrator::Told};
use crate::{
    config::Scenario,
    event::{Blocking, LineId, OutageId, PhoneName, Record, Reply, ServerName, Stamp, Stroke},
    report::Prompt,
};

pub mod action;
mod alert;
mod block;
mod events;
mod face;
mod filter;
mod hands;
mod instant;
pub mod key;
mod keyboard;
pub mod ladder;
pub mod mode;
mod moment;
pub mod mouse;
mod operate;
mod order;
mod rate;
pub mod screen;
mod serial;
mod small;
mod story;
mod talk;
#[cfg(test)]
mod tests;

use action::{Phase, Screen};
use block::Choice;
use filter::Filter;
use key::Key;
use mode::{Mode, Pressing};
use moment::{About, Moment};
use order::{LastColumn, Order};
use serial::SerialView;
pub use serial::{Reading, Serial};
use story::Story;
use talk::Talk;
pub use talk::{Said, Speaker};

/// What gives no sign for so long tells nothing any more. Signs come each second and are asked for twice as often, and by three seconds
/// it has to be said.
const SILENCE: Duration = Duration::from_millis(2_500);

/// Events that are kept for the log; the oldest go first.
const LOG: usize = 5000;

/// How long a prompt is shown before it takes an answer, and a key that may be one is let go.
const MOMENT: Duration = Duration::from_secs(1);

/// Everything that is shown, and how.
#[derive(Debug, Clone, Default)]
pub struct Console {
    /// The present state of every line.
    pub board: Board,
    story: Story,
    talk: Talk,
    log: VecDeque<Entry>,
    /// How many were told before those in the log.
    log_before: usize,
    /// The console that is looked at.
    serial: Option<Serial>,
    view: View,
    /// The time of the run, as of the last look at it.
    pub clock: Stamp,
    /// Where the records come from.
    pub source: Source,
    /// Of a run that goes on, when it gave signs of life; none: nobody can be asked.
    pub pulse: Option<Pulse>,
    /// Why nothing more is to be had from there; none: it is.
    pub broken: Option<String>,
}

/// When a run gave signs of life last, as times of the run: its journal may be silent in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The loop that writes its journal.
    pub run: Stamp,
    /// Its bridge helper, with the taps; none: it has none, or not yet.
    pub tap: Option<Stamp>,
}

/// An event of the log.
#[derive(Debug, Clone)]
struct Entry {
    told: Told,
    /// The phone that it is about, if it is about one.
    phone: Option<PhoneName>,
    /// What of the network it is about, if it is about that.
    about: Option<About>,
    /// Number of the record that tells of it.
    seq: u64,
}

/// Where the records come from.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Source {
    /// Nowhere yet.
    #[default]
    None,
    /// A run that goes on, or did until now.
    Live {
        /// It was begun by this console, and does not outlive it.
        own: bool,
        /// How it stands.
        state: Going,
        /// Bytes of the journal that are there and not shown yet.
        behind: u64,
    },
    /// A recording.
    Replay {
        /// It is not being held.
        playing: bool,
        /// How many times as fast.
        speed: f64,
        /// Its end.
        end: Stamp,
    },
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Going {
    /// It goes on.
    On,
    /// It has come to its end.
    Ended,
    /// It is gone without a word: killed, or its machine was.
    Gone,
}

/// What the operator looks at.
#[derive(Debug, Clone, Default)]
struct View {
    screen: Screen,
    /// Where to go back to.
    before: Vec<Screen>,
    /// The line that is selected; none: the first.
    line: Option<LineId>,
    /// The server that is selected; none: the first.
    server: Option<ServerName>,
    /// The instant that the network is looked at; none: the present.
    moment: Option<Moment>,
    /// How it is to be blocked.
    choice: Choice,
    filter: Filter,
    /// Keys go into the filter.
    filtering: bool,
    /// What the lines are in the order of.
    order: Order,
    /// What their last column tells.
    last_column: LastColumn,
    /// Phones that are marked.
    marked: BTreeSet<PhoneName>,
    /// The number that is typed of the line to go to.
    number: Option<String>,
    /// The message that is selected; none: the last, whatever comes.
    rung: Option<u64>,
    /// It is shown in full.
    detail: bool,
    /// The selected event is shown in full.
    whole: bool,
    /// Number of the last event that the log shows; none: the last that there is.
    event: Option<usize>,
    help: Option<String>,
    question: Option<Question>,
    mode: Mode,
    pressing: Pressing,
    serial: SerialView,
    /// Columns and rows of the terminal; none: nobody has said.
    size: Option<(u16, u16)>,
    /// The mouse is the terminal's.
    mouse_released: bool,
    /// When a key was pressed last that may be an answer.
    answered: Option<Stamp>,
    /// What the operator is told, until the next key.
    note: Option<String>,
}

/// What is asked before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Whether the run is to be ended.
    Stop,
    /// Whether to leave, which ends the run.
    Leave,
    /// Whether to press keys of a phone whose case is judged.
    Keys,
    /// Whether to type on the console of a phone.
    Type,
    /// Whether to take the keyboard from whoever has it, for one or the other.
    TakeOver,
    /// Whether to end an outage that an operator has made.
    Lift(OutageId),
}

/// What the console asks of whoever runs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Leave; a run that is the console's own is ended first.
    Leave,
    /// End the run in good order.
    Stop,
    /// Give every phone its network back, at once.
    Restore,
    /// Draw everything anew.
    Redraw,
    /// Leave the terminal to others for a while.
    Suspend,
    /// The keyboard: to be the one who may press keys of phones.
    Take,
    /// The same, whoever has it.
    TakeOver,
    /// That others may have it.
    Give,
    /// Press keys of a phone.
    Press {
        /// The phone.
        phone: PhoneName,
        /// The keys.
        stroke: Stroke,
        /// If it is a digit, no record is to tell which.
        secret: bool,
    },
    /// Answer what the run asks.
    Answer {
        /// The number of the prompt.
        prompt: u32,
        /// The answer.
        reply: Reply,
    },
    /// Type a control character on the console of a phone.
    Control {
        /// The phone.
        phone: PhoneName,
        /// The key that is pressed with Ctrl.
        letter: char,
    },
    /// Type a line on the console of a phone.
    Type {
        /// The phone.
        phone: PhoneName,
        /// The line.
        line: String,
        /// No record is to tell what it is.
        secret: bool,
    },
    /// Take a server away, or make the path to it bad.
    Block(Blocking),
    /// End an outage that an operator has made.
    Lift(OutageId),
    /// Let the recording run, or hold it.
    Play,
    /// Show one record more.
    Step,
    /// So many seconds on, or back.
    Seek(i64),
    /// To the beginning.
    Rewind,
    /// So many times as fast as now.
    Speed(f64),
}

impl Console {
    /// Nothing is known yet.
    pub fn new(source: Source) -> Self {
        Self { source, ..Self::default() }
    }

    /// Shows from the beginning only what fits these words, as typed into the filter.
    pub fn filter_by(&mut self, words: &str) {
        words.clone_into(&mut self.view.filter.text);
    }

    /// Takes one more record.
    pub fn apply(&mut self, record: &Record) {
        if let Some(told) = self.board.apply(record) {
            let told = told.clone();
            if self.log.len() == LOG {
                self.log.pop_front();
                self.log_before += 1;
            }
            let (phone, about) = (record.phone().cloned(), About::of(record));
            self.log.push_back(Entry { told, phone, about, seq: record.seq });
        }
        self.story.apply(record, self.board.known());
        self.talk.apply(record);
    }

    /// The phone whose console is looked at; none: nobody does.
    pub fn listens_to(&self) -> Option<&PhoneName> {
        self.phone().filter(|_| self.view.screen == Screen::Serial)
    }

    /// The scrollback of that phone, if it is known.
    pub fn heard_of(&mut self, phone: &PhoneName) -> Option<&mut Serial> {
        self.serial.as_mut().filter(|serial| serial.phone == *phone)
    }

    /// Begins to listen to a phone from the beginning of what is heard of it.
    pub fn listen(&mut self, phone: PhoneName) {
        if self.serial.as_ref().is_none_or(|serial| serial.phone != phone) {
            self.view.serial.row = None;
        }
        let mut serial = Serial::of(phone);
        serial.follow_on_terminal(self.view.serial.reading == Reading::Terminal);
        self.serial = Some(serial);
    }

    /// Nobody looks at a console.
    pub fn listen_no_more(&mut self) {
        self.serial = None;
    }

    /// The same view of another recording, or of this one from its beginning.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self { view: self.view.clone(), source: self.source.clone(), ..Self::default() }
    }

    /// Takes what was pasted: its first line where text is typed, and nothing anywhere else, since nobody pastes orders.
    pub fn paste(&mut self, text: &str) {
        let serial = self.view.mode == Mode::Serial && !self.view.serial.control;
        let typed = self.view.filtering || self.view.help.is_some() || serial;
        if !typed || self.view.question.is_some() {
            self.view.note = Some("what was pasted is left out: no text is typed here".to_owned());
            return;
        }
        let mut lines = text.split(['\r', '\n']);
        let first = lines.next().unwrap_or_default();
        // What is a control character in a terminal's text was typed by nobody.
        first.chars().filter(|char| !char.is_control()).for_each(|char| drop(self.press(Key::Char(char))));
        if lines.any(|line| !line.is_empty()) {
            self.view.note = Some("only the first line of what was pasted is taken".to_owned());
        }
    }

    /// Tells the operator something, until he presses the next key. What he wished has come to nothing.
    pub fn tell(&mut self, note: String) {
        let esc = if self.stop_typing() { "; Esc, and keys are orders again" } else { "" };
        self.view.note = Some(format!("{note}{esc}"));
    }

    /// Another has the keyboard.
    pub fn is_kept_off(&mut self, by: &str, since: Stamp) {
        let esc = if self.stop_typing() { "Esc, and " } else { "" };
        self.view.note = Some(format!("{by} has had the keyboard since {since}; {esc}L on Phone takes it"));
    }

    /// Nothing reaches a phone any more. What is still being typed to it must not become orders to the console: it goes nowhere, until
    /// Esc, if anything is.
    fn stop_typing(&mut self) -> bool {
        let typing = matches!(self.view.mode, Mode::Keys | Mode::Serial | Mode::Lost);
        self.view.mode = if typing { Mode::Lost } else { Mode::Normal };
        typing
    }

    /// The time of the last record.
    pub const fn last(&self) -> Stamp {
        self.story.last
    }

    /// The engine said that it is through.
    pub const fn has_ended(&self) -> bool {
        self.story.ended
    }

    /// When the run began, in nanoseconds since the Unix epoch; none: that is not known yet.
    pub fn epoch_unix_ns(&self) -> Option<i64> {
        self.story.plan.as_ref().map(|plan| plan.epoch_unix_ns)
    }

    /// Whether something would look different although nothing has come, `now` being the time of the run: times go on.
    pub const fn moves(&self) -> bool {
        match &self.source {
            Source::None => false,
            Source::Live { state, .. } => matches!(state, Going::On),
            Source::Replay { playing, .. } => *playing,
        }
    }

    /// Since when nothing is told of what the phones do, and why; none: what is shown is the present.
    pub fn stale(&self, now: Stamp) -> Option<(Stamp, String)> {
        if let Some(broken) = &self.broken {
            return Some((self.last(), broken.clone()));
        }
        let pulse = self.pulse.filter(|_| matches!(self.source, Source::Live { state: Going::On, .. }));
        let silent = |at: &Stamp| now.since(*at) >= SILENCE;
        if let Some(run) = pulse.map(|pulse| pulse.run).filter(silent) {
            return Some((run, "the run does not answer".to_owned()));
        }
        let tap = pulse.and_then(|pulse| pulse.tap).filter(silent);
        let tap = tap.map(|tap| (tap, "the bridge's taps say nothing".to_owned()));
        self.board.blind().or(tap)
    }

    /// Whether what is shown is older than the present: nothing is told, or not all of it was taken yet.
    fn is_old(&self, now: Stamp) -> bool {
        match &self.source {
            Source::Live { state: Going::Gone, .. } => true,
            Source::Live { behind, .. } if *behind > 0 => true,
            _ => self.stale(now).is_some(),
        }
    }

    /// Indices of the lines that are shown, in their order.
    fn shown(&self) -> Vec<usize> {
        let filter = self.view.filter.ready();
        let lines = self.board.lines.iter().enumerate().filter(|(_, line)| filter.takes(line));
        let mut shown: Vec<usize> = lines.map(|(index, _)| index).collect();
        self.view.order.sort(&mut shown, &self.board.lines);
        shown
    }

    /// Where the selected line stands; the first, if none is.
    fn place(&self) -> usize {
        self.view.line.as_ref().and_then(|line| self.board.place(line)).unwrap_or(0)
    }

    /// The selected line, if there is any.
    fn selected(&self) -> Option<&LineId> {
        self.board.lines.get(self.place()).map(|line| &line.id)
    }

    /// Its phone.
    fn phone(&self) -> Option<&PhoneName> {
        self.selected().map(|line| &line.phone)
    }

    /// What an operator is asked for at present; of several things, the one that was asked first.
    fn prompt(&self) -> Option<&Prompt> {
        self.story.prompts.iter().find(|prompt| prompt.end.is_none()).filter(|_| !self.story.ended)
    }

    /// The scenario in progress.
    fn scenario(&self) -> Option<&Scenario> {
        self.story.plan.as_ref()?.scenarios().find(|scenario| scenario.name == self.board.scenario)
    }

    /// Whether it can be answered. A key that is still held down from the prompt before is no answer to this one.
    fn is_asked(&self) -> bool {
        let calm = |since: Stamp| self.clock >= since + MOMENT;
        self.prompt().is_some_and(|prompt| calm(prompt.at)) && self.view.answered.is_none_or(calm)
    }

    fn phase(&self) -> Phase {
        match &self.source {
            Source::Live { state: Going::On, .. } if self.is_asked() => Phase::Asked,
            Source::Live { state: Going::On, .. } => Phase::On,
            Source::Replay { .. } => Phase::Replay,
            Source::None | Source::Live { .. } => Phase::Over,
        }
    }
}
