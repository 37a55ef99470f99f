//! What is shown of a run that tells nothing any more.

use super::{super::Pulse, *};
use crate::event::{BindingChange, BindingEvent, HELPER_GONE, LinkLoss, Loss, Observed, Record, RigPart, When};

const COLOURED: Look = Look { colour: true, unicode: true };
const ATTACHED: Source = Source::Live { own: false, state: Going::On, behind: 0 };
const REPLAY: Source = Source::Replay { playing: true, speed: 1.0, end: Stamp::from_millis(58_100) };

fn observe(console: &mut Console, ms: u64, observed: Observed) {
    tell(console, ms, Event::Observed(observed));
}

fn tell(console: &mut Console, ms: u64, event: Event) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq: 10_000 + ms, seen: at, when: When::exactly(at), event });
}

/// A line is confirmed again.
fn confirm(console: &mut Console, ms: u64, index: usize) {
    let change = BindingEvent::Refreshed { granted_s: 12 };
    let (line, contact) = (sample::line(index), String::new());
    let binding = BindingChange { line, server: "a".into(), contact, change, evidence: Vec::new() };
    tell(console, ms, Event::Derived(Derived::Binding(binding)));
}

fn has_green(console: &Console, ms: u64) -> bool {
    drawn(console, ms, (80, 24), COLOURED).buffer().content().iter().any(|cell| cell.fg == Color::Green)
}

fn text(console: &Console, ms: u64) -> String {
    drawn(console, ms, (80, 24), GLYPHS).to_string()
}

#[test]
fn a_lost_link_is_told_and_leaves_no_green_cell_until_lines_are_confirmed_again_in_a_recording_as_well() {
    for source in [ATTACHED, REPLAY] {
        let mut console = at(7_000, source);
        assert!(has_green(&console, 7_000) && !text(&console, 7_000).contains("STALE"));
        observe(&mut console, 7_100, Observed::LinkLost { interface: "phones0".into(), how: LinkLoss::Carrier });
        let shown = text(&console, 7_100);
        assert!(shown.contains("! STALE for 0 s: phones0 lost its carrier"), "{shown}");
        assert!(shown.contains("? primary a") && !shown.contains("● primary a"), "{shown}");
        assert!(!has_green(&console, 7_100));
        for screen in "23456".chars() {
            press(&mut console, &screen.to_string());
            assert!(text(&console, 7_200).contains("STALE") && !has_green(&console, 7_200), "{screen}");
        }
        press(&mut console, "1");
        let back = Observed::LinkBack {
            interface: "phones0".into(),
            how: LinkLoss::Carrier,
            gap_ns: 400_000_000,
            changed: Vec::new(),
        };
        observe(&mut console, 7_500, back);
        let shown = text(&console, 7_500);
        assert!(!shown.contains("STALE") && shown.contains("? primary a"), "nobody knows yet: {shown}");
        assert!(!has_green(&console, 7_500));
        confirm(&mut console, 7_600, 0);
        let shown = text(&console, 7_600);
        assert!(shown.contains("● primary a") && shown.contains("? primary a"), "one of them: {shown}");
    }
}

#[test]
fn where_evidence_was_lost_every_line_is_in_question_until_it_is_confirmed() {
    let mut console = at(7_000, ATTACHED);
    observe(&mut console, 7_100, Observed::EvidenceLost { how: Loss::KernelDrop, count: 3 });
    assert!(!has_green(&console, 7_100) && !text(&console, 7_100).contains("● primary a"));
    // That a binding has run out is computed from what was seen; it may have been renewed unseen.
    let expired = BindingChange {
        line: sample::line(1),
        server: "a".into(),
        contact: String::new(),
        change: BindingEvent::Expired,
        evidence: Vec::new(),
    };
    tell(&mut console, 7_150, Event::Derived(Derived::Binding(expired)));
    assert!(text(&console, 7_150).contains("? none"));
    for index in [0, 2, 4] {
        confirm(&mut console, 7_200, index);
    }
    assert!(has_green(&console, 7_200) && text(&console, 7_200).contains("● primary a"));
}

#[test]
fn a_bridge_whose_helper_is_gone_tells_nothing_until_it_tells_of_a_frame_and_one_with_a_trouble_goes_on() {
    let mut console = at(7_000, REPLAY);
    let mut failed = |reason: String| {
        observe(&mut console, 7_100, Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason });
        text(&console, 7_100).contains("STALE")
    };
    assert!(!failed("the bridge helper heard nothing of siprig for 0.75 s, and ended the outage".to_owned()));
    assert!(failed(format!("the bridge helper has ended; {HELPER_GONE}")));
    assert!(text(&console, 9_100).contains("! STALE for 2 s: the bridge helper has ended"));
    observe(&mut console, 9_200, Observed::SignOfLife { phone: "p1".into() });
    assert!(!text(&console, 9_200).contains("STALE") && !has_green(&console, 9_200));
}

#[test]
fn a_run_that_gives_no_sign_is_stale_within_three_seconds_and_one_that_does_is_not_however_silent_its_journal() {
    let mut console = at(7_000, ATTACHED);
    let pulse = |run: u64, tap: u64| Some(Pulse { run: Stamp::from_millis(run), tap: Some(Stamp::from_millis(tap)) });
    console.pulse = pulse(11_000, 11_000);
    assert!(!text(&console, 12_800).contains("STALE") && has_green(&console, 12_800));
    let stale = text(&console, 13_900);
    assert!(stale.contains("! STALE for 2 s: the run does not answer") && !has_green(&console, 13_900), "{stale}");
    // Whatever is away is told as well, with the time that is left.
    insta::assert_snapshot!("stale_80", stale);
    insta::assert_snapshot!("stale_80_ascii", drawn(&console, 13_900, (80, 24), Look::PLAIN));
    console.pulse = pulse(13_950, 11_000);
    assert!(text(&console, 14_000).contains("! STALE for 3 s: the bridge's taps say nothing"));
    console.pulse = pulse(13_950, 13_950);
    assert!(!text(&console, 14_000).contains("STALE") && has_green(&console, 14_000));
    console.source = Source::Live { own: false, state: Going::Ended, behind: 0 };
    assert!(!text(&console, 60_000).contains("STALE"), "a run that is over has said all that it had to say");
}

#[test]
fn what_is_not_the_present_yet_is_not_shown_as_if_it_were() {
    let behind = at(7_000, Source::Live { own: false, state: Going::On, behind: 4_000_000 });
    assert!(text(&behind, 7_000).contains("catching up: 4001 kB") && !has_green(&behind, 7_000));
    let gone = at(7_000, Source::Live { own: false, state: Going::Gone, behind: 0 });
    assert!(!has_green(&gone, 7_000));
}

#[test]
fn a_phone_that_is_not_heard_for_longer_than_its_timers_say_is_marked_and_no_other() {
    let mut console = at(7_000, ATTACHED);
    // Granted for 12 s; when this model renews is assumed, so that it may take all of it.
    for index in [1, 2, 4] {
        confirm(&mut console, 15_000, index);
    }
    confirm(&mut console, 7_000, 0);
    observe(&mut console, 9_000, Observed::SignOfLife { phone: "p1".into() });
    let line = |ms: u64| text(&console, ms).lines().find(|line| line.contains("p1/1001")).unwrap().to_owned();
    assert!(line(22_900).contains("● primary a") && !line(22_900).contains('!'), "{}", line(22_900));
    assert!(line(23_100).contains("? primary a") && line(23_100).contains("!14 s"), "{}", line(23_100));
    assert!(text(&console, 23_100).contains("● primary a") && !text(&console, 23_100).contains("STALE"));
}
