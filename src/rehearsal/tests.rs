mod defects;

use super::*;
use crate::{
    config::StartState,
    event::{Knock, Move, Toward},
    verdict::{Blame, Verdict},
    virtual_bench::{
        phone::{PhoneDefect, Transport},
        registrar::RegistrarDefect,
    },
};

mod addresses;
mod blind;
mod by_hand;
mod calls;
mod configure;
mod courses;
mod crossed;
mod files;
mod firmware;
mod hands;
mod hooks;
mod lamps;
mod leases;
mod links;
mod modes;
mod night;
mod operators;
mod outages;
mod pbx;
mod peers;
mod presses;
mod prompts;
mod proxies;
mod seats;
mod steps;
mod turns;
mod without;
mod witnesses;

use steps::{expect, plan};

#[test]
fn healthy_phones_survive_a_failover_with_the_timers_of_the_virtual_bench() {
    let records = rehearse(&Description::default(), Weather::default(), |_| {}, |_| {});
    let cases: Vec<&Case> = cases(&records).collect();
    assert_eq!(cases.len(), 4);
    assert!(cases.iter().all(|case| case.verdict == Verdict::Pass), "{cases:#?}");
}

#[test]
fn every_scenario_of_the_catalogue_passes_on_a_healthy_bench_or_shows_its_documented_limit() {
    let mut wrong = Vec::new();
    for name in load::scenario_names(Path::new(load::RIG)) {
        let scenario = load::scenario(&name, Path::new(load::RIG)).unwrap();
        if scenario.watch {
            continue;
        }
        let description = tried_on(&scenario).unwrap();
        let limited = scenario.all_steps().any(|step| step.documented_limit.is_some());
        let expected = if limited { (Verdict::Fail, Some("documented-limit")) } else { (Verdict::Pass, None) };
        let records = rehearse_scenario(&name, &description, calm(), |_| {}, |_| {});
        assert_eq!(cases(&records).count(), description.extensions().count(), "{name}");
        let right = |case: &&Case| (case.verdict, case.code.as_deref()) == expected && case.expected != limited;
        let say = |case: &Case| format!("{}: {:?} {:?} {:?}", case.id, case.verdict, case.code, case.reason);
        wrong.extend(cases(&records).filter(|case| !right(case)).map(say));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ten_minutes_of_lifetime_move_within_the_documented_589_seconds() {
    let mut description = Description::default();
    manual_timers(&mut description);
    let records =
        rehearse(&description, Weather { seed: 7, switch_on: Duration::from_secs(570), ..calm() }, |_| {}, |_| {});
    assert!(records.last().unwrap().seen > Stamp::from_millis(600_000), "virtual time must have passed");
    for case in cases(&records) {
        assert_eq!(case.verdict, Verdict::Pass, "{case:#?}");
        let failover = value(case, "failover");
        assert!((4_000.0..=589_500.0).contains(&failover), "{failover} ms");
        assert!((3_999.0..=4_010.0).contains(&value(case, "failover-detecting")), "four sends, then the backup");
    }
}

/// What a phone asked of its primary in one of the short outages it may give up after the last of them, and move then.
#[test]
fn a_phone_that_moves_only_after_the_lift_has_not_lost_its_backup() {
    let mut description = Description::default();
    description.lab.transports = vec![Transport::Tcp];
    description.lab.lines = 2;
    let seconds = Duration::from_secs;
    description.timers.transaction = seconds(24);
    description.timers.renewal_lead = seconds(54);
    description.timers.expires = seconds(73);
    let weather = Weather {
        seed: 3_289_143_641_984_122_621,
        delay: Duration::from_millis(54),
        lateness: Duration::from_millis(12),
        switch_on: seconds(55),
        ..calm()
    };
    let records = rehearse_scenario("flapping", &description, weather, |_| {}, |_| {});
    let lift =
        records.iter().rposition(|it| matches!(it.event, Event::Observed(Observed::OutageEnded { .. }))).unwrap();
    assert!(records[lift..].iter().any(|it| says(it, "gave up on")), "no phone moved after the lift");
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass), "{:#?}", cases(&records).collect::<Vec<_>>());
}

/// What the sweep over benches for their scenarios once complained of.
#[test]
fn benches_of_every_habit_that_were_once_complained_of_are_healthy() {
    let rows = [
        // The answer to a renewal was taken by the outage that then turned the line away.
        ("primary-answers-403", 41_005_578),
        // An answer was reported ahead of the request that it told to wait.
        ("primary-answers-503", 31_000_375),
        // The phone left its primary alone for the Retry-After, and renewed at its backup.
        ("primary-answers-503", 31_000_583),
        // A connection was asked for, and only the answer to that was taken.
        ("one-way-loss", 31_001_100),
        // The CANCEL was of the INVITE before the challenge.
        ("call-in-the-gap", 31_000_150),
        // The next call was dialled while the lost one was still asked for.
        ("call-in-the-gap", 31_000_098),
        // Keys were pressed on phones that were still coming up.
        ("home-server-full", 31_000_887),
    ];
    for (name, seed) in rows {
        let scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
        let (description, weather) = healthy::bench_for(&scenario, seed).unwrap();
        for case in cases(&rehearse_scenario(name, &description, weather, |_| {}, |_| {})) {
            // With a period shorter than a call takes to fail, the line that is called may have moved by then.
            let no_gap = case.code.as_deref() == Some("no-gap");
            assert!(no_gap || case.verdict == Verdict::Pass, "{name}, bench {seed}: {case:#?}");
        }
    }
}

