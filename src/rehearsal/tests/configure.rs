//! Phones that a scenario sets otherwise, and sets back.

use super::*;
use crate::{
    config::StepKind,
    event::{SipMessage, Toward},
};

const S: Duration = Duration::from_secs(1);

/// The bench on which the scenario is tried.
fn provisioned() -> Description {
    tried_on(&scenario()).unwrap()
}

fn scenario() -> Scenario {
    load::scenario("configured-timers", Path::new(load::RIG)).unwrap()
}

fn rehearsal(scenario: Scenario, phone: impl FnMut(&mut PhoneSpec)) -> Rehearsal {
    Rehearsal::new(&provisioned(), scenario, calm(), phone, |_| {}).unwrap()
}

/// The run of the scenario where the first phone has this defect.
fn with(defect: PhoneDefect) -> Vec<Record> {
    let broken = |phone: &mut PhoneSpec| phone.defects.extend((phone.name == "p1").then_some(defect));
    rehearsal(scenario(), broken).run().unwrap()
}

#[test]
fn phones_go_by_what_they_are_set_to_and_are_set_back() {
    let mut rehearsal = rehearsal(scenario(), |_| {});
    let (base, served) = (rehearsal.files_mut().base.clone(), rehearsal.files_mut().served.clone());
    assert_eq!((base.len(), &base), (5, &served), "one for all, and one for each of four phones");
    let records = rehearsal.run().unwrap();
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        assert!((7_999.0..=8_010.0).contains(&value(case, "failover-detecting")), "by the new timer");
    }
    assert_eq!(
        written(&records),
        ["p1: 2 settings", "p2: 2 settings", "p3: 2 settings", "p4: 2 settings", "p1", "p2", "p3", "p4"]
    );
    for (name, fetches) in fetched(&records) {
        // At power on, for the settings, and for the base set.
        assert_eq!(fetches, 3, "{name}");
    }
    let (asked, granted): (Vec<_>, Vec<_>) = lifetimes(&records, "p1").into_iter().unzip();
    assert_eq!((asked.first(), asked.last()), (Some(&12), Some(&12)), "{asked:?}");
    assert!(asked.contains(&60) && granted.contains(&60), "{asked:?} {granted:?}");
    judged_again_alike(&records);
}

#[test]
fn the_scenario_that_sets_phones_otherwise_passes_with_phones_of_every_habit() {
    for seed in 0..6 {
        let (description, weather) = healthy::bench_for(&scenario(), seed).unwrap();
        let records = rehearse_scenario("configured-timers", &description, weather, |_| {}, |_| {});
        for case in cases(&records) {
            assert_eq!(case.verdict, Verdict::Pass, "bench {seed}: {case:#?}");
        }
    }
}

#[test]
fn a_phone_that_loads_its_files_and_does_not_go_by_them_is_found_out() {
    let records = with(PhoneDefect::IgnoresFiles);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("setting-without-effect")));
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    let reason = case.reason.as_deref().unwrap();
    assert_eq!(reason, "the phone asks for 12 s, and its file says 60 s; it has no settings of its own");
    assert_eq!(found(&records, "p2").0, Verdict::Pass);
}

#[test]
fn a_timer_that_shows_only_in_an_outage_is_found_out_there() {
    let only = |name: &str| {
        let mut only = scenario();
        for step in &mut only.steps {
            if let StepKind::Configure { settings } = &mut step.kind {
                settings.retain(|known, _| known == name);
            }
        }
        only
    };
    let broken = |phone: &mut PhoneSpec| {
        phone.defects.extend((phone.name == "p1").then_some(PhoneDefect::IgnoresFiles));
    };
    let records = rehearsal(only("sip transaction timer"), broken).run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("setting-without-effect")));
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    assert!(case.reason.as_deref().unwrap().starts_with("the phone gave its primary up after 4.0 s"), "{case:#?}");
}

#[test]
fn a_setting_that_was_made_on_the_phone_counts_more_and_is_not_held_against_it() {
    let own = |phone: &mut PhoneSpec| {
        if phone.name == "p1" {
            phone.local = "sip registration period: 20\n".to_owned();
        }
    };
    let records = rehearsal(scenario(), own).run().unwrap();
    // Where a console tells of them, they are no start state of any scenario.
    assert_eq!(found(&records, "p1"), (Verdict::NotRun, Some(Blame::Unknown), Some("local-settings")));
    let mut description = provisioned();
    description.lab.consoles = false;
    let records = Rehearsal::new(&description, scenario(), calm(), own, |_| {}).unwrap().run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Unknown), Some("setting-without-effect")));
}

#[test]
fn a_phone_that_is_not_seen_to_load_its_file_proves_nothing() {
    let records = with(PhoneDefect::LoadsNothing);
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("fetch-unseen")));
    // It has booted and registered since its file is as it was, and was never seen to load another: nothing is left to be undone.
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    assert!(!case.reason.as_deref().unwrap().contains("the start state was not restored"), "{case:#?}");
    assert_eq!(settled(&records), 4);
    assert_eq!(found(&records, "p2").0, Verdict::Pass);
}

