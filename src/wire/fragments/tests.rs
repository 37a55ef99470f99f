//! Datagrams cut in all ways, and fragments in all orders.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn a_datagram_is_whole_in_any_order_and_has_what_came_with_its_first_fragment() {
    let bytes: Vec<u8> = (0..40).collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut fragments = Fragments::default();
        for index in order {
            assert_eq!(fragments.poll(), None);
            fragments.take(&piece(1, &bytes, index));
        }
        assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)), "{order:?}");
        assert_eq!((fragments.held, fragments.kept.len()), (0, 0));
    }
}

#[test]
fn datagrams_with_other_ends_or_numbers_do_not_mix() {
    let bytes: Vec<u8> = (0..40).collect();
    let mut fragments = Fragments::default();
    let mut other = piece(1, &bytes, 1);
    other.of.source = "10.77.0.99".parse().unwrap();
    for piece in [piece(1, &bytes, 0), piece(2, &bytes, 1), other, piece(1, &bytes, 2)] {
        fragments.take(&piece);
        assert_eq!(fragments.poll(), None);
    }
    fragments.take(&piece(1, &bytes, 1));
    assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)));
}

#[test]
fn fragments_that_overlap_and_are_no_copies_spoil_the_datagram_once() {
    let bytes: Vec<u8> = (0..40).collect();
    let mut changed = bytes.clone();
    changed[20] = 99;
    for (other, reason) in [
        (Fragment { offset: 8, bytes: &bytes[8..24], ..piece(1, &bytes, 1) }, "fragments of its datagram overlap"),
        (piece(1, &changed, 1), "fragments of its datagram overlap"),
        (
            Fragment { offset: 8, more: false, bytes: &bytes[8..16], ..piece(1, &bytes, 1) },
            "the fragments of its datagram do not agree on its length",
        ),
        (
            Fragment { offset: 32, bytes: &bytes[..7], ..piece(1, &bytes, 1) },
            "a fragment of its datagram has a length that none may have",
        ),
        (
            Fragment { offset: 65_528, bytes: &bytes[..8], ..piece(1, &bytes, 1) },
            "its fragments are longer than a datagram may be",
        ),
    ] {
        let mut fragments = Fragments::default();
        fragments.take(&piece(1, &bytes, 1));
        fragments.take(&other);
        assert_eq!(fragments.poll(), None, "nobody knows yet what it was");
        fragments.take(&piece(1, &bytes, 0));
        assert_eq!(fragments.poll(), Some(Outcome::Broken { first: 1, reason }));
        fragments.take(&piece(1, &bytes, 2));
        fragments.take(&piece(1, &bytes, 1));
        fragments.finish();
        assert_eq!(fragments.poll(), None, "{reason}");
        assert_eq!(fragments.held, 0);
    }
}

#[test]
fn copies_of_a_fragment_change_nothing() {
    let bytes: Vec<u8> = (0..40).collect();
    let mut fragments = Fragments::default();
    for index in [0, 0, 1, 0, 1, 2] {
        assert_eq!(fragments.poll(), None);
        fragments.take(&piece(1, &bytes, index));
    }
    assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)));
}

#[test]
fn what_an_outage_took_a_fragment_of_is_dropped_until_a_copy_passes() {
    let bytes: Vec<u8> = (0..40).collect();
    let dropped = |index| Fragment { outage: Some(OutageId(7)), ..piece(1, &bytes, index) };
    let mut fragments = Fragments::default();
    for piece in [dropped(0), piece(1, &bytes, 1), dropped(2), piece(1, &bytes, 0)] {
        fragments.take(&piece);
    }
    assert_eq!(fragments.poll(), Some(whole(&bytes, 1, Some(OutageId(7)))));
    fragments.take(&dropped(2));
    assert_eq!(fragments.poll(), None, "another copy that is dropped");
    fragments.take(&piece(1, &bytes, 2));
    assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)));
    assert_eq!((fragments.poll(), fragments.held), (None, 0));
}

#[test]
fn an_identification_may_be_used_again_when_the_datagram_is_whole() {
    let (bytes, next): (Vec<u8>, Vec<u8>) = ((0..40).collect(), (50..90).collect());
    for outage in [None, Some(OutageId(1))] {
        let mut fragments = Fragments::default();
        for bytes in [&bytes, &next] {
            (0..3).for_each(|index| fragments.take(&Fragment { outage, ..piece(1, bytes, index) }));
            assert_eq!(fragments.poll(), Some(whole(bytes, 1, outage)));
        }
        fragments.finish();
        assert_eq!(fragments.poll(), None);
    }
}

#[test]
fn a_datagram_that_stays_in_pieces_is_given_up_after_a_minute_or_at_the_end() {
    let bytes: Vec<u8> = (0..40).collect();
    let never = |first| Some(Outcome::Broken { first, reason: "a fragment of its datagram never came" });
    let mut fragments = Fragments::default();
    fragments.take(&piece(1, &bytes, 0));
    fragments.take(&Fragment { unix_ns: SECOND, ..piece(2, &bytes, 1) });
    fragments.take(&Fragment { unix_ns: SECOND, ..piece(3, &bytes, 0) });
    fragments.expire(60 * SECOND);
    assert_eq!(fragments.poll(), None);
    fragments.expire(60 * SECOND + 1);
    assert_eq!((fragments.poll(), fragments.poll()), (never(1), None));
    for index in 1..3 {
        fragments.take(&Fragment { unix_ns: 60 * SECOND + 1, ..piece(1, &bytes, index) });
    }
    fragments.finish();
    assert_eq!((fragments.poll(), fragments.poll()), (never(3), None), "of the second nobody knows what it was");
    assert_eq!(fragments.held, 0);
}

