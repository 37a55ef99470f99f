//! What keys do.

use super::{
    Console, Question, Reading, Serial, Wish,
    action::{self, Act, Screen},
    key::Key,
    mode::Mode,
};

/// Rows of a page.
const PAGE: usize = 10;
/// How far one key goes in a recording, in seconds.
const SEEK_S: i64 = 10;

impl Console {
    /// Takes a key, and says what is left for others to do.
    pub fn press(&mut self, key: Key) -> Option<Wish> {
        match key {
            Key::Ctrl('c') => return self.quit(),
            Key::Ctrl('l') => return Some(Wish::Redraw),
            Key::Ctrl('z') => return Some(Wish::Suspend),
            _ => {}
        }
        if self.is_small() {
            return self.press_on_small(key);
        }
        if matches!(self.view.mode, Mode::Keys | Mode::Serial) && !self.phase().goes_on() && key != Key::Esc {
            self.tell("the run is over".to_owned());
            return None;
        }
        // Why keys go nowhere is said for as long as they do.
        if self.view.mode != Mode::Lost || key == Key::Esc {
            self.view.note = None;
        }
        if let Some(question) = self.view.question {
            return self.answer(question, key);
        }
        if self.view.help.is_some() {
            return self.search(key);
        }
        if self.view.filtering {
            self.type_filter(key);
            return None;
        }
        if self.view.number.is_some() {
            self.type_number(key);
            return None;
        }
        let act = action::act(key, self.view.screen, self.phase(), self.view.mode);
        if matches!(key, Key::Char('y' | 's')) && self.prompt().is_some() {
            self.view.answered = Some(self.clock);
        }
        self.act(act?, key)
    }

    /// Only `y` does what was asked; Return, which may still be held down, does nothing.
    fn answer(&mut self, question: Question, key: Key) -> Option<Wish> {
        match key {
            Key::Char('y') => {
                self.view.question = None;
                Some(match question {
                    Question::Stop => Wish::Stop,
                    Question::Leave => Wish::Leave,
                    Question::Keys => self.take_keys(),
                    Question::Type => self.take_console(),
                    Question::TakeOver => self.take_over(),
                    Question::Lift(outage) => {
                        self.ask_of_next(outage);
                        Wish::Lift(outage)
                    }
                })
            }
            Key::Char('n') if let Question::Lift(outage) = question => {
                self.ask_of_next(outage);
                None
            }
            Key::Char('n') | Key::Esc => {
                self.view.question = None;
                None
            }
            _ => None,
        }
    }

    fn search(&mut self, key: Key) -> Option<Wish> {
        let text = self.view.help.as_mut()?;
        match key {
            Key::Char('?') | Key::Esc => self.view.help = None,
            Key::Enter => return self.do_found(),
            Key::Char(char) => text.push(char),
            Key::Backspace => drop(text.pop()),
            _ => {}
        }
        None
    }

    /// Closes the help, and does the only action that fits what was searched for, as its key would. Where none can be taken here, it is
    /// said where.
    fn do_found(&mut self) -> Option<Wish> {
        let wanted = self.view.help.take()?;
        let mut found = self.found(&wanted);
        let only = found.next().filter(|_| found.next().is_none() && !wanted.is_empty());
        if self.found(&wanted).next().is_none() {
            let mut elsewhere = self.found_elsewhere(&wanted);
            self.view.note = elsewhere.next().map(|first| match elsewhere.next() {
                None => format!("{}: {}", first.help, first.scope),
                Some(_) => format!("nothing of `{wanted}` can be done here"),
            });
        }
        let key = only.and_then(|entry| entry.keys.first().copied())?;
        self.press(key)
    }

    pub(super) fn type_filter(&mut self, key: Key) {
        let finding = self.view.screen == Screen::Serial;
        let text = if finding { &mut self.view.serial.wanted } else { &mut self.view.filter.text };
        match key {
            Key::Char(char) => text.push(char),
            Key::Backspace => drop(text.pop()),
            Key::Enter => {
                self.view.filtering = false;
                if finding {
                    self.find(true);
                } else {
                    self.select_shown();
                }
            }
            Key::Esc => {
                text.clear();
                self.view.filtering = false;
            }
            _ => {}
        }
    }

    /// What is opened next is among the lines that are shown.
    fn select_shown(&mut self) {
        let shown: Vec<_> = self.shown().into_iter().filter_map(|index| self.board.lines.get(index)).collect();
        if self.view.screen == Screen::Phones && !shown.iter().any(|line| Some(&line.id) == self.selected()) {
            self.view.line = shown.first().map(|line| line.id.clone()).or_else(|| self.view.line.clone());
        }
    }

    /// Goes to where that stands which is looked for.
    fn find(&mut self, back: bool) {
        let view = &self.view.serial;
        let Some(scroll) = self.serial.as_ref().map(|serial| serial.scroll(view.reading)) else { return };
        let from = self.serial_row().unwrap_or_else(|| scroll.last().map_or(0, |last| last + 1));
        match scroll.find(from, &view.wanted, back) {
            Some(row) => (self.view.serial.row, self.view.serial.instant) = (Some(row), None),
            None => {
                self.view.note =
                    Some(format!("`{}` stands nowhere {}", view.wanted, if back { "before" } else { "after" }))
            }
        }
    }

