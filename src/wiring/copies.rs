//! Frames that came in on both sides. One that siprig's bridge forwards leaves on the other side, and does not come in there: it
//! has found another way.

use std::hash::{DefaultHasher, Hasher};

use super::{Finding, counted, place};
use crate::{config::Mac, event::LinkSide, wire::recent::Recent};

/// Frames whose copies are looked for.
const REMEMBERED: usize = 8192;

/// A copy comes within this time, in nanoseconds. Switches take far less; a second frame of the same bytes comes later.
const SAME_FRAME_NS: u64 = 1_000_000_000;

/// Watches for them.
#[derive(Debug)]
pub struct Copies {
    /// Of each of the last frames, where and when it came in.
    last: Recent<u64, (LinkSide, i64)>,
    count: u64,
    /// Who sent the first one.
    of: Option<Mac>,
}

impl Default for Copies {
    fn default() -> Self {
        Self { last: Recent::new(REMEMBERED), count: 0, of: None }
    }
}

impl Copies {
    /// Takes in the next frame.
    pub fn take(&mut self, side: LinkSide, source: Mac, unix_ns: i64, bytes: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        let digest = hasher.finish();
        match self.last.touch(&digest) {
            Some((other, at)) if *other != side && at.abs_diff(unix_ns) <= SAME_FRAME_NS => {
                self.count += 1;
                self.of.get_or_insert(source);
                self.last.remove(&digest);
            }
            Some(known) => *known = (side, unix_ns),
            None => {
                self.last.insert(digest, (side, unix_ns));
            }
        }
    }

    /// What came of it; `own`: frames of this machine that came back in, on each side, and how many came in at all.
    pub fn finding(&self, names: &[String; 2], own: [u64; 2], frames: [u64; 2]) -> Finding {
        let [phone_side, server_side] = names;
        let remedy = format!(
            "something beside siprig joins what is behind the two: pull one of its cables and look at what connects \
             them still, as one switch without VLANs, or a cable between two switches ({})",
            super::DRAWINGS
        );
        if let Some(side) = super::SIDES.into_iter().find(|side| own[place(*side)] > 0) {
            let count = counted(own[place(side)], "frame");
            let what = format!("{count} of this machine's own came back in at {}: there is a loop", names[place(side)]);
            return Finding::problem(what, remedy);
        }
        if let (1.., Some(of)) = (self.count, self.of) {
            let what = format!(
                "{} came in at both {phone_side} and {server_side}, the first one of {of}: there is a second way \
                 around siprig",
                counted(self.count, "frame")
            );
            return Finding::problem(
                what,
                format!("{remedy}; where both hear a mirror of the traffic, it looks the same"),
            );
        }
        match frames {
            [0, 0] => Finding::unknown("whether there is a way around siprig", "nothing came in on either side"),
            [0, _] => {
                Finding::unknown("whether there is a way around siprig", format!("nothing came in at {phone_side}"))
            }
            [_, 0] => {
                Finding::unknown("whether there is a way around siprig", format!("nothing came in at {server_side}"))
            }
            _ => Finding::ok("no frame came in on both sides: nobody goes round siprig, as far as was heard"),
        }
    }
}
