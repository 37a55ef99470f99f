//! A night for tests: five runs on two phones with three lines, one of which is never at home.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{
    config::{Bench, CallAct, Day, Entry as SuiteEntry, KnownIssue, Scenario, Step, StepKind, Suite, load},
    nightly::{
        ledger::{End, Ending, Entry, Event},
        plan::{Estimate, Foresight, NightPlan, RunId},
    },
    verdict::{Blame, Case, CaseId, Verdict},
};

pub fn today() -> Day {
    Day::new(2026, 11, 25).unwrap()
}

fn suite() -> Suite {
    let entry = |scenarios: &[&str]| SuiteEntry {
        scenarios: scenarios.iter().map(|&name| name.to_owned()).collect(),
        phones: Vec::new(),
        chain: false,
        repeat: 1,
        priority: 5,
        tags: vec!["slow".to_owned()],
        time_limit: None,
        retry: 1,
    };
    let issue = |expires| KnownIssue {
        scenario: "call".to_owned(),
        phone: Some("p2".into()),
        code: "late".to_owned(),
        reason: "slow".to_owned(),
        expires,
    };
    Suite {
        name: "sample".to_owned(),
        description: None,
        time_limit: None,
        gate_flaky: false,
        preflight: true,
        never_retry: false,
        confirm_new: false,
        controls: Vec::new(),
        expected_firmware: BTreeMap::new(),
        entries: vec![
            SuiteEntry {
                phones: vec!["p1".into()],
                repeat: 2,
                tags: vec!["smoke".to_owned()],
                time_limit: Some(Duration::from_secs(90)),
                ..entry(&["baseline", "call"])
            },
            entry(&["failover"]),
        ],
        known_issues: vec![issue(today()), issue(Day::new(2026, 11, 24).unwrap())],
        notify: None,
    }
}

fn bench() -> Bench {
    let (mut bench, _) = load::bench("fixtures/config/valid/bench-full.toml", Path::new("rig"), &[]).unwrap();
    for (phone, lines) in bench.phones.iter_mut().zip([1, 2]) {
        phone.lines.truncate(lines);
    }
    bench
}

/// A night of one run, a chain.
pub fn chain() -> NightPlan {
    let mut suite = suite();
    let entry = SuiteEntry { chain: true, phones: Vec::new(), repeat: 1, time_limit: None, ..suite.entries.remove(0) };
    let scenarios = ["baseline", "call", "failover"].map(str::to_owned).to_vec();
    suite.entries = vec![SuiteEntry { scenarios, ..entry }];
    planned(&suite, &[])
}

pub fn plan_of(tags: &[&str]) -> NightPlan {
    planned(&suite(), tags)
}

fn planned(suite: &Suite, tags: &[&str]) -> NightPlan {
    let call = Step::of("call", StepKind::Call { act: CallAct::Dial });
    let steps = |name: &str| if name == "call" { vec![call.clone()] } else { Vec::new() };
    let scenarios = ["baseline", "call", "failover"].map(|name| (name.to_owned(), Scenario::of(name, "", steps(name))));
    let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
    let foresight = Foresight {
        bound: &|_, _| Duration::from_secs(300),
        history: &|names, _| (names == ["failover"]).then_some(Estimate { time: Duration::from_secs(40), of_runs: 3 }),
    };
    NightPlan::new(suite, &BTreeMap::from(scenarios), &bench(), &tags, &foresight)
}

pub fn plan() -> NightPlan {
    plan_of(&[])
}

pub fn at(second: i64, event: Event) -> Entry {
    Entry { at_unix_ns: 1_795_644_903_000_000_000 + second * 1_000_000_000, event }
}

pub fn case(id: &CaseId, verdict: Verdict) -> Case {
    let code = match verdict {
        Verdict::Pass | Verdict::Flaky => None,
        Verdict::Fail => Some("never-failed-back"),
        _ => Some("console-lost"),
    };
    Case {
        id: id.clone(),
        verdict,
        blame: code.map(|_| if verdict == Verdict::Fail { Blame::Phone } else { Blame::Rig }),
        code: code.map(str::to_owned),
        reason: code.map(|code| format!("because of {code}")),
        expected: true,
        attempts: 1,
        evidence: vec![17],
        measurements: Vec::new(),
    }
}

pub fn began(plan: &NightPlan, run: usize, attempt: u32) -> Event {
    let planned = &plan.runs[run];
    let scenarios = planned.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
    Event::Began { run: planned.id.clone(), attempt, phones: planned.phones.clone(), scenarios }
}

/// An attempt that ended with this verdict of each of its cases.
pub fn ended(plan: &NightPlan, run: usize, attempt: u32, verdicts: &[Verdict]) -> Event {
    let planned = &plan.runs[run];
    let ids = plan.cases(planned, &planned.phones);
    Event::Ended {
        run: planned.id.clone(),
        attempt,
        end: End { end: Ending::Told, exit: Some(0), why: None },
        took_ms: 31_000,
        directory: Some(format!("2026-11-25T221503Z-{}-{attempt}", planned.scenarios[0].name)),
        cases: ids.iter().zip(verdicts.iter().cycle()).map(|(id, verdict)| case(id, *verdict)).collect(),
    }
}

pub fn cut(run: &RunId, attempt: u32) -> Event {
    Event::Interrupted {
        run: run.clone(),
        attempt,
        by: "that the night was killed".to_owned(),
        directory: None,
        cases: vec![],
    }
}

/// The ledger of a night that was killed once, and in which the last run failed on one phone and was tried again.
pub fn night() -> Vec<Entry> {
    use Verdict::{Fail, Pass, RigError};
    let plan = plan();
    let begin = |run, attempt| began(&plan, run, attempt);
    let end = |run, attempt, verdicts: &[Verdict]| ended(&plan, run, attempt, verdicts);
    let (phones, scenarios) = (vec!["p2".into()], vec!["failover".to_owned()]);
    let phone_alone = Event::Began { run: plan.runs[4].id.clone(), attempt: 2, phones, scenarios };
    let mut again = end(4, 2, &[Pass]);
    if let Event::Ended { cases, .. } = &mut again {
        cases.remove(0);
    }
    let events = [
        Event::Planned { plan: Box::new(plan.clone()) },
        begin(0, 1),
        end(0, 1, &[Pass]),
        begin(1, 1),
        Event::Resumed,
        cut(&plan.runs[1].id, 1),
        begin(1, 2),
        end(1, 2, &[Pass]),
        begin(2, 1),
        end(2, 1, &[RigError]),
        begin(2, 2),
        end(2, 2, &[RigError]),
        begin(3, 1),
        end(3, 1, &[Pass]),
        begin(4, 1),
        end(4, 1, &[Pass, Fail, Pass]),
        phone_alone,
        again,
        Event::Closed { exit: 3, stopped_by: None },
    ];
    (0..).zip(events).map(|(second, event)| at(second, event)).collect()
}
