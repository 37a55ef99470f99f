//! What the operator can do: one table, from which keys are understood, the footer and the help are drawn, and the manual page
//! is made.

use std::fmt;

use super::{block::Harming, key::Key, mode::Mode};
use crate::event::Reply;

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Screen {
    /// All lines.
    #[default]
    Phones,
    /// One phone.
    Phone,
    /// The SIP of one phone.
    Sip,
    /// Servers and outages.
    Network,
    /// Steps, cases, measurements.
    Scenario,
    /// Everything that was told.
    Log,
    /// The console of one phone, reached from there.
    Serial,
}

impl Screen {
    /// All that have a number, in the order of these.
    pub const ALL: [Self; 6] = [Self::Phones, Self::Phone, Self::Sip, Self::Network, Self::Scenario, Self::Log];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phones => "Phones",
            Self::Phone => "Phone",
            Self::Sip => "SIP",
            Self::Network => "Network",
            Self::Scenario => "Scenario",
            Self::Log => "Log",
            Self::Serial => "Console",
        }
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Show a screen.
    Show(Screen),
    /// Show the next screen.
    NextScreen,
    /// Show the one before.
    PreviousScreen,
    /// Select the next row.
    Down,
    /// Select the one before.
    Up,
    /// A page on.
    PageDown,
    /// A page back.
    PageUp,
    /// The first row.
    First,
    /// The last row, and follow what comes.
    Last,
    /// Open what is selected.
    Open,
    /// Show all of an event, or its line.
    Whole,
    /// The same instant on another screen.
    Instant,
    /// The network as it stood at that instant.
    NetworkThen,
    /// The next phone.
    NextPhone,
    /// The one before.
    PreviousPhone,
    /// Type a filter.
    Filter,
    /// Put the rows into another order.
    Sort,
    /// Show something else in the last column.
    Column,
    /// Mark a phone, or take the mark from it.
    Mark,
    /// Type the number of the line to go to.
    GoTo,
    /// Let what is shown stay as it is, or follow again.
    Freeze,
    /// Leave the mouse to the terminal, or take it.
    Mouse,
    /// Show what keys do.
    Help,
    /// Go back; leave, where there is nothing to go back to.
    Back,
    /// Leave.
    Quit,
    /// Draw everything anew.
    Redraw,
    /// Leave the terminal to others for a while.
    Suspend,
    /// Answer what the run asks.
    Reply(Reply),
    /// Give every phone its network back, at once.
    Restore,
    /// End the run.
    Stop,
    /// Let the recording run, or hold it.
    Play,
    /// One record on.
    StepOn,
    /// Ten seconds on.
    SeekOn,
    /// Ten seconds back.
    SeekBack,
    /// To the beginning of the recording.
    Rewind,
    /// Twice as fast.
    Faster,
    /// Half as fast.
    Slower,
    /// Show the phone's console.
    Console,
    /// In hexadecimal, or as lines.
    Hex,
    /// As it stands on a terminal, or as lines.
    Terminal,
    /// With times, or without.
    Times,
    /// Type what is looked for.
    Find,
    /// Where it stands further back.
    FindBack,
    /// Where it stands further on.
    FindOn,
    /// Press keys of the phone.
    Keys,
    /// Press the key that the terminal's key stands for.
    PressKey,
    /// Hold the next key for long.
    Hold,
    /// Other keys get the letters.
    MoreKeys,
    /// Those before.
    FewerKeys,
    /// Let it be recorded which digits are pressed, or not.
    Record,
    /// Type on the phone's console.
    Type,
    /// Take the keyboard from another operator.
    TakeOver,
    /// Put a character into the line.
    TypeChar,
    /// Take one out of it.
    Erase,
    /// Send the line.
    Send,
    /// The line is a secret, or not.
    Secret,
    /// The next key is a control character.
    Control,
    /// Block the selected server, or give it back.
    Block,
    /// What is to become of its frames.
    Harm(Harming),
    /// For the selected phone alone, or for all.
    Whom,
    /// Another time limit.
    Longer,
    /// Do as chosen.
    Yes,
    /// Leave a mode.
    Leave,
}