#[test]
fn what_was_observed_judged_again_gives_the_same_records() {
    let rough = Weather {
        seed: 3,
        delay: Duration::from_millis(30),
        loss_per_10000: 100,
        lateness: Duration::from_millis(20),
        switch_on: Duration::from_secs(3),
    };
    let records = rehearse(&Description::default(), rough, |_| {}, |_| {});
    judged_again_alike(&records);
}

#[test]
fn a_phone_that_never_comes_home_is_blamed_and_its_neighbours_are_not() {
    let records = rehearse(
        &Description::default(),
        Weather::default(),
        |phone| {
            if phone.name == "p3" {
                phone.defects.push(PhoneDefect::NeverFailsBack);
            }
        },
        |_| {},
    );
    assert_eq!(found(&records, "p3"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-back")));
    for healthy in ["p1", "p2", "p4"] {
        assert_eq!(found(&records, healthy), (Verdict::Pass, None, None));
    }
}

#[test]
fn a_backup_that_refuses_is_the_server_s_fault() {
    let records = rehearse(
        &Description::default(),
        Weather::default(),
        |_| {},
        |server| {
            if server.name == "b" {
                server.defects.push(RegistrarDefect::Reject(503));
            }
        },
    );
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Server), Some("server-refused")));
}

#[test]
fn a_server_where_nothing_listens_is_at_fault_whatever_the_phones_speak() {
    for (gone, code) in [("10.77.0.2:5060", "primary-silent"), ("10.77.0.3:5060", "backup-silent")] {
        let scenario = load::scenario("failover", Path::new(load::RIG)).unwrap();
        let mut rehearsal =
            Rehearsal::new(&Description::default(), scenario, Weather::default(), |_| {}, |_| {}).unwrap();
        rehearsal.servers.remove(&gone.parse().unwrap()).unwrap();
        let records = rehearsal.run().unwrap();
        // p1 and p2 speak UDP, p3 and p4 TCP: they never come to send a REGISTER.
        for (phone, why) in [("p1", "ICMP"), ("p2", "ICMP"), ("p3", "TCP"), ("p4", "TCP")] {
            assert_eq!(found(&records, phone), (Verdict::Fail, Some(Blame::Server), Some(code)), "{phone}");
            let case = cases(&records).find(|case| case.id.phone.0 == phone).unwrap();
            assert!(case.reason.as_ref().unwrap().contains(why), "{case:?}");
            let refused = records.iter().filter(|record| case.evidence.contains(&record.seq));
            let refused = refused.filter(|it| {
                let Event::Observed(Observed::Knock { knock, .. }) = &it.event else { return false };
                *knock == Knock::Refused
            });
            assert_eq!(refused.count(), 1, "{phone}");
        }
    }
}

#[test]
fn a_console_that_is_gone_is_never_held_against_its_phone() {
    for tenths in [1, 2, 3, 4, 5, 6, 8, 60, 100, 105] {
        let gone = Duration::from_millis(tenths * 100);
        let records = with_defect(PhoneDefect::ConsoleClosesAfter(gone));
        let lost = (Verdict::RigError, Some(Blame::Rig), Some("console-lost"));
        let verdict = found(&records, "p1");
        assert!(verdict == lost || verdict == (Verdict::Pass, None, None), "{gone:?}: {verdict:?}");
    }
}

#[test]
fn reasons_quote_what_was_seen() {
    let reason = |defect| {
        let records = with_defect(defect);
        cases(&records).find(|case| case.id.phone.0 == "p1").unwrap().reason.clone().unwrap()
    };
    let reboot = reason(PhoneDefect::RebootsAfter(Duration::from_secs(3)));
    assert!(reboot.contains("kernel: Kernel panic - "), "{reboot}");
    let never = reason(PhoneDefect::NeverFailsOver);
    assert_eq!(never, "the phone began 1 REGISTER transaction at the lost server, and none at the backup");
    let both = reason(PhoneDefect::RegistersAtBoth);
    assert_eq!(both, "the line registered at server b before the outage began, although its primary server a answers");
}

fn with_defect(defect: PhoneDefect) -> Vec<Record> {
    let only = |phone: &mut PhoneSpec| {
        if phone.name == "p1" {
            phone.defects.push(defect);
        }
    };
    rehearse(&Description::default(), Weather::default(), only, |_| {})
}

