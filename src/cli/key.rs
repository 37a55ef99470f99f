//! The file in which the key of the pseudonyms lies. Nobody else may read it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use super::{error::UserError, exit::Exit};
use crate::wire::scrub::{KEY_LENGTH, Key};

/// Permission bits of the group and of everybody else.
const OTHERS: u32 = 0o077;

/// More than a key with the end of its line is long.
const LARGEST: u64 = 1024;

/// The key in a file; if there is no such file, a new key in a new file.
///
/// # Errors
/// If the file can not be read or written, can be read by others, or holds no key.
pub fn read_or_make(path: &Path) -> Result<Key, UserError> {
    match File::open(path) {
        Ok(file) => read(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(failed("read", path, &error)),
    }
}

fn read(file: File, path: &Path) -> Result<Key, UserError> {
    let failed = |error| failed("read", path, &error);
    // Of the file that was opened, not of what has its name by now.
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & OTHERS != 0 {
        let message = format!("others may use the key file {} (mode {mode:04o})", path.display());
        let help = "whoever has the key can undo the pseudonyms; chmod 600 it, or name a file that does not exist yet";
        return Err(UserError::new(Exit::Config, message, help));
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text).map_err(failed)?;
    let text = String::from_utf8_lossy(&text);
    text.trim_ascii().parse().map_err(|error| {
        let message = format!("{} is no key file: {error}", path.display());
        UserError::new(Exit::Config, message, "name a file that does not exist yet, and a new key is made")
    })
}

fn make(path: &Path) -> Result<Key, UserError> {
    let failed = |error| failed("write", path, &error);
    let mut bytes = [0; KEY_LENGTH];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).map_err(|error| {
        UserError::new(Exit::Unexpected, format!("cannot read random bytes from /dev/urandom: {error}"), "mount /dev")
    })?;
    let key = Key::of(bytes);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all((key.to_text() + "\n").as_bytes()).map_err(failed)?;
    Ok(key)
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> UserError {
    let message = format!("cannot {verb} the key file {}: {error}", path.display());
    UserError::new(Exit::Config, message, "name a file of your own in a directory of your own")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        (folder, path)
    }

    fn message(path: &Path) -> String {
        read_or_make(path).unwrap_err().problems[0].message.clone()
    }

    #[test]
    fn a_new_key_is_private_and_found_again() {
        let (_folder, path) = place();
        let key = read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(read_or_make(&path).unwrap().to_text(), key.to_text());
        let (_folder, path) = place();
        assert_ne!(read_or_make(&path).unwrap().to_text(), key.to_text(), "random keys differ");
    }

    #[test]
    fn a_key_that_others_may_use_is_refused() {
        let (_folder, path) = place();
        read_or_make(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(message(&path).ends_with(&format!("key (mode {mode:04o})")), "{}", message(&path));
        }
    }

    #[test]
    fn what_holds_no_key_is_refused_and_stays_as_it_is() {
        let (folder, path) = place();
        for text in [String::new(), "hunter2".to_owned(), "0".repeat(65), "0".repeat(100_000)] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(
                message(&path).contains("key is no key file: a key is 64 hexadecimal digits"),
                "{}",
                message(&path)
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(
            message(folder.path()).starts_with("others may use the key file")
                || message(folder.path()).starts_with("cannot read")
        );
        assert!(message(&path.join("below")).starts_with("cannot read the key file"));
    }
}
