//! Bad paths: of all frames, whatever they are wrapped in, exactly those are lost, late and doubled that the seed says.

use siprig::wire::bad_path::{BadPath, Lot};

use super::{ends::stay_on_one_processor, *};

/// How often each wrapping has its turn.
const TURNS: usize = 3;
/// How often it is all said if siprig could not send it on in time, or it has overtaken itself in the lab, as happens on a busy
/// machine.
const TRIES: usize = 3;
/// Frames that are held back are so at least for that long.
const HELD_BACK_NS: i64 = 100_000_000;

#[test]
fn frames_are_lost_late_and_doubled_as_the_seed_says_in_whatever_they_are_wrapped() {
    in_lab!(
        "captures::bad_paths::frames_are_lost_late_and_doubled_as_the_seed_says_in_whatever_they_are_wrapped",
        |lab| {
            let (mut rig, mut ends) = Ends::open(&lab);
            stay_on_one_processor();
            let ms = Duration::from_millis;
            let bad = |change: &dyn Fn(&mut Impairment)| {
                let mut bad = Impairment { seed: 7, ..Impairment::default() };
                change(&mut bad);
                bad
            };
            let cases = [
                ("loss", bad(&|it| it.loss = Share::percent(30)), None),
                ("loss, requests only", bad(&|it| it.loss = Share::percent(30)), Some(Toward::Server)),
                ("loss in bursts", bad(&|it| (it.loss, it.burst) = (Share::percent(40), 4)), None),
                ("duplicate", bad(&|it| it.duplicate = Share::percent(30)), None),
                ("delay", bad(&|it| it.delay = ms(20)), None),
                ("delay, answers only", bad(&|it| it.delay = ms(20)), Some(Toward::Phone)),
                ("jitter", bad(&|it| (it.delay, it.jitter) = (ms(5), ms(30))), None),
                ("reorder", bad(&|it| it.reorder = Share::percent(30)), None),
                ("rate", bad(&|it| it.rate_bps = Some(4_000_000)), None),
                (
                    "all of it",
                    bad(&|it| {
                        (it.loss, it.burst, it.duplicate) = (Share::percent(20), 2, Share::percent(20));
                        (it.delay, it.jitter, it.rate_bps) = (ms(5), ms(10), Some(10_000_000));
                    }),
                    None,
                ),
            ];
            let (mut number, mut complaints) = (0, 0);
            for (name, bad, only) in cases {
                let mut tries = 0;
                let (expected, tally) = loop {
                    (number, tries) = (number + 1, tries + 1);
                    ends.forget();
                    rig.begin_changed(number, Manner::Impair(bad.clone()).into(), |it| it.toward = only);
                    (0..TURNS).for_each(|_| lines(&mut ends).iter().for_each(|line| ends.say(line)));
                    ends.listen();
                    let of = |toward| only.is_none_or(|only| only == toward).then_some(&bad);
                    let expected = WAYS.map(|toward| Expected::of(&ends, of(toward), toward));
                    ends.until(|ends| expected.iter().all(|it| it.has_come(ends)));
                    let (_, tally) = rig.end(number);
                    ends.listen();
                    let has_come = expected.iter().all(|it| it.has_come(&ends));
                    let as_it_is = match has_come {
                        true => expected.iter().all(|it| it.is_in_order(&ends, bad.reorder.is_none())),
                        false => !complains(&mut rig, &mut complaints),
                    };
                    if tries == TRIES || as_it_is {
                        break (expected, tally);
                    }
                };
                let mut said = Vec::new();
                for it in &expected {
                    it.hold_against(&ends, name, bad.reorder.is_none());
                    said.push(it.to_string());
                }
                println!("{name:<22} {}", said.join("; "));
                let lost: u64 = expected.iter().map(Expected::lost).sum();
                let twice: u64 = expected.iter().map(Expected::twice).sum();
                assert_eq!(tally.dropped_to_server + tally.dropped_to_phone, lost, "{name}");
                assert_eq!((tally.doubled, tally.leaked), (twice, 0), "{name}");
            }
            let seen = rig.close();
            assert!(!seen.iter().any(|it| is_lost(it) && !says_too_late(it)), "{seen:?}");
        }
    );
}

