//! The plan of a night: which runs there are, in which order, and what each may take. Pure; a suite and a bench in.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{outcome, parking::Firmware};
use crate::{
    config::{Bench, Day, KnownIssue, Notify, Pace, Phone, Scenario, StepKind, Suite, duration},
    event::PhoneName,
    verdict::{Case, CaseId},
};

/// Name of a run within its night: `2.1.failover` is a scenario in the first round of the second entry. It is the same whenever
/// the same suite is planned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// All that is to be run, and what is known about it before it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightPlan {
    /// Name of the suite.
    pub suite: String,
    /// Version of siprig that planned it.
    pub version: String,
    /// Name of the bench.
    pub bench: String,
    /// How its runs find it.
    pub surroundings: Surroundings,
    /// The budget where no other is given.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Duration>,
    /// A case that passes only when it is tried again makes the night fail.
    pub gate_flaky: bool,
    /// Extensions of the lines of each phone under test.
    pub lines: BTreeMap<PhoneName, Vec<String>>,
    /// All known issues of the suite. Which of them excuse something is a matter of the day on which a run ends, which may be one
    /// after that on which the night began.
    pub issues: Vec<KnownIssue>,
    /// Phones are looked at before anything is run.
    pub preflight: bool,
    /// Phones whose firmware is known to be good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<PhoneName>,
    /// What the firmware of phones is to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<Firmware>,
    /// A failure that is not one of these is tried once more before it is called new; none: nothing is tried for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Vec<FailedBefore>>,
    /// Who is told what it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// The runs, in their order.
    pub runs: Vec<PlannedRun>,
}

/// A case that failed in the last night that could tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBefore {
    /// Which.
    pub case: CaseId,
    /// In which ways.
    pub codes: Vec<String>,
}

/// What `siprig run` is told beside scenario and phones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Surroundings {
    /// The directory from which files are named.
    pub directory: PathBuf,
    /// The bench, as it was named; none: what the scenarios are tried on.
    pub bench: Option<String>,
    /// Overrides of the bench file, as given.
    pub overrides: Vec<String>,
    /// SHA-256 of each file that the plan was made from, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<PathBuf, String>,
    /// Links may be taken down.
    pub allow_link_down: bool,
}

/// A scenario of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedScenario {
    /// Its name.
    pub name: String,
    /// The name or path by which it is found.
    pub named: String,
    /// The longest that it can take by the timers of the phones.
    #[serde(with = "duration")]
    pub bound: Duration,
}

/// One run: a scenario on phones, or a chain of them, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// Its name.
    pub id: RunId,
    /// What is run, in this order; at least one.
    pub scenarios: Vec<PlannedScenario>,
    /// The phones, in the order of the bench.
    pub phones: Vec<PhoneName>,
    /// A phone can not be tried again without the others, as where phones call each other.
    pub together: bool,
    /// What is dropped when time is short: the highest number first.
    pub priority: u8,
    /// Words of its entry.
    pub tags: Vec<String>,
    /// How often it may be tried again.
    pub retry: u32,
    /// How long it will take.
    pub estimate: Estimate,
    /// The longest that it may take.
    #[serde(with = "duration")]
    pub limit: Duration,
}

impl PlannedRun {
    /// How long some of its scenarios will take: their share of what all of it takes.
    pub fn share(&self, scenarios: &[String]) -> Duration {
        let of = |counts: &dyn Fn(&PlannedScenario) -> bool| -> f64 {
            let counted = self.scenarios.iter().filter(|scenario| counts(scenario));
            counted.map(|scenario| scenario.bound.as_secs_f64()).sum()
        };
        let (some, all) = (of(&|scenario| scenarios.contains(&scenario.name)), of(&|_| true));
        if all > 0.0 { self.estimate.time.mul_f64(some / all) } else { self.estimate.time }
    }
}

/// How long a run will take, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// How long.
    #[serde(with = "duration")]
    pub time: Duration,
    /// So many earlier runs took it, in the middle; 0: it is the sum of the longest that the phones' timers allow.
    pub of_runs: u32,
}

/// What a planner asks of each scenario on phones.
pub struct Foresight<'a> {
    /// The longest that it can take by the timers of the phones.
    pub bound: &'a dyn Fn(&Scenario, &[PhoneName]) -> Duration,
    /// What these took before in one run, on so many phones.
    pub history: &'a dyn Fn(&[&str], usize) -> Option<Estimate>,
}

/// What a run may take that was given no limit: twice what is computed for it, and this.
const SLACK: Duration = Duration::from_secs(600);

