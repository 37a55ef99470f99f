//! Servers that phones can not find by name any more: a name server of our own, its clients' sockets, and captures at both ends.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use nix::sys::signal::Signal;
use siprig::{
    config::Mac,
    event::{Manner, OutageMode, OutageTally},
    wire::frame,
};

use super::{ear::Ear, hosts::Host, *};

const DNS: u16 = 53;
/// Who asks in vain waits for so long.
const PATIENCE: Duration = Duration::from_millis(400);
/// A, AAAA, SRV, NAPTR.
const KINDS: [(u8, &str); 4] =
    [(1, "Sip-A.example"), (28, "sip-a.EXAMPLE"), (33, "_sip._udp.sip-a.example"), (35, "sip-a.example")];
const ENDS: [(Host, Host); 2] = [(hosts::PHONE, hosts::BACKUP), (hosts::PHONE_6, hosts::SERVER_6)];

#[test]
fn what_a_phone_asks_any_name_server_about_a_server_vanishes_and_nothing_else_does() {
    in_lab!("names::what_a_phone_asks_any_name_server_about_a_server_vanishes_and_nothing_else_does", |lab| {
        let mut rig = named(&lab);
        let log = Log::default();
        ENDS.iter().for_each(|(_, server)| log.serve(*server));
        for (phone, server) in ENDS {
            assert!(KINDS.iter().all(|(kind, name)| is_answered(phone, server, name, *kind)));
        }
        assert_eq!(rig.canaries(None), [true, true]);
        let asked_before = log.taken();
        assert_eq!(asked_before.len(), 2 * KINDS.len());
        let (mut near, mut far) = (Ear::at("phone"), Ear::at("server"));

        rig.begin_mode(1, nameless(), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, true], "who asks for it is not heard, and it is there");
        for (phone, server) in ENDS {
            for (kind, name) in KINDS {
                assert!(!is_answered(phone, server, name, kind), "{name}, {kind}");
                assert!(is_answered(phone, server, "sip-b.example", kind), "{kind}");
            }
            assert!(is_answered(phone, server, "sip-a.example", 16), "a text leads nowhere");
            assert!(is_answered(phone, server, "other.sip-a.example", 1));
            assert!(is_answered_in_stream(phone, server, "sip-b.example"));
            assert!(!is_answered_in_stream(phone, server, "sip-a.example"));
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3);
        }
        assert!(is_answered(hosts::NEIGHBOUR, hosts::BACKUP, "sip-a.example", 1), "it is there for others");
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "and for who knows its address");

        let asked = log.taken();
        let of_it = |name: &String| !name.starts_with("other.") && name.to_ascii_lowercase().ends_with("sip-a.example");
        assert_eq!(asked.iter().filter(|name| of_it(name)).count(), 2 + 1, "texts, and the neighbour: {asked:?}");
        assert_eq!(asked.len(), 2 * (KINDS.len() + 3) + 1, "each of the others once: {asked:?}");
        let in_captures = |ear: &mut Ear, sent: bool| {
            let heard = ear.heard();
            let asks = |bytes: &[u8]| contains(bytes, b"\x05Sip-A\x07example") || contains(bytes, b"\x04_udp\x05sip-a");
            heard.iter().filter(|heard| heard.sent == sent && asks(&heard.bytes)).count()
        };
        assert_eq!((in_captures(&mut near, true), in_captures(&mut far, false)), (4, 0));

        let (why, tally) = rig.end(1);
        let OutageTally { dropped_to_server, dropped_to_phone, dropped_other, bystanders, leaked, .. } = tally;
        assert_eq!((why, dropped_to_phone, leaked), (OutageEnd::Lifted, 0, 0));
        // What is sent in a connection is sent again and again.
        assert!(dropped_to_server >= 2 * (KINDS.len() as u64 + 1), "{dropped_to_server}");
        assert_eq!((dropped_other, bystanders.dns), (dropped_to_server, dropped_to_server));
        for (phone, server) in ENDS {
            assert!(is_answered(phone, server, "sip-a.example", 1));
        }
        let seen = rig.close();
        let bites = seen.iter().filter(|it| matches!(it, Observed::FirstBite { toward: Toward::Server, .. }));
        assert_eq!(bites.count(), 1);
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let (capture, (notes, _)) = (rig.capture(), rig.notes());
        assert!(contains(&capture, b"\x04_udp\x05sip-a\x07example"), "what was taken is in the capture");
        assert!(!contains(&capture, b"\x05sip-b\x07example"), "and what else they asked is not");
        let dropped = notes.iter().filter(|note| **note == Note::Dropped { outage: OutageId(1) }).count() as u64;
        assert_eq!(dropped, dropped_to_server + 1, "and the canary");
    });
}

