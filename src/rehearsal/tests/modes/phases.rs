//! Outages that do one thing after the other.

use super::*;
use crate::event::outage::{Fading, Flapping, Rebooting};

#[test]
fn a_server_that_comes_back_in_time_is_reached_by_what_is_sent_again() {
    let flap = OutageMode::Flap(Flapping { away: secs(3), back: secs(5) });
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits::default(), flap.clone(), None);
        assert!(!run.canary(Toward::Server), "first it is away");
        for fact in run.facts.iter().filter(|fact| fact.at > BEGIN + AT_ONCE && fact.at < END) {
            let into = fact.at.since(BEGIN).as_secs() % 8;
            assert_eq!(fact.fate == Fate::Passed, into >= 3 || fact.server == "b", "{transport:?}: {fact:?}");
        }
        assert!(
            run.of("b", Toward::Server, |_| true).is_empty(),
            "{transport:?}: it was back before the timer ran out"
        );
        assert!(run.comes_home());
    }
}

#[test]
fn a_slow_death_is_a_delay_that_grows_and_then_a_silence() {
    let fade = OutageMode::Fade(Fading { over: secs(10), delay: secs(2) });
    let run = through(Transport::Udp, Habits::default(), fade, None);
    let end = BEGIN + secs(10);
    let asked = run.of("a", Toward::Server, |fact| fact.at > BEGIN && fact.at < end);
    let answers = run.of("a", Toward::Phone, |fact| fact.at > BEGIN && fact.at < end);
    let first = answers[0].at.since(asked[0].at);
    assert!(Duration::from_millis(600) < first && first < Duration::from_millis(1_100), "0.4 s each way: {first:?}");
    let silent = run.of("a", Toward::Server, |fact| fact.at > end && fact.at < END);
    assert!(!silent.is_empty() && silent.iter().all(|fact| fact.fate == DROPPED));
    assert!(run.canary(Toward::Server), "it is late as yet");
    assert!(run.to_backup() >= secs(4) && run.comes_home());
}

#[test]
fn a_reboot_refuses_is_silent_answers_503_and_passes() {
    let reboot = OutageMode::Reboot(Rebooting { refuse: secs(5), silent: secs(5), starting: secs(5) });
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits::default(), reboot.clone(), None);
        let within = |from: u64, to: u64| {
            move |fact: &Fact| {
                let into = fact.at.since(BEGIN);
                fact.at > BEGIN && into > secs(from) + AT_ONCE && into < secs(to)
            }
        };
        assert!(run.of("a", Toward::Server, within(0, 15)).iter().all(|fact| fact.fate == DROPPED));
        let answers = run.of("a", Toward::Phone, within(0, 15));
        assert!(answers.iter().all(|fact| fact.code == Some(503) && within(10, 15)(fact)), "{answers:?}");
        assert!(run.of("a", Toward::Server, within(15, 20)).iter().all(|fact| fact.fate == Fate::Passed));
        assert!(!run.canary(Toward::Server) && run.comes_home());
    }
}

#[test]
fn a_connection_that_was_opened_while_the_server_started_is_reset_by_it_and_one_from_before_leads_nowhere() {
    let habits = Habits { moves_on_503: true, ..Habits::default() };
    for (refuse, silent, reset) in [(5, 0, true), (0, 2, false)] {
        let rebooting = Rebooting { refuse: secs(refuse), silent: secs(silent), starting: secs(8) };
        let up = BEGIN + secs(refuse + silent + 8);
        let run = through(Transport::Tcp, habits, OutageMode::Reboot(rebooting), None);
        let refused = run.knocks(|knock, fate| (knock, fate) == (Knock::Refused, Fate::Passed));
        assert_eq!(refused.iter().filter(|at| **at > up && **at < END).count(), usize::from(reset));
        let asked = run.of("a", Toward::Server, |fact| fact.at > up && fact.at < END);
        assert!(!asked.is_empty() && asked.iter().all(|fact| fact.fate == Fate::Passed));
        let moved = run.facts.iter().find(|fact| fact.at > asked[0].at && fact.server == "b").unwrap();
        assert_eq!(moved.at.since(asked[0].at) < secs(1), reset, "the other is given up with its transaction");
        assert!(run.comes_home());
    }
}
