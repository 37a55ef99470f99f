//! Timed transcripts of registrations.

use std::net::SocketAddr;

use super::{terms::same_contact, *};
use crate::event::{OutageId, RawRef, Transport};
use crate::event::{SipContact, SipStart, SipSummary};

const PATIENCE: Duration = Duration::from_secs(5);

/// One line, and a counter for records.
pub(in crate::engine) struct Tape {
    pub(in crate::engine) track: LineTrack,
    seq: u64,
}

impl Tape {
    pub(in crate::engine) fn new() -> Self {
        let line = LineId { phone: "p1".into(), extension: "1001".to_owned() };
        Self { track: LineTrack::new(line), seq: 0 }
    }

    fn fact(server: &str, toward: Toward, fate: Fate, message: SipSummary) -> SipFact {
        let addr: SocketAddr = "10.77.0.2:5060".parse().unwrap();
        SipFact {
            phone: "p1".into(),
            server: (server != "?").then(|| server.into()),
            server_addr: addr,
            phone_addr: "10.77.0.11:5060".parse().unwrap(),
            toward,
            transport: Transport::Udp,
            fate,
            raw: RawRef { file: "capture.pcapng".to_owned(), offset: 0, len: 0 },
            message: SipMessage::Read(Box::new(message)),
        }
    }

    fn summary(start: SipStart, cseq: u32, contacts: &[(&str, Option<u32>)], expires: Option<u32>) -> SipSummary {
        SipSummary {
            start,
            call_id: "c1".to_owned(),
            cseq,
            method: "REGISTER".to_owned(),
            branch: format!("z9hG4bK{cseq}"),
            from: "1001@bench.test".to_owned(),
            from_tag: None,
            to: "1001@bench.test".to_owned(),
            to_tag: None,
            contacts: contacts
                .iter()
                .map(|(uri, expires)| SipContact {
                    uri: (*uri).to_owned(),
                    expires: *expires,
                    instance: None,
                    q: None,
                    reg_id: None,
                })
                .collect(),
            expires,
            min_expires: None,
            retry_after: None,
            date: None,
            authorized: true,
            agent: None,
            event: None,
            subscription_state: None,
            content_type: None,
            audio: None,
            nonce: None,
            stale_nonce: false,
            oddities: Vec::new(),
        }
    }

    /// What a message changes; of several changes the first.
    fn put(&mut self, ms: u64, fact: &SipFact) -> Option<Change> {
        self.put_all(ms, fact).into_iter().next()
    }

    fn put_all(&mut self, ms: u64, fact: &SipFact) -> Vec<Change> {
        self.seq += 1;
        let fix = Fix { seq: self.seq, when: When::exactly(Stamp::from_millis(ms)) };
        self.track.observe(fact, fix, PATIENCE).into_iter().map(|(change, _)| change).collect()
    }

    /// A REGISTER for these contacts and its 2xx, which lists those others.
    fn exchange(
        &mut self,
        ms: u64,
        server: &str,
        cseq: u32,
        asked: &[(&str, Option<u32>)],
        listed: &[(&str, Option<u32>)],
    ) -> Vec<Change> {
        let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
        self.put(ms, &Self::fact(server, Toward::Server, Fate::Passed, Self::summary(start, cseq, asked, None)));
        let start = SipStart::Response { code: 200, reason: "OK".to_owned() };
        self.put_all(ms + 1, &Self::fact(server, Toward::Phone, Fate::Passed, Self::summary(start, cseq, listed, None)))
    }

    /// The live bindings: contact, and when each runs out.
    fn live(&self) -> Vec<(&str, u64)> {
        self.track.live().map(|(_, it)| (&*it.contact, it.until.0 / 1_000_000)).collect()
    }

    fn request(&mut self, ms: u64, server: &str, cseq: u32, expires: u32) {
        self.send(ms, server, cseq, expires, Fate::Passed);
    }

