//! Servers that operators take away by hand in the middle of a run.

use super::*;
use crate::{
    config::{Step, StepKind},
    event::{Blocking, ByHand, ByHandAnswer, Harm, Observed, OutageEnd, Share},
};

/// So many milliseconds after the beginning, anna wishes that.
type Wish = (u64, ByHand);

fn block_for(server: &str, what: Harm, limit_s: u64, phones: &[&str]) -> ByHand {
    let phones = phones.iter().map(|name| PhoneName::from(*name)).collect();
    ByHand::Block(Blocking { server: server.into(), phones, what, limit: Duration::from_secs(limit_s) })
}

fn block(server: &str, limit_s: u64) -> ByHand {
    block_for(server, Harm::Drop, limit_s, &[])
}

fn lift(outage: u32) -> ByHand {
    ByHand::Lift { outage: OutageId(outage) }
}

fn prepared(scenario: Scenario, wishes: &[Wish], weather: Weather) -> Rehearsal {
    of_bench(&Description::default(), scenario, wishes, weather)
}

fn of_bench(description: &Description, scenario: Scenario, wishes: &[Wish], weather: Weather) -> Rehearsal {
    let mut rehearsal = Rehearsal::new(description, scenario, weather, |_| {}, |_| {}).unwrap();
    schedule(&mut rehearsal, wishes);
    rehearsal
}

fn schedule(rehearsal: &mut Rehearsal, wishes: &[Wish]) {
    for (after, wish) in wishes {
        let at = stamp(Duration::from_millis(*after));
        let asked = Observed::OutageAsked { by: "anna".to_owned(), wish: wish.clone() };
        rehearsal.schedule(at, Happening::Report(When::exactly(at), asked));
    }
}

fn rehearsed(scenario: Scenario, wishes: &[Wish]) -> Vec<Record> {
    let records = prepared(scenario, wishes, calm()).run().unwrap();
    judged_again_alike(&records);
    records
}

/// The phones register, and nothing happens for so many seconds.
fn waiting(span_s: u64) -> Scenario {
    let baseline = Step::of("baseline", StepKind::Expect { of: Move::Baseline });
    let wait = Step::of("wait", StepKind::Wait { span: Duration::from_secs(span_s) });
    Scenario::of("waiting", "nothing happens", vec![baseline, wait])
}

fn named(name: &str) -> Scenario {
    load::scenario(name, Path::new(load::RIG)).unwrap()
}

/// What the operator was answered, in order: the outage, or why not.
fn answers(records: &[Record]) -> Vec<Result<u32, String>> {
    let answers = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::OutageAnswered { by, answer, .. }) if by == "anna" => Some(match answer {
            ByHandAnswer::Obeyed { outage } => Ok(outage.0),
            ByHandAnswer::Refused { reason } => Err(reason.clone()),
        }),
        _ => None,
    });
    answers.collect()
}

/// From when to when an outage was in force, and why it ended.
fn lasted(records: &[Record], number: u32) -> (Stamp, Stamp, OutageEnd) {
    let began = records.iter().find_map(|record| match record.event {
        Event::Observed(Observed::OutageBegan { outage }) if outage.0 == number => Some(record.when.at),
        _ => None,
    });
    let ended = records.iter().find_map(|record| match record.event {
        Event::Observed(Observed::OutageEnded { outage, why, .. }) if outage.0 == number => Some((record.when.at, why)),
        _ => None,
    });
    let ended = ended.unwrap();
    (began.unwrap(), ended.0, ended.1)
}

fn ordered(records: &[Record]) -> Vec<&crate::event::OutageSpec> {
    let ordered = records.iter().filter_map(|record| match &record.event {
        Event::Action(Action::BeginOutage { spec, .. }) => Some(&**spec),
        _ => None,
    });
    ordered.collect()
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

fn near(at: Stamp, seconds: f64) -> bool {
    (at.as_millis_f64() / 1000.0 - seconds).abs() < 0.1
}

const DISTURBED: (Verdict, Option<Blame>, Option<&str>) = (Verdict::NotRun, Some(Blame::Unknown), Some("disturbed"));
const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);

