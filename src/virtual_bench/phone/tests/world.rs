//! A phone and its servers on virtual time, joined by a network without delay whose ways can be cut.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::super::{LineSpec, Phone, PhoneInput, PhoneOutput, PhoneSpec, PhoneTimers};
use crate::{
    config::RenewalLead,
    event::{SipStart, SipSummary},
    virtual_bench::registrar::{Registrar, RegistrarInput, RegistrarOutput, RegistrarSpec},
    wire::sip::Message,
};

pub const A: &str = "10.77.0.2:5060";
pub const B: &str = "10.77.0.3:5060";

/// A REGISTER that left the phone.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Duration,
    pub to: SocketAddr,
    pub summary: SipSummary,
}

pub struct World {
    pub now: Duration,
    pub phone: Phone,
    pub servers: BTreeMap<SocketAddr, Registrar>,
    /// Servers that nothing reaches and that reach nothing.
    pub cut: BTreeSet<SocketAddr>,
    /// Servers whose port is closed: connections are refused.
    pub closed: BTreeSet<SocketAddr>,
    pub sent: Vec<Sent>,
    pub responses: Vec<u16>,
    pub connections: BTreeMap<u32, SocketAddr>,
    /// Connections that the phone reset.
    pub aborted: Vec<(Duration, SocketAddr)>,
    pub died: bool,
    pub console: String,
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn line(extension: &str) -> LineSpec {
    LineSpec {
        extension: extension.to_owned(),
        domain: "bench.test".to_owned(),
        auth_user: extension.to_owned(),
        password: format!("pw-{extension}"),
        primary: address(A),
        backup: Some(address(B)),
    }
}

/// A phone with one account, 60 s of lifetime and 15 s of lead.
pub fn phone() -> PhoneSpec {
    PhoneSpec {
        local: String::new(),
        tftp: None,
        name: "p1".to_owned(),
        product: "Aastra 6731i".to_owned(),
        mac: "00:08:5d:23:74:29".parse().unwrap(),
        address: "10.77.0.11".parse().unwrap(),
        port: 5060,
        keys: [("options", "1.3"), ("3", "0.2"), ("6", "1.2"), ("goodbye", "1.6")]
            .map(|(name, at)| (name.into(), at.to_owned()))
            .into(),
        lines: vec![line("1001")],
        provisioning: super::super::Provisioning::default(),
        transport: super::super::Transport::Udp,
        timers: PhoneTimers {
            expires: Duration::from_secs(60),
            renewal_lead: RenewalLead::Span(Duration::from_secs(15)),
            ..PhoneTimers::default()
        },
        habits: super::super::Habits::default(),
        defects: Vec::new(),
        seed: 1,
        boot: Duration::from_millis(50),
    }
}

pub fn registrar(at: &str) -> RegistrarSpec {
    let users: BTreeMap<_, _> = ["1001", "1002"].map(|user| (user.to_owned(), format!("pw-{user}"))).into();
    serde_json::from_value(serde_json::json!({
        "name": "r", "address": address(at).ip(), "domain": "bench.test", "users": users, "seed": address(at).ip().to_string().len(),
    }))
    .unwrap()
}

impl World {
    /// The phone at link-up, at time zero, with registrars as `change` leaves them.
    pub fn with(spec: PhoneSpec, change: impl Fn(&str, &mut RegistrarSpec)) -> Self {
        let servers = [A, B].map(|at| {
            let mut registrar = registrar(at);
            change(at, &mut registrar);
            (address(at), Registrar::new(registrar))
        });
        let mut world = Self {
            now: Duration::ZERO,
            phone: Phone::new(spec),
            servers: servers.into(),
            cut: BTreeSet::new(),
            closed: BTreeSet::new(),
            sent: Vec::new(),
            responses: Vec::new(),
            connections: BTreeMap::new(),
            aborted: Vec::new(),
            died: false,
            console: String::new(),
        };
        world.give(PhoneInput::LinkUp);
        world
    }

    pub fn new(spec: PhoneSpec) -> Self {
        Self::with(spec, |_, _| {})
    }

    /// Runs from deadline to deadline until that many seconds.
    pub fn run_to(&mut self, seconds: f64) {
        let end = Duration::from_secs_f64(seconds);
        loop {
            let servers = self.servers.values().filter_map(Registrar::poll_deadline);
            let Some(at) = self.phone.poll_deadline().into_iter().chain(servers).min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            for server in self.servers.values_mut() {
                server.handle(self.now, RegistrarInput::Timeout);
            }
            self.give(PhoneInput::Timeout);
        }
        self.now = end;
    }

