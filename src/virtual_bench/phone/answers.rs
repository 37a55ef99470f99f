//! Server transactions (RFC 3261 section 17.2) of a simulated phone: what it answered, so that it can say it again.
//!
//! A final answer to an INVITE is repeated until it is acknowledged, over TCP as well if it is a 2xx (section 13.3.1.4).

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use super::{PhoneOutput, PhoneTimers};
use crate::{
    event::SipStart,
    wire::sip::{self, Message, address, build_response},
};

/// Where an answer goes: where the request came from, as with `rport` (RFC 3581).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As a datagram.
    Datagram(SocketAddr),
    /// Over the connection with that number, whose other end has that address.
    Connection(u32, SocketAddr),
}

impl Way {
    /// Who is at the other end.
    pub const fn address(self) -> SocketAddr {
        match self {
            Self::Datagram(address) | Self::Connection(_, address) => address,
        }
    }

    /// The output that sends bytes there.
    pub const fn send(self, bytes: Vec<u8>) -> PhoneOutput {
        match self {
            Self::Datagram(to) => PhoneOutput::SendDatagram { to, bytes },
            Self::Connection(conn, _) => PhoneOutput::TcpSend { conn, bytes },
        }
    }
}

/// Headers, body and its type of an answer.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Headers beyond those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// Body and its type.
    pub body: Option<(&'static str, String)>,
}

#[derive(Debug)]
struct Answered {
    branch: String,
    method: String,
    call_id: String,
    way: Way,
    bytes: Vec<u8>,
    repeat: Option<(Duration, Duration)>,
    accepted: bool,
    until: Duration,
}

/// All answers that may have to be given again.
#[derive(Debug, Default)]
pub struct Answers(Vec<Answered>);

impl Answers {
    /// When something is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.0.iter().flat_map(|one| [Some(one.until), one.repeat.map(|(at, _)| at)]).flatten().min()
    }

    /// Repeats what is due; returns the `Call-ID`s of INVITEs whose 2xx was never acknowledged.
    pub fn run(&mut self, now: Duration, timers: &PhoneTimers, outputs: &mut VecDeque<PhoneOutput>) -> Vec<String> {
        for one in &mut self.0 {
            if let Some((_, interval)) = one.repeat.filter(|(at, _)| *at <= now && now < one.until) {
                outputs.push_back(one.way.send(one.bytes.clone()));
                let interval = (2 * interval).min(timers.t2);
                one.repeat = Some((now + interval, interval));
            }
        }
        let over = self.0.extract_if(.., |one| one.until <= now);
        over.filter(|one| one.accepted && one.repeat.is_some()).map(|one| one.call_id).collect()
    }

    /// Says the last answer again if the request is one that was answered already; ends its repeats if it is the ACK of
    /// a failed INVITE. Says whether it was either.
    pub fn again(&mut self, request: &Message, method: &str, outputs: &mut VecDeque<PhoneOutput>) -> bool {
        let Some(branch) = request.via_branch() else { return false };
        let wanted = if method == "ACK" { "INVITE" } else { method };
        let known = self.0.iter_mut().find(|one| one.branch == branch && one.method == wanted);
        let Some(known) = known else { return false };
        if method == "ACK" {
            known.repeat = None;
        } else {
            outputs.push_back(known.way.send(known.bytes.clone()));
        }
        true
    }

    /// The ACK of a 2xx came: nothing is repeated any more.
    pub fn confirm(&mut self, call_id: &str) {
        for one in self.0.iter_mut().filter(|one| one.method == "INVITE" && one.call_id == call_id) {
            one.repeat = None;
        }
    }

    /// Answers a request, for the first time or after a provisional answer.
    #[expect(clippy::too_many_arguments, reason = "a request, where it came from, an answer, and where to put it")]
    pub fn give(
        &mut self,
        request: &Message,
        way: Way,
        (code, to_tag): (u16, &str),
        content: Content,
        agent: &str,
        now: Duration,
        timers: &PhoneTimers,
        outputs: &mut VecDeque<PhoneOutput>,
    ) {
        let SipStart::Request { method, .. } = request.start() else { return };
        let Some(bytes) = print(request, code, to_tag, content, agent) else { return };
        outputs.push_back(way.send(bytes.clone()));
        let branch = request.via_branch().unwrap_or_default().to_owned();
        self.0.retain(|one| one.branch != branch || one.method != *method);
        let invite = method == "INVITE";
        let reliable = matches!(way, Way::Connection(..));
        let repeats = invite && code >= 200 && (code < 300 || !reliable);
        // A call may ring for as long as the caller likes; the answer is replaced when it is decided.
        let until = if invite && code < 200 { Duration::from_secs(3600) } else { 64 * timers.t1 };
        self.0.push(Answered {
            branch,
            method: method.clone(),
            call_id: request.header("Call-ID").unwrap_or_default().to_owned(),
            way,
            bytes,
            repeat: repeats.then_some((now + timers.t1, timers.t1)),
            accepted: (200..300).contains(&code),
            until: now + until,
        });
    }
}

/// An answer; none if the request lacks what it needs.
fn print(request: &Message, code: u16, to_tag: &str, content: Content, agent: &str) -> Option<Vec<u8>> {
    let to = request.header("To").unwrap_or_default();
    let to = if code == 100 || address::tag(to).is_some() { to.to_owned() } else { format!("{to};tag={to_tag}") };
    let mut headers: Vec<(&str, &str)> = request.headers("Via").map(|via| ("Via", via)).collect();
    for name in ["From", "Call-ID", "CSeq"] {
        headers.push((name, request.header(name)?));
    }
    if (101..300).contains(&code) {
        headers.extend(request.headers("Record-Route").map(|route| ("Record-Route", route)));
    }
    headers.extend([
        ("To", to.as_str()),
        ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY"),
        ("User-Agent", agent),
    ]);
    headers.extend(content.headers.iter().map(|(name, value)| (*name, value.as_str())));
    let body = content.body.as_ref().map_or("", |(kind, body)| {
        headers.push(("Content-Type", kind));
        body
    });
    build_response(code, sip::reason(code), &headers, body.as_bytes()).ok()
}
