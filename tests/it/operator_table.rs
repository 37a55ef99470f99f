//! Every action of the console's table, pressed at a real terminal: wherever it can be taken, the console goes on and says so.

use siprig::tui::console::{
    action::{ACTIONS, Act, Entry, Phase, Screen},
    key::Key,
    mode::Mode,
};

use super::{
    operator_console::{Desk, has_virtual_bench},
    window::Window,
};

const ESC: &[u8] = b"\x1b";
const MODES: [&str; 10] =
    [" NORMAL ", " KEYS ", " SERIAL ", " BLOCK ", " LOST ", " ASK ", " HELP ", " FILTER ", " FIND ", " LINE "];

/// What a terminal sends for a key; of a range, for its first.
fn bytes(key: Key) -> Vec<u8> {
    match key {
        Key::Char(char) | Key::Between(char, _) => vec![char as u8],
        Key::Ctrl(char) => vec![char as u8 & 0x1f],
        Key::Enter => b"\r".to_vec(),
        Key::Esc => ESC.to_vec(),
        Key::Tab => b"\t".to_vec(),
        Key::BackTab => b"\x1b[Z".to_vec(),
        Key::Backspace => b"\x7f".to_vec(),
        Key::Up => b"\x1b[A".to_vec(),
        Key::Down => b"\x1b[B".to_vec(),
        Key::Right => b"\x1b[C".to_vec(),
        Key::Left => b"\x1b[D".to_vec(),
        Key::PageUp => b"\x1b[5~".to_vec(),
        Key::PageDown => b"\x1b[6~".to_vec(),
        Key::Home => b"\x1b[H".to_vec(),
        Key::End => b"\x1b[F".to_vec(),
    }
}

/// The mode that the last row names.
fn mode(window: &mut Window) -> &'static str {
    window.settles();
    let screen = window.shows("");
    let last = screen.lines().next_back().unwrap_or_default().to_owned();
    let named = MODES.into_iter().find(|mode| format!("{last} ").contains(mode));
    named.unwrap_or_else(|| panic!("the last row names no mode: {screen}"))
}

/// From wherever it is to a screen, in NORMAL.
fn go(window: &mut Window, screen: Screen) {
    for _ in 0..3 {
        if mode(window) == " NORMAL " {
            break;
        }
        window.types(ESC);
    }
    assert_eq!(mode(window), " NORMAL ");
    let number = Screen::ALL.iter().position(|it| *it == screen);
    match number {
        Some(at) => window.types((at + 1).to_string().as_bytes()),
        None => window.types(b"2c"),
    }
    window.settles();
}

/// The entries that can be taken in that mode and neither end nor stop anything, each with a screen on which it can.
fn entries(phase: Phase, in_mode: Mode) -> Vec<(&'static Entry, Screen)> {
    let screens = || Screen::ALL.into_iter().chain([Screen::Serial]);
    let lasting = |entry: &&Entry| !matches!(entry.act, Act::Quit | Act::Back | Act::Restore | Act::Suspend);
    let lasting = ACTIONS.iter().filter(lasting);
    lasting.filter_map(|entry| Some((entry, screens().find(|screen| entry.fits(*screen, phase, in_mode))?))).collect()
}

#[test]
fn every_action_of_the_table_is_taken_in_a_recording() {
    let desk = Desk::with_recording();
    let mut window = desk.open(&["--replay", "latest"]);
    window.shows("? more");
    let mut pressed = 0;
    for (entry, screen) in entries(Phase::Replay, Mode::Normal) {
        for key in entry.keys {
            go(&mut window, screen);
            window.types(&bytes(*key));
            mode(&mut window);
            pressed += 1;
        }
    }
    assert!(pressed > 40, "{pressed}");
    go(&mut window, Screen::Phones);
    window.types(b"4q");
    window.shows("[1 Phones]");
    window.types(b"\x03");
    assert_eq!(window.ends(), Some(0), "Ctrl-c leaves");
}

#[test]
fn every_action_of_the_table_is_taken_while_a_run_goes_on() {
    if !has_virtual_bench() {
        return;
    }
    let desk = Desk::new();
    let mut own = desk.open(&["--phones", "p1", "--set", "expires=5m"]);
    own.shows("a IS AWAY");
    let into: [(Mode, Screen, &[u8], &str); 4] = [
        (Mode::Normal, Screen::Phones, b"", " NORMAL "),
        (Mode::Block, Screen::Network, b"B", " BLOCK "),
        (Mode::Keys, Screen::Phone, b"iy", " KEYS "),
        (Mode::Serial, Screen::Serial, b"Sy", " SERIAL "),
    ];
    let mut pressed = 0;
    for (in_mode, from, keys, name) in into {
        for (entry, screen) in entries(Phase::On, in_mode) {
            // What blocks a server is seen elsewhere.
            if entry.act == Act::Yes {
                continue;
            }
            go(&mut own, if in_mode == Mode::Normal { screen } else { from });
            own.types(keys);
            own.shows(name);
            own.types(&bytes(entry.keys[0]));
            mode(&mut own);
            pressed += 1;
        }
    }
    assert!(pressed > 55, "{pressed}");
    go(&mut own, Screen::Network);
    own.types(b"U");
    own.shows("all paths open");
    own.shows("  ended");
    own.types(b"\x03");
    assert_eq!(own.ends(), Some(5), "a case is outstanding");
}
