//! Kills at any moment: nothing may be left two seconds later.

use std::{
    fs,
    process::{Child, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Place, User, eventually};

const ROUNDS: usize = 20;
const LIMIT: Duration = Duration::from_secs(2);

/// Who is killed.
const VICTIMS: [&[&str]; 4] = [&["lab-stand-in", "run"], &["internal", "init"], &["internal", "lab"], &["script"]];

/// A sequence that is the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The processes that carry a mark in their environment, zombies left out, with their command lines.
fn marked(mark: &str) -> Vec<(i32, String)> {
    let mark = format!("LAB_MARK={mark}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&words).replace('\0', " ")));
        }
    }
    found
}

/// Mounts below a folder, in whatever namespace a process that we may look at lives.
fn mounted_below(folder: &str) -> bool {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .any(|entry| fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default().contains(folder))
}

fn is_victim(command_line: &str, words: &[&str]) -> bool {
    words.iter().all(|word| command_line.contains(word))
        && (words == VICTIMS[3] || !command_line.contains("internal") || words[0] == "internal")
}

fn kill_at_random(place: &Place, dice: &mut Dice, round: usize) {
    let mark = format!("{:?}-{}-{round}", place.user, std::process::id());
    let script = "mkdir -p reports; while :; do sleep 60; done";
    let mut launcher: Child = place
        .command(&["run", script])
        .env("LAB_MARK", &mark)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let victim = VICTIMS[round % VICTIMS.len()];
    let delay = Duration::from_millis(dice.below(150));
    #[expect(clippy::disallowed_methods, reason = "a random moment is the point")]
    std::thread::sleep(delay);
    let pid = eventually(Duration::from_secs(5), "the victim is there", || {
        if round.is_multiple_of(VICTIMS.len()) {
            return Some(launcher.id().cast_signed());
        }
        marked(&mark).into_iter().find(|(_, words)| is_victim(words, victim)).map(|(pid, _)| pid)
    });
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let what = format!("nobody is left after {victim:?} was killed at {delay:?}");
    // The launcher ends by itself; as a zombie it has no environment any more.
    eventually(LIMIT, &what, || marked(&mark).is_empty().then_some(()));
    launcher.wait().unwrap();
    assert!(!mounted_below(place.state().to_str().unwrap()), "a mount is left");
    let left: Vec<_> = fs::read_dir(place.state().join("virtual")).into_iter().flatten().flatten().collect();
    assert!(left.is_empty(), "files are left: {left:?}");
}

#[test]
fn a_kill_of_anybody_at_any_moment_leaves_nothing_behind() {
    for user in User::all() {
        let Some(place) = Place::new(user) else { return };
        if place.run("true").is_none() {
            return;
        }
        let mut dice = Dice(0x5170_7269);
        for round in 0..ROUNDS {
            kill_at_random(&place, &mut dice, round);
        }
        let names: Vec<_> = fs::read_dir(place.state()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(names.iter().all(|name| name == "virtual" || name == "reports"), "{user:?}: {names:?}");
    }
}
