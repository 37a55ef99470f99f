//! The phones' own files: whether what is served is what is meant. Nothing is written.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Finding, settings};
use crate::{
    config::{Bench, Phone, PhoneFiles, Served, provisioning::Naming},
    driver::{
        clock::RunClock,
        phone_files::{self, Place},
        secrets::Secrets,
    },
    look::harmless,
};

/// The area of the findings.
const AREA: &str = "provisioning";

/// By name, what a file holds.
type Held = BTreeMap<OsString, Vec<u8>>;

/// What is found, if the bench says where the files are.
pub(super) fn of_files(bench: &Bench) -> Vec<Finding> {
    let Some(files) = &bench.provisioning else { return Vec::new() };
    match &files.served {
        Served::Folder(folder) => of_folders(Folders { base: &files.base, folder }, bench),
        Served::Put(_) => of_command(files, bench),
    }
}

/// What is served to phones, by the SHA-256 of its bytes: each phone's own file, and those of all.
pub(super) fn fingerprints(bench: &Bench, phones: &[&Phone]) -> Vec<Finding> {
    const CODE: &str = "configuration";
    let Some(files) = &bench.provisioning else { return Vec::new() };
    let Some(folder) = files.folder() else {
        let why = "a command puts them in place: this machine does not see what is served";
        return vec![Finding::skipped(AREA, "fingerprints of the phones' files", why).coded(CODE)];
    };
    let served = match held(folder) {
        Ok(served) => served,
        Err(finding) => return vec![finding.coded("configuration-unread")],
    };
    let print = |name: &OsString, bytes: &[u8]| {
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let what = format!("{} has SHA-256 {hash}", shown(&folder.join(name)));
        Finding::ok(AREA, what).coded(CODE).valued(hash)
    };
    let shared = served.iter().filter(|(name, _)| {
        let naming = Naming::of(Path::new(name));
        matches!(naming, Naming::Global | Naming::Model(_)) || name.to_string_lossy().eq_ignore_ascii_case("aastra.tuz")
    });
    let mut findings: Vec<Finding> = shared.map(|(name, bytes)| print(name, bytes)).collect();
    for phone in phones {
        let name = phone.settings_file().map(OsString::from);
        let encrypted = name.as_ref().map(|name| Path::new(name).with_extension("tuz").into_os_string());
        // Phones prefer what is encrypted.
        let own = [encrypted, name].into_iter().flatten().find_map(|name| served.get_key_value(&name));
        let finding = own.map(|(name, bytes)| print(name, bytes)).unwrap_or_else(|| {
            let why = format!("{} has none for it", shown(folder));
            Finding::skipped(AREA, format!("the configuration file of {}", phone.name), why).coded(CODE)
        });
        findings.push(finding.about(&phone.name));
    }
    findings
}

/// Of files that a command puts in place this machine sees what they are meant to be alone.
fn of_command(files: &PhoneFiles, bench: &Bench) -> Vec<Finding> {
    let meant = match held(&files.base) {
        Ok(meant) => meant,
        Err(finding) => return vec![*finding],
    };
    let place = Place::new(files.clone(), Secrets::of_bench(bench), RunClock::start());
    vec![match place.ready() {
        Ok(()) => {
            let shown = harmless(&phone_files::shown(files));
            Finding::ok(
                AREA,
                format!("{shown} puts the {} files of {} in place", meant.len(), self::shown(&files.base)),
            )
        }
        Err(error) => {
            Finding::problem(AREA, harmless(&error.to_string()), "mend [provisioning] of the bench file, or remove it")
        }
    }]
}

/// The two folders.
#[derive(Clone, Copy)]
struct Folders<'a> {
    base: &'a Path,
    folder: &'a Path,
}

fn of_folders(files: Folders<'_>, bench: &Bench) -> Vec<Finding> {
    let Folders { base, folder } = files;
    let (meant, served) = match (held(base), held(folder)) {
        (Ok(meant), Ok(served)) => (meant, served),
        (meant, served) => return [meant.err(), served.err()].into_iter().flatten().map(|finding| *finding).collect(),
    };
    let mut findings: Vec<Finding> =
        meant.iter().filter_map(|(name, bytes)| differs(name, bytes, &served, files)).collect();
    findings.extend(beside(bench, &meant, &served, files));
    if findings.is_empty() {
        let what = format!("{} serves the {} files of {}", shown(folder), meant.len(), shown(base));
        findings.push(Finding::ok(AREA, what));
    }
    findings
}

/// The configuration files of a folder.
fn held(folder: &Path) -> Result<Held, Box<Finding>> {
    let read = settings::folder(folder).map_err(|error| {
        let reason: Vec<&str> = error.problems.iter().map(|problem| problem.message.as_str()).collect();
        let remedy = "mend [provisioning] of the bench file, or remove it";
        Box::new(Finding::problem(AREA, harmless(&reason.join("; ")), remedy))
    })?;
    Ok(read.into_iter().filter_map(|(path, bytes): (PathBuf, _)| Some((path.file_name()?.to_owned(), bytes))).collect())
}