#[test]
fn a_failover_is_measured_from_the_cut_to_the_2xx_of_the_backup() {
    let records = rehearse(&Description::default(), Weather::default(), |_| {}, |_| {});
    let began = records.iter().find(|it| matches!(it.event, Event::Observed(Observed::OutageBegan { .. }))).unwrap();
    for case in cases(&records) {
        let windows = records.iter().filter_map(|record| match &record.event {
            Event::Derived(Derived::DeadlineComputed { case: id, of: Move::Failover, window_ms, .. }) => {
                (*id == case.id).then_some(*window_ms)
            }
            _ => None,
        });
        let window: Vec<f64> = windows.collect();
        assert_eq!(window.len(), 1, "one deadline for each case");
        let measured = case.measurements.iter().find(|it| it.name == "failover").unwrap();
        assert!((measured.at_ms.unwrap() - began.when.at.as_millis_f64()).abs() < 0.001);
        let parts: f64 =
            ["failover-waiting", "failover-detecting", "failover-registering"].map(|it| value(case, it)).iter().sum();
        assert!((parts - measured.value.unwrap()).abs() < 0.01, "{parts} is not {measured:?}");
        assert!(measured.value.unwrap() <= window[0]);
    }
}

/// Phones that subscribe to their message lamps.
fn with_lamps() -> Description {
    let settings = "sip explicit mwi subscription: 1\nsip explicit mwi subscription period: 20\n".to_owned();
    let mut description = Description::default();
    description.lab.settings = settings;
    description
}

fn calm() -> Weather {
    Weather { delay: Duration::from_millis(1), ..Weather::default() }
}

fn rehearse(
    description: &Description,
    weather: Weather,
    phone: impl FnMut(&mut PhoneSpec),
    server: impl FnMut(&mut RegistrarSpec),
) -> Vec<Record> {
    rehearse_scenario("failover", description, weather, phone, server)
}

fn rehearse_scenario(
    name: &str,
    description: &Description,
    weather: Weather,
    phone: impl FnMut(&mut PhoneSpec),
    server: impl FnMut(&mut RegistrarSpec),
) -> Vec<Record> {
    let scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
    Rehearsal::new(description, scenario, weather, phone, server).unwrap().run().unwrap()
}

fn found<'a>(records: &'a [Record], phone: &str) -> (Verdict, Option<Blame>, Option<&'a str>) {
    let case = cases(records).find(|case| case.id.phone.0 == phone).unwrap();
    (case.verdict, case.blame, case.code.as_deref())
}

fn value(case: &Case, name: &str) -> f64 {
    let measurement = case.measurements.iter().find(|it| it.name == name);
    measurement.and_then(|it| it.value).unwrap_or_else(|| panic!("{name} is not measured in {case:#?}"))
}

#[test]
fn scenarios_follow_one_another_and_each_takes_the_lines_where_the_last_one_left_them() {
    let load = |name: &str| load::scenario(name, Path::new(load::RIG)).unwrap();
    let mut description = Description::default();
    description.lab.phones = 2;
    let never = |phone: &mut PhoneSpec| {
        if phone.name == "p2" {
            phone.defects.push(PhoneDefect::NeverFailsBack);
        }
    };
    let mut rehearsal = Rehearsal::new(&description, load("baseline"), calm(), never, |_| {}).unwrap();
    rehearsal.plan_mut().then = vec![load("failover"), load("flapping")];
    let records = rehearsal.run().unwrap();

    let began: Vec<&str> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Derived(Derived::ScenarioStarted { scenario, .. }) => Some(scenario.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(began, ["failover", "flapping"]);
    let of = |scenario: &str, phone: &str| {
        let case = cases(&records).find(|case| case.id.scenario == scenario && case.id.phone.0 == phone).unwrap();
        (case.verdict, case.code.as_deref())
    };
    for scenario in ["baseline", "failover", "flapping"] {
        assert_eq!(of(scenario, "p1"), (Verdict::Pass, None), "{scenario}");
    }
    assert_eq!(of("baseline", "p2"), (Verdict::Pass, None));
    assert_eq!(of("failover", "p2"), (Verdict::Fail, Some("never-failed-back")));
    assert_eq!(of("flapping", "p2"), (Verdict::NotRun, Some("start-state")));
    judged_again_alike(&records);
}

/// Judged again, the records come to the same conclusions.
fn judged_again_alike(records: &[Record]) {
    let concluded: Vec<&Record> = records.iter().filter(|it| !matches!(it.event, Event::Observed(_))).collect();
    assert!(!concluded.is_empty());
    let again = session::replay(records.iter().cloned()).records;
    assert_eq!(again.iter().collect::<Vec<_>>(), concluded);
}

/// A network that is late, and loses one frame in a hundred.
fn rough(seed: u64) -> Weather {
    Weather {
        seed,
        delay: Duration::from_millis(20),
        loss_per_10000: 100,
        lateness: Duration::from_millis(20),
        switch_on: Duration::from_millis(300),
    }
}

fn says(record: &Record, words: &str) -> bool {
    matches!(&record.event, Event::Observed(Observed::ConsoleLine { text, .. }) if text.contains(words))
}
