use proptest::prelude::*;

use super::*;

/// Settings of a phone of which nothing bad is to be said.
const SOUND: &str = "sip proxy ip: 10.0.0.2\nsip registrar ip: 10.0.0.2\nsip backup proxy ip: 10.0.0.3\n\
                     sip backup registrar ip: 10.0.0.3\nsip registration period: 600\nsip line1 user name: 1001\n\
                     sip line1 password: hush\nxml application post list: 10.0.0.9\n";

#[test]
fn each_rule_finds_what_it_is_for() {
    let table: &[(&str, &[&str])] = &[
        ("", &["account-in-file"]),
        ("sip backup proxy ip: 10.0.0.4", &["backup-differs"]),
        ("sip backup proxy ip: 0.0.0.0", &["backup-differs"]),
        ("sip backup proxy ip: 0.0.0.0\nsip backup registrar ip:", &["backup-off"]),
        ("sip line1 backup registrar ip: 10.0.0.2\nsip line1 backup proxy ip: 10.0.0.2", &["backup-is-primary"]),
        ("sip outbound proxy: 10.0.0.9", &["one-proxy"]),
        ("sip outbound proxy: 10.0.0.9\nsip backup outbound proxy: 10.0.0.9", &["one-proxy"]),
        ("sip outbound proxy: 10.0.0.9\nsip backup outbound proxy: 10.0.0.10", &[]),
        ("sip registrar ip: 0.0.0.0", &["registrar-off"]),
        ("sip proxy ip: pbx.example.com", &["proxy-differs"]),
        ("sip registration period: 0", &["period-open"]),
        ("sip registration period: 15", &["lead-too-long"]),
        ("sip registration renewal timer: 4", &["binding-lapses"]),
        ("sip registration period: 3600", &["promise-broken"]),
        ("sip transaction timer: 32000", &["binding-lapses", "promise-broken"]),
        ("sip registration timeout retry timer: 10", &["out-of-range"]),
        ("sip registration renewal timer: soon", &["wrong-type"]),
        ("admin password: letters", &["password-not-numeric"]),
        ("sip transport protocol: 4", &["blind"]),
        ("sip outbound support: 1", &["outbound"]),
        ("xml application post list:", &["no-xml-push"]),
        ("prgkey1 type: xml\nprgkey1 value: http://u@10.0.0.2:8080/logon", &["key-at-primary"]),
        ("prgkey1 type: xml\nprgkey1 value: http://10.0.0.7/logon", &[]),
        ("prgkey1 type: speeddial\nprgkey1 value: 10.0.0.2", &[]),
        ("sip line2 proxy port: 5070", &["no-user"]),
        ("sip line2 user name: 1002", &["no-password"]),
        ("sip line1 user name:", &["no-account", "no-user"]),
    ];
    for (change, expected) in table {
        let audit = of_phone(&[("00085D000001.cfg", &format!("{SOUND}{change}"))]);
        let found = codes(&audit.phones[0]);
        let mut expected: Vec<_> = expected.iter().copied().chain(["account-in-file"]).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(found, expected, "{change}");
    }
}

#[test]
fn every_code_is_in_the_manual() {
    let manual = include_str!("../../docs/check-config.md");
    let mut codes = std::collections::BTreeSet::new();
    for file in Path::new("src/audit").read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        if file.ends_with("tests.rs") {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        // Codes are the only words with hyphens in quotation marks there. Those without are left to the eye.
        for word in source.split('"').skip(1).step_by(2) {
            if word.contains('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
                codes.insert(word.to_owned());
            }
        }
    }
    assert!(codes.len() > 25, "{codes:?}");
    let missing: Vec<_> = codes.iter().filter(|code| !manual.contains(&format!("`{code}`"))).collect();
    assert_eq!(missing, [] as [&String; 0]);
}

