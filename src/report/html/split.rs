//! The moves as bars, split into waiting, detecting and registering, with their limits.

use super::{
    mark,
    scale::{Px, Scale, Tick},
};
use crate::{
    look::{span, width},
    verdict::{Case, Measurement},
};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 210.0;
const ROW: f64 = 26.0;
const BAR: f64 = 18.0;

/// The drawing, in its own units.
#[derive(Debug, Default)]
pub struct Split {
    pub width: Px,
    pub height: Px,
    pub left: Px,
    pub label_end: Px,
    pub bottom: Px,
    pub axis_y: Px,
    pub ticks: Vec<Tick>,
    pub rows: Vec<Row>,
}

/// One move of one line.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub of: &'static str,
    pub y: Px,
    pub h: Px,
    pub text_y: Px,
    pub track_w: Px,
    pub parts: Vec<Part>,
    pub limit: Option<Px>,
    pub limit_y1: Px,
    pub limit_y2: Px,
    pub total: String,
    pub total_x: Px,
    pub class: &'static str,
}

/// One part of a move.
#[derive(Debug)]
pub struct Part {
    pub class: &'static str,
    pub x: Px,
    pub w: Px,
    pub text_x: Px,
    pub label: String,
    pub title: String,
}

impl Split {
    /// Draws the moves of all cases.
    pub fn of(cases: &[Case]) -> Self {
        let moves = || {
            cases.iter().flat_map(|case| {
                ["failover", "failback"].into_iter().filter_map(move |of| Some((case, of, named(case, of)?)))
            })
        };
        let longest = moves().flat_map(|(_, _, m)| [m.value, m.max]).flatten().fold(0.0, f64::max);
        let scale = Scale::new(LEFT, WIDTH - 130.0, longest);
        let mut y = 4.0;
        let mut previous = None;
        let mut rows = Vec::new();
        for (case, of, whole) in moves() {
            if previous.is_some_and(|id| id != &case.id) {
                y += 8.0;
            }
            let repeated = previous == Some(&case.id);
            previous = Some(&case.id);
            rows.push(row(case, of, whole, &scale, y, repeated));
            y += ROW;
        }
        Self {
            width: Px(WIDTH),
            height: Px(y + 24.0),
            left: Px(LEFT),
            label_end: Px(LEFT - 10.0),
            bottom: Px(y),
            axis_y: Px(y + 16.0),
            ticks: scale.ticks(),
            rows,
        }
    }
}

fn named<'c>(case: &'c Case, name: &str) -> Option<&'c Measurement> {
    case.measurements.iter().find(|measurement| measurement.name == name)
}

fn row(case: &Case, of: &'static str, whole: &Measurement, scale: &Scale, y: f64, repeated: bool) -> Row {
    let mut at = 0.0;
    let mut parts = Vec::new();
    for class in ["waiting", "detecting", "registering"] {
        let value = named(case, &format!("{of}-{class}")).and_then(|part| part.value);
        let Some(value) = value.filter(|value| *value >= 0.0) else { continue };
        let (x, right) = (scale.x(at), scale.x(at + value));
        at += value;
        let label = span(value);
        let fits = width(&label) as f64 * 6.6 + 8.0 < right - x;
        parts.push(Part {
            class,
            x: Px(x),
            w: Px((right - x).max(1.0)),
            text_x: Px(f64::midpoint(x, right)),
            label: if fits { label } else { String::new() },
            title: format!("{class}: {value:.1} ms"),
        });
    }
    let over = whole.value.zip(whole.max).is_some_and(|(value, max)| value > max);
    let (total, end) = match whole.value {
        Some(value) => (format!("{:.3} s", value / 1000.0), value.max(at).max(whole.max.unwrap_or(0.0))),
        None => (mark::value(whole), whole.max.unwrap_or(0.0)),
    };
    let missing = whole.value.is_none() && !whole.is_encrypted();
    Row {
        name: if repeated { String::new() } else { format!("{}/{}", case.id.phone, case.id.line) },
        of,
        y: Px(y),
        h: Px(BAR),
        text_y: Px(y + 13.0),
        track_w: Px(scale.right - LEFT),
        parts,
        limit: whole.max.map(|max| Px(scale.x(max))),
        limit_y1: Px(y - 2.0),
        limit_y2: Px(y + BAR + 2.0),
        total_x: Px(scale.x(end).max(scale.right) + 8.0),
        class: if over || missing { "fail" } else { "name" },
        total: if over { format!("{total}  ✗ late") } else { total },
    }
}
