//! Requests and what answers them, at one line of a phone.

use std::{collections::VecDeque, time::Duration};

use crate::{
    engine::registration::{Fix, Heard},
    event::{Fate, ServerName, SipFact, SipMessage, Stamp, Toward, Transport},
    wire::sip::{Glance, Start},
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

/// A request with its repeats, and its answers. Either may be reported first. `S` names a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange<S = ServerName> {
    /// Method of the request.
    pub method: String,
    /// The server that carries it; none: an address that the bench does not name.
    pub server: Option<S>,
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

impl<S> Exchange<S> {
    /// Number of `CSeq`.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

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
pub struct Exchanges<S = ServerName> {
    extension: String,
    methods: &'static [&'static str],
    event: Option<&'static str>,
    log: VecDeque<Exchange<S>>,
    memory: usize,
}

impl<S: Clone + PartialEq> Exchanges<S> {
    /// An empty log of the exchanges by these methods, and of requests of this event package if there is one.
    pub fn new(extension: &str, methods: &'static [&'static str], event: Option<&'static str>) -> Self {
        Self { extension: extension.to_owned(), methods, event, log: VecDeque::new(), memory: MEMORY }
    }

    /// The same, with memory for so many; the oldest go first.
    pub fn remembering(self, memory: usize) -> Self {
        Self { memory: memory.max(1), ..self }
    }

    /// The exchanges, in the order in which they were first heard of.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Exchange<S>> {
        self.log.iter()
    }

    /// Forgets those that `keep` does not want.
    pub fn retain(&mut self, keep: impl FnMut(&Exchange<S>) -> bool) {
        self.log.retain(keep);
    }

    /// Takes a message in, if it is one of these methods and of this line; the exchange that it belongs to.
    pub fn take(&mut self, heard: &Heard<'_, Option<S>>, fix: Fix) -> Option<&Exchange<S>> {
        let message = heard.message;
        if !self.methods.contains(&message.method) || !self.is_ours(message, heard.toward) {
            return None;
        }
        let passed = heard.fate == Fate::Passed;
        match message.start {
            Start::Request { .. } => {
                // Answers need not name the package; they find their request.
                if self.event.is_some() && message.event != self.event {
                    return None;
                }
                let exchange = self.entry(heard, heard.toward);
                match &mut exchange.sent {
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
                    sent @ None => {
                        *sent = Some(Sent {
                            first: fix,
                            passed: passed.then_some(fix),
                            sends: 1,
                            passes: u32::from(passed),
                            last: fix,
                            times: vec![fix.when.at],
                            inside: message.to_tag.is_some(),
                            expires: message.expires,
                            state: message.subscription_state.map(str::to_owned),
                        });
                    }
                }
                Some(exchange)
            }
            Start::Response { code, .. } => {
                let asked = match heard.toward {
                    Toward::Server => Toward::Phone,
                    Toward::Phone => Toward::Server,
                };
                let exchange = self.entry(heard, asked);
                exchange.heard = Some(exchange.heard.map_or(fix, |known| earlier(known, fix)));
                let slot = match code {
                    ..=100 => return Some(exchange),
                    101..200 => &mut exchange.rang,
                    _ => &mut exchange.answer,
                };
                let fresh = Answer { code, fix, passed, sends: 1, last: fix, expires: message.expires };
                *slot = Some(slot.map_or(fresh, |known| known.and(fresh)));
                Some(exchange)
            }
        }
    }

    /// Whether the line is the one on the phone's side of the message.
    fn is_ours(&self, message: &Glance<'_>, toward: Toward) -> bool {
        let own = own_side(message, toward);
        own.rsplit_once('@').is_some_and(|(user, _)| user == self.extension)
    }

    /// The exchange that a message belongs to (RFC 3261 section 17.1.3).
    fn entry(&mut self, heard: &Heard<'_, Option<S>>, toward: Toward) -> &mut Exchange<S> {
        let message = heard.message;
        let known = self.log.iter().rposition(|it| {
            it.server == *heard.server
                && it.toward == toward
                && it.call_id == message.call_id
                && it.cseq == message.cseq
                && it.method == message.method
                && it.branch == message.branch
        });
        let index = known.unwrap_or_else(|| {
            if self.log.len() >= self.memory {
                self.log.pop_front();
            }
            self.log.push_back(Exchange {
                method: message.method.to_owned(),
                server: heard.server.clone(),
                toward,
                transport: heard.transport,
                sent: None,
                heard: None,
                rang: None,
                answer: None,
                call_id: message.call_id.to_owned(),
                cseq: message.cseq,
                branch: message.branch.clone().into_owned(),
            });
            self.log.len() - 1
        });
        &mut self.log[index]
    }
}

impl Exchanges {
    /// Takes in a message of a journal.
    pub fn observe(&mut self, fact: &SipFact, fix: Fix) {
        let SipMessage::Read(message) = &fact.message else { return };
        if !self.methods.contains(&message.method.as_str()) {
            return;
        }
        let SipFact { toward, transport, fate, server, .. } = fact;
        let message = Glance::from(message.as_ref());
        let heard = Heard { toward: *toward, transport: *transport, fate: *fate, message: &message, server };
        self.take(&heard, fix);
    }
}

/// The address of record of the end of a message that is the phone's: who asks is in `From`, also of the answer.
pub fn own_side<'a>(message: &'a Glance<'_>, toward: Toward) -> &'a str {
    let asks = matches!(message.start, Start::Request { .. }) == (toward == Toward::Server);
    if asks { &message.from } else { &message.to }
}

/// Reports may overtake one another.
fn earlier(one: Fix, other: Fix) -> Fix {
    if other.when.at < one.when.at { other } else { one }
}

fn later(one: Fix, other: Fix) -> Fix {
    if other.when.at > one.when.at { other } else { one }
}
