//! What the keys of a simulated phone do, wherever a press comes from: the matrix, or a `Key:` of the XML interface.

use std::time::Duration;

use super::{
    Colour, Context, Phone, PhoneDefect,
    call::CallState,
    display::{Display, Wish},
    line::Line,
    menu::Order,
    power::{Power, Reboot},
};

/// How long after the last digit a telephone off the hook dials: `sip digit timeout`.
const DIGIT_TIMEOUT: Duration = Duration::from_secs(4);

/// The hook, and what was dialled.
#[derive(Debug, Default)]
pub struct Hook {
    off: bool,
    line: usize,
    dials_at: Option<Duration>,
    last: Option<String>,
}

impl Hook {
    /// When what was typed is dialled.
    pub fn next_due(&self) -> Option<Duration> {
        self.dials_at
    }

    /// What was typed, if it is time to dial it.
    pub fn run(&mut self, now: Duration, display: &mut Display) -> Option<String> {
        self.dials_at.take_if(|at| *at <= now)?;
        let typed = display.dialled()?.to_owned();
        display.clear();
        (!typed.is_empty()).then_some(typed)
    }

    fn put_down(&mut self) {
        (self.off, self.line, self.dials_at) = (false, 0, None);
    }
}

impl Phone {
    /// A contact of the matrix moved.
    pub(super) fn contact(&mut self, now: Duration, row: u8, col: u8, down: bool) {
        if self.has(PhoneDefect::DeafKeypad) || self.power != Power::Running {
            return;
        }
        // A contact without a key behind it does nothing, and says nothing.
        let Some(key) = self.keypad.moved(now, (row, col), &self.spec.keys) else { return };
        if down {
            self.press(now, &key);
        }
        if self.has(PhoneDefect::StickyKey) {
            self.keypad.stick(&key, now);
        } else if !down {
            self.terminal.log(now, "key", Colour::Plain, format_args!("release {key}"));
        }
    }

    /// A key goes down.
    pub(super) fn press(&mut self, now: Duration, key: &str) {
        self.terminal.log(now, "key", Colour::Plain, format_args!("press {key}"));
        if self.call_key(now, key) {
            return;
        }
        if let Some(address) = self.settings.xml_keys.get(key).cloned() {
            return self.fetch(now, &address);
        }
        let wish = self.display.press(key, &self.settings.admin_password);
        self.hook.dials_at = match (self.hook.off, self.display.dialled()) {
            (true, Some(typed)) if !typed.is_empty() => Some(now + DIGIT_TIMEOUT),
            _ => None,
        };
        match wish {
            Some(Wish::Dial(number)) => self.dial(now, &number),
            Some(Wish::Order(Order::Restart)) => self.reboot(now, Reboot::Full),
            Some(Wish::Order(Order::ClearLocal)) => self.clear_local(now),
            Some(Wish::Fetch(address)) => self.fetch(now, &address),
            None => {}
        }
    }

    /// Dials on the line that was chosen, or the first one.
    pub(super) fn dial(&mut self, now: Duration, number: &str) {
        let index = self.hook.line;
        self.hook.put_down();
        self.hook.last = Some(number.to_owned());
        if !self.with_line(index, now, |line, context| line.dial(number, context)) {
            self.terminal.log(now, "call", Colour::Red, "cannot call: no server, or the line is busy");
        }
    }

    /// Does something on the first line where it has an effect; says whether there was one.
    pub(super) fn on_any_line(&mut self, now: Duration, act: impl Fn(&mut Line, &mut Context<'_>) -> bool) -> bool {
        (0..self.lines.len()).any(|index| self.with_line(index, now, &act))
    }

    /// Keys that pick up, hang up, hold; says whether it was one that had an effect on a call or the hook.
    fn call_key(&mut self, now: Duration, key: &str) -> bool {
        let line = key.strip_prefix("line").and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
        match (key, line) {
            (_, Some(index)) if index < self.lines.len() => {
                let call = self.lines.get(index).and_then(|line| Some(line.call()?.1));
                match call {
                    Some(CallState::RingsHere) => {
                        self.with_line(index, now, Line::pick_up);
                    }
                    Some(CallState::Held) => {
                        self.with_line(index, now, Line::hold);
                    }
                    Some(_) => {}
                    None => self.off_hook(now, index),
                }
                true
            }
            ("speaker" | "headset", _) => {
                if !self.on_any_line(now, Line::pick_up) && !self.on_any_line(now, Line::hang_up) {
                    self.off_hook(now, 0);
                }
                true
            }
            ("goodbye", _) => {
                self.hook.put_down();
                self.on_any_line(now, Line::hang_up)
            }
            ("hold", _) => self.on_any_line(now, Line::hold),
            ("redial", _) => {
                if let Some(number) = self.hook.last.clone().filter(|_| self.is_idle()) {
                    self.dial(now, &number);
                }
                true
            }
            _ => false,
        }
    }

    /// Off the hook; what was typed before is dialled at once.
    fn off_hook(&mut self, now: Duration, index: usize) {
        (self.hook.off, self.hook.line) = (true, index);
        let typed = self.display.dialled().unwrap_or_default().to_owned();
        if typed.is_empty() {
            self.display.off_hook();
        } else {
            self.display.clear();
            self.dial(now, &typed);
        }
    }
}
