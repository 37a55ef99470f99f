//! Where locks and sockets are: `$SIPRIG_STATE`, else `$XDG_RUNTIME_DIR/siprig`, else a private directory of the user's
//! in the temporary directory.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use super::{error::UserError, exit::Exit};

/// The state directory, made if it is not there.
///
/// # Errors
/// If it can not be made, or belongs to somebody else.
pub fn directory() -> Result<PathBuf, UserError> {
    let path = place(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from));
    match make_private(&path) {
        Ok(()) => Ok(path),
        Err(error) => {
            let message = format!("cannot use {} for locks: {error}", path.display());
            Err(UserError::new(Exit::Rig, message, "set SIPRIG_STATE to a directory of your own"))
        }
    }
}

/// Where it is noted what was changed on interfaces: with the locks, unless `$SIPRIG_NETWORK_STATE` names another place, as
/// it does where the interfaces vanish with a bench.
///
/// # Errors
/// As [`directory`].
pub fn of_network() -> Result<PathBuf, UserError> {
    match std::env::var_os("SIPRIG_NETWORK_STATE") {
        Some(named) => Ok(named.into()),
        None => directory(),
    }
}

fn place(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    variable("SIPRIG_STATE")
        .or_else(|| variable("XDG_RUNTIME_DIR").map(|runtime| runtime.join("siprig")))
        .unwrap_or_else(|| std::env::temp_dir().join(format!("siprig-{}", geteuid())))
}

/// In a directory that all may write to, somebody else can have been there first.
fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && found.uid() == geteuid().as_raw() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"))
    }
}

/// So many that were left behind are passed over.
const MOST_SCRATCHES: u32 = 10_000;

/// A directory for what nobody needs afterwards; it goes with this.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one below the state directory, named for what it is for.
    ///
    /// # Errors
    /// If it can not be made.
    pub fn make(purpose: &str) -> Result<Self, UserError> {
        let above = directory()?;
        // In a namespace processes have the numbers of others.
        for number in 0_u32.. {
            let path = above.join(format!("{purpose}-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_SCRATCHES => {}
                Err(error) => return Err(unexpected("make a directory for what is seen", &error)),
            }
        }
        Err(unexpected("make a directory for what is seen", &io::ErrorKind::AlreadyExists.into()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left lies in a directory of the user's own.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What no user is to blame for.
pub fn unexpected(what: &str, error: &io::Error) -> UserError {
    UserError::new(Exit::Unexpected, format!("cannot {what}: {error}"), "is this machine out of memory or files?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_counts_before_the_runtime_directory_and_that_before_the_temporary_one() {
        let set = |known: &'static [(&str, &str)]| {
            place(move |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value)))
        };
        assert_eq!(set(&[("SIPRIG_STATE", "/a"), ("XDG_RUNTIME_DIR", "/b")]), Path::new("/a"));
        assert_eq!(set(&[("XDG_RUNTIME_DIR", "/b")]), Path::new("/b/siprig"));
        assert!(set(&[]).starts_with(std::env::temp_dir()));
    }

    #[test]
    fn a_link_that_somebody_left_there_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert!(make_private(&link).is_err());
    }
}
