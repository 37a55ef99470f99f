//! Waits until every phone has given a sign of life, a frame or a word of its console, which is asked for one; and where a
//! console tells of its boot, until that is over.

use std::time::Duration;

use crate::{
    engine::{Outbox, bound::BOOTING, judge, registration::Fix, subjects::Subjects},
    event::{PhoneName, Stamp},
};

/// A console that has not answered is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The step.
#[derive(Debug)]
pub struct Alive {
    begun: Fix,
    again: Stamp,
    until: Stamp,
}

impl Alive {
    /// Asks every console for a first time.
    pub fn begin(subjects: &Subjects, now: Stamp, fix: Fix, out: &mut Outbox) -> Self {
        ask(&subjects.phones_running(), subjects, out);
        Self { begun: fix, again: now + ASK_AGAIN, until: now + BOOTING }
    }

    /// Goes on with phones that live, and gives up those that did not come to life in the time of a boot.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects, out: &mut Outbox) {
        let mut waiting = Vec::new();
        for phone in subjects.phones_running() {
            let Some(watch) = subjects.watch(&phone) else { continue };
            if watch.alive_since(self.begun.when.at) && !watch.booting {
                subjects.finish_step(&phone, "gave a sign of life", &[]);
            } else if now >= self.until {
                if let Some(dead) = judge::dead(watch, self.begun) {
                    subjects.decide(&phone, || dead.clone());
                }
            } else {
                waiting.push(phone);
            }
        }
        if now >= self.again {
            self.again = now + ASK_AGAIN;
            ask(&waiting, subjects, out);
        }
    }

    /// When consoles are asked again, or the phones given up.
    pub fn deadline(&self) -> (Stamp, &'static str) {
        (self.again.min(self.until), "a sign of life")
    }
}

fn ask(phones: &[PhoneName], subjects: &Subjects, out: &mut Outbox) {
    for phone in phones {
        subjects.ask_status(phone, out);
    }
}
