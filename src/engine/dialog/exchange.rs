//! Requests and what answers them, at one line of a phone.

use std::{collections::VecDeque, time::Duration};

use crate::{
    engine::registration::Fix,
    event::{Fate, ServerName, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward, Transport},
};

/// The first pause before something is sent again over UDP: T1 (RFC 3261 section 17.1.1.1). Each is twice the last one.
const T1: Duration = Duration::from_millis(500);

/// The longest such pause: T2 (RFC 3261 section 17.1.2.2).
const T2: Duration = Duration::from_secs(4);

/// A request is sent so often before the longest transaction timer runs out (RFC 3261 section 17.1.2.2: 64 × T1).
const COPIES: usize = 16;

/// So many copies are not lost one after the other where the bridge does not see it: who had them all has had one.
const PROOF: u32 = 3;

/// Exchanges that are remembered; the oldest go first.
const MEMORY: usize = 128;

/// A request with its repeats, and its answers. Either may be reported first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Method of the request.
    pub method: String,
    /// The server that carries it; none: an address that the bench does not name.
    pub server: Option<ServerName>,
    /// Which way the request goes.
    pub toward: Toward,
    /// What carries it.
    pub transport: Transport,
    /// The request, if it was reported.
    pub sent: Option<Sent>,
    /// The first answer of any kind that was seen, 100 included.
    pub heard: Option<Fix>,
    /// The first provisional answer above 100.
    pub rang: Option<Answer>,
    /// The final answer.
    pub answer: Option<Answer>,
    /// `Call-ID`.
    pub call_id: String,
    cseq: u32,
    branch: String,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its first sending.
    pub first: Fix,
    /// Its first copy that got through the bridge; none: an outage took them all.
    pub passed: Option<Fix>,
    /// How often it was sent, retransmissions included.
    pub sends: u32,
    /// How many of these copies got through the bridge.
    pub passes: u32,
    /// Its last copy.
    pub last: Fix,
    /// When the first [`COPIES`] of them were sent.
    times: Vec<Stamp>,
    /// It belongs to a dialog that stands (RFC 3261 section 12.2: its `To` has a tag).
    pub inside: bool,
    /// `Expires`, in seconds.
    pub expires: Option<u32>,
    /// State in `Subscription-State`.
    pub state: Option<String>,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub code: u16,
    /// When it was seen: its first copy that got through, or else its first copy.
    pub fix: Fix,
    /// It got through the bridge.
    pub passed: bool,
    /// How often it was sent.
    pub sends: u32,
    /// Its last copy.
    pub last: Fix,
    /// `Expires`, in seconds.
    pub expires: Option<u32>,
}

impl Answer {
    /// When it would be sent again if that were called for, its first copy lost unseen.
    pub fn again(&self) -> Stamp {
        self.last.when.at + pause(self.sends)
    }

    /// With one more answer to the same request: the first that got through is the one that counts.
    fn and(self, fresh: Self) -> Self {
        if self.code != fresh.code {
            return if fresh.passed && !self.passed { fresh } else { self };
        }
        let better = fresh.passed && (!self.passed || fresh.fix.when.at < self.fix.when.at);
        let chosen = if better { fresh } else { self };
        Self { sends: self.sends + 1, last: later(self.last, fresh.fix), ..chosen }
    }
}

impl Sent {
    /// When it would be sent again if nothing answers it, its first copy lost unseen.
    pub fn again(&self) -> Stamp {
        self.last.when.at + pause(self.sends)
    }
}

/// From the last of so many copies that were seen to the next one, if there was one more before them.
fn pause(seen: u32) -> Duration {
    T1.saturating_mul(1 << seen.min(8)).min(T2)
}

impl Exchange {
    /// Nothing of it can be lost unseen: what carries it sees to that.
    pub fn is_reliable(&self) -> bool {
        self.transport == Transport::Tcp
    }

    /// Whoever is asked must have had one of so many copies.
    pub fn must_have_arrived(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.passes >= if self.is_reliable() { 1 } else { PROOF })
    }

    /// Whoever asks must have had one of so many final answers.
    pub fn must_have_been_told(&self) -> bool {
        self.answered().is_some_and(|answer| self.is_reliable() || answer.sends >= PROOF)
    }

    /// The span in which the request was sent again because nothing answered it: none if the last
    /// copy is not what brought the answer about, which then comes within T1: whoever was asked took its time.
    pub fn repeated(&self) -> Option<(Stamp, Stamp)> {
        let (sent, heard) = (self.sent.as_ref()?, self.heard?.when.at);
        let last = sent.times.iter().copied().filter(|at| *at <= heard).max()?;
        (heard.since(last) < T1).then_some((sent.first.when.at, last))
    }

    /// When it began, by its request.
    pub fn first(&self) -> Option<Fix> {
        self.sent.as_ref().map(|sent| sent.first)
    }

    /// The final answer, if it got through.
    pub fn answered(&self) -> Option<Answer> {
        self.answer.filter(|answer| answer.passed)
    }

    /// A final answer that succeeded and got through.
    pub fn accepted(&self) -> Option<Answer> {
        self.answered().filter(|answer| (200..300).contains(&answer.code))
    }

    /// A final answer that asks for credentials.
    pub fn is_challenged(&self) -> bool {
        self.answer.is_some_and(|answer| matches!(answer.code, 401 | 407))
    }
}