    pub(super) fn act(&mut self, act: Act, key: Key) -> Option<Wish> {
        match act {
            Act::Show(screen) => self.show(screen),
            Act::NextScreen => self.turn(1),
            Act::PreviousScreen => self.turn(Screen::ALL.len() - 1),
            Act::Down => self.go(|at, last| (at + 1).min(last)),
            Act::Up => self.go(|at, _| at.saturating_sub(1)),
            Act::PageDown => self.go(|at, last| (at + PAGE).min(last)),
            Act::PageUp => self.go(|at, _| at.saturating_sub(PAGE)),
            Act::First => self.go(|_, _| 0),
            Act::Last => self.follow(),
            Act::Open if self.view.screen == Screen::Sip => self.view.detail = !self.view.detail,
            Act::Open if self.view.screen == Screen::Log && self.event().is_ok_and(|entry| entry.about.is_some()) => {
                self.network_then();
            }
            Act::Open if self.view.screen == Screen::Log => self.same_instant(),
            Act::Whole => self.read_whole(),
            Act::Open => self.show(Screen::Phone),
            Act::Instant => self.same_instant(),
            Act::NetworkThen => self.network_then(),
            Act::NextPhone => self.pick(|at, count| (at + 1) % count),
            Act::PreviousPhone => self.pick(|at, count| (at + count - 1) % count),
            Act::Filter => self.view.filtering = true,
            Act::Sort => self.view.order = self.view.order.next(),
            Act::Column => self.view.last_column = self.view.last_column.next(),
            Act::Mark => {
                self.select_shown();
                self.mark();
            }
            Act::GoTo => self.view.number = Some(String::new()),
            Act::Freeze => self.freeze(),
            Act::Help => self.view.help = Some(String::new()),
            Act::Mouse => self.view.mouse_released = !self.view.mouse_released,
            Act::Back => return self.back(),
            Act::Quit => return self.quit(),
            Act::Redraw => return Some(Wish::Redraw),
            Act::Suspend => return Some(Wish::Suspend),
            Act::Reply(reply) => return self.prompt().map(|prompt| Wish::Answer { prompt: prompt.number, reply }),
            Act::Restore => return Some(Wish::Restore),
            Act::Stop => self.view.question = Some(Question::Stop),
            Act::Play => return Some(Wish::Play),
            Act::StepOn => return Some(Wish::Step),
            Act::SeekOn => return Some(Wish::Seek(SEEK_S)),
            Act::SeekBack => return Some(Wish::Seek(-SEEK_S)),
            Act::Rewind => return Some(Wish::Rewind),
            Act::Faster => return Some(Wish::Speed(2.0)),
            Act::Slower => return Some(Wish::Speed(0.5)),
            Act::Console => self.show(Screen::Serial),
            Act::Hex => self.read_as(Reading::Hex),
            Act::Terminal => self.read_as(Reading::Terminal),
            // What stands on a terminal has no times, and only lines are searched.
            Act::Find | Act::FindBack | Act::FindOn if self.view.serial.reading == Reading::Terminal => {
                self.read_as(Reading::Lines);
                return self.act(act, key);
            }
            Act::Times if self.view.serial.reading == Reading::Terminal => {
                self.read_as(Reading::Lines);
                self.view.serial.bare = false;
            }
            Act::Times => self.view.serial.bare = !self.view.serial.bare,
            Act::Find => self.view.filtering = true,
            Act::FindBack => self.find(true),
            Act::FindOn => self.find(false),
            Act::Keys => return self.begin_keys(),
            Act::Block => self.begin_block(),
            Act::Harm(_) | Act::Whom | Act::Longer | Act::Yes => return self.choose(act),
            Act::Leave if self.view.mode == Mode::Block => self.view.mode = Mode::Normal,
            Act::Leave => return self.leave_mode(),
            Act::Type => self.begin_typing(),
            Act::TakeOver => self.begin_taking_over(),
            Act::TypeChar | Act::Erase | Act::Secret | Act::Control | Act::Send => return self.type_key(act, key),
            Act::PressKey | Act::Hold | Act::Record | Act::MoreKeys | Act::FewerKeys => return self.hand(act, key),
        }
        None
    }

    pub(super) fn show(&mut self, screen: Screen) {
        if matches!(screen, Screen::Phone | Screen::Sip | Screen::Scenario) {
            self.select_shown();
        }
        if screen != self.view.screen {
            (self.view.whole, self.view.moment) = (false, None);
            self.view.before.retain(|before| *before != screen);
            self.view.before.push(self.view.screen);
            self.view.screen = screen;
        }
    }

    fn turn(&mut self, by: usize) {
        let from = if self.view.screen == Screen::Serial { Screen::Phone } else { self.view.screen };
        let at = Screen::ALL.iter().position(|screen| *screen == from).unwrap_or(0);
        if let Some(screen) = Screen::ALL.get((at + by) % Screen::ALL.len()) {
            self.show(*screen);
        }
    }

