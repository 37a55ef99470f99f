//! `siprig phone learn` on a phone of real software: it finds what the phone's configuration says.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use siprig::config::{FailbackHabit, Model, RenewalLead, Source, load};

use super::{ROOT, SIPRIG, with_bench};

#[test]
#[ignore = "four minutes, and packages; .ci/real-software runs it"]
fn the_timers_of_a_serreg_phone_are_those_of_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my-baresip.toml");
    let mut command: Command = with_bench(&["--serreg", "--phones", "p1", "--wire-only"], &folder.path().join("bench"));
    command.args(["sh", "-c", "exec \"$@\" --bench \"$SIPRIG_BENCH\"", "sh", SIPRIG, "phone", "learn", "p1", "--out"]);
    command.arg(&file).arg("--report-dir").arg(folder.path().join("reports")).current_dir(ROOT);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");

    let model: Model = load::model(&file.to_string_lossy(), Path::new(load::RIG)).unwrap();
    let timers = &model.timers;
    // regint=30, of which baresip lets nine tenths pass.
    assert_eq!((timers.expires.value, timers.expires.source), (Duration::from_secs(30), Source::Measured), "{said}");
    let RenewalLead::Percent(lead) = timers.renewal_lead.value else { panic!("{said}") };
    assert!(timers.renewal_lead.source == Source::Measured && (lead - 10.0).abs() <= 0.5, "{said}");
    // Timer F, RFC 3261 section 17.1.2.2.
    let (transaction, set) = (timers.transaction, Duration::from_secs(32));
    assert!(transaction.source == Source::Measured && transaction.value.abs_diff(set) <= set / 20, "{said}");
    // fbregint=10
    let (FailbackHabit::Poll(pause), set) = (model.failback, Duration::from_secs(10)) else { panic!("{said}") };
    assert!(pause.abs_diff(set) <= set / 20, "{said}");
}
