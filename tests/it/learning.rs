//! `siprig phone learn` finds the timers that phones have, and says of nothing that it measured it where it did not.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use siprig::{
    config::{FailbackHabit, RenewalLead, Source, load},
    event::{PhoneName, Record, Transport},
    journal::JournalReader,
    learn::{self, Known, Learnt, Noticing},
    rehearsal::{Rehearsal, Weather},
    virtual_bench::{
        Description,
        phone::{PhoneDefect, PhoneSpec, Transport as Carrier},
    },
};

/// What phones are set to, in seconds: expires, transaction, renewal lead, retry after a timeout, after a rejection.
type Timers = [u64; 5];

/// None of them is as the phones' model says (600, 4, 15, 120, 1800), but for the one that is.
const SETTINGS: [Timers; 5] =
    [[12, 4, 6, 30, 30], [60, 8, 10, 45, 90], [90, 20, 30, 60, 40], [120, 32, 40, 200, 600], [600, 4, 15, 120, 1800]];

fn bench(timers: Timers) -> Description {
    let mut description = Description::default();
    description.lab.phones = 2;
    description.lab.transports = vec![Carrier::Udp, Carrier::Tcp];
    let [expires, transaction, lead, retry, rejected] = timers.map(Duration::from_secs);
    (description.timers.expires, description.timers.transaction) = (expires, transaction);
    (description.timers.renewal_lead, description.timers.retry_timeout) = (lead, retry);
    description.timers.retry_rejected = rejected;
    description
}

fn weather(seed: u64) -> Weather {
    let ms = Duration::from_millis;
    Weather { seed, delay: ms(5), lateness: ms(10), switch_on: ms(1500), ..Weather::default() }
}

/// The run of a scenario as `siprig phone learn` makes it, on virtual time.
fn guided(scenario: &str, bench: &Description, seed: u64, phone: impl FnMut(&mut PhoneSpec)) -> Vec<Record> {
    let scenario = load::scenario(scenario, Path::new(load::RIG)).unwrap();
    let mut rehearsal = Rehearsal::new(bench, scenario, weather(seed), phone, |_| {}).unwrap();
    for phone in &mut rehearsal.plan_mut().bench.phones {
        phone.timers = learn::patient(&phone.timers);
        (phone.console, phone.keypad) = (None, None);
    }
    let records = rehearsal.run().unwrap();
    for case in siprig::rehearsal::cases(&records).filter(|case| case.reason.is_some()) {
        // Told where a test fails.
        println!("{}: {:?} {:?}", case.id, case.verdict, case.reason);
    }
    records
}

fn learnt(records: &[Record], phone: &str) -> Learnt {
    learn::learn(records.iter().cloned(), &PhoneName::from(phone)).unwrap()
}

fn found(what: &str, known: &Known<Duration>, expected: u64) {
    let Known::Measured(measured) = known else { panic!("{what}: {known:?}") };
    let expected = Duration::from_secs(expected);
    let off = measured.value.abs_diff(expected).as_secs_f64() / expected.as_secs_f64();
    assert!(off <= 0.05, "{what} is {expected:?}, and was found to be {measured:?}");
    assert!(measured.times >= 1 && !measured.evidence.is_empty(), "{what}: {measured:?}");
}

fn span(known: &Known<RenewalLead>) -> Known<Duration> {
    match known {
        Known::Measured(measured) => match measured.value {
            RenewalLead::Span(value) => Known::Measured(learn::Measured {
                value,
                times: measured.times,
                spread: measured.spread,
                error: measured.error,
                evidence: measured.evidence.clone(),
                note: measured.note.clone(),
            }),
            RenewalLead::Percent(_) => panic!("a share: {measured:?}"),
        },
        Known::Unknown(why) => Known::Unknown(why.clone()),
    }
}

