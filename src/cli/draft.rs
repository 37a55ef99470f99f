//! Where the draft of a bench file goes, and the models that it can name.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    bench,
    check::settings,
    error::{UserError, print_data},
    exit::Exit,
};
use crate::{
    config::load,
    discovery::{KnownModel, Provisioned},
};

/// A file that is to be made, or standard output.
#[derive(Debug)]
pub struct Destination(Option<PathBuf>);

impl Destination {
    /// Where somebody wants it; `-` is standard output.
    ///
    /// # Errors
    /// If there is a file already: what a person has completed is not written over.
    pub fn new(path: &Path) -> Result<Self, UserError> {
        if path == Path::new("-") {
            return Ok(Self(None));
        }
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(taken(path));
        }
        Ok(Self(Some(path.to_owned())))
    }

    /// Whether it is standard output.
    pub fn is_stdout(&self) -> bool {
        self.0.is_none()
    }

    /// The name that a bench in this file would have.
    pub fn bench_name(&self) -> String {
        let stem = self.0.as_deref().and_then(Path::file_stem);
        stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    }

    /// Writes the draft, and tells people where.
    ///
    /// # Errors
    /// If it can not be written, or somebody has made a file there meanwhile.
    pub fn write(&self, draft: &str) -> Result<(), UserError> {
        let Some(path) = &self.0 else { return print_data(draft) };
        let written = OpenOptions::new().write(true).create_new(true).open(path);
        match written.and_then(|mut file| file.write_all(draft.as_bytes())) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(taken(path)),
            Err(error) => {
                let message = format!("cannot write {}: {error}", path.display());
                return Err(UserError::new(Exit::Rig, message, "name a file in a folder that is there and yours"));
            }
        }
        // Nobody is left to be told if stderr is gone.
        let _ = writeln!(
            anstream::stderr(),
            "draft: {}; complete what it marks CHANGEME, and confirm what it marks so",
            path.display()
        );
        Ok(())
    }
}

fn taken(path: &Path) -> UserError {
    let message = format!("{} is there already, and is left as it is", path.display());
    UserError::new(Exit::Usage, message, "name another file, or remove that one")
}

/// The phones' own files, of a folder that somebody has named.
///
/// # Errors
/// If it can not be read, or there is none in it.
pub fn provisioned(folder: Option<&Path>) -> Result<Provisioned, UserError> {
    Ok(Provisioned::of(folder.map(settings::folder).transpose()?.unwrap_or_default()))
}

/// The models that can be read, of those that a bench can name.
pub fn models() -> Vec<KnownModel> {
    let rig = bench::rig();
    let names = load::model_names(&rig).into_iter();
    names.filter_map(|name| load::model(&name, &rig).ok().map(|model| KnownModel::new(name, &model))).collect()
}
