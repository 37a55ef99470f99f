//! Knocks, and connections in which the bridge speaks.

use super::*;
use crate::{
    config::{load, overrides::Override},
    event::{OutageId, SipStart},
    wire::frame::{Envelope, TcpSegment, port_unreachable, udp_frame},
};

const PHONE: [u8; 6] = [0, 8, 0x5d, 0x77, 0, 1];
const SERVER: [u8; 6] = [2, 0, 0, 0, 0, 3];

#[test]
fn a_phone_that_asks_a_web_server_for_its_settings_is_told_of_and_its_credentials_are_not() {
    let told = |payload: &[u8], toward: Toward| {
        let segment = TcpSegment {
            source_port: 40_000,
            destination_port: 80,
            sequence: 1,
            ack: Some(1),
            syn: false,
            fin: false,
            rst: false,
            payload,
        };
        let (from, to) = ([10, 77, 0, 11].into(), [10, 77, 0, 3].into());
        let frame = Envelope::new(Mac(PHONE), Mac(SERVER), None).tcp(from, to, &segment, None);
        let raw = RawRef { file: "capture.pcapng".to_owned(), offset: 3, len: 4 };
        let mut signalling = Signalling::new(&bench(), false);
        let found = signalling.read(&frame, &Sighting { toward, unix_ns: 5, fate: Fate::Passed, raw });
        found.into_iter().find_map(|found| match found {
            Found::Fetched(5, fetch) => Some((fetch.phone.0, fetch.file)),
            _ => None,
        })
    };
    let request = b"GET /00085D770001.cfg HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(told(request, Toward::Server), Some(("p1".to_owned(), "/00085D770001.cfg".to_owned())));
    assert_eq!(told(request, Toward::Phone), None);
    assert_eq!(told(b"GET /a.cfg HTTP/1.1\r\nAuthorization: Basic YTpi\r\n\r\n", Toward::Server), None);
}

#[test]
fn a_phone_that_asks_a_tftp_server_for_a_file_is_told_of_with_the_server() {
    let asked = |phone: [u8; 6], host: u8, port: u16, payload: &[u8]| {
        udp_frame(
            Mac(phone),
            Mac(SERVER),
            None,
            ([10, 77, 0, 11], 40_000).into(),
            ([10, 77, 0, host], port).into(),
            payload,
        )
    };
    let request = &b"\0\x01aastra.cfg\0octet\0"[..];
    let told = |frame: Vec<u8>, toward: Toward| {
        let raw = RawRef { file: "capture.pcapng".to_owned(), offset: 3, len: 4 };
        let mut signalling = Signalling::new(&bench(), false);
        let found = signalling.read(&frame, &Sighting { toward, unix_ns: 5, fate: Fate::Passed, raw });
        let files = found.into_iter().filter_map(|found| match found {
            Found::Fetched(5, fetch) if fetch.fate == Fate::Passed && fetch.raw.offset == 3 => {
                let Fetch { phone, address, server, file, .. } = *fetch;
                Some((phone.0, address.to_string(), server.map(|it| it.0), file))
            }
            _ => None,
        });
        files.collect::<Vec<_>>()
    };
    let fetched = |address: &str, server: Option<&str>| {
        vec![("p1".to_owned(), address.to_owned(), server.map(str::to_owned), "aastra.cfg".to_owned())]
    };
    assert_eq!(told(asked(PHONE, 3, 69, request), Toward::Server), fetched("10.77.0.3", Some("b")));
    assert_eq!(told(asked(PHONE, 99, 69, request), Toward::Server), fetched("10.77.0.99", None));
    assert_eq!(told(asked(SERVER, 3, 69, request), Toward::Server), []);
    assert_eq!(told(asked(PHONE, 3, 70, request), Toward::Server), []);
    assert_eq!(told(asked(PHONE, 3, 69, b"\0\x04\0\x01"), Toward::Server), []);
    assert_eq!(told(asked(PHONE, 3, 69, request), Toward::Phone), []);
}

