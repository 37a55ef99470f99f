//! What is heard in single frames: datagrams, fragments, errors.

use super::*;
use crate::{
    event::OutageId,
    wire::frame::{Envelope, port_unreachable},
};

mod connections;
mod fuzz;
mod world;

use world::{ASK, Ear, Note, Noted, PHONE, SECOND, SERVER, at, datagram, fragments, fragments_v6, udp};

const MISSING: &str = "a fragment of its datagram never came";

#[test]
fn a_datagram_that_is_sip_is_heard_on_any_port_with_what_stood_around_it() {
    let frame = Envelope::new(PHONE, SERVER, Some(77)).udp(at(11, 40_000), at(3, 7000), ASK.as_bytes());
    let sighting = Sighting { unix_ns: 5, fate: Fate::Passed, tag: 'x' };
    let mut heard = 0;
    Signalling::new([]).take(&Frame::parse(&frame).unwrap(), &sighting, &mut |it| {
        heard += 1;
        assert_eq!(it.sighting, sighting);
        assert_eq!((it.link.source, it.link.destination, &*it.link.vlans), (Some(PHONE), Some(SERVER), &[77][..]));
        let ends = Ends { source: at(11, 40_000), destination: at(3, 7000) };
        let bytes = ASK.as_bytes();
        assert_eq!(it.what, What::Message { ends, transport: Transport::Udp, bytes });
    });
    assert_eq!(heard, 1);
}

#[test]
fn what_is_no_sip_counts_only_where_there_is_sip() {
    let rtp = [&[0x80, 0, 1, 2][..], &[0x55; 168]].concat();
    let strange = [&b"hello"[..], &rtp];
    let keep = [&b"\r\n\r\n"[..], b"\0", b""];
    let mut ear = Ear::default();
    let all = |port| strange.iter().chain(&keep).map(|bytes| datagram(port, bytes)).collect::<Vec<_>>();
    // Before anybody has spoken SIP there, and elsewhere.
    assert_eq!(ear.said(&all(5060)), []);
    assert_eq!(
        ear.said(&[datagram(5060, ASK.as_bytes()), datagram(7000, ASK.as_bytes())]),
        vec![udp(ASK.as_bytes()); 2]
    );
    assert_eq!(ear.said(&all(30_000)), []);
    let unreadable = Note::Unreadable(Transport::Udp, "not SIP", 0);
    let kept = Note::KeepAlive(Transport::Udp);
    let expected = [vec![unreadable; 2], vec![kept.clone(); 3]].concat();
    assert_eq!(ear.said(&all(5060)), expected);
    assert_eq!(ear.said(&all(7000)), vec![kept; 3], "what else such a port carries is not ours to complain about");
}

#[test]
fn a_server_that_answers_makes_the_path_known_both_ways() {
    let answer = Envelope::new(SERVER, PHONE, None).udp(at(3, 5060), at(11, 40_000), b"SIP/2.0 200 OK\r\n\r\n");
    let mut ear = Ear::default();
    assert_eq!(ear.said(&[answer]), [udp(b"SIP/2.0 200 OK\r\n\r\n")]);
    assert_eq!(ear.said(&[datagram(5060, b"\r\n")]), [Note::KeepAlive(Transport::Udp)]);
}

/// A REGISTER of 3000 bytes.
fn long() -> Vec<u8> {
    let padding = format!("X-Padding: {}\r\n", "x".repeat(2900));
    ASK.replace("Content-Length", &format!("{padding}Content-Length")).into_bytes()
}