/// Where an action can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Always,
    /// On one of these screens.
    On(&'static [Screen]),
    /// While a run goes on.
    Live,
    /// On one of these screens, while a run goes on.
    LiveOn(&'static [Screen]),
    /// Where an operator is asked for something, while he is.
    Asked,
    /// In a recording.
    Replay,
    /// In that mode.
    In(Mode),
    /// Whatever the mode is.
    Any,
    /// Wherever no line is typed.
    Untyped,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("everywhere"),
            Self::Any => f.write_str("everywhere, in every mode"),
            Self::Untyped => f.write_str("everywhere but in SERIAL, LOST"),
            Self::In(mode) => write!(f, "in {}", mode.name()),
            Self::Live => f.write_str("while the run goes on"),
            Self::Asked => f.write_str("on Scenario, while an operator is needed"),
            Self::Replay => f.write_str("in a recording"),
            Self::LiveOn(screens) => write!(f, "{}, while the run goes on", Self::On(screens)),
            Self::On(screens) => {
                let names: Vec<&str> = screens.iter().map(|screen| screen.name()).collect();
                write!(f, "on {}", names.join(", "))
            }
        }
    }
}

/// How the run stands that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It goes on.
    On,
    /// It does, and waits for an operator's answer.
    Asked,
    /// It is over.
    Over,
    /// It is played back.
    Replay,
}

impl Phase {
    /// Whether the run does.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::On | Self::Asked)
    }
}

/// An entry of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What is done.
    pub act: Act,
    /// By which keys, the one to tell people of first.
    pub keys: &'static [Key],
    /// In a word or two, for the footer.
    pub hint: &'static str,
    /// In a few words, for the help: two of them side by side have room.
    pub help: &'static str,
    /// Where.
    pub scope: Scope,
    /// It has a place in the footer: the smaller, the more room must be short for it to go.
    pub rank: Option<u8>,
}

use Screen::{Log, Network, Phone, Phones, Scenario, Serial, Sip};

const DIALLED: &[Key] = &[Key::Between('0', '9'), Key::Char('*'), Key::Char('#')];
const ARROWS: &[Key] = &[Key::Up, Key::Down, Key::Left, Key::Right];
const OF_PHONES: Scope = Scope::On(&[Phone, Sip, Scenario, Serial]);
const WITH_ROWS: Scope = Scope::On(&[Phones, Sip, Network, Log, Serial]);

const BLOCKING: Scope = Scope::In(Mode::Block);

