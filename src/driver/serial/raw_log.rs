//! Writes the recording of a console ([`journal::console`](crate::journal::console)).
//!
//! Bytes are gathered for a moment, so that a thousand consoles do not make a hundred thousand system calls a second; what
//! the journal refers to is written before that is told ([`RawLog::flush_log`]).

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::identity::Password;
use crate::{
    event::{PhoneName, Stamp},
    journal::{
        console::{Entry, What, to_hex},
        run_dir::{console_index, console_log, create_file},
    },
    wire::{console::MAX_LINE, redact},
};

/// What came is on the disk after this time at the latest, in nanoseconds.
const GATHER_NS: u64 = 250_000_000;

/// More than this is written at once.
const GATHER_BYTES: usize = 8192;

/// Phones that start together talk together: written together as well, what a thousand of them said would hold up all that
/// they say next. So each log has its own moment of [`GATHER_NS`], and however many there are, these are far apart: one is
/// the golden section of that time after the one before.
static LOGS: AtomicU64 = AtomicU64::new(0);
const APART_NS: u64 = 154_508_497;

/// Writes log and index of one console.
#[derive(Debug)]
pub(super) struct RawLog {
    log: File,
    index: File,
    offset: u64,
    /// Bytes of the line that has not ended: a secret in it may be masked only as a whole.
    held: Vec<u8>,
    /// What is to be written to the log, and to the index.
    ready: Vec<u8>,
    entries: Vec<u8>,
    /// When that is due.
    due: Option<Stamp>,
    /// Where in each [`GATHER_NS`] that is, in nanoseconds.
    moment: u64,
    keep_secrets: bool,
    /// What is masked besides all that looks like a secret.
    password: Option<Password>,
    /// The same of lines that were typed in confidence, for as long as they may come back.
    whispered: Vec<Password>,
}

impl RawLog {
    /// Creates both files in `run_dir`.
    pub(super) fn create(
        run_dir: &Path,
        phone: &PhoneName,
        keep_secrets: bool,
        password: Option<Password>,
    ) -> io::Result<Self> {
        Ok(Self {
            log: create_file(&run_dir.join(console_log(phone)), keep_secrets)?,
            index: create_file(&run_dir.join(console_index(phone)), keep_secrets)?,
            offset: 0,
            held: Vec::new(),
            ready: Vec::new(),
            entries: Vec::new(),
            due: None,
            moment: LOGS.fetch_add(1, Ordering::Relaxed).wrapping_mul(APART_NS) % GATHER_NS,
            keep_secrets,
            password,
            whispered: Vec::new(),
        })
    }

    /// Masks these too, from now on and no others.
    pub(super) fn whispered(&mut self, lines: Vec<Password>) {
        self.whispered = lines;
    }

    /// Bytes came from the phone.
    pub(super) fn received(&mut self, bytes: &[u8], at: Stamp) -> io::Result<()> {
        self.note(at, What::In, bytes.len(), |_| {})?;
        self.offset += bytes.len() as u64;
        if self.keep_secrets {
            self.ready.extend_from_slice(bytes);
        } else {
            self.held.extend_from_slice(bytes);
            // Only what is new can have ended the line.
            let before = self.held.len() - bytes.len();
            let ended = memchr::memrchr(b'\n', bytes).map_or(0, |last| before + last + 1);
            let unended = self.held.len() - ended;
            self.release(if unended > MAX_LINE { self.held.len() } else { ended });
        }
        self.gathered(at)
    }

    /// Something was typed. `hidden`: all of it is a secret.
    pub(super) fn typed(&mut self, bytes: &[u8], hidden: bool, at: Stamp) -> io::Result<()> {
        let mut masked = bytes.to_vec();
        match (self.keep_secrets, hidden) {
            (true, _) => {}
            (false, true) => masked.fill(b'x'),
            (false, false) => mask(&mut masked, self.password.iter().chain(&self.whispered)),
        }
        self.note(at, What::Out, bytes.len(), |entry| match String::from_utf8(masked) {
            Ok(text) => entry.text = Some(text),
            Err(error) => entry.hex = Some(to_hex(error.as_bytes())),
        })?;
        self.gathered(at)
    }

    /// The port was opened, after it was away for some time.
    pub(super) fn opened(&mut self, away_ns: Option<u64>, at: Stamp) -> io::Result<()> {
        self.note(at, What::Opened, 0, |entry| entry.away_ns = away_ns)?;
        self.finish()
    }

    /// The port was lost.
    pub(super) fn lost(&mut self, at: Stamp) -> io::Result<()> {
        self.note(at, What::Lost, 0, |_| {})?;
        self.finish()
    }

