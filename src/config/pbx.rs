//! Settings of the PBX that scenarios need: how the bench file has them set and read, and which a scenario asks for.

use std::{collections::BTreeMap, fmt, time::Duration};

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{
    bench::Bench,
    scenario::{Party, Scenario, StepKind},
};
use crate::event::PbxName;

/// A setting of the PBX. Its commands are run as they are, by no shell, with the rights of who runs siprig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PbxSetting {
    /// By state, at least two: program and arguments of what sets it.
    pub set: BTreeMap<String, Vec<String>>,
    /// Program and arguments of what reads it.
    pub read: Vec<String>,
    /// By the same states: the pattern of what that writes.
    pub patterns: BTreeMap<String, String>,
    /// Each command is killed after this time, with all that it has started in its process group; and so long it may take
    /// from the end of what sets it until it reads so.
    #[serde(with = "super::duration")]
    pub limit: Duration,
}

impl PbxSetting {
    /// The state that an answer shows, blanks around it taken away.
    ///
    /// # Errors
    /// For people: it shows none, or several.
    pub fn state_in(&self, answer: &str) -> Result<&str, String> {
        let shows = |pattern: &String| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(answer.trim()));
        let mut shown = self.patterns.iter().filter(|(_, pattern)| shows(pattern)).map(|(state, _)| state.as_str());
        match (shown.next(), shown.next()) {
            (Some(state), None) => Ok(state),
            (Some(one), Some(other)) => Err(format!("as {one} and as {other}")),
            (None, _) => Err(format!("as none of its states ({})", self.states())),
        }
    }

    /// Its states, for people.
    pub fn states(&self) -> String {
        self.set.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// What a bench must have for a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A setting of the PBX.
    Pbx(PbxName),
    /// A partner on the servers' side that takes this side of calls.
    Peer(Party),
    /// A base set of the phones' files, and a way to put them in place.
    Provisioning,
}

impl Need {
    /// What the name of a setting begins with.
    pub const PBX: &str = "pbx.";

    /// The code of the cases that are skipped where a bench has it not.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pbx(_) => "no-pbx",
            Self::Peer(_) => "no-peer",
            Self::Provisioning => "no-provisioning",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbx(setting) => write!(f, "{}{setting}", Self::PBX),
            Self::Peer(Party::Callers) => f.write_str("a peer that calls"),
            Self::Peer(Party::Callees) => f.write_str("a peer"),
            Self::Provisioning => f.write_str("provisioning"),
        }
    }
}

impl Scenario {
    /// What it says that it needs, and what its steps need that are not optional; each once.
    pub fn all_needs(&self) -> Vec<Need> {
        let mut needs = self.needs.clone();
        needs.extend(self.peer.map(Need::Peer));
        for step in self.all_steps().filter(|step| !step.optional) {
            let need = match &step.kind {
                StepKind::Pbx { setting, .. } => Need::Pbx(setting.clone()),
                StepKind::Configure { .. } => Need::Provisioning,
                _ => continue,
            };
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        needs
    }

    /// Whether it needs a setting of the PBX, or changes it where there is one.
    pub fn uses_pbx(&self, name: &PbxName) -> bool {
        let changes = |kind: &StepKind| matches!(kind, StepKind::Pbx { setting, .. } if setting == name);
        self.needs.contains(&Need::Pbx(name.clone())) || self.all_steps().any(|step| changes(&step.kind))
    }

    /// Whether something is to be restored when its steps are over, beside the network.
    pub fn is_restored(&self) -> bool {
        !self.teardown.is_empty() || self.steps.iter().any(|step| step.kind.changes_settings())
    }
}

impl Bench {
    /// The first that a scenario needs and the bench has not, for people: `needs pbx.distribution: …`.
    pub fn lacks_need(&self, scenario: &Scenario) -> Option<(Need, String)> {
        scenario.all_needs().into_iter().find_map(|need| {
            let lacks = match &need {
                Need::Pbx(setting) if self.pbx.contains_key(setting) => return None,
                Need::Peer(side) if self.peer_for(*side).is_some() => return None,
                Need::Provisioning if self.provisioning.is_some() => return None,
                Need::Provisioning => format!("needs {need}: the bench file has no [provisioning]"),
                Need::Pbx(_) => format!("needs {need}: the bench file has no [{need}]"),
                Need::Peer(_) if self.peers.is_empty() => format!("needs {need}: the bench file has no [[peer]]"),
                Need::Peer(_) => format!("needs {need}: no [[peer]] of the bench file has a `call`"),
            };
            Some((need, lacks))
        })
    }

    /// What it lacks to give a setting of the PBX a state, if anything.
    pub fn lacks_state(&self, setting: &PbxName, state: &str) -> Option<String> {
        let need = Need::Pbx(setting.clone());
        match self.pbx.get(setting) {
            None => Some(format!("needs {need}: the bench file has no [{need}]")),
            Some(known) if known.set.contains_key(state) => None,
            Some(known) => Some(format!("needs {need} to be {state}: the bench file knows {}", known.states())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn by_state(pairs: [(&str, &str); 2]) -> BTreeMap<String, String> {
        pairs.map(|(state, text)| (state.to_owned(), text.to_owned())).into()
    }

    #[test]
    fn an_answer_shows_one_state_or_says_why_it_shows_none() {
        let setting = PbxSetting {
            set: [("off", words("set off")), ("on", words("set on"))]
                .map(|(state, words)| (state.to_owned(), words))
                .into(),
            read: words("read"),
            patterns: by_state([("off", "(?m)^Distribution: *(no|off)$"), ("on", "(?m)^Distribution: *(yes|on)$")]),
            limit: Duration::from_secs(1),
        };
        assert_eq!(setting.state_in("Server 1\nDistribution: yes\n"), Ok("on"));
        assert_eq!(setting.state_in("Distribution:off\n"), Ok("off"));
        assert_eq!(setting.state_in("Distribution: on\nDistribution: off\n"), Err("as off and as on".to_owned()));
        assert_eq!(setting.state_in("no such command"), Err("as none of its states (off, on)".to_owned()));
    }
}
