//! The network screen, and how a server is blocked from it and given back.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    event::{
        Action, Blocking, ByHand, ByHandAnswer, Harm, Observed, OutageEnd, OutageId, OutageSpec, PhoneName, Record,
        Share, When,
    },
    tui::console::mode::Mode,
};

const NOW: u64 = 9_500;

fn tell(console: &mut Console, ms: u64, event: Event) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq: 90_000 + ms, seen: at, when: When::exactly(at), event });
}

/// The Network screen of a run in which the scenario has taken nothing away yet.
fn at_network(source: Source) -> Console {
    let mut console = recorded(700, source);
    assert!(console.board.outages.is_empty());
    press(&mut console, "4");
    console
}

fn spec(by: &str, server: &str, what: Harm, phones: &[&str]) -> OutageSpec {
    let phones: Vec<PhoneName> = phones.iter().map(|name| PhoneName::from(*name)).collect();
    let limit = Duration::from_secs(300);
    Blocking { server: server.into(), phones: phones.clone(), what, limit }.spec(by, phones)
}

fn begin(console: &mut Console, ms: u64, number: u32, spec: OutageSpec) {
    let outage = OutageId(number);
    tell(console, ms, Event::Action(Action::BeginOutage { outage, spec: Box::new(spec) }));
    tell(console, ms, Event::Observed(Observed::OutageBegan { outage }));
}

/// Anna has taken the backup from both phones.
fn blocked(source: Source) -> Console {
    let mut console = at_network(source);
    begin(&mut console, 7_000, 7, spec("anna", "b", Harm::Drop, &["p1", "p2"]));
    console
}

fn shown(console: &Console, ms: u64) -> String {
    drawn(console, ms, (80, 24), GLYPHS).to_string()
}