impl NightPlan {
    /// Plans a suite on a bench whose phones it fits. With `tags`, entries that have none of them are left out.
    pub fn new(
        suite: &Suite,
        scenarios: &BTreeMap<String, Scenario>,
        bench: &Bench,
        tags: &[String],
        foresight: &Foresight<'_>,
    ) -> Self {
        let mut runs = Vec::new();
        for (number, entry) in (1..).zip(&suite.entries) {
            if !tags.is_empty() && !entry.tags.iter().any(|tag| tags.contains(tag)) {
                continue;
            }
            let all = bench.phones.iter().map(|phone| phone.name.clone());
            let phones: Vec<_> = all.filter(|phone| entry.phones.is_empty() || entry.phones.contains(phone)).collect();
            let found: Vec<_> = entry.scenarios.iter().filter_map(|named| scenarios.get_key_value(named)).collect();
            let chains: Vec<&[_]> = if entry.chain { vec![&found] } else { found.chunks(1).collect() };
            let foreseen = |chain: &[(&String, &Scenario)]| {
                let bounds: Vec<Duration> =
                    chain.iter().map(|(_, scenario)| (foresight.bound)(scenario, &phones)).collect();
                let bound = bounds.iter().sum::<Duration>();
                let names: Vec<&str> = chain.iter().map(|(_, scenario)| scenario.name.as_str()).collect();
                let computed = Estimate { time: bound, of_runs: 0 };
                (bounds, bound, (foresight.history)(&names, phones.len()).unwrap_or(computed))
            };
            let foreseen: Vec<_> = chains.into_iter().map(|chain| (chain, foreseen(chain))).collect();
            for round in 1..=entry.repeat {
                for (chain, (bounds, bound, estimate)) in &foreseen {
                    let planned = chain.iter().zip(bounds).map(|(&(named, scenario), &bound)| PlannedScenario {
                        bound,
                        name: scenario.name.clone(),
                        named: named.clone(),
                    });
                    runs.extend(name_of(chain).map(|name| PlannedRun {
                        id: RunId(format!("{number}.{round}.{name}")),
                        scenarios: planned.collect(),
                        phones: phones.clone(),
                        together: chain.iter().any(|(_, scenario)| is_of_pairs(scenario)),
                        priority: entry.priority,
                        tags: entry.tags.clone(),
                        retry: if suite.never_retry { 0 } else { entry.retry },
                        estimate: *estimate,
                        limit: entry.time_limit.unwrap_or(*bound * 2 + SLACK),
                    }));
                }
            }
        }
        let lines = bench.phones.iter().map(|phone| {
            (phone.name.clone(), phone.lines.iter().map(|line| line.extension.clone()).collect::<Vec<_>>())
        });
        Self {
            suite: suite.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bench: bench.name.clone(),
            surroundings: Surroundings::default(),
            time_limit: suite.time_limit,
            gate_flaky: suite.gate_flaky,
            lines: lines.collect(),
            issues: suite.known_issues.clone(),
            preflight: suite.preflight,
            controls: suite.controls.clone(),
            firmware: firmware(suite, bench),
            failed_before: (suite.confirm_new && !suite.never_retry).then(Vec::new),
            notify: suite.notify.clone(),
            runs,
        }
    }

    /// The scenarios of all runs, as often as they are planned.
    pub fn scenarios(&self) -> impl Iterator<Item = &PlannedScenario> {
        self.runs.iter().flat_map(|run| &run.scenarios)
    }

    /// Whether a case failed in a way in which it did not fail before, so that it is to be seen once more.
    pub fn is_to_be_confirmed(&self, case: &Case) -> bool {
        let Some(before) = self.failed_before.as_ref().filter(|_| outcome::is_surprise(case)) else { return false };
        let code = case.code.as_deref().unwrap_or_default();
        !before.iter().any(|failed| failed.case == case.id && failed.codes.iter().any(|known| known == code))
    }

    /// The known issues that excuse something on a day.
    pub fn known_on(&self, day: &Day) -> Vec<KnownIssue> {
        self.issues.iter().filter(|issue| *day <= issue.expires).cloned().collect()
    }

    /// The known issues that excuse nothing any more on a day.
    pub fn expired_on(&self, day: &Day) -> Vec<KnownIssue> {
        self.issues.iter().filter(|issue| *day > issue.expires).cloned().collect()
    }

    /// The cases of a run on some of its phones, in their order.
    pub fn cases(&self, run: &PlannedRun, phones: &[PhoneName]) -> Vec<CaseId> {
        run.scenarios.iter().flat_map(|scenario| self.cases_of(&scenario.name, phones)).collect()
    }

    /// The cases of one scenario on phones, in their order.
    pub fn cases_of(&self, scenario: &str, phones: &[PhoneName]) -> Vec<CaseId> {
        let case = |phone: &PhoneName, line: &String| CaseId {
            scenario: scenario.to_owned(),
            phone: phone.clone(),
            line: line.clone(),
        };
        let lines = |phone| self.lines.get(phone).into_iter().flatten();
        phones.iter().flat_map(|phone| lines(phone).map(move |line| case(phone, line))).collect()
    }
}

