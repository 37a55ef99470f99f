//! How long a run can take by the timers of its phones: the sum of the longest windows of its steps.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Bench, Model, Moment, Phone, Scenario, StepKind},
    engine::bound,
    event::Move,
};

/// For what siprig itself does at a step: keys, pushes, commands, orders to the bridge.
const DOING: Duration = Duration::from_secs(30);
/// For what comes before the first step and after the last.
const AROUND: Duration = Duration::from_secs(60);
/// Until a call is given up (RFC 3261 section 17.1.1.2, timer B, at both ends).
const CALL: Duration = Duration::from_secs(64);

/// The longest that a scenario can take on these phones.
pub(super) fn bound(
    scenario: &Scenario,
    bench: &Bench,
    phones: &[&Phone],
    models: &BTreeMap<String, Model>,
) -> Duration {
    let (mut before, mut sum) = (bound::StepsBefore::default(), AROUND);
    for step in scenario.all_steps() {
        before.take(&step.kind);
        let worst = |of: Move| {
            let windows = phones
                .iter()
                .map(|phone| bound::at_worst(of, &phone.timers, before.habit(models.get(&phone.model))).length);
            windows.max().unwrap_or_default()
        };
        sum += match &step.kind {
            StepKind::Expect { of } => worst(*of),
            StepKind::Alive | StepKind::Silence => worst(Move::Baseline),
            StepKind::Reaction => worst(Move::Failover),
            StepKind::MessageLamp => worst(Move::Renewal),
            StepKind::Restart | StepKind::Fetch => bound::BOOTING,
            StepKind::Ask { limit, .. } => *limit,
            StepKind::Wait { span } => *span,
            StepKind::ExpectCall { .. } | StepKind::ExpectIdle => CALL,
            StepKind::Outage(outage) => {
                DOING + if outage.at == Moment::Now { Duration::ZERO } else { worst(Move::Renewal) }
            }
            StepKind::Lift { turns: Some(turns), .. } => {
                let last = turns.of(phones.iter().collect()).into_iter().map(|(after, _)| after).max();
                DOING + last.unwrap_or_default()
            }
            StepKind::Pbx { setting, .. } => {
                // Read, set, read back; and the same on the way back.
                bench.pbx.get(setting).map_or(Duration::ZERO, |setting| setting.limit * 6)
            }
            StepKind::Lift { turns: None, .. }
            | StepKind::Keys { .. }
            | StepKind::Press { .. }
            | StepKind::Dial { .. }
            | StepKind::Push { .. }
            | StepKind::Configure { .. }
            | StepKind::Display { .. }
            | StepKind::Call { .. } => DOING,
            StepKind::Meet => Duration::ZERO,
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    fn bound_of(scenario: &str, change: &str) -> Duration {
        let rig = Path::new("rig");
        let change = change.parse().unwrap();
        let (bench, models) = load::bench("fixtures/config/valid/bench-full.toml", rig, &[change]).unwrap();
        let phones: Vec<_> = bench.phones.iter().collect();
        bound(&load::scenario(scenario, rig).unwrap(), &bench, &phones, &models)
    }

    #[test]
    fn a_bound_grows_with_the_steps_and_with_the_timers_of_the_phones() {
        let short = bound_of("failover", "expires=1m");
        let baseline = bound_of("baseline", "expires=1m");
        assert!(baseline < short && baseline < bound_of("settling", "expires=1m"));
        assert!(bound_of("failover", "expires=10m") > short + Duration::from_secs(540));
    }

    #[test]
    fn a_run_of_every_scenario_has_a_bound_that_its_waits_fit_in() {
        for name in load::scenario_names(Path::new("rig")) {
            let scenario = load::scenario(&name, Path::new("rig")).unwrap();
            let waits = scenario.all_steps().filter_map(|step| match step.kind {
                StepKind::Wait { span } => Some(span),
                _ => None,
            });
            assert!(bound_of(&name, "expires=1m") > waits.sum(), "{name}");
        }
    }
}