    fn send(&mut self, ms: u64, server: &str, cseq: u32, expires: u32, fate: Fate) {
        let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
        let message = Self::summary(start, cseq, &[("sip:1001@10.77.0.11:5060", None)], Some(expires));
        assert_eq!(self.put(ms, &Self::fact(server, Toward::Server, fate, message)), None);
    }

    /// A REGISTER that passes, with credentials or without.
    pub(in crate::engine) fn ask(&mut self, ms: u64, server: &str, cseq: u32, authorized: bool) {
        let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
        let message = Self::summary(start, cseq, &[("sip:1001@10.77.0.11:5060", None)], Some(30));
        let fact = Self::fact(server, Toward::Server, Fate::Passed, SipSummary { authorized, ..message });
        assert_eq!(self.put(ms, &fact), None);
    }

    pub(in crate::engine) fn answer(
        &mut self,
        ms: u64,
        server: &str,
        code: u16,
        cseq: u32,
        contacts: &[(&str, Option<u32>)],
    ) -> Option<Change> {
        let start = SipStart::Response { code, reason: String::new() };
        let message = Self::summary(start, cseq, contacts, None);
        self.put(ms, &Self::fact(server, Toward::Phone, Fate::Passed, message))
    }

    fn ok(&mut self, ms: u64, server: &str, cseq: u32, granted: u32) -> Option<Change> {
        self.answer(ms, server, 200, cseq, &[("sip:1001@10.77.0.11:5060;transport=udp", Some(granted))])
    }
}

#[test]
fn a_challenge_is_no_registration_and_the_2xx_after_it_is() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    assert_eq!(tape.answer(5, "a", 401, 1, &[]), None);
    assert_eq!(tape.track.home(), None);
    tape.request(10, "a", 2, 60);
    assert!(matches!(tape.ok(15, "a", 2, 60), Some(Change::Created { .. })));
    assert_eq!(tape.track.home(), Some(&"a".into()));
    assert_eq!(tape.track.next_expiry(), Some(Stamp::from_millis(60_015)));
}

#[test]
fn a_2xx_without_our_contact_is_no_registration() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    assert_eq!(tape.answer(5, "a", 200, 1, &[]), None);
    tape.request(10, "a", 2, 60);
    assert_eq!(tape.answer(15, "a", 200, 2, &[("sip:1001@10.77.0.99:5060", Some(60))]), None);
    assert_eq!(tape.track.home(), None);
}

#[test]
fn a_poll_with_expires_zero_at_the_backup_moves_nothing() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    tape.ok(1, "a", 1, 60);
    tape.request(10, "b", 2, 0);
    assert_eq!(tape.answer(11, "b", 200, 2, &[]), None);
    assert_eq!(tape.track.home(), Some(&"a".into()));
    assert_eq!(tape.track.attempts_at(&"b".into()).count(), 0);
}

#[test]
fn a_retransmission_is_counted_and_its_second_answer_ignored() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    tape.request(500, "a", 1, 60);
    tape.ok(510, "a", 1, 60);
    assert_eq!(tape.ok(511, "a", 1, 60), None);
    let server = "a".into();
    let attempts: Vec<_> = tape.track.attempts_at(&server).collect();
    assert_eq!((attempts.len(), attempts[0].sends), (1, 2));
}

#[test]
fn an_answer_after_the_phone_gave_up_is_stale() {
    let mut tape = Tape::new();
    tape.send(0, "a", 1, 60, Fate::Dropped(OutageId(1)));
    tape.request(200_000, "a", 1, 60);
    assert_eq!(tape.ok(200_002, "a", 1, 60), None);
    assert_eq!(tape.track.home(), None);
}

#[test]
fn an_answer_that_is_late_by_less_than_the_slack_is_stale_if_the_phone_has_asked_elsewhere_by_then() {
    for (elsewhere, home) in [(true, Some("b")), (false, Some("a"))] {
        let mut tape = Tape::new();
        tape.request(0, "a", 1, 60);
        if elsewhere {
            tape.request(4_001, "b", 2, 60);
            tape.ok(4_003, "b", 2, 60);
        }
        tape.ok(4_200, "a", 1, 60);
        assert_eq!(tape.track.home().map(|home| home.0.as_str()), home);
        assert!(tape.track.served().any(|(server, _)| server.0 == "a"), "the server holds it in either case");
    }
}

