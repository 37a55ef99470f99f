//! Captures in every variant of the formats, made by hand; cut, broken, and of any bytes.

use proptest::prelude::*;

use super::{
    fields::Order::{self, Big, Little},
    window::MAX_PACKET,
    *,
};
use made::{Made, Options};

mod made;
mod tools;

const ORDERS: [Order; 2] = [Little, Big];

/// Magic numbers of pcap for stamps in micro- and nanoseconds.
const MICRO: u32 = 0xA1B2_C3D4;
const NANO: u32 = 0xA1B2_3C4D;

const COMMENT: u16 = 1;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;

/// A packet as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    unix_ns: i64,
    link: u32,
    interface: u32,
    name: Option<String>,
    original_len: u32,
    bytes: Vec<u8>,
    comment: Option<String>,
    offset: u64,
    len: u64,
}

/// All packets of a capture, and how it ended.
fn read(reader: impl io::Read) -> Result<(Vec<Read>, Ending), CaptureError> {
    let mut reader = CaptureReader::new(reader)?;
    let mut packets = Vec::new();
    while let Some(Ok(captured)) = reader.next() {
        packets.push(Read {
            unix_ns: captured.unix_ns,
            link: captured.link.number(),
            interface: captured.interface,
            name: captured.interface_name.map(str::to_owned),
            original_len: captured.original_len,
            bytes: captured.bytes.to_vec(),
            comment: captured.comment.map(Cow::into_owned),
            offset: captured.offset,
            len: captured.len,
        });
    }
    assert!(reader.next().is_none(), "the end is the end");
    Ok((packets, reader.ending()))
}

fn packets(file: &Made) -> Vec<Read> {
    let (packets, ending) = read(&file.bytes[..]).unwrap();
    assert_eq!(ending, Ending::Whole);
    packets
}

#[test]
fn pcap_is_read_in_both_orders_and_both_units() {
    for order in ORDERS {
        for (magic, fraction) in [(MICRO, 123_456), (NANO, 123_456_789)] {
            let file = Made::pcap(order, magic, (2, 4), 113).record(1_790_000_000, fraction, 1500, b"abcde").record(
                u32::MAX,
                0,
                3,
                b"xyz",
            );
            let read = packets(&file);
            let second = 1_790_000_000_000_000_000;
            let first = second + if magic == MICRO { 123_456_000 } else { 123_456_789 };
            assert_eq!((read[0].unix_ns, read[0].link, read[0].original_len), (first, 113, 1500));
            assert_eq!((read[0].offset, read[0].len, &read[0].bytes[..]), (24, 21, &b"abcde"[..]));
            assert_eq!((read[1].unix_ns, read[1].offset), (i64::from(u32::MAX) * 1_000_000_000, 45));
            assert_eq!((read[1].interface, &read[1].comment), (0, &None));
        }
    }
}

#[test]
fn the_upper_half_of_a_link_type_speaks_of_check_sequences() {
    let file = Made::pcap(Little, MICRO, (2, 4), 0x2400_0001).record(1, 2, 3, b"abc");
    assert_eq!(packets(&file)[0].link, 1);
}

#[test]
fn every_kind_of_packet_block_is_read_in_both_orders() {
    for order in ORDERS {
        let file = Made::empty(order)
            .section(order)
            .interface(1, 65_535, &[(2, b"eth0")])
            .interface(113, 0, &[])
            .packet(1, 1_790_000_000_123_456, 1500, b"abcde", &[])
            .old_packet(0, 1_790_000_000_123_457, 4, b"abcd", &[])
            .simple_packet(3, b"xyz");
        let read = packets(&file);
        let fields = |read: &Read| (read.unix_ns, read.link, read.interface, read.original_len);
        assert_eq!(fields(&read[0]), (1_790_000_000_123_456_000, 113, 1, 1500));
        assert_eq!(fields(&read[1]), (1_790_000_000_123_457_000, 1, 0, 4));
        assert_eq!(fields(&read[2]), (1_790_000_000_123_457_000, 1, 0, 3), "the stamp of the one before it");
        assert_eq!([&read[0].bytes[..], &read[1].bytes, &read[2].bytes], [&b"abcde"[..], b"abcd", b"xyz"]);
        let names: Vec<Option<&str>> = read.iter().map(|it| it.name.as_deref()).collect();
        assert_eq!(names, [None, Some("eth0"), Some("eth0")]);
        let ends: Vec<u64> = read.iter().map(|it| it.offset + it.len).collect();
        assert_eq!(ends, [read[1].offset, read[2].offset, file.bytes.len() as u64]);
    }
}

