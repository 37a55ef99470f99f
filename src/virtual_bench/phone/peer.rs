//! One server as one account of a simulated phone knows it: dialogue numbers, credentials, the connection, and the
//! requests under way with their repeats.

use std::{net::SocketAddr, time::Duration};

use super::{LineSpec, PhoneOutput, Transport, context::Context};
use crate::wire::{
    digest::{Challenge, Credentials},
    sip::build_request,
    stream::{Framed, Framer},
};

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `sip registrar ip`.
    Primary,
    /// `sip backup registrar ip`.
    Backup,
}

/// Why a REGISTER is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be registered; `second`: the other server of this round has failed already.
    Register {
        /// See above.
        second: bool,
    },
    /// To take the binding away after having moved.
    Remove,
    /// A second registration beside the first: a defect.
    Mirror,
}

/// A REGISTER to send: why, for how long, and what it has been through.
#[derive(Debug, Clone)]
pub struct Request {
    /// Why.
    pub purpose: Purpose,
    /// Lifetime to ask for; zero removes.
    pub expires: Duration,
    /// How many answers asked for another try.
    pub rounds: u8,
    /// It carried credentials.
    pub authorized: bool,
    /// Those credentials answered a challenge of this very exchange, not a remembered one.
    pub fresh: bool,
    /// When its last transaction began.
    pub since: Duration,
}

impl Request {
    /// A first try.
    pub fn new(purpose: Purpose, expires: Duration, now: Duration) -> Self {
        Self { purpose, expires, rounds: 0, authorized: false, fresh: false, since: now }
    }

    /// Another try after an answer.
    pub fn again(self, expires: Duration) -> Self {
        Self { expires, rounds: self.rounds + 1, ..self }
    }
}

/// A challenge that can be answered again and again.
#[derive(Debug, Clone)]
pub struct Credential {
    challenge: Challenge,
    proxy: bool,
    count: u32,
}

impl Credential {
    /// From a 401, or a 407 (`proxy`).
    pub fn new(challenge: Challenge, proxy: bool) -> Self {
        Self { challenge, proxy, count: 0 }
    }
}

/// A request under way: a client transaction (RFC 3261 section 17.1.2).
#[derive(Debug)]
struct Transaction {
    request: Request,
    branch: String,
    bytes: Vec<u8>,
    gives_up: Duration,
    repeat: Option<(Duration, Duration)>,
    sent: bool,
}

#[derive(Debug)]
struct Connection {
    id: u32,
    open: bool,
    framer: Framer,
}

/// One server, for one account.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    call_id: String,
    from_tag: String,
    cseq: u32,
    credential: Option<Credential>,
    connection: Option<Connection>,
    transactions: Vec<Transaction>,
}

impl Peer {
    /// A server that was never asked.
    pub fn new(address: SocketAddr, context: &mut Context<'_>) -> Self {
        Self {
            address,
            call_id: context.random.token(),
            from_tag: context.random.token(),
            cseq: 0,
            credential: None,
            connection: None,
            transactions: Vec::new(),
        }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.transactions
            .iter()
            .flat_map(|transaction| [Some(transaction.gives_up), transaction.repeat.map(|(at, _)| at)])
            .flatten()
            .min()
    }

    /// Repeats what is due; returns the requests whose time is up. A connection that carried one is reset.
    pub fn run(&mut self, context: &mut Context<'_>) -> Vec<Request> {
        let mut given_up = Vec::new();
        self.transactions.retain_mut(|transaction| {
            if transaction.gives_up <= context.now {
                given_up.push(transaction.request.clone());
                return false;
            }
            if let Some((at, interval)) = transaction.repeat.filter(|(at, _)| *at <= context.now) {
                context
                    .outputs
                    .push_back(PhoneOutput::SendDatagram { to: self.address, bytes: transaction.bytes.clone() });
                let interval = (2 * interval).min(context.timers.t2);
                transaction.repeat = Some((at + interval, interval)).filter(|(at, _)| *at < transaction.gives_up);
            }
            true
        });
        if !given_up.is_empty() {
            self.reset(context);
        }
        given_up
    }

    /// Sends a REGISTER as a new transaction.
    pub fn send(&mut self, line: &LineSpec, request: Request, context: &mut Context<'_>) {
        self.cseq += 1;
        let branch = format!("z9hG4bK{}", context.random.token());
        let authorization = self.authorization(line, context);
        let request = Request { authorized: authorization.is_some(), since: context.now, ..request };
        let bytes = self.register(line, &request, &branch, authorization, context);
        let now = context.now;
        let mut transaction = Transaction {
            request,
            branch,
            bytes,
            gives_up: now + context.timers.transaction,
            repeat: None,
            sent: false,
        };
        match (context.transport, &self.connection) {
            (Transport::Udp, _) => {
                let bytes = transaction.bytes.clone();
                context.outputs.push_back(PhoneOutput::SendDatagram { to: self.address, bytes });
                transaction.sent = true;
                let t1 = context.timers.t1;
                transaction.repeat = Some((now + t1, t1)).filter(|(at, _)| *at < transaction.gives_up);
            }
            (Transport::Tcp, Some(connection)) if connection.open => {
                let bytes = transaction.bytes.clone();
                context.outputs.push_back(PhoneOutput::TcpSend { conn: connection.id, bytes });
                transaction.sent = true;
            }
            (Transport::Tcp, Some(_)) => {}
            (Transport::Tcp, None) => {
                let id = *context.next_conn;
                *context.next_conn += 1;
                self.connection = Some(Connection { id, open: false, framer: Framer::default() });
                context.outputs.push_back(PhoneOutput::TcpConnect { conn: id, to: self.address });
            }
        }
        self.transactions.push(transaction);
    }

