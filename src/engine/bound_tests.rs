use super::*;

pub(in crate::engine) fn timers(expires: u64, transaction: u64, lead: u64) -> Timers {
    let manual = |secs| Timer { value: Duration::from_secs(secs), source: Source::Manual };
    Timers {
        expires: manual(expires),
        transaction: manual(transaction),
        renewal_lead: Timer { value: RenewalLead::Span(Duration::from_secs(lead)), source: Source::Manual },
        retry_timeout: manual(120),
        retry_rejected: manual(1800),
    }
}

#[test]
fn ten_minutes_granted_give_the_documented_worst_case_and_two_seconds_of_allowance() {
    let worst = worst_failover(&timers(600, 4, 15), Duration::from_secs(600));
    assert_eq!(worst, Duration::from_secs(589 + 2));
}

#[test]
fn an_overdue_renewal_leaves_only_transaction_and_registering() {
    let window = failover(&timers(600, 4, 15), Duration::from_secs(600), Duration::from_secs(10));
    assert_eq!(window.length, Duration::from_secs(6));
    assert!(window.derivation.contains("due already"), "{}", window.derivation);
}

#[test]
fn a_return_waits_for_the_renewal_at_the_backup() {
    let back = |left, asking| {
        let seconds = Duration::from_secs;
        failback(&timers(12, 4, 6), FailbackHabit::Renewal, seconds(12), seconds(left), asking)
    };
    assert_eq!(back(10, false).length, Duration::from_secs(6));
    let waits = back(10, true);
    assert_eq!(waits.length, Duration::from_secs(4 + 6 + 2), "what it still asks for may be given up first");
    assert!(waits.derivation.starts_with("a connection was under way: "), "{}", waits.derivation);
}

#[test]
fn a_lift_in_the_middle_of_a_renewal_costs_a_whole_period() {
    let window =
        failback(&timers(12, 4, 6), FailbackHabit::Renewal, Duration::from_secs(12), Duration::from_secs(5), false);
    assert_eq!(window.length, Duration::from_secs(4 + 6 + 2));
}

#[test]
fn a_renewal_that_tries_a_dead_primary_for_longer_than_its_lead_outlasts_the_binding() {
    let granted = Duration::from_secs(30);
    assert!(renewal_outlasts_binding(&timers(30, 64, 3), FailbackHabit::Renewal, granted));
    assert!(!renewal_outlasts_binding(&timers(600, 4, 15), FailbackHabit::Renewal, granted));
    let polls = FailbackHabit::Poll(Duration::from_secs(10));
    assert!(!renewal_outlasts_binding(&timers(30, 32, 3), polls, granted), "it renews where it is");
}

#[test]
fn a_phone_that_never_left_its_backup_comes_back_by_its_retry_timer() {
    let window = revival(&timers(30, 32, 3));
    assert_eq!(window.length, Duration::from_secs(120 + 32 + 2));
    assert!(window.derivation.contains("120 s retry after a timeout"), "{}", window.derivation);
}

#[test]
fn a_lamp_may_wait_for_its_own_renewal_and_then_for_a_dead_primary() {
    let seconds = Duration::from_secs;
    let window = lamp(&timers(600, 4, 15), Some((seconds(3600), seconds(1000))));
    assert_eq!(window.length, seconds(985 + 4 + 2));
    assert!(window.derivation.starts_with("1000 s of a subscription for 3600 s left"), "{}", window.derivation);
    assert_eq!(lamp(&timers(600, 4, 15), None).length, seconds(6), "at once without one");
}

#[test]
fn a_call_waits_for_a_dead_primary_only_while_it_is_dead() {
    let seconds = Duration::from_secs;
    assert_eq!(post_dial(&timers(600, 4, 15), true).length, seconds(6));
    assert_eq!(post_dial(&timers(600, 4, 15), false).length, seconds(2));
}

#[test]
fn assumed_timers_are_named() {
    let mut timers = timers(600, 4, 15);
    timers.transaction.source = Source::Assumed;
    let window = failover(&timers, Duration::from_secs(600), Duration::from_secs(600));
    assert_eq!(window.assumed, ["transaction"]);
}

#[test]
fn a_share_of_the_lifetime_scales_with_what_was_granted() {
    let mut timers = timers(60, 32, 15);
    timers.renewal_lead.value = RenewalLead::Percent(10.0);
    let window = failover(&timers, Duration::from_secs(60), Duration::from_secs(60));
    assert_eq!(window.length, Duration::from_secs(54 + 32 + 2));
}
