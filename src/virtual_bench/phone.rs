//! A simulated desk phone in the manner of the Aastra 6700i: registers, fails over and back, talks on a serial console,
//! has keys and a display. Sans-IO: time is an argument, so a test jumps from deadline to deadline.
//!
//! Its registration follows the maker's public guides with `sip outbound support: 0`. Its console is invented, as no
//! public description of a real one is known.
//!
//! Not here: the keypad board (`board`), sockets and PTYs ([`shell`]), the server's side (`registrar`).

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::Duration,
};

mod context;
mod display;
mod icmp;
mod io;
mod line;
mod link;
mod peer;
pub mod shell;
pub mod spec;
mod terminal;
#[cfg(test)]
mod tests;

pub use io::{PhoneInput, PhoneOutput};
pub use spec::{Habits, LineSpec, PhoneDefect, PhoneSpec, PhoneTimers, Transport};

use self::{
    context::Context,
    display::{Account, Display, status_text},
    line::{Line, LineEvent, Status},
    terminal::{Colour, Terminal},
};
use super::random::Random;
use crate::{
    event::SipStart,
    wire::sip::{Message, build_response},
};

/// Edges of a contact that follow its last one this closely are bounces.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// How long a phone that panicked is off before it boots.
const REBOOT: Duration = Duration::from_secs(2);

/// Firmware version in the `User-Agent` and on the console.
const FIRMWARE: &str = "3.2.0.70-SIP";

/// What a phone is doing as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    /// No link was seen yet.
    NoLink,
    /// It runs.
    Running,
    /// It panicked and boots again at that time.
    Rebooting(Duration),
    /// It died.
    Dead,
}

/// A simulated phone.
#[derive(Debug)]
pub struct Phone {
    spec: PhoneSpec,
    timers: PhoneTimers,
    agent: String,
    instance: String,
    random: Random,
    next_conn: u32,
    power: Power,
    /// What its defects will do to it, and when; known since link-up.
    doom: Vec<(Duration, PhoneDefect)>,
    lines: Vec<Line>,
    terminal: Terminal,
    console_open: bool,
    display: Display,
    lamp: bool,
    /// When each contact was last seen to move.
    edges: BTreeMap<(u8, u8), Duration>,
    outputs: VecDeque<PhoneOutput>,
}

