//! What lines are told of messages that wait.

use super::{
    dialogs::{Line, asks, says},
    *,
};

const EVENT: &str = "Event: message-summary\r\nExpires: 60\r\n";
const END: &str = "Event: message-summary\r\nExpires: 0\r\n";
const ACTIVE: &str = "Event: message-summary\r\nSubscription-State: active;expires=60\r\n";
const TERMINATED: &str = "Event: message-summary\r\nSubscription-State: terminated;reason=timeout\r\n";
const YES: &str = "Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n";
const NO: &str = "Messages-Waiting: no\r\n";

/// A SUBSCRIBE of the line.
fn subscribe(server: &'static str, cseq: u32, headers: &'static str) -> Line {
    asks(server, "SUBSCRIBE", cseq).with(headers)
}

/// A 2xx to it.
fn granted(server: &'static str, cseq: u32, headers: &'static str) -> Line {
    says(server, "200 OK", "SUBSCRIBE", cseq).with(headers)
}

/// A NOTIFY to the line.
fn notify(server: &'static str, cseq: u32, headers: &'static str, body: &'static str) -> Line {
    asks(server, "NOTIFY", cseq).inside().turned().with(headers).telling(body)
}

impl Tape {
    /// SUBSCRIBE, 2xx and the first NOTIFY, in the dialog `call`.
    fn subscribed(&mut self, ms: f64, server: &'static str, call: &'static str, body: &'static str) {
        self.put(ms, subscribe(server, 1, EVENT).of(call));
        self.put(ms + 1.0, granted(server, 1, "Expires: 60\r\n").of(call));
        self.put(ms + 2.0, notify(server, 1, ACTIVE, body).of(call));
        self.put(ms + 3.0, says(server, "200 OK", "NOTIFY", 1).turned().of(call));
    }
}

/// How a subscription went: server, from, until, how it ended, refreshes, NOTIFYs, what they say.
type Went = (IpAddr, f64, Option<f64>, SubscriptionEndedBy, u32, u32, Option<bool>);

fn subscriptions(phone: &Phone) -> Vec<Went> {
    let told = phone.subscriptions.iter();
    told.map(|it| (it.server, it.from_ms, it.until_ms, it.ended_by, it.refreshes, it.notifies, it.waiting)).collect()
}

#[test]
fn a_subscription_lasts_over_its_refreshes_until_it_runs_out() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 600);
    tape.subscribed(1_000.0, A, "s1", NO);
    tape.put(50_000.0, subscribe(A, 2, EVENT).inside().of("s1"));
    tape.put(50_001.0, granted(A, 2, "Expires: 40\r\n").of("s1"));
    // The same answer once more prolongs nothing.
    tape.put(50_501.0, granted(A, 2, "Expires: 40\r\n").of("s1"));
    tape.put(60_000.0, notify(A, 2, ACTIVE, YES).of("s1"));
    tape.idle(200_000.0);
    let phone = tape.phone();
    let until = Some(90_001.0);
    assert_eq!(subscriptions(&phone), [(ip(A), 1_001.0, until, SubscriptionEndedBy::Expired, 1, 2, Some(true))]);
    assert_eq!((phone.subscriptions[0].expires_s, phone.subscriptions[0].notified_ms), (40, Some(1_002.0)));
    let told = phone.message_waiting.unwrap();
    assert_eq!((told.waiting, told.server, told.at_ms), (Some(true), Some(ip(A)), Some(60_000.0)));
    assert_eq!((told.notifies, told.unsolicited, told.refused), (2, 0, 0));
}

#[test]
fn a_subscription_is_ended_by_the_phone_by_a_last_notify_or_by_a_server_that_forgot_it() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 600);
    tape.subscribed(1_000.0, A, "s1", NO);
    tape.put(5_000.0, subscribe(A, 2, END).inside().of("s1"));
    tape.put(5_001.0, granted(A, 2, "Expires: 0\r\n").of("s1"));
    tape.subscribed(10_000.0, A, "s2", NO);
    tape.put(15_000.0, notify(A, 2, TERMINATED, "").of("s2"));
    tape.subscribed(20_000.0, A, "s3", NO);
    tape.put(25_000.0, subscribe(A, 2, EVENT).inside().of("s3"));
    tape.put(25_001.0, says(A, "481 Subscription Does Not Exist", "SUBSCRIBE", 2).of("s3"));
    tape.subscribed(30_000.0, A, "s4", NO);
    let phone = tape.phone();
    let ends: Vec<_> = phone.subscriptions.iter().map(|it| (it.until_ms, it.ended_by)).collect();
    assert_eq!(
        ends,
        [
            (Some(5_001.0), SubscriptionEndedBy::Removed),
            (Some(15_000.0), SubscriptionEndedBy::Terminated),
            (Some(25_001.0), SubscriptionEndedBy::Terminated),
            (None, SubscriptionEndedBy::CaptureEnd),
        ]
    );
    let refusals = phone.message_waiting.unwrap().refusals;
    assert_eq!(refusals.iter().map(|it| (it.code, it.count)).collect::<Vec<_>>(), [(481, 1)]);
}

