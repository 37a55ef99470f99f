//! Makes the recorded runs of `fixtures/captures/real-*` anew: `cargo test --test it -- --ignored real_software::recording`
//! takes two and a half minutes and overwrites them.

use std::{fs, path::Path, process::Command, thread};

use super::{
    SIPRIG, tls,
    witnessed::{EVERYWHERE, LINK, Place, REFUSAL, Run, SILENCE, Setting, UNAVAILABLE},
};
use crate::registrars::{
    Truth,
    recorded::{REFUSING_FOREIGN, REFUSING_IPV6, Recorded, SILENT, STAYING, TLS, UNAVAILABLE_VLAN},
};

const TAGGED: &[&str] = &["--phones", "udp,tcp", "--vlan", "77"];

/// On the phone itself.
const PHONE: Place = Place { of: "tcp", ..EVERYWHERE };

/// What is recorded: few phones at a time, for captures are committed.
const SETTINGS: [(Recorded, Setting); 5] = [
    (SILENT, Setting { bench: &["--phones", "udp,tcp"], scenario: SILENCE, cut: &["udp", "tcp"], dumpcap: LINK }),
    (STAYING, Setting { bench: &["--phones", "stays,renews"], scenario: SILENCE, cut: &["stays"], dumpcap: LINK }),
    (REFUSING_IPV6, Setting { bench: &["--phones", "udp6"], scenario: REFUSAL, cut: &["udp6"], dumpcap: LINK }),
    (REFUSING_FOREIGN, Setting { bench: &["--phones", "tcp"], scenario: REFUSAL, cut: &["tcp"], dumpcap: PHONE }),
    (UNAVAILABLE_VLAN, Setting { bench: TAGGED, scenario: UNAVAILABLE, cut: &["udp", "tcp"], dumpcap: LINK }),
];

#[test]
#[ignore = "overwrites fixtures"]
fn the_recorded_runs_are_made_anew() {
    thread::scope(|scope| {
        for (recorded, setting) in &SETTINGS {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let run = Run::new(folder.path(), setting);
                keep(recorded, if recorded.foreign { &run.foreign } else { &run.own }, &run.truth);
            });
        }
        scope.spawn(|| {
            let folder = tempfile::tempdir().unwrap();
            let (truth, capture) = tls::moved(folder.path());
            keep(&TLS, &capture, &truth);
        });
    });
}

/// siprig's own captures hold no secrets; those of others are freed of them.
fn keep(recorded: &Recorded, capture: &Path, truth: &Truth) {
    let mut without_secrets = capture.to_owned();
    if recorded.foreign {
        without_secrets = capture.with_extension("scrubbed");
        let mut scrub = Command::new(SIPRIG);
        let output = scrub.arg("analyze").arg(capture).arg("--scrub").arg(&without_secrets).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::write(recorded.capture(), fs::read(without_secrets).unwrap()).unwrap();
    // A line for each word and each move.
    let mut text = serde_json::to_string(truth).unwrap() + "\n";
    for first in ["asked", "noticed", "user"] {
        text = text.replace(&format!("{{\"{first}\""), &format!("\n{{\"{first}\""));
    }
    fs::write(recorded.file("json"), text).unwrap();
}
