//! The bad paths of the outages in force: one for each phone and direction.

use std::collections::BTreeMap;

use super::protocol::PhoneIndex;
use crate::{
    event::{OutageId, Toward},
    wire::bad_path::BadPath,
};

/// The paths of all outages.
#[derive(Debug, Default)]
pub struct Paths(BTreeMap<(OutageId, PhoneIndex, Toward), BadPath>);

impl Paths {
    /// The path of a phone in one direction.
    pub fn of(&mut self, outage: OutageId, phone: PhoneIndex, toward: Toward, seed: u64) -> &mut BadPath {
        self.0.entry((outage, phone, toward)).or_insert_with(|| BadPath::new(seed, phone, toward))
    }

    /// Forgets those of an outage that is over.
    pub fn forget(&mut self, outage: OutageId) {
        self.0.retain(|(of, _, _), _| *of != outage);
    }
}