#[test]
fn what_a_phone_asks_of_two_servers_at_once_makes_no_answer_stale() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    tape.request(1, "b", 2, 60);
    tape.ok(3, "b", 2, 60);
    assert!(matches!(tape.ok(4_200, "a", 1, 60), Some(Change::Created { .. })));
}

#[test]
fn a_register_that_tcp_delivers_after_the_phone_gave_it_up_is_neither_a_try_nor_an_answer() {
    let mut tape = Tape::new();
    // A softphone over TCP: it gave the primary up after 32 s; its kernel repeats the segment until the primary is back.
    tape.send(27_757, "a", 1, 30, Fate::Dropped(OutageId(1)));
    tape.request(59_789, "b", 2, 30);
    tape.ok(59_792, "b", 2, 30);
    tape.request(81_320, "a", 1, 30);
    assert_eq!(tape.ok(81_323, "a", 1, 30), None);
    tape.request(81_324, "a", 3, 0);
    assert_eq!(tape.answer(81_325, "a", 200, 3, &[]), None);
    let server = "a".into();
    let late: Vec<_> = tape.track.attempts_at(&server).collect();
    assert_eq!((late.len(), late[0].sends, late[0].passed, late[0].answer), (1, 2, None, None));
    assert_eq!(tape.track.home(), Some(&"b".into()));
}

#[test]
fn a_retransmission_that_gets_through_within_the_phones_patience_counts() {
    let mut tape = Tape::new();
    tape.send(0, "a", 1, 60, Fate::Dropped(OutageId(1)));
    tape.request(3_500, "a", 1, 60);
    assert!(matches!(tape.ok(3_501, "a", 1, 60), Some(Change::Created { .. })));
}

#[test]
fn a_binding_without_refresh_expires_when_its_time_is_over() {
    let mut tape = Tape::new();
    tape.request(0, "a", 1, 60);
    tape.ok(0, "a", 1, 60);
    assert_eq!(tape.track.expire(Stamp::from_millis(59_999)), []);
    let at = Stamp::from_millis(60_000);
    assert!(matches!(&tape.track.expire(at)[..], [Change::Expired { at: when, .. }] if *when == at));
    assert_eq!(tape.track.home(), None);
}

#[test]
fn a_removal_ends_the_binding_and_leaves_the_other_one_home() {
    let mut tape = Tape::new();
    tape.request(0, "b", 1, 60);
    tape.ok(1, "b", 1, 60);
    tape.request(2, "a", 2, 60);
    tape.ok(3, "a", 2, 60);
    tape.request(4, "b", 3, 0);
    assert!(matches!(tape.answer(5, "b", 200, 3, &[]), Some(Change::Removed { .. })));
    assert_eq!(tape.track.home(), Some(&"a".into()));
    assert_eq!(tape.track.held().count(), 2);
}

#[test]
fn a_line_that_keeps_both_registrations_stays_at_its_anchor_while_it_is_bound_there() {
    let mut tape = Tape::new();
    tape.track = LineTrack::new(tape.track.line.clone()).anchored("a".into());
    // A softphone with an account at each server renews both within milliseconds, the anchor's first.
    tape.request(22_989, "a", 1, 30);
    tape.ok(22_990, "a", 1, 30);
    tape.request(22_989, "b", 2, 30);
    tape.ok(22_992, "b", 2, 30);
    assert_eq!(tape.track.home(), Some(&"a".into()));
    tape.request(50_012, "b", 3, 30);
    tape.ok(50_013, "b", 3, 30);
    tape.track.expire(Stamp::from_millis(52_990));
    assert_eq!(tape.track.home(), Some(&"b".into()));
    tape.request(116_036, "a", 4, 30);
    tape.ok(116_037, "a", 4, 30);
    assert_eq!(tape.track.home(), Some(&"a".into()));
}

