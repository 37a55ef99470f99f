//! Consoles at full line rate, and siprig reading them; for `benches/consoles`.
//!
//! `produce N SECONDS DIR [idle|together]` is N phones on PTYs `DIR/tty0` …, each of which says two lines of 92 bytes each 16 ms:
//! 11.5 kB/s, all that 115200 bit/s carry. They begin when a line comes on stdin, and `DIR/sent-0` … then hold the SHA-256
//! of what each said. A byte that finds no room is an overrun, as on a line, and is counted.
//!
//! `consume N SECONDS DIR` is siprig's driver: N consoles with recordings in `DIR/run`, and 20 patterns on each line.

#![expect(clippy::unwrap_used, reason = "a measurement that can not go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "figures are what this is for")]

use std::{
    fs,
    io::{BufRead, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    time::Duration,
};

use meter::{now_ns, used};
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    pty::openpty,
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
    },
    unistd::{ttyname, write},
};
use sha2::{Digest, Sha256};
use siprig::{
    config::{ConsolePort, Dialect, PortAddress, load},
    driver::{
        clock::RunClock,
        discretion::Discretion,
        serial::{Console, ConsoleSetup, Spoken},
    },
    event::{Observed, PhoneName, Stamp},
};
use tokio::sync::mpsc;

mod meter;

/// How often each phone speaks, and how much each time: 184 bytes each 16 ms.
const PERIOD: Duration = Duration::from_millis(16);
const LINE: usize = 92;

/// One line in so many says something that a pattern waits for: each phone in its own time, or all within one period.
const MATCHED: u64 = 50;

