//! How many licences a PBX has left: a command of the bench file, and how its answer is read.

use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// How many licences are free. The command is run as it is, by no shell, with the rights of who runs siprig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licences {
    /// Program and arguments.
    pub command: Vec<String>,
    /// What of the answer says how many are free: group `free`. Several matches are added up.
    pub pattern: String,
    /// How many must be free; none: one for each phone that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u32>,
    /// The command is killed after this time.
    #[serde(with = "super::duration")]
    pub limit: Duration,
}

impl Licences {
    /// How many are free by an answer; none: it does not say so.
    pub fn free_in(&self, answer: &str) -> Option<u64> {
        let pattern = Regex::new(&self.pattern).ok()?;
        let each = pattern.captures_iter(answer).map(|found| found.name("free")?.as_str().parse::<u64>().ok());
        let each = each.collect::<Option<Vec<_>>>().filter(|each| !each.is_empty())?;
        each.into_iter().try_fold(0_u64, u64::checked_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read_and_added_up_or_not_known() {
        let pattern = r"(?m)^free: *(?P<free>\S+)$".to_owned();
        let licences = Licences { command: Vec::new(), pattern, needed: None, limit: Duration::from_secs(1) };
        assert_eq!(licences.free_in("used: 3\nfree: 7\n"), Some(7));
        assert_eq!(licences.free_in("free: 7\nfree: 2\n"), Some(9));
        assert_eq!(licences.free_in("free: many\n"), None, "no number");
        assert_eq!(licences.free_in("no such command"), None);
    }
}
