//! Frames in, frames out: what is cut in pieces, what is quoted, and that nothing else changes.

use std::{
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
};

use proptest::prelude::*;

use super::*;
use crate::{
    config::Mac,
    wire::frame::{Body as Read, Content, Envelope, Frame, TcpSegment, fix_checksums, port_unreachable, udp_frame},
};

mod links;
mod pieces;

const RESPONSE: &str = "0123456789abcdef0123456789abcdef";

fn key() -> Key {
    Key([9; 32])
}

fn register() -> Vec<u8> {
    format!(
        "REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.11;branch=z9hG4bKa1\r\nFrom: \"Anna\" <sip:1001@bench.test>;tag=7\r\n\
         To: <sip:1001@bench.test>\r\nCall-ID: 77@10.77.0.11\r\nCSeq: 2 REGISTER\r\nContact: <sip:1001@10.77.0.11>\r\n\
         Authorization: Digest username=\"1001\", realm=\"bench.test\", nonce=\"5ec2\", uri=\"sip:bench.test\", response=\"{RESPONSE}\"\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// What a message becomes when it is whole.
fn cleaned(message: &[u8], key: Option<&Key>) -> Vec<u8> {
    let mut bytes = message.to_vec();
    Cleaner { pseudonyms: key.map(Pseudonyms::new) }.message(&mut bytes, false);
    bytes
}

/// As one that has met this message before, which saves the time in which it would find out pseudonyms again.
fn scrubber<T>(key: Option<&Key>) -> Scrubber<T> {
    static MET: LazyLock<Pseudonyms> = LazyLock::new(|| {
        let mut cleaner = Cleaner { pseudonyms: Some(Pseudonyms::new(&self::key())) };
        cleaner.message(&mut register(), false);
        cleaner.pseudonyms.unwrap()
    });
    match key {
        Some(key) if key.0 == self::key().0 => Scrubber::new(Some(MET.clone())),
        Some(key) => Scrubber::pseudonyms(key),
        None => Scrubber::secrets(),
    }
}

/// All frames of a capture, in their order and with the lengths that they had.
fn scrubbed(frames: &[Vec<u8>], key: Option<&Key>) -> Vec<Vec<u8>> {
    let mut scrubber = scrubber(key);
    let mut out = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        scrubber.push(LinkType::Ethernet, frame.clone(), index);
        out.extend(std::iter::from_fn(|| scrubber.pop()));
    }
    scrubber.finish();
    out.extend(std::iter::from_fn(|| scrubber.pop()));
    assert!(out.iter().map(|(index, _)| *index).eq(0..frames.len()), "every frame, in order");
    let out: Vec<_> = out.into_iter().map(|(_, frame)| frame).collect();
    assert!(out.iter().map(Vec::len).eq(frames.iter().map(Vec::len)), "every length");
    out
}

/// The one frame of a capture, with pseudonyms.
fn pseudonymous(frame: &[u8]) -> Vec<u8> {
    scrubbed(&[frame.to_vec()], Some(&key())).remove(0)
}

const PHONE: Mac = Mac([0, 8, 0x5d, 0x23, 0x74, 0x29]);
const SERVER: Mac = Mac([0, 8, 0x5d, 0, 0, 1]);
const V4: [&str; 2] = ["10.77.0.11:5060", "10.77.0.2:5061"];
const V6: [&str; 2] = ["[2001:db8::11]:5060", "[2001:db8::2]:5061"];

fn udp(family: [&str; 2], payload: &[u8]) -> Vec<u8> {
    let [from, to] = family.map(|end| end.parse().unwrap());
    udp_frame(PHONE, SERVER, None, from, to, payload)
}

fn tcp(sequence: u32, payload: &[u8]) -> Vec<u8> {
    segment_of(sequence, (false, false, false), payload)
}

fn segment_of(sequence: u32, (syn, fin, rst): (bool, bool, bool), payload: &[u8]) -> Vec<u8> {
    let [from, to] = V4.map(|end| end.parse::<SocketAddr>().unwrap());
    let segment = TcpSegment {
        source_port: from.port(),
        destination_port: to.port(),
        sequence,
        ack: Some(1),
        syn,
        fin,
        rst,
        payload,
    };
    Envelope::new(PHONE, SERVER, None).tcp(from.ip(), to.ip(), &segment, None)
}

/// One's complement sum of 16-bit words, as a receiver forms it: 0xFFFF if all is right.
fn ones_sum(parts: &[&[u8]]) -> u32 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

/// Check sums of an untagged Ethernet frame without IP options, extension headers, fragments or padding.
fn assert_sums(frame: &[u8]) {
    if frame[12..14] == [8, 0] {
        assert_eq!(ones_sum(&[&frame[14..34]]), 0xFFFF, "IPv4 header");
        let len = (frame.len() as u16 - 34).to_be_bytes();
        let sum = if frame[23] == 1 {
            ones_sum(&[&frame[34..]])
        } else {
            ones_sum(&[&frame[26..34], &[0, frame[23]], &len, &frame[34..]])
        };
        assert_eq!(sum, 0xFFFF, "transport");
    } else {
        let len = (frame.len() as u32 - 54).to_be_bytes();
        assert_eq!(ones_sum(&[&frame[22..54], &len, &[0, frame[20]], &frame[54..]]), 0xFFFF, "transport");
    }
}

/// No eight characters of the response are left anywhere, one after the other.
fn assert_no_secret(bytes: &[u8]) {
    for run in RESPONSE.as_bytes().windows(8) {
        assert!(memchr::memmem::find(bytes, run).is_none(), "{}", String::from_utf8_lossy(bytes));
    }
}

fn payload(frame: &[u8]) -> &[u8] {
    match Frame::parse(frame).unwrap().content {
        Content::Ip(packet) => match packet.body {
            Read::Udp { payload, .. } | Read::Icmp { payload, .. } | Read::Fragment { payload, .. } => payload,
            Read::Tcp(segment) => segment.payload,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_datagram_has_pseudonyms_in_all_its_layers_and_right_sums() {
    let mut pseudonyms = Pseudonyms::new(&key());
    for family in [V4, V6] {
        let frame = udp(family, &register());
        let out = &pseudonymous(&frame);
        assert_sums(out);
        assert_no_secret(out);
        assert_eq!(payload(out), cleaned(&register(), Some(&key())));
        let read = Frame::parse(out).unwrap();
        let Content::Ip(packet) = &read.content else { panic!() };
        let [from, to] = family.map(|end| pseudonyms.ip(end.parse::<SocketAddr>().unwrap().ip()));
        assert_eq!((packet.source, packet.destination), (from, to));
        assert_eq!(read.source, Some(Mac(pseudonyms.mac(PHONE.0))));
        assert_eq!(read.destination, Some(Mac(pseudonyms.mac(SERVER.0))));
        assert!(matches!(packet.body, Read::Udp { source_port: 5060, destination_port: 5061, .. }));
    }
}

#[test]
fn without_a_key_only_secrets_change() {
    for family in [V4, V6] {
        let expected = udp(family, &cleaned(&register(), None));
        assert_eq!(scrubbed(&[udp(family, &register())], None), [expected]);
    }
    let whole = String::from_utf8(register()).unwrap();
    assert_eq!(String::from_utf8(cleaned(&register(), None)).unwrap(), whole.replace(RESPONSE, &"x".repeat(32)));
    // Sums that were wrong stay wrong where nothing changes.
    let mut offloaded = udp(V4, b"OPTIONS sip:a SIP/2.0\r\n\r\n");
    offloaded[40] ^= 0x55;
    let mut arp = vec![0xff; 60];
    arp[12..14].copy_from_slice(&[8, 6]);
    let frames = [offloaded, arp, vec![], vec![1; 5], udp(V4, &[0x80; 172])];
    assert_eq!(scrubbed(&frames, None), frames);
}

#[test]
fn a_datagram_without_check_sum_stays_without() {
    let mut frame = udp(V4, &register());
    frame[40..42].fill(0);
    let out = &pseudonymous(&frame);
    assert_eq!(out[40..42], [0, 0]);
    assert_eq!(payload(out), cleaned(&register(), Some(&key())));
}

#[test]
fn nothing_is_left_of_other_protocols_but_what_keeps_paths_open() {
    for (text, left) in [
        (&b"\x80\x08\x00\x01media"[..], &b"xxxxxxxxx"[..]),
        (b"GET /anna HTTP/1.1\r\n\r\n", b"xxxxxxxxxxxxxxxxxx\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n\r\n"),
        (b"\0", b"\0"),
        (b"", b""),
    ] {
        assert_eq!(payload(&pseudonymous(&udp(V4, text))), left);
        assert_eq!(payload(&pseudonymous(&tcp(1, text))), left);
    }
    // A datagram that ends ahead of its packet.
    let mut frame = udp(V4, b"\r\n\r\nAnna");
    frame[39] -= 4;
    assert!(pseudonymous(&frame).ends_with(b"\r\n\r\nxxxx"));
    // Padding, and a protocol above IP that is not read.
    frame.splice(39..40, [frame[39] + 4]);
    frame.extend(b"Anna");
    assert!(pseudonymous(&frame).ends_with(b"xxxxxxxx"));
    frame[23] = 47;
    assert!(pseudonymous(&frame)[34..].iter().all(|byte| [b'x', b'\r', b'\n'].contains(byte)));
}

#[test]
fn errors_quote_what_became_of_the_packet() {
    let message = [&register()[..], &[b' '; 300]].concat();
    for family in [V4, V6] {
        for key in [Some(key()), None] {
            let datagram = udp(family, &message);
            let error = port_unreachable(&datagram).unwrap();
            let out = scrubbed(&[datagram, error], key.as_ref());
            assert_sums(&out[1]);
            assert_no_secret(&out[1]);
            let quote = &payload(&out[1])[4..];
            let sum = if family == V4 { 26 } else { 46 };
            assert_eq!(quote[..sum], out[0][14..14 + sum]);
            assert_eq!(quote[sum + 2..], out[0][14 + sum + 2..14 + quote.len()]);
            // Of a quote that is cut the sum says nothing of what is missing.
            let whole = quote.len() + 14 == out[0].len();
            assert_eq!(whole, family == V6);
            assert_eq!(quote[sum..sum + 2] == out[0][14 + sum..][..2], whole, "{family:?} {key:?}");
        }
    }
}

#[test]
fn a_frame_that_the_capture_cut_tells_nothing_of_what_is_missing() {
    let frame = udp(V4, &register());
    let other = udp(V4, &String::from_utf8(register()).unwrap().replace("0123", "3210").into_bytes());
    assert_ne!(frame[40..42], other[40..42], "the sum tells one response from another");
    // Every length up to where the headers end, and then some.
    for len in (0..48).chain((48..frame.len()).step_by(5)) {
        for key in [Some(key()), None] {
            let out = scrubbed(&[frame[..len].to_vec(), other[..len].to_vec()], key.as_ref());
            assert_eq!(out[0], out[1], "{len} bytes");
            assert_no_secret(&out[0]);
            if let Some(key) = key {
                for name in ["1001", "Anna", "bench.test", "10.77.0.11"] {
                    assert!(memchr::memmem::find(&out[0], name.as_bytes()).is_none(), "{len} bytes: {name}");
                }
                assert!(len < 12 || out[0][..12] == scrubbed(std::slice::from_ref(&frame), Some(&key))[0][..12]);
            }
        }
    }
}

#[test]
fn remarks_of_siprig_stay_and_those_of_others_do_not() {
    let mut scrubber = scrubber::<()>(Some(&key()));
    for own in ["dropped by outage 1", "canary; dropped by outage 123", "made by the bridge for outage 4", "canary"] {
        assert_eq!(scrubber.comment(own), own);
    }
    let comment = scrubber.comment("call of Anna (1001), password=hunter2, PIN 4711\r\nfrom 10.77.0.11; canary");
    assert!(comment.starts_with("call of ") && comment.ends_with("; canary"), "{comment}");
    assert!(["Anna", "1001", "hunter2", "4711", "10.77"].iter().all(|name| !comment.contains(name)), "{comment}");
    assert!(comment.contains("=xxxxxxx, ") && comment.contains(" xxxx\r\nfrom "), "{comment}");
    assert_eq!(Scrubber::<()>::secrets().comment("Anna, password=hunter2"), "Anna, password=xxxxxxx");
}

#[test]
fn the_same_key_gives_the_same_capture_and_another_key_another() {
    let frames = [udp(V4, &register()), tcp(5, &register()), udp(V6, &register())];
    let out = scrubbed(&frames, Some(&key()));
    assert_eq!(scrubbed(&frames, Some(&key())), out);
    let other = scrubbed(&frames, Some(&Key([10; 32])));
    assert!(out.iter().zip(&other).all(|(one, other)| one != other));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_frames_make_it_panic_or_lose_one(
        frames in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0_usize..400), 1..40),
        links in prop::collection::vec(prop::sample::select(vec![1_u32, 113, 276, 101, 0, 108, 147]), 40),
        keyed: bool,
    ) {
        let whole = [udp(V4, &register()), udp(V6, &register()), tcp(1, &register()), segment_of(9, (true, false, false), b""),
            port_unreachable(&udp(V4, &register())).unwrap(), port_unreachable(&udp(V6, &register())).unwrap()];
        let key = keyed.then(key);
        let mut scrubber = scrubber(key.as_ref());
        let mut lengths = Vec::new();
        for ((which, at, value, cut), link) in frames.iter().zip(links) {
            let mut frame = which.get(&whole).clone();
            let at = at.index(frame.len().min(80));
            frame[at] = *value;
            frame.truncate(frame.len() - cut % frame.len());
            lengths.push(frame.len());
            scrubber.push(LinkType::of(link), frame, ());
        }
        scrubber.finish();
        let out: Vec<usize> = std::iter::from_fn(|| scrubber.pop()).map(|((), frame)| frame.len()).collect();
        prop_assert_eq!(out, lengths);
    }
}
