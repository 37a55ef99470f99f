//! `siprig console` on the virtual bench, by somebody who takes servers away by hand.

use super::operator_console::{Desk, has_virtual_bench};

const ESC: &[u8] = b"\x1b";

#[test]
fn an_operator_blocks_the_primary_of_a_lab_that_he_watches_and_everybody_sees_by_whom_and_he_gives_it_back() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = desk.open(&["watch", "--phones", "p1", "--set", "expires=8s"]);
    own.shows("is registered at a (primary)");
    own.types(b"4");
    own.shows("[4 Network]");
    own.types(b"B\r");
    own.shows("Block server a (primary)?");
    own.shows(" BLOCK ");
    own.types(b"l\x1b");
    own.shows(" NORMAL ");
    own.types(b"B");
    // What was chosen before and not done is not chosen now.
    assert!(own.shows("(•) d drop all").contains("No case that is judged"));
    own.types(b"y");
    own.shows("■ a IS AWAY by anna, for 00:0");
    let network = own.shows("■ is away 04:");
    assert!(network.contains(" (anna) "), "{network}");
    let mut other = desk.open(&["--attach"]);
    let banner = other.shows("a IS AWAY by anna,");
    assert!(banner.contains("back by itself in 04:"), "{banner}");
    // The phone does what it is to do, whoever has taken its server away.
    other.shows("is registered at b (backup)");
    own.shows("it has met frames of 1 of 1 phones");
    // A server that is blocked is not blocked twice, but given back; this time with everything else.
    own.types(b"B");
    own.shows("that anna made by hand?");
    own.shows(" ASK ");
    own.types(b"n");
    own.shows(" NORMAL ");
    own.types(b"jBdpy");
    own.shows("b IS AWAY by anna,");
    own.types(b"U");
    own.shows("□ all paths open");
    own.shows("lifted after");
    // Who has the keyboard is the only one who takes anything away.
    own.types(b"2i");
    own.shows("KEYS: digits secret");
    other.shows("□ all paths open");
    other.types(b"4B");
    other.shows(" BLOCK ");
    other.types(b"y");
    other.shows("anna has had the keyboard since");
    own.types(ESC);
    own.shows(" NORMAL ");
    other.types(b"1q");
    assert_eq!(other.ends(), Some(0));
    own.types(b"xy");
    own.shows("  ended");
    own.types(b"1q");
    assert_eq!(own.ends(), Some(5), "a case is outstanding");
    let journal = desk.journal().unwrap();
    let count = |what: &str| journal.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count(r#""what":"outage-asked""#), count(r#""what":"outage-answered""#)), (2, 2));
    assert_eq!((count(r#""what":"outage-began""#), count(r#""what":"outage-ended""#)), (2, 2));
    assert_eq!(count(r#""leaked":0"#), 2, "the bridge has kept everything back");
    let summary = std::fs::read_to_string(desk.run().join("summary.json")).unwrap();
    assert!(summary.contains(r#""by":"anna""#), "{summary}");
    let report = std::fs::read_to_string(desk.run().join("report.html")).unwrap();
    assert!(report.contains("a away (drop, whole host, by anna by hand)"), "the report tells whose it was");
}
