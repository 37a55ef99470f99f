//! What a simulated phone says on its serial console, and the commands that it takes there. Both are invented.

use std::time::Duration;

use super::{
    Colour, Phone, PhoneDefect, PhoneOutput, Power,
    display::{Account, status_text},
    lamps::Lamp,
    line::{Line, LineEvent},
    registration::Status,
};
use crate::wire::http::{HttpRequest, HttpUrl};

impl Phone {
    pub(super) fn typed(&mut self, now: Duration, bytes: &[u8]) {
        for byte in bytes {
            if let Some(command) = self.terminal.typed(*byte) {
                self.command(now, &command);
                // The command may have turned the phone off.
                if matches!(self.power, Power::Running | Power::NoLink | Power::Hung) {
                    self.terminal.prompt();
                }
            }
        }
    }

    fn command(&mut self, now: Duration, command: &str) {
        match command.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => {}
            ["help"] => self.terminal.print(
                "commands: answer, dial NUMBER, display, hangup, help, hold, lamps, net status, reboot, sip register, sip status, version",
            ),
            ["version"] => self.terminal.print(self.web_agent()),
            ["net", "status"] => {
                let link = if self.power == Power::NoLink { "down" } else { "up" };
                self.terminal.print(format_args!("eth0: link is {link}, address {}", self.spec.address));
            }
            ["reboot"] => self.reboot_by_force(now),
            [word, ..] if self.power == Power::Hung => {
                self.terminal.print(format_args!("{word}: the application does not answer"));
            }
            ["display"] => {
                let text = self.display.text(&self.shown_accounts());
                self.terminal.print(format_args!("display: {text}"));
            }
            ["lamps"] => {
                for (name, lamp) in self.lamps.iter() {
                    self.terminal.print(format_args!("lamp: {name} {lamp}"));
                }
            }
            ["sip", "status"] => self.sip_status(),
            ["sip", "register"] => {
                for index in 0..self.lines.len() {
                    self.with_line(index, now, Line::renew);
                }
            }
            ["dial", number] => self.dial(now, number),
            ["answer"] => self.say_unless(now, Line::pick_up, "no call to answer"),
            ["hangup"] => self.say_unless(now, Line::hang_up, "no call to end"),
            ["hold"] => self.say_unless(now, Line::hold, "no call to hold"),
            [word, ..] => self.terminal.print(format_args!("{word}: not found; try help")),
        }
    }

    fn say_unless(&mut self, now: Duration, act: impl Fn(&mut Line, &mut super::Context<'_>) -> bool, otherwise: &str) {
        if !self.on_any_line(now, act) {
            self.terminal.print(otherwise);
        }
    }

    fn sip_status(&mut self) {
        let local = self.layers.local_file().lines().count();
        let local = if local == 0 { "none".to_owned() } else { local.to_string() };
        self.terminal.print(format_args!("Local settings: {local}"));
        self.terminal.print("Line  SIP Account  Status  Server  Backup Registrar Used?");
        let accounts = self.accounts();
        for (index, (account, line)) in accounts.iter().zip(&self.lines).enumerate() {
            let server = account.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
            let name = line.account().name();
            let backup = if account.on_backup { "Yes" } else { "No" };
            let status = status_text(account.status);
            self.terminal.print(format_args!("{:<4}  {name}  {status}  {server}  {backup}", index + 1));
        }
    }

    /// The accounts as console and display tell of them, which a defect may turn into a lie.
    pub(super) fn accounts(&self) -> Vec<Account> {
        let lies = self.has(PhoneDefect::ClaimsBackup);
        let account = |line: &Line| {
            let home = line.home().map(|(server, on_backup, _)| match line.account().registrars.backup {
                Some(backup) if lies => (backup, true),
                _ => (server, on_backup),
            });
            Account {
                extension: line.account().user.clone(),
                status: line.status(),
                server: home.map(|(server, _)| server.ip()),
                on_backup: home.is_some_and(|(_, on_backup)| on_backup),
                call: line.call().map(|(other, state)| (other.to_owned(), state)),
            }
        };
        self.lines.iter().map(account).collect()
    }

    /// The accounts as the display alone tells of them.
    pub(super) fn shown_accounts(&self) -> Vec<Account> {
        let mut accounts = self.accounts();
        if self.has(PhoneDefect::DisplayWrong) {
            for (account, line) in accounts.iter_mut().zip(&self.lines) {
                account.status = Status::Registered;
                account.server = line.account().registrars.primary.map(|primary| primary.ip());
                account.on_backup = false;
            }
        }
        accounts
    }

    /// Brings display and lamps up to date, and tells of changes on the console.
    pub(super) fn show(&mut self, now: Duration) {
        let accounts = self.shown_accounts();
        if let Some(text) = self.display.changed(&accounts) {
            self.terminal.log(now, "display", Colour::Plain, text);
        }
        let trouble = |account: &Account| !matches!(account.status, Status::Registered | Status::Idle);
        let message = accounts.iter().any(trouble) || self.lines.iter().any(Line::has_messages);
        self.light(now, "message", message.into());
        let calls: Vec<_> = self.lines.iter().map(|line| line.call().map(|(_, state)| state)).collect();
        for (index, call) in calls.into_iter().enumerate() {
            self.light(now, &format!("line{}", index + 1), call.into());
        }
    }

    /// Sets a lamp, and tells of it if that is a change.
    pub(super) fn light(&mut self, now: Duration, name: &str, lamp: Lamp) {
        if self.lamps.set(name, lamp) {
            self.terminal.log(now, "lamp", Colour::Plain, format_args!("{name} {lamp}"));
        }
    }

    /// Tells of what became of a line.
    pub(super) fn tell(&mut self, now: Duration, index: usize, event: &LineEvent) {
        self.announce(index, event);
        let Some(line) = self.lines.get(index) else { return };
        let name = format!("line {} {}", index + 1, line.account().name());
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
            LineEvent::Subscribed { server } => (Colour::Plain, format!("message lamp subscribed at {}", server.ip())),
            LineEvent::NotSubscribed { code } => (Colour::Red, format!("message lamp refused with {code}")),
            LineEvent::Call { other, what } => (Colour::Plain, format!("call {other} {what}")),
            LineEvent::CallTimedOut { server } => (Colour::Red, format!("call: no answer from {}", server.ip())),
            LineEvent::Moved | LineEvent::Panicked => return,
        };
        self.terminal.log(now, "sip", colour, format_args!("{name} {text}"));
        if let Some(to) = self.settings.log_server {
            // Facility local0, severity informational. That it has the words of the console is invented, as they are.
            let bytes = format!("<134>sip: {name} {text}").into_bytes();
            self.outputs.push_back(PhoneOutput::SendLog { to, bytes });
        }
    }

    /// Calls whoever is to know that the state of a line has changed. It is not repeated for the same state (release notes 2.4,
    /// azmanual.top manual 37616, page 38).
    pub(super) fn announce(&mut self, index: usize, event: &LineEvent) {
        let (state, code) = match event {
            LineEvent::Registered => ("REGISTERED", 1),
            LineEvent::Rejected { code, .. } => ("REFUSED", u32::from(*code)),
            // The code is invented.
            LineEvent::Lost { .. } => ("TIMEOUT", 408),
            _ => return,
        };
        let Some((address, line)) = self.settings.registration_event.as_ref().zip(self.lines.get(index)) else {
            return;
        };
        if self.states.insert(index, state) == Some(state) {
            return;
        }
        let address = address
            .replace("$$SIPUSERNAME$$", &line.account().user)
            .replace("$$REGISTRATIONSTATE$$", state)
            .replace("$$REGISTRATIONCODE$$", &format!("{code:03}"))
            .replace("$$LOCALIP$$", &self.spec.address.to_string());
        let place = HttpUrl::parse(&address).and_then(|url| Some((url.address()?, url)));
        self.outputs.extend(place.map(|(to, url)| PhoneOutput::Call { to, bytes: HttpRequest::get(&url).to_bytes() }));
    }

    pub(super) fn flush_console(&mut self) {
        let bytes = self.terminal.take();
        if self.console_open && !self.console_silent && !bytes.is_empty() {
            self.outputs.push_back(PhoneOutput::Console(bytes));
        }
    }
}
