//! The keys of a phone, and by which keys of the terminal they are pressed: digits are digits, arrows are arrows, and all others have
//! letters, so many at a time as have room beside the dial pad.

use super::key::Key;
use crate::{
    config::{KeyGroup, Keypad, Model, Plan},
    event::{Hold, KeyName, PhoneName, Stroke},
};

/// How many keys have a letter at a time.
pub const PAGE: usize = 22;

/// The dial pad as phones have it.
pub const DIAL: [[char; 3]; 4] = [['1', '2', '3'], ['4', '5', '6'], ['7', '8', '9'], ['*', '0', '#']];

/// Keys that move through menus, by what their names end with.
const ARROWS: [(&str, Key); 4] = [("up", Key::Up), ("down", Key::Down), ("left", Key::Left), ("right", Key::Right)];

/// The keys of one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyboard {
    dial: Vec<KeyName>,
    arrows: Vec<(Key, KeyName)>,
    /// All others, in their groups.
    pub others: Vec<KeyName>,
    /// The one that dials what was typed; on most phones it picks up as well.
    pub sends: Option<KeyName>,
    holds: bool,
}

impl Keyboard {
    /// That of a phone, as far as its keypad reaches it.
    ///
    /// # Errors
    /// Why nothing can be pressed on it.
    pub fn of(plan: &Plan, phone: &PhoneName) -> Result<Self, &'static str> {
        let phone = plan.phone(phone).ok_or("no phone of the run has that name")?;
        let keypad = phone.keypad.as_ref().ok_or("the bench names no keypad for this phone")?;
        let model = plan.model_of(phone).ok_or("nothing is known of the keys of this phone")?;
        Ok(Self::by(model, keypad))
    }

    fn by(model: &Model, keypad: &Keypad) -> Self {
        let (mut dial, mut arrows, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for key in model.all_keys().into_iter().filter(|key| model.can_press(keypad, key)) {
            let group = model.groups.get(&key).copied().unwrap_or_else(|| KeyGroup::of_name(&key.0));
            let arrow = ARROWS.iter().find(|(name, _)| group == KeyGroup::Navigation && key.0.ends_with(name));
            match (group, arrow) {
                (KeyGroup::Keypad, _) => dial.push(key),
                (_, Some((_, arrow))) => arrows.push((*arrow, key)),
                _ => others.push((rank(group), number(&key), key)),
            }
        }
        others.sort();
        let others = others.into_iter().map(|(_, _, key)| key).collect();
        let held = Stroke::Press { keys: vec![KeyName::from("x")], hold: Hold::Long };
        let sends = match model.menus.get("send").map(Vec::as_slice) {
            Some([stroke]) => stroke.plain().filter(|key| model.can_press(keypad, key)).cloned(),
            _ => None,
        };
        Self { dial, arrows, others, sends, holds: model.can_hold(keypad, &held) }
    }

    /// Whether keys can be held.
    pub const fn holds(&self) -> bool {
        self.holds
    }

    /// Whether the dial pad has that.
    pub fn dials(&self, char: char) -> Option<&KeyName> {
        let name = match char {
            '*' => "star".to_owned(),
            '#' => "pound".to_owned(),
            digit => digit.to_string(),
        };
        self.dial.iter().find(|key| key.0 == name)
    }

    /// What an arrow presses.
    pub fn arrow(&self, arrow: Key) -> Option<&KeyName> {
        self.arrows.iter().find(|(key, _)| *key == arrow).map(|(_, name)| name)
    }

    /// The keys that have letters, `first` being the first of them.
    pub fn lettered(&self, first: usize) -> impl Iterator<Item = (char, &KeyName)> {
        ('a'..='z').zip(self.others.iter().skip(first).take(PAGE))
    }

    /// What a key of the terminal presses.
    pub fn key(&self, pressed: Key, first: usize) -> Option<&KeyName> {
        match pressed {
            Key::Char(char) => self
                .dials(char)
                .or_else(|| self.lettered(first).find(|(letter, _)| *letter == char).map(|(_, key)| key)),
            Key::Enter => self.sends.as_ref(),
            arrow => self.arrow(arrow),
        }
    }
}

/// Groups in the order in which one looks for them.
const fn rank(group: KeyGroup) -> u8 {
    match group {
        KeyGroup::Function => 0,
        KeyGroup::Volume => 1,
        KeyGroup::Line => 2,
        KeyGroup::Soft => 3,
        KeyGroup::TopSoft => 4,
        KeyGroup::Programmable => 5,
        KeyGroup::Navigation | KeyGroup::Keypad => 6,
    }
}

/// `softkey10` comes after `softkey9`.
fn number(key: &KeyName) -> u16 {
    let digits = key.0.len() - key.0.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    key.0[key.0.len() - digits..].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    fn keyboard(model: &str, keypad: &Keypad) -> Keyboard {
        Keyboard::by(&load::model(model, Path::new(load::RIG)).unwrap(), keypad)
    }

    #[test]
    fn every_key_that_a_keypad_reaches_can_be_pressed_by_one_key_of_the_terminal() {
        let board = Keypad::Kp1 { port: "/dev/null".into(), unit: 1 };
        for (model, keypad) in [("aastra-6731i", &board), ("aastra-6757i", &board), ("aastra-6739i", &Keypad::Xml)] {
            let keyboard = keyboard(model, keypad);
            let model = load::model(model, Path::new(load::RIG)).unwrap();
            let mut reached = Vec::new();
            let dial = DIAL.as_flattened().iter().map(|char| Key::Char(*char));
            let fixed: Vec<Key> = dial.chain([Key::Up, Key::Down, Key::Left, Key::Right]).collect();
            reached.extend(fixed.into_iter().filter_map(|key| keyboard.key(key, 0).cloned()));
            for first in (0..keyboard.others.len()).step_by(PAGE) {
                let letters = ('a'..='z').map(Key::Char);
                reached.extend(letters.filter_map(|key| keyboard.key(key, first).cloned()));
            }
            reached.sort();
            let all: Vec<KeyName> = model.all_keys().into_iter().filter(|key| model.can_press(keypad, key)).collect();
            assert_eq!(reached, all, "{}", model.name);
        }
        assert!(!keyboard("aastra-6739i", &Keypad::Xml).holds(), "keys that are pushed can not be held");
    }

    #[test]
    fn keys_stand_in_their_groups_and_in_the_order_of_their_numbers() {
        let names: Vec<String> = keyboard("aastra-6739i", &Keypad::Xml).others.into_iter().map(|key| key.0).collect();
        let at = |name: &str| names.iter().position(|it| it == name).unwrap();
        assert!(at("goodbye") < at("volup") && at("volup") < at("line1") && at("softkey9") < at("softkey10"));
    }
}