#[test]
fn a_finding_is_placed_where_the_value_that_counts_is_set() {
    let files = [("aastra.cfg", SOUND), ("00085D000001.cfg", "# its own backup\nsip backup registrar ip: 10.0.0.4")];
    let audit = of_phone(&files);
    let finding = &audit.phones[0].findings[0];
    assert_eq!((finding.code, finding.lines.as_slice()), ("backup-differs", [1].as_slice()));
    assert_eq!(finding.origin.as_ref().unwrap().to_string(), "00085D000001.cfg:2");
    assert_eq!(audit.verdict(), Some(Severity::Error));
}

#[test]
fn the_same_about_several_lines_is_said_once() {
    let settings = format!("{SOUND}sip line2 user name: 1\nsip line2 password: 1\nsip backup proxy ip: 10.0.0.4");
    let audit = of_phone(&[("00085D000001.cfg", &settings)]);
    let differs: Vec<_> = audit.phones[0].findings.iter().filter(|found| found.code == "backup-differs").collect();
    assert_eq!(differs.len(), 1);
    assert_eq!(differs[0].lines, [1, 2]);
}

#[test]
fn two_phones_with_one_user_are_both_told_and_one_phone_with_two_lines_is_not() {
    let line2 = format!("{SOUND}sip line2 user name: 1001\nsip line2 password: hush");
    let alone = of_phone(&[("00085D000001.cfg", &line2)]);
    assert!(!codes(&alone.phones[0]).contains(&"shared-user"));
    let audit = of_phone(&[("00085D000001.cfg", SOUND), ("00085D000002.cfg", SOUND)]);
    for (phone, other) in audit.phones.iter().zip(["00085D000002", "00085D000001"]) {
        let shared = phone.findings.iter().find(|found| found.code == "shared-user").unwrap();
        assert!(shared.message.contains(other), "{}", shared.message);
    }
}

#[test]
fn without_a_file_of_its_own_any_phone_is_judged_once_for_each_model() {
    let names =
        |files: &[(&str, &str)]| of_phone(files).phones.iter().map(|phone| phone.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&[("aastra.cfg", SOUND)]), ["any phone"]);
    assert_eq!(names(&[("aastra.cfg", SOUND), ("6731i.cfg", ""), ("6757i.cfg", "")]), ["any 6731i", "any 6757i"]);
    assert_eq!(names(&[("6731i.cfg", ""), ("00085D000001.cfg", "")]), ["00085D000001"]);
    assert_eq!(names(&[("phones.cfg", "")]), [] as [&str; 0]);
}

#[test]
fn a_file_whose_reader_is_not_known_is_left_out_and_says_so() {
    let files = [("6731i.cfg", "sip registrar ip: 0.0.0.0"), ("6757i.cfg", ""), ("00085D000001.cfg", SOUND)];
    let audit = of_phone(&files);
    assert_eq!(audit.files[0].findings[0].code, "model-unknown");
    assert_eq!(audit.phones[0].files, [PathBuf::from("00085D000001.cfg")]);
    let files = [("local.cfg", "sip registrar ip: 0.0.0.0"), ("00085D000001.cfg", SOUND), ("00085D000002.cfg", SOUND)];
    let audit = of_phone(&files);
    assert_eq!(audit.files[0].findings[0].code, "local-unknown");
    assert!(audit.phones.iter().all(|phone| !codes(phone).contains(&"registrar-off")));
}

#[test]
fn what_a_log_off_on_the_backup_leaves_behind_is_found() {
    let files = [("aastra.cfg", SOUND), ("local.cfg", "sip registrar ip: 10.0.0.3\nsip proxy ip: 10.0.0.2")];
    let audit = of_phone(&files);
    let local: Vec<_> = audit.phones[0].findings.iter().filter(|found| found.code == "local-server").collect();
    assert_eq!(local.len(), 1);
    assert!(local[0].message.contains("10.0.0.3") && local[0].message.contains("aastra.cfg:2"), "{}", local[0].message);
}

#[test]
fn a_file_named_by_hand_must_be_somebodys() {
    let foreign = |chosen| audit(vec![("phones.cfg".into(), b"sip password: 1".to_vec())], chosen, &|_| None).verdict();
    assert_eq!((foreign(true), foreign(false)), (Some(Severity::Error), Some(Severity::Warning)));
}

