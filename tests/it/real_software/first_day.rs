//! The first day in a lab of software that is not ours: phones without consoles in a tagged voice VLAN, which live on DHCP, NTP and TFTP
//! from the primary's host, both servers behind a router, half of the phones at home at the other one, and bystanders. From an empty
//! folder to a report, with the commands of `docs/first-day.md`.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{ROOT, SIPRIG, with_bench};

/// What a person does, and completes: which phones these are, and that the servers are behind a router. DHCP shows itself when the
/// first lease is renewed, after a minute.
const STEPS: &str = r#"
set -e
cd "$BENCH" && rm -f "$SIPRIG_BENCH"
"$1" check --config tftp >config.txt 2>&1 || [ $? = 3 ]
"$1" check --discover --phone-side phones0 --server-side servers0 --join --for 90s --provisioning tftp --out rig-3.toml
cp rig-3.toml draft.toml
sed -i -e 's/^model = "unknown"/model = "baresip-serreg"/' -e 's/^addresses = .*/&\ngateway = "10.77.0.1"/' rig-3.toml
"$1" check --bench rig-3.toml --listen 20s >check.txt 2>&1
"$1" run --bench rig-3.toml --report-dir reports --json >run.json
cp neighbour.ping neighbour.after && cp pc.ping pc.after
echo $SECONDS >took
"#;

/// Numbers of the answers that are missing from the first one on. The last one may be on its way.
fn unanswered(pings: &Path) -> Vec<u64> {
    let text = fs::read_to_string(pings).unwrap();
    let number = |line: &str| line.split_once("seq=")?.1.split(' ').next()?.parse().ok();
    let answered: Vec<u64> = text.lines().filter_map(number).collect();
    let (first, last) = (answered[0], answered[answered.len() - 1]);
    assert!(last - first > 1000, "{text}");
    (first..=last).filter(|number| !answered.contains(number)).collect()
}

#[test]
#[ignore = "five minutes, and packages; .ci/real-software runs it"]
fn from_an_empty_folder_to_a_report_in_less_than_ten_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab");
    let mut command: Command = with_bench(&["--lab", "--vlan", "77"], &lab);
    let output = command.args(["bash", "-c", STEPS, "bash", SIPRIG]).current_dir(ROOT).stdin(Stdio::null()).output();
    let output = output.unwrap();
    let text = |name: &str| fs::read_to_string(lab.join(name)).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &text("check.txt") + &text("run.json");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let seconds: u32 = text("took").trim().parse().unwrap();
    println!("from an empty folder to a report: {seconds} s");
    assert!(seconds < 600, "{seconds} s");

    let draft = text("draft.toml");
    for fact in ["vlan = 77", "services = { dhcp = [67], ntp = [123], provisioning = [69], sip = [5060] }", "gateway`"]
    {
        assert!(draft.contains(fact), "{fact}: {draft}");
    }
    assert!(!draft.contains("CHANGEME-") && !draft.contains("bench.test"), "{draft}");
    let check = text("check.txt");
    assert!(!check.contains("PROBLEM"), "{check}");

    let run: Value = serde_json::from_str(&text("run.json")).unwrap();
    let homes: BTreeMap<&str, &str> = [("401", "a"), ("402", "a"), ("403", "b"), ("404", "b")].into();
    let cases = run["cases"].as_array().unwrap();
    assert_eq!(cases.len(), homes.len(), "{run:#}");
    for case in cases {
        assert_eq!(case["verdict"], "pass", "{case:#}");
        let moved = |name: &str| {
            let list = case["measurements"].as_array().unwrap();
            list.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name}: {case:#}")).clone()
        };
        let home = homes[case["line"].as_str().unwrap()];
        let (away, back) = (moved("failover"), moved("failback"));
        assert_eq!((&away["from_server"], &back["to_server"]), (&home.into(), &home.into()), "{case:#}");
    }
    let directory = lab.join(run["directory"].as_str().unwrap());
    assert!(fs::read_to_string(directory.join("report.html")).unwrap().contains("rig-3"));

    for bystander in ["neighbour.after", "pc.after"] {
        assert_eq!(unanswered(&lab.join(bystander)), [0; 0], "{bystander}: nobody but the phones loses anything");
    }
}
