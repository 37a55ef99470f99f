//! A simulated desk phone in the manner of the Aastra 6700i: registers, fails over and back, calls and is called, talks
//! on a serial console, has keys, a display and lamps, a web page and the XML interface. Sans-IO: time is an argument, so a
//! test jumps from deadline to deadline.
//!
//! It follows the maker's public guides. INVENTED, as nothing public tells it: the console; the places in the menus and
//! that `pound` confirms there; that the log-on key's form is submitted field by field with `pound`; what the log-on code
//! does on the wire (an INVITE of the code, from the MAC address while nobody is logged on, and a NOTIFY with the settings);
//! that such a NOTIFY is taken from its own servers even without `sip xml notify event`; that digits stand for the soft keys
//! of a text screen; that whoever logs off leaves the binding to lapse. Which servers a log-off leaves to the phone is for
//! the settings in that NOTIFY to say.
//!
//! Not here: the keypad board (`board`), sockets and PTYs ([`shell`]), the server's side (`registrar`).

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::Duration,
};

mod answers;
mod buttons;
mod call;
mod console;
mod context;
mod defect;
mod dialog;
mod dispatch;
mod display;
mod draft;
mod endpoint;
mod failover;
mod form;
mod icmp;
mod io;
mod keypad;
mod lamps;
mod line;
mod link;
mod loader;
mod menu;
mod mwi;
mod power;
mod push;
mod registration;
mod session;
mod settings;
pub mod shell;
pub mod spec;
mod terminal;
#[cfg(test)]
mod tests;
mod transaction;
pub mod web;

pub use defect::PhoneDefect;
pub use failover::Pair;
pub use io::{FIRST_ACCEPTED, PhoneInput, PhoneOutput, Service};
pub use power::OUT;
pub use settings::{Account, files};
pub use spec::{Habits, LineSpec, PhoneSpec, PhoneTimers, Provisioning, Transport};

use self::{
    answers::{Answers, Way},
    buttons::Hook,
    context::Context,
    display::Display,
    keypad::Keypad,
    lamps::Lamps,
    line::{Line, LineEvent},
    loader::Loader,
    power::{Power, Reboot},
    settings::Settings,
    terminal::{Colour, Terminal},
    web::{Browser, Visitors},
};
use super::{
    random::Random,
    veil::{Unveiled, Veil},
};
use crate::{config::provisioning::Layers, wire::stream::Framer};

/// Firmware version in the `User-Agent` and on the console.
const FIRMWARE: &str = "3.2.0.70-SIP";

/// A simulated phone.
#[derive(Debug)]
pub struct Phone {
    spec: PhoneSpec,
    /// What counts since the last boot.
    settings: Settings,
    /// Where the settings are from; what was set on the phone itself outlives a boot.
    layers: Layers,
    /// The layers have changed since `settings` were made.
    settings_changed: bool,
    agent: String,
    instance: String,
    random: Random,
    next_conn: u32,
    power: Power,
    /// It is to boot once it is idle.
    reset_asked: bool,
    /// What its defects will do to it, and when; known since link-up.
    doom: Vec<(Duration, PhoneDefect)>,
    lines: Vec<Line>,
    answers: Answers,
    /// SIP connections that others opened.
    accepted: BTreeMap<u32, (SocketAddr, Framer)>,
    visitors: Visitors,
    browser: Browser,
    loader: Loader,
    terminal: Terminal,
    console_open: bool,
    console_silent: bool,
    display: Display,
    hook: Hook,
    lamps: Lamps,
    keypad: Keypad,
    /// SIP connections of its own that look like TLS from outside.
    veils: BTreeMap<u32, Veil>,
    /// What was called last of the state of each line.
    states: BTreeMap<usize, &'static str>,
    outputs: VecDeque<PhoneOutput>,
}

impl Phone {
    /// A phone that has power and no link.
    pub fn new(spec: PhoneSpec) -> Self {
        let mac = spec.mac.to_string().replace(':', "");
        let layers = settings::layers(&spec);
        let mut terminal = Terminal::default();
        let start = Duration::ZERO;
        terminal.log(start, "kernel", Colour::Plain, format_args!("{} {FIRMWARE}, MAC {}", spec.product, spec.mac));
        terminal.log(start, "eth0", Colour::Plain, "link is down");
        terminal.prompt();
        let mut phone = Self {
            settings: Settings::of(&spec, &layers),
            layers,
            settings_changed: false,
            agent: format!("{}/{FIRMWARE}", spec.product),
            instance: format!("<urn:uuid:00000000-0000-1000-8000-{mac}>"),
            random: Random::new(spec.seed),
            next_conn: 1,
            power: Power::NoLink,
            reset_asked: false,
            doom: Vec::new(),
            lines: Vec::new(),
            answers: Answers::default(),
            accepted: BTreeMap::new(),
            visitors: Visitors::default(),
            browser: Browser::default(),
            loader: Loader::default(),
            terminal,
            console_open: true,
            console_silent: false,
            display: Display::default(),
            hook: Hook::default(),
            lamps: Lamps::default(),
            keypad: Keypad::default(),
            veils: BTreeMap::new(),
            states: BTreeMap::new(),
            outputs: VecDeque::new(),
            spec,
        };
        phone.flush_console();
        phone
    }