/// The table.
pub const ACTIONS: &[Entry] = &[
    entry(Act::Reply(Reply::Done), &[Key::Char('y')], "done", "what is asked is done", Scope::Asked, Some(0)),
    entry(Act::Reply(Reply::Skip), &[Key::Char('s')], "skip", "skip what is asked", Scope::Asked, Some(0)),
    entry(Act::Stop, &[Key::Char('a')], "abort", "end the run (asks)", Scope::Asked, Some(0)),
    entry(Act::Restore, &[Key::Char('U')], "restore", "the network back, at once", Scope::Live, Some(1)),
    entry(Act::Keys, &[Key::Char('i')], "keys", "press the phone's keys", Scope::On(&[Phone]), Some(2)),
    entry(Act::Block, &[Key::Char('B')], "block", "block it, or lift (asks)", Scope::On(&[Network]), Some(2)),
    entry(Act::Console, &[Key::Char('c')], "console", "its console, all of it", Scope::On(&[Phone]), Some(2)),
    entry(Act::Find, &[Key::Char('/')], "find", "find in what was said", Scope::On(&[Serial]), Some(2)),
    entry(Act::FindBack, &[Key::Char('n')], "find back", "found further back", Scope::On(&[Serial]), Some(5)),
    entry(Act::FindOn, &[Key::Char('N')], "find on", "found further on", Scope::On(&[Serial]), None),
    entry(Act::Type, &[Key::Char('S')], "type", "type on it (asks)", Scope::On(&[Serial]), Some(2)),
    entry(
        Act::TakeOver,
        &[Key::Char('L')],
        "take over",
        "another's keyboard (asks)",
        Scope::On(&[Phone, Serial]),
        None,
    ),
    entry(Act::Hex, &[Key::Char('h')], "hex", "hexadecimal, or lines", Scope::On(&[Serial]), Some(3)),
    entry(Act::Terminal, &[Key::Char('v')], "terminal", "as on a terminal, or lines", Scope::On(&[Serial]), Some(3)),
    entry(Act::Times, &[Key::Char('t')], "times", "with times, or without", Scope::On(&[Serial]), Some(3)),
    entry(Act::Stop, &[Key::Char('x')], "stop", "end the run (asks)", Scope::Live, Some(3)),
    entry(Act::Play, &[Key::Char(' ')], "play", "run or hold the recording", Scope::Replay, Some(1)),
    entry(Act::SeekOn, &[Key::Right], "10 s on", "ten seconds on", Scope::Replay, Some(3)),
    entry(Act::SeekBack, &[Key::Left], "10 s back", "ten seconds back", Scope::Replay, Some(3)),
    entry(Act::StepOn, &[Key::Char('.')], "step", "one record on", Scope::Replay, Some(5)),
    entry(Act::Faster, &[Key::Char('>')], "faster", "twice as fast", Scope::Replay, Some(6)),
    entry(Act::Slower, &[Key::Char('<')], "slower", "half as fast", Scope::Replay, Some(6)),
    entry(Act::Rewind, &[Key::Char('0')], "begin", "to the beginning", Scope::Replay, None),
    entry(Act::Open, &[Key::Enter], "open", "open what is selected", Scope::On(&[Phones, Sip, Log]), Some(2)),
    entry(Act::Filter, &[Key::Char('/')], "filter", "only p7, reg:none, !pass", Scope::On(&[Phones, Log]), Some(4)),
    entry(Act::Whole, &[Key::Char('d')], "all of it", "the whole event, or rows", Scope::On(&[Log]), Some(3)),
    entry(
        Act::Instant,
        &[Key::Char('=')],
        "instant",
        "then, on SIP, Console, Log",
        Scope::On(&[Sip, Network, Log, Serial]),
        Some(5),
    ),
    entry(
        Act::NetworkThen,
        &[Key::Char('w')],
        "network then",
        "the network as it was then",
        Scope::On(&[Sip, Log, Serial]),
        Some(6),
    ),
    entry(Act::Sort, &[Key::Char('s')], "sort", "another order", Scope::On(&[Phones]), Some(5)),
    entry(Act::Column, &[Key::Char('c')], "column", "result, display or lamps", Scope::On(&[Phones]), Some(8)),
    entry(Act::GoTo, &[Key::Char(':')], "line", "go to a line by its number", Scope::On(&[Phones]), None),
    entry(Act::Mark, &[Key::Char(' ')], "mark", "mark its phone, for B", Scope::LiveOn(&[Phones]), None),
    entry(Act::NextPhone, &[Key::Char(']')], "next phone", "the next phone", OF_PHONES, Some(4)),
    entry(Act::PreviousPhone, &[Key::Char('[')], "phone before", "the phone before", OF_PHONES, None),
    entry(
        Act::Freeze,
        &[Key::Char('f')],
        "freeze",
        "hold the rows, or follow",
        Scope::On(&[Sip, Network, Log, Serial]),
        Some(4),
    ),
    entry(Act::Down, &[Key::Char('j'), Key::Down], "down", "the next row", WITH_ROWS, None),
    entry(Act::Up, &[Key::Char('k'), Key::Up], "up", "the row before", WITH_ROWS, None),
    entry(Act::PageDown, &[Key::PageDown], "page on", "a page on", WITH_ROWS, None),
    entry(Act::PageUp, &[Key::PageUp], "page back", "a page back", WITH_ROWS, None),
    entry(Act::First, &[Key::Char('g'), Key::Home], "first", "the first row", WITH_ROWS, None),
    entry(Act::Last, &[Key::Char('G'), Key::End], "last", "the last row, and follow", WITH_ROWS, None),
    entry(Act::Show(Phones), &[Key::Char('1')], "phones", "where lines are registered", Scope::Always, None),
    entry(Act::Show(Phone), &[Key::Char('2')], "phone", "one phone: keys, console", Scope::Always, None),
    entry(Act::Show(Sip), &[Key::Char('3')], "SIP", "its SIP as a ladder", Scope::Always, None),
    entry(Act::Show(Network), &[Key::Char('4')], "network", "servers and outages", Scope::Always, None),
    entry(Act::Show(Scenario), &[Key::Char('5')], "scenario", "steps, values, verdicts", Scope::Always, None),
    entry(Act::Show(Log), &[Key::Char('6')], "log", "everything that was told", Scope::Always, None),
    entry(Act::NextScreen, &[Key::Tab], "screen", "the next screen", Scope::Always, Some(7)),
    entry(Act::PreviousScreen, &[Key::BackTab], "screen before", "the screen before", Scope::Always, None),
    entry(Act::Mouse, &[Key::Char('m')], "mouse", "mouse off: select text", Scope::Always, None),
    entry(Act::Back, &[Key::Char('q'), Key::Esc], "back", "back; on Phones: leave", Scope::Always, Some(4)),
    entry(Act::Quit, &[Key::Ctrl('c')], "quit", "leave; a run of yours: asks", Scope::Any, None),
    entry(Act::Redraw, &[Key::Ctrl('l')], "redraw", "draw everything anew", Scope::Any, None),
    entry(Act::Suspend, &[Key::Ctrl('z')], "suspend", "to the shell; `fg` is back", Scope::Any, None),
    entry(Act::Help, &[Key::Char('?')], "more", "this help; type to search", Scope::Untyped, Some(0)),
    entry(Act::Leave, &[Key::Esc], "leave", "back to NORMAL", Scope::In(Mode::Lost), Some(0)),
    entry(Act::Leave, &[Key::Esc], "leave", "back to NORMAL", Scope::In(Mode::Keys), Some(0)),
    entry(Act::PressKey, DIALLED, "digits", "press the dial pad", Scope::In(Mode::Keys), Some(2)),
    entry(Act::PressKey, &[Key::Enter], "dial", "dial, pick up", Scope::In(Mode::Keys), Some(4)),
    entry(Act::PressKey, ARROWS, "arrows", "move through menus", Scope::In(Mode::Keys), None),
    entry(
        Act::PressKey,
        &[Key::Between('a', 'z')],
        "others",
        "press the key beside it",
        Scope::In(Mode::Keys),
        Some(2),
    ),
    entry(Act::Hold, &[Key::Char(' ')], "hold next", "hold the next key for long", Scope::In(Mode::Keys), Some(3)),
    entry(Act::Record, &[Key::Tab], "digits secret or not", "let records have digits", Scope::In(Mode::Keys), Some(3)),
    entry(Act::MoreKeys, &[Key::PageDown], "more keys", "letters for more keys", Scope::In(Mode::Keys), None),
    entry(Act::FewerKeys, &[Key::PageUp], "keys before", "letters for keys before", Scope::In(Mode::Keys), None),
    entry(Act::Leave, &[Key::Esc], "leave", "back to NORMAL", Scope::In(Mode::Serial), Some(0)),
    entry(Act::Send, &[Key::Enter], "send", "send the line", Scope::In(Mode::Serial), Some(1)),
    entry(Act::Secret, &[Key::Tab], "secret or not", "keep it from records", Scope::In(Mode::Serial), Some(1)),
    entry(Act::Control, &[Key::Ctrl('t')], "control", "then c: Ctrl-c, [: Esc", Scope::In(Mode::Serial), Some(2)),
    entry(Act::Erase, &[Key::Backspace], "erase", "the last character", Scope::In(Mode::Serial), None),
    entry(Act::TypeChar, &[Key::Between(' ', '~')], "types", "goes into the line", Scope::In(Mode::Serial), None),
    entry(Act::Yes, &[Key::Char('y')], "block it", "block the server so", BLOCKING, Some(0)),
    entry(Act::Leave, &[Key::Esc, Key::Char('n')], "leave", "back to NORMAL", BLOCKING, Some(0)),
    entry(Act::Harm(Harming::Drop), &[Key::Char('d')], "drop", "all frames vanish", BLOCKING, Some(1)),
    entry(Act::Harm(Harming::Lose), &[Key::Char('l')], "lose 20%", "one in five vanishes", BLOCKING, Some(1)),
    entry(Act::Harm(Harming::Delay), &[Key::Char('s')], "slow", "all are 200 ms late", BLOCKING, Some(1)),
    entry(Act::Whom, &[Key::Char('p')], "phone or all", "one phone, or all", BLOCKING, Some(2)),
    entry(Act::Longer, &[Key::Char('t')], "time", "another time limit", BLOCKING, Some(2)),
];

