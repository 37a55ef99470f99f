//! The rows of a ladder: messages, outages, and the silence between them to scale.

use std::time::Duration;

use super::{
    super::super::ladder::Rung,
    scale::{Scale, between},
};
use crate::{
    event::{OutageId, Stamp},
    report::story::Outage,
};

/// A row of the ladder.
pub(super) enum Row<'r> {
    Message(&'r Rung),
    Began(OutageId, Stamp),
    Ended(OutageId, Stamp),
    Silence(Silence),
}

/// A row of a silence.
pub(super) struct Silence {
    /// How long it was, all of it.
    pub length: Duration,
    /// When it began.
    pub from: Stamp,
    /// It is the first row.
    pub first: bool,
    /// Here it is broken: it has fewer rows than it should.
    pub broken: bool,
}

/// All rows, so many at most for each silence, and the scale to which these are drawn; none: there are none.
pub(super) fn rows<'r>(
    outages: &[(OutageId, &Outage)],
    rungs: &[&'r Rung],
    now: Stamp,
    most: usize,
) -> (Vec<Row<'r>>, Option<Scale>) {
    let mut rows = Vec::new();
    for (id, outage) in outages {
        rows.extend(outage.began.map(|began| (began.at, Row::Began(*id, began.at))));
        rows.extend(outage.ended.map(|ended| (ended.at, Row::Ended(*id, ended.at))));
    }
    rows.extend(rungs.iter().map(|&rung| (rung.at, Row::Message(rung))));
    rows.sort_by_key(|(at, _)| *at);
    // Since when nothing had been heard when each of them came. A message that is repeated is not silent.
    let mut before: Option<Stamp> = None;
    let mut since = Vec::with_capacity(rows.len());
    for (at, row) in &rows {
        since.push(before);
        before = before.max(Some(if let Row::Message(rung) = row { rung.last } else { *at }));
    }
    let ends = rows.iter().map(|(at, _)| *at).chain([now]);
    let silences: Vec<Duration> =
        since.iter().chain([&before]).zip(ends).filter_map(|(from, to)| between(*from, to)).collect();
    let Some(scale) = Scale::of(silences, most) else { return (rows.into_iter().map(|(_, row)| row).collect(), None) };
    let mut all = Vec::new();
    for ((at, row), from) in rows.into_iter().zip(since) {
        all.extend(silence(from, at, scale));
        all.push(row);
    }
    all.extend(silence(before, now, scale));
    (all, Some(scale))
}

fn silence<'r>(from: Option<Stamp>, to: Stamp, scale: Scale) -> impl Iterator<Item = Row<'r>> {
    let drawn = from.zip(between(from, to)).map(|(from, length)| (from, length, scale.rows(length)));
    drawn.into_iter().flat_map(|(from, length, drawn)| {
        let row = move |row| Silence { length, from, first: row == 0, broken: drawn.broken && row == drawn.rows / 2 };
        (0..drawn.rows).map(move |at| Row::Silence(row(at)))
    })
}
