//! Further witnesses on virtual time: as the driver looks at them, on a way that no outage of a server concerns.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{Happening, Rehearsal, clock};
use crate::{
    event::{LineId, Observed, PhoneName, ServerName, Stamp, Standing, Testimony, When, Witness},
    virtual_bench::phone::{FIRST_ACCEPTED, PhoneInput, PhoneOutput, Service},
    wire::{
        action_uri,
        http::{HttpRequest, HttpUrl, RequestReader, ResponseReader},
        listing::Listing,
        status_page::PageReader,
        syslog::{self, SyslogReader},
        testimony::Ledger,
    },
};

/// Numbers of our connections begin here, beyond those of pushes.
const FIRST: u32 = FIRST_ACCEPTED + (1 << 30);

/// First port of our connections.
const FIRST_PORT: u16 = 40_000;

/// Everybody who is looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    pages: BTreeMap<PhoneName, Page>,
    lists: BTreeMap<ServerName, List>,
    /// The look in progress, and what came of it.
    open: Option<(u32, ResponseReader, Option<Vec<u8>>)>,
    begun: u32,
}

/// A server's list.
#[derive(Debug)]
struct List {
    at: SocketAddr,
    listing: Listing,
    ledger: Ledger,
    every: Duration,
}

/// A status page.
#[derive(Debug)]
struct Page {
    request: HttpRequest,
    reader: PageReader,
    ledger: Ledger,
    every: Duration,
}

impl Rehearsal {
    /// Makes ready to look at what the plan names, and says when.
    pub(super) fn begin_looks(&mut self, from: Stamp) {
        for phone in self.plan.phones.clone().iter().filter_map(|name| self.plan.phone(name)) {
            let model = self.plan.model_of(phone).and_then(|model| model.status_page.as_ref());
            let Some((watched, page)) = phone.status_page.as_ref().zip(model) else { continue };
            // The configuration was checked: its patterns compile.
            let Ok(reader) = PageReader::new(page) else { continue };
            let request = HttpRequest::get(&HttpUrl::of(watched.at, &page.path));
            let password = self.devices.get(&phone.name).map(|device| device.phone.spec().admin_password());
            let request = match (&watched.user, password) {
                (Some(user), Some(password)) => request.authorized(user, &password),
                _ => request,
            };
            let line = |extension: &String| LineId { phone: phone.name.clone(), extension: extension.clone() };
            let lines = phone.lines.iter().map(|it| line(&it.extension)).collect();
            let ledger = Ledger::new(Witness::StatusPage, lines);
            self.looks.pages.insert(phone.name.clone(), Page { request, reader, ledger, every: watched.every });
        }
        for server in &self.plan.bench.servers {
            let listing = server.witness.as_ref().and_then(|it| Some((it.every, Listing::new(&it.pattern).ok()?)));
            let place = self.servers.keys().find(|place| server.addresses.contains(&place.ip())).copied();
            let Some(((every, listing), at)) = listing.zip(place) else { continue };
            let phones = self.plan.phones.iter().filter_map(|name| self.plan.phone(name));
            let line =
                |phone: &PhoneName, extension: &str| LineId { phone: phone.clone(), extension: extension.to_owned() };
            let lines = phones.flat_map(|phone| phone.lines.iter().map(move |it| line(&phone.name, &it.extension)));
            let ledger = Ledger::new(Witness::Server(server.name.clone()), lines.collect());
            self.looks.lists.insert(server.name.clone(), List { at, listing, ledger, every });
        }
        let lists: Vec<_> = self.looks.lists.iter().map(|(server, list)| (server.clone(), list.every)).collect();
        for (server, every) in lists {
            self.schedule(from + every, Happening::LookAtList(server));
        }
        let pages: Vec<_> = self.looks.pages.iter().map(|(phone, page)| (phone.clone(), page.every)).collect();
        for (phone, every) in pages {
            self.schedule(from + every, Happening::Look(phone));
        }
    }

    /// It is time to look, and will be again.
    pub(super) fn look_at(&mut self, phone: PhoneName) {
        let Some(every) = self.looks.pages.get(&phone).map(|page| page.every) else { return };
        self.look(&phone);
        self.schedule(self.now + every, Happening::Look(phone));
    }

    /// Somebody wants to know what the witnesses of a phone say.
    pub(super) fn ask_witnesses(&mut self, phone: PhoneName) {
        if let Some(page) = self.looks.pages.get_mut(&phone) {
            page.ledger.ask(&phone);
            self.schedule(self.now, Happening::LookOnce(phone.clone()));
        }
        let servers: Vec<ServerName> = self.looks.lists.keys().cloned().collect();
        for server in servers {
            if let Some(list) = self.looks.lists.get_mut(&server) {
                list.ledger.ask(&phone);
            }
            self.ask_for_list(&server);
        }
    }

