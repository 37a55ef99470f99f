//! A call of one account: set up, answered, held, ended. What is said in it, its process says (`speech`).
//!
//! The INVITE goes to the primary proxy first and to the backup when the transaction timer ran out. What follows inside
//! the dialog goes to the dialog's route, wherever the account is registered by then.

use std::net::SocketAddr;

use super::{
    answers::{Content, Way},
    context::Context,
    dialog::Dialog,
    draft::{Draft, Exchange, Job},
    endpoint::Endpoint,
    failover::{Turn, Which},
    line::LineEvent,
    session,
    settings::Account,
};
use crate::wire::{sdp, sip::Message};

/// What a call is doing.
#[derive(Debug)]
enum Stage {
    /// We called, and nobody has answered.
    Calling {
        /// Somebody's telephone rings.
        ringing: bool,
        /// Any answer at all has come: a CANCEL may be sent (RFC 3261 section 9.1).
        proceeding: bool,
        /// We hung up.
        cancelled: bool,
    },
    /// Somebody calls us.
    Ringing {
        /// Their INVITE.
        invite: Box<Message>,
        /// Where it came from.
        way: Way,
    },
    /// People talk.
    Up {
        /// The dialog.
        dialog: Dialog,
        /// We put the other end on hold.
        held: bool,
        /// Where the other end hears us.
        listener: Option<SocketAddr>,
    },
    /// We hung up, and the other end has not confirmed.
    Ending,
}

/// How a call stands, for lamps and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// We are calling.
    Calling,
    /// The other end's telephone rings.
    RingsThere,
    /// Ours rings.
    RingsHere,
    /// People talk.
    Up,
    /// It is on hold.
    Held,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    number: u32,
    call_id: String,
    tag: String,
    other: String,
    stage: Stage,
    over: bool,
    /// A defect has taken the voice away.
    mute: bool,
}

impl Call {
    /// Calls somebody. None if there is no proxy.
    pub fn dial(
        number: u32,
        target: &str,
        account: &Account,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) -> Option<Self> {
        let turn = account.proxies.turn(Which::Primary)?;
        let call = Self {
            number,
            call_id: context.random.token(),
            tag: context.random.token(),
            other: target.to_owned(),
            stage: Stage::Calling { ringing: false, proceeding: false, cancelled: false },
            over: false,
            mute: false,
        };
        call.invite(turn, account, endpoint, context);
        Some(call)
    }

    /// Somebody calls us: the telephone rings.
    pub fn ring(number: u32, invite: Message, way: Way, account: &Account, context: &mut Context<'_>) -> Self {
        let tag = context.random.token();
        let caller = invite.header("From").and_then(crate::wire::sip::address_of_record);
        context.answer(&invite, way, (100, &tag), Content::default());
        context.answer(&invite, way, (180, &tag), Content { headers: vec![contact(account, context)], body: None });
        let call = Self {
            number,
            call_id: invite.header("Call-ID").unwrap_or_default().to_owned(),
            tag,
            other: caller.map_or_else(|| "unknown".to_owned(), |(user, _)| user),
            stage: Stage::Ringing { invite: Box::new(invite), way },
            over: false,
            mute: false,
        };
        call.tell("ringing", context);
        call
    }

    /// Whether it is over, and nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// `Call-ID`.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The number that requests for it carry.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// How it stands; none: it is ending.
    pub fn state(&self) -> Option<CallState> {
        match &self.stage {
            Stage::Calling { cancelled: true, .. } | Stage::Ending => None,
            Stage::Calling { ringing: false, .. } => Some(CallState::Calling),
            Stage::Calling { .. } => Some(CallState::RingsThere),
            Stage::Ringing { .. } => Some(CallState::RingsHere),
            Stage::Up { held: false, .. } => Some(CallState::Up),
            Stage::Up { .. } => Some(CallState::Held),
        }
    }

    /// The other end, as console and display name it. Codes that are dialled may hold PINs and stay hidden.
    pub fn other(&self) -> &str {
        if self.other.starts_with(['*', '#']) { "code" } else { &self.other }
    }

    /// Next hop of its dialog.
    pub fn route(&self) -> Option<SocketAddr> {
        match &self.stage {
            Stage::Up { dialog, .. } => Some(dialog.next_hop()),
            Stage::Calling { .. } | Stage::Ringing { .. } | Stage::Ending => None,
        }
    }

    /// Where somebody hears what is said here.
    pub fn listener(&self) -> Option<SocketAddr> {
        match &self.stage {
            Stage::Up { held: false, listener, .. } => listener.filter(|_| !self.mute),
            _ => None,
        }
    }

