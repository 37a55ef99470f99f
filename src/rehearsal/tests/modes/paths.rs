//! Bad paths, parts of servers, certain messages.

use super::*;
use crate::event::{Impairment, Part, Selection, Share};

#[test]
fn late_frames_make_both_ways_longer_and_count_for_the_phone_when_it_is_told() {
    let late = bad(|bad| bad.delay = Duration::from_millis(300));
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits::default(), late.clone(), None);
        let asked = run.of("a", Toward::Server, in_it)[0].at;
        let answered = run.of("a", Toward::Phone, in_it)[0].at.since(asked);
        assert!(Duration::from_millis(600) <= answered && answered <= Duration::from_millis(610), "{answered:?}");
        assert!(run.of("b", Toward::Server, |_| true).is_empty(), "{transport:?}: it moved");
        assert!(run.facts.iter().all(|fact| fact.fate == Fate::Passed));
        let OutageTally { dropped_to_server, dropped_to_phone, late, doubled, .. } = run.tally();
        assert_eq!((dropped_to_server, dropped_to_phone, doubled), (0, 0, 0));
        assert!(late >= 4);
        assert!(run.canary(Toward::Server) && run.canary(Toward::Phone));
    }
}

#[test]
fn more_lateness_than_the_transaction_timer_has_moves_a_phone_and_what_is_late_at_the_lift_goes_on_at_once() {
    let late = bad(|bad| bad.delay = secs(100));
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits::default(), late.clone(), None);
        let delay = run.to_backup();
        assert!(secs(4) <= delay && delay <= secs(5), "{transport:?}: {delay:?}");
        if transport == Transport::Udp {
            let answers = run.of("a", Toward::Phone, |fact| fact.at > END);
            assert!(answers[0].at.since(END) <= AT_ONCE, "the server answers what it was asked long ago");
        }
        assert!(run.comes_home());
    }
}

#[test]
fn what_a_lossy_path_takes_of_a_connection_is_sent_again_and_everything_arrives() {
    let lossy = bad(|bad| bad.loss = Share::percent(40));
    let run = through(Transport::Tcp, Habits::default(), lossy, None);
    let tally = run.tally();
    assert!(tally.dropped_to_server + tally.dropped_to_phone > 0, "chance has taken nothing");
    let answered = run.of("a", Toward::Phone, |fact| in_it(fact) && fact.fate == Fate::Passed);
    assert!(!answered.is_empty());
    assert!(answered.windows(2).all(|two| two[0].at <= two[1].at));
}

#[test]
fn a_path_that_loses_everything_is_a_cut_that_lets_canaries_pass() {
    let all = bad(|bad| bad.loss = Share::ALL);
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits::default(), all.clone(), None);
        assert!(run.nothing_passes(Toward::Server) && run.nothing_passes(Toward::Phone));
        let delay = run.to_backup();
        assert!(secs(4) <= delay && delay <= secs(5), "{transport:?}: {delay:?}");
        assert!(run.canary(Toward::Server) && run.comes_home());
    }
}

#[test]
fn a_doubled_datagram_arrives_twice_and_is_told_of_once() {
    let run = through(Transport::Udp, Habits::default(), bad(|bad| bad.duplicate = Share::ALL), None);
    let asked = run.of("a", Toward::Server, in_it).len();
    let answered = run.of("a", Toward::Phone, in_it).len();
    assert_eq!(answered, 2 * asked, "the server answers each copy");
    assert_eq!(run.tally().doubled, (asked + answered) as u64);
}

#[test]
fn chance_is_the_same_each_time_and_elsewhere_with_another_seed() {
    let tally = |seed| {
        let lossy = bad(|bad| (bad.loss, bad.seed) = (Share::percent(50), seed));
        through(Transport::Udp, Habits::default(), lossy, None).tally()
    };
    assert_eq!(tally(3), tally(3));
    assert!((4..12).any(|seed| tally(seed) != tally(3)));
}