    /// What it is.
    pub fn spec(&self) -> &PhoneSpec {
        &self.spec
    }

    /// Where an account (by its index in the spec) is registered, as the phone truly sees it.
    pub fn registered_at(&self, line: usize) -> Option<SocketAddr> {
        self.lines.get(line)?.home().map(|(address, ..)| address)
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: PhoneInput) {
        if self.power == Power::Dead {
            return;
        }
        self.meet_doom(now);
        if self.power == Power::Hung {
            if let PhoneInput::Console(bytes) = input
                && !self.console_silent
            {
                self.typed(now, &bytes);
            }
            return self.flush_console();
        }
        self.take(now, input);
        for index in 0..self.lines.len() {
            self.with_line(index, now, Line::run);
        }
        self.run_due(now);
        if self.power == Power::Running {
            self.show(now);
        }
        self.flush_console();
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<PhoneOutput> {
        let mut output = self.outputs.pop_front()?;
        match &mut output {
            PhoneOutput::TcpConnect { conn, .. }
                if self.settings.transport == Transport::Tls && !self.browser.has(*conn) =>
            {
                self.veils.insert(*conn, Veil::client());
            }
            PhoneOutput::TcpSend { conn, bytes } => {
                if let Some(veil) = self.veils.get_mut(conn) {
                    *bytes = veil.hide(bytes);
                }
            }
            PhoneOutput::TcpClose { conn, .. } => _ = self.veils.remove(conn),
            _ => {}
        }
        Some(output)
    }

    /// From which port it speaks, and to whom.
    pub fn speaks(&self) -> (u16, Vec<SocketAddr>) {
        let alive = matches!(self.power, Power::Running);
        (session::PORT, self.lines.iter().filter(|_| alive).filter_map(Line::listener).collect())
    }

    /// When it wants [`PhoneInput::Timeout`], on the scale of `now`.
    pub fn poll_deadline(&self) -> Option<Duration> {
        let power = match self.power {
            Power::Dead => return None,
            Power::Hung => return self.doom.iter().map(|(at, _)| *at).min(),
            Power::Rebooting(until, _) => Some(until),
            Power::NoLink | Power::Running => None,
        };
        let others = [
            power,
            self.answers.next_due(),
            self.browser.next_due(),
            self.loader.next_due(),
            self.hook.next_due(),
            self.keypad.next_due(),
        ];
        let doom = self.doom.iter().map(|(at, _)| *at);
        self.lines.iter().filter_map(Line::deadline).chain(doom).chain(others.into_iter().flatten()).min()
    }

    fn take(&mut self, now: Duration, input: PhoneInput) {
        match input {
            PhoneInput::LinkUp => self.link_up(now),
            PhoneInput::Datagram { from, bytes } if self.is_up() => self.message(now, &bytes, Way::Datagram(from)),
            PhoneInput::Tftp { from, bytes } => {
                let loaded = self.loader.hear(now, from, &bytes, &mut self.outputs);
                loaded.into_iter().for_each(|loaded| self.loaded(now, loaded));
            }
            PhoneInput::Unreachable { to } if self.spec.habits.moves_on_icmp => {
                for index in 0..self.lines.len() {
                    self.with_line(index, now, |line, context| line.unreachable(to, context));
                }
            }
            PhoneInput::TcpAccepted { conn, .. } if !self.is_up() => {
                self.outputs.push_back(PhoneOutput::TcpClose { conn, abort: true });
            }
            PhoneInput::TcpAccepted { conn, from, service: Service::Sip } => {
                self.accepted.insert(conn, (from, Framer::default()));
            }
            PhoneInput::TcpAccepted { conn, from, service: Service::Http } => self.visitors.enter(conn, from),
            PhoneInput::TcpConnected { conn } if self.veils.contains_key(&conn) => self.send_flight(conn),
            PhoneInput::TcpConnected { conn } => {
                if !self.browser.connected(conn, &mut self.outputs) {
                    for index in 0..self.lines.len() {
                        self.with_line(index, now, |line, context| line.connected(conn, context));
                    }
                }
            }
            PhoneInput::TcpData { conn, bytes } => match self.veils.get_mut(&conn).map(|veil| veil.take(&bytes)) {
                Some(unveiled) => self.unveiled(now, conn, unveiled),
                None => self.stream(now, conn, &bytes),
            },
            PhoneInput::TcpClosed { conn, .. } => {
                self.veils.remove(&conn);
                self.accepted.remove(&conn);
                self.visitors.leave(conn);
                if let Some(fetched) = self.browser.closed(conn) {
                    self.fetched(now, fetched);
                }
                for index in 0..self.lines.len() {
                    self.with_line(index, now, |line, context| line.closed(conn, context));
                }
            }
            PhoneInput::Console(bytes) if !self.console_silent => self.typed(now, &bytes),
            PhoneInput::KeyDown { row, col } => self.contact(now, row, col, true),
            PhoneInput::KeyUp { row, col } => self.contact(now, row, col, false),
            PhoneInput::Datagram { .. }
            | PhoneInput::Unreachable { .. }
            | PhoneInput::Console(_)
            | PhoneInput::Timeout => {}
        }
    }

    /// Something came in a connection that looks like TLS.
    fn unveiled(&mut self, now: Duration, conn: u32, unveiled: Unveiled) {
        self.send_flight(conn);
        if unveiled.opened {
            for index in 0..self.lines.len() {
                self.with_line(index, now, |line, context| line.connected(conn, context));
            }
        }
        self.stream(now, conn, &unveiled.said);
    }

    fn send_flight(&mut self, conn: u32) {
        if self.veils.get(&conn).is_some_and(Veil::has_flight) {
            self.outputs.push_back(PhoneOutput::TcpSend { conn, bytes: Vec::new() });
        }
    }

    /// What is due beside the lines.
    fn run_due(&mut self, now: Duration) {
        let unconfirmed = self.answers.run(now, &self.settings.timers(0), &mut self.outputs);
        for call_id in unconfirmed {
            for index in 0..self.lines.len() {
                self.with_line(index, now, |line, context| line.unconfirmed(&call_id, context));
            }
        }
        if let Some(loaded) = self.loader.run(now, &mut self.outputs) {
            self.loaded(now, loaded);
        }
        if let Some(fetched) = self.browser.run(now, &mut self.outputs) {
            self.fetched(now, fetched);
        }
        if let Some(number) = self.hook.run(now, &mut self.display) {
            self.dial(now, &number);
        }
        if let Some(key) = self.keypad.run(now) {
            self.press(now, &key);
        }
        if self.reset_asked && self.is_idle() && self.power == Power::Running {
            self.reset_asked = false;
            self.reboot(now, Reboot::Full);
        }
        self.take_over(now);
    }

    fn with_line<T: Default>(
        &mut self,
        index: usize,
        now: Duration,
        act: impl FnOnce(&mut Line, &mut Context<'_>) -> T,
    ) -> T {
        let mut events = Vec::new();
        let timers = self.settings.timers(index);
        // The line leaves the phone while it acts, as the context borrows the rest.
        let mut lines = std::mem::take(&mut self.lines);
        let result = match lines.get_mut(index) {
            Some(line) => act(line, &mut self.context(now, &timers, &mut events)),
            None => T::default(),
        };
        self.lines = lines;
        for event in events {
            self.tell(now, index, &event);
            self.follow(now, index, &event);
        }
        result
    }

    /// What the phone as a whole makes of what became of a line.
    fn follow(&mut self, now: Duration, index: usize, event: &LineEvent) {
        match event {
            LineEvent::Panicked => self.panic(now),
            LineEvent::Moved if index == 0 && self.has(PhoneDefect::LosesSecondLine) && self.lines.len() > 1 => {
                self.with_line(1, now, Line::abort);
                let mut gone = self.settings.accounts.get(1).cloned();
                if let Some(account) = &mut gone {
                    (account.registrars, account.proxies) = Default::default();
                }
                self.replace_line(1, gone, now);
            }
            _ => {}
        }
    }

    fn has(&self, defect: PhoneDefect) -> bool {
        self.spec.defects.contains(&defect)
    }

    fn context<'a>(
        &'a mut self,
        now: Duration,
        timers: &'a PhoneTimers,
        events: &'a mut Vec<LineEvent>,
    ) -> Context<'a> {
        Context {
            now,
            local: SocketAddr::new(self.spec.address, self.spec.port),
            mac: self.spec.mac,
            transport: self.settings.transport,
            timers,
            habits: self.settings.habits,
            defects: &self.spec.defects,
            agent: &self.agent,
            instance: &self.instance,
            random: &mut self.random,
            next_conn: &mut self.next_conn,
            answers: &mut self.answers,
            outputs: &mut self.outputs,
            events,
        }
    }
}

/// Runs a simulated phone as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
