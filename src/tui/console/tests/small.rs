//! Terminals that are too small for the screens.

use super::*;
use crate::{
    event::{Blocking, Harm, OutageId, When},
    tui::console::{Mode, Pulse, Question},
};

const NOW: u64 = 9_500;
const ATTACHED: Source = Source::Live { own: false, state: Going::On, behind: 0 };

/// On one of forty columns and ten rows.
fn small(mut console: Console) -> Console {
    console.resize(40, 10);
    console
}

fn shown(console: &Console, (columns, rows): (u16, u16)) -> String {
    drawn(console, NOW, (columns, rows), GLYPHS).to_string()
}

/// A key that nobody sees the effect of, in any mode.
const KEYS: &str = "17*aixBs/?:hjSLfmyn =0";

fn begin(console: &mut Console, ms: u64, number: u32, server: &str) {
    let limit = std::time::Duration::from_secs(300);
    let phones = vec!["p1".into(), "p3".into()];
    let spec = Blocking { server: server.into(), phones: phones.clone(), what: Harm::Drop, limit }.spec("anna", phones);
    let (outage, at) = (OutageId(number), Stamp::from_millis(ms));
    let order = crate::event::Action::BeginOutage { outage, spec: Box::new(spec) };
    for event in [Event::Action(order), Event::Observed(Observed::OutageBegan { outage })] {
        console.apply(&Record { seq: 90_000, seen: at, when: When::exactly(at), event });
    }
}

#[test]
fn what_is_away_and_when_it_comes_back_is_told_on_the_smallest_terminal_and_that_it_may_not_be_the_present() {
    let mut console = small(recorded(9_300, ATTACHED));
    insta::assert_snapshot!("small", shown(&console, (40, 10)));
    begin(&mut console, 9_400, 7, "b");
    console.pulse = Some(Pulse { run: Stamp::from_millis(6_000), tap: None });
    insta::assert_snapshot!("small_stale", shown(&console, (40, 10)));
    let tiny = shown(&console, (34, 4));
    assert!(tiny.contains("STALE for 3 s") && tiny.contains("2 outages, first back in 04:59"), "{tiny}");
    let plain = drawn(&console, NOW, (40, 10), Look::PLAIN).to_string();
    assert!(plain.is_ascii() && plain.contains("# b IS AWAY by anna, back in 04:59"), "{plain}");
    assert!(
        shown(&small(recorded(9_300, Source::Live { own: false, state: Going::Gone, behind: 0 })), (60, 10))
            .contains("THE RUN IS GONE")
    );
}

#[test]
fn keys_that_nobody_sees_the_effect_of_do_nothing_and_one_gives_the_network_back() {
    for screen in "123456".chars() {
        let mut console = recorded(9_300, LIVE);
        press(&mut console, &screen.to_string());
        let mut console = small(console);
        for key in KEYS.chars().map(Key::Char).chain([Key::Enter, Key::Tab, Key::Up, Key::Esc, Key::Char('q')]) {
            assert_eq!(console.press(key), None, "{key} on {screen}");
        }
        console.wheel(true);
        assert_eq!((console.view.question, console.view.mode), (None, Mode::Normal));
        assert!(shown(&console, (40, 10)).contains("NORMAL   U restore   Ctrl-c twice leaves"));
        assert_eq!(press(&mut console, "U"), Some(Wish::Restore));
        assert_eq!(console.press(Key::Ctrl('c')), None);
        assert!(shown(&console, (40, 10)).contains("ASK  q no   Ctrl-c leaves   U restore"));
        assert_eq!(console.press(Key::Ctrl('c')), Some(Wish::Leave));
        press(&mut console, "q");
        console.resize(80, 24);
        assert!(drawn(&console, NOW, (80, 24), GLYPHS).to_string().contains(&format!("[{screen} ")), "{screen}");
    }
    let mut attached = small(recorded(9_300, ATTACHED));
    assert!(shown(&attached, (40, 10)).contains("NORMAL   U restore   q leaves"));
    assert_eq!((attached.press(Key::Esc), press(&mut attached, "q")), (None, Some(Wish::Leave)));
}

#[test]
fn what_a_phone_would_get_goes_nowhere_and_one_leaves_modes_and_questions_before_the_console() {
    let mut keys = recorded(9_300, ATTACHED);
    press(&mut keys, "2iy");
    let mut keys = small(keys);
    assert_eq!((press(&mut keys, KEYS), keys.view.mode), (None, Mode::Keys));
    assert!(shown(&keys, (40, 10)).contains("KEYS  q leaves it   U restore"), "{}", shown(&keys, (40, 10)));
    assert_eq!(press(&mut keys, "U"), Some(Wish::Restore));
    assert_eq!((press(&mut keys, "q"), keys.view.mode), (Some(Wish::Give), Mode::Normal));

    let mut serial = recorded(9_300, ATTACHED);
    press(&mut serial, "2cSy");
    let mut serial = small(serial);
    assert_eq!((press(&mut serial, "quit U"), serial.press(Key::Enter)), (None, None), "they are letters of a line");
    assert!(shown(&serial, (40, 10)).contains("SERIAL  Esc leaves it"), "{}", shown(&serial, (40, 10)));
    assert_eq!(serial.press(Key::Esc), Some(Wish::Give));

    let mut asked = recorded(9_300, ATTACHED);
    press(&mut asked, "x");
    let mut asked = small(asked);
    assert_eq!((press(&mut asked, "y"), asked.view.question), (None, Some(Question::Stop)), "nobody can read it");
    assert_eq!((press(&mut asked, "q"), asked.view.question), (None, None));

    for begun in ["?", "/", ":", "4B"] {
        let mut console = recorded(9_300, ATTACHED);
        press(&mut console, begun);
        let mut console = small(console);
        assert_eq!((press(&mut console, "1x"), console.press(Key::Esc)), (None, None), "{begun}");
        assert!(shown(&console, (40, 10)).contains("NORMAL"), "{begun}: {}", shown(&console, (40, 10)));
    }
}
