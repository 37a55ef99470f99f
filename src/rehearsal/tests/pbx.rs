//! Settings of the PBX that a scenario changes.

use super::*;
use crate::{
    config::{Need, Step, StepKind},
    event::{PbxFault, PbxFlaw},
};

const S: Duration = Duration::from_secs(1);

#[test]
fn a_setting_is_changed_for_a_scenario_and_set_back_before_its_teardown() {
    let scenario = load::scenario("distribution-switched", Path::new(load::RIG)).unwrap();
    let trial = scenario.steps.len();
    let records = rehearse_scenario("distribution-switched", &tried_on(&scenario).unwrap(), calm(), |_| {}, |_| {});
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
    assert_eq!(settled(&records), ["on, was off", "as it was"]);
    let back = records.iter().rposition(|it| matches!(it.event, Event::Observed(Observed::PbxSettled { .. })));
    let teardown = records
        .iter()
        .position(|it| matches!(it.event, Event::Derived(Derived::StepStarted { step, .. }) if step == trial));
    assert!(back.unwrap() < teardown.unwrap());
    // Without the step it is found out that nobody takes whom the home server has no room for.
    let mut without = scenario.clone();
    without.steps.retain(|step| !matches!(step.kind, StepKind::Pbx { .. }));
    let rehearsal =
        Rehearsal::new(&tried_on(&scenario).unwrap(), without, calm(), |_| {}, |_| {}).unwrap().run().unwrap();
    assert!(cases(&rehearsal).any(|case| case.code.as_deref() == Some("server-refused")));
}

#[test]
fn the_scenario_that_switches_distribution_on_passes_with_phones_of_every_habit() {
    let scenario = load::scenario("distribution-switched", Path::new(load::RIG)).unwrap();
    for seed in 0..6 {
        let (description, weather) = healthy::bench_for(&scenario, seed).unwrap();
        let records = rehearse_scenario("distribution-switched", &description, weather, |_| {}, |_| {});
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "bench {seed}: {case:#?}");
        }
        assert_eq!(settled(&records), ["on, was off", "as it was"], "bench {seed}");
    }
}

#[test]
fn what_needs_a_setting_that_the_bench_has_not_is_skipped_and_says_so() {
    let mut named = Scenario::of("named", "", vec![expect(Move::Baseline)]);
    named.needs.push(Need::Pbx("distribution".into()));
    for scenario in [switched("on"), named] {
        let mut rehearsal = rehearsal(scenario);
        rehearsal.plan.bench.pbx.clear();
        let records = rehearsal.run().unwrap();
        for case in cases(&records) {
            let found = (case.verdict, case.blame, case.code.as_deref());
            assert_eq!(found, (Verdict::Skipped, Some(Blame::Configuration), Some("no-pbx")));
            let reason = case.reason.as_deref().unwrap();
            assert_eq!(reason, "needs pbx.distribution: the bench file has no [pbx.distribution]");
        }
        assert_eq!(ordered(&records), 0);
    }
}

#[test]
fn an_optional_change_is_passed_over_where_the_bench_knows_of_none() {
    for state in ["on", "half"] {
        let mut scenario = switched(state);
        scenario.steps[0].optional = true;
        let mut rehearsal = rehearsal(scenario);
        if state == "on" {
            rehearsal.plan.bench.pbx.clear();
        }
        let records = rehearsal.run().unwrap();
        assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
        assert_eq!(ordered(&records), 0);
        let passed_over = records.iter().any(|it| match &it.event {
            Event::Derived(Derived::StepEnded { note, .. }) => note.starts_with("passed over: needs pbx.distribution"),
            _ => false,
        });
        assert!(passed_over);
    }
}

#[test]
fn a_setting_that_is_not_as_it_was_ordered_is_no_fault_of_a_phone_and_is_set_back() {
    for (fault, code) in
        [(PbxFault::Failed, "pbx-failed"), (PbxFault::Unread, "pbx-unread"), (PbxFault::Unchanged, "pbx-unchanged")]
    {
        let records = with_flaw(rehearsal(switched("on")), 1, fault);
        for case in cases(&records) {
            let found = (case.verdict, case.blame, case.code.as_deref());
            assert_eq!(found, (Verdict::RigError, Some(Blame::Configuration), Some(code)), "{case:#?}");
            assert_eq!(case.reason.as_deref(), Some("what the driver says of it"));
        }
        assert_eq!(settled(&records).last().unwrap(), "as it was");
    }
}

