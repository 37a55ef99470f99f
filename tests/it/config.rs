//! Files that people write: the good ones are read whole, and everything wrong in the bad ones is named at once.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use siprig::config::{
    FailbackHabit, Model, RenewalLead, Source, StepKind, diagnostic::Diagnostics, load, overrides::Override,
};

#[test]
fn everything_wrong_with_a_file_is_named_with_its_place_and_a_remedy() {
    let mut count = 0;
    for file in files("fixtures/config/invalid") {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = read(&file).expect_err(&format!("{name} must be refused"));
        assert!(found.0.iter().all(|finding| finding.help.is_some()), "no remedy in {name}: {found:#?}");
        insta::assert_snapshot!(name, found.to_string());
        count += 1;
    }
    assert!(count >= 14, "only {count} files");
}

#[test]
fn every_good_file_is_read() {
    for file in files("fixtures/config/valid") {
        if let Err(found) = read(&file) {
            panic!("{}:\n{found}", file.display());
        }
    }
}

#[test]
fn the_example_of_a_lab_is_a_good_one() {
    load::bench("rig/lab-example.toml", Path::new("rig"), &[]).unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn a_phone_of_the_virtual_bench_can_be_given_a_defect_without_being_mentioned() {
    let changes = ["virtual.phone.p3.defects=[\"never-fails-back\"]", "virtual.phone.p3.lines=2", "virtual.phones=5"];
    let changes: Vec<Override> = changes.iter().map(|text| text.parse().unwrap()).collect();
    let document = load::document("virtual", Path::new("rig"), &changes).unwrap();
    assert!(document.is_virtual());
    let description: siprig::virtual_bench::Description = document.read_as().unwrap();
    assert_eq!((description.lab.phones, description.lab.phone.len()), (5, 1));
    assert_eq!((description.lab.phone[0].lines, description.lab.phone[0].defects.len()), (Some(2), 1));
}

#[test]
fn a_phone_gets_the_timers_of_its_model_under_those_of_the_bench() {
    let (bench, models) = bench(&[]);
    let [p1, p2] = bench.phones.as_slice() else { panic!("two phones") };
    assert_eq!((p1.timers.expires.value, p1.timers.expires.source), (minutes(5), Source::Configured));
    assert_eq!(p1.timers.transaction.value, Duration::from_secs(8));
    assert_eq!(p1.timers.renewal_lead.value, RenewalLead::Span(Duration::from_secs(15)));
    assert_eq!((p2.timers.transaction.value, p2.timers.transaction.source), (Duration::from_secs(8), Source::Manual));
    assert_eq!(p2.timers.renewal_lead.source, Source::Assumed);
    assert_eq!(models["model-plain.toml"].timers.expires.value, minutes(10));
}

#[test]
fn a_line_takes_the_servers_of_its_own_or_else_those_with_the_role() {
    let (bench, _) = bench(&[]);
    let lines = &bench.phones[1].lines;
    assert_eq!((lines[0].primary.0.as_str(), lines[0].backup.as_ref().unwrap().0.as_str()), ("a", "b"));
    assert_eq!((lines[1].primary.0.as_str(), lines[1].backup.as_ref().unwrap().0.as_str()), ("b", "c"));
    assert_eq!(lines[0].password_file.as_deref(), Some(Path::new("fixtures/config/valid/secrets/1002")));
}

#[test]
fn a_model_keeps_what_it_does_not_change_of_the_one_that_it_extends() {
    let model = model("fixtures/config/valid/model-newer.toml");
    let console = model.console.as_ref().unwrap();
    assert_eq!(console.prompt.as_deref(), Some("^> $"));
    assert_eq!(console.fatal, ["^panic: "]);
    assert_eq!(console.line_ending, "\r\n");
    assert_eq!(model.timers.transaction.value, Duration::from_secs(8));
    assert_eq!(model.timers.expires.source, Source::Manual);
    assert_eq!(model.failback, FailbackHabit::Poll(Duration::from_secs(20)));
    assert_eq!(model.menus["registration-status"].len(), 3);
    assert!(model.keeps_both);
}

#[test]
fn an_override_reaches_tables_lists_and_timers() {
    let (bench, _) = bench(&[
        "expires=7m",
        "phone.p1.timers.transaction=9s",
        "phone.p1.extension=1009",
        "phone.p2.line.1003.backup=a",
        "server.c.services.sip=[5070]",
        "network.vlan=12",
    ]);
    let [p1, p2] = bench.phones.as_slice() else { panic!("two phones") };
    assert_eq!((p1.timers.expires.value, p2.timers.expires.value), (minutes(7), minutes(7)));
    assert_eq!(p1.timers.transaction.value, Duration::from_secs(9));
    assert_eq!(p1.lines[0].extension, "1009");
    assert_eq!(p2.lines[1].backup.as_ref().unwrap().0, "a");
    assert_eq!(bench.servers[2].sip_ports(), [5070]);
    assert_eq!(bench.network.unwrap().vlan, Some(12));
}

#[test]
fn a_timer_set_for_all_beats_the_one_that_the_file_gives_a_phone() {
    let (bench, _) = bench(&["transaction=3s"]);
    assert!(bench.phones.iter().all(|phone| phone.timers.transaction.value == Duration::from_secs(3)));
}

#[test]
fn a_wrong_override_is_blamed_and_not_the_file() {
    let wrong: Vec<Override> = [
        "timers.expirs=10m",
        "transaktion=3s",
        "phone.p9.mac=00:08:5d:23:74:29",
        "server.a.role=boss",
        "network.vlan=many",
        "phone.p1=x",
        "bench.name.first=x",
    ]
    .iter()
    .map(|text| text.parse().unwrap())
    .collect();
    let mut messages = String::new();
    for change in wrong {
        let found = load::bench("fixtures/config/valid/bench-full.toml", Path::new("rig"), &[change]).unwrap_err();
        messages += &format!("{found}\n\n");
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn a_name_that_is_nowhere_is_answered_with_the_ones_that_are() {
    let found = load::scenario("failver", Path::new("rig")).unwrap_err();
    insta::assert_snapshot!(found.to_string(), @r"
    there is no scenario `failver`, neither in rig/scenarios/failver.toml nor built in
      help: did you mean `failover`?
    ");
}

#[test]
fn the_built_in_failover_needs_no_files() {
    let scenario = load::scenario("failover", Path::new("/nonexistent")).unwrap();
    let outages = scenario.steps.iter().filter(|step| matches!(step.kind, StepKind::Outage { .. })).count();
    assert_eq!((scenario.name.as_str(), outages), ("failover", 1));
}

fn bench(overrides: &[&str]) -> (siprig::config::Bench, std::collections::BTreeMap<String, Model>) {
    let overrides: Vec<_> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    load::bench("fixtures/config/valid/bench-full.toml", Path::new("rig"), &overrides)
        .unwrap_or_else(|found| panic!("{found}"))
}

fn model(file: &str) -> Model {
    load::model(file, Path::new("rig")).unwrap_or_else(|found| panic!("{found}"))
}

fn read(file: &Path) -> Result<(), Diagnostics> {
    let name = file.to_str().unwrap();
    let rig = Path::new("rig");
    match file.file_name().unwrap().to_str().unwrap().split('-').next() {
        Some("bench") => load::bench(name, rig, &[]).map(drop),
        Some("model") => load::model(name, rig).map(drop),
        Some("virtual") => load::document(name, rig, &[])?.read_as::<siprig::virtual_bench::Description>().map(drop),
        Some("scenario") => load::scenario(name, rig).map(drop),
        _ => panic!("what is {name}?"),
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = Path::new(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
