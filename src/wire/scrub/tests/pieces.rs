//! Messages in pieces: cut by segment borders and by fragments, out of order, twice, and with holes.

use super::*;

/// A datagram in fragments that end at `cuts`, which are multiples of eight within its payload.
fn fragments(family: [&str; 2], payload: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let whole = udp(family, payload);
    let v4 = family == V4;
    let start = if v4 { 34 } else { 54 };
    let ends = cuts.iter().copied().chain([whole.len() - start]);
    let begins = [0].into_iter().chain(cuts.iter().copied());
    begins
        .zip(ends)
        .map(|(from, to)| {
            let last = to == whole.len() - start;
            let mut frame = whole[..start].to_vec();
            let length = to - from;
            if v4 {
                frame[16..18].copy_from_slice(&(20 + length as u16).to_be_bytes());
                frame[18..20].copy_from_slice(&[0xab, 0xcd]);
                frame[20..22].copy_from_slice(&((from / 8) as u16 | if last { 0 } else { 0x2000 }).to_be_bytes());
            } else {
                frame[18..20].copy_from_slice(&(8 + length as u16).to_be_bytes());
                frame[20] = 44;
                frame.extend([17, 0]);
                frame.extend((from as u16 | u16::from(!last)).to_be_bytes());
                frame.extend([1, 2, 3, 4]);
            }
            frame.extend(&whole[start + from..start + to]);
            fix_checksums(&mut frame);
            frame
        })
        .collect()
}

/// The datagram that fragments make, in a frame of its own.
fn joined(family: [&str; 2], fragments: &[Vec<u8>]) -> Vec<u8> {
    let v4 = family == V4;
    let mut frame = fragments[0][..if v4 { 34 } else { 54 }].to_vec();
    for fragment in fragments {
        frame.extend(&fragment[if v4 { 34 } else { 62 }..]);
    }
    let length = frame.len() as u16;
    if v4 {
        frame[16..18].copy_from_slice(&(length - 14).to_be_bytes());
        frame[20..22].fill(0);
        // Of the header alone: the sum of the datagram is what the fragments have brought.
        let sum = pnet::packet::util::checksum(&frame[14..34], 5);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    } else {
        frame[18..20].copy_from_slice(&(length - 54).to_be_bytes());
        frame[20] = 17;
    }
    frame
}

fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| payload(frame).to_vec()).collect()
}

fn segments(message: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let ends = cuts.iter().copied().chain([message.len()]);
    let begins = [0].into_iter().chain(cuts.iter().copied());
    begins.zip(ends).map(|(from, to)| tcp(1000 + from as u32, &message[from..to])).collect()
}

#[test]
fn a_message_cut_in_two_segments_anywhere_is_cleaned_as_a_whole() {
    let message = register();
    for key in [Some(key()), None] {
        let clean = cleaned(&message, key.as_ref());
        for cut in 1..message.len() {
            let out = scrubbed(&segments(&message, &[cut]), key.as_ref());
            assert_eq!(stream(&out), clean, "cut at {cut}");
            out.iter().for_each(|frame| assert_sums(frame));
        }
    }
}

