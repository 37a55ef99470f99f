//! Link layers, ARP, neighbour discovery, options.

use super::*;

#[test]
fn every_link_layer_has_its_addresses_replaced() {
    let mut pseudonyms = Pseudonyms::new(&key());
    let (phone, server) = (pseudonyms.mac(PHONE.0), pseudonyms.mac(SERVER.0));
    let ethernet = udp(V4, &register());
    let packet = &ethernet[14..];
    let clean = &pseudonymous(&ethernet)[14..];
    let sll = |mac: [u8; 6]| [&[0, 0, 0, 1, 0, 6][..], &mac, &[0, 0, 8, 0]].concat();
    let sll2 = |mac: [u8; 6]| [&[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6][..], &mac, &[0, 0]].concat();
    let tags = [0x88, 0xa8, 0x20, 5, 0x81, 0, 0, 77];
    for (link, head, after) in [
        (LinkType::Raw, vec![], vec![]),
        (LinkType::Null, vec![2, 0, 0, 0], vec![2, 0, 0, 0]),
        (LinkType::Loop, vec![0, 0, 0, 2], vec![0, 0, 0, 2]),
        (LinkType::LinuxSll, sll(PHONE.0), sll(phone)),
        (LinkType::LinuxSll2, sll2(PHONE.0), sll2(phone)),
        (
            LinkType::Ethernet,
            [&SERVER.0[..], &PHONE.0, &tags, &[8, 0]].concat(),
            [&server[..], &phone, &tags, &[8, 0]].concat(),
        ),
    ] {
        let mut scrubber = scrubber(Some(&key()));
        scrubber.push(link, [&head[..], packet].concat(), ());
        let ((), out) = scrubber.pop().unwrap();
        assert_eq!(out, [&after[..], clean].concat(), "{link:?}");
    }
    // An address that is no MAC, and a link layer that is not read.
    let mut scrubber = scrubber(Some(&key()));
    scrubber.push(LinkType::LinuxSll, [&[0, 0, 0, 99, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0], packet].concat(), ());
    assert_eq!(scrubber.pop().unwrap().1[..16], [0, 0, 0, 99, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0]);
    scrubber.push(LinkType::Other(147), packet.to_vec(), ());
    assert!(scrubber.pop().unwrap().1.iter().all(|byte| [b'x', b'\r', b'\n'].contains(byte)));
}

#[test]
fn arp_tells_pseudonyms_that_are_those_of_the_packets() {
    let mut pseudonyms = Pseudonyms::new(&key());
    let mut arp = [
        &[0xff; 6][..],
        &PHONE.0,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &PHONE.0,
        &[10, 77, 0, 11],
        &[0; 6],
        &[10, 77, 0, 2],
    ]
    .concat();
    arp.extend(b"padding of Anna's");
    let out = &pseudonymous(&arp);
    let v4 = |pseudonyms: &mut Pseudonyms, text: &str| match pseudonyms.ip(text.parse().unwrap()) {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => unreachable!(),
    };
    let expected = Content::Arp {
        operation: 1,
        sender_mac: Mac(pseudonyms.mac(PHONE.0)),
        sender_ip: v4(&mut pseudonyms, "10.77.0.11"),
        target_ip: v4(&mut pseudonyms, "10.77.0.2"),
    };
    assert_eq!(Frame::parse(out).unwrap().content, expected);
    assert_eq!((&out[..6], &out[32..38]), (&[0xff; 6][..], &[0; 6][..]));
    assert!(out.ends_with(&[b'x'; 17]));
    // For another network nobody knows where its addresses are.
    arp[15] = 6;
    assert_eq!(pseudonymous(&arp)[14..], [b'x'; 45]);
}

