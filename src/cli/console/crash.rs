//! What a console that failed leaves behind: a file to send to whoever mends it.

use std::{
    backtrace::Backtrace,
    fs, io,
    path::{Path, PathBuf},
};

use crate::look::harmless;

/// Writes what happened into a file of that folder, which only its owner may read.
///
/// # Errors
/// If it can not be written.
pub(super) fn keep(folder: &Path, what: &str) -> io::Result<PathBuf> {
    let path = folder.join(format!("console-crash-{}.txt", std::process::id()));
    let what: Vec<String> = what.lines().map(harmless).collect();
    let text = format!(
        "siprig {} console, {}-{}\n\n{}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        what.join("\n"),
        Backtrace::force_capture()
    );
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_names_the_version_what_happened_and_where_and_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = keep(folder.path(), "panicked at src/x.rs:1:1:\nno `\x1b[2J` here").unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with(&format!("siprig {} console", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains("panicked at src/x.rs:1:1:\nno `\\u{1b}[2J` here") && text.contains("crash"), "{text}");
    }
}
