//! Files of a lab that hold one secret each.

use std::path::PathBuf;

use super::LabPlan;
use crate::virtual_bench::{description::LabWitness, phone::LineSpec};

impl LabPlan {
    /// Files that hold one password each, or the PIN of one extension, and what is in them.
    pub fn secret_files(&self) -> impl Iterator<Item = (PathBuf, &str)> {
        let lines = self.phones.iter().flat_map(|process| &process.phone.lines);
        let passwords = lines.map(|line| (self.password_file(line), line.password.as_str()));
        // All servers have the same users.
        let users = self.servers.iter().take(1).flat_map(|server| &server.spec.users);
        let pins = users.filter_map(|(extension, user)| Some((self.pin_file(extension), user.pin.as_deref()?)));
        let pages = self.web_passwords.iter().filter(|_| self.witnesses.contains(&LabWitness::StatusPage));
        let pages = pages.map(|(phone, password)| (self.web_password_file(phone), password.as_str()));
        passwords.chain(pins).chain(pages)
    }

    pub(super) fn web_password_file(&self, phone: &str) -> PathBuf {
        self.directory.join(format!("{phone}.web-password"))
    }

    pub(super) fn password_file(&self, line: &LineSpec) -> PathBuf {
        self.directory.join(format!("{}.password", line.extension))
    }

    pub(super) fn pin_file(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{extension}.pin"))
    }
}