    /// Leaves from wherever one is; what that would end is asked first, and so is one who may have meant the phone.
    fn quit(&mut self) -> Option<Wish> {
        if self.view.mode == Mode::Serial && self.view.question.is_none() {
            self.view.note = Some("Ctrl-t c sends it to the phone; Esc, and Ctrl-c again leaves".to_owned());
            return None;
        }
        if !self.leaving_ends_the_run() || self.view.question == Some(Question::Leave) {
            return Some(Wish::Leave);
        }
        self.view.help = None;
        self.view.question = Some(Question::Leave);
        None
    }

    fn back(&mut self) -> Option<Wish> {
        if self.view.screen == Screen::Sip && self.view.detail {
            self.view.detail = false;
            return None;
        }
        if self.view.screen == Screen::Log && std::mem::take(&mut self.view.whole) {
            return None;
        }
        if self.view.screen == Screen::Phones {
            if !self.view.filter.text.is_empty() {
                self.view.filter.text.clear();
                return None;
            }
            if self.leaving_ends_the_run() {
                self.view.question = Some(Question::Leave);
                return None;
            }
            return Some(Wish::Leave);
        }
        self.view.moment = None;
        self.view.screen = self.view.before.pop().unwrap_or(Screen::Phones);
        None
    }

    /// Selects a row by its place and the last one's.
    pub(super) fn go(&mut self, to: impl Fn(usize, usize) -> usize) {
        match self.view.screen {
            Screen::Phones => {
                let shown = self.shown();
                let Some(last) = shown.len().checked_sub(1) else { return };
                let place = self.place();
                let at = shown.iter().position(|index| *index == place);
                let next = shown.get(to(at.unwrap_or(0), last)).and_then(|index| self.board.lines.get(*index));
                self.view.line = next.map(|line| line.id.clone());
            }
            Screen::Sip => {
                let rungs: Vec<u64> = self.rungs().map(|rung| rung.seq).collect();
                let Some(last) = rungs.len().checked_sub(1) else { return };
                let at = self.view.rung.and_then(|seq| rungs.iter().position(|known| *known == seq)).unwrap_or(last);
                self.view.rung = rungs.get(to(at, last)).copied();
            }
            Screen::Log => self.go_to_event(to),
            Screen::Serial if self.view.serial.reading == Reading::Terminal => {
                let Some(terminal) = self.serial.as_mut().and_then(Serial::terminal_mut) else { return };
                let most = terminal.most_back();
                let at = to(most - terminal.back(), most);
                terminal.hold(most - at.min(most));
            }
            Screen::Serial => {
                let scroll = self.serial.as_ref().map(|serial| serial.scroll(self.view.serial.reading));
                let Some((scroll, last)) = scroll.and_then(|scroll| Some((scroll, scroll.last()?))) else { return };
                let at = self.serial_row().unwrap_or(last);
                let row = to(at, last).max(scroll.before);
                (self.view.serial.row, self.view.serial.instant) = (Some(row), None);
            }
            Screen::Network => {
                let servers = self.servers();
                let Some(last) = servers.len().checked_sub(1) else { return };
                let at = servers.iter().position(|it| Some(&it.name) == self.server().map(|server| &server.name));
                self.view.server = servers.get(to(at.unwrap_or(0), last)).map(|server| server.name.clone());
            }
            Screen::Phone | Screen::Scenario => {}
        }
    }

    /// The last row, whatever comes.
    pub(super) fn follow(&mut self) {
        match self.view.screen {
            Screen::Sip => self.view.rung = None,
            Screen::Log => self.view.event = None,
            Screen::Network if self.view.moment.is_some() => self.view.moment = None,
            Screen::Serial => {
                (self.view.serial.row, self.view.serial.instant) = (None, None);
                if let Some(terminal) = self.serial.as_mut().and_then(Serial::terminal_mut) {
                    terminal.follow();
                }
            }
            _ => self.go(|_, last| last),
        }
    }

    /// Reads the phone's console as that, or as lines again.
    pub(super) fn read_as(&mut self, reading: Reading) {
        let view = &mut self.view.serial;
        view.reading = if view.reading == reading { Reading::Lines } else { reading };
        let on_terminal = view.reading == Reading::Terminal;
        self.follow();
        if let Some(serial) = &mut self.serial {
            serial.follow_on_terminal(on_terminal);
        }
    }

    fn freeze(&mut self) {
        let frozen = match self.view.screen {
            Screen::Sip => self.view.rung.is_some(),
            Screen::Serial => self.serial_row().is_some(),
            Screen::Network => self.view.moment.is_some(),
            _ => self.view.event.is_some(),
        };
        if frozen {
            self.follow();
        } else if self.view.screen == Screen::Network {
            self.hold_network();
        } else {
            self.go(|at, _| at);
        }
    }

    fn pick(&mut self, to: impl Fn(usize, usize) -> usize) {
        let count = self.board.lines.len();
        if count == 0 {
            return;
        }
        self.view.line = self.board.lines.get(to(self.place(), count)).map(|line| line.id.clone());
        self.view.rung = None;
    }
}
