//! From link-up to the end: boots, commanded and other ones, and the hour of each defect.

use std::time::Duration;

use super::{
    Colour, Display, Hook, Lamps, Phone, PhoneDefect, PhoneOutput, Settings,
    line::Line,
    loader::Loaded,
    settings::{self, Account},
};

/// How long a phone is off before it boots.
const OFF: Duration = Duration::from_secs(2);
/// The same for a fast reboot, which skips the boot loader.
const OFF_BRIEFLY: Duration = Duration::from_millis(500);

/// How long a loose cable is out.
pub const OUT: Duration = Duration::from_secs(25);

/// What a phone is doing as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// No link was seen yet.
    NoLink,
    /// It runs.
    Running,
    /// It is off, and boots at that time, through the boot loader or not.
    Rebooting(Duration, Reboot),
    /// Its application hangs.
    Hung,
    /// It died.
    Dead,
}

/// How a phone is told to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reboot {
    /// Once it is idle, through the boot loader.
    Full,
    /// At once, without it.
    Fast,
}

impl Phone {
    pub(super) fn link_up(&mut self, now: Duration) {
        if self.power != Power::NoLink {
            return;
        }
        let due = self.spec.defects.iter().filter_map(|defect| match defect {
            PhoneDefect::DiesAfter(span)
            | PhoneDefect::ConsoleClosesAfter(span)
            | PhoneDefect::ConsoleLooseAfter(span)
            | PhoneDefect::ConsoleSilentAfter(span)
            | PhoneDefect::HangsAfter(span)
            | PhoneDefect::RebootsAfter(span) => Some((now + *span, *defect)),
            _ => None,
        });
        self.doom = due.collect();
        self.boot(now);
    }

    /// Lets defects that are due take effect, and boots when it is time.
    pub(super) fn meet_doom(&mut self, now: Duration) {
        if let Power::Rebooting(until, kind) = self.power
            && until <= now
        {
            if kind == Reboot::Full {
                self.terminal.print("\r\nbootloader: cold start");
            }
            self.boot(now);
            self.terminal.prompt();
        }
        let due: Vec<PhoneDefect> = self.doom.extract_if(.., |(at, _)| *at <= now).map(|(_, defect)| defect).collect();
        for defect in due {
            match defect {
                PhoneDefect::ConsoleClosesAfter(_) => {
                    self.console_open = false;
                    self.outputs.push_back(PhoneOutput::ConsoleClosed);
                }
                PhoneDefect::ConsoleLooseAfter(_) if self.console_open => {
                    self.console_open = false;
                    self.outputs.push_back(PhoneOutput::ConsoleClosed);
                    self.doom.push((now + OUT, defect));
                }
                PhoneDefect::ConsoleLooseAfter(_) => {
                    self.console_open = true;
                    self.outputs.push_back(PhoneOutput::ConsoleBack);
                }
                PhoneDefect::HangsAfter(_) => self.power = Power::Hung,
                PhoneDefect::ConsoleSilentAfter(_) => self.console_silent = true,
                PhoneDefect::RebootsAfter(_) => self.panic(now),
                PhoneDefect::DiesAfter(_) => {
                    self.go_down();
                    self.power = Power::Dead;
                    self.outputs.push_back(PhoneOutput::Died);
                    return;
                }
                _ => {}
            }
        }
    }

    /// It can not go on.
    pub(super) fn panic(&mut self, now: Duration) {
        self.terminal.log(now, "kernel", Colour::Red, "Kernel panic - not syncing: watchdog");
        self.turn_off(now + OFF, Reboot::Full);
    }

    /// Boots on command. A full boot waits until no call is left.
    pub(super) fn reboot(&mut self, now: Duration, kind: Reboot) {
        match kind {
            Reboot::Full if !self.is_idle() => self.reset_asked = true,
            Reboot::Full => {
                self.terminal.log(now, "system", Colour::Plain, "restarting");
                self.turn_off(now + OFF, kind);
            }
            Reboot::Fast => {
                self.terminal.log(now, "system", Colour::Plain, "restarting fast");
                self.turn_off(now + OFF_BRIEFLY, kind);
            }
        }
    }

    /// Boots at once, whatever hangs.
    pub(super) fn reboot_by_force(&mut self, now: Duration) {
        self.terminal.log(now, "system", Colour::Plain, "restarting");
        self.turn_off(now + OFF, Reboot::Full);
    }

    /// Puts an account in the place of another.
    pub(super) fn replace_line(&mut self, index: usize, account: Option<Account>, start: Duration) {
        let Some(account) = account else { return };
        let timers = account.timers;
        let line = Line::new(account, start, &mut self.context(start, &timers, &mut Vec::new()));
        if let Some(place) = self.lines.get_mut(index) {
            *place = line;
        }
    }

    /// No call is left.
    pub(super) fn is_idle(&self) -> bool {
        self.lines.iter().all(|line| line.call().is_none())
    }

    fn boot(&mut self, now: Duration) {
        self.power = Power::Running;
        self.layers.restart();
        self.settings = Settings::of(&self.spec, &self.layers);
        self.terminal.log(now, "eth0", Colour::Plain, format_args!("link is up, address {}", self.spec.address));
        match self.spec.tftp.filter(|_| !self.has(PhoneDefect::LoadsNothing)) {
            Some(server) => {
                let files = settings::files(&self.spec);
                self.loader.begin(now, server, files, &mut self.outputs);
            }
            None => self.start_lines(now),
        }
    }

    /// It has loaded its files, or not.
    pub(super) fn loaded(&mut self, now: Duration, loaded: Loaded) {
        match loaded {
            Loaded::Nothing => self.terminal.log(now, "provis", Colour::Red, "no answer from the configuration server"),
            Loaded::Files(_) if self.has(PhoneDefect::IgnoresFiles) => {}
            Loaded::Files(files) => {
                self.spec.provisioning = settings::provisioning(&self.spec, &files);
                let local = std::mem::take(&mut self.layers);
                self.layers = settings::layers(&self.spec);
                self.layers.keep_local(local);
                self.layers.restart();
                self.settings = Settings::of(&self.spec, &self.layers);
            }
        }
        self.start_lines(now);
    }

    fn start_lines(&mut self, now: Duration) {
        let start = now + self.spec.boot;
        for account in self.settings.accounts.clone() {
            let timers = account.timers;
            let line = Line::new(account, start, &mut self.context(now, &timers, &mut Vec::new()));
            self.lines.push(line);
        }
    }

    fn turn_off(&mut self, until: Duration, kind: Reboot) {
        for index in 0..self.lines.len() {
            self.with_line(index, until, Line::abort);
        }
        let accepted = std::mem::take(&mut self.accepted).into_keys().chain(self.visitors.clear());
        self.loader.stop();
        let all = accepted.chain(self.browser.stop());
        self.outputs.extend(all.map(|conn| PhoneOutput::TcpClose { conn, abort: true }));
        self.go_down();
        self.power = Power::Rebooting(until, kind);
        (self.reset_asked, self.settings_changed) = (false, false);
    }

    fn go_down(&mut self) {
        self.lines.clear();
        self.states.clear();
        self.answers = super::Answers::default();
        self.terminal.reset();
        self.display = Display::default();
        self.hook = Hook::default();
        self.lamps = Lamps::default();
        self.flush_console();
    }
}
