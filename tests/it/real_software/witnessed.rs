//! A run of siprig's with others beside it: dumpcap captures what siprig captures, and the registrars say what they hold.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use super::{ROOT, SIPRIG, with_bench};
use crate::{
    examples,
    registrars::{CARRIED, Move, Server, Truth, WIRE, word},
};

/// What is run where.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Options of `with-bench.sh`.
    pub bench: &'static [&'static str],
    pub scenario: &'static str,
    /// The phones that are cut off.
    pub cut: &'static [&'static str],
    /// Where dumpcap listens.
    pub dumpcap: Place,
}

/// A place where frames can be captured.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Whose network it is: a phone's, or that of the phones' switch, `phones`.
    pub of: &'static str,
    /// What dumpcap is told of it.
    pub options: &'static str,
}

/// The ways in which the primary goes.
pub const SILENCE: &str = "rig/real-software/silence.toml";
pub const REFUSAL: &str = "rig/real-software/refusal.toml";
pub const UNAVAILABLE: &str = "rig/real-software/unavailable.toml";

/// On the link between switch and rig.
pub const LINK: Place = Place { of: "phones", options: "-i rig" };

/// On every port of the switch at once, in the form that Linux has for that: what passes is seen where it comes in and
/// where it leaves.
pub const EVERYWHERE: Place = Place { of: "phones", options: "-i any -y LINUX_SLL2" };

/// The measurements that a capture alone gives as well.
const MOVES: [&str; 7] = [
    "failover",
    "failover-waiting",
    "failover-detecting",
    "failover-registering",
    "failback",
    "failback-waiting",
    "failback-registering",
];

/// Captures while siprig runs: the file to write, whose network, dumpcap's options in one word; then siprig's command line.
const BESIDE: &str = r#"
    nsenter --net="/run/netns/$2" dumpcap -q $3 -w "$1" >&2 & capture=$!
    for try in $(seq 100); do [ -s "$1" ] && break; sleep 0.05; done
    shift 3
    "$@" --bench "$SIPRIG_BENCH"
    code=$?
    # The kernel hands the last frames on after a while.
    sleep 2
    kill -INT $capture
    wait $capture
    exit $code"#;

/// A run that is over.
pub struct Run {
    pub code: Option<i32>,
    pub document: Value,
    /// siprig's capture.
    pub own: PathBuf,
    /// dumpcap's.
    pub foreign: PathBuf,
    pub truth: Truth,
}

impl Run {
    pub fn new(folder: &Path, setting: &Setting) -> Self {
        let (lab, foreign) = (folder.join("bench"), folder.join("foreign.pcapng"));
        let mut command = with_bench(&[&["--mixed"], setting.bench].concat(), &lab);
        command.args(["sh", "-c", BESIDE, "sh"]).arg(&foreign).args([setting.dumpcap.of, setting.dumpcap.options]);
        command.args([SIPRIG, "run", setting.scenario, "--json", "--phones", &setting.cut.join(",")]);
        command.arg("--report-dir").arg(folder.join("reports")).current_dir(ROOT);
        if setting.bench.contains(&"--vlan") {
            command.env("SIPRIG_VLAN_RELAY", relay());
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        let directory = PathBuf::from(document["directory"].as_str().unwrap_or_else(|| panic!("{said}")));
        let wire = if setting.bench.contains(&"--vlan") { CARRIED } else { WIRE };
        let truth = truth(&lab, &directory, &document, wire).unwrap_or_else(|| panic!("nobody moved: {said}"));
        Self { code: output.status.code(), document, own: directory.join("capture.pcapng"), foreign, truth }
    }

    pub fn case(&self, phone: &str) -> &Value {
        let cases = self.document["cases"].as_array().unwrap();
        cases.iter().find(|case| case["phone"] == phone).unwrap_or_else(|| panic!("no case of {phone}"))
    }
}

/// What the registrars say of the time of a run, and what siprig measured in it; none if no phone moved.
fn truth(lab: &Path, directory: &Path, document: &Value, wire: f64) -> Option<Truth> {
    let plan = plan(directory);
    let epoch = plan["epoch_unix_ns"].as_f64().unwrap() / 1e9;
    let servers = plan["bench"]["servers"].as_array().unwrap().iter().map(|server| {
        let name = server["name"].as_str().unwrap().to_owned();
        let addresses = serde_json::from_value(server["addresses"].clone()).unwrap();
        let said = word::words(&fs::read_to_string(lab.join(format!("{name}.log"))).unwrap());
        (name, Server { primary: server["role"] == "primary", addresses, said })
    });
    let moves = document["cases"].as_array().unwrap().iter().flat_map(|case| {
        let measurements = case["measurements"].as_array().unwrap().iter();
        measurements.filter(|it| MOVES.iter().any(|name| it["name"] == *name)).map(move |it| Move {
            user: case["line"].as_str().unwrap().to_owned(),
            name: it["name"].as_str().unwrap().to_owned(),
            at: it["at_ms"].as_f64().map(|ms| epoch + ms / 1e3),
            value: it["value"].as_f64(),
        })
    });
    let moves: Vec<Move> = moves.collect();
    let begun = |name: &str| moves.iter().filter(|it| it.name == name).find_map(|it| it.at);
    let outage = (begun("failover")?, begun("failback"));
    Some(Truth { servers: servers.collect(), outage, wire, moves })
}

fn plan(run: &Path) -> Value {
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let mut first: Value = serde_json::from_str(journal.lines().nth(1).unwrap()).unwrap();
    first["observed"]["plan"].take()
}

/// The program that tags frames. Where it is built already, the environment says so.
fn relay() -> PathBuf {
    std::env::var_os("SIPRIG_VLAN_RELAY").map_or_else(|| examples::build("vlan-relay").unwrap(), PathBuf::from)
}
