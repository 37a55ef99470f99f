//! Phones and the simulated MX-ONE together, on a link without delay: what the two sides make of one protocol.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    calls::phone_with_keys,
    world::{A, B, address, line},
};
use crate::virtual_bench::{
    phone::{Phone, PhoneInput, PhoneOutput, PhoneSpec, Provisioning},
    registrar::{Registrar, RegistrarInput, RegistrarOutput, RegistrarSpec},
};

const FILES: &str = "sip explicit mwi subscription: 1\nprgkey1 type: xml\n\
                     prgkey1 value: http://10.77.0.2:80/logon?mac=00085d237429\n";

#[test]
fn the_key_logs_on_and_off() {
    let mut link = Link::new(1, "sip line1 user name:\n");
    link.run_to(1.0);
    assert_eq!(link.home(1), None);
    link.press(1, &["prgkey1"]);
    assert!(link.display(1).contains("Log on | Extension: "), "{}", link.display(1));
    link.press(1, &["1", "0", "0", "1", "pound", "4", "7", "1", "1", "pound"]);
    link.run_to(10.0);
    assert_eq!(link.home(1), Some(address(A)));
    link.press(1, &["prgkey1", "1"]);
    link.run_to(20.0);
    assert!(link.display(1).contains("Idle | Log On"), "{}", link.display(1));
}

#[test]
fn a_wrong_pin_is_said_and_changes_nothing() {
    let mut link = Link::new(1, "sip line1 user name:\n");
    link.run_to(1.0);
    link.press(1, &["prgkey1", "1", "0", "0", "1", "pound", "0", "pound"]);
    assert!(link.display(1).contains("Wrong extension or PIN"), "{}", link.display(1));
    link.run_to(20.0);
    assert_eq!(link.home(1), None);
}

#[test]
fn the_code_works_while_the_key_is_dead() {
    let mut link = Link::new(1, "sip line1 user name:\n");
    link.cut.insert(address(A).ip());
    link.run_to(1.0);
    link.press(1, &["prgkey1"]);
    link.run_to(12.0);
    assert!(link.display(1).contains("No answer from server"), "{}", link.display(1));
    link.press(1, &["goodbye", "star", "1", "1", "star", "4", "7", "1", "1", "star", "1", "0", "0", "1", "pound"]);
    link.run_to(40.0);
    assert_eq!(link.home(1), Some(address(B)));
}

#[test]
fn a_log_off_on_the_backup_loses_the_primary() {
    let mut link = Link::new(1, "");
    link.run_to(1.0);
    link.cut.insert(address(A).ip());
    link.run_to(60.0);
    assert_eq!(link.home(1), Some(address(B)));
    link.press(1, &["pound", "1", "1", "pound"]);
    link.run_to(80.0);
    assert!(link.display(1).contains("Log On"), "{}", link.display(1));
    link.cut.clear();
    link.press(1, &["star", "1", "1", "star", "4", "7", "1", "1", "star", "1", "0", "0", "1", "pound"]);
    link.run_to(300.0);
    assert_eq!(link.home(1), Some(address(B)), "the primary answers, and the phone does not know it");
}

#[test]
fn who_logged_on_by_code_fails_over_and_comes_back() {
    let mut link = Link::new(1, "sip line1 user name:\n");
    link.run_to(1.0);
    link.console(1, "dial *11*4711*1001#");
    link.run_to(5.0);
    assert_eq!(link.home(1), Some(address(A)));
    link.cut.insert(address(A).ip());
    link.run_to(60.0);
    assert_eq!(link.home(1), Some(address(B)));
    link.cut.clear();
    link.run_to(120.0);
    assert_eq!(link.home(1), Some(address(A)));
}

#[test]
fn a_full_home_server_hands_whoever_logs_on_to_the_other() {
    let mut link = Link::with(2, "sip line1 user name:\n", |spec| {
        spec.distribution = true;
        spec.capacity = (spec.name == "a").then_some(1);
    });
    link.run_to(1.0);
    for (phone, extension, server) in [(1, 1001, A), (2, 1002, B)] {
        link.console(phone, &format!("dial *11*4711*{extension}#"));
        link.run_to(f64::from(phone) * 5.0);
        assert_eq!(link.home(phone), Some(address(server)), "{extension}");
    }
}

#[test]
fn two_phones_call_each_other_by_way_of_their_server_and_the_call_outlives_it() {
    let mut link = Link::new(2, "");
    link.run_to(1.0);
    link.press(1, &["1", "0", "0", "2", "pound"]);
    assert!(link.display(2).contains("Call from 1001"), "{}", link.display(2));
    link.press(2, &["line1"]);
    assert!(link.display(1).contains("Connected 1002"), "{}", link.display(1));
    link.cut.insert(address(A).ip());
    link.run_to(60.0);
    assert_eq!([1, 2].map(|phone| link.home(phone)), [Some(address(B)); 2]);
    assert!(link.display(1).contains("Connected 1002") && link.display(2).contains("Connected 1001"));
    link.cut.clear();
    link.run_to(61.0);
    link.press(2, &["goodbye"]);
    link.run_to(62.0);
    assert!(link.display(1).contains("Idle | 1001") && !link.display(1).contains("Connected"), "{}", link.display(1));
}

