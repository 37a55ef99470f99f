//! A map that holds so many and forgets what was not touched for longest.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// At most so many values by key; the one that was touched least recently is the first to go. Order comes from turns, not
/// from hashing: the same calls give the same results.
#[derive(Debug, Clone)]
pub struct Recent<K, V> {
    values: HashMap<K, (u64, V)>,
    /// Turn of the last touch to key.
    turns: BTreeMap<u64, K>,
    turn: u64,
    most: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// Empty; will hold at most that many, and one at least.
    pub fn new(most: usize) -> Self {
        Self { values: HashMap::new(), turns: BTreeMap::new(), turn: 0, most: most.max(1) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a key, untouched.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// The value of a key, which is thereby touched.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let (turn, value) = self.values.get_mut(key)?;
        if *turn != self.turn {
            self.turns.remove(turn);
            self.turn += 1;
            *turn = self.turn;
            self.turns.insert(self.turn, *key);
        }
        Some(value)
    }

    /// The value of a key, which keeps its turn.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value)
    }

    /// Puts a value in, touched; gives back the one that had to go, if there was no room: that of the same key first.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let gone = match self.remove(&key) {
            Some(same) => Some((key, same)),
            None if self.values.len() >= self.most => self.pop(),
            None => None,
        };
        self.turn += 1;
        self.values.insert(key, (self.turn, value));
        self.turns.insert(self.turn, key);
        gone
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (turn, value) = self.values.remove(key)?;
        self.turns.remove(&turn);
        Some(value)
    }

    /// The one that was touched least recently.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        let (_, key) = self.turns.first_key_value()?;
        Some((key, self.get(key)?))
    }

    /// Takes out the one that was touched least recently.
    pub fn pop(&mut self) -> Option<(K, V)> {
        let (_, key) = self.turns.pop_first()?;
        let (_, value) = self.values.remove(&key)?;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_touched_least_recently_goes_first() {
        let mut recent = Recent::new(2);
        assert_eq!(recent.insert('a', 1), None);
        assert_eq!(recent.insert('b', 2), None);
        assert_eq!(recent.touch(&'a'), Some(&mut 1));
        assert_eq!(recent.get(&'b'), Some(&2), "looking is not touching");
        assert_eq!(recent.insert('c', 3), Some(('b', 2)));
        assert_eq!(recent.insert('a', 4), Some(('a', 1)), "its own place is room enough");
        assert_eq!((recent.pop(), recent.pop(), recent.pop()), (Some(('c', 3)), Some(('a', 4)), None));
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_list_by_age(
            most in 1..5_usize,
            steps in prop::collection::vec((0..4_u8, 0..8_u8), 0..60),
        ) {
            let mut recent = Recent::new(most);
            let mut list: Vec<(u8, usize)> = Vec::new();
            for (value, (step, key)) in steps.into_iter().enumerate() {
                let place = list.iter().position(|(known, _)| *known == key);
                match step {
                    0 | 1 => {
                        let gone = place.or((list.len() >= most).then_some(0)).map(|place| list.remove(place));
                        prop_assert_eq!(recent.insert(key, value), gone);
                        list.push((key, value));
                    }
                    2 => {
                        let touched = place.map(|place| list.remove(place));
                        prop_assert_eq!(recent.touch(&key).copied(), touched.map(|(_, value)| value));
                        list.extend(touched);
                    }
                    _ => prop_assert_eq!(recent.remove(&key), place.map(|place| list.remove(place).1)),
                }
                prop_assert_eq!(recent.len(), list.len());
                prop_assert_eq!(recent.oldest().map(|(key, value)| (*key, *value)), list.first().copied());
            }
        }
    }
}
