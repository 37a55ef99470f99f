//! Sets of stream positions.

use std::{collections::BTreeMap, ops::Range};

/// Disjoint ranges, start to end.
#[derive(Debug, Clone, Default)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a range that overlaps none that is there.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // Joined with its left neighbour, so that a long loss stays one entry.
        if let Some((_, end)) = self.0.range_mut(..range.start).next_back()
            && *end == range.start
        {
            *end = range.end;
        } else {
            self.0.insert(range.start, range.end);
        }
    }

    /// Takes every position of a range away.
    pub fn remove(&mut self, range: &Range<u64>) {
        while let Some((start, end)) = self.overlapping(range) {
            self.0.remove(&start);
            if start < range.start {
                self.0.insert(start, range.start);
            }
            if end > range.end {
                self.0.insert(range.end, end);
            }
        }
    }

    /// Whether any position of a range is in the set.
    pub fn touches(&self, range: &Range<u64>) -> bool {
        self.overlapping(range).is_some()
    }

    fn overlapping(&self, range: &Range<u64>) -> Option<(u64, u64)> {
        let (start, end) = self.0.range(..range.end).next_back()?;
        (*end > range.start && !range.is_empty()).then_some((*start, *end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_behave_like_a_set_of_positions(
            steps in prop::collection::vec((any::<bool>(), 0..40_u64, 0..12_u64), 0..30),
        ) {
            let (mut ranges, mut model) = (Ranges::default(), BTreeSet::new());
            for (add, start, len) in steps {
                let range = start..start + len;
                prop_assert_eq!(ranges.touches(&range), range.clone().any(|at| model.contains(&at)));
                ranges.remove(&range);
                model.retain(|at| !range.contains(at));
                if add {
                    ranges.add(range.clone());
                    model.extend(range);
                }
            }
            for at in 0..60 {
                prop_assert_eq!(ranges.touches(&(at..at + 1)), model.contains(&at));
            }
        }
    }
}
