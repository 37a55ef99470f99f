//! The status page of a phone's web interface.

use std::{net::SocketAddr, time::Duration};

use super::{Look, Said, WitnessError, lines};
use crate::{
    config::{Phone, Plan},
    driver::{DriverError, account, clock::RunClock, fetch::Place},
    event::{LineId, PhoneName, Witness},
    wire::{
        http::{HttpRequest, HttpUrl},
        status_page::PageReader,
        testimony::Ledger,
    },
};

/// A status page that can be looked at.
#[derive(Debug)]
pub(super) struct Page {
    phone: PhoneName,
    lines: Vec<LineId>,
    place: Place,
    request: HttpRequest,
    reader: PageReader,
    every: Duration,
    clock: RunClock,
}

impl Page {
    /// That of a phone, if it is to be looked at.
    pub(super) fn of(plan: &Plan, phone: &Phone, clock: &RunClock) -> Result<Option<Self>, DriverError> {
        let model = plan.model_of(phone).and_then(|model| model.status_page.as_ref());
        let Some((watched, page)) = phone.status_page.as_ref().zip(model) else { return Ok(None) };
        let failed = |source| WitnessError::Page { phone: phone.name.clone(), source };
        let (what, file) = (format!("the status page of {}", phone.name), watched.password_file.as_deref());
        let account = watched.user.as_ref().map(|user| account(&what, user, file)).transpose()?;
        let to: SocketAddr = watched.at;
        Ok(Some(Self {
            phone: phone.name.clone(),
            lines: lines(phone),
            place: Place { to, from: plan.bench.probe_address(), account, what },
            request: HttpRequest::get(&HttpUrl::of(to, &page.path)),
            reader: PageReader::new(page).map_err(failed)?,
            every: watched.every,
            clock: clock.clone(),
        }))
    }

    pub(super) fn phone(&self) -> &PhoneName {
        &self.phone
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger::new(Witness::StatusPage, self.lines.clone())
    }
}

impl Look for Page {
    async fn look(&mut self) -> Result<Said, String> {
        let page = self.place.fetch(&self.request, &self.clock).await.map_err(|objection| objection.to_string())?;
        let accounts = self.reader.read(&page).map_err(|error| {
            format!("{} at {}: {error}; compare it with [status-page] of the model", self.place.what, self.place.to)
        })?;
        Ok(accounts.into_iter().map(|it| (it.extension, it.standing, it.quote)).collect())
    }
}
