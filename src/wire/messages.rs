//! The SIP messages that pass, as far as outages ask for them: which message it is, how often it was sent, and whether it
//! renews a registration. Pure, and bounded in memory: the oldest are forgotten.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    event::{Selection, Toward},
    wire::{
        frame::{self, Body, Content, Frame},
        recent::Recent,
    },
};

pub mod scan;

use scan::{Scanned, Start, scan};

/// Messages whose sendings are counted, and registrations that are known.
const MOST: usize = 4096;

/// Length of a UDP header.
const UDP_HEADER: usize = 8;

/// The messages that went by.
#[derive(Debug)]
pub struct Messages {
    /// How often each was sent.
    sendings: Recent<u64, u32>,
    /// The call ids under which a registration was confirmed, and the number of the confirmed request.
    confirmed: Recent<u64, u32>,
}

/// A message that went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Method of the request, or of that which is answered.
    method: String,
    /// Status code of an answer.
    status: Option<u16>,
    call_id: String,
    /// It went by so many times, this one included.
    sending: u32,
    /// It is a REGISTER that renews what was confirmed.
    renews: bool,
}

impl Default for Messages {
    fn default() -> Self {
        Self { sendings: Recent::new(MOST), confirmed: Recent::new(MOST) }
    }
}

impl Messages {
    /// Takes the message that a frame carries, if it is one that can be read. Of a stream only what begins with a segment is
    /// found.
    pub fn hear(&mut self, frame: &Frame<'_>, toward: Toward) -> Option<Heard> {
        let Content::Ip(packet) = &frame.content else { return None };
        match &packet.body {
            Body::Udp { payload, .. } => self.take(payload, toward),
            Body::Tcp(segment) => self.take(segment.payload, toward),
            Body::Fragment { protocol: frame::UDP, offset: 0, payload, .. } => {
                self.take(payload.get(UDP_HEADER..)?, toward)
            }
            _ => None,
        }
    }

    /// Takes a message, if it is one that can be read.
    pub fn take(&mut self, payload: &[u8], toward: Toward) -> Option<Heard> {
        let Scanned { start, call_id, cseq, method, expires } = scan(payload)?;
        let status = match start {
            Start::Request(_) => None,
            Start::Answer(code) => Some(code),
        };
        let message = digest(&(matches!(toward, Toward::Server), status, call_id, cseq, method));
        let sending = self.sendings.get(&message).copied().unwrap_or(0).saturating_add(1);
        self.sendings.insert(message, sending);
        let registers = method == b"REGISTER";
        let known = digest(&call_id);
        if registers && status.is_some_and(|code| (200..300).contains(&code)) {
            self.confirmed.insert(known, cseq);
        }
        let before = self.confirmed.get(&known).is_some_and(|confirmed| cseq > *confirmed);
        let renews = registers && status.is_none() && expires != Some(0) && before;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Heard { method: text(method), status, call_id: text(call_id), sending, renews })
    }
}

impl Heard {
    /// Whether it is among those that are selected.
    pub fn is_among(&self, only: &Selection) -> bool {
        let kind = match (only.status, self.status) {
            (Some(wanted), status) => status == Some(wanted),
            (None, Some(_)) => !only.is_of_requests(),
            (None, None) => true,
        };
        kind && only.method.as_ref().is_none_or(|method| *method == self.method)
            && only.nth.is_none_or(|nth| nth == self.sending)
            && (!only.refresh || self.renews)
            && only.call_id.as_ref().is_none_or(|call_id| *call_id == self.call_id)
    }
}

/// The keys of this hasher are always the same.
fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{config::Mac, wire::frame::udp_frame};

    fn hear(messages: &mut Messages, text: &str, toward: Toward) -> Heard {
        let [phone, server] = ["10.77.0.11:5060", "10.77.0.2:5060"].map(|at| at.parse::<SocketAddr>().unwrap());
        let (from, to) = if toward == Toward::Server { (phone, server) } else { (server, phone) };
        let bytes = udp_frame(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), None, from, to, text.as_bytes());
        messages.hear(&Frame::parse(&bytes).unwrap(), toward).unwrap()
    }

    fn request(messages: &mut Messages, cseq: u32, rest: &str) -> Heard {
        let text = format!("REGISTER sip:a SIP/2.0\r\nCall-ID: c1\r\nCSeq: {cseq} REGISTER\r\n{rest}\r\n");
        hear(messages, &text, Toward::Server)
    }

    fn answer(messages: &mut Messages, cseq: u32, code: u16) -> Heard {
        let text = format!("SIP/2.0 {code} So\r\nCall-ID: c1\r\nCSeq: {cseq} REGISTER\r\n\r\n");
        hear(messages, &text, Toward::Phone)
    }

    fn select(change: impl FnOnce(&mut Selection)) -> Selection {
        let mut selection = Selection::default();
        change(&mut selection);
        selection
    }

    #[test]
    fn the_second_sending_of_a_request_is_told_from_the_first_and_from_another_request() {
        let mut messages = Messages::default();
        let second = select(|it| it.nth = Some(2));
        let sent: Vec<bool> = [1, 1, 1, 2, 2].map(|cseq| request(&mut messages, cseq, "").is_among(&second)).to_vec();
        assert_eq!(sent, [false, true, false, false, true]);
    }

    #[test]
    fn answers_are_known_by_their_code_and_the_method_that_they_answer() {
        let mut messages = Messages::default();
        let taken = select(|it| (it.status, it.method) = (Some(200), Some("REGISTER".to_owned())));
        assert!(!request(&mut messages, 1, "").is_among(&taken));
        assert!(!answer(&mut messages, 1, 401).is_among(&taken));
        assert!(answer(&mut messages, 1, 200).is_among(&taken));
        let others = select(|it| (it.status, it.method) = (Some(200), Some("OPTIONS".to_owned())));
        assert!(!answer(&mut messages, 1, 200).is_among(&others));
    }

    #[test]
    fn a_renewal_is_what_follows_a_confirmation_and_removes_nothing() {
        let mut messages = Messages::default();
        let renewals = select(|it| it.refresh = true);
        assert!(!request(&mut messages, 1, "").is_among(&renewals), "the first");
        answer(&mut messages, 1, 401);
        assert!(!request(&mut messages, 2, "").is_among(&renewals), "the same, with credentials");
        answer(&mut messages, 2, 200);
        assert!(!request(&mut messages, 2, "").is_among(&renewals), "sent again after its answer was lost");
        assert!(request(&mut messages, 3, "Expires: 60\r\n").is_among(&renewals));
        assert!(!request(&mut messages, 4, "Expires: 0\r\n").is_among(&renewals));
        assert!(!answer(&mut messages, 3, 200).is_among(&renewals));
    }

    #[test]
    fn a_call_id_alone_means_both_ways() {
        let mut messages = Messages::default();
        let one = select(|it| it.call_id = Some("c1".to_owned()));
        assert!(request(&mut messages, 1, "").is_among(&one) && answer(&mut messages, 1, 200).is_among(&one));
        let other = select(|it| it.call_id = Some("c2".to_owned()));
        assert!(!request(&mut messages, 2, "").is_among(&other));
    }
}
