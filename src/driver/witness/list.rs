//! A server's own list of who is registered there: what a command writes, or what it answers to a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Look, Said, WitnessError, lines};
use crate::{
    config::{Asked, Phone, Plan, Server},
    driver::{clock::RunClock, fetch::Place, hook::command},
    event::{LineId, ServerName, Standing, Witness},
    wire::{
        http::{HttpRequest, HttpUrl},
        listing::Listing,
        testimony::Ledger,
    },
};

/// A list that can be asked for.
#[derive(Debug)]
pub(super) struct List {
    server: ServerName,
    lines: Vec<LineId>,
    from: Source,
    listing: Listing,
    every: Duration,
    limit: Duration,
    clock: RunClock,
}

#[derive(Debug)]
enum Source {
    Command(Vec<String>),
    Web(Place, HttpRequest),
}

impl List {
    /// That of a server, if it is to be asked for.
    pub(super) fn of(plan: &Plan, server: &Server, clock: &RunClock) -> Result<Option<Self>, WitnessError> {
        let Some(witness) = &server.witness else { return Ok(None) };
        let what = format!("the list of server {}", server.name);
        let from = match &witness.asked {
            Asked::Command(words) => {
                let program = words.first().cloned().unwrap_or_default();
                if command::find(&program).is_none() {
                    return Err(WitnessError::NoProgram { server: server.name.clone(), program });
                }
                Source::Command(words.clone())
            }
            Asked::Http(url) => {
                let place = HttpUrl::parse(url).and_then(|url| Some((url.address()?, url)));
                let Some((to, url)) = place else { return Ok(None) };
                // It may be in another network than the phones are.
                Source::Web(Place { to, from: None, account: None, what }, HttpRequest::get(&url))
            }
        };
        let phones = plan.phones.iter().filter_map(|name| plan.phone(name));
        let failed = |source| WitnessError::List { server: server.name.clone(), source };
        Ok(Some(Self {
            server: server.name.clone(),
            lines: phones.flat_map(|phone: &Phone| lines(phone)).collect(),
            from,
            listing: Listing::new(&witness.pattern).map_err(failed)?,
            every: witness.every,
            limit: witness.limit,
            clock: clock.clone(),
        }))
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    pub(super) fn ledger(&self) -> Ledger {
        Ledger::new(Witness::Server(self.server.clone()), self.lines.clone())
    }
}

impl Look for List {
    async fn look(&mut self) -> Result<Said, String> {
        let text = match &self.from {
            Source::Web(place, request) => {
                place.fetch(request, &self.clock).await.map_err(|objection| objection.to_string())?
            }
            Source::Command(words) => {
                let written = run(words.clone(), self.limit, self.clock.clone()).await;
                written.map_err(|error| {
                    let server = &self.server;
                    format!("the list of server {server}: `{}` {error}; run it by hand", words.join(" "))
                })?
            }
        };
        let entries = self.listing.read(&text).into_iter();
        Ok(entries.map(|entry| (entry.extension, Standing::Registered, entry.quote)).collect())
    }
}

/// Runs a command in a thread, and has it killed when nobody waits for it any more.
async fn run(words: Vec<String>, limit: Duration, clock: RunClock) -> Result<Vec<u8>, String> {
    struct Given(Arc<AtomicBool>);
    impl Drop for Given {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let up = Arc::new(AtomicBool::new(false));
    let _given = Given(Arc::clone(&up));
    let ran = tokio::task::spawn_blocking(move || command::read(&words, limit, &up, &clock)).await;
    ran.unwrap_or_else(|error| Err(format!("could not be run: {error}")))
}
