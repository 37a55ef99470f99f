//! Waits until every phone's display shows a text, as its console tells of it.

use std::time::Duration;

use crate::{
    engine::{case::Finding, registration::Fix, subjects::Subjects},
    event::{PhoneName, Stamp},
    verdict::Blame,
};

/// How long a phone may take to show what a server sends it. No manual says how long it waits for a server itself.
const PATIENCE: Duration = Duration::from_secs(15);

/// The step.
#[derive(Debug)]
pub struct Display {
    text: String,
    until: Stamp,
}

impl Display {
    /// Phones whose console does not tell of their display pass over, or leave their cases as skipped.
    pub fn begin(text: &str, optional: bool, subjects: &mut Subjects, now: Stamp) -> Self {
        for phone in subjects.phones_running() {
            match subjects.display_for(&phone) {
                Ok(()) => {}
                Err(lacks) => subjects.lack(&phone, optional, &lacks),
            }
        }
        Self { text: text.to_owned(), until: now + PATIENCE }
    }

    /// Ends for each phone when its display shows the text, or has not in time.
    pub fn advance(&self, now: Stamp, fix: Fix, subjects: &mut Subjects) {
        for phone in subjects.phones_running() {
            let shown = subjects.watch(&phone).and_then(|watch| watch.displayed.clone());
            match shown {
                Some((text, by)) if text.contains(&self.text) => {
                    subjects.finish_step(&phone, &format!("the display shows `{}`", text.trim()), &[by.seq]);
                }
                shown if now >= self.until => self.missing(&phone, shown, fix, subjects),
                _ => {}
            }
        }
    }

    /// When a display is late.
    pub fn deadline(&self) -> (Stamp, &'static str) {
        (self.until, "a text on the display")
    }

    fn missing(&self, phone: &PhoneName, shown: Option<(String, Fix)>, fix: Fix, subjects: &mut Subjects) {
        // A phone whose cases have all ended the step is waited for no longer.
        if !subjects.running().any(|case| case.id.phone == *phone && !case.step_done) {
            return;
        }
        let finding = subjects.console_lost(phone).unwrap_or_else(|| {
            let (says, by) = shown.map_or_else(
                || ("the display has shown nothing yet".to_owned(), fix),
                |(text, by)| (format!("the display shows `{}`", text.trim()), by),
            );
            let reason = format!("{says}, and not `{}`", self.text);
            Finding::fail(Blame::Unknown, "not-displayed", reason).shown_by([by.seq])
        });
        subjects.decide(phone, || finding.clone());
    }
}
