//! Objects of the XML interface, however they come: pushed by HTTP, in a NOTIFY, or fetched. And what was set on the
//! phone itself, which some of them change.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{Colour, Phone, form::Form, line::Line, power::Reboot, settings::Settings, web::Fetched};
use crate::wire::{
    aastra_xml::{Configuration, Execute, ExecuteUri, Object, PhoneCommand, from_post},
    http::HttpResponse,
    sip::Message,
};

/// Name of the event package that carries objects.
pub const EVENT: &str = "aastra-xml";

impl Phone {
    /// Somebody pushed an object by HTTP. Hosts that `xml application post list` does not name are turned away.
    pub(super) fn pushed(&mut self, now: Duration, from: IpAddr, body: &[u8]) -> HttpResponse {
        if !self.settings.post_list.contains(&from) {
            self.terminal.log(now, "xml", Colour::Red, format_args!("push from {from} refused"));
            return HttpResponse::bare(403);
        }
        match from_post(body) {
            Ok(object) => {
                self.terminal.log(now, "xml", Colour::Plain, format_args!("push from {from}"));
                self.obey(now, object);
                HttpResponse::bare(200)
            }
            Err(_) => HttpResponse::bare(400),
        }
    }

    /// An object came in a NOTIFY; the status code that answers it.
    pub(super) fn notified(&mut self, now: Duration, request: &Message, from: SocketAddr) -> u16 {
        let Ok(object) = Object::parse(request.body()) else { return 400 };
        let ours = self.settings.accounts.iter().any(|account| account.knows(from));
        let is_log_on = matches!(object, Object::Configuration(_)) && ours;
        if !self.settings.xml_notify && !is_log_on {
            return 489;
        }
        self.terminal.log(now, "xml", Colour::Plain, format_args!("notify from {}", from.ip()));
        self.obey(now, object);
        200
    }

    /// What was fetched came, or did not.
    pub(super) fn fetched(&mut self, now: Duration, fetched: Fetched) {
        let answer = match fetched {
            Fetched::Answer(answer) if answer.code == 200 => Object::parse(&answer.body),
            Fetched::Answer(answer) => {
                self.terminal.log(now, "xml", Colour::Red, format_args!("the server answers {}", answer.code));
                return self.display.notice(format!("Server answers {}", answer.code));
            }
            Fetched::Silence => {
                self.terminal.log(now, "xml", Colour::Red, "no answer from server");
                return self.display.notice("No answer from server");
            }
        };
        match answer {
            Ok(object) => {
                self.display.clear();
                self.obey(now, object);
            }
            Err(_) => self.display.notice("Server answers nonsense"),
        }
    }

    /// Removes what was set on the phone, and boots.
    pub(super) fn clear_local(&mut self, now: Duration) {
        self.layers.clear_local();
        self.terminal.log(now, "config", Colour::Plain, "local configuration removed");
        self.reboot(now, Reboot::Full);
    }

    /// Takes new settings over once no call is left that they could disturb.
    pub(super) fn take_over(&mut self, now: Duration) {
        if !self.settings_changed || !self.is_idle() {
            return;
        }
        self.settings_changed = false;
        let old = std::mem::replace(&mut self.settings, Settings::of(&self.spec, &self.layers));
        for index in 0..self.settings.accounts.len().min(self.lines.len()) {
            let account = self.settings.accounts.get(index).cloned();
            if old.accounts.get(index) != account.as_ref() {
                self.with_line(index, now, Line::abort);
                self.replace_line(index, account, now);
            }
        }
    }

    fn obey(&mut self, now: Duration, object: Object) {
        match object {
            Object::Execute(execute) => self.execute(now, execute),
            Object::Configuration(Configuration { items }) => self.set_local(now, &items),
            Object::InputScreen(screen) => match Form::new(screen) {
                Some(form) => self.display.fill_in(form),
                None => self.display.clear(),
            },
            Object::TextScreen(screen) => self.display.read(screen),
            Object::Status(status) => {
                for (_, message) in status.messages.iter().filter(|(_, message)| !message.is_empty()) {
                    self.terminal.log(now, "xml", Colour::Plain, format_args!("status: {message}"));
                }
            }
        }
    }

    fn execute(&mut self, now: Duration, execute: Execute) {
        for item in execute.items {
            if !self.is_up() {
                // An item before this one turned the phone off.
                return;
            }
            if item.interrupts_call == Some(false) && !self.is_idle() {
                continue;
            }
            match item.uri {
                // A key that is not there is silently discarded (maker's guide, manualsdir.com manual 253368, page 679).
                ExecuteUri::Key(name) => {
                    let key = key_name(&name);
                    if self.spec.keys.keys().any(|known| known.0 == key) {
                        self.press(now, &key);
                    }
                }
                ExecuteUri::Dial(number) => self.dial(now, &number),
                ExecuteUri::DialLine { line, number } => {
                    let index = usize::from(line).saturating_sub(1);
                    self.with_line(index, now, |line, context| line.dial(&number, context));
                }
                ExecuteUri::Led { key, led } => self.light(now, &key.to_ascii_lowercase(), led.into()),
                ExecuteUri::Command(PhoneCommand::Reset) => self.reboot(now, Reboot::Full),
                ExecuteUri::Command(PhoneCommand::FastReboot) => self.reboot(now, Reboot::Fast),
                ExecuteUri::Command(PhoneCommand::ClearLocal) => self.clear_local(now),
                ExecuteUri::Fetch(address) => self.fetch(now, &address),
                ExecuteUri::Command(PhoneCommand::Lock | PhoneCommand::Unlock)
                | ExecuteUri::Nothing
                | ExecuteUri::Other(_) => {}
            }
        }
    }

    fn set_local(&mut self, now: Duration, items: &[(String, String)]) {
        for (name, value) in items {
            match self.layers.set_local(name, value) {
                // Values may be passwords.
                Ok(()) => self.terminal.log(now, "config", Colour::Plain, format_args!("local {name} set")),
                Err(refused) => self.terminal.log(now, "config", Colour::Red, refused),
            }
        }
        self.settings_changed |= !items.is_empty();
    }
}

/// The name of a key in the model's table for its name in a `Key:` URI.
fn key_name(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "voldwn" => "voldown".to_owned(),
        "navdwn" => "navdown".to_owned(),
        _ => name.strip_prefix("keypad").map_or(name.clone(), str::to_owned),
    }
}
