//! The messages of a line as a ladder: who said what to whom, and when.

use std::{collections::VecDeque, net::IpAddr};

use super::book::Seen;
use crate::{
    engine::registration::Fix,
    event::{Fate, Stamp, Toward},
    wire::sip::{Glance, Start},
};

/// Messages that are remembered for a line; the oldest go first.
const MEMORY: usize = 300;

/// Characters of a method or reason phrase that are shown.
const LONGEST: usize = 24;

/// So many rows back a repetition is looked for.
const FOLD: usize = 6;

/// What was said, in the order in which it came.
#[derive(Debug)]
pub struct Ladder {
    rows: VecDeque<Row>,
    /// How many were forgotten.
    pub forgotten: u64,
    kept: bool,
}

/// One message, with its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it came first.
    pub at: Stamp,
    /// The server's end.
    pub server: IpAddr,
    /// Which way it went.
    pub toward: Toward,
    /// What it says, for people; from a phone, so not harmless yet.
    pub label: String,
    /// How often it was said again in the same words.
    pub again: u32,
    /// What became of it.
    pub fate: Fate,
    key: Option<(u32, u64)>,
}

impl Ladder {
    /// Empty; whether messages are to be kept.
    pub fn new(kept: bool) -> Self {
        Self { rows: VecDeque::new(), forgotten: 0, kept }
    }

    /// Whether messages were remembered.
    pub const fn is_kept(&self) -> bool {
        self.kept
    }

    /// What is remembered.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    pub(super) fn message(&mut self, message: &Glance<'_>, toward: Toward, server: IpAddr, seen: &Seen) {
        if !self.kept {
            return;
        }
        let key = Some((message.cseq, hash(&[&message.branch, message.call_id])));
        let known = self
            .rows
            .iter_mut()
            .rev()
            .take(FOLD)
            .find(|row| row.key == key && row.toward == toward && row.server == server && row.fate == seen.fate);
        let label = label(message);
        if let Some(known) = known.filter(|row| row.label == label) {
            known.again += 1;
            return;
        }
        self.push(Row { at: seen.fix.when.at, server, toward, label, again: 0, fate: seen.fate, key });
    }

    pub(super) fn event(&mut self, server: IpAddr, toward: Toward, label: &str, fix: Fix) {
        if !self.kept {
            return;
        }
        if let Some(last) = self
            .rows
            .back_mut()
            .filter(|row| row.key.is_none() && row.toward == toward && row.server == server && row.label == label)
        {
            last.again += 1;
            return;
        }
        let (at, label) = (fix.when.at, label.to_owned());
        self.push(Row { at, server, toward, label, again: 0, fate: Fate::Passed, key: None });
    }

    fn push(&mut self, row: Row) {
        if self.rows.len() == MEMORY {
            self.rows.pop_front();
            self.forgotten += 1;
        }
        self.rows.push_back(row);
    }
}

fn hash(parts: &[&str]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn label(message: &Glance<'_>) -> String {
    let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let lifetime = || {
        let contact = message.contacts.first()?;
        contact.expires.or(message.expires)
    };
    match message.start {
        Start::Request { method: "REGISTER", .. } => {
            let what = match (message.contacts.is_empty(), lifetime()) {
                (true, _) => "REGISTER, fetch".to_owned(),
                (_, Some(seconds)) => format!("REGISTER {seconds} s"),
                (_, None) => "REGISTER".to_owned(),
            };
            if message.authorized { format!("{what}, auth") } else { what }
        }
        Start::Request { method, .. } => cut(method),
        Start::Response { code, reason } if (200..300).contains(&code) && message.method == "REGISTER" => {
            match lifetime() {
                Some(seconds) => format!("{code} {}, {seconds} s", cut(reason)),
                None => format!("{code} {}", cut(reason)),
            }
        }
        Start::Response { code, reason } => format!("{code} {}", cut(reason)),
    }
}
