//! Who logs on to a console that asks for that. The password is known here alone, and masked in all that is recorded.

use std::{fmt, fs, io, path::Path};

use crate::{
    config::{ConsolePort, Dialect},
    wire::console::{DialectError, Login},
};

/// A user, and how the phone asks for one.
#[derive(Clone)]
pub(super) struct Identity {
    /// How the phone asks.
    pub(super) login: Login,
    /// The name; none: nobody said one.
    pub(super) user: Option<String>,
    /// The password; none: nobody said one.
    pub(super) password: Option<Password>,
}

/// A password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(String);

impl Password {
    /// Reads the one line of a file.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(io::Error::other("it is empty")),
            line if line.contains(['\r', '\n']) => Err(io::Error::other("it holds more than one line")),
            line => Ok(Self(line.to_owned())),
        }
    }

    /// A line that an operator types in confidence.
    pub(super) const fn whispered(line: String) -> Self {
        Self(line)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Overwrites it wherever it stands; the length stays.
    pub(super) fn hide(&self, bytes: &mut [u8]) {
        let found: Vec<_> = memchr::memmem::find_iter(bytes, self.0.as_bytes()).collect();
        for at in found {
            bytes[at..at + self.0.len()].fill(b'x');
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Identity {
    /// Of a phone that asks who is there; none: it does not.
    ///
    /// # Errors
    /// If the password can not be read, or the dialogue can not be used.
    pub(super) fn of(port: &ConsolePort, dialect: Option<&Dialect>) -> Result<Option<Self>, IdentityError> {
        let Some(dialogue) = dialect.and_then(|dialect| dialect.login.as_ref()) else { return Ok(None) };
        let read = |path: &Path| {
            Password::read(path).map_err(|source| IdentityError::Password { path: path.display().to_string(), source })
        };
        Ok(Some(Self {
            login: Login::new(dialogue)?,
            user: port.user.clone().or_else(|| dialogue.user.clone()),
            password: port.password_file.as_deref().map(read).transpose()?,
        }))
    }
}

/// Why nobody can log on.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file of the password.
    #[error("cannot read the password in {path}: {source}; write it there, on one line")]
    Password {
        /// The file.
        path: String,
        /// What is wrong.
        source: io::Error,
    },
    /// The model's dialogue.
    #[error(transparent)]
    Dialogue(#[from] DialectError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_never_quoted_and_hidden_in_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Password::read(&path)
        };
        let password = read("s3cret\n").unwrap();
        let mut bytes = *b"s3crets3cret!\xff s3cre";
        password.hide(&mut bytes);
        assert_eq!(&bytes, b"xxxxxxxxxxxx!\xff s3cre");
        assert_eq!(format!("{password:?}"), "Password");
        assert!(read("").is_err() && read("a\nb\n").is_err());
    }
}
