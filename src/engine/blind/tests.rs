//! Timed transcripts of connections, and what may be said of them.

use std::time::Duration;

use super::*;
use crate::{
    engine::{
        bound::{self, tests::timers},
        cut::Cut,
        registration::LineTrack,
        witness::{Vouched, Voucher},
    },
    event::{
        Fate, LineId, OutageId, OutageMode, OutageScope, OutageSpec, RawRef, Stamp, TlsFact, TlsStep, Toward, When,
    },
    verdict::Verdict,
};

const PATIENCE: Duration = Duration::from_secs(5);
const DROPPED: Fate = Fate::Dropped(OutageId(1));
/// When the primary goes.
const CUT: u64 = 10_000;

use TlsStep::{Agreed, Ended, Greeted, Refused, Spoke};
use Toward::{Phone as Down, Server as Up};

/// A phone whose only line is at its primary, of which nobody read anything.
struct Stand {
    case: CaseRun,
    phone: PhoneWatch,
    seq: u64,
}

impl Stand {
    /// Its console says that it is there, or nobody does; then the primary goes.
    fn at_primary(vouched: bool) -> Self {
        let line = r#"{"extension":"1001","primary":"a","backup":"b"}"#;
        let id = CaseId { scenario: "failover".into(), phone: "p1".into(), line: "1001".into() };
        let track = LineTrack::new(LineId { phone: "p1".into(), extension: "1001".into() });
        let mut case = CaseRun::new(id, &serde_json::from_str(line).unwrap(), timers(12, 4, 6), None, track);
        let phone = crate::config::Phone {
            name: "p1".into(),
            model: "any".to_owned(),
            identity: crate::config::Identity::OnLink { mac: crate::config::Mac([0, 8, 0x5d, 0x77, 0, 1]) },
            address: None,
            lines: Vec::new(),
            console: None,
            keypad: None,
            push: None,
            status_page: None,
            timers: timers(12, 4, 6),
        };
        let phone = PhoneWatch::new(&phone, None);
        let baseline = Leg { cut: None, of: Move::Baseline };
        let began = Fix { seq: 100, when: When::exactly(Stamp::from_millis(CUT)) };
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
        case.cuts.push(Cut::new(&spec, began, None));
        let mut stand = Self { case, phone, seq: 0 }.connects(100, "a", 40_000).speaks(200, "a", 40_000);
        let moved = stand.phone.encrypted.exchange(&"a".into(), Stamp::ZERO).unwrap();
        stand.case.moves.insert(baseline, moved);
        let console = Vouched { by: Voucher::Console, fix: moved.done };
        stand.case.unread.insert(baseline, vouched.then_some(console).into_iter().collect());
        stand.case.windows.insert(baseline, bound::baseline(&stand.case.timers));
        stand.case.windows.insert(stand.failover(), bound::unread_failover(&stand.case.timers));
        stand
    }

    fn failover(&self) -> Leg {
        Leg { cut: Some(0), of: Move::Failover }
    }

    fn see(mut self, ms: u64, server: &str, port: u16, toward: Toward, step: TlsStep, fate: Fate) -> Self {
        self.seq += 1;
        let fix = Fix { seq: self.seq, when: When::exactly(Stamp::from_millis(ms)) };
        let address = if server == "a" { "10.77.0.2:5061" } else { "10.77.0.3:5061" };
        let fact = TlsFact {
            phone: "p1".into(),
            server: server.into(),
            server_addr: address.parse().unwrap(),
            phone_addr: ([10, 77, 0, 11], port).into(),
            toward,
            step,
            fate,
            raw: RawRef { file: "capture.pcapng".to_owned(), offset: 0, len: 0 },
        };
        self.phone.encrypted.take(&fact, fix, PATIENCE);
        self
    }

    fn pass(self, ms: u64, server: &str, port: u16, toward: Toward, step: TlsStep) -> Self {
        self.see(ms, server, port, toward, step, Fate::Passed)
    }

    fn connects(self, ms: u64, server: &str, port: u16) -> Self {
        let greeted = self.pass(ms, server, port, Up, Greeted).pass(ms + 1, server, port, Down, Greeted);
        greeted.pass(ms + 2, server, port, Up, Agreed)
    }

    fn speaks(self, ms: u64, server: &str, port: u16) -> Self {
        self.pass(ms, server, port, Up, Spoke).pass(ms + 1, server, port, Down, Spoke)
    }

    /// The first exchange with the backup since the cut, in milliseconds: what began it, and its end.
    fn exchange(&self) -> Option<(u64, u64)> {
        let moved = self.phone.encrypted.exchange(&"b".into(), Stamp::from_millis(CUT))?;
        let ms = |fix: Fix| fix.when.at.0 / 1_000_000;
        Some((ms(moved.request), ms(moved.done)))
    }

