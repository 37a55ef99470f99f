//! A command that is run to its end, or killed with its process group when its time is over.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
    time::Duration,
};

use nix::{
    poll::{PollTimeout, poll},
    sys::{
        memfd::{MFdFlags, memfd_create},
        signal::{Signal, killpg},
    },
    unistd::{AccessFlags, Pid, access},
};

use crate::{
    driver::{clock::RunClock, privileges, secrets::Secrets},
    event::{HookOutcome, Stamp},
};

/// How often it is looked whether a command has ended, in milliseconds.
const LOOK_MS: u8 = 5;
/// The same of one that goes on for long.
const PATIENT_LOOK_MS: u8 = 20;
/// Who writes more than this is killed, in bytes: it is kept in memory.
const MOST_OUTPUT: u64 = 16 << 20;
/// The same of one whose output is read.
const MOST_READ: u64 = 4 << 20;
/// Of that, the end is told, in bytes.
const TOLD_OUTPUT: u64 = 2000;

/// Runs a command: program and arguments, by no shell, with nothing to read, in a process group of its own. What it writes is
/// told without these secrets.
pub fn run(command: &[String], limit: Duration, secrets: &Secrets, clock: &RunClock) -> HookOutcome {
    let begun = clock.now();
    let mut output = String::new();
    let ended = output_file().and_then(|mut file| {
        let mut child = spawn(command, &file, &file)?;
        let until = Until { limit, most: MOST_OUTPUT, given_up: &AtomicBool::new(false) };
        let ended = wait(&mut child, &file, &until, || clock.now().since(begun));
        output = told(&mut file, secrets).unwrap_or_default();
        ended
    });
    HookOutcome { took_ns: took(begun, clock), output, error: fault(ended) }
}

/// Runs a command that answers: what came of it, and all that it wrote to its standard output. What is told of it, without
/// these secrets, is that; or if it failed, what it wrote besides.
pub fn ask(command: &[String], limit: Duration, secrets: &Secrets, clock: &RunClock) -> (HookOutcome, String) {
    let begun = clock.now();
    let (mut answer, mut output) = (Vec::new(), String::new());
    let ended = output_file().and_then(|mut said| {
        let mut complained = output_file()?;
        let mut child = spawn(command, &said, &complained)?;
        let until = Until { limit, most: MOST_READ, given_up: &AtomicBool::new(false) };
        let ended = wait(&mut child, &said, &until, || clock.now().since(begun));
        output = told(&mut said, secrets)?;
        if !matches!(&ended, Ok(End::Ended(status)) if status.success()) {
            let besides = told(&mut complained, secrets)?;
            if !besides.is_empty() {
                output = besides;
            }
        }
        said.seek(SeekFrom::Start(0))?;
        said.take(MOST_READ).read_to_end(&mut answer)?;
        ended
    });
    let outcome = HookOutcome { took_ns: took(begun, clock), output, error: fault(ended) };
    (outcome, String::from_utf8_lossy(&answer).into_owned())
}

/// Runs a command as [`run`] does, that reads this from its standard input. When `given_up` is set, it is killed.
pub fn hand(command: &[String], input: &[u8], limit: Duration, given_up: &AtomicBool, clock: &RunClock) -> HookOutcome {
    let begun = clock.now();
    let mut output = String::new();
    let ended = output_file().and_then(|mut file| {
        // It reads when it likes, or never: a pipe would have to be waited for.
        let mut read = output_file()?;
        read.write_all(input)?;
        read.seek(SeekFrom::Start(0))?;
        let mut child = spawn_reading(command, read.into(), &file, &file)?;
        let until = Until { limit, most: MOST_OUTPUT, given_up };
        let ended = wait(&mut child, &file, &until, || clock.now().since(begun));
        output = told(&mut file, &Secrets::default()).unwrap_or_default();
        ended
    });
    HookOutcome { took_ns: took(begun, clock), output, error: fault(ended) }
}

/// When a command that goes on until it is told otherwise is to end.
#[derive(Debug, Default)]
pub struct Ending(AtomicU8);

