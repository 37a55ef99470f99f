//! Checks of a model's keys: places, names in XML, groups, and the menus that they bring up.

use std::collections::{BTreeMap, BTreeSet};

use toml::Spanned;

use super::{Findings, suggest};
use crate::{
    config::{
        model::{Assignable, KeyGroup, Model, XmlNames},
        raw,
    },
    event::KeyName,
};

/// All that is known of a model's keys.
pub(super) struct Keys {
    /// By their places in a matrix.
    pub(super) wired: BTreeMap<KeyName, String>,
    pub(super) unwired: BTreeSet<KeyName>,
    pub(super) xml_names: Option<XmlNames>,
    pub(super) xml_keys: BTreeMap<KeyName, String>,
    pub(super) groups: BTreeMap<KeyName, KeyGroup>,
}

impl Keys {
    /// Those of the file over those of the model that it extends.
    pub(super) fn of(raw: &raw::Model, base: &Model, findings: &mut Findings<'_>) -> Self {
        let (mut wired, mut unwired) = (base.keys.clone(), base.unwired.clone());
        for (key, position) in &raw.keys {
            if !is_position(position.get_ref()) {
                let message = format!("`{}` is no position in a key matrix", position.get_ref());
                findings.at(position.span(), message, "write row and column, as `3.1`, each between 0 and 31");
            }
            unwired.remove(&KeyName(key.clone()));
            wired.insert(KeyName(key.clone()), position.get_ref().clone());
        }
        tell_shared_places(raw, &wired, findings);
        for key in &raw.unwired {
            if raw.keys.contains_key(key.get_ref()) {
                let message = format!("the key `{}` has a place, so it is wired", key.get_ref());
                findings.at(key.span(), message, "leave it out here, or in [keys]");
            }
            let name = KeyName(key.get_ref().clone());
            wired.remove(&name);
            unwired.insert(name);
        }
        let rules = [("aastra", XmlNames::Aastra)];
        let rule = raw.xml_names.as_ref().and_then(|word| findings.word(word, "rule for names in XML", &rules));
        let mut keys = Self {
            wired,
            unwired,
            xml_names: rule.or(base.xml_names),
            xml_keys: base.xml_keys.clone(),
            groups: base.groups.clone(),
        };
        keys.name_and_group(raw, findings);
        keys
    }

    fn name_and_group(&mut self, raw: &raw::Model, findings: &mut Findings<'_>) {
        let known: Vec<KeyName> = self.wired.keys().chain(&self.unwired).cloned().collect();
        for key in &known {
            if let Some(name) = self.xml_names.and_then(|rule| rule.of(&key.0)) {
                self.xml_keys.entry(key.clone()).or_insert(name);
            }
            self.groups.entry(key.clone()).or_insert_with(|| KeyGroup::of_name(&key.0));
        }
        for (key, name) in &raw.xml_keys {
            let fits = name
                .get_ref()
                .strip_prefix("Key:")
                .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()));
            if !fits {
                let message = format!("`{}` is no name of a key in XML", name.get_ref());
                findings.at(name.span(), message, "write it as `Key:PrgKey1`");
            }
            if self.is_known(key, findings) {
                self.xml_keys.insert(KeyName(key.get_ref().clone()), name.get_ref().clone());
            }
        }
        for (word, keys) in &raw.groups {
            let group = findings.word(word, "group of keys", &KeyGroup::WORDS);
            for key in keys {
                if self.is_known(key, findings)
                    && let Some(group) = group
                {
                    self.groups.insert(KeyName(key.get_ref().clone()), group);
                }
            }
        }
    }

    /// Whether the model has the key; says so if not.
    fn is_known(&self, key: &Spanned<String>, findings: &mut Findings<'_>) -> bool {
        let found = self.has(key.get_ref());
        if !found {
            let message = format!("the model has no key `{}`", key.get_ref());
            findings.at(key.span(), message, suggest(key.get_ref(), &self.names()));
        }
        found
    }

    fn has(&self, key: &str) -> bool {
        self.wired.keys().chain(&self.unwired).any(|known| known.0 == key)
    }

    fn names(&self) -> Vec<&str> {
        self.wired.keys().chain(&self.unwired).map(|key| key.0.as_str()).collect()
    }

    /// The sequences of the file over those of the model that it extends, all of keys that there are.
    pub(super) fn menus(
        &self,
        raw: &raw::Model,
        mut menus: BTreeMap<String, Vec<KeyName>>,
        findings: &mut Findings<'_>,
    ) -> BTreeMap<String, Vec<KeyName>> {
        for (menu, sequence) in &raw.menus {
            for key in sequence.get_ref() {
                if !self.has(key.get_ref()) {
                    let message =
                        format!("the menu `{menu}` needs a key `{}`, which the model does not have", key.get_ref());
                    findings.at(key.span(), message, suggest(key.get_ref(), &self.names()));
                }
            }
            if sequence.get_ref().is_empty() {
                let message = format!("the menu `{menu}` has no keys");
                findings.at(sequence.span(), message, "list keys of [keys], or remove it");
            }
            menus.insert(menu.clone(), sequence.get_ref().iter().map(|key| KeyName(key.get_ref().clone())).collect());
        }
        menus
    }
}

/// `row.column`, both small numbers.
fn is_position(text: &str) -> bool {
    let small = |digits: &str| digits.parse::<u8>().is_ok_and(|number| number < 32);
    text.split_once('.').is_some_and(|(row, column)| small(row) && small(column))
}

/// Two keys at one place can not be told apart. Told at the file's own key, which may clash with an inherited one.
fn tell_shared_places(raw: &raw::Model, wired: &BTreeMap<KeyName, String>, findings: &mut Findings<'_>) {
    for (key, position) in &raw.keys {
        let other = wired.iter().find(|(other, place)| other.0 != *key && *place == position.get_ref());
        if let Some((other, place)) = other {
            let message = format!("the keys `{key}` and `{other}` are both at {place}");
            findings.at(position.span(), message, "give each key a place of its own");
        }
    }
}

/// The numbers of the file over those of the model that it extends.
pub(super) fn assignable(raw: Option<&raw::Assignable>, base: Assignable, findings: &mut Findings<'_>) -> Assignable {
    let Some(raw) = raw else { return base };
    let mut count = |value: &Option<Spanned<i64>>, base: u8, limit: i64| {
        value.as_ref().map_or(Some(base), |value| findings.integer(value, "number of keys", (0, limit))).unwrap_or(base)
    };
    Assignable {
        programmable: count(&raw.programmable, base.programmable, 99),
        soft: count(&raw.soft, base.soft, 99),
        top_soft: count(&raw.top_soft, base.top_soft, 99),
        expansion_modules: count(&raw.expansion_modules, base.expansion_modules, 9),
    }
}
