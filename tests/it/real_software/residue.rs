//! A bench of real software that is interrupted or killed: the command has its say, and nothing is left.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{SIPRIG, with_bench};

/// How long the kernel may take to end all processes of a namespace.
const LIMIT: Duration = Duration::from_secs(2);

#[test]
#[ignore = "needs packages; .ci/real-software runs it"]
fn a_bench_leaves_nothing_however_it_ends() {
    // A Ctrl-C goes to every process of the terminal's foreground group, the others to the script alone.
    let cases = [(Signal::SIGINT, true, 130), (Signal::SIGTERM, false, 143), (Signal::SIGHUP, false, 129)];
    for (signal, group, code) in cases {
        let (status, interrupted, folder) = end_in_outage(signal, group);
        assert_eq!(status, Some(code), "{signal}");
        assert!(interrupted, "{signal}: the outage was not lifted in good order");
        assert!(
            folder
                .path()
                .join("reports")
                .read_dir()
                .unwrap()
                .flatten()
                .any(|run| run.path().join("report.html").exists())
        );
    }
    let (status, _, _) = end_in_outage(Signal::SIGKILL, false);
    assert_eq!(status, None, "killed");
}

/// Ends a bench by a signal while siprig holds an outage on it. Returns its exit code, whether siprig lifted the outage
/// itself, and where the run lies.
fn end_in_outage(signal: Signal, group: bool) -> (Option<i32>, bool, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().display().to_string();
    let interfaces = interfaces();
    let mut command = with_bench(&["--srv"], &folder.path().join("bench"));
    command.args([
        "sh",
        "-c",
        "exec \"$@\" --bench \"$SIPRIG_BENCH\"",
        "sh",
        SIPRIG,
        "run",
        "failover",
        "--phones",
        "p6",
    ]);
    command.arg("--report-dir").arg(folder.path().join("reports")).env("BENCH_MARK", &mark).process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = until_the_outage(&mut child);
    assert!(marked(&mark).len() > 10, "too few processes to be a bench: {said}");

    let pid = child.id().cast_signed();
    kill(Pid::from_raw(if group { -pid } else { pid }), signal).unwrap();
    let status = child.wait().unwrap();
    eventually_gone(&mark);
    assert_eq!(interfaces, self::interfaces(), "{signal}");
    let journals =
        folder.path().join("reports").read_dir().unwrap().flatten().map(|run| run.path().join("journal.jsonl"));
    let lifted = journals.map(|path| fs::read_to_string(path).unwrap()).any(|text| text.contains("outage-ended"));
    (status.code(), lifted, folder)
}

fn until_the_outage(child: &mut Child) -> String {
    let mut said = String::new();
    for line in BufReader::new(child.stderr.as_mut().unwrap()).lines() {
        said.push_str(&line.unwrap());
        said.push('\n');
        if said.contains("is taken away") {
            return said;
        }
    }
    panic!("no outage: {said}");
}

/// The processes that carry a mark in their environment, zombies left out.
fn marked(mark: &str) -> Vec<String> {
    let mark = format!("BENCH_MARK={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let marked = processes.filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    });
    marked.map(|process| fs::read_to_string(process.path().join("cmdline")).unwrap_or_default()).collect()
}

fn interfaces() -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir("/sys/class/net").unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[expect(clippy::disallowed_methods, reason = "looks again until a deadline")]
fn eventually_gone(mark: &str) {
    let begin = Instant::now();
    while let left @ [_, ..] = marked(mark).as_slice() {
        assert!(begin.elapsed() < LIMIT, "left behind: {left:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
