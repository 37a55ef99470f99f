//! How many frames a second pass without loss, how late they are, and what they cost: on a wire, on a bridge of the kernel, on a
//! plain bridge with `pnet`, and on siprig's, whose outage concerns them or does not.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::{time::clock_getcpuclockid, unistd::Pid};
use pnet::datalink::{self, Channel, Config, NetworkInterface};

use super::{
    lab::{self, Outcome},
    rig::{Kind, Rig},
    traffic::{self, Counter, OTHER, PHONE, Reader, SERVER, Sent},
};

/// Thousands of frames a second that are tried.
const STEPS: [u64; 18] = [10, 25, 40, 60, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 500, 600, 700, 800];
/// Bytes of a frame of voice, for which the promise is.
const USUAL: usize = 200;
/// Frames on their way when counting ends, and still to come.
const SETTLE: Duration = Duration::from_millis(600);
/// Of a thousand frames so many may be lost.
const LOSS_PER_MILLE: u64 = 1;

/// What frames go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Wire,
    Kernel,
    Pnet,
    Stolen,
    Others,
}

const WAYS: [(Way, &str, &str); 5] = [
    (Way::Wire, "direct wire", "wire"),
    (Way::Kernel, "kernel bridge", "kern"),
    (Way::Pnet, "plain pnet bridge", "pnet"),
    (Way::Stolen, "siprig, stolen flow", "rig"),
    (Way::Others, "siprig, other flows", "rig"),
];

/// How much is measured.
pub struct Amount {
    pub sizes: &'static [usize],
    pub rates: &'static [u64],
    pub rounds: usize,
    pub span: Duration,
    /// Frames a second of a stolen flow that a core of the helper carries.
    pub stolen: f64,
    /// What a frame of another flow costs on a kernel's bridge, as a share of what it costs on siprig's.
    pub others: f64,
}

impl Amount {
    /// Less than a minute. What is measured once tells of a machine on which other work runs rather than of the bridge, so the
    /// floors are low.
    pub const SHORT: Self = Self {
        sizes: &[200],
        rates: &[10_000],
        rounds: 1,
        span: Duration::from_millis(400),
        stolen: 50e3,
        others: 0.3,
    };
    /// What is promised.
    pub const LONG: Self = Self {
        sizes: &[64, 200, 1500],
        rates: &[1_000, 10_000, 50_000],
        rounds: 3,
        span: Duration::from_secs(1),
        stolen: 300e3,
        others: 0.8,
    };
}

struct Bench {
    pnet: i32,
    helper: i32,
    amount: Amount,
}

/// Measures and prints. Returns whether what is promised holds.
pub fn run(siprig: &str, folder: &Path, amount: Amount) -> Outcome<bool> {
    lab::build()?;
    lab::wire("wire")?;
    lab::bridge("plain", &lab::path_elsewhere("kern")?)?;
    let mut pnet = start_pnet(&lab::path_elsewhere("pnet")?)?;
    let mut rig = Rig::start(siprig, &lab::path("rig")?, folder)?;
    rig.begin(1, &Kind::passing())?;
    let outcome = Bench { helper: rig.helper()?, pnet: pnet.id().cast_signed(), amount }.measure();
    rig.end(1)?;
    let Rig { lost, unsent, troubles, .. } = &rig;
    println!("siprig counted as lost: {lost:?}, as not sent in time: {unsent}; complaints: {troubles:?}");
    rig.close()?;
    pnet.kill()?;
    pnet.wait()?;
    outcome
}

