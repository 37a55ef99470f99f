//! A request before it is sent: what it is for, what it says, and what it has been through.

use std::{net::SocketAddr, time::Duration};

use super::{Transport, context::Context, failover::Turn};
use crate::wire::sip::build_request;

/// How often a server may ask for credentials or another lifetime before that counts as a rejection.
pub const ROUNDS: u8 = 4;

/// Why a request is sent, and thus who wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// REGISTER, to be registered.
    Register(Turn),
    /// REGISTER, to take the binding at the backup away.
    Remove,
    /// REGISTER beside the registration there is: a defect.
    Mirror,
    /// REGISTER or OPTIONS at the primary while on the backup, in the background.
    Probe,
    /// REGISTER with `Expires: 0` that is sent once, and whose answer does not matter: a defect.
    Poll,
    /// SUBSCRIBE for the message lamp.
    Subscribe(Turn),
    /// INVITE of the call with that number, outside a dialog.
    Invite(u32, Turn),
    /// A request inside the dialog of the call with that number.
    InCall(u32),
}

/// A request without what changes from one try to the next: branch, `CSeq`, credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Method.
    pub method: &'static str,
    /// Request-URI.
    pub uri: String,
    /// Next hop.
    pub to: SocketAddr,
    /// `Call-ID`.
    pub call_id: String,
    /// All other headers but `Via`, `Max-Forwards`, `CSeq`, `User-Agent`, credentials and those of the body.
    pub headers: Vec<(&'static str, String)>,
    /// Body and its type.
    pub body: Option<(&'static str, String)>,
}

impl Draft {
    /// Replaces the value of a header, or adds it.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
    }

    /// The bytes to send.
    pub fn print(
        &self,
        branch: &str,
        cseq: &str,
        credentials: Option<(&'static str, String)>,
        context: &Context<'_>,
    ) -> Vec<u8> {
        let mut headers = vec![
            ("Via", via(branch, context)),
            ("Max-Forwards", "70".to_owned()),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", cseq.to_owned()),
        ];
        headers.extend(self.headers.iter().cloned());
        headers.extend(credentials);
        headers.push(("User-Agent", context.agent.to_owned()));
        let body = self.body.as_ref().map_or("", |(kind, body)| {
            headers.push(("Content-Type", (*kind).to_owned()));
            body
        });
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // A spec with control characters in it makes a phone that says nothing: an account that can not work.
        build_request(self.method, &self.uri, &headers, body.as_bytes()).unwrap_or_default()
    }

    /// The CANCEL of this request, or the ACK of its failure: same `Via`, same `CSeq` number, no body.
    pub fn companion(
        &self,
        method: &'static str,
        to: Option<&str>,
        branch: &str,
        cseq: &str,
        context: &Context<'_>,
    ) -> Vec<u8> {
        let kept = |name: &str| ["From", "To", "Route"].contains(&name);
        let mut draft = Self { method, body: None, ..self.clone() };
        draft.headers.retain(|(name, _)| kept(name));
        if let Some(to) = to {
            draft.set("To", to.to_owned());
        }
        let number = cseq.split(' ').next().unwrap_or_default();
        draft.print(branch, &format!("{number} {method}"), None, context)
    }
}

fn via(branch: &str, context: &Context<'_>) -> String {
    let transport = match context.transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    };
    format!("SIP/2.0/{transport} {};branch={branch};rport", context.local)
}

/// A request and what it has been through.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Why.
    pub job: Job,
    /// What it says.
    pub draft: Draft,
    /// How many answers asked for another try.
    pub rounds: u8,
    /// It carried credentials.
    pub authorized: bool,
    /// Those credentials answered a challenge of this very exchange, not a remembered one.
    pub fresh: bool,
    /// When its last transaction began.
    pub since: Duration,
}

impl Exchange {
    /// A first try.
    pub fn new(job: Job, draft: Draft) -> Self {
        Self { job, draft, rounds: 0, authorized: false, fresh: false, since: Duration::ZERO }
    }

    /// Another try after an answer.
    pub fn again(self) -> Self {
        Self { rounds: self.rounds + 1, ..self }
    }
}