#[test]
fn a_phone_that_loads_another_file_than_its_own_is_told_to_look_elsewhere() {
    // It has the product's file, and asks for nothing of its own name.
    let stranger = |phone: &mut PhoneSpec| {
        if phone.name == "p1" {
            phone.mac = "00:08:5d:99:99:99".parse().unwrap();
        }
    };
    let records = rehearsal(scenario(), stranger).run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("not-fetched")));
}

#[test]
fn a_file_that_can_not_be_written_is_nobodys_fault_but_the_bench_files() {
    let mut rehearsal = rehearsal(scenario(), |_| {});
    rehearsal.files_mut().broken = Some("cannot write /srv/tftp/x.cfg: Permission denied".to_owned());
    let records = rehearsal.run().unwrap();
    for case in cases(&records) {
        let found = (case.verdict, case.blame, case.code.as_deref());
        assert_eq!(found, (Verdict::RigError, Some(Blame::Configuration), Some("file-not-written")), "{case:#?}");
    }
    assert!(
        !records.iter().any(|it| matches!(it.event, Event::Action(Action::Push { .. }))),
        "nobody is restarted for it"
    );
}

#[test]
fn where_nothing_can_restart_a_phone_its_file_is_left_alone() {
    let mut description = provisioned();
    description.lab.push = false;
    let mut rehearsal = Rehearsal::new(&description, scenario(), calm(), |_| {}, |_| {}).unwrap();
    for model in rehearsal.plan.models.values_mut() {
        model.menus.remove(StepKind::RESTART);
    }
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Skipped, Some(Blame::Configuration), Some("no-restart")));
    assert!(written(&records).is_empty());
}

#[test]
fn a_phone_that_nothing_can_restart_passes_over_what_is_optional() {
    let mut description = provisioned();
    description.lab.push = false;
    let mut optional = scenario();
    for step in &mut optional.steps[1..5] {
        step.optional = true;
    }
    let mut rehearsal = Rehearsal::new(&description, optional, calm(), |_| {}, |_| {}).unwrap();
    for model in rehearsal.plan.models.values_mut() {
        model.menus.remove(StepKind::RESTART);
    }
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1").0, Verdict::Pass, "{:#?}", cases(&records).next());
    assert!(written(&records).is_empty());
    let case = cases(&records).next().unwrap();
    assert!((3_999.0..=4_010.0).contains(&value(case, "failover-detecting")), "by the base set");
}

#[test]
fn phones_of_which_nobody_knows_the_files_are_not_even_restarted_where_that_is_optional() {
    let mut optional = scenario();
    optional.steps[1..5].iter_mut().for_each(|step| step.optional = true);
    let records = Rehearsal::new(&Description::default(), optional, calm(), |_| {}, |_| {}).unwrap().run().unwrap();
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
    }
    let boots = records.iter().filter(|it| matches!(it.event, Event::Action(Action::Push { .. })));
    assert_eq!(boots.count(), 0);
}

#[test]
fn the_scenario_after_it_finds_phones_that_go_by_the_base_set_whatever_became_of_it() {
    for defect in [None, Some(PhoneDefect::LoadsNothing)] {
        let broken = |phone: &mut PhoneSpec| phone.defects.extend(defect.filter(|_| phone.name == "p1"));
        let mut rehearsal = rehearsal(scenario(), broken);
        rehearsal.plan.then = vec![load::scenario("failover", Path::new(load::RIG)).unwrap()];
        let records = rehearsal.run().unwrap();
        for case in cases(&records).filter(|case| case.id.scenario == "failover") {
            assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
            assert!((3_999.0..=4_010.0).contains(&value(case, "failover-detecting")), "by the base set");
        }
        assert_eq!((cases(&records).count(), settled(&records)), (8, 4));
    }
}

#[test]
fn a_phone_that_could_not_be_restarted_after_a_scenario_is_before_the_next() {
    let mut rehearsal = rehearsal(scenario(), |_| {});
    rehearsal.plan.then = vec![load::scenario("baseline", Path::new(load::RIG)).unwrap()];
    let again = Rehearsal::new(&provisioned(), scenario(), calm(), |_| {}, |_| {}).unwrap().run().unwrap();
    // The third push to p1 is the one that restarts it afterwards; it is said not to have arrived.
    let mut last = again.iter().filter_map(|record| match &record.event {
        Event::Action(Action::Push { phone, sequence, .. }) if phone.0 == "p1" => Some((record.seen, *sequence)),
        _ => None,
    });
    let (seen, sequence) = last.next_back().unwrap();
    let error = Some("can not connect".to_owned());
    let lost = Observed::Pushed { phone: "p1".into(), sequence, ack_after_ns: 0, error };
    let at = seen + Duration::from_micros(1);
    rehearsal.schedule(at, Happening::Report(When::exactly(at), lost));
    let records = rehearsal.run().unwrap();
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    assert_eq!(case.code.as_deref(), Some("push-failed"), "{case:#?}");
    for case in cases(&records).filter(|case| case.id.scenario == "baseline") {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
    }
    assert_eq!(settled(&records), 4, "all of them go by the base set in the end");
}

