//! A phone on virtual time whose requests a test answers itself. Only REGISTER is answered for it, by every server that
//! is not cut.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{
    super::{FIRST_ACCEPTED, Phone, PhoneInput, PhoneOutput, PhoneSpec, Service},
    world::address,
};
use crate::{
    event::SipStart,
    wire::sip::{Message, build_request, build_response},
};

/// A message that left the phone.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Duration,
    pub to: SocketAddr,
    pub message: Message,
}

impl Sent {
    /// Method or status code.
    pub fn what(&self) -> String {
        match self.message.start() {
            SipStart::Request { method, .. } => method.clone(),
            SipStart::Response { code, .. } => code.to_string(),
        }
    }

    pub fn uri(&self) -> &str {
        match self.message.start() {
            SipStart::Request { uri, .. } => uri,
            SipStart::Response { .. } => "",
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.message.header(name).unwrap_or_default()
    }
}

pub struct Wire {
    pub now: Duration,
    pub phone: Phone,
    pub cut: BTreeSet<SocketAddr>,
    pub sent: Vec<Sent>,
    pub console: String,
    /// Bytes on connections that others opened, and on those for HTTP that the phone opened.
    pub streams: Vec<(u32, Vec<u8>)>,
    /// What went to the log server, and calls to whoever is to know.
    pub logs: Vec<(SocketAddr, String)>,
    /// Connections that the phone asked for.
    pub connects: Vec<(u32, SocketAddr)>,
    next_conn: u32,
    branch: u32,
}

impl Wire {
    pub fn new(spec: PhoneSpec) -> Self {
        let mut wire = Self {
            now: Duration::ZERO,
            phone: Phone::new(spec),
            cut: BTreeSet::new(),
            sent: Vec::new(),
            console: String::new(),
            streams: Vec::new(),
            logs: Vec::new(),
            connects: Vec::new(),
            next_conn: FIRST_ACCEPTED,
            branch: 0,
        };
        wire.give(PhoneInput::LinkUp);
        wire
    }

    /// A phone that has registered.
    pub fn registered(spec: PhoneSpec) -> Self {
        let mut wire = Self::new(spec);
        wire.run_to(1.0);
        wire.sent.clear();
        wire
    }

    pub fn run_to(&mut self, seconds: f64) {
        let end = Duration::from_secs_f64(seconds);
        while let Some(at) = self.phone.poll_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.give(PhoneInput::Timeout);
        }
        self.now = end;
    }

    pub fn give(&mut self, input: PhoneInput) {
        self.phone.handle(self.now, input);
        while let Some(output) = self.phone.poll_output() {
            match output {
                PhoneOutput::SendDatagram { to, bytes } => self.leaves(to, &bytes),
                PhoneOutput::TcpConnect { conn, to } => self.connects.push((conn, to)),
                PhoneOutput::TcpSend { conn, bytes } => self.streams.push((conn, bytes)),
                PhoneOutput::SendLog { to, bytes } | PhoneOutput::Call { to, bytes } => {
                    self.logs.push((to, String::from_utf8(bytes).unwrap()))
                }
                PhoneOutput::Console(bytes) => self.console.push_str(&String::from_utf8_lossy(&bytes)),
                PhoneOutput::SendTftp { .. }
                | PhoneOutput::TcpClose { .. }
                | PhoneOutput::ConsoleClosed
                | PhoneOutput::ConsoleBack
                | PhoneOutput::Died => {}
            }
        }
    }