#[test]
fn a_simple_packet_is_as_long_as_its_interface_keeps() {
    let file = Made::empty(Little).section(Little).interface(1, 6, &[]).simple_packet(100, b"abcdef");
    let read = packets(&file);
    assert_eq!((&read[0].bytes[..], read[0].original_len), (&b"abcdef"[..], 100));
}

#[test]
fn stamps_are_in_the_unit_of_their_interface() {
    let second = 1_790_000_000_u64;
    let ns = second * 1_000_000_000 + 123_456_789;
    let cases: &[(u8, u64, i64)] = &[
        (0, second, second as i64 * 1_000_000_000),
        (3, ns / 1_000_000, (ns / 1_000_000 * 1_000_000) as i64),
        (6, ns / 1000, (ns / 1000 * 1000) as i64),
        (9, ns, ns as i64),
        (10, ns * 10 + 9, ns as i64),
        (127, u64::MAX, 1),
        // Powers of two: seconds, and 2⁻²⁰ and 2⁻³² seconds.
        (0x80, second, second as i64 * 1_000_000_000),
        (0x80 | 20, (second << 20) + (1 << 19), second as i64 * 1_000_000_000 + 500_000_000),
        (0x80 | 32, (second << 32) + (1 << 30), second as i64 * 1_000_000_000 + 250_000_000),
        (0xFF, u64::MAX, 0),
        // What does not fit is the last that does.
        (0, u64::MAX, i64::MAX),
    ];
    for order in ORDERS {
        for (resolution, units, expected) in cases {
            let file = Made::empty(order).section(order).interface(1, 0, &[(RESOLUTION, &[*resolution])]).packet(
                0,
                *units,
                1,
                b"a",
                &[],
            );
            assert_eq!(packets(&file)[0].unix_ns, *expected, "{resolution:#x}");
        }
    }
}

#[test]
fn a_clock_offset_is_added_in_whole_seconds() {
    for order in ORDERS {
        for (offset, expected) in
            [(5_i64, 5_000_000_001), (-3, -2_999_999_999), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)]
        {
            let bytes = if order == Big { offset.to_be_bytes() } else { offset.to_le_bytes() };
            let file = Made::empty(order)
                .section(order)
                .interface(1, 0, &[(RESOLUTION, &[9]), (OFFSET, &bytes)])
                .packet(0, 1, 1, b"a", &[]);
            assert_eq!(packets(&file)[0].unix_ns, expected);
        }
    }
}

#[test]
fn a_section_has_an_order_and_interfaces_of_its_own() {
    let file = Made::empty(Little)
        .section(Little)
        .interface(1, 0, &[])
        .packet(0, 1, 1, b"a", &[])
        .section(Big)
        .interface(101, 0, &[(RESOLUTION, &[9])])
        .interface(276, 0, &[])
        .packet(1, 2, 1, b"b", &[])
        .packet(0, 3, 1, b"c", &[])
        .section(Little)
        .interface(113, 0, &[])
        .packet(0, 4, 1, b"d", &[]);
    let read = packets(&file);
    let fields: Vec<_> = read.iter().map(|it| (it.link, it.interface, it.unix_ns, &it.bytes[..])).collect();
    assert_eq!(fields, [(1, 0, 1000, &b"a"[..]), (276, 1, 2000, b"b"), (101, 0, 3, b"c"), (113, 0, 4000, b"d")]);
    // The interfaces of the section before it are not its own.
    let stray = Made::empty(Little).section(Little).interface(1, 0, &[]).section(Big).packet(0, 1, 1, b"a", &[]);
    let (_, ending) = read_all(&stray);
    assert!(matches!(ending, Ending::Broken { reason: Flaw::Interface(0), .. }), "{ending:?}");
}

