//! Where one account is registered, whom it asks next, when it gives up.
//!
//! With `sip outbound support: 0` every round begins with the primary, renewals included, and goes on to the backup
//! when the transaction timer has run out. With 1 a registration is renewed where it is; on the backup the phone asks
//! the primary from time to time, and when that answers it removes its binding and registers there (maker's guide, after
//! draft 15 of what became RFC 5626). That it asks with OPTIONS is invented.

mod probe;

use std::{net::SocketAddr, time::Duration};

use super::{
    PhoneDefect,
    context::Context,
    draft::{Draft, Exchange, Job, ROUNDS},
    endpoint::Endpoint,
    failover::{Pair, Turn, Which},
    line::LineEvent,
    settings::Account,
};
use crate::wire::sip::Message;

/// Pause of the defect that storms.
const STORM: Duration = Duration::from_millis(200);
/// What the status page says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is nobody to register, or nowhere.
    Idle,
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
    server: SocketAddr,
    granted: Duration,
    expires_at: Duration,
}

/// A round to come, or the second half of one.
#[derive(Debug, Clone, Copy)]
struct Next {
    at: Duration,
    turn: Turn,
}

/// What REGISTERs to one server have in common.
#[derive(Debug)]
struct Seat {
    call_id: String,
    tag: String,
}

/// The registration of one account.
#[derive(Debug)]
pub struct Registration {
    account: Account,
    servers: Pair,
    seats: [Seat; 2],
    held: Option<Held>,
    next: Option<Next>,
    /// The server that the primary sent this round to, in its place.
    detour: Option<SocketAddr>,
    /// Until when the primary has asked not to be asked (RFC 3261 section 21.5.4), where the phone went elsewhere for that.
    left_alone: Option<Duration>,
    probe: Option<Duration>,
    /// Attempts at the primary that failed since the phone left it.
    misses: u32,
    /// When a further REGISTER at the backup is due, of those that a sound phone does not send.
    surplus: Option<Duration>,
    poll: Option<Duration>,
    status: Status,
    expires: Duration,
    moved: bool,
}

impl Registration {
    /// An account that begins its first round at `start`, if it has a registrar and a user.
    pub fn new(account: &Account, start: Duration, context: &mut Context<'_>) -> Self {
        let mut servers = account.registrars;
        if let Some(stranger) = context.defects.iter().find_map(|defect| match defect {
            PhoneDefect::RegistersAtStranger(address) => Some(*address),
            _ => None,
        }) {
            servers.backup = servers.backup.map(|backup| SocketAddr::new(stranger, backup.port()));
        }
        let first = if context.has(PhoneDefect::RegistersAtBackup) { Which::Backup } else { Which::Primary };
        let turn = servers.turn(first).filter(|_| account.is_logged_on());
        let mut seat = || Seat { call_id: context.random.token(), tag: context.random.token() };
        Self {
            servers,
            seats: [seat(), seat()],
            held: None,
            next: turn.map(|turn| Next { at: start, turn }),
            detour: None,
            left_alone: None,
            probe: None,
            misses: 0,
            surplus: None,
            poll: context.has(PhoneDefect::PollsWithExpiresZero).then_some(start + Duration::from_secs(1)),
            status: if turn.is_some() { Status::Registering } else { Status::Idle },
            expires: context.timers.expires,
            moved: false,
            account: account.clone(),
        }
    }

