//! Timed transcripts of calls and subscriptions.

use std::time::Duration;

use super::*;
use crate::{
    engine::registration::Fix,
    event::{Fate, OutageId, RawRef, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward, Transport, When},
};

/// One phone with extension 1001, and a counter for records.
struct Tape {
    calls: Calls,
    lamp: Lamp,
    seq: u64,
}

/// A message of the transcript; the rest is as usual.
#[derive(Clone)]
pub(in crate::engine) struct Line {
    server: &'static str,
    toward: Toward,
    dropped: bool,
    start: SipStart,
    call: &'static str,
    cseq: u32,
    method: &'static str,
    inside: bool,
    expires: Option<u32>,
    state: Option<&'static str>,
    called: bool,
    transport: Transport,
}

const CUT: Fate = Fate::Dropped(OutageId(1));

/// A request of the phone.
pub(in crate::engine) fn asks(server: &'static str, method: &'static str, cseq: u32) -> Line {
    let start = SipStart::Request { method: method.to_owned(), uri: "sip:1002@bench.test".to_owned() };
    Line {
        server,
        toward: Toward::Server,
        dropped: false,
        start,
        call: "c1",
        cseq,
        method,
        inside: false,
        expires: None,
        state: None,
        called: false,
        transport: Transport::Udp,
    }
}

/// An answer to the phone.
pub(in crate::engine) fn says(server: &'static str, code: u16, method: &'static str, cseq: u32) -> Line {
    let start = SipStart::Response { code, reason: String::new() };
    Line { toward: Toward::Phone, start, ..asks(server, method, cseq) }
}

impl Line {
    pub(in crate::engine) fn inside(self) -> Self {
        Self { inside: true, ..self }
    }

    pub(in crate::engine) fn by_tcp(self) -> Self {
        Self { transport: Transport::Tcp, ..self }
    }

    pub(in crate::engine) fn dropped(self) -> Self {
        Self { dropped: true, ..self }
    }

    fn expires(self, seconds: u32) -> Self {
        Self { expires: Some(seconds), ..self }
    }

    /// The other end asks, and the phone answers.
    fn turned(self) -> Self {
        Self { called: true, ..self.there() }
    }

    /// The same at the other end: what one phone sends, the other one receives.
    pub(in crate::engine) fn there(self) -> Self {
        let toward = if self.toward == Toward::Server { Toward::Phone } else { Toward::Server };
        Self { toward, ..self }
    }

    pub(in crate::engine) fn fact(self) -> SipFact {
        let (from, to) = if self.called { ("1002", "1001") } else { ("1001", "1002") };
        let subscribes = matches!(self.method, "SUBSCRIBE" | "NOTIFY");
        let message = SipSummary {
            start: self.start,
            call_id: self.call.to_owned(),
            cseq: self.cseq,
            method: self.method.to_owned(),
            branch: format!("z9hG4bK{}-{}-{}", self.server, self.method, self.cseq),
            from: format!("{from}@bench.test"),
            from_tag: None,
            to: format!("{to}@bench.test"),
            to_tag: self.inside.then(|| "t1".to_owned()),
            contacts: Vec::new(),
            expires: self.expires,
            min_expires: None,
            retry_after: None,
            date: None,
            authorized: false,
            agent: None,
            event: subscribes.then(|| "message-summary".to_owned()),
            subscription_state: self.state.map(str::to_owned),
            content_type: None,
            audio: None,
            nonce: None,
            stale_nonce: false,
            oddities: Vec::new(),
        };
        SipFact {
            phone: "p1".into(),
            server: Some(self.server.into()),
            server_addr: "10.77.0.2:5060".parse().unwrap(),
            phone_addr: "10.77.0.11:5060".parse().unwrap(),
            toward: self.toward,
            transport: self.transport,
            fate: if self.dropped { CUT } else { Fate::Passed },
            raw: RawRef { file: "capture.pcapng".to_owned(), offset: 0, len: 0 },
            message: SipMessage::Read(Box::new(message)),
        }
    }
}

