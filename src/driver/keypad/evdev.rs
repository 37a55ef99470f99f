//! Keys as Linux input events in a FIFO, as baresip's module `evdev` reads them from its `evdev_device`: for each key 24
//! bytes (`struct input_event` of linux/input.h on 64-bit machines), and after each change a `SYN_REPORT`.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::PathBuf,
};

use super::{
    super::clock::RunClock,
    single::{Held, Presser, called},
};
use crate::event::KeyName;

/// `EV_SYN` and `EV_KEY` of linux/input-event-codes.h.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;

/// Presses keys by events.
#[derive(Debug)]
pub struct EventKeys {
    fifo: PathBuf,
    codes: BTreeMap<KeyName, u16>,
    clock: RunClock,
    /// Open while keys are down, so that they go up where they went down.
    open: Option<File>,
    down: Vec<u16>,
}

impl EventKeys {
    /// Keys with these numbers, written to that FIFO.
    pub fn new(fifo: PathBuf, codes: BTreeMap<KeyName, u16>, clock: &RunClock) -> Self {
        Self { fifo, codes, clock: clock.clone(), open: None, down: Vec::new() }
    }

    /// Opens the FIFO without waiting for a reader: where nobody reads, nobody would ever see the keys.
    fn open(&self) -> Result<File, String> {
        let path = self.fifo.display();
        let file = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&self.fifo);
        let file = file.map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => format!("nobody reads {path}; is the phone running, and is that its `evdev_device`?"),
            _ if error.kind() == ErrorKind::NotFound => {
                format!("there is no FIFO {path}; make it with `mkfifo {path}`")
            }
            _ => format!("cannot open {path}: {error}; may you write to it?"),
        })?;
        let is_fifo = file.metadata().is_ok_and(|data| data.file_type().is_fifo());
        if is_fifo { Ok(file) } else { Err(format!("{path} is no FIFO; name the `evdev_device` of the phone")) }
    }

    /// Changes keys, and reports them as one change.
    fn write(&mut self, codes: &[u16], value: i32) -> io::Result<()> {
        let events = codes.iter().map(|code| event(EV_KEY, *code, value)).chain([event(EV_SYN, 0, 0)]);
        // Less than PIPE_BUF: it is written at once, or not at all.
        let bytes: Vec<u8> = events.flatten().collect();
        match &mut self.open {
            Some(file) => file.write_all(&bytes),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Presser for EventKeys {
    async fn press(&mut self, keys: &[KeyName], held: Held, secret: bool) -> Result<(), String> {
        let codes: Option<Vec<u16>> = keys.iter().map(|key| self.codes.get(key).copied()).collect();
        let codes = codes.ok_or_else(|| format!("the phone's model has no number for {}", called(keys, secret)))?;
        self.open = Some(self.open()?);
        let path = self.fifo.clone();
        let lost =
            |error: io::Error| format!("cannot write to {}: {error}; is the phone still running?", path.display());
        self.down.clone_from(&codes);
        self.write(&codes, 1).map_err(&lost)?;
        self.clock.wait(Some(self.clock.now() + held.span)).await;
        self.write(&codes, 0).map_err(&lost)?;
        (self.open, self.down) = (None, Vec::new());
        Ok(())
    }

    fn release(&mut self) {
        let down = std::mem::take(&mut self.down);
        if !down.is_empty() {
            // If nobody reads any more, nobody holds a key either.
            let _ = self.write(&down, 0);
        }
        self.open = None;
    }
}

/// An event without a time, which readers of FIFOs do not look at.
fn event(kind: u16, code: u16, value: i32) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[16..18].copy_from_slice(&kind.to_ne_bytes());
    bytes[18..20].copy_from_slice(&code.to_ne_bytes());
    bytes[20..].copy_from_slice(&value.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_laid_out_as_the_kernel_does() {
        let mut expected = vec![0; 16];
        expected.extend([1, 0, 28, 0, 1, 0, 0, 0]);
        assert_eq!(event(EV_KEY, 28, 1).to_vec(), expected);
        assert_eq!(event(EV_SYN, 0, 0), [0; 24]);
    }
}