impl Ending {
    /// It may end by itself, and is told to when it does not.
    pub fn soon(&self) {
        self.0.fetch_max(SOON, Ordering::SeqCst);
    }

    /// Whether anybody wants that.
    pub fn is_wished(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// It is told at once.
    pub fn now(&self) {
        self.0.fetch_max(NOW, Ordering::SeqCst);
    }
}

const SOON: u8 = 1;
const NOW: u8 = 2;

/// How long a command may take to end by itself where it is to end, and again when it was told to by SIGTERM, before it is
/// killed.
const MOMENT: Duration = Duration::from_secs(2);

/// Runs a command that goes on for as long as it likes, or until `ending`; no longer than `limit`. Its process group ends with
/// it.
pub fn attend(
    command: &[String],
    limit: Duration,
    ending: &Ending,
    secrets: &Secrets,
    clock: &RunClock,
) -> HookOutcome {
    let begun = clock.now();
    let mut output = String::new();
    let ended = output_file().and_then(|mut file| {
        let mut child = spawn(command, &file, &file)?;
        let ended = attended(&mut child, &file, limit, ending, || clock.now().since(begun));
        // What it leaves behind ends with it; a group that is gone already needs no killing.
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        output = told(&mut file, secrets).unwrap_or_default();
        ended
    });
    HookOutcome { took_ns: took(begun, clock), output, error: fault(ended) }
}

fn attended(
    child: &mut Child,
    output: &File,
    limit: Duration,
    ending: &Ending,
    elapsed: impl Fn() -> Duration,
) -> io::Result<End> {
    let group = Pid::from_raw(child.id().cast_signed());
    let (mut since, mut told): (Option<Duration>, Option<Duration>) = (None, None);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Ended(status));
        }
        let now = elapsed();
        let flooding = output.metadata()?.len() > MOST_OUTPUT;
        let wish = ending.0.load(Ordering::SeqCst);
        if wish > 0 || now >= limit || flooding {
            since.get_or_insert(now);
        }
        let due = since.is_some_and(|since| wish == NOW || flooding || now >= since + MOMENT);
        if due && told.is_none() {
            let _ = killpg(group, Signal::SIGTERM);
            told = Some(now);
        }
        if told.is_some_and(|told| now >= told + MOMENT) {
            let _ = killpg(group, Signal::SIGKILL);
            child.wait()?;
            let why = if flooding {
                format!("wrote more than {} MiB", MOST_OUTPUT >> 20)
            } else {
                "did not end when it was told to by SIGTERM".to_owned()
            };
            return Ok(End::Killed(why));
        }
        poll(&mut [], PollTimeout::from(PATIENT_LOOK_MS)).or_else(interrupted)?;
    }
}

fn took(begun: Stamp, clock: &RunClock) -> u64 {
    u64::try_from(clock.now().since(begun).as_nanos()).unwrap_or(u64::MAX)
}

/// What a command writes to its standard output. When `given_up` is set, it is killed.
///
/// # Errors
/// For people, behind its name: why there is none, with the end of what it wrote besides.
pub fn read(command: &[String], limit: Duration, given_up: &AtomicBool, clock: &RunClock) -> Result<Vec<u8>, String> {
    let begun = clock.now();
    let failed = |error: io::Error| format!("could not be run: {error}");
    let (mut output, mut errors) = (output_file().map_err(failed)?, output_file().map_err(failed)?);
    let ended = spawn(command, &output, &errors).and_then(|mut child| {
        let until = Until { limit, most: MOST_READ, given_up };
        wait(&mut child, &output, &until, || clock.now().since(begun))
    });
    if let Some(fault) = fault(ended) {
        let said = told(&mut errors, &Secrets::default()).unwrap_or_default();
        return Err(if said.is_empty() { fault } else { format!("{fault} ({said})") });
    }
    let mut bytes = Vec::new();
    output.seek(SeekFrom::Start(0)).and_then(|_| output.take(MOST_READ).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// Where the program of a command is: by its path, or in a directory of `$PATH`; none: nowhere.
pub fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| runs(path))
}