    /// Ends the transaction with this branch: its final answer has come.
    pub fn take(&mut self, branch: &str) -> Option<Request> {
        let index = self.transactions.iter().position(|transaction| transaction.branch == branch)?;
        Some(self.transactions.remove(index).request)
    }

    /// Remembers a challenge for this and later requests.
    pub fn remember(&mut self, credential: Credential) {
        self.credential = Some(credential);
    }

    /// A connection is open: what waited for it goes out. Says whether it is this server's.
    pub fn connected(&mut self, conn: u32, context: &mut Context<'_>) -> bool {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.id == conn) else {
            return false;
        };
        connection.open = true;
        for transaction in self.transactions.iter_mut().filter(|transaction| !transaction.sent) {
            transaction.sent = true;
            context.outputs.push_back(PhoneOutput::TcpSend { conn, bytes: transaction.bytes.clone() });
        }
        true
    }

    /// Bytes came in: the messages in them, or none if the connection is not this server's.
    pub fn received(&mut self, conn: u32, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let connection = self.connection.as_mut().filter(|connection| connection.id == conn)?;
        let framed = connection.framer.push(bytes).into_iter();
        Some(
            framed
                .filter_map(|framed| match framed {
                    Framed::Message(bytes) => Some(bytes),
                    Framed::KeepAlive | Framed::Garbage { .. } => None,
                })
                .collect(),
        )
    }

    /// A connection ended; returns the requests that failed with it.
    pub fn closed(&mut self, conn: u32) -> Vec<Request> {
        if self.connection.as_ref().is_none_or(|connection| connection.id != conn) {
            return Vec::new();
        }
        self.connection = None;
        self.drain()
    }

    /// Gives up at once; returns the requests that were under way.
    pub fn abandon(&mut self, context: &mut Context<'_>) -> Vec<Request> {
        self.reset(context);
        self.drain()
    }

    /// Closes the connection in order, once nothing is under way on it.
    pub fn hang_up(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = self.connection.take_if(|_| self.transactions.is_empty()) {
            context.outputs.push_back(PhoneOutput::TcpClose { conn: connection.id, abort: false });
        }
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = self.connection.take() {
            context.outputs.push_back(PhoneOutput::TcpClose { conn: connection.id, abort: true });
        }
    }

    fn drain(&mut self) -> Vec<Request> {
        self.transactions.drain(..).map(|transaction| transaction.request).collect()
    }

    fn authorization(&mut self, line: &LineSpec, context: &mut Context<'_>) -> Option<(&'static str, String)> {
        let credential = self.credential.as_mut()?;
        credential.count += 1;
        let uri = format!("sip:{}", line.domain);
        let value = Credentials::answer(
            &credential.challenge,
            "REGISTER",
            &uri,
            &line.auth_user,
            &line.password,
            &context.random.token(),
            credential.count,
        );
        Some((if credential.proxy { "Proxy-Authorization" } else { "Authorization" }, value))
    }

    fn register(
        &self,
        line: &LineSpec,
        request: &Request,
        branch: &str,
        authorization: Option<(&'static str, String)>,
        context: &Context<'_>,
    ) -> Vec<u8> {
        let (via, parameter) = match context.transport {
            Transport::Udp => ("UDP", ""),
            Transport::Tcp => ("TCP", ";transport=tcp"),
        };
        let (local, extension, domain) = (context.local, &line.extension, &line.domain);
        let seconds = request.expires.as_secs();
        let mut headers = vec![
            ("Via", format!("SIP/2.0/{via} {local};branch={branch};rport")),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:{extension}@{domain}>;tag={}", self.from_tag)),
            ("To", format!("<sip:{extension}@{domain}>")),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} REGISTER", self.cseq)),
            (
                "Contact",
                format!("<{}{parameter}>;+sip.instance=\"{}\"", context.contact_start(extension), context.instance),
            ),
            ("Expires", seconds.to_string()),
        ];
        headers.extend(authorization);
        headers.push(("User-Agent", context.agent.to_owned()));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // A spec with control characters in it makes a phone that says nothing: an account that can not work.
        build_request("REGISTER", &format!("sip:{domain}"), &headers, b"").unwrap_or_default()
    }
}