#[test]
fn what_an_operator_blocks_is_away_until_its_limit_and_the_phones_move_and_come_home_and_prove_nothing() {
    let records = rehearsed(waiting(200), &[(20_000, block("a", 60))]);
    assert_eq!(answers(&records), [Ok(1)]);
    let [spec] = ordered(&records)[..] else { panic!() };
    assert_eq!((spec.by.as_deref(), spec.phones.len()), (Some("anna"), 4));
    let (began, ended, why) = lasted(&records, 1);
    assert!(near(began, 20.0) && near(ended, 80.0), "{began} {ended}");
    assert_eq!(why, OutageEnd::Limit);
    let homes = |server: &str| {
        let home = |record: &&Record| matches!(&record.event, Event::Derived(Derived::Home { server: Some(home), .. }) if home.0 == server);
        records.iter().filter(|record| record.when.at > began).filter(home).count()
    };
    assert!(homes("b") >= 4 && homes("a") >= 4, "{} {}", homes("b"), homes("a"));
    for phone in ["p1", "p2", "p3", "p4"] {
        assert_eq!(found(&records, phone), DISTURBED, "{phone}");
    }
    let asked = records.iter().find(|record| matches!(record.event, Event::Observed(Observed::OutageAsked { .. })));
    let p1 = case(&records, "p1");
    assert!(p1.evidence.contains(&asked.unwrap().seq), "{p1:?}");
    assert!(p1.reason.as_ref().unwrap().starts_with("anna made an outage of server a by hand (drop)"), "{p1:?}");
    assert!(!p1.measurements.iter().any(|it| it.name.starts_with("fail")), "no move is measured by it: {p1:?}");
    // What lines do without their server is no habit of theirs.
    assert!(!records.iter().any(|record| matches!(record.event, Event::Derived(Derived::Detected { .. }))));
}

#[test]
fn one_that_is_for_one_phone_disturbs_that_phone_alone() {
    for what in [Harm::Drop, Harm::Loss(Share::percent(20)), Harm::Delay(Duration::from_millis(200))] {
        let records = rehearsed(waiting(200), &[(20_000, block_for("a", what.clone(), 60, &["p2"]))]);
        assert_eq!(answers(&records), [Ok(1)]);
        assert_eq!(found(&records, "p2"), DISTURBED, "{what}");
        for phone in ["p1", "p3", "p4"] {
            assert_eq!(found(&records, phone), PASS, "{what}");
        }
    }
}

#[test]
fn it_is_lifted_by_whoever_asks_for_that_and_by_who_gives_the_network_back_and_its_cases_go_on() {
    let records = rehearsed(waiting(200), &[(20_000, block("a", 600)), (30_000, lift(1)), (31_000, lift(1))]);
    let (_, ended, why) = lasted(&records, 1);
    assert_eq!((near(ended, 30.0), why), (true, OutageEnd::Lifted), "{ended}");
    assert_eq!(answers(&records), [Ok(1), Ok(1), Err("it is over already".to_owned())]);
    let mut rehearsal = prepared(waiting(200), &[(20_000, block("a", 600))], calm());
    let at = stamp(Duration::from_secs(30));
    let wish = Observed::RestoreRequested { by: "bert".to_owned() };
    rehearsal.schedule(at, Happening::Report(When::exactly(at), wish));
    let records = rehearsal.run().unwrap();
    let (_, ended, why) = lasted(&records, 1);
    assert_eq!((near(ended, 30.0), why), (true, OutageEnd::Lifted), "{ended}");
    assert!(records.last().unwrap().seen > stamp(Duration::from_secs(200)), "the run went on");
    assert!(case(&records, "p1").reason.as_ref().unwrap().starts_with("anna made an outage"));
}

