//! What is wrong with a file that a person wrote: where, what was expected, and what to do.
//!
//! Not here: finding it. Colours and exit codes are the command line's.

use std::{fmt, path::PathBuf};

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Where; none if it concerns no place in particular (a file that is not there).
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A place in a file or in an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or `--set` for an override.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line itself.
    pub excerpt: String,
    /// How many characters of it are meant, at least 1.
    pub width: usize,
}

/// Everything found wrong with a file and those it refers to; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl Diagnostic {
    /// A finding that concerns no place in particular.
    pub fn nowhere(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: Some(help.into()) }
    }
}

impl fmt::Display for Diagnostic {
    /// The message, the place with its excerpt, and the help, each on lines of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n{place}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        writeln!(f, "  {}:{}:{}", self.file.display(), self.line, self.column)?;
        writeln!(f, "  {} | {}", self.line, self.excerpt)?;
        write!(f, "  {:gutter$} | {:indent$}{}", "", "", "^".repeat(self.width), indent = self.column - 1)
    }
}

impl fmt::Display for Diagnostics {
    /// One after the other, with an empty line between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}
