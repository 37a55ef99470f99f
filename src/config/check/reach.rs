//! Whether the bench lets a scenario do to servers what it asks for: said before the run.

use super::suggest;
use crate::config::{
    Bench, Need, Phone, Scenario, StepKind,
    diagnostic::{Diagnostic, Diagnostics},
};

/// Checks the outages of a scenario against the servers of the phones under test, and what it sets of the PBX.
///
/// # Errors
/// Each state that a setting of the PBX can not have; each link that goes down in spite of devices that no outage may touch; each server that an outage makes unresolvable and that is behind a router, or takes the names of and that has none, unless
/// phones may do without the outage.
pub(in crate::config) fn reach(scenario: &Scenario, bench: &Bench, phones: &[&Phone]) -> Result<(), Diagnostics> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (number, step) in (1..).zip(scenario.all_steps()).filter(|(_, step)| !step.optional) {
        if let StepKind::Pbx { setting, state } = &step.kind
            && let Some(known) = bench.pbx.get(setting)
            && !known.set.contains_key(state)
        {
            let need = Need::Pbx(setting.clone());
            let states: Vec<_> = known.set.keys().map(String::as_str).collect();
            let message = format!(
                "step {number} of the scenario `{}` sets {need} to `{state}`, which it can not be",
                scenario.name
            );
            found.push(Diagnostic::nowhere(message, suggest(state, &states)));
        }
        let StepKind::Outage(outage) = &step.kind else { continue };
        if outage.link().is_some() && bench.network.as_ref().is_some_and(|network| !network.protected.is_empty()) {
            let message = format!(
                "step {number} of the scenario `{}` can not be: the bench has protected devices, and a link that is down is so \
                 for them as well",
                scenario.name
            );
            let help = "choose another mode, or remove `protected` under [network]";
            found.push(Diagnostic::nowhere(message, help));
        }
        for lacks in bench.lacks_for(outage, phones.iter().copied()) {
            let message = format!("step {number} of the scenario `{}` can not be: it {lacks}", scenario.name);
            let help =
                "choose another mode, mend the bench file, or have phones do without the step by `optional = true`";
            found.push(Diagnostic::nowhere(message, help));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Diagnostics(found)) }
}
