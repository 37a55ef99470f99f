//! What is pressed through all keypads at once, so that each console shows whose keypad it heard: a word of two keys for each
//! keypad, none like another, in which both come equally often, so that a volume ends as it was.

use std::collections::BTreeSet;

use crate::event::KeyName;

/// The words for keypads that can press these pairs of keys, in their order; none: it has to be pressed alone. All of them are
/// equally long, so that no part of one is another.
pub(super) fn words(pairs: &[Option<[KeyName; 2]>]) -> Vec<Option<Vec<KeyName>>> {
    let many = pairs.iter().flatten().count();
    let half = (1..=MOST_HALF).find(|half| balanced(*half).len() >= many).unwrap_or(MOST_HALF);
    let patterns = balanced(half);
    let mut given = BTreeSet::new();
    let word = |pair: &Option<[KeyName; 2]>| {
        let [low, high] = pair.as_ref()?;
        let spelt = patterns.iter().map(|pattern| pattern.iter().map(|up| if *up { high } else { low }));
        let spelt = spelt.map(|word| word.cloned().collect::<Vec<_>>());
        let word = spelt.into_iter().find(|word| !given.contains(word))?;
        given.insert(word.clone());
        Some(word)
    };
    pairs.iter().map(word).collect()
}

/// Words of up to ten keys: 252 of them.
const MOST_HALF: usize = 5;

/// All sequences of twice that many, in which half are set.
fn balanced(half: usize) -> Vec<Vec<bool>> {
    let length = 2 * half;
    let numbers = (0_u32..1 << length).filter(|number| number.count_ones() as usize == half);
    numbers.map(|number| (0..length).map(|at| number >> at & 1 == 1).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(low: &str, high: &str) -> Option<[KeyName; 2]> {
        Some([low.into(), high.into()])
    }

    #[test]
    fn forty_keypads_have_words_of_eight_keys_none_like_another_and_each_balanced() {
        let words = words(&vec![pair("voldown", "volup"); 40]);
        let all: BTreeSet<_> = words.iter().flatten().collect();
        assert_eq!(all.len(), 40);
        for word in all {
            let downs = word.iter().filter(|key| **key == "voldown".into()).count();
            assert_eq!((word.len(), downs), (8, 4));
        }
    }

    #[test]
    fn few_have_short_ones_and_what_has_no_pair_of_keys_has_none() {
        let words = words(&[pair("voldown", "volup"), None, pair("voldown", "volup")]);
        let lengths: Vec<_> = words.iter().map(|word| word.as_ref().map(Vec::len)).collect();
        assert_eq!(lengths, [Some(2), None, Some(2)]);
        assert_ne!(words[0], words[2]);
    }
}
