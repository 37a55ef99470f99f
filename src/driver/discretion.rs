//! PINs: where they come from, and when consoles must not be shown.
//!
//! A PIN leaves this process as key presses alone. What the phone's console tells of them is hidden from the first press
//! until well after the last: whoever presses says when, whoever reads asks.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use thiserror::Error;

use crate::event::Stamp;

/// A phone's console may tell of a key this long after the board has let it go.
const LINGERING: Duration = Duration::from_secs(1);

/// More digits than any PIN has.
const LONGEST: usize = 32;

/// The PIN of a line. Its `Debug` form says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

/// Why a PIN can not be had.
#[derive(Debug, Error)]
pub enum PinError {
    /// Its file can not be read.
    #[error("cannot read the PIN in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} does not hold a PIN; write its digits on one line, and nothing else", path.display())]
    NotDigits {
        /// The file.
        path: PathBuf,
    },
}

impl Pin {
    /// Reads the file that holds nothing but its digits.
    ///
    /// # Errors
    /// If there is no such file, or it holds anything else.
    pub fn read(path: &Path) -> Result<Self, PinError> {
        let text = fs::read_to_string(path).map_err(|source| PinError::Unreadable { path: path.to_owned(), source })?;
        let digits = text.trim();
        if !(1..=LONGEST).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PinError::NotDigits { path: path.to_owned() });
        }
        Ok(Self(digits.to_owned()))
    }

    /// One digit that an operator gave in confidence.
    pub(super) const fn of_digit(digit: String) -> Self {
        Self(digit)
    }

    /// Its digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

/// Whether what the console of a phone shows is to be hidden at present. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Discretion(Arc<AtomicU64>);

impl Discretion {
    /// From now on, until it is said otherwise.
    pub fn begin(&self) {
        self.0.store(u64::MAX, Ordering::SeqCst);
    }

    /// The last key is up: a little longer.
    pub fn end(&self, now: Stamp) {
        // What never began need not linger.
        let _ = self.0.compare_exchange(u64::MAX, (now + LINGERING).0, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Whether it holds.
    pub fn holds(&self, now: Stamp) -> bool {
        now.0 < self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discretion_holds_from_the_first_key_until_after_the_last() {
        let (presses, reads) = {
            let one = Discretion::default();
            (one.clone(), one)
        };
        presses.end(Stamp::from_millis(5));
        assert!(!reads.holds(Stamp::from_millis(6)), "nothing was secret");
        presses.begin();
        assert!(reads.holds(Stamp::from_millis(3_600_000)));
        presses.end(Stamp::from_millis(3_600_500));
        assert!(reads.holds(Stamp::from_millis(3_601_499)));
        assert!(!reads.holds(Stamp::from_millis(3_601_500)));
    }

    #[test]
    fn a_pin_is_digits_alone_and_is_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1001.pin");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Pin::read(&path)
        };
        let pin = read("4711\n").unwrap();
        assert_eq!((pin.digits(), format!("{pin:?}").as_str()), ("4711", "Pin"));
        for wrong in ["", "47 11", "secret", &"1".repeat(33)] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(
                said.contains("1001.pin does not hold a PIN") && (wrong.is_empty() || !said.contains(wrong)),
                "{said}"
            );
        }
        assert!(Pin::read(&folder.path().join("none")).unwrap_err().to_string().contains("cannot read the PIN"));
    }
}