    /// Hands the phone an input, and everything that follows from it at once.
    pub fn give(&mut self, input: PhoneInput) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.phone.handle(self.now, input);
            while let Some(output) = self.phone.poll_output() {
                self.carry(output, &mut inputs);
            }
        }
    }

    pub fn cut(&mut self, server: &str) {
        self.cut.insert(address(server));
    }

    pub fn mend(&mut self, server: &str) {
        self.cut.remove(&address(server));
    }

    pub fn home(&self) -> Option<String> {
        self.phone.registered_at(0).map(|address| address.to_string())
    }

    /// Times in seconds of the REGISTERs to that server since then.
    pub fn registers(&self, to: &str, since: f64) -> Vec<f64> {
        let to_it = self.sent.iter().filter(|sent| sent.to == address(to));
        to_it.map(|sent| sent.at.as_secs_f64()).filter(|at| *at >= since).collect()
    }

    /// Contacts that the server has for an extension.
    pub fn bound(&self, server: &str, extension: &str) -> usize {
        self.servers[&address(server)].bindings().get(extension).map_or(0, Vec::len)
    }

    /// The console without colours, and forgets it.
    pub fn take_console(&mut self) -> String {
        let plain = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap().replace_all(&self.console, "").into_owned();
        self.console.clear();
        plain
    }

    pub fn type_line(&mut self, command: &str) -> String {
        self.take_console();
        self.give(PhoneInput::Console(format!("{command}\r").into_bytes()));
        self.take_console()
    }

    fn carry(&mut self, output: PhoneOutput, inputs: &mut VecDeque<PhoneInput>) {
        let from = SocketAddr::new(self.phone.spec().address, self.phone.spec().port);
        match output {
            PhoneOutput::SendDatagram { to, bytes } => {
                self.note(to, &bytes);
                self.deliver(to, RegistrarInput::Datagram { from, bytes }, inputs);
            }
            PhoneOutput::TcpConnect { conn, to } => {
                self.connections.insert(conn, to);
                if self.closed.contains(&to) {
                    inputs.push_back(PhoneInput::TcpClosed { conn, error: Some("refused".to_owned()) });
                } else if !self.cut.contains(&to) {
                    self.deliver(to, RegistrarInput::TcpAccepted { conn, from }, inputs);
                    inputs.push_back(PhoneInput::TcpConnected { conn });
                }
            }
            PhoneOutput::TcpSend { conn, bytes } => {
                let to = self.connections[&conn];
                self.note(to, &bytes);
                self.deliver(to, RegistrarInput::TcpData { conn, bytes }, inputs);
            }
            PhoneOutput::TcpClose { conn, abort } => {
                let to = self.connections.remove(&conn).unwrap();
                if abort {
                    self.aborted.push((self.now, to));
                }
                self.deliver(to, RegistrarInput::TcpClosed { conn }, inputs);
            }
            PhoneOutput::Console(bytes) => self.console.push_str(&String::from_utf8_lossy(&bytes)),
            PhoneOutput::ConsoleBack => self.console.push_str("<back>"),
            PhoneOutput::ConsoleClosed => self.console.push_str("<closed>"),
            PhoneOutput::SendLog { .. } | PhoneOutput::SendTftp { .. } | PhoneOutput::Call { .. } => {}
            PhoneOutput::Died => self.died = true,
        }
    }

    fn note(&mut self, to: SocketAddr, bytes: &[u8]) {
        let summary = Message::parse(bytes).unwrap().summary().clone();
        if matches!(summary.start, SipStart::Request { .. }) {
            self.sent.push(Sent { at: self.now, to, summary });
        }
    }

    fn deliver(&mut self, to: SocketAddr, input: RegistrarInput, inputs: &mut VecDeque<PhoneInput>) {
        let Some(server) = self.servers.get_mut(&to).filter(|_| !self.cut.contains(&to)) else { return };
        server.handle(self.now, input);
        while let Some(output) = server.poll_output() {
            let (bytes, input) = match output {
                RegistrarOutput::SendDatagram { bytes, .. } => {
                    (bytes.clone(), PhoneInput::Datagram { from: to, bytes })
                }
                RegistrarOutput::TcpSend { conn, bytes } => (bytes.clone(), PhoneInput::TcpData { conn, bytes }),
                RegistrarOutput::TcpClose { conn } => {
                    inputs.push_back(PhoneInput::TcpClosed { conn, error: None });
                    continue;
                }
            };
            if let SipStart::Response { code, .. } = Message::parse(&bytes).unwrap().start() {
                self.responses.push(*code);
            }
            inputs.push_back(input);
        }
    }
}
