//! Runs of several scenarios in one process: what was over is not done again, and what was not begun has lost nothing.

use Verdict::{Fail, NotRun, Pass, RigError, Skipped};

use super::*;

const ALL: [&str; 3] = ["baseline", "call", "failover"];

/// A night of one run with three scenarios on both phones.
fn begun() -> (NightPlan, Vec<Entry>) {
    let plan = sample::chain();
    let entries = vec![sample::at(0, Event::Planned { plan: Box::new(plan.clone()) }), began(&plan, 1, &ALL)];
    (plan, entries)
}

fn began(plan: &NightPlan, attempt: u32, scenarios: &[&str]) -> Entry {
    let run = &plan.runs[0];
    let scenarios = scenarios.iter().map(|&name| name.to_owned()).collect();
    sample::at(1, Event::Began { run: run.id.clone(), attempt, phones: run.phones.clone(), scenarios })
}

fn cases(plan: &NightPlan, of: &[(&str, Verdict)]) -> Vec<Case> {
    let of_one = |&(scenario, verdict): &(&str, Verdict)| {
        let ids = plan.cases_of(scenario, &plan.runs[0].phones).into_iter();
        ids.map(move |id| sample::case(&id, verdict)).collect::<Vec<_>>()
    };
    of.iter().flat_map(of_one).collect()
}

fn decided(plan: &NightPlan, scenario: &str, verdict: Verdict) -> Entry {
    let (run, cases) = (plan.runs[0].id.clone(), cases(plan, &[(scenario, verdict)]));
    sample::at(2, Event::Decided { run, attempt: 1, took_ms: 7000, cases })
}

fn ended(plan: &NightPlan, attempt: u32, end: Ending, of: &[(&str, Verdict)]) -> Entry {
    let end = End { end, exit: None, why: None };
    let (run, directory) = (plan.runs[0].id.clone(), Some("there".to_owned()));
    sample::at(3, Event::Ended { run, attempt, end, took_ms: 60_000, directory, cases: cases(plan, of) })
}

fn next(night: &Night) -> Next {
    let (run, attempts, _) = night.runs().next().unwrap();
    night.next(run, attempts)
}

#[test]
fn what_was_over_when_the_night_was_killed_is_done_and_the_rest_is_run() {
    let (plan, mut entries) = begun();
    entries.push(decided(&plan, "baseline", Pass));
    let night = Night::of(&entries).unwrap();
    whole(&night);
    assert_eq!(verdicts(&night)[..3], [Pass; 3], "told while the run goes on");
    assert_eq!(night.outcomes()[0].took, Duration::from_secs(7));
    // The verdicts of another scenario were in the journal, and nobody had noted them.
    let left = cases(&plan, &[("baseline", Pass), ("call", Skipped)]);
    let Event::Interrupted { run, attempt, by, .. } = sample::cut(&plan.runs[0].id, 1) else { panic!() };
    let cut = Event::Interrupted { run, attempt, by, directory: Some("there".to_owned()), cases: left };
    entries.push(sample::at(3, cut));
    let night = Night::of(&entries).unwrap();
    whole(&night);
    assert_eq!(next(&night), Next { scenarios: vec!["failover".to_owned()], phones: plan.runs[0].phones.clone() });
    entries.push(began(&plan, 2, &["failover"]));
    entries.push(ended(&plan, 2, Ending::Told, &[("failover", Pass)]));
    let night = Night::of(&entries).unwrap();
    assert_eq!(verdicts(&night), [Pass, Pass, Pass, Skipped, Skipped, Skipped, Pass, Pass, Pass]);
    assert!(night.outcomes().iter().all(|outcome| outcome.case.attempts == 1), "none was done twice");
    assert_eq!((night.done(), next(&night)), (1, Next::default()));
}

#[test]
fn what_is_left_of_a_chain_takes_its_share_of_the_time() {
    let (plan, _) = begun();
    let run = &plan.runs[0];
    let all: Vec<String> = ALL.map(str::to_owned).to_vec();
    assert_eq!(run.share(&all), run.estimate.time);
    assert_eq!(run.share(&all[2..]), run.estimate.time / 3);
    assert_eq!(run.share(&[]), Duration::ZERO);
}

