//! Files that people write: the good ones are read whole, and everything wrong in the bad ones is named at once.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use siprig::config::{
    Assignable, Bench, FailbackHabit, Identity, KeyGroup, Keypad, Mac, ModePlan, Model, Phone, RegistrationHabit,
    RenewalLead, Scenario, Source, Step, StepKind, Suite, diagnostic::Diagnostics, document::Document, load,
    overrides::Override,
};
use siprig::{event::Manner, virtual_bench::Description};

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
fn of_a_file_with_faults_without_end_the_first_are_told() {
    let faults: String = (0..20_000).map(|number| format!("fault-{number} = 1\n")).collect();
    for (wrong, first) in [(faults, "fault-0"), ("e\"\n".repeat(20_000), "e\"")] {
        let text = format!("name = \"x\"\n{wrong}");
        let found = match Document::parse("model.toml".into(), text, &[]) {
            Ok(document) => document.read_as::<Description>().unwrap_err(),
            Err(found) => found,
        };
        assert_eq!(found.0.len(), 101);
        assert!(found.to_string().contains(first), "{found}");
        assert_eq!(found.0[100].message, "more than 100 things are wrong");
    }
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
fn every_built_in_scenario_is_the_same_when_it_was_written_to_a_journal() {
    for name in load::scenario_names(Path::new(load::RIG)) {
        let scenario = load::scenario(&name, Path::new(load::RIG)).unwrap();
        let written = serde_json::to_string(&scenario).unwrap();
        let read: Scenario =
            serde_json::from_str(&written).unwrap_or_else(|error| panic!("{name}: {error}: {written}"));
        assert_eq!(read, scenario);
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
    let description: Description = document.read_as().unwrap();
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
    assert_eq!(console.fatal.first().map(String::as_str), Some("^panic: "));
    assert!(console.fatal.iter().any(|pattern| pattern.contains("Kernel panic")), "that is fatal on every console");
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
        "network.capture-size=5MB",
    ]);
    let [p1, p2] = bench.phones.as_slice() else { panic!("two phones") };
    assert_eq!((p1.timers.expires.value, p2.timers.expires.value), (minutes(7), minutes(7)));
    assert_eq!(p1.timers.transaction.value, Duration::from_secs(9));
    assert_eq!(p1.lines[0].extension, "1009");
    assert_eq!(p2.lines[1].backup.as_ref().unwrap().0, "a");
    assert_eq!(bench.servers[2].sip_ports(), [5070]);
    let network = bench.network.unwrap();
    assert_eq!((network.vlan, network.capture_size), (Some(12), 5_000_000));
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
fn what_lies_too_deep_is_refused_and_not_followed() {
    let deep = |open: &str, inner: &str, close: &str| [&open.repeat(20_000), inner, &close.repeat(20_000)].concat();
    for text in [
        deep("a.", "a = 1", ""),
        format!("[{}]", deep("a.", "a", "")),
        format!("[[{}]]", deep("a.", "a", "")),
        format!("a = {}", deep("[", "", "]")),
        format!("a = {}", deep("{ a = ", "1", " }")),
    ] {
        let read = Document::parse("virtual.toml".into(), text, &[]).and_then(|it| it.read_as::<Description>());
        assert!(read.is_err());
        let change = "virtual.model=x".parse::<Override>().unwrap();
        assert!(
            Document::parse("x".into(), String::new(), &[Override { value: "{ a = ".repeat(20_000), ..change }])
                .is_ok()
        );
    }
    let path: Override = format!("{}x=1", "a.".repeat(20_000)).parse().unwrap();
    let found = Document::parse("x".into(), String::new(), &[path]).unwrap_err();
    assert_eq!(found.0[0].message, "no entry lies 20001 steps deep");
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

#[test]
fn every_scenario_survives_the_journal() {
    for file in files("rig/scenarios") {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let scenario = load::scenario(stem, Path::new("rig")).unwrap_or_else(|found| panic!("{found}"));
        let written = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&written).unwrap(), scenario, "{stem}");
    }
}