/// Whether siprig says that frames have waited for so long that they were not sent on, as on a machine that is too busy; what it has
/// lost it tells within that time, besides what it has told before.
fn complains(rig: &mut Rig, before: &mut usize) -> bool {
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        let complaints = rig.so_far().iter().filter(|it| says_too_late(it)).count();
        if complaints > *before {
            *before = complaints;
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn says_too_late(observed: &Observed) -> bool {
    matches!(observed, Observed::DriverFailed { reason, .. } if reason.contains("had waited for too long"))
}

#[test]
fn nothing_arrives_on_a_path_that_is_a_hundred_seconds_long_until_it_is_good_again_and_then_all_does_in_its_order() {
    in_lab!(
        "captures::bad_paths::nothing_arrives_on_a_path_that_is_a_hundred_seconds_long_until_it_is_good_again_and_then_all_does_in_its_order",
        |lab| {
            let (mut rig, mut ends) = Ends::open(&lab);
            stay_on_one_processor();
            rig.begin_mode(1, impaired(|it| it.delay = Duration::from_secs(100)).into(), None, OutageScope::Host);
            ends.forget();
            let lines = lines(&mut ends);
            lines.iter().for_each(|line| ends.say(line));
            hosts::settle();
            ends.listen();
            assert_eq!(WAYS.map(|toward| ends.came(toward).len()), [0, 0]);
            rig.end(1);
            for toward in WAYS {
                ends.until(|ends| ends.came(toward).len() == ends.went(toward).len());
                let bytes = |heard: &[Heard]| heard.iter().map(|it| it.bytes.clone()).collect::<Vec<_>>();
                assert!(bytes(ends.came(toward)) == bytes(ends.went(toward)), "{toward:?}");
            }
            close(rig);
        }
    );
}

/// A datagram each way in every wrapping, and a segment.
fn lines(ends: &mut Ends) -> Vec<Line> {
    let mut lines = Vec::new();
    for wrapping in Wrapping::all() {
        for toward in WAYS {
            let status = (toward == Toward::Phone).then_some(200);
            lines.push(ends.sip(toward, wrapping, &Message { status, ..Message::default() }));
            if !wrapping.cut {
                lines.push(ends.segment(
                    "segment",
                    toward,
                    wrapping,
                    &Message { status, ..Message::default() }.text("7"),
                ));
            }
        }
    }
    lines
}

/// What comes of all that went one way: how often each frame arrives, and not before when.
struct Expected {
    toward: Toward,
    frames: Vec<(Vec<u8>, usize, i64)>,
}

impl Expected {
    /// By the draws that the bridge has made, from when each frame left its sender: it has come to the bridge a little later, and
    /// what comes later arrives no earlier. A path that is none is good.
    fn of(ends: &Ends, bad: Option<&Impairment>, toward: Toward) -> Self {
        let mut path = BadPath::new(7, 0, toward);
        let frames = ends.went(toward).iter().map(|heard| {
            let sent_ns = heard.at_ns;
            let lot = bad.map(|bad| path.draw(bad, heard.bytes.len(), 0, sent_ns.unsigned_abs()));
            let (times, from_ns) = match lot {
                None => (1, sent_ns),
                Some(Lot::Lost) => (0, 0),
                Some(Lot::Arrives { at_ns, twice }) => (1 + usize::from(twice), at_ns.cast_signed()),
            };
            (heard.bytes.clone(), times, from_ns)
        });
        Self { toward, frames: frames.collect() }
    }

    /// Whether as much has come as is to come.
    fn has_come(&self, ends: &Ends) -> bool {
        ends.came(self.toward).len() >= self.frames.iter().map(|(_, times, _)| times).sum()
    }

    fn lost(&self) -> u64 {
        self.frames.iter().filter(|(_, times, _)| *times == 0).count() as u64
    }

    fn twice(&self) -> u64 {
        self.frames.iter().filter(|(_, times, _)| *times == 2).count() as u64
    }

    /// Holds it against what has arrived. Frames that are held back are in the order of those alone.
    fn hold_against(&self, ends: &Ends, name: &str, in_order: bool) {
        let arrived: Vec<(usize, i64)> =
            ends.came(self.toward).iter().map(|heard| (self.place(heard), heard.at_ns)).collect();
        for (number, (_, times, from_ns)) in self.frames.iter().enumerate() {
            let of_it = arrived.iter().filter(|(place, _)| *place == number);
            assert_eq!(of_it.clone().count(), *times, "{name}, {:?}: frame {number}", self.toward);
            for (_, at_ns) in of_it {
                assert!(at_ns >= from_ns, "{name}, {:?}: frame {number} by {} ns", self.toward, from_ns - at_ns);
            }
        }
        assert!(self.is_in_order(ends, in_order), "{name}, {:?}: the order", self.toward);
    }

    /// Whether what has come has kept its order: where some are held back, these among themselves, and the others.
    fn is_in_order(&self, ends: &Ends, in_order: bool) -> bool {
        let went: Vec<i64> = ends.went(self.toward).iter().map(|heard| heard.at_ns).collect();
        let is_back = |place: usize| !in_order && self.frames[place].2 - went[place] >= HELD_BACK_NS;
        let places = || ends.came(self.toward).iter().map(|heard| self.place(heard));
        [false, true].into_iter().all(|back| places().filter(|place| is_back(*place) == back).is_sorted())
    }

    fn place(&self, heard: &Heard) -> usize {
        self.frames.iter().position(|(bytes, ..)| *bytes == heard.bytes).unwrap()
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = if self.toward == Toward::Server { "to the server" } else { "to the phone" };
        write!(f, "{who} of {} frames {} lost, {} twice", self.frames.len(), self.lost(), self.twice())
    }
}
