//! Phones whose signalling is encrypted: what their console and their connections prove, and what nobody can tell.

use super::*;
use crate::virtual_bench::description::PhoneOverride;

/// `p1` speaks UDP, `p2` what looks like TLS.
fn description() -> Description {
    let mut description = Description::default();
    description.lab.phones = 2;
    description.lab.transports = vec![Transport::Udp, Transport::Tls];
    description
}

fn rehearse_blind(scenario: &str, defect: Option<PhoneDefect>, console: bool) -> Vec<Record> {
    let seeded = |phone: &mut PhoneSpec| phone.defects.extend(defect.filter(|_| phone.name == "p2"));
    let mut description = description();
    for name in ["p1", "p2"] {
        let own = PhoneOverride { name: name.to_owned(), console_unplugged: !console, ..PhoneOverride::default() };
        description.lab.phone.push(own);
    }
    rehearse_scenario(scenario, &description, calm(), seeded, |_| {})
}

fn with_server(defect: RegistrarDefect) -> Vec<Record> {
    let seeded = |server: &mut RegistrarSpec| server.defects.extend((server.name == "b").then(|| defect.clone()));
    rehearse_scenario("failover", &description(), calm(), |_| {}, seeded)
}

fn case<'a>(records: &'a [Record], phone: &str) -> &'a Case {
    cases(records).find(|case| case.id.phone.0 == phone).unwrap()
}

const CAN_NOT_TELL: (Verdict, Option<Blame>, Option<&str>) = (Verdict::RigError, Some(Blame::Unknown), Some("blind"));

#[test]
fn a_console_and_connections_that_agree_make_a_pass_that_says_so() {
    for scenario in ["failover", "drop-against-refusal", "flapping", "one-way-loss"] {
        let records = rehearse_blind(scenario, None, true);
        assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None), "{scenario}");
        assert_eq!(case(&records, "p1").reason, None, "{scenario}");
        assert_eq!(found(&records, "p2"), (Verdict::Pass, None, None), "{scenario}: {:#?}", case(&records, "p2"));
        let reason = case(&records, "p2").reason.as_deref().unwrap();
        assert!(reason.contains("rests on its console and on connections"), "{scenario}: {reason}");
        assert!(!records.iter().any(|it| is_sip_of(it, "p2")), "{scenario}: it was read after all");
        judged_again_alike(&records);
    }
}

fn is_sip_of(record: &Record, phone: &str) -> bool {
    matches!(&record.event, Event::Observed(Observed::Sip(fact)) if fact.phone.0 == phone)
}

#[test]
fn what_was_connected_when_is_measured_and_what_was_registered_when_is_not() {
    let records = rehearse_blind("failover", None, true);
    let case = case(&records, "p2");
    for name in ["baseline", "failover", "failback", "gap", "unreachable"] {
        let measured = case.measurements.iter().find(|it| it.name == name).unwrap();
        assert!(measured.value.is_none() && measured.is_encrypted(), "{measured:?}");
    }
    let absent = ["stale", "failover-waiting", "failback-registering"];
    assert!(!case.measurements.iter().any(|it| absent.contains(&it.name.as_str())), "{case:#?}");
    let connected: Vec<_> = case.measurements.iter().filter(|it| it.name == "connected-at").collect();
    let servers: Vec<_> = connected.iter().map(|it| it.to_server.as_deref().unwrap()).collect();
    assert_eq!(servers, ["a", "b", "a"]);
    let times: Vec<f64> = connected.iter().map(|it| it.value.unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let told = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Connected { line, servers }) => {
            assert_eq!(line.phone.0, "p2");
            servers.last().map(|server| server.0.clone())
        }
        _ => None,
    });
    let mut told: Vec<_> = told.collect();
    told.dedup();
    assert_eq!(told, ["a", "b", "a"]);
    assert!(
        !records
            .iter()
            .any(|it| matches!(&it.event, Event::Derived(Derived::Home { line, .. }) if line.phone.0 == "p2"))
    );
}

#[test]
fn without_a_console_nobody_can_tell_and_a_phone_that_is_read_is_judged_all_the_same() {
    let records = rehearse_blind("failover", None, false);
    assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None));
    assert_eq!(found(&records, "p2"), CAN_NOT_TELL);
    let reached = |of: &str| case(&records, "p2").measurements.iter().any(|it| it.name == of && it.is_encrypted());
    assert!(reached("failback"), "it went on to the end");
    // It would have moved if it was registered; was it?
    assert_eq!(found(&rehearse_blind("failover", Some(PhoneDefect::NeverFailsOver), false), "p2"), CAN_NOT_TELL);
}

