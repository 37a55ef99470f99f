//! What failed in the same way on several phones at once is one finding, and what a phone of known-good firmware fails as well is
//! not blamed on the others.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{before, plan::RunId, state::Outcome};
use crate::{
    event::PhoneName,
    verdict::{Blame, Case, Verdict},
};

/// Cases of one scenario in one run that came to the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The run.
    pub run: RunId,
    /// The scenario.
    pub scenario: String,
    /// What they came to.
    pub verdict: Verdict,
    /// Whose fault it is.
    pub blame: Option<Blame>,
    /// The code.
    pub code: Option<String>,
    /// The phones, in the order of the bench.
    pub phones: Vec<PhoneName>,
    /// How many lines they are.
    pub lines: usize,
    /// The reason of the first.
    pub reason: Option<String>,
}

/// What broke a night and what the rig could not tell, each once, in the order of the plan.
pub fn of(outcomes: &[Outcome]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut places = BTreeMap::new();
    for Outcome { run, case, .. } in outcomes {
        let counts = before::breaks(case.verdict, case.expected) || case.verdict == Verdict::RigError;
        if !counts {
            continue;
        }
        let key =
            (run, &case.id.scenario, case.verdict.to_string(), case.blame.map(|blame| blame.to_string()), &case.code);
        let at = *places.entry(key).or_insert(findings.len());
        if at == findings.len() {
            findings.push(Finding {
                run: run.clone(),
                scenario: case.id.scenario.clone(),
                verdict: case.verdict,
                blame: case.blame,
                code: case.code.clone(),
                phones: Vec::new(),
                lines: 0,
                reason: case.reason.clone(),
            });
        }
        if let Some(finding) = findings.get_mut(at) {
            finding.lines += 1;
            if finding.phones.last() != Some(&case.id.phone) {
                finding.phones.push(case.id.phone.clone());
            }
        }
    }
    findings
}

/// Takes the blame from phones that failed in a way in which a control failed as well, in the same run of the same scenario: it may be
/// the server, the settings or the rig. That they failed stays.
pub fn hold_against_controls(outcomes: &mut [Outcome], controls: &[PhoneName]) {
    let is_blamed = |case: &Case| case.verdict == Verdict::Fail && case.blame == Some(Blame::Phone);
    let key = |outcome: &Outcome| {
        let Case { id, code, .. } = &outcome.case;
        (outcome.run.clone(), id.scenario.clone(), code.clone())
    };
    let mut failed = BTreeMap::new();
    for outcome in outcomes.iter().filter(|it| is_blamed(&it.case) && controls.contains(&it.case.id.phone)) {
        failed.entry(key(outcome)).or_insert_with(|| outcome.case.id.phone.clone());
    }
    for outcome in outcomes.iter_mut().filter(|it| is_blamed(&it.case)) {
        let Some(control) = failed.get(&key(outcome)) else { continue };
        let case = &mut outcome.case;
        case.blame = Some(Blame::Unknown);
        let reason = case.reason.take().unwrap_or_default();
        case.reason = Some(if *control == case.id.phone {
            format!("{reason}; its firmware is known to be good, so that it is hardly the phone")
        } else {
            format!("{reason}; so did {control}, whose firmware is known to be good, so that it is hardly the phone")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::{Event, Night, state::sample};

    /// What a night came to in whose last run p1 and p2 came to this.
    fn outcomes(verdicts: &[Verdict]) -> Vec<Outcome> {
        let plan = sample::plan();
        let entries = [
            Event::Planned { plan: Box::new(plan.clone()) },
            sample::began(&plan, 4, 1),
            sample::ended(&plan, 4, 1, verdicts),
        ];
        Night::of(&entries.map(|event| sample::at(1, event))).unwrap().outcomes()
    }

    #[test]
    fn what_failed_in_the_same_way_on_several_phones_is_one_finding() {
        use Verdict::{Fail, Pass, RigError};
        let all = of(&outcomes(&[Fail]));
        let [one] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((one.lines, one.phones.as_slice()), (3, ["p1".into(), "p2".into()].as_slice()));
        assert_eq!((one.code.as_deref(), one.blame), (Some("never-failed-back"), Some(Blame::Phone)));
        assert_eq!(of(&outcomes(&[Fail, RigError, Pass])).len(), 2);
        assert!(of(&outcomes(&[Pass])).is_empty(), "what was not run is no finding");
    }

    #[test]
    fn what_a_control_fails_as_well_is_blamed_on_no_phone_and_fails_all_the_same() {
        use Verdict::{Fail, Pass};
        let blames = |verdicts: &[Verdict], control: &str| {
            let mut outcomes = outcomes(verdicts);
            hold_against_controls(&mut outcomes, &[control.into()]);
            let cases = outcomes.into_iter().skip(4).map(|outcome| (outcome.case.verdict, outcome.case.blame));
            cases.collect::<Vec<_>>()
        };
        let (nobody, phone) = ((Fail, Some(Blame::Unknown)), (Fail, Some(Blame::Phone)));
        assert_eq!(blames(&[Fail], "p1"), [nobody; 3]);
        assert_eq!(blames(&[Pass, Fail, Fail], "p1"), [(Pass, None), phone, phone], "the control passed");
    }
}
