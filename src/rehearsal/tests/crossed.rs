//! Benches on which one server is the home of some lines and the backup of others, and extensions that are at home elsewhere.

use super::*;
use crate::config::{OutagePlan, Role, Step, StepKind};

const S: Duration = Duration::from_secs(1);

/// p1 and p2 at home at a, p3 and p4 at b; the second lines of p2 and p4 at the other server.
fn bench() -> Description {
    tried_on(&load::scenario("crossed-homes", Path::new(load::RIG)).unwrap()).unwrap()
}

fn failover(shared: bool) -> Scenario {
    let away = OutagePlan { shared, ..plan(vec![Role::Primary], OutageMode::DROP) };
    let steps = vec![
        expect(Move::Baseline),
        Step::of("away", StepKind::Outage(Box::new(away))),
        expect(Move::Failover),
        Step::of("lift", StepKind::Lift { server: None, turns: None }),
        expect(Move::Failback),
    ];
    Scenario::of("crossed", "crossed", steps)
}

fn rehearsed(scenario: Scenario, description: &Description, spoil: impl FnMut(&mut PhoneSpec)) -> Vec<Record> {
    Rehearsal::new(description, scenario, calm(), spoil, |_| {}).unwrap().run().unwrap()
}

/// Phone, line, whether it moved, and how often it was confirmed at home because it had no cause to.
fn moved(records: &[Record]) -> Vec<(String, bool, usize)> {
    let mut all: Vec<_> = cases(records)
        .map(|case| {
            assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
            let of = |name: &str| case.measurements.iter().filter(|it| it.name == name && it.value.is_some()).count();
            (format!("{} {}", case.id.phone, case.id.line), of("failover") == 1, of("confirmed-at-home"))
        })
        .collect();
    all.sort();
    all
}

fn line(name: &str, moves: bool) -> (String, bool, usize) {
    (name.to_owned(), moves, if moves { 0 } else { 2 })
}

#[test]
fn a_server_that_goes_away_for_all_is_left_by_its_own_lines_and_no_loss_to_the_others() {
    let records = rehearsed(failover(true), &bench(), |_| {});
    let [first, second] = [true, false];
    let expected = [
        line("p1 1001", first),
        line("p2 1002", first),
        line("p2 2002", second),
        line("p3 1003", second),
        line("p4 1004", second),
        line("p4 2004", first),
    ];
    assert_eq!(moved(&records), expected);
}

/// Both would be gone for each of its lines otherwise, and it would be blamed for that.
#[test]
fn a_phone_whose_lines_are_at_home_at_both_servers_loses_the_home_of_its_first_line_alone() {
    let records = rehearsed(failover(false), &bench(), |_| {});
    let expected = [
        line("p1 1001", true),
        line("p2 1002", true),
        line("p2 2002", false),
        line("p3 1003", true),
        line("p4 1004", true),
        line("p4 2004", false),
    ];
    assert_eq!(moved(&records), expected);
}

#[test]
fn a_backup_comes_back_to_whom_it_is_one() {
    let away = plan(vec![Role::Primary, Role::Backup], OutageMode::DROP);
    let steps = vec![
        expect(Move::Baseline),
        Step::of("away", StepKind::Outage(Box::new(away))),
        expect(Move::Stranded),
        Step::of("lift", StepKind::Lift { server: Some(Role::Backup), turns: None }),
        expect(Move::Recovery),
    ];
    let records = rehearsed(Scenario::of("crossed", "crossed", steps), &bench(), |_| {});
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        let recovery = case.measurements.iter().find(|it| it.name == "recovery").unwrap();
        let first = [("p1", "b"), ("p2", "b"), ("p3", "a"), ("p4", "a")];
        let (_, backup) = first.into_iter().find(|(phone, _)| *phone == case.id.phone.0).unwrap();
        assert_eq!(recovery.to_server.as_deref(), Some(backup), "{case:#?}");
    }
}

/// The rig did not take it away: it stopped by itself.
#[test]
fn a_line_whose_home_falls_silent_while_others_are_tried_is_the_server_s_and_a_phone_that_dies_nobody_s() {
    let mut description = bench();
    description.lab.servers = 3;
    for phone in description.lab.phone.iter_mut().filter(|phone| phone.name == "p3") {
        "sip registrar ip: 10.77.0.4\nsip backup registrar ip: 10.77.0.3\n".clone_into(&mut phone.settings);
    }
    let of = |defect: Option<PhoneDefect>, silent: bool| {
        let spoil = |phone: &mut PhoneSpec| phone.defects.extend(defect.filter(|_| phone.name == "p3"));
        let stop = |server: &mut RegistrarSpec| {
            server.defects.extend(Some(RegistrarDefect::SilentAfter(6 * S)).filter(|_| silent && server.name == "c"));
        };
        let records = Rehearsal::new(&description, failover(true), calm(), spoil, stop).unwrap().run().unwrap();
        let healthy = cases(&records).filter(|case| case.id.phone.0 != "p3");
        healthy.for_each(|case| assert_eq!(case.verdict, Verdict::Pass, "{case:#?}"));
        let (verdict, blame, code) = found(&records, "p3");
        (verdict, blame, code.map(str::to_owned))
    };
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(of(None, false), (Verdict::Pass, None, None));
    assert_eq!(of(None, true), (Verdict::Fail, Some(Blame::Server), code("primary-silent")));
    let dead = of(Some(PhoneDefect::DiesAfter(14 * S)), false);
    assert_eq!(dead, (Verdict::RigError, Some(Blame::Unknown), code("no-sign-of-life")));
}
