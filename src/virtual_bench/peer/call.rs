//! A call as the partner knows it.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use super::{PeerOutput, T1, T2, TIMEOUT};
use crate::{
    virtual_bench::random::Random,
    wire::{
        sdp,
        sip::{Message, address},
    },
};

/// What it is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// We called.
    Calling,
    /// We gave that up.
    Cancelling,
    /// We were called, and do not answer.
    Ringing,
    /// We answered, and the caller has not confirmed.
    Answered,
    /// People could talk.
    Up,
    /// We hung up.
    Ending,
    /// Nothing more comes of it.
    Over,
}

/// The call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Of the order that made it.
    pub(super) number: Option<u32>,
    pub(super) id: String,
    pub(super) tag: String,
    /// We, as `From` of our requests.
    pub(super) local: String,
    /// The other end, as `To` of our requests.
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) routes: Vec<String>,
    /// Where our messages go.
    pub(super) hop: SocketAddr,
    pub(super) cseq: u32,
    pub(super) branch: String,
    pub(super) stage: Stage,
    /// It was answered at some time.
    pub(super) was_up: bool,
    /// Somebody has taken note of the INVITE.
    pub(super) proceeding: bool,
    /// We hang up then.
    pub(super) until: Option<Duration>,
    pub(super) sending: Option<Sending>,
    /// Where the other end hears us.
    pub(super) listener: Option<SocketAddr>,
}

/// What is sent again until it is answered.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    bytes: Vec<u8>,
    next: Duration,
    pause: Duration,
    end: Duration,
}

impl Call {
    /// To an extension, through a server.
    pub(super) fn to(extension: &str, server: SocketAddr, here: SocketAddr, own: &str, random: &mut Random) -> Self {
        let (id, tag) = (random.token(), random.token());
        let target = format!("sip:{extension}@{server}");
        Self {
            number: None,
            id,
            local: format!("<sip:{own}@{here}>;tag={tag}"),
            tag,
            remote: format!("<{target}>"),
            target,
            routes: Vec::new(),
            hop: server,
            cseq: 0,
            branch: String::new(),
            stage: Stage::Calling,
            was_up: false,
            proceeding: false,
            until: None,
            sending: None,
            listener: None,
        }
    }

    /// From whoever sent this INVITE.
    pub(super) fn from(invite: &Message, id: String, from: SocketAddr, tag: String) -> Option<Self> {
        let routes = invite.headers("Record-Route").map(str::to_owned).collect();
        Some(Self {
            number: None,
            id,
            local: format!("{};tag={tag}", invite.header("To")?),
            tag,
            remote: invite.header("From")?.to_owned(),
            target: address::uri(invite.header("Contact")?).to_owned(),
            routes,
            hop: from,
            cseq: 0,
            branch: String::new(),
            stage: Stage::Ringing,
            was_up: true,
            proceeding: true,
            until: None,
            sending: None,
            listener: listener_of(invite),
        })
    }

    /// The other end has picked up (RFC 3261 section 12.1.2).
    pub(super) fn confirmed(&mut self, answer: &Message) {
        self.was_up = true;
        self.listener = listener_of(answer);
        if let Some(to) = answer.header("To") {
            to.clone_into(&mut self.remote);
        }
        if let Some(contact) = answer.header("Contact") {
            address::uri(contact).clone_into(&mut self.target);
        }
        self.routes = answer.headers("Record-Route").map(str::to_owned).collect();
        self.routes.reverse();
        if let Some(hop) = self.routes.first().and_then(|route| address::place(address::uri(route))) {
            self.hop = hop;
        }
    }

    /// Sends something, now and again.
    pub(super) fn send(&mut self, now: Duration, bytes: Vec<u8>, outputs: &mut VecDeque<PeerOutput>) {
        outputs.push_back(PeerOutput::Datagram { to: self.hop, bytes: bytes.clone() });
        self.sending = Some(Sending { bytes, next: now + T1, pause: T1, end: now + TIMEOUT });
    }

    /// Sends again what is due; true: it was sent often enough, in vain.
    pub(super) fn repeat(&mut self, now: Duration, outputs: &mut VecDeque<PeerOutput>) -> bool {
        let Some(sending) = self.sending.as_mut().filter(|sending| sending.next <= now) else { return false };
        if now >= sending.end {
            self.sending = None;
            return true;
        }
        sending.pause = (2 * sending.pause).min(T2);
        sending.next = (now + sending.pause).min(sending.end);
        outputs.push_back(PeerOutput::Datagram { to: self.hop, bytes: sending.bytes.clone() });
        false
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let again = self.sending.as_ref().map(|sending| sending.next);
        again.into_iter().chain(self.until).min()
    }
}

/// Where whoever wrote a message wants to hear us.
fn listener_of(message: &Message) -> Option<SocketAddr> {
    sdp::audio(message.body()).filter(|audio| audio.receives)?.place()
}
