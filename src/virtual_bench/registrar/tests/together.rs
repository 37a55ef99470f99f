//! The simulated phone and the simulated servers meet: free seating, and what becomes of it while a server is cut off
//! from the phone, but not from the other server.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use super::{
    super::{DigestAlgorithm, RegistrarInput, RegistrarOutput, RegistrarSpec},
    net::*,
};
use crate::virtual_bench::{
    phone::{Phone, PhoneInput, PhoneOutput, PhoneSpec},
    registrar::Registrar,
};

struct Lab {
    now: Duration,
    phone: Phone,
    servers: BTreeMap<SocketAddr, Registrar>,
    /// Servers that the phone does not reach.
    cut: BTreeSet<SocketAddr>,
    /// The phone's connections, each under the same number at the server.
    connections: BTreeMap<u32, SocketAddr>,
    console: String,
}

/// What happens next, and to whom.
enum Next {
    Phone(PhoneInput),
    Server(SocketAddr, RegistrarInput),
}

fn phone() -> PhoneSpec {
    let model: toml::Table = toml::from_str(include_str!("../../../../rig/models/aastra-6731i.toml")).unwrap();
    let files = "sip line1 user name:\nprgkey1 type: xml\nprgkey1 value: http://10.77.0.2:80/logon?mac=00085d770001\n";
    serde_json::from_value(serde_json::json!({
        "name": "p1", "mac": "00:08:5d:77:00:01", "address": at(P1).ip(), "keys": model["keys"],
        "lines": [{"extension": "1001", "domain": "bench.test", "auth-user": "1001", "password": "", "primary": A, "backup": B}],
        "provisioning": {"phone": files},
        "timers": {"expires": "1m"},
    }))
    .unwrap()
}

impl Lab {
    /// A phone on which nobody is logged on, its primary a and its backup b, which ask for passwords.
    fn new(change: impl Fn(&mut RegistrarSpec)) -> Self {
        let servers = ["a", "b"].map(|name| {
            let mut spec = spec(name);
            spec.algorithms = vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5];
            change(&mut spec);
            (spec.sip(), Registrar::new(spec))
        });
        let mut lab = Self {
            now: Duration::ZERO,
            phone: Phone::new(phone()),
            servers: servers.into(),
            cut: BTreeSet::new(),
            connections: BTreeMap::new(),
            console: String::new(),
        };
        lab.happen(Next::Phone(PhoneInput::LinkUp));
        lab.run_to(1.0);
        lab
    }

    fn run_to(&mut self, seconds: f64) {
        let end = Duration::from_secs_f64(seconds);
        loop {
            let servers = self.servers.values().filter_map(Registrar::poll_deadline);
            let Some(due) = servers.chain(self.phone.poll_deadline()).min().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            for server in self.servers.keys().copied().collect::<Vec<_>>() {
                self.happen(Next::Server(server, RegistrarInput::Timeout));
            }
            self.happen(Next::Phone(PhoneInput::Timeout));
        }
        self.now = end;
    }

    fn happen(&mut self, next: Next) {
        let mut todo = vec![next];
        while !todo.is_empty() {
            match todo.remove(0) {
                Next::Phone(input) => {
                    self.phone.handle(self.now, input);
                    while let Some(output) = self.phone.poll_output() {
                        self.phone_does(output, &mut todo);
                    }
                }
                Next::Server(own, input) => {
                    let Some(server) = self.servers.get_mut(&own) else { continue };
                    server.handle(self.now, input);
                    while let Some(output) = self.servers.get_mut(&own).and_then(Registrar::poll_output) {
                        self.server_does(own, output, &mut todo);
                    }
                }
            }
        }
    }

    fn phone_does(&mut self, output: PhoneOutput, todo: &mut Vec<Next>) {
        match output {
            PhoneOutput::SendDatagram { to, bytes } if !self.cut.contains(&to) => {
                todo.push(Next::Server(to, RegistrarInput::Datagram { from: at(P1), bytes }));
            }
            PhoneOutput::TcpConnect { conn, to } => {
                assert_eq!(to.port(), 80);
                let server = SocketAddr::new(to.ip(), 5060);
                self.connections.insert(conn, server);
                if !self.cut.contains(&server) {
                    todo.push(Next::Server(server, RegistrarInput::HttpAccepted { conn, from: at(P1) }));
                    todo.push(Next::Phone(PhoneInput::TcpConnected { conn }));
                }
            }
            PhoneOutput::TcpSend { conn, bytes } => {
                todo.push(Next::Server(self.connections[&conn], RegistrarInput::TcpData { conn, bytes }));
            }
            PhoneOutput::Console(bytes) => self.console.push_str(&String::from_utf8_lossy(&bytes)),
            _ => {}
        }
    }

    fn server_does(&mut self, own: SocketAddr, output: RegistrarOutput, todo: &mut Vec<Next>) {
        match output {
            RegistrarOutput::SendDatagram { to, bytes } if self.servers.contains_key(&to) => {
                todo.push(Next::Server(to, RegistrarInput::Datagram { from: own, bytes }));
            }
            RegistrarOutput::SendDatagram { to, bytes } => {
                assert_eq!(to, at(P1));
                if !self.cut.contains(&own) {
                    todo.push(Next::Phone(PhoneInput::Datagram { from: own, bytes }));
                }
            }
            RegistrarOutput::TcpSend { conn, bytes } => todo.push(Next::Phone(PhoneInput::TcpData { conn, bytes })),
            RegistrarOutput::TcpClose { conn } => {
                todo.push(Next::Phone(PhoneInput::TcpClosed { conn, error: None }));
            }
        }
    }

    fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let place = self.phone.spec().keys[&(*key).into()].clone();
            let (row, col) = place.split_once('.').unwrap();
            let (row, col) = (row.parse().unwrap(), col.parse().unwrap());
            for input in [PhoneInput::KeyDown { row, col }, PhoneInput::KeyUp { row, col }] {
                self.now += Duration::from_millis(50);
                self.happen(Next::Phone(input));
            }
        }
    }

    fn type_line(&mut self, command: &str) -> String {
        self.console.clear();
        self.happen(Next::Phone(PhoneInput::Console(format!("{command}\r").into_bytes())));
        self.console.clone()
    }

    fn home(&self) -> Option<String> {
        self.phone.registered_at(0).map(|server| server.to_string())
    }

    fn bound(&self, server: &str) -> Vec<&str> {
        self.servers[&at(server)].bindings().keys().map(String::as_str).collect()
    }
}

