//! What is to be said of the names of files, and which files a phone reads.

use std::path::{Path, PathBuf};

use super::{Finding, Severity, Source, file_name};
use crate::config::{
    Mac,
    provisioning::{Naming, spelt},
};

/// What is to be said about a file's name.
pub(super) fn examine(path: &Path, naming: &Naming, chosen: bool) -> Vec<Finding> {
    let name = file_name(path);
    let (severity, code, message, remedy) = match naming {
        Naming::Phone(mac, false) => (
            Severity::Warning,
            "file-spelling",
            format!("phones ask for {}.cfg, and most servers tell capitals and separators apart", spelt(*mac)),
            format!("rename it to {}.cfg", spelt(*mac)),
        ),
        Naming::Encrypted => (
            if chosen { Severity::Error } else { Severity::Warning },
            "file-encrypted",
            format!("{name} is encrypted; phones read it, and here it was not looked into"),
            "give the file that it was made from".to_owned(),
        ),
        Naming::Foreign => (
            if chosen { Severity::Error } else { Severity::Warning },
            "file-name",
            format!("no phone reads a file called {name}; it was not looked into"),
            "phones read aastra.cfg or startup.cfg, <model>.cfg as 6731i.cfg, <MAC>.cfg as 00085D237429.cfg; local.cfg is \
             taken for the settings made on the phone"
                .to_owned(),
        ),
        _ => return Vec::new(),
    };
    vec![Finding { severity, code, lines: Vec::new(), message, remedy, origin: None }]
}

/// Files that can not all be meant.
pub(super) fn tell_contradictions(sources: &mut [Source]) {
    let count = |wanted: fn(&Naming) -> bool| sources.iter().filter(|source| wanted(&source.naming)).count();
    let globals = count(|naming| *naming == Naming::Global);
    let models = count(|naming| matches!(naming, Naming::Model(_)));
    let phones = count(|naming| matches!(naming, Naming::Phone(..)));
    let locals = count(|naming| *naming == Naming::Local);
    for source in sources {
        let (code, message, remedy) = match &source.naming {
            Naming::Global if globals > 1 => (
                "two-global-files",
                "there are two files for all phones; which one is read depends on the firmware, here the later counts",
                "keep aastra.cfg for phones of the 6700i series, startup.cfg for newer ones",
            ),
            Naming::Model(_) if models > 1 && phones > 0 => (
                "model-unknown",
                "files of phones do not name their model, so it is not known who reads this one; it was left out",
                "name the files of one phone: siprig check --config aastra.cfg 6731i.cfg 00085D237429.cfg",
            ),
            Naming::Local if phones > 1 || locals > 1 => (
                "local-unknown",
                "it is not known whose local settings these are; they were left out",
                "name the files of one phone: siprig check --config aastra.cfg 00085D237429.cfg local.cfg",
            ),
            _ => continue,
        };
        source.audit.findings.push(Finding {
            severity: Severity::Warning,
            code,
            lines: Vec::new(),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
            origin: None,
        });
    }
}

/// A phone and the files that it reads.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) mac: Option<Mac>,
    /// Indices, in the order of precedence.
    pub(super) files: Vec<usize>,
}

/// Every phone that the files name. If they name none: any phone, once for each model that has a file.
pub(super) fn readers(sources: &[Source]) -> Vec<Reader> {
    let which = |wanted: &dyn Fn(&Naming) -> bool| -> Vec<usize> {
        let found = sources.iter().enumerate().filter(|(_, source)| wanted(&source.naming));
        found.map(|(index, _)| index).collect()
    };
    let global = which(&|naming| *naming == Naming::Global);
    let models = which(&|naming| matches!(naming, Naming::Model(_)));
    let local = which(&|naming| *naming == Naming::Local);
    let mut macs: Vec<Mac> = sources
        .iter()
        .filter_map(|source| if let Naming::Phone(mac, _) = source.naming { Some(mac) } else { None })
        .collect();
    macs.sort();
    macs.dedup();
    let only = |list: &[usize]| if list.len() == 1 { list.to_vec() } else { Vec::new() };
    if !macs.is_empty() {
        let local = if macs.len() == 1 { only(&local) } else { Vec::new() };
        return macs
            .into_iter()
            .map(|mac| {
                let own = which(&|naming| matches!(naming, Naming::Phone(other, _) if *other == mac));
                let files = [global.clone(), only(&models), own, local.clone()].concat();
                Reader { name: spelt(mac), mac: Some(mac), files }
            })
            .collect();
    }
    let any = |name: String, model: Vec<usize>| Reader {
        name,
        mac: None,
        files: [global.clone(), model, only(&local)].concat(),
    };
    match models.as_slice() {
        [] if global.is_empty() && local.is_empty() => Vec::new(),
        [] => vec![any("any phone".to_owned(), Vec::new())],
        models => models
            .iter()
            .map(|index| {
                let stem = sources.get(*index).map(|source| source.audit.file.clone()).unwrap_or_else(PathBuf::new);
                any(format!("any {}", stem.file_stem().unwrap_or_default().to_string_lossy()), vec![*index])
            })
            .collect(),
    }
}
