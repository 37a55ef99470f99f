//! A simulated call partner on the servers' side: it calls whom it is told to, through a server, and answers whoever calls it.
//!
//! It is registered nowhere; the servers know where it is. It speaks over UDP, without I/O of its own.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::wire::sip::{self, Message, address, build_request, build_response};

mod call;
pub mod shell;

use call::{Call, Stage};

/// T1, T2 and the end of a transaction (RFC 3261 section 17.1.1.1).
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const TIMEOUT: Duration = Duration::from_secs(32);

/// Where it hears, and from where it speaks.
pub const PORT: u16 = 4000;

/// More calls than anybody needs; what comes beyond is refused.
const MOST_CALLS: usize = 256;

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PeerSpec {
    /// Its name on the bench.
    pub name: String,
    /// What is dialled to reach it.
    pub extension: String,
    /// Where it is.
    pub address: IpAddr,
    /// Its SIP port.
    pub port: u16,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<PeerDefect>,
    /// Seed of tags and branches.
    #[serde(default)]
    pub seed: u64,
}

impl PeerSpec {
    /// The partner of that number, from 1: `q1` is 8001.
    pub fn nth(number: u8, defects: &[PeerDefect]) -> Self {
        Self {
            name: format!("q{number}"),
            extension: (8000 + u16::from(number)).to_string(),
            address: IpAddr::from([10, 77, 0, 240 + number]),
            port: 5060,
            defects: defects.to_vec(),
            seed: 2000 + u64::from(number),
        }
    }
}

