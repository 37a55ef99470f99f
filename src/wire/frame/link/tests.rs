//! The same datagram under every link layer; frames of which a capture kept the beginning alone.

use proptest::prelude::*;

use super::*;
use crate::wire::frame::{Body, Content, Frame, Packet, fix_checksums_of, payload_range_of, udp_frame};

const PHONE: Mac = Mac([0, 8, 0x5d, 0x23, 0x74, 0x29]);
const SERVER: Mac = Mac([2, 0, 0, 0, 0, 1]);

const V4: [&str; 2] = ["10.77.0.11:5060", "10.77.0.2:5061"];
const V6: [&str; 2] = ["[2001:db8::11]:5060", "[2001:db8::2]:5061"];

/// Ahead of a packet: link type, header, and whose address the header has.
struct Case(u32, Vec<u8>, Option<Mac>);

fn cases(v4: bool) -> Vec<Case> {
    let [ip0, ip1] = if v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
    let a = PHONE.0;
    let sll = |hardware: u8, length: u8| [&[0, 0, 0, hardware, 0, length][..], &a, &[0, 0, ip0, ip1]].concat();
    let sll2 =
        |hardware: u8, length: u8| [&[ip0, ip1, 0, 0, 0, 0, 0, 3, 0, hardware, 4, length][..], &a, &[0, 0]].concat();
    let mut cases = vec![
        Case(113, sll(1, 6), Some(PHONE)),
        // A loopback, and a tunnel whose address is an IPv4 address.
        Case(113, sll(4, 6), None),
        Case(113, sll(1, 4), None),
        Case(276, sll2(1, 6), Some(PHONE)),
        Case(276, sll2(4, 6), None),
    ];
    // A VLAN tag behind the cooked header.
    let mut tagged = sll(1, 6);
    tagged.splice(14..14, [0x81, 0x00, 0xE0, 77]);
    cases.push(Case(113, tagged, Some(PHONE)));
    cases.extend([101, 12, 14, if v4 { 228 } else { 229 }].map(|raw| Case(raw, Vec::new(), None)));
    let families: &[u8] = if v4 { &[2] } else { &[10, 23, 24, 28, 30] };
    for family in families {
        cases.push(Case(0, vec![*family, 0, 0, 0], None));
        cases.push(Case(0, vec![0, 0, 0, *family], None));
        cases.push(Case(108, vec![0, 0, 0, *family], None));
    }
    cases
}

fn datagram([from, to]: [&str; 2], payload: &[u8]) -> Vec<u8> {
    udp_frame(PHONE, SERVER, None, from.parse().unwrap(), to.parse().unwrap(), payload)
}

#[test]
fn a_datagram_is_read_under_every_link_layer() {
    for ends in [V4, V6] {
        let ethernet = datagram(ends, b"REGISTER");
        for Case(number, header, sender) in cases(ends == V4) {
            let bytes = [&header[..], &ethernet[14..]].concat();
            let read = Frame::parse_as(LinkType::of(number), &bytes).unwrap();
            assert_eq!((read.source, read.destination), (sender, None), "{number} {header:?}");
            let Content::Ip(packet) = read.content else { panic!("{number}: {read:?}") };
            assert_eq!(packet.source, ends[0].parse::<std::net::SocketAddr>().unwrap().ip());
            assert_eq!(packet.body, Body::Udp { source_port: 5060, destination_port: 5061, payload: b"REGISTER" });
            let tags: &[u16] = if header.len() == 20 && number == 113 { &[77] } else { &[] };
            assert_eq!(&read.vlans[..], tags);
        }
    }
}

#[test]
fn what_an_application_wrote_is_found_and_repaired_under_every_link_layer() {
    for ends in [V4, V6] {
        let (before, after) = (datagram(ends, b"REGISTER"), datagram(ends, b"xxxxxxxx"));
        for Case(number, header, _) in cases(ends == V4) {
            let link = LinkType::of(number);
            let mut bytes = [&header[..], &before[14..]].concat();
            let payload = payload_range_of(link, &bytes);
            assert_eq!(&bytes[payload.clone()], b"REGISTER");
            bytes[payload].fill(b'x');
            fix_checksums_of(link, &mut bytes);
            assert_eq!(bytes[header.len()..], after[14..]);
        }
    }
}

#[test]
fn a_link_layer_cut_short_or_unknown_is_said_to_be_so() {
    for Case(number, header, _) in cases(true) {
        let read = Frame::parse_as(LinkType::of(number), &header[..header.len().saturating_sub(1)]);
        assert!(matches!(read, Err(FrameError::Short(_))), "{number}: {read:?}");
    }
    let unknown = Frame::parse_as(LinkType::of(195), &[0; 64]).unwrap_err();
    assert_eq!(unknown, FrameError::LinkType(195));
    assert!(unknown.to_string().contains("195"));
    assert_eq!(Frame::parse_as(LinkType::Raw, &[0x25; 40]), Err(FrameError::Wrong("IP")));
}

