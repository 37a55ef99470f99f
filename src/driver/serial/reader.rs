//! The task that reads one console, from the opening of its port to the end of the run.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use tokio::sync::{broadcast, mpsc};

use super::{
    REOPEN_EVERY,
    identity::{Identity, Password},
    raw_log::RawLog,
    transport::Transport,
    typing::{Begun, Typing, WRITE_PATIENCE},
    waiter::Heard,
};
use crate::{
    config::ConsolePort,
    driver::{
        clock::{Alarm, RunClock},
        discretion::Discretion,
        outbox::Outbox,
    },
    event::{Observed, PhoneName, PortKind, RawRef, RigPart, Stamp, When},
    journal::run_dir::console_log,
    wire::{
        console::{Asked, CompiledDialect, ConsoleFact, Line, LineAssembler},
        redact::{self, DigitMask},
    },
};

/// After something was typed, every line is reported for this long: it may be the answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A phone may repeat what was typed in confidence for this long.
const REPEATING: Duration = Duration::from_secs(10);

/// How many lines an error repeats.
const LAST_LINES: usize = 3;

/// What is ordered of a console.
#[derive(Debug)]
pub(super) enum Order {
    /// Type a line, and the dialect's line ending behind it.
    Line(String),
    /// Type these bytes as they are.
    Bytes(Vec<u8>),
    /// The same, and no record tells what they are.
    Secret(Vec<u8>),
    /// A line of which no record tells, and its line ending.
    SecretLine(String),
}

/// Why a port is not read any more.
enum Ended {
    /// We want no more of it.
    Closed,
    /// It is gone.
    Lost(io::Error),
}

pub(super) struct Reader {
    pub(super) phone: PhoneName,
    pub(super) port: ConsolePort,
    pub(super) clock: RunClock,
    pub(super) dialect: Option<Arc<CompiledDialect>>,
    pub(super) line_ending: String,
    /// Who logs on, where the phone asks for that.
    pub(super) identity: Option<Identity>,
    /// What is masked besides all that looks like a secret.
    pub(super) password: Option<Password>,
    /// Lines that were typed in confidence, and until when they are masked.
    pub(super) whispered: Vec<(Password, Stamp)>,
    pub(super) keep_secrets: bool,
    pub(super) discretion: Discretion,
    pub(super) digits: DigitMask,
    /// None after it could not be written, or none was wanted.
    pub(super) log: Option<RawLog>,
    pub(super) lines: LineAssembler,
    /// Place and text of the prompt that was reported last.
    pub(super) last_settled: Option<(u64, String)>,
    pub(super) answers_until: Option<Stamp>,
    pub(super) typing: Typing,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) outbox: Outbox,
    pub(super) feed: broadcast::Sender<Heard>,
    /// When the phone last said something.
    pub(super) heard: Stamp,
    /// When the port was lost; none: it was not.
    pub(super) lost: Option<Stamp>,
    /// What the phone said last.
    pub(super) said: VecDeque<String>,
    /// How late what is read may be.
    pub(super) read_error: Duration,
}

impl Reader {
    pub(super) async fn run(mut self, port: Transport) {
        let mut current = Some(port);
        while let Some(port) = current {
            self.opened(&port);
            current = match self.serve(&port).await {
                Ended::Closed => None,
                Ended::Lost(reason) => {
                    // A reader of a port that hung up would be woken for ever.
                    drop(port);
                    self.lost(&reason);
                    self.reopen().await
                }
            };
        }
        self.log(RawLog::finish);
        self.outbox.finish();
    }

    async fn serve(&mut self, port: &Transport) -> Ended {
        let mut buffer = [0; 4096];
        let mut alarm = Alarm::new(&self.clock);
        loop {
            let written = self.log.as_ref().and_then(RawLog::deadline);
            let due = [self.lines.deadline(), self.typing.gives_up(self.heard), written].into_iter().flatten().min();
            tokio::select! {
                read = port.read(&mut buffer) => match read {
                    Ok(count) => self.received(&mut buffer[..count]),
                    Err(reason) => return Ended::Lost(reason),
                },
                order = self.orders.recv() => match order {
                    Some(order) => self.ordered(order),
                    None => return Ended::Closed,
                },
                wrote = self.typing.write_some(port, &self.clock, self.heard) => match wrote {
                    Ok(count) => self.written(count),
                    Err(reason) => return Ended::Lost(reason),
                },
                () = self.outbox.deliver() => {}
                () = alarm.wait(due) => self.passed(self.clock.now()),
            }
        }
    }

