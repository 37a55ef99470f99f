//! A receiver of syslog: what phones say of themselves by it, recorded line by line, and read for where their lines are.
//!
//! Whose message it is says the address that it comes from, and when it was is when it came. Nothing is answered, and nobody is
//! waited for; messages of strangers are passed over.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{UNASKED, WitnessError, lines, remedy};
use crate::{
    config::Plan,
    driver::{DriverError, Report, clock::RunClock, discretion::Discretion, outbox::Outbox},
    event::{LineId, Observed, PhoneName, RigPart, Stamp, Testimony, When, Witness},
    journal::run_dir::{create_file, syslog_log},
    wire::{
        redact,
        syslog::{self, Framer, MAX_MESSAGE, SyslogReader},
    },
};

/// Most messages of a phone in a second that are read for what they mean.
const MOST_A_SECOND: u32 = 50;

/// Most of a phone that is recorded, in bytes.
const MOST_RECORDED: u64 = 64 << 20;

/// Most streams at a time.
const MOST_STREAMS: usize = 64;

/// Words of a message that are kept in a record, in bytes.
const QUOTE: usize = 200;

/// Who is listened to.
#[derive(Debug)]
pub(super) struct Setup {
    at: SocketAddr,
    senders: BTreeMap<IpAddr, Sender>,
}

/// A phone that sends.
#[derive(Debug)]
struct Sender {
    phone: PhoneName,
    lines: Vec<LineId>,
    reader: SyslogReader,
    discretion: Discretion,
    keep_secrets: bool,
    log: File,
    recorded: u64,
    /// The second in which messages are counted, and how many they were.
    counted: (u64, u32),
}

impl Setup {
    /// What the bench says of it, if it does. Makes a file for each phone.
    pub(super) fn of(
        plan: &Plan,
        run_dir: &Path,
        discretions: &BTreeMap<PhoneName, Discretion>,
    ) -> Result<Option<Self>, DriverError> {
        let Some(at) = plan.bench.syslog else { return Ok(None) };
        let mut senders = BTreeMap::new();
        for phone in plan.phones.iter().filter_map(|name| plan.phone(name)) {
            let dialect = plan.model_of(phone).and_then(|model| model.syslog.as_ref());
            let Some((address, dialect)) = phone.address.zip(dialect) else { continue };
            let failed = |source| WitnessError::Log { phone: phone.name.clone(), source };
            let log = create_file(&run_dir.join(syslog_log(&phone.name)), plan.keep_secrets).map_err(failed)?;
            let failed = |source| WitnessError::Syslog { phone: phone.name.clone(), source };
            let sender = Sender {
                phone: phone.name.clone(),
                lines: lines(phone),
                reader: SyslogReader::new(dialect).map_err(failed)?,
                discretion: discretions.get(&phone.name).cloned().unwrap_or_default(),
                keep_secrets: plan.keep_secrets,
                log,
                recorded: 0,
                counted: (0, 0),
            };
            senders.insert(address, sender);
        }
        Ok(Some(Self { at, senders }))
    }
}

/// Listens until it is closed.
#[derive(Debug)]
pub(super) struct Receiver {
    closing: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Begins to listen, for datagrams and for streams. Must be called within a tokio runtime.
    pub(super) async fn start(
        setup: Setup,
        clock: &RunClock,
        reports: &mpsc::Sender<Report>,
    ) -> Result<Self, WitnessError> {
        let at = setup.at;
        let failed = |source| WitnessError::Bind { what: "syslog", at, remedy: remedy(&source, "syslog"), source };
        let datagrams = UdpSocket::bind(at).await.map_err(failed)?;
        let streams = TcpListener::bind(at).await.map_err(failed)?;
        let (closing, closed) = oneshot::channel();
        let desk = Desk { senders: setup.senders, clock: clock.clone(), outbox: Outbox::new(reports.clone()) };
        Ok(Self { closing, task: tokio::spawn(desk.run(datagrams, streams, closed)) })
    }

    pub(super) async fn close(self) {
        let _ = self.closing.send(());
        let _ = self.task.await;
    }
}