#[test]
fn a_call_goes_by_way_of_the_backup_while_the_primary_is_away() {
    let mut link = Link::new(2, "");
    link.run_to(1.0);
    link.cut.insert(address(A).ip());
    link.run_to(60.0);
    link.press(1, &["1", "0", "0", "2", "pound"]);
    link.run_to(63.0);
    assert!(!link.display(2).contains("Call from"), "the primary is asked first");
    link.run_to(65.0);
    assert!(link.display(2).contains("Call from 1001"), "{}", link.display(2));
    link.press(1, &["goodbye"]);
    link.run_to(66.0);
    assert!(!link.display(2).contains("Call from"), "{}", link.display(2));
}

#[test]
fn messages_that_wait_light_the_lamp_on_either_server() {
    let mut link = Link::new(1, "");
    link.run_to(1.0);
    assert!(link.console(1, "lamps").contains("lamp: message on"), "{}", link.said[&1]);
    link.cut.insert(address(A).ip());
    link.run_to(60.0);
    assert!(link.console(1, "lamps").contains("lamp: message on"), "{}", link.said[&1]);
    assert!(link.said[&1].contains("message lamp subscribed at 10.77.0.3"));
}

/// Phones and two servers. Whoever is in `cut` neither sends nor receives.
struct Link {
    now: Duration,
    phones: BTreeMap<u8, Phone>,
    servers: BTreeMap<IpAddr, Registrar>,
    cut: BTreeSet<IpAddr>,
    said: BTreeMap<u8, String>,
    /// HTTP connections of phones: phone, its number, server.
    connections: Vec<(u8, u32, IpAddr)>,
    queue: VecDeque<Event>,
}

enum Event {
    Phone(u8, PhoneInput),
    Server(IpAddr, RegistrarInput),
}

impl Link {
    fn new(phones: u8, files: &str) -> Self {
        Self::with(phones, files, |_| {})
    }

    /// With servers as `change` leaves them.
    fn with(phones: u8, files: &str, change: impl Fn(&mut RegistrarSpec)) -> Self {
        let users = ["1001", "1002"].map(|user| {
            let messages = u32::from(user == "1001");
            let user_spec =
                serde_json::json!({ "password": format!("pw-{user}"), "pin": "4711", "home": "a", "messages": messages });
            (user.to_owned(), user_spec)
        });
        let server = |name: &str, at: &str| {
            let mut spec: RegistrarSpec = serde_json::from_value(serde_json::json!({
                "name": name, "address": address(at).ip(), "domain": "bench.test", "seed": name.len() + at.len(),
                "users": BTreeMap::from(users.clone()),
                "cluster": [{"name": "a", "address": A}, {"name": "b", "address": B}],
            }))
            .unwrap();
            change(&mut spec);
            (address(at).ip(), Registrar::new(spec))
        };
        let phone = |number: u8| {
            let provisioning =
                Provisioning { global: FILES.to_owned(), phone: files.to_owned(), ..Provisioning::default() };
            let spec = PhoneSpec {
                address: format!("10.77.0.1{number}").parse().unwrap(),
                lines: vec![line(&format!("100{number}"))],
                seed: number.into(),
                provisioning,
                ..phone_with_keys()
            };
            (number, Phone::new(spec))
        };
        let mut link = Self {
            now: Duration::ZERO,
            phones: (1..=phones).map(phone).collect(),
            servers: [server("a", A), server("b", B)].into(),
            cut: BTreeSet::new(),
            said: BTreeMap::new(),
            connections: Vec::new(),
            queue: VecDeque::new(),
        };
        for phone in 1..=phones {
            link.give(phone, PhoneInput::LinkUp);
        }
        link
    }

    fn home(&self, phone: u8) -> Option<SocketAddr> {
        self.phones[&phone].registered_at(0)
    }

    fn display(&mut self, phone: u8) -> String {
        self.console(phone, "display")
    }

    fn console(&mut self, phone: u8, command: &str) -> String {
        let before = self.said.get(&phone).map_or(0, String::len);
        self.give(phone, PhoneInput::Console(format!("{command}\r").into_bytes()));
        self.said[&phone][before..].to_owned()
    }

    fn press(&mut self, phone: u8, keys: &[&str]) {
        for key in keys {
            let place = self.phones[&phone].spec().keys[&(*key).into()].clone();
            let (row, col) = place.split_once('.').unwrap();
            let (row, col) = (row.parse().unwrap(), col.parse().unwrap());
            self.give(phone, PhoneInput::KeyDown { row, col });
            self.run_to(self.now.as_secs_f64() + 0.05);
            self.give(phone, PhoneInput::KeyUp { row, col });
            self.run_to(self.now.as_secs_f64() + 0.05);
        }
    }

