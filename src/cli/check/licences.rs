//! How many licences the PBX has left. Nothing is changed there.

use std::sync::atomic::AtomicBool;

use super::{Finding, State};
use crate::{
    config::Licences,
    driver::{clock::RunClock, hook::command, secrets::Secrets},
};

const AREA: &str = "licences";

/// What the command of the bench file tells, for so many phones. It is killed when `given_up` is set.
pub(super) fn look(licences: &Licences, phones: usize, secrets: &Secrets, given_up: &AtomicBool) -> Finding {
    let unknown = |why: String| {
        let what = "how many licences are free is unknown";
        Finding::of(
            AREA,
            State::Unknown,
            what,
            Some(format!("{}; mend [licences] of the bench file", secrets.hide(&why))),
        )
        .coded("licences-unknown")
    };
    let program = licences.command.first().map(String::as_str).unwrap_or_default();
    if command::find(program).is_none() {
        return unknown(format!("there is no program `{program}`"));
    }
    let answer = match command::read(&licences.command, licences.limit, given_up, &RunClock::start()) {
        Ok(answer) => answer,
        Err(error) => return unknown(format!("the command {error}")),
    };
    let Some(free) = licences.free_in(&String::from_utf8_lossy(&answer)) else {
        return unknown("the `pattern` finds no number in what the command writes".to_owned());
    };
    let needed = licences.needed.map_or(phones as u64, u64::from);
    let finding = if free < needed {
        let what = format!("{free} licences are free, and {needed} are needed");
        let remedy = "free some at the PBX, look at fewer phones (--phones), or correct `needed`";
        Finding::problem(AREA, what, remedy).coded("licences-few")
    } else {
        Finding::ok(AREA, format!("{free} licences are free, {needed} are needed")).coded("licences")
    };
    finding.valued(free.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(words: &[&str], needed: Option<u32>) -> (State, &'static str, Option<String>) {
        let licences = Licences {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            pattern: r"free: (?P<free>\d+)".to_owned(),
            needed,
            limit: Duration::from_secs(5),
        };
        let found = look(&licences, 4, &Secrets::default(), &AtomicBool::new(false));
        (found.state, found.code.unwrap(), found.value)
    }

    #[test]
    fn too_few_are_a_problem_and_no_answer_is_unknown() {
        let free = ["echo", "free: 3"];
        assert_eq!(told(&free, Some(3)), (State::Ok, "licences", Some("3".to_owned())));
        assert_eq!(told(&free, Some(5)), (State::Problem, "licences-few", Some("3".to_owned())));
        assert_eq!(told(&free, None).1, "licences-few", "one for each of the four phones");
        for words in [&["echo", "none"][..], &["false"], &["no-such-program-anywhere"]] {
            assert_eq!(told(words, Some(1)), (State::Unknown, "licences-unknown", None), "{words:?}");
        }
    }
}