impl Tape {
    fn new() -> Self {
        Self { calls: Calls::new("1001"), lamp: Lamp::new("1001"), seq: 0 }
    }

    fn put(&mut self, ms: u64, line: Line) {
        self.seq += 1;
        let fix = Fix { seq: self.seq, when: When::exactly(Stamp::from_millis(ms)) };
        let fact = line.fact();
        self.calls.observe(&fact, fix);
        self.lamp.observe(&fact, fix);
    }

    fn all(lines: impl IntoIterator<Item = (u64, Line)>) -> Self {
        let mut tape = Self::new();
        for (ms, line) in lines {
            tape.put(ms, line);
        }
        tape
    }

    fn call(&self) -> Call<'_> {
        self.calls.last(Toward::Server, Stamp::ZERO).unwrap()
    }
}

/// The primary is away: four INVITEs are lost, the backup takes the fifth.
fn through_the_backup() -> Vec<(u64, Line)> {
    let mut lines: Vec<(u64, Line)> =
        [1_000, 1_500, 2_500, 4_500].map(|at| (at, asks("a", "INVITE", 1).dropped())).into();
    lines.extend([
        (5_000, asks("b", "INVITE", 2)),
        (5_001, says("b", 100, "INVITE", 2)),
        (5_010, says("b", 180, "INVITE", 2)),
        (7_000, says("b", 200, "INVITE", 2)),
        (7_001, asks("b", "ACK", 2).inside()),
    ]);
    lines
}

#[test]
fn a_call_through_the_backup_is_timed_from_the_first_invite_at_the_lost_primary() {
    let tape = Tape::all(through_the_backup());
    let call = tape.call();
    assert_eq!(call.begun().unwrap().when.at, Stamp::from_millis(1_000));
    let (rang, by) = call.rang().unwrap();
    assert_eq!((rang.code, rang.fix.when.at, by), (180, Stamp::from_millis(5_010), Some(&"b".into())));
    let sends: Vec<_> = call.invites.iter().map(|it| it.sent.as_ref().unwrap()).map(|it| it.sends).collect();
    assert_eq!(sends, [4, 1]);
    assert_eq!(call.invites[0].sent.as_ref().unwrap().passed, None);
    assert_eq!(call.answered().unwrap().fix.when.at, Stamp::from_millis(7_000));
    assert_eq!(call.acknowledged().unwrap().when.at, Stamp::from_millis(7_001));
    assert_eq!((call.refused(), call.ended()), (None, None));
}

#[test]
fn reports_in_any_order_tell_of_the_same_call() {
    let (tape, mut lines) = (Tape::all(through_the_backup()), through_the_backup());
    lines.reverse();
    let turned = Tape::all(lines);
    let told = |call: Call<'_>| {
        let at = |fix: Fix| fix.when.at;
        let times = [call.begun(), call.answered().map(|it| it.fix), call.acknowledged()].map(|fix| fix.map(at));
        (times, call.rang().map(|(it, _)| it.code))
    };
    assert_eq!(told(tape.call()), told(turned.call()));
}

#[test]
fn a_challenge_is_no_refusal_and_a_refusal_after_it_is() {
    let mut tape = Tape::all([(0, asks("a", "INVITE", 1)), (1, says("a", 407, "INVITE", 1))]);
    assert_eq!(tape.call().refused(), None);
    tape.put(2, asks("a", "INVITE", 2));
    tape.put(3, says("a", 486, "INVITE", 2));
    assert_eq!(tape.call().refused().map(|(answer, _)| answer.code), Some(486));
    assert_eq!(tape.call().rang(), None);
}

