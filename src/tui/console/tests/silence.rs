//! Silence in the ladder, to scale.

use std::collections::BTreeMap;

use super::*;
use crate::event::{Action, Fate, OutageEnd, OutageId, OutageSpec, SipFact, SipMessage, When};

fn tell(console: &mut Console, seq: u64, ms: u64, event: Event) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq, seen: at, when: When::exactly(at), event });
}

/// The first message of p1 that was recorded.
fn message() -> SipFact {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let mut facts = JournalReader::open(&journal).unwrap().filter_map(|record| match record.unwrap().event {
        Event::Observed(Observed::Sip(fact)) if fact.phone.0 == "p1" => Some(*fact),
        _ => None,
    });
    facts.next().unwrap()
}

/// One more message, which repeats no other.
fn say(console: &mut Console, fact: &SipFact, number: u32, ms: u64) {
    let mut fact = fact.clone();
    if let SipMessage::Read(read) = &mut fact.message {
        read.cseq = number;
    }
    tell(console, 1000 + u64::from(number), ms, Event::Observed(Observed::Sip(Box::new(fact))));
}

/// A run in which p1 says something at these seconds, and its server is away from 130 s on, if until some time.
fn said(seconds: &[u64], until: Option<u64>) -> Console {
    let mut console = recorded(1, LIVE);
    let fact = message();
    if let Some(until) = until {
        let spec = sample::outages(&[OutageMode::DROP]).outages.into_values().next().unwrap().spec.unwrap();
        let spec = OutageSpec { server: "a".into(), phones: vec!["p1".into()], ..spec };
        let outage = OutageId(7);
        tell(&mut console, 500, 130_000, Event::Action(Action::BeginOutage { outage, spec: Box::new(spec) }));
        tell(&mut console, 501, 130_000, Event::Observed(Observed::OutageBegan { outage }));
        let end = Observed::OutageEnded { outage, why: OutageEnd::Lifted, tally: BTreeMap::new() };
        tell(&mut console, 502, until * 1000, Event::Observed(end));
    }
    for (number, second) in (1..).zip(seconds) {
        let away = until.is_some_and(|until| (130..until).contains(second));
        let fate = if away { Fate::Dropped(OutageId(7)) } else { Fate::Passed };
        say(&mut console, &SipFact { fate, ..fact.clone() }, number, second * 1000);
    }
    press(&mut console, "3");
    console
}

/// How many rows of silence there are after one another.
fn silences(text: &str) -> Vec<usize> {
    let silent: Vec<bool> =
        text.lines().map(|line| line.contains('┊') && !line.contains("a row") || line.contains('≈')).collect();
    silent.split(|silent| !silent).map(<[bool]>::len).filter(|rows| *rows > 0).collect()
}

#[test]
fn silence_is_drawn_to_one_scale_which_is_told_and_what_is_far_longer_is_broken() {
    // Twenty seconds, a minute, an outage in the middle of a minute, and most of an hour.
    let console = said(&[0, 20, 80, 140, 200, 260, 3_300, 3_360], Some(250));
    let small = drawn(&console, 3_365_000, (80, 24), GLYPHS);
    insta::assert_snapshot!("silence_80", small);
    let plain = drawn(&console, 3_365_000, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    insta::assert_snapshot!("silence_80_ascii", plain);
    let text = small.to_string();
    assert!(
        text.contains("┊ 20 s a row") && text.contains("quiet 50 min 40 s") && text.contains("≈≈ not to scale"),
        "{text}"
    );
    let wide = drawn(&console, 3_365_000, (120, 40), GLYPHS);
    insta::assert_snapshot!("silence_120", wide);
    // Those that are in sight: 10 and 60 s in the outage, 50 and 10 about its end, 3040, 60 and 5.
    assert!(wide.to_string().contains("┊ 10 s a row"), "{wide}");
    assert_eq!(silences(&wide.to_string()), [1, 6, 5, 1, 7, 6, 1]);
}

#[test]
fn a_message_stays_selected_and_in_sight_however_long_the_silences_about_it_are() {
    let seconds: Vec<u64> = (0..60).map(|nth| nth * 45).collect();
    let mut console = said(&seconds, None);
    for _ in 0..30 {
        press(&mut console, "k");
        let chosen = console.view.rung.unwrap();
        let text = drawn(&console, 2_700_000, (80, 24), GLYPHS).to_string();
        let at = Stamp::from_millis((chosen - 1001) * 45_000).to_string();
        let row = text.lines().find(|line| line.starts_with("\">")).unwrap_or_else(|| panic!("{text}"));
        assert!(row.contains(&at), "{at}: {text}");
        assert!(silences(&text).contains(&2), "{text}");
    }
    // What has scrolled out at the top still says how long it was.
    let text = drawn(&console, 2_700_000, (80, 24), GLYPHS).to_string();
    assert!(
        text.lines().nth(5).unwrap().contains('│') || text.lines().nth(5).unwrap().contains("quiet 45.0 s"),
        "{text}"
    );
}

#[test]
fn a_message_that_is_repeated_is_not_silent_meanwhile() {
    let mut console = said(&[0, 10, 20, 30], None);
    let fact = message();
    for ms in [40_000, 44_000, 48_000, 52_000] {
        say(&mut console, &fact, 77, ms);
    }
    let text = drawn(&console, 62_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("x4") && text.contains("4.0 4.0 4.0"), "{text}");
    assert_eq!(silences(&text)[..], [2, 2, 2, 2, 2], "{text}");
}

#[test]
fn of_messages_without_end_no_more_is_kept_or_gone_through_than_has_room() {
    let fact = message();
    let mut console = recorded(1, LIVE);
    press(&mut console, "3");
    let mut sizes = Vec::new();
    for number in 0..1_500_u32 {
        let ms = u64::from(number) * 60_000;
        say(&mut console, &fact, number, ms);
        if number % 500 == 499 {
            // So high that all of it is in sight.
            let text = drawn(&console, ms + 1_000, (80, 5_000), GLYPHS).to_string();
            sizes.push(text.lines().skip(5).filter(|line| line.contains('┊') || line.contains('│')).count());
        }
    }
    let (messages, rows) = (400, 6);
    assert_eq!(sizes, [messages + (messages - 1) * rows; 3]);
}
