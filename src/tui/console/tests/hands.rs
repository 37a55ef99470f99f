//! The modes in which keys are for a phone: how one comes there and away, what is pressed, and what is seen of it.

use super::*;
use crate::{
    event::{Answer, Hand, Observed, Record, Stroke, When},
    tui::console::{action::Act, mode::Mode},
};

const NOW: u64 = 9_500;

/// The Phone screen of p1, in a run of which everything is judged still.
fn at_phone(source: Source) -> Console {
    let mut console = recorded(9_300, source);
    press(&mut console, "2");
    console
}

/// The same, and keys are the phone's.
fn in_keys() -> Console {
    let mut console = at_phone(LIVE);
    press(&mut console, "i");
    assert_eq!(press(&mut console, "y"), Some(Wish::Take));
    console
}

fn shown(console: &Console) -> String {
    drawn(console, NOW, (80, 24), GLYPHS).to_string()
}

fn stroke(wish: Option<Wish>) -> (String, bool) {
    let Some(Wish::Press { phone, stroke, secret }) = wish else { panic!("{wish:?}") };
    assert_eq!(phone.0, "p1");
    (stroke.to_string(), secret)
}

/// What an operator did to p1 at that time, as the records of the run tell it.
fn told(console: &mut Console, ms: u64, key: &str, answer: Answer) {
    let hand = Hand::Press(key.parse().unwrap());
    tell(console, ms, Event::Derived(Derived::HandAnswered { by: "anna".into(), phone: "p1".into(), hand, answer }));
}

fn tell(console: &mut Console, ms: u64, event: Event) {
    let at = Stamp::from_millis(ms);
    console.apply(&Record { seq: 90_000 + ms, seen: at, when: When::exactly(at), event });
}

/// Keys that arrived and showed, were lost, were refused, and wait.
fn pressed() -> Console {
    let mut console = in_keys();
    let obeyed = |sequence| Answer::Obeyed { sequence: Some(sequence) };
    let played = |sequence, error: Option<&str>| {
        let error = error.map(str::to_owned);
        Event::Observed(Observed::KeysPlayed { phone: "p1".into(), sequence, ack_after_ns: 38_000_000, error })
    };
    told(&mut console, 9_310, "options", obeyed(901));
    tell(&mut console, 9_350, played(901, None));
    let key = Stroke::key("options");
    tell(&mut console, 9_360, Event::Derived(Derived::KeyConfirmed { phone: "p1".into(), key, by: Some(1) }));
    told(&mut console, 9_370, "{secret-1}", obeyed(902));
    tell(&mut console, 9_410, played(902, None));
    told(&mut console, 9_420, "volup", obeyed(903));
    tell(&mut console, 9_430, played(903, Some("the board is gone")));
    told(&mut console, 9_440, "goodbye", obeyed(904));
    let reason = "the scenario presses keys of this phone just now; do it again when it has".to_owned();
    told(&mut console, 9_450, "mute", Answer::Refused { reason });
    console
}

#[test]
fn keys_of_a_phone_and_what_became_of_each_at_both_sizes_with_colour_without_and_in_ascii() {
    let console = pressed();
    insta::assert_snapshot!("keys_80", drawn(&console, NOW, (80, 24), GLYPHS));
    insta::assert_snapshot!("keys_120", drawn(&console, NOW, (120, 40), GLYPHS));
    let coloured = drawn(&console, NOW, (80, 24), Look { colour: true, unicode: true });
    assert_eq!(coloured.to_string(), shown(&console), "nothing is told by colour alone");
    let plain = drawn(&console, NOW, (80, 24), Look::PLAIN);
    assert!(plain.to_string().is_ascii(), "{plain}");
    insta::assert_snapshot!("keys_80_ascii", plain);
    let late = drawn(&console, 15_000, (80, 24), GLYPHS).to_string();
    assert!(late.contains("goodbye ! lost: no ack (anna)"), "{late}");
}

#[test]
fn the_help_of_keys_names_its_own_actions_and_the_way_back() {
    let mut console = in_keys();
    press(&mut console, "?");
    insta::assert_snapshot!("help_keys_80", drawn(&console, NOW, (80, 24), GLYPHS));
}

#[test]
fn a_case_that_is_judged_is_asked_about_first_and_return_never_confirms() {
    let mut console = at_phone(LIVE);
    assert_eq!(press(&mut console, "i"), None);
    insta::assert_snapshot!("keys_asked_80", drawn(&console, NOW, (80, 24), GLYPHS));
    assert_eq!((console.press(Key::Enter), press(&mut console, "i")), (None, None));
    assert_eq!(press(&mut console, "n5"), None);
    assert!(shown(&console).contains(" NORMAL ") && shown(&console).contains("[5 Scenario]"));
    // Where every line has its verdict there is nothing to disturb.
    let mut over = recorded(60_000, LIVE);
    assert_eq!(press(&mut over, "2i"), Some(Wish::Take));
    assert!(shown(&over).contains(" KEYS "));
}

#[test]
fn in_keys_no_key_is_an_order_to_the_console_but_the_way_back_and_out() {
    let mut console = in_keys();
    assert!(shown(&console).contains(" KEYS "));
    for key in ["x", "q", "5", "]"] {
        let wish = press(&mut console, key);
        assert!(matches!(wish, None | Some(Wish::Press { .. })), "{key}: {wish:?}");
        assert!(console.view.question.is_none() && shown(&console).contains("[2 Phone]"), "{key}");
    }
    assert_eq!(press(&mut console, "U"), Some(Wish::Restore));
    assert_eq!(console.press(Key::Esc), Some(Wish::Give));
    assert!(shown(&console).contains(" NORMAL "));
    let mut console = in_keys();
    assert_eq!((console.press(Key::Ctrl('c')), console.press(Key::Ctrl('c'))), (None, Some(Wish::Leave)));
}

