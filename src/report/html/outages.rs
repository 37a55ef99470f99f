//! The outages of a run, as the page shows them.

use super::mark;
use crate::{
    event::{OutageEnd, OutageTally, Toward},
    report::{RunStory, story::Outage},
};

/// One of them.
pub struct OutageRow {
    /// Its number, which the timeline shows where there are many.
    pub number: usize,
    pub what: String,
    /// What went dark with it.
    pub dark: String,
    pub began: String,
    pub ended: String,
    pub why: &'static str,
    /// Frames, phone by phone.
    pub tally: String,
    /// Of the dropped, those that were not SIP.
    pub not_sip: String,
}

/// All of them.
pub fn rows(story: &RunStory) -> Vec<OutageRow> {
    (1..).zip(story.outages.values()).map(|(number, outage)| row(story, number, outage)).collect()
}

/// First and last of the frames of a phone that an outage dropped in one direction.
pub struct BiteRow {
    /// The number of the outage.
    pub number: usize,
    pub phone: String,
    pub way: &'static str,
    pub frames: u64,
    pub first: String,
    pub last: String,
}

/// Those of all outages.
pub fn bites(story: &RunStory) -> Vec<BiteRow> {
    let outages = (1..).zip(story.outages.values());
    let rows = outages.flat_map(|(number, outage)| {
        outage.bites.iter().map(move |((phone, toward), (first, last))| {
            let tally = outage.tally.get(phone).copied().unwrap_or_default();
            let (way, frames) = match toward {
                Toward::Server => ("from the phone", tally.dropped_to_server),
                Toward::Phone => ("to the phone", tally.dropped_to_phone),
            };
            let last = last.map_or_else(|| "not told".to_owned(), mark::when);
            BiteRow { number, phone: phone.to_string(), way, frames, first: mark::when(*first), last }
        })
    });
    rows.collect()
}

fn row(story: &RunStory, number: usize, outage: &Outage) -> OutageRow {
    let tallies = outage.tally.iter().map(|(phone, tally)| {
        format!("{phone} {} / {}, {}", tally.dropped_to_server, tally.dropped_to_phone, tally.leaked)
    });
    let tallies: Vec<_> = tallies.collect();
    OutageRow {
        number,
        what: mark::outage(outage),
        dark: story.dark(outage).join(", "),
        began: outage.began.map_or_else(|| "never".to_owned(), mark::when),
        ended: outage.ended.map_or_else(|| "not by the end".to_owned(), mark::when),
        why: match outage.why {
            Some(OutageEnd::Lifted) => "lifted as ordered",
            Some(OutageEnd::Limit) => "time limit",
            Some(OutageEnd::HelperLost) => "bridge helper lost",
            Some(OutageEnd::Lapsed) => "not renewed in time",
            None => "",
        },
        tally: tallies.join("; "),
        not_sip: of_dropped(&outage.total()),
    }
}

fn of_dropped(total: &OutageTally) -> String {
    let all = if total.dropped_to_server + total.dropped_to_phone == 0 { "nothing was dropped" } else { "all SIP" };
    total.not_sip().unwrap_or_else(|| all.to_owned())
}