    fn give(&mut self, phone: u8, input: PhoneInput) {
        self.queue.push_back(Event::Phone(phone, input));
        self.carry();
    }

    fn run_to(&mut self, seconds: f64) {
        let end = Duration::from_secs_f64(seconds);
        loop {
            let phones = self.phones.values().filter_map(Phone::poll_deadline);
            let servers = self.servers.values().filter_map(Registrar::poll_deadline);
            let Some(at) = phones.chain(servers).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            self.queue.extend(self.servers.keys().map(|server| Event::Server(*server, RegistrarInput::Timeout)));
            self.queue.extend(self.phones.keys().map(|phone| Event::Phone(*phone, PhoneInput::Timeout)));
            self.carry();
        }
        self.now = end;
    }

    fn carry(&mut self) {
        while let Some(event) = self.queue.pop_front() {
            match event {
                Event::Phone(number, input) => {
                    let Some(phone) = self.phones.get_mut(&number) else { continue };
                    phone.handle(self.now, input);
                    let from = SocketAddr::new(phone.spec().address, 5060);
                    let outputs: Vec<_> = std::iter::from_fn(|| phone.poll_output()).collect();
                    for output in outputs {
                        self.sent_by_phone(number, from, output);
                    }
                }
                Event::Server(server, input) => {
                    let Some(registrar) = self.servers.get_mut(&server) else { continue };
                    registrar.handle(self.now, input);
                    let outputs: Vec<_> = std::iter::from_fn(|| registrar.poll_output()).collect();
                    if !self.cut.contains(&server) {
                        outputs.into_iter().for_each(|output| self.sent_by_server(server, output));
                    }
                }
            }
        }
    }

    fn sent_by_phone(&mut self, number: u8, from: SocketAddr, output: PhoneOutput) {
        match output {
            PhoneOutput::SendDatagram { to, bytes } => self.datagram(from, to, bytes),
            PhoneOutput::TcpConnect { conn, to } => {
                self.connections.push((number, conn, to.ip()));
                if !self.cut.contains(&to.ip()) {
                    let accepted = RegistrarInput::HttpAccepted { conn: at_server(number, conn), from };
                    self.queue.push_back(Event::Server(to.ip(), accepted));
                    self.queue.push_back(Event::Phone(number, PhoneInput::TcpConnected { conn }));
                }
            }
            PhoneOutput::TcpSend { conn, bytes } => {
                let server = self.connections.iter().find(|(of, own, _)| (*of, *own) == (number, conn)).unwrap().2;
                if !self.cut.contains(&server) {
                    let data = RegistrarInput::TcpData { conn: at_server(number, conn), bytes };
                    self.queue.push_back(Event::Server(server, data));
                }
            }
            PhoneOutput::Console(bytes) => {
                self.said.entry(number).or_default().push_str(&String::from_utf8_lossy(&bytes));
            }
            PhoneOutput::TcpClose { .. }
            | PhoneOutput::SendLog { .. }
            | PhoneOutput::SendTftp { .. }
            | PhoneOutput::Call { .. }
            | PhoneOutput::ConsoleClosed
            | PhoneOutput::ConsoleBack
            | PhoneOutput::Died => {}
        }
    }

    fn sent_by_server(&mut self, server: IpAddr, output: RegistrarOutput) {
        match output {
            RegistrarOutput::SendDatagram { to, bytes } => self.datagram(SocketAddr::new(server, 5060), to, bytes),
            RegistrarOutput::TcpSend { conn, bytes } => {
                let (number, conn) = at_phone(conn);
                self.queue.push_back(Event::Phone(number, PhoneInput::TcpData { conn, bytes }));
            }
            RegistrarOutput::TcpClose { conn } => {
                let (number, conn) = at_phone(conn);
                self.queue.push_back(Event::Phone(number, PhoneInput::TcpClosed { conn, error: None }));
            }
        }
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if self.cut.contains(&to.ip()) {
            return;
        }
        if self.servers.contains_key(&to.ip()) {
            self.queue.push_back(Event::Server(to.ip(), RegistrarInput::Datagram { from, bytes }));
        } else if let Some(number) = self.phones.iter().find(|(_, phone)| phone.spec().address == to.ip()) {
            self.queue.push_back(Event::Phone(*number.0, PhoneInput::Datagram { from, bytes }));
        }
    }
}

/// The number of a connection at the server: those of different phones must differ.
fn at_server(phone: u8, conn: u32) -> u32 {
    u32::from(phone) << 16 | conn
}

fn at_phone(conn: u32) -> (u8, u32) {
    ((conn >> 16) as u8, conn & 0xffff)
}
