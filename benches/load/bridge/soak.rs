//! Frames both ways while outages go on and off each second, one kind after the other: every frame is accounted for.
//!
//! What was sent is what came out (copies that an outage made apart), what outages took, and what was counted as lost. What the
//! bridge says in the server's name is told apart from it. A frame that went while the kernel's table was being changed may have
//! gone either way, or both ways: by so many frames at most the account may be wrong.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    lab::{self, Outcome},
    rig::{Kind, Rig, Seam},
    traffic::{self, PHONE, Reader, SERVER},
};

/// Frames a second each way: a hundred calls with 20 ms of voice in a frame.
const RATE: u64 = 5000;
/// An outage is on for so long, and off for as long.
const HALF: Duration = Duration::from_millis(500);
/// Frames on their way when it ends.
const SETTLE: Duration = Duration::from_millis(300);
/// So much the helper may grow once it has seen every kind of outage, in KiB.
const GROWTH_KIB: u64 = 1024;
/// And so large it may be.
const LARGEST_KIB: u64 = 64 << 10;
/// A frame that went so shortly before the table changed may have been on its way.
const UNDER_WAY_NS: i64 = 200_000;
/// And on a machine that is busy with other things for so long; nothing is lost by that, and that much of the traffic may be
/// doubled by a take-over (requirement 4).
const MOST_COPIED_NS: i64 = 5_000_000;

/// One way.
struct Flow {
    sender: JoinHandle<Outcome<Vec<i64>>>,
    reader: JoinHandle<Outcome<Tally>>,
}

/// What came out.
#[derive(Debug, Default)]
struct Tally {
    /// How often each frame did, by its number.
    times: Vec<u8>,
    /// When one did, in that order.
    at: Vec<i64>,
}

