//! What a phone has asked for of its files, and whether the request arrived.

use std::collections::BTreeMap;

use crate::engine::registration::Fix;
use crate::event::{Fate, Fetch};

/// Files of a phone that are remembered: it has four or five of its own, and tunes and directories besides.
const MOST: usize = 32;

/// By name without its folder, the last request that arrived and the last that an outage took.
#[derive(Debug, Clone, Default)]
pub struct ByName {
    arrived: BTreeMap<String, Fix>,
    taken: BTreeMap<String, Fix>,
}

impl ByName {
    /// Takes a request in.
    pub fn observe(&mut self, fetch: &Fetch, fix: Fix) {
        let all = if fetch.fate == Fate::Passed { &mut self.arrived } else { &mut self.taken };
        let name = name(&fetch.file);
        all.insert(name.to_owned(), fix);
        while all.len() > MOST {
            let oldest = all.iter().min_by_key(|(_, fix)| fix.when.at).map(|(name, _)| name.clone());
            let _ = oldest.and_then(|oldest| all.remove(&oldest));
        }
    }

    /// The last request for a file that arrived.
    pub fn arrived(&self, file: &str) -> Option<Fix> {
        self.arrived.get(file).copied()
    }

    /// The last request for any file that arrived, with its name.
    pub fn last_arrived(&self) -> Option<(&str, Fix)> {
        last(&self.arrived)
    }

    /// The last request for any file that an outage took, with its name.
    pub fn last_taken(&self) -> Option<(&str, Fix)> {
        last(&self.taken)
    }
}

fn last(of: &BTreeMap<String, Fix>) -> Option<(&str, Fix)> {
    of.iter().max_by_key(|(_, fix)| fix.when.at).map(|(name, fix)| (name.as_str(), *fix))
}

/// Servers are asked with `/` and with `\`.
fn name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OutageId, RawRef, Stamp, When};

    #[test]
    fn requests_are_told_apart_by_name_and_by_whether_they_arrived() {
        let mut fetches = ByName::default();
        let ask = |fetches: &mut ByName, file: &str, seq: u64, fate: Fate| {
            let raw = RawRef { file: "capture.pcapng".into(), offset: 0, len: 0 };
            let address = "10.77.0.2".parse().unwrap();
            let fetch = Fetch { phone: "p1".into(), address, server: None, file: file.into(), fate, raw };
            fetches.observe(&fetch, Fix { seq, when: When::exactly(Stamp(seq)) });
        };
        ask(&mut fetches, "aastra.cfg", 1, Fate::Passed);
        ask(&mut fetches, "cfg/00085D237429.cfg", 2, Fate::Passed);
        ask(&mut fetches, "cfg\\00085D237429.cfg", 3, Fate::Dropped(OutageId(1)));
        let own = "00085D237429.cfg";
        assert_eq!(fetches.arrived(own).map(|it| it.seq), Some(2));
        assert_eq!(fetches.last_arrived().map(|(name, fix)| (name, fix.seq)), Some((own, 2)));
        assert_eq!(fetches.last_taken().map(|(name, fix)| (name, fix.seq)), Some((own, 3)));
        assert!(fetches.arrived("aastra.cfg").is_some());
        for number in 10..100 {
            ask(&mut fetches, &format!("{number}.wav"), number, Fate::Passed);
        }
        ask(&mut fetches, own, 200, Fate::Passed);
        assert_eq!(fetches.arrived(own).map(|it| it.seq), Some(200), "the latest are known");
        assert_eq!(fetches.arrived.len(), MOST);
    }
}
