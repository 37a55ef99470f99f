//! Bad paths: which frames are lost, and how late the others are. Pure: time and chance are arguments, chance as a seed.

use fastrand::Rng;

use crate::event::{Impairment, Share, Toward};

/// How long a frame that is to arrive out of order is held back, for others to overtake it.
const HELD_BACK_NS: u64 = 100_000_000;
/// What would wait longer than this for a slow path is lost, as in a router whose queue is full.
const LONGEST_QUEUE_NS: u64 = 1_000_000_000;

const SECOND_NS: u128 = 1_000_000_000;

/// One direction of a path.
#[derive(Debug)]
pub struct BadPath {
    chance: Rng,
    /// It is in a burst of losses.
    losing: bool,
    /// Until then it is busy with the frames before.
    busy_until_ns: u64,
    /// When the last frame that keeps its place arrives.
    last_ns: u64,
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lot {
    /// It is lost.
    Lost,
    /// It arrives at this time.
    Arrives {
        /// On the clock on which it was sent.
        at_ns: u64,
        /// And once more.
        twice: bool,
    },
}

impl BadPath {
    /// The path of a phone, by its place in the bench, in one direction. Chance begins at `seed`, and elsewhere for each path.
    pub fn new(seed: u64, phone: u16, toward: Toward) -> Self {
        let apart = 2 * u64::from(phone) + u64::from(toward == Toward::Phone);
        Self {
            chance: Rng::with_seed(Rng::with_seed(seed).u64(..) ^ apart),
            losing: false,
            busy_until_ns: 0,
            last_ns: 0,
        }
    }

    /// What becomes of the next frame, of `length` bytes, sent at `now_ns`; the path has been bad for `since_ns`.
    pub fn draw(&mut self, bad: &Impairment, length: usize, since_ns: u64, now_ns: u64) -> Lot {
        // Always the same number of draws: then one setting changes nothing about what chance does to another.
        let [lost, late, back, twice] = std::array::from_fn(|_| self.chance.u32(0..Share::WHOLE));
        if self.loses(bad, lost) {
            return Lot::Lost;
        }
        let mut sent_ns = now_ns;
        if let Some(rate) = bad.rate_bps {
            let begins_ns = now_ns.max(self.busy_until_ns);
            if begins_ns - now_ns > LONGEST_QUEUE_NS {
                return Lot::Lost;
            }
            let takes_ns = 8 * SECOND_NS * length as u128 / u128::from(rate.max(1));
            sent_ns = begins_ns.saturating_add(u64::try_from(takes_ns).unwrap_or(u64::MAX));
            self.busy_until_ns = sent_ns;
        }
        let mut at_ns = sent_ns.saturating_add(delay_ns(bad, since_ns));
        let jitter = bad.jitter.as_nanos() * u128::from(late) / u128::from(Share::WHOLE);
        at_ns = at_ns.saturating_add(u64::try_from(jitter).unwrap_or(u64::MAX));
        if back < bad.reorder.millionths() {
            at_ns = at_ns.saturating_add(HELD_BACK_NS);
        } else {
            at_ns = at_ns.max(self.last_ns);
            self.last_ns = at_ns;
        }
        Lot::Arrives { at_ns, twice: twice < bad.duplicate.millionths() }
    }

