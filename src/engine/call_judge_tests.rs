//! Timed transcripts of both ends of a call, and who is blamed for what.

use super::*;
use crate::{
    config::Proxies,
    engine::{
        bound::tests::timers,
        cut::Cut,
        dialog::tests::{Line, asks, says},
        registration::LineTrack,
    },
    event::{LineId, OutageMode, OutageScope, OutageSpec, When},
    verdict::CaseId,
};

/// 1001 on p1 calls 1002 on p2.
struct Two {
    caller: CaseRun,
    callee: CaseRun,
    seq: u64,
}

fn case(phone: &str, extension: &str) -> CaseRun {
    let line = format!(r#"{{"extension":"{extension}","primary":"a","backup":"b"}}"#);
    let id = CaseId { scenario: "calls".into(), phone: phone.into(), line: extension.into() };
    let track = LineTrack::new(LineId { phone: phone.into(), extension: extension.into() });
    CaseRun::new(id, &serde_json::from_str(&line).unwrap(), timers(12, 4, 6), None, track)
}

impl Two {
    fn new() -> Self {
        Self { caller: case("p1", "1001"), callee: case("p2", "1002"), seq: 0 }
    }

    /// The primary is away for the caller.
    fn cut() -> Self {
        let mut two = Self::new();
        let began = Fix { seq: 0, when: When::exactly(Stamp::ZERO) };
        let spec = OutageSpec {
            mode: OutageMode::DROP,
            server: "a".into(),
            scope: OutageScope::Host,
            only: None,
            phones: vec!["p1".into()],
            toward: None,
            limit: Duration::from_secs(600),
            by: None,
        };
        let cut = Cut::new(&spec, began, None);
        two.caller.cuts.push(cut);
        two
    }

    fn fix(&mut self, ms: u64) -> Fix {
        self.seq += 1;
        Fix { seq: self.seq, when: When::exactly(Stamp::from_millis(ms)) }
    }

    /// At the bridge, on the caller's side.
    fn here(mut self, ms: u64, line: Line) -> Self {
        let fix = self.fix(ms);
        self.caller.calls.observe(&line.fact(), fix);
        self
    }

    /// At the bridge, on the callee's side.
    fn there(mut self, ms: u64, line: Line) -> Self {
        let fix = self.fix(ms);
        self.callee.calls.observe(&line.there().fact(), fix);
        self
    }

    /// The same on the caller's side, again and again: as often as it is lost at most.
    fn here_thrice(self, ms: u64, line: Line) -> Self {
        [0, 500, 1_500].into_iter().fold(self, |two, later| two.here(ms + later, line.clone()))
    }

    /// And on the callee's.
    fn there_thrice(self, ms: u64, line: Line) -> Self {
        [0, 500, 1_500].into_iter().fold(self, |two, later| two.there(ms + later, line.clone()))
    }

    /// A call that rings at both ends.
    fn ringing() -> Self {
        let two = Self::new().here(0, asks("a", "INVITE", 1)).there(1, asks("a", "INVITE", 1));
        two.there(2, says("a", 180, "INVITE", 1)).here(3, says("a", 180, "INVITE", 1))
    }

    /// A call that is up.
    fn up() -> Self {
        let two = Self::ringing().there(900, says("a", 200, "INVITE", 1)).here(901, says("a", 200, "INVITE", 1));
        two.here(902, asks("a", "ACK", 1).inside()).there(903, asks("a", "ACK", 1).inside())
    }

    /// What it comes to in a step that began at `step`, at last.
    fn outcome(&self, of: CallMark, step: u64) -> Outcome {
        let view = || View::new(&self.caller, Some(&self.callee), Stamp::ZERO, Stamp::from_millis(step), false);
        let mut now = Stamp::from_millis(step);
        loop {
            match view().outcome(of, now) {
                Outcome::Wait(until) => {
                    assert!(until > now, "it would wait for ever");
                    now = until;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether it is not clear at that time.
    fn waits(&self, of: CallMark, now: u64) -> bool {
        let view = View::new(&self.caller, Some(&self.callee), Stamp::ZERO, Stamp::from_millis(904), false);
        matches!(view.outcome(of, Stamp::from_millis(now)), Outcome::Wait(_))
    }

    fn blamed(&self, of: CallMark, step: u64) -> (Option<Party>, Option<Blame>, &'static str) {
        match self.outcome(of, step) {
            Outcome::Failed { culprit, finding, .. } => (culprit, finding.blame, finding.code),
            other => panic!("{other:?}"),
        }
    }

    fn holds(&self, of: CallMark, step: u64) -> String {
        match self.outcome(of, step) {
            Outcome::Held { note, .. } => note,
            other => panic!("{other:?}"),
        }
    }
}

const CALLER: Option<Party> = Some(Party::Callers);
const CALLEE: Option<Party> = Some(Party::Callees);
const PHONE: Option<Blame> = Some(Blame::Phone);
const SERVER: Option<Blame> = Some(Blame::Server);
const UNKNOWN: Option<Blame> = Some(Blame::Unknown);

#[test]
fn a_call_goes_well_from_its_first_ring_to_its_end() {
    let two = Two::up();
    assert_eq!(two.holds(CallMark::Ringing, 0), "rang after 0.0 s through server a, 2.0 s allowed (2 s connecting)");
    assert_eq!(two.holds(CallMark::Answered, 800), "up 0.9 s after its INVITE");
    assert_eq!(two.holds(CallMark::Alive, 60_901), "up for 60.0 s, its session changed 0 times, and no BYE was seen");
    let two = two.here(61_000, asks("a", "BYE", 2).inside()).there(61_001, asks("a", "BYE", 2).inside());
    let two = two.there(61_002, says("a", 200, "BYE", 2).inside()).here(61_003, says("a", 200, "BYE", 2).inside());
    assert_eq!(two.holds(CallMark::HungUp, 61_000), "BYE confirmed by the other end");
}

#[test]
fn a_caller_that_sends_nothing_is_at_fault() {
    assert_eq!(Two::new().blamed(CallMark::Ringing, 0), (CALLER, PHONE, "never-called"));
}

#[test]
fn a_caller_that_does_not_try_the_backup_is_at_fault_and_one_that_does_is_not() {
    let two = Two::cut().here(0, asks("a", "INVITE", 1).dropped());
    assert_eq!(two.blamed(CallMark::Ringing, 0), (CALLER, PHONE, "call-not-rerouted"));
    let once = Two::cut().here(0, asks("a", "INVITE", 1).dropped()).here(4_000, asks("b", "INVITE", 2));
    assert_eq!(once.blamed(CallMark::Ringing, 0), (None, UNKNOWN, "call-lost"));
    let two = two.here_thrice(4_000, asks("b", "INVITE", 2));
    assert_eq!(two.blamed(CallMark::Ringing, 0), (None, SERVER, "call-not-delivered"));
}

#[test]
fn a_caller_that_is_set_to_call_through_other_servers_than_its_registrars_is_judged_by_those() {
    let through = |server: &'static str| {
        let mut two = Two::cut();
        two.caller.proxies = Some(Proxies { primary: "c".into(), backup: Some("d".into()) });
        let two = two.here(0, asks(server, "INVITE", 1)).there(1, asks("a", "INVITE", 1));
        two.there(2, says("a", 180, "INVITE", 1)).here(3, says(server, 180, "INVITE", 1))
    };
    let note = through("c").holds(CallMark::Ringing, 0);
    assert!(note.contains("2.0 s allowed"), "its registrar is away, and its proxy is not: {note}");
    assert_eq!(through("a").blamed(CallMark::Ringing, 0), (CALLER, PHONE, "wrong-proxy"));
    assert_eq!(through("d").blamed(CallMark::Ringing, 0), (CALLER, PHONE, "wrong-proxy"));
}

#[test]
fn a_call_that_is_rerouted_too_late_is_the_phone_s_fault_and_one_that_is_carried_slowly_the_server_s() {
    let rung = |tried: u64, rang: u64| {
        let two = Two::cut().here(0, asks("a", "INVITE", 1).dropped()).here(tried, asks("b", "INVITE", 2));
        two.there(tried + 1, asks("b", "INVITE", 2)).here(rang, says("b", 180, "INVITE", 2))
    };
    assert_eq!(rung(8_000, 8_010).blamed(CallMark::Ringing, 0), (CALLER, PHONE, "call-late"));
    assert_eq!(rung(4_000, 7_500).blamed(CallMark::Ringing, 0), (None, SERVER, "call-late"));
    assert!(rung(4_000, 4_100).holds(CallMark::Ringing, 0).contains("rang after 4.1 s through server b"));
}

#[test]
fn a_callee_that_was_reached_and_does_not_ring_is_at_fault() {
    let called = || Two::new().here(0, asks("a", "INVITE", 1));
    for of in [CallMark::Ringing, CallMark::Fails] {
        let two = called().there(1, asks("a", "INVITE", 1).by_tcp());
        assert_eq!(two.blamed(of, 0), (CALLEE, PHONE, "never-rang"));
        let two = called().there_thrice(1, asks("a", "INVITE", 1));
        assert_eq!(two.blamed(of, 0), (CALLEE, PHONE, "never-rang"));
        let two = called().there(1, asks("a", "INVITE", 1));
        assert_eq!(two.blamed(of, 0), (None, UNKNOWN, "ringing-lost"), "it may have been lost behind the bridge");
    }
}

#[test]
fn a_ringing_that_the_caller_does_not_hear_is_the_server_s_fault_where_nothing_is_lost() {
    let asked = || asks("a", "INVITE", 1);
    let two = Two::new().here(0, asked()).there(1, asked()).there(2, says("a", 180, "INVITE", 1));
    assert_eq!(two.blamed(CallMark::Ringing, 0), (None, UNKNOWN, "ringing-lost"));
    let two = Two::new().here(0, asked().by_tcp()).there(1, asked().by_tcp());
    let two = two.there(2, says("a", 180, "INVITE", 1).by_tcp());
    assert_eq!(two.blamed(CallMark::Ringing, 0), (None, SERVER, "ringing-lost"));
}

#[test]
fn what_was_lost_and_sent_again_is_nobody_s_time_and_what_a_phone_takes_is() {
    let called = |copies: &[u64], rang: u64| {
        let asked = |two: Two, at: &u64| two.here(*at, asks("a", "INVITE", 1));
        let two = copies.iter().fold(Two::new(), asked);
        let last = *copies.last().unwrap();
        two.there(last + 5, asks("a", "INVITE", 1))
            .there(rang - 5, says("a", 180, "INVITE", 1))
            .here(rang, says("a", 180, "INVITE", 1))
    };
    let note = called(&[0, 500, 1_500, 3_500], 3_550).holds(CallMark::Ringing, 0);
    assert!(note.contains("rang after 3.5 s") && note.contains("+ 3.5 s for what was lost and sent again"), "{note}");
    assert_eq!(called(&[0], 2_550).blamed(CallMark::Ringing, 0), (CALLEE, PHONE, "call-late"));
    let late = Two::new().here(0, asks("a", "INVITE", 1)).there(2_500, asks("a", "INVITE", 1));
    let late = late.there(2_510, says("a", 180, "INVITE", 1)).here(2_520, says("a", 180, "INVITE", 1));
    assert_eq!(late.blamed(CallMark::Ringing, 0), (None, SERVER, "call-late"));
}

#[test]
fn a_refusal_is_held_against_the_one_that_said_it() {
    let asked = || Two::new().here(0, asks("a", "INVITE", 1));
    let by_server = |code| asked().here(5, says("a", code, "INVITE", 1)).blamed(CallMark::Ringing, 0);
    assert_eq!(by_server(480), (None, SERVER, "call-refused"));
    assert_eq!(by_server(403), (None, Some(Blame::Configuration), "call-refused"));
    let by_phone = asked().there(1, asks("a", "INVITE", 1)).there(2, says("a", 486, "INVITE", 1));
    let by_phone = by_phone.here(3, says("a", 486, "INVITE", 1));
    assert_eq!(by_phone.blamed(CallMark::Ringing, 0), (CALLEE, PHONE, "refused-call"));
}

#[test]
fn a_call_that_the_outage_took_is_lost_as_expected_and_else_nobody_s_fault() {
    let two = Two::new().here(0, asks("a", "INVITE", 1)).there(1, asks("a", "INVITE", 1).dropped());
    let two = two.there(501, asks("a", "INVITE", 1).dropped());
    assert_eq!(two.holds(CallMark::Fails, 0), "lost: 2 INVITEs ran into the outage, and nothing rang in 6.0 s");
    assert_eq!(two.blamed(CallMark::Ringing, 0), (None, UNKNOWN, "callee-unreachable"));
    assert_eq!(Two::ringing().blamed(CallMark::Fails, 0), (None, UNKNOWN, "no-gap"));
}

#[test]
fn an_answer_is_missed_where_it_was_last_seen() {
    assert_eq!(Two::ringing().blamed(CallMark::Answered, 500), (CALLEE, PHONE, "never-answered"));
    let once = || Two::ringing().there(900, says("a", 200, "INVITE", 1));
    assert_eq!(once().blamed(CallMark::Answered, 500), (None, UNKNOWN, "answer-lost"));
    let often = Two::ringing().there_thrice(900, says("a", 200, "INVITE", 1));
    assert_eq!(often.blamed(CallMark::Answered, 500), (None, SERVER, "answer-lost"));
    let two = once().here(901, says("a", 200, "INVITE", 1));
    assert_eq!(two.blamed(CallMark::Answered, 500), (None, UNKNOWN, "dialog-unseen"));
    let unconfirmed = two.here(902, asks("a", "ACK", 1).inside());
    assert_eq!(unconfirmed.blamed(CallMark::Answered, 500), (None, UNKNOWN, "ack-lost"));
}

#[test]
fn a_call_is_up_when_the_phone_that_was_called_no_longer_says_so() {
    let two = Two::up();
    assert!(two.waits(CallMark::Answered, 905), "its ACK may be lost behind the bridge");
    let two = two.there(1_400, says("a", 200, "INVITE", 1)).here(1_401, says("a", 200, "INVITE", 1));
    assert!(two.waits(CallMark::Answered, 2_000), "it was");
    assert_eq!(two.holds(CallMark::Answered, 900), "up 0.9 s after its INVITE");
}

#[test]
fn who_ends_a_call_that_should_live_is_known_at_either_end() {
    let bye = || asks("a", "BYE", 2).inside();
    let caller = Two::up().here(5_000, bye()).there(5_001, bye());
    assert_eq!(caller.blamed(CallMark::Alive, 6_000), (CALLER, PHONE, "call-dropped"));
    let lost = Two::up().here(5_000, bye().dropped());
    assert_eq!(lost.blamed(CallMark::Alive, 6_000), (CALLER, PHONE, "call-dropped"), "an outage hides nothing");
    let server = Two::up().there(5_000, bye());
    assert_eq!(server.blamed(CallMark::Alive, 6_000), (None, SERVER, "call-dropped"));
}

#[test]
fn an_end_that_is_not_confirmed_is_held_against_whoever_had_it_last() {
    let bye = || asks("a", "BYE", 2).inside();
    assert_eq!(Two::up().blamed(CallMark::HungUp, 5_000), (CALLER, PHONE, "never-hung-up"));
    let lost = Two::up().here(5_000, bye().dropped());
    assert_eq!(lost.blamed(CallMark::HungUp, 5_000), (None, UNKNOWN, "bye-lost"));
    assert_eq!(Two::up().here(5_000, bye()).blamed(CallMark::HungUp, 5_000), (None, UNKNOWN, "bye-lost"));
    let sent = || Two::up().here_thrice(5_000, bye());
    assert_eq!(sent().blamed(CallMark::HungUp, 5_000), (None, SERVER, "bye-lost"));
    let once = || sent().there(5_001, bye());
    assert_eq!(once().blamed(CallMark::HungUp, 5_000), (None, UNKNOWN, "bye-unanswered"));
    assert_eq!(sent().there(5_001, bye().by_tcp()).blamed(CallMark::HungUp, 5_000), (CALLEE, PHONE, "bye-unanswered"));
    let arrived = || sent().there_thrice(5_001, bye());
    assert_eq!(arrived().blamed(CallMark::HungUp, 5_000), (CALLEE, PHONE, "bye-unanswered"));
    let refused = arrived().there(5_002, says("a", 481, "BYE", 2).inside());
    assert_eq!(refused.blamed(CallMark::HungUp, 5_000), (CALLEE, PHONE, "bye-refused"));
    let answered = once().there(5_002, says("a", 200, "BYE", 2).inside());
    assert_eq!(answered.blamed(CallMark::HungUp, 5_000), (None, UNKNOWN, "bye-answer-lost"));
    let answered = arrived().there_thrice(5_002, says("a", 200, "BYE", 2).inside());
    assert_eq!(answered.blamed(CallMark::HungUp, 5_000), (None, SERVER, "bye-answer-lost"));
}