#[test]
fn a_change_of_the_session_is_no_new_call() {
    let mut tape = Tape::all(through_the_backup());
    tape.put(9_000, asks("b", "INVITE", 3).inside());
    tape.put(9_001, says("b", 200, "INVITE", 3).inside());
    let call = tape.call();
    assert_eq!((call.invites.len(), call.changes()), (2, 1));
    assert_eq!(call.answered().unwrap().fix.when.at, Stamp::from_millis(7_000));
}

#[test]
fn the_side_that_hangs_up_is_known_by_the_way_of_its_bye() {
    let mut tape = Tape::all(through_the_backup());
    tape.put(20_000, asks("a", "BYE", 7).inside().turned());
    tape.put(20_002, says("a", 200, "BYE", 7).inside().turned());
    let call = tape.call();
    let end = call.ended().unwrap();
    assert_eq!((end.by.toward, end.fix.when.at), (Toward::Phone, Stamp::from_millis(20_000)));
    assert_eq!((end.passed, end.confirmed.unwrap().code), (true, 200));
}

#[test]
fn a_caller_that_cancels_has_ended_the_call() {
    let mut tape = Tape::all([(0, asks("a", "INVITE", 1)), (9, says("a", 180, "INVITE", 1))]);
    tape.put(900, asks("a", "CANCEL", 1));
    tape.put(905, says("a", 487, "INVITE", 1));
    let call = tape.call();
    assert_eq!(call.ended().unwrap().by.method, "CANCEL");
    assert_eq!(call.refused().unwrap().0.code, 487);
}

#[test]
fn a_call_that_the_outage_takes_on_its_way_to_the_phone_never_passed() {
    let tape = Tape::all([(0, asks("a", "INVITE", 1).turned().dropped())]);
    let call = tape.calls.last(Toward::Phone, Stamp::ZERO).unwrap();
    assert_eq!(call.invites[0].sent.as_ref().unwrap().passed, None);
    assert_eq!(call.rang(), None);
    assert!(tape.calls.last(Toward::Server, Stamp::ZERO).is_none());
}

#[test]
fn an_answer_that_was_lost_is_no_answer_until_a_copy_gets_through() {
    let mut tape = Tape::all([(0, asks("a", "INVITE", 1)), (10, says("a", 200, "INVITE", 1).dropped())]);
    assert_eq!(tape.call().answered(), None);
    tape.put(510, says("a", 200, "INVITE", 1));
    assert_eq!(tape.call().answered().unwrap().fix.when.at, Stamp::from_millis(510));
}

#[test]
fn only_a_call_that_began_since_then_is_found() {
    let tape = Tape::all(through_the_backup());
    assert!(tape.calls.last(Toward::Server, Stamp::from_millis(1_001)).is_none(), "its first INVITE counts");
}

#[test]
fn calls_of_another_extension_are_not_this_line_s() {
    let mut tape = Tape { calls: Calls::new("2001"), ..Tape::new() };
    tape.put(0, asks("a", "INVITE", 1));
    assert!(tape.calls.last(Toward::Server, Stamp::ZERO).is_none());
}

#[test]
fn the_log_of_a_line_does_not_grow_without_end() {
    let mut tape = Tape::new();
    for cseq in 0..10_000 {
        tape.put(u64::from(cseq), asks("a", "INVITE", cseq));
    }
    assert_eq!(tape.call().invites.len(), 128);
}

#[test]
fn a_subscription_is_where_a_2xx_granted_it() {
    let mut tape = Tape::all([(0, asks("a", "SUBSCRIBE", 1).expires(60))]);
    assert!(tape.lamp.is_wanted());
    assert_eq!(tape.lamp.granted_at(&"a".into(), Stamp::ZERO), None);
    tape.put(3, says("a", 200, "SUBSCRIBE", 1).expires(30));
    tape.put(4, Line { state: Some("active"), ..asks("a", "NOTIFY", 1).inside().turned() });
    let held = tape.lamp.granted_at(&"a".into(), Stamp::ZERO).unwrap();
    assert_eq!((held.granted, held.until), (Duration::from_secs(30), Stamp::from_millis(30_003)));
    assert_eq!(held.notified.map(|fix| fix.when.at), Some(Stamp::from_millis(4)));
    assert_eq!(tape.lamp.live_at(Stamp::from_millis(30_002)), Some(held));
    assert_eq!(tape.lamp.live_at(Stamp::from_millis(30_003)), None);
    assert_eq!(tape.lamp.granted_at(&"b".into(), Stamp::ZERO), None);
    assert_eq!(tape.lamp.granted_at(&"a".into(), Stamp::from_millis(1)), None, "asked for before");
}

