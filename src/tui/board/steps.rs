//! The steps that run: that of all phones, or of each that goes its own pace.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{PhoneName, Stamp};

/// The step that runs.
#[derive(Debug, Clone)]
pub struct StepState {
    /// Its index, from 0.
    pub step: usize,
    /// How many there are.
    pub of: usize,
    /// For people.
    pub title: String,
    /// When it began.
    pub began: Stamp,
}

/// Steps by the phones that take them, those of all phones by none; and their order, so that none has to be looked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    of: BTreeMap<Vec<PhoneName>, StepState>,
    order: BTreeSet<(usize, Stamp, Vec<PhoneName>)>,
}

impl Steps {
    /// Some phones begin a step.
    pub fn begin(&mut self, phones: &[PhoneName], state: StepState) {
        if phones.is_empty() {
            self.clear();
        }
        self.order.insert((state.step, state.began, phones.to_vec()));
        if let Some(before) = self.of.insert(phones.to_vec(), state.clone())
            && (before.step, before.began) != (state.step, state.began)
        {
            self.order.remove(&(before.step, before.began, phones.to_vec()));
        }
    }

    /// The one that is told of: where phones go at their own pace, that of the last of them.
    pub fn last(&self) -> Option<&StepState> {
        self.of.get(&self.order.first()?.2)
    }

    /// A scenario is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_those_that_go_at_their_own_pace_is_told_of() {
        let mut steps = Steps::default();
        let mut begin = |phone: &str, step: usize, at: u64| {
            let phones: &[PhoneName] = if phone.is_empty() { &[] } else { &[phone.into()] };
            let state = StepState { step, of: 9, title: format!("{phone} {step}"), began: Stamp(at) };
            steps.begin(phones, state);
            steps.last().unwrap().title.clone()
        };
        assert_eq!(begin("", 0, 1), " 0");
        // Those of each phone come after what all of them did together, and the earliest counts.
        assert_eq!(begin("p1", 1, 2), " 0");
        assert_eq!(begin("", 1, 3), " 1");
        assert_eq!(begin("p1", 2, 4), " 1");
        steps.clear();
        let mut begin = |phone: &str, step: usize, at: u64| {
            steps.begin(&[phone.into()], StepState { step, of: 9, title: format!("{phone} {step}"), began: Stamp(at) });
            steps.last().unwrap().title.clone()
        };
        assert_eq!(begin("p1", 1, 5), "p1 1");
        assert_eq!(begin("p2", 1, 6), "p1 1");
        assert_eq!(begin("p1", 2, 7), "p2 1");
        assert_eq!(begin("p1", 3, 8), "p2 1");
        assert_eq!(begin("p2", 2, 9), "p2 2");
        assert_eq!(begin("p2", 2, 9), "p2 2", "told twice, it is still there");
    }
}
