//! The committed sample run: what this version makes of it is what lies there, and the README shows it as it is.
//!
//! After a change of reports, rules or journal, it is made again, and the README's table with it:
//!
//! ```text
//! rm -r reports/sample
//! cargo run --release -- run --report-dir reports/sample --set 'virtual.phone.p3.defects=["never-fails-back"]'
//! cargo run --release -- runs show latest --report-dir reports/sample
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const REMEDY: &str = "the sample run is out of date; tests/it/sample.rs says how it is made again";

fn siprig(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
    command.args(arguments).args(["--report-dir", "reports/sample"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.env("LC_ALL", "C.UTF-8").output().unwrap()
}

/// The one run that is kept.
fn directory() -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample").read_dir().unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().path()).collect();
    let [only] = kept.as_slice() else { panic!("one run is kept, not {kept:?}") };
    only.clone()
}

#[test]
fn the_sample_s_reports_are_what_this_version_makes_of_its_journal() {
    let out = tempfile::tempdir().unwrap();
    let made = siprig(&["report", "latest", "--out", &out.path().display().to_string()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for name in ["report.html", "junit.xml", "summary.json"] {
        let [committed, made] = [directory(), out.path().to_owned()].map(|place| fs::read(place.join(name)).unwrap());
        assert!(committed == made, "{name}: {REMEDY}");
    }
}

#[test]
fn the_sample_s_verdicts_are_what_this_version_comes_to() {
    let verified = siprig(&["runs", "verify", "latest"]);
    assert!(verified.status.success(), "{}{REMEDY}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn the_readme_shows_the_sample_s_closing_table() {
    let shown = String::from_utf8(siprig(&["runs", "show", "latest"]).stdout).unwrap();
    assert!(shown.contains("p3/1003") && shown.contains("never-failed-back"), "{shown}");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains(&shown), "{REMEDY}; the table is now\n{shown}");
    let name = directory().file_name().unwrap().to_string_lossy().into_owned();
    assert!(readme.contains(&format!("reports/sample/{name}/report.html")), "{REMEDY}; the run is {name}");
}
