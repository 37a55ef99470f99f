//! How many rows a silence has in a ladder: in proportion to how long it was, to one scale for all that is kept, and never so many
//! that they fill the screen.

use std::time::Duration;

use crate::event::Stamp;

/// What is shorter than that is no silence.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// What a row may stand for, in seconds: a second to a day, in steps that people count in.
const STEPS: [u64; 17] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

/// How long a row of silence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    row: Duration,
    most: usize,
}

/// The rows of a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    /// How many.
    pub rows: usize,
    /// They are too few for it: it is broken.
    pub broken: bool,
}

impl Scale {
    /// The finest to which none of these silences has more than so many rows, but for those that are far longer than the usual one:
    /// these would squeeze all others, and are broken. None: nothing was silent.
    pub(super) fn of(mut silences: Vec<Duration>, most: usize) -> Option<Self> {
        silences.retain(|silence| *silence >= SILENCE);
        if silences.is_empty() {
            return None;
        }
        let middle = silences.len() / 2;
        let (_, usual, _) = silences.select_nth_unstable(middle);
        let far = usual.saturating_mul(u32::try_from(most).unwrap_or(u32::MAX));
        let longest = silences.into_iter().filter(|silence| *silence <= far).max()?;
        let scales = STEPS.map(|seconds| Self { row: Duration::from_secs(seconds), most });
        let [.., coarsest] = scales;
        Some(scales.into_iter().find(|scale| !scale.rows(longest).broken).unwrap_or(coarsest))
    }

    /// Those of a silence: at least one, which says how long it was.
    pub(super) fn rows(self, silence: Duration) -> Drawn {
        let rows = (silence + self.row / 2).as_nanos() / self.row.as_nanos();
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        Drawn { rows: rows.clamp(1, self.most.max(1)), broken: rows > self.most }
    }

    /// `20 s a row`.
    pub(super) fn told(self) -> String {
        match self.row.as_secs() {
            seconds @ ..60 => format!("{seconds} s a row"),
            seconds @ ..3_600 => format!("{} min a row", seconds / 60),
            seconds => format!("{} h a row", seconds / 3_600),
        }
    }
}

/// How long it was silent from one time to another, if that is a silence.
pub(super) fn between(from: Option<Stamp>, to: Stamp) -> Option<Duration> {
    from.map(|from| to.since(from)).filter(|silence| *silence >= SILENCE)
}

/// `5.3 s`, `12 min 05 s`, `3 h 05 min`: never longer than the second of these.
pub(super) fn length(silence: Duration) -> String {
    let seconds = silence.as_secs_f64().round() as u64;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match (minutes, hours) {
        (..100, _) => crate::look::span(silence.as_secs_f64() * 1000.0),
        (_, ..100) => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{} d {:02} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn drawn(silences: &[u64], most: usize) -> (String, Vec<(usize, bool)>) {
        let scale = Scale::of(silences.iter().copied().map(s).collect(), most).unwrap();
        let rows = silences.iter().map(|seconds| scale.rows(s(*seconds)));
        (scale.told(), rows.map(|drawn| (drawn.rows, drawn.broken)).collect())
    }

    #[test]
    fn the_longest_has_its_rows_and_others_in_proportion() {
        assert_eq!(
            drawn(&[60, 60, 30, 15, 60], 4),
            ("20 s a row".to_owned(), [3, 3, 2, 1, 3].map(|n| (n, false)).into())
        );
        assert_eq!(drawn(&[5], 4), ("2 s a row".to_owned(), vec![(3, false)]));
        assert_eq!(drawn(&[60, 60, 200], 4), ("1 min a row".to_owned(), [1, 1, 3].map(|n| (n, false)).into()));
        assert_eq!(drawn(&[600, 3], 8), ("2 min a row".to_owned(), vec![(5, false), (1, false)]));
    }

    #[test]
    fn what_is_far_longer_than_usual_is_broken_and_does_not_squeeze_the_others() {
        let (told, rows) = drawn(&[60, 60, 60, 7_200, 60, 20], 4);
        assert_eq!((told.as_str(), rows), ("20 s a row", [3, 3, 3, 4, 3, 1].map(|n| (n, n == 4)).into()));
    }

    #[test]
    fn nothing_is_silent_in_less_than_two_seconds_and_a_day_is_the_most_that_a_row_stands_for() {
        assert_eq!(Scale::of(vec![Duration::from_millis(1_999)], 4), None);
        assert_eq!(drawn(&[100 * 86_400], 4), ("24 h a row".to_owned(), vec![(4, true)]));
    }

    #[test]
    fn how_long_it_was_always_has_room() {
        let minutes = [(725_000, "12 min 05 s"), (5_999_400, "99 min 59 s"), (5_999_500, "1 h 40 min")];
        let told = [(5_300, "5.3 s"), (11_100_000, "3 h 05 min"), (450_000_000, "5 d 05 h")].into_iter().chain(minutes);
        for (ms, expected) in told {
            assert_eq!(length(Duration::from_millis(ms)), expected);
        }
    }

    proptest! {
        #[test]
        fn rows_are_in_proportion_within_one_the_more_the_longer_and_never_too_many(
            ms in proptest::collection::vec(0..20_000_000_u64, 1..60),
            most in 3..9_usize,
        ) {
            let mut silences: Vec<Duration> = ms.into_iter().map(Duration::from_millis).collect();
            silences.retain(|silence| *silence >= SILENCE);
            silences.sort();
            if let Some(scale) = Scale::of(silences.clone(), most) {
                let mut before = 0;
                for silence in &silences {
                    let Drawn { rows, broken } = scale.rows(*silence);
                    prop_assert!((1..=most).contains(&rows) && rows >= before, "{rows} after {before}");
                    let exact = silence.as_secs_f64() / scale.row.as_secs_f64();
                    let close = (rows as f64 - exact).abs() <= if rows == 1 { 1.0 } else { 0.5 };
                    prop_assert!(if broken { exact >= most as f64 } else { close }, "{rows} for {exact}");
                    prop_assert!(length(*silence).len() <= "99 min 59 s".len());
                    before = rows;
                }
                let broken = silences.iter().filter(|silence| scale.rows(**silence).broken).count();
                prop_assert!(broken <= (silences.len() - 1) / 2, "{broken} are broken");
            }
        }
    }
}