    /// Waits for the port to come back; none if it is not wanted any more.
    async fn reopen(&mut self) -> Option<Transport> {
        let mut next = self.clock.now();
        loop {
            next = next + REOPEN_EVERY;
            loop {
                tokio::select! {
                    order = self.orders.recv() => {
                        order?;
                        self.gone();
                    }
                    () = self.outbox.deliver() => {}
                    () = self.clock.wait(Some(next)) => break,
                }
            }
            let port = self.port.clone();
            let mut attempt = std::pin::pin!(Transport::open(&port));
            let opened = loop {
                tokio::select! {
                    opened = &mut attempt => break opened,
                    order = self.orders.recv() => {
                        order?;
                        self.gone();
                    }
                    () = self.outbox.deliver() => {}
                }
            };
            if let Ok(port) = opened {
                return Some(port);
            }
        }
    }

    fn received(&mut self, bytes: &mut [u8]) {
        let now = self.clock.now();
        self.heard = now;
        self.digits.pass(bytes, self.discretion.holds(now) && !self.keep_secrets);
        let bytes = &*bytes;
        self.log(|log| log.received(bytes, now));
        self.tell(|| Heard::Came(now, bytes.into()));
        let mut lines = Vec::new();
        self.lines.feed(bytes, now, &mut lines);
        for line in lines {
            self.consider(line);
        }
        // A line that has not ended may hold what was typed: it is masked by what was known when it began.
        let unended = self.log.as_ref().is_some_and(RawLog::holds);
        if !unended && self.whispered.iter().any(|(_, until)| *until <= now) {
            self.whispered.retain(|(_, until)| *until > now);
            self.mask_whispered();
        }
    }

    /// A deadline has come: a prompt is complete, the port takes no more, or the log is to be written.
    fn passed(&mut self, now: Stamp) {
        if let Some(prompt) = self.lines.settle(now) {
            self.consider(prompt);
        }
        if self.log.as_ref().and_then(RawLog::deadline).is_some_and(|due| now >= due) {
            self.log(RawLog::flush);
        }
        if self.typing.gives_up(self.heard).is_some_and(|limit| now >= limit) {
            self.typing.clear();
            let said: Vec<_> = self.said.iter().map(|line| format!("`{line}`")).collect();
            let said = if said.is_empty() { "nothing".to_owned() } else { said.join(" ") };
            let reason = format!(
                "took nothing of what was typed for {WRITE_PATIENCE:?}; the phone said {said} before; is it running?"
            );
            self.failed(RigPart::Console, reason);
        }
    }

    /// Reports a line if it means something or may be an answer; everything else is in the raw log.
    fn consider(&mut self, line: Line) {
        let line = Line { text: self.without_secrets(line.text), ..line };
        if self.last_settled.as_ref().is_some_and(|(offset, text)| (*offset, text) == (line.offset, &line.text)) {
            return;
        }
        let meaning = self.dialect.as_ref().and_then(|dialect| dialect.meaning(&line.text));
        self.log_on(&line, meaning.as_ref());
        let means = meaning.is_some();
        let answers = self.answers_until.is_some_and(|until| line.last <= until);
        if line.unfinished {
            self.last_settled = Some((line.offset, line.text.clone()));
        }
        if self.said.len() == LAST_LINES {
            self.said.pop_front();
        }
        self.said.push_back(line.text.clone());
        self.tell(|| Heard::Line(Arc::new(line.clone())));
        if means || answers {
            // What the journal refers to must be there when it does.
            self.log(RawLog::flush_log);
            let raw = RawRef { file: console_log(&self.phone), offset: line.offset, len: line.len };
            let observed = Observed::ConsoleLine { phone: self.phone.clone(), text: line.text, raw, echo: line.echo };
            self.outbox.push(self.read_at(line.last), observed);
        }
    }

    /// Answers a prompt that asks who is there.
    fn log_on(&mut self, line: &Line, meaning: Option<&ConsoleFact>) {
        let now = self.clock.now();
        let Some(identity) = &mut self.identity else { return };
        if meaning == Some(&ConsoleFact::Prompt) {
            identity.login.succeeded();
        }
        let (answer, hidden) = match identity.login.take(line) {
            None => return,
            Some(Asked::User) => (identity.user.clone(), false),
            Some(Asked::Password) => (identity.password.as_ref().map(|it| it.text().to_owned()), !self.keep_secrets),
            Some(Asked::InVain) => {
                let reason = "does not let us log on; look at `user` and `password-file` of its console".to_owned();
                return self.failed(RigPart::Console, reason);
            }
        };
        match answer {
            Some(answer) => self.typing.order((answer + &self.line_ending).into_bytes(), hidden, now),
            None => {
                let wanted = if hidden { "password-file" } else { "user" };
                let reason = format!("asks who is there: `{}`; add `{wanted} = \"…\"` to its console", line.text);
                self.failed(RigPart::Console, reason);
            }
        }
    }

