//! The raw log of a console: every byte that the phone sent, and an index of when it came.
//!
//! The log holds what the phone sent and nothing else, byte for byte, but for masked secrets, which keep their length.
//! The index is JSON Lines; what we typed is there only.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

use crate::{
    event::{PhoneName, Stamp},
    journal::run_dir::{console_index, console_log, create_file},
    wire::{console::MAX_LINE, redact},
};

/// One line of the index.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    /// Nanoseconds since the run began.
    at: Stamp,
    what: What,
    /// Offset in the log: of the first byte that came, or the place where something else happened.
    offset: u64,
    /// Number of bytes.
    len: u64,
    /// What was typed, secrets masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// What an entry of the index tells of.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// Bytes came.
    In,
    /// We typed something.
    Out,
    /// The port was opened.
    Opened,
    /// The port was lost.
    Lost,
}

/// Writes log and index of one console.
#[derive(Debug)]
pub(super) struct RawLog {
    log: File,
    index: File,
    offset: u64,
    /// Bytes of the line that has not ended: a secret in it may be masked only as a whole.
    held: Vec<u8>,
    keep_secrets: bool,
}

impl RawLog {
    /// Creates both files in `run_dir`.
    pub(super) fn create(run_dir: &Path, phone: &PhoneName, keep_secrets: bool) -> io::Result<Self> {
        Ok(Self {
            log: create_file(&run_dir.join(console_log(phone)), keep_secrets)?,
            index: create_file(&run_dir.join(console_index(phone)), keep_secrets)?,
            offset: 0,
            held: Vec::new(),
            keep_secrets,
        })
    }

    /// Bytes came from the phone.
    pub(super) fn received(&mut self, bytes: &[u8], at: Stamp) -> io::Result<()> {
        self.note(at, What::In, bytes.len(), None)?;
        self.offset += bytes.len() as u64;
        if self.keep_secrets {
            return self.log.write_all(bytes);
        }
        self.held.extend_from_slice(bytes);
        let ended = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let unended = self.held.len() - ended;
        let ready = if unended > MAX_LINE { self.held.len() } else { ended };
        self.release(ready)
    }

    /// A line was typed.
    pub(super) fn typed(&mut self, text: &str, at: Stamp) -> io::Result<()> {
        let masked = if self.keep_secrets { text.into() } else { redact::text(text) };
        self.note(at, What::Out, text.len(), Some(&masked))
    }

    /// The port was opened or lost.
    pub(super) fn port(&mut self, what: What, at: Stamp) -> io::Result<()> {
        self.finish()?;
        self.note(at, what, 0, None)
    }

    /// Writes what is still held back.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.release(self.held.len())
    }

    fn release(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let masked = mask(&self.held[..count]);
        self.held.drain(..count);
        self.log.write_all(&masked)
    }

    fn note(&mut self, at: Stamp, what: What, len: usize, text: Option<&str>) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Entry { at, what, offset: self.offset, len: len as u64, text })?;
        line.push(b'\n');
        self.index.write_all(&line)
    }
}

/// Masks secrets in bytes that may be no UTF-8; the length stays.
fn mask(bytes: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for line in chunk.valid().split_inclusive('\n') {
            let clean = redact::text(line);
            // Offsets in the journal rely on the length; rather hide a line than shift all that follow.
            if clean.len() == line.len() {
                masked.extend_from_slice(clean.as_bytes());
            } else {
                masked.resize(masked.len() + line.len(), b'x');
            }
        }
        masked.extend_from_slice(chunk.invalid());
    }
    masked
}
