//! What an outage met besides SIP: what was known to go dark with it, and which frames it did drop.

use super::{RunStory, story::Outage};
use crate::event::OutageTally;

impl RunStory {
    /// What goes dark with an outage, as its bench has it.
    pub fn dark(&self, outage: &Outage) -> Vec<String> {
        let known = self.plan.as_ref().zip(outage.spec.as_ref());
        known.map_or_else(Vec::new, |(plan, spec)| plan.bench.dark_in(spec))
    }
}

impl Outage {
    /// The operator who made it by hand; none: the scenario did.
    pub fn by(&self) -> Option<&str> {
        self.spec.as_ref()?.by.as_deref()
    }

    /// What it did to all of its phones.
    pub fn total(&self) -> OutageTally {
        let mut total = OutageTally::default();
        for tally in self.tally.values() {
            total.add(tally);
        }
        total
    }
}

/// What went with the outages of a server, for people: `server a: xml (80); 4 frames were not SIP (3 HTTP, 1 other)`. Outages
/// with which the same goes are told as one; those with which nothing did are not told.
pub fn told(story: &RunStory) -> Vec<String> {
    let mut all: Vec<(String, OutageTally)> = Vec::new();
    for outage in story.outages.values().filter(|outage| outage.began.is_some()) {
        let Some(spec) = &outage.spec else { continue };
        let dark = story.dark(outage);
        // What goes with a link goes once, whatever servers are behind it.
        let of = match spec.mode.link() {
            Some(side) => format!("link of the {side} side"),
            None => format!("server {}", spec.server),
        };
        let (what, total) = (format!("{of}: {}", dark.join(", ")), outage.total());
        if dark.is_empty() && total.dropped_other == 0 {
            continue;
        }
        match all.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => sum.add(&total),
            None => all.push((what, total)),
        }
    }
    let words = all.into_iter().map(|(what, total)| {
        let what = what.trim_end_matches([':', ' ']);
        let dropped = total.not_sip().map(|not_sip| format!("of the frames dropped {not_sip}"));
        let all = if total.dropped_nothing() { "no frame was dropped" } else { "all frames dropped were SIP" };
        format!("{what}; {}", dropped.as_deref().unwrap_or(all))
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_went_dark_is_told_with_the_frames_that_were_not_sip() {
        let story = RunStory::from_records(&sample::clean_run());
        let told = told(&story);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("server a: provisioning (443), whatever else is at "), "{told:?}");
        assert!(told[0].ends_with("; of the frames dropped 8 not SIP (4 NTP, 4 HTTPS)"), "{told:?}");
    }
}
