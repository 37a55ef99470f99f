//! Frames of every kind, true and broken.

use proptest::prelude::*;

use super::{
    super::*,
    world::{Ear, End, Note, SECOND, datagram, fragments, tcp},
};
use crate::event::OutageId;

/// A message with a body of so many bytes, told from others by its number.
fn message(number: usize, body: usize) -> Vec<u8> {
    let body = "b".repeat(body);
    format!("OPTIONS sip:b SIP/2.0\r\nCall-ID: {number}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

proptest! {
    #[test]
    fn any_cut_order_and_overlap_of_a_connection_gives_its_messages(
        bodies in prop::collection::vec(0..300_usize, 1..8),
        cuts in prop::collection::vec(1..200_usize, 1..20),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), 1..9_usize), 0..40),
        again in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..400_usize), 0..10),
        port in prop_oneof![Just(5060_u16), Just(5061)],
    ) {
        let messages: Vec<_> = bodies.iter().enumerate().map(|(number, body)| message(number, *body)).collect();
        let stream = messages.concat();
        let mut cuts = cuts.into_iter().cycle();
        let mut order = Vec::new();
        let mut start = 0;
        while start < stream.len() {
            let end = (start + cuts.next().unwrap()).min(stream.len());
            order.push(start..end);
            start = end;
        }
        for (index, far) in swaps {
            let index = index.index(order.len());
            let other = (index + far).min(order.len() - 1);
            order.swap(index, other);
        }
        for (place, from, len) in again {
            let from = from.index(stream.len());
            order.insert(place.index(order.len() + 1), from..(from + len).min(stream.len()));
        }
        let (mut phone, mut server) = End::pair(port);
        let mut frames = vec![phone.syn(), server.syn()];
        frames.extend(order.into_iter().map(|range| phone.say_at(range.start as i32, &stream[range])));
        let mut ear = Ear::default();
        let heard = ear.said(&frames);
        prop_assert_eq!(heard, messages.iter().map(|bytes| tcp(bytes)).collect::<Vec<_>>());
        prop_assert_eq!(ear.signalling.connections.held(), 0);
    }

    #[test]
    fn no_frames_panic_or_exceed_the_budget(
        frames in prop::collection::vec(
            (0..8_u8, 0..40_u16, any::<u32>(), 0..3000_usize, any::<u8>(), 0..3_u8, 0..20_i64),
            0..150,
        ),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..200),
    ) {
        const MOST: usize = 20_000;
        let text = [message(1, 10), b"\r\n\r\n\x16\x03\x01\0\x40\x01SIP/2.0 200 OK\r\n".to_vec()].concat().repeat(60);
        let mut made: Vec<(Vec<u8>, Fate, i64)> = Vec::new();
        for (kind, port, number, len, byte, fate, pause) in frames {
            let (phone, server) = End::pair(if port % 3 == 0 { 7000 } else { 5060 });
            let (mut phone, mut server) = (phone.at_port(port), server.at_port(port));
            // Near one another, so that they overlap.
            phone.next = number % 5000;
            server.next = number % 5000;
            let payload = &text[usize::from(byte)..][..len];
            let frame = match kind {
                0 => phone.say(payload),
                1 => server.say(payload),
                2 => if byte % 4 == 0 { phone.syn() } else { server.syn() },
                3 => if byte % 4 == 0 { phone.rst() } else { server.fin() },
                4 => phone.acknowledge(number % 9000),
                5 => datagram(5060, payload),
                6 => fragments(&datagram(5060, &text), u16::from(byte % 4), 1480).swap_remove(len % 3),
                _ => fragments(&phone.say(&text[..3000]), u16::from(byte % 4), 1024).swap_remove(len % 3),
            };
            let fate = [Fate::Passed, Fate::Dropped(OutageId(1)), Fate::Injected(OutageId(1))][usize::from(fate)];
            made.push((frame, fate, pause * SECOND));
        }
        for (index, place, byte) in flips {
            if !made.is_empty() {
                let index = index.index(made.len());
                let frame = &mut made[index].0;
                let place = place.index(frame.len());
                frame[place] ^= byte;
            }
        }
        let mut ear = Ear::default();
        ear.signalling.connections.hold_at_most(MOST);
        for (frame, fate, pause) in made {
            ear.now_ns += pause;
            if Frame::parse(&frame).is_ok() {
                let _ = ear.hear_of(&frame, fate);
                prop_assert!(ear.signalling.connections.held() <= MOST);
            }
        }
        let _ = ear.finish();
        prop_assert_eq!(ear.signalling.connections.held(), 0);
    }
}

#[test]
fn streams_without_end_hold_no_more_than_they_may() {
    let mut ear = Ear::default();
    for line in ["OPTIONS sip:b SIP/2.0\r\n", "X: y\r\n", "\r", "\0\r\n", "l: 9\r\n", "no line", "\x16"] {
        let (mut phone, _) = End::pair(5060);
        let mut unreadable = 0;
        for _ in 0..3000 {
            let heard = ear.said(&[phone.say(line.repeat(1400 / line.len()).as_bytes())]);
            unreadable += heard.iter().filter(|note| matches!(note, Note::Unreadable(..))).count();
            assert!(ear.signalling.connections.held() <= 70_000, "{line:?}");
        }
        assert!(unreadable < 100, "{line:?}: {unreadable}");
        phone.next = phone.next.wrapping_add(1 << 28);
        ear.said(&[phone.syn()]);
    }
}
