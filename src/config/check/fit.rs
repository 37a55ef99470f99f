//! Whether phones can do what a scenario asks of them: said before the run, not in the middle of a night.
//!
//! A phone without a keypad is no mistake: its case is skipped, or judged by the wire. A keypad whose model has not the
//! menu or the key is one: a phone passes over a push of a key that it does not know.

use std::collections::BTreeMap;

use super::suggest;
use crate::{
    config::{
        Keypad, Model, Phone, Scenario, StepKind,
        diagnostic::{Diagnostic, Diagnostics},
        keying,
    },
    event::KeyName,
};

/// Checks the steps of a scenario that press keys against the models of the phones that are to press them.
///
/// # Errors
/// Each menu that a phone's model has not, and each key that its board can not press, or that has no name in XML; each once for a model.
pub(in crate::config) fn fit(
    scenario: &Scenario,
    phones: &[&Phone],
    models: &BTreeMap<String, Model>,
) -> Result<(), Diagnostics> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut tell = |finding| {
        if !found.contains(&finding) {
            found.push(finding);
        }
    };
    for (number, step) in (1..).zip(scenario.all_steps()) {
        let named = step.kind.pressed();
        let menus: Vec<&str> = match &step.kind {
            StepKind::Keys { menu, .. } => vec![menu],
            StepKind::Call { act } => act.menus().to_vec(),
            StepKind::Restart => vec![StepKind::RESTART],
            _ if named.is_some() => vec![""],
            _ => continue,
        };
        for (phone, menu) in phones.iter().flat_map(|phone| menus.iter().map(move |menu| (phone, *menu))) {
            let (Some(keypad), Some(model)) = (&phone.keypad, models.get(&phone.model)) else { continue };
            let restart = step.kind == StepKind::Restart;
            if restart && phone.push.is_some() {
                continue;
            }
            let needs = format!("step {number} of the scenario `{}` needs", scenario.name);
            let Some(keys) = named.as_ref().or_else(|| model.menus.get(menu)) else {
                // There may be no way to restart a phone by its keys: its case is skipped.
                if !step.optional && !restart {
                    let menus: Vec<_> = model.menus.keys().map(String::as_str).collect();
                    let message = format!("{needs} the menu `{menu}`, which the model `{}` does not have", model.name);
                    tell(Diagnostic::nowhere(message, suggest(menu, &menus)));
                }
                continue;
            };
            let (lacks, help) = match keypad {
                Keypad::Kp1 { .. } => (
                    "has no place on a key board",
                    "give it a place under [keys] of the model, or write the step or the menu without it",
                ),
                Keypad::Xml => (
                    "has no name in XML",
                    "give it a name under [xml-keys] of the model, or write the step or the menu without it",
                ),
            };
            let pressable = |key: &KeyName| match keypad {
                Keypad::Kp1 { .. } => model.keys.contains_key(key),
                Keypad::Xml => model.xml_keys.contains_key(key),
            };
            for key in keys.iter().filter(|key| !keying::is_placeholder(key) && !pressable(key)) {
                let message = format!("{needs} the key `{key}`, which {lacks} in the model `{}`", model.name);
                tell(Diagnostic::nowhere(message, help));
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Diagnostics(found)) }
}