#[test]
fn every_suite_of_the_rig_is_a_good_one_for_one_bench_and_its_name_is_that_of_its_file() {
    let rig = Path::new("rig");
    let names = load::suite_names(rig);
    assert!(names.contains(&"nightly".to_owned()), "{names:?}");
    for name in names {
        let document = load::suite_document(&name, rig).unwrap();
        let (suite, scenarios) = load::suite(&document, rig).unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(suite.name, name);
        assert!(suite.entries.iter().flat_map(|entry| &entry.scenarios).all(|named| scenarios.contains_key(named)));
        assert!(scenarios.values().all(|scenario| scenario.tried_on.is_none()), "{name} needs more than one bench");
    }
}

#[test]
fn a_suite_says_what_is_run_and_what_is_not_said_has_its_usual_value() {
    let rig = Path::new("rig");
    let document = load::suite_document("fixtures/config/valid/suite-full.toml", rig).unwrap();
    let (suite, scenarios) = load::suite(&document, rig).unwrap();
    let [first, second] = suite.entries.as_slice() else { panic!("two entries") };
    assert_eq!(first.scenarios, ["baseline", "fixtures/config/valid/scenario-ask.toml"]);
    assert_eq!((first.repeat, first.priority, first.retry, first.time_limit), (3, 1, 2, Some(minutes(20))));
    assert_eq!((second.repeat, second.priority, second.retry, second.time_limit), (1, 5, 0, None));
    assert!(second.phones.is_empty() && second.tags.is_empty());
    assert_eq!(scenarios["fixtures/config/valid/scenario-ask.toml"].name, "ask");
    let [known, every] = suite.known_issues.as_slice() else { panic!("two known issues") };
    assert!(known.is_about("failover", &"p2".into()) && !known.is_about("failover", &"p1".into()));
    assert!(every.is_about("baseline", &"p1".into()) && !every.is_about("failover", &"p1".into()));
    assert_eq!(every.expires.to_string(), "2027-01-15");
    let written = serde_json::to_string(&suite).unwrap();
    assert_eq!(serde_json::from_str::<Suite>(&written).unwrap(), suite, "as a ledger holds it");
}

#[test]
fn every_model_of_the_rig_is_a_good_one_and_its_name_is_that_of_its_file() {
    let mut count = 0;
    for file in files("rig/models") {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let model = load::model(stem, Path::new("rig")).unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(model.name, stem);
        assert!(model.keys.keys().all(|key| model.groups.contains_key(key)), "{stem}: a key without a group");
        count += 1;
    }
    assert!(count >= 14, "only {count} models");
}

#[test]
fn the_family_has_the_keys_that_each_model_is_known_to_have() {
    let expected = [
        ("aastra-6730i", 8, 0, 0, 0),
        ("aastra-6731i", 8, 0, 0, 0),
        ("aastra-6731i-fw3", 8, 0, 0, 0),
        ("aastra-6735i", 6, 20, 0, 3),
        ("aastra-6737i", 0, 20, 10, 3),
        ("aastra-6739i", 0, 55, 0, 3),
        ("aastra-6753i", 6, 0, 0, 3),
        ("aastra-6755i", 6, 20, 0, 3),
        ("aastra-6757i", 0, 20, 10, 3),
    ];
    for (name, programmable, soft, top_soft, expansion_modules) in expected {
        let phone = model(name);
        assert_eq!(phone.assignable, Assignable { programmable, soft, top_soft, expansion_modules }, "{name}");
        let pressable = phone.groups.values().filter(|group| **group == KeyGroup::Programmable).count();
        assert_eq!(pressable, usize::from(programmable), "{name}: programmable keys");
        assert_eq!(phone.registration(), RegistrationHabit::Serial, "{name}");
        assert!(phone.menus.contains_key("registration-status"), "{name}");
        let mut keys = phone.keys.keys().chain(&phone.unwired);
        assert!(keys.all(|key| phone.xml_keys.contains_key(key)), "{name}: a key without a name in XML");
        assert!(phone.menus.contains_key("restart"), "{name}");
    }
    let touch = model("aastra-6739i");
    assert_eq!((touch.unwired.len(), touch.xml_keys[&"softkey55".into()].as_str()), (55, "Key:SoftKey55"));
}

