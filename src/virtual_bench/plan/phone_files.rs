//! The phones' own files, where the lab's phones load them at each boot: what they are meant to be, and what is served.

use std::{collections::BTreeMap, path::PathBuf};

use super::{LabPlan, path, table};
use crate::virtual_bench::phone::files;

/// The folders, in the lab's directory.
const BASE: &str = "phones";
const SERVED: &str = "tftp";

impl LabPlan {
    /// The folder that is served by the first server.
    pub(super) fn served_folder(&self) -> PathBuf {
        self.directory.join(SERVED)
    }

    /// The phones' files in both folders, and what is in them; none, where the phones load none.
    pub fn phone_files(&self) -> BTreeMap<PathBuf, &str> {
        let loading = self.phones.iter().map(|process| &process.phone).filter(|phone| phone.tftp.is_some());
        let files = loading.flat_map(|phone| {
            let texts = [&phone.provisioning.global, &phone.provisioning.model, &phone.provisioning.phone];
            let held = files(phone).into_iter().zip(texts).filter(|(_, text)| !text.is_empty());
            held.flat_map(|(name, text)| {
                [BASE, SERVED].map(|folder| (self.directory.join(folder).join(&name), text.as_str()))
            })
        });
        // Those for all phones are the same for each.
        files.collect()
    }

    /// Where the bench file says that they are.
    pub(super) fn provisioning_entry(&self) -> toml::Value {
        table([("base", path(&self.directory.join(BASE))), ("folder", path(&self.served_folder()))])
    }
}
