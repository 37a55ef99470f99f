//! Which module may know which: the map of `ARCHITECTURE.md`, held against the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Each module, and the others of the crate that it may name. Every module may name itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("event", &["config", "verdict"]),
    ("verdict", &["event"]),
    ("config", &["event", "verdict", "wire"]),
    ("wire", &["config", "event"]),
    ("journal", &["config", "event", "verdict"]),
    ("look", &["event", "verdict"]),
    ("engine", &["config", "event", "verdict", "wire"]),
    ("analysis", &["config", "engine", "event", "look", "verdict", "wire"]),
    ("discovery", &["analysis", "config", "engine", "event", "look", "wire"]),
    ("learn", &["config", "engine", "event", "look"]),
    ("cabling", &["config", "event", "wire"]),
    ("preflight", &["cabling", "config", "engine", "event", "wire"]),
    ("audit", &["config", "engine", "look"]),
    ("wiring", &["config", "event", "wire"]),
    ("bridge", &["config", "event", "wire", "wiring"]),
    ("driver", &["bridge", "config", "event", "journal", "wire"]),
    ("session", &["config", "driver", "engine", "event", "journal", "verdict"]),
    ("tui", &["config", "event", "journal", "look", "report", "verdict", "wire"]),
    ("report", &["config", "event", "journal", "look", "verdict"]),
    ("nightly", &["config", "event", "journal", "look", "report", "verdict"]),
    ("virtual_bench", &["config", "event", "journal", "wire"]),
    ("rehearsal", &["config", "engine", "event", "journal", "session", "verdict", "virtual_bench", "wire"]),
];

/// Modules that see everything: the command line puts the parts together.
const MAY_NAME_ALL: &[&str] = &["cli", "lib", "main"];

#[test]
fn no_module_knows_more_than_it_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.iter().copied().collect();
    let mut trespasses = Vec::new();
    for file in sources(&root()) {
        let module = module_of(&file);
        if MAY_NAME_ALL.contains(&module.as_str()) {
            continue;
        }
        let may = allowed.get(module.as_str()).unwrap_or_else(|| panic!("{module} is on no map; add it here"));
        for named in named(&fs::read_to_string(&file).unwrap()) {
            if named != module && !may.contains(&named.as_str()) {
                trespasses.push(format!("{} names {named}", file.display()));
            }
        }
    }
    assert_eq!(trespasses, [] as [String; 0]);
}

#[test]
fn the_sip_library_is_named_in_one_place() {
    let named = sources(&root()).into_iter().filter(|file| {
        let text = fs::read_to_string(file).unwrap();
        code(&text).any(|line| line.contains("rsip::"))
    });
    let strangers: Vec<PathBuf> = named.filter(|file| !file.starts_with(root().join("wire/sip"))).collect();
    assert_eq!(strangers, [] as [PathBuf; 0]);
}

#[test]
fn what_is_named_is_found_in_every_way_of_writing_it() {
    let text = "use crate::{\n    config::{Plan, Role},\n    event::{self, Stamp},\n};\nuse crate::wire::sip;\n\
                // crate::driver is not named here\nfn f() -> crate::verdict::Blame {}";
    let expected = ["config", "event", "verdict", "wire"].map(str::to_owned);
    assert_eq!(named(text), BTreeSet::from(expected));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// The module of the crate that a file belongs to.
fn module_of(file: &Path) -> String {
    let first = file.strip_prefix(root()).unwrap().components().next().unwrap();
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Modules of the crate that a source names, in paths and in `use` trees.
fn named(text: &str) -> BTreeSet<String> {
    let code: String = code(text).collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(tree) => names.extend(heads(tree)),
            None => names.extend(word(rest)),
        }
    }
    names
}

/// The first word of each branch of a `use` tree.
fn heads(tree: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (1, Vec::new(), true);
    for (at, char) in tree.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            _ if char.is_whitespace() => {}
            _ if fresh && depth == 1 => {
                heads.extend(word(&tree[at..]));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The word that a text begins with, if it is the name of a module and not of an item.
fn word(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(text.len());
    let word = &text[..end];
    word.starts_with(|char: char| char.is_ascii_lowercase()).then(|| word.to_owned())
}

/// Lines without comments, up to the tests, which may name what they try.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//"))
}