#[test]
fn a_poll_for_another_contact_leaves_the_binding_that_the_server_still_lists() {
    let mut tape = Tape::new();
    tape.request(0, "b", 1, 30);
    tape.ok(1, "b", 1, 30);
    // After a restart the phone polls with a new contact; the server answers with the one that it still holds.
    let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
    let poll = Tape::summary(start, 2, &[("sip:1001-0x55df0fb0@10.77.0.11:5060", Some(0))], None);
    tape.put(9_000, &Tape::fact("b", Toward::Server, Fate::Passed, poll));
    assert_eq!(tape.ok(9_001, "b", 2, 21), None);
    assert_eq!(tape.track.home(), Some(&"b".into()));
    assert_eq!(tape.track.next_expiry(), Some(Stamp::from_millis(30_001)));
}

#[test]
fn a_server_that_nobody_named_is_a_stranger() {
    let mut tape = Tape::new();
    tape.request(0, "?", 1, 60);
    assert!(matches!(tape.ok(1, "?", 1, 60), Some(Change::Stranger { .. })));
}

#[test]
fn another_extension_of_the_same_phone_is_not_this_line() {
    let mut tape = Tape::new();
    tape.track.line.extension = "2002".to_owned();
    tape.request(0, "a", 1, 60);
    assert_eq!(tape.ok(1, "a", 1, 60), None);
}

#[test]
fn contacts_agree_despite_parameters_and_case() {
    assert!(same_contact("sip:1001@Host:5060;transport=udp", "sip:1001@host:5060"));
    assert!(same_contact("sip:1001@host", "sip:1001@host:5060"));
    assert!(same_contact("sip:1001@[fd00::1]:5060", "sip:1001@[FD00::1];ob"));
    assert!(!same_contact("sip:1001@host:5060", "sip:1002@host:5060"));
    assert!(!same_contact("sip:1001@host:5060", "sip:1001@host:5061"));
}

#[test]
fn an_answer_that_is_reported_before_its_request_counts_from_its_own_time() {
    let mut tape = Tape::new();
    let start = SipStart::Response { code: 200, reason: "OK".to_owned() };
    let answer = Tape::summary(start, 1, &[("sip:1001@10.77.0.11:5060", Some(60))], None);
    assert_eq!(tape.put(20, &Tape::fact("a", Toward::Phone, Fate::Passed, answer)), None);
    let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
    let request = Tape::summary(start, 1, &[("sip:1001@10.77.0.11:5060", None)], Some(60));
    let change = tape.put(10, &Tape::fact("a", Toward::Server, Fate::Passed, request));
    assert!(matches!(change, Some(Change::Created { .. })), "{change:?}");
    let binding = tape.track.binding(&"a".into()).unwrap();
    assert_eq!((binding.created.when.at, binding.until), (Stamp::from_millis(20), Stamp::from_millis(60_020)));
}

const OLD: &str = "sip:1001@10.77.0.11:5060";
const NEW: &str = "sip:1001@10.77.0.11:5062";

#[test]
fn each_contact_has_a_lifetime_of_its_own() {
    let mut tape = Tape::new();
    let asked = [(OLD, Some(60)), (NEW, Some(90))];
    assert_eq!(tape.exchange(0, "a", 1, &asked, &asked).len(), 2);
    assert_eq!(tape.live(), [(OLD, 60_001), (NEW, 90_001)]);
    // Prolonged alone; the other one is still listed, with what is left of it.
    let changes = tape.exchange(30_000, "a", 2, &[(NEW, Some(90))], &[(OLD, Some(30)), (NEW, Some(90))]);
    assert!(matches!(changes[..], [Change::Refreshed { .. }]), "{changes:?}");
    assert_eq!(tape.live(), [(OLD, 60_001), (NEW, 120_001)]);
    let over = tape.track.expire(Stamp::from_millis(70_000));
    assert!(matches!(&over[..], [Change::Expired { contact, .. }] if contact == OLD), "{over:?}");
    assert_eq!((tape.track.home(), tape.track.lapsed(&"a".into())), (Some(&"a".into()), None));
}

