//! What operators wish of a run that goes on.

use super::*;
use crate::event::{Observed, OutageEnd};

/// A failover in which an operator gives the network back, so many milliseconds after it began.
fn restored(after: u64) -> Vec<Record> {
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap();
    let at = stamp(Duration::from_millis(after));
    let wish = Observed::RestoreRequested { by: "anna".to_owned() };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), wish));
    rehearsal.run().unwrap()
}

#[test]
fn whoever_gives_the_network_back_disturbs_the_cases_that_did_not_have_it_and_nobody_is_blamed() {
    let records = restored(6_000);
    let mut ended = records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::OutageEnded { why, .. }) => Some((record.when.at, *why)),
        _ => None,
    });
    let (at, why) = ended.next().unwrap();
    assert_eq!((why, at < stamp(Duration::from_millis(6_100))), (OutageEnd::Lifted, true), "at once: {at}");
    assert_eq!(cases(&records).count(), 4);
    for case in cases(&records) {
        assert_eq!((case.verdict, case.code.as_deref()), (Verdict::NotRun, Some("disturbed")), "{case:#?}");
        assert_eq!(case.blame, Some(Blame::Unknown));
        let wished =
            records.iter().find(|record| matches!(record.event, Event::Observed(Observed::RestoreRequested { .. })));
        assert!(case.evidence.contains(&wished.unwrap().seq), "{case:#?}");
    }
}

#[test]
fn where_every_phone_has_its_network_nothing_is_disturbed() {
    let records = restored(100);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
}