struct Desk {
    senders: BTreeMap<IpAddr, Sender>,
    clock: RunClock,
    outbox: Outbox,
}

impl Desk {
    async fn run(mut self, datagrams: UdpSocket, streams: TcpListener, closed: oneshot::Receiver<()>) {
        tokio::select! {
            _ = closed => {}
            () = self.serve(&datagrams, &streams) => {}
        }
        self.outbox.finish();
    }

    async fn serve(&mut self, datagrams: &UdpSocket, streams: &TcpListener) {
        let (framed, mut messages) = mpsc::channel(256);
        let places = Arc::new(Semaphore::new(MOST_STREAMS));
        let mut datagram = vec![0; MAX_MESSAGE];
        loop {
            tokio::select! {
                received = datagrams.recv_from(&mut datagram) => {
                    // What went wrong with one is no reason to hear no other.
                    let Ok((length, from)) = received else { continue };
                    self.take(from.ip(), &datagram[..length]);
                }
                accepted = streams.accept() => {
                    let Ok((stream, from)) = accepted else { continue };
                    let place = Arc::clone(&places).try_acquire_owned();
                    if let Some(place) = place.ok().filter(|_| self.senders.contains_key(&from.ip().to_canonical())) {
                        let framed = framed.clone();
                        tokio::spawn(async move {
                            read(stream, from.ip(), framed).await;
                            drop(place);
                        });
                    }
                }
                Some((from, message)) = messages.recv() => self.take(from, &message),
                () = self.outbox.deliver() => {}
            }
        }
    }

    fn take(&mut self, from: IpAddr, message: &[u8]) {
        let now = self.clock.now();
        let Some(sender) = self.senders.get_mut(&from.to_canonical()) else { return };
        let mut text = syslog::text(message);
        if !sender.keep_secrets && sender.discretion.holds(now) {
            text = text.chars().map(|char| if char.is_ascii_digit() { 'x' } else { char }).collect();
        }
        let meant = sender.reader.read(&text).filter(|_| sender.counts(now));
        if !sender.keep_secrets {
            text = redact::text(&text).into_owned();
        }
        if let Err(error) = sender.record(now, &text) {
            let reason = format!("the syslog of {} can not be recorded: {error}", sender.phone);
            let failed = Observed::DriverFailed { part: RigPart::Disk, phone: None, reason };
            self.outbox.push(When::exactly(now), failed);
        }
        let Some((extension, standing)) = meant else { return };
        let Some(line) = sender.lines.iter().find(|line| line.extension == extension).cloned() else { return };
        text.truncate(text.floor_char_boundary(QUOTE));
        let dated_ms = syslog::dated_ms(message);
        let testimony = Testimony { witness: Witness::Syslog, line, standing, quote: text, dated_ms };
        let error_ns = u64::try_from(UNASKED.as_nanos()).unwrap_or(u64::MAX);
        self.outbox.push(When { at: now, error_ns }, Observed::Testified(Box::new(testimony)));
    }
}

impl Sender {
    /// Whether a message is read for what it means: a flood is not.
    fn counts(&mut self, now: Stamp) -> bool {
        let second = now.0 / 1_000_000_000;
        let (of, before) = self.counted;
        let count = if of == second { before + 1 } else { 1 };
        self.counted = (second, count);
        count <= MOST_A_SECOND
    }

    fn record(&mut self, now: Stamp, text: &str) -> io::Result<()> {
        if self.recorded > MOST_RECORDED {
            return Ok(());
        }
        let line = format!("{now} {text}\n");
        self.recorded += line.len() as u64;
        self.log.write_all(line.as_bytes())?;
        if self.recorded > MOST_RECORDED {
            self.log.write_all(b"no more is recorded: it would fill the disk\n")?;
        }
        Ok(())
    }
}

/// Reads a stream to its end.
async fn read(mut stream: TcpStream, from: IpAddr, framed: mpsc::Sender<(IpAddr, Vec<u8>)>) {
    let (mut framer, mut piece) = (Framer::default(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        for message in framer.push(&piece[..count]) {
            // Whoever sends faster than it is read has to wait.
            if framed.send((from, message)).await.is_err() {
                return;
            }
        }
    }
}