#[test]
fn the_key_logs_on_and_off_again() {
    let mut lab = Lab::new(|_| {});
    lab.press(&["prgkey1", "1", "0", "0", "1", "pound", "1", "1", "1", "1", "pound"]);
    lab.run_to(5.0);
    assert_eq!((lab.home().as_deref(), lab.bound(A)), (Some(A), vec!["1001"]));
    assert_eq!(lab.servers[&at(B)].seat_of("1001"), Some(MAC));

    lab.press(&["prgkey1"]);
    let display = lab.type_line("display");
    assert!(display.contains("1001 is logged on"), "{display}");
    lab.press(&["1"]);
    lab.run_to(10.0);
    assert_eq!((lab.home(), lab.servers[&at(A)].seat_of("1001")), (None, None));
}

#[test]
fn a_wrong_pin_is_shown_and_nobody_is_logged_on() {
    let mut lab = Lab::new(|_| {});
    lab.press(&["prgkey1", "1", "0", "0", "1", "pound", "9", "pound"]);
    let display = lab.type_line("display");
    assert!(display.contains("Wrong extension or PIN"), "{display}");
    lab.run_to(10.0);
    assert_eq!((lab.home(), lab.bound(A).len()), (None, 0));
}

#[test]
fn who_logged_on_by_code_fails_over_and_comes_back() {
    let mut lab = Lab::new(|_| {});
    lab.type_line("dial *11*1111*1001#");
    lab.run_to(5.0);
    assert_eq!(lab.home().as_deref(), Some(A));
    lab.cut.insert(at(A));
    lab.run_to(60.0);
    assert_eq!((lab.home().as_deref(), lab.bound(B)), (Some(B), vec!["1001"]));
    lab.cut.clear();
    lab.run_to(120.0);
    assert_eq!((lab.home().as_deref(), lab.bound(A)), (Some(A), vec!["1001"]));
}

#[test]
fn with_the_primary_away_the_key_is_dead_and_the_code_works_at_the_backup() {
    let mut lab = Lab::new(|_| {});
    lab.cut.insert(at(A));
    lab.press(&["prgkey1"]);
    lab.run_to(30.0);
    let display = lab.type_line("display");
    assert!(display.contains("No answer from server"), "{display}");
    lab.press(&["goodbye"]);
    lab.type_line("dial *11*1111*1001#");
    lab.run_to(60.0);
    assert_eq!((lab.home().as_deref(), lab.bound(B)), (Some(B), vec!["1001"]));
}

#[test]
fn a_log_off_on_the_backup_loses_the_primary() {
    let mut lab = Lab::new(|_| {});
    lab.type_line("dial *11*1111*1001#");
    lab.run_to(5.0);
    lab.cut.insert(at(A));
    lab.run_to(60.0);
    assert_eq!(lab.home().as_deref(), Some(B));
    lab.type_line("dial #11#");
    lab.run_to(70.0);
    assert_eq!(lab.home(), None);
    lab.cut.clear();
    lab.type_line("dial *11*1111*1001#");
    lab.run_to(300.0);
    assert_eq!((lab.home().as_deref(), lab.bound(A).len()), (Some(B), 0), "the primary is back, and not used");
}

#[test]
fn a_full_home_server_hands_whoever_logs_on_to_the_other() {
    let mut lab = Lab::new(|spec| {
        spec.distribution = true;
        spec.capacity = (spec.name == "a").then_some(1);
        spec.algorithms.clear();
    });
    // Somebody takes the only place at a.
    let other = Ask::new("REGISTER", "sip:bench.test", "1002", "1002").contact("1002", P2).with("Expires", "600");
    let input = RegistrarInput::Datagram { from: at(P1), bytes: other.print(P1, 1) };
    lab.happen(Next::Server(at(A), input));
    assert_eq!(lab.bound(A), ["1002"]);
    lab.type_line("dial *11*1111*1001#");
    lab.run_to(5.0);
    assert_eq!((lab.home().as_deref(), lab.bound(A), lab.bound(B)), (Some(B), vec!["1002"], vec!["1001"]));
}
