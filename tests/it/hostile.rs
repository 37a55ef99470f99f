//! Hostile bytes: the checks of the fuzz targets on their committed corpus, on seeded changes of it and on much too much
//! of it; and that each target is declared and described wherever it has to be.

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use siprig::virtual_bench::random::Random;

use checks::{Check, TARGETS};

#[path = "../../fuzz/src/lib.rs"]
mod checks;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// Changed inputs for each target.
const CHANGED: usize = 600;

/// A check that takes longer than this does not end: the slowest takes some hundred milliseconds.
const ENDLESS: Duration = Duration::from_secs(120);

#[test]
fn nothing_in_the_corpus_breaks_a_reader() {
    every_target(|target, check| corpus(target).iter().all(|(name, bytes)| holds(target, check, bytes, name)));
}

#[test]
fn no_seeded_change_of_the_corpus_breaks_a_reader() {
    every_target(|target, check| {
        let corpus = corpus(target);
        let mut random = Random::new(20_261_126);
        (0..CHANGED).all(|round| {
            let (name, bytes) = &corpus[below(&mut random, corpus.len())];
            let (_, other) = &corpus[below(&mut random, corpus.len())];
            let mut bytes = bytes.clone();
            for _ in 0..=below(&mut random, 4) {
                change(&mut bytes, other, &mut random);
            }
            holds(target, check, &bytes, &format!("round {round}, from {name}"))
        })
    });
}

#[test]
fn every_target_is_declared_and_described_and_has_a_corpus() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = names_in(&Path::new(FUZZ).join("fuzz_targets"));
    assert_eq!(files.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect::<BTreeSet<_>>(), names);
    assert_eq!(names_in(&Path::new(FUZZ).join("corpus")), names);
    let manifest = read("Cargo.toml");
    let readme = read("README.md");
    for (name, _) in TARGETS {
        let binary = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&binary), "{name} is not in Cargo.toml");
        let rows = readme.lines().filter(|line| line.starts_with(&format!("| `{name}` |"))).count();
        assert!(rows >= 1, "{name} has no row for what it checks");
        assert!(!corpus(name).is_empty(), "{name} has no corpus");
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(FUZZ).join(name)).unwrap()
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The committed inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(FUZZ).join("corpus").join(target);
    names_in(&folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

fn every_target(mut try_all: impl FnMut(&str, Check) -> bool) {
    let broken: Vec<&str> =
        TARGETS.iter().filter(|(name, check)| !try_all(name, *check)).map(|(name, _)| *name).collect();
    assert_eq!(broken, [] as [&str; 0], "what broke them is told above");
}

#[expect(clippy::print_stdout, reason = "which input broke a target is told beside the failure")]
fn holds(target: &str, check: Check, bytes: &[u8], what: &str) -> bool {
    let (held, ended) = mpsc::channel();
    let input = bytes.to_vec();
    // Not waited for if it does not end: nothing can stop a thread.
    thread::spawn(move || held.send(catch_unwind(|| checks::run(check, &input)).is_ok()));
    let fault = match ended.recv_timeout(ENDLESS) {
        Ok(true) => return true,
        Ok(false) | Err(RecvTimeoutError::Disconnected) => "breaks",
        Err(RecvTimeoutError::Timeout) => "does not come to an end",
    };
    let file = std::env::temp_dir().join(format!("siprig-{target}-fault"));
    fs::write(&file, bytes).unwrap();
    println!("{target} {fault}: {what}; the input is in {}", file.display());
    false
}

fn below(random: &mut Random, end: usize) -> usize {
    // Less than `end`, which is the length of something in memory.
    (random.number() % end.max(1) as u64) as usize
}

/// One change, of the kinds that noise and malice make.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = below(random, bytes.len() + 1);
    let to = (at + below(random, 40)).min(bytes.len());
    match below(random, 8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << below(random, 8),
        1 if at < bytes.len() => bytes[at] = random.number().to_le_bytes()[0],
        2 => drop(bytes.drain(at..to)),
        3 => bytes.truncate(at),
        4 => bytes.extend_from_within(at..to),
        5 => {
            let piece = bytes[at..to].to_vec();
            let place = below(random, bytes.len() + 1);
            bytes.splice(place..place, piece);
        }
        6 => {
            let from = below(random, other.len() + 1);
            let end = (from + below(random, 80)).min(other.len());
            bytes.splice(at..to, other[from..end].iter().copied());
        }
        _ => {
            const ODD: [&[u8]; 12] = [
                b"\0",
                b"\r",
                b"\n",
                b"\"",
                b"\\",
                b"<",
                b">",
                b";",
                b":",
                b"99999999999999999999",
                b"\xff",
                b"\xe2\x80\xae",
            ];
            bytes.splice(at..at, ODD[below(random, ODD.len())].iter().copied());
        }
    }
}
