//! Each mode as packet sockets at both ends see it: what was sent, what arrived, and what was put in. Over IPv4 and IPv6, without a
//! tag, in a VLAN and in one within another, in one piece and in fragments, by datagrams and in connections.
//!
//! `cargo test --test it bridge::captures -- --nocapture` prints what was seen.

use siprig::{
    config::Mac,
    event::{
        Impairment, Manner, OutageMode, OutageSpec, Part, Selection, ServerName, Share, Spoof, Transport, Unreachable,
    },
};

use super::{
    ear::{Ear, Heard},
    *,
};

mod bad_paths;
mod courses;
mod datagrams;
mod ends;
mod finding;
mod selections;
mod streams;
mod table;
mod wrapping;

use ends::{AGREEING, ASKING, Ends, Line, OPENING, REQUEST};
use table::Table;
use wrapping::{Message, Wrapping};

/// A mode, whatever else the outage is about, and what becomes of each line in it.
struct Case {
    name: &'static str,
    mode: OutageMode,
    change: fn(&mut OutageSpec),
    expected: fn(&Line) -> &'static str,
}

fn case(name: &'static str, mode: impl Into<OutageMode>, expected: fn(&Line) -> &'static str) -> Case {
    Case { name, mode: mode.into(), change: |_| {}, expected }
}

/// All of it is dropped, and what goes one way alone.
fn drops() -> [Case; 3] {
    [
        case("drop", Manner::Drop, |_| "vanishes"),
        Case {
            change: |it| it.toward = Some(Toward::Server),
            ..case("drop, requests only", Manner::Drop, |line| match line.toward {
                Toward::Server => "vanishes",
                Toward::Phone => "passes",
            })
        },
        Case {
            change: |it| it.toward = Some(Toward::Phone),
            ..case("drop, answers only", Manner::Drop, |line| match line.toward {
                Toward::Server => "passes",
                Toward::Phone => "vanishes",
            })
        },
    ]
}

fn answer(code: u16, redirect: Option<&str>) -> Manner {
    Manner::Answer(Spoof { code, retry_after_s: None, redirect: redirect.map(ServerName::from) })
}

fn impaired(change: impl FnOnce(&mut Impairment)) -> Manner {
    let mut bad = Impairment::default();
    change(&mut bad);
    Manner::Impair(bad)
}

/// What the phone hears of what it has sent, over IPv4 and over IPv6.
fn by_family(line: &Line, errors: [&'static str; 2]) -> &'static str {
    match line.toward {
        Toward::Server => errors[usize::from(line.wrapping.v6)],
        Toward::Phone => "vanishes",
    }
}

/// Of a datagram an ICMP error (RFC 1122 section 3.2.2.1, RFC 4443 section 3.1), of a segment a reset, as of a host that knows of no
/// connection (RFC 9293 section 3.5.2).
fn refused(line: &Line) -> &'static str {
    match line.sort {
        OPENING => "vanishes; phone hears rst-ack of 1001",
        ASKING => "vanishes; phone hears rst at 5000",
        _ => by_family(line, ["vanishes; phone hears icmp 3/3", "vanishes; phone hears icmp 1/4"]),
    }
}

fn no_host(line: &Line) -> &'static str {
    by_family(line, ["vanishes; phone hears icmp 3/1", "vanishes; phone hears icmp 1/3"])
}

fn prohibited(line: &Line) -> &'static str {
    by_family(line, ["vanishes; phone hears icmp 3/13", "vanishes; phone hears icmp 1/1"])
}

/// What is answered is asked, in one piece. Connections in which the bridge has spoken are over when the outage is.
fn busy(line: &Line) -> &'static str {
    match line.sort {
        REQUEST if !line.wrapping.cut => "vanishes; phone hears sip 503",
        OPENING => "vanishes; phone hears syn-ack of 1001, rst",
        ASKING => "vanishes; phone hears sip 503, rst; server hears rst at 1000",
        _ => "vanishes",
    }
}

/// Says all lines in an outage after the other, and holds what became of them against what should.
fn each_is_as_expected(
    rig: &mut Rig,
    ends: &mut Ends,
    table: &mut Table,
    cases: Vec<Case>,
    lines: fn(&mut Ends) -> Vec<Line>,
) {
    for (number, Case { name, mode, change, expected }) in (1..).zip(cases) {
        ends.forget();
        rig.begin_changed(number, mode, change);
        let lines = lines(ends);
        lines.iter().for_each(|line| ends.say(line));
        ends.settle(rig);
        ends.until(|ends| lines.iter().all(|line| expected(line).starts_with(&ends.fate(line))));
        let (_, tally) = rig.end(number);
        ends.listen();
        for line in &lines {
            let fate = ends.fate(line);
            assert_eq!(fate, expected(line), "{name}: {} {}", line.sort, line.wrapping);
            table.add(name, line, &fate);
        }
        assert_eq!(tally.leaked, 0, "{name}");
    }
}

/// Ends the rig, which has missed nothing.
fn close(mut rig: Rig) {
    let seen = rig.close();
    assert!(!seen.iter().any(is_lost), "{seen:?}");
}
