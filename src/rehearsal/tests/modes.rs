//! Outages that refuse, that answer in a server's name, that take one way only: what phones do about them by their habits.

use super::*;
use crate::{
    event::{
        Door, Fate, Knock, Manner, OutageMode, OutageScope, OutageSpec, OutageTally, ServerName, SipFact, SipMessage,
        SipStart, Spoof,
    },
    virtual_bench::phone::Habits,
};

mod paths;
mod phases;
mod told;

const OUTAGE: OutageId = OutageId(90);
const DROPPED: Fate = Fate::Dropped(OUTAGE);
const INJECTED: Fate = Fate::Injected(OUTAGE);

/// When the outage begins: the phone is registered, and renews at 12 s.
const BEGIN: Stamp = Stamp::from_millis(10_000);
const END: Stamp = Stamp::from_millis(30_000);

/// What a phone does at once it does within this time.
const AT_ONCE: Duration = Duration::from_millis(20);

#[test]
fn a_refused_datagram_moves_a_phone_at_once_that_heeds_icmp_and_else_after_its_transaction_timer() {
    for (moves_on_icmp, least, most) in [(true, Duration::ZERO, AT_ONCE), (false, secs(4), secs(5))] {
        let run = through(Transport::Udp, Habits { moves_on_icmp, ..Habits::default() }, OutageMode::REFUSE, None);
        let delay = run.to_backup();
        assert!(least <= delay && delay <= most, "{moves_on_icmp}: {delay:?}");
        assert!(run.nothing_passes(Toward::Server) && run.nothing_passes(Toward::Phone));
        assert!(run.comes_home());
    }
}

#[test]
fn a_refused_connection_moves_a_phone_at_once_whether_it_was_open_or_not() {
    let run = through(Transport::Tcp, Habits::default(), OutageMode::REFUSE, None);
    assert!(run.to_backup() <= AT_ONCE, "the connection that was open is reset");
    let asked = run.knocks(|knock, fate| (knock, fate) == (Knock::Asked, DROPPED));
    let refused = run.knocks(|knock, fate| (knock, fate) == (Knock::Refused, INJECTED));
    assert_eq!(refused.len(), asked.len() + 1, "one for the open connection, one for each that is tried");
    for at in asked {
        let moved = run.facts.iter().find(|fact| fact.at > at && fact.server == "b").unwrap();
        assert!(moved.at.since(at) <= AT_ONCE);
    }
    assert!(run.nothing_passes(Toward::Server) && run.comes_home());
}

#[test]
fn an_answer_of_503_moves_a_phone_with_that_habit_and_makes_another_wait_as_long_as_it_says() {
    let busy = OutageMode::from(Manner::Answer(Spoof { code: 503, retry_after_s: Some(3), redirect: None }));
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits { moves_on_503: true, ..Habits::default() }, busy.clone(), None);
        assert!(run.to_backup() <= AT_ONCE && run.comes_home(), "{transport:?}");
        assert!(run.nothing_passes(Toward::Server));

        let run = through(transport, Habits::default(), busy.clone(), None);
        let answers = run.of("a", Toward::Phone, |fact| fact.code == Some(503) && fact.fate == INJECTED);
        assert!(answers.len() >= 5, "{answers:?}");
        let asked = run.of("a", Toward::Server, |fact| fact.fate == DROPPED);
        assert_eq!(asked.len(), answers.len(), "every request has its answer");
        let pauses = asked.windows(2).map(|two| two[1].at.since(two[0].at));
        assert!(pauses.into_iter().all(|pause| pause >= secs(3) && pause < secs(3) + AT_ONCE));
        assert!(run.of("b", Toward::Server, |_| true).is_empty(), "it was rejected, and stays");
        assert!(run.comes_home());
    }
}

#[test]
fn a_redirection_is_followed_to_the_server_that_it_names_by_a_phone_with_that_habit() {
    let moved = OutageMode::from(Manner::Answer(Spoof {
        code: 302,
        retry_after_s: None,
        redirect: Some(ServerName::from("b")),
    }));
    for transport in [Transport::Udp, Transport::Tcp] {
        let run = through(transport, Habits { follows_redirect: true, ..Habits::default() }, moved.clone(), None);
        assert!(run.to_backup() <= AT_ONCE && run.comes_home(), "{transport:?}");
        let run = through(transport, Habits::default(), moved.clone(), None);
        assert!(run.of("b", Toward::Server, |_| true).is_empty(), "{transport:?}");
    }
}

