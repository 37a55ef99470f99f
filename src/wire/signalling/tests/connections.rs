//! TCP connections: begun, cut, lost in part, ended, taken up again, and blind.

use super::{
    super::*,
    world::{ASK, Ear, End, Note, SECOND, tcp},
};
use crate::event::OutageId;

const DONE: &str = "SIP/2.0 200 OK\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";

fn unreadable(reason: &'static str) -> Note {
    Note::Unreadable(Transport::Tcp, reason, 0)
}

/// What is unreadable because it has no end, after so many bytes.
fn unended(reason: &'static str, bytes: usize) -> Note {
    Note::Unreadable(Transport::Tcp, reason, bytes)
}

fn steps(ear: &mut Ear, frame: &[u8]) -> Vec<Note> {
    ear.hear(frame).into_iter().map(|it| it.note).collect()
}

#[test]
fn a_connection_tells_its_life() {
    let (mut phone, mut server) = End::pair(5060);
    let mut ear = Ear::default();
    assert_eq!(steps(&mut ear, &phone.syn()), [Note::Step(Step::Asked)]);
    assert_eq!(steps(&mut ear, &server.syn()), [Note::Step(Step::Opened)]);
    assert_eq!(steps(&mut ear, &phone.say(ASK.as_bytes())), [tcp(ASK.as_bytes())]);
    assert_eq!(steps(&mut ear, &phone.say(b"\r\n\r\n")), [Note::KeepAlive(Transport::Tcp)]);
    assert_eq!(steps(&mut ear, &server.say(DONE.as_bytes())), [tcp(DONE.as_bytes())]);
    assert_eq!(steps(&mut ear, &phone.fin()), [Note::Step(Step::Closed)]);
    assert_eq!(steps(&mut ear, &server.fin()), [Note::Step(Step::Closed)]);
    assert_eq!(ear.finish(), []);
}

#[test]
fn a_refusal_is_told_from_a_reset() {
    let (mut phone, mut server) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.syn());
    // By a firewall that does not keep to the number that it should answer with.
    assert_eq!(steps(&mut ear, &server.rst()), [Note::Step(Step::Refused)]);
    let (mut elsewhere, nobody) = End::pair(443);
    steps(&mut ear, &elsewhere.syn());
    assert_eq!(steps(&mut ear, &nobody.refuse()), [Note::Step(Step::Refused)]);
    steps(&mut ear, &phone.syn());
    steps(&mut ear, &server.syn());
    assert_eq!(steps(&mut ear, &server.rst()), [Note::Step(Step::Reset)]);
    assert_eq!(steps(&mut ear, &server.rst()), [Note::Step(Step::Reset)], "of what nobody knows any more");
}

#[test]
fn an_end_within_a_message_is_named() {
    let (first, rest) = ASK.split_at(30);
    let (mut phone, server) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.say(first.as_bytes()));
    let mut closing = phone.clone();
    let closed = unended("the connection was closed within it", 30);
    assert_eq!(steps(&mut ear, &closing.fin()), [closed, Note::Step(Step::Closed)]);

    let mut ear = Ear::default();
    steps(&mut ear, &phone.clone().say_at(-30, first.as_bytes()).clone());
    let reset = unended("the connection was reset within it", 30);
    assert_eq!(steps(&mut ear, &server.rst()), [reset, Note::Step(Step::Reset)]);

    let mut ear = Ear::default();
    steps(&mut ear, &phone.say_at(-30, first.as_bytes()));
    let mut again = phone.clone();
    again.next = 5;
    let renewed = unended("another connection took the place of its own", 30);
    assert_eq!(steps(&mut ear, &again.syn()), [renewed, Note::Step(Step::Asked)]);
    assert_eq!(steps(&mut ear, &again.say(ASK.as_bytes())), [tcp(ASK.as_bytes())]);

    let mut ear = Ear::default();
    steps(&mut ear, &phone.say_at(-30, first.as_bytes()));
    let over: Vec<Note> = ear.finish().into_iter().map(|it| it.note).collect();
    assert_eq!(over, [unended("nothing follows in which it goes on", 30)]);
    assert_eq!(steps(&mut ear, &phone.say(rest.as_bytes())), [unreadable("not SIP")]);
}

#[test]
fn a_reset_that_the_receiver_would_not_take_ends_nothing() {
    let (first, rest) = ASK.split_at(30);
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.say(first.as_bytes()));
    let mut stray = phone.clone();
    stray.next = phone.next.wrapping_add(1 << 30);
    assert_eq!(steps(&mut ear, &stray.rst()), [Note::Step(Step::Reset)]);
    assert_eq!(steps(&mut ear, &phone.say(rest.as_bytes())), [tcp(ASK.as_bytes())]);
}

