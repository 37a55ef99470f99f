//! Checks of where a bench says that the phones' files are. That the folders are there is for `siprig check` to say.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::Findings;
use crate::config::{phone_files::PhoneFiles, raw};

/// The two folders; relative ones start from `folder`.
pub(super) fn phone_files(
    raw: &Spanned<raw::Provisioning>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<PhoneFiles> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mut read = |text: &raw::Text, message: &str, help: &str| -> Option<PathBuf> {
        let text = findings.required(text.as_ref(), span.clone(), message, help)?;
        if text.get_ref().is_empty() || text.get_ref().contains('\0') {
            findings.at(text.span(), "not the path of a folder", help);
            return None;
        }
        Some(folder.join(text.get_ref()))
    };
    let base =
        read(&raw.base, "nothing says what the phones' files are meant to be", "add `base = \"phones\"`, a folder");
    let served = read(
        &raw.folder,
        "nothing says where the phones' files are served from",
        "add `folder = \"/srv/tftp\"`, as this machine sees what their server serves",
    );
    let (base, served) = (base?, served?);
    if base == served {
        let help = "keep a copy elsewhere, which nobody serves, and name that as `base`";
        findings.at(span, "the phones' files are held against themselves", help);
        return None;
    }
    Some(PhoneFiles { base, folder: served })
}
