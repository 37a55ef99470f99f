//! The two ends, as packet sockets of our own: what they say in every wrapping, and what becomes of it.
//!
//! Their addresses are those of no host in the lab, so that nobody else answers, refuses or repeats anything.

use std::{collections::BTreeMap, net::SocketAddr};

use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    unistd::Pid,
};
use siprig::wire::frame::{self, Body, Content, Envelope, TcpSegment};

use super::{wrapping::fragments, *};

pub const SERVER_MAC: Mac = Mac([2, 0, 0, 0, 0, 0x77]);
/// What is said: a request and an answer in datagrams; a segment that opens a connection, one of the phone's in another, and one of
/// the server's in a third.
pub const REQUEST: &str = "request";
pub const ANSWER: &str = "answer";
pub const OPENING: &str = "opening segment";
pub const ASKING: &str = "asking segment";
pub const AGREEING: &str = "agreeing segment";
/// Where a segment is in its connection, and what it acknowledges.
pub const SEQUENCE: u32 = 1000;
pub const ACKNOWLEDGED: u32 = 5000;
/// What is promised has come by then, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said at one end.
#[derive(Debug, Clone)]
pub struct Line {
    pub sort: &'static str,
    pub toward: Toward,
    pub wrapping: Wrapping,
    /// The phone's: no two lines have the same.
    port: u16,
    pub frames: Vec<Vec<u8>>,
}

/// Both ends, and what there was at each since [`forget`](Ends::forget). Of two the first is of the phone.
pub struct Ends {
    ears: [Ear; 2],
    /// A socket does not hear what it says itself.
    mouths: [Ear; 2],
    /// What was said at the other end: how often it has come, and when it left.
    said: BTreeMap<Vec<u8>, (usize, Option<i64>)>,
    came: [Vec<Heard>; 2],
    went: [Vec<Heard>; 2],
    /// What has come in the other end's name, and was not said there.
    strange: [Vec<Heard>; 2],
    port: u16,
}

/// Who hears what goes that way.
pub fn at(toward: Toward) -> usize {
    usize::from(toward == Toward::Server)
}