#[test]
fn what_is_sent_again_to_who_was_reset_is_not_heard_twice() {
    let len = DONE.len() as i32;
    let (mut phone, mut server) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.syn());
    steps(&mut ear, &server.syn());
    assert_eq!(steps(&mut ear, &server.say(DONE.as_bytes())), [tcp(DONE.as_bytes())]);
    // In the server's name: it does not know.
    assert_eq!(ear.hear_of(&server.rst(), Fate::Injected(OutageId(1)))[0].note, Note::Step(Step::Reset));
    assert_eq!(steps(&mut ear, &server.clone().say_at(-len, DONE.as_bytes())), []);
    assert_eq!(steps(&mut ear, &server.say(DONE.as_bytes())), [tcp(DONE.as_bytes())], "it is new");
    // Another connection may use the same numbers.
    let mut again = server.clone();
    again.next = server.next.wrapping_sub(2 * len as u32 + 1);
    steps(&mut ear, &phone.syn());
    steps(&mut ear, &again.syn());
    assert_eq!(steps(&mut ear, &again.say(DONE.as_bytes())), [tcp(DONE.as_bytes())]);
}

#[test]
fn what_an_outage_took_and_is_sent_again_to_who_was_reset_is_heard() {
    let (mut phone, mut server) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.syn());
    steps(&mut ear, &server.syn());
    let taken = ear.hear_of(&phone.say(ASK.as_bytes()), Fate::Dropped(OutageId(1)));
    assert_eq!(taken.len(), 1);
    steps(&mut ear, &phone.rst());
    assert_eq!(steps(&mut ear, &phone.clone().say_at(-(ASK.len() as i32), ASK.as_bytes())), [tcp(ASK.as_bytes())]);
}

#[test]
fn a_reset_that_an_outage_takes_ends_the_one_direction_alone() {
    let (first, rest) = DONE.split_at(30);
    let (mut phone, mut server) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &server.say(first.as_bytes()));
    steps(&mut ear, &phone.say(&ASK.as_bytes()[..30]));
    let heard = ear.hear_of(&phone.rst(), Fate::Dropped(OutageId(1)));
    assert_eq!(heard[0].note, unended("the connection was reset within it", 30));
    assert_eq!(steps(&mut ear, &server.say(rest.as_bytes())), [tcp(DONE.as_bytes())]);
}

#[test]
fn what_is_skipped_where_the_capture_begins_is_named_once() {
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    let frames: Vec<_> = ["rest of a line\r\nVia: SIP/2.0/UDP h\r\n", "\r\n", "v=0\r\ns=-\r\n\r\n", ASK, "\r\n\r\n"]
        .iter()
        .map(|text| phone.say(text.as_bytes()))
        .collect();
    let expected = [unreadable("not SIP"), tcp(ASK.as_bytes()), Note::KeepAlive(Transport::Tcp)];
    assert_eq!(ear.said(&frames), expected);
}

#[test]
fn a_hole_that_the_receiver_acknowledges_is_ours_and_reading_goes_on_at_once() {
    let (mut phone, server) = End::pair(5060);
    let mut ear = Ear::default();
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), [tcp(ASK.as_bytes())]);
    let _lost = phone.say(ASK.as_bytes());
    let length = ASK.len() as u32;
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), [], "it may still come");
    assert_eq!(ear.said(&[server.acknowledge(length)]), [], "nothing of the hole");
    assert_eq!(ear.said(&[server.acknowledge(2 * length)]), [Note::Gap(length), tcp(ASK.as_bytes())]);
    // What was acknowledged before anything was seen behind it.
    let _lost = phone.say(ASK.as_bytes());
    assert_eq!(ear.said(&[server.acknowledge(4 * length)]), []);
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), [Note::Gap(length), tcp(ASK.as_bytes())]);
}

#[test]
fn a_hole_of_which_nobody_tells_is_waited_for_ten_seconds() {
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    let half = ASK.len() / 2;
    ear.said(&[phone.say(&ASK.as_bytes()[..half])]);
    let _lost = phone.say(&ASK.as_bytes()[half..]);
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), []);
    ear.now_ns += 9 * SECOND;
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), []);
    ear.now_ns += 2 * SECOND;
    let gap = Note::Gap((ASK.len() - half) as u32);
    assert_eq!(
        ear.said(&[phone.say(b"\r\n")]),
        [gap, tcp(ASK.as_bytes()), tcp(ASK.as_bytes()), Note::KeepAlive(Transport::Tcp)]
    );

    let _lost = phone.say(ASK.as_bytes());
    assert_eq!(ear.said(&[phone.say(ASK.as_bytes())]), []);
    let over: Vec<Note> = ear.finish().into_iter().map(|it| it.note).collect();
    assert_eq!(over, [Note::Gap(ASK.len() as u32), tcp(ASK.as_bytes())], "at the end of everything");
}

