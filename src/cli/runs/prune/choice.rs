//! What goes and what stays. Pure.

use std::{fmt, path::PathBuf, time::Duration};

use super::{age, days, size};

/// A run that is of no night, or a night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// The name of its directory.
    pub(super) name: String,
    /// Its journal or ledger.
    pub(super) own: PathBuf,
    /// When that was last written to.
    pub(super) written_unix_ns: i64,
    /// What it takes up, in bytes.
    pub(super) size: u64,
    /// Somebody writes to it.
    pub(super) is_held: bool,
    /// Somebody wants to keep it.
    pub(super) is_kept: bool,
    /// All of it is here: nothing is mounted in it, and all could be looked at.
    pub(super) is_whole: bool,
}

/// What goes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// What is older.
    pub(super) older: Option<Duration>,
    /// What is not of so many newest ones.
    pub(super) keep: Option<usize>,
    /// The oldest, until the rest takes up no more.
    pub(super) size: Option<u64>,
}

/// Why something goes, or stays although it would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is that old.
    Old(Duration),
    /// No more than so many are to stay.
    Many(usize),
    /// All would take up more than this.
    Large(u64),
    /// It stays: somebody writes to it.
    Held,
    /// It stays: it is kept.
    Kept,
    /// It stays: something of it is somewhere else, or can not be looked at.
    Foreign,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old(age) => write!(f, "nobody has written to it for {}", days(*age)),
            Self::Many(keep) => write!(f, "no more than {keep} are to stay"),
            Self::Large(limit) => write!(f, "all together takes up more than {}", size::told(*limit)),
            Self::Held => f.write_str("stays: somebody writes to it"),
            Self::Kept => f.write_str("stays: there is a file `keep` in it"),
            Self::Foreign => f.write_str("stays: something is mounted in it, or can not be read"),
        }
    }
}

/// Of these, which are in the order of their age, the oldest first, those that go, and those that would if they were not in use or
/// kept. What stays for that counts, and takes the place of nothing that is newer.
pub(super) fn choose(units: &[Unit], limits: Limits, now_unix_ns: i64) -> Vec<(&Unit, Why)> {
    let mut rest: u64 = units.iter().map(|unit| unit.size).sum();
    let mut chosen = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        let (age, newer) = (age(unit.written_unix_ns, now_unix_ns), units.len() - at - 1);
        let why = if limits.older.is_some_and(|older| age > older) {
            Why::Old(age)
        } else if let Some(keep) = limits.keep.filter(|keep| newer >= *keep) {
            Why::Many(keep)
        } else if let Some(limit) = limits.size.filter(|limit| rest > *limit) {
            Why::Large(limit)
        } else {
            continue;
        };
        let why = match unit {
            Unit { is_held: true, .. } => Why::Held,
            Unit { is_kept: true, .. } => Why::Kept,
            Unit { is_whole: false, .. } => Why::Foreign,
            _ => why,
        };
        if !matches!(why, Why::Held | Why::Kept | Why::Foreign) {
            rest -= unit.size;
        }
        chosen.push((unit, why));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    /// Ten that are 10 to 1 days old, and take up 100 bytes each.
    fn ten() -> Vec<Unit> {
        let one = |day: i64| Unit {
            name: day.to_string(),
            own: PathBuf::new(),
            written_unix_ns: -day * DAY,
            size: 100,
            is_held: false,
            is_kept: false,
            is_whole: true,
        };
        (1..=10).rev().map(one).collect()
    }

    fn gone(units: &[Unit], limits: Limits) -> Vec<&str> {
        let chosen = choose(units, limits, 0);
        let goes = |why: &Why| !matches!(why, Why::Held | Why::Kept | Why::Foreign);
        chosen.into_iter().filter(|(_, why)| goes(why)).map(|(unit, _)| unit.name.as_str()).collect()
    }

    #[test]
    fn each_limit_takes_the_oldest_and_several_take_what_any_of_them_takes() {
        let (units, all) = (ten(), Limits::default());
        let older = Limits { older: Some(Duration::from_secs(8 * 86_400)), ..all };
        assert_eq!(gone(&units, older), ["10", "9"], "what is exactly so old stays");
        assert_eq!(gone(&units, Limits { keep: Some(7), ..all }), ["10", "9", "8"]);
        assert_eq!(gone(&units, Limits { size: Some(650), ..all }), ["10", "9", "8", "7"]);
        assert_eq!(gone(&units, Limits { keep: Some(9), size: Some(800), ..older }), ["10", "9"]);
        assert_eq!(gone(&units, Limits { keep: Some(0), ..all }).len(), 10);
        assert_eq!(gone(&units, Limits { keep: Some(10), size: Some(1000), ..all }), [] as [&str; 0]);
    }

    #[test]
    fn what_is_in_use_kept_or_not_all_here_stays_and_nothing_newer_goes_in_its_place_but_for_its_size() {
        let mut units = ten();
        units[0].is_held = true;
        units[1].is_kept = true;
        units[2].is_whole = false;
        assert_eq!(gone(&units, Limits { keep: Some(6), ..Limits::default() }), ["7"]);
        assert_eq!(gone(&units, Limits { size: Some(900), ..Limits::default() }), ["7"]);
        let chosen = choose(&units, Limits { keep: Some(0), ..Limits::default() }, 0);
        let whys: Vec<Why> = chosen.iter().take(3).map(|(_, why)| *why).collect();
        assert_eq!(whys, [Why::Held, Why::Kept, Why::Foreign]);
    }

    #[test]
    fn what_was_written_to_in_the_future_is_new() {
        let mut units = ten();
        units[0].written_unix_ns = DAY;
        let older = Limits { older: Some(Duration::from_secs(9 * 86_400)), ..Limits::default() };
        assert_eq!(gone(&units, older), [] as [&str; 0]);
    }
}
