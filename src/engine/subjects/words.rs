//! What further witnesses have said.

use super::Subjects;
use crate::event::{PhoneName, Witness};

impl Subjects {
    /// A witness is not heard any more: one of this phone, or of all.
    pub fn lose_witness(&mut self, witness: &Witness, phone: Option<&PhoneName>) {
        for (_, watch) in self.watches.iter_mut().filter(|(name, _)| phone.is_none_or(|phone| phone == *name)) {
            watch.words.lose(witness);
        }
    }

    /// Whether a witness has said of any line of the bench that it is registered.
    pub fn has_named_any(&self, witness: &Witness) -> bool {
        self.watches.values().any(|watch| watch.words.has_named_any(witness))
    }
}
