//! A map that holds so many and forgets what was not touched for longest.

use std::{collections::HashMap, hash::Hash};

/// At most so many values by key; the one that was touched least recently is the first to go. Order comes from touches, not
/// from hashing: the same calls give the same results. Once it is full nothing in it needs memory any more.
#[derive(Debug, Clone)]
pub struct Recent<K, V> {
    places: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    /// Slots without a value.
    free: Vec<usize>,
    /// The slots that were touched least and most recently.
    oldest: Option<usize>,
    newest: Option<usize>,
    most: usize,
}

/// A link in the chain from the oldest to the newest.
#[derive(Debug, Clone)]
struct Slot<K, V> {
    /// None: it is free.
    entry: Option<(K, V)>,
    older: Option<usize>,
    newer: Option<usize>,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// Empty; will hold at most that many, and one at least.
    pub fn new(most: usize) -> Self {
        Self {
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: None,
            newest: None,
            most: most.max(1),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The value of a key, untouched.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.value(*self.places.get(key)?)
    }

    /// The value of a key, which keeps its turn.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = *self.places.get(key)?;
        self.slots.get_mut(place)?.entry.as_mut().map(|(_, value)| value)
    }

    /// The value of a key, which is thereby touched.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        // Question and answer follow one another: often it is the same one again.
        let place = match self.newest.filter(|newest| self.is_of(*newest, key)) {
            Some(newest) => newest,
            None => {
                let place = *self.places.get(key)?;
                self.unlink(place);
                self.link(place);
                place
            }
        };
        self.slots.get_mut(place)?.entry.as_mut().map(|(_, value)| value)
    }

    /// Puts a value in, touched; gives back the one that had to go, if there was no room: that of the same key first.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let gone = match self.remove(&key) {
            Some(same) => Some((key, same)),
            None if self.len() >= self.most => self.pop(),
            None => None,
        };
        let slot = Slot { entry: Some((key, value)), older: None, newer: None };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(key, place);
        self.link(place);
        gone
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        self.unlink(place);
        self.free.push(place);
        self.slots.get_mut(place)?.entry.take().map(|(_, value)| value)
    }

    /// The one that was touched least recently.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        let slot = self.slots.get(self.oldest?)?;
        slot.entry.as_ref().map(|(key, value)| (key, value))
    }

    /// Takes out the one that was touched least recently.
    pub fn pop(&mut self) -> Option<(K, V)> {
        let (key, _) = self.oldest()?;
        let key = *key;
        Some((key, self.remove(&key)?))
    }

    fn value(&self, place: usize) -> Option<&V> {
        self.slots.get(place)?.entry.as_ref().map(|(_, value)| value)
    }

    fn is_of(&self, place: usize, key: &K) -> bool {
        self.slots.get(place).and_then(|slot| slot.entry.as_ref()).is_some_and(|(known, _)| known == key)
    }

    /// Takes a slot out of the chain.
    fn unlink(&mut self, place: usize) {
        let (older, newer) = (self.slots[place].older, self.slots[place].newer);
        match older {
            Some(older) => self.slots[older].newer = newer,
            None => self.oldest = newer,
        }
        match newer {
            Some(newer) => self.slots[newer].older = older,
            None => self.newest = older,
        }
    }

    /// Puts a slot at the new end of the chain.
    fn link(&mut self, place: usize) {
        (self.slots[place].older, self.slots[place].newer) = (self.newest, None);
        match self.newest {
            Some(newest) => self.slots[newest].newer = Some(place),
            None => self.oldest = Some(place),
        }
        self.newest = Some(place);
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
                prop_assert!(recent.slots.len() <= most);
                prop_assert_eq!(recent.oldest().map(|(key, value)| (*key, *value)), list.first().copied());
            }
        }
    }
}
