//! For how long nothing passes when helper, controller or both are killed at any moment of an outage, what is left of them, and
//! when frames pass again if one of them hangs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use super::{
    lab::{self, Outcome},
    rig::{COURSE, Kind, Rig},
    traffic::{self, Arrival, PHONE, Reader, SERVER},
};

/// Frames a second.
const RATE: u64 = 4000;
/// Frames that are sent for so long after the kill are looked at.
const AFTER: Duration = Duration::from_millis(80);
/// Phones are back by then after a kill.
const MOST_KILLED: Duration = Duration::from_millis(50);
/// And in the middle of all of them by then.
const MEDIAN_KILLED: Duration = Duration::from_millis(5);
/// Phones are back by then when one hangs.
const MOST_HUNG: Duration = Duration::from_secs(1);
/// And so much later where a link comes up: the kernel looks at links that changed once a second (link watch).
const LINK_WATCH: Duration = Duration::from_secs(1);
/// From so many kills on every outage is held by somebody who hangs, too.
const LONG: usize = 5;
/// If they are not by then they are cut off.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing is left by then.
const GONE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Helper,
    Controller,
    Both,
}

const VICTIMS: [Victim; 3] = [Victim::Helper, Victim::Controller, Victim::Both];

fn kinds() -> impl Iterator<Item = Kind> {
    Kind::all().into_iter().chain([Kind::link()])
}

/// Holds an outage until it is killed or its input ends; says which process the helper is.
pub fn hold(siprig: &str, kind: &str, sides: [&str; 2], folder: &Path) -> Outcome<()> {
    let kind = kinds().find(|it| it.name == kind).ok_or("no such outage")?;
    let mut rig = Rig::start(siprig, &sides.map(str::to_owned), folder)?;
    rig.begin(1, &kind)?;
    println!("{}", rig.helper()?);
    let over = thread::spawn(|| std::io::stdin().lines().count());
    while !over.is_finished() {
        rig.attend(Duration::from_millis(50))?;
    }
    // The helper may be gone.
    let _ = rig.close();
    Ok(())
}

/// Kills each victim so often in each outage, and stops each once. Returns whether what is promised holds; on a machine that has
/// other work, times are told and not judged: there, that frames pass again and nothing is left.
pub fn run(siprig: &str, count: usize, seed: u64, machine_is_idle: bool) -> Outcome<bool> {
    lab::build()?;
    let sides = lab::path("rig")?;
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut all = Vec::new();
    let (mut worst_left, mut holds) = (Duration::ZERO, true);
    println!(
        "kill -9, {count} times each, frames at {RATE} a second, seed {seed}: median and longest until frames pass again, in ms"
    );
    for kind in kinds() {
        print!("  {:<18}", kind.name);
        for victim in VICTIMS {
            let mut cuts = Vec::new();
            for _ in 0..count {
                let held = Held::start(siprig, &kind, &sides)?;
                thread::sleep(moment(&mut chance));
                let cut = held.kill(victim, Signal::SIGKILL, AFTER)?;
                cuts.push(cut);
                worst_left = worst_left.max(until_nothing_is_left(&sides)?);
            }
            cuts.sort();
            print!("  {victim:?} {:>6.1} {:>6.1}", ms(cuts[cuts.len() / 2]), ms(cuts[cuts.len() - 1]));
            match kind.is_of_link() {
                true => holds &= !machine_is_idle || cuts[cuts.len() - 1] <= LINK_WATCH + MOST_KILLED,
                false => all.extend(cuts),
            }
        }
        println!();
    }
    all.sort();
    let (median, most) = (all[all.len() / 2], all[all.len() - 1]);
    println!(
        "of all {} but for the link: median {:.1}, p99 {:.1}, longest {:.1} ms; no process, table, port or promiscuity was left after {:.0} ms at most",
        all.len(),
        ms(median),
        ms(all[(all.len() - 1) * 99 / 100]),
        ms(most),
        ms(worst_left)
    );
    holds &= !machine_is_idle || (median <= MEDIAN_KILLED && most <= MOST_KILLED);

    println!("SIGSTOP: until frames pass again, in ms");
    // It takes longer than a kill and depends less on the outage.
    let stopped = kinds().filter(|kind| count >= LONG || kind.takes_all() || kind.answers());
    for kind in stopped {
        print!("  {:<18}", kind.name);
        for victim in [Victim::Helper, Victim::Controller] {
            let held = Held::start(siprig, &kind, &sides)?;
            thread::sleep(moment(&mut chance));
            let cut = held.kill(victim, Signal::SIGSTOP, Duration::from_millis(1300))?;
            until_nothing_is_left(&sides)?;
            print!("  {victim:?} {:>6.0}", ms(cut));
            let most = if kind.is_of_link() { MOST_HUNG + LINK_WATCH } else { MOST_HUNG };
            holds &= !machine_is_idle || cut <= most;
        }
        println!();
    }
    if !machine_is_idle {
        println!("times are not judged: this machine has other work");
    }
    Ok(holds)
}

/// An outage that somebody holds, and frames that try to pass.
struct Held {
    controller: Child,
    helper: Pid,
    stop: Arc<AtomicBool>,
    /// When the frame was sent that came out last.
    latest: Arc<AtomicI64>,
    sender: JoinHandle<Outcome<Vec<i64>>>,
    reader: JoinHandle<Outcome<Vec<Arrival>>>,
}

