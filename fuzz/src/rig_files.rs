//! Files of the rig: benches with overrides, phone models, scenarios, suites.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use siprig::{
    config::{Bench, Model, Scenario, Suite, diagnostic::Diagnostics, document::Document, load, overrides::Override},
    virtual_bench::Description,
    wire::console::CompiledDialect,
};
use tempfile::NamedTempFile;

/// No file lies there: what is referred to by name is built in, or not there.
const NOWHERE: &str = "/nonexistent";

/// A bench is refused with reasons, or survives the journal that keeps it. Lines that begin with `--set ` ahead of it are
/// overrides.
pub fn bench(bytes: &[u8]) {
    let Ok(mut text) = str::from_utf8(bytes) else { return };
    let mut overrides: Vec<Override> = Vec::new();
    while let Some(rest) = text.strip_prefix("--set ") {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        overrides.extend(line.parse::<Override>());
        text = behind;
    }
    let file = PathBuf::from(NOWHERE).join("bench.toml");
    let document = match Document::parse(file, text.to_owned(), &overrides) {
        Ok(document) => document,
        Err(found) => return told(&found, &overrides, text),
    };
    if document.is_virtual() {
        match document.read_as::<Description>() {
            Ok(description) => {
                if let Ok(checked) = description.checked() {
                    let written = toml::to_string(&checked).expect("a description that was read");
                    assert_eq!(Description::from_text(&written), Ok(checked), "{written}");
                }
            }
            Err(found) => told(&found, &overrides, text),
        }
        return;
    }
    match load::checked_bench(&document, Path::new(NOWHERE)) {
        Ok((bench, models)) => {
            kept::<Bench>(&bench);
            models.values().for_each(sound);
            assert!(bench.phones.iter().all(|phone| models.contains_key(&phone.model)));
        }
        Err(found) => told(&found, &overrides, text),
    }
}

/// A model is refused with reasons, or can be used: its patterns compile.
pub fn model(bytes: &[u8]) {
    let file = file(bytes);
    match load::model(&file.path().to_string_lossy(), Path::new(NOWHERE)) {
        Ok(model) => sound(&model),
        Err(found) => told(&found, &[], &String::from_utf8_lossy(bytes)),
    }
}

/// A scenario is refused with reasons, or survives the journal that keeps it.
pub fn scenario(bytes: &[u8]) {
    let file = file(bytes);
    match load::scenario(&file.path().to_string_lossy(), Path::new(NOWHERE)) {
        Ok(scenario) => {
            kept::<Scenario>(&scenario);
        }
        Err(found) => told(&found, &[], &String::from_utf8_lossy(bytes)),
    }
}

/// A suite is refused with reasons, or survives the ledger that keeps it, and all of its scenarios were read.
pub fn suite(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let file = PathBuf::from(NOWHERE).join("suite.toml");
    let document = match Document::parse(file, text.to_owned(), &[]) {
        Ok(document) => document,
        Err(found) => return told(&found, &[], text),
    };
    match load::suite(&document, Path::new(NOWHERE)) {
        Ok((suite, scenarios)) => {
            kept::<Suite>(&suite);
            assert!(suite.entries.iter().flat_map(|entry| &entry.scenarios).all(|named| scenarios.contains_key(named)));
        }
        Err(found) => told(&found, &[], text),
    }
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for a small file");
    file
}

fn sound(model: &Model) {
    kept::<Model>(model);
    if let Some(dialect) = &model.console {
        CompiledDialect::new(dialect).expect("patterns that were checked");
    }
}

fn kept<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let written = serde_json::to_string(value).expect("a value that was read");
    assert_eq!(&serde_json::from_str::<T>(&written).expect("a value that was written"), value);
}

/// Every reason can be shown, and names a place that there is.
fn told(found: &Diagnostics, overrides: &[Override], text: &str) {
    assert!(!found.0.is_empty(), "refused without a reason");
    assert!(!found.to_string().is_empty());
    for place in found.0.iter().filter_map(|finding| finding.place.as_ref()) {
        assert!(place.line >= 1 && place.column >= 1 && place.width >= 1, "{place:?}");
        let lines =
            if place.file == Path::new("--set") { overrides.len().min(1) } else { 1 + text.matches('\n').count() };
        assert!(place.line <= lines || text.is_empty(), "{place:?} of {lines} lines");
        assert!(place.column <= place.excerpt.chars().count() + 1, "{place:?}");
    }
}
