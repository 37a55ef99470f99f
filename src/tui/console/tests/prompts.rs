//! What an operator is asked for: where it is shown, and which keys answer it.

use super::*;
use crate::event::{PromptEnd, Record, Reply};

/// A run in which p1, and then p2, need somebody.
fn asked() -> Console {
    let mut console = at(5_000, LIVE);
    tell(&mut console, 5_000, ask(7, "p1", 1));
    console.clock = Stamp::from_millis(6_500);
    console
}

fn ask(prompt: u32, phone: &str, nth: usize) -> Derived {
    let text = format!("Lift the handset of {phone} and put it back");
    Derived::OperatorAsked { prompt, text, phones: vec![phone.into()], limit_ns: 120_000_000_000, nth, of: 2 }
}

fn tell(console: &mut Console, ms: u64, derived: Derived) {
    let at = Stamp::from_millis(ms);
    let when = crate::event::When::exactly(at);
    console.apply(&Record { seen: at, when, event: Event::Derived(derived), ..sample::mixed_run().remove(0) });
}

#[test]
fn an_operator_who_is_needed_is_told_on_every_screen_and_asked_on_one() {
    let mut console = asked();
    for screen in "123465".chars() {
        press(&mut console, &screen.to_string());
        let text = drawn(&console, 6_500, (80, 24), GLYPHS).to_string();
        assert!(text.contains("! OPERATOR NEEDED (5 shows it) for 01:58"), "{text}");
        assert_eq!(text.contains("y done   s skip   a abort"), screen == '5', "{text}");
    }
    insta::assert_snapshot!("prompt_80", drawn(&console, 6_500, (80, 24), GLYPHS));
    insta::assert_snapshot!("prompt_80_ascii", drawn(&console, 6_500, (80, 24), Look::PLAIN));
    insta::assert_snapshot!("prompt_120", drawn(&console, 6_500, (120, 40), GLYPHS));
}

#[test]
fn keys_answer_on_the_screen_that_shows_the_prompt_and_nowhere_else_and_return_is_no_answer() {
    let mut console = asked();
    assert_eq!(press(&mut console, "1y"), None);
    assert_eq!(press(&mut console, "2y"), None);
    console.clock = Stamp::from_millis(8_000);
    press(&mut console, "5");
    assert_eq!(console.press(Key::Enter), None);
    assert_eq!(press(&mut console.clone(), "s"), Some(Wish::Answer { prompt: 7, reply: Reply::Skip }));
    assert_eq!(press(&mut console, "y"), Some(Wish::Answer { prompt: 7, reply: Reply::Done }));
    let mut console = asked();
    assert_eq!(press(&mut console, "5a"), None);
    assert_eq!(console.press(Key::Enter), None);
    assert_eq!(press(&mut console, "y"), Some(Wish::Stop), "it was asked");
}

#[test]
fn a_key_that_is_still_held_down_is_no_answer_to_the_next_prompt() {
    let mut console = asked();
    assert!(press(&mut console, "5y").is_some());
    let end = PromptEnd::Replied { by: "anna".to_owned(), reply: Reply::Done, after_ns: 1_500_000_000 };
    tell(&mut console, 6_600, Derived::PromptEnded { prompt: 7, text: "Lift the handset of p1".to_owned(), end });
    tell(&mut console, 6_600, ask(8, "p2", 2));
    for ms in (6_500..12_000).step_by(100) {
        console.clock = Stamp::from_millis(ms);
        assert_eq!(press(&mut console, "y"), None, "held down for {ms} ms");
    }
    console.clock = Stamp::from_millis(13_000);
    let text = drawn(&console, 13_000, (80, 24), GLYPHS).to_string();
    assert!(text.contains("OPERATOR NEEDED 2/2: p2") && text.contains("done by anna after 1.5 s"), "{text}");
    assert_eq!(press(&mut console, "y"), Some(Wish::Answer { prompt: 8, reply: Reply::Done }));
}

#[test]
fn nobody_is_asked_in_a_recording_and_nothing_is_when_it_is_over() {
    let mut console = asked();
    console.source = Source::Replay { playing: true, speed: 1.0, end: Stamp::from_millis(58_100) };
    assert_eq!(press(&mut console, "5y"), None);
    assert!(drawn(&console, 6_500, (80, 24), GLYPHS).to_string().contains("OPERATOR NEEDED 1/2: p1"));
    let mut console = asked();
    tell(&mut console, 6_600, Derived::PromptEnded { prompt: 7, text: String::new(), end: PromptEnd::Unanswered });
    assert_eq!(press(&mut console, "5y"), None);
    assert!(!drawn(&console, 6_600, (80, 24), GLYPHS).to_string().contains("OPERATOR NEEDED"));
}
