//! The SIP of one phone as a ladder: who said what to whom, and when. Bounded: the oldest go first.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::talk::bounded;
use crate::event::{Fate, ServerName, SipContact, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward};

/// So many back, a repetition is looked for.
const FOLD: usize = 8;
/// Most times of repetitions that are kept of a message.
const REPEATS: usize = 12;

/// What was said, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    rungs: VecDeque<Rung>,
    /// How many were forgotten.
    pub forgotten: u64,
}

/// A message, with its repetitions.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// Number of the record that tells of it.
    pub seq: u64,
    /// When it was said first.
    pub at: Stamp,
    /// When it was said last.
    pub last: Stamp,
    /// When it was repeated, the first times.
    pub repeats: Vec<Stamp>,
    /// How often it was said again.
    pub again: u32,
    /// The server by its address; none: one that the bench does not name.
    pub server: Option<ServerName>,
    /// Which way it went.
    pub toward: Toward,
    /// What became of it.
    pub fate: Fate,
    /// What it is, for people; from a phone, so not harmless yet.
    pub label: String,
    /// More of it, in lines: what the detail shows.
    pub detail: String,
    /// Of what a repetition has the same; none: it could not be read.
    key: Option<u64>,
}

impl Ladder {
    /// What is kept.
    pub fn rungs(&self) -> impl DoubleEndedIterator<Item = &Rung> + ExactSizeIterator {
        self.rungs.iter()
    }

    /// Takes one more message, so many being kept.
    pub fn take(&mut self, seq: u64, at: Stamp, fact: &SipFact, room: usize) {
        let (label, key) = match &fact.message {
            SipMessage::Read(read) => (bounded(label(read)), Some(key(read))),
            SipMessage::Unreadable { .. } => ("unreadable".to_owned(), None),
        };
        let same = |rung: &&mut Rung| {
            key.is_some()
                && rung.key == key
                && rung.toward == fact.toward
                && rung.server == fact.server
                && rung.fate == fact.fate
                && rung.label == label
        };
        if let Some(known) = self.rungs.iter_mut().rev().take(FOLD).find(same) {
            known.again += 1;
            known.last = at;
            if known.repeats.len() < REPEATS {
                known.repeats.push(at);
            }
            return;
        }
        while self.rungs.len() >= room.max(1) {
            self.rungs.pop_front();
            self.forgotten += 1;
        }
        self.rungs.push_back(Rung {
            seq,
            at,
            last: at,
            repeats: Vec::new(),
            again: 0,
            server: fact.server.clone(),
            toward: fact.toward,
            fate: fact.fate,
            label,
            detail: detail(fact),
            key,
        });
    }
}

/// Stands for what a message has in common with its repetitions alone.
fn key(read: &SipSummary) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&read.call_id, &read.branch, read.cseq).hash(&mut hasher);
    hasher.finish()
}

fn lifetime(read: &SipSummary) -> Option<u32> {
    let contact: Option<&SipContact> = read.contacts.first();
    contact.and_then(|contact| contact.expires).or(read.expires)
}

fn label(read: &SipSummary) -> String {
    match &read.start {
        SipStart::Request { method, .. } if method == "REGISTER" => {
            let what = match (read.contacts.is_empty(), lifetime(read)) {
                (true, _) => "REGISTER fetch".to_owned(),
                (false, Some(seconds)) => format!("REGISTER {seconds}"),
                (false, None) => "REGISTER".to_owned(),
            };
            if read.authorized { what + "+A" } else { what }
        }
        SipStart::Request { method, .. } if read.authorized => format!("{method}+A"),
        SipStart::Request { method, .. } => method.clone(),
        SipStart::Response { code, .. } if (200..300).contains(code) && read.method == "REGISTER" => {
            lifetime(read).map_or_else(|| code.to_string(), |seconds| format!("{code} exp {seconds}"))
        }
        SipStart::Response { code, reason } => format!("{code} {reason}"),
    }
}

fn detail(fact: &SipFact) -> String {
    let mut text = String::with_capacity(400);
    // Writing to a String can not fail.
    let _ = match &fact.message {
        SipMessage::Unreadable { reason, offset } => writeln!(text, "byte {offset}: {reason}"),
        SipMessage::Read(read) => read_detail(&mut text, read),
    };
    let (from, to) = match fact.toward {
        Toward::Server => (fact.phone_addr, fact.server_addr),
        Toward::Phone => (fact.server_addr, fact.phone_addr),
    };
    let _ = write!(text, "{} {from} to {to}, {} byte {}", fact.transport, fact.raw.file, fact.raw.offset);
    text.lines().map(|line| bounded(line.to_owned())).collect::<Vec<_>>().join("\n")
}