#[test]
fn of_bytes_that_come_twice_the_first_copy_counts() {
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    let other = ASK.replace("Call-ID: 1", "Call-ID: 2");
    let (first, rest) = ASK.split_at(40);
    assert_eq!(ear.said(&[phone.say(first.as_bytes()), phone.say_at(-40, &other.as_bytes()[..50])]), []);
    assert_eq!(ear.said(&[phone.say(rest.as_bytes())]), [tcp(ASK.as_bytes())]);
}

#[test]
fn probes_of_kept_connections_and_of_closed_windows_change_nothing() {
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    let frames = [
        phone.say(ASK.as_bytes()),
        phone.say_at(-1, b"\0"),
        phone.say_at(-1, b""),
        // One byte that has no room yet, and the same with all others.
        phone.say_at(0, &ASK.as_bytes()[..1]),
        phone.say_at(0, &ASK.as_bytes()[..1]),
        phone.say(ASK.as_bytes()),
    ];
    assert_eq!(ear.said(&frames), [tcp(ASK.as_bytes()), tcp(ASK.as_bytes())]);
}

#[test]
fn sip_is_found_on_any_port_and_makes_the_other_direction_known() {
    let (mut phone, mut server) = End::pair(7000);
    let mut ear = Ear::default();
    let (first, rest) = ASK.split_at(16);
    let frames =
        [phone.say(first.as_bytes()), phone.say(rest.as_bytes()), server.say(b"hm?\r\n"), server.say(DONE.as_bytes())];
    assert_eq!(ear.said(&frames), [tcp(ASK.as_bytes()), unreadable("not SIP"), tcp(DONE.as_bytes())]);
}

#[test]
fn other_connections_hold_no_memory_and_are_not_unreadable() {
    let mut ear = Ear::default();
    for port in 0..2000 {
        let (phone, server) = End::pair(80);
        let (mut phone, mut server) = (phone.at_port(10_000 + port), server.at_port(10_000 + port));
        let frames = [
            phone.syn(),
            server.syn(),
            phone.say(b"GET /aastra.cfg HTTP/1.1\r\n\r\n"),
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nsip proxy ip: 10.77.0.2\r\n"),
            server.say(&[0x80; 200]),
            server.fin(),
        ];
        assert_eq!(ear.said(&frames), []);
    }
    assert_eq!(ear.signalling.connections.watched(), 0);
}

#[test]
fn a_scan_of_ports_pushes_nothing_out() {
    let (first, rest) = ASK.split_at(30);
    let (mut phone, _) = End::pair(5060);
    let mut ear = Ear::default();
    steps(&mut ear, &phone.say(first.as_bytes()));
    for port in 1..10_000 {
        let mut scanner = End::pair(5060).0.at_port(port);
        assert_eq!(steps(&mut ear, &scanner.syn()), [Note::Step(Step::Asked)]);
    }
    assert_eq!(steps(&mut ear, &phone.say(rest.as_bytes())), [tcp(ASK.as_bytes())]);
}

#[test]
fn the_quietest_connection_gives_way_and_says_what_it_held() {
    let made_room = "its connection was given up, to make room for others";
    let (first, rest) = ASK.split_at(30);
    let mut ear = Ear::default();
    ear.signalling.connections.hold_at_most(1000);
    let mut phones: Vec<End> = (1..=34).map(|port| End::pair(5060).0.at_port(port)).collect();
    let mut heard = Vec::new();
    for (index, phone) in phones.iter_mut().enumerate() {
        assert_eq!(heard, [], "phone {index}");
        heard = ear.said(&[phone.say(first.as_bytes())]);
        assert!(ear.signalling.connections.held() <= 1000);
    }
    assert_eq!(heard, [unended(made_room, 30)], "34 times 30 bytes are more than 1000");
    assert_eq!(ear.said(&[phones[1].say(rest.as_bytes())]), [tcp(ASK.as_bytes())], "the second one is still there");
    assert_eq!(ear.said(&[phones[0].say(rest.as_bytes())]), [unreadable("not SIP")]);
    // What waits behind a hole is read, and the hole said.
    let phone = &mut phones[2];
    let length = ASK.len() as u32;
    ear.said(&[phone.say(rest.as_bytes())]);
    let _lost = phone.say(ASK.as_bytes());
    ear.said(&[phone.say(ASK.as_bytes())]);
    for phone in &mut phones[3..] {
        let _ = ear.said(&[phone.say(b"X: y\r\n")]);
    }
    let mut newcomer = End::pair(5060).0.at_port(99);
    let heard = ear.said(&[newcomer.say(&ASK.repeat(20).as_bytes()[..ASK.len() * 20 - 10])]);
    let mine: Vec<&Note> = heard.iter().skip(19).take(2).collect();
    assert_eq!(mine, [&Note::Gap(length), &tcp(ASK.as_bytes())], "{heard:?}");
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let [a, b] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, a, b][..], body].concat()
}

