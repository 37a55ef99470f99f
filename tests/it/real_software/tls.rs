//! A phone that encrypts its signalling, and dumpcap in siprig's place: the phone says what nobody else can read, and the
//! registrars alone know where it is.

use std::{collections::BTreeMap, fs, path::Path, process::Stdio};

use serde_json::Value;

use super::{ROOT, SIPRIG, with_bench};
use crate::registrars::{Server, Truth, WIRE, analysis::Analysis, blind, word};

/// Joins both sides and captures; takes the primary away until the backup holds a contact, and gives it back until that
/// holds one again. Says when it did so. Argument: the file to write.
const MOVED: &str = r#"
    set -e
    ip link add joint type bridge mcast_snooping 0
    ip link set dev joint addrgenmode none up
    for side in phones0 servers0; do ip link set dev $side master joint; done
    nsenter --net=/run/netns/phones dumpcap -q -i rig -f 'host 10.77.0.27' -w "$1" >&2 & capture=$!
    contacts() { grep -c ': held: .*"contacts":\[{' "$BENCH/$1.log" || true; }
    until_more() { # server, contacts before
        for try in $(seq 900); do
            if [ "$(contacts $1)" -gt "$2" ]; then return; fi
            sleep 0.1
        done
        echo "server $1 took no contact" >&2
        exit 1
    }
    until_more a 0
    sleep 1
    date +%s.%N
    ip -n servers link set dev a down
    until_more b 0
    sleep 1
    before=$(contacts a)
    date +%s.%N
    ip -n servers link set dev a up
    # First comes what was on its way for long, and the phone takes that back at once.
    until_more a $((before + 1))
    sleep 2
    kill -INT $capture
    wait $capture || true"#;

#[test]
#[ignore = "a minute and a half, and packages; .ci/real-software runs it"]
fn an_encrypted_phone_moves_and_returns_unread() {
    let folder = tempfile::tempdir().unwrap();
    let (truth, capture) = moved(folder.path());
    truth.moved(blind::USER);
    blind::only_connections_are_claimed(&truth, &Analysis::of(&capture, &truth.roles()));
}

/// Nobody holds its console either: the registrars' own lists say the rest.
#[test]
#[ignore = "two minutes, and packages; .ci/real-software runs it"]
fn an_encrypted_phone_passes_on_the_registrars_own_lists_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = with_bench(&["--tls"], &folder.path().join("bench"));
    command.args(["sh", "-c", "exec \"$@\" --bench \"$SIPRIG_BENCH\"", "sh", SIPRIG, "run", "failover", "--json"]);
    command.args(["--report-dir"]).arg(folder.path().join("reports")).current_dir(ROOT);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let case = &document["cases"][0];
    assert_eq!(case["verdict"], "pass", "{case:#}\n{said}");
    let reason = case["reason"].as_str().unwrap();
    assert!(reason.starts_with("rests on the list of server a, the list of server b and on connections"), "{reason}");
    assert!(!said.contains("the list of server a: `"), "every list could be read: {said}");
}

/// Lets the phone move and return; what the registrars say, and the capture.
pub fn moved(folder: &Path) -> (Truth, std::path::PathBuf) {
    let (lab, capture) = (folder.join("bench"), folder.join("foreign.pcapng"));
    let mut command = with_bench(&["--tls"], &lab);
    let output = command.args(["bash", "-c", MOVED, "bash"]).arg(&capture).current_dir(ROOT).stdin(Stdio::null());
    let output = output.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let times = String::from_utf8(output.stdout).unwrap();
    let times: Vec<f64> = times.lines().map(|line| line.parse().unwrap()).collect();
    let server = |name: &str, address: &str| {
        let said = word::words(&fs::read_to_string(lab.join(format!("{name}.log"))).unwrap());
        (name.to_owned(), Server { primary: name == "a", addresses: vec![address.parse().unwrap()], said })
    };
    let servers = BTreeMap::from([server("a", "10.77.0.2"), server("b", "10.77.0.3")]);
    (Truth { servers, outage: (times[0], Some(times[1])), wire: WIRE, moves: Vec::new() }, capture)
}
