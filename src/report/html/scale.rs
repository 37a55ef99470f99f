//! Where a time lies on a drawing, and which times get a label.

use std::fmt;

use crate::event::Stamp;

/// A length on a drawing, printed with a tenth of a unit: finer is invisible and only makes the file larger.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Px(pub f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.0)
    }
}

/// Maps milliseconds to a horizontal position.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Position of zero.
    pub left: f64,
    /// Position of `end_ms`.
    pub right: f64,
    /// The latest time on the drawing, in milliseconds; more than zero.
    pub end_ms: f64,
}

/// A labelled position of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where.
    pub x: Px,
    /// What it says.
    pub label: String,
}

impl Scale {
    /// A scale that ends at `end_ms`, at least one millisecond.
    pub fn new(left: f64, right: f64, end_ms: f64) -> Self {
        Self { left, right, end_ms: if end_ms.is_finite() { end_ms.max(1.0) } else { 1.0 } }
    }

    /// The position of a time, kept within the drawing.
    pub fn x(&self, ms: f64) -> f64 {
        let share = (ms / self.end_ms).clamp(0.0, 1.0);
        self.left + share * (self.right - self.left)
    }

    /// The position of a stamp.
    pub fn at(&self, stamp: Stamp) -> f64 {
        self.x(stamp.as_millis_f64())
    }

    /// Round times, at most twelve of them, from zero.
    pub fn ticks(&self) -> Vec<Tick> {
        const STEPS_S: [f64; 19] = [
            0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
            7200.0, 14_400.0,
        ];
        let end_s = self.end_ms / 1000.0;
        let step = STEPS_S.into_iter().find(|step| end_s / step <= 12.0).unwrap_or(end_s / 12.0);
        let count = (end_s / step).floor() as u32;
        (0..=count)
            .map(|index| {
                let seconds = f64::from(index) * step;
                Tick { x: Px(self.x(seconds * 1000.0)), label: label(seconds, step) }
            })
            .collect()
    }
}

fn label(seconds: f64, step: f64) -> String {
    if step >= 60.0 {
        format!("{:.0} min", seconds / 60.0)
    } else if step >= 1.0 {
        format!("{seconds:.0} s")
    } else if step >= 0.1 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} ms", seconds * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_run_gets_a_handful_of_ticks() {
        for end_ms in [0.0, 3.0, 40.0, 700.0, 9_000.0, 58_100.0, 600_000.0, 7_200_000.0, 40_000_000.0, 1e9] {
            let ticks = Scale::new(150.0, 1060.0, end_ms).ticks();
            assert!((2..=13).contains(&ticks.len()), "{end_ms}: {}", ticks.len());
            assert!(ticks.windows(2).all(|pair| pair[0].x < pair[1].x && pair[0].label != pair[1].label), "{end_ms}");
        }
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let scale = Scale::new(100.0, 200.0, 1000.0);
        assert_eq!((scale.x(-5.0), scale.x(500.0), scale.x(9e9)), (100.0, 150.0, 200.0));
        assert_eq!(Scale::new(0.0, 1.0, f64::NAN).end_ms, 1.0);
    }
}