#[test]
fn a_blind_phone_is_blamed_for_what_can_be_proven_without_reading_and_for_nothing_else() {
    use PhoneDefect as D;
    let seconds = Duration::from_secs;
    let by_phone = |code| (Verdict::Fail, Some(Blame::Phone), Some(code));
    let rows = [
        // The console names a server with which there is no connection.
        (D::ClaimsBackup, by_phone("display-wrong")),
        // The display names another server than the console and the connections.
        (D::DisplayWrong, by_phone("display-wrong")),
        // No connection was asked for.
        (D::NeverFailsOver, by_phone("never-failed-over")),
        (D::NeverGivesUp, by_phone("never-failed-over")),
        (D::NeverFailsBack, by_phone("never-failed-back")),
        (D::MovesLate(seconds(5)), by_phone("late")),
        (D::RebootsAfter(seconds(8)), by_phone("reboot")),
        // What the backup answered is not known.
        (D::ForgetsToAuthenticateOnBackup, CAN_NOT_TELL),
        (D::DiesAfter(seconds(8)), (Verdict::RigError, Some(Blame::Unknown), Some("no-sign-of-life"))),
        (D::ConsoleClosesAfter(seconds(8)), (Verdict::RigError, Some(Blame::Rig), Some("console-lost"))),
    ];
    for (defect, expected) in rows {
        let records = rehearse_blind("failover", Some(defect), true);
        assert_eq!(found(&records, "p2"), expected, "{defect:?}: {:#?}", case(&records, "p2"));
        assert_eq!(found(&records, "p1"), (Verdict::Pass, None, None), "{defect:?}: its neighbour");
    }
}

#[test]
fn a_server_is_blamed_for_what_shows_from_outside() {
    let by_server = (Verdict::Fail, Some(Blame::Server), Some("backup-silent"));
    assert_eq!(found(&with_server(RegistrarDefect::Silent), "p2"), by_server, "it answers no greeting");
    assert_eq!(found(&with_server(RegistrarDefect::Reject(403)), "p2"), CAN_NOT_TELL);
    let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(&description(), scenario, calm(), |_| {}, |_| {}).unwrap();
    rehearsal.servers.remove(&"10.77.0.3:5060".parse().unwrap()).unwrap();
    assert_eq!(found(&rehearsal.run().unwrap(), "p2"), by_server, "nothing listens");
}

#[test]
fn in_every_scenario_healthy_blind_phones_pass_or_nobody_can_tell_and_both_for_a_reason() {
    let mut passed = Vec::new();
    for name in load::scenario_names(Path::new(load::RIG)) {
        let scenario = load::scenario(&name, Path::new(load::RIG)).unwrap();
        if scenario.watch {
            continue;
        }
        let mut description = tried_on(&scenario).unwrap();
        description.lab.transports = vec![Transport::Tls];
        let records = rehearse_scenario(&name, &description, calm(), |_| {}, |_| {});
        for case in cases(&records) {
            let came_to = (case.verdict, case.blame, case.code.as_deref());
            let unknown = |code| (Verdict::RigError, Some(Blame::Unknown), Some(code));
            // Certain messages are not told from others where nothing can be read.
            let others = [unknown("partner-failed"), unknown("nothing-hit")];
            assert!(
                came_to == (Verdict::Pass, None, None) || came_to == CAN_NOT_TELL || others.contains(&came_to),
                "{name}: {case:#?}"
            );
            assert!(case.reason.is_some() || name == "registrar-off", "{name}: {case:#?}");
            if case.verdict == Verdict::Pass && !passed.contains(&name) {
                passed.push(name.clone());
            }
        }
    }
    let can = [
        "connections-reset",
        "crossed-homes",
        "drop-against-refusal",
        "failover",
        "flapping",
        "host-unreachable",
        "lossy-path",
        "one-way-loss",
        "primary-flaps",
        "primary-reboots",
        "prohibited",
        "registrar-off",
        "slow-death",
        "slow-path",
    ];
    assert_eq!(passed, can);
}

#[test]
fn whatever_the_weather_blind_phones_pass_where_connections_and_consoles_tell_enough() {
    for seed in 0..12 {
        for name in ["failover", "flapping"] {
            let scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
            let (mut description, weather) = healthy::bench_for(&scenario, seed).unwrap();
            description.lab.transports = vec![Transport::Tls];
            for case in cases(&rehearse_scenario(name, &description, weather, |_| {}, |_| {})) {
                assert_eq!((case.verdict, case.code.as_deref()), (Verdict::Pass, None), "{name} {seed}: {case:#?}");
            }
        }
    }
}
