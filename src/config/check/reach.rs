//! Whether the bench lets a scenario do to servers what it asks for: said before the run.

use crate::config::{
    Bench, Phone, Scenario, StepKind,
    diagnostic::{Diagnostic, Diagnostics},
};

/// Checks the outages of a scenario against the servers of the phones under test.
///
/// # Errors
/// Each link that goes down in spite of devices that no outage may touch; each server that an outage makes unresolvable and that is behind a router, or takes the names of and that has none, unless
/// phones may do without the outage.
pub(in crate::config) fn reach(scenario: &Scenario, bench: &Bench, phones: &[&Phone]) -> Result<(), Diagnostics> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (number, step) in (1..).zip(scenario.all_steps()).filter(|(_, step)| !step.optional) {
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