impl Bench {
    fn measure(&self) -> Outcome<bool> {
        for (_, _, interface) in WAYS {
            // Bridges learn where the server is.
            lab::there("server", move || {
                let hello = traffic::datagram(SERVER, PHONE, 64);
                traffic::send(&traffic::open(interface, false)?, &hello, 100, 1, || false, |_| {})
            })?;
        }
        thread::sleep(Duration::from_millis(200));
        let (mut rates, mut costs, mut delays) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut cores = BTreeMap::new();
        for _ in 0..self.amount.rounds {
            for &size in self.amount.sizes {
                for (way, _, interface) in WAYS {
                    let rate = self.loss_free(way, interface, size)?;
                    rates.entry((size, way)).or_insert_with(Vec::new).push(rate);
                    costs.entry((size, way)).or_insert_with(Vec::new).push(self.cost(way, interface, size)?);
                    let core = self.of_a_core(way, interface, size)?;
                    cores.entry((size, way)).or_insert_with(Vec::new).extend(core);
                }
            }
            for &rate in self.amount.rates {
                for (way, _, interface) in WAYS {
                    delays.entry((rate, way)).or_insert_with(Vec::new).push(self.delays(way, interface, rate)?);
                }
            }
        }
        let mut holds = true;
        for &size in self.amount.sizes {
            println!("\nframes of {size} bytes: loss-free, and processor time of sender and bridge at 50 000 a second");
            let kernel = middle(&rates[&(size, Way::Kernel)]);
            for (way, name, _) in WAYS {
                let (rate, cost) = (middle(&rates[&(size, way)]), middle(&costs[&(size, way)]));
                let share = rate / kernel;
                let core = match &cores[&(size, way)][..] {
                    [] => String::new(),
                    of => format!("  {:>4.0} kpps of a core", middle(of) / 1e3),
                };
                println!(
                    "  {name:<20} {:>4.0} kpps {share:>5.2} of the kernel's {cost:>5.1} µs a frame{core}",
                    rate / 1e3
                );
                holds &= match way {
                    Way::Stolen => size != USUAL || middle(&cores[&(size, way)]) >= self.amount.stolen,
                    Way::Others => middle(&costs[&(size, Way::Kernel)]) / cost >= self.amount.others,
                    Way::Wire | Way::Kernel | Way::Pnet => true,
                };
            }
        }
        println!("\none way, 200 bytes, from the sending call to the kernel's stamp at the far end, in µs: p50 / p99");
        for &rate in self.amount.rates {
            for (way, name, _) in WAYS {
                let of =
                    |share: fn(&(f64, f64)) -> f64| middle(&delays[&(rate, way)].iter().map(share).collect::<Vec<_>>());
                println!("  {rate:>6} a second  {name:<20} {:>8.1} / {:>8.1}", of(|it| it.0), of(|it| it.1));
            }
        }
        Ok(holds)
    }

    /// The highest of the rates that passes, in frames a second: as many as went, if they are fewer than asked for.
    fn loss_free(&self, way: Way, interface: &'static str, size: usize) -> Outcome<f64> {
        let (mut low, mut high, mut best) = (0, STEPS.len(), 0.0);
        while low < high {
            let step = (low + high) / 2;
            let rate = STEPS[step] * 1000;
            let sent = self.amount.span.as_millis() as u64 * rate / 1000;
            let (sent, arrived) = self.pass(way, interface, size, rate, sent)?;
            let lost = sent.count.saturating_sub(arrived);
            if lost * 1000 <= sent.count * LOSS_PER_MILLE && sent.rate() >= 0.95 * rate as f64 {
                (low, best) = (step + 1, sent.rate());
            } else {
                high = step;
            }
        }
        Ok(best)
    }