#[test]
fn a_phone_that_asks_for_a_server_or_calls_it_knocks() {
    let arp = |operation: u8, from: [u8; 6], to: [u8; 6], sender: u8, target: u8| {
        let head = [&to[..], &from, &[8, 6, 0, 1, 8, 0, 6, 4, 0, operation]].concat();
        [&head[..], &from, &[10, 77, 0, sender], &to, &[10, 77, 0, target]].concat()
    };
    let tcp = |from: [u8; 6], to: [u8; 6], sender: u8, target: u8, flags: u8| {
        let ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 77, 0, sender, 10, 77, 0, target];
        let segment = [0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0];
        [&to[..], &from, &[8, 0], &ip, &segment].concat()
    };
    // What a host says of a datagram from this phone to this port of this host.
    let unreachable = |phone: [u8; 6], host: u8, port: u16, code: u8| {
        let (from, to) = (([10, 77, 0, 11], 5060).into(), ([10, 77, 0, host], port).into());
        let mut bytes = port_unreachable(&udp_frame(Mac(phone), Mac(SERVER), None, from, to, b"x")).unwrap();
        bytes[35] = code;
        bytes
    };
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    let seen = [
        (Toward::Server, arp(1, PHONE, [0xff; 6], 11, 3), Some((Door::Arp, Knock::Asked))),
        (Toward::Phone, arp(2, SERVER, PHONE, 3, 11), Some((Door::Arp, Knock::Opened))),
        (Toward::Server, arp(1, PHONE, [0xff; 6], 11, 99), None),
        (Toward::Server, tcp(PHONE, SERVER, 11, 3, SYN), Some((Door::Tcp, Knock::Asked))),
        (Toward::Phone, tcp(SERVER, PHONE, 3, 11, SYN | ACK), Some((Door::Tcp, Knock::Opened))),
        (Toward::Phone, tcp(SERVER, PHONE, 3, 11, RST | ACK), Some((Door::Tcp, Knock::Refused))),
        (Toward::Server, tcp(PHONE, SERVER, 11, 3, ACK), None),
        (Toward::Phone, unreachable(PHONE, 3, 5060, 3), Some((Door::Udp, Knock::Refused))),
        // Too long, another port, another host, another phone's.
        (Toward::Phone, unreachable(PHONE, 3, 5060, 4), None),
        (Toward::Phone, unreachable(PHONE, 3, 30_000, 3), None),
        (Toward::Phone, unreachable(PHONE, 99, 5060, 3), None),
        (Toward::Phone, unreachable(SERVER, 3, 5060, 3), None),
        (Toward::Server, unreachable(PHONE, 3, 5060, 3), None),
    ];
    let mut signalling = Signalling::new(&bench(), false);
    for (toward, bytes, expected) in seen {
        let raw = RawRef { file: String::new(), offset: 0, len: 0 };
        let found = signalling.read(&bytes, &Sighting { toward, unix_ns: 5, fate: Fate::Passed, raw });
        let knocks: Vec<_> = found
            .into_iter()
            .filter_map(|found| match found {
                Found::Knock(5, observed) => Some(*observed),
                _ => None,
            })
            .map(|observed| match observed {
                Observed::Knock { phone, server, door, knock, .. } => (phone.0, server.0, door, knock),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = expected.map(|(door, knock)| ("p1".to_owned(), "b".to_owned(), door, knock));
        assert_eq!(knocks, Vec::from_iter(expected), "{bytes:x?}");
    }
}

/// One direction of a connection with a port of the server.
struct Stream {
    toward: Toward,
    next: u32,
    port: u16,
}

impl Stream {
    fn segment(&mut self, flag: Option<Fate>, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let payload = payload.as_ref();
        let (phone, server) = ("10.77.0.11".parse().unwrap(), "10.77.0.3".parse().unwrap());
        let (from, to, source, destination, ports) = match self.toward {
            Toward::Server => (PHONE, SERVER, phone, server, (40_000, self.port)),
            Toward::Phone => (SERVER, PHONE, server, phone, (self.port, 40_000)),
        };
        let segment = TcpSegment {
            source_port: ports.0,
            destination_port: ports.1,
            sequence: self.next,
            ack: Some(1),
            syn: flag == Some(Fate::Passed),
            fin: false,
            rst: matches!(flag, Some(Fate::Injected(_))),
            payload,
        };
        self.next = self.next.wrapping_add(u32::from(segment.syn) + payload.len() as u32);
        Envelope::new(Mac(from), Mac(to), None).tcp(source, destination, &segment, None)
    }
}

fn sip(start: &str, call: u32) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK{call}\r\nCall-ID: {call}\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn what_the_bridge_says_in_a_connection_neither_stalls_it_nor_delivers_what_was_dropped() {
    const ASK: &str = "REGISTER sip:b SIP/2.0";
    const DONE: &str = "SIP/2.0 200 OK";
    const BUSY: &str = "SIP/2.0 503 Service Unavailable";
    let (dropped, injected) = (Fate::Dropped(OutageId(1)), Fate::Injected(OutageId(1)));
    let mut up = Stream { toward: Toward::Server, next: u32::MAX - 50, port: 5060 };
    let mut down = Stream { toward: Toward::Phone, next: 7_000, port: 5060 };
    let mut signalling = Signalling::new(&bench(), false);
    let mut found = Vec::new();
    let mut see = |bytes: Vec<u8>, toward, fate| {
        let raw = RawRef { file: String::new(), offset: 0, len: 0 };
        for one in signalling.read(&bytes, &Sighting { toward, unix_ns: 5, fate, raw }) {
            match one {
                Found::Sip(_, fact) => match &fact.message {
                    SipMessage::Read(message) => {
                        let code = match message.start {
                            SipStart::Response { code, .. } => code,
                            SipStart::Request { .. } => 0,
                        };
                        found.push((code, message.call_id.clone(), fact.toward, fact.fate));
                    }
                    SipMessage::Unreadable { reason, .. } => panic!("{reason}"),
                },
                Found::Knock(_, observed) => {
                    assert!(matches!(*observed, Observed::Knock { .. }));
                }
                Found::Gap(_) => panic!("a gap"),
                Found::Tls(_, fact) => panic!("{fact:?}"),
                Found::Fetched(_, fetch) => panic!("{fetch:?}"),
            }
        }
    };
    // Before the outage.
    see(up.segment(None, sip(ASK, 1)), Toward::Server, Fate::Passed);
    see(down.segment(None, sip(DONE, 1)), Toward::Phone, Fate::Passed);
    // In it, while the server speaks as well, from the same sequence number on.
    see(up.segment(None, sip(ASK, 2)), Toward::Server, dropped);
    let mut bridge = Stream { ..down };
    see(down.segment(None, sip(DONE, 9)), Toward::Phone, dropped);
    let busy = sip(BUSY, 2);
    let (first, second) = busy.split_at(30);
    see(bridge.segment(None, first), Toward::Phone, injected);
    see(bridge.segment(None, second), Toward::Phone, injected);
    see(up.segment(None, sip(ASK, 3)), Toward::Server, dropped);
    see(bridge.segment(None, sip(BUSY, 3)), Toward::Phone, injected);
    // Its end, and another connection between the same ports.
    see(bridge.segment(Some(injected), ""), Toward::Phone, injected);
    let mut up = Stream { toward: Toward::Server, next: 100, port: 5060 };
    let mut down = Stream { toward: Toward::Phone, next: 7_100, port: 5060 };
    see(up.segment(Some(Fate::Passed), ""), Toward::Server, Fate::Passed);
    see(down.segment(Some(Fate::Passed), ""), Toward::Phone, Fate::Passed);
    see(up.segment(None, sip(ASK, 4)), Toward::Server, Fate::Passed);
    see(down.segment(None, sip(DONE, 4)), Toward::Phone, Fate::Passed);

    let seen = |code, call: u32, toward, fate| (code, call.to_string(), toward, fate);
    let expected = vec![
        seen(0, 1, Toward::Server, Fate::Passed),
        seen(200, 1, Toward::Phone, Fate::Passed),
        seen(0, 2, Toward::Server, dropped),
        seen(200, 9, Toward::Phone, dropped),
        seen(503, 2, Toward::Phone, injected),
        seen(0, 3, Toward::Server, dropped),
        seen(503, 3, Toward::Phone, injected),
        seen(0, 4, Toward::Server, Fate::Passed),
        seen(200, 4, Toward::Phone, Fate::Passed),
    ];
    assert_eq!(found, expected);
}

/// Records of TLS 1.2, the two hellos without content.
fn records(records: &[(u8, &[u8])]) -> Vec<u8> {
    let record = |(kind, body): &(u8, &[u8])| [&[*kind, 3, 3, 0, body.len() as u8], *body].concat();
    records.iter().flat_map(record).collect()
}

#[test]
fn of_a_tls_connection_with_a_sip_port_the_steps_are_told_and_of_any_other_nothing() {
    const CLIENT_HELLO: (u8, &[u8]) = (22, &[1, 0, 0, 0]);
    const SERVER_HELLO: (u8, &[u8]) = (22, &[2, 0, 0, 0]);
    const FINISHED: [(u8, &[u8]); 2] = [(20, &[1]), (22, &[0; 40])];
    const DATA: (u8, &[u8]) = (23, &[0; 60]);
    let dropped = Fate::Dropped(OutageId(1));
    let steps_at = |port| {
        let mut up = Stream { toward: Toward::Server, next: 100, port };
        let mut down = Stream { toward: Toward::Phone, next: 7_000, port };
        let mut reset = Stream { toward: Toward::Phone, next: 7_000, port };
        let frames = [
            (up.segment(None, records(&[CLIENT_HELLO])), Toward::Server, Fate::Passed),
            (down.segment(None, records(&[SERVER_HELLO])), Toward::Phone, Fate::Passed),
            (up.segment(None, records(&FINISHED)), Toward::Server, Fate::Passed),
            (down.segment(None, records(&FINISHED)), Toward::Phone, Fate::Passed),
            (up.segment(None, records(&[DATA])), Toward::Server, Fate::Passed),
            (down.segment(None, records(&[DATA])), Toward::Phone, dropped),
            (reset.segment(Some(Fate::Injected(OutageId(1))), ""), Toward::Phone, Fate::Passed),
        ];
        let mut signalling = Signalling::new(&bench(), false);
        let mut steps = Vec::new();
        for (bytes, toward, fate) in frames {
            let raw = RawRef { file: "capture.pcapng".to_owned(), offset: 0, len: bytes.len() as u64 };
            for found in signalling.read(&bytes, &Sighting { toward, unix_ns: 5, fate, raw }) {
                if let Found::Tls(5, fact) = found {
                    assert_eq!((fact.phone.0.as_str(), fact.server.0.as_str()), ("p1", "b"));
                    assert_eq!((fact.phone_addr.port(), fact.server_addr.port()), (40_000, port));
                    steps.push((fact.toward, fact.step, fact.fate));
                }
            }
        }
        steps
    };
    use TlsStep::{Agreed, Ended, Greeted, Spoke};
    let expected = [
        (Toward::Server, Greeted, Fate::Passed),
        (Toward::Phone, Greeted, Fate::Passed),
        (Toward::Phone, Agreed, Fate::Passed),
        (Toward::Server, Spoke, Fate::Passed),
        (Toward::Phone, Spoke, dropped),
        (Toward::Phone, Ended, Fate::Passed),
    ];
    assert_eq!(steps_at(5061), expected);
    assert_eq!(steps_at(443), []);
}

fn bench() -> Bench {
    let text = r#"
        [bench]
        name = "test"
        [[server]]
        name = "a"
        role = "primary"
        addresses = ["10.77.0.2"]
        [[server]]
        name = "b"
        role = "backup"
        addresses = ["10.77.0.3"]
        [[phone]]
        name = "p1"
        model = "aastra-6731i"
        mac = "00:08:5d:77:00:01"
        address = "10.77.0.11"
        extension = "1001"
    "#;
    let overrides: [Override; 0] = [];
    let document = crate::config::document::Document::parse("test.toml".into(), text.to_owned(), &overrides);
    load::checked_bench(&document.unwrap(), std::path::Path::new(load::RIG)).unwrap().0
}