    /// Nothing is said here any more.
    pub fn mute(&mut self) {
        self.mute = true;
    }

    /// Picks up.
    pub fn pick_up(&mut self, account: &Account, context: &mut Context<'_>) {
        let Stage::Ringing { invite, way } = &self.stage else { return };
        let content = Content { headers: vec![contact(account, context)], body: Some(session::offer(false, context)) };
        context.answer(invite, *way, (200, &self.tag), content);
        match Dialog::of_request(invite, &self.tag, way.address()) {
            Some(dialog) => {
                let listener = listener_of(invite);
                self.stage = Stage::Up { dialog, held: false, listener };
                self.tell("connected", context);
            }
            None => self.end("ended", context),
        }
    }

    /// Hangs up: by CANCEL, BYE, or a refusal.
    pub fn hang_up(&mut self, account: &Account, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        match &mut self.stage {
            Stage::Calling { proceeding, cancelled, .. } => {
                if *proceeding && !*cancelled {
                    endpoint.cancel(self.number, context);
                }
                *cancelled = true;
                self.tell("cancelled", context);
            }
            Stage::Ringing { invite, way } => {
                context.answer(invite, *way, (486, &self.tag), Content::default());
                self.end("refused", context);
            }
            Stage::Up { dialog, .. } => {
                let bye = dialog.draft("BYE", &account.caller(context.mac), context);
                endpoint.send(Exchange::new(Job::InCall(self.number), bye), context);
                self.stage = Stage::Ending;
                self.tell("ended", context);
            }
            Stage::Ending => {}
        }
    }

    /// Puts the other end on hold, or takes it back, by a re-INVITE.
    pub fn hold(&mut self, account: &Account, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let Stage::Up { dialog, held, .. } = &mut self.stage else { return };
        *held = !*held;
        let mut draft = dialog.draft("INVITE", &account.caller(context.mac), context);
        draft.body = Some(session::offer(*held, context));
        endpoint.send(Exchange::new(Job::InCall(self.number), draft), context);
        let word = if *held { "held" } else { "connected" };
        self.tell(word, context);
    }

    /// A provisional answer came for its INVITE.
    pub fn proceeds(&mut self, code: u16, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let Stage::Calling { ringing, proceeding, cancelled } = &mut self.stage else { return };
        let first = !std::mem::replace(proceeding, true);
        if first && *cancelled {
            endpoint.cancel(self.number, context);
        }
        if code == 180 && !std::mem::replace(ringing, true) {
            self.tell("ringing there", context);
        }
    }

    /// Its INVITE, or a request in its dialog, had its final answer.
    pub fn answered(
        &mut self,
        exchange: Exchange,
        code: u16,
        message: &Message,
        account: &Account,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) {
        if let (401 | 407, true) = (code, exchange.draft.method != "CANCEL" && !self.is_cancelled()) {
            if let Some(exchange) = endpoint.answer_challenge(exchange, code, message, context) {
                self.refused(&exchange, code, account, endpoint, context);
            }
            return;
        }
        let outside = matches!(exchange.job, Job::Invite(..));
        match code {
            200..300 if exchange.draft.method == "INVITE" => {
                let Some(mut dialog) = Dialog::of_answer(message, &exchange.draft) else {
                    return self.end("failed: an unreadable answer", context);
                };
                if let (Stage::Up { dialog: known, .. }, false) = (&self.stage, outside) {
                    dialog = known.clone();
                    dialog.refresh(message);
                }
                let ack = dialog.draft("ACK", &account.caller(context.mac), context);
                endpoint.acknowledge(&ack, message.summary().cseq, context);
                let cancelled = self.is_cancelled();
                match &mut self.stage {
                    Stage::Up { dialog: known, .. } => *known = dialog,
                    Stage::Calling { .. } => {
                        self.stage = Stage::Up { dialog, held: false, listener: listener_of(message) };
                        if cancelled {
                            // The answer and our CANCEL met on the way.
                            return self.hang_up(account, endpoint, context);
                        }
                        self.tell("connected", context);
                    }
                    Stage::Ringing { .. } | Stage::Ending => {}
                }
            }
            200..300 => {
                if matches!(self.stage, Stage::Ending) {
                    self.over = true;
                }
            }
            _ => self.refused(&exchange, code, account, endpoint, context),
        }
    }

