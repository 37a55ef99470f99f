//! From a file name to checked types: finds the file, reads it strictly, applies `--set`, checks it as a whole.
//!
//! A name without a `/` or an ending is looked up in the rig directory first, then among the files that are embedded
//! in the binary.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Bench, Model, Phone, Scenario, Suite, check,
    diagnostic::{Diagnostic, Diagnostics},
    document::{Document, Findings, suggest},
    embedded,
    overrides::Override,
    raw,
};

/// Where benches, models, scenarios and suites are looked for before the embedded ones are used.
pub const RIG: &str = "rig";

/// Bytes of the largest file that is read.
const LARGEST: u64 = 1 << 20;

/// How deep models may extend one another.
const DEEPEST: usize = 8;

/// Reads a bench with the models of its phones; `--set` overrides are applied before anything is checked.
///
/// # Errors
/// All that is wrong with the bench file, with a model it refers to, or with an override.
pub fn bench(name: &str, rig: &Path, overrides: &[Override]) -> Result<(Bench, BTreeMap<String, Model>), Diagnostics> {
    checked_bench(&document(name, rig, overrides)?, rig)
}

/// Checks a bench file that was read already.
///
/// # Errors
/// As [`bench`].
pub fn checked_bench(document: &Document, rig: &Path) -> Result<(Bench, BTreeMap<String, Model>), Diagnostics> {
    let folder = document.file().parent().unwrap_or(Path::new("")).to_owned();
    let mut findings = Findings::new(document);
    let raw: raw::Bench = document.read(&mut findings);
    let mut find_model = |name: &str| model(&beside(document, name), rig);
    let checked = check::bench::bench(&raw, &folder, &mut find_model, &mut findings);
    findings.finish(checked)
}

/// Reads a bench file without checking it, so that its kind can be looked at.
///
/// # Errors
/// If there is no such file, it is not TOML, or an override leads nowhere.
pub fn document(name: &str, rig: &Path, overrides: &[Override]) -> Result<Document, Diagnostics> {
    open(Kind::Bench, name, rig, overrides)
}

/// Reads a phone model by name (`aastra-6731i`) or path.
///
/// # Errors
/// All that is wrong with the file or with one that it extends.
pub fn model(name: &str, rig: &Path) -> Result<Model, Diagnostics> {
    model_below(name, rig, &mut Vec::new())
}

/// Reads a phone model that is not in its file yet.
///
/// # Errors
/// As [`model`].
pub fn model_text(file: &Path, text: String, rig: &Path) -> Result<Model, Diagnostics> {
    let document = Document::parse(file.to_owned(), text, &[])?;
    checked_model(&document, &file.to_string_lossy(), rig, &mut Vec::new())
}

fn model_below(name: &str, rig: &Path, below: &mut Vec<String>) -> Result<Model, Diagnostics> {
    checked_model(&open(Kind::Model, name, rig, &[])?, name, rig, below)
}

fn checked_model(document: &Document, name: &str, rig: &Path, below: &mut Vec<String>) -> Result<Model, Diagnostics> {
    let mut findings = Findings::new(document);
    let raw: raw::Model = document.read(&mut findings);
    let mut base = None;
    if let Some(extends) = &raw.extends {
        below.push(name.to_owned());
        let parent = beside(document, extends.get_ref());
        if below.contains(&parent) || below.len() > DEEPEST {
            let chain = format!("{} → {parent}", below.join(" → "));
            findings.at(extends.span(), "the model extends itself", format!("break the circle {chain}"));
        } else {
            match model_below(&parent, rig, below) {
                Ok(model) => base = Some(model),
                Err(why) if why.0.iter().all(|finding| finding.place.is_none()) => {
                    for finding in why.0 {
                        findings.push(extends.span(), finding.message, finding.help);
                    }
                }
                Err(why) => findings.extend(why),
            }
        }
    }
    let checked = check::model::model(&raw, base, &mut findings);
    findings.finish(checked)
}

/// Reads a scenario by name (`failover`) or path.
///
/// # Errors
/// All that is wrong with the file.
pub fn scenario(name: &str, rig: &Path) -> Result<Scenario, Diagnostics> {
    let document = open(Kind::Scenario, name, rig, &[])?;
    let mut findings = Findings::new(&document);
    let raw: raw::Scenario = document.read(&mut findings);
    let checked = check::scenario::scenario(&raw, &mut findings);
    findings.finish(checked)
}

/// Checks that phones can do what a scenario asks of them: that their models have the menus and keys of its steps.
///
/// # Errors
/// What a phone with a keypad can not do. One without is no mistake: its case is skipped.
pub fn fit(scenario: &Scenario, phones: &[&Phone], models: &BTreeMap<String, Model>) -> Result<(), Diagnostics> {
    check::fit::fit(scenario, phones, models)
}

/// Checks that a bench lets a scenario do to the servers of these phones what it asks for.
///
/// # Errors
/// Servers behind a router whose link-layer addresses an outage would take, and those without the names that it would.
pub fn reach(scenario: &Scenario, bench: &Bench, phones: &[&Phone]) -> Result<(), Diagnostics> {
    check::reach::reach(scenario, bench, phones)
}

