//! Sizes as people write and read them.

/// Units, the longest word first of those that end alike.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A size in bytes, as `10GB`.
///
/// # Errors
/// What to write.
pub(in crate::cli) fn parse(text: &str) -> Result<u64, String> {
    let help = || "write a number with its unit, as 500MB, 10GB or 2GiB".to_owned();
    let (number, unit) =
        UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes))).ok_or_else(help)?;
    let number: u64 = number.trim().parse().map_err(|_| help())?;
    number.checked_mul(unit).ok_or_else(help)
}

/// A size for people.
pub(super) fn told(bytes: u64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    // What would be rounded to a thousand has the next unit.
    let unit = units.into_iter().find(|(_, unit)| bytes as f64 >= unit * 0.99995);
    unit.map_or_else(|| format!("{bytes} B"), |(name, unit)| format!("{:.1} {name}", bytes as f64 / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_are_read_as_they_are_written() {
        let read = |text: &str| parse(text).ok();
        assert_eq!(["10GB", "2GiB", "5 MB", "7B"].map(read), [10_000_000_000, 2 << 30, 5_000_000, 7].map(Some));
        for wrong in ["10", "GB", "-1GB", "1.5GB", "10Gb", "99999999999TB", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!([0, 999, 1000, 1_234_567, 999_990_000].map(told), ["0 B", "999 B", "1.0 kB", "1.2 MB", "1.0 GB"]);
    }
}