#[test]
fn a_message_in_fragments_is_heard_when_it_is_whole() {
    let (source, destination) = ("[2001:db8::11]:40000".parse().unwrap(), "[2001:db8::3]:7000".parse().unwrap());
    let v6 = Envelope::new(PHONE, SERVER, None).udp(source, destination, &long());
    for mut frames in [fragments(&datagram(7000, &long()), 9, 1480), fragments_v6(&v6, 9, 1232)] {
        assert_eq!(frames.len(), 3);
        for first in 0..3 {
            let mut ear = Ear::default();
            let heard: Vec<Noted> = frames.iter().flat_map(|frame| ear.hear(frame)).collect();
            let tag = (3 - first) % 3;
            assert_eq!(heard, [Noted { tag, fate: Fate::Passed, note: udp(&long()) }], "first {first}");
            assert_eq!(ear.finish(), []);
            frames.rotate_left(1);
        }
    }
}

#[test]
fn a_message_is_dropped_with_any_fragment_until_a_copy_of_that_passes() {
    let frames = fragments(&datagram(5060, &long()), 9, 1480);
    let dropped = Fate::Dropped(OutageId(3));
    let mut ear = Ear::default();
    let heard: Vec<Noted> = [Fate::Passed, dropped, Fate::Passed]
        .iter()
        .zip(&frames)
        .flat_map(|(fate, it)| ear.hear_of(it, *fate))
        .collect();
    assert_eq!(heard, [Noted { tag: 0, fate: dropped, note: udp(&long()) }]);
    assert_eq!(ear.hear(&frames[1]), [Noted { tag: 0, fate: Fate::Passed, note: udp(&long()) }]);
}

#[test]
fn what_stays_in_pieces_is_unreadable_if_it_began_like_sip() {
    let unreadable = |reason| Note::Unreadable(Transport::Udp, reason, 0);
    let frames = fragments(&datagram(5060, &long()), 9, 1480);
    let video = fragments(&datagram(5060, &[0x80; 3000]), 10, 1480);
    let mut ear = Ear::default();
    let heard: Vec<Noted> =
        frames[..2].iter().chain(&video[..2]).chain(&frames[2..]).skip(1).flat_map(|it| ear.hear(it)).collect();
    assert_eq!(heard, []);
    assert_eq!(ear.finish(), [], "without its first fragment nobody knows what it was");

    let mut ear = Ear::default();
    assert_eq!(ear.said(&frames[..2]), []);
    ear.now_ns += 61 * SECOND;
    assert_eq!(ear.said(&[datagram(53, b"x")]), [unreadable(MISSING)]);
    assert_eq!(ear.said(&frames[2..]), []);
    assert_eq!(ear.finish(), []);

    let mut ear = Ear::default();
    assert_eq!(ear.said(&frames[..1]), []);
    assert_eq!(ear.finish(), [Noted { tag: 0, fate: Fate::Passed, note: unreadable(MISSING) }]);

    let mut ear = Ear::default();
    let other = fragments(&datagram(5060, &long()), 9, 1472);
    assert_eq!(ear.said(&[frames[0].clone(), other[1].clone()]), [unreadable("fragments of its datagram overlap")]);

    // The length in its UDP header is more than there is.
    let mut ear = Ear::default();
    let mut frames = frames;
    frames[0][14 + 20 + 4] = 0xFF;
    assert_eq!(ear.said(&frames), [unreadable("its datagram is not as long as it says")]);
}

#[test]
fn fragments_of_what_is_no_sip_hold_no_memory_and_push_nothing_out() {
    let sip = fragments(&datagram(5060, &long()), 9, 1480);
    let mut ear = Ear::default();
    assert_eq!(ear.said(&sip[..1]), []);
    for identification in 0..5000_u16 {
        let frames = fragments(&datagram(30_000, &[0x80; 3000]), identification.wrapping_add(1000), 1480);
        assert_eq!(ear.said(&frames), []);
    }
    assert_eq!(ear.said(&sip[1..]), [udp(&long())]);
}

#[test]
fn a_segment_in_fragments_belongs_to_its_stream() {
    let (mut phone, _) = world::End::pair(5060);
    let frames = [fragments(&phone.say(&long()[..1600]), 1, 1024), fragments(&phone.say(&long()[1600..]), 2, 512)];
    let heard = Ear::default().said(&frames.concat());
    assert_eq!(heard, [world::tcp(&long())]);
}