#[test]
fn a_key_that_the_model_lacks_is_found_where_the_model_is_known() {
    let keys = "prgkey8 type: blf\nprgkey9 type: blf\nsoftkey1 type: blf\nexpmod1 key3 type: blf\nprgkey10 type: none";
    let missing = |model: &str| {
        let audit = of_phone(&[(model, keys), ("00085D000001.cfg", SOUND)]);
        let found = audit.phones[0].findings.iter().filter(|found| found.code == "no-such-key");
        found.map(|found| found.message.clone()).collect::<Vec<_>>()
    };
    let expected =
        ["6731i has 0 expansion modules: expmod1 key3", "8 programmable keys: prgkey9", "0 soft keys: softkey1"];
    let found = missing("6731i.cfg");
    assert!(found.len() == 3 && expected.iter().all(|part| found.iter().any(|told| told.contains(part))), "{found:?}");
    assert_eq!(missing("6863i.cfg"), [] as [String; 0]);
}

#[test]
fn no_secret_is_in_any_finding() {
    let settings = "sip pasword: hush\nsip line1 password hush\nadmin password: hush\nuser password: \"hush\nsip line1 passwrd: hush\n\
                    hush\nsip password: hush\nsip password: hush\nprgkey1 type: xml\nprgkey1 value: http://a:hush@10.0.0.2/\n\
                    sip registrar ip: 10.0.0.2\nsip line1 user name: 1001\nsip password:hush # hush";
    let audit = of_phone(&[("00085D000001.cfg", settings)]);
    let told = text::render(std::slice::from_ref(&audit), crate::look::Look::PLAIN);
    let document = document::Document::of(&[audit], 78).to_json().unwrap();
    assert!(!told.contains("hush") && !document.contains("hush"), "{told}");
}

#[test]
fn thousands_of_unknown_names_come_to_a_few_findings() {
    let names: String = (0..5000).map(|n| format!("sip proxi ip{n}: 1\nnonsense {n}: 1\n")).collect();
    let audit = of_phone(&[("aastra.cfg", &names)]);
    assert!(audit.files[0].findings.len() <= 201, "{}", audit.files[0].findings.len());
}

proptest! {
    #[test]
    fn no_files_make_it_panic_or_betray_a_control_character(
        files in prop::collection::vec(("(aastra|6731i|0008[0-9A-F]{8}|local|x\x1b)\\.(cfg|tuz)", hostile_file()), 0..4)
    ) {
        let files = files.into_iter().map(|(name, text)| (PathBuf::from(name), text.into_bytes())).collect();
        let audits = [audit(files, false, &keys_of)];
        let told = text::render(&audits, crate::look::Look::PLAIN);
        prop_assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
        document::Document::of(&audits, 0).to_json().unwrap();
    }
}

/// Lines that resemble settings, with hostile values.
fn hostile_file() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "sip line3 registrar ip",
        "sip registrar ip",
        "sip backup registrar ip",
        "sip registration period",
        "sip user name",
        "sip transaction timer",
        "sip registration renewal timer",
        "prgkey1 type",
        "prgkey1 value",
        "softkey9 type",
        "sip prxy ip",
        "admin password",
        "\u{202e}x",
        "sip line99 user name",
    ]);
    let value = prop_oneof!["[0-9]{0,25}", "10\\.0\\.0\\.[1-3]", "(http://|xml|\"|#|@|\x1b|\u{202e}|/|:|é| ){0,6}",];
    let line = (name, value).prop_map(|(name, value)| format!("{name}: {value}\n"));
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

fn of_phone(files: &[(&str, &str)]) -> Audit {
    audit(files.iter().map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec())).collect(), true, &keys_of)
}

fn keys_of(model: &str) -> Option<Assignable> {
    (model == "6731i").then_some(Assignable { programmable: 8, soft: 0, top_soft: 0, expansion_modules: 0 })
}

fn codes(phone: &PhoneAudit) -> Vec<&'static str> {
    let mut codes: Vec<_> = phone.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}