#[test]
fn a_connection_that_was_answered_is_reset_with_the_lift_and_the_server_hears_from_a_new_one() {
    let busy = OutageMode::from(Manner::Answer(Spoof { code: 503, retry_after_s: Some(3), redirect: None }));
    let run = through(Transport::Tcp, Habits::default(), busy, None);
    let reset = run.knocks(|knock, fate| (knock, fate) == (Knock::Refused, INJECTED));
    assert_eq!(reset.len(), 1);
    assert!(reset[0] >= END && reset[0].since(END) <= AT_ONCE);
    let asked = run.of("a", Toward::Server, |_| true);
    let (before, after) = asked.split_at(asked.iter().position(|fact| fact.at > END).unwrap());
    assert!(before.iter().all(|fact| fact.phone_port == before[0].phone_port), "one connection up to the lift");
    assert_ne!(before[0].phone_port, after[0].phone_port);
}

#[test]
fn requests_pass_and_answers_do_not_or_the_other_way_round() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for only in [Toward::Server, Toward::Phone] {
            let run = through(transport, Habits::default(), OutageMode::DROP, Some(only));
            assert!(run.nothing_passes(only), "{only:?}");
            let delay = run.to_backup();
            assert!(secs(4) <= delay && delay <= secs(5), "{transport:?} {only:?}: {delay:?}");
            let asked = run.of("a", Toward::Server, |fact| fact.at > BEGIN && fact.at < END);
            assert!(!asked.is_empty());
            if only == Toward::Phone {
                assert!(asked.iter().all(|fact| fact.fate == Fate::Passed));
                assert!(!run.of("a", Toward::Phone, |fact| fact.fate == DROPPED).is_empty(), "it was answered in vain");
            }
            for toward in [Toward::Server, Toward::Phone] {
                assert_eq!(run.canary(toward), toward != only, "{only:?}");
            }
            assert!(run.comes_home(), "{transport:?} {only:?}");
        }
    }
}

#[test]
fn a_connection_is_not_open_to_a_phone_that_does_not_get_the_answer_to_its_first_segment() {
    let run = through(Transport::Tcp, Habits::default(), OutageMode::DROP, Some(Toward::Phone));
    let asked = run.knocks(|knock, fate| (knock, fate) == (Knock::Asked, Fate::Passed));
    let opened = run.knocks(|knock, fate| (knock, fate) == (Knock::Opened, DROPPED));
    let within = |at: &&Stamp| **at > BEGIN && **at < END;
    assert!(!opened.is_empty());
    assert_eq!(asked.iter().filter(within).count(), opened.len());
}

#[test]
fn a_redirection_to_a_server_that_the_bench_does_not_have_is_a_fault_of_the_rig() {
    let nowhere = OutageMode::from(Manner::Answer(Spoof {
        code: 302,
        retry_after_s: None,
        redirect: Some(ServerName::from("z")),
    }));
    let mut rehearsal = prepared(Transport::Udp, Habits::default());
    rehearsal.perform(Action::BeginOutage { outage: OUTAGE, spec: Box::new(spec(nowhere, None)) });
    until(&mut rehearsal, BEGIN + secs(1));
    let reasons = rehearsal.records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::DriverFailed { reason, .. }) => Some(reason.as_str()),
        Event::Observed(Observed::OutageBegan { .. }) => panic!("it began"),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), ["the bench has no server `z` to redirect to"]);
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the bridge saw of a phone between switching on and well after the outage.
struct Seen {
    facts: Vec<Fact>,
    records: Vec<Record>,
}

/// A message that it saw.
#[derive(Debug)]
struct Fact {
    at: Stamp,
    server: String,
    phone_port: u16,
    toward: Toward,
    /// Of a response.
    code: Option<u16>,
    fate: Fate,
}

impl Seen {
    /// From the first request that the outage kept from its answer to the first one at the backup.
    fn to_backup(&self) -> Duration {
        let first = self.facts.iter().find(|fact| fact.at > BEGIN && fact.toward == Toward::Server).unwrap();
        assert_eq!(first.server, "a");
        let second = self.facts.iter().find(|fact| fact.at > BEGIN && fact.server == "b").expect("it never moved");
        second.at.since(first.at)
    }

    fn of(&self, server: &str, toward: Toward, wanted: impl Fn(&Fact) -> bool) -> Vec<&Fact> {
        let there = self.facts.iter().filter(|fact| fact.server == server && fact.toward == toward);
        there.filter(|fact| wanted(fact)).collect()
    }