const fn entry(
    act: Act,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
    scope: Scope,
    rank: Option<u8>,
) -> Entry {
    Entry { act, keys, hint, help, scope, rank }
}

impl Entry {
    /// Whether it can be taken on that screen, as the run stands.
    pub fn fits(&self, screen: Screen, phase: Phase, mode: Mode) -> bool {
        let normal = mode == Mode::Normal;
        match self.scope {
            Scope::Any => true,
            Scope::Untyped => mode.keeps_commands(),
            Scope::In(its) => its == mode,
            Scope::Always => normal,
            Scope::On(screens) => normal && screens.contains(&screen),
            Scope::LiveOn(screens) => normal && phase.goes_on() && screens.contains(&screen),
            // The way back is open wherever no line is typed.
            Scope::Live => phase.goes_on() && (normal || (mode.keeps_commands() && self.act == Act::Restore)),
            Scope::Asked => normal && phase == Phase::Asked && screen == Scenario,
            Scope::Replay => normal && phase == Phase::Replay,
        }
    }
}

/// What a key does there.
pub fn act(key: Key, screen: Screen, phase: Phase, mode: Mode) -> Option<Act> {
    let mut fitting = ACTIONS.iter().filter(|entry| entry.fits(screen, phase, mode));
    fitting.find(|entry| entry.keys.iter().any(|its| its.means(key))).map(|entry| entry.act)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;

    #[test]
    fn the_operators_page_has_the_table_as_it_is() {
        let mut table = "| key | what it does | where |\n|---|---|---|\n".to_owned();
        for entry in ACTIONS {
            let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
            table.push_str(&format!("| {} | {} | {} |\n", keys.join(" "), entry.help, entry.scope));
        }
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operator.md")).unwrap();
        assert!(page.contains(&table), "docs/operator.md should have this table:\n\n{table}");
    }

    #[test]
    fn no_key_means_two_things_in_one_place_and_every_action_has_a_key_and_a_help_text() {
        for screen in Screen::ALL.into_iter().chain([Serial]) {
            for (phase, mode) in [
                (Phase::On, Mode::Normal),
                (Phase::Asked, Mode::Normal),
                (Phase::Over, Mode::Normal),
                (Phase::Replay, Mode::Normal),
                (Phase::On, Mode::Keys),
                (Phase::On, Mode::Serial),
                (Phase::On, Mode::Lost),
                (Phase::On, Mode::Block),
            ] {
                let mut known = BTreeMap::new();
                for entry in ACTIONS.iter().filter(|entry| entry.fits(screen, phase, mode)) {
                    assert!(!entry.keys.is_empty() && !entry.help.is_empty() && !entry.hint.is_empty(), "{entry:?}");
                    for key in entry.keys {
                        let other = known.insert(key.to_string(), entry.act);
                        assert_eq!(other, None, "{key} on {}", screen.name());
                    }
                }
            }
        }
    }
}
