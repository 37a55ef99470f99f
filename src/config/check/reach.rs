//! Whether the bench lets a scenario do to servers what it asks for: said before the run.

use crate::{
    config::{
        Bench, ModePlan, OutagePlan, Phone, Scenario, StepKind,
        diagnostic::{Diagnostic, Diagnostics},
    },
    event::Manner,
};

/// Checks the outages of a scenario against the servers of the phones under test.
///
/// # Errors
/// Each server that an outage makes unresolvable and that is behind a router.
pub(in crate::config) fn reach(scenario: &Scenario, bench: &Bench, phones: &[&Phone]) -> Result<(), Diagnostics> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (number, step) in (1..).zip(scenario.all_steps()) {
        let StepKind::Outage(outage) = &step.kind else { continue };
        let servers = bench.led_to(outage, phones.iter().copied()).filter(|_| is_of_link(outage));
        for flaw in servers.filter_map(|server| server.off_link(&bench.servers)) {
            let message = format!("step {number} of the scenario `{}` can not be: {flaw}", scenario.name);
            let help = "choose another mode, or take `gateway` out if the server is on the link";
            found.push(Diagnostic::nowhere(message, help));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Diagnostics(found)) }
}

/// Whether it takes what the ends find each other by on the link.
fn is_of_link(outage: &OutagePlan) -> bool {
    let ModePlan::Plain(mode) = &outage.mode else { return false };
    mode.course().phases.iter().any(|phase| phase.manner == Manner::Unresolvable)
}
