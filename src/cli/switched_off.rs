//! Interfaces that are switched off for outages: whether that may be, and those that a siprig before this one has left so, because
//! it was killed and its guardian with it.

use super::{changes::ChangesFile, error::UserError, exit::Exit, net::unreadable};
use crate::{
    bridge::{LinkSwitch, protocol::Refusal, survey},
    config::{Network, Scenario, StepKind},
    driver::network::NetworkError,
    look::harmless,
};

/// Why it takes a word to take a link down.
pub const WHY: &str =
    "everybody behind it is cut off, and the far end may take seconds to come back (negotiation, spanning tree)";

/// Whether these scenarios may take down the links that they take down; `may` says that it was said so.
///
/// # Errors
/// If it was not said so.
pub fn allowed<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>, may: bool) -> Result<(), UserError> {
    let takes_down = |step: &crate::config::Step| match &step.kind {
        StepKind::Outage(outage) => outage.link(),
        _ => None,
    };
    let first = scenarios.into_iter().find_map(|it| it.all_steps().find_map(takes_down).map(|side| (&it.name, side)));
    match first {
        Some((scenario, side)) if !may => {
            let message = format!("scenario `{}` takes the link of the {side} side down: {WHY}", harmless(scenario));
            Err(UserError::new(Exit::Usage, message, "add --allow-link-down if that may be"))
        }
        _ => Ok(()),
    }
}

/// Switches an interface on again that is noted as switched off, and tells so by `say`. Whoever calls holds the lock on it.
///
/// # Errors
/// If it can not be switched on: nothing would show anything on it.
pub fn switch_on_again(network: &Network, say: impl Fn(&str)) -> Result<(), UserError> {
    let file = ChangesFile::of(network)?;
    let Some(off) = file.read()?.off else { return Ok(()) };
    let name = &off.interface;
    if let Some((index, false)) = survey::switched_on(name).map_err(|error| unreadable(&error))? {
        let since = &off.since;
        say(&format!(
            "{name} was switched off by a siprig that did not switch it on again, since {since}; switching it on"
        ));
        let switched = LinkSwitch::open().and_then(|mut switch| switch.on(index));
        switched.map_err(|error| {
            UserError::from(NetworkError::from(Refusal::from_io(format!("switch `{name}` on again"), &error)))
        })?;
    }
    file.note_on()
}