#[test]
fn a_bench_that_does_not_say_where_the_files_are_has_the_scenario_skipped() {
    let records = rehearse_scenario("configured-timers", &Description::default(), calm(), |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!((case.verdict, case.code.as_deref()), (Verdict::Skipped, Some("no-provisioning")));
    }
}

#[test]
fn a_run_that_somebody_ends_writes_the_files_back_and_leaves_the_boot_to_the_next() {
    let mut rehearsal = rehearsal(scenario(), |_| {});
    let at = Stamp::ZERO + 30 * S;
    let stop = Observed::StopRequested { by: "SIGINT".to_owned() };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), stop));
    let records = rehearsal.run().unwrap();
    assert_eq!(found(&records, "p1").2, Some("interrupted"));
    assert_eq!(written(&records)[4..], ["p1", "p2", "p3", "p4"]);
    assert!(matches!(records.last().unwrap().event, Event::Action(Action::Finish)));
    assert_eq!(settled(&records), 0, "the phones go by what they have loaded");
}

#[test]
fn phones_that_an_earlier_run_has_left_so_are_restarted_before_anything_else() {
    let failover = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = rehearsal(failover, |_| {});
    // p1 runs by what the earlier run had put there, and which is written back only now.
    let served = &mut rehearsal.files_mut().served;
    served.get_mut("00085D770001.cfg").unwrap().extend_from_slice(b"sip transaction timer: 8000\n");
    let write = FileOrder { phone: "p1".into(), sequence: u32::MAX, settings: BTreeMap::new() };
    rehearsal.schedule(BRIDGE_UP + Duration::from_millis(500), Happening::Write(write));
    rehearsal.plan.unsettled = vec!["p1".into()];
    let records = rehearsal.run().unwrap();
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        assert!((3_999.0..=4_010.0).contains(&value(case, "failover-detecting")), "by the base set");
    }
    let boots = records.iter().filter(|it| matches!(it.event, Event::Action(Action::Push { .. })));
    assert_eq!((boots.count(), settled(&records)), (1, 1), "of p1 alone");
    judged_again_alike(&records);
}

#[test]
fn the_host_of_the_files_may_be_in_the_outage_that_phones_boot_in() {
    let mut scenario = scenario();
    // The outage begins before the files are written: the phones boot without them.
    let outage = scenario.steps.iter().position(|step| matches!(step.kind, StepKind::Outage(_))).unwrap();
    let step = scenario.steps.remove(outage);
    scenario.steps.insert(1, step);
    scenario.steps.truncate(6);
    let records = rehearsal(scenario, |_| {}).run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Configuration), Some("files-unreachable")));
    assert_eq!(settled(&records), 4, "restored when it was over");
}

/// What was told of the files: the phone, and how much is on top of its base set.
fn written(records: &[Record]) -> Vec<String> {
    let told = records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::PhoneFileWritten { phone, settings, flaw: None, .. }) if settings.is_empty() => {
            Some(phone.to_string())
        }
        Event::Observed(Observed::PhoneFileWritten { phone, settings, flaw: None, .. }) => {
            Some(format!("{phone}: {} settings", settings.len()))
        }
        _ => None,
    });
    told.collect()
}

/// How often each phone's own file was asked for.
fn fetched(records: &[Record]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for record in records {
        if let Event::Observed(Observed::Fetched(fetch)) = &record.event
            && fetch.file.starts_with("00085D")
        {
            *count.entry(fetch.file.clone()).or_default() += 1;
        }
    }
    assert_eq!(count.len(), 4);
    count
}

fn settled(records: &[Record]) -> usize {
    records.iter().filter(|it| matches!(it.event, Event::Action(Action::SettlePhoneFile { .. }))).count()
}

/// What a phone asked for, and what it was granted.
fn lifetimes(records: &[Record], phone: &str) -> Vec<(u32, u32)> {
    let mut asked = 0;
    let said = records.iter().filter_map(|record| match &record.event {
        Event::Observed(Observed::Sip(fact)) if fact.phone.0 == phone => {
            let SipMessage::Read(message) = &fact.message else { return None };
            let lifetime = message.contacts.first()?.expires.or(message.expires)?;
            if fact.toward == Toward::Server {
                asked = lifetime;
            }
            (fact.toward == Toward::Phone && lifetime > 0).then_some((asked, lifetime))
        }
        _ => None,
    });
    said.collect()
}
