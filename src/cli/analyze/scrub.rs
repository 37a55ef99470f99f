//! `siprig analyze --scrub`: the same capture without what others must not see.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{
    cli::{error::UserError, exit::Exit, key},
    wire::{
        capture::{CaptureCopy, Captured, LinkType},
        scrub::Scrubber,
    },
};

/// Where a scrubbed capture goes: a file that appears under its name when it is complete.
pub struct Scrubbing {
    path: PathBuf,
    unfinished: PathBuf,
    copy: CaptureCopy<BufWriter<File>>,
    scrubber: Scrubber<Frame>,
    frames: u64,
}

/// What is known of a frame besides its bytes.
struct Frame {
    interface: (u32, LinkType),
    unix_ns: i64,
    original_len: u32,
    comment: Option<String>,
}

impl Scrubbing {
    /// Begins a file at `path`. With a key, who is who gets pseudonyms; the key is made if there is no such file.
    ///
    /// # Errors
    /// If the file can not be written, is there already, or the key is none or not private.
    pub fn begin(path: &Path, key: Option<&Path>) -> Result<Self, UserError> {
        if path.exists() {
            let message = format!("{} is there already", path.display());
            return Err(UserError::new(Exit::Usage, message, "name another file with --scrub, or remove that one"));
        }
        let scrubber = match key {
            Some(key) => Scrubber::pseudonyms(&key::read_or_make(key)?),
            None => Scrubber::secrets(),
        };
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".part");
        let unfinished = PathBuf::from(unfinished);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        let copy = file.and_then(|file| CaptureCopy::new(BufWriter::new(file)));
        let copy = copy.map_err(|error| cannot_write(&unfinished, &error))?;
        Ok(Self { path: path.to_owned(), unfinished, copy, scrubber, frames: 0 })
    }

    /// Takes in the next frame.
    ///
    /// # Errors
    /// If the file can not be written.
    pub fn take(&mut self, captured: &Captured<'_>) -> Result<(), UserError> {
        let comment = captured.comment.as_deref().map(|text| self.scrubber.comment(text));
        let (interface, original_len) = ((captured.interface, captured.link), captured.original_len);
        let frame = Frame { interface, unix_ns: captured.unix_ns, original_len, comment };
        self.scrubber.push(captured.link, captured.bytes.to_vec(), frame);
        self.write()
    }

    /// Writes what is left and gives the file its name; returns how many frames it has.
    ///
    /// # Errors
    /// If the file can not be written.
    pub fn finish(mut self) -> Result<u64, UserError> {
        self.scrubber.finish();
        self.write()?;
        let Self { path, unfinished, copy, frames, .. } = self;
        let done = copy.into_inner().flush().and_then(|()| std::fs::rename(&unfinished, &path));
        done.map_err(|error| cannot_write(&path, &error))?;
        Ok(frames)
    }

    fn write(&mut self) -> Result<(), UserError> {
        while let Some((frame, bytes)) = self.scrubber.pop() {
            let Frame { interface, unix_ns, original_len, comment } = frame;
            let written = self.copy.write(interface, unix_ns, original_len, &bytes, comment.as_deref());
            written.map_err(|error| cannot_write(&self.unfinished, &error))?;
            self.frames += 1;
        }
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> UserError {
    UserError::new(Exit::Rig, format!("cannot write {}: {error}", path.display()), "name another file with --scrub")
}