/// A file that phones do not get as it is meant.
fn differs(name: &OsString, bytes: &[u8], served: &Held, files: Folders<'_>) -> Option<Finding> {
    let Folders { base, folder } = files;
    let what = match served.get(name) {
        Some(there) if there == bytes => return None,
        Some(_) => format!("{} is not what it is in {}", shown(&folder.join(name)), shown(base)),
        None => format!("{} is not there, and is in {}", shown(&folder.join(name)), shown(base)),
    };
    let remedy = format!("copy it from {}, or take over there what is meant, and restart the phones", shown(base));
    Some(Finding::problem(AREA, what, remedy))
}

/// Files that are served beside those that are meant, and that a phone of the bench reads.
fn beside(bench: &Bench, meant: &Held, served: &Held, files: Folders<'_>) -> Vec<Finding> {
    let ours = |name: &OsString| match Naming::of(Path::new(name)) {
        Naming::Phone(mac, true) => bench.phones.iter().any(|phone| phone.mac() == Some(mac)),
        Naming::Phone(_, false) | Naming::Local | Naming::Foreign => false,
        Naming::Global | Naming::Model(_) | Naming::Encrypted => true,
    };
    let told = served.keys().filter(|name| !meant.contains_key(*name) && ours(name)).map(|name| {
        let what = format!("{} is served, and not in {}", shown(&files.folder.join(name)), shown(files.base));
        Finding::problem(AREA, what, "remove it, or copy it to the other folder, and restart the phones")
    });
    told.collect()
}

fn shown(path: &Path) -> String {
    harmless(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::State, *};
    use crate::config::load;

    const BENCH: &str = "fixtures/config/valid/bench-provisioning.toml";

    /// What is found, where the folders hold this.
    fn found(meant: &[(&str, &str)], served: &[(&str, &str)]) -> Vec<(State, String)> {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str, files: &[(&str, &str)]| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
            folder
        };
        let served = Served::Folder(folder("served", served));
        let files = PhoneFiles { base: folder("meant", meant), served };
        let (bench, _) = load::bench(BENCH, Path::new(load::RIG), &[]).unwrap_or_else(|found| panic!("{found}"));
        let findings = of_files(&Bench { provisioning: Some(files), ..bench });
        let root = format!("{}/", place.path().display());
        findings.into_iter().map(|it| (it.state, it.what.replace(&root, ""))).collect()
    }

    #[test]
    fn what_is_served_as_it_is_meant_is_said_to_be_so() {
        let files = [("aastra.cfg", "a: 1\n"), ("00085D237429.cfg", "b: 1\n")];
        let said = [(State::Ok, "served serves the 2 files of meant".to_owned())];
        assert_eq!(found(&files, &files), said);
        let more = [files[0], files[1], ("00085D000001.cfg", "of no phone of the bench"), ("notes.txt", "")];
        assert_eq!(found(&files, &more), said);
    }

    #[test]
    fn each_file_that_phones_get_otherwise_is_named() {
        let meant = [("aastra.cfg", "a: 1\n"), ("00085D237429.cfg", "b: 1\n")];
        let served = [("aastra.cfg", "a: 2\n"), ("6731i.cfg", "c: 1\n")];
        let problem = |what: &str| (State::Problem, what.to_owned());
        let expected = [
            problem("served/00085D237429.cfg is not there, and is in meant"),
            problem("served/aastra.cfg is not what it is in meant"),
            problem("served/6731i.cfg is served, and not in meant"),
        ];
        assert_eq!(found(&meant, &served), expected);
        let own = [meant[0], meant[1]];
        assert_eq!(found(&meant[..1], &own), [problem("served/00085D237429.cfg is served, and not in meant")]);
    }

    #[test]
    fn the_fingerprint_of_a_phone_s_file_is_that_of_its_bytes_and_tells_none_of_them() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("00085D237429.cfg"), "abc").unwrap();
        fs::write(place.path().join("aastra.cfg"), "sip line1 password: geheim\n").unwrap();
        let (bench, _) = load::bench(BENCH, Path::new(load::RIG), &[]).unwrap_or_else(|found| panic!("{found}"));
        let files = PhoneFiles { base: place.path().to_owned(), served: Served::Folder(place.path().to_owned()) };
        let bench = Bench { provisioning: Some(files), ..bench };
        let found = fingerprints(&bench, &bench.phones.iter().collect::<Vec<_>>());
        let own = found.iter().find(|it| it.phone.as_ref() == Some(&bench.phones[0].name)).unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((own.state, own.value.as_deref()), (State::Ok, Some(abc)));
        assert!(found.iter().any(|it| it.phone.is_none() && it.code == Some("configuration")));
        assert!(!format!("{found:?}").contains("geheim"));
    }

    #[test]
    fn a_folder_without_files_or_that_is_not_there_is_a_problem() {
        let told = found(&[("aastra.cfg", "")], &[]);
        assert_eq!(told, [(State::Problem, "there is no configuration file in served".to_owned())]);
        let (bench, _) = load::bench(BENCH, Path::new(load::RIG), &[]).unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(of_files(&bench).len(), 2, "neither folder is there");
        assert!(of_files(&Bench { provisioning: None, ..bench }).is_empty());
    }
}