#[test]
fn a_phone_that_comes_up_at_another_port_has_two_bindings_until_the_first_runs_out() {
    let mut tape = Tape::new();
    tape.exchange(0, "a", 1, &[(OLD, Some(60))], &[(OLD, Some(60))]);
    let changes = tape.exchange(10_000, "a", 2, &[(NEW, Some(60))], &[(OLD, Some(50)), (NEW, Some(60))]);
    assert!(matches!(changes[..], [Change::Created { .. }]), "{changes:?}");
    assert_eq!(tape.live(), [(OLD, 60_001), (NEW, 70_001)]);
    assert_eq!(tape.track.binding(&"a".into()).unwrap().contact, NEW);
}

#[test]
fn a_binding_that_the_server_lists_no_more_is_gone() {
    let mut tape = Tape::new();
    tape.exchange(0, "a", 1, &[(OLD, Some(60))], &[(OLD, Some(60))]);
    let changes = tape.exchange(10_000, "a", 2, &[(NEW, Some(60))], &[(NEW, Some(60))]);
    assert!(
        matches!(&changes[..], [Change::Created { .. }, Change::Removed { contact, .. }] if contact == OLD),
        "{changes:?}"
    );
    // A fetch that finds nothing finds that the server has forgotten.
    let changes = tape.exchange(20_000, "a", 3, &[], &[]);
    assert!(matches!(&changes[..], [Change::Removed { contact, .. }] if contact == NEW), "{changes:?}");
    let ends: Vec<_> = tape.track.served_before().map(|(_, it)| (it.ended, it.until.0 / 1_000_000)).collect();
    assert_eq!(ends, [(Ended::Removed, 10_001), (Ended::Removed, 20_001)]);
    assert_eq!(tape.track.home(), None);
}

#[test]
fn the_wildcard_removes_all() {
    let mut tape = Tape::new();
    let both = [(OLD, Some(60)), (NEW, Some(60))];
    tape.exchange(0, "a", 1, &both, &both);
    let changes = tape.exchange(5_000, "a", 2, &[("*", Some(0))], &[]);
    assert_eq!((changes.len(), tape.live()), (2, vec![]), "{changes:?}");
}

#[test]
fn one_contact_can_be_removed_and_another_one_prolonged_at_once() {
    let mut tape = Tape::new();
    let both = [(OLD, Some(60)), (NEW, Some(60))];
    tape.exchange(0, "a", 1, &both, &both);
    tape.exchange(5_000, "a", 2, &[(OLD, Some(0)), (NEW, Some(60))], &[(NEW, Some(60))]);
    assert_eq!(tape.live(), [(NEW, 65_001)]);
}

#[test]
fn a_server_is_taken_at_its_word_when_it_asks_to_stay_away_for_a_day_and_not_for_a_century() {
    let asked = |seconds| {
        let mut tape = Tape::new();
        tape.ask(1_000, "a", 1, true);
        let start = SipStart::Response { code: 503, reason: String::new() };
        let message = SipSummary { retry_after: Some(seconds), ..Tape::summary(start, 1, &[], None) };
        tape.put(1_001, &Tape::fact("a", Toward::Phone, Fate::Passed, message));
        tape.track.asked_to_wait(&"a".into()).map(|wait| wait.until.0 / 1_000_000)
    };
    assert_eq!(asked(60), Some(61_001));
    assert_eq!(asked(86_400), Some(86_401_001));
    assert_eq!((asked(86_401), asked(u32::MAX)), (None, None));
}

#[test]
fn a_fetch_prolongs_nothing() {
    let mut tape = Tape::new();
    tape.exchange(0, "a", 1, &[(OLD, Some(60))], &[(OLD, Some(60))]);
    assert_eq!(tape.exchange(30_000, "a", 2, &[], &[(OLD, Some(60))]), []);
    assert_eq!(tape.live(), [(OLD, 60_001)]);
}

