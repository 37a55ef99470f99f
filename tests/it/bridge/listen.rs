//! `siprig check --discover` on interfaces that somebody else has joined: what passes is heard, and nothing is changed.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Lab, SIP_PORT, hosts, register};

#[test]
fn a_bridge_of_somebody_else_is_listened_on_named_and_left_as_it_is() {
    in_lab!("listen::a_bridge_of_somebody_else_is_listened_on_named_and_left_as_it_is", |lab| {
        hosts::ip("link add br-lab type bridge");
        for interface in ["phones", "servers"] {
            hosts::ip(&format!("link set {interface} master br-lab up"));
        }
        hosts::ip("link set br-lab up");
        hosts::wait_until_open();
        hosts::wait_until_carried();
        let before = (lab.links(), lab.tables());

        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("found.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.args(["check", "--discover", "--phone-side", "phones", "--server-side", "servers", "--for", "5m"]);
        command.arg("--out").arg(&out).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("listening for") {
                hosts::send_udp(hosts::PHONE, hosts::SERVER, SIP_PORT, register(7).as_bytes());
            } else if line.contains("1 phone") && !said.contains("1 phone") {
                kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
            }
            said += &(line + "\n");
        }
        assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
        assert!(said.contains("joined by br-lab; Ctrl-C ends it"), "{said}");
        let text = fs::read_to_string(out).unwrap();
        assert!(text.contains("\nbridge = \"br-lab\""), "{text}");
        assert!(text.contains(&format!("mac = \"{}\"", hosts::PHONE_MAC)), "{text}");
        assert!(text.contains("1 of 1 phones entered at phones, 1 of 1 servers at servers"), "{text}");
        assert_eq!((lab.links(), lab.tables()), before);
    });
}
