//! Who stands where in the ladder.

use super::*;
use crate::{
    config::Role,
    event::{ServerName, SipMessage, Toward, When},
};

/// A run with these servers beside the primary and the backup, in which each said something to p1 and was answered; and one that the
/// bench does not name, if it is to.
fn heard(others: &[&str], foreign: bool) -> Console {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let records: Vec<Record> = JournalReader::open(&journal).unwrap().map(Result::unwrap).collect();
    let mut begin = records[0].clone();
    let Event::Observed(Observed::RunStarted { plan }) = &mut begin.event else { panic!() };
    for name in others {
        let server = crate::config::Server { name: (*name).into(), role: Role::Other, ..plan.bench.servers[0].clone() };
        plan.bench.servers.push(server);
    }
    let of_p1 =
        |record: &&Record| matches!(&record.event, Event::Observed(Observed::Sip(fact)) if fact.phone.0 == "p1");
    let first = records.iter().find(of_p1).unwrap();
    let Event::Observed(Observed::Sip(fact)) = &first.event else { panic!() };
    let mut console = Console::new(LIVE);
    console.apply(&begin);
    let foreign = foreign.then_some(None);
    let servers = ["a", "b"].iter().chain(others).map(|name| Some(ServerName::from(*name))).chain(foreign);
    let both = servers.flat_map(|server| [(server.clone(), Toward::Server), (server, Toward::Phone)]);
    for (number, (server, toward)) in (1..).zip(both) {
        let mut fact = (**fact).clone();
        (fact.server, fact.toward) = (server, toward);
        if let SipMessage::Read(read) = &mut fact.message {
            read.cseq = number;
        }
        let at = Stamp::from_millis(u64::from(number) * 10);
        let event = Event::Observed(Observed::Sip(Box::new(fact)));
        console.apply(&Record { seq: u64::from(number) + 10, seen: at, when: When::exactly(at), event });
    }
    press(&mut console, "3");
    console
}

/// The rows of the ladder, from the names on.
fn lines(console: &Console, columns: u16) -> Vec<String> {
    let text = drawn(console, 200, (columns, 40), GLYPHS).to_string();
    text.lines().skip(4).map(|line| line.trim_matches('"').trim_end().to_owned()).collect()
}

/// In which column a message to a server ends.
fn end(line: &str) -> usize {
    line.chars().position(|char| char == '▶').unwrap_or_else(|| panic!("{line}")) + 1
}

#[test]
fn a_third_server_has_a_lane_of_its_own_where_there_is_room_and_primary_and_backup_stay_where_they_are() {
    let console = heard(&["c"], false);
    insta::assert_snapshot!("lanes_120", drawn(&console, 200, (120, 40), GLYPHS));
    let wide = lines(&console, 120);
    assert!(wide[0].contains("a primary") && wide[0].contains("b backup") && wide[0].ends_with('c'), "{}", wide[0]);
    assert_eq!([end(&wide[1]), end(&wide[3]), end(&wide[5])], [42, 62, 82]);
    assert!(wide[6].ends_with("after 10 ms"), "whose it is needs no words: {}", wide[6]);
    // Where there is none, it stands in the backup's, with its name.
    let small = lines(&console, 80);
    assert_eq!([end(&small[1]), end(&small[3]), end(&small[5])], [42, 62, 62]);
    assert!(small[0].ends_with("b backup") && small[5].ends_with("of c") && small[6].ends_with("of c"), "{small:?}");
    assert!(!small[3].contains("of b"), "{small:?}");
}

#[test]
fn a_server_that_the_bench_does_not_name_is_not_in_the_lane_of_one_that_it_names() {
    let console = heard(&[], true);
    let wide = lines(&console, 120);
    assert!(wide[0].ends_with("unknown") && end(&wide[5]) == 82, "{wide:?}");
    let small = lines(&console, 80);
    assert!(small[5].ends_with("unknown server") && end(&small[5]) == 62, "{small:?}");
}

#[test]
fn where_there_are_more_servers_than_room_the_last_lane_is_shared_and_who_it_is_is_said() {
    let console = heard(&["c", "d", "e"], false);
    let wide = lines(&console, 120);
    let names: Vec<&str> = wide[0].split_whitespace().collect();
    assert_eq!(names, ["time", "p1", "a", "primary", "b", "backup", "c", "others"]);
    assert_eq!([5, 7, 9].map(|row: usize| end(&wide[row])), [82, 102, 102]);
    assert!(wide[7].ends_with("of d") && wide[9].ends_with("of e") && !wide[5].contains("of c"), "{wide:?}");
    // A server that said nothing takes no room.
    let quiet = heard(&["c", "d"], false);
    assert!(lines(&quiet, 120)[0].ends_with('d') && !lines(&heard(&["c"], false), 140)[0].contains("others"));
    // Nowhere a row is longer than the screen, and the names of primary and backup stay.
    for columns in [80, 100, 119, 160] {
        let rows = lines(&console, columns);
        assert!(rows[0].contains("a primary") && rows[0].contains("b backup"), "{columns}: {}", rows[0]);
        assert!(rows.iter().all(|row| row.chars().count() <= columns.into()), "{columns}");
    }
}
