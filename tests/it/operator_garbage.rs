//! What a phone says on its console, whatever it is, reaches the operator's terminal as text and costs bounded memory.

use std::{fs, time::Duration};

use regex::bytes::Regex;
use siprig::{
    event::PhoneName,
    journal::run_dir::{console_index, console_log},
    look::is_harmful,
};

use super::operator_console::Desk;

/// Bytes of the recording, and of what is said at a time.
const ALL: usize = 16 << 20;
const PIECE: usize = 4 << 10;
/// What must reach no terminal, and what it comes among.
const SAYINGS: [&[u8]; 14] = [
    b"\x1b[2J",
    b"\x1b[31m",
    b"\x1b]0;title\x07",
    b"\x1b]52;c;cm0gLXJmIC8=\x07",
    b"\x1bP+q544e\x1b\\",
    b"\x1b[6n",
    b"\x1b[?1049l",
    b"\x07\x08\x0c\x0e",
    b"\xc2\x9b2J\xc2\x9d0;x\xc2\x9c",
    "\u{202e}\u{2066}\u{200d}\u{feff}".as_bytes(),
    b"\r\n",
    b"\r",
    b"an ordinary line",
    b"\xff\xfe\x80",
];

/// The most that a process occupied so far, in kB (`VmHWM`, proc_pid_status(5)).
fn most_kb(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn garbage_of_a_phone_is_text_to_the_terminal_and_keys_are_heard_meanwhile() {
    let desk = Desk::with_recording();
    let (run, phone) = (desk.run(), PhoneName::from("p1"));
    let mut dice = fastrand::Rng::with_seed(7);
    let (mut index, mut log) = (String::new(), Vec::with_capacity(ALL + PIECE));
    while log.len() < ALL {
        let offset = log.len();
        while log.len() < offset + PIECE {
            log.extend_from_slice(SAYINGS[dice.usize(..SAYINGS.len())]);
            log.extend_from_slice(&dice.u64(..).to_le_bytes());
        }
        let len = log.len() - offset;
        index.push_str(&format!("{{\"at\":{offset},\"what\":\"in\",\"offset\":{offset},\"len\":{len}}}\n"));
    }
    let end = b"\x18\r\nthis is the end of it\r\n";
    index.push_str(&format!("{{\"at\":16000000,\"what\":\"in\",\"offset\":{},\"len\":{}}}\n", log.len(), end.len()));
    log.extend_from_slice(end);
    fs::write(run.join(console_index(&phone)), index).unwrap();
    fs::write(run.join(console_log(&phone)), log).unwrap();

    let mut window = desk.open(&["--replay", "latest"]);
    window.shows("[1 Phones]");
    let before = most_kb(window.child.id());
    window.types(b" \x1b[C");
    window.shows("a IS AWAY");
    window.types(b"2c");
    // Long before it has taken all of that, it does what it is told.
    window.shows("Console of p1");
    window.types(b"h");
    window.shows("rows, older ones");
    window.types(b"h");
    // It is about what is shown, not about how soon: a machine may be many times slower than another.
    let shown = window.shows_within("this is the end of it", Duration::from_secs(200), "");
    assert!(shown.contains("lines, older ones"));
    window.types(b"v");
    assert!(window.shows("terminal 80").contains("this is the end of it"));
    window.types(b"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk");
    window.shows("rows back; G follows");
    window.types(b"gGv");
    window.shows(" lines, older ones");
    window.types(b"/ordinary\r");
    window.shows("/ordinary");
    let most = most_kb(window.child.id()) - before;
    assert!(most < 64 << 10, "{most} kB for {ALL} bytes of which 5000 lines are kept");
    window.types(b"q");
    window.shows("[2 Phone]");

    let wrote = window.sees("");
    // What a screen without colours is drawn with, and nothing of which is among the sayings.
    let own = Regex::new(r"\x1b\[(?:[0-9;]*H|(?:0|1|2|22|39|49|59|39;49)?m|\?25[hl]|\?1049h|\?1000h|\?1006h|\?2004h)")
        .unwrap();
    let rest = own.replace_all(wrote.as_bytes(), &b""[..]);
    let rest = String::from_utf8_lossy(&rest);
    let harmful: Vec<char> = rest.chars().filter(|char| is_harmful(*char)).take(20).collect();
    assert!(harmful.is_empty(), "{harmful:?} in {} bytes", wrote.len());
    assert!(rest.contains("ordinary line"), "it was looked at");
}
