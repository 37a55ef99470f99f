//! How one account of a simulated phone talks to servers: the requests under way, the connections that carry them, the
//! credentials that were asked for.
//!
//! Not here: what a request is for, and what its answer means (`registration`, `mwi`, `call`).

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{
    PhoneDefect, PhoneOutput, Transport,
    context::Context,
    draft::{Draft, Exchange, Job, ROUNDS},
    transaction::{Due, Transaction},
};
use crate::{
    event::SipStart,
    wire::{
        digest::{Challenge, Credentials},
        sip::Message,
        stream::{Framed, Framer},
    },
};

/// A challenge that can be answered again and again.
#[derive(Debug, Clone)]
struct Credential {
    challenge: Challenge,
    proxy: bool,
    count: u32,
}

#[derive(Debug)]
struct Connection {
    id: u32,
    open: bool,
    framer: Framer,
}

/// What came back for a request.
#[derive(Debug)]
pub enum Reply {
    /// Somebody is at work on it: the status code.
    Provisional(Job, u16),
    /// Its final answer, with the status code.
    Final(Exchange, u16),
}

/// Who the account is to a server that asks.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// User name for digest authentication.
    pub user: String,
    /// Password for digest authentication.
    pub password: String,
}

/// The way of one account to its servers.
#[derive(Debug)]
pub struct Endpoint {
    identity: Identity,
    cseqs: BTreeMap<String, u32>,
    credentials: BTreeMap<SocketAddr, Credential>,
    connections: BTreeMap<SocketAddr, Connection>,
    under_way: Vec<(Transaction, Exchange)>,
    /// The last ACK of a 2xx for each call: number, next hop, bytes.
    acks: BTreeMap<String, (u32, SocketAddr, Vec<u8>)>,
}

