//! What is pressed on phones: what shows that it arrived, and what rests on it as long as nothing does.

use std::time::Duration;

use super::Subjects;
use crate::{
    config::{Confirm, Sign},
    engine::{case::Finding, registration::Fix},
    event::{PhoneName, Stroke},
};

impl Subjects {
    /// What shows that a key has arrived at the phone, by its model and its console.
    pub fn signs(&self, phone: &PhoneName) -> Vec<Sign> {
        let model = self.plan.phone(phone).and_then(|phone| self.plan.model_of(phone));
        let Some((model, dialect)) = model.zip(self.dialect(phone)) else { return Vec::new() };
        model.signs().into_iter().filter(|sign| sign.told_by(dialect)).collect()
    }

    /// How long a stroke takes on a phone.
    pub fn lasts(&self, phone: &PhoneName, stroke: &Stroke) -> Duration {
        let model = self.plan.phone(phone).and_then(|phone| self.plan.model_of(phone));
        model.map(|model| model.pressing).unwrap_or_default().lasts(stroke)
    }

    /// What follows on a phone rests on a stroke of which nothing shows that it arrived.
    pub fn rest_on(&mut self, phone: &PhoneName, stroke: &Stroke, fix: Fix) {
        for case in self.running().filter(|case| case.id.phone == *phone && case.outcome.is_none()) {
            case.unproven.get_or_insert_with(|| {
                let reason = format!(
                    "`{stroke}` was pressed, and nothing shows that it arrived: no console tells of keys, and nothing that \
                     follows from it was expected"
                );
                Finding::unclear("press-unconfirmed", reason).shown_by([fix.seq])
            });
        }
    }

    /// Something was seen that follows from what was pressed on a phone.
    pub fn proven(&mut self, phone: &PhoneName) {
        self.running().filter(|case| case.id.phone == *phone).for_each(|case| case.unproven = None);
    }

    /// What a phone lacks to show that keys arrive, if that must be shown.
    ///
    /// # Errors
    /// The finding that leaves its cases as skipped.
    pub fn confirmation_for(&self, phone: &PhoneName, confirm: Confirm) -> Result<(), Finding> {
        if confirm != Confirm::Required || !self.signs(phone).is_empty() {
            return Ok(());
        }
        let reason =
            "each key is to be confirmed by its effect, and nothing tells of one: no console, or a model without";
        Err(Finding::skipped("no-confirmation", reason))
    }
}