#[test]
fn a_question_is_known_behind_any_tags() {
    in_lab!("names::a_question_is_known_behind_any_tags", |lab| {
        let mut rig = named(&lab);
        let (mut near, mut far) = (Ear::at("phone"), Ear::at("server"));
        rig.begin_mode(1, nameless(), None, OutageScope::Host);
        let tags: [&[u8]; 3] = [&[], &[0x81, 0, 0, 7], &[0x88, 0xa8, 0, 100, 0x81, 0, 0, 77]];
        let (phone, server) = (hosts::PHONE_MAC.parse().unwrap(), Mac([2, 0, 0, 0, 0, 0x77]));
        for (from, to) in [(hosts::PHONE, hosts::SERVER), (hosts::PHONE_6, hosts::SERVER_6)] {
            let ends = (SocketAddr::new(from.ip, 4000), SocketAddr::new(to.ip, DNS));
            for tag in tags {
                for name in ["sip-a.example", "sip-b.example"] {
                    let plain = frame::udp_frame(phone, server, None, ends.0, ends.1, &query(name, 1));
                    near.say(&[&plain[..12], tag, &plain[12..]].concat());
                }
            }
        }
        let heard = far.heard();
        let of = |label: &[u8]| heard.iter().filter(|heard| contains(&heard.bytes, label)).count();
        assert_eq!((of(b"\x05sip-a\x07example"), of(b"\x05sip-b\x07example")), (0, 2 * tags.len()));
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked), (2 * tags.len() as u64, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn names_are_found_again_whoever_dies_or_hangs() {
    in_lab!("names::names_are_found_again_whoever_dies_or_hangs", |lab| {
        Log::default().serve(hosts::BACKUP);
        for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
            let mut rig = named(&lab);
            rig.begin_mode(1, nameless(), None, OutageScope::Host);
            assert!(!is_answered(hosts::PHONE, hosts::BACKUP, "sip-a.example", 1));
            rig.signal(signal);
            let at = Instant::now();
            let mut last_in_vain = None;
            loop {
                let begun = at.elapsed();
                if is_answered(hosts::PHONE, hosts::BACKUP, "sip-a.example", 1) {
                    break;
                }
                last_in_vain = Some(begun);
            }
            println!("{signal}: last asked in vain {last_in_vain:?} after it");
            assert!(last_in_vain.is_none_or(|begun| begun < Duration::from_secs(1)), "{last_in_vain:?}");
            rig.signal(Signal::SIGCONT);
            rig.close();
        }
    });
}

#[test]
fn a_server_without_names_can_not_lose_them() {
    in_lab!("names::a_server_without_names_can_not_lose_them", |lab| {
        let mut rig = Rig::start(&lab);
        let refusal = rig.try_begin(nameless()).unwrap_err().to_string();
        assert!(refusal.contains("needs the names of server a"), "{refusal}");
        rig.close();
    });
}

pub fn nameless() -> OutageMode {
    Manner::Nameless.into()
}

fn named(lab: &Lab) -> Rig {
    Rig::start_with(lab, |plan| plan.bench.servers[0].names = vec!["sip-a.example".parse().unwrap()])
}

/// What was asked of name servers, in its order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// A name server that has no answer to give, and gives that.
    pub fn serve(&self, host: Host) {
        let at = SocketAddr::new(host.ip, DNS);
        let (udp, tcp) =
            hosts::in_host(host.namespace, move || (UdpSocket::bind(at).unwrap(), TcpListener::bind(at).unwrap()));
        let log = self.clone();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((len, from)) = udp.recv_from(&mut buffer) {
                udp.send_to(&log.answer(&buffer[..len]), from).unwrap();
            }
        });
        let log = self.clone();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = tcp.accept() {
                let log = log.clone();
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                        stream.read_exact(&mut message).unwrap();
                        stream.write_all(&framed(&log.answer(&message))).unwrap();
                    }
                });
            }
        });
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let mut labels = Vec::new();
        let mut rest = &query[12..];
        while rest[0] > 0 {
            let (label, behind) = rest[1..].split_at(rest[0].into());
            labels.push(String::from_utf8_lossy(label).into_owned());
            rest = behind;
        }
        self.0.lock().unwrap().push(labels.join("."));
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn query(name: &str, kind: u8) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8][..], label.as_bytes()].concat());
    [0x51, 0x52, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0].into_iter().chain(labels).chain([0, 0, kind, 0, 1]).collect()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// Whether a query comes back answered, once.
pub fn is_answered(from: Host, server: Host, name: &str, kind: u8) -> bool {
    let socket = hosts::in_host(from.namespace, move || UdpSocket::bind(SocketAddr::new(from.ip, 0)).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&query(name, kind), SocketAddr::new(server.ip, DNS)).unwrap();
    let mut buffer = [0; 512];
    socket.recv(&mut buffer).is_ok_and(|len| len > 12 && buffer[2] & 0x80 != 0)
}

fn is_answered_in_stream(from: Host, server: Host, name: &str) -> bool {
    let at = SocketAddr::new(server.ip, DNS);
    let connect = move || TcpStream::connect_timeout(&at, Duration::from_secs(5)).unwrap();
    let mut stream = hosts::in_host(from.namespace, connect);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&framed(&query(name, 1))).unwrap();
    let answered: io::Result<()> = stream.read_exact(&mut [0; 14]);
    answered.is_ok()
}
