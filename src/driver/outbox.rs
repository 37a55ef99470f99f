//! Reports on their way to the session: a driver never waits for the session while it should read its device.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::Report;
use crate::event::{Observed, When};

/// Reports of one driver in order.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Report>,
    session: mpsc::Sender<Report>,
}

impl Outbox {
    pub(super) fn new(session: mpsc::Sender<Report>) -> Self {
        Self { waiting: VecDeque::new(), session }
    }

    /// Puts a report in line.
    pub(super) fn push(&mut self, when: When, observed: Observed) {
        self.waiting.push_back(Report { when, observed });
    }

    /// Delivers one report; waits for ever if there is none, or nobody to take it. Safe to cancel.
    pub(super) async fn deliver(&mut self) {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        match self.session.reserve().await {
            Ok(place) => {
                if let Some(report) = self.waiting.pop_front() {
                    place.send(report);
                }
            }
            Err(_closed) => self.waiting.clear(),
        }
    }

    /// Delivers what is left, as far as there is room for it.
    pub(super) fn finish(mut self) {
        while let Some(report) = self.waiting.pop_front() {
            if self.session.try_send(report).is_err() {
                return;
            }
        }
    }
}