    /// A server did not answer.
    pub fn failed(
        &mut self,
        exchange: &Exchange,
        account: &Account,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) {
        let Job::Invite(_, turn) = exchange.job else {
            if matches!(self.stage, Stage::Ending) || exchange.draft.method == "CANCEL" {
                self.over = true;
            }
            return;
        };
        context.events.push(LineEvent::CallTimedOut { server: exchange.draft.to });
        match account.proxies.after(turn, context).filter(|_| !self.is_cancelled()) {
            Some(turn) => {
                self.stage = Stage::Calling { ringing: false, proceeding: false, cancelled: false };
                self.invite(turn, account, endpoint, context);
            }
            None => self.end("failed: no server answers", context),
        }
    }

    /// Takes in a request that belongs to it; says which code answers it, if any.
    pub fn request(
        &mut self,
        method: &str,
        request: &Message,
        way: Way,
        account: &Account,
        context: &mut Context<'_>,
    ) -> Option<u16> {
        match (method, &mut self.stage) {
            ("ACK", _) => {
                context.answers.confirm(&self.call_id);
                None
            }
            ("CANCEL", Stage::Ringing { invite, way: invited }) if invite.via_branch() == request.via_branch() => {
                context.answer(request, way, (200, &self.tag), Content::default());
                context.answer(invite, *invited, (487, &self.tag), Content::default());
                self.end("cancelled by the caller", context);
                None
            }
            ("BYE", Stage::Up { dialog, .. }) if dialog.owns(request) => {
                self.end("ended by the other end", context);
                Some(200)
            }
            ("BYE", Stage::Ending) => {
                self.over = true;
                Some(200)
            }
            ("INVITE", Stage::Up { dialog, held, listener }) if dialog.owns(request) => {
                dialog.refresh(request);
                *listener = listener_of(request);
                let content =
                    Content { headers: vec![contact(account, context)], body: Some(session::offer(*held, context)) };
                context.answer(request, way, (200, &self.tag), content);
                None
            }
            ("OPTIONS" | "NOTIFY", Stage::Up { .. }) => Some(200),
            _ => Some(481),
        }
    }

    fn invite(&self, turn: Turn, account: &Account, endpoint: &mut Endpoint, context: &mut Context<'_>) {
        let Some(to) = account.proxies.get(turn.which) else { return };
        let domain = account.domain(to);
        let target = format!("sip:{}@{domain}", escaped(&self.other));
        let user = account.caller(context.mac);
        let draft = Draft {
            method: "INVITE",
            uri: target.clone(),
            to,
            call_id: self.call_id.clone(),
            headers: vec![
                ("From", format!("<sip:{user}@{domain}>;tag={}", self.tag)),
                ("To", format!("<{target}>")),
                ("Contact", format!("<{}>", context.contact(&user))),
            ],
            body: Some(session::offer(false, context)),
        };
        endpoint.send(Exchange::new(Job::Invite(self.number, turn), draft), context);
        context
            .events
            .push(LineEvent::Call { other: self.other().to_owned(), what: format!("calling at {}", to.ip()) });
    }

    fn refused(
        &mut self,
        exchange: &Exchange,
        code: u16,
        account: &Account,
        endpoint: &mut Endpoint,
        context: &mut Context<'_>,
    ) {
        match (exchange.job, exchange.draft.method) {
            (Job::Invite(_, turn), _)
                if context.habits.moves_on(code) && account.proxies.after(turn, context).is_some() =>
            {
                self.failed(exchange, account, endpoint, context);
            }
            (Job::Invite(..), _) if self.is_cancelled() => self.over = true,
            (Job::Invite(..), _) => self.end(&format!("failed: {code}"), context),
            (_, "BYE") => self.over = true,
            // The other end has no such call any more (RFC 3261 section 12.2.1.2).
            (_, "INVITE") if matches!(code, 408 | 481) => self.end("ended: the other end is gone", context),
            _ => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        matches!(self.stage, Stage::Calling { cancelled: true, .. })
    }

    fn end(&mut self, what: &str, context: &mut Context<'_>) {
        self.over = true;
        self.stage = Stage::Ending;
        self.tell(what, context);
    }

    fn tell(&self, what: &str, context: &mut Context<'_>) {
        context.events.push(LineEvent::Call { other: self.other().to_owned(), what: what.to_owned() });
    }
}

/// Where whoever wrote a message wants to hear us.
fn listener_of(message: &Message) -> Option<SocketAddr> {
    sdp::audio(message.body()).filter(|audio| audio.receives)?.place()
}

fn contact(account: &Account, context: &Context<'_>) -> (&'static str, String) {
    ("Contact", format!("<{}>", context.contact(&account.caller(context.mac))))
}

/// What was dialled, as the user part of a URI: a hash must be escaped there (RFC 3261 section 25.1).
fn escaped(dialled: &str) -> String {
    dialled.replace('#', "%23")
}