#[test]
fn a_phone_takes_pushes_where_the_bench_says_so_or_presses_keys_that_way() {
    let (bench, models) = load::bench("fixtures/config/valid/bench-push.toml", Path::new("rig"), &[]).unwrap();
    let found: Vec<_> = bench.phones.iter().map(|phone| (phone.keypad.clone(), phone.push)).collect();
    let at = |place: &str| Some(place.parse().unwrap());
    let board = Keypad::Kp1 { port: "/dev/ttyUSB0".into(), unit: 3 };
    let expected = [
        (Some(Keypad::Xml), at("10.77.0.11:80")),
        (Some(Keypad::Xml), at("10.77.0.12:8080")),
        (Some(board), at("10.77.0.13:81")),
        (None, at("10.77.0.14:80")),
    ];
    assert_eq!(found, expected);

    let press = |key: &str| {
        let mut scenario = load::scenario("baseline", Path::new("rig")).unwrap();
        scenario.steps[0].kind = StepKind::Press { keys: vec![key.into()], reboots: false };
        scenario
    };
    let touch = [&bench.phones[1]];
    load::fit(&press("softkey55"), &touch, &models).unwrap();
    let unknown = load::fit(&press("hook"), &touch, &models).unwrap_err();
    insta::assert_snapshot!("a_key_that_has_no_name_in_xml", unknown.to_string());
}

#[test]
fn a_phone_behind_a_router_is_known_by_its_addresses() {
    let (bench, _) = load::bench("fixtures/config/valid/bench-routed.toml", Path::new("rig"), &[]).unwrap();
    let found: Vec<_> = bench.phones.iter().map(|phone| (phone.identity.clone(), phone.address)).collect();
    let addresses = |all: &[&str]| all.iter().map(|address| address.parse().unwrap()).collect::<Vec<IpAddr>>();
    let mac = |last| Mac([0, 8, 0x5d, 0, 0, last]);
    let expected = [
        (Identity::Routed { routed: addresses(&["10.88.0.11"]), mac: None }, "10.88.0.11".parse().ok()),
        (
            Identity::Routed { routed: addresses(&["10.88.0.12", "fd88::12"]), mac: Some(mac(2)) },
            "10.88.0.12".parse().ok(),
        ),
        (Identity::OnLink { mac: mac(3) }, None),
    ];
    assert_eq!(found, expected);
    assert_eq!(bench.phones[1].push, "10.88.0.12:80".parse().ok());
    let again: Vec<Phone> = serde_json::from_str(&serde_json::to_string(&bench.phones).unwrap()).unwrap();
    assert_eq!(again, bench.phones, "as a journal holds them");
}

#[test]
fn other_makers_have_other_habits_and_say_how_they_are_known() {
    let (yealink, snom) = (model("yealink-t4x"), model("snom-d7xx"));
    assert_eq!((yealink.registration(), yealink.keeps_both), (RegistrationHabit::Concurrent, true));
    assert_eq!(yealink.timers.expires.source, Source::Manual);
    assert_eq!((snom.registration(), snom.timers.retry_timeout.value), (RegistrationHabit::Serial, minutes(5)));
    assert_eq!(snom.keep_alive.unwrap().source, Source::Assumed);
    assert!(yealink.xml_keys.is_empty() && yealink.xml_names.is_none());
}

#[test]
fn keys_have_names_in_xml_and_groups_by_rule_and_by_exception() {
    let base = model("fixtures/config/valid/model-keys.toml");
    let told = |key: &str| (base.xml_keys.get(&key.into()).map(String::as_str), base.groups[&key.into()]);
    assert_eq!(told("1"), (Some("Key:KeyPad1"), KeyGroup::Keypad));
    assert_eq!(told("prgkey1"), (Some("Key:P1"), KeyGroup::Programmable));
    assert_eq!(told("select"), (Some("Key:Select"), KeyGroup::Navigation));
    assert_eq!(told("hook"), (None, KeyGroup::Function));
    assert_eq!(told("softkey2"), (Some("Key:SoftKey2"), KeyGroup::Soft));
    assert_eq!((base.failback, base.registration()), (FailbackHabit::Poll(seconds(90)), RegistrationHabit::KeepAlive));

    let heir = model("fixtures/config/valid/model-concurrent.toml");
    assert_eq!((heir.registration(), heir.keep_alive), (RegistrationHabit::Concurrent, base.keep_alive));
    assert_eq!(heir.keys[&"softkey1".into()], "2.0");
    assert_eq!((heir.unwired.len(), heir.xml_keys.len()), (1, base.xml_keys.len()));
}

