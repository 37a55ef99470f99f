//! The key of the pseudonyms, and the private file that it lies in.

use std::{
    fmt::{self, Write as _},
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Bytes of a key.
const LENGTH: usize = 32;

/// Permission bits of the group and of everybody else.
const OTHERS: u32 = 0o077;

/// What the pseudonyms depend on. Whoever has it can undo them.
#[derive(Clone)]
pub struct Key(pub(super) [u8; LENGTH]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system gives no random bytes.
    #[error("can not read random bytes from /dev/urandom: {0}")]
    Random(io::Error),
    /// The file can not be read or written.
    #[error("can not {verb} the key file {}: {error}", .path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Others may read the file.
    #[error("others may read the key file {} (mode {mode:04o}): `chmod 600` it, or make a new key", .path.display())]
    NotPrivate {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{} is no key file: 64 hexadecimal digits are expected and nothing else", .0.display())]
    NoKey(PathBuf),
}

impl Key {
    /// A new key, of the operating system's randomness.
    ///
    /// # Errors
    /// If there is none.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; LENGTH];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(KeyError::Random)?;
        Ok(Self(bytes))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// If it is not there, can be read by others, or holds no key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError::File { verb: "read", path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        // Of the file that was opened, not of what has its name by now.
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(KeyError::NotPrivate { path: path.to_owned(), mode });
        }
        let mut text = Vec::new();
        // One byte more than a key with CR and LF has.
        file.take(2 * LENGTH as u64 + 3).read_to_end(&mut text).map_err(failed)?;
        Self::parse(text.trim_ascii()).ok_or_else(|| KeyError::NoKey(path.to_owned()))
    }

    /// Writes a new key file that nobody else may read. A file that is there already stays as it is.
    ///
    /// # Errors
    /// If it can not be written, or is there already.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let failed = |error| KeyError::File { verb: "write", path: path.to_owned(), error };
        let mut text = self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        text.push('\n');
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut key = [0; LENGTH];
        if text.len() != 2 * LENGTH {
            return None;
        }
        for (byte, digits) in key.iter_mut().zip(text.chunks(2)) {
            let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16));
            *byte = digits
                .fold(Some(0), |byte, digit| Some(16 * byte? + digit?))
                .and_then(|byte| u8::try_from(byte).ok())?;
        }
        Some(Self(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_private_file_which_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        assert_ne!(key.0, other.0, "random keys differ");
        key.write_new(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert!(other.write_new(&path).unwrap_err().to_string().starts_with("can not write the key file /"));
        assert_eq!(Key::read(&path).unwrap().0, key.0);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Key::random().unwrap().write_new(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Key::read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("(mode {mode:04o}): `chmod 600` it")), "{error}");
        }
    }

    #[test]
    fn what_holds_no_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(Key::read(&path), Err(KeyError::File { verb: "read", .. })));
        let digits = "0aF9".repeat(16);
        for (text, good) in [
            (digits.clone(), true),
            (format!("{digits}\r\n"), true),
            (digits[1..].to_owned(), false),
            (format!("{digits}0"), false),
            (format!("{}g", &digits[1..]), false),
            (format!("{}+", &digits[1..]), false),
            ("0".repeat(100_000), false),
            (String::new(), false),
        ] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(Key::read(&path).is_ok(), good, "{text}");
        }
        let error = Key::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("key is no key file: 64 hexadecimal digits are expected and nothing else"), "{error}");
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", Key([7; 32])), "Key { .. }");
    }
}