#[test]
fn one_that_is_in_force_at_the_end_of_the_steps_is_lifted_then_and_nothing_is_taken_away_while_the_start_state_is_restored()
 {
    let mut scenario = waiting(30);
    scenario.teardown = vec![Step::of("a while", StepKind::Wait { span: Duration::from_secs(10) })];
    let quiet = rehearsed(scenario.clone(), &[]);
    let restoring = |records: &[Record]| {
        let restoring = |record: &&Record| matches!(record.event, Event::Derived(Derived::StepStarted { step: 2, .. }));
        records.iter().find(restoring).unwrap().when.at
    };
    let in_teardown = restoring(&quiet).0 / 1_000_000 + 1_000;
    let records = rehearsed(scenario.clone(), &[(20_000, block("b", 3_000)), (in_teardown, block("a", 60))]);
    let [Ok(1), Err(reason)] = &answers(&records)[..] else { panic!("{:?}", answers(&records)) };
    assert!(reason.contains("the start state is being restored"), "{reason}");
    let (_, ended, why) = lasted(&records, 1);
    assert!(why == OutageEnd::Lifted && ended <= restoring(&records), "the network is whole in the teardown");
    assert!(cases(&records).all(|case| case.code.as_deref() == Some("disturbed")));
    let records = rehearsed(scenario, &[(in_teardown, block("a", 60))]);
    assert!(ordered(&records).is_empty() && cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn what_can_not_be_done_is_refused_with_a_reason_and_disturbs_nothing() {
    let wishes = [
        (0, block("a", 60)),
        (20_000, block("z", 60)),
        (20_000, block_for("a", Harm::Drop, 60, &["p9"])),
        (20_000, block_for("a", Harm::Drop, 60, &["p1", "p1"])),
        (20_000, block("a", 3_601)),
        (20_000, block("a", 0)),
        (20_000, block_for("a", Harm::Loss(Share::NONE), 60, &[])),
        (20_000, block_for("a", Harm::Delay(Duration::from_secs(11)), 60, &[])),
        (20_000, lift(7)),
    ];
    let records = rehearsed(waiting(60), &wishes);
    let reasons = answers(&records).into_iter().map(Result::unwrap_err);
    let parts =
        ["not begun", "no server z", "called p9", "named twice", "an hour", "an hour", "lost", "10 s", "no such"];
    for (reason, part) in reasons.zip(parts) {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(answers(&records).len(), wishes.len());
    assert!(ordered(&records).is_empty());
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn two_outages_of_one_server_are_not_in_force_for_a_phone_at_once() {
    let twice = [(20_000, block_for("a", Harm::Drop, 60, &["p1"])), (21_000, block("a", 60))];
    let others = [(22_000, block_for("a", Harm::Drop, 60, &["p2"])), (23_000, block_for("b", Harm::Drop, 60, &["p1"]))];
    let records = rehearsed(waiting(100), &[&twice[..], &others[..]].concat());
    let [Ok(1), Err(reason), Ok(2), Ok(3)] = &answers(&records)[..] else { panic!("{:?}", answers(&records)) };
    assert!(reason.contains("anna's already"), "{reason}");
    // The scenario's own is not lifted as an operator's, and not doubled.
    let (began, ..) = lasted(&rehearsed(named("failover"), &[]), 1);
    let after = began.0 / 1_000_000 + 1_000;
    let records = rehearsed(named("failover"), &[(after, block("a", 60)), (after, lift(1))]);
    let [Err(doubled), Err(own)] = &answers(&records)[..] else { panic!("{:?}", answers(&records)) };
    assert!(doubled.contains("the scenario's already") && own.contains("the scenario's own"), "{doubled}, {own}");
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn the_scenarios_own_outage_goes_on_beside_one_of_another_server_and_its_steps_are_taken_to_their_end() {
    let (began, ..) = lasted(&rehearsed(named("failover"), &[]), 1);
    let after = began.0 / 1_000_000 + 100;
    let records = rehearsed(named("failover"), &[(after, block_for("b", Harm::Drop, 5, &["p1"]))]);
    assert_eq!(answers(&records), [Ok(2)]);
    assert_eq!(found(&records, "p1"), DISTURBED);
    assert!(case(&records, "p1").measurements.iter().any(|it| it.name == "failback"), "its steps went on");
    for phone in ["p2", "p3", "p4"] {
        assert_eq!(found(&records, phone), PASS, "{phone}");
    }
    // What the scenario gives back is its own.
    let records = rehearsed(named("failover"), &[(after, block_for("b", Harm::Drop, 3_000, &["p1"]))]);
    let ((_, given_back, _), (_, ended, why)) = (lasted(&records, 1), lasted(&records, 2));
    assert!(why == OutageEnd::Lifted && ended > given_back + Duration::from_secs(1), "{given_back} {ended}");
    assert_eq!((found(&records, "p1"), found(&records, "p2")), (DISTURBED, PASS));
}

#[test]
fn where_the_scenario_takes_the_server_away_itself_an_operators_outage_of_it_ends_first_and_no_canary_meets_it() {
    let mut scenario = named("failover");
    scenario.steps.insert(1, Step::of("a while", StepKind::Wait { span: Duration::from_secs(10) }));
    let (began, ..) = lasted(&rehearsed(scenario.clone(), &[]), 1);
    for before in [3_000, 500, 1] {
        let after = began.0 / 1_000_000 - before;
        let records = rehearsed(scenario.clone(), &[(after, block_for("a", Harm::Drop, 600, &["p1"]))]);
        if let [Err(reason)] = &answers(&records)[..] {
            assert!(before == 1 && reason.contains("about to take this server away"), "{before}: {reason}");
            continue;
        }
        let (_, ended, why) = lasted(&records, 1);
        let (cut, ..) = lasted(&records, 2);
        assert!(why == OutageEnd::Lifted && ended <= cut, "{ended} {cut}");
        assert_eq!(found(&records, "p1"), DISTURBED);
        for phone in ["p2", "p3", "p4"] {
            assert_eq!(found(&records, phone), PASS, "{phone}");
        }
    }
}

#[test]
fn one_that_hits_nothing_for_as_long_as_it_takes_to_renew_is_told_of() {
    // What is away from everybody is asked for by the lines at home there; from the backup nobody wants anything.
    let records = rehearsed(waiting(100), &[(20_000, block("b", 60))]);
    assert!(!records.iter().any(|record| matches!(record.event, Event::Derived(Derived::Detected { .. }))));
    let hit = records.iter().any(|record| matches!(record.event, Event::Observed(Observed::FirstBite { .. })));
    assert!(!hit);
    let records = rehearsed(waiting(100), &[(20_000, block("a", 60))]);
    assert!(records.iter().any(|record| matches!(record.event, Event::Observed(Observed::FirstBite { .. }))));
}

#[test]
fn who_is_driven_away_by_hand_in_one_scenario_and_not_home_in_the_next_is_not_blamed_there() {
    let mut first = waiting(40);
    first.steps.truncate(2);
    let mut rehearsal = prepared(first, &[(20_000, block_for("a", Harm::Drop, 600, &["p1"]))], calm());
    rehearsal.plan_mut().then = vec![named("failover")];
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    let (_, ended, why) = lasted(&records, 1);
    let next = records.iter().find(|record| matches!(record.event, Event::Derived(Derived::ScenarioStarted { .. })));
    assert!(why == OutageEnd::Lifted && ended <= next.unwrap().when.at, "between scenarios none goes on");
    for case in cases(&records).filter(|case| case.id.phone.0 == "p1") {
        assert_ne!(case.verdict, Verdict::Fail, "{case:#?}");
    }
    for case in cases(&records).filter(|case| case.id.phone.0 != "p1") {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
    }
}

#[test]
fn who_only_looks_on_learns_of_no_verdict_whatever_the_phones_do_and_may_take_servers_away() {
    let mut watch = named("watch");
    watch.steps[0].kind = StepKind::Wait { span: Duration::from_secs(200) };
    // What a detector would fail a case for ends nothing here.
    let broken = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::Storms);
    for (wishes, phone) in [
        (vec![], (|_| {}) as fn(&mut PhoneSpec)),
        (vec![(20_000, block("a", 60)), (100_000, block_for("a", Harm::Drop, 60, &["p1"]))], |_| {}),
        (vec![], broken),
    ] {
        let mut rehearsal = Rehearsal::new(&Description::default(), watch.clone(), calm(), phone, |_| {}).unwrap();
        schedule(&mut rehearsal, &wishes);
        // Who has seen enough ends it, as any run.
        if wishes.len() == 2 {
            let at = stamp(Duration::from_secs(150));
            let enough = Observed::StopRequested { by: "anna".to_owned() };
            rehearsal.schedule(at, Happening::Report(When::exactly(at), enough));
        }
        let records = rehearsal.run().unwrap();
        judged_again_alike(&records);
        assert!(answers(&records).iter().all(Result::is_ok), "{:?}", answers(&records));
        assert!(records.last().unwrap().seen > stamp(Duration::from_secs(149)));
        for case in cases(&records) {
            let came_to = (case.verdict, case.blame, case.code.as_deref());
            assert_eq!(came_to, (Verdict::NotRun, Some(Blame::Unknown), Some("watched")), "{case:#?}");
        }
    }
}

#[test]
fn what_the_bridge_declines_is_answered_with_its_reason_and_has_disturbed_nothing() {
    let mut rehearsal = prepared(waiting(60), &[(20_000, block("b", 30)), (30_000, lift(1))], calm());
    rehearsal.link.routed.insert("b".into());
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    let [Ok(1), Err(declined), Err(over)] = &answers(&records)[..] else { panic!("{:?}", answers(&records)) };
    assert!(
        declined.contains("answers from a router's address") && over.contains("over already"),
        "{declined}, {over}"
    );
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:?}", case(&records, "p1"));
    // What is taken all the same disturbs, whatever is declined before or after.
    let wishes = [(20_000, block("b", 30)), (20_001, block("a", 5)), (30_000, block("b", 30))];
    let mut rehearsal = prepared(waiting(60), &wishes, calm());
    rehearsal.link.routed.insert("b".into());
    let records = rehearsal.run().unwrap();
    judged_again_alike(&records);
    assert_eq!(found(&records, "p1"), DISTURBED);
    assert!(case(&records, "p1").reason.as_ref().unwrap().starts_with("anna made an outage of server a"));
}

/// At whatever moment the scenario is: where it waits for the end of what operators have made, or where all is given back.
#[test]
fn what_the_bridge_declines_late_is_waited_for_no_longer_and_the_scenarios_to_come_are_run() {
    let mut first = named("failover");
    first.steps.insert(1, Step::of("a while", StepKind::Wait { span: Duration::from_secs(10) }));
    let quiet = rehearsed(first.clone(), &[]);
    let time = |of: &dyn Fn(&Event) -> bool| quiet.iter().find(|record| of(&record.event)).unwrap().seen.0 / 1_000_000;
    let control = time(&|event| matches!(event, Event::Action(Action::SendCanaries { .. })));
    for (scenario, server, wish) in [(first, "a", control - 1), (waiting(20), "b", 0)] {
        let ends = rehearsed(scenario.clone(), &[]);
        let decided = ends.iter().find(|record| matches!(record.event, Event::Derived(Derived::CaseDecided(_))));
        let wish = if wish == 0 { decided.unwrap().seen.0 / 1_000_000 - 1 } else { wish };
        let late = Weather { lateness: Duration::from_millis(40), ..calm() };
        let mut rehearsal = prepared(scenario, &[(wish, block_for(server, Harm::Drop, 60, &["p1"]))], late);
        rehearsal.link.routed.insert(server.into());
        rehearsal.plan_mut().then = vec![waiting(5)];
        let records = rehearsal.run().unwrap();
        judged_again_alike(&records);
        assert_eq!(cases(&records).filter(|case| case.id.scenario == "waiting").count() % 4, 0);
        assert!(records.iter().any(|record| matches!(record.event, Event::Derived(Derived::ScenarioStarted { .. }))));
        assert!(!cases(&records).any(|case| case.code.as_deref() == Some("lift-unconfirmed")), "{server}");
    }
}

#[test]
fn who_only_looks_on_goes_on_after_a_trouble_of_the_bridge_that_passes_and_not_without_its_helper() {
    use crate::event::{HELPER_GONE, RigPart};
    let mut watch = named("watch");
    watch.steps[0].kind = StepKind::Wait { span: Duration::from_secs(100) };
    let end = |reason: &str| {
        let mut rehearsal = prepared(watch.clone(), &[], calm());
        let at = stamp(Duration::from_secs(30));
        let failed = Observed::DriverFailed { part: RigPart::Bridge, phone: None, reason: reason.to_owned() };
        rehearsal.schedule(at, Happening::Report(When::exactly(at), failed));
        let records = rehearsal.run().unwrap();
        judged_again_alike(&records);
        (found(&records, "p1").2.map(str::to_owned), records.last().unwrap().seen > stamp(Duration::from_secs(99)))
    };
    assert_eq!(end("a datagram could not be sent"), (Some("watched".to_owned()), true));
    assert_eq!(end(&format!("the bridge helper has ended; {HELPER_GONE}")), (Some("bridge-lost".to_owned()), false));
}

/// Whatever operators do to whichever server, whenever, in whichever scenario: no phone is at fault for it.
#[test]
fn no_outage_by_hand_makes_a_healthy_phone_fail() {
    use crate::virtual_bench::random::Random;
    let mut names = load::scenario_names(Path::new(load::RIG));
    names.retain(|name| name != "watch");
    for seed in 0..20_u64 {
        let mut dice = Random::new(seed);
        let mut below = |most: u64| dice.number() % most;
        let scenario = named(&names[below(names.len() as u64) as usize]);
        let description = tried_on(&scenario).unwrap();
        let prepared = |wishes| of_bench(&description, scenario.clone(), wishes, rough(seed));
        let quiet = prepared(&[]).run().unwrap();
        let length = quiet.last().unwrap().seen.0 / 1_000_000;
        let wishes: Vec<Wish> = (0..1 + below(3))
            .map(|_| {
                let what = match below(3) {
                    0 => Harm::Drop,
                    1 => Harm::Loss(Share::percent(1 + below(100) as u32)),
                    _ => Harm::Delay(Duration::from_millis(1 + below(2_000))),
                };
                let phones: &[&str] = [&[][..], &["p1"], &["p2", "p3"]][below(3) as usize];
                (below(length), block_for(["a", "b"][below(2) as usize], what, 1 + below(120), phones))
            })
            .collect();
        let records = prepared(&wishes).run().unwrap();
        judged_again_alike(&records);
        for case in cases(&records) {
            let fine = cases(&quiet).find(|quiet| quiet.id == case.id).is_some_and(|it| it.verdict == Verdict::Pass);
            let excused = case.verdict == Verdict::NotRun && case.code.as_deref() == Some("disturbed");
            assert!(
                !fine || case.verdict == Verdict::Pass || excused,
                "{seed}, {}, {wishes:?}: {case:#?}",
                scenario.name
            );
        }
        // Nobody is left without a network.
        let count = |end: bool| {
            let of = |record: &&Record| match record.event {
                Event::Observed(Observed::OutageBegan { .. }) => !end,
                Event::Observed(Observed::OutageEnded { .. }) => end,
                _ => false,
            };
            records.iter().filter(of).count()
        };
        assert_eq!(count(false), count(true), "{seed}");
    }
}