    /// What the status page says.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Where it is registered: address, whether that is the backup, and the lifetime granted.
    pub fn home(&self) -> Option<(SocketAddr, bool, Duration)> {
        let held = self.held?;
        Some((held.server, held.which == Which::Backup, held.granted))
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Duration> {
        let held = self.held.map(|held| held.expires_at);
        [held, self.next.map(|next| next.at), self.probe, self.surplus, self.poll].into_iter().flatten().min()
    }

    /// Begins a round at once, as when its lifetime is about to be over.
    pub fn renew(&mut self, now: Duration) {
        self.next = self.next.map(|next| Next { at: now, ..next });
    }

    /// Runs what is due.
    pub fn run(&mut self, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let now = context.now;
        if self.held.is_some_and(|held| held.expires_at <= now) {
            self.lose("its registration expired", None, context);
        }
        if let Some(next) = self.next.take_if(|next| next.at <= now) {
            self.detour = None;
            let spared = next.turn.which == Which::Primary && self.left_alone.is_some_and(|until| now < until);
            let turn = if spared { self.servers.turn(Which::Backup) } else { None };
            self.register(turn.unwrap_or(next.turn), endpoint, context);
        }
        if self.probe.take_if(|at| *at <= now).is_some() {
            self.ask_primary(endpoint, context);
        }
        if self.surplus.take_if(|at| *at <= now).is_some() {
            self.send(Job::Mirror, Which::Backup, self.expires, endpoint, context);
        }
        if self.poll.take_if(|at| *at <= now).is_some() {
            self.send(Job::Poll, Which::Backup, Duration::ZERO, endpoint, context);
            self.poll = Some(now + self.expires);
        }
    }

    /// A REGISTER, or a probe, had its final answer.
    pub fn answered(
        &mut self,
        exchange: Exchange,
        code: u16,
        message: &Message,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) {
        match (exchange.job, code) {
            (Job::Poll, _) => {}
            (Job::Probe, _) if exchange.draft.method == "OPTIONS" => self.return_to_primary(endpoint, context),
            (_, 200..300) => self.accepted(&exchange, message, endpoint, context),
            (job, 401 | 407) => {
                let deaf = matches!(job, Job::Register(turn) if turn.which == Which::Backup)
                    && context.has(PhoneDefect::ForgetsToAuthenticateOnBackup);
                let refused =
                    if deaf { Some(exchange) } else { endpoint.answer_challenge(exchange, code, message, context) };
                if let Some(exchange) = refused {
                    self.rejected(&exchange, code, message, context);
                }
            }
            (job, 423) => match message.summary().min_expires {
                Some(least) if exchange.rounds < ROUNDS && u64::from(least) > asked(&exchange).as_secs() => {
                    let expires = Duration::from_secs(u64::from(least));
                    if let Job::Register(_) = job {
                        self.expires = expires;
                    }
                    let mut again = exchange.again();
                    again.draft.set("Expires", least.to_string());
                    endpoint.send(again, context);
                }
                _ => self.rejected(&exchange, code, message, context),
            },
            (Job::Register(turn), _)
                if context.habits.moves_on(code) && self.servers.after(turn, context).is_some() =>
            {
                if let Some(seconds) = message.summary().retry_after.filter(|_| turn.which == Which::Primary) {
                    self.left_alone = Some(context.now + Duration::from_secs(seconds.into()));
                }
                self.failed(&exchange, endpoint, context);
            }
            (Job::Register(turn), 300..=399) if context.habits.follows_redirect && !turn.second => {
                let named = message.summary().contacts.iter();
                let mut named = named.filter_map(|contact| crate::wire::sip::address::place(&contact.uri));
                match named.find(|place| *place != exchange.draft.to) {
                    Some(place) => self.follow(place, endpoint, context),
                    None => self.rejected(&exchange, code, message, context),
                }
            }
            _ => self.rejected(&exchange, code, message, context),
        }
    }

    /// A server did not answer a REGISTER or a probe.
    pub fn failed(&mut self, exchange: &Exchange, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let turn = match exchange.job {
            Job::Register(turn) => turn,
            Job::Probe => {
                self.misses += 1;
                return self.plan_probe(context);
            }
            _ => return,
        };
        let server = exchange.draft.to;
        context.events.push(LineEvent::GaveUp { server, after: context.now.saturating_sub(exchange.since) });
        if turn.which == Which::Primary && context.has(PhoneDefect::NeverGivesUp) {
            // Over TCP it is the system that gives up.
            self.next = Some(Next { at: context.now + context.timers.t2, turn });
            return;
        }
        let after = self.servers.after(turn, context);
        if after.is_some_and(|turn| turn.which == Which::Backup) && context.has(PhoneDefect::RebootsInsteadOfMoving) {
            return context.events.push(LineEvent::Panicked);
        }
        match (after, context.moves_late()) {
            (Some(turn), Some(delay)) if turn.which == Which::Backup => {
                self.next = Some(Next { at: context.now + delay, turn });
            }
            (Some(turn), _) => self.register(turn, endpoint, context),
            (None, _) => {
                let retry = context.timers.retry_timeout;
                self.lose("no server answers", Some(retry), context);
                self.next = self.round(context.now + retry, Which::Primary);
            }
        }
    }

    /// Registers at the server that another one named: at the other one of the pair, or at a third one in place of the
    /// primary, until the next round.
    fn follow(&mut self, place: SocketAddr, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let which = self.servers.find(place).unwrap_or(Which::Primary);
        self.detour = (self.servers.get(which) != Some(place)).then_some(place);
        self.register(Turn { which, second: true }, endpoint, context);
    }

    fn register(&mut self, turn: Turn, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        self.send(Job::Register(turn), turn.which, self.expires, endpoint, context);
    }

    fn send(&mut self, job: Job, which: Which, expires: Duration, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let detour = self.detour.filter(|_| which == Which::Primary && matches!(job, Job::Register(_)));
        let Some(to) = detour.or(self.servers.get(which)) else { return };
        let mut draft = self.draft(which, to, context);
        draft.set("Expires", expires.as_secs().to_string());
        endpoint.send(Exchange::new(job, draft), context);
    }

    fn draft(&self, which: Which, to: SocketAddr, context: &Context<'_>) -> Draft {
        let Seat { call_id, tag } = match which {
            Which::Primary => &self.seats[0],
            Which::Backup => &self.seats[1],
        };
        let domain = self.account.domain_at(which, to);
        let record = format!("<sip:{}@{domain}>", self.account.user);
        let contact = context.contact(&self.account.user);
        Draft {
            method: "REGISTER",
            uri: format!("sip:{domain}"),
            to,
            call_id: call_id.clone(),
            headers: vec![
                ("From", format!("{record};tag={tag}")),
                ("To", record),
                ("Contact", format!("<{contact}>;+sip.instance=\"{}\"", context.instance)),
            ],
            body: None,
        }
    }

    fn accepted(&mut self, exchange: &Exchange, message: &Message, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let which = match exchange.job {
            Job::Register(turn) => turn.which,
            Job::Probe => Which::Primary,
            Job::Mirror if context.has(PhoneDefect::KeepsRenewingAtBackup) => {
                self.surplus = Some(context.now + self.expires / 2);
                return;
            }
            _ => return,
        };
        let now = context.now;
        let Some(granted) = granted(message, &context.contact_start(&self.account.user), asked(exchange)) else {
            // A success that names no contact of ours leaves the phone unreachable: nobody keeps a way to it.
            let retry = context.timers.retry_timeout;
            self.lose("the answer names no contact of this phone", Some(retry), context);
            self.next = self.round(now + retry, Which::Primary);
            return;
        };
        let before = self.held.replace(Held { which, server: exchange.draft.to, granted, expires_at: now + granted });
        self.status = Status::Registered;
        let lead = context.timers.renewal_lead.of(granted);
        // A lead as long as the lifetime would renew without a pause.
        let renew_in = if lead < granted { granted - lead } else { granted / 2 };
        let (renew_in, first) = self.next_round(which, granted, renew_in, context);
        self.next = self.round(now + renew_in, first);
        self.plan_probe(context);
        context.events.push(LineEvent::Registered);

        if before.is_some_and(|before| before.server != exchange.draft.to) {
            self.moved = true;
            context.events.push(LineEvent::Moved);
        }
        let before = before.map(|held| held.which);
        if which == Which::Primary {
            self.misses = 0;
            if before == Some(Which::Backup) {
                if context.habits.removes_backup_binding {
                    self.send(Job::Remove, Which::Backup, Duration::ZERO, endpoint, context);
                }
                if context.has(PhoneDefect::KeepsRenewingAtBackup) {
                    self.surplus = Some(now + self.expires / 2);
                }
            }
            if context.has(PhoneDefect::RegistersAtBoth) {
                self.send(Job::Mirror, Which::Backup, self.expires, endpoint, context);
            }
        }
    }

    /// When the next round comes, and whom it asks first.
    fn next_round(
        &self,
        which: Which,
        granted: Duration,
        renew_in: Duration,
        context: &Context<'_>,
    ) -> (Duration, Which) {
        let keeps = context.habits.outbound || (which == Which::Backup && context.stays_on_backup());
        let first = if keeps { which } else { Which::Primary };
        let was_away = self.moved || which == Which::Backup;
        if context.has(PhoneDefect::Storms) {
            (STORM, first)
        } else if context.has(PhoneDefect::LapsesBeforeRenewing) {
            (granted + Duration::from_secs(2), first)
        } else if context.has(PhoneDefect::Flaps) && was_away {
            (renew_in / 4, which.other())
        } else {
            (renew_in, first)
        }
    }

    fn rejected(&mut self, exchange: &Exchange, code: u16, message: &Message, context: &mut Context<'_>) {
        match exchange.job {
            Job::Register(_) => {}
            Job::Probe => {
                self.misses += 1;
                return self.plan_probe(context);
            }
            _ => return,
        }
        let asked_to_wait = message.summary().retry_after.filter(|_| !context.has(PhoneDefect::IgnoresRetryAfter));
        let retry = match asked_to_wait {
            Some(seconds) => Duration::from_secs(u64::from(seconds.max(1))),
            None if context.has(PhoneDefect::IgnoresRetryAfter) => Duration::from_secs(1),
            None => context.timers.retry_rejected,
        };
        self.held = None;
        self.status = Status::Rejected(code);
        self.next = self.round(context.now + retry, Which::Primary);
        context.events.push(LineEvent::Rejected { server: exchange.draft.to, code, retry });
    }

    fn lose(&mut self, why: &'static str, retry: Option<Duration>, context: &mut Context<'_>) {
        self.held = None;
        self.status = Status::NoService;
        context.events.push(LineEvent::Lost { why, retry });
    }

    fn round(&self, at: Duration, first: Which) -> Option<Next> {
        Some(Next { at, turn: self.servers.turn(first)? })
    }
}

/// The lifetime that was asked for.
fn asked(exchange: &Exchange) -> Duration {
    let expires = exchange.draft.headers.iter().find(|(name, _)| *name == "Expires");
    Duration::from_secs(expires.and_then(|(_, seconds)| seconds.parse().ok()).unwrap_or_default())
}

/// The lifetime that a 2xx grants our own contact; none if it does not list it, or grants nothing.
fn granted(message: &Message, contact_start: &str, asked: Duration) -> Option<Duration> {
    let answer = message.summary();
    let own = answer.contacts.iter().find(|contact| contact.uri.starts_with(contact_start))?;
    let seconds = own.expires.or(answer.expires).map_or(asked.as_secs(), u64::from);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
