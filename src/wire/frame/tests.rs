//! Frames read, made, and repaired.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

const PHONE: Mac = Mac([0, 8, 0x5d, 0x23, 0x74, 0x29]);
const SERVER: Mac = Mac([2, 0, 0, 0, 0, 1]);

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn v4(payload: &[u8]) -> Vec<u8> {
    udp_frame(PHONE, SERVER, None, addr("10.77.0.11:5060"), addr("10.77.0.2:5061"), payload)
}

fn v6(payload: &[u8]) -> Vec<u8> {
    udp_frame(PHONE, SERVER, None, addr("[2001:db8::11]:5060"), addr("[2001:db8::2]:5061"), payload)
}

fn packet(frame: &[u8]) -> Packet<'_> {
    match Frame::parse(frame).unwrap().content {
        Content::Ip(packet) => packet,
        other => panic!("{other:?}"),
    }
}

/// One's complement sum of 16-bit words, as a receiver forms it: 0xFFFF if all is right.
fn ones_sum(parts: &[&[u8]]) -> u32 {
    let mut sum: u32 = parts
        .iter()
        .flat_map(|part| part.chunks(2))
        .map(|word| (u32::from(word[0]) << 8) | u32::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

fn assert_sums(frame: &[u8]) {
    if frame[12..14] == [0x08, 0x00] {
        assert_eq!(ones_sum(&[&frame[14..34]]), 0xFFFF, "IPv4 header");
        let len = u16::try_from(frame.len() - 34).unwrap().to_be_bytes();
        assert_eq!(ones_sum(&[&frame[26..34], &[0, frame[23]], &len, &frame[34..]]), 0xFFFF, "transport");
    } else {
        let len = u32::try_from(frame.len() - 54).unwrap().to_be_bytes();
        assert_eq!(ones_sum(&[&frame[22..54], &len, &[0, frame[20]], &frame[54..]]), 0xFFFF, "transport");
    }
}

#[test]
fn a_datagram_of_ours_is_read_back_and_its_sums_are_right() {
    for payload in [&b""[..], b"a", b"OPTIONS sip:x SIP/2.0\r\n\r\n"] {
        for frame in [v4(payload), v6(payload)] {
            assert_sums(&frame);
            let read = Frame::parse(&frame).unwrap();
            assert_eq!((read.source, read.destination), (Some(PHONE), Some(SERVER)));
            assert!(read.vlans.is_empty());
            let Content::Ip(packet) = read.content else { panic!("{read:?}") };
            assert_eq!(packet.body, Body::Udp { source_port: 5060, destination_port: 5061, payload });
        }
    }
    assert_eq!(packet(&v4(b"")).source, addr("10.77.0.11:1").ip());
    assert_eq!(packet(&v6(b"")).destination, addr("[2001:db8::2]:1").ip());
}

#[test]
fn vlan_tags_are_listed_from_outer_to_inner() {
    let tagged = udp_frame(PHONE, SERVER, Some(77), addr("10.0.0.1:1"), addr("10.0.0.2:2"), b"x");
    assert_eq!(Frame::parse(&tagged).unwrap().vlans[..], [77]);
    let mut twice = tagged.clone();
    twice.splice(12..12, [0x88, 0xa8, 0xE0, 5]);
    let read = Frame::parse(&twice).unwrap();
    assert_eq!(read.vlans[..], [5, 77]);
    assert!(matches!(read.content, Content::Ip(Packet { body: Body::Udp { payload: b"x", .. }, .. })));
}

#[test]
fn ethernet_padding_is_no_payload() {
    let mut frame = v4(b"hi");
    frame.resize(60, 0);
    assert!(matches!(packet(&frame).body, Body::Udp { payload: b"hi", .. }));
}

#[test]
fn ipv4_options_are_stepped_over() {
    let mut frame = v4(b"hello");
    frame[14] = 0x46;
    frame[17] += 4;
    frame.splice(34..34, [1, 1, 1, 0]);
    assert!(matches!(packet(&frame).body, Body::Udp { payload: b"hello", source_port: 5060, .. }));
    fix_checksums(&mut frame);
    assert_eq!(ones_sum(&[&frame[14..38]]), 0xFFFF);
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    let mut frame = v6(b"hello");
    // Hop-by-hop, routing with two words, destination options, an atomic fragment.
    let mut chain = vec![43, 0, 0, 0, 0, 0, 0, 0];
    chain.extend([60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    chain.extend([44, 0, 0, 0, 0, 0, 0, 0]);
    chain.extend([17, 0, 0, 0, 0, 0, 0, 9]);
    frame[20] = 0;
    frame[19] += u8::try_from(chain.len()).unwrap();
    frame.splice(54..54, chain);
    assert!(matches!(packet(&frame).body, Body::Udp { payload: b"hello", .. }));
}

#[test]
fn fragments_are_named_and_not_read() {
    let mut first = v4(b"REGISTER");
    first[20] = 0x20;
    let Body::Fragment { offset: 0, more: true, protocol: 17, payload, .. } = packet(&first).body else { panic!() };
    assert_eq!(payload.len(), 16);
    let mut last = v4(b"REGISTER");
    (last[18], last[19], last[20], last[21]) = (0xAB, 0xCD, 0, 100);
    let Body::Fragment { offset: 800, more: false, identification: 0xABCD, .. } = packet(&last).body else { panic!() };
    let mut v6 = v6(b"REGISTER");
    v6[20] = 44;
    v6[19] += 8;
    v6.splice(54..54, [17, 0, 0x01, 0x01, 1, 2, 3, 4]);
    let Body::Fragment { offset: 256, more: true, identification: 0x0102_0304, .. } = packet(&v6).body else {
        panic!()
    };
}

#[test]
fn a_tcp_segment_is_read_with_its_options_and_flags() {
    let mut frame = v4(&[0; 100]);
    frame[23] = 6;
    let tcp: &mut [u8] = &mut frame[34..];
    tcp[..20].copy_from_slice(&[0x13, 0xC4, 0x13, 0xC5, 0, 0, 1, 0, 0, 0, 2, 0, 0x80, 0x19, 0, 9, 0, 0, 0, 0]);
    tcp[32..].fill(b'z');
    fix_checksums(&mut frame);
    assert_sums(&frame);
    let Body::Tcp(segment) = packet(&frame).body else { panic!() };
    assert_eq!((segment.source_port, segment.destination_port), (5060, 5061));
    assert_eq!((segment.sequence, segment.ack), (256, Some(512)));
    assert_eq!((segment.syn, segment.fin, segment.rst), (false, true, false));
    assert_eq!(segment.payload, [b'z'; 76]);
}

#[test]
fn arp_and_strangers_are_told_apart() {
    let mut arp = vec![0xff; 6];
    arp.extend(PHONE.0);
    arp.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.extend(PHONE.0);
    arp.extend([10, 77, 0, 11, 0, 0, 0, 0, 0, 0, 10, 77, 0, 2]);
    assert_eq!(
        Frame::parse(&arp).unwrap().content,
        Content::Arp {
            operation: 1,
            sender_mac: PHONE,
            sender_ip: "10.77.0.11".parse().unwrap(),
            target_ip: "10.77.0.2".parse().unwrap(),
        }
    );
    arp[12] = 0x88;
    arp[13] = 0xcc;
    assert_eq!(Frame::parse(&arp).unwrap().content, Content::Other { ethertype: 0x88cc });
}

#[test]
fn a_datagram_without_check_sum_stays_without() {
    let mut frame = v4(b"x");
    frame[40] = 0;
    frame[41] = 0;
    fix_checksums(&mut frame);
    assert_eq!(frame[40..42], [0, 0]);
}

#[test]
fn the_sum_of_an_icmp_message_is_repaired() {
    let mut frame = v4(b"quoted packet");
    frame[23] = 1;
    fix_checksums(&mut frame);
    assert_eq!(ones_sum(&[&frame[34..]]), 0xFFFF);
    let mut frame = v6(b"quoted packet");
    frame[20] = 58;
    fix_checksums(&mut frame);
    assert_sums(&frame);
}

#[test]
fn a_cut_frame_is_refused_at_every_length() {
    for frame in [v4(b"0123456789"), v6(b"0123456789")] {
        for len in 0..frame.len() {
            assert!(Frame::parse(&frame[..len]).is_err(), "{len} bytes");
        }
    }
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    for (at, value, why) in [(14, 0x44, "header length"), (14, 0x55, "version"), (17, 10, "total"), (39, 7, "UDP")] {
        let mut frame = v4(b"0123456789");
        frame[at] = value;
        assert!(matches!(Frame::parse(&frame), Err(FrameError::Wrong(_))), "{why}");
    }
}

fn tcp(segment: &TcpSegment<'_>, family: [&str; 2], vlan: Option<u16>, timestamps: Option<Timestamps>) -> Vec<u8> {
    let [from, to] = family.map(|text| addr(text).ip());
    Envelope::new(PHONE, SERVER, vlan).tcp(from, to, segment, timestamps)
}

const V4: [&str; 2] = ["10.77.0.11:1", "10.77.0.2:1"];
const V6: [&str; 2] = ["[2001:db8::11]:1", "[2001:db8::2]:1"];

#[test]
fn a_tcp_segment_of_ours_is_read_back_and_its_sums_are_right() {
    let segment = TcpSegment {
        source_port: 5060,
        destination_port: 40_000,
        sequence: u32::MAX,
        ack: Some(7),
        syn: false,
        fin: true,
        rst: false,
        payload: b"SIP/2.0 503",
    };
    let syn = TcpSegment { ack: None, syn: true, fin: false, payload: b"", ..segment };
    let rst = TcpSegment { ack: None, rst: true, fin: false, payload: b"", ..segment };
    for segment in [segment, syn, rst] {
        for times in [None, Some(Timestamps { value: 1, echo: u32::MAX })] {
            for family in [V4, V6] {
                let frame = tcp(&segment, family, None, times);
                assert_sums(&frame);
                assert_eq!((packet(&frame).body, timestamps(&frame)), (Body::Tcp(segment), times));
            }
        }
    }
}

#[test]
fn timestamps_are_found_behind_other_options_and_broken_options_have_none() {
    let segment = TcpSegment {
        source_port: 1,
        destination_port: 2,
        sequence: 0,
        ack: None,
        syn: false,
        fin: false,
        rst: false,
        payload: b"",
    };
    let mut frame = tcp(&segment, V4, None, Some(Timestamps { value: 5, echo: 6 }));
    // A maximum segment size ahead of it; then one that is longer than the header.
    frame.splice(54..54, [2, 4, 5, 180]);
    frame[17] += 4;
    frame[46] += 0x10;
    assert_eq!(timestamps(&frame), Some(Timestamps { value: 5, echo: 6 }));
    frame[55] = 200;
    assert_eq!(timestamps(&frame), None);
    frame[55] = 0;
    assert_eq!(timestamps(&frame), None);
    assert_eq!(timestamps(&v4(b"no TCP")), None);
}

#[test]
fn a_refused_datagram_is_quoted_from_its_ip_header_on_and_sent_back_in_its_vlan() {
    let datagram = |payload: &[u8], family: [&str; 2]| {
        let [from, to] = family.map(addr);
        udp_frame(PHONE, SERVER, Some(77), from, to, payload)
    };
    for (family, kind, code, most) in [(V4, 3, 3, 576), (V6, 1, 4, 1280)] {
        for length in [0, 100, 1400] {
            let refused = datagram(&vec![b'x'; length], family);
            let mut padded = refused.clone();
            padded.extend([0; 9]);
            let error = port_unreachable(&padded).unwrap();
            let read = Frame::parse(&error).unwrap();
            assert_eq!((read.source, read.destination, &read.vlans[..]), (Some(SERVER), Some(PHONE), &[77][..]));
            let Content::Ip(packet) = read.content else { panic!("{error:?}") };
            assert_eq!((packet.source, packet.destination), (addr(family[1]).ip(), addr(family[0]).ip()));
            let Body::Icmp { kind: found, code: why, payload } = packet.body else { panic!("{packet:?}") };
            assert_eq!((found, why, &payload[..4]), (kind, code, &[0; 4][..]));
            assert!(refused[18..].starts_with(&payload[4..]), "the datagram's own bytes, and no padding");
            let headers = if kind == 3 { 20 + 8 } else { 40 + 8 };
            assert_eq!(error.len() - 18, (headers + refused.len() - 18).min(most));
            let untagged = [&error[..12], &error[16..]].concat();
            if kind == 3 {
                assert_eq!(ones_sum(&[&untagged[14..34]]), 0xFFFF, "IPv4 header");
                assert_eq!(ones_sum(&[&untagged[34..]]), 0xFFFF, "ICMP");
            } else {
                assert_sums(&untagged);
            }
        }
    }
    assert_eq!(port_unreachable(&[0; 60]), None);
}

#[test]
fn an_envelope_keeps_every_tag_bit_by_bit() {
    let mut frame = udp_frame(PHONE, SERVER, Some(77), addr("10.0.0.1:1"), addr("10.0.0.2:2"), b"x");
    frame.splice(12..12, [0x88, 0xa8, 0xE0, 5]);
    frame[18] |= 0xA0;
    let back = Envelope::of(&frame).unwrap().back().udp(addr("10.0.0.2:2"), addr("10.0.0.1:1"), b"y");
    assert_eq!(back[..20], [&PHONE.0[..], &SERVER.0, &frame[12..20]].concat()[..]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_or_the_repair_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in prop::sample::select(vec![[0x08, 0x00], [0x86, 0xdd], [0x08, 0x06], [0x81, 0x00]]),
        version in prop::sample::select(vec![0x45, 0x46, 0x4f, 0x60]),
        protocol in prop::sample::select(vec![0, 6, 17, 43, 44, 51, 58, 60]),
    ) {
        if bytes.len() > 24 {
            bytes[12..14].copy_from_slice(&kind);
            bytes[14] = version;
            bytes[if version == 0x60 { 20 } else { 23 }] = protocol;
            bytes[16] = 0;
            bytes[18] = 0;
        }
        let _ = Frame::parse(&bytes);
        let _ = (timestamps(&bytes), port_unreachable(&bytes), Envelope::of(&bytes));
        fix_checksums(&mut bytes);
    }

    #[test]
    fn a_repaired_frame_has_right_sums(payload in prop::collection::vec(any::<u8>(), 1..300), index in any::<prop::sample::Index>(), value: u8) {
        for (mut frame, at) in [(v4(&payload), 42), (v6(&payload), 62)] {
            frame[at + index.index(payload.len())] = value;
            fix_checksums(&mut frame);
            assert_sums(&frame);
        }
    }
}