/// What the suite expects of each phone, by its model.
fn firmware(suite: &Suite, bench: &Bench) -> Vec<Firmware> {
    let of_phone = |phone: &Phone| {
        let expected = suite.expected_firmware.get(&phone.model)?.clone();
        Some(Firmware { phone: phone.name.clone(), expected })
    };
    bench.phones.iter().filter_map(of_phone).collect()
}

/// What a chain is called: by its first scenario, and how many come after it. None: there is none.
fn name_of(chain: &[(&String, &Scenario)]) -> Option<String> {
    let ((_, first), rest) = chain.split_first()?;
    Some(if rest.is_empty() { first.name.clone() } else { format!("{}+{}", first.name, rest.len()) })
}

/// Whether phones depend on one another in it.
fn is_of_pairs(scenario: &Scenario) -> bool {
    let calls =
        |kind: &StepKind| matches!(kind, StepKind::Call { .. } | StepKind::ExpectCall { .. } | StepKind::ExpectIdle);
    scenario.pace == Pace::Pairs || scenario.peer.is_none() && scenario.all_steps().any(|step| calls(&step.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::state::sample;

    #[test]
    fn runs_come_in_the_order_of_entries_rounds_and_scenarios_and_keep_their_names() {
        let plan = sample::plan();
        let ids: Vec<&str> = plan.runs.iter().map(|run| run.id.0.as_str()).collect();
        assert_eq!(ids, ["1.1.baseline", "1.1.call", "1.2.baseline", "1.2.call", "2.1.failover"]);
        assert_eq!(sample::plan(), plan, "planned again");
        assert!(plan.runs[1].together && !plan.runs[0].together);
    }

    #[test]
    fn all_phones_of_the_bench_take_part_where_none_is_named_and_lines_are_cases_each() {
        let plan = sample::plan();
        assert_eq!(plan.runs[0].phones, ["p1".into()]);
        assert_eq!(plan.runs[4].phones, ["p1".into(), "p2".into()]);
        let cases = plan.cases(&plan.runs[4], &plan.runs[4].phones);
        let cases: Vec<String> = cases.iter().map(ToString::to_string).collect();
        assert_eq!(cases, ["failover p1/1001", "failover p2/1002", "failover p2/1003"]);
    }

    #[test]
    fn entries_are_chosen_by_their_tags_and_keep_the_names_of_their_runs() {
        let plan = sample::plan_of(&["slow"]);
        let ids: Vec<&str> = plan.runs.iter().map(|run| run.id.0.as_str()).collect();
        assert_eq!(ids, ["2.1.failover"]);
        assert!(sample::plan_of(&["nothing"]).runs.is_empty());
    }

    #[test]
    fn a_chain_is_one_run_that_may_take_as_long_as_all_of_it() {
        let plan = sample::chain();
        let [run] = plan.runs.as_slice() else { panic!("one run") };
        let names: Vec<&str> = run.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!((run.id.0.as_str(), names), ("1.1.baseline+2", vec!["baseline", "call", "failover"]));
        assert_eq!(run.limit, Duration::from_secs(3 * 300 * 2 + 600));
        assert_eq!(run.estimate, Estimate { time: Duration::from_secs(3 * 300), of_runs: 0 });
        assert!(run.together, "phones call each other in one of them");
        assert_eq!(plan.cases(run, &run.phones).len(), 9);
    }

    #[test]
    fn a_known_issue_excuses_up_to_its_last_day_and_not_a_day_longer() {
        let plan = sample::plan();
        let (known, expired) = (plan.known_on(&sample::today()), plan.expired_on(&sample::today()));
        assert_eq!((known.len(), expired.len()), (1, 1));
        assert_eq!(known[0].expires, sample::today());
        assert!(expired[0].expires < sample::today());
        let next = Day::new(2026, 11, 26).unwrap();
        assert_eq!((plan.known_on(&next).len(), plan.expired_on(&next).len()), (0, 2), "the night goes on");
    }

    #[test]
    fn what_has_no_limit_of_its_own_may_take_twice_what_is_computed_and_ten_minutes() {
        let plan = sample::plan();
        assert_eq!(plan.runs[0].limit, Duration::from_secs(90), "its own");
        assert_eq!(plan.runs[4].limit, Duration::from_secs(2 * 300 + 600));
        assert_eq!(plan.runs[4].estimate, Estimate { time: Duration::from_secs(40), of_runs: 3 }, "as it was before");
        assert_eq!(plan.runs[0].estimate, Estimate { time: Duration::from_secs(300), of_runs: 0 });
    }
}