#[test]
fn a_message_cut_in_fragments_anywhere_is_cleaned_as_a_whole() {
    let message = register();
    for key in [Some(key()), None] {
        for family in [V4, V6] {
            let clean = udp(family, &cleaned(&message, key.as_ref()));
            for cut in (8..message.len() + 8).step_by(8) {
                for reversed in [false, true] {
                    let mut pieces = fragments(family, &message, &[cut]);
                    if reversed {
                        pieces.reverse();
                    }
                    let mut out = scrubbed(&pieces, key.as_ref());
                    if reversed {
                        out.reverse();
                    }
                    let whole = joined(family, &out);
                    assert_sums(&whole);
                    assert_eq!(payload(&whole), payload(&clean), "cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn segments_in_any_order_and_twice_make_the_same_stream() {
    let message = register();
    let clean = cleaned(&message, Some(&key()));
    let all = segments(&message, &[100, 200, 350]);
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [0, 2, 3, 1], [2, 0, 1, 3]] {
        // Without its beginning a stream begins where it is first seen.
        let mut frames = vec![segment_of(999, (true, false, false), b"")];
        frames.extend(order.iter().map(|index| all[*index].clone()));
        frames.extend(all.iter().cloned());
        let out = scrubbed(&frames, Some(&key()));
        let mut pieces: Vec<_> = order.iter().zip(&out[1..5]).collect();
        pieces.sort_by_key(|(index, _)| **index);
        assert_eq!(stream(&pieces.into_iter().map(|(_, frame)| frame.clone()).collect::<Vec<_>>()), clean, "{order:?}");
        assert_eq!(stream(&out[5..]), clean, "sent again");
    }
    // Sent again with other borders, while it is not complete.
    let mut frames = segments(&message, &[100, 300])[..2].to_vec();
    frames.push(tcp(1050, &message[50..350]));
    frames.push(tcp(1350, &message[350..]));
    let out = scrubbed(&frames, Some(&key()));
    assert_eq!(payload(&out[2]), &clean[50..350]);
    assert_eq!(payload(&out[3]), &clean[350..]);
}

#[test]
fn what_contradicts_a_stream_is_cleaned_by_itself() {
    let message = register();
    let mut frames = segments(&message, &[200]);
    frames.insert(1, tcp(1100, b"sip:1001:hunter2@bench.test"));
    let out = scrubbed(&frames, Some(&key()));
    assert_eq!([payload(&out[0]), payload(&out[2])].concat(), cleaned(&message, Some(&key())));
    assert_eq!(payload(&out[1]), [b'x'; 27]);
    assert_eq!(payload(&scrubbed(&frames, None)[1]), b"xxxxxxxxxxxxxxxx@bench.test");
}

#[test]
fn several_messages_in_one_segment_and_other_bytes_between_them_are_told_apart() {
    let (message, rest) = (register(), b"\r\n\r\nstrange 1001\r\n");
    let bytes = [&message[..], &message, &rest[..], &message].concat();
    let clean = cleaned(&message, Some(&key()));
    let expected = [&clean[..], &clean, b"\r\n\r\nxxxxxxxxxxxx\r\n", &clean].concat();
    assert_eq!(stream(&scrubbed(&[tcp(7, &bytes)], Some(&key()))), expected);
    let pieces: Vec<_> = bytes.chunks(11).enumerate().map(|(at, piece)| tcp(7 + 11 * at as u32, piece)).collect();
    assert_eq!(stream(&scrubbed(&pieces, Some(&key()))), expected);
}

#[test]
fn a_stream_seen_from_its_middle_is_read_from_the_next_message_on() {
    let (message, begin) = (register(), 200);
    let bytes = [&message[begin..], &message].concat();
    let out = stream(&scrubbed(&[tcp(7, &bytes)], Some(&key())));
    let (tail, whole) = out.split_at(message.len() - begin);
    assert_eq!(whole, cleaned(&message, Some(&key())));
    assert!(tail.iter().all(|byte| [b'x', b'\r', b'\n'].contains(byte)));
    assert_no_secret(&stream(&scrubbed(&[tcp(7, &message[begin..])], None)));
}

#[test]
fn blank_lines_ahead_of_a_tls_record_come_to_an_end() {
    let bytes = b"\r\n\r\n\x16\x03\x01\x00\x05hello";
    for key in [Some(key()), None] {
        assert_eq!(stream(&scrubbed(&[tcp(7, bytes)], key.as_ref())).len(), bytes.len());
    }
}

#[test]
fn a_hole_costs_the_message_around_it_only() {
    let message = register();
    let clean = cleaned(&message, Some(&key()));
    let bytes = message.repeat(5);
    let all: Vec<_> = bytes.chunks(250).enumerate().map(|(at, piece)| tcp(7 + 250 * at as u32, piece)).collect();
    for lost in 0..all.len() {
        for key in [Some(key()), None] {
            let mut frames = all.clone();
            frames.remove(lost);
            let out = scrubbed(&frames, key.as_ref());
            out.iter().for_each(|frame| assert_sums(frame));
            let bytes = stream(&out);
            assert_no_secret(&bytes);
            if key.is_some() {
                let whole = memchr::memmem::find_iter(&bytes, &clean).count();
                assert!(whole >= 3, "segment {lost} lost: {whole} messages of 5 are left");
                assert!(
                    memchr::memmem::find(&bytes, b"1001").is_none() && memchr::memmem::find(&bytes, b"Anna").is_none()
                );
            }
        }
    }
}

#[test]
fn frames_are_held_back_until_the_message_is_whole_and_no_longer() {
    let message = register();
    for (end, wait) in [
        (tcp(1100, &message[100..]), false),
        (segment_of(1100, (false, true, false), b""), false),
        (segment_of(1100, (false, false, true), b""), false),
        (udp(V4, b"\r\n"), true),
    ] {
        let mut scrubber = scrubber(Some(&key()));
        scrubber.push(LinkType::Ethernet, tcp(1000, &message[..100]), 1);
        assert!(scrubber.pop().is_none());
        scrubber.push(LinkType::Ethernet, end, 2);
        assert_eq!(scrubber.pop().is_none(), wait);
    }
    // What never ends is given up when too much waits behind it.
    for (first, name) in
        [(tcp(1000, &message[..100]), "stream"), (fragments(V4, &message, &[160])[0].clone(), "fragment")]
    {
        let mut scrubber = scrubber(Some(&key()));
        scrubber.push(LinkType::Ethernet, first, 0);
        let mut held = 0;
        while scrubber.pop().is_none() {
            held += 1;
            scrubber.push(LinkType::Ethernet, udp(V4, b"\r\n"), held);
            assert!(held < 5000, "{name}");
        }
        assert!(held > 4000, "{name}");
    }
}

#[test]
fn a_secret_in_a_stream_that_is_no_sip_is_known_by_what_is_ahead_of_it() {
    let text = b"POST /setup HTTP/1.1\r\n\r\n<password>0123456789abcdef0123456789abcdef</password>";
    let expected = b"POST /setup HTTP/1.1\r\n\r\n<password>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx</password>";
    for cut in 1..text.len() {
        assert_eq!(stream(&scrubbed(&segments(text, &[cut]), None)), expected, "cut at {cut}");
    }
    let pieces: Vec<usize> = (1..text.len()).collect();
    assert_eq!(stream(&scrubbed(&segments(text, &pieces), None)), expected, "byte by byte");
}

#[test]
fn fragments_that_come_twice_stay_equal_and_those_that_never_come_are_not_guessed() {
    let message = register();
    let pieces = fragments(V4, &message, &[160, 320]);
    let frames: Vec<_> = pieces.iter().chain(&pieces).cloned().collect();
    let out = scrubbed(&frames, Some(&key()));
    assert_eq!(out[..3], out[3..]);
    assert_eq!(payload(&joined(V4, &out[..3])), cleaned(&message, Some(&key())));
    // As a capture of both sides of a bridge has them.
    let twice: Vec<_> = pieces.iter().flat_map(|piece| [piece.clone(), piece.clone()]).collect();
    let twice = scrubbed(&twice, Some(&key()));
    assert!(twice.chunks(2).zip(&out).all(|(both, piece)| both[0] == *piece && both[1] == *piece));
    for lost in 0..3 {
        for key in [Some(key()), None] {
            let mut frames = pieces.clone();
            frames.remove(lost);
            let out = scrubbed(&frames, key.as_ref());
            for frame in &out {
                assert_no_secret(frame);
                assert!(key.is_none() || memchr::memmem::find(frame, b"1001").is_none());
            }
            if lost == 2 && key.is_some() {
                let begin = stream(&out);
                assert_eq!(
                    begin[8..150],
                    cleaned(&message, key.as_ref())[..142],
                    "what was seen from its beginning is kept"
                );
            }
        }
    }
}

#[test]
fn a_capture_that_cut_its_frames_has_cut_its_streams() {
    let message = register();
    for snap in [100, 200, 400, 600] {
        let frames: Vec<_> = message
            .repeat(3)
            .chunks(300)
            .enumerate()
            .map(|(at, piece)| tcp(7 + 300 * at as u32, piece))
            .map(|frame| frame[..frame.len().min(snap)].to_vec())
            .collect();
        let out = scrubbed(&frames, Some(&key())).concat();
        assert_no_secret(&out);
        assert!(memchr::memmem::find(&out, b"1001").is_none());
        assert_no_secret(&scrubbed(&frames, None).concat());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_cuts_of_any_message_leave_a_secret_or_a_name(
        head in "[A-Z][a-z]{1,8}: [ -~]{0,40}",
        cuts in prop::collection::btree_set(1_usize..384, 1..4),
        keyed: bool,
        in_fragments: bool,
    ) {
        let message = String::from_utf8(register()).unwrap().replace("CSeq", &format!("X-{head}\r\nCSeq")).into_bytes();
        let key = keyed.then(key);
        let clean = cleaned(&message, key.as_ref());
        let (bytes, out) = if in_fragments {
            let cuts: std::collections::BTreeSet<_> = cuts.iter().map(|cut| cut.next_multiple_of(8)).collect();
            let out = scrubbed(&fragments(V4, &message, &cuts.into_iter().collect::<Vec<_>>()), key.as_ref());
            (payload(&joined(V4, &out)).to_vec(), out)
        } else {
            let out = scrubbed(&segments(&message, &cuts.into_iter().collect::<Vec<_>>()), key.as_ref());
            (stream(&out), out)
        };
        prop_assert_eq!(bytes, clean);
        assert_no_secret(&out.concat());
    }
}