impl Ends {
    /// A rig whose server is the far end, and both ends of it.
    pub fn open(lab: &Lab) -> (Rig, Self) {
        let mut rig = Rig::start_with(lab, |plan| {
            plan.bench.servers[0].addresses =
                [false, true].map(|v6| Wrapping { v6, tags: 0, cut: false }.server()).into();
            plan.bench.servers[0].names = vec!["sip-a.example".parse().unwrap()];
        });
        let nothing = || [vec![], vec![]];
        let mut ends = Self {
            ears: ["phone", "server"].map(Ear::at),
            mouths: ["phone", "server"].map(Ear::at),
            said: BTreeMap::new(),
            came: nothing(),
            went: nothing(),
            strange: nothing(),
            port: 20_000,
        };
        // The bridge learns where the server is, and siprig which addresses the phone has.
        for wrapping in Wrapping::whole() {
            for toward in [Toward::Phone, Toward::Server] {
                let line = ends.datagram("hello", toward, wrapping, 7000, "hello");
                ends.say(&line);
            }
        }
        ends.until(|ends| ends.came(Toward::Server).len() >= Wrapping::whole().len());
        let until = Instant::now() + PATIENCE;
        for address in [false, true].map(|v6| Wrapping { v6, tags: 0, cut: false }.phone()) {
            let shows = |it: &Observed| matches!(it, Observed::AddressSeen { address: shown, .. } if *shown == address);
            while !rig.so_far().iter().any(shows) {
                assert!(Instant::now() < until, "{address} was never seen");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        (rig, ends)
    }

    /// A SIP message in a datagram, with its number as `Call-ID`.
    pub fn sip(&mut self, toward: Toward, wrapping: Wrapping, message: &Message<'_>) -> Line {
        let call = format!("{}", self.port + 1);
        self.sip_of(&call, toward, wrapping, message)
    }

    /// The same, of a call that others may be of, too.
    pub fn sip_of(&mut self, call: &str, toward: Toward, wrapping: Wrapping, message: &Message<'_>) -> Line {
        let sort = if message.status.is_some() { ANSWER } else { REQUEST };
        self.datagram(sort, toward, wrapping, SIP_PORT, message.text(call))
    }

    /// Anything in a datagram.
    pub fn datagram(
        &mut self,
        sort: &'static str,
        toward: Toward,
        wrapping: Wrapping,
        port: u16,
        payload: impl AsRef<[u8]>,
    ) -> Line {
        let (source, destination) = self.sockets(toward, wrapping, port);
        let (from, to) = macs(toward);
        let plain = frame::udp_frame(from, to, None, source, destination, payload.as_ref());
        let pieces = if wrapping.cut { fragments(&plain, self.port) } else { vec![plain] };
        self.line(sort, toward, wrapping, &pieces)
    }

    /// The first segment of a connection, or one that carries something.
    pub fn segment(&mut self, sort: &'static str, toward: Toward, wrapping: Wrapping, payload: &str) -> Line {
        let (source, destination) = self.sockets(toward, wrapping, SIP_PORT);
        let (from, to) = macs(toward);
        let segment = TcpSegment {
            source_port: source.port(),
            destination_port: destination.port(),
            sequence: SEQUENCE,
            ack: (!payload.is_empty()).then_some(ACKNOWLEDGED),
            syn: payload.is_empty(),
            fin: false,
            rst: false,
            payload: payload.as_bytes(),
        };
        let plain = Envelope::new(from, to, None).tcp(source.ip(), destination.ip(), &segment, None);
        self.line(sort, toward, wrapping, &[plain])
    }

    /// Frames without tags, as they are in the end.
    pub fn line(&mut self, sort: &'static str, toward: Toward, wrapping: Wrapping, plain: &[Vec<u8>]) -> Line {
        let frames = plain.iter().map(|plain| wrapping.wrap(plain)).collect();
        Line { sort, toward, wrapping, port: self.port, frames }
    }

    fn sockets(&mut self, toward: Toward, wrapping: Wrapping, port: u16) -> (SocketAddr, SocketAddr) {
        self.port += 1;
        let (phone, server) = ((wrapping.phone(), self.port).into(), (wrapping.server(), port).into());
        if toward == Toward::Server { (phone, server) } else { (server, phone) }
    }

    pub fn say(&mut self, line: &Line) {
        for frame in &line.frames {
            self.said.insert(frame.clone(), (0, None));
            self.mouths[at(line.toward.back())].say(frame);
        }
    }

    /// Forgets what was said and heard.
    pub fn forget(&mut self) {
        self.listen();
        for all in [&mut self.came, &mut self.went, &mut self.strange] {
            *all = [vec![], vec![]];
        }
        self.said.clear();
    }

    /// Takes what has been heard until now.
    pub fn listen(&mut self) {
        for toward in WAYS {
            let (from, to) = macs(toward);
            for heard in self.ears[at(toward)].so_far() {
                match self.said.get_mut(&heard.bytes) {
                    Some((_, left_ns)) if heard.sent => {
                        *left_ns = Some(heard.at_ns);
                        self.went[at(toward.back())].push(heard);
                    }
                    Some((times, _)) => {
                        *times += 1;
                        self.came[at(toward)].push(heard);
                    }
                    None if !heard.sent && heard.bytes.starts_with(&[to.0, from.0].concat()) => {
                        self.strange[at(toward)].push(heard);
                    }
                    None => {}
                }
            }
        }
    }

    /// Waits until something is so, or for so long that it never will be.
    pub fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.listen();
            if is_so(self) || Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Says one more message each way, and waits until siprig has told of both: what was said before has been looked at then.
    pub fn settle(&mut self, rig: &mut Rig) {
        let plain = Wrapping { v6: false, tags: 0, cut: false };
        for toward in [Toward::Phone, Toward::Server] {
            let line = self.sip(toward, plain, &Message { method: "OPTIONS", ..Message::default() });
            let call = line.port.to_string();
            self.say(&line);
            rig.expect("the last message", |it| match it {
                Observed::Sip(fact) => fact.toward == toward && is_register(fact, call.parse().unwrap()),
                _ => false,
            });
        }
    }

    /// What has come in at an end of what was said at the other, in its order.
    pub fn came(&self, toward: Toward) -> &[Heard] {
        &self.came[at(toward)]
    }

    /// What one end has said, in its order, as its own socket has seen it leave.
    pub fn went(&self, toward: Toward) -> &[Heard] {
        &self.went[at(toward)]
    }

    /// When a frame left its sender.
    pub fn left_ns(&self, frame: &[u8]) -> Option<i64> {
        self.said.get(frame)?.1
    }

    /// What became of a line, and what was put in about it: `vanishes; phone hears icmp 3/3`.
    pub fn fate(&self, line: &Line) -> String {
        let times: Vec<usize> = line.frames.iter().map(|frame| self.said[frame].0).collect();
        let mut fate = match times[..] {
            [first, ..] if times.iter().any(|times| *times != first) => format!("fragments pass {times:?} times"),
            [0, ..] => "vanishes".to_owned(),
            [1, ..] => "passes".to_owned(),
            _ => format!("passes {} times", times[0]),
        };
        for (toward, who) in [(Toward::Phone, "phone"), (Toward::Server, "server")] {
            let put_in = self.strange[at(toward)].iter().filter_map(|heard| line.put_in(heard));
            let put_in: Vec<String> = put_in.collect();
            if !put_in.is_empty() {
                fate += &format!("; {who} hears {}", put_in.join(", "));
            }
        }
        fate
    }
}

impl Line {
    /// What a frame is that no end has said, if it is about this line; with everything right that must be about it.
    fn put_in(&self, heard: &Heard) -> Option<String> {
        let frame = heard.frame();
        let Content::Ip(packet) = &frame.content else { return None };
        let own = |port: u16| port == self.port;
        let what = match &packet.body {
            Body::Icmp { kind, code, payload } => {
                let quoted = |bytes: &Vec<u8>| contains(bytes, &payload[4..]);
                self.frames.iter().any(quoted).then(|| format!("icmp {kind}/{code}"))?
            }
            Body::Udp { source_port, destination_port, payload } => {
                let text = std::str::from_utf8(payload).ok().filter(|_| own(*source_port) || own(*destination_port))?;
                format!("sip {}", text.strip_prefix("SIP/2.0 ")?.get(..3)?)
            }
            Body::Tcp(segment) if own(segment.source_port) || own(segment.destination_port) => told(segment),
            _ => return None,
        };
        assert_eq!(frame.vlans, self.frame().vlans, "{what}: in the same VLAN");
        assert_eq!(frame::hop_limit(&frame, &heard.bytes), Some(64), "{what}: as the server's own");
        let mut again = heard.bytes.clone();
        frame::fix_checksums(&mut again);
        assert_eq!(again, heard.bytes, "{what}: its check sums are right");
        Some(what)
    }

    fn frame(&self) -> frame::Frame<'_> {
        frame::Frame::parse(&self.frames[0]).unwrap()
    }
}

/// What a segment says, by its flags and its numbers.
fn told(segment: &TcpSegment<'_>) -> String {
    let text = std::str::from_utf8(segment.payload).unwrap();
    if let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) {
        assert_eq!(segment.sequence, ACKNOWLEDGED, "what was acknowledged comes next");
        return format!("sip {status}");
    }
    let flags = [(segment.syn, "syn"), (segment.fin, "fin"), (segment.rst, "rst"), (segment.ack.is_some(), "ack")];
    let flags: Vec<&str> = flags.into_iter().filter_map(|(set, name)| set.then_some(name)).collect();
    let numbered = match (segment.rst, segment.ack) {
        (true, None) if [SEQUENCE, ACKNOWLEDGED].contains(&segment.sequence) => format!(" at {}", segment.sequence),
        (_, Some(ack)) => format!(" of {ack}"),
        (_, None) => String::new(),
    };
    flags.join("-") + &numbered
}

/// What is sent on one processor and then on another may overtake itself in the lab.
pub fn stay_on_one_processor() {
    let mut here = CpuSet::new();
    here.set(sched_getcpu().unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &here).unwrap();
}

pub fn macs(toward: Toward) -> (Mac, Mac) {
    let phone = hosts::PHONE_MAC.parse().unwrap();
    if toward == Toward::Server { (phone, SERVER_MAC) } else { (SERVER_MAC, phone) }
}