impl Flow {
    fn start(kind: &Kind, ends: [&'static str; 2], stop: &Arc<AtomicBool>) -> Outcome<Self> {
        let (from, to) = if ends[0] == "phone" { (PHONE, SERVER) } else { (SERVER, PHONE) };
        let frame = kind.traffic(from, to);
        let number_at = frame.number_at;
        let (sending, reading) = (Arc::clone(stop), Arc::clone(stop));
        let reader = lab::there(ends[1], move || Reader::open("rig", from, number_at))?;
        let reader = thread::spawn(move || {
            let mut tally = Tally::default();
            loop {
                match reader.next()? {
                    Some(arrival) => {
                        let place = usize::try_from(arrival.number)?;
                        if tally.times.len() <= place {
                            tally.times.resize(place + 1, 0);
                        }
                        tally.times[place] = tally.times[place].saturating_add(1);
                        tally.at.push(arrival.at_ns);
                    }
                    None if reading.load(Ordering::Relaxed) => return Ok(tally),
                    None => {}
                }
            }
        });
        let sender = lab::within(ends[0], move || {
            let mut at = Vec::new();
            let over = || sending.load(Ordering::Relaxed);
            traffic::send(&traffic::open("rig", false)?, &frame, RATE, u64::MAX, over, |now| at.push(now))?;
            Ok(at)
        });
        Ok(Self { sender, reader })
    }
}

/// What happened in all.
#[derive(Debug, Default)]
struct Account {
    sent: u64,
    arrived: u64,
    copies: u64,
    dropped: u64,
    doubled: u64,
    leaked: u64,
    lost: u64,
    /// Frames within the seams.
    undecided: u64,
    /// Frames that went shortly before a seam or within it: of these one copy may arrive by the kernel's way and one by ours.
    seamed: u64,
    /// How many neither arrived nor were taken; below zero, so many too many did.
    open: i64,
    /// From an order that takes everything away to the last frame behind it, and from the one that gives it back to the first, in
    /// nanoseconds, for each way.
    blocked: Vec<i64>,
    given_back: Vec<i64>,
}

/// Goes on for that long. Returns whether everything is accounted for.
pub fn run(siprig: &str, folder: &Path, span: Duration) -> Outcome<bool> {
    lab::build()?;
    let mut rig = Rig::start(siprig, &lab::path("rig")?, folder)?;
    let (begun, mut rounds, mut outage) = (Instant::now(), 0, 0);
    let (mut all, mut first_kib, mut holds) = (Account::default(), None, true);
    while begun.elapsed() < span || rounds == 0 {
        for kind in Kind::all() {
            outage += 1;
            let account = turn(&mut rig, outage, &kind)?;
            let fits = account.comes_out() && account.leaked == 0;
            if !fits {
                println!("not accounted for, outage {outage} ({}): {account:?}", kind.name);
            }
            holds &= fits;
            all.add(&account);
        }
        rounds += 1;
        first_kib.get_or_insert(resident_kib(rig.helper()?)?);
    }
    let (first_kib, last_kib) = (first_kib.unwrap_or_default(), resident_kib(rig.helper()?)?);
    let lost = std::mem::take(&mut rig.lost);
    let unsent = rig.unsent;
    let troubles = std::mem::take(&mut rig.troubles);
    let (blocked, given_back) = (spread(&mut all.blocked), spread(&mut all.given_back));
    let closing = Instant::now();
    rig.close()?;
    let stopped = closing.elapsed();
    println!("{outage} outages of {} kinds in {:.0} s", Kind::all().len(), begun.elapsed().as_secs_f64());
    let Account { sent, arrived, copies, dropped, doubled, leaked, lost: counted, undecided, open, .. } = all;
    println!(
        "{sent} frames sent: {arrived} arrived, {dropped} were taken by outages, {counted} were counted as lost, {leaked} leaked"
    );
    println!(
        "{copies} copies, of which {doubled} on purpose; {open} neither arrived nor were taken, {undecided} went while the table changed"
    );
    println!(
        "order to block to the last frame: {blocked}; order to give back to the first: {given_back}; stop: {stopped:?}"
    );
    println!("lost by the kernel or the ring: {lost:?}; not sent in time: {unsent}; complaints: {troubles:?}");
    println!("the helper had {first_kib} KiB resident when it had seen every kind once, and has {last_kib} KiB");
    Ok(holds && troubles.is_empty() && last_kib <= first_kib + GROWTH_KIB && last_kib <= LARGEST_KIB)
}

fn turn(rig: &mut Rig, outage: u32, kind: &Kind) -> Outcome<Account> {
    let before = lost(rig);
    let stop = Arc::new(AtomicBool::new(false));
    let flows = [Flow::start(kind, ["phone", "server"], &stop)?, Flow::start(kind, ["server", "phone"], &stop)?];
    rig.attend(HALF / 2)?;
    let ordered_ns = traffic::wall_ns();
    let began = rig.begin(outage, kind)?;
    rig.attend(HALF)?;
    let recalled_ns = traffic::wall_ns();
    let (ended, tally) = rig.end(outage)?;
    rig.attend(HALF / 2)?;
    stop.store(true, Ordering::Relaxed);
    rig.attend(SETTLE)?;
    let mut account = Account {
        dropped: tally.dropped_to_server + tally.dropped_to_phone,
        doubled: tally.doubled,
        leaked: tally.leaked,
        lost: lost(rig) - before,
        ..Account::default()
    };
    for flow in flows {
        let sent = flow.sender.join().map_err(|_| "a sender failed")??;
        let arrived = flow.reader.join().map_err(|_| "a reader failed")??;
        account.sent += sent.len() as u64;
        account.arrived += arrived.times.iter().filter(|times| **times > 0).count() as u64;
        account.copies += arrived.times.iter().map(|times| u64::from(times.saturating_sub(1))).sum::<u64>();
        if kind.takes_all() {
            let last = arrived.at.iter().filter(|at| **at < recalled_ns).max();
            account.blocked.extend(last.map(|at| (at - ordered_ns).max(0)));
            account
                .given_back
                .extend(arrived.at.iter().filter(|at| **at >= recalled_ns).map(|at| at - recalled_ns).min());
        }
        account.undecided += [began, ended].iter().map(|seam| within(&sent, *seam, UNDER_WAY_NS)).sum::<u64>();
        account.seamed += [began, ended].iter().map(|seam| within(&sent, *seam, MOST_COPIED_NS)).sum::<u64>();
    }
    let came_to = account.arrived + account.copies + account.dropped;
    account.open = (account.sent + account.doubled).cast_signed() - came_to.cast_signed();
    Ok(account)
}

/// How many went within a seam, or so shortly before it that they may have been on their way.
fn within(sent: &[i64], seam: Seam, before_ns: i64) -> u64 {
    let (from, to) = (seam.at_ns - seam.error_ns - before_ns, seam.at_ns + seam.error_ns);
    (sent.partition_point(|at| *at <= to) - sent.partition_point(|at| *at < from)) as u64
}

/// Frames that are counted as lost: before they were seen, or behind that.
fn lost(rig: &Rig) -> u64 {
    rig.lost.iter().map(|(_, count)| count).sum::<u64>() + rig.unsent
}

impl Account {
    /// Whether what is missing was counted as lost, but for what may have gone either way. What was lost before it was seen may
    /// have arrived all the same, where the kernel forwards.
    fn comes_out(&self) -> bool {
        let [undecided, seamed] = [self.undecided, self.seamed].map(u64::cast_signed);
        (-seamed..=undecided + self.lost.cast_signed()).contains(&self.open)
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.arrived += other.arrived;
        self.copies += other.copies;
        self.dropped += other.dropped;
        self.doubled += other.doubled;
        self.leaked += other.leaked;
        self.lost += other.lost;
        self.undecided += other.undecided;
        self.seamed += other.seamed;
        self.open += other.open;
        self.blocked.extend(&other.blocked);
        self.given_back.extend(&other.given_back);
    }
}

fn spread(ns: &mut [i64]) -> String {
    ns.sort_unstable();
    let at = |place: usize| ns.get(place).copied().unwrap_or_default() as f64 / 1e6;
    format!("median {:.2} ms, longest {:.2} ms", at(ns.len() / 2), at(ns.len().saturating_sub(1)))
}

fn resident_kib(pid: i32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