    /// Sends so many; what was sent, and how many arrived.
    fn pass(&self, way: Way, interface: &'static str, size: usize, rate: u64, count: u64) -> Outcome<(Sent, u64)> {
        let from = sender_of(way);
        let counter = lab::there("server", move || Counter::open(interface, from))?;
        let sent = lab::there("phone", move || {
            let frame = traffic::datagram(from, SERVER, size);
            traffic::send(&traffic::open(interface, false)?, &frame, rate, count, || false, |_| {})
        })?;
        let mut arrived = 0;
        for _ in 0..SETTLE.as_millis() / 20 {
            arrived += counter.take()?;
            if arrived >= sent.count {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok((sent, arrived))
    }

    /// Microseconds that sender and bridge work for a frame at 50 000 a second.
    fn cost(&self, way: Way, interface: &'static str, size: usize) -> Outcome<f64> {
        let before = self.worked(way)?;
        let (sent, _) = self.pass(way, interface, size, 50_000, 50 * self.amount.span.as_millis() as u64)?;
        let worked = Duration::from_nanos((self.worked(way)? - before).unsigned_abs());
        Ok((sent.cpu + worked).as_secs_f64() * 1e6 / sent.count as f64)
    }

    /// Frames a second that would go through a core that the process which forwards has for itself: what it works for each of those
    /// that come out when more come in than do.
    fn of_a_core(&self, way: Way, interface: &'static str, size: usize) -> Outcome<Option<f64>> {
        if matches!(way, Way::Wire | Way::Kernel | Way::Others) {
            return Ok(None);
        }
        let before = self.worked(way)?;
        let (_, arrived) = self.pass(way, interface, size, 600_000, 600 * self.amount.span.as_millis() as u64)?;
        let worked = Duration::from_nanos((self.worked(way)? - before).unsigned_abs());
        Ok(Some(arrived as f64 / worked.as_secs_f64()))
    }

    /// Processor time of the process that forwards, if one does.
    fn worked(&self, way: Way) -> Outcome<i64> {
        let pid = match way {
            Way::Wire | Way::Kernel => return Ok(0),
            Way::Pnet => self.pnet,
            Way::Stolen | Way::Others => self.helper,
        };
        Ok(traffic::nanos(clock_getcpuclockid(Pid::from_raw(pid))?))
    }

    /// Median and 99th percentile of the time under way, in microseconds.
    fn delays(&self, way: Way, interface: &'static str, rate: u64) -> Outcome<(f64, f64)> {
        static OVER: AtomicBool = AtomicBool::new(false);
        OVER.store(false, Ordering::Relaxed);
        let from = sender_of(way);
        let reader = lab::there("server", move || {
            Reader::open(interface, from, traffic::datagram(from, SERVER, 200).number_at)
        })?;
        let reading = thread::spawn(move || -> Outcome<Vec<i64>> {
            let mut late = Vec::new();
            loop {
                match reader.next()? {
                    Some(arrival) => late.push(arrival.at_ns - arrival.sent_ns),
                    None if OVER.load(Ordering::Relaxed) => return Ok(late),
                    None => {}
                }
            }
        });
        let count = (2 * self.amount.span.as_millis() as u64 * rate / 1000).max(500);
        let sent = lab::there("phone", move || {
            let frame = traffic::datagram(from, SERVER, 200);
            traffic::send(&traffic::open(interface, false)?, &frame, rate, count, || false, |_| {})
        });
        OVER.store(true, Ordering::Relaxed);
        let mut late = reading.join().map_err(|_| "the reader failed")??;
        let sent = sent?;
        late.sort_unstable();
        if (late.len() as u64) * 100 < sent.count * 99 {
            return Err(format!("{way:?}: {} of {} arrived at {rate} a second", late.len(), sent.count).into());
        }
        let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        Ok((at(0.5), at(0.99)))
    }
}

fn sender_of(way: Way) -> siprig::config::Mac {
    if way == Way::Others { OTHER } else { PHONE }
}

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

fn start_pnet(sides: &[String; 2]) -> Outcome<Child> {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", lab::ELSEWHERE]).arg(std::env::current_exe()?);
    let child = command.arg("pnet-bridge").args(sides).stdout(Stdio::piped()).spawn()?;
    thread::sleep(Duration::from_millis(300));
    Ok(child)
}

/// The bridge that one would write with `pnet` and nothing else: one channel for each interface, one thread for each way.
pub fn pnet_bridge(one: &str, other: &str) -> Outcome<()> {
    let open = |name: &str| -> Outcome<_> {
        let interface: Option<NetworkInterface> = datalink::interfaces().into_iter().find(|it| it.name == name);
        match datalink::channel(&interface.ok_or("no such interface")?, Config::default())? {
            Channel::Ethernet(sender, receiver) => Ok((sender, receiver)),
            _ => Err("no Ethernet channel".into()),
        }
    };
    let ((mut to_one, mut from_one), (mut to_other, mut from_other)) = (open(one)?, open(other)?);
    let back = thread::spawn(move || {
        loop {
            if let Ok(frame) = from_other.next() {
                let _ = to_one.send_to(frame, None);
            }
        }
    });
    while !back.is_finished() {
        if let Ok(frame) = from_one.next() {
            let _ = to_other.send_to(frame, None);
        }
    }
    Ok(())
}