#[test]
fn only_so_many_bindings_that_are_over_are_remembered() {
    let mut tape = Tape::new();
    tape.track = LineTrack::remembering(tape.track.line.clone(), 3, 2);
    for cycle in 0..5_u32 {
        let ms = u64::from(cycle) * 10_000;
        tape.exchange(ms, "a", 2 * cycle + 1, &[(OLD, Some(60))], &[(OLD, Some(60))]);
        tape.exchange(ms + 5_000, "a", 2 * cycle + 2, &[(OLD, Some(0))], &[]);
    }
    assert_eq!((tape.track.served_before().count(), tape.track.forgotten()), (2, 3));
}

#[test]
fn what_a_server_grants_too_late_or_unheard_it_holds_all_the_same() {
    let mut tape = Tape::new();
    let ends = |tape: &Tape| -> Vec<_> {
        tape.track
            .served_before()
            .map(|(_, it)| (it.binding.created.when.at.0 / 1_000_000, it.until.0 / 1_000_000))
            .collect()
    };
    let lived =
        |tape: &Tape| -> Vec<_> { tape.track.served().map(|(_, it)| (it.until.0 / 1_000_000, it.refreshes)).collect() };
    // Delivered by a socket buffer after the phone has given up; the phone takes it back at once.
    tape.send(0, "a", 1, 60, Fate::Dropped(OutageId(1)));
    tape.request(30_000, "a", 1, 60);
    assert_eq!(tape.ok(30_001, "a", 1, 60), None);
    assert_eq!((tape.live(), lived(&tape)), (vec![], vec![(90_001, 0)]));
    tape.request(30_002, "a", 2, 0);
    assert!(tape.answer(30_003, "a", 200, 2, &[]).is_none());
    assert_eq!((ends(&tape), lived(&tape)), (vec![(30_001, 30_003)], vec![]));
    // Answers that an outage took away.
    let unheard = |tape: &mut Tape, ms, cseq| {
        tape.request(ms, "a", cseq, 60);
        let start = SipStart::Response { code: 200, reason: String::new() };
        let message = Tape::summary(start, cseq, &[("sip:1001@10.77.0.11:5060", Some(60))], None);
        let fact = Tape::fact("a", Toward::Phone, Fate::Dropped(OutageId(1)), message);
        assert_eq!([tape.put(ms + 1, &fact), tape.put(ms + 2, &fact)], [None, None]);
    };
    unheard(&mut tape, 40_000, 3);
    unheard(&mut tape, 70_000, 4);
    assert_eq!((tape.live(), lived(&tape)), (vec![], vec![(130_001, 1)]));
    tape.track.expire_served(Stamp::from_millis(130_001));
    assert_eq!(ends(&tape).last(), Some(&(40_001, 130_001)));
}

#[test]
fn of_a_storm_of_attempts_the_first_in_vain_and_the_last_answered_are_remembered() {
    let mut tape = Tape::new();
    tape.track = LineTrack::remembering(tape.track.line.clone(), 6, 6);
    tape.exchange(0, "a", 1, &[(OLD, Some(600))], &[(OLD, Some(600))]);
    for cseq in 2..40 {
        tape.request(u64::from(cseq) * 10_000, "a", cseq, 600);
    }
    for cseq in 40..44 {
        tape.exchange(u64::from(cseq) * 10_000, "b", cseq, &[(OLD, Some(600))], &[(OLD, Some(600))]);
    }
    let (a, b) = ("a".into(), "b".into());
    let first = tape.track.attempts_at(&a).find(|it| it.answer.is_none()).unwrap();
    assert_eq!(first.first.when.at, Stamp::from_millis(20_000));
    let last = tape.track.attempts_at(&b).next_back().unwrap();
    assert_eq!((last.first.when.at, last.answer.is_some()), (Stamp::from_millis(430_000), true));
}
