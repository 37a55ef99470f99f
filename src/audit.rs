//! Says what will go wrong with the settings of real phones before a night is spent on it: files as a provisioning
//! server holds them → findings for each file and each phone, and how long its moves can take.
//!
//! Pure: files come as bytes. Not here: reading them, and what a terminal shows ([`text`] makes the lines, `cli` prints
//! them).

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::config::{
    Assignable, Mac,
    provisioning::{Effective, Layer, Layers, Merged, Naming, Origin, SettingsFile},
};

mod accounts;
pub mod document;
mod form;
mod line;
mod naming;
pub mod outlook;
mod phone;
pub mod text;

use naming::Reader;
use outlook::Outlook;

/// Lifetime that is reckoned with where the settings leave it open: what the MX-ONE manual calls the registration's
/// refresh (26/1531-ANF 901 14, section 11.28).
pub const LIFETIME: Duration = Duration::from_secs(600);

/// How bad a finding is; the worst is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A test of failover is pointless until it is mended.
    Error,
    /// Something will not be as it looks.
    Warning,
    /// To be known when the results are read.
    Note,
}

impl Severity {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for it: `backup-off`.
    pub code: &'static str,
    /// The lines of the phone that it concerns; empty: the phone or the file as a whole.
    pub lines: Vec<u8>,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Where it is set; none: it is set nowhere.
    pub origin: Option<Origin>,
}

/// A file that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAudit {
    /// Its path.
    pub file: PathBuf,
    /// Whose settings it holds; none: nobody's.
    pub layer: Option<Layer>,
    /// How many settings it has.
    pub settings: usize,
    /// What is to be said about its form, and of names in it.
    pub findings: Vec<Finding>,
}

/// A phone, or what the files say of every phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneAudit {
    /// As its file is called: `00085D237429`; otherwise `any phone`, `any 6731i`.
    pub name: String,
    /// Its MAC address, if a file names it.
    pub mac: Option<Mac>,
    /// The files that it reads, in the order of precedence.
    pub files: Vec<PathBuf>,
    /// What is to be said about it, the worst first.
    pub findings: Vec<Finding>,
    /// What its lines can do at best.
    pub outlooks: BTreeMap<u8, Outlook>,
    /// The worst of its findings and those of its files.
    pub verdict: Option<Severity>,
}

/// All that is to be said about a set of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// The files, in the order given.
    pub files: Vec<FileAudit>,
    /// The phones, those with the worst verdict first.
    pub phones: Vec<PhoneAudit>,
}

impl Audit {
    /// The worst of all findings.
    pub fn verdict(&self) -> Option<Severity> {
        let files = self.files.iter().flat_map(|file| &file.findings).map(|finding| finding.severity);
        files.chain(self.phones.iter().filter_map(|phone| phone.verdict)).min()
    }
}

/// Audits files that belong together: those of one provisioning server, or those of one phone. `chosen` says that they
/// were named one by one, so that each must be somebody's. `keys_of` knows how many keys a model such as `6731i` has.
pub fn audit(files: Vec<(PathBuf, Vec<u8>)>, chosen: bool, keys_of: &dyn Fn(&str) -> Option<Assignable>) -> Audit {
    let mut read: Vec<Source> = files.into_iter().map(|(path, bytes)| Source::read(path, &bytes, chosen)).collect();
    naming::tell_contradictions(&mut read);
    let mut subjects: Vec<Subject> = naming::readers(&read).iter().map(|reader| Subject::of(reader, &read)).collect();
    let mut known: BTreeMap<String, Option<Assignable>> = BTreeMap::new();
    for subject in &mut subjects {
        let keys =
            subject.model.as_ref().and_then(|model| *known.entry(model.clone()).or_insert_with(|| keys_of(model)));
        phone::examine(subject, keys);
    }
    accounts::tell_shared(&mut subjects);
    let audits: Vec<FileAudit> = read.into_iter().map(|source| source.audit).collect();
    let mut phones: Vec<_> = subjects.into_iter().map(|subject| subject.finish(&audits)).collect();
    phones.sort_by_cached_key(|phone| {
        let errors = phone.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        (phone.verdict.is_none(), phone.verdict, Reverse(errors), phone.name.clone())
    });
    Audit { files: audits, phones }
}

/// A file and what it turned out to be.
struct Source {
    audit: FileAudit,
    naming: Naming,
    settings: SettingsFile,
}

impl Source {
    fn read(path: PathBuf, bytes: &[u8], chosen: bool) -> Self {
        let naming = Naming::of(&path);
        let used = naming.layer().is_some();
        // A file that no phone reads as text is not looked into: whatever it is, it is no list of wrong settings.
        let settings = SettingsFile::parse(path.clone(), if used { bytes } else { b"" });
        let mut findings = naming::examine(&path, &naming, chosen);
        findings.extend(form::examine(&settings));
        let audit = FileAudit { file: path, layer: naming.layer(), settings: settings.assignments.len(), findings };
        Self { audit, naming, settings }
    }
}

/// A phone under examination.
struct Subject {
    name: String,
    mac: Option<Mac>,
    /// Its model, if a file for models is read and names it.
    model: Option<String>,
    files: Vec<PathBuf>,
    merged: Merged,
    effective: Effective,
    outlooks: BTreeMap<u8, Outlook>,
    findings: Vec<Finding>,
}

impl Subject {
    fn of(reader: &Reader, sources: &[Source]) -> Self {
        let mut layers = Layers::new();
        let (mut files, mut model) = (Vec::new(), None);
        for source in reader.files.iter().filter_map(|index| sources.get(*index)) {
            if let Some(layer) = source.naming.layer() {
                layers.push(layer, source.settings.clone());
                files.push(source.audit.file.clone());
            }
            if let Naming::Model(name) = &source.naming {
                model = Some(name.clone());
            }
        }
        let merged = layers.merge();
        let effective = Effective::of(&merged);
        Self {
            name: reader.name.clone(),
            mac: reader.mac,
            model,
            files,
            merged,
            effective,
            outlooks: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Adds a finding. The same about another line becomes one about both.
    fn tell(&mut self, finding: Finding) {
        let same = |other: &&mut Finding| {
            (other.code, &other.message, &other.origin) == (finding.code, &finding.message, &finding.origin)
        };
        match self.findings.iter_mut().find(same) {
            Some(other) => other.lines.extend(finding.lines),
            None => self.findings.push(finding),
        }
    }

    fn finish(mut self, files: &[FileAudit]) -> PhoneAudit {
        self.findings.sort_by(|a, b| (a.severity, &a.origin, a.code).cmp(&(b.severity, &b.origin, b.code)));
        let of_files = files.iter().filter(|file| self.files.contains(&file.file)).flat_map(|file| &file.findings);
        let verdict = of_files.chain(&self.findings).map(|finding| finding.severity).min();
        let Self { name, mac, files, findings, outlooks, .. } = self;
        PhoneAudit { name, mac, files, findings, outlooks, verdict }
    }
}

/// The last part of a path, for people.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
