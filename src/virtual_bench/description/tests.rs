use super::*;

fn refusal(text: &str) -> String {
    Description::from_text(text).expect_err("is refused").0
}

#[test]
fn the_embedded_file_says_what_an_empty_one_means() {
    assert_eq!(Description::from_text(EMBEDDED), Ok(Description::default()));
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let said = refusal("[bench]\nname = \"x\"\n\n[virtual]\nphonse = 3\n");
    assert!(said.contains("line 5") && said.contains("phonse"), "{said}");
}

#[test]
fn a_bench_of_another_kind_is_refused() {
    assert!(refusal("[bench]\nkind = \"hardware\"").contains("unknown variant `hardware`"));
}

#[test]
fn counts_names_and_timers_that_make_no_sense_are_refused() {
    for (text, expected) in [
        ("virtual.phones = 0", "`virtual.phones` is 0; it can be 1 to 100"),
        ("virtual.servers = 9", "it can be 1 to 8"),
        ("virtual.domain = \"a <b>\"", "letters, digits, `-` and `.`"),
        ("virtual.transports = []", "name at least one"),
        ("[[virtual.phone]]\nname = \"p5\"", "it has p1, p2, p3, p4"),
        ("[[virtual.phone]]\nname = \"p1\"\n[[virtual.phone]]\nname = \"p1\"", "twice"),
        ("[[virtual.server]]\nname = \"c\"", "it has a, b"),
        ("virtual.homes = [\"a\", \"c\"]", "`virtual.homes` names `c`, which this bench doesn't have; it has a, b"),
        ("virtual.homes = []", "name a server"),
        ("virtual.digest-algorithms = []", "name `md5` or `sha-256`"),
        ("[[virtual.phone]]\nname = \"p1\"\npin = \"47-11\"", "PIN of virtual phone `p1` can hold digits alone"),
        ("virtual.messages.2001 = 1", "extension `2001`, which no phone"),
        ("[[virtual.server]]\nname = \"a\"\ncapacity = 0", "capacity of virtual server `a` is 0"),
        ("virtual.settings = \"sip proxi ip: 10.77.0.2\"", "`sip proxi ip` is not known; perhaps `sip proxy ip`"),
        (
            "virtual.settings = \"sip backup registrar ip: 10.77.0.9\"",
            "line 1 of p1 is set to 10.77.0.9:5060, where this bench has no server",
        ),
        ("virtual.settings = \"sip proxy port: 5080\"", "set to 10.77.0.2:5080, where"),
        ("virtual.settings = \"sip line1 registrar ip: 10.77.0.3\"", "line 1 of p1 has the same server as primary"),
        ("virtual.model-settings = \"nonsense\"", "`virtual.model-settings`, line 1: there is no colon"),
        ("virtual.settings = \"nonsense\"", "`virtual.settings`, line 1: there is no colon"),
        (
            "[[virtual.phone]]\nname = \"p1\"\nsettings = \"\\nsip transaction timer: 32000\"",
            "`settings of virtual phone p1`, line 2: `sip transaction timer` is decided by `timers.transaction`",
        ),
        ("timers.renewal-lead = \"12s\"", "must be less than `timers.expires`"),
        ("timers.transaction = \"1s\"", "at least 4s"),
        ("timers.expires = \"2500ms\"", "whole seconds"),
        ("timers.expires = \"8days\"", "7days at most"),
    ] {
        let said = refusal(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn defects_are_given_by_name_with_their_values() {
    let text = r#"
        [[virtual.phone]]
        name = "p3"
        transport = "udp"
        defects = ["never-fails-back", { moves-late = "3s" }]
        [[virtual.server]]
        name = "b"
        max-expires = "8s"
        capacity = 2
        when-full = { unavailable = "30s" }
        defects = [{ reject = 503 }, "two-faced", { keeps-for = "5s" }]
    "#;
    let lab = Description::from_text(text).expect("is a description").lab;
    assert_eq!(lab.phone[0].defects, [PhoneDefect::NeverFailsBack, PhoneDefect::MovesLate(Duration::from_secs(3))]);
    let expected =
        [RegistrarDefect::Reject(503), RegistrarDefect::TwoFaced, RegistrarDefect::KeepsFor(Duration::from_secs(5))];
    assert_eq!(lab.server[0].defects, expected);
    assert_eq!(lab.server[0].capacity, Some(2));
    assert_eq!(lab.server[0].when_full, WhenFull::Unavailable(Duration::from_secs(30)));
    assert_eq!(lab.server[0].max_expires, Some(Duration::from_secs(8)));
}

#[test]
fn every_way_to_fail_that_the_embedded_file_names_can_be_written_so() {
    let comments = EMBEDDED.lines().skip_while(|line| !line.starts_with("# Defects of servers")).skip(1);
    let named: Vec<_> = comments.filter_map(|line| line.strip_prefix("#   ")?.split_once("  ")).collect();
    assert_eq!(named.len(), 13, "{named:?}");
    for (defect, _) in named {
        let text = format!("[[virtual.server]]\nname = \"a\"\ndefects = [{defect}]\n");
        assert!(Description::from_text(&text).is_ok(), "{text}");
    }
}

#[test]
fn what_the_embedded_file_explains_about_phones_can_be_written() {
    let explained: Vec<&str> = EMBEDDED.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    let end = explained.iter().position(|line| *line == "Defects of phones:").expect("names the defects");
    let start = explained.iter().position(|line| *line == "[[virtual.phone]]").expect("shows a phone");
    let lab = Description::from_text(&explained[start..end].join("\n")).expect("is a description").lab;
    assert_eq!((lab.phone[0].lines, lab.phone[0].habits.outbound), (Some(2), true));
    assert!(lab.phone[0].settings.contains("sip line1 user name:\n"));

    let named = explained[end + 1..].iter().take_while(|line| line.starts_with("  ")).map(|line| {
        // What follows two spaces explains.
        line.trim_start().split("    ").next().expect("has a beginning").trim_end_matches(',')
    });
    let defects = named.collect::<Vec<_>>().join(", ");
    let text = format!("[[virtual.phone]]\nname = \"p1\"\ndefects = [{defects}]");
    let lab = Description::from_text(&text).expect("all of them are defects").lab;
    assert_eq!(lab.phone[0].defects.len(), 35, "and these are all");
}

#[test]
fn a_description_survives_being_handed_on_as_json() {
    let description = Description::from_text("[[virtual.server]]\nname = \"a\"\nmin-expires = \"5s\"").expect("reads");
    let json = serde_json::to_string(&description).expect("writes");
    assert_eq!(serde_json::from_str::<Description>(&json).expect("reads back"), description);
}
