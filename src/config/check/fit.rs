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
    event::Stroke,
};

/// What a key lacks that a keypad can not press, and the table of the model where that would stand.
pub(in crate::config) const fn lacking(keypad: &Keypad) -> (&'static str, &'static str) {
    match keypad {
        Keypad::Kp1 { .. } => ("has no place on a key board", "keys"),
        Keypad::Xml => ("has no name in XML", "xml-keys"),
        Keypad::Url { .. } => ("has no name in requests", "url-keys"),
        Keypad::Console => ("can not be typed on a console", "typed-keys"),
        Keypad::Evdev { .. } => ("has no number in input events", "key-codes"),
    }
}

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
            let (lacks, table) = lacking(keypad);
            let help = format!("give it one under [{table}] of the model, or write the step or the menu without it");
            let named = keys.iter().flat_map(Stroke::keys);
            for key in named.filter(|key| !keying::is_placeholder(key) && !model.can_press(keypad, key)) {
                let message = format!("{needs} the key `{key}`, which {lacks} in the model `{}`", model.name);
                tell(Diagnostic::nowhere(message, help.clone()));
            }
            for stroke in keys.iter().filter(|stroke| !model.can_hold(keypad, stroke)) {
                let message = format!(
                    "{needs} `{stroke}`, and a keypad of kind `{}` presses the keys of the model `{}` one by one and briefly",
                    keypad.kind(),
                    model.name
                );
                let help = "write the step or the menu without it, or give the phones a keypad of kind `kp1`";
                tell(Diagnostic::nowhere(message, help));
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Diagnostics(found)) }
}