#[test]
fn a_notify_ends_a_subscription_before_its_time() {
    let mut tape = Tape::all([
        (0, asks("a", "SUBSCRIBE", 1).expires(60)),
        (3, says("a", 200, "SUBSCRIBE", 1).expires(60)),
        (4, Line { state: Some("active"), ..asks("a", "NOTIFY", 1).inside().turned() }),
    ]);
    assert!(tape.lamp.live_at(Stamp::from_millis(20_000)).is_some());
    tape.put(10_000, Line { state: Some("terminated"), ..asks("a", "NOTIFY", 2).inside().turned() });
    assert_eq!(tape.lamp.live_at(Stamp::from_millis(20_000)), None);
}

#[test]
fn a_subscription_that_is_ended_by_the_phone_is_none() {
    let tape = Tape::all([(0, asks("a", "SUBSCRIBE", 1).expires(0)), (3, says("a", 200, "SUBSCRIBE", 1).expires(0))]);
    assert_eq!(tape.lamp.granted_at(&"a".into(), Stamp::ZERO), None);
}

#[test]
fn a_phone_is_in_a_call_until_it_has_said_or_heard_that_it_is_over() {
    let open = |tape: &Tape| tape.calls.open().map(|fix| fix.when.at.0 / 1_000_000);
    let mut tape = Tape::all([(1_000, asks("a", "INVITE", 1).dropped())]);
    assert_eq!(open(&tape), None, "nobody has heard of it");
    tape.put(1_500, asks("a", "INVITE", 1));
    tape.put(1_502, says("a", 180, "INVITE", 1));
    assert_eq!(open(&tape), Some(1_000), "it rings there");
    tape.put(2_000, says("a", 200, "INVITE", 1));
    assert_eq!(open(&tape), Some(1_000));
    tape.put(9_000, asks("a", "BYE", 7).inside().turned());
    assert_eq!(open(&tape), Some(1_000), "it may not have heard");
    tape.put(9_001, says("a", 200, "BYE", 7).inside().turned());
    assert_eq!(open(&tape), None);
    tape.put(10_000, Line { call: "c2", ..asks("a", "INVITE", 1) }.turned());
    tape.put(10_002, Line { call: "c2", ..says("a", 180, "INVITE", 1) }.turned());
    assert_eq!(open(&tape), Some(10_000), "it rings here");
    tape.put(11_000, Line { call: "c2", ..says("a", 486, "INVITE", 1) }.turned());
    assert_eq!(open(&tape), None);
}

#[test]
fn what_was_sent_again_because_it_was_lost_is_told_from_what_was_answered_late() {
    let spent = |heard: u64| {
        let copies = [0, 500, 1_500].map(|at| (at, asks("a", "INVITE", 1)));
        let tape = Tape::all(copies.into_iter().chain([(heard, says("a", 180, "INVITE", 1))]));
        let call = tape.call();
        call.invites[0].repeated().map(|(from, to)| to.since(from))
    };
    assert_eq!(spent(20), Some(Duration::ZERO));
    assert_eq!(spent(530), Some(Duration::from_millis(500)));
    assert_eq!(spent(1_530), Some(Duration::from_millis(1_500)));
    assert_eq!(spent(2_500), None, "who was asked took a second");
}