#[test]
fn unknown_blocks_are_stepped_over_however_long() {
    let long = vec![7; 3 * MAX_PACKET + 5];
    for order in ORDERS {
        let file = Made::empty(order)
            .section(order)
            .block(0x0BAD, &long)
            .interface(1, 0, &[])
            .block(5, &[0; 20])
            .packet(0, 1, 1, b"a", &[])
            .block(10, b"");
        assert_eq!(packets(&file).len(), 1);
    }
}

#[test]
fn comments_are_told_joined_and_never_spoil_a_file() {
    let cases: &[(Options<'_>, Option<&str>)] = &[
        (&[], None),
        (&[(2, &[1, 0, 0, 0])], None),
        (&[(COMMENT, b"dropped by outage 1")], Some("dropped by outage 1")),
        (&[(2, &[1, 0, 0, 0]), (COMMENT, b"one"), (4, &[0; 8]), (COMMENT, b"two")], Some("one\ntwo")),
        (&[(COMMENT, b"gr\xfcn")], Some("gr\u{fffd}n")),
        (&[(COMMENT, b"")], Some("")),
    ];
    for order in ORDERS {
        for (options, expected) in cases {
            let file = Made::empty(order)
                .section(order)
                .interface(1, 0, &[])
                .packet(0, 1, 5, b"abcde", options)
                .old_packet(0, 1, 5, b"abcde", options);
            for packet in packets(&file) {
                assert_eq!(packet.comment.as_deref(), *expected);
                assert_eq!(packet.bytes, b"abcde");
            }
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_by_what_it_is() {
    let refused = |bytes: &[u8]| CaptureReader::new(bytes).unwrap_err();
    assert!(matches!(refused(b""), CaptureError::Empty));
    assert!(matches!(refused(b"REGISTER sip:bench.test SIP/2.0"), CaptureError::Foreign));
    assert!(matches!(refused(&[0x1F, 0x8B, 8, 0]), CaptureError::Compressed));
    assert!(matches!(refused(b"abc"), CaptureError::Headless));
    for order in ORDERS {
        let pcap = Made::pcap(order, MICRO, (2, 4), 1);
        for len in 4..pcap.bytes.len() {
            assert!(matches!(refused(&pcap.bytes[..len]), CaptureError::Headless), "{len}");
        }
        let section = Made::empty(order).section(order);
        for len in 4..section.bytes.len() {
            assert!(matches!(refused(&section.bytes[..len]), CaptureError::Headless), "{len}");
        }
        let modified = refused(&Made::pcap(order, 0xA1B2_CD34, (2, 4), 1).bytes);
        assert!(matches!(modified, CaptureError::Modified) && modified.to_string().contains("editcap"));
        let newer = refused(&Made::pcap(order, NANO, (3, 0), 1).bytes);
        assert!(matches!(newer, CaptureError::Broken { offset: 0, reason: Flaw::Version(3, 0) }), "{newer}");
    }
    let mut newer = Made::empty(Little).section(Little).bytes;
    newer[12] = 2;
    assert!(matches!(refused(&newer), CaptureError::Broken { reason: Flaw::Version(2, 0), .. }));
    newer[8] = 0;
    assert!(matches!(refused(&newer), CaptureError::Broken { reason: Flaw::ByteOrder, .. }));
}

#[test]
fn a_capture_cut_anywhere_yields_all_that_is_whole_before_the_cut() {
    for file in samples() {
        let all = packets(&file);
        let mut headed = false;
        for len in 0..file.bytes.len() {
            let Ok((read, ending)) = read(&file.bytes[..len]) else {
                assert!(!headed, "{len}");
                continue;
            };
            headed = true;
            let whole = all.iter().filter(|packet| packet.offset + packet.len <= len as u64).count();
            assert_eq!(read, all[..whole], "{len}");
            match ending {
                Ending::Whole => {}
                Ending::Truncated { offset } => assert!(offset < len as u64),
                Ending::Broken { .. } => panic!("{len}: {ending:?}"),
            }
        }
        assert!(headed);
    }
}

#[test]
fn what_contradicts_the_format_is_named_with_its_place() {
    let begun = || Made::empty(Little).section(Little).interface(1, 0, &[]).packet(0, 1, 1, b"a", &[]);
    let place = begun().bytes.len() as u64;
    let packet = |captured: u32| Made::empty(Little).words(&[0, 0, 1, captured, captured, 0]).bytes;
    let long = MAX_PACKET as u32 + 4;
    let cases = [
        (begun().words(&[6, 8, 8]), Flaw::Length(8)),
        (begun().words(&[6, 0, 0]), Flaw::Length(0)),
        (begun().words(&[6, 34, 0]), Flaw::Length(34)),
        (begun().words(&[6, u32::MAX - 3, 0]), Flaw::Long(u32::MAX - 3)),
        (begun().words(&[1, long, 0]), Flaw::Long(long)),
        (begun().words(&[5, 16, 0, 20]), Flaw::Lengths(16, 20)),
        (begun().words(&[0x0A0D_0D0A, 28, 0x1122_3344]), Flaw::ByteOrder),
        (begun().packet(1, 1, 1, b"a", &[]), Flaw::Interface(1)),
        (begun().block(6, &packet(5)), Flaw::Within("packet")),
        (begun().block(6, &packet(u32::MAX)), Flaw::Within("packet")),
        (begun().block(6, &[0; 16]), Flaw::Within("header")),
        (begun().block(3, b""), Flaw::Within("header")),
        (begun().block(3, &[200, 0, 0, 0, 1, 2, 3, 4]), Flaw::Within("packet")),
        (begun().block(1, &[1, 0, 0, 0]), Flaw::Within("header")),
        (begun().interface(1, 0, &[(RESOLUTION, &[])]), Flaw::Within("options")),
        (begun().interface(1, 0, &[(OFFSET, &[1])]), Flaw::Within("options")),
        (begun().block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 9, 0, 1, 2, 3, 4]), Flaw::Within("options")),
        (begun().block(6, &[&packet(4)[..], &[1, 0, 200, 0]].concat()), Flaw::Within("options")),
    ];
    for (file, reason) in cases {
        let mut reader = CaptureReader::new(&file.bytes[..]).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().bytes, b"a");
        let error = reader.next().unwrap().unwrap_err();
        assert!(
            matches!(error, CaptureError::Broken { offset, reason: said } if (offset, said) == (place, reason)),
            "{error}"
        );
        assert!(reader.next().is_none());
        assert_eq!(reader.ending(), Ending::Broken { offset: place, reason });
    }
    let pcap = Made::pcap(Big, MICRO, (2, 4), 1).record(1, 2, 3, b"abc").words(&[1, 2, u32::MAX, u32::MAX]);
    let (read, ending) = read_all(&pcap);
    assert_eq!((read.len(), ending), (1, Ending::Broken { offset: 43, reason: Flaw::Long(u32::MAX) }));
}

#[test]
fn a_length_of_four_gigabytes_is_not_waited_for_in_memory() {
    let begun = Made::empty(Big).section(Big).interface(1, 0, &[]).packet(0, 1, 1, b"a", &[]);
    let offset = begun.bytes.len() as u64;
    let file = begun.words(&[0x0BAD, u32::MAX - 3]);
    // What follows is stepped over in pieces, as much as there is of it.
    let endless = io::Read::chain(&file.bytes[..], io::Read::take(io::repeat(7), 100 << 20));
    let (read, ending) = read(endless).unwrap();
    assert_eq!((read.len(), ending), (1, Ending::Truncated { offset }));
}

#[test]
fn interfaces_without_end_are_refused() {
    let file = (0..=MAX_INTERFACES).fold(Made::empty(Big).section(Big), |file, _| file.interface(1, 0, &[]));
    let (_, ending) = read_all(&file);
    assert!(matches!(ending, Ending::Broken { reason: Flaw::Interfaces, .. }), "{ending:?}");
}

#[test]
fn an_input_that_fails_is_told_from_one_that_ends() {
    let file = Made::pcap(Little, MICRO, (2, 4), 1).record(1, 2, 3, b"abc");
    let failing = io::Read::chain(&file.bytes[..], Failing);
    let mut reader = CaptureReader::new(failing).unwrap();
    assert!(reader.next().unwrap().is_ok());
    assert!(matches!(reader.next(), Some(Err(CaptureError::Read(_)))));
    assert!(reader.next().is_none());
}

#[test]
fn a_captured_frame_that_was_cut_says_so() {
    let file = Made::pcap(Little, MICRO, (2, 4), 101).record(1, 2, 60, &[0x45, 0, 0, 60, 0, 0]);
    let mut reader = CaptureReader::new(&file.bytes[..]).unwrap();
    let error = reader.next().unwrap().unwrap().frame().unwrap_err();
    assert_eq!(error, FrameError::Snapped { kept: 6, original: 60 });
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), sample in 0..8_usize) {
        let _ = read(&bytes[..]);
        // Behind a header that is right.
        let mut file = samples().swap_remove(sample % samples().len());
        file.bytes.extend(bytes);
        let _ = read(&file.bytes[..]);
    }

    #[test]
    fn any_change_to_a_capture_is_survived(
        sample in 0..8_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = samples().swap_remove(sample % samples().len());
        for (place, value) in changes {
            let place = place.index(file.bytes.len());
            file.bytes[place] = value;
        }
        if let Ok((packets, _)) = read(&file.bytes[..]) {
            let total: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
            prop_assert!(total <= file.bytes.len(), "no byte is read twice");
        }
    }

    #[test]
    fn chunks_of_any_size_read_as_the_whole(sample in 0..8_usize, sizes in prop::collection::vec(1..40_usize, 1..20)) {
        let file = samples().swap_remove(sample % samples().len());
        let whole = read(&file.bytes[..]).unwrap();
        prop_assert_eq!(&read(Chunks { rest: &file.bytes, sizes: vec![1], turn: 0 }).unwrap(), &whole);
        prop_assert_eq!(&read(Chunks { rest: &file.bytes, sizes, turn: 0 }).unwrap(), &whole);
    }
}