/// What is wrong with how a command came to its end; none: nothing.
fn fault(ended: io::Result<End>) -> Option<String> {
    match ended {
        Err(error) => Some(format!("could not be run: {error}")),
        Ok(End::Killed(why)) => Some(format!("{why}, and was killed")),
        Ok(End::Ended(status)) if status.success() => None,
        Ok(End::Ended(status)) => Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with exit code {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
        }),
    }
}

/// How long a command is waited for.
struct Until<'a> {
    limit: Duration,
    /// Who writes more than this is killed, in bytes.
    most: u64,
    /// Nobody wants to know any more.
    given_up: &'a AtomicBool,
}

/// How a command came to its end.
enum End {
    Ended(ExitStatus),
    Killed(String),
}

/// A file in memory: what a command leaves behind may go on writing to it, where a pipe would break.
fn output_file() -> io::Result<File> {
    Ok(memfd_create(c"siprig-hook", MFdFlags::MFD_CLOEXEC)?.into())
}

fn spawn(words: &[String], output: &File, errors: &File) -> io::Result<Child> {
    spawn_reading(words, Stdio::null(), output, errors)
}

fn spawn_reading(words: &[String], input: Stdio, output: &File, errors: &File) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(input).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    // Ctrl-C on the terminal is for siprig, which then starts what was stopped.
    privileges::begin_without(command.process_group(0))
}

fn wait(child: &mut Child, output: &File, until: &Until<'_>, elapsed: impl Fn() -> Duration) -> io::Result<End> {
    let Until { limit, most, given_up } = *until;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Ended(status));
        }
        let why = if elapsed() >= limit {
            format!("did not end within {}", humantime::format_duration(limit))
        } else if output.metadata()?.len() > most {
            format!("wrote more than {} MiB", most >> 20)
        } else if given_up.load(Ordering::SeqCst) {
            "was not waited for".to_owned()
        } else {
            poll(&mut [], PollTimeout::from(LOOK_MS)).or_else(interrupted)?;
            continue;
        };
        // A group that is gone already needs no killing.
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        child.wait()?;
        return Ok(End::Killed(why));
    }
}

fn interrupted(error: nix::errno::Errno) -> io::Result<i32> {
    if error == nix::errno::Errno::EINTR { Ok(0) } else { Err(error.into()) }
}

