//! A phone's file where it is served from: held against the base set, and put in place whole.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::{PhoneFilesError, Settings};
use crate::{
    config::{
        PhoneFiles, PutCommand, Served,
        provisioning::{MAX_BYTES, with_settings},
    },
    driver::{clock::RunClock, hook::command, secrets::Secrets},
    event::{FileFault, FileFlaw},
    wire::redact,
};

/// Who may read a file that was not there before: its server, which is another user as a rule.
const MODE: u32 = 0o644;

/// The folder or the command.
#[derive(Debug)]
pub struct Place {
    files: PhoneFiles,
    secrets: Secrets,
    clock: RunClock,
}

impl Place {
    /// The one of a bench. What a command writes is told without these secrets.
    pub fn new(files: PhoneFiles, secrets: Secrets, clock: RunClock) -> Self {
        Self { files, secrets, clock }
    }

    /// Where it all is.
    pub fn files(&self) -> &PhoneFiles {
        &self.files
    }

    /// Looks for the base set, and for the program.
    ///
    /// # Errors
    /// If one is not there.
    pub fn ready(&self) -> Result<(), PhoneFilesError> {
        let base = &self.files.base;
        base.read_dir().map_err(|source| PhoneFilesError::Base { path: base.clone(), source })?;
        if let Served::Put(put) = &self.files.served {
            let program = put.command.first().cloned().unwrap_or_default();
            if command::find(&program).is_none() {
                return Err(PhoneFilesError::NoProgram { program });
            }
        }
        Ok(())
    }

    /// Whether settings can be put on top of what the base set has of a file.
    ///
    /// # Errors
    /// If the base set has it encrypted, which phones prefer; it is no text; or it can not be read.
    pub fn can_hold(&self, name: &str, settings: &Settings) -> Result<(), FileFlaw> {
        let encrypted = self.files.base.join(name).with_extension("tuz");
        if encrypted.exists() && !settings.is_empty() {
            return Err(unfit(format!("{} is encrypted: nothing can be set in it", encrypted.display())));
        }
        self.made_of(name, settings).map(drop)
    }

    /// Puts a file in place with `wanted` on top of the base set, where one of `before` is on top of it now, or nothing.
    ///
    /// # Errors
    /// If what is served is neither the base set nor what was put there; or it can not be read or written.
    pub fn put(&self, name: &str, before: &[Settings], wanted: &Settings) -> Result<(), FileFlaw> {
        let bytes = self.made_of(name, wanted)?;
        match &self.files.served {
            Served::Folder(folder) => {
                let path = folder.join(name);
                let served = read(&path)?;
                let mut known = served == bytes || served == self.made_of(name, &Settings::new())?;
                for there in before {
                    known |= served == self.made_of(name, there)?;
                }
                // What is none of these is somebody's.
                if !known {
                    let reason = format!(
                        "{} is not what it is in {}, and was left as it is; copy it from there, or take over there what is meant",
                        path.display(),
                        self.files.base.display()
                    );
                    return Err(FileFlaw { fault: FileFault::Differs, reason });
                }
                if served == bytes {
                    return Ok(());
                }
                write(&path, bytes.as_deref())
                    .map_err(|error| failed(format!("cannot write {}: {error}", path.display())))
            }
            Served::Put(put) => self.hand_over(put, name, bytes.as_deref()),
        }
    }

    /// What the file holds then; none: it is not there.
    fn made_of(&self, name: &str, settings: &Settings) -> Result<Option<Vec<u8>>, FileFlaw> {
        let path = self.files.base.join(name);
        let base = read(&path)?;
        if settings.is_empty() {
            return Ok(base);
        }
        let written = with_settings(&base.unwrap_or_default(), settings);
        written.map(Some).map_err(|error| unfit(format!("nothing can be set in {}: {error}", path.display())))
    }

    /// Gives a file to the command that puts it in place.
    fn hand_over(&self, put: &PutCommand, name: &str, bytes: Option<&[u8]>) -> Result<(), FileFlaw> {
        let unable =
            |error: io::Error| failed(format!("cannot hand {name} to the command that puts it in place: {error}"));
        // A command can put nothing in place of a file that the base set has not: one that sets nothing comes to the same.
        let mut file = tempfile::Builder::new().prefix("siprig-").suffix(".cfg").tempfile().map_err(unable)?;
        file.write_all(bytes.unwrap_or_default()).and_then(|()| file.flush()).map_err(unable)?;
        let path = file.path().to_string_lossy().into_owned();
        let words: Vec<String> = put
            .command
            .iter()
            .map(|word| word.replace(PutCommand::FILE, &path).replace(PutCommand::NAME, name))
            .collect();
        let outcome = command::run(&words, put.limit, &self.secrets, &self.clock);
        outcome.error.map_or(Ok(()), |error| {
            // A command may quote what it was given, which has the phone's passwords in it.
            let output = redact::text(&outcome.output);
            let wrote = if output.is_empty() { String::new() } else { format!(" (\"{output}\")") };
            Err(failed(format!(
                "the command that is to put {name} in place {error}{wrote}; look at `put` of the bench file"
            )))
        })
    }
}

/// A file of a size that phones' files have; none: it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, FileFlaw> {
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    match File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)) {
        Ok(count) if count as u64 == most => Err(unfit(format!("{} is longer than any phone's file", path.display()))),
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Puts a file in place whole, with the permissions that it has; none: takes it away. Where nothing can be made beside it, it is
/// written over.
fn write(path: &Path, bytes: Option<&[u8]>) -> io::Result<()> {
    let Some(bytes) = bytes else { return fs::remove_file(path) };
    let mode = fs::metadata(path).map_or(MODE, |there| there.permissions().mode());
    let beside = path.with_extension("siprig-new");
    let moved = File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::set_permissions(&beside, Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&beside, path));
    match moved {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let _ = fs::remove_file(&beside);
            fs::write(path, bytes)
        }
        moved => moved,
    }
}

fn failed(reason: String) -> FileFlaw {
    FileFlaw { fault: FileFault::Failed, reason }
}

fn unfit(reason: String) -> FileFlaw {
    FileFlaw { fault: FileFault::Unfit, reason }
}
