//! Outages of which the ends are told by the network: what can not be reached, and what is reset.

use super::*;
use crate::{event::Unreachable, virtual_bench::registrar::RegistrarInput};

#[test]
fn an_unreachable_host_moves_a_phone_at_once_that_heeds_icmp_and_else_after_its_transaction_timer() {
    for what in [Unreachable::Host, Unreachable::Admin] {
        for (moves_on_icmp, least, most) in [(true, Duration::ZERO, AT_ONCE), (false, secs(4), secs(5))] {
            let habits = Habits { moves_on_icmp, ..Habits::default() };
            let run = through(Transport::Udp, habits, unreachable(what), None);
            let delay = run.to_backup();
            assert!(least <= delay && delay <= most, "{what:?} {moves_on_icmp}: {delay:?}");
            assert!(run.nothing_passes(Toward::Server) && run.nothing_passes(Toward::Phone));
            let asked = run.of("a", Toward::Server, |fact| fact.fate == DROPPED).len();
            assert_eq!(run.errors(), asked, "one for each datagram");
            assert!(run.comes_home());
        }
    }
}

#[test]
fn an_open_connection_goes_on_in_spite_of_an_unreachable_host_and_a_new_one_can_not_be_opened() {
    let run = through(Transport::Tcp, Habits::default(), unreachable(Unreachable::Host), None);
    let delay = run.to_backup();
    assert!(secs(4) <= delay && delay <= secs(5), "the transaction timer gives it up: {delay:?}");
    let refused = run.knocks(|knock, fate| (knock, fate) == (Knock::Refused, INJECTED));
    let asked = run.knocks(|knock, fate| (knock, fate) == (Knock::Asked, DROPPED));
    assert!(refused.len() >= asked.len() + 4, "sent again at 0.2, 0.6, 1.4 and 3 s, and told each time");
    assert!(!asked.is_empty(), "the next renewals open a connection");
    for at in asked {
        assert!(refused.contains(&at));
        let moved = run.facts.iter().find(|fact| fact.at > at && fact.server == "b").unwrap();
        assert!(moved.at.since(at) <= AT_ONCE);
    }
    assert!(run.nothing_passes(Toward::Server) && run.comes_home());
}

#[test]
fn a_reset_ends_a_connection_for_both_and_leaves_datagrams_without_a_word() {
    let run = through(Transport::Tcp, Habits::default(), Manner::Reset.into(), None);
    assert!(run.to_backup() <= AT_ONCE);
    assert!(run.nothing_passes(Toward::Server) && run.comes_home());

    let run = through(Transport::Udp, Habits::default(), Manner::Reset.into(), None);
    let delay = run.to_backup();
    assert!(secs(4) <= delay && delay <= secs(5), "{delay:?}");
    assert_eq!(run.errors(), 0);
}

#[test]
fn the_server_of_a_reset_connection_knows_that_it_is_over_and_of_a_refused_one_it_does_not() {
    for (mode, told) in [(Manner::Reset.into(), true), (OutageMode::REFUSE, false)] {
        let mut rehearsal = prepared(Transport::Tcp, Habits::default());
        rehearsal.perform(Action::BeginOutage { outage: OUTAGE, spec: Box::new(spec(mode, None)) });
        let hears_of_it = |happening: &Happening| {
            matches!(happening, Happening::ToPhone(_, PhoneInput::TcpClosed { error: Some(_), .. }))
        };
        while !rehearsal.agenda.values().any(hears_of_it) {
            rehearsal.step().unwrap();
        }
        let hears_too =
            |happening: &Happening| matches!(happening, Happening::ToServer(_, RegistrarInput::TcpClosed { .. }));
        assert_eq!(rehearsal.agenda.values().any(hears_too), told);
    }
}

fn unreachable(what: Unreachable) -> OutageMode {
    Manner::Unreachable(what).into()
}

impl Seen {
    /// How many ICMP errors for datagrams the bridge made.
    fn errors(&self) -> usize {
        let errors = self.records.iter().filter(|record| {
            let Event::Observed(Observed::Knock { door, knock, fate, .. }) = &record.event else { return false };
            (*door, *knock, *fate) == (Door::Udp, Knock::Refused, INJECTED)
        });
        errors.count()
    }
}
