//! Where the phones' own files are: what they are meant to be, and how they come to where a server serves them from.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    bench::{Bench, Phone},
    provisioning::spelt,
};

/// Both. The files are called as phones ask for them: `aastra.cfg`, `<model>.cfg`, `<MAC>.cfg`
/// ([`Naming`](super::provisioning::Naming)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneFiles {
    /// The base set: what the files are meant to be.
    pub base: PathBuf,
    /// How they are put in place.
    #[serde(flatten)]
    pub served: Served,
}

/// Where the phones' files are served from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Served {
    /// A folder, as this machine sees it.
    Folder(PathBuf),
    /// What a command does about it.
    Put(PutCommand),
}

/// A command that puts a file where it is served from. It is run as it is, by no shell, with the rights of who runs siprig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutCommand {
    /// Program and arguments, with [`FILE`](Self::FILE) and [`NAME`](Self::NAME) to be replaced.
    pub command: Vec<String>,
    /// It is killed after this time, with all that it has started in its process group.
    #[serde(with = "super::duration")]
    pub limit: Duration,
}

impl PutCommand {
    /// Stands for the path of a file that holds what is to be served.
    pub const FILE: &str = "{file}";
    /// Stands for the name that phones ask for.
    pub const NAME: &str = "{name}";
}

impl PhoneFiles {
    /// The folder that is served, if this machine sees it.
    pub fn folder(&self) -> Option<&PathBuf> {
        match &self.served {
            Served::Folder(folder) => Some(folder),
            Served::Put(_) => None,
        }
    }
}

impl Phone {
    /// The file that is this phone's alone, as it asks for it; none: nobody knows its MAC address.
    pub fn settings_file(&self) -> Option<String> {
        Some(format!("{}.cfg", spelt(self.mac()?)))
    }
}

impl Bench {
    /// What it lacks to change the settings of a phone, if anything, for people.
    pub fn lacks_files(&self, phone: &Phone) -> Option<String> {
        match (&self.provisioning, phone.settings_file()) {
            (None, _) => Some("needs provisioning: the bench file has no [provisioning]".to_owned()),
            (Some(_), None) => {
                Some(format!("needs the MAC address of {}, by which its file is called: add `mac` to it", phone.name))
            }
            (Some(_), Some(_)) => None,
        }
    }
}