    /// Presses keys, one after the other.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let place = self.phone.spec().keys[&(*key).into()].clone();
            let (row, col) = place.split_once('.').unwrap();
            let (row, col) = (row.parse().unwrap(), col.parse().unwrap());
            self.give(PhoneInput::KeyDown { row, col });
            self.now += Duration::from_millis(50);
            self.give(PhoneInput::KeyUp { row, col });
            self.now += Duration::from_millis(50);
        }
    }

    /// Types a command, and returns what the console says to it.
    pub fn type_line(&mut self, command: &str) -> String {
        self.console.clear();
        self.give(PhoneInput::Console(format!("{command}\r").into_bytes()));
        self.console.clone()
    }

    /// What the console has said since the last call.
    pub fn take_console(&mut self) -> String {
        let plain = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(&self.console, "").into_owned();
        self.console.clear();
        plain
    }

    /// Messages of that method or status code since they were last cleared, and when and where they went.
    pub fn times(&self, what: &str) -> Vec<(f64, String)> {
        let all = self.sent.iter().filter(|sent| sent.what() == what);
        all.map(|sent| (sent.at.as_secs_f64(), sent.to.to_string())).collect()
    }

    pub fn last(&self, what: &str) -> Sent {
        self.sent.iter().rev().find(|sent| sent.what() == what).unwrap_or_else(|| panic!("no {what} was sent")).clone()
    }

    /// Answers a request of the phone's.
    pub fn reply(&mut self, request: &Sent, code: u16, headers: &[(&str, &str)]) {
        let message = &request.message;
        let to = request.header("To");
        let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=there") };
        let mut all = vec![
            ("Via", request.header("Via")),
            ("From", request.header("From")),
            ("To", to.as_str()),
            ("Call-ID", request.header("Call-ID")),
            ("CSeq", request.header("CSeq")),
        ];
        all.extend(headers);
        assert!(message.header("Via").is_some());
        let bytes = build_response(code, "X", &all, b"").unwrap();
        self.give(PhoneInput::Datagram { from: request.to, bytes });
    }

    /// Sends the phone a request outside a dialog; returns its bytes.
    pub fn ask(&mut self, from: &str, method: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
        self.branch += 1;
        let via = format!("SIP/2.0/UDP {from};branch=z9hG4bKt{}", self.branch);
        let cseq = format!("{} {method}", self.branch);
        let mut all = vec![("Via", via.as_str()), ("CSeq", &cseq)];
        let given = |name: &str| headers.iter().any(|(own, _)| *own == name);
        let contact = format!("<sip:1002@{from}>");
        for (name, value) in [
            ("From", "<sip:1002@bench.test>;tag=caller"),
            ("To", "<sip:1001@bench.test>"),
            ("Call-ID", "from-outside"),
            ("Contact", contact.as_str()),
        ] {
            if !given(name) {
                all.push((name, value));
            }
        }
        all.extend(headers);
        let bytes = build_request(method, "sip:1001@10.77.0.11", &all, body.as_bytes()).unwrap();
        self.give(PhoneInput::Datagram { from: address(from), bytes: bytes.clone() });
        bytes
    }

    /// Sends an HTTP request to the phone's web interface from that host, and returns the answer.
    pub fn visit(&mut self, from: &str, request: &str) -> String {
        let conn = self.next_conn;
        self.next_conn += 1;
        let from = SocketAddr::new(from.parse().unwrap(), 40_000);
        self.give(PhoneInput::TcpAccepted { conn, from, service: Service::Http });
        self.give(PhoneInput::TcpData { conn, bytes: request.as_bytes().to_vec() });
        let answer = self.streams.iter().filter(|(of, _)| *of == conn).flat_map(|(_, bytes)| bytes.clone());
        String::from_utf8(answer.collect()).unwrap()
    }

    /// Pushes an object from that host; returns the status line.
    pub fn push(&mut self, from: &str, xml: &str) -> String {
        let body = format!("xml={xml}");
        let request = format!("POST / HTTP/1.1\r\nHost: p\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.visit(from, &request).lines().next().unwrap_or_default().to_owned()
    }

    fn leaves(&mut self, to: SocketAddr, bytes: &[u8]) {
        let message = Message::parse(bytes).unwrap();
        let sent = Sent { at: self.now, to, message };
        self.sent.push(sent.clone());
        if sent.what() == "REGISTER" && !self.cut.contains(&to) {
            let contact = format!("{};expires=60", sent.header("Contact"));
            let removes = sent.header("Expires") == "0";
            let contacts = [("Contact", contact.as_str())];
            self.reply(&sent, 200, if removes { &[] } else { &contacts });
        }
    }
}
