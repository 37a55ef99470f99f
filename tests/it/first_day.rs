//! The first day in a lab of phones without consoles, from an empty folder to a report, with nothing but what a person has there: two
//! interfaces, and the folder of the phones' provisioning server. The lab is the virtual bench; nothing but its links is told of it.

use std::{fs, process::Output};

use crate::net::Bench;

/// p3 is at home at the other server; by the bench's own timers phones renew each 6 s, so that an ear hears all of them soon.
const LAB: &str = r#"
[bench]
name = "lab"
kind = "virtual"

[virtual]
consoles = false
push = false
transports = ["udp"]

[[virtual.phone]]
name = "p3"
settings = """
sip registrar ip: 10.77.0.3
sip backup registrar ip: 10.77.0.2
"""
"#;

/// What stands on the provisioning server.
const FILES: [(&str, &str); 5] = [
    (
        "aastra.cfg",
        "sip proxy ip: 10.77.0.2\nsip registrar ip: 10.77.0.2\nsip backup proxy ip: 10.77.0.3\n\
         sip backup registrar ip: 10.77.0.3\nsip transaction timer: 4000\nsip registration renewal timer: 6\n",
    ),
    ("00085D770001.cfg", "sip line1 user name: 1001\n"),
    ("00085D770002.cfg", "sip line1 user name: 1002\n"),
    (
        "00085D770003.cfg",
        "sip line1 user name: 1003\nsip registrar ip: 10.77.0.3\nsip backup registrar ip: 10.77.0.2\n",
    ),
    ("00085D770004.cfg", "sip line1 user name: 1004\n"),
];

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

#[test]
fn from_an_empty_folder_to_a_report_a_person_has_to_complete_nothing_but_a_probe_address() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab.toml");
    fs::write(&lab, LAB).unwrap();
    let Some(bench) = Bench::start_with(&["--bench", lab.to_str().unwrap()]) else { return };
    let tftp = bench.folder.path().join("tftp");
    fs::create_dir(&tftp).unwrap();
    FILES.iter().for_each(|(name, text)| fs::write(tftp.join(name), text).unwrap());

    let sound = bench.siprig("check --config tftp");
    assert_ne!(sound.status.code(), Some(2), "{}", said(&sound));
    let found = bench.siprig(
        "check --discover --phone-side phones0 --server-side servers0 --join --for 20s --provisioning tftp --out rig-3.toml",
    );
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    let draft = fs::read_to_string(bench.folder.path().join("rig-3.toml")).unwrap();
    assert!(!draft.contains("CHANGEME-"), "nothing has to be filled in: {draft}");
    for fact in ["name = \"p4\"", "10.77.0.3", "extension = \"1003\"", "transaction = \"4s\"", "primary = \"b\""] {
        assert!(draft.contains(fact), "{fact}: {draft}");
    }
    let complete = draft.replace("[network]\n", "[network]\nprobe-address = \"10.77.0.250/24\"\n");
    fs::write(bench.folder.path().join("rig-3.toml"), complete).unwrap();

    let check = bench.siprig("check --bench rig-3.toml");
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    let run = bench.siprig("run --bench rig-3.toml --json");
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", said(&run)));
    assert_eq!(run.status.code(), Some(0), "{document:#}");
    let cases = document["cases"].as_array().unwrap();
    let home = |case: &serde_json::Value| {
        let moves = case["measurements"].as_array().unwrap().iter();
        let failover = moves.clone().find(|it| it["name"] == "failover").unwrap();
        (case["phone"].as_str().unwrap().to_owned(), failover["from_server"].as_str().unwrap().to_owned())
    };
    let homes: Vec<_> = cases.iter().map(home).collect();
    let expected = [("p1", "a"), ("p2", "a"), ("p3", "b"), ("p4", "a")].map(|(it, at)| (it.to_owned(), at.to_owned()));
    assert_eq!(homes, expected);
    let report =
        fs::read_to_string(bench.folder.path().join(document["directory"].as_str().unwrap()).join("report.html"));
    assert!(report.unwrap().contains("rig-3"));
}
