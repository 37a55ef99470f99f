//! Checks of a model's keys: places, names in XML, groups, and the menus that they bring up.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use toml::Spanned;

use super::{Findings, suggest};
use crate::{
    config::{
        model::{Assignable, KeyGroup, KeyUrl, Model, Pressing, XmlNames},
        raw,
    },
    event::{KeyName, Stroke, stroke},
};

/// All that is known of a model's keys.
pub(super) struct Keys {
    /// By their places in a matrix.
    pub(super) wired: BTreeMap<KeyName, String>,
    pub(super) unwired: BTreeSet<KeyName>,
    pub(super) xml_names: Option<XmlNames>,
    pub(super) xml_keys: BTreeMap<KeyName, String>,
    pub(super) url: BTreeMap<KeyName, String>,
    pub(super) typed: BTreeMap<KeyName, String>,
    pub(super) codes: BTreeMap<KeyName, u16>,
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
            tell_misnamed(key, position.span(), findings);
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
            url: base.url_keys.clone(),
            typed: base.typed_keys.clone(),
            codes: base.key_codes.clone(),
            groups: base.groups.clone(),
        };
        keys.name_for_others(raw, findings);
        keys.name_and_group(raw, findings);
        keys
    }

    /// What keys are called by what presses them otherwise than by a board or in XML. They need no place in a matrix.
    fn name_for_others(&mut self, raw: &raw::Model, findings: &mut Findings<'_>) {
        let tables = [
            (&raw.url_keys, &mut self.url, "name of a key in a request", "write it as the phone's maker does, as `OK`"),
            (&raw.typed_keys, &mut self.typed, "thing to type", "write what is typed for the key, as `a`"),
        ];
        for (table, names, what, help) in tables {
            for (key, name) in table {
                tell_misnamed(key.get_ref(), key.span(), findings);
                if name.get_ref().is_empty() {
                    findings.at(name.span(), format!("an empty text is no {what}"), help);
                }
                names.insert(KeyName(key.get_ref().clone()), name.get_ref().clone());
            }
        }
        for (key, code) in &raw.key_codes {
            tell_misnamed(key.get_ref(), key.span(), findings);
            // KEY_MAX of linux/input-event-codes.h.
            if let Some(code) = findings.integer(code, "number of a key", (1, 0x2FF)) {
                self.codes.insert(KeyName(key.get_ref().clone()), code);
            }
        }
    }

    fn name_and_group(&mut self, raw: &raw::Model, findings: &mut Findings<'_>) {
        let by_others = self.url.keys().chain(self.typed.keys()).chain(self.codes.keys()).cloned();
        for key in by_others.collect::<Vec<_>>() {
            self.groups.entry(key.clone()).or_insert_with(|| KeyGroup::of_name(&key.0));
        }
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
        self.names().contains(&key)
    }

    fn names(&self) -> Vec<&str> {
        let others = self.url.keys().chain(self.typed.keys()).chain(self.codes.keys());
        self.wired.keys().chain(&self.unwired).chain(others).map(|key| key.0.as_str()).collect()
    }

    /// The sequences of the file over those of the model that it extends, all of keys that there are.
    pub(super) fn menus(
        &self,
        raw: &raw::Model,
        mut menus: BTreeMap<String, Vec<Stroke>>,
        findings: &mut Findings<'_>,
    ) -> BTreeMap<String, Vec<Stroke>> {
        for (menu, sequence) in &raw.menus {
            let mut strokes = Vec::new();
            for text in sequence.get_ref() {
                let Some(stroke) = read(text, findings) else { continue };
                for key in stroke.keys().iter().filter(|key| !self.has(&key.0)) {
                    let message = format!("the menu `{menu}` needs a key `{key}`, which the model does not have");
                    findings.at(text.span(), message, suggest(&key.0, &self.names()));
                }
                strokes.push(stroke);
            }
            if sequence.get_ref().is_empty() {
                let message = format!("the menu `{menu}` has no keys");
                findings.at(sequence.span(), message, "list keys of [keys], or remove it");
            }
            menus.insert(menu.clone(), strokes);
        }
        menus
    }
}

/// A stroke as it is written; says what is wrong with it if it is none.
pub(super) fn read(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<Stroke> {
    let help = "write a key of the model, as `options`; held, as `options:1.5s` or `options:long`; several at once, as \
                `volup+mute`; or a pause, as `~400ms`";
    text.get_ref().parse().map_err(|error: stroke::StrokeError| findings.at(text.span(), error.to_string(), help)).ok()
}

/// Requests that press keys.
pub(super) fn url(raw: &Spanned<raw::KeyUrl>, findings: &mut Findings<'_>) -> Option<KeyUrl> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let help = "write a path with `{key}` in it, as `press = \"/command.htm?key={key}\"`";
    let press = findings.required(raw.press.as_ref(), span, "it is not said which request presses a key", help);
    let mut fits = |text: &Spanned<String>, needs: &[&str]| {
        let path = text.get_ref();
        let good = path.starts_with('/')
            && needs.iter().all(|part| path.contains(part))
            && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !good {
            findings.at(text.span(), format!("`{path}` is no path that names a key"), help);
        }
        good.then(|| path.clone())
    };
    let press = press.and_then(|press| fits(press, &["{key}"]));
    let hold = raw.hold.as_ref().and_then(|hold| fits(hold, &["{key}", "{ms}"]));
    Some(KeyUrl { press: press?, hold, allow: super::plain(&raw.allow) })
}

/// The times of the file over those of the model that it extends.
pub(super) fn pressing(raw: &raw::Pressing, base: Pressing, findings: &mut Findings<'_>) -> Pressing {
    let mut time = |text: &raw::Text, base: Duration, least: u64| {
        let range = (Duration::from_millis(least), stroke::LONGEST);
        text.as_ref().and_then(|text| findings.duration(text, range)).unwrap_or(base)
    };
    Pressing {
        hold: time(&raw.hold, base.hold, 1),
        gap: time(&raw.gap, base.gap, 0),
        long: time(&raw.long, base.long, 1),
    }
}

/// `row.column`, both small numbers.
fn is_position(text: &str) -> bool {
    let small = |digits: &str| digits.parse::<u8>().is_ok_and(|number| number < 32);
    text.split_once('.').is_some_and(|(row, column)| small(row) && small(column))
}

/// A name that no stroke could hold is one that nothing could press.
fn tell_misnamed(key: &str, span: Range<usize>, findings: &mut Findings<'_>) {
    if !stroke::is_name(key) || key.starts_with('{') {
        let help = "write it in lower-case letters, digits, `-` and `_`";
        findings.at(span, format!("`{key}` can not be the name of a key"), help);
    }
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
