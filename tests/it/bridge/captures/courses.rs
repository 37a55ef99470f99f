//! Outages that do one thing after the other: in each phase everything is said twice, in whatever it is wrapped, and judged by when it
//! left its sender.

use siprig::event::outage::{Fading, Flapping, Rebooting};

use super::{datagrams::messages, streams::segments, *};

const STEP: Duration = Duration::from_millis(400);
/// What leaves its sender so close to the end of a phase may come to the bridge in the next.
const MARGIN: Duration = Duration::from_millis(60);
/// When everything is said in a phase.
const TURNS: [Duration; 2] = [MARGIN, Duration::from_millis(190)];

/// A phase, and what becomes of each line in it.
struct Phase {
    name: &'static str,
    expected: fn(&Line) -> &'static str,
}

#[test]
fn a_server_that_flaps_is_away_and_there_by_turns() {
    in_lab!("captures::courses::a_server_that_flaps_is_away_and_there_by_turns", |lab| {
        let away = || Phase { name: "flap: away", expected: |_| "vanishes" };
        let back = || Phase { name: "flap: back", expected: |_| "passes" };
        let mode = OutageMode::Flap(Flapping { away: STEP, back: STEP });
        takes_its_course(&lab, mode, |_| {}, &[away(), back(), away(), back()]);
    });
}

#[test]
fn a_server_that_flaps_for_requests_alone_answers_all_the_time() {
    in_lab!("captures::courses::a_server_that_flaps_for_requests_alone_answers_all_the_time", |lab| {
        let requests = |line: &Line| if line.toward == Toward::Server { "vanishes" } else { "passes" };
        let away = Phase { name: "flap, requests only: away", expected: requests };
        let back = Phase { name: "flap, requests only: back", expected: |_| "passes" };
        let mode = OutageMode::Flap(Flapping { away: STEP, back: STEP });
        takes_its_course(&lab, mode, |it| it.toward = Some(Toward::Server), &[away, back]);
    });
}

#[test]
fn a_reboot_refuses_is_silent_answers_503_and_is_over() {
    in_lab!("captures::courses::a_reboot_refuses_is_silent_answers_503_and_is_over", |lab| {
        let phases = [
            Phase { name: "reboot: refuse", expected: refused },
            Phase { name: "reboot: silent", expected: |_| "vanishes" },
            Phase { name: "reboot: starting", expected: busy },
            Phase { name: "reboot: over", expected: |_| "passes" },
        ];
        let mode = OutageMode::Reboot(Rebooting { refuse: STEP, silent: STEP, starting: STEP });
        takes_its_course(&lab, mode, |_| {}, &phases);
    });
}

#[test]
fn a_server_that_fades_is_later_and_later_and_then_silent() {
    in_lab!("captures::courses::a_server_that_fades_is_later_and_later_and_then_silent", |lab| {
        let delay = Duration::from_millis(100);
        let phases = [
            Phase { name: "fade: late", expected: |_| "passes" },
            Phase { name: "fade: dead", expected: |_| "vanishes" },
        ];
        let mode = OutageMode::Fade(Fading { over: STEP, delay });
        let (ends, began_ns, said) = takes_its_course(&lab, mode, |_| {}, &phases);
        // By as much as the outage had grown when they left, at least: a little before they came to the bridge.
        let mut latest_ns = 0;
        for (_, line, _) in said.iter().filter(|(phase, _, fits)| *phase == 0 && *fits) {
            for frame in &line.frames {
                let came = ends.came(line.toward).iter().find(|heard| heard.bytes == *frame).unwrap();
                let left_ns = ends.left_ns(frame).unwrap();
                let grown = (left_ns - began_ns) as f64 / STEP.as_nanos() as f64;
                let least_ns = (delay.as_nanos() as f64 * grown) as i64 - 1_000_000;
                let late_ns = came.at_ns - left_ns;
                assert!(late_ns >= least_ns, "{} {}: {late_ns}, {least_ns} ns", line.sort, line.wrapping);
                latest_ns = latest_ns.max(least_ns);
            }
        }
        println!("the last by {latest_ns} ns at least");
        assert!(latest_ns > 10_000_000, "it has grown");
    });
}

/// Each line that was said, in which phase, and whether it was so within it.
type Said = Vec<(usize, Line, bool)>;

/// Says everything in each phase, and holds what became of it against what should. When it began, in nanoseconds of the wall clock.
fn takes_its_course(lab: &Lab, mode: OutageMode, change: fn(&mut OutageSpec), phases: &[Phase]) -> (Ends, i64, Said) {
    let (mut rig, mut ends) = Ends::open(lab);
    ends.forget();
    let began = rig.begin_changed(1, mode, change);
    let began_ns = rig.clock.unix_ns(began);
    let after = |elapsed: Duration| began_ns + i64::try_from(elapsed.as_nanos()).unwrap();
    let mut said: Said = Vec::new();
    for number in 0..phases.len() {
        let begin = STEP * u32::try_from(number).unwrap();
        for turn in TURNS {
            let left_ns = after(begin + turn) - rig.clock.unix_ns(rig.clock.now());
            std::thread::sleep(Duration::from_nanos(left_ns.try_into().unwrap_or(0)));
            let mut lines: Vec<Line> =
                Wrapping::all().into_iter().flat_map(|wrapping| messages(&mut ends, wrapping)).collect();
            lines.extend(Wrapping::whole().into_iter().flat_map(|wrapping| segments(&mut ends, wrapping)));
            lines.iter().for_each(|line| ends.say(line));
            ends.listen();
            let window = after(begin + MARGIN)..after(begin + STEP - MARGIN);
            said.extend(lines.into_iter().map(|line| {
                let left_ns = |frame: &Vec<u8>| ends.left_ns(frame);
                let fits = line.frames.iter().all(|frame| left_ns(frame).is_some_and(|at_ns| window.contains(&at_ns)));
                (number, line, fits)
            }));
        }
    }
    ends.settle(&mut rig);
    let judged = |said: &Said| said.iter().filter(|(.., fits)| *fits).cloned().collect::<Vec<_>>();
    let sure = judged(&said);
    ends.until(|ends| {
        sure.iter().all(|(phase, line, _)| (phases[*phase].expected)(line).starts_with(&ends.fate(line)))
    });
    let (_, tally) = rig.end(1);
    ends.listen();
    let mut table = Table::default();
    for (number, phase) in phases.iter().enumerate() {
        for (_, line, _) in sure.iter().filter(|(of, ..)| *of == number) {
            let fate = ends.fate(line);
            assert_eq!(fate, (phase.expected)(line), "{}: {} {}", phase.name, line.sort, line.wrapping);
            table.add(phase.name, line, &fate);
        }
        for (_, line, _) in said.iter().filter(|(of, ..)| *of == number) {
            let alike = |(of, other, _): &(usize, Line, bool)| {
                *of == number && (other.sort, other.wrapping) == (line.sort, line.wrapping)
            };
            assert!(sure.iter().any(alike), "{}: {} {} was never said in it", phase.name, line.sort, line.wrapping);
        }
    }
    assert_eq!(tally.leaked, 0);
    close(rig);
    println!("{table}");
    (ends, began_ns, said)
}
