//! The message lamp's subscription on its way with the line.

use super::*;

#[test]
fn a_healthy_lamp_is_subscribed_where_its_line_is_and_its_return_is_measured() {
    let records = rehearse_scenario("mwi-after-move", &with_lamps(), calm(), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        assert!(value(case, "mwi-baseline") < 5_000.0, "{case:#?}");
        // It asks as soon as it is registered anew: after one more try at the dead primary, or none.
        for (lamp, line, most) in [("mwi-failover", "failover", 4_100.0), ("mwi-failback", "failback", 100.0)] {
            let behind = value(case, lamp) - value(case, line);
            assert!((-0.1..most).contains(&behind), "{lamp} {behind} ms behind: {case:#?}");
            let measured = case.measurements.iter().find(|it| it.name == lamp).unwrap();
            assert!(measured.max.unwrap() >= measured.value.unwrap(), "{measured:?}");
        }
    }
}

#[test]
fn a_phone_that_forgets_its_lamp_is_blamed_at_the_first_move() {
    let records = rehearse_scenario(
        "mwi-after-move",
        &with_lamps(),
        calm(),
        |phone| {
            if phone.name == "p2" {
                phone.defects.push(PhoneDefect::ForgetsSubscription);
            }
        },
        |_| {},
    );
    assert_eq!(found(&records, "p2"), (Verdict::Fail, Some(Blame::Phone), Some("subscription-lost")));
    let case = cases(&records).find(|case| case.id.phone.0 == "p2").unwrap();
    let reason = case.reason.as_deref().unwrap();
    assert!(reason.contains("no SUBSCRIBE for its message lamp to server b in "), "{reason}");
    let measured = case.measurements.iter().find(|it| it.name == "mwi-failover").unwrap();
    assert_eq!((measured.value, measured.why_null.as_deref()), (None, Some("no subscription was seen")));
    for healthy in ["p1", "p3", "p4"] {
        assert_eq!(found(&records, healthy), (Verdict::Pass, None, None));
    }
}

#[test]
fn a_phone_that_is_not_told_to_subscribe_is_skipped() {
    let records = rehearse_scenario("mwi-after-move", &Description::default(), calm(), |_| {}, |_| {});
    for phone in ["p1", "p4"] {
        assert_eq!(
            found(&records, phone),
            (Verdict::Skipped, Some(Blame::Configuration), Some("no-subscription")),
            "{phone}"
        );
    }
}

#[test]
fn lamps_are_judged_alike_in_bad_weather_and_after_a_replay() {
    for seed in 0..6 {
        let rough = Weather {
            seed,
            delay: Duration::from_millis(30),
            loss_per_10000: 100,
            lateness: Duration::from_millis(20),
            switch_on: Duration::from_secs(3),
        };
        let records = rehearse_scenario("mwi-after-move", &with_lamps(), rough, |_| {}, |_| {});
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "seed {seed}: {case:#?}");
        }
        judged_again_alike(&records);
    }
}