    /// Writes what is still held back.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.release(self.held.len());
        self.flush()
    }

    /// Whether a line has begun that has not ended.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// When [`RawLog::flush`] is due.
    pub(super) fn deadline(&self) -> Option<Stamp> {
        self.due
    }

    /// Writes what came to the log: what the journal is about to refer to. Its times can wait.
    pub(super) fn flush_log(&mut self) -> io::Result<()> {
        self.log.write_all(&self.ready)?;
        self.ready.clear();
        Ok(())
    }

    /// Writes what was gathered: the log first, so that the index never tells of more than there is.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.due = None;
        self.flush_log()?;
        self.index.write_all(&self.entries)?;
        self.entries.clear();
        Ok(())
    }

    fn gathered(&mut self, at: Stamp) -> io::Result<()> {
        if self.ready.len().max(self.entries.len()) >= GATHER_BYTES {
            return self.flush();
        }
        let wait = GATHER_NS - (at.0 % GATHER_NS + GATHER_NS - self.moment) % GATHER_NS;
        self.due.get_or_insert(at + Duration::from_nanos(wait));
        Ok(())
    }

    fn release(&mut self, count: usize) {
        mask(&mut self.held[..count], self.password.iter().chain(&self.whispered));
        self.ready.extend(self.held.drain(..count));
    }

    fn note(&mut self, at: Stamp, what: What, len: usize, add: impl FnOnce(&mut Entry)) -> io::Result<()> {
        let mut entry = Entry { at, what, offset: self.offset, len: len as u64, text: None, hex: None, away_ns: None };
        add(&mut entry);
        serde_json::to_writer(&mut self.entries, &entry)?;
        self.entries.push(b'\n');
        Ok(())
    }
}

/// Masks secrets, a line at a time; what is no text may stand anywhere. The length stays.
fn mask<'p>(bytes: &mut [u8], passwords: impl Iterator<Item = &'p Password>) {
    for line in bytes.split_inclusive_mut(|byte| *byte == b'\n') {
        redact::text_in_place(line);
    }
    passwords.for_each(|password| password.hide(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::console::Recording;

    #[test]
    fn what_was_written_is_replayed_byte_for_byte_and_secrets_keep_their_length() {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        let mut log = RawLog::create(folder.path(), &phone, false, None).unwrap();
        let at = Stamp::from_millis;
        log.opened(None, at(0)).unwrap();
        log.received(b"\xff\0\x1b[1mlogin: ", at(1)).unwrap();
        log.typed(b"password=hunter2\r", false, at(2)).unwrap();
        log.typed(b"hunter2\n", true, at(2)).unwrap();
        log.received(b"password=hun", at(3)).unwrap();
        log.received(b"ter2\r\npin: 4\xff71\r\nok", at(4)).unwrap();
        log.lost(at(5)).unwrap();
        log.opened(Some(7), at(6)).unwrap();
        log.finish().unwrap();

        let passages: Vec<_> = Recording::open(folder.path(), &phone).unwrap().map(Result::unwrap).collect();
        let of = |what| passages.iter().filter(move |it| it.what == what);
        let came: Vec<u8> = of(What::In).flat_map(|it| it.bytes.clone()).collect();
        assert_eq!(came, b"\xff\0\x1b[1mlogin: password=xxxxxxx\r\npin: xxxx\r\nok");
        let times: Vec<_> = of(What::In).map(|it| (it.at, it.bytes.len())).collect();
        assert_eq!(times, [(at(1), 13), (at(3), 12), (at(4), 19)]);
        let typed: Vec<_> = of(What::Out).map(|it| it.bytes.as_slice()).collect();
        assert_eq!(typed, [&b"password=xxxxxxx\r"[..], b"xxxxxxxx"]);
        assert_eq!(of(What::Opened).map(|it| it.away_ns).collect::<Vec<_>>(), [None, Some(7)]);
    }

    #[test]
    fn what_came_is_written_when_it_is_due_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let phone = PhoneName::from("p1");
        let mut log = RawLog::create(folder.path(), &phone, false, None).unwrap();
        let length = || std::fs::metadata(folder.path().join(console_log(&phone))).unwrap().len();
        log.received(b"one\n", Stamp::from_millis(1)).unwrap();
        let due = log.deadline().unwrap();
        assert!(length() == 0 && due > Stamp::from_millis(1) && due <= Stamp(1_000_000 + GATHER_NS), "{due:?}");
        assert_eq!(due.0 % GATHER_NS, log.moment, "each log has a moment of its own");
        log.flush().unwrap();
        assert_eq!((length(), log.deadline()), (4, None));
        log.received(&[b'\n'; GATHER_BYTES], Stamp::from_millis(2)).unwrap();
        assert_eq!((length(), log.deadline()), (4 + GATHER_BYTES as u64, None));
    }
}
