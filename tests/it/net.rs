//! `siprig net` inside a virtual bench that was brought up alone, as its words on how to enter it say.

#![expect(clippy::print_stdout, reason = "tests that can't run say so")]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A virtual bench without a controller.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    child: Child,
    said: BufReader<ChildStdout>,
    enter: String,
}

impl Bench {
    /// None, after a word about it: there can be none here, or nobody could enter it.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same, with these arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Option<Self> {
        if Command::new("nsenter").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("SKIPPED: there is no nsenter(1) here");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command
            .arg("virtual")
            .args(arguments)
            .current_dir(folder.path())
            .env("SIPRIG_STATE", folder.path().join("state"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut bench = Self { folder, child, said, enter: String::new() };
        while bench.enter.is_empty() {
            let mut line = String::new();
            if bench.said.read_line(&mut line).unwrap() == 0 {
                let mut error = String::new();
                bench.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
                bench.child.wait().unwrap();
                assert!(error.contains("which this system refuses"), "{error}");
                println!("SKIPPED: no virtual bench here: {error}");
                return None;
            }
            bench.enter = line.trim_end().strip_prefix("to enter: ").unwrap_or_default().to_owned();
        }
        Some(bench)
    }

    /// Runs a command of siprig in it.
    pub(crate) fn inside(&self, command: &str) -> Output {
        self.command(command).output().unwrap()
    }

    /// The same, to be run.
    pub(crate) fn command(&self, command: &str) -> Command {
        let enter = self.enter.replace(" run --bench ", &format!(" {command} --bench "));
        assert_ne!(enter, self.enter);
        let mut shell = Command::new("sh");
        shell.args(["-c", &enter]).current_dir(self.folder.path());
        shell
    }

    /// Runs siprig in it with these arguments, without its bench file.
    pub(crate) fn siprig(&self, arguments: &str) -> Output {
        let (enter, _) = self.enter.split_once(" run --bench ").unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{enter} {arguments}")]).current_dir(self.folder.path()).output().unwrap()
    }

    /// Ends it; what is left in its state directory, but for locks.
    pub(crate) fn end(mut self) -> Vec<String> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(130));
        let left = self.folder.path().join("state").read_dir().unwrap();
        let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".lock")).collect()
    }
}

impl Drop for Bench {
    /// A test that fails, or does not look at what is left, leaves no bench behind either.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}

#[test]
fn a_server_of_a_virtual_bench_is_taken_away_by_hand_and_nothing_is_left_of_what_was_noted() {
    let Some(bench) = Bench::start() else { return };
    let output = bench.inside("net block primary --for 2s");
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("phones: p1, p2, p3, p4") && said.contains("canaries are dropped both ways"), "{said}");
    assert!((out.starts_with("a: drop for 2.0") || out.starts_with("a: drop for 1.99")), "{out}");
    let output = bench.inside("net show --json");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(shown["bridge"]["made_by_siprig"].is_string(), "{shown}");
    assert_eq!(shown["bridge"]["ports"], serde_json::json!(["phones0", "servers0"]));
    assert_eq!(bench.end(), ["virtual"], "what was noted of its interfaces has gone with them");
}
