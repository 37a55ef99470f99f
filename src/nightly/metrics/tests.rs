use super::*;
use crate::nightly::state::sample;

/// A sample: its metric, its labels, its value.
type Sample = (String, BTreeMap<String, String>, f64);

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_lowercase() || char == '_')
}

/// Reads the format strictly: each metric has its help, then its type, then its samples, and none comes twice.
fn read(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'), "the last line has an end");
    let (mut helped, mut typed, mut samples) = (Vec::new(), Vec::new(), Vec::<Sample>::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(is_name(name) && !words.is_empty() && !helped.contains(&name), "{line}");
            helped.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.last() == Some(&name) && !typed.contains(&name) && kind == "gauge", "{line}");
            typed.push(name);
        } else {
            let (name, rest) = line.split_once('{').unwrap();
            assert_eq!(typed.last(), Some(&name), "{line}");
            let (labels, rest) = labels(rest);
            let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
            assert!(!samples.iter().any(|(other, known, _)| other == name && *known == labels), "twice: {line}");
            samples.push((name.to_owned(), labels, value));
        }
    }
    assert_eq!(helped, typed);
    samples
}

/// The labels behind an opening brace, and what is behind the closing one.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{name}");
        let (mut unescaped, mut chars) = (String::new(), value.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => unescaped.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    char @ ('\\' | '"') => char,
                    other => panic!("`\\{other}` is no escape"),
                }),
                (_, char) => unescaped.push(char),
            }
        };
        assert!(labels.insert(name.to_owned(), unescaped).is_none(), "{name} comes twice");
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

fn value(samples: &[Sample], name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let is = |labels: &BTreeMap<String, String>| {
        wanted.iter().all(|(name, value)| labels.get(*name).is_some_and(|it| it == value))
    };
    samples.iter().find(|(known, labels, _)| known == name && is(labels)).map(|(.., value)| *value)
}

fn metrics_of(length: usize, second: i64) -> Vec<Sample> {
    let night = Night::of(&sample::night()[..length]).unwrap();
    let now = sample::at(second, crate::nightly::Event::Resumed).at_unix_ns;
    read(&render("2026-11-25T221503Z-sample", &night, &Before::default(), now))
}

#[test]
fn a_night_that_goes_on_tells_where_it_is() {
    let samples = metrics_of(15, 24);
    let of = |name: &str, labels: &[(&str, &str)]| value(&samples, name, labels);
    assert_eq!(of("siprig_night_running", &[("suite", "sample"), ("bench", "full")]), Some(1.0));
    assert_eq!(of("siprig_night_duration_seconds", &[]), Some(24.0));
    assert_eq!(of("siprig_night_last_sign_timestamp_seconds", &[]), Some(1_795_644_927.0));
    assert_eq!(of("siprig_night_remaining_seconds", &[]), Some(30.0));
    assert_eq!(of("siprig_night_runs", &[("state", "done")]), Some(4.0));
    assert_eq!(of("siprig_night_runs", &[("state", "running")]), Some(1.0));
    assert_eq!(of("siprig_night_cases", &[("verdict", "pass"), ("blame", "none"), ("known", "false")]), Some(3.0));
    assert_eq!(of("siprig_night_cases", &[("verdict", "rig-error"), ("blame", "rig")]), Some(1.0));
    assert_eq!(of("siprig_night_rig_faults", &[("code", "console-lost")]), Some(1.0));
    assert_eq!(of("siprig_night_parked_phones", &[]), Some(0.0));
    assert_eq!(of("siprig_night_exit_code", &[]), None, "it has none yet");
    assert_eq!(metrics_of(16, 24).iter().find(|it| it.0 == "siprig_night_new_failures").unwrap().2, 1.0);
}

#[test]
fn a_night_that_is_over_tells_how_long_it_took_and_what_it_came_to() {
    let samples = metrics_of(19, 4000);
    let of = |name: &str| value(&samples, name, &[]);
    assert_eq!((of("siprig_night_running"), of("siprig_night_exit_code")), (Some(0.0), Some(3.0)));
    assert_eq!((of("siprig_night_duration_seconds"), of("siprig_night_remaining_seconds")), (Some(18.0), Some(0.0)));
    let cases: f64 = samples.iter().filter(|(name, ..)| name == "siprig_night_cases").map(|(.., count)| count).sum();
    assert_eq!(cases, 7.0, "each case is counted once");
}

#[test]
fn what_would_end_a_label_is_escaped() {
    let mut night = Night::of(&sample::night()).unwrap();
    let name = "a\"b\\c\nd{e},f=\"g\"";
    name.clone_into(&mut night.plan.bench);
    let samples = read(&render(name, &night, &Before::default(), 0));
    assert_eq!(value(&samples, "siprig_night_info", &[("night", name), ("bench", name)]), Some(1.0));
}
