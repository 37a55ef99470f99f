//! Further witnesses: what their agreement adds, what their contradiction comes to, and that their silence is nothing.

use super::*;
use crate::{
    event::{Standing, Witness},
    virtual_bench::description::{Lab, LabWitness},
};

/// `p1` speaks UDP, `p2` TCP, or both what looks like TLS; nobody holds their consoles.
fn description(blind: bool) -> Description {
    let mut description = Description::default();
    description.lab.phones = 2;
    description.lab.transports = if blind { vec![Transport::Tls] } else { vec![Transport::Udp, Transport::Tcp] };
    description.lab.consoles = false;
    description.lab.witnesses = vec![LabWitness::StatusPage];
    description
}

fn with_defect(scenario: &str, description: &Description, defect: Option<PhoneDefect>) -> Vec<Record> {
    let seeded = |phone: &mut PhoneSpec| phone.defects.extend(defect.filter(|_| phone.name == "p1"));
    rehearse_scenario(scenario, description, calm(), seeded, |_| {})
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

/// What is among the evidence of a case that this witness has said.
fn testified(records: &[Record], case: &Case, witness: &Witness) -> Vec<Standing> {
    let said = |record: &Record| match &record.event {
        Event::Observed(Observed::Testified(said)) if said.witness == *witness => Some(said.standing.clone()),
        _ => None,
    };
    let of_case = records.iter().filter(|record| case.evidence.contains(&record.seq));
    let mut standings: Vec<Standing> = of_case.filter_map(said).collect();
    standings.dedup();
    standings
}

const PASS: (Verdict, Option<Blame>, Option<&str>) = (Verdict::Pass, None, None);
const DISPLAY_WRONG: (Verdict, Option<Blame>, Option<&str>) =
    (Verdict::Fail, Some(Blame::Phone), Some("display-wrong"));

#[test]
fn a_status_page_that_agrees_is_among_the_evidence_of_each_move_and_is_told() {
    let records = with_defect("failover", &description(false), None);
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS, "{:#?}", case(&records, phone));
        let said = testified(&records, case(&records, phone), &Witness::StatusPage);
        assert_eq!(said, [Standing::Primary, Standing::Backup, Standing::Primary], "{phone}");
    }
    let told = |record: &Record| match &record.event {
        Event::Derived(Derived::StepEnded { note, .. }) => note.contains("so says its status page"),
        _ => false,
    };
    assert!(records.iter().filter(|record| told(record)).count() >= 6);
    judged_again_alike(&records);
}

#[test]
fn a_status_page_costs_a_healthy_run_no_time() {
    let with = with_defect("failover", &description(false), None);
    let without = Description { lab: Lab { witnesses: Vec::new(), ..description(false).lab }, ..description(false) };
    let without = with_defect("failover", &without, None);
    let end = |records: &[Record]| records.last().unwrap().seen.as_millis_f64();
    assert!((end(&with) - end(&without)).abs() < 1000.0, "{} and {} ms", end(&with), end(&without));
}

#[test]
fn a_status_page_that_shows_the_wrong_server_is_the_phone_s_fault_and_is_said_to_be_so() {
    for (scenario, defect) in [
        ("failover", PhoneDefect::PageWrong),
        ("failover", PhoneDefect::ClaimsBackup),
        ("baseline", PhoneDefect::ClaimsBackup),
    ] {
        let records = with_defect(scenario, &description(false), Some(defect));
        assert_eq!(found(&records, "p1"), DISPLAY_WRONG, "{scenario} {defect:?}: {:#?}", case(&records, "p1"));
        assert!(case(&records, "p1").reason.as_deref().unwrap().contains("its status page says registered at its"));
        assert!(!testified(&records, case(&records, "p1"), &Witness::StatusPage).is_empty(), "no word in evidence");
        assert_eq!(found(&records, "p2"), PASS, "{scenario} {defect:?}: its neighbour");
    }
}

#[test]
fn a_page_that_can_not_be_read_is_neither_proof_nor_a_fault() {
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&description(false), scenario, calm(), |_| {}, |_| {}).unwrap();
    // Nobody in particular asks.
    for phone in &mut rehearsal.plan_mut().bench.phones {
        phone.status_page.as_mut().unwrap().user = None;
    }
    let records = rehearsal.run().unwrap();
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS);
        assert_eq!(testified(&records, case(&records, phone), &Witness::StatusPage), []);
    }
    let lost = records.iter().filter(|it| matches!(it.event, Event::Observed(Observed::WitnessLost { .. }))).count();
    assert_eq!(lost, 2, "told once for each phone");
}