    /// Losses alone are independent; bursts come from a chain of two states (Gilbert 1960): with the mean length of a burst and
    /// the share of losses given, so are the chances to get into one and out of it.
    fn loses(&mut self, bad: &Impairment, drawn: u32) -> bool {
        let (loss, whole) = (u64::from(bad.loss.millionths()), u64::from(Share::WHOLE));
        let burst = u64::from(bad.burst);
        if burst <= 1 || loss == whole {
            return u64::from(drawn) < loss;
        }
        let stays = whole - whole / burst;
        let enters = loss * whole / (burst * (whole - loss));
        self.losing = u64::from(drawn) < if self.losing { stays } else { enters };
        self.losing
    }
}

/// The delay at this time: it may be growing.
fn delay_ns(bad: &Impairment, since_ns: u64) -> u64 {
    let (delay, ramp) = (bad.delay.as_nanos(), bad.ramp.as_nanos());
    let grown = (delay * u128::from(since_ns).min(ramp)).checked_div(ramp).unwrap_or(delay);
    u64::try_from(grown).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn path(seed: u64) -> BadPath {
        BadPath::new(seed, 0, Toward::Server)
    }

    /// The lots of so many frames of 200 bytes, each so long after the last.
    fn lots(bad: &Impairment, count: u64, every_ns: u64) -> Vec<Lot> {
        let mut path = path(bad.seed);
        (0..count).map(|number| path.draw(bad, 200, number * every_ns, number * every_ns)).collect()
    }

    fn share_lost(lots: &[Lot]) -> f64 {
        lots.iter().filter(|lot| **lot == Lot::Lost).count() as f64 / lots.len() as f64
    }

    #[test]
    fn a_path_without_faults_carries_everything_at_once_and_once() {
        let good = Impairment::default();
        for (number, lot) in (0..).zip(lots(&good, 100, MS)) {
            assert_eq!(lot, Lot::Arrives { at_ns: number * MS, twice: false });
        }
    }

    #[test]
    fn as_many_are_lost_as_is_said_and_in_bursts_as_long_as_is_said() {
        for (percent, burst) in [(10, 1), (30, 1), (20, 5), (50, 10)] {
            let bad = Impairment { loss: Share::percent(percent), burst, ..Impairment::default() };
            let lots = lots(&bad, 200_000, MS);
            let lost = share_lost(&lots);
            assert!((lost - f64::from(percent) / 100.0).abs() < 0.01, "{percent}% in bursts of {burst}: {lost}");
            let bursts = lots.chunk_by(|one, other| (*one == Lot::Lost) == (*other == Lot::Lost));
            let lengths: Vec<usize> = bursts.filter(|lots| lots[0] == Lot::Lost).map(<[Lot]>::len).collect();
            let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
            // Independent losses follow one another by chance.
            let expected = if burst == 1 { 1.0 / (1.0 - f64::from(percent) / 100.0) } else { f64::from(burst) };
            assert!((mean / expected - 1.0).abs() < 0.1, "{percent}% in bursts of {burst}: {mean}");
        }
        let all = Impairment { loss: Share::ALL, burst: 3, ..Impairment::default() };
        assert!(lots(&all, 1000, MS).iter().all(|lot| *lot == Lot::Lost));
    }

    #[test]
    fn a_slow_path_takes_its_time_for_each_frame_and_loses_what_would_wait_too_long() {
        // 200 bytes are 25 ms at 64 kbit/s.
        let slow = Impairment { rate_bps: Some(64_000), ..Impairment::default() };
        let lots = lots(&slow, 100, MS);
        for (number, lot) in (0..40).zip(&lots) {
            assert_eq!(*lot, Lot::Arrives { at_ns: (number + 1) * 25 * MS, twice: false });
        }
        assert_eq!(lots[99], Lot::Lost, "more than a second behind");
        assert!(matches!(path(1).draw(&slow, 200, 0, 99 * 1000 * MS), Lot::Arrives { .. }));
    }

    #[test]
    fn a_delay_that_grows_has_grown_to_all_of_it_in_its_time() {
        let (delay, ramp) = (Duration::from_millis(400), Duration::from_secs(10));
        let fading = Impairment { delay, ramp, ..Impairment::default() };
        let delays: Vec<u64> = [0, 5_000, 10_000, 60_000].map(|ms| delay_ns(&fading, ms * MS) / MS).to_vec();
        assert_eq!(delays, [0, 200, 400, 400]);
    }

    #[test]
    fn some_are_overtaken_and_some_arrive_twice() {
        let bad = Impairment { reorder: Share::percent(10), duplicate: Share::percent(20), ..Impairment::default() };
        let lots = lots(&bad, 10_000, MS);
        let late = |(number, lot): (u64, &Lot)| matches!(lot, Lot::Arrives { at_ns, .. } if *at_ns == number * MS + HELD_BACK_NS);
        let held = (0..).zip(&lots).filter(|it| late(*it)).count();
        assert!((900..1100).contains(&held), "{held}");
        let twice = lots.iter().filter(|lot| matches!(lot, Lot::Arrives { twice: true, .. })).count();
        assert!((1900..2100).contains(&twice), "{twice}");
    }

    proptest! {
        #[test]
        fn order_stays_unless_it_is_to_change_and_nothing_arrives_before_it_was_sent(
            seed in any::<u64>(),
            delay in 0_u64..500,
            jitter in 0_u64..500,
            gaps in proptest::collection::vec(0_u64..50, 1..100),
        ) {
            let ms = Duration::from_millis;
            let bad = Impairment { delay: ms(delay), jitter: ms(jitter), seed, ..Impairment::default() };
            let (mut path, mut now, mut last) = (path(seed), 0, 0);
            for gap in gaps {
                now += gap * MS;
                let Lot::Arrives { at_ns, .. } = path.draw(&bad, 200, now, now) else { panic!("nothing is lost") };
                prop_assert!(at_ns >= now + delay * MS && at_ns >= last);
                prop_assert!(at_ns <= (now + (delay + jitter) * MS).max(last));
                last = at_ns;
            }
        }

        #[test]
        fn the_same_seed_has_the_same_lots_and_directions_differ(seed in any::<u64>()) {
            let bad = Impairment { loss: Share::percent(50), seed, ..Impairment::default() };
            prop_assert_eq!(lots(&bad, 200, MS), lots(&bad, 200, MS));
            let mut other = BadPath::new(seed, 0, Toward::Phone);
            let back: Vec<Lot> = (0..200).map(|number| other.draw(&bad, 200, number * MS, number * MS)).collect();
            prop_assert_ne!(back, lots(&bad, 200, MS));
        }
    }
}
