//! Speech of a call with SIPp on the servers' side, which gives back what it hears: both ways cross the bridge, by IPv4 and IPv6.

use std::{
    net::{SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use siprig::event::{Observed, OutageMode, OutageScope, SipFact, SipMessage, SipStart, Speech, Toward};

use super::{Lab, Rig, hosts, hosts::Host};

/// Where the phone hears and speaks.
const MOUTH: u16 = 3000;
/// Where its signalling is.
const SIGNALLING: u16 = 5062;
/// Where SIPp is called, and where it echoes.
const CALLED: u16 = 5060;
const ECHO: u16 = 6000;
const PACKET: Duration = Duration::from_millis(20);
/// How much later than it could the first packet after an outage may come, on a busy machine.
const SLACK: Duration = Duration::from_secs(4);

/// SIPp, which answers calls.
struct Sipp(Child);

impl Sipp {
    fn start(at: Host) -> Self {
        let child = hosts::in_host(at.namespace, move || {
            let mut command = Command::new("sipp");
            command.args(["-sn", "uas", "-i", &at.ip.to_string(), "-p", &CALLED.to_string()]);
            command.args(["-mi", &at.ip.to_string(), "-mp", &ECHO.to_string(), "-rtp_echo", "-nostdin"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        });
        Self(child)
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A call of the phone: what it says in it, 50 packets of RTP a second, and what it hears.
struct Call {
    over: Arc<AtomicBool>,
    mouth: JoinHandle<u64>,
}

impl Call {
    /// Calls until it is answered, and speaks to where the answer says, which `told` has from the wire.
    fn make(rig: &mut Rig, own: Host, other: Host) -> Self {
        let signalling = socket(own, SIGNALLING);
        let to = SocketAddr::new(other.ip, CALLED);
        let begun = Instant::now();
        let mut answer = [0; 4096];
        loop {
            assert!(begun.elapsed() < Duration::from_secs(10), "SIPp does not answer");
            signalling.send_to(request("INVITE", own, other).as_bytes(), to).unwrap();
            let heard = signalling.recv(&mut answer).map(|length| answer[..length].starts_with(b"SIP/2.0 200"));
            if heard.is_ok_and(|answered| answered) {
                break;
            }
        }
        signalling.send_to(request("ACK", own, other).as_bytes(), to).unwrap();
        let described = |it: &Observed, toward| match it {
            Observed::Sip(fact) if fact.toward == toward => place(fact),
            _ => None,
        };
        let answered = rig.expect("the answer's session", |it| described(it, Toward::Phone).is_some());
        let there = described(&answered, Toward::Phone).unwrap();
        assert_eq!(there, SocketAddr::new(other.ip, ECHO), "as SIPp has it in its SDP");
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let mouth = socket(own, MOUTH);
        mouth.set_nonblocking(true).unwrap();
        let mouth = thread::spawn(move || {
            let (mut count, mut heard) = (0_u16, [0; 2048]);
            while !stop.load(Ordering::Relaxed) {
                let mut packet = [0xd5; 172];
                packet[..2].copy_from_slice(&[0x80, 8]);
                packet[2..4].copy_from_slice(&count.to_be_bytes());
                mouth.send_to(&packet, there).unwrap();
                while mouth.recv(&mut heard).is_ok() {}
                count += 1;
                thread::sleep(PACKET);
            }
            u64::from(count)
        });
        Self { over, mouth }
    }

    /// Falls silent; how many packets it said.
    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.mouth.join().unwrap()
    }
}

fn socket(host: Host, port: u16) -> UdpSocket {
    let socket = hosts::in_host(host.namespace, move || UdpSocket::bind(SocketAddr::new(host.ip, port)).unwrap());
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket
}

/// The place of speech in the session description of an answered call.
fn place(fact: &SipFact) -> Option<SocketAddr> {
    let SipMessage::Read(message) = &fact.message else { return None };
    let answers = matches!(message.start, SipStart::Response { code: 200, .. }) && message.method == "INVITE";
    message.audio.as_ref().filter(|_| answers)?.place()
}

fn request(method: &str, own: Host, other: Host) -> String {
    let place = |host: Host, port| SocketAddr::new(host.ip, port);
    let (from, to, family) = (place(own, SIGNALLING), place(other, CALLED), if own.ip.is_ipv4() { 4 } else { 6 });
    let session = format!(
        "v=0\r\no=p1 1 1 IN IP{family} {0}\r\ns=-\r\nc=IN IP{family} {0}\r\nt=0 0\r\nm=audio {MOUTH} RTP/AVP 8\r\n",
        own.ip
    );
    let session = if method == "INVITE" { session } else { String::new() };
    format!(
        "{method} sip:8001@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKspeech{family}{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@{from}>;tag=p1\r\nTo: <sip:8001@{to}>\r\nCall-ID: speech-{family}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:1001@{from}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{session}",
        session.len()
    )
}

/// What the bridge counted of the speech between these, one way.
fn counted(observed: &Observed, own: Host, toward: Toward) -> Option<&Speech> {
    let Observed::Spoke(speech) = observed else { return None };
    let ours = speech.own == SocketAddr::new(own.ip, MOUTH) && speech.toward == toward;
    Some(&**speech).filter(|_| ours)
}

#[test]
fn what_sipp_hears_and_says_is_counted_and_an_outage_of_one_way_is_a_pause_as_long_as_it() {
    in_lab!("speech::what_sipp_hears_and_says_is_counted_and_an_outage_of_one_way_is_a_pause_as_long_as_it", |lab| {
        if Command::new("sipp").arg("-v").output().is_err() {
            println!("SKIPPED: SIPp is not installed");
            return;
        }
        let mut rig = Rig::start(&lab);
        let ends = [(hosts::PHONE, hosts::SERVER), (hosts::PHONE_6, hosts::SERVER_6)];
        let sipp = ends.map(|(_, other)| Sipp::start(other));
        let calls = ends.map(|(own, other)| (own, Call::make(&mut rig, own, other)));
        for (own, _) in &calls {
            for toward in [Toward::Server, Toward::Phone] {
                let enough = |it: &Observed| counted(it, *own, toward).is_some_and(|speech| speech.packets >= 20);
                if !rig.so_far().iter().any(enough) {
                    rig.expect("speech", enough);
                }
            }
        }

        let before = Instant::now();
        rig.begin_mode(1, OutageMode::DROP, Some(Toward::Phone), OutageScope::Host);
        let in_force = Instant::now();
        thread::sleep(Duration::from_secs(3));
        let least = in_force.elapsed();
        rig.end(1);
        let most = before.elapsed() + SLACK;
        for (own, _) in &calls {
            let long = |it: &Observed| {
                counted(it, *own, Toward::Phone).is_some_and(|speech| Duration::from_nanos(speech.gap_ns) >= least)
            };
            if !rig.so_far().iter().any(long) {
                rig.expect("the pause", long);
            }
        }

        let said = calls.map(|(own, call)| (own, call.end()));
        drop(sipp);
        let all = rig.close();
        for (own, said) in said {
            let of = |toward| all.iter().filter_map(move |it| counted(it, own, toward));
            let [sent, heard] = [Toward::Server, Toward::Phone].map(|toward| of(toward).next_back().unwrap());
            assert!(sent.dropped == 0 && sent.packets <= said, "{sent:?}, and it said {said}");
            assert!(heard.dropped > 0 && heard.packets + heard.dropped <= said, "{heard:?}, and it said {said}");
            let pause = of(Toward::Phone).map(|speech| Duration::from_nanos(speech.gap_ns)).max().unwrap();
            println!(
                "{}: {said} packets said, {} back, a pause of {pause:?} in an outage of {least:?}",
                own.ip, heard.packets
            );
            assert!(pause >= least && pause <= most, "{pause:?} is not between {least:?} and {most:?}");
        }
        assert!(!all.iter().any(super::is_lost), "{all:?}");
    });
}
