//! The phones' own configuration files, as a provisioning server holds them.

use std::{collections::BTreeMap, path::PathBuf};

use siprig::{
    audit::{self, document::Document},
    config::{
        Assignable,
        provisioning::{
            Effective, Layer, Layers, MAX_FLAWS, MAX_LINES, SettingsFile, identify, recognise, with_settings,
        },
    },
    look::{self, Look},
};

/// What must not be told.
const SECRET: &str = "h7s4k2q9";

/// Whatever a file says, it is read within bounds; what is set on a phone is written and read the same; what is found is
/// told without control characters and without passwords. A line of `--- NAME` begins a file of that name.
pub fn check(bytes: &[u8]) {
    let files = files(bytes);
    let mut layers = Layers::new();
    for (layer, (name, bytes)) in
        [Layer::Global, Layer::Model, Layer::Phone, Layer::Local].into_iter().cycle().zip(&files)
    {
        let file = SettingsFile::parse(name.clone(), bytes);
        read(&file, bytes);
        rewritten(&file, bytes);
        layers.push(layer, file);
    }
    let effective = Effective::of(&layers.merge());
    let _ = format!("{effective:?}");
    let mut again = Layers::new();
    again.push(Layer::Local, SettingsFile::parse("local.cfg".into(), layers.local_file().as_bytes()));
    assert_eq!(again.local_file(), layers.local_file());
    layers.restart();
    layers.merge();
    audited(files);
}

fn files(bytes: &[u8]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = vec![(PathBuf::from("aastra.cfg"), Vec::new())];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"--- ") {
            Some(name) if files.len() < 6 => {
                files.push((PathBuf::from(String::from_utf8_lossy(name.trim_ascii()).into_owned()), Vec::new()));
            }
            _ => files.iter_mut().next_back().into_iter().for_each(|(_, text)| text.extend_from_slice(line)),
        }
    }
    files
}

/// With settings on top it holds these once, and of what it had all the rest.
fn rewritten(file: &SettingsFile, bytes: &[u8]) {
    let settings = [("sip transaction timer", "8000"), ("prgkey1 label", "# of lines")];
    let settings: BTreeMap<String, String> = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let Ok(written) = with_settings(bytes, &settings) else { return };
    let again = SettingsFile::parse(file.file.to_path_buf(), &written);
    let held = |file: &SettingsFile, set: bool| {
        let all = file.assignments.iter().filter(|it| settings.contains_key(&it.name) == set);
        all.map(|it| (it.name.clone(), it.value.expose().to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(held(&again, true), settings.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(held(&again, false), held(file, false));
}

fn read(file: &SettingsFile, bytes: &[u8]) {
    let lines = MAX_LINES.min(bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1);
    assert!(file.flaws.len() <= MAX_FLAWS);
    assert!(
        file.flaws.iter().all(|flaw| flaw.line >= 1 && flaw.line <= lines + 1 && flaw.column >= 1),
        "{:?}",
        file.flaws
    );
    for assignment in &file.assignments {
        assert!((1..=lines).contains(&assignment.origin.line));
        let name = &assignment.name;
        assert!(!name.is_empty() && name.trim() == name && !name.contains(':'), "{name:?}");
        assert_eq!(recognise(name).is_some(), identify(name).is_ok());
        let shown = assignment.value.shown();
        assert!(!assignment.value.is_secret() || shown == "(hidden)", "{shown}");
    }
}

fn audited(mut files: Vec<(PathBuf, Vec<u8>)>) {
    let known = files.iter().any(|(name, text)| {
        name.to_string_lossy().contains(SECRET) || text.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    });
    for (_, text) in &mut files {
        text.extend_from_slice(format!("\nsip password: {SECRET}\nadmin pasword: \"{SECRET}\n").as_bytes());
    }
    let keys = Assignable { programmable: 8, soft: 20, top_soft: 10, expansion_modules: 3 };
    for chosen in [false, true] {
        let audits = [audit::audit(files.clone(), chosen, &|_| Some(keys))];
        let told = audit::text::render(&audits, Look::PLAIN);
        assert!(told.chars().all(|char| char == '\n' || !look::is_harmful(char)), "{told:?}");
        let document = Document::of(&audits, 0).to_json().expect("a document");
        assert!(known || !told.contains(SECRET) && !document.contains(SECRET), "{told}");
    }
}
