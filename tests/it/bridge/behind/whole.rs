//! A whole run with a simulated phone that is behind a router, and simulated servers.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::*;

#[test]
fn a_phone_behind_a_router_comes_to_a_pass_while_its_neighbour_there_loses_nothing() {
    in_lab!("behind::whole::a_phone_behind_a_router_comes_to_a_pass_while_its_neighbour_there_loses_nothing", |_| {
        build_behind();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, host) in [("a", hosts::SERVER), ("b", hosts::BACKUP)] {
            let spec = serde_json::json!({
                "name": name, "address": host.ip, "domain": "bench.test", "users": { "1001": "secret" },
                "max-expires": "12s", "min-expires": "1s", "http-port": if name == "a" { 8081 } else { 8082 },
            });
            std::fs::write(at(name), spec.to_string()).unwrap();
        }
        let phone = serde_json::json!({
            "console": at("console"), "keypad": at("keypad"),
            "phone": {
                "name": "p1", "mac": "00:08:5d:23:74:29", "address": PHONE.ip, "keys": {},
                "timers": {
                    "expires": "12s", "transaction": "4s", "renewal-lead": { "span": "6s" }, "retry-timeout": "30s",
                    "retry-rejected": "30s",
                },
                "lines": [{
                    "extension": "1001", "domain": "bench.test", "auth-user": "1001", "password": "secret",
                    "primary": SocketAddr::new(hosts::SERVER.ip, SIP_PORT),
                    "backup": SocketAddr::new(hosts::BACKUP.ip, SIP_PORT),
                }],
            },
        });
        std::fs::write(at("p1"), phone.to_string()).unwrap();
        std::fs::write(at("bench.toml"), BENCH).unwrap();
        let _servers = ["a", "b"].map(|name| Device::start("server", &["internal", "registrar"], &at(name)));
        let run = Command::new(env!("CARGO_BIN_EXE_siprig"))
            .args(["run", "failover", "--json", "--bench"])
            .arg(at("bench.toml"))
            .arg("--report-dir")
            .arg(at("reports"))
            .env("SIPRIG_STATE", at("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let run = Device(run);
        until_heard(PHONE, hosts::SERVER);
        until_heard(INMATE, hosts::SERVER);
        let _phone = Device::start("inside", &["internal", "phone"], &at("p1"));
        let stream = hosts::Stream::start(INMATE, hosts::SERVER, 7100, Duration::from_millis(5));
        let (document, said) = run.end();
        let (sent, arrived) = stream.stop();
        let document: serde_json::Value = serde_json::from_str(&document).unwrap_or_else(|_| panic!("{said}"));
        let case = &document["cases"][0];
        assert_eq!(
            (case["phone"].as_str(), case["verdict"].as_str()),
            (Some("p1"), Some("pass")),
            "{document}\n{said}"
        );
        assert_eq!((arrived.distinct, arrived.copies), (sent, 0), "of the neighbour's frames");
    });
}

const BENCH: &str = r#"
[bench]
name = "routed"

[network]
phone-side = "phones"
server-side = "servers"

[timers]
expires = "12s"
transaction = "4s"
renewal-lead = "6s"
retry-timeout = "30s"
retry-rejected = "30s"

[[server]]
name = "a"
role = "primary"
addresses = ["10.77.0.2"]

[[server]]
name = "b"
role = "backup"
addresses = ["10.77.0.3"]

[[phone]]
name = "p1"
model = "aastra-6731i"
routed = true
address = "10.88.0.11"
extension = "1001"
"#;

/// A process that ends with the test.
struct Device(Child);

impl Device {
    /// A simulated device in a namespace.
    fn start(namespace: &str, role: &[&str], spec: &Path) -> Self {
        // It ends with the thread that has started it, and at once where its parent is the first process.
        let mut command = Command::new("sh");
        command.args(["-c", "\"$@\" & wait", "sh", "nsenter"]).arg(format!("--net=/run/netns/{namespace}"));
        command.arg(env!("CARGO_BIN_EXE_siprig")).args(role).arg(spec);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    /// What it has said when it has ended.
    fn end(mut self) -> (String, String) {
        let (mut out, mut err) = (self.0.stdout.take().unwrap(), self.0.stderr.take().unwrap());
        let told = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).unwrap();
            text
        });
        let mut document = String::new();
        out.read_to_string(&mut document).unwrap();
        self.0.wait().unwrap();
        (document, told.join().unwrap())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