#[test]
fn every_link_type_keeps_its_number() {
    for number in 0..400 {
        let kept = match number {
            12 | 14 | 228 | 229 => 101,
            other => other,
        };
        assert_eq!(LinkType::of(number).number(), kept);
    }
}

#[test]
fn what_is_no_ip_is_told_apart_from_what_is_broken() {
    let other = |link, bytes: &[u8]| match Frame::parse_as(link, bytes).unwrap().content {
        Content::Other { ethertype } => ethertype,
        content => panic!("{content:?}"),
    };
    // Spanning tree: an IEEE 802.3 frame, whose length stands where Ethernet has its type.
    let spanning_tree = [&[1, 0x80, 0xc2, 0, 0, 0][..], &PHONE.0, &[0, 38, 0x42, 0x42, 3], &[0; 43]].concat();
    assert_eq!(other(LinkType::Ethernet, &spanning_tree), 38);
    // A novelty of cooked captures for the same, and a family that is not IP.
    assert_eq!(other(LinkType::LinuxSll, &[0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0, 4, 0x42, 0x42]), 4);
    assert_eq!(other(LinkType::Loop, &[0, 0, 0, 7, 1, 2]), 0);
}

#[test]
fn four_tags_are_read_and_five_are_not() {
    let mut frame = datagram(V4, b"x");
    for id in [4, 3, 2, 1] {
        frame.splice(12..12, [0x81, 0x00, 0, id]);
    }
    assert_eq!(Frame::parse(&frame).unwrap().vlans[..], [1, 2, 3, 4]);
    frame.splice(12..12, [0x88, 0xa8, 0, 9]);
    assert_eq!(Frame::parse(&frame), Err(FrameError::Tags));
}

#[test]
fn a_frame_that_the_capture_cut_is_told_from_one_that_is_broken() {
    for ends in [V4, V6] {
        let frame = datagram(ends, b"REGISTER sip:bench.test SIP/2.0");
        for kept in 0..frame.len() {
            let read = |original| Frame::parse_captured(LinkType::Ethernet, &frame[..kept], original);
            assert_eq!(read(frame.len()), Err(FrameError::Snapped { kept, original: frame.len() }));
            assert!(matches!(read(kept), Err(FrameError::Short(_) | FrameError::Cut(_))), "{kept} bytes");
        }
    }
    // The packet ends before the cut: only padding is missing.
    let mut padded = datagram(V4, b"x");
    padded.resize(60, 0);
    assert!(Frame::parse_captured(LinkType::Ethernet, &padded[..50], 60).is_ok());
    // A packet without a length ends where its frame ends, which nobody knows of a cut one.
    let mut offloaded = datagram(V4, b"REGISTER");
    (offloaded[16], offloaded[17]) = (0, 0);
    assert!(Frame::parse_captured(LinkType::Ethernet, &offloaded, offloaded.len()).is_ok());
    let cut = Frame::parse_captured(LinkType::Ethernet, &offloaded, 70_000);
    assert_eq!(cut, Err(FrameError::Snapped { kept: offloaded.len(), original: 70_000 }));
    // The packet is whole and contradicts itself: no cut has done that.
    let mut broken = datagram(V4, b"REGISTER");
    broken[39] = 200;
    broken.extend([0; 20]);
    assert_eq!(Frame::parse_captured(LinkType::Ethernet, &broken, 500), Err(FrameError::Wrong("UDP")));
}

#[test]
fn ethernet_with_a_check_sequence_is_read_as_without() {
    let frame = [datagram(V4, b"REGISTER"), vec![0xde, 0xad, 0xbe, 0xef]].concat();
    let Content::Ip(Packet { body: Body::Udp { payload, .. }, .. }) = Frame::parse(&frame).unwrap().content else {
        panic!()
    };
    assert_eq!(payload, b"REGISTER");
}

proptest! {
    #[test]
    fn no_bytes_of_any_link_layer_make_the_reader_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        number in prop::sample::select(vec![0_u32, 1, 12, 14, 101, 108, 113, 228, 229, 276, 7]),
        ip in prop::sample::select(vec![[0x08, 0x00], [0x86, 0xdd], [0x81, 0x00]]),
        original in 0_usize..200,
    ) {
        if number == 113 && bytes.len() > 16 {
            bytes[14..16].copy_from_slice(&ip);
        }
        if number == 276 && bytes.len() > 2 {
            bytes[..2].copy_from_slice(&ip);
        }
        let link = LinkType::of(number);
        let _ = Frame::parse_captured(link, &bytes, original);
        let payload = payload_range_of(link, &bytes);
        prop_assert!(payload.start <= payload.end && payload.end <= bytes.len());
        fix_checksums_of(link, &mut bytes);
    }
}