#[test]
fn neighbour_discovery_tells_pseudonyms_that_are_those_of_the_packets() {
    let mut pseudonyms = Pseudonyms::new(&key());
    let target = "2001:db8::11".parse::<std::net::Ipv6Addr>().unwrap();
    let body = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1], &PHONE.0, &[14, 1], b"secret"].concat();
    // UDP's header is as long as that of ICMPv6.
    let mut frame = udp(["[fe80::208:5dff:fe23:7429]:0", "[ff02::1:ff00:11]:0"], &body[8..]);
    frame[..6].copy_from_slice(&[0x33, 0x33, 0xff, 0, 0, 0x11]);
    frame[54..].copy_from_slice(&body);
    frame[20] = 58;
    fix_checksums(&mut frame);
    let out = &pseudonymous(&frame);
    assert_sums(out);
    let IpAddr::V6(image) = pseudonyms.ip(target.into()) else { panic!() };
    assert_eq!(out[62..78], image.octets());
    assert_eq!(out[80..86], pseudonyms.mac(PHONE.0));
    assert_eq!(out[86..], [14, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(out[22..24], [0xfe, 0x80]);
    assert!(out[30..38] != frame[30..38] && out[38..51] == frame[38..51]);
    assert_eq!(out[3..6], out[51..54], "the multicast address of both layers");
    assert_ne!(out[3..6], frame[3..6]);
}

#[test]
fn memberships_of_groups_name_pseudonyms_and_stay_readable() {
    fn octets(address: IpAddr) -> Vec<u8> {
        match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }
    // A group, a group with a source and auxiliary data, and something else.
    fn report(kind: u8, group: IpAddr, source: IpAddr, auxiliary: &[u8], other: &[u8]) -> Vec<u8> {
        let (group, source) = (octets(group), octets(source));
        let head = [kind, 0, 0, 0, 0, 0, 0, 2];
        [&head[..], &[4, 0, 0, 0], &group, &[6, 1, 0, 1], &group, &source, auxiliary, other].concat()
    }
    let mut pseudonyms = Pseudonyms::new(&key());
    for (family, protocol, kind, group, source) in
        [(V4, 2, 0x22, "239.1.2.3", "10.77.0.11"), (V6, 58, 143, "ff02::1:ff23:7429", "2001:db8::11")]
    {
        let [group, source] = [group, source].map(|text| text.parse().unwrap());
        let sent = report(kind, group, source, b"aux.", b"Anna");
        // UDP's header makes room for the first eight bytes.
        let mut frame = udp(family, &sent[8..]);
        let start = frame.len() - sent.len();
        frame[start..].copy_from_slice(&sent);
        frame[if family == V4 { 23 } else { 20 }] = protocol;
        fix_checksums(&mut frame);
        let out = pseudonymous(&frame);
        let expected = report(kind, pseudonyms.ip(group), pseudonyms.ip(source), &[0; 4], b"xxxx");
        assert_eq!(out[start + 4..], expected[4..]);
        if family == V4 {
            assert_eq!(ones_sum(&[&out[start..]]), 0xFFFF);
        } else {
            assert_sums(&out);
        }
    }
}

#[test]
fn options_that_name_hosts_are_taken_out() {
    let mut frame = udp(V4, b"\r\n");
    frame[14] = 0x48;
    frame[17] += 12;
    // Record route with one address, router alert, end.
    frame.splice(34..34, [7, 7, 8, 10, 77, 0, 1, 148, 4, 0, 0, 0]);
    fix_checksums(&mut frame);
    let out = &pseudonymous(&frame);
    assert_eq!(out[34..46], [1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0]);
    assert_eq!(ones_sum(&[&out[14..46]]), 0xFFFF);
    let mut frame = udp(V6, b"\r\n");
    let chain = [[0, 0, 5, 2, 0, 0, 1, 0], [43, 0, 0, 0, 0, 0, 0, 0]];
    let route =
        [&[17, 2, 0, 1, 0, 0, 0, 0][..], &"2001:db8::77".parse::<std::net::Ipv6Addr>().unwrap().octets()].concat();
    frame[20] = 0;
    frame[19] += 40;
    frame.splice(54..54, [&[60, chain[0][1], 5, 2, 0, 0, 1, 0][..], &[43, 0, 201, 4, 1, 2, 3, 4], &route].concat());
    fix_checksums(&mut frame);
    let out = &pseudonymous(&frame);
    assert_eq!(out[54..70], [60, 0, 5, 2, 0, 0, 1, 0, 43, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(out[70..94], [&[17, 2, 0, 0][..], &[0; 20]].concat());
    assert_eq!(payload(out), b"\r\n");
}

#[test]
fn of_tls_the_records_stay_and_the_name_that_is_asked_for_gets_a_pseudonym() {
    let name = b"sip.example.com";
    let sni = [&[0, 0, 0, 20, 0, 18, 0, 0, 15][..], name].concat();
    let ticket = [&[0, 35, 0, 4][..], b"anna"].concat();
    let versions = [0, 43, 0, 3, 2, 3, 4];
    let extensions = [&sni[..], &ticket, &versions].concat();
    let hello =
        [&[3, 3][..], &[7; 32], &[4], b"sess", &[0, 2, 0x13, 1], &[1, 0], &[0, extensions.len() as u8], &extensions]
            .concat();
    let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
    let record = |kind: u8, content: &[u8]| [&[kind, 3, 3, 0, content.len() as u8][..], content].concat();
    let bytes = [
        record(22, &handshake),
        record(22, b"\x0b\0\0\x04Anna"),
        record(20, &[1]),
        record(21, &[2, 40]),
        record(23, b"secret"),
        record(21, b"sealed"),
    ]
    .concat();
    let mut asked = name.to_vec();
    Pseudonyms::new(&key()).write_over(&mut asked, Kind::Identity);
    let mut expected = handshake.clone();
    for (text, image) in [(&b"sess"[..], &b"xxxx"[..]), (b"anna", b"xxxx"), (name, &asked)] {
        let at = memchr::memmem::find(&expected, text).unwrap();
        expected[at..at + text.len()].copy_from_slice(image);
    }
    let expected = [
        record(22, &expected),
        record(22, b"\x0b\0\0\x04xxxx"),
        record(20, &[1]),
        record(21, &[2, 40]),
        record(23, b"xxxxxx"),
        record(21, b"xxxxxx"),
    ]
    .concat();
    for len in 1..40 {
        let frames: Vec<_> =
            bytes.chunks(len).enumerate().map(|(at, piece)| tcp((9 + len * at) as u32, piece)).collect();
        let out: Vec<u8> = scrubbed(&frames, Some(&key())).iter().flat_map(|frame| payload(frame).to_vec()).collect();
        assert_eq!(out, expected, "segments of {len} bytes");
    }
    assert_eq!(scrubbed(&[tcp(1, &bytes)], None), [tcp(1, &bytes)]);
}
