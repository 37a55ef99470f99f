//! Phones that a night goes on without: what a preflight has found of them, and what that means.
//!
//! A preflight looks at phones ahead of a night, and again at those of which a run could not tell because of the rig. A phone with a
//! problem is parked until a later look finds none; what is merely unknown parks nobody. A problem of the bench itself stops the
//! night: nothing would show anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::PhoneName;

/// One thing that a preflight has found, as `siprig check --preflight --json` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// What it is about, in a word.
    pub area: String,
    /// Whether it is as it should be.
    pub state: State,
    /// A word that does not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The phone; none: the bench.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneName>,
    /// What was found, for people.
    pub what: String,
    /// What was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is.
    Ok,
    /// It is not.
    Problem,
    /// Another holds it.
    Busy,
    /// There is nothing to look at.
    Skipped,
    /// It was looked at in vain.
    Unknown,
}

/// A phone that the night goes on without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// Which.
    pub phone: PhoneName,
    /// The code of the first problem.
    pub code: String,
    /// All of them, for people.
    pub why: String,
}

/// What the firmware of a phone is called, and what is expected to be in that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    /// The phone.
    pub phone: PhoneName,
    /// The text that the name of its firmware has in it.
    pub expected: String,
}

/// Phones with a problem, by what was found of them.
pub fn parked(found: &[Found], firmware: &[Firmware]) -> BTreeMap<PhoneName, Parked> {
    let mut parked: BTreeMap<PhoneName, Parked> = BTreeMap::new();
    let mut park = |phone: &PhoneName, code: &str, what: String| {
        let known = parked.entry(phone.clone());
        known.and_modify(|known| known.why += &format!("; {what}")).or_insert_with(|| Parked {
            phone: phone.clone(),
            code: code.to_owned(),
            why: what,
        });
    };
    for it in found {
        let (Some(phone), code) = (&it.phone, it.code.as_deref().unwrap_or(&it.area)) else { continue };
        if matches!(it.state, State::Problem | State::Busy) {
            park(phone, code, it.what.clone());
        }
        let expected = firmware.iter().find(|firmware| firmware.phone == *phone && code == "firmware");
        if let (Some(value), Some(Firmware { expected, .. })) = (&it.value, expected)
            && !value.contains(expected.as_str())
        {
            park(phone, "firmware-unexpected", format!("its firmware is `{value}`, and `{expected}` is expected"));
        }
    }
    parked
}

/// What is over by itself after a while, without anybody's doing.
const HEALS: [&str; 2] = ["registered-at-backup", "not-registered"];

impl Parked {
    /// Whether it may be as it should be by the next run: a phone comes home by its own timers.
    pub fn may_heal(&self) -> bool {
        HEALS.contains(&self.code.as_str())
    }
}

/// Why nothing on the bench would show anything, if so.
pub fn unfit(found: &[Found]) -> Option<String> {
    let of_bench = found.iter().filter(|it| it.phone.is_none() && it.state == State::Problem);
    let whats: Vec<&str> = of_bench.map(|it| it.what.as_str()).collect();
    (!whats.is_empty()).then(|| whats.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phone: Option<&str>, state: State, code: &str, value: Option<&str>) -> Found {
        Found {
            area: "cabling".to_owned(),
            state,
            code: Some(code.to_owned()),
            phone: phone.map(Into::into),
            what: format!("it is {code}"),
            value: value.map(str::to_owned),
            remedy: None,
        }
    }

    #[test]
    fn who_has_a_problem_is_parked_with_all_of_them_and_who_is_unknown_is_not() {
        let found = [
            found(Some("p1"), State::Problem, "console-swapped", None),
            found(Some("p1"), State::Problem, "not-registered", None),
            found(Some("p2"), State::Unknown, "unknown-until-renewal", None),
            found(Some("p3"), State::Skipped, "keypad", None),
            found(Some("p4"), State::Busy, "console-missing", None),
            found(None, State::Unknown, "clock", None),
        ];
        let parked = parked(&found, &[]);
        assert_eq!(parked.keys().map(|phone| phone.0.as_str()).collect::<Vec<_>>(), ["p1", "p4"]);
        let p1 = &parked[&"p1".into()];
        assert_eq!(
            (p1.code.as_str(), p1.why.as_str()),
            ("console-swapped", "it is console-swapped; it is not-registered")
        );
        assert_eq!(unfit(&found), None);
    }

    #[test]
    fn a_problem_of_the_bench_parks_nobody_and_makes_it_unfit() {
        let found = [found(None, State::Problem, "disk", None), found(Some("p1"), State::Ok, "cabling", None)];
        assert!(parked(&found, &[]).is_empty());
        assert_eq!(unfit(&found).as_deref(), Some("it is disk"));
    }

    #[test]
    fn another_firmware_than_the_one_that_is_expected_parks_its_phone_alone() {
        let found = ["3.2.2.2077", "3.3.1.4305"].iter().zip(["p1", "p2"]);
        let found: Vec<Found> =
            found.map(|(value, phone)| self::found(Some(phone), State::Ok, "firmware", Some(value))).collect();
        let expected = ["p1", "p2"].map(|phone| Firmware { phone: phone.into(), expected: "3.2.2".to_owned() });
        let parked = parked(&found, &expected);
        assert_eq!(parked.len(), 1);
        let p2 = &parked[&"p2".into()];
        assert_eq!((p2.code.as_str(), p2.why.contains("3.3.1.4305")), ("firmware-unexpected", true));
    }
}