/// What the phones say.
#[derive(Clone, Copy, PartialEq)]
enum Talk {
    Idle,
    Spread,
    Together,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (count, seconds) = (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let folder = Path::new(&arguments[3]);
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let talk = match arguments.get(4).map(String::as_str) {
        None => Talk::Spread,
        Some("idle") => Talk::Idle,
        Some("together") => Talk::Together,
        Some(other) => panic!("neither idle nor together: {other}"),
    };
    match arguments[0].as_str() {
        "produce" => runtime.block_on(produce(count, seconds, folder, talk)),
        "consume" => runtime.block_on(consume(count, seconds, folder)),
        other => panic!("neither produce nor consume: {other}"),
    }
}

struct Phone {
    master: OwnedFd,
    _slave: OwnedFd,
    said: Sha256,
    bytes: u64,
    lines: u64,
    /// Where in [`MATCHED`] its line is that is waited for.
    turn: u64,
}

impl Phone {
    fn at(link: &Path, turn: u64) -> Self {
        let pty = openpty(None, None).unwrap();
        let mut settings = tcgetattr(&pty.slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &settings).unwrap();
        let flags = OFlag::from_bits_truncate(fcntl(&pty.master, FcntlArg::F_GETFL).unwrap());
        fcntl(&pty.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
        std::os::unix::fs::symlink(ttyname(&pty.slave).unwrap(), link).unwrap();
        Self { master: pty.master, _slave: pty.slave, said: Sha256::new(), bytes: 0, lines: 0, turn }
    }

    /// Says two lines; returns how many bytes found no room.
    fn speak(&mut self) -> u64 {
        let mut text = String::with_capacity(2 * LINE);
        for _ in 0..2 {
            self.lines += 1;
            let word = if self.lines % MATCHED == self.turn % MATCHED { "RING" } else { "info" };
            let mut line = format!("[{:>20}] phone: {word} line {:>8} ", now_ns(), self.lines);
            line.extend(std::iter::repeat_n('.', LINE - 2 - line.len()));
            text.push_str(&line);
            text.push_str("\r\n");
        }
        let written = write(self.master.as_fd(), text.as_bytes()).unwrap_or(0);
        self.said.update(&text.as_bytes()[..written]);
        self.bytes += written as u64;
        (text.len() - written) as u64
    }
}

async fn produce(count: usize, seconds: u64, folder: &Path, talk: Talk) {
    let turn = |number: usize| if talk == Talk::Spread { number as u64 } else { 0 };
    let mut phones: Vec<_> =
        (0..count).map(|number| Phone::at(&folder.join(format!("tty{number}")), turn(number))).collect();
    println!("ready");
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    let clock = RunClock::start();
    let mut overruns = 0;
    let end = Stamp::ZERO + Duration::from_secs(seconds);
    // A sixteenth of the phones each millisecond.
    let mut tick = 0_u32;
    loop {
        let due = Stamp::ZERO + PERIOD / 16 * tick;
        if due >= end {
            break;
        }
        // A wait takes a millisecond at least, and would put off for ever one who is late.
        if clock.now() < due {
            clock.wait(Some(due)).await;
        }
        if talk != Talk::Idle {
            for phone in phones.iter_mut().skip(tick as usize % 16).step_by(16) {
                overruns += phone.speak();
            }
        }
        tick += 1;
    }
    let bytes: u64 = phones.iter().map(|phone| phone.bytes).sum();
    for (number, phone) in phones.iter_mut().enumerate() {
        let sum = format!("{:x} {}\n", phone.said.clone().finalize(), phone.bytes);
        fs::write(folder.join(format!("sent-{number}")), sum).unwrap();
    }
    let rate = bytes as f64 / seconds as f64 / count as f64 / 1000.0;
    println!("said {bytes} bytes, {rate:.2} kB/s each; {overruns} bytes found no room");
    // The lines stay until whoever reads them is done.
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// Twenty patterns, of the kind that consoles are watched for.
fn dialect() -> Dialect {
    let mut dialect = load::model("aastra-6731i", Path::new("rig")).unwrap().console.unwrap();
    dialect.display = Some(r"phone: RING (?P<text>line +\d+)".to_owned());
    for more in
        ["out of memory", "Segmentation fault", r"BUG: ", r"Call Trace:", "Unable to handle", "assertion failed"]
    {
        dialect.fatal.push(more.to_owned());
    }
    dialect
}

async fn consume(count: usize, seconds: u64, folder: &Path) {
    let run = folder.join("run");
    fs::create_dir(&run).unwrap();
    let (dialect, clock) = (Spoken::new(&dialect()).unwrap(), RunClock::start());
    let (reports, mut inbox) = mpsc::channel(4096);
    let mut consoles = Vec::new();
    for number in 0..count {
        let setup = ConsoleSetup {
            phone: &PhoneName(number.to_string()),
            port: &ConsolePort::at(PortAddress::Path(folder.join(format!("tty{number}"))), 115_200),
            dialect: Some(&dialect),
            run_dir: Some(&run),
            keep_secrets: false,
            discretion: Discretion::default(),
        };
        consoles.push(Console::open(setup, &clock, reports.clone()).await.unwrap());
    }
    drop(reports);
    println!("ready");
    std::io::stdout().flush().unwrap();
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    let (began, before) = (clock.now(), used());
    let end = began + Duration::from_secs(seconds);
    let mut waits = Vec::new();
    loop {
        tokio::select! {
            Some(report) = inbox.recv() => {
                if let Observed::ConsoleLine { text, .. } = report.observed {
                    let said = text.get(1..21).and_then(|stamp| stamp.trim().parse::<u64>().ok());
                    waits.extend(said.map(|said| now_ns().saturating_sub(said)));
                }
            }
            () = clock.wait(Some(end)) => break,
        }
    }
    let (took, processor) = (clock.now().since(began), used() - before);
    let memory = fs::read_to_string("/proc/self/status").unwrap();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
    waits.sort_unstable();
    let at = |share: f64| waits.get((waits.len() as f64 * share) as usize).map_or(0.0, |ns| *ns as f64 / 1e6);
    println!(
        "processor {:.1} % of a core, memory {peak}, {} matches, byte to match p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        100.0 * processor.as_secs_f64() / took.as_secs_f64(),
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0 - f64::EPSILON),
    );
    std::io::stdout().flush().unwrap();
    // Then it is told that the phones have said all, and compares.
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    // What is on its way is waited for.
    clock.wait(Some(clock.now() + Duration::from_secs(1))).await;
    for console in consoles {
        console.close().await;
    }
    let (mut lost, mut wrong) = (0_i64, 0);
    for number in 0..count {
        let mut came = Vec::new();
        fs::File::open(run.join(format!("console-{number}.log"))).unwrap().read_to_end(&mut came).unwrap();
        let sent = fs::read_to_string(folder.join(format!("sent-{number}"))).unwrap();
        let (sum, bytes) = sent.trim_end().split_once(' ').unwrap();
        wrong += usize::from(format!("{:x}", Sha256::digest(&came)) != sum);
        lost += bytes.parse::<i64>().unwrap() - i64::try_from(came.len()).unwrap();
    }
    println!("{count} recordings: {lost} bytes lost, {wrong} with another check sum");
    std::process::exit(i32::from(lost != 0 || wrong != 0));
}