#[test]
fn what_is_about_the_link_of_a_server_behind_a_router_is_refused_before_the_run() {
    let (mut bench, _) = bench(&[]);
    let mut matrix = load::scenario("outage-matrix", Path::new("rig")).unwrap();
    load::reach(&matrix, &bench, &bench.phones.iter().collect::<Vec<_>>()).unwrap();
    bench.servers.iter_mut().for_each(|server| server.gateway = Some([10, 77, 0, 1].into()));
    let phones: Vec<_> = bench.phones.iter().collect();
    load::reach(&matrix, &bench, &phones).expect("phones may do without that outage");
    matrix.steps.iter_mut().for_each(|step| step.optional = false);
    let refused = load::reach(&matrix, &bench, &phones).unwrap_err().to_string();
    assert!(
        refused.contains("server a is behind the gateway 10.77.0.1") && refused.contains("server b, "),
        "{refused}"
    );
    load::reach(&load::scenario("failover", Path::new("rig")).unwrap(), &bench, &phones).unwrap();
}

#[test]
fn what_is_about_the_names_of_a_server_without_any_is_refused_before_the_run() {
    let (mut bench, _) = bench(&[]);
    let names: Vec<String> = bench.servers[0].names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["sip-a.example.net", "pbx.example.net"]);
    let plan = load::scenario("failover", Path::new("rig")).unwrap();
    let mut plan = Scenario { steps: plan.steps.into_iter().take(3).collect(), ..plan };
    let StepKind::Outage(outage) = &mut plan.steps[2].kind else { unreachable!() };
    outage.mode = ModePlan::Plain(Manner::Nameless.into());
    let reach = |bench: &Bench| load::reach(&plan, bench, &bench.phones.iter().collect::<Vec<_>>());
    // Nobody loses the backup.
    reach(&bench).unwrap();
    bench.servers[0].names.clear();
    let refused = reach(&bench).unwrap_err().to_string();
    assert!(refused.contains("needs the names of server a") && !refused.contains("server b"), "{refused}");
}

#[test]
fn a_menu_or_key_that_a_phone_lacks_is_said_before_the_run() {
    let (bench, mut models) = bench(&[]);
    let phones: Vec<_> = bench.phones.iter().collect();
    let asks = |menu: &str, optional| {
        let kind = StepKind::Keys { menu: menu.into(), reboots: false };
        Scenario::of("status", "", vec![Step { optional, ..Step::of("", kind) }])
    };
    load::fit(&asks("registration-status", false), &phones, &models).unwrap();
    load::fit(&asks("registration-stats", true), &phones, &models).unwrap();
    let typo = load::fit(&asks("registration-stats", false), &phones, &models).unwrap_err();
    let model = models.get_mut(&bench.phones[0].model).unwrap();
    model.keys.remove(&"enter".into());
    let unwired = load::fit(&asks("registration-status", true), &phones, &models).unwrap_err();
    insta::assert_snapshot!(format!("{typo}\n\n{unwired}"));

    let nobody = Phone { keypad: None, ..bench.phones[0].clone() };
    load::fit(&asks("nothing", false), &[&nobody], &models).unwrap();
}

fn bench(overrides: &[&str]) -> (Bench, std::collections::BTreeMap<String, Model>) {
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
        Some("virtual") => load::document(name, rig, &[])?.read_as::<Description>().map(drop),
        Some("scenario") => load::scenario(name, rig).map(drop),
        Some("suite") => {
            let document = load::suite_document(name, rig)?;
            load::suite(&document, rig)?;
            load::suite_fits(&document, &bench(&[]).0)
        }
        _ => panic!("what is {name}?"),
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = Path::new(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
