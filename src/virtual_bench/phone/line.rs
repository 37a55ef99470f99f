//! One account of a simulated phone: where it is registered, whom it asks next, when it gives up.
//!
//! Every round begins with the primary, renewals included, and goes on to the backup when the transaction timer has run
//! out: the maker's `sip outbound support: 0`.
//!
//! Not here: how a REGISTER is written and repeated (`peer`).

use std::{net::SocketAddr, time::Duration};

use super::{
    LineSpec, PhoneDefect,
    context::Context,
    peer::{Credential, Peer, Purpose, Request, Which},
};
use crate::{
    event::SipStart,
    wire::{digest::Challenge, sip::Message},
};

/// How often a server may ask for credentials or another lifetime before that counts as a rejection.
const ROUNDS: u8 = 4;

/// What became of an account; the phone tells it on its console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// A server confirmed the registration.
    Registered,
    /// A server counts as dead.
    GaveUp {
        /// Its address.
        server: SocketAddr,
        /// How long it was given.
        after: Duration,
    },
    /// The account is registered nowhere, until the next round succeeds.
    Lost {
        /// For people.
        why: &'static str,
        /// Until the next round; none: it is going on.
        retry: Option<Duration>,
    },
    /// A server refused.
    Rejected {
        /// Its address.
        server: SocketAddr,
        /// Status code.
        code: u16,
        /// Until the next round.
        retry: Duration,
    },
}

/// What the status page says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The first round has not ended yet.
    Registering,
    /// Registered.
    Registered,
    /// Both servers were silent, or the registration ended without a successor.
    NoService,
    /// The last server asked refused with this code.
    Rejected(u16),
}

/// The registration that the phone believes in.
#[derive(Debug, Clone, Copy)]
struct Held {
    which: Which,
    granted: Duration,
    expires_at: Duration,
}

/// A round to come, or the second half of one.
#[derive(Debug, Clone, Copy)]
struct Next {
    at: Duration,
    which: Which,
    second: bool,
}

/// One account.
#[derive(Debug)]
pub struct Line {
    spec: LineSpec,
    primary: Peer,
    backup: Option<Peer>,
    held: Option<Held>,
    next: Option<Next>,
    status: Status,
    expires: Duration,
}

impl Line {
    /// An account that begins its first round at `start`.
    pub fn new(spec: LineSpec, context: &mut Context<'_>, start: Duration) -> Self {
        Self {
            primary: Peer::new(spec.primary, context),
            backup: spec.backup.map(|address| Peer::new(address, context)),
            held: None,
            next: Some(Next { at: start, which: Which::Primary, second: false }),
            status: Status::Registering,
            expires: context.timers.expires,
            spec,
        }
    }

    /// Its extension and domain.
    pub fn account(&self) -> String {
        format!("{}@{}", self.spec.extension, self.spec.domain)
    }

    /// Its extension.
    pub fn extension(&self) -> &str {
        &self.spec.extension
    }

    /// What the status page says.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Where it is registered: address, whether that is the backup, and the lifetime granted.
    pub fn home(&self) -> Option<(SocketAddr, bool, Duration)> {
        let held = self.held?;
        let address = match held.which {
            Which::Primary => self.spec.primary,
            Which::Backup => self.spec.backup?,
        };
        Some((address, held.which == Which::Backup, held.granted))
    }