impl Phone {
    /// A phone that has power and no link.
    pub fn new(spec: PhoneSpec) -> Self {
        let mac = spec.mac.to_string().replace(':', "");
        let mut terminal = Terminal::default();
        let start = Duration::ZERO;
        terminal.log(start, "kernel", Colour::Plain, format_args!("Aastra 6731i {FIRMWARE}, MAC {}", spec.mac));
        terminal.log(start, "eth0", Colour::Plain, "link is down");
        terminal.prompt();
        let mut phone = Self {
            timers: spec.timers.clamped(),
            agent: format!("Aastra 6731i/{FIRMWARE}"),
            instance: format!("<urn:uuid:00000000-0000-1000-8000-{mac}>"),
            random: Random::new(spec.seed),
            next_conn: 1,
            power: Power::NoLink,
            doom: Vec::new(),
            lines: Vec::new(),
            terminal,
            console_open: true,
            display: Display::default(),
            lamp: false,
            edges: BTreeMap::new(),
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
        self.take(now, input);
        for index in 0..self.lines.len() {
            self.with_line(index, now, Line::run);
        }
        if self.power == Power::Running {
            self.show(now);
        }
        self.flush_console();
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<PhoneOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`PhoneInput::Timeout`], on the scale of `now`.
    pub fn poll_deadline(&self) -> Option<Duration> {
        let reboot = match self.power {
            Power::Dead => return None,
            Power::Rebooting(until) => Some(until),
            Power::NoLink | Power::Running => None,
        };
        let doom = self.doom.iter().map(|(at, _)| *at);
        self.lines.iter().filter_map(Line::deadline).chain(doom).chain(reboot).min()
    }

    fn take(&mut self, now: Duration, input: PhoneInput) {
        match input {
            PhoneInput::LinkUp => self.link_up(now),
            PhoneInput::Datagram { from, bytes } => self.message(now, &bytes, |bytes| {
                // Answers go where the request came from, as with `rport` (RFC 3581).
                PhoneOutput::SendDatagram { to: from, bytes }
            }),
            PhoneInput::Unreachable { to } if self.spec.habits.moves_on_icmp => {
                for index in 0..self.lines.len() {
                    self.with_line(index, now, |line, context| line.unreachable(to, context));
                }
            }
            PhoneInput::TcpConnected { conn } => {
                for index in 0..self.lines.len() {
                    self.with_line(index, now, |line, context| line.connected(conn, context));
                }
            }
            PhoneInput::TcpData { conn, bytes } => {
                let messages = self.lines.iter_mut().find_map(|line| line.received(conn, &bytes));
                for bytes in messages.unwrap_or_default() {
                    self.message(now, &bytes, |bytes| PhoneOutput::TcpSend { conn, bytes });
                }
            }
            PhoneInput::TcpClosed { conn, .. } => {
                for index in 0..self.lines.len() {
                    self.with_line(index, now, |line, context| line.closed(conn, context));
                }
            }
            PhoneInput::Console(bytes) => {
                for byte in bytes {
                    if let Some(command) = self.terminal.typed(byte) {
                        self.command(&command);
                        self.terminal.prompt();
                    }
                }
            }
            PhoneInput::KeyDown { row, col } => self.key(now, row, col, true),
            PhoneInput::KeyUp { row, col } => self.key(now, row, col, false),
            PhoneInput::Unreachable { .. } | PhoneInput::Timeout => {}
        }
    }

    fn link_up(&mut self, now: Duration) {
        if self.power != Power::NoLink {
            return;
        }
        self.doom = self
            .spec
            .defects
            .iter()
            .filter_map(|defect| match defect {
                PhoneDefect::DiesAfter(span)
                | PhoneDefect::ConsoleClosesAfter(span)
                | PhoneDefect::RebootsAfter(span) => Some((now + *span, *defect)),
                _ => None,
            })
            .collect();
        self.boot(now);
    }

    fn boot(&mut self, now: Duration) {
        self.power = Power::Running;
        self.terminal.log(now, "eth0", Colour::Plain, format_args!("link is up, address {}", self.spec.address));
        let start = now + self.spec.boot;
        for spec in self.spec.lines.clone() {
            let line = Line::new(spec, &mut self.context(now, &mut Vec::new()), start);
            self.lines.push(line);
        }
    }

    /// Lets defects that are due take effect, and boots again when it is time.
    fn meet_doom(&mut self, now: Duration) {
        if matches!(self.power, Power::Rebooting(until) if until <= now) {
            self.terminal.print("\r\nbootloader: cold start");
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
                PhoneDefect::RebootsAfter(_) => {
                    self.terminal.log(now, "kernel", Colour::Red, "Kernel panic - not syncing: watchdog");
                    for index in 0..self.lines.len() {
                        self.with_line(index, now, Line::abort);
                    }
                    self.go_down();
                    self.power = Power::Rebooting(now + REBOOT);
                }
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

    fn go_down(&mut self) {
        self.lines.clear();
        self.terminal.reset();
        self.display = Display::default();
        self.flush_console();
    }

    fn message(&mut self, now: Duration, bytes: &[u8], answer: impl Fn(Vec<u8>) -> PhoneOutput) {
        let Ok(message) = Message::parse(bytes) else { return };
        match message.start() {
            SipStart::Request { method, .. } => {
                self.outputs.extend(respond(&message, method, &self.agent).map(answer));
            }
            SipStart::Response { .. } => {
                for index in 0..self.lines.len() {
                    if self.with_line(index, now, |line, context| line.response(&message, context)) {
                        break;
                    }
                }
            }
        }
    }

    fn key(&mut self, now: Duration, row: u8, col: u8, down: bool) {
        let deaf = self.spec.defects.contains(&PhoneDefect::DeafKeypad) || self.power != Power::Running;
        let place = format!("{row}.{col}");
        let found = self.spec.keys.iter().find(|(_, at)| **at == place).map(|(name, _)| name.0.clone());
        // A contact without a key behind it does nothing, and says nothing.
        let Some(name) = found.filter(|_| !deaf) else { return };
        let bounces = self.edges.get(&(row, col)).is_some_and(|edge| now.saturating_sub(*edge) < DEBOUNCE);
        if bounces {
            return;
        }
        self.edges.insert((row, col), now);
        if down {
            self.terminal.log(now, "key", Colour::Plain, format_args!("press {name}"));
            self.display.press(&name);
        } else {
            self.terminal.log(now, "key", Colour::Plain, format_args!("release {name}"));
        }
    }

    fn command(&mut self, command: &str) {
        let accounts = self.accounts();
        match command.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            ["help"] => self.terminal.print("commands: display, help, lamps, sip status, version"),
            ["version"] => self.terminal.print(format_args!("Aastra 6731i {FIRMWARE}")),
            ["display"] => self.terminal.print(format_args!("display: {}", self.display.text(&accounts))),
            ["lamps"] => self.terminal.print(format_args!("lamp: message {}", on_off(self.lamp))),
            ["sip", "status"] => {
                self.terminal.print("Line  SIP Account  Status  Server  Backup Registrar Used?");
                for (index, account) in accounts.iter().enumerate() {
                    let server = account.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
                    let name = self.lines.get(index).map(Line::account).unwrap_or_default();
                    let backup = if account.on_backup { "Yes" } else { "No" };
                    self.terminal.print(format_args!(
                        "{:<4}  {name}  {}  {server}  {backup}",
                        index + 1,
                        status_text(account.status)
                    ));
                }
            }
            [word, ..] => self.terminal.print(format_args!("{word}: not found; try help")),
        }
    }

    /// The accounts as console and display tell of them, which a defect may turn into a lie.
    fn accounts(&self) -> Vec<Account> {
        let lies = self.spec.defects.contains(&PhoneDefect::ClaimsBackup);
        let account = |line: &Line| {
            let home = line.home().map(|(server, on_backup, _)| match line.backup() {
                Some(backup) if lies => (backup, true),
                _ => (server, on_backup),
            });
            Account {
                extension: line.extension().to_owned(),
                status: line.status(),
                server: home.map(|(server, _)| server.ip()),
                on_backup: home.is_some_and(|(_, on_backup)| on_backup),
            }
        };
        self.lines.iter().map(account).collect()
    }

    /// Brings display and lamp up to date, and tells of changes on the console.
    fn show(&mut self, now: Duration) {
        let accounts = self.accounts();
        if let Some(text) = self.display.changed(&accounts) {
            self.terminal.log(now, "display", Colour::Plain, text);
        }
        let lamp = accounts.iter().any(|account| account.status != Status::Registered);
        if lamp != self.lamp {
            self.lamp = lamp;
            self.terminal.log(now, "lamp", Colour::Plain, format_args!("message {}", on_off(lamp)));
        }
    }

    fn with_line<T: Default>(
        &mut self,
        index: usize,
        now: Duration,
        act: impl FnOnce(&mut Line, &mut Context<'_>) -> T,
    ) -> T {
        let mut events = Vec::new();
        // The line leaves the phone while it acts, as the context borrows the rest.
        let mut lines = std::mem::take(&mut self.lines);
        let result = match lines.get_mut(index) {
            Some(line) => act(line, &mut self.context(now, &mut events)),
            None => T::default(),
        };
        self.lines = lines;
        for event in events {
            self.tell(now, index, &event);
        }
        result
    }

    fn context<'a>(&'a mut self, now: Duration, events: &'a mut Vec<LineEvent>) -> Context<'a> {
        Context {
            now,
            local: SocketAddr::new(self.spec.address, self.spec.port),
            transport: self.spec.transport,
            timers: &self.timers,
            habits: self.spec.habits,
            defects: &self.spec.defects,
            agent: &self.agent,
            instance: &self.instance,
            random: &mut self.random,
            next_conn: &mut self.next_conn,
            outputs: &mut self.outputs,
            events,
        }
    }

    fn tell(&mut self, now: Duration, index: usize, event: &LineEvent) {
        let Some(line) = self.lines.get(index) else { return };
        let name = format!("line {} {}", index + 1, line.account());
        let granted = line.home().map_or(0, |(_, _, granted)| granted.as_secs());
        let (colour, text) = match event {
            LineEvent::Registered => {
                let account = self.accounts().swap_remove(index);
                let server = account.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
                let backup = if account.on_backup { "yes" } else { "no" };
                (Colour::Green, format!("registered at {server} expires {granted} backup {backup}"))
            }
            LineEvent::GaveUp { server, after } => {
                (Colour::Red, format!("gave up on {} after {} ms", server.ip(), after.as_millis()))
            }
            LineEvent::Lost { why, retry: Some(retry) } => {
                (Colour::Red, format!("No Service: {why}; next try in {} s", retry.as_secs()))
            }
            LineEvent::Lost { why, retry: None } => (Colour::Red, format!("No Service: {why}")),
            LineEvent::Rejected { server, code, retry } => {
                (Colour::Red, format!("{code} from {}; next try in {} s", server.ip(), retry.as_secs()))
            }
        };
        self.terminal.log(now, "sip", colour, format_args!("{name} {text}"));
    }

    fn flush_console(&mut self) {
        let bytes = self.terminal.take();
        if self.console_open && !bytes.is_empty() {
            self.outputs.push_back(PhoneOutput::Console(bytes));
        }
    }
}

/// The answer to a request from outside; none to an ACK. OPTIONS and NOTIFY are welcome, calls are not.
fn respond(request: &Message, method: &str, agent: &str) -> Option<Vec<u8>> {
    let (code, reason) = match method {
        "ACK" => return None,
        "OPTIONS" | "NOTIFY" => (200, "OK"),
        "INVITE" => (486, "Busy Here"),
        "CANCEL" | "BYE" => (481, "Call/Transaction Does Not Exist"),
        _ => (405, "Method Not Allowed"),
    };
    let to = request.header("To").unwrap_or_default();
    let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=phone") };
    let mut headers: Vec<(&str, &str)> = request.headers("Via").map(|via| ("Via", via)).collect();
    for name in ["From", "Call-ID", "CSeq"] {
        headers.push((name, request.header(name)?));
    }
    headers.extend([
        ("To", to.as_str()),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY"),
        ("User-Agent", agent),
    ]);
    build_response(code, reason, &headers, b"").ok()
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Runs a simulated phone as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