#[test]
fn a_notify_may_overtake_the_answer_that_it_belongs_to() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 600);
    tape.put(1_000.0, subscribe(A, 1, EVENT).of("s1"));
    tape.put(1_001.0, notify(A, 1, ACTIVE, YES).of("s1"));
    tape.put(1_002.0, granted(A, 1, "").of("s1"));
    let phone = tape.phone();
    assert_eq!(subscriptions(&phone), [(ip(A), 1_002.0, None, SubscriptionEndedBy::CaptureEnd, 0, 1, Some(true))]);
    assert_eq!(phone.message_waiting.unwrap().unsolicited, 0);
}

#[test]
fn message_waiting_is_back_with_the_first_notify_of_the_new_server() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.subscribed(1_000.0, A, "s1", YES);
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 40);
    tape.subscribed(54_500.0, B, "s2", YES);
    tape.put(55_000.0, notify(B, 2, ACTIVE, NO).of("s2"));
    tape.register(90_000.0, A, 60);
    // Nobody asked for it, and it tells nevertheless.
    tape.put(90_250.0, notify(A, 1, ACTIVE, NO).of("unasked"));
    tape.put(90_251.0, says(A, "200 OK", "NOTIFY", 1).turned().of("unasked"));
    let phone = tape.phone();
    let back: Vec<_> = phone.measurements.iter().filter(|it| it.name == "mwi-back").collect();
    let told: Vec<_> = back.iter().map(|it| (it.to_server.as_deref().unwrap(), it.at_ms, it.value)).collect();
    assert_eq!(told, [("10.77.0.3", Some(54_003.0), Some(499.0)), ("10.77.0.2", Some(90_003.0), Some(247.0))]);
    assert_eq!(phone.message_waiting.unwrap().unsolicited, 1);
}

#[test]
fn a_notify_that_never_comes_is_said() {
    let mut tape = Tape::with(outage("30s..80s"));
    tape.register(10.0, A, 60);
    tape.subscribed(1_000.0, A, "s1", YES);
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    tape.put(54_500.0, subscribe(B, 1, EVENT).of("s2"));
    tape.put(54_501.0, granted(B, 1, "Expires: 60\r\n").of("s2"));
    // From the server that it left.
    tape.put(55_000.0, notify(A, 2, ACTIVE, YES).of("s1"));
    tape.idle(100_000.0);
    let phone = tape.phone();
    let back = measured(&phone, "mwi-back");
    assert_eq!(back.value, None);
    assert!(back.why_null.as_ref().unwrap().contains("no NOTIFY"), "{back:?}");
    assert_eq!((phone.subscriptions[1].notifies, phone.subscriptions[1].waiting), (0, None));
}

#[test]
fn a_notify_that_the_phone_does_not_take_brings_nothing_back() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.subscribed(1_000.0, A, "s1", YES);
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    tape.put(55_000.0, notify(B, 1, ACTIVE, YES).of("s2"));
    tape.put(55_001.0, says(B, "481 Subscription Does Not Exist", "NOTIFY", 1).turned().of("s2"));
    tape.put(56_000.0, notify(B, 1, ACTIVE, YES).of("s3"));
    tape.put(56_001.0, says(B, "200 OK", "NOTIFY", 1).turned().of("s3"));
    let phone = tape.phone();
    assert_eq!(measured(&phone, "mwi-back").value, Some(56_000.0 - 54_003.0));
    assert_eq!(phone.message_waiting.unwrap().refused, 1);
}

#[test]
fn a_notify_that_an_outage_takes_did_not_come() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.lose(1_000.0, notify(A, 1, ACTIVE, YES));
    let told = tape.phone().message_waiting.unwrap();
    assert_eq!((told.waiting, told.notifies, told.server), (None, 0, None));
}

#[test]
fn other_packages_and_lines_without_any_have_no_part_in_it() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    tape.put(1_000.0, asks(A, "SUBSCRIBE", 1).with("Event: dialog\r\nExpires: 60\r\n"));
    tape.put(1_001.0, granted(A, 1, "Expires: 60\r\n"));
    tape.ask(50_000.0, A, 60);
    tape.register(54_000.0, B, 60);
    let phone = tape.phone();
    assert_eq!((phone.subscriptions.len(), &phone.message_waiting), (0, &None));
    assert!(names(&phone).contains(&"failover") && !names(&phone).contains(&"mwi-back"), "{:?}", names(&phone));
}