#[test]
fn what_is_left_changed_spoils_a_pass_and_nothing_comes_after_it() {
    let mut plan = rehearsal(switched("on"));
    plan.plan.then = vec![switched("off")];
    let records = with_flaw(plan, 2, PbxFault::Failed);
    assert_eq!(cases(&records).count(), 4, "the second scenario is not begun");
    for case in cases(&records) {
        let found = (case.verdict, case.blame, case.code.as_deref());
        assert_eq!(found, (Verdict::RigError, Some(Blame::Configuration), Some("pbx-not-restored")), "{case:#?}");
        let reason = case.reason.as_deref().unwrap();
        assert_eq!(reason, "pbx.distribution was not set back: what the driver says of it");
    }
}

#[test]
fn each_scenario_sets_back_what_it_changed_before_the_next_begins() {
    let mut rehearsal = rehearsal(switched("on"));
    rehearsal.plan.then = vec![Scenario { name: "again".to_owned(), ..switched("on") }];
    let records = rehearsal.run().unwrap();
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    assert_eq!(cases(&records).count(), 8);
    assert_eq!(settled(&records), ["on, was off", "as it was", "on, was off", "as it was"]);
}

#[test]
fn what_is_so_already_is_let_alone() {
    let records = rehearsal(switched("off")).run().unwrap();
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
    assert_eq!(settled(&records), ["as it was"]);
    assert_eq!(ordered(&records), 1);
}

#[test]
fn a_run_that_somebody_ends_sets_back_what_it_changed() {
    let mut rehearsal = rehearsal(switched("on"));
    let at = Stamp::ZERO + S;
    let stop = Observed::StopRequested { by: "SIGINT".to_owned() };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), stop));
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1").2, Some("interrupted"));
    assert_eq!(settled(&records), ["on, was off", "as it was"]);
    assert!(matches!(records.last().unwrap().event, Event::Action(Action::Finish)));
}

/// The setting is changed before anything else, and the lines register.
fn switched(state: &str) -> Scenario {
    let change = StepKind::Pbx { setting: "distribution".into(), state: state.to_owned() };
    Scenario::of(
        &format!("switched-{state}"),
        "",
        vec![Step::of("change it", change), Step::of("", StepKind::Wait { span: 3 * S }), expect(Move::Baseline)],
    )
}

fn rehearsal(scenario: Scenario) -> Rehearsal {
    Rehearsal::new(&Description::default(), scenario, calm(), |_| {}, |_| {}).unwrap()
}

/// The same run with this fault said of the order of that number, ahead of what comes of it.
fn with_flaw(mut rehearsal: Rehearsal, sequence: u32, fault: PbxFault) -> Vec<Record> {
    let again = Rehearsal::new(&Description::default(), rehearsal.plan.scenario.clone(), calm(), |_| {}, |_| {});
    let records = again.unwrap().run().unwrap();
    let ordered = records.iter().find(|it| match &it.event {
        Event::Action(Action::SetPbx { sequence: this, .. } | Action::RestorePbx { sequence: this, .. }) => {
            *this == sequence
        }
        _ => false,
    });
    let at = ordered.unwrap().seen + Duration::from_millis(1);
    let flaw = PbxFlaw { fault, reason: "what the driver says of it".to_owned() };
    let settled = Observed::PbxSettled {
        setting: "distribution".into(),
        sequence: Some(sequence),
        was: Some("off".to_owned()),
        flaw: Some(flaw),
    };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), settled));
    rehearsal.run().unwrap()
}

/// What was told of the setting, without what tests said of it.
fn settled(records: &[Record]) -> Vec<String> {
    let told = records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::PbxSettled { was, flaw: None, .. }) => {
            Some(was.as_ref().map_or_else(|| "as it was".to_owned(), |was| format!("on, was {was}")))
        }
        _ => None,
    });
    told.collect()
}

fn ordered(records: &[Record]) -> usize {
    let about = |it: &&Record| matches!(it.event, Event::Action(Action::SetPbx { .. } | Action::RestorePbx { .. }));
    records.iter().filter(about).count()
}
