//! The units of systemd in `rig/systemd`, as far as systemd-analyze(1) is there to say something of them.

use std::{fs, path::Path, process::Command};

/// How much a unit may be exposed, in tenths: 2.6 with systemd 252, and what later versions look at besides.
const EXPOSURE: &str = "--threshold=30";

/// The units with the program that there is, in a folder of their own.
fn units() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig/systemd");
    for name in ["siprig-nightly.service", "siprig-nightly.timer"] {
        let text = fs::read_to_string(rig.join(name)).unwrap();
        let text = text.replace("/usr/bin/siprig", env!("CARGO_BIN_EXE_siprig"));
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What systemd-analyze says, and whether that is good.
///
/// # Errors
/// It is not there, or too old.
fn analyze(arguments: &[&str], folder: &Path) -> Result<(bool, String), String> {
    let output =
        Command::new("systemd-analyze").args(arguments).current_dir(folder).env("SYSTEMD_COLORS", "0").output();
    let output = output.map_err(|error| format!("there is no systemd-analyze here: {error}"))?;
    let said = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    let can = !said.contains("unrecognized option") && !said.contains("Failed to initialize manager");
    if can { Ok((output.status.success(), said)) } else { Err(format!("systemd-analyze can not do this here: {said}")) }
}

#[test]
fn the_units_say_nothing_that_systemd_does_not_understand() {
    let folder = units();
    let units = ["verify", "./siprig-nightly.service", "./siprig-nightly.timer"];
    let (is_fine, said) = match analyze(&units, folder.path()) {
        Ok(told) => told,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    // It tells of other units of the machine as well.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("siprig-nightly")).collect();
    assert!(ours.is_empty() && (is_fine || !said.contains("siprig-nightly")), "{said}");
}

#[test]
fn the_service_has_no_more_privileges_than_it_needs() {
    let folder = units();
    let unit = ["security", "--offline=true", "--no-pager", EXPOSURE, "./siprig-nightly.service"];
    let (is_fine, said) = match analyze(&unit, folder.path()) {
        Ok(told) => told,
        Err(why) => return println!("SKIPPED: {why}"),
    };
    assert!(is_fine, "{said}");
    assert!(said.contains("exposure level"), "{said}");
}
