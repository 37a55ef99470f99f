//! What a witness that is looked at again and again has said already: only news is told, and what somebody asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{LineId, PhoneName, Standing, Testimony, Witness};

/// The word of one witness.
#[derive(Debug, Clone)]
pub struct Ledger {
    witness: Witness,
    lines: Vec<LineId>,
    said: BTreeMap<LineId, Standing>,
    asked: BTreeSet<PhoneName>,
    lost: bool,
}

impl Ledger {
    /// Of a witness that was not heard yet, and may speak of these lines.
    pub fn new(witness: Witness, lines: Vec<LineId>) -> Self {
        Self { witness, lines, said: BTreeMap::new(), asked: BTreeSet::new(), lost: false }
    }

    /// Who it is.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Somebody wants to know what it says of a phone's lines, new or not.
    pub fn ask(&mut self, phone: &PhoneName) {
        self.asked.insert(phone.clone());
    }

    /// It was heard: extensions with what it says of them and its words. Of what is not among them it says `otherwise`.
    pub fn heard(&mut self, heard: &[(String, Standing, String)], otherwise: &Standing) -> Vec<Testimony> {
        self.lost = false;
        let mut told = Vec::new();
        for line in &self.lines {
            let found = heard.iter().find(|(extension, ..)| *extension == line.extension);
            let (standing, quote) = match found {
                Some((_, standing, quote)) => (standing, quote.as_str()),
                None => (otherwise, ""),
            };
            let before = self.said.get(line);
            // Who never spoke of a line has no news of it by not doing so.
            let silent = before.is_none() && *standing == Standing::Unknown;
            if silent || (before == Some(standing) && !self.asked.contains(&line.phone)) {
                continue;
            }
            self.said.insert(line.clone(), standing.clone());
            let (witness, quote) = (self.witness.clone(), quote.to_owned());
            let standing = standing.clone();
            told.push(Testimony { witness, line: line.clone(), standing, quote, dated_ms: None });
        }
        self.asked.clear();
        told
    }

    /// It was not heard; whether that is news.
    pub fn lost(&mut self) -> bool {
        self.said.clear();
        self.asked.clear();
        !std::mem::replace(&mut self.lost, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phone: &str, extension: &str) -> LineId {
        LineId { phone: phone.into(), extension: extension.to_owned() }
    }

    fn ledger() -> Ledger {
        Ledger::new(Witness::StatusPage, vec![line("p1", "1001"), line("p2", "1002")])
    }

    fn told(ledger: &mut Ledger, heard: &[(&str, Standing)], otherwise: &Standing) -> Vec<(String, Standing)> {
        let heard: Vec<_> =
            heard.iter().map(|(it, standing)| ((*it).to_owned(), standing.clone(), String::new())).collect();
        ledger.heard(&heard, otherwise).into_iter().map(|it| (it.line.extension, it.standing)).collect()
    }

    #[test]
    fn only_news_is_told_and_what_was_asked_for_once() {
        let mut ledger = ledger();
        let page = [("1001", Standing::Primary)];
        assert_eq!(told(&mut ledger, &page, &Standing::Unknown), [("1001".to_owned(), Standing::Primary)]);
        assert_eq!(told(&mut ledger, &page, &Standing::Unknown), []);
        ledger.ask(&"p1".into());
        assert_eq!(told(&mut ledger, &page, &Standing::Unknown), [("1001".to_owned(), Standing::Primary)]);
        assert_eq!(told(&mut ledger, &page, &Standing::Unknown), []);
        let moved = [("1001", Standing::Backup)];
        assert_eq!(told(&mut ledger, &moved, &Standing::Unknown), [("1001".to_owned(), Standing::Backup)]);
        assert_eq!(told(&mut ledger, &[], &Standing::Unknown), [("1001".to_owned(), Standing::Unknown)]);
    }

    #[test]
    fn a_list_says_of_everybody_whether_they_are_on_it() {
        let mut ledger = ledger();
        let list = [("1002", Standing::Registered)];
        let both = [("1001".to_owned(), Standing::Nowhere), ("1002".to_owned(), Standing::Registered)];
        assert_eq!(told(&mut ledger, &list, &Standing::Nowhere), both);
        assert_eq!(told(&mut ledger, &list, &Standing::Nowhere), []);
    }

    #[test]
    fn a_witness_is_lost_once_and_all_that_it_says_later_is_news() {
        let mut ledger = ledger();
        let page = [("1001", Standing::Primary)];
        told(&mut ledger, &page, &Standing::Unknown);
        assert!(ledger.lost() && !ledger.lost());
        assert_eq!(told(&mut ledger, &page, &Standing::Unknown).len(), 1);
        assert!(ledger.lost(), "it was heard in between");
    }
}