    /// Whether no message passed between phone and lost server that way.
    fn nothing_passes(&self, toward: Toward) -> bool {
        let in_it = |fact: &Fact| fact.at > BEGIN + AT_ONCE && fact.at < END && fact.fate == Fate::Passed;
        self.of("a", toward, in_it).is_empty()
    }

    /// Whether the primary has it again after the lift.
    fn comes_home(&self) -> bool {
        let agreed = |fact: &Fact| fact.at > END && fact.code == Some(200) && fact.fate == Fate::Passed;
        !self.of("a", Toward::Phone, agreed).is_empty()
    }

    fn knocks(&self, wanted: impl Fn(Knock, Fate) -> bool) -> Vec<Stamp> {
        let knocks = self.records.iter().filter_map(|record| match &record.event {
            Event::Observed(Observed::Knock { server, door: Door::Tcp, knock, fate, .. })
                if server.0 == "a" && wanted(*knock, *fate) =>
            {
                Some(record.when.at)
            }
            _ => None,
        });
        knocks.collect()
    }

    fn tally(&self) -> OutageTally {
        let tally = self.records.iter().find_map(|record| match &record.event {
            Event::Observed(Observed::OutageEnded { tally, .. }) => tally.get(&PhoneName::from("p1")).copied(),
            _ => None,
        });
        tally.unwrap()
    }

    fn canary(&self, way: Toward) -> bool {
        let passed = self.records.iter().find_map(|record| match &record.event {
            Event::Observed(Observed::Canary { outage: Some(OUTAGE), toward, passed, .. }) if *toward == way => {
                Some(*passed)
            }
            _ => None,
        });
        passed.unwrap()
    }
}

/// A phone through an outage and well beyond.
fn through(transport: Transport, habits: Habits, mode: OutageMode, toward: Option<Toward>) -> Seen {
    through_one(transport, habits, spec(mode, toward))
}

fn through_one(transport: Transport, habits: Habits, spec: OutageSpec) -> Seen {
    let mut rehearsal = prepared(transport, habits);
    rehearsal.perform(Action::BeginOutage { outage: OUTAGE, spec: Box::new(spec) });
    until(&mut rehearsal, BEGIN + secs(1));
    let phones = vec![PhoneName::from("p1")];
    rehearsal.perform(Action::SendCanaries { outage: Some(OUTAGE), server: ServerName::from("a"), phones });
    until(&mut rehearsal, END);
    rehearsal.perform(Action::EndOutage { outage: OUTAGE });
    until(&mut rehearsal, END + secs(60));
    let facts = rehearsal.records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::Sip(fact)) => Some(read(record.when.at, fact)),
        _ => None,
    });
    Seen { facts: facts.collect(), records: rehearsal.records }
}

/// A phone that is registered at its primary, at the beginning of the outage.
fn prepared(transport: Transport, habits: Habits) -> Rehearsal {
    let mut description = Description::default();
    description.lab.phones = 1;
    description.lab.transports = vec![transport];
    let scenario = load::scenario("baseline", Path::new(load::RIG)).unwrap();
    let habit = |phone: &mut PhoneSpec| phone.habits = habits;
    let mut rehearsal = Rehearsal::new(&description, scenario, calm(), habit, |_| {}).unwrap();
    rehearsal.begin();
    until(&mut rehearsal, BEGIN);
    rehearsal
}

/// Lets things happen up to a time, at which the session is woken.
fn until(rehearsal: &mut Rehearsal, at: Stamp) {
    rehearsal.schedule(at, Happening::Report(When::exactly(at), Observed::DeadlineFired { reason: String::new() }));
    while rehearsal.now < at {
        rehearsal.step().unwrap();
    }
}

fn spec(mode: OutageMode, toward: Option<Toward>) -> OutageSpec {
    OutageSpec {
        mode,
        server: ServerName::from("a"),
        scope: OutageScope::Host,
        only: None,
        phones: vec![PhoneName::from("p1")],
        toward,
        limit: secs(600),
        by: None,
    }
}

fn read(at: Stamp, fact: &SipFact) -> Fact {
    let SipMessage::Read(message) = &fact.message else { panic!("{fact:?}") };
    let code = match message.start {
        SipStart::Response { code, .. } => Some(code),
        SipStart::Request { .. } => None,
    };
    let server = fact.server.as_ref().map(|server| server.0.clone()).unwrap_or_default();
    Fact { at, server, phone_port: fact.phone_addr.port(), toward: fact.toward, code, fate: fact.fate }
}
