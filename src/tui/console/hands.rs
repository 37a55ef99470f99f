//! What keys do in the modes in which they are for a phone, and how one comes there.

use super::{
    Console, Question, Wish,
    action::{Act, Phase, Screen},
    key::Key,
    keyboard::Keyboard,
    mode::{Mode, Pressing},
};
use crate::{
    config::{ConsolePort, Plan},
    event::{Control, Hold, Stroke},
};

/// Why nothing can be typed.
const NO_CONSOLE: &str = "the bench names no console for this phone";
/// The longest line that is typed.
const LONGEST: usize = 400;

impl Console {
    /// The keys of the selected phone.
    ///
    /// # Errors
    /// Why there are none to press.
    pub(super) fn keyboard(&self) -> Result<Keyboard, &'static str> {
        let phone = self.phone().ok_or("nothing is known of the run yet")?;
        Keyboard::of(self.board.plan().ok_or("nothing is known of the run yet")?, phone)
    }

    /// Asks whether to take the keyboard from whoever has it, to press keys of the selected phone or to type on its console.
    pub(super) fn begin_taking_over(&mut self) {
        let refused = match (self.phase(), self.view.screen) {
            (Phase::Over, _) => Some("the run is over"),
            (Phase::Replay, _) => Some("this is a recording"),
            (_, Screen::Serial) => {
                self.board.plan().and_then(|plan| self.console_of(plan)).is_none().then_some(NO_CONSOLE)
            }
            _ => self.keyboard().err(),
        };
        match refused {
            Some(reason) => self.view.note = Some(format!("the keyboard is of no use: {reason}")),
            None => self.view.question = Some(Question::TakeOver),
        }
    }

    /// Takes the keyboard from whoever has it.
    pub(super) fn take_over(&mut self) -> Wish {
        if self.view.screen == Screen::Serial {
            self.take_console();
        } else {
            self.take_keys();
        }
        Wish::TakeOver
    }

    /// The console of the selected phone, if the bench names one.
    fn console_of<'p>(&self, plan: &'p Plan) -> Option<&'p ConsolePort> {
        plan.phone(self.phone()?)?.console.as_ref()
    }

    /// Begins to press keys of the selected phone, if that can be done; where it costs something, that is asked.
    pub(super) fn begin_keys(&mut self) -> Option<Wish> {
        let refused = match self.phase() {
            Phase::On | Phase::Asked => self.keyboard().err(),
            Phase::Over => Some("the run is over"),
            Phase::Replay => Some("this is a recording"),
        };
        if let Some(reason) = refused {
            self.view.note = Some(format!("no keys can be pressed: {reason}"));
            return None;
        }
        if self.is_judged() {
            self.view.question = Some(Question::Keys);
            return None;
        }
        Some(self.take_keys())
    }

    /// Keys are the phone's from now on, unless somebody else has the keyboard.
    pub(super) fn take_keys(&mut self) -> Wish {
        (self.view.mode, self.view.pressing) = (Mode::Keys, Pressing::default());
        Wish::Take
    }

    /// Whether a case of the selected phone is open.
    pub(super) fn is_judged(&self) -> bool {
        let lines = self.phone().map_or(&[][..], |phone| self.board.lines_of(phone));
        lines.iter().any(|line| line.verdict.is_none()) && !self.only_watches()
    }

    /// Asks whether to type on the console that is looked at, if that can be done.
    pub(super) fn begin_typing(&mut self) {
        let refused = match self.phase() {
            Phase::On | Phase::Asked if self.board.plan().and_then(|plan| self.console_of(plan)).is_none() => {
                Some(NO_CONSOLE)
            }
            Phase::On | Phase::Asked => None,
            Phase::Over => Some("the run is over"),
            Phase::Replay => Some("this is a recording"),
        };
        match refused {
            Some(reason) => self.view.note = Some(format!("nothing can be typed: {reason}")),
            None => self.view.question = Some(Question::Type),
        }
    }

    /// What is typed is the phone's from now on, a line at a time, unless somebody else has the keyboard.
    pub(super) fn take_console(&mut self) -> Wish {
        self.view.mode = Mode::Serial;
        self.forget_line();
        Wish::Take
    }

    fn forget_line(&mut self) {
        let view = &mut self.view.serial;
        (view.typed, view.secret, view.control) = (String::new(), false, false);
    }

    /// What is done by a key in SERIAL.
    pub(super) fn type_key(&mut self, act: Act, key: Key) -> Option<Wish> {
        let view = &mut self.view.serial;
        if std::mem::take(&mut view.control) {
            let (Key::Char(letter) | Key::Ctrl(letter)) = key else { return None };
            let control = Control::of(letter);
            if control.is_none() {
                self.view.note = Some(format!("Ctrl-{letter} is no control character"));
                return None;
            }
            self.follow();
            return Some(Wish::Control { phone: self.phone()?.clone(), letter });
        }
        match (act, key) {
            (Act::Control, _) => view.control = true,
            (Act::TypeChar, Key::Char(char)) if view.typed.len() < LONGEST => view.typed.push(char),
            (Act::TypeChar, _) => self.view.note = Some("the line is full".to_owned()),
            (Act::Erase, _) => drop(view.typed.pop()),
            (Act::Secret, _) => view.secret = !view.secret,
            _ => {
                let (line, secret) = (std::mem::take(&mut view.typed), view.secret);
                self.forget_line();
                // The answer comes at the end.
                (self.view.serial.row, self.view.serial.instant) = (None, None);
                return Some(Wish::Type { phone: self.phone()?.clone(), line, secret });
            }
        }
        None
    }

    /// Back to NORMAL.
    pub(super) fn leave_mode(&mut self) -> Option<Wish> {
        self.forget_line();
        (self.view.mode, self.view.pressing) = (Mode::Normal, Pressing::default());
        // There is nobody to give it to where the run is over.
        self.phase().goes_on().then_some(Wish::Give)
    }

    /// What is done by a key in KEYS.
    pub(super) fn hand(&mut self, act: Act, key: Key) -> Option<Wish> {
        let keys = self.keyboard().ok()?;
        let pressing = &mut self.view.pressing;
        match act {
            Act::Hold if !keys.holds() => self.view.note = Some("this keypad can not hold keys".to_owned()),
            Act::Hold => pressing.hold = !pressing.hold,
            Act::Record => pressing.recorded = !pressing.recorded,
            Act::MoreKeys => pressing.page(true, keys.others.len()),
            Act::FewerKeys => pressing.page(false, keys.others.len()),
            Act::PressKey => return self.press_key(&keys, key),
            _ => {}
        }
        None
    }

    fn press_key(&mut self, keys: &Keyboard, key: Key) -> Option<Wish> {
        let phone = self.phone()?.clone();
        let pressing = &mut self.view.pressing;
        let Some(name) = keys.key(key, pressing.first).cloned() else {
            self.view.note = Some(match key {
                Key::Enter => format!("{phone} has no key that dials by itself"),
                _ => format!("`{key}` is no key of {phone}"),
            });
            return None;
        };
        let digit = matches!(key, Key::Char('0'..='9'));
        if digit && pressing.hold && !pressing.recorded {
            self.view.note = Some("a secret digit can not be held; Tab lets records have digits".to_owned());
            return None;
        }
        let hold = if std::mem::take(&mut pressing.hold) { Hold::Long } else { Hold::Usual };
        let secret = digit && !pressing.recorded;
        Some(Wish::Press { phone, stroke: Stroke::Press { keys: vec![name], hold }, secret })
    }
}
