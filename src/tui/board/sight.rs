//! Whether anything can be seen of what the phones do, as far as records tell.

use std::collections::BTreeMap;

use crate::event::{HELPER_GONE, LinkLoss, Observed, RigPart, Stamp};

/// What keeps it from being seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Sight {
    /// Interfaces that carry nothing, since when, and how that came.
    down: BTreeMap<String, (Stamp, LinkLoss)>,
    /// Since when the bridge's helper is gone, and what was said of it.
    failed: Option<(Stamp, String)>,
}

impl Sight {
    /// Takes what was observed. True if something may have happened that nobody saw.
    pub fn take(&mut self, at: Stamp, observed: &Observed) -> bool {
        match observed {
            Observed::LinkLost { interface, how } => drop(self.down.insert(interface.clone(), (at, *how))),
            Observed::LinkBack { interface, .. } => drop(self.down.remove(interface)),
            Observed::DriverFailed { part: RigPart::Bridge, reason, .. } if reason.ends_with(HELPER_GONE) => {
                self.failed = Some((at, reason.clone()));
            }
            Observed::EvidenceLost { .. } => {}
            // Whoever tells of frames sees them.
            Observed::SignOfLife { .. } | Observed::Sip(_) | Observed::Encrypted(_) | Observed::Knock { .. } => {
                self.failed.take_if(|(since, _)| *since < at);
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Since when nothing is seen, and why; none: it is.
    pub fn blind(&self) -> Option<(Stamp, String)> {
        let failed = self.failed.clone();
        let down = self.down.iter().map(|(interface, (since, how))| (*since, format!("{interface} {how}")));
        failed.into_iter().chain(down).min_by_key(|(since, _)| *since)
    }
}
