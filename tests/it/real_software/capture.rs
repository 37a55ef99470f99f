//! The capture's word: Wireshark's own dissector reads it, and the moves of each line are timed anew from what it says.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Two clocks are compared each second, and this far apart they may be then.
const CLOCKS_MS: f64 = 1.0;

/// The fields of a SIP frame, in this order.
const FIELDS: [&str; 8] = [
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "sip.Status-Code",
    "sip.CSeq.method",
    "sip.Contact",
    "frame.interface_id",
    "frame.comment",
];

/// A SIP message as tshark has it.
#[derive(Debug)]
struct Message {
    /// Milliseconds since the run began.
    at: f64,
    from: String,
    to: String,
    code: Option<u16>,
    register: bool,
    contact: String,
    interface: u32,
    dropped: bool,
}

impl Message {
    /// `epoch`: when the run began, in nanoseconds since 1970.
    fn read(line: &str, epoch: i128) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), FIELDS.len(), "{line}");
        let (secs, nanos) = fields[0].split_once('.').unwrap();
        let unix = secs.parse::<i128>().unwrap() * 1_000_000_000 + nanos.parse::<i128>().unwrap();
        Self {
            at: (unix - epoch) as f64 / 1e6,
            from: fields[1].to_owned(),
            to: fields[2].to_owned(),
            code: fields[3].parse().ok(),
            register: fields[4] == "REGISTER",
            contact: fields[5].to_owned(),
            interface: fields[6].parse().unwrap(),
            dropped: fields[7].contains("dropped by outage"),
        }
    }

    /// It grants the phone a binding at the server.
    fn grants(&self, server: &str, phone: &str) -> bool {
        let lifetime =
            self.contact.split_once("expires=").map(|(_, rest)| rest.trim_end_matches(|c: char| !c.is_ascii_digit()));
        self.register
            && self.code == Some(200)
            && !self.dropped
            && (self.from.as_str(), self.to.as_str()) == (server, phone)
            && lifetime.is_some_and(|lifetime| lifetime != "0")
    }

    fn between(&self, one: &str, other: &str) -> bool {
        let ends = (self.from.as_str(), self.to.as_str());
        ends == (one, other) || ends == (other, one)
    }
}

/// Holds the report of a run against its capture.
pub fn agrees(run: &Path, document: &Value) {
    let file = run.join("capture.pcapng");
    assert_eq!(tshark(&file, "_ws.malformed", &["frame.number"]), "", "malformed frames");
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let first: Value = serde_json::from_str(journal.lines().nth(1).unwrap()).unwrap();
    let plan = &first["observed"]["plan"];
    let epoch = i128::from(plan["epoch_unix_ns"].as_i64().unwrap());
    let text = tshark(&file, "sip", &FIELDS);
    let messages: Vec<Message> = text.lines().map(|line| Message::read(line, epoch)).collect();
    for interface in [0, 1] {
        assert!(messages.iter().any(|message| message.interface == interface), "nothing on interface {interface}");
    }

    let address = |list: &str, name: &Value| -> String {
        let entry = plan["bench"][list].as_array().unwrap().iter().find(|entry| entry["name"] == *name).unwrap();
        let address = if list == "servers" { &entry["addresses"][0] } else { &entry["address"] };
        address.as_str().unwrap().to_owned()
    };
    let (primary, backup) = (address("servers", &"a".into()), address("servers", &"b".into()));
    for case in document["cases"].as_array().unwrap() {
        let phone = address("phones", &case["phone"]);
        let (cut, moved) = times(case, "failover").unwrap();
        let seen = messages.iter().find(|it| it.at > cut - CLOCKS_MS && it.grants(&backup, &phone)).unwrap();
        same(case, "the 200 OK of the backup", seen.at, moved);

        // Nothing of the phone's traffic with the primary was dropped before the outage, and nothing passed in it.
        let lifted = times(case, "failback").map_or(f64::INFINITY, |(lifted, _)| lifted);
        for message in messages.iter().filter(|it| it.between(&phone, &primary)) {
            if message.dropped {
                assert!(message.at > cut - CLOCKS_MS && message.at < lifted + CLOCKS_MS, "{message:?}");
            } else if lifted.is_finite() {
                assert!(message.at < cut + CLOCKS_MS || message.at > lifted - CLOCKS_MS, "{message:?}");
            }
        }
        assert!(messages.iter().any(|it| it.dropped && it.from == phone && it.to == primary), "no dropped frame");

        let home = messages.iter().find(|it| it.at > moved && it.grants(&primary, &phone));
        match times(case, "failback") {
            Some((_, returned)) => same(case, "the 200 OK of the primary", home.unwrap().at, returned),
            None => assert!(home.is_none(), "it came home: {home:?}"),
        }
    }
}

/// Beginning and end of a move, in milliseconds since the run began; none: it was not made.
fn times(case: &Value, name: &str) -> Option<(f64, f64)> {
    let list = case["measurements"].as_array().unwrap();
    let measurement = list.iter().find(|measurement| measurement["name"] == name)?;
    let begin = measurement["at_ms"].as_f64()?;
    Some((begin, begin + measurement["value"].as_f64()?))
}

fn same(case: &Value, what: &str, capture: f64, report: f64) {
    let apart = (capture - report).abs();
    assert!(apart <= CLOCKS_MS, "{}: {what} at {capture} ms by the capture, {report} ms by the report", case["phone"]);
}

fn tshark(file: &Path, filter: &str, fields: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-E", "occurrence=f"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("cut short"), "{said}");
    String::from_utf8(output.stdout).unwrap()
}