    /// What its failover comes to, when there is no exchange and its time is over.
    fn missing(&self) -> (Verdict, Option<Blame>, &'static str) {
        let cause = self.case.cuts[0].began;
        let finding = missing(&self.case, &self.phone, self.failover(), cause).unwrap();
        (finding.verdict, finding.blame, finding.code)
    }
}

const CAN_NOT_TELL: (Verdict, Option<Blame>, &str) = (Verdict::RigError, Some(Blame::Unknown), "blind");

#[test]
fn an_exchange_is_a_question_that_got_through_and_what_was_said_after_it() {
    let stand = || Stand::at_primary(true).connects(15_000, "b", 40_001);
    assert_eq!(stand().exchange(), None, "to agree is not to speak");
    assert_eq!(stand().speaks(15_100, "b", 40_001).exchange(), Some((15_100, 15_101)));
    let overtaken = stand().pass(15_101, "b", 40_001, Down, Spoke).pass(15_100, "b", 40_001, Up, Spoke);
    assert_eq!(overtaken.exchange(), Some((15_100, 15_101)), "an answer may be reported first");
    let unasked = stand().pass(15_100, "b", 40_001, Down, Spoke).pass(15_101, "b", 40_001, Up, Spoke);
    assert_eq!(unasked.exchange(), None);
    let unheard = stand().pass(15_100, "b", 40_001, Up, Spoke).see(15_101, "b", 40_001, Down, Spoke, DROPPED);
    assert_eq!(unheard.exchange(), None);
    let earlier = Stand::at_primary(true).connects(5_000, "b", 40_001).speaks(5_100, "b", 40_001);
    assert_eq!(earlier.exchange(), None, "it came before its cause");
    assert_eq!(earlier.speaks(16_000, "b", 40_001).exchange(), Some((16_000, 16_001)), "a standing connection");
}

#[test]
fn what_an_outage_took_counts_from_its_answer_on_unless_the_phone_had_given_it_up() {
    let asked = || Stand::at_primary(true).connects(11_000, "b", 40_001).see(12_000, "b", 40_001, Up, Spoke, DROPPED);
    assert_eq!(asked().pass(16_900, "b", 40_001, Down, Spoke).exchange(), Some((16_900, 16_900)));
    assert_eq!(asked().pass(17_100, "b", 40_001, Down, Spoke).exchange(), None, "delivered from a socket's buffer");
}

#[test]
fn a_connection_is_over_for_whoever_was_told_so() {
    let with = |stand: Stand| stand.phone.encrypted.spoken_with().into_iter().map(|it| it.0).collect::<Vec<_>>();
    let both = || Stand::at_primary(true).connects(15_000, "b", 40_001).speaks(15_100, "b", 40_001);
    assert_eq!(with(both()), ["a", "b"]);
    assert_eq!(with(both().pass(16_000, "b", 40_001, Up, Ended)), ["a"]);
    assert_eq!(with(both().see(16_000, "b", 40_001, Down, Ended, DROPPED)), ["a", "b"]);
    assert_eq!(with(both().see(16_000, "a", 40_000, Up, Spoke, DROPPED)), ["b"], "it speaks in vain");
    let again = both().connects(17_000, "b", 40_001);
    assert_eq!(again.phone.encrypted.with(&"b".into()).count(), 2, "the same ports once more");
    assert_eq!(with(again), ["a"], "nothing was said in it yet");
}

#[test]
fn what_is_reported_late_belongs_where_it_happened() {
    let late = Stand::at_primary(true)
        .pass(15_002, "b", 40_001, Up, Agreed)
        .pass(15_000, "b", 40_001, Up, Greeted)
        .pass(15_200, "b", 40_001, Up, Ended)
        .speaks(15_100, "b", 40_001);
    let connections: Vec<_> = late.phone.encrypted.all().filter(|it| it.server.0 == "b").collect();
    assert!(matches!(connections[..], [Connection { offered: Some(_), over: Some(_), .. }]), "{connections:?}");
    assert_eq!(late.exchange(), Some((15_100, 15_101)));
    assert_eq!(late.phone.encrypted.spoken_with(), ["a".into()].into());
}

#[test]
fn a_line_may_have_left_its_primary_if_its_phone_speaks_with_others_alone() {
    let strayed = |stand: Stand| strayed(&stand.case, &stand.phone).map(|it| (it.verdict, it.blame, it.code));
    assert_eq!(strayed(Stand::at_primary(true)), None);
    let polls = || Stand::at_primary(true).connects(5_000, "b", 40_001).speaks(5_100, "b", 40_001);
    assert_eq!(strayed(polls()), None, "it asks its backup besides");
    assert_eq!(strayed(polls().pass(6_000, "a", 40_000, Up, Ended)), Some(CAN_NOT_TELL));
}

