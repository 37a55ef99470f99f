//! A listener for action URIs: what phones call when their registration changes.
//!
//! Whose call it is says the address that it comes from. Every call is answered with 200 and nothing else, one to a connection, and
//! strangers are hung up on.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{UNASKED, WitnessError, lines, remedy};
use crate::{
    config::Plan,
    driver::{Report, clock::RunClock, outbox::Outbox, push::PATIENCE},
    event::{LineId, Observed, Testimony, When, Witness},
    wire::{
        action_uri,
        http::{HttpRequest, HttpResponse, RequestReader},
    },
};

/// Most calls at a time.
const MOST_CALLS: usize = 64;

/// Most calls of a phone in a second that are told.
const MOST_A_SECOND: u32 = 50;

/// Who is listened to.
#[derive(Debug)]
pub(super) struct Callers {
    at: SocketAddr,
    lines: BTreeMap<IpAddr, Vec<LineId>>,
}

impl Callers {
    /// What the bench says of it, if it does.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let phones = plan.phones.iter().filter_map(|name| plan.phone(name));
        let lines = phones.filter_map(|phone| Some((phone.address?, lines(phone)))).collect();
        Some(Self { at: plan.bench.action_uri?, lines })
    }
}

/// Listens until it is closed.
#[derive(Debug)]
pub(super) struct Listener {
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Begins to listen. Must be called within a tokio runtime.
    pub(super) async fn start(
        callers: Callers,
        clock: &RunClock,
        reports: &mpsc::Sender<Report>,
    ) -> Result<Self, WitnessError> {
        let at = callers.at;
        let failed =
            |source| WitnessError::Bind { what: "action URIs", at, remedy: remedy(&source, "action-uri"), source };
        let calls = TcpListener::bind(at).await.map_err(failed)?;
        let (closing, closed) = oneshot::channel();
        let (clock, outbox) = (clock.clone(), Outbox::new(reports.clone()));
        let desk = Desk { lines: callers.lines, clock, outbox, counted: (0, 0) };
        Ok(Self { closing, task: tokio::spawn(desk.run(calls, closed)) })
    }

    pub(super) async fn close(self) {
        let _ = self.closing.send(());
        let _ = self.task.await;
    }
}

struct Desk {
    lines: BTreeMap<IpAddr, Vec<LineId>>,
    clock: RunClock,
    outbox: Outbox,
    /// The second in which calls are counted, and how many they were.
    counted: (u64, u32),
}

impl Desk {
    async fn run(mut self, calls: TcpListener, closed: oneshot::Receiver<()>) {
        tokio::select! {
            _ = closed => {}
            () = self.serve(&calls) => {}
        }
        self.outbox.finish();
    }

    async fn serve(&mut self, calls: &TcpListener) {
        let (heard, mut requests) = mpsc::channel(256);
        let places = Arc::new(Semaphore::new(MOST_CALLS));
        loop {
            tokio::select! {
                accepted = calls.accept() => {
                    // What went wrong with one is no reason to hear no other.
                    let Ok((stream, from)) = accepted else { continue };
                    let from = from.ip().to_canonical();
                    let place = Arc::clone(&places).try_acquire_owned();
                    if let Some(place) = place.ok().filter(|_| self.lines.contains_key(&from)) {
                        let (heard, clock) = (heard.clone(), self.clock.clone());
                        tokio::spawn(async move {
                            let request = tokio::select! {
                                request = answer(stream) => request,
                                () = clock.wait(Some(clock.now() + PATIENCE)) => None,
                            };
                            drop(place);
                            if let Some(request) = request {
                                let _ = heard.send((from, request)).await;
                            }
                        });
                    }
                }
                Some((from, request)) = requests.recv() => self.take(from, &request),
                () = self.outbox.deliver() => {}
            }
        }
    }

    fn take(&mut self, from: IpAddr, request: &HttpRequest) {
        let now = self.clock.now();
        let second = now.0 / 1_000_000_000;
        let (of, before) = self.counted;
        self.counted = (second, if of == second { before + 1 } else { 1 });
        let Some((extension, standing, quote)) = action_uri::read(request) else { return };
        let line = self.lines.get(&from).and_then(|lines| lines.iter().find(|line| line.extension == extension));
        let Some(line) = line.cloned().filter(|_| self.counted.1 <= MOST_A_SECOND) else { return };
        let testimony = Testimony { witness: Witness::ActionUri, line, standing, quote, dated_ms: None };
        let error_ns = u64::try_from(UNASKED.as_nanos()).unwrap_or(u64::MAX);
        self.outbox.push(When { at: now, error_ns }, Observed::Testified(Box::new(testimony)));
    }
}

/// The one request of a connection, answered.
async fn answer(mut stream: TcpStream) -> Option<HttpRequest> {
    let (mut reader, mut piece) = (RequestReader::default(), [0; 4096]);
    let request = loop {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        if let Some(request) = reader.push(&piece[..count]) {
            break request;
        }
    };
    let answer = request.as_ref().map_or_else(|error| error.response(), |_| HttpResponse::bare(200));
    // Whoever does not want to hear it has said what there is to say.
    let _ = stream.write_all(&answer.to_bytes()).await;
    request.ok()
}