    /// It is time to ask a server for its list, and will be again.
    pub(super) fn look_at_list(&mut self, server: ServerName) {
        let Some(every) = self.looks.lists.get(&server).map(|list| list.every) else { return };
        self.ask_for_list(&server);
        self.schedule(self.now + every, Happening::LookAtList(server));
    }

    fn ask_for_list(&mut self, server: &ServerName) {
        let Some(list) = self.looks.lists.get_mut(server) else { return };
        let Some(text) = self.servers.get(&list.at).map(|registrar| registrar.list(clock(self.now))) else { return };
        let entries = list.listing.read(text.as_bytes()).into_iter();
        let said: Vec<_> = entries.map(|it| (it.extension, Standing::Registered, it.quote)).collect();
        let (told, error_ns) = (list.ledger.heard(&said, &Standing::Nowhere), list.every.as_nanos() as u64);
        for testimony in told {
            self.report(When { at: self.now, error_ns }, Observed::Testified(Box::new(testimony)));
        }
    }

    pub(super) fn look(&mut self, phone: &PhoneName) {
        let Some(request) = self.looks.pages.get(phone).map(|page| page.request.to_bytes()) else { return };
        let own = self.plan.bench.probe_address();
        let Some(own) = own else { return };
        self.looks.begun += 1;
        let conn = FIRST + self.looks.begun;
        self.looks.open = Some((conn, ResponseReader::default(), None));
        let from = SocketAddr::new(own, FIRST_PORT);
        self.give_phone(phone, PhoneInput::TcpAccepted { conn, from, service: Service::Http });
        self.give_phone(phone, PhoneInput::TcpData { conn, bytes: request });
        let answer = self.looks.open.take().and_then(|(_, _, answer)| answer);
        let Some(page) = self.looks.pages.get_mut(phone) else { return };
        let seen = answer.and_then(|body| page.reader.read(&body).ok());
        let observed: Vec<Observed> = match seen {
            Some(accounts) => {
                let said: Vec<_> = accounts.into_iter().map(|it| (it.extension, it.standing, it.quote)).collect();
                let told = page.ledger.heard(&said, &Standing::Unknown).into_iter();
                told.map(|testimony| Observed::Testified(Box::new(testimony))).collect()
            }
            None if page.ledger.lost() => {
                let reason = "no page that can be read".to_owned();
                vec![Observed::WitnessLost { witness: Witness::StatusPage, phone: Some(phone.clone()), reason }]
            }
            None => Vec::new(),
        };
        let error_ns = page.every.as_nanos() as u64;
        for observed in observed {
            self.report(When { at: self.now, error_ns }, observed);
        }
    }

    /// A phone's syslog comes in.
    fn log_of(&self, name: &PhoneName, message: &[u8]) -> Option<Testimony> {
        let phone = self.plan.phone(name).filter(|_| self.plan.bench.syslog.is_some())?;
        let reader = SyslogReader::new(self.plan.model_of(phone)?.syslog.as_ref()?).ok()?;
        let quote = syslog::text(message);
        let (extension, standing) = reader.read(&quote)?;
        let line = LineId { phone: name.clone(), extension };
        Some(Testimony { witness: Witness::Syslog, line, standing, quote, dated_ms: None })
    }

    pub(super) fn logged(&mut self, phone: &PhoneName, message: &[u8]) {
        if let Some(testimony) = self.log_of(phone, message) {
            let when = When { at: self.now, error_ns: 1_000_000_000 };
            self.report(when, Observed::Testified(Box::new(testimony)));
        }
    }

    /// A phone calls.
    pub(super) fn called(&mut self, phone: &PhoneName, bytes: &[u8]) {
        let request = RequestReader::default().push(bytes).and_then(Result::ok);
        let said = request.and_then(|request| action_uri::read(&request));
        let Some((extension, standing, quote)) = said.filter(|_| self.plan.bench.action_uri.is_some()) else { return };
        let line = LineId { phone: phone.clone(), extension };
        let testimony = Testimony { witness: Witness::ActionUri, line, standing, quote, dated_ms: None };
        let when = When { at: self.now, error_ns: 1_000_000_000 };
        self.report(when, Observed::Testified(Box::new(testimony)));
    }

    /// Whether what a phone sends is for a look of ours.
    pub(super) fn looked(&mut self, output: &PhoneOutput) -> bool {
        match output {
            PhoneOutput::TcpSend { conn, bytes } if *conn >= FIRST => {
                if let Some((open, reader, answer)) = &mut self.looks.open
                    && open == conn
                {
                    let page = reader.push(bytes).and_then(Result::ok).filter(|page| page.code == 200);
                    *answer = page.map(|page| page.body).or_else(|| answer.take());
                }
                true
            }
            PhoneOutput::TcpClose { conn, .. } => *conn >= FIRST,
            _ => false,
        }
    }
}
