//! From what arrives on the network to whom it is for: a line, the XML interface, a visitor, the browser.

use std::time::Duration;

use super::{Phone, PhoneOutput, answers::Way, endpoint, line::Line, mwi, push};
use crate::{
    event::SipStart,
    wire::sip::{Message, address_of_record},
};

impl Phone {
    pub(super) fn stream(&mut self, now: Duration, conn: u32, bytes: &[u8]) {
        if let Some((from, framer)) = self.accepted.get_mut(&conn) {
            let (from, messages) = (*from, endpoint::messages(framer, bytes));
            for bytes in messages {
                self.message(now, &bytes, Way::Connection(conn, from));
            }
        } else if let Some((from, request)) = self.visitors.received(conn, bytes) {
            let bytes = self.visit(now, from, request).to_bytes();
            self.outputs.push_back(PhoneOutput::TcpSend { conn, bytes });
            self.outputs.push_back(PhoneOutput::TcpClose { conn, abort: false });
        } else if self.browser.has(conn) {
            if let Some(fetched) = self.browser.received(conn, bytes, &mut self.outputs) {
                self.fetched(now, fetched);
            }
        } else {
            let received = self.lines.iter_mut().find_map(|line| line.received(conn, bytes));
            let Some((from, messages)) = received else { return };
            for bytes in messages {
                self.message(now, &bytes, Way::Connection(conn, from));
            }
        }
    }

    pub(super) fn message(&mut self, now: Duration, bytes: &[u8], way: Way) {
        let Ok(message) = Message::parse(bytes) else { return };
        match message.start() {
            SipStart::Request { method, uri } => {
                if !self.answers.again(&message, method, &mut self.outputs) {
                    self.request(now, &message, method, uri, way);
                }
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

    fn request(&mut self, now: Duration, message: &Message, method: &str, uri: &str, way: Way) {
        let event = message.header("Event").map(|event| event.split(';').next().unwrap_or_default().trim());
        let index = self.line_of(message, uri);
        let code = match (method, event) {
            ("NOTIFY", Some(push::EVENT)) => Some(self.notified(now, message, way.address())),
            ("OPTIONS" | "NOTIFY", None) => Some(200),
            ("NOTIFY", Some(event)) if event != mwi::EVENT => Some(489),
            ("INVITE", _) if self.lines.is_empty() => Some(486),
            ("INVITE" | "ACK" | "BYE" | "CANCEL" | "NOTIFY", _) => match index {
                Some(index) => self.with_line(index, now, |line, context| line.request(method, message, way, context)),
                None => Some(481).filter(|_| method != "ACK"),
            },
            ("OPTIONS", _) => Some(200),
            _ => Some(405),
        };
        if let Some(code) = code {
            let mut events = Vec::new();
            let timers = self.settings.timers(index.unwrap_or(0));
            Line::say(message, way, code, &mut self.context(now, &timers, &mut events));
        }
    }

    /// The line that a request is meant for; the first one if it is not said.
    fn line_of(&self, message: &Message, uri: &str) -> Option<usize> {
        let called = address_of_record(&format!("<{uri}>"));
        let called = called.map(|(user, _)| user).unwrap_or_default();
        let meant = self.lines.iter().position(|line| line.is_meant(message, &called));
        meant.or((!self.lines.is_empty()).then_some(0))
    }
}
