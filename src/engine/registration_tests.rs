//! Timed transcripts of registrations.

use std::net::SocketAddr;

use super::*;
use crate::event::{OutageId, RawRef, Transport};

const PATIENCE: Duration = Duration::from_secs(5);

/// One line, and a counter for records.
struct Tape {
    track: LineTrack,
    seq: u64,
    /// The message that made the last change.
    by: Option<Fix>,
}

impl Tape {
    fn new() -> Self {
        let line = LineId { phone: "p1".into(), extension: "1001".to_owned() };
        Self { track: LineTrack::new(line), seq: 0, by: None }
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
            to: "1001@bench.test".to_owned(),
            to_tag: None,
            contacts: contacts
                .iter()
                .map(|(uri, expires)| SipContact { uri: (*uri).to_owned(), expires: *expires, instance: None })
                .collect(),
            expires,
            min_expires: None,
            retry_after: None,
            authorized: true,
            agent: None,
            oddities: Vec::new(),
        }
    }

    fn put(&mut self, ms: u64, fact: &SipFact) -> Option<Change> {
        self.seq += 1;
        let fix = Fix { seq: self.seq, when: When::exactly(Stamp::from_millis(ms)) };
        let (change, by) = self.track.observe(fact, fix, PATIENCE)?;
        self.by = Some(by);
        Some(change)
    }

    fn request(&mut self, ms: u64, server: &str, cseq: u32, expires: u32) {
        self.send(ms, server, cseq, expires, Fate::Passed);
    }

    fn send(&mut self, ms: u64, server: &str, cseq: u32, expires: u32, fate: Fate) {
        assert_eq!(self.send_late(ms, server, cseq, expires, fate), None);
    }

    fn send_late(&mut self, ms: u64, server: &str, cseq: u32, expires: u32, fate: Fate) -> Option<Change> {
        let start = SipStart::Request { method: "REGISTER".to_owned(), uri: "sip:bench.test".to_owned() };
        let message = Self::summary(start, cseq, &[("sip:1001@10.77.0.11:5060", None)], Some(expires));
        self.put(ms, &Self::fact(server, Toward::Server, fate, message))
    }

    fn answer(
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
fn a_retransmission_that_gets_through_within_the_phones_patience_counts() {
    let mut tape = Tape::new();
    tape.send(0, "a", 1, 60, Fate::Dropped(OutageId(1)));
    tape.request(3_500, "a", 1, 60);
    assert!(matches!(tape.ok(3_501, "a", 1, 60), Some(Change::Created { .. })));
}

#[test]
fn an_answer_that_is_told_before_its_request_counts_from_when_it_came() {
    let mut tape = Tape::new();
    assert_eq!(tape.ok(15, "a", 1, 60), None);
    assert_eq!(tape.track.home(), None);
    assert!(matches!(tape.send_late(10, "a", 1, 60, Fate::Passed), Some(Change::Created { .. })));
    assert_eq!(tape.by.map(|by| (by.seq, by.when.at)), Some((1, Stamp::from_millis(15))));
    assert_eq!(tape.track.home(), Some(&"a".into()));
    assert_eq!(tape.track.next_expiry(), Some(Stamp::from_millis(60_015)));

    assert_eq!(tape.answer(25, "b", 401, 2, &[]), None);
    tape.request(20, "b", 2, 60);
    let server = "b".into();
    let answer = tape.track.attempts_at(&server).next().and_then(|attempt| attempt.answer);
    assert_eq!(answer.map(|answer| answer.code), Some(401));
}

#[test]
fn an_answer_to_something_else_waits_for_no_request() {
    let mut tape = Tape::new();
    tape.ok(5, "a", 1, 60);
    tape.request(10, "a", 1, 60);
    assert_eq!(tape.track.home(), None, "it came before the request was sent");
    tape.ok(20, "b", 2, 60);
    tape.request(19, "a", 2, 60);
    assert_eq!(tape.track.home(), None, "it came from another server");
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
    assert!(!same_contact("sip:1001@host:5060", "sip:1002@host:5060"));
    assert!(!same_contact("sip:1001@host:5060", "sip:1001@host:5061"));
}