#[test]
fn a_run_that_falls_costs_the_scenario_in_which_it_fell_and_what_comes_after_has_its_turn() {
    let (plan, mut entries) = begun();
    entries.push(ended(&plan, 1, Ending::Crashed, &[("baseline", Pass)]));
    let night = Night::of(&entries).unwrap();
    whole(&night);
    assert_eq!(verdicts(&night), [Pass, Pass, Pass, RigError, RigError, RigError, NotRun, NotRun, NotRun]);
    assert_eq!(night.outcomes()[3].case.code.as_deref(), Some("run-crashed"));
    assert_eq!(next(&night).scenarios, ["failover"], "what was never begun comes before what is tried again");
    entries.push(began(&plan, 2, &["failover"]));
    entries.push(ended(&plan, 2, Ending::Told, &[("failover", Pass)]));
    let night = Night::of(&entries).unwrap();
    assert_eq!(next(&night).scenarios, ["call"], "once again, as the entry says");
    let mut plan = plan;
    plan.runs[0].retry = 0;
    entries[0] = sample::at(0, Event::Planned { plan: Box::new(plan) });
    assert_eq!(next(&Night::of(&entries).unwrap()), Next::default());
}

#[test]
fn only_what_failed_is_tried_again_and_only_on_those_who_failed() {
    let (plan, mut entries) = begun();
    let mut told = cases(&plan, &[("baseline", Pass), ("call", Skipped), ("failover", Pass)]);
    let failed = told.iter_mut().find(|case| case.id.scenario == "failover" && case.id.phone.0 == "p2").unwrap();
    *failed = sample::case(&failed.id.clone(), Fail);
    let end = End { end: Ending::Told, exit: None, why: None };
    let run = plan.runs[0].id.clone();
    let ended = Event::Ended { run, attempt: 1, end, took_ms: 1, directory: None, cases: told };
    entries.push(sample::at(2, ended));
    let night = Night::of(&entries).unwrap();
    assert!(plan.runs[0].together, "phones call each other in one of the scenarios");
    assert_eq!(next(&night), Next { scenarios: vec!["failover".to_owned()], phones: plan.runs[0].phones.clone() });
    let (run, attempts, _) = night.runs().next().unwrap();
    let apart = PlannedRun { together: false, ..run.clone() };
    assert_eq!(night.next(&apart, attempts).phones, ["p2".into()]);
}

proptest! {
    /// However often it is killed, and wherever: what was over is not run again, and all of it is run.
    #[test]
    fn a_chain_that_is_killed_anywhere_runs_each_scenario_to_its_end_once(
        deaths in proptest::collection::vec(0..3_usize, 0..8),
    ) {
        let (plan, mut entries) = begun();
        entries.pop();
        let mut over: Vec<String> = Vec::new();
        let mut deaths = deaths.into_iter();
        for attempt in 1.. {
            let night = Night::of(&entries).unwrap();
            whole(&night);
            let Next { scenarios, .. } = next(&night);
            if scenarios.is_empty() {
                break;
            }
            prop_assert!(scenarios.iter().all(|scenario| !over.contains(scenario)), "{scenarios:?} after {over:?}");
            let names: Vec<&str> = scenarios.iter().map(String::as_str).collect();
            entries.push(began(&plan, attempt, &names));
            let lived = deaths.next().unwrap_or(3).min(names.len());
            let told: Vec<(&str, Verdict)> = names[..lived].iter().map(|&name| (name, Pass)).collect();
            over.extend(scenarios[..lived].iter().cloned());
            entries.push(if lived == names.len() {
                ended(&plan, attempt, Ending::Told, &told)
            } else {
                let (run, cases) = (plan.runs[0].id.clone(), cases(&plan, &told));
                let by = "the end of its night".to_owned();
                sample::at(4, Event::Interrupted { run, attempt, by, directory: None, cases })
            });
        }
        prop_assert_eq!(over, ALL);
        let night = Night::of(&entries).unwrap();
        let once = |outcome: &Outcome| (outcome.case.verdict, outcome.case.attempts) == (Pass, 1);
        prop_assert!(night.outcomes().iter().all(once));
    }
}