impl Endpoint {
    /// Of an account that has said nothing yet.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            cseqs: BTreeMap::new(),
            credentials: BTreeMap::new(),
            connections: BTreeMap::new(),
            under_way: Vec::new(),
            acks: BTreeMap::new(),
        }
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.under_way.iter().filter_map(|(transaction, _)| transaction.deadline()).min()
    }

    /// Sends a request as a new transaction, with the next `CSeq` of its `Call-ID`.
    pub fn send(&mut self, exchange: Exchange, context: &mut Context<'_>) {
        let draft = &exchange.draft;
        let number = self.cseqs.entry(draft.call_id.clone()).or_default();
        *number += 1;
        let cseq = format!("{number} {}", draft.method);
        let branch = format!("z9hG4bK{}", context.random.token());
        let credentials = self.authorization(&exchange.draft, context);
        let authorized = credentials.is_some();
        let bytes = exchange.draft.print(&branch, &cseq, credentials, context);
        let endless =
            matches!(exchange.job, Job::Register(turn) if !turn.second) && context.has(PhoneDefect::NeverGivesUp);
        let to = exchange.draft.to;
        let mut transaction = Transaction::new((branch, cseq), to, bytes, !endless, context);
        transaction.sent = self.pass_on(to, &transaction.bytes, context);
        self.under_way.push((transaction, Exchange { authorized, since: context.now, ..exchange }));
    }

    /// Sends the ACK of a 2xx, now and whenever that 2xx comes again (RFC 3261 section 13.2.2.4).
    pub fn acknowledge(&mut self, draft: &Draft, number: u32, context: &mut Context<'_>) {
        let branch = format!("z9hG4bK{}", context.random.token());
        let bytes = draft.print(&branch, &format!("{number} ACK"), None, context);
        self.pass_on(draft.to, &bytes, context);
        self.acks.insert(draft.call_id.clone(), (number, draft.to, bytes));
    }

    /// Forgets the numbers of a dialog that is over.
    pub fn forget(&mut self, call_id: &str) {
        self.cseqs.remove(call_id);
        self.acks.remove(call_id);
    }

    /// Cancels the INVITE of that call, if it is under way (RFC 3261 section 9.1).
    pub fn cancel(&mut self, call: u32, context: &mut Context<'_>) {
        // One that was challenged lingers beside the one that followed it, and has its final answer already.
        let invite = self.under_way.iter_mut().find(|(transaction, one)| {
            let open = transaction.ack().is_none() && one.draft.method == "INVITE";
            open && matches!(one.job, Job::Invite(number, _) if number == call)
        });
        let Some((transaction, exchange)) = invite else { return };
        let (branch, cseq) = (transaction.branch.clone(), transaction.cseq.replace("INVITE", "CANCEL"));
        let to = transaction.to;
        let bytes = exchange.draft.companion("CANCEL", None, &branch, &cseq, context);
        let draft = Draft { method: "CANCEL", ..exchange.draft.clone() };
        let exchange = Exchange { since: context.now, ..Exchange::new(Job::InCall(call), draft) };
        transaction.end_within(64 * context.timers.t1, context);
        let mut transaction = Transaction::new((branch, cseq), to, bytes, true, context);
        transaction.sent = self.pass_on(to, &transaction.bytes, context);
        self.under_way.push((transaction, exchange));
    }

    /// Repeats what is due; returns the requests that failed. A connection that carried one is reset, and whatever else
    /// was under way on it has failed as well.
    pub fn run(&mut self, context: &mut Context<'_>) -> Vec<Exchange> {
        let mut silent = Vec::new();
        let mut failed = Vec::new();
        let mut kept = Vec::new();
        for (mut transaction, exchange) in std::mem::take(&mut self.under_way) {
            match transaction.run(context) {
                Due::Gone => continue,
                Due::GaveUp => {
                    silent.push(transaction.to);
                    failed.push(exchange);
                    continue;
                }
                Due::Repeat => {
                    let bytes = transaction.bytes.clone();
                    context.outputs.push_back(PhoneOutput::SendDatagram { to: transaction.to, bytes });
                }
                Due::Nothing => {}
            }
            kept.push((transaction, exchange));
        }
        self.under_way = kept;
        for server in silent {
            if self.reset(server, context) {
                failed.extend(self.drain(server));
            }
        }
        failed
    }

    /// Takes in a response, wherever it came from; none if it answers nothing of this account.
    pub fn response(&mut self, message: &Message, context: &mut Context<'_>) -> Option<Reply> {
        let SipStart::Response { code, .. } = *message.start() else { return None };
        let branch = message.via_branch()?;
        let summary = message.summary();
        let method = summary.method.as_str();
        let index = self.under_way.iter().position(|(transaction, _)| {
            transaction.branch == branch && transaction.cseq.rsplit(' ').next() == Some(method)
        });
        let Some(index) = index else {
            if let Some((_, to, ack)) = self.acks.get(&summary.call_id).filter(|(number, ..)| *number == summary.cseq)
                && method == "INVITE"
            {
                let (to, ack) = (*to, ack.clone());
                self.pass_on(to, &ack, context);
            }
            return None;
        };
        let (transaction, exchange) = &mut self.under_way[index];
        if let Some(ack) = transaction.ack() {
            let (to, ack) = (transaction.to, ack.to_vec());
            self.pass_on(to, &ack, context);
            return None;
        }
        if code < 200 {
            transaction.proceed();
            return Some(Reply::Provisional(exchange.job, code));
        }
        let exchange = exchange.clone();
        if method == "INVITE" && code >= 300 {
            let to = message.header("To");
            let ack = exchange.draft.companion("ACK", to, &transaction.branch, &transaction.cseq, context);
            let server = transaction.to;
            transaction.fail(ack.clone(), context);
            self.pass_on(server, &ack, context);
        } else {
            self.under_way.remove(index);
        }
        Some(Reply::Final(exchange, code))
    }

    /// Sends a challenged request again, with credentials; gives it back where that is of no use.
    pub fn answer_challenge(
        &mut self,
        exchange: Exchange,
        code: u16,
        message: &Message,
        context: &mut Context<'_>,
    ) -> Option<Exchange> {
        let name = if code == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let Some(challenge) = Challenge::best(message.headers(name)) else { return Some(exchange) };
        // Credentials that this server has just seen were wrong, unless only the nonce was too old.
        let wrong = exchange.authorized && !challenge.stale && exchange.fresh;
        if wrong || exchange.rounds >= ROUNDS {
            return Some(exchange);
        }
        let server = exchange.draft.to;
        if !(context.has(PhoneDefect::ReusesNonce) && self.credentials.contains_key(&server)) {
            self.credentials.insert(server, Credential { challenge, proxy: code == 407, count: 0 });
        }
        self.send(Exchange { fresh: true, ..exchange.again() }, context);
        None
    }

    /// A connection is open: what waited for it goes out. Says whether it is this account's.
    pub fn connected(&mut self, conn: u32, context: &mut Context<'_>) -> bool {
        let Some((server, connection)) = self.connections.iter_mut().find(|(_, connection)| connection.id == conn)
        else {
            return false;
        };
        connection.open = true;
        for (transaction, _) in self.under_way.iter_mut().filter(|(one, _)| one.to == *server && !one.sent) {
            transaction.sent = true;
            context.outputs.push_back(PhoneOutput::TcpSend { conn, bytes: transaction.bytes.clone() });
        }
        true
    }

    /// Bytes came in: the messages in them and who sent them, or none if the connection is not this account's.
    pub fn received(&mut self, conn: u32, bytes: &[u8]) -> Option<(SocketAddr, Vec<Vec<u8>>)> {
        let (server, connection) = self.connections.iter_mut().find(|(_, connection)| connection.id == conn)?;
        Some((*server, messages(&mut connection.framer, bytes)))
    }

    /// A connection ended; returns the requests that failed with it.
    pub fn closed(&mut self, conn: u32) -> Vec<Exchange> {
        let Some(server) = self.connections.iter().find(|(_, one)| one.id == conn).map(|(server, _)| *server) else {
            return Vec::new();
        };
        self.connections.remove(&server);
        self.drain(server)
    }

    /// A connection ended, which says nothing of the server: requests under way on it wait for their time to be over.
    pub fn lost(&mut self, conn: u32) {
        self.connections.retain(|_, connection| connection.id != conn);
    }

    /// Gives a server up at once; returns the requests that were under way to it.
    pub fn abandon(&mut self, server: SocketAddr, context: &mut Context<'_>) -> Vec<Exchange> {
        self.reset(server, context);
        self.drain(server)
    }

    /// Resets every connection: the phone is about to go down.
    pub fn abort(&mut self, context: &mut Context<'_>) {
        while let Some((_, connection)) = self.connections.pop_first() {
            context.outputs.push_back(PhoneOutput::TcpClose { conn: connection.id, abort: true });
        }
    }

    /// Closes in order the connections to servers that nobody needs and on which nothing is under way.
    pub fn tidy(&mut self, needed: impl Fn(SocketAddr) -> bool, context: &mut Context<'_>) {
        let busy = |server: SocketAddr| self.under_way.iter().any(|(one, _)| one.to == server);
        for (_, connection) in self.connections.extract_if(.., |server, _| !needed(*server) && !busy(*server)) {
            context.outputs.push_back(PhoneOutput::TcpClose { conn: connection.id, abort: false });
        }
    }

    /// Sends now, or opens the connection that it will go out on. Says whether it left.
    fn pass_on(&mut self, to: SocketAddr, bytes: &[u8], context: &mut Context<'_>) -> bool {
        if context.transport == Transport::Udp {
            context.outputs.push_back(PhoneOutput::SendDatagram { to, bytes: bytes.to_vec() });
            return true;
        }
        match self.connections.get(&to) {
            Some(connection) if connection.open => {
                context.outputs.push_back(PhoneOutput::TcpSend { conn: connection.id, bytes: bytes.to_vec() });
                true
            }
            Some(_) => false,
            None => {
                let id = *context.next_conn;
                *context.next_conn += 1;
                self.connections.insert(to, Connection { id, open: false, framer: Framer::default() });
                context.outputs.push_back(PhoneOutput::TcpConnect { conn: id, to });
                false
            }
        }
    }

    fn reset(&mut self, server: SocketAddr, context: &mut Context<'_>) -> bool {
        let Some(connection) = self.connections.remove(&server) else { return false };
        context.outputs.push_back(PhoneOutput::TcpClose { conn: connection.id, abort: true });
        true
    }

    fn drain(&mut self, server: SocketAddr) -> Vec<Exchange> {
        let all = self.under_way.extract_if(.., |(transaction, _)| transaction.to == server);
        all.filter(|(transaction, _)| transaction.ack().is_none()).map(|(_, exchange)| exchange).collect()
    }

    fn authorization(&mut self, draft: &Draft, context: &mut Context<'_>) -> Option<(&'static str, String)> {
        let credential = self.credentials.get_mut(&draft.to)?;
        credential.count += 1;
        let value = Credentials::answer(
            &credential.challenge,
            draft.method,
            &draft.uri,
            &self.identity.user,
            &self.identity.password,
            &context.random.token(),
            credential.count,
        );
        Some((if credential.proxy { "Proxy-Authorization" } else { "Authorization" }, value))
    }
}

/// The messages that bytes of a stream complete.
pub fn messages(framer: &mut Framer, bytes: &[u8]) -> Vec<Vec<u8>> {
    let whole = framer.push(bytes).into_iter().filter_map(|framed| match framed {
        Framed::Message(bytes) => Some(bytes),
        Framed::KeepAlive | Framed::Garbage { .. } => None,
    });
    whole.collect()
}
