//! `siprig serial`, with a device behind a PTY that has a prompt and may echo.

use std::{
    fs::File,
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Output},
    thread,
};

use nix::{
    pty::{OpenptyResult, openpty},
    sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
    unistd::ttyname,
};

/// A device that answers each line by this, and echoes what is typed or not. It ends when this is dropped, with its port.
struct Device {
    port: PathBuf,
    /// Keeps the line up between two that use it.
    _slave: std::os::fd::OwnedFd,
}

impl Device {
    fn new(echoes: bool, answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        let mut settings = tcgetattr(&slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
        let port = ttyname(&slave).unwrap();
        let mut line = File::from(master);
        thread::spawn(move || {
            let (mut typed, mut byte) = (Vec::new(), [0]);
            while line.read_exact(&mut byte).is_ok() {
                if byte == *b"\r" {
                    let said = answer(&String::from_utf8_lossy(&std::mem::take(&mut typed)));
                    let echo = if echoes { "\r\n" } else { "" };
                    if line.write_all(format!("{echo}{said}").as_bytes()).is_err() {
                        return;
                    }
                } else {
                    typed.extend_from_slice(&byte);
                    if echoes && line.write_all(&byte).is_err() {
                        return;
                    }
                }
            }
        });
        Self { port, _slave: slave }
    }

    fn ask(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siprig"));
        command.arg("serial").arg(&self.port).args(more).output().unwrap()
    }
}

/// What a switch of the PBX says of itself.
fn distribution(line: &str) -> String {
    match line {
        "" => "mdsh> ".to_owned(),
        "distribution -p" => "Distribution: on\r\n\x1b]0;owned\x07\r\nmdsh> ".to_owned(),
        _ => "no such command\r\nmdsh> ".to_owned(),
    }
}

#[test]
fn a_line_is_typed_and_its_answer_printed_without_echo_and_prompt() {
    for echoes in [true, false] {
        // One that does not echo begins its answer with the end of the line that was typed.
        let device =
            Device::new(echoes, move |line| format!("{}{}", if echoes { "" } else { "\r\n" }, distribution(line)));
        let output = device.ask(&["distribution -p", "--prompt", "^mdsh> $"]);
        let said = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{error}");
        // What would rename the window is spelt out.
        assert_eq!(said.trim_start(), "Distribution: on\n\\u{1b}]0;owned\\u{7}\n");
    }
}

#[test]
fn a_device_that_says_nothing_or_shows_no_prompt_is_told_apart() {
    let silent = Device::new(false, |_| String::new());
    let output = silent.ask(&["distribution -p", "--prompt", "^mdsh> $", "--limit", "300ms"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("nothing came from the device within 300ms"), "{error}");

    let other = Device::new(true, |_| "login: ".to_owned());
    let output = other.ask(&["distribution -p", "--prompt", "^mdsh> $", "--limit", "300ms"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(error.contains("\"login:\" was the last that did"), "{error}");
}

#[test]
fn what_can_not_be_asked_is_said_before_anything_is_typed() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_siprig")).arg("serial").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = run(&["/nowhere/ttyUSB0", "x", "--prompt", ">"]);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("there is no serial port /nowhere/ttyUSB0"), "{error}");
    let (code, error) = run(&["/nowhere/ttyUSB0", "a\rb", "--prompt", ">"]);
    assert_eq!(code, Some(2), "{error}");
    let (code, error) = run(&["/nowhere/ttyUSB0", "x", "--prompt", "("]);
    assert_eq!(code, Some(2), "{error}");
}