/// A bounded log of the exchanges that one line had.
#[derive(Debug)]
pub struct Exchanges {
    extension: String,
    methods: &'static [&'static str],
    event: Option<&'static str>,
    log: VecDeque<Exchange>,
}

impl Exchanges {
    /// An empty log of the exchanges by these methods, and of requests of this event package if there is one.
    pub fn new(extension: &str, methods: &'static [&'static str], event: Option<&'static str>) -> Self {
        Self { extension: extension.to_owned(), methods, event, log: VecDeque::new() }
    }

    /// The exchanges, in the order in which they were first heard of.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Exchange> {
        self.log.iter()
    }

    /// Takes a message in, if it is one of this line's.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        let SipMessage::Read(message) = &fact.message else { return };
        if !self.methods.contains(&message.method.as_str()) || !self.is_ours(message, fact.toward) {
            return;
        }
        let passed = fact.fate == Fate::Passed;
        match &message.start {
            SipStart::Request { .. } => {
                // Answers need not name the package; they find their request.
                if self.event.is_some() && message.event.as_deref() != self.event {
                    return;
                }
                let sent = &mut self.entry(fact, message, fact.toward).sent;
                match sent {
                    Some(sent) => {
                        sent.sends += 1;
                        sent.first = earlier(sent.first, fix);
                        sent.last = later(sent.last, fix);
                        if sent.times.len() < COPIES {
                            sent.times.push(fix.when.at);
                        }
                        if passed {
                            sent.passes += 1;
                            sent.passed = Some(sent.passed.map_or(fix, |known| earlier(known, fix)));
                        }
                    }
                    None => {
                        *sent = Some(Sent {
                            first: fix,
                            passed: passed.then_some(fix),
                            sends: 1,
                            passes: u32::from(passed),
                            last: fix,
                            times: vec![fix.when.at],
                            inside: message.to_tag.is_some(),
                            expires: message.expires,
                            state: message.subscription_state.clone(),
                        });
                    }
                }
            }
            SipStart::Response { code, .. } => {
                let asked = match fact.toward {
                    Toward::Server => Toward::Phone,
                    Toward::Phone => Toward::Server,
                };
                let exchange = self.entry(fact, message, asked);
                exchange.heard = Some(exchange.heard.map_or(fix, |known| earlier(known, fix)));
                let slot = match *code {
                    ..=100 => return,
                    101..200 => &mut exchange.rang,
                    _ => &mut exchange.answer,
                };
                let fresh = Answer { code: *code, fix, passed, sends: 1, last: fix, expires: message.expires };
                *slot = Some(slot.map_or(fresh, |known| known.and(fresh)));
            }
        }
    }

    /// Whether the line is the one on the phone's side of the message.
    fn is_ours(&self, message: &SipSummary, toward: Toward) -> bool {
        let asks = matches!(message.start, SipStart::Request { .. }) == (toward == Toward::Server);
        let own = if asks { &message.from } else { &message.to };
        own.rsplit_once('@').is_some_and(|(user, _)| user == self.extension)
    }

    /// The exchange that a message belongs to (RFC 3261 section 17.1.3).
    fn entry(&mut self, fact: &SipFact, message: &SipSummary, toward: Toward) -> &mut Exchange {
        let known = self.log.iter().rposition(|it| {
            it.server == fact.server
                && it.toward == toward
                && it.call_id == message.call_id
                && it.cseq == message.cseq
                && it.method == message.method
                && it.branch == message.branch
        });
        let index = known.unwrap_or_else(|| {
            if self.log.len() == MEMORY {
                self.log.pop_front();
            }
            self.log.push_back(Exchange {
                method: message.method.clone(),
                server: fact.server.clone(),
                toward,
                transport: fact.transport,
                sent: None,
                heard: None,
                rang: None,
                answer: None,
                call_id: message.call_id.clone(),
                cseq: message.cseq,
                branch: message.branch.clone(),
            });
            self.log.len() - 1
        });
        &mut self.log[index]
    }
}

/// Reports may overtake one another.
fn earlier(one: Fix, other: Fix) -> Fix {
    if other.when.at < one.when.at { other } else { one }
}

fn later(one: Fix, other: Fix) -> Fix {
    if other.when.at > one.when.at { other } else { one }
}
