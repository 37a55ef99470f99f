//! Further witnesses of where lines are registered: the phones' status pages, syslog and action URIs, and the servers' own lists.
//!
//! Each is looked at at fixed times, by one task that asks for one thing at a time, and whenever somebody wants to know. Only news is
//! told ([`Ledger`]), and what was asked for.
//!
//! Not here: what their word is worth (`engine`).

use std::{collections::BTreeMap, fmt, io, path::Path, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{DriverError, Report, clock::RunClock, discretion::Discretion, outbox::Outbox};
use crate::{
    config::{Phone, Plan},
    event::{LineId, Observed, PhoneName, ServerName, Stamp, Standing, When},
    wire::testimony::Ledger,
};

mod calls;
mod list;
mod page;
mod syslog;

use calls::{Callers, Listener};
use list::List;
use page::Page;
use syslog::{Receiver, Setup};

/// Why further witnesses can not be heard.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A pattern is no regular expression, or a monstrous one.
    #[error("the status page of {phone}: a pattern of its model does not compile: {source}")]
    Page {
        /// The phone.
        phone: PhoneName,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// The same of a server.
    #[error("the list of server {server}: its `pattern` does not compile: {source}")]
    List {
        /// The server.
        server: ServerName,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A pattern is no regular expression, or a monstrous one.
    #[error("the syslog of {phone}: a pattern of its model does not compile: {source}")]
    Syslog {
        /// The phone.
        phone: PhoneName,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A file can not be made.
    #[error("the syslog of {phone} can not be recorded: {source}")]
    Log {
        /// The phone.
        phone: PhoneName,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody can listen there.
    #[error("can not listen for {what} at {at}: {source}; {remedy}")]
    Bind {
        /// What for.
        what: &'static str,
        /// Where.
        at: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
        /// What to do about it.
        remedy: String,
    },
    /// A program is not there.
    #[error(
        "server {server}: there is no program `{program}` to ask it with; look at `witness.command` of the bench file"
    )]
    NoProgram {
        /// The server.
        server: ServerName,
        /// The program.
        program: String,
    },
}

/// What comes unasked may have been on its way, or in the phone, for so long.
const UNASKED: Duration = Duration::from_secs(1);

/// What a witness says: extensions, where they are, and its words.
type Said = Vec<(String, Standing, String)>;

/// What can be looked at.
trait Look: fmt::Debug + Send + 'static {
    /// Looks. Takes a bounded time.
    ///
    /// # Errors
    /// For people: why it could not be seen, and what to do about it.
    fn look(&mut self) -> impl Future<Output = Result<Said, String>> + Send;
}

/// All further witnesses of a run.
#[derive(Debug, Default)]
pub struct Witnesses {
    pages: BTreeMap<PhoneName, Watcher>,
    lists: Vec<Watcher>,
    syslog: Option<Receiver>,
    calls: Option<Listener>,
}

impl Witnesses {
    /// Reads all that is needed, and looks at nothing yet.
    ///
    /// # Errors
    /// If a password can not be had, or a program.
    pub fn prepare(
        plan: &Plan,
        clock: &RunClock,
        run_dir: &Path,
        discretions: &BTreeMap<PhoneName, Discretion>,
    ) -> Result<Prepared, DriverError> {
        let phones: Vec<&Phone> = plan.phones.iter().filter_map(|name| plan.phone(name)).collect();
        let mut pages = Vec::new();
        for phone in phones {
            pages.extend(Page::of(plan, phone, clock)?);
        }
        let mut lists = Vec::new();
        for server in &plan.bench.servers {
            lists.extend(List::of(plan, server, clock)?);
        }
        let syslog = Setup::of(plan, run_dir, discretions)?;
        Ok(Prepared { pages, lists, syslog, callers: Callers::of(plan) })
    }

    /// Asks those who can say something of a phone's lines.
    pub fn ask(&self, phone: &PhoneName) {
        for watcher in self.pages.get(phone).into_iter().chain(&self.lists) {
            watcher.ask(phone);
        }
    }

    /// Looks no more, and gives up what is under way.
    pub async fn close(self) {
        for watcher in self.pages.into_values().chain(self.lists) {
            watcher.close().await;
        }
        if let Some(syslog) = self.syslog {
            syslog.close().await;
        }
        if let Some(calls) = self.calls {
            calls.close().await;
        }
    }
}

/// Witnesses that nobody looks at yet.
#[derive(Debug)]
pub struct Prepared {
    pages: Vec<Page>,
    lists: Vec<List>,
    syslog: Option<Setup>,
    callers: Option<Callers>,
}

impl Prepared {
    /// Begins to look and to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If nobody can listen where phones send their syslog.
    pub async fn start(self, clock: &RunClock, reports: &mpsc::Sender<Report>) -> Result<Witnesses, WitnessError> {
        let syslog = match self.syslog {
            Some(setup) => Some(Receiver::start(setup, clock, reports).await?),
            None => None,
        };
        let calls = match self.callers {
            Some(callers) => Some(Listener::start(callers, clock, reports).await?),
            None => None,
        };
        let start = |page: Page| {
            let (phone, every) = (page.phone().clone(), page.every());
            let beat = Beat { every, ledger: page.ledger(), phone: Some(phone.clone()), otherwise: Standing::Unknown };
            (phone, Watcher::start(page, beat, clock, reports))
        };
        let ask = |list: List| {
            let (every, ledger) = (list.every(), list.ledger());
            let beat = Beat { every, ledger, phone: None, otherwise: Standing::Nowhere };
            Watcher::start(list, beat, clock, reports)
        };
        Ok(Witnesses {
            syslog,
            calls,
            pages: self.pages.into_iter().map(start).collect(),
            lists: self.lists.into_iter().map(ask).collect(),
        })
    }
}

/// How a witness is looked at, and what it means.
#[derive(Debug)]
struct Beat {
    /// The time between two looks.
    every: Duration,
    ledger: Ledger,
    /// The phone whose word it is; none: it speaks of all.
    phone: Option<PhoneName>,
    /// What it says of a line that it does not name.
    otherwise: Standing,
}

/// Somebody who looks at a witness.
#[derive(Debug)]
struct Watcher {
    asks: mpsc::UnboundedSender<PhoneName>,
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Watcher {
    fn start(look: impl Look, beat: Beat, clock: &RunClock, reports: &mpsc::Sender<Report>) -> Self {
        let (asks, asked) = mpsc::unbounded_channel();
        let (closing, closed) = oneshot::channel();
        // At once a phone might not be up that the rig has just let have its link.
        let due = clock.now() + beat.every;
        let outbox = Outbox::new(reports.clone());
        let watch = Watch { look, beat, due, clock: clock.clone(), asked, outbox };
        Self { asks, closing, task: tokio::spawn(watch.run(closed)) }
    }

    fn ask(&self, phone: &PhoneName) {
        // One that has ended is not heard any more.
        let _ = self.asks.send(phone.clone());
    }

    async fn close(self) {
        let _ = self.closing.send(());
        let _ = self.task.await;
    }
}

/// What the task works with.
struct Watch<L> {
    look: L,
    beat: Beat,
    due: Stamp,
    clock: RunClock,
    asked: mpsc::UnboundedReceiver<PhoneName>,
    outbox: Outbox,
}

impl<L: Look> Watch<L> {
    async fn run(mut self, closed: oneshot::Receiver<()>) {
        tokio::select! {
            _ = closed => {}
            () = self.serve() => {}
        }
        self.outbox.finish();
    }

    async fn serve(&mut self) {
        loop {
            tokio::select! {
                asked = self.asked.recv() => match asked {
                    Some(phone) => self.beat.ledger.ask(&phone),
                    None => return,
                },
                () = self.clock.wait(Some(self.due)) => {}
                () = self.outbox.deliver() => continue,
            }
            while let Ok(phone) = self.asked.try_recv() {
                self.beat.ledger.ask(&phone);
            }
            let seen = {
                let mut looking = std::pin::pin!(self.look.look());
                loop {
                    tokio::select! {
                        seen = &mut looking => break seen,
                        () = self.outbox.deliver() => {}
                    }
                }
            };
            self.tell(seen);
        }
    }

    fn tell(&mut self, seen: Result<Said, String>) {
        let now = self.clock.now();
        while self.due <= now {
            self.due = self.due + self.beat.every;
        }
        let error_ns = u64::try_from(self.beat.every.as_nanos()).unwrap_or(u64::MAX);
        match seen {
            Ok(said) => {
                for testimony in self.beat.ledger.heard(&said, &self.beat.otherwise) {
                    self.outbox.push(When { at: now, error_ns }, Observed::Testified(Box::new(testimony)));
                }
            }
            Err(reason) => {
                if self.beat.ledger.lost() {
                    let (witness, phone) = (self.beat.ledger.witness().clone(), self.beat.phone.clone());
                    self.outbox.push(When::exactly(now), Observed::WitnessLost { witness, phone, reason });
                }
            }
        }
    }
}

/// What to do about a place where nobody can listen, by the table of the bench file that names it.
fn remedy(error: &io::Error, table: &str) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for root alone: set another `port` under [{table}], and on the phones")
        }
        io::ErrorKind::AddrInUse => {
            format!("another program listens there: stop it, or set another `port` under [{table}]")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have that address: set `address` under [{table}]")
        }
        _ => format!("correct `address` and `port` under [{table}]"),
    }
}

/// The lines of a phone.
fn lines(phone: &Phone) -> Vec<LineId> {
    let line = |extension: &String| LineId { phone: phone.name.clone(), extension: extension.clone() };
    phone.lines.iter().map(|it| line(&it.extension)).collect()
}

#[cfg(test)]
mod tests;