/// The end of what was written, without anything that a terminal obeys, and without these secrets: also none that begins ahead
/// of the end.
fn told(file: &mut File, secrets: &Secrets) -> io::Result<String> {
    let length = file.metadata()?.len();
    let looked_at = TOLD_OUTPUT + secrets.longest() as u64;
    file.seek(SeekFrom::Start(length.saturating_sub(looked_at)))?;
    let mut bytes = Vec::new();
    file.take(looked_at).read_to_end(&mut bytes)?;
    let text = secrets.hide(&String::from_utf8_lossy(&bytes));
    let end = text.len().saturating_sub(TOLD_OUTPUT as usize);
    let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Ok(text.split_at(end).1.trim().chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str, limit: Duration) -> HookOutcome {
        run(&["/bin/sh", "-c", text].map(str::to_owned), limit, &Secrets::default(), &RunClock::start())
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_a_command_writes_is_told_without_anything_that_a_terminal_obeys() {
        let outcome = shell("printf 'stopped\\033[2J'; echo and >&2", LONG);
        assert_eq!((outcome.output.as_str(), outcome.error), ("stopped\\u{1b}[2Jand", None));
        let long = shell("i=0; while [ $i -lt 900 ]; do echo line $i; i=$((i+1)); done", LONG);
        assert!(long.output.ends_with("line 899") && long.output.len() < 3000, "{}", long.output);
    }

    #[test]
    fn a_command_that_fails_says_how() {
        assert_eq!(shell("exit 5", LONG).error.as_deref(), Some("ended with exit code 5"));
        assert_eq!(shell("kill -9 $$", LONG).error.as_deref(), Some("was ended by signal 9"));
        let missing = run(&["/nowhere/siprig".to_owned()], LONG, &Secrets::default(), &RunClock::start());
        assert!(missing.error.unwrap().starts_with("could not be run: No such file"));
    }

    #[test]
    fn an_answer_is_what_a_command_writes_to_its_standard_output_and_is_told_without_secrets() {
        let secrets = Secrets::these(["47110815".to_owned()]);
        let asked = |text: &str| {
            let words = ["/bin/sh", "-c", text].map(str::to_owned);
            ask(&words, LONG, &secrets, &RunClock::start())
        };
        let (outcome, answer) = asked("echo pin 47110815; echo warning >&2");
        assert_eq!((outcome.output.as_str(), outcome.error), ("pin xxxxxxxx", None));
        assert_eq!(answer, "pin 47110815\n");
        let (outcome, _) = asked("echo half; echo no such command >&2; exit 2");
        let told = (outcome.output.as_str(), outcome.error.as_deref());
        assert_eq!(told, ("no such command", Some("ended with exit code 2")));
        // Half of it lies ahead of the end that is told.
        let (outcome, _) = asked("printf 47110815; head -c 1996 /dev/zero | tr '\\0' -");
        assert!(outcome.output.starts_with("xxxx---") && outcome.output.len() == 2000, "{}", outcome.output);
    }

    #[test]
    fn what_a_command_is_handed_it_reads_if_it_likes_and_is_given_up_when_nobody_waits() {
        let handed = |text: &str, input: &[u8], given_up| {
            let words = ["/bin/sh", "-c", text].map(str::to_owned);
            hand(&words, input, LONG, &AtomicBool::new(given_up), &RunClock::start())
        };
        let long = vec![b'x'; 1 << 20];
        assert_eq!(handed("wc -c", &long, false).output, (1 << 20).to_string());
        assert_eq!(handed("exit 0", &long, false).error, None, "who does not read it is not waited for");
        let given_up = handed("sleep 600", b"", true);
        assert_eq!(given_up.error.as_deref(), Some("was not waited for, and was killed"));
    }

    #[test]
    fn a_command_is_killed_when_its_time_is_over_and_so_is_what_it_started() {
        let place = tempfile::tempdir().unwrap();
        let pid = place.path().join("pid");
        let outcome = shell(&format!("sleep 600 & echo $! > {}; wait", pid.display()), Duration::from_millis(500));
        assert_eq!(outcome.error.as_deref(), Some("did not end within 500ms, and was killed"));
        assert!(outcome.took_ns >= 500_000_000);
        let pid = std::fs::read_to_string(pid).unwrap();
        // Whoever adopts it takes it in.
        let gone = || {
            let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            status.is_empty() || status.contains(") Z ")
        };
        assert!((0..400).any(|_| gone() || poll(&mut [], PollTimeout::from(LOOK_MS)).is_err()), "{pid} lives");
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for_and_can_go_on_writing() {
        let place = tempfile::tempdir().unwrap();
        let done = place.path().join("done");
        let text = format!("(sleep 0.3; echo more; echo $? > {}) & echo started", done.display());
        let outcome = shell(&text, LONG);
        assert_eq!((outcome.output.as_str(), outcome.error), ("started", None));
        let wrote = || std::fs::read_to_string(&done).is_ok_and(|text| text == "0\n");
        assert!((0..2000).any(|_| wrote() || poll(&mut [], PollTimeout::from(LOOK_MS)).is_err()));
    }

    #[test]
    fn programs_are_found_by_path_or_where_the_system_looks_for_them() {
        assert!(find("sh").is_some() && find("/bin/sh").is_some());
        let place = tempfile::tempdir().unwrap();
        let text = place.path().join("text");
        std::fs::write(&text, "no program").unwrap();
        for nothing in [text.to_str().unwrap(), "/nowhere/siprig", "siprig-that-nobody-has"] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
    }
}