#[test]
fn digits_are_secret_until_it_is_said_otherwise_and_are_so_again_next_time() {
    let mut console = in_keys();
    assert_eq!(stroke(press(&mut console, "7")), ("7".to_owned(), true));
    assert_eq!(stroke(press(&mut console, "*")), ("star".to_owned(), false), "no digit");
    console.press(Key::Tab);
    assert!(shown(&console).contains("KEYS: digits on record"));
    assert_eq!(stroke(press(&mut console, "7")), ("7".to_owned(), false));
    console.press(Key::Esc);
    press(&mut console, "iy");
    assert!(shown(&console).contains("KEYS: digits secret"));
    assert_eq!(stroke(press(&mut console, "7")), ("7".to_owned(), true));
}

#[test]
fn arrows_letters_and_holds_press_what_stands_beside_them() {
    let mut console = in_keys();
    assert_eq!(stroke(console.press(Key::Up)).0, "navup");
    assert_eq!(stroke(press(&mut console, "a")).0, "conf");
    assert_eq!(stroke(press(&mut console, " a")).0, "conf:long");
    assert_eq!(stroke(press(&mut console, "a")).0, "conf", "for one key only");
    assert_eq!(press(&mut console, " 7"), None, "a digit that is held can not be secret");
    assert!(shown(&console).contains("Tab lets records have digits"));
    assert_eq!(press(&mut console, "z"), None);
    assert!(shown(&console).contains("`z` is no key of p1"));
}

#[test]
fn return_presses_the_key_that_dials_where_the_model_has_one_and_else_says_so() {
    // That journal is of a time at which no model named one.
    let mut console = in_keys();
    assert_eq!(console.press(Key::Enter), None);
    let text = shown(&console);
    assert!(text.contains("! p1 has no key that dials") && text.contains(" KEYS "), "{text}");
    let mut begin = recorded_beginning();
    if let Event::Observed(Observed::RunStarted { plan }) = &mut begin.event {
        plan.models.values_mut().for_each(|model| drop(model.menus.insert("send".into(), vec![Stroke::key("pound")])));
    }
    console.apply(&begin);
    assert_eq!(stroke(console.press(Key::Enter)), ("pound".to_owned(), false));
    let text = shown(&console);
    assert!(text.contains(" Enter ") && text.contains(" pound "), "{text}");
}

/// The record with which that run begins.
fn recorded_beginning() -> Record {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    JournalReader::open(&journal).unwrap().next().unwrap().unwrap()
}

#[test]
fn a_recording_and_a_run_that_is_over_refuse_keys_with_a_reason() {
    let replay = Source::Replay { playing: false, speed: 1.0, end: Stamp::from_millis(58_100) };
    let over = Source::Live { own: false, state: Going::Ended, behind: 0 };
    for (source, reason) in [(replay, "this is a recording"), (over, "the run is over")] {
        let mut console = at_phone(source);
        assert_eq!(press(&mut console, "i"), None);
        let text = shown(&console);
        assert!(text.contains(&format!("no keys can be pressed: {reason}")) && text.contains(" NORMAL "), "{text}");
        assert_eq!(console.view.question, None);
    }
}

#[test]
fn what_is_typed_on_after_the_run_has_ended_or_is_deaf_goes_nowhere_until_escape() {
    let over = Source::Live { own: true, state: Going::Ended, behind: 0 };
    let mut ended = in_keys();
    ended.source = over.clone();
    let mut deaf = in_keys();
    deaf.tell("the run does not hear this console".to_owned());
    for (mut console, why) in [(ended, "the run is over"), (deaf, "the run does not hear this console")] {
        for key in "1qU4x".chars().map(Key::Char).chain([Key::Enter, Key::Tab]) {
            assert_eq!(console.press(key), None, "{key}");
        }
        let text = shown(&console);
        assert!(text.contains(" LOST ") && text.contains(&format!("! {why}; Esc, and keys are orders")), "{text}");
        assert!(text.contains("[2 Phone]") && console.view.question.is_none(), "{text}");
        console.source = over.clone();
        assert_eq!(console.press(Key::Esc), None);
        press(&mut console, "1");
        assert!(shown(&console).contains(" NORMAL ") && shown(&console).contains("[1 Phones]"), "{}", shown(&console));
    }
    // Who types nothing is told so, and goes on.
    let mut console = at_phone(LIVE);
    console.tell("the run does not do that".to_owned());
    assert!(shown(&console).contains("! the run does not do that") && shown(&console).contains(" NORMAL "));
    press(&mut console, "1");
    assert!(!shown(&console).contains("does not do that"), "it was read");
}

#[test]
fn every_action_of_keys_does_something() {
    for entry in ACTIONS.iter().filter(|entry| entry.fits(console_screen(), crate::tui::console::Phase::On, Mode::Keys))
    {
        for key in entry.keys {
            let mut console = in_keys();
            let before = format!("{:?}", console.view);
            let pressed = if let Key::Between(from, _) = key { Key::Char(*from) } else { *key };
            let wish = console.press(pressed);
            let more = matches!(entry.act, Act::MoreKeys | Act::FewerKeys);
            assert!(wish.is_some() || format!("{:?}", console.view) != before || more, "{key}: {entry:?}");
        }
    }
}

const fn console_screen() -> crate::tui::console::Screen {
    crate::tui::console::Screen::Phone
}