/// A defect that a test of the rig wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerDefect {
    /// It makes no call, although it is told to.
    CallsNobody,
    /// It rings, and does not answer.
    NeverAnswers,
    /// It says nothing in its calls.
    SaysNothing,
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerInput {
    /// A datagram came.
    Datagram {
        /// From there.
        from: SocketAddr,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// It is to call somebody.
    Call {
        /// Comes back when the call is over.
        number: u32,
        /// Through this server.
        server: SocketAddr,
        /// Whom.
        extension: String,
        /// It hangs up after this time.
        hold: Duration,
    },
    /// It is to hang up.
    HangUp {
        /// The number of the call.
        number: u32,
    },
    /// The time that it asked for has come.
    Timeout,
}

/// What it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerOutput {
    /// A datagram goes out.
    Datagram {
        /// There.
        to: SocketAddr,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// A call that it was told to make is over.
    Over {
        /// Its number.
        number: u32,
        /// Why it came to nothing; none: it was answered.
        failed: Option<String>,
    },
}

/// The partner.
#[derive(Debug)]
pub struct Peer {
    spec: PeerSpec,
    random: Random,
    now: Duration,
    calls: Vec<Call>,
    /// `Call-ID`s of calls that are over, the last ones.
    ended: VecDeque<String>,
    outputs: VecDeque<PeerOutput>,
}

impl Peer {
    /// One that is in no call.
    pub fn new(spec: PeerSpec) -> Self {
        let random = Random::new(spec.seed);
        Self { spec, random, now: Duration::ZERO, calls: Vec::new(), ended: VecDeque::new(), outputs: VecDeque::new() }
    }

    /// Who it is.
    pub const fn spec(&self) -> &PeerSpec {
        &self.spec
    }

    /// Something happens.
    pub fn handle(&mut self, now: Duration, input: PeerInput) {
        self.now = now;
        match input {
            PeerInput::Datagram { from, bytes } => {
                if let Ok(message) = Message::parse(&bytes) {
                    self.hear(from, &message);
                }
            }
            PeerInput::Call { number, server, extension, hold } => self.call(number, server, &extension, hold),
            PeerInput::HangUp { number } => {
                if let Some(index) = self.calls.iter().position(|call| call.number == Some(number)) {
                    self.hang_up(index);
                }
            }
            PeerInput::Timeout => {}
        }
        self.run_timers();
        self.calls.retain(|call| call.stage != Stage::Over);
    }

    /// What it does next.
    pub fn poll_output(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }

    /// To whom it speaks.
    pub fn speaks_to(&self) -> Vec<SocketAddr> {
        let up = self.calls.iter().filter(|call| call.stage == Stage::Up && !self.has(PeerDefect::SaysNothing));
        up.filter_map(|call| call.listener).collect()
    }

    /// When it wants to be told the time.
    pub fn poll_deadline(&self) -> Option<Duration> {
        self.calls.iter().filter_map(Call::deadline).min()
    }

    fn here(&self) -> SocketAddr {
        SocketAddr::new(self.spec.address, self.spec.port)
    }

    fn has(&self, defect: PeerDefect) -> bool {
        self.spec.defects.contains(&defect)
    }

    fn call(&mut self, number: u32, server: SocketAddr, extension: &str, hold: Duration) {
        if self.has(PeerDefect::CallsNobody) {
            return self.outputs.push_back(PeerOutput::Over { number, failed: Some("was told to call nobody".into()) });
        }
        let mut call = Call::to(extension, server, self.here(), &self.spec.extension, &mut self.random);
        call.number = Some(number);
        call.until = Some(self.now + hold);
        let (from, to) = (call.local.clone(), call.remote.clone());
        let invite = self.request(&mut call, "INVITE", &[("From", &from), ("To", &to)], true);
        call.send(self.now, invite, &mut self.outputs);
        self.calls.push(call);
    }

    /// A request of a call.
    fn request(&mut self, call: &mut Call, method: &str, ends: &[(&str, &str)], described: bool) -> Vec<u8> {
        if !matches!(method, "ACK" | "CANCEL") {
            call.cseq += 1;
        }
        if method != "CANCEL" {
            call.branch = format!("z9hG4bK{}", self.random.token());
        }
        let via = format!("SIP/2.0/UDP {};branch={}", self.here(), call.branch);
        let (cseq, contact) = (format!("{} {method}", call.cseq), self.contact());
        let mut headers = vec![("Via", via.as_str()), ("Max-Forwards", "70")];
        headers.extend(call.routes.iter().map(|route| ("Route", route.as_str())));
        headers.extend(ends);
        headers.extend([("Call-ID", call.id.as_str()), ("CSeq", &cseq), ("Contact", &contact)]);
        let body = if described { self.description() } else { String::new() };
        if described {
            headers.push(("Content-Type", "application/sdp"));
        }
        build_request(method, &call.target, &headers, body.as_bytes()).unwrap_or_default()
    }

    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.spec.extension, self.here())
    }

    /// One audio stream (RFC 8866).
    fn description(&self) -> String {
        let (ip, kind) = (self.spec.address, if self.spec.address.is_ipv4() { "IP4" } else { "IP6" });
        format!(
            "v=0\r\no=- 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\nm=audio {PORT} RTP/AVP 8 0\r\na=sendrecv\r\n"
        )
    }

    /// In its dialog.
    fn within(&mut self, call: &mut Call, method: &str) -> Vec<u8> {
        let (from, to) = (call.local.clone(), call.remote.clone());
        self.request(call, method, &[("From", &from), ("To", &to)], false)
    }

    fn hear(&mut self, from: SocketAddr, message: &Message) {
        let id = message.header("Call-ID").unwrap_or_default().to_owned();
        let index = self.calls.iter().position(|call| call.id == id);
        match message.start() {
            crate::event::SipStart::Response { code, .. } => {
                if let Some(index) = index {
                    let mut call = self.calls.swap_remove(index);
                    self.answered(&mut call, *code, message);
                    self.calls.push(call);
                }
            }
            crate::event::SipStart::Request { method, .. } => match (method.as_str(), index) {
                ("INVITE", None) if self.calls.len() < MOST_CALLS => self.ring(from, message, id),
                ("ACK", None) => {}
                // What answered it may have been lost.
                ("BYE", None) if self.ended.contains(&id) => self.respond(from, message, 200, None, false),
                ("OPTIONS", None) => self.respond(from, message, 200, None, false),
                (_, None) => self.respond(from, message, 481, None, false),
                (method, Some(index)) => {
                    let mut call = self.calls.swap_remove(index);
                    self.asked(&mut call, method, from, message);
                    self.calls.push(call);
                }
            },
        }
    }

    /// Somebody calls: it rings, and is answered at once.
    fn ring(&mut self, from: SocketAddr, invite: &Message, id: String) {
        let Some(mut call) = Call::from(invite, id, from, self.random.token()) else {
            return self.respond(from, invite, 400, None, false);
        };
        self.respond(from, invite, 180, Some(&call.tag), false);
        if !self.has(PeerDefect::NeverAnswers) {
            let answer = self.response(from, invite, 200, Some(&call.tag), true);
            call.stage = Stage::Answered;
            call.hop = from;
            call.send(self.now, answer, &mut self.outputs);
        }
        self.calls.push(call);
    }

    /// A request in a call.
    fn asked(&mut self, call: &mut Call, method: &str, from: SocketAddr, message: &Message) {
        let tag = call.tag.clone();
        match method {
            "ACK" => {
                call.sending = None;
                if call.stage == Stage::Answered {
                    call.stage = Stage::Up;
                }
            }
            "BYE" => {
                self.respond(from, message, 200, Some(&tag), false);
                self.over(call, None);
            }
            "CANCEL" => {
                self.respond(from, message, 200, Some(&tag), false);
                if call.stage == Stage::Ringing {
                    self.over(call, None);
                }
            }
            // One that comes again is answered by what is sent again; in the dialog it is a hold, or a refresh.
            "INVITE" if matches!(call.stage, Stage::Up) => {
                let answer = self.response(from, message, 200, Some(&tag), true);
                self.outputs.push_back(PeerOutput::Datagram { to: from, bytes: answer });
            }
            "INVITE" => {}
            _ => self.respond(from, message, 200, Some(&tag), false),
        }
    }

    /// An answer to one of its requests.
    fn answered(&mut self, call: &mut Call, code: u16, message: &Message) {
        let of_invite = is_of(message, "INVITE");
        match (code, call.stage) {
            (..200, Stage::Calling) => {
                call.proceeding = true;
                call.sending = None;
            }
            (200..300, _) if of_invite => {
                call.sending = None;
                call.confirmed(message);
                let cancelled = std::mem::replace(&mut call.stage, Stage::Up) == Stage::Cancelling;
                let ack = self.within(call, "ACK");
                self.outputs.push_back(PeerOutput::Datagram { to: call.hop, bytes: ack });
                if cancelled {
                    self.bye(call);
                }
            }
            (300.., Stage::Calling | Stage::Cancelling) if of_invite => {
                // Of the same transaction (RFC 3261 section 17.1.1.3).
                let to = message.header("To").unwrap_or_default().to_owned();
                let branch = call.branch.clone();
                let from = call.local.clone();
                let mut ack = call.clone();
                let bytes = self.request(&mut ack, "ACK", &[("From", &from), ("To", &to)], false);
                let bytes = String::from_utf8_lossy(&bytes).replace(&ack.branch, &branch).into_bytes();
                self.outputs.push_back(PeerOutput::Datagram { to: call.hop, bytes });
                self.over(call, Some(format!("was refused with {code}")));
            }
            (200.., Stage::Ending) => self.over(call, None),
            _ => {}
        }
    }

    fn hang_up(&mut self, index: usize) {
        let mut call = self.calls.swap_remove(index);
        match call.stage {
            Stage::Calling if call.proceeding => {
                let (from, to) = (call.local.clone(), call.remote.clone());
                let cancel = self.request(&mut call, "CANCEL", &[("From", &from), ("To", &to)], false);
                call.stage = Stage::Cancelling;
                call.send(self.now, cancel, &mut self.outputs);
            }
            Stage::Calling => self.over(&mut call, Some("was not answered".into())),
            Stage::Up | Stage::Answered => self.bye(&mut call),
            Stage::Ringing | Stage::Cancelling | Stage::Ending | Stage::Over => {}
        }
        call.until = None;
        self.calls.push(call);
    }

    fn bye(&mut self, call: &mut Call) {
        let bye = self.within(call, "BYE");
        call.stage = Stage::Ending;
        call.send(self.now, bye, &mut self.outputs);
    }

    fn over(&mut self, call: &mut Call, failed: Option<String>) {
        let failed = failed.or_else(|| (!call.was_up).then(|| "was not answered".to_owned()));
        if let Some(number) = call.number.take() {
            self.outputs.push_back(PeerOutput::Over { number, failed });
        }
        call.sending = None;
        call.stage = Stage::Over;
        self.ended.push_back(call.id.clone());
        if self.ended.len() > MOST_CALLS {
            self.ended.pop_front();
        }
    }

    fn run_timers(&mut self) {
        for index in 0..self.calls.len() {
            let now = self.now;
            let Some(call) = self.calls.get_mut(index) else { return };
            if call.until.is_some_and(|until| until <= now) {
                call.until = None;
                self.hang_up(index);
                // The one that took its place is looked at with the next input.
                continue;
            }
            if call.repeat(now, &mut self.outputs) {
                let mut call = self.calls.swap_remove(index);
                self.over(&mut call, None);
                self.calls.push(call);
            }
        }
    }

    fn respond(&mut self, from: SocketAddr, request: &Message, code: u16, tag: Option<&str>, described: bool) {
        let bytes = self.response(from, request, code, tag, described);
        self.outputs.push_back(PeerOutput::Datagram { to: from, bytes });
    }

    fn response(&self, from: SocketAddr, request: &Message, code: u16, tag: Option<&str>, described: bool) -> Vec<u8> {
        let mut to = request.header("To").unwrap_or_default().to_owned();
        if let (None, Some(tag)) = (address::tag(&to), tag) {
            to.push_str(&format!(";tag={tag}"));
        }
        let vias: Vec<&str> = request.headers("Via").collect();
        let top = vias.first().and_then(|via| sip::Via::parse(via)).map(|via| via.received_from(from));
        let contact = self.contact();
        let mut headers: Vec<(&str, &str)> = top.iter().map(|via| ("Via", via.as_str())).collect();
        headers.extend(vias.iter().skip(1).map(|via| ("Via", *via)));
        headers.extend(request.headers("Record-Route").map(|route| ("Record-Route", route)));
        for name in ["From", "Call-ID", "CSeq"] {
            headers.push((name, request.header(name).unwrap_or_default()));
        }
        headers.extend([("To", to.as_str()), ("Contact", &contact)]);
        let body = if described { self.description() } else { String::new() };
        if described {
            headers.push(("Content-Type", "application/sdp"));
        }
        build_response(code, sip::reason(code), &headers, body.as_bytes()).unwrap_or_default()
    }
}

/// Whether a message is a request with that method, or answers one.
fn is_of(message: &Message, method: &str) -> bool {
    message.header("CSeq").and_then(|cseq| cseq.split_whitespace().nth(1)) == Some(method)
}

#[cfg(test)]
mod tests;
