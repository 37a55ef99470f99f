//! Users who log on at another phone by free seating, while a run goes on.

use super::*;
use crate::config::{CallAct, Only, OutagePlan, Party, Role, Step, StepKind};

const S: Duration = Duration::from_secs(1);

fn bench() -> Description {
    let mut description = Description::default();
    description.lab.phones = 3;
    description
}

/// The PIN of p1's user.
fn pin() -> String {
    let mut pin = None;
    let look = |server: &mut RegistrarSpec| pin = server.users.get("1001").and_then(|user| user.pin.clone());
    Rehearsal::new(&bench(), Scenario::of("none", "none", vec![expect(Move::Baseline)]), calm(), |_| {}, look).unwrap();
    pin.unwrap()
}

fn dial(number: &str, party: Party) -> Step {
    let kind = StepKind::Dial { number: number.to_owned() };
    Step { only: Some(Only::Party(party)), ..Step::of("dial", kind) }
}

fn wait(span: Duration) -> Step {
    Step::of("wait", StepKind::Wait { span })
}

fn away(party: Option<Party>) -> Step {
    let plan = OutagePlan { party, ..plan(vec![Role::Primary], OutageMode::DROP) };
    Step::of("away", StepKind::Outage(Box::new(plan)))
}

fn lift() -> Step {
    Step::of("lift", StepKind::Lift { server: None, turns: None })
}

/// p1's user logs off there, and on at p2.
fn to_p2() -> Vec<Step> {
    vec![dial("#11#", Party::Callers), wait(3 * S), dial(&format!("*11*{}*1001#", pin()), Party::Callees), wait(5 * S)]
}

/// He logs on at his own phone again, and leaves the other one as it is.
fn back_to_p1() -> Vec<Step> {
    vec![dial("*11*{pin}*{extension}#", Party::Callers), wait(20 * S)]
}

fn failover() -> Vec<Step> {
    vec![away(None), expect(Move::Failover), lift(), expect(Move::Failback)]
}

fn run(steps: Vec<Step>, spoil: impl FnMut(&mut PhoneSpec)) -> Vec<Record> {
    let steps = [vec![expect(Move::Baseline)], steps].concat();
    Rehearsal::new(&bench(), Scenario::of("seats", "seats", steps), calm(), spoil, |_| {}).unwrap().run().unwrap()
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

fn never_back(at: &'static str) -> impl FnMut(&mut PhoneSpec) {
    move |phone| phone.defects.extend((phone.name == at).then_some(PhoneDefect::NeverFailsBack))
}

#[test]
fn a_user_who_moves_to_another_phone_takes_his_line_along_and_it_is_judged_there() {
    let records = run([to_p2(), failover()].concat(), never_back("p1"));
    let moved = case(&records, "p1");
    assert_eq!(moved.verdict, Verdict::Pass, "what is wrong with the phone that he left is nothing to him: {moved:#?}");
    assert!(moved.reason.as_deref().unwrap().contains("at p2 since"), "{moved:#?}");
    assert!(value(moved, "failover") > 0.0 && value(moved, "failback") > 0.0);
    let told = records.iter().find(|record| {
        matches!(&record.event, Event::Derived(Derived::Detected { code, line, .. }) if code == "extension-moved" && line.phone.0 == "p1")
    });
    let Some(Event::Derived(Derived::Detected { evidence, .. })) = told.map(|record| &record.event) else { panic!() };
    assert!(moved.evidence.contains(&evidence[0]), "the 2xx that shows it: {moved:#?}");
    assert_eq!(found(&records, "p2"), (Verdict::RigError, Some(Blame::Unknown), Some("seat-taken")));
    assert_eq!(found(&records, "p3"), (Verdict::Pass, None, None));
    judged_again_alike(&records);
}

#[test]
fn what_the_phone_does_wrong_where_he_sits_is_blamed_on_that_phone() {
    let records = run([to_p2(), failover()].concat(), never_back("p2"));
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-back")));
    assert!(case(&records, "p1").reason.as_deref().unwrap().starts_with("at p2 since"));
}

#[test]
fn a_user_who_comes_back_is_followed_home_and_not_to_and_fro_by_what_the_other_phone_goes_on_to_register() {
    let steps = || [to_p2(), back_to_p1(), failover()].concat();
    let healthy = run(steps(), never_back("p2"));
    let home = case(&healthy, "p1");
    assert_eq!((home.verdict, home.reason.as_deref()), (Verdict::Pass, None), "{home:#?}");
    let spoiled = run(steps(), never_back("p1"));
    assert_eq!(found(&spoiled, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-back")));
}

#[test]
fn a_user_who_moves_in_an_outage_that_does_not_take_his_new_phone_is_no_trial_of_anything() {
    let steps = [vec![away(Some(Party::Callers))], to_p2(), vec![lift(), expect(Move::Failback)]].concat();
    let records = run(steps, |_| {});
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("extension-moved")));
    assert!(case(&records, "p1").reason.as_deref().unwrap().contains("away from p1 and not from p2"));
}

#[test]
fn calls_are_not_looked_for_at_the_phone_where_a_user_sits_now_and_nobody_is_blamed_for_that() {
    let call = Step::of("call", StepKind::Call { act: CallAct::Dial });
    let records = run([to_p2(), vec![call]].concat(), |_| {});
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("extension-moved")));
    assert!(case(&records, "p1").reason.as_deref().unwrap().contains("the user of phone p1 is at p2 now"));
}

#[test]
fn an_extension_that_has_never_been_at_its_own_phone_is_followed_as_well() {
    let mut user = None;
    let moved = |phone: &mut PhoneSpec| match phone.name.as_str() {
        "p1" => {
            user = phone.lines.first().cloned();
            "sip line1 user name:\n".clone_into(&mut phone.provisioning.phone);
        }
        "p2" => phone.lines = user.take().into_iter().collect(),
        _ => {}
    };
    let steps = [vec![wait(20 * S), expect(Move::Baseline)], failover()].concat();
    let records =
        Rehearsal::new(&bench(), Scenario::of("seats", "seats", steps), calm(), moved, |_| {}).unwrap().run().unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert!(case(&records, "p1").reason.as_deref().unwrap().contains("at p2 since"));
    assert_eq!(found(&records, "p2"), (Verdict::RigError, Some(Blame::Unknown), Some("seat-taken")));
    assert_eq!(found(&records, "p3"), (Verdict::Pass, None, None));
}