fn all_found(learnt: &Learnt, timers: Timers, by: Transport) {
    let [expires, transaction, lead, retry, rejected] = timers;
    let of = |what: &str| format!("{what} of {} with {timers:?}", learnt.phone);
    found(&of("expires"), &learnt.expires, expires);
    found(&of("renewal-lead"), &span(&learnt.renewal_lead), lead);
    let [(carrier, known)] = learnt.transaction.as_slice() else { panic!("{:?}", learnt.transaction) };
    assert_eq!(*carrier, by, "{}", learnt.phone);
    found(&of("transaction"), known, transaction);
    found(&of("retry-timeout"), &learnt.retry_timeout, retry);
    found(&of("retry-rejected"), &learnt.retry_rejected, rejected);
    let failback = learnt.failback.measured().map(|measured| measured.value);
    assert_eq!(failback, Some(FailbackHabit::Renewal), "{}", of("failback"));
    let noticing = learnt.noticing.measured().map(|measured| measured.value);
    assert_eq!(noticing, Some(Noticing::AtRenewal), "{}", of("noticing"));
}

#[test]
fn every_timer_is_found_by_either_transport_whatever_the_model_says() {
    for timers in SETTINGS {
        for seed in 1..=3 {
            let records = guided("learn", &bench(timers), seed, |_| {});
            all_found(&learnt(&records, "p1"), timers, Transport::Udp);
            all_found(&learnt(&records, "p2"), timers, Transport::Tcp);
        }
    }
}

#[test]
fn what_a_run_does_not_show_stays_as_the_model_has_it_and_says_why() {
    let records = guided("baseline", &bench([60, 8, 10, 45, 90]), 1, |_| {});
    let learnt = learnt(&records, "p1");
    found("expires", &learnt.expires, 60);
    found("renewal-lead", &span(&learnt.renewal_lead), 10);
    for known in [&learnt.one_transaction(), &learnt.retry_timeout, &learnt.retry_rejected] {
        assert!(matches!(known, Known::Unknown(why) if !why.is_empty()), "{known:?}");
    }
    assert!(!learnt.failback.is_measured() && !learnt.noticing.is_measured());

    let text = learn::file::write(&learnt, "my-phone", "aastra-6731i");
    let model = load::model_text(Path::new("my-phone.toml"), text.clone(), Path::new(load::RIG)).unwrap();
    let timers = &model.timers;
    assert_eq!((timers.expires.source, timers.renewal_lead.source), (Source::Measured, Source::Measured), "{text}");
    for (timer, value) in [(timers.transaction, 4), (timers.retry_timeout, 120), (timers.retry_rejected, 1800)] {
        assert_eq!((timer.value, timer.source), (Duration::from_secs(value), Source::Manual), "{text}");
    }
    assert!(text.contains("# Not measured, and as the model has it: "), "{text}");
}

#[test]
fn a_model_of_what_was_learnt_says_what_was_measured() {
    let timers = [60, 8, 10, 45, 90];
    let learnt = learnt(&guided("learn", &bench(timers), 2, |_| {}), "p1");
    let text = learn::file::write(&learnt, "my-phone", "aastra-6731i");
    let model = load::model_text(Path::new("my-phone.toml"), text.clone(), Path::new(load::RIG)).unwrap();
    let [expires, transaction, _, retry, rejected] = timers.map(Duration::from_secs);
    for (timer, set) in [
        (model.timers.expires, expires),
        (model.timers.transaction, transaction),
        (model.timers.retry_timeout, retry),
        (model.timers.retry_rejected, rejected),
    ] {
        assert_eq!(timer.source, Source::Measured, "{text}");
        assert!(timer.value.abs_diff(set) <= set / 20, "{timer:?} is {set:?}: {text}");
    }
    assert_eq!(model.name, "my-phone");
    assert!(!model.keys.is_empty(), "it extends the phone's model");
    assert!(text.contains("Aastra 6731i/3.2.0.70-SIP"), "{text}");
}

#[test]
fn a_phone_that_probes_its_primary_is_found_out_with_its_pause_and_its_method() {
    let mut description = bench([120, 4, 15, 45, 90]);
    let probing = |phone: &mut PhoneSpec| phone.habits.probe = Some(Duration::from_secs(10));
    let records = guided("learn", &description, 1, probing);
    for phone in ["p1", "p2"] {
        let learnt = learnt(&records, phone);
        let habit = learnt.failback.measured().unwrap_or_else(|| panic!("{phone}: {:?}", learnt.failback));
        let FailbackHabit::Poll(pause) = habit.value else { panic!("{phone}: {habit:?}") };
        assert!(pause.abs_diff(Duration::from_secs(10)) <= Duration::from_millis(500), "{phone}: {habit:?}");
        assert_eq!(learnt.probing.probes[0].how, "REGISTER", "{phone}");
        found("renewal-lead", &span(&learnt.renewal_lead), 15);
        found("transaction", &learnt.one_transaction(), 4);
    }
    description.timers.expires = Duration::from_secs(600);
    let records = guided("learn", &description, 1, |phone| phone.habits.outbound = true);
    for phone in ["p1", "p2"] {
        let learnt = learnt(&records, phone);
        let how: Vec<&str> = learnt.probing.probes.iter().map(|probe| probe.how.as_str()).collect();
        assert_eq!(how, ["OPTIONS"], "{phone}: {:?}", learnt.probing);
        assert_eq!(learnt.probing.renewals, 0, "{phone}: it renews where it is");
    }
}