/// Reads a suite file without checking it, so that it can be held against a bench later.
///
/// # Errors
/// If there is no such file, or it is not TOML.
pub fn suite_document(name: &str, rig: &Path) -> Result<Document, Diagnostics> {
    open(Kind::Suite, name, rig, &[])
}

/// Checks a suite file, and reads the scenarios that it runs, by the name or path by which it has them.
///
/// # Errors
/// All that is wrong with the file or with one of its scenarios.
pub fn suite(document: &Document, rig: &Path) -> Result<(Suite, BTreeMap<String, Scenario>), Diagnostics> {
    let mut findings = Findings::new(document);
    let raw: raw::Suite = document.read(&mut findings);
    let folder = document.file().parent().unwrap_or(Path::new(""));
    let mut known = BTreeMap::new();
    let mut find = |text: &str| {
        let named = beside(document, text);
        let found = known.entry(named.clone()).or_insert_with(|| scenario(&named, rig));
        found.clone().map(|scenario| (named, scenario))
    };
    let checked = check::suite::suite(&raw, folder, &mut find, &mut findings);
    findings.finish(checked)
}

/// Checks that the phones that a suite names are those of a bench.
///
/// # Errors
/// Each that it has not.
pub fn suite_fits(document: &Document, bench: &Bench) -> Result<(), Diagnostics> {
    let mut findings = Findings::new(document);
    let raw: raw::Suite = document.read(&mut findings);
    check::suite::fit(&raw, bench, &mut findings);
    findings.finish(())
}

/// Names of the suites that can be run by name, those of the rig directory and the embedded ones.
pub fn suite_names(rig: &Path) -> Vec<String> {
    known(Kind::Suite, rig)
}

/// Names of the scenarios that can be run by name, those of the rig directory and the embedded ones.
pub fn scenario_names(rig: &Path) -> Vec<String> {
    known(Kind::Scenario, rig)
}

/// Names of the models that a bench can name, those of the rig directory and the embedded ones.
pub fn model_names(rig: &Path) -> Vec<String> {
    known(Kind::Model, rig)
}

/// What a file describes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bench,
    Model,
    Scenario,
    Suite,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Model => "model",
            Self::Scenario => "scenario",
            Self::Suite => "suite",
        }
    }

    /// Below the rig directory.
    fn folder(self) -> &'static str {
        match self {
            Self::Bench => "",
            Self::Model => "models/",
            Self::Scenario => "scenarios/",
            Self::Suite => "suites/",
        }
    }
}

/// Whether this is the path of a file and not a name.
fn is_path(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

/// A path starts from the file that it is written in; a name stays a name.
fn beside(document: &Document, name: &str) -> String {
    match document.file().parent() {
        Some(folder) if is_path(name) => folder.join(name).to_string_lossy().into_owned(),
        _ => name.to_owned(),
    }
}

fn open(kind: Kind, name: &str, rig: &Path, overrides: &[Override]) -> Result<Document, Diagnostics> {
    let path = if is_path(name) { PathBuf::from(name) } else { rig.join(format!("{}{name}.toml", kind.folder())) };
    match read_bounded(&path) {
        Ok(text) => return Document::parse(path, text, overrides),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_path(name) => {}
        Err(error) => {
            let message = format!("cannot read the {} file {}: {error}", kind.noun(), path.display());
            let help = match error.kind() {
                io::ErrorKind::NotFound => "name a file that is there",
                io::ErrorKind::InvalidData => "TOML files are UTF-8",
                io::ErrorKind::FileTooLarge => "name the right file",
                _ => "make it readable for you",
            };
            return Err(Diagnostic::nowhere(message, help).into());
        }
    }
    let wanted = format!("{}{name}.toml", kind.folder());
    if let Some(file) = embedded::FILES.iter().find(|file| file.path == wanted) {
        return Document::parse(PathBuf::from(format!("<built in>/{wanted}")), file.text.to_owned(), overrides);
    }
    let known = known(kind, rig);
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let message = format!("there is no {} `{name}`, neither in {} nor built in", kind.noun(), path.display());
    let help = if known.is_empty() { format!("write {}", path.display()) } else { suggest(name, &known) };
    Err(Diagnostic::nowhere(message, help).into())
}

/// Reads a file whole, unless it is larger than any that a person writes.
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than a mebibyte"));
    }
    Ok(text)
}

/// Names under which files of a kind can be found.
fn known(kind: Kind, rig: &Path) -> Vec<String> {
    let built_in = embedded::FILES.iter().map(|file| file.path).filter_map(|path| path.strip_prefix(kind.folder()));
    let in_rig = rig.join(kind.folder()).read_dir().into_iter().flatten().flatten();
    let in_rig: Vec<_> = in_rig.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let files = built_in.map(str::to_owned).chain(in_rig);
    let mut names: Vec<_> = files
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.contains('/'))
        .collect();
    names.sort();
    names.dedup();
    names
}
