//! Times, values and outages in words.

use crate::{
    event::{OutageSpec, When},
    look::bound,
    report::story::Outage,
    verdict::Measurement,
};

/// `12.345 s ± 0.3 ms`.
pub fn when(when: When) -> String {
    if when.error_ns == 0 {
        format!("{} s", when.at)
    } else {
        format!("{} s ± {:.1} ms", when.at, bound(when.error_ns as f64 / 1e6))
    }
}

/// `412.3 ms`, `4.213 s`, or the number with its own unit; `not seen`, or `encrypted`.
pub fn value(measurement: &Measurement) -> String {
    let none = if measurement.is_encrypted() { "encrypted" } else { "not seen" };
    measurement.value.map_or_else(|| none.to_owned(), |value| quantity(value, &measurement.unit))
}

/// A number of that unit.
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "ms" if value.abs() < 1000.0 => format!("{value:.1} ms"),
        "ms" => format!("{:.3} s", value / 1000.0),
        "1" => format!("{value}"),
        other => format!("{value} {other}"),
    }
}

/// `± 0.3 ms`, or nothing.
pub fn error(measurement: &Measurement) -> String {
    let error = measurement.error.map(|error| if measurement.unit == "ms" { bound(error) } else { error });
    error.map_or_else(String::new, |error| format!("± {}", quantity(error, &measurement.unit)))
}

/// `≤ 11.800 s`, `4.000 s to 10.500 s`, or nothing.
pub fn limit(measurement: &Measurement) -> String {
    let quantity = |value: f64| quantity(value, &measurement.unit);
    match (measurement.min, measurement.max) {
        (Some(min), Some(max)) => format!("{} to {}", quantity(min), quantity(max)),
        (Some(min), None) => format!("≥ {}", quantity(min)),
        (None, Some(max)) => format!("≤ {}", quantity(max)),
        (None, None) => String::new(),
    }
}

/// `a away (drop, whole host)`.
pub fn outage(outage: &Outage) -> String {
    let by = |spec: &OutageSpec| spec.by.as_ref().map_or_else(String::new, |by| format!(", by {by} by hand"));
    let away = |spec: &OutageSpec| format!("{} away ({}{})", spec.server, spec.what(), by(spec));
    outage.spec.as_ref().map_or_else(|| "outage".to_owned(), away)
}

/// `17, 34, 402`.
pub fn numbers(evidence: &[u64]) -> String {
    let numbers: Vec<_> = evidence.iter().map(u64::to_string).collect();
    numbers.join(", ")
}