#[test]
fn there_is_room_for_so_many_and_the_oldest_goes_first() {
    let bytes: Vec<u8> = (0..40).collect();
    let room = |first| Some(Outcome::Broken { first, reason: "its fragments were given up, to make room for others" });
    let mut fragments = Fragments::default();
    for number in 0..=MOST {
        assert_eq!(fragments.poll(), None);
        fragments.take(&piece(number as u32, &bytes, 0));
    }
    assert_eq!((fragments.poll(), fragments.poll()), (room(0), None));

    let long = vec![0; 65_000];
    let mut fragments = Fragments::default();
    for number in 0..200 {
        fragments.take(&Fragment { bytes: &long, ..piece(number, &bytes, 0) });
        assert!(fragments.held <= MAX_HELD, "{}", fragments.held);
    }
    assert_eq!(fragments.poll(), room(0));
    assert!(fragments.kept.len() > 60);
}

#[test]
fn a_datagram_in_crumbs_is_given_up() {
    let mut fragments = Fragments::default();
    for index in 0..=MAX_PIECES as u32 {
        let first = (index == 0).then_some(1);
        fragments.take(&Fragment { offset: 16 * index, bytes: &[0; 8], first, ..piece(1, &[0; 40], 1) });
    }
    let reason = "its datagram is in more than 256 fragments";
    assert_eq!(fragments.poll(), Some(Outcome::Broken { first: 1, reason }));
}

#[test]
fn what_is_not_wanted_costs_no_memory_and_does_not_hide_what_follows_it() {
    let bytes: Vec<u8> = (0..40).collect();
    let mut fragments = Fragments::default();
    fragments.take(&piece(1, &bytes, 1));
    fragments.ignore(piece(1, &bytes, 0).of, 0);
    fragments.take(&piece(1, &bytes, 2));
    assert_eq!((fragments.held, fragments.kept.len()), (0, 0));
    (0..3).for_each(|index| fragments.take(&piece(1, &bytes, index)));
    assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)), "the same identification once more");
}

proptest! {
    #[test]
    fn any_cut_any_order_and_any_copies_give_the_datagram_once(
        words in 1..300_usize,
        tail in 0..8_usize,
        cuts in prop::collection::vec(1..40_usize, 1..20),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let bytes: Vec<u8> = (0..8 * words + tail).map(|index| index.to_le_bytes()[0]).collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let end = (at + 8 * cut).min(bytes.len());
            pieces.push((at, end));
            at = end;
            if at == bytes.len() {
                break;
            }
        }
        prop_assume!(pieces.len() <= MAX_PIECES);
        // Copies of any, and then each once.
        let copies: Vec<_> = order.iter().map(|index| *index.get(&pieces)).collect();
        let mut fragments = Fragments::default();
        let mut seen = Vec::new();
        for (start, end) in copies.into_iter().chain(pieces.iter().rev().copied()) {
            fragments.take(&Fragment {
                offset: start as u32,
                more: end < bytes.len(),
                bytes: &bytes[start..end],
                first: (start == 0).then_some(1),
                ..piece(1, &[0; 40], 0)
            });
            if !seen.contains(&start) {
                seen.push(start);
            }
            if seen.len() == pieces.len() {
                prop_assert_eq!(fragments.poll(), Some(whole(&bytes, 1, None)));
                return Ok(());
            }
            prop_assert_eq!(fragments.poll(), None);
        }
        prop_assert!(false, "it never was whole");
    }

    #[test]
    fn no_fragments_panic_or_exceed_the_bounds(
        takes in prop::collection::vec(
            (0..6_u32, 0..70_000_u32, any::<[bool; 3]>(), 0..5000_usize, 0..200_i64),
            0..200,
        ),
    ) {
        let zeros = [0; 5000];
        let mut fragments = Fragments { max_held: 20_000, ..Fragments::default() };
        for (number, offset, [more, taken, zero], len, at) in takes {
            let offset = if zero { 0 } else { offset & !7 };
            fragments.take(&Fragment {
                offset,
                more,
                bytes: &zeros[..len],
                unix_ns: at * SECOND,
                outage: taken.then_some(OutageId(1)),
                first: (offset == 0).then_some(1),
                ..piece(number, &[0; 40], 0)
            });
            let kept = (0..6).filter_map(|number| fragments.kept.get(&piece(number, &[0; 40], 0).of));
            let held: usize = kept.map(Datagram::held).sum();
            prop_assert_eq!(fragments.held, held);
            prop_assert!(held <= 20_000);
            while let Some(outcome) = fragments.poll() {
                if let Outcome::Whole { bytes, .. } = outcome {
                    prop_assert!(bytes.len() <= MAX_DATAGRAM as usize);
                }
            }
        }
    }
}

/// A third of 40 bytes.
fn piece(identification: u32, bytes: &[u8], index: usize) -> Fragment<'_, u32> {
    let (start, end) = [(0, 16), (16, 32), (32, 40)][index];
    Fragment {
        of: Identity {
            source: "10.77.0.11".parse().unwrap(),
            destination: "10.77.0.3".parse().unwrap(),
            protocol: Some(17),
            identification,
        },
        offset: start as u32,
        more: index < 2,
        bytes: &bytes[start..end],
        unix_ns: 0,
        outage: None,
        first: (index == 0).then_some(identification),
    }
}

fn whole(bytes: &[u8], first: u32, outage: Option<OutageId>) -> Outcome<u32> {
    Outcome::Whole { bytes: bytes.to_vec(), first, outage }
}