#[test]
fn a_swallowed_200_leaves_the_phone_registered_at_a_server_that_it_gives_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = taking(transport, |only| (only.method, only.status) = (Some("REGISTER".to_owned()), Some(200)));
        assert!(run.nothing_passes_but(401), "{transport:?}");
        assert!(run.of("a", Toward::Phone, in_it).iter().any(|fact| (fact.code, fact.fate) == (Some(200), DROPPED)));
        assert!(run.of("a", Toward::Server, in_it).iter().all(|fact| fact.fate == Fate::Passed));
        let delay = run.to_backup();
        assert!(secs(4) <= delay && delay <= secs(5), "{transport:?}: {delay:?}");
        assert!(run.canary(Toward::Phone) && run.comes_home());
    }
}

#[test]
fn the_first_sending_alone_costs_a_retransmission() {
    for (transport, again) in [(Transport::Udp, 500), (Transport::Tcp, 200)] {
        let run = taking(transport, |only| (only.method, only.nth) = (Some("REGISTER".to_owned()), Some(1)));
        let first = run.of("a", Toward::Server, |fact| in_it(fact) && fact.fate == DROPPED)[0].at;
        let passed = run.of("a", Toward::Server, |fact| in_it(fact) && fact.fate == Fate::Passed)[0].at;
        let pause = passed.since(first);
        let least = Duration::from_millis(again);
        assert!(least <= pause && pause <= least + AT_ONCE, "{transport:?}: {pause:?}");
        assert!(run.of("b", Toward::Server, |_| true).is_empty());
    }
}

#[test]
fn renewals_are_known_by_the_confirmations_before_the_outage() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = taking(transport, |only| only.refresh = true);
        let first = run.of("a", Toward::Server, in_it)[0];
        assert_eq!(first.fate, DROPPED, "{transport:?}");
        assert!(run.to_backup() >= secs(4) && run.comes_home());
    }
}

#[test]
fn a_part_of_a_server_is_all_that_fits_what_is_named() {
    let part = |change: &dyn Fn(&mut Part)| {
        let mut part = Part::default();
        change(&mut part);
        through_one(
            Transport::Udp,
            Habits::default(),
            OutageSpec { scope: OutageScope::Part(part), ..spec(OutageMode::DROP, None) },
        )
    };
    let own = |text: &str| Some(text.parse().unwrap());
    for run in [
        part(&|part| part.ports = vec![5060]),
        part(&|part| part.transport = Some(crate::event::Transport::Udp)),
        part(&|part| (part.address, part.ports) = (own("10.77.0.2"), vec![80, 5060])),
    ] {
        assert!(run.nothing_passes(Toward::Server) && run.to_backup() >= secs(4));
        assert!(!run.canary(Toward::Server));
    }
    for run in [
        part(&|part| part.ports = vec![80]),
        part(&|part| part.transport = Some(crate::event::Transport::Tcp)),
        part(&|part| part.address = own("10.77.0.9")),
    ] {
        assert!(run.facts.iter().all(|fact| fact.fate == Fate::Passed && fact.server == "a"));
        assert_eq!(run.tally(), OutageTally::default());
    }
}

fn bad(change: impl FnOnce(&mut Impairment)) -> OutageMode {
    let mut bad = Impairment::default();
    change(&mut bad);
    Manner::Impair(bad).into()
}

/// A phone through an outage that drops certain messages.
fn taking(transport: Transport, change: impl FnOnce(&mut Selection)) -> Seen {
    let mut only = Selection::default();
    change(&mut only);
    through_one(transport, Habits::default(), OutageSpec { only: Some(only), ..spec(OutageMode::DROP, None) })
}

fn in_it(fact: &Fact) -> bool {
    fact.at > BEGIN && fact.at < END
}

impl Seen {
    /// Whether of the answers of the primary those with this code alone pass in the outage.
    fn nothing_passes_but(&self, code: u16) -> bool {
        let answers = self.of("a", Toward::Phone, in_it);
        !answers.is_empty() && answers.iter().all(|fact| (fact.fate == Fate::Passed) == (fact.code == Some(code)))
    }
}