#[test]
fn without_an_exchange_everybody_is_blamed_for_what_shows_and_for_nothing_else() {
    let stand = || Stand::at_primary(true);
    assert_eq!(stand().missing(), (Verdict::Fail, Some(Blame::Phone), "never-failed-over"));
    assert_eq!(Stand::at_primary(false).missing(), CAN_NOT_TELL, "it may not have been registered at all");
    let greets = || stand().pass(15_000, "b", 40_001, Up, Greeted);
    assert_eq!(greets().missing(), (Verdict::Fail, Some(Blame::Server), "backup-silent"));
    let refuses = greets().pass(15_001, "b", 40_001, Down, Refused { alert: Some(40) });
    assert_eq!(refuses.missing(), (Verdict::Fail, Some(Blame::Unknown), "no-agreement"));
    assert_eq!(greets().pass(15_001, "b", 40_001, Down, Greeted).missing(), CAN_NOT_TELL, "one of them fell silent");
    let agrees = || stand().connects(15_000, "b", 40_001);
    assert_eq!(agrees().missing(), CAN_NOT_TELL);
    assert_eq!(agrees().pass(15_100, "b", 40_001, Up, Spoke).missing(), CAN_NOT_TELL);
    let goes_on = stand().speaks(16_000, "a", 40_000);
    assert_eq!(goes_on.missing(), (Verdict::RigError, Some(Blame::Rig), "leak"));
    let in_vain = stand().see(16_000, "a", 40_000, Up, Spoke, DROPPED);
    assert_eq!(in_vain.missing(), (Verdict::Fail, Some(Blame::Phone), "never-failed-over"));
}

#[test]
fn a_line_that_is_read_elsewhere_is_not_blind_where_its_phone_never_was() {
    let mut stand = Stand::at_primary(true);
    stand.case.unread.clear();
    let cause = stand.case.cuts[0].began;
    assert_eq!(missing(&stand.case, &stand.phone, stand.failover(), cause), None);
}

#[test]
fn a_late_exchange_is_the_phone_s_fault_if_it_had_asked_for_nothing_before() {
    let unsure = |mut stand: Stand| {
        let (leg, cause) = (stand.failover(), stand.case.cuts[0].began);
        let moved = stand.phone.encrypted.exchange(&"b".into(), cause.when.at).unwrap();
        stand.case.moves.insert(leg, moved);
        let late = Finding::fail(Blame::Phone, "late", "");
        unsure_of_delay(&stand.case, &stand.phone, leg, cause, &late).map(|it| (it.verdict, it.blame, it.code))
    };
    let late = |vouched| Stand::at_primary(vouched).connects(30_000, "b", 40_002).speaks(30_100, "b", 40_002);
    assert_eq!(unsure(late(true)), None);
    assert_eq!(unsure(late(false)), Some(CAN_NOT_TELL));
    let asked = Stand::at_primary(true).pass(15_000, "b", 40_001, Up, Greeted).pass(16_000, "b", 40_001, Up, Ended);
    let asked = asked.connects(30_000, "b", 40_002).speaks(30_100, "b", 40_002);
    assert_eq!(unsure(asked), Some(CAN_NOT_TELL));
}

#[test]
fn a_console_is_wrong_that_names_a_server_with_which_nothing_was_agreed() {
    let shown_by = Stand::at_primary(true).case.cuts[0].began;
    let claimed =
        |stand: Stand| claimed(&stand.phone, Move::Failover, "the console", &"b".into(), shown_by).map(|it| it.code);
    assert_eq!(claimed(Stand::at_primary(true)), Some("display-wrong"));
    assert_eq!(claimed(Stand::at_primary(true).pass(15_000, "b", 40_001, Up, Greeted)), Some("display-wrong"));
    assert_eq!(claimed(Stand::at_primary(true).connects(15_000, "b", 40_001)), None);
}

#[test]
fn what_a_phone_does_without_end_is_remembered_within_bounds() {
    let mut stand = Stand::at_primary(true);
    for port in 0..1_000 {
        stand = stand.connects(15_000, "b", 1_000 + port);
    }
    assert_eq!(stand.phone.encrypted.all().count(), 64);
    for ms in 0..1_000 {
        stand = stand.speaks(20_000 + 2 * ms, "b", 1_999);
    }
    assert_eq!(stand.exchange(), Some((20_000 + 2 * (1_000 - 64), 20_001 + 2 * (1_000 - 64))), "the newest are kept");
}