impl Held {
    fn start(siprig: &str, kind: &Kind, sides: &[String; 2]) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["hold", siprig, kind.name]).args(sides).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut controller = command.spawn()?;
        let mut line = String::new();
        BufReader::new(controller.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let helper = Pid::from_raw(line.trim().parse().map_err(|_| format!("{}: {line:?}", kind.name))?);
        let stop = Arc::new(AtomicBool::new(false));
        let (sending, reading) = (Arc::clone(&stop), Arc::clone(&stop));
        let latest = Arc::new(AtomicI64::new(0));
        let seen = Arc::clone(&latest);
        let frame = kind.traffic(PHONE, SERVER);
        let number_at = frame.number_at;
        let reader = lab::there("server", move || {
            let interface = "rig";
            let hello = traffic::datagram(SERVER, PHONE, 64);
            traffic::send(&traffic::open(interface, false)?, &hello, 100, 1, || false, |_| {})?;
            Reader::open(interface, PHONE, number_at)
        })?;
        let sender = lab::within("phone", move || {
            let mut at = Vec::new();
            let over = || sending.load(Ordering::Relaxed);
            traffic::send(&traffic::open("rig", false)?, &frame, RATE, u64::MAX, over, |now| at.push(now))?;
            Ok(at)
        });
        let reader = thread::spawn(move || {
            let mut arrivals = Vec::new();
            loop {
                match reader.next()? {
                    Some(arrival) => {
                        seen.store(arrival.sent_ns, Ordering::Relaxed);
                        arrivals.push(arrival);
                    }
                    None if reading.load(Ordering::Relaxed) => return Ok(arrivals),
                    None => {}
                }
            }
        });
        Ok(Self { controller, helper, stop, latest, sender, reader })
    }

    /// Sends a signal to a victim; how long after it the frame came out behind which none was lost any more.
    fn kill(mut self, victim: Victim, signal: Signal, after: Duration) -> Outcome<Duration> {
        let controller = Pid::from_raw(self.controller.id().cast_signed());
        let victims = match victim {
            Victim::Helper => vec![self.helper],
            Victim::Controller => vec![controller],
            Victim::Both => vec![controller, self.helper],
        };
        let killed_ns = traffic::wall_ns();
        for pid in &victims {
            kill(*pid, signal)?;
        }
        let begun = Instant::now();
        let wanted_ns = killed_ns + i64::try_from(after.as_nanos())?;
        while self.latest.load(Ordering::Relaxed) < wanted_ns && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().map_err(|_| "the sender failed")??;
        let arrivals = self.reader.join().map_err(|_| "the reader failed")??;
        for pid in victims.iter().filter(|_| signal == Signal::SIGSTOP) {
            kill(*pid, Signal::SIGCONT)?;
        }
        drop(self.controller.stdin.take());
        self.controller.wait()?;
        cut_off(&sent, &arrivals, killed_ns)
    }
}

/// A moment of an outage: at any of those in which courses change, the lease is renewed, or the helper sleeps.
fn moment(chance: &mut fastrand::Rng) -> Duration {
    const LEAST_US: u64 = 5_000;
    Duration::from_micros(LEAST_US + chance.u64(0..COURSE.as_micros() as u64))
}

fn cut_off(sent: &[i64], arrivals: &[Arrival], killed_ns: i64) -> Outcome<Duration> {
    let mut delivered: BTreeMap<u64, i64> = BTreeMap::new();
    for arrival in arrivals {
        let at = delivered.entry(arrival.number).or_insert(arrival.at_ns);
        *at = arrival.at_ns.min(*at);
    }
    let numbers: BTreeSet<u64> = delivered.keys().copied().collect();
    let first = sent.partition_point(|at| *at < killed_ns) as u64;
    let last_lost = (first..sent.len() as u64).rev().find(|number| !numbers.contains(number));
    let next = last_lost.map_or(first, |lost| lost + 1);
    let at_ns = delivered.get(&next).ok_or("frames do not pass again")?;
    Ok(Duration::from_nanos((at_ns - killed_ns).unsigned_abs()))
}

/// Waits until nothing of siprig's is there but the bridge; how long that took.
fn until_nothing_is_left(sides: &[String; 2]) -> Outcome<Duration> {
    let begun = Instant::now();
    loop {
        // Whom nobody waits for any more is ours.
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status.pid().is_some()) {}
        let left = left(sides)?;
        if left.is_empty() {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > GONE {
            return Err(format!("left behind: {}", left.join(", ")).into());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn left(sides: &[String; 2]) -> Outcome<Vec<String>> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if name.bytes().all(|byte| byte.is_ascii_digit())
            && ["bridge-helper", "link-guardian", "bridge-load hold"].iter().any(|ours| line.contains(ours))
        {
            left.push(format!("process {name}: {line}"));
        }
    }
    let tables = lab::run("nft", "list tables")?;
    if !tables.is_empty() {
        left.push(format!("tables {tables}"));
    }
    let links = lab::run("ip", "-o link")?;
    left.extend(links.lines().filter(|line| line.contains(": siprig-")).map(|line| format!("interface {line}")));
    for side in sides {
        let described = lab::run("ip", &format!("-details -o link show {side}"))?;
        // Once for the bridge that it is a port of.
        if !described.contains("promiscuity 1 ") {
            left.push(format!("promiscuity {described}"));
        }
    }
    Ok(left)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
