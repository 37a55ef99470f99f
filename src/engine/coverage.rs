//! Interval arithmetic: for how long did no usable server hold a live binding?

use std::time::Duration;

use crate::event::Stamp;

/// A half-open span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: Stamp,
    /// The first instant after it.
    pub until: Stamp,
}

impl Span {
    /// The part of it within `other`, if there is one.
    pub fn within(self, other: Self) -> Option<Self> {
        let clipped = Self { from: self.from.max(other.from), until: self.until.min(other.until) };
        (clipped.from < clipped.until).then_some(clipped)
    }

    /// It without what `holes` cover.
    pub fn minus(self, holes: &[Self]) -> Vec<Self> {
        let mut left = vec![self];
        for hole in holes {
            left = left
                .into_iter()
                .flat_map(|span| {
                    let before = Self { from: span.from, until: span.until.min(hole.from) };
                    let after = Self { from: span.from.max(hole.until), until: span.until };
                    [before, after].into_iter().filter(|part| part.from < part.until)
                })
                .collect();
        }
        left
    }
}

/// How much of `whole` none of `parts` covers. The parts may overlap and come in any order.
pub fn uncovered(whole: Span, parts: &[Span]) -> Duration {
    whole.minus(parts).iter().map(|span| span.until.since(span.from)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(from: u64, until: u64) -> Span {
        Span { from: Stamp(from), until: Stamp(until) }
    }

    #[test]
    fn a_hole_in_the_middle_splits_a_span() {
        assert_eq!(span(0, 10).minus(&[span(3, 5)]), [span(0, 3), span(5, 10)]);
    }

    #[test]
    fn a_hole_outside_changes_nothing() {
        assert_eq!(span(5, 10).minus(&[span(0, 5), span(10, 20)]), [span(5, 10)]);
    }

    proptest! {
        #[test]
        fn uncovered_counts_the_instants_that_no_part_holds(
            parts in proptest::collection::vec((0u64..50, 0u64..20), 0..8),
        ) {
            let whole = span(5, 45);
            let parts: Vec<Span> = parts.into_iter().map(|(from, len)| span(from, from + len)).collect();
            let counted =
                (5..45).filter(|t| !parts.iter().any(|part| (part.from.0..part.until.0).contains(t))).count();
            prop_assert_eq!(uncovered(whole, &parts), Duration::from_nanos(counted as u64));
        }
    }
}