#[test]
fn a_phone_that_never_moves_has_no_timers_of_moving() {
    let stubborn = |phone: &mut PhoneSpec| phone.defects.push(PhoneDefect::NeverFailsOver);
    let learnt = learnt(&guided("learn", &bench([60, 8, 10, 45, 90]), 1, stubborn), "p1");
    found("renewal-lead", &span(&learnt.renewal_lead), 10);
    assert!(!learnt.one_transaction().is_measured(), "{:?}", learnt.transaction);
    assert!(!learnt.retry_timeout.is_measured() && !learnt.failback.is_measured());
}

#[test]
fn whoever_moves_when_turned_away_has_no_pause_after_a_rejection() {
    let moves = |phone: &mut PhoneSpec| phone.habits.moves_on_503 = true;
    let records = guided("primary-answers-503", &bench([60, 8, 10, 45, 90]), 1, moves);
    let learnt = learnt(&records, "p1");
    assert!(!learnt.retry_rejected.is_measured(), "{:?}", learnt.retry_rejected);
    let away = &learnt.turned_away[0];
    assert_eq!((away.code, away.then.0.as_str(), away.after), (503, "b", Duration::ZERO));
    // A server that asks to be left alone for 20 s shows nothing of the phone's own timer.
    let records = guided("primary-answers-503", &bench([60, 8, 10, 45, 90]), 1, |_| {});
    assert!(!self::learnt(&records, "p1").retry_rejected.is_measured());
}

/// A run of real software that was recorded (`docs/real-software.md`).
fn recorded(name: &str) -> Vec<Record> {
    JournalReader::open(&journal(name)).unwrap().map(Result::unwrap).collect()
}

fn journal(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals").join(name).with_extension("jsonl")
}

fn share(learnt: &Learnt) -> f64 {
    match learnt.renewal_lead.measured().unwrap().value {
        RenewalLead::Percent(share) => share,
        RenewalLead::Span(_) => panic!("{:?}", learnt.renewal_lead),
    }
}

#[test]
fn real_phones_have_the_timers_that_they_were_configured_with() {
    // regint=30, renewed at nine tenths of it; fbregint=10; RFC 3261 timer F.
    for (run, by) in [("real-failover", Transport::Udp), ("real-failover-tcp", Transport::Tcp)] {
        let p1 = learnt(&recorded(run), "p1");
        found("expires", &p1.expires, 30);
        assert!((share(&p1) - 10.0).abs() <= 0.5, "{run}: {:?}", p1.renewal_lead);
        assert_eq!(p1.transaction[0].0, by);
        found("transaction", &p1.transaction[0].1, 32);
        assert_eq!(p1.noticing.measured().unwrap().value, Noticing::AtRenewal, "{run}");
    }
    let p1 = learnt(&recorded("real-failover"), "p1");
    let Some(FailbackHabit::Poll(pause)) = p1.failback.measured().map(|it| it.value) else {
        panic!("{:?}", p1.failback)
    };
    assert!(pause.abs_diff(Duration::from_secs(10)) <= Duration::from_millis(500), "{pause:?}");
    assert_eq!(p1.probing.probes[0].how, "REGISTER with Expires: 0");
    assert!(p1.agents[0].contains("baresip"), "{:?}", p1.agents);

    // It never looks back, which is not seen by looking for a while.
    let p3 = learnt(&recorded("real-failover"), "p3");
    assert!(!p3.failback.is_measured() && p3.probing.probes.is_empty(), "{:?}", p3.probing);

    // The challenge of the second server sends it back to the first: it takes twice the time to move.
    let p5 = learnt(&recorded("real-failover"), "p5");
    found("transaction", &p5.one_transaction(), 64);
    assert!((share(&p5) - 10.0).abs() <= 0.5, "{:?}", p5.renewal_lead);

    // At both at once it never moves.
    let p6 = learnt(&recorded("real-failover"), "p6");
    assert!((share(&p6) - 10.0).abs() <= 0.5, "{:?}", p6.renewal_lead);
    assert!(!p6.one_transaction().is_measured() && !p6.retry_timeout.is_measured());
}

