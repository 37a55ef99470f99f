//! The network as of an instant.

use super::*;
use crate::event::{LinkLoss, OutageEnd, OutageId, Toward, When};

const NOW: u64 = 16_800;

fn tell(console: &mut Console, ms: u64, observed: Observed) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq: 100_000 + ms, seen: at, when: When::exactly(at), event: Event::Observed(observed) });
}

fn shown(console: &Console) -> String {
    drawn(console, NOW, (80, 24), GLYPHS).to_string()
}

/// The log with the event selected that says this.
fn at_event(console: &mut Console, says: &str) {
    press(console, "6");
    let told = console.log.iter().position(|entry| entry.told.text.contains(says));
    console.view.event = Some(told.unwrap_or_else(|| panic!("{says}: {:?}", console.log)));
}

/// The rows that are marked.
fn marked(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("\">")).collect()
}

#[test]
fn from_the_beginning_of_an_outage_and_from_its_end_to_the_network_as_it_was_then() {
    let mut console = recorded(NOW, LIVE);
    assert!(console.board.outages.is_empty(), "by now it is over");
    at_event(&mut console, "a is taken away");
    console.press(Key::Enter);
    let text = shown(&console);
    insta::assert_snapshot!("then_80", text);
    insta::assert_snapshot!("then_80_ascii", drawn(&console, NOW, (80, 24), Look::PLAIN));
    insta::assert_snapshot!("then_120", drawn(&console, NOW, (120, 40), GLYPHS));
    assert!(text.contains("[4 Network]") && text.contains("! as of 0.733, 00:16 ago; f shows the present"), "{text}");
    let [server, outage] = marked(&text)[..] else { panic!("{text}") };
    assert!(server.contains(">a primary") && server.contains("■ is away 20:00 (run)"), "{text}");
    assert!(outage.contains("0.733 a drop") && outage.contains("back by itself in 20:00"), "{text}");
    // What went through by then nobody remembers, and nothing says that it was nothing.
    assert!(server.trim_end_matches([' ', '"']).ends_with("-      -       -"), "{server}");
    let colour = drawn(&console, NOW, (80, 24), Look { colour: true, ..GLYPHS });
    let row = text.lines().position(|line| line.contains(">a primary")).unwrap() as u16;
    assert!(colour.buffer()[(33, row)].modifier.contains(Modifier::DIM), "it is not the present");
    at_event(&mut console, "a is given back");
    console.press(Key::Enter);
    let text = shown(&console);
    assert!(text.contains("! as of 10.764") && marked(&text)[1].contains("lifted after 00:10"), "{text}");
    assert!(marked(&text)[0].contains("□ open"), "{text}");
}

#[test]
fn a_lost_link_and_a_leak_are_marked_where_they_stand_among_the_troubles_of_the_rig() {
    let mut console = recorded(9_300, LIVE);
    tell(&mut console, 9_310, Observed::LinkLost { interface: "phones0".into(), how: LinkLoss::Carrier });
    tell(&mut console, 9_320, Observed::Leak { outage: OutageId(1), phone: "p1".into(), toward: Toward::Server });
    tell(&mut console, 9_330, Observed::ClockStepped { by_ns: 5 });
    at_event(&mut console, "phones0 lost its carrier");
    console.press(Key::Enter);
    let text = shown(&console);
    assert!(marked(&text).iter().any(|row| row.contains("! phones0 lost its carrier")), "{text}");
    assert!(!text.contains("leaked through") && !text.contains("clock was stepped"), "that came later: {text}");
    at_event(&mut console, "a frame leaked");
    console.press(Key::Enter);
    let text = shown(&console);
    let rows = marked(&text).join("\n");
    assert!(rows.contains(">a primary") && rows.contains("0.733 a drop") && rows.contains("leaked through"), "{text}");
    // What is about a phone, or about nothing of the sort, leads to SIP as ever.
    at_event(&mut console, "is registered at a");
    console.press(Key::Enter);
    assert!(shown(&console).contains("[3 SIP]"));
}

#[test]
fn from_a_message_that_an_outage_took_and_back_to_the_log() {
    let mut console = recorded(NOW, LIVE);
    press(&mut console, "3");
    let dropped = console.rungs().find(|rung| matches!(rung.fate, crate::event::Fate::Dropped(_))).unwrap().clone();
    console.view.rung = Some(dropped.seq);
    press(&mut console, "w");
    let text = shown(&console);
    assert!(text.contains(&format!("! as of {}", dropped.at)) && marked(&text)[1].contains("a drop"), "{text}");
    press(&mut console, "=");
    let text = shown(&console);
    let event = console.event().unwrap().told.at;
    assert!(text.contains("[6 Log]") && event <= dropped.at, "{text}");
    press(&mut console, "w");
    assert!(shown(&console).contains(&format!("! as of {event}")));
}

#[test]
fn nobody_takes_it_for_the_present_for_longer_than_he_looks_back() {
    let mut console = recorded(NOW, LIVE);
    let looks_back = |console: &mut Console| {
        at_event(console, "a is taken away");
        press(console, "w");
        assert!(shown(console).contains("! as of"));
    };
    for keys in ["f", "G", "14", "64", "B"] {
        looks_back(&mut console);
        press(&mut console, keys);
        console.press(Key::Esc);
        press(&mut console, "4");
        let text = shown(&console);
        assert!(text.contains("[4 Network]") && !text.contains("as of"), "{keys}: {text}");
    }
    // It may be held as it is, and a recording may be rewound to before it.
    console.clock = Stamp::from_millis(NOW);
    press(&mut console, "f");
    assert!(shown(&console).contains("! as of 16.800, 00:00 ago"));
    assert!(!drawn(&console, 5_000, (80, 24), GLYPHS).to_string().contains("as of"));
}

#[test]
fn of_many_outages_the_one_that_led_here_is_in_sight_and_of_one_that_is_forgotten_that_is_said() {
    let mut console = recorded(NOW, LIVE);
    let spec = console.story.outages.spec(OutageId(1)).unwrap().clone();
    for number in 10..30_u32 {
        let (outage, ms) = (OutageId(number), u64::from(number) * 10_000);
        let at = Stamp::from_millis(ms);
        let begin = crate::event::Action::BeginOutage { outage, spec: Box::new(spec.clone()) };
        console.apply(&Record { seq: ms, seen: at, when: When::exactly(at), event: Event::Action(begin) });
        tell(&mut console, ms, Observed::OutageBegan { outage });
    }
    // All of them end one after the other, the first last of all.
    for number in (10..30_u32).rev() {
        let end = Observed::OutageEnded { outage: OutageId(number), why: OutageEnd::Lifted, tally: Default::default() };
        tell(&mut console, 600_000 - u64::from(number), end);
    }
    press(&mut console, "6");
    console.view.event =
        Some(console.log.iter().position(|entry| entry.told.at == Stamp::from_millis(120_000)).unwrap());
    press(&mut console, "w");
    let text = drawn(&console, 700_000, (80, 24), GLYPHS).to_string();
    assert!(marked(&text)[1].contains("120.000 a drop"), "{text}");
    console.view.event = Some(console.log.iter().rposition(|entry| entry.told.text.contains("is given back")).unwrap());
    press(&mut console, "6w");
    let text = drawn(&console, 700_000, (80, 24), GLYPHS).to_string();
    assert!(marked(&text)[1].contains("100.000 a drop") && text.contains("lifted after"), "{text}");
}