/// One capture of each variant.
fn samples() -> Vec<Made> {
    let mut samples = Vec::new();
    for order in ORDERS {
        for magic in [MICRO, NANO] {
            let file = Made::pcap(order, magic, (2, 4), 1);
            samples.push(file.record(1_790_000_000, 123_456, 80, b"a frame cut").record(1_790_000_001, 1, 5, b"whole"));
        }
        let file = Made::empty(order)
            .section(order)
            .block(0x0ABC, b"unknown")
            .interface(1, 65_535, &[(RESOLUTION, &[9])])
            .interface(113, 0, &[(RESOLUTION, &[0x94])])
            .packet(0, 1_790_000_000_000_000_001, 70, b"a frame", &[(COMMENT, b"dropped by outage 1")])
            .old_packet(1, 1_790_000_000 << 20, 3, b"old", &[])
            .simple_packet(4, b"bare")
            .block(5, &[0; 12]);
        samples.push(file.clone());
        let other = if order == Big { Little } else { Big };
        samples.push(file.section(other).interface(101, 0, &[]).packet(0, 7, 1, b"z", &[]));
    }
    samples
}

fn read_all(file: &Made) -> (Vec<Read>, Ending) {
    read(&file.bytes[..]).unwrap()
}

/// Hands its bytes out in pieces.
struct Chunks<'a> {
    rest: &'a [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl io::Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()].min(self.rest.len()).min(buffer.len());
        self.turn += 1;
        let (now, later) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.rest = later;
        Ok(size)
    }
}

struct Failing;

impl io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}