    /// The address of its backup.
    pub fn backup(&self) -> Option<SocketAddr> {
        self.spec.backup
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Duration> {
        let own = [self.held.map(|held| held.expires_at), self.next.map(|next| next.at)];
        let peers = self.peers().filter_map(Peer::deadline);
        own.into_iter().flatten().chain(peers).min()
    }

    /// Runs what is due.
    pub fn run(&mut self, context: &mut Context<'_>) {
        for which in [Which::Primary, Which::Backup] {
            let given_up = self.peer_mut(which).map_or_else(Vec::new, |peer| peer.run(context));
            for request in given_up {
                self.server_failed(which, request, context);
            }
        }
        if self.held.is_some_and(|held| held.expires_at <= context.now) {
            self.lose("its registration expired", None, context);
        }
        if let Some(next) = self.next.filter(|next| next.at <= context.now) {
            self.next = None;
            self.register(next.which, next.second, context);
        }
    }

    /// Takes in a response, wherever it came from; says whether it belongs to this account.
    pub fn response(&mut self, message: &Message, context: &mut Context<'_>) -> bool {
        let Some(branch) = message.via_branch() else { return false };
        for which in [Which::Primary, Which::Backup] {
            let Some(peer) = self.peer_mut(which) else { continue };
            let SipStart::Response { code, .. } = message.start() else { return false };
            let code = *code;
            if code < 200 {
                continue;
            }
            if let Some(request) = peer.take(branch) {
                self.answered(which, request, code, message, context);
                return true;
            }
        }
        false
    }

    /// A connection is open; says whether it is this account's.
    pub fn connected(&mut self, conn: u32, context: &mut Context<'_>) -> bool {
        self.peers_mut().any(|peer| peer.connected(conn, context))
    }

    /// Bytes came in on a connection: the messages in them, or none if the connection is not this account's.
    pub fn received(&mut self, conn: u32, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        self.peers_mut().find_map(|peer| peer.received(conn, bytes))
    }

    /// A connection ended. Requests under way on it have failed.
    pub fn closed(&mut self, conn: u32, context: &mut Context<'_>) {
        for which in [Which::Primary, Which::Backup] {
            let failed = self.peer_mut(which).map_or_else(Vec::new, |peer| peer.closed(conn));
            for request in failed {
                self.server_failed(which, request, context);
            }
        }
    }

    /// An ICMP error came back from the way to a server.
    pub fn unreachable(&mut self, to: SocketAddr, context: &mut Context<'_>) {
        for which in [Which::Primary, Which::Backup] {
            let failed = match self.peer_mut(which) {
                Some(peer) if peer.address() == to => peer.abandon(context),
                _ => Vec::new(),
            };
            for request in failed {
                self.server_failed(which, request, context);
            }
        }
    }

    /// Resets its connections: the phone is about to go down.
    pub fn abort(&mut self, context: &mut Context<'_>) {
        for peer in self.peers_mut() {
            peer.abandon(context);
        }
    }

    fn register(&mut self, which: Which, second: bool, context: &mut Context<'_>) {
        self.send(which, Request::new(Purpose::Register { second }, self.expires, context.now), context);
    }

    fn send(&mut self, which: Which, request: Request, context: &mut Context<'_>) {
        let spec = self.spec.clone();
        if let Some(peer) = self.peer_mut(which) {
            peer.send(&spec, request, context);
        }
    }

    fn answered(&mut self, which: Which, request: Request, code: u16, message: &Message, context: &mut Context<'_>) {
        match code {
            200..300 => self.accepted(which, request, message, context),
            401 | 407 => self.challenged(which, request, code, message, context),
            423 => match message.summary().min_expires {
                Some(least) if request.rounds < ROUNDS && u64::from(least) > request.expires.as_secs() => {
                    let expires = Duration::from_secs(u64::from(least));
                    if let Purpose::Register { .. } = request.purpose {
                        self.expires = expires;
                    }
                    self.send(which, request.again(expires), context);
                }
                _ => self.rejected(which, request, code, context),
            },
            503 if context.habits.moves_on_503 => self.server_failed(which, request, context),
            _ => self.rejected(which, request, code, context),
        }
    }

    fn accepted(&mut self, which: Which, request: Request, message: &Message, context: &mut Context<'_>) {
        match request.purpose {
            Purpose::Register { .. } => {}
            Purpose::Remove => return self.peer_mut(which).into_iter().for_each(|peer| peer.hang_up(context)),
            Purpose::Mirror => return,
        }
        let Some(granted) = granted(message, &context.contact_start(&self.spec.extension), request.expires) else {
            // A success that names no contact of ours leaves the phone unreachable: nobody keeps a way to it.
            let retry = context.timers.retry_timeout;
            self.lose("the answer names no contact of this phone", Some(retry), context);
            self.next = Some(Next { at: context.now + retry, which: Which::Primary, second: false });
            return;
        };
        let before = self.held.replace(Held { which, granted, expires_at: context.now + granted });
        self.status = Status::Registered;
        let lead = context.timers.renewal_lead.of(granted);
        // A lead as long as the lifetime would renew without a pause.
        let renew_in = if lead < granted { granted - lead } else { granted / 2 };
        let stays = which == Which::Backup && context.has(PhoneDefect::NeverFailsBack);
        let first = if stays { Which::Backup } else { Which::Primary };
        self.next = Some(Next { at: context.now + renew_in, which: first, second: false });
        context.events.push(LineEvent::Registered);

        if which == Which::Primary {
            if before.is_some_and(|held| held.which == Which::Backup) {
                self.leave_backup(context);
            }
            if context.has(PhoneDefect::RegistersAtBoth) {
                self.send(Which::Backup, Request::new(Purpose::Mirror, self.expires, context.now), context);
            }
        }
    }

    fn leave_backup(&mut self, context: &mut Context<'_>) {
        if context.habits.removes_backup_binding {
            self.send(Which::Backup, Request::new(Purpose::Remove, Duration::ZERO, context.now), context);
        } else if let Some(peer) = &mut self.backup {
            peer.hang_up(context);
        }
    }

    fn challenged(&mut self, which: Which, request: Request, code: u16, message: &Message, context: &mut Context<'_>) {
        let name = if code == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let deaf = which == Which::Backup && context.has(PhoneDefect::ForgetsToAuthenticateOnBackup);
        let Some(challenge) = Challenge::best(message.headers(name)).filter(|_| !deaf) else {
            return self.rejected(which, request, code, context);
        };
        // Credentials that this server has just seen were wrong, unless only the nonce was too old.
        let wrong = request.authorized && !challenge.stale && request.fresh;
        if wrong || request.rounds >= ROUNDS {
            return self.rejected(which, request, code, context);
        }
        if let Some(peer) = self.peer_mut(which) {
            peer.remember(Credential::new(challenge, code == 407));
        }
        let expires = request.expires;
        self.send(which, Request { fresh: true, ..request.again(expires) }, context);
    }

    fn rejected(&mut self, which: Which, request: Request, code: u16, context: &mut Context<'_>) {
        let (Purpose::Register { .. }, Some(server)) = (request.purpose, self.peer(which).map(Peer::address)) else {
            return;
        };
        let retry = context.timers.retry_rejected;
        self.held = None;
        self.status = Status::Rejected(code);
        self.next = Some(Next { at: context.now + retry, which: Which::Primary, second: false });
        context.events.push(LineEvent::Rejected { server, code, retry });
    }

    fn server_failed(&mut self, which: Which, request: Request, context: &mut Context<'_>) {
        let (Purpose::Register { second }, Some(server)) = (request.purpose, self.peer(which).map(Peer::address))
        else {
            return;
        };
        context.events.push(LineEvent::GaveUp { server, after: context.now.saturating_sub(request.since) });
        let other = match which {
            Which::Primary => Which::Backup,
            Which::Backup => Which::Primary,
        };
        let forbidden = other == Which::Backup && context.has(PhoneDefect::NeverFailsOver);
        if !second && self.peer(other).is_some() && !forbidden {
            match context.moves_late().filter(|_| other == Which::Backup) {
                Some(delay) => self.next = Some(Next { at: context.now + delay, which: other, second: true }),
                None => self.register(other, true, context),
            }
        } else {
            let retry = context.timers.retry_timeout;
            self.lose("no server answers", Some(retry), context);
            self.next = Some(Next { at: context.now + retry, which: Which::Primary, second: false });
        }
    }

    fn lose(&mut self, why: &'static str, retry: Option<Duration>, context: &mut Context<'_>) {
        self.held = None;
        self.status = Status::NoService;
        context.events.push(LineEvent::Lost { why, retry });
    }

    fn peer(&self, which: Which) -> Option<&Peer> {
        match which {
            Which::Primary => Some(&self.primary),
            Which::Backup => self.backup.as_ref(),
        }
    }

    fn peer_mut(&mut self, which: Which) -> Option<&mut Peer> {
        match which {
            Which::Primary => Some(&mut self.primary),
            Which::Backup => self.backup.as_mut(),
        }
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        std::iter::once(&self.primary).chain(&self.backup)
    }

    fn peers_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        std::iter::once(&mut self.primary).chain(&mut self.backup)
    }
}

/// The lifetime that a 2xx grants our own contact; none if it does not list it, or grants nothing.
fn granted(message: &Message, contact_start: &str, asked: Duration) -> Option<Duration> {
    let answer = message.summary();
    let own = answer.contacts.iter().find(|contact| contact.uri.starts_with(contact_start))?;
    let seconds = own.expires.or(answer.expires).map_or(asked.as_secs(), u64::from);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
