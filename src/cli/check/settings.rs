//! `siprig check --config`: reads configuration files of phones, has them judged, and tells.

use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use crate::{
    audit::{self, Audit, Severity, document::Document, text},
    cli::{
        args::CheckArgs,
        bench,
        error::{UserError, print_data},
        exit::Exit,
    },
    config::{
        Assignable, load,
        provisioning::{MAX_BYTES, is_settings_file},
    },
    look::Look,
};

/// Most files of one folder.
const MOST: usize = 20_000;

/// Most bytes of all files together.
const TOTAL: usize = 256 << 20;

/// Judges what was named.
///
/// # Errors
/// If a file can not be read, or there is none.
pub(super) fn check(args: &CheckArgs) -> Result<Exit, UserError> {
    let (folders, files): (Vec<_>, Vec<_>) = args.config.iter().partition(|path| path.is_dir());
    let mut audits = Vec::new();
    for folder in folders {
        audits.push(audit::audit(self::folder(folder)?, false, &keys_of));
    }
    if !files.is_empty() {
        audits.push(audit::audit(read_all(&files)?, true, &keys_of));
    }
    let failed = audits.iter().any(|audit: &Audit| audit.verdict() == Some(Severity::Error));
    let exit = if failed { Exit::Config } else { Exit::Success };
    if args.json {
        print_data(&Document::of(&audits, exit.code()).to_json().map_err(unwritable)?)?;
    } else {
        print_data(&text::render(&audits, Look::of_stream(io::stdout().is_terminal())))?;
    }
    Ok(exit)
}

/// The document for an audit that could not even begin.
///
/// # Errors
/// If it can not be written as JSON.
pub(super) fn failed(error: &UserError) -> Result<String, serde_json::Error> {
    Document::failed(error.exit.code(), error.text()).to_json()
}

/// The keys of a model, if there is a file that describes it.
fn keys_of(model: &str) -> Option<Assignable> {
    load::model(&format!("aastra-{}", model.to_ascii_lowercase()), &bench::rig()).ok().map(|model| model.assignable)
}

fn unwritable(error: serde_json::Error) -> UserError {
    UserError::new(Exit::Unexpected, format!("cannot write the findings: {error}"), "please report this")
}

/// Reads the configuration files of a folder.
///
/// # Errors
/// If one can not be read, or there is none.
pub fn folder(path: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, UserError> {
    read_all(&listed(path)?)
}

/// The configuration files of a folder, sorted by name. Provisioning servers are flat: what is below is not looked at.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, UserError> {
    let unreadable = |error: io::Error| {
        let message = format!("cannot read the folder {}: {error}", folder.display());
        UserError::new(Exit::Config, message, "make it readable for you")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_settings_file(&path) && path.is_file() {
            files.push(path);
        }
        if files.len() > MOST {
            let message = format!("there are more than {MOST} configuration files in {}", folder.display());
            return Err(UserError::new(Exit::Config, message, "name some of them"));
        }
    }
    if files.is_empty() {
        let message = format!("there is no configuration file in {}", folder.display());
        return Err(UserError::new(Exit::Config, message, "phones read aastra.cfg, <model>.cfg and <MAC>.cfg"));
    }
    files.sort();
    Ok(files)
}

fn read_all(files: &[impl AsRef<Path>]) -> Result<Vec<(PathBuf, Vec<u8>)>, UserError> {
    let (mut read_files, mut total) = (Vec::new(), 0);
    for file in files.iter().map(AsRef::as_ref) {
        let bytes = read(file)?;
        total += bytes.len();
        if total > TOTAL {
            let message = format!("the files have more than {} MiB together", TOTAL >> 20);
            return Err(UserError::new(Exit::Config, message, "name some of them"));
        }
        read_files.push((file.to_owned(), bytes));
    }
    Ok(read_files)
}

/// Reads a file, as far as it is looked at: one byte beyond says that it goes on.
fn read(path: &Path) -> Result<Vec<u8>, UserError> {
    let unreadable = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "name a file or folder that is there",
            _ => "make it readable for you",
        };
        UserError::new(Exit::Config, format!("cannot read {}: {error}", path.display()), help)
    };
    // A pipe would be waited for.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        let message = format!("{} is neither a file nor a folder", path.display());
        return Err(UserError::new(Exit::Config, message, "name a file or folder"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES as u64 + 4).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}