/// A folder with a run in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with_run() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let run = desk.0.path().join("reports/2026-11-25T180639Z-failover");
        fs::create_dir_all(&run).unwrap();
        fs::copy(journal("real-failover"), run.join("journal.jsonl")).unwrap();
        desk
    }

    fn siprig(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(arguments).current_dir(self.0.path()).env("SIPRIG_STATE", self.0.path().join("state"));
        command.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_a_run_that_was_shows_is_told_and_written_and_nothing_is_written_over() {
    let desk = Desk::with_run();
    let write = ["phone", "learn", "p1", "--from", "latest", "--out", "my-baresip.toml"];
    let output = desk.siprig(&write);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!("learnt", text(&output.stdout));
    let path = desk.0.path().join("my-baresip.toml");
    insta::assert_snapshot!("learnt-model", fs::read_to_string(&path).unwrap());

    let again = desk.siprig(&write);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    fs::write(&path, "of a person").unwrap();
    assert_eq!(desk.siprig(&write).status.code(), Some(2));
    assert_eq!(fs::read_to_string(&path).unwrap(), "of a person");
    assert_eq!(desk.siprig(&[&write[..], &["--force"]].concat()).status.code(), Some(0));

    // A bench takes it.
    let bench = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rig/real-software/bench.toml")).unwrap();
    let bench = bench.replace("model = \"baresip-serreg\"", "model = \"my-baresip.toml\"");
    fs::write(desk.0.path().join("bench.toml"), bench).unwrap();
    let (bench, models) =
        load::bench(&desk.0.path().join("bench.toml").to_string_lossy(), Path::new("rig"), &[]).unwrap();
    let timers = &bench.phones[0].timers;
    assert_eq!(timers.transaction.source, Source::Measured);
    assert!(matches!(models["my-baresip.toml"].failback, FailbackHabit::Poll(_)));

    for (wrong, code) in [
        (&["phone", "learn", "p9", "--from", "latest"][..], 2),
        (&["phone", "learn", "p1", "--from", "yesterday"], 2),
        (&["phone", "learn", "p1", "--from", "latest", "--out", "my phone.toml"], 2),
        (&["phone", "learn", "p9"], 2),
    ] {
        let output = desk.siprig(wrong);
        assert_eq!(output.status.code(), Some(code), "{wrong:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_phone_of_the_virtual_bench_is_learnt_in_a_run_of_its_own() {
    let desk = Desk(tempfile::tempdir().unwrap());
    let set =
        ["--set", "virtual.phones=1", "--set", "expires=10s", "--set", "transaction=5s", "--set", "retry-timeout=34s"];
    let output = desk.siprig(&[&["phone", "learn", "p1", "--out", "my-phone.toml"][..], &set].concat());
    let said = text(&output.stderr);
    if said.contains("which this system refuses") {
        println!("SKIPPED: no virtual bench here: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stdout));
    let model = load::model(&desk.0.path().join("my-phone.toml").to_string_lossy(), Path::new(load::RIG)).unwrap();
    let timers = model.timers;
    let RenewalLead::Span(lead) = timers.renewal_lead.value else { panic!("{:?}", timers.renewal_lead) };
    for (value, source, set) in [
        (timers.expires.value, timers.expires.source, 10),
        (timers.transaction.value, timers.transaction.source, 5),
        (lead, timers.renewal_lead.source, 6),
        (timers.retry_timeout.value, timers.retry_timeout.source, 34),
        (timers.retry_rejected.value, timers.retry_rejected.source, 30),
    ] {
        let set = Duration::from_secs(set);
        assert_eq!(source, Source::Measured, "{}", text(&output.stdout));
        assert!(value.abs_diff(set) <= set / 20, "{value:?} is {set:?}: {}", text(&output.stdout));
    }
}