#[test]
fn a_server_that_an_operator_blocks_at_both_sizes_with_colour_without_and_in_ascii() {
    let console = blocked(LIVE);
    insta::assert_snapshot!("blocked_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("blocked_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let coloured = drawn(&console, NOW, (80, 24), Look { colour: true, unicode: true });
    assert_eq!(coloured.to_string(), shown(&console, NOW), "nothing is told by colour alone");
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    insta::assert_snapshot!("blocked_80_ascii", plain);
}

#[test]
fn every_screen_says_who_blocks_a_server_and_when_it_comes_back_by_itself() {
    let mut console = blocked(LIVE);
    for screen in 1..=6 {
        press(&mut console, &screen.to_string());
        let text = shown(&console, 55_000);
        assert!(text.contains("■ b IS AWAY by anna, for 00:48, back by itself in 04:12"), "{text}");
    }
}

#[test]
fn where_several_servers_are_away_each_is_named_with_its_owner_and_when_it_comes_back() {
    let mut console = recorded(9_300, LIVE);
    begin(&mut console, 9_400, 7, spec("anna", "b", Harm::Drop, &["p1", "p2"]));
    let text = shown(&console, 10_400);
    assert!(text.contains("■ a IS AWAY, back in 19:50   ■ b IS AWAY by anna, back in 04:59"), "{text}");
}

/// What is asked of an operator, in a minute's time.
fn ask(console: &mut Console, ms: u64) {
    let text = "Lift the handset".to_owned();
    let asked =
        Derived::OperatorAsked { prompt: 1, text, phones: vec!["p1".into()], limit_ns: 120_000_000_000, nth: 1, of: 1 };
    tell(console, ms, Event::Derived(asked));
}

#[test]
fn however_much_there_is_to_tell_names_are_cut_and_times_are_not() {
    let name = "bartholomew-of-the-night-shift";
    let mut console = at_network(LIVE);
    begin(&mut console, 7_000, 7, spec(name, "b", Harm::Drop, &["p1"]));
    let second = |text: &str| text.lines().nth(1).unwrap().to_owned();
    assert!(second(&shown(&console, 9_500)).contains("04:57"), "{}", shown(&console, 9_500));
    begin(&mut console, 8_000, 8, spec(name, "a", Harm::Drop, &["p1", "p2"]));
    let both = second(&shown(&console, 9_500));
    assert!(both.contains("back in 04:57") && both.contains("back in 04:58") && both.contains("by bar…"), "{both}");
    ask(&mut console, 9_000);
    let asked = second(&shown(&console, 9_500));
    assert!(
        asked.contains("! OPERATOR NEEDED") && asked.contains("for 01:59") && asked.contains("back in 04:57"),
        "{asked}"
    );
    begin(&mut console, 9_100, 9, spec("anna", "b", Harm::Loss(Share::percent(20)), &["p1", "p2"]));
    let counted = second(&shown(&console, 9_500));
    assert!(counted.contains("■ 3 outages, first back in 04:57") && counted.contains("01:59"), "{counted}");
    insta::assert_snapshot!("crowded_80", shown(&console, 9_500));
    (console.board.stopping, console.board.lost) = (true, 12);
    let all = second(&shown(&console, 9_500));
    assert!(all.contains("! OPERATOR 01:59   ■ 3 outages, first back in 04:57   ! ENDING   ! lost 12 "), "{all}");
    let plain = drawn(&console, 9_500, (80, 24), Look::PLAIN).to_string();
    assert!(plain.is_ascii() && plain.contains("# 3 outages, first back in 04:57"), "{plain}");
    let wide = drawn(&console, 9_500, (300, 40), GLYPHS).to_string();
    assert!(wide.contains(&format!("■ b IS AWAY for p1 by {name}, back in 04:57   ■ a")), "{wide}");
}

#[test]
fn on_network_the_owner_of_an_outage_is_cut_and_when_it_ends_is_not() {
    let mut console = at_network(LIVE);
    let name = "bartholomew-of-the-night-shift-in-the-other-building";
    begin(&mut console, 7_000, 7, spec(name, "b", Harm::Drop, &["p1"]));
    let text = shown(&console, 9_500);
    assert!(text.contains("■ is away 04:57 (bart…)"), "{text}");
    assert!(text.contains("…: back by itself in 04:57"), "{text}");
    begin(&mut console, 8_000, 8, spec("anna", "b", Harm::Delay(Duration::from_secs(1)), &["p2"]));
    assert!(shown(&console, 9_500).contains("■ is away +1 04:57 (b"), "{}", shown(&console, 9_500));
}

#[test]
fn a_server_is_blocked_as_chosen_and_only_y_does_it() {
    let mut console = at_network(LIVE);
    press(&mut console, "j");
    assert_eq!(press(&mut console, "B"), None);
    insta::assert_snapshot!("block_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("block_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    insta::assert_snapshot!("block_80_ascii", plain);
    for key in [Key::Enter, Key::Char('B'), Key::Char('x'), Key::Char('q'), Key::Tab, Key::Char('1')] {
        assert_eq!(console.press(key), None, "{key}");
        assert_eq!(console.view.mode, Mode::Block, "{key}");
    }
    let wish = press(&mut console, "y");
    let five = Duration::from_secs(300);
    let all = Blocking { server: "b".into(), phones: Vec::new(), what: Harm::Drop, limit: five };
    assert_eq!(wish, Some(Wish::Block(all.clone())));
    assert_eq!((console.view.mode, press(&mut console, "y")), (Mode::Normal, None));
    press(&mut console, "Blptt");
    let wish = press(&mut console, "y");
    let half_an_hour = Duration::from_secs(1_800);
    let what = Harm::Loss(Share::percent(20));
    let one = Blocking { phones: vec!["p1".into()], what, limit: half_an_hour, ..all.clone() };
    assert_eq!(wish, Some(Wish::Block(one)));
    // What was chosen once is not what is chosen the next time.
    press(&mut console, "kBsttt");
    let what = Harm::Delay(Duration::from_millis(200));
    let limit = Duration::from_secs(60);
    assert_eq!(press(&mut console, "y"), Some(Wish::Block(Blocking { server: "a".into(), what, limit, ..all })));
    for away in ["Bn", "B"] {
        press(&mut console, away);
        console.press(Key::Esc);
        assert_eq!((console.view.mode, press(&mut console, "y")), (Mode::Normal, None));
        press(&mut console, "4");
    }
}

#[test]
fn the_network_is_given_back_from_the_choice_too_and_what_it_costs_is_said() {
    let mut console = at_network(LIVE);
    press(&mut console, "B");
    assert!(shown(&console, NOW).contains("2 phones that are judged are concerned"));
    assert_eq!(press(&mut console, "U"), Some(Wish::Restore));
    press(&mut console, "p");
    assert!(shown(&console, NOW).contains("A phone that is judged is concerned"));
    let mut over = recorded(60_000, LIVE);
    press(&mut over, "4B");
    assert!(shown(&over, 60_000).contains("No case that is judged is concerned."));
}

#[test]
fn what_an_operator_has_blocked_is_lifted_after_a_question_and_what_the_scenario_has_is_not_asked_about() {
    let mut console = blocked(LIVE);
    press(&mut console, "jB");
    insta::assert_snapshot!("lift_80", drawn(&console, NOW, (80, 24), GLYPHS));
    assert_eq!((console.press(Key::Enter), press(&mut console, "B")), (None, None));
    assert_eq!(press(&mut console, "y"), Some(Wish::Lift(OutageId(7))));
    press(&mut console, "kB");
    assert_eq!(console.view.mode, Mode::Block, "another server is none of that");
    let mut console = at(21_000, LIVE);
    press(&mut console, "4B");
    assert_eq!(console.view.mode, Mode::Block);
}

#[test]
fn several_that_operators_have_made_on_one_server_are_lifted_one_after_the_other() {
    let mut console = at_network(LIVE);
    begin(&mut console, 7_000, 7, spec("anna", "b", Harm::Drop, &["p1"]));
    begin(&mut console, 8_000, 8, spec("bert", "b", Harm::Loss(Share::percent(20)), &["p1", "p2"]));
    begin(&mut console, 8_500, 9, spec("anna", "a", Harm::Drop, &["p2"]));
    press(&mut console, "jB");
    let asked = |console: &Console| {
        shown(console, NOW).replace(['┃', '─', '"'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let first = asked(&console);
    assert!(first.contains("that anna made by hand?") && first.contains("One more was made by hand here"), "{first}");
    insta::assert_snapshot!("lift_several_80", shown(&console, NOW));
    assert_eq!(console.press(Key::Enter), None);
    assert_eq!(press(&mut console, "y"), Some(Wish::Lift(OutageId(7))));
    let second = asked(&console);
    assert!(second.contains("that bert made by hand?") && !second.contains("One more"), "{second}");
    assert_eq!(press(&mut console, "y"), Some(Wish::Lift(OutageId(8))));
    assert_eq!(console.view.question, None, "that of another server is not asked about");
    assert_eq!((press(&mut console, "Bn"), press(&mut console, "y")), (None, Some(Wish::Lift(OutageId(8)))));
    press(&mut console, "B");
    console.press(Key::Esc);
    assert_eq!((console.view.question, press(&mut console, "y")), (None, None));
}

#[test]
fn a_run_that_has_ended_is_not_ending_any_more_and_has_given_everything_back() {
    let mut console = at_network(LIVE);
    tell(&mut console, 7_000, Event::Observed(Observed::StopRequested { by: "anna".to_owned() }));
    assert!(shown(&console, NOW).contains("! ENDING: giving everything back"));
    tell(&mut console, 8_000, Event::Derived(Derived::RunEnded));
    let text = shown(&console, NOW);
    assert!(!text.contains("ENDING"), "{text}");
    assert!(text.contains("□ all paths open; every phone has its network back"), "{text}");
    // What is not given back is told as ever.
    let mut held = blocked(LIVE);
    tell(&mut held, 8_000, Event::Derived(Derived::RunEnded));
    assert!(shown(&held, NOW).contains("■ b IS AWAY by anna") && !shown(&held, NOW).contains("all paths open"));
}

#[test]
fn nothing_can_be_blocked_in_a_recording_or_where_the_run_is_over() {
    let replay = Source::Replay { playing: false, speed: 1.0, end: Stamp::from_millis(58_100) };
    let ended = Source::Live { own: true, state: Going::Ended, behind: 0 };
    for (source, reason) in [(replay, "this is a recording"), (ended, "the run is over")] {
        let mut console = at_network(source);
        assert_eq!(press(&mut console, "B"), None);
        assert!(shown(&console, NOW).contains(&format!("no server can be blocked: {reason}")));
        assert_eq!(console.view.mode, Mode::Normal);
    }
}

#[test]
fn what_was_refused_says_why_until_something_is_obeyed() {
    let mut console = at_network(LIVE);
    let wish = ByHand::Lift { outage: OutageId(3) };
    let mut answer = |ms, answer| {
        let (by, wish) = ("anna".to_owned(), wish.clone());
        tell(&mut console, ms, Event::Derived(Derived::OutageAnswered { by, wish, answer }));
        shown(&console, NOW)
    };
    let refused = answer(6_100, ByHandAnswer::Refused { reason: "there is no such outage".to_owned() });
    assert!(refused.contains("! refused to anna: there is no such outage"), "{refused}");
    assert!(!answer(6_200, ByHandAnswer::Obeyed { outage: OutageId(3) }).contains("refused"));
}

#[test]
fn an_outage_that_no_message_meets_is_warned_of_once_lines_that_are_there_should_have_renewed() {
    let mut console = at_network(LIVE);
    begin(&mut console, 7_000, 7, spec("anna", "a", Harm::Drop, &["p1", "p2"]));
    let renewal = console.board.plan().unwrap().bench.phones[0].timers.expires.value.as_millis() as u64;
    let early = shown(&console, 6_900 + renewal);
    assert!(early.contains("and no message has met it yet") && !early.contains("should have renewed"), "{early}");
    let late = shown(&console, 7_000 + renewal);
    assert!(late.contains("! in force for") && late.contains("should have renewed"), "{late}");
    // At the backup nobody is registered, and nobody should.
    let backup = shown(&blocked(LIVE), 7_000 + renewal);
    assert!(backup.contains("none of its lines is registered there") && !backup.contains("renewed"), "{backup}");
    // Chance, and what is late, nobody counts.
    let mut bad = at_network(LIVE);
    begin(&mut bad, 7_000, 7, spec("anna", "a", Harm::Delay(Duration::from_secs(1)), &["p1"]));
    assert!(!shown(&bad, 7_000 + renewal).contains("met it"));
}

#[test]
fn what_an_operator_has_made_ends_at_its_limit_as_it_was_to_and_is_no_trouble_of_the_rig() {
    let told = |by: Option<&str>| {
        let mut console = at_network(LIVE);
        let own = OutageSpec { by: by.map(str::to_owned), ..spec("anna", "a", Harm::Drop, &["p1", "p2"]) };
        begin(&mut console, 7_000, 7, own);
        let (outage, why) = (OutageId(7), OutageEnd::Limit);
        tell(&mut console, 307_000, Event::Observed(Observed::OutageEnded { outage, why, tally: BTreeMap::new() }));
        let lines: Vec<String> = console.log.iter().rev().take(2).map(|entry| entry.told.text.clone()).collect();
        (lines.concat(), console.story.troubles.len(), shown(&console, 310_000))
    };
    let (lines, troubles, screen) = told(Some("anna"));
    assert!(lines.contains("a is taken away by anna, for 5m at most"), "{lines}");
    assert!(lines.contains("a is back: the outage that anna had made came to its limit"), "{lines}");
    assert!(screen.contains("a drop, whole host, by anna: ended at its limit after 05:00"), "{screen}");
    assert_eq!(troubles, 0);
    // The scenario's own should have been lifted before.
    assert_eq!(told(None).1, 1);
}

#[test]
fn the_messages_of_the_last_ten_minutes_stand_beside_the_outages_of_them_for_each_server() {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let mut records = JournalReader::open(&journal).unwrap().map(Result::unwrap);
    let is_of_a = |event: &Event| matches!(event, Event::Observed(Observed::Sip(fact)) if fact.server.as_ref().is_some_and(|it| it.0 == "a"));
    let message = records.find(|record| is_of_a(&record.event)).unwrap().event;
    let mut console = recorded(1, LIVE);
    press(&mut console, "4");
    for minute in 0..10 {
        for second in 0..=minute {
            tell(&mut console, (minute * 60 + second) * 1000, message.clone());
        }
    }
    begin(&mut console, 240_000, 7, spec("anna", "a", Harm::Drop, &["p1"]));
    let (outage, why) = (OutageId(7), OutageEnd::Lifted);
    tell(&mut console, 400_000, Event::Observed(Observed::OutageEnded { outage, why, tally: BTreeMap::new() }));
    let text = shown(&console, 599_000);
    assert!(text.contains("SIP a min. ▁▂▃▄▄▅▆▇██  outage ····▒▒▒···  10 this minute, at most 10"), "{text}");
    assert!(text.contains("SIP a min. ··········  outage ··········  0 this minute, at most 0"), "{text}");
    let plain = drawn(&console, 599_000, (80, 24), Look::PLAIN).to_string();
    assert!(plain.contains("SIP a min. :-=++*%&@@  outage ....###...  10 this minute"), "{plain}");
    // What was longer ago goes.
    assert!(shown(&console, 720_000).contains("SIP a min. ▄▄▅▆▇██···  outage ·▒▒▒······  0 this minute, at most 10"));
}

#[test]
fn the_help_of_the_choice_names_its_own_keys() {
    let mut console = at_network(LIVE);
    press(&mut console, "B?");
    let text = shown(&console, NOW);
    assert!(text.contains("Keys in BLOCK") && text.contains("one in five vanishes"), "{text}");
}