fn read_detail(text: &mut String, read: &SipSummary) -> std::fmt::Result {
    match &read.start {
        SipStart::Request { method, uri } => writeln!(text, "{method} {uri}")?,
        SipStart::Response { code, reason } => writeln!(text, "{code} {reason}")?,
    }
    writeln!(text, "Call-ID: {}   CSeq: {} {}", read.call_id, read.cseq, read.method)?;
    writeln!(text, "From: {}   To: {}", read.from, read.to)?;
    let mut gap = "";
    let contacts: Vec<&str> = read.contacts.iter().map(|contact| contact.uri.as_str()).collect();
    if !contacts.is_empty() {
        write!(text, "Contact: {}", contacts.join(", "))?;
        gap = "   ";
    }
    let seconds = [("Expires", read.expires), ("Min-Expires", read.min_expires), ("Retry-After", read.retry_after)];
    for (name, value) in seconds {
        if let Some(value) = value {
            write!(text, "{gap}{name}: {value}")?;
            gap = "   ";
        }
    }
    if let Some(event) = &read.event {
        write!(text, "{gap}Event: {event}")?;
        gap = "   ";
    }
    if !gap.is_empty() {
        text.push('\n');
    }
    let odd = (!read.oddities.is_empty()).then(|| format!("odd: {}", read.oddities.join("; ")));
    let more: Vec<&str> = [read.agent.as_deref(), odd.as_deref()].into_iter().flatten().collect();
    if !more.is_empty() {
        writeln!(text, "{}", more.join("   "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, Observed},
        journal::JournalReader,
    };

    /// The first message of a run that was recorded.
    fn message() -> SipFact {
        let journal = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
        let mut facts = JournalReader::open(&journal).unwrap().filter_map(|record| match record.unwrap().event {
            Event::Observed(Observed::Sip(fact)) => Some(*fact),
            _ => None,
        });
        facts.next().unwrap()
    }

    #[test]
    fn a_repeated_message_is_one_rung_with_its_times_and_a_dropped_one_is_another() {
        let fact = message();
        let mut ladder = Ladder::default();
        for ms in [0, 500, 1500] {
            ladder.take(1, Stamp::from_millis(ms), &fact, 500);
        }
        let dropped = SipFact { fate: Fate::Dropped(crate::event::OutageId(1)), ..fact };
        ladder.take(9, Stamp::from_millis(3500), &dropped, 500);
        let rungs: Vec<_> = ladder.rungs().map(|rung| (rung.again, rung.last, rung.repeats.len())).collect();
        assert_eq!(rungs, [(2, Stamp::from_millis(1500), 2), (0, Stamp::from_millis(3500), 0)]);
    }

    #[test]
    fn of_a_message_that_is_far_too_long_each_line_is_kept_as_far_as_that_is_of_use() {
        let mut fact = message();
        let SipMessage::Read(read) = &mut fact.message else { panic!() };
        read.start = SipStart::Response { code: 503, reason: "世".repeat(20_000) };
        read.method = "OPTIONS".to_owned();
        read.call_id = "x".repeat(60_000);
        let mut ladder = Ladder::default();
        for ms in [0, 500] {
            ladder.take(1, Stamp::from_millis(ms), &fact, 500);
        }
        let rung = ladder.rungs().next().unwrap();
        assert_eq!((ladder.rungs().len(), rung.again), (1, 1), "it is told from others as ever");
        assert!(rung.label.starts_with("503 世") && rung.label.len() < 600, "{} bytes", rung.label.len());
        assert!(rung.detail.len() < 3000, "{} bytes", rung.detail.len());
        assert!(rung.detail.lines().last().unwrap().contains(&fact.raw.file), "where it lies is told: {}", rung.detail);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let fact = message();
        let mut ladder = Ladder::default();
        for number in 0..1000 {
            let mut fact = fact.clone();
            if let SipMessage::Read(read) = &mut fact.message {
                read.cseq = number;
            }
            ladder.take(u64::from(number), Stamp(number.into()), &fact, 400);
        }
        assert_eq!((ladder.rungs().len(), ladder.forgotten), (400, 600));
        assert_eq!(ladder.rungs().next_back().unwrap().at, Stamp(999));
    }
}