#[test]
fn an_error_is_heard_with_the_ends_of_the_packet_that_it_quotes() {
    let ends = Ends { source: at(11, 40_000), destination: at(3, 5060) };
    let frame = datagram(5060, ASK.as_bytes());
    let by = at(3, 0).ip();
    let expected = |by, kind, code| vec![Note::Unreachable(ends, Transport::Udp, by, kind, code)];
    assert_eq!(Ear::default().said(&[port_unreachable(&frame).unwrap()]), expected(by, 3, 3));

    // Its header has options, and of its payload only ports are quoted; a router says so, in a VLAN.
    let mut quoted = frame[14..34].to_vec();
    quoted[0] = 0x47;
    quoted.extend([7, 8, 4, 0, 0, 0, 0, 0]);
    quoted.extend(&frame[34..42]);
    let router = at(1, 0).ip();
    let error = |kind, quoted: &[u8], vlan| {
        let message = [&[kind, 1, 0, 0, 0, 0, 0, 0][..], quoted].concat();
        let total = u16::try_from(20 + message.len()).unwrap().to_be_bytes();
        let mut bytes = [PHONE.0, SERVER.0].concat();
        if vlan {
            bytes.extend([0x81, 0, 0, 77]);
        }
        bytes.extend([8, 0, 0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 1, 0, 0, 10, 77, 0, 1, 10, 77, 0, 11]);
        [bytes, message].concat()
    };
    for kind in [3, 11, 12] {
        assert_eq!(Ear::default().said(&[error(kind, &quoted, true)]), expected(router, kind, 1));
    }
    // No error, too little of it, another protocol, a later fragment.
    let mut other = quoted.clone();
    other[9] = 1;
    let mut later = quoted.clone();
    later[7] = 9;
    let nothing =
        [error(8, &quoted, false), error(3, &quoted[..31], false), error(3, &other, false), error(3, &later, false)];
    assert_eq!(Ear::default().said(&nothing), []);
}

#[test]
fn an_error_about_a_packet_in_ipv6_is_heard_through_its_extension_headers() {
    let (source, destination) = ("[2001:db8::11]:40000".parse().unwrap(), "[2001:db8::3]:5060".parse().unwrap());
    let frame = Envelope::new(PHONE, SERVER, None).udp(source, destination, ASK.as_bytes());
    let ends = Ends { source, destination };
    let by = destination.ip();
    let expected = [Note::Unreachable(ends, Transport::Udp, by, 1, 4)];
    assert_eq!(Ear::default().said(&[port_unreachable(&frame).unwrap()]), expected);
    let first = &fragments_v6(&frame, 9, 32)[0];
    assert_eq!(Ear::default().said(&[port_unreachable(first).unwrap()]), expected, "quoted from a fragment");
    let mut options = frame.clone();
    options.splice(54..54, [17, 0, 1, 4, 0, 0, 0, 0]);
    options[20] = 60;
    let length = u16::try_from(options.len() - 54).unwrap().to_be_bytes();
    options[18..20].copy_from_slice(&length);
    assert_eq!(Ear::default().said(&[port_unreachable(&options).unwrap()]), expected, "with destination options");
}

#[test]
fn an_error_about_other_traffic_is_none_of_ours() {
    let elsewhere = datagram(7000, ASK.as_bytes());
    let error = port_unreachable(&elsewhere).unwrap();
    let mut ear = Ear::default();
    assert_eq!(ear.said(std::slice::from_ref(&error)), []);
    let ends = Ends { source: at(11, 40_000), destination: at(3, 7000) };
    let unreachable = Note::Unreachable(ends, Transport::Udp, at(3, 0).ip(), 3, 3);
    assert_eq!(ear.said(&[elsewhere, error]), [udp(ASK.as_bytes()), unreachable]);
}