#[test]
fn a_blind_phone_may_rest_on_its_status_page_and_says_so() {
    for scenario in ["failover", "one-way-loss"] {
        let records = with_defect(scenario, &description(true), None);
        for phone in ["p1", "p2"] {
            assert_eq!(found(&records, phone), PASS, "{scenario}: {:#?}", case(&records, phone));
            let reason = case(&records, phone).reason.as_deref().unwrap();
            assert!(reason.contains("rests on its status page and on connections that were seen"), "{reason}");
        }
    }
}

#[test]
fn the_page_of_a_blind_phone_is_held_against_it_only_where_it_names_a_server_that_it_never_met() {
    let records = with_defect("baseline", &description(true), Some(PhoneDefect::ClaimsBackup));
    assert_eq!(found(&records, "p1"), DISPLAY_WRONG);
    let blind = (Verdict::RigError, Some(Blame::Unknown), Some("blind"));
    let records = with_defect("failover", &description(true), Some(PhoneDefect::PageWrong));
    assert_eq!(found(&records, "p1"), blind, "{:#?}", case(&records, "p1"));
    let records = with_defect("failover", &description(true), Some(PhoneDefect::ForgetsToAuthenticateOnBackup));
    assert_eq!(found(&records, "p1"), blind, "{:#?}", case(&records, "p1"));
}

/// With lists instead of pages.
fn listed(blind: bool) -> Description {
    let mut description = description(blind);
    description.lab.witnesses = vec![LabWitness::Server];
    description
}

fn with_server(description: &Description, which: &str, defect: RegistrarDefect) -> Vec<Record> {
    let seeded = |server: &mut RegistrarSpec| server.defects.extend((server.name == which).then(|| defect.clone()));
    rehearse_scenario("failover", description, calm(), |_| {}, seeded)
}

#[test]
fn a_list_that_names_the_line_is_among_the_evidence_and_one_that_still_names_it_elsewhere_says_nothing() {
    let records = with_defect("failover", &listed(false), None);
    let (a, b) = (Witness::Server("a".into()), Witness::Server("b".into()));
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS, "{:#?}", case(&records, phone));
        for server in [&a, &b] {
            assert_eq!(testified(&records, case(&records, phone), server), [Standing::Registered], "{phone} {server}");
        }
    }
}

#[test]
fn a_server_that_accepts_a_line_and_does_not_name_it_contradicts_itself() {
    let records = with_server(&listed(false), "b", RegistrarDefect::ForgetsLine("1001".to_owned()));
    let forgotten = (Verdict::Fail, Some(Blame::Server), Some("binding-forgotten"));
    assert_eq!(found(&records, "p1"), forgotten, "{:#?}", case(&records, "p1"));
    assert!(!testified(&records, case(&records, "p1"), &Witness::Server("b".into())).is_empty());
    assert_eq!(found(&records, "p2"), PASS);
}

#[test]
fn a_list_that_has_never_named_anybody_may_be_none_and_nobody_is_blamed() {
    let doubted = (Verdict::RigError, Some(Blame::Unknown), Some("witness-doubted"));
    let records = with_server(&listed(false), "b", RegistrarDefect::Forgets);
    assert_eq!(found(&records, "p1"), doubted, "{:#?}", case(&records, "p1"));
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&listed(false), scenario, calm(), |_| {}, |_| {}).unwrap();
    for server in &mut rehearsal.plan_mut().bench.servers {
        server.witness.as_mut().unwrap().pattern = "(?P<extension>nobody)".to_owned();
    }
    assert_eq!(found(&rehearsal.run().unwrap(), "p1"), doubted, "a pattern that does not fit");
}