/// Version, random, no session, one cipher, no compression.
fn hello(kind: u8) -> Vec<u8> {
    let rest: &[u8] = if kind == 1 { &[0, 0, 2, 0x13, 1, 1, 0] } else { &[0, 0x13, 1, 0] };
    let body = [&[3, 3][..], &[7; 32], rest].concat();
    record(22, &[&[kind, 0, 0, u8::try_from(body.len()).unwrap()][..], &body].concat())
}

#[test]
fn a_blind_connection_tells_of_its_handshake_and_of_nothing_else() {
    let finished = [record(20, &[1]), record(22, &[0x5A; 40])].concat();
    let notes = |all: &[&str]| all.iter().map(|text| Note::Tls((*text).to_owned())).collect::<Vec<_>>();
    for port in [5061, 5060, 443] {
        let (mut phone, mut server) = End::pair(port);
        let mut ear = Ear::default();
        let opening = [phone.syn(), server.syn(), phone.say(&hello(1)), server.say(&hello(2))];
        assert_eq!(ear.said(&opening), notes(&["asks for None", "ServerHello"]), "port {port}");
        assert_eq!(ear.said(&[phone.say(&finished), server.say(&finished)]), notes(&["Established"]));
        // Bytes that look like SIP by chance, a hole, garbage, and an end within a record.
        let inside = record(23, ASK.as_bytes());
        assert_eq!(ear.said(&[phone.say(&inside[..5]), phone.say(&inside[5..])]), notes(&["Data", "Data"]));
        let _lost = server.say(&inside);
        assert_eq!(ear.said(&[server.say(&inside), phone.acknowledge(9999)]), notes(&["Data"]));
        assert_eq!(ear.said(&[server.say(b"hm?\r\n"), phone.say(&inside[..20]), phone.fin()]), notes(&["Data"]));
        assert_eq!(ear.finish(), []);
    }
}

#[test]
fn a_hello_in_crumbs_is_known_where_sip_is_expected() {
    let (mut phone, _) = End::pair(5061);
    let frames: Vec<_> = hello(1).iter().map(|byte| phone.say(&[*byte])).collect();
    assert_eq!(Ear::default().said(&frames), [Note::Tls("asks for None".to_owned())]);
}

#[test]
fn a_blind_connection_that_was_there_before_is_known_where_sip_is_expected() {
    let data = record(23, &[0x5A; 600]);
    let (mut phone, mut server) = End::pair(5061);
    let frames = [phone.say(&data), server.say(&data), phone.say(&data)];
    let notes = ["Established", "Data"].map(|text| Note::Tls(text.to_owned()));
    assert_eq!(Ear::default().said(&frames), notes);
    let (mut phone, _) = End::pair(9443);
    assert_eq!(Ear::default().said(&[phone.say(&data)]), [], "elsewhere it may be anything");
}

#[test]
fn what_is_said_in_a_connection_of_an_outage_has_its_fate() {
    let (mut phone, mut server) = End::pair(5060);
    let (dropped, injected) = (Fate::Dropped(OutageId(4)), Fate::Injected(OutageId(4)));
    let mut ear = Ear::default();
    let heard = |ear: &mut Ear, frame: Vec<u8>, fate| -> Vec<(Fate, Note)> {
        ear.hear_of(&frame, fate).into_iter().map(|it| (it.fate, it.note)).collect()
    };
    let (first, rest) = ASK.as_bytes().split_at(30);
    let _ = heard(&mut ear, phone.say(first), Fate::Passed);
    let repeated = phone.say_at(0, rest);
    let behind = phone.say_at(rest.len() as i32, ASK.as_bytes());
    // The second half of one message and all of the next are dropped, the latter ahead of the former.
    assert_eq!(heard(&mut ear, behind, dropped), []);
    let both = vec![(dropped, tcp(ASK.as_bytes())); 2];
    assert_eq!(heard(&mut ear, repeated.clone(), dropped), both);
    assert_eq!(heard(&mut ear, repeated, Fate::Passed), [(Fate::Passed, tcp(ASK.as_bytes()))]);
    assert_eq!(heard(&mut ear, server.say(DONE.as_bytes()), injected), [(injected, tcp(DONE.as_bytes()))]);
    assert_eq!(heard(&mut ear, server.rst(), injected), [(injected, Note::Step(Step::Reset))]);
}
