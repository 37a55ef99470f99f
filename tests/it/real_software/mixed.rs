//! Phones of every transport and family, on plain and on tagged links, lose their primary in every way. The registrars
//! are asked whether they held what siprig reads off captures of it: off its own, and off dumpcap's.

use super::witnessed::{EVERYWHERE, LINK, REFUSAL, Run, SILENCE, Setting, UNAVAILABLE};
use crate::registrars::{analysis::Analysis, span};

/// Of the phones of the bench, one belongs to the backup and just renews. The last of these never comes back.
const CUT: &[&str] = &["udp", "tcp", "udp6", "tcp6", "stays"];

const PLAIN: &[&str] = &[];
const TAGGED: &[&str] = &["--vlan", "77"];

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_a_silent_primary_say() {
    holds(Setting { bench: PLAIN, scenario: SILENCE, cut: CUT, dumpcap: LINK });
}

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_a_refusing_primary_say() {
    holds(Setting { bench: PLAIN, scenario: REFUSAL, cut: CUT, dumpcap: EVERYWHERE });
}

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_an_unavailable_primary_say() {
    holds(Setting { bench: PLAIN, scenario: UNAVAILABLE, cut: CUT, dumpcap: LINK });
}

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_a_silent_primary_say_on_a_tagged_link() {
    holds(Setting { bench: TAGGED, scenario: SILENCE, cut: CUT, dumpcap: LINK });
}

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_a_refusing_primary_say_on_a_tagged_link() {
    holds(Setting { bench: TAGGED, scenario: REFUSAL, cut: CUT, dumpcap: LINK });
}

#[test]
#[ignore = "two and a half minutes, and packages; .ci/real-software runs it"]
fn registrars_held_what_captures_of_an_unavailable_primary_say_on_a_tagged_link() {
    holds(Setting { bench: TAGGED, scenario: UNAVAILABLE, cut: CUT, dumpcap: LINK });
}

/// Runs it, and holds the captures of it against the registrars' words.
fn holds(setting: Setting) {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &setting);
    for phone in setting.cut {
        let case = run.case(phone);
        let expected = if *phone == "stays" { ("fail", Some("never-failed-back")) } else { ("pass", None) };
        let outcome = (case["verdict"].as_str().unwrap(), case["code"].as_str());
        assert_eq!(outcome, expected, "{case:#}");
    }
    assert_eq!(run.code, Some(100));

    let analysis = Analysis::of(&run.own, &run.truth.roles());
    assert_eq!(run.truth.differences(&analysis, span(&run.own)[1]), [""; 0], "siprig's capture");
    let [first, last] = span(&run.foreign);
    let analysis = Analysis::of(&run.foreign, &[run.truth.roles(), run.truth.outage_since(first)].concat());
    assert_eq!(run.truth.differences(&analysis, last), [""; 0], "dumpcap's capture");
}