    /// A text as it may be told.
    fn without_secrets(&self, text: String) -> String {
        if self.keep_secrets {
            return text;
        }
        let mut bytes = text.into_bytes();
        redact::text_in_place(&mut bytes);
        for password in self.password.iter().chain(self.whispered.iter().map(|(line, _)| line)) {
            password.hide(&mut bytes);
        }
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn ordered(&mut self, order: Order) {
        let (bytes, hidden) = match order {
            Order::Line(text) => ((text + &self.line_ending).into_bytes(), false),
            Order::Bytes(bytes) => (bytes, false),
            Order::Secret(bytes) => (bytes, true),
            Order::SecretLine(text) => {
                self.whisper(&text);
                ((text + &self.line_ending).into_bytes(), !self.keep_secrets)
            }
        };
        self.typing.order(bytes, hidden, self.clock.now());
    }

    /// Masks a line that is typed in confidence, should the phone repeat it.
    fn whisper(&mut self, line: &str) {
        if !line.is_empty() && !self.keep_secrets {
            let until = self.clock.now() + REPEATING;
            self.whispered.push((Password::whispered(line.to_owned()), until));
            self.mask_whispered();
        }
    }

    fn mask_whispered(&mut self) {
        let lines = self.whispered.iter().map(|(line, _)| line.clone()).collect();
        if let Some(log) = &mut self.log {
            log.whispered(lines);
        }
    }

    fn written(&mut self, count: usize) {
        let now = self.clock.now();
        if let Some(Begun { bytes, hidden }) = self.typing.written(count, now) {
            self.log(|log| log.typed(&bytes, hidden, now));
            self.tell(|| Heard::Typed(now, (!hidden).then(|| bytes.as_slice().into())));
            if !hidden {
                self.lines.typed(&String::from_utf8_lossy(&bytes), now);
            }
        }
        self.answers_until = Some(now + ANSWER_TIME);
    }

    fn opened(&mut self, port: &Transport) {
        let now = self.clock.now();
        self.read_error = port.read_error();
        let away_ns = self.lost.take().map(|lost| u64::try_from(now.since(lost).as_nanos()).unwrap_or(u64::MAX));
        self.log(|log| log.opened(away_ns, now));
        self.tell(|| Heard::Opened(now));
        let observed = Observed::PortOpened {
            phone: self.phone.clone(),
            port: PortKind::Console,
            away_ns,
            across_network: port.is_across_network(),
        };
        self.outbox.push(When::exactly(now), observed);
    }

    fn lost(&mut self, reason: &io::Error) {
        let now = self.clock.now();
        if let Some(line) = self.lines.interrupt() {
            self.consider(line);
        }
        self.lost = Some(now);
        self.log(|log| log.lost(now));
        self.tell(|| Heard::Lost(now));
        self.typing.clear();
        let reason = format!("{}: {reason}", self.port.port);
        let observed = Observed::PortLost { phone: self.phone.clone(), port: PortKind::Console, reason };
        self.outbox.push(self.read_at(now), observed);
    }

    /// Writes to the raw log. The first failure is reported; the console is read on without a log.
    fn log(&mut self, write: impl FnOnce(&mut RawLog) -> io::Result<()>) {
        let Some(log) = &mut self.log else { return };
        if let Err(error) = write(log) {
            self.log = None;
            let file = console_log(&self.phone);
            self.failed(
                RigPart::Disk,
                format!("cannot write {file}: {error}; make room or choose another --report-dir"),
            );
        }
    }

    /// Tells those who listen, if any do.
    fn tell(&self, heard: impl FnOnce() -> Heard) {
        if self.feed.receiver_count() > 0 {
            // The last one may have gone meanwhile.
            let _ = self.feed.send(heard());
        }
    }

    /// Somebody wants to type where nothing is.
    fn gone(&mut self) {
        self.failed(RigPart::Console, "cannot type on it: its port is gone; plug it in again".to_owned());
    }

    fn failed(&mut self, part: RigPart, reason: String) {
        let observed = Observed::DriverFailed { part, phone: Some(self.phone.clone()), reason };
        self.outbox.push(When::exactly(self.clock.now()), observed);
    }

    /// The time of something that was just read.
    fn read_at(&self, at: Stamp) -> When {
        When { at, error_ns: u64::try_from(self.read_error.as_nanos()).unwrap_or(u64::MAX) }
    }
}
