//! A night of many scenarios on many phones, one after the other in one run, with the lifetime of the manual.

use super::*;

/// What happens to a primary, on phones that are told nothing and asked nothing but over the wire.
const NIGHT: [&str; 22] = [
    "baseline",
    "failover",
    "cut-before-renewal",
    "cut-after-renewal",
    "settling",
    "both-away",
    "hold-on-backup",
    "storm",
    "primary-answers-503",
    "one-way-loss",
    "swallowed-200",
    "lossy-path",
    "flapping",
    "primary-reboots",
    "prohibited",
    "host-unreachable",
    "slow-path",
    "slow-death",
    "primary-flaps",
    "late-401",
    "connections-reset",
    "mass-return",
];

#[test]
fn twenty_two_scenarios_on_forty_phones_with_ten_minutes_of_lifetime_are_over_within_nine_hours() {
    let mut description = Description::default();
    manual_timers(&mut description);
    description.lab.phones = 40;
    // In a lab nobody switches phones on for a night: each of them renews at a moment of its own.
    let weather = Weather { seed: 7, switch_on: Duration::from_secs(570), ..calm() };
    let mut scenarios = NIGHT.map(|name| load::scenario(name, Path::new(load::RIG)).unwrap()).into_iter();
    let first = scenarios.next().unwrap();
    let mut rehearsal = Rehearsal::new(&description, first, weather, |_| {}, |_| {}).unwrap();
    rehearsal.plan_mut().then = scenarios.collect();
    let records = rehearsal.run().unwrap();
    let failed: Vec<&Case> = cases(&records).filter(|case| case.verdict != Verdict::Pass).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(cases(&records).count(), NIGHT.len() * 40);
    let took = records.last().unwrap().seen.since(Stamp::ZERO);
    assert!(took <= Duration::from_secs(9 * 3600), "{:.2} h", took.as_secs_f64() / 3600.0);
}