#[test]
fn a_server_comes_before_the_phone_where_both_contradict_the_wire() {
    let mut description = listed(false);
    description.lab.witnesses.push(LabWitness::StatusPage);
    let phone = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::PageWrong);
    let server = |server: &mut RegistrarSpec| {
        if server.name == "b" {
            server.defects.push(RegistrarDefect::ForgetsLine("1001".to_owned()));
        }
    };
    let records = rehearse_scenario("failover", &description, calm(), phone, server);
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Server), Some("binding-forgotten")));
    assert_eq!(found(&records, "p2"), DISPLAY_WRONG);
}

#[test]
fn a_blind_phone_may_rest_on_lists_that_began_to_name_it_and_says_so() {
    let records = with_defect("failover", &listed(true), None);
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS, "{:#?}", case(&records, phone));
        let reason = case(&records, phone).reason.as_deref().unwrap();
        assert!(reason.contains("rests on the list of server a, the list of server b and on connections"), "{reason}");
    }
    let records = with_server(&listed(true), "b", RegistrarDefect::ForgetsLine("1001".to_owned()));
    assert_eq!(found(&records, "p1"), (Verdict::RigError, Some(Blame::Unknown), Some("blind")));
}

/// With ten minutes of lifetime the primary still holds the old binding when it comes back.
#[test]
fn a_list_that_has_named_a_blind_line_all_along_does_not_show_that_it_has_come_back() {
    let mut description = listed(true);
    manual_timers(&mut description);
    let records = with_defect("failover", &description, None);
    let case = case(&records, "p1");
    assert_ne!(case.verdict, Verdict::Fail, "{case:#?}");
    let never = with_defect("failover", &description, Some(PhoneDefect::NeverFailsBack));
    let case = cases(&never).find(|case| case.id.phone.0 == "p1").unwrap();
    assert_ne!(case.verdict, Verdict::Pass, "{case:#?}");
}

/// With syslog alone.
fn logged(blind: bool) -> Description {
    let mut description = description(blind);
    description.lab.witnesses = vec![LabWitness::Syslog];
    description
}

#[test]
fn what_a_phone_says_by_syslog_is_among_the_evidence_of_each_move() {
    let records = with_defect("failover", &logged(false), None);
    let at = |server: &str| Standing::At(server.to_owned());
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS, "{:#?}", case(&records, phone));
        let said = testified(&records, case(&records, phone), &Witness::Syslog);
        // Nobody waits for the first word of a witness that may have none.
        assert!(said.ends_with(&[at("10.77.0.3"), at("10.77.0.2")]), "{phone}: {said:?}");
    }
}

#[test]
fn a_syslog_that_contradicts_the_wire_is_the_phone_s_fault() {
    let records = with_defect("failover", &logged(false), Some(PhoneDefect::ClaimsBackup));
    assert_eq!(found(&records, "p1"), DISPLAY_WRONG, "{:#?}", case(&records, "p1"));
    assert!(case(&records, "p1").reason.as_deref().unwrap().contains("its syslog says registered at 10.77.0.3"));
    assert_eq!(found(&records, "p2"), PASS);
}

#[test]
fn a_blind_phone_may_rest_on_its_syslog_and_says_so() {
    let records = with_defect("failover", &logged(true), None);
    for phone in ["p1", "p2"] {
        assert_eq!(found(&records, phone), PASS, "{:#?}", case(&records, phone));
        assert!(case(&records, phone).reason.as_deref().unwrap().contains("rests on its syslog and on connections"));
    }
}

#[test]
fn what_a_phone_calls_is_evidence_that_it_is_registered_and_not_where() {
    let mut description = description(false);
    description.lab.witnesses = vec![LabWitness::ActionUri];
    let records = with_defect("primary-answers-403", &description, None);
    assert_eq!(found(&records, "p1"), PASS, "{:#?}", case(&records, "p1"));
    let said = |wanted: Standing| {
        records.iter().any(|record| match &record.event {
            Event::Observed(Observed::Testified(said)) => {
                said.witness == Witness::ActionUri && said.standing == wanted && said.line.phone.0 == "p1"
            }
            _ => false,
        })
    };
    assert!(said(Standing::Registered) && said(Standing::Nowhere));
    description.lab.transports = vec![Transport::Tls];
    let blind = with_defect("failover", &description, None);
    let code = cases(&blind).find(|case| case.id.phone.0 == "p1").unwrap().code.clone();
    assert_eq!(code.as_deref(), Some("blind"), "registered, and nobody says where");
}
