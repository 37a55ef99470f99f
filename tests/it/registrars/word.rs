//! What a registrar says of itself (`rig/real-software/kamailio.cfg`), and what it held by its own words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line of its log. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "kebab-case")]
pub enum Word {
    /// It took and answered a REGISTER.
    Answered {
        /// It was still as before.
        asked: f64,
        /// It had changed what it holds, and had sent its answer.
        answered: f64,
        user: String,
        call_id: String,
        cseq: u32,
        /// What it holds for that user since then.
        contacts: Vec<Contact>,
    },
    /// It noticed that a contact had run out.
    Lapsed { noticed: f64, user: String, ended: String, until: f64 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contact {
    pub contact: String,
    /// The second of the clock at which it ends.
    pub until: f64,
}

/// The words in a log, in the order of time.
///
/// # Panics
///
/// If it answered two REGISTERs of a user at once: which of them changed what it holds, its words do not tell.
pub fn words(log: &str) -> Vec<Word> {
    let said = log.lines().filter_map(|line| line.split_once(": held: "));
    let mut words: Vec<Word> = said.map(|(_, word)| serde_json::from_str(word).unwrap()).collect();
    // Several processes write the log.
    words.sort_by(|one, other| one.time().total_cmp(&other.time()));
    let mut busy_until = BTreeMap::new();
    for word in words.iter().filter(|word| matches!(word, Word::Answered { .. })) {
        let before = busy_until.insert(word.user(), word.time());
        assert!(before.is_none_or(|before| before <= word.begun()), "two at once for {}: {word:?}", word.user());
    }
    words
}

impl Word {
    fn time(&self) -> f64 {
        match self {
            Self::Answered { answered, .. } => *answered,
            Self::Lapsed { noticed, .. } => *noticed,
        }
    }

    fn begun(&self) -> f64 {
        match self {
            Self::Answered { asked, .. } => *asked,
            Self::Lapsed { noticed, .. } => *noticed,
        }
    }

    pub fn user(&self) -> &str {
        match self {
            Self::Answered { user, .. } | Self::Lapsed { user, .. } => user,
        }
    }
}

/// A contact that a registrar held for a while.
#[derive(Debug, Clone)]
pub struct Held {
    pub contact: String,
    /// It began between these times: before and after the registrar took it.
    pub from: [f64; 2],
    /// The same of the last time that it was confirmed.
    pub confirmed: [f64; 2],
    pub refreshes: u32,
    /// When it ends or ended, unless it was taken back.
    pub due: f64,
    pub end: End,
}

/// How a registrar came to hold a contact no longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// It held it when it last spoke.
    Open,
    /// It was taken back, between these times.
    Removed([f64; 2]),
    /// It ran out.
    Lapsed,
}

/// What a registrar held for a user, by its words up to a time, in the order in which it came to hold it.
pub fn held(words: &[Word], user: &str, until: f64) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    for word in words.iter().filter(|word| word.user() == user && word.begun() <= until) {
        let open = held.iter_mut().filter(|it| it.end == End::Open);
        match word {
            Word::Lapsed { ended, .. } => {
                open.filter(|it| it.contact == *ended).for_each(|it| it.end = End::Lapsed);
            }
            Word::Answered { asked, answered, contacts, .. } => {
                let between = [*asked, *answered];
                let mut new: Vec<&Contact> = contacts.iter().filter(|it| it.until > *answered).collect();
                for it in open {
                    // What has run out by its clock is dead, although its timer has not come to it yet.
                    if it.due <= *asked {
                        it.end = End::Lapsed;
                        continue;
                    }
                    match new.iter().position(|contact| contact.contact == it.contact) {
                        None => it.end = End::Removed(between),
                        Some(place) => {
                            let until = new.remove(place).until;
                            if until > it.due {
                                it.refreshes += 1;
                                it.due = until;
                                it.confirmed = between;
                            }
                        }
                    }
                }
                held.extend(new.into_iter().map(|contact| Held {
                    contact: contact.contact.clone(),
                    from: between,
                    confirmed: between,
                    refreshes: 0,
                    due: contact.until,
                    end: End::Open,
                }));
            }
        }
    }
    held
}
