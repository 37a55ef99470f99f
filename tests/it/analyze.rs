//! `siprig analyze` on captures of real traffic: the same registrations as the run that made the capture came to, in
//! whatever way the file comes, and helpful words where it does not.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use siprig::{
    event::{BindingEvent, Derived, Event, Observed},
    journal::JournalReader,
};

/// Servers of the bench of real software.
const SERVERS: [&str; 4] = ["--primary", "10.77.0.2", "--backup", "10.77.0.3"];

/// Stamps of a capture and of the journal beside it are those of the same frames, each rounded once.
const SAME_MS: f64 = 0.005;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn siprig(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_siprig"))
        .arg("analyze")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // A command that is mistaken reads nothing of it.
    let feeder = std::thread::spawn(move || drop(input.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn document(arguments: &[&str], stdin: &[u8]) -> Value {
    let output = siprig(arguments, stdin);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A binding: extension, server, from and until in milliseconds since the first frame.
type Held = (String, &'static str, f64, Option<f64>);

fn held_by_analysis(document: &Value) -> Vec<Held> {
    let mut held = Vec::new();
    for phone in document["phones"].as_array().unwrap() {
        let extension = phone["aor"].as_str().unwrap().split('@').next().unwrap();
        for it in phone["registrations"].as_array().unwrap() {
            let server = if it["role"] == "primary" { "a" } else { "b" };
            held.push((extension.to_owned(), server, it["from_ms"].as_f64().unwrap(), it["until_ms"].as_f64()));
        }
    }
    held.sort_by(|one, other| one.partial_cmp(other).unwrap());
    held
}

/// The same from what the engine concluded in the run. Bindings that ran out after the last frame were live at its end.
fn held_by_engine(journal: &str, end_ms: f64) -> Vec<Held> {
    let mut first = None;
    let mut open: BTreeMap<(String, &'static str, String), f64> = BTreeMap::new();
    let mut held = Vec::new();
    for record in JournalReader::open(&fixture(journal)).unwrap().map(Result::unwrap) {
        let at = record.when.at.as_millis_f64();
        match record.event {
            Event::Observed(Observed::Sip(_) | Observed::Knock { .. }) => {
                first = Some(first.map_or(at, |first: f64| first.min(at)));
            }
            Event::Derived(Derived::Binding(it)) => {
                let server = if it.server.0 == "a" { "a" } else { "b" };
                let key = (it.line.extension.clone(), server, it.contact.clone());
                match it.change {
                    BindingEvent::Created { .. } => drop(open.insert(key, at)),
                    BindingEvent::Refreshed { .. } => {}
                    BindingEvent::Expired | BindingEvent::Removed => {
                        if let Some(from) = open.remove(&key) {
                            held.push((key.0, server, from, Some(at)));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    held.extend(open.into_iter().map(|((extension, server, _), from)| (extension, server, from, None)));
    let first = first.unwrap();
    let since = |at: f64| at - first;
    let mut held: Vec<Held> = held
        .into_iter()
        .map(|(extension, server, from, until)| {
            (extension, server, since(from), until.map(since).filter(|until| *until <= end_ms))
        })
        .collect();
    held.sort_by(|one, other| one.partial_cmp(other).unwrap());
    held
}

#[test]
fn a_capture_tells_of_the_same_registrations_as_the_run_that_made_it() {
    let capture = fixture("captures/real-failover-udp.pcapng").display().to_string();
    let document = document(&[&[capture.as_str(), "--json"], &SERVERS[..]].concat(), &[]);
    // The last frame of the capture; the run went on for some seconds, and was of four of the six phones.
    let expected = held_by_engine("journals/real-failover.jsonl", 178_200.0);
    let declared = |held: &Held| expected.iter().any(|it| it.0 == held.0);
    let told: Vec<Held> = held_by_analysis(&document).into_iter().filter(declared).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}\n{expected:#?}");
    // The capture began before the run saw its first message; from there the clocks of both tick alike.
    let offset = told[0].2 - expected[0].2;
    let same = |told: f64, expected: f64| (told - expected - offset).abs() < SAME_MS;
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!((&told.0, told.1), (&expected.0, expected.1));
        assert!(same(told.2, expected.2), "{told:?} {expected:?}");
        match (told.3, expected.3) {
            (Some(one), Some(other)) => assert!(same(one, other), "{told:?} {expected:?}"),
            (one, other) => assert_eq!(one, other, "{told:?} {expected:?}"),
        }
    }
    assert_eq!((document["unreadable"].as_u64(), document["frames"].as_u64()), (Some(0), Some(594)));
}

#[test]
fn the_parts_of_a_move_are_those_that_the_run_measured() {
    let capture = fixture("captures/real-failover-udp.pcapng").display().to_string();
    let document = document(&[&[capture.as_str(), "--json"], &SERVERS[..]].concat(), &[]);
    let mut compared = 0;
    for record in JournalReader::open(&fixture("journals/real-failover.jsonl")).unwrap().map(Result::unwrap) {
        let Event::Derived(Derived::CaseDecided(case)) = record.event else { continue };
        let extension = &case.id.line;
        // It is registered at both, which only its model tells.
        if extension == "206" {
            continue;
        }
        let user = format!("{extension}@");
        let phones = document["phones"].as_array().unwrap();
        let told = phones.iter().find(|it| it["aor"].as_str().unwrap().starts_with(&user)).unwrap();
        for name in ["failover-detecting", "failover-registering"] {
            let run = case.measurements.iter().find(|it| it.name == name).and_then(|it| it.value).unwrap();
            let measured = told["measurements"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
            let measured = measured["value"].as_f64().unwrap();
            assert!((measured - run).abs() < SAME_MS, "{extension}: {name} {measured} {run}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
}

/// What a run on the virtual bench (`siprig run call-through-failover`, `mwi-after-move`: capture and `summary.json`) measured
/// of each of its lines, by the name of the measurement, in milliseconds; rounded to a tenth.
fn measured_by_run(name: &str) -> BTreeMap<(String, String), f64> {
    let summary = fs::read(fixture(&format!("captures/{name}.json"))).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let mut measured = BTreeMap::new();
    for case in summary["cases"].as_array().unwrap() {
        assert_eq!(case["verdict"], "pass");
        for it in case["measurements"].as_array().unwrap() {
            let key = (case["line"].as_str().unwrap().to_owned(), it["name"].as_str().unwrap().to_owned());
            measured.extend(it["value"].as_f64().map(|value| (key, value)));
        }
    }
    measured
}

/// The entry of each line, by its extension.
fn lines_of(name: &str) -> BTreeMap<String, Value> {
    let capture = fixture(&format!("captures/{name}.pcapng")).display().to_string();
    let document = document(&[&[capture.as_str(), "--json"], &SERVERS[..]].concat(), &[]);
    let extension = |phone: &Value| phone["aor"].as_str().unwrap().split('@').next().unwrap().to_owned();
    document["phones"].as_array().unwrap().iter().map(|phone| (extension(phone), phone.clone())).collect()
}

#[test]
fn calls_are_told_as_the_run_that_made_the_capture_judged_them() {
    let measured = measured_by_run("virtual-call-through-failover");
    let lines = lines_of("virtual-call-through-failover");
    let mut compared = 0;
    for (line, phone) in &lines {
        let calls = phone["calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1, "{calls:#?}");
        let call = &calls[0];
        assert_eq!((call["state"].as_str(), call["bye_code"].as_u64()), (Some("ended"), Some(200)));
        let survived: Vec<_> = call["across"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["what"].as_str(), it["survived"].as_bool()))
            .collect();
        assert_eq!(survived, ["outage", "failover", "failback"].map(|what| (Some(what), Some(true))), "{line}");
        let ms = |key: &str| call[key].as_f64().unwrap();
        // The run measured the calls of those who made them.
        let ours = [("post-dial-delay", ms("post_dial_delay_ms")), ("call-setup", ms("answered_ms") - ms("from_ms"))];
        for (name, told) in ours {
            let Some(run) = measured.get(&(line.clone(), name.to_owned())) else { continue };
            assert_eq!(call["direction"], "out");
            assert!((told - run).abs() < 0.06, "{line}: {name} {told} {run}");
            compared += 1;
        }
    }
    assert_eq!((lines.len(), compared), (4, 4));
}

#[test]
fn subscriptions_are_told_as_the_run_that_made_the_capture_judged_them() {
    let measured = measured_by_run("virtual-mwi-after-move");
    let lines = lines_of("virtual-mwi-after-move");
    for (line, phone) in &lines {
        let measurements = phone["measurements"].as_array().unwrap();
        let began = |name: &str| {
            let it = measurements.iter().find(|it| it["name"] == name).unwrap();
            it["at_ms"].as_f64().unwrap()
        };
        let subscriptions = phone["subscriptions"].as_array().unwrap();
        let roles: Vec<_> = subscriptions.iter().map(|it| it["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["primary", "backup", "primary"], "{line}");
        for (moved, index) in [("failover", 1), ("failback", 2)] {
            let told = subscriptions[index]["from_ms"].as_f64().unwrap() - began(moved);
            let run = measured[&(line.clone(), format!("mwi-{moved}"))];
            assert!((told - run).abs() < 0.06, "{line}: mwi-{moved} {told} {run}");
        }
        // From the registration to the NOTIFY, while the run measures from the outage to the subscription.
        let back = measurements.iter().filter(|it| it["name"] == "mwi-back").map(|it| it["value"].as_f64().unwrap());
        assert!(back.clone().all(|ms| ms > 0.0) && back.count() == 2, "{measurements:#?}");
        assert_eq!(phone["message_waiting"]["waiting"], false);
    }
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_capture_may_come_from_a_pipe_and_may_be_cut() {
    let path = fixture("captures/real-failover-udp.pcapng");
    let bytes = fs::read(&path).unwrap();
    let name = path.display().to_string();
    let from_file = document(&[name.as_str(), "--json"], &[]);
    assert_eq!(document(&["-", "--json"], &bytes), from_file);
    let cut = document(&["-", "--json"], &bytes[..bytes.len() - 10]);
    assert_eq!(cut["frames"].as_u64(), from_file["frames"].as_u64().map(|frames| frames - 1));
    assert!(cut["incomplete"].as_str().unwrap().contains("ends within a packet"), "{}", cut["incomplete"]);
    // Every message through the SIP library: the same.
    assert_eq!(document(&[name.as_str(), "--json", "--thorough"], &[]), from_file);
}

#[test]
fn people_get_a_summary_with_a_ladder() {
    let capture = fixture("captures/real-failover-udp.pcapng").display().to_string();
    let arguments = [&[capture.as_str(), "--outage", "20s..100s", "--phone", "201"], &SERVERS[..]].concat();
    let output = siprig(&arguments, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(text.replace(&capture, "CAPTURE"));
}

#[test]
fn mistakes_are_explained() {
    let capture = fixture("captures/real-failover-udp.pcapng").display().to_string();
    let capture = capture.as_str();
    for (arguments, code, words) in [
        (&["/nowhere.pcap"][..], 78, "cannot read /nowhere.pcap"),
        (&[concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], 78, "pcap"),
        (&["-"], 78, "standard input"),
        (&[capture, "--outage", "1s..2s"], 2, "--primary"),
        (&[capture, "--outage", "soon"], 2, "FROM..TO"),
        (&[capture, "--primary", "10.77.0.2", "--backup", "10.77.0.2"], 2, "as primary and as backup"),
        (&[capture, "--primary", "pbx"], 2, "--primary"),
        (&[], 2, "CAPTURE"),
    ] {
        let output = siprig(arguments, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bench_file_names_the_servers() {
    let capture = fixture("captures/real-failover-udp.pcapng").display().to_string();
    let bench = concat!(env!("CARGO_MANIFEST_DIR"), "/rig/real-software/bench.toml");
    let document = document(&[&capture, "--json", "--bench", bench], &[]);
    let roles: Vec<_> = document["servers"].as_array().unwrap().iter().map(|it| it["role"].as_str()).collect();
    assert_eq!(roles, [Some("primary"), Some("backup")]);
}
