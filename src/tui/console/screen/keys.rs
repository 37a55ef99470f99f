//! The keys of one phone, to be pressed: as its model has them, with what each is pressed by.

use ratatui::style::{Modifier, Style};

use super::{
    super::{
        Console,
        key::Key,
        keyboard::{DIAL, Keyboard, PAGE},
        mouse::Target,
    },
    heading,
    phone::{LEFT, SIP, keys, line, registration},
};
use crate::{event::Stamp, tui::pen::Pen};

/// Columns of the dial pad.
const PAD: u16 = 12;
/// Where it stands what Return presses.
const SEND: u16 = 10;
/// Rows of letters beside it.
const ROWS: usize = PAGE / 2;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let (Some(phone), Ok(keyboard)) = (console.phone().cloned(), console.keyboard()) else { return };
    let talk = console.talk.phone(&phone);
    heading(pen, (0, 0), LEFT - 1, &phone.0);
    let bottom = pen.area.height - SIP;
    let mut y = 1;
    for line in console.board.lines_of(&phone) {
        y = registration(pen, y, bottom.saturating_sub(4), line, now);
    }
    keys(pen, y, bottom, talk.into_iter().flat_map(|it| &it.keys), now);
    pad(pen, console, &keyboard);
    let columns = pen.area.width;
    heading(pen, (0, bottom), columns, &format!("Console of {phone}"));
    let refused = talk.and_then(|talk| talk.keys.back()).and_then(|pressed| match (&pressed.by, &pressed.answer) {
        (Some(_), Some(Err(reason))) => Some(format!("! {}: {reason}", pressed.strokes)),
        _ => None,
    });
    let said: Vec<_> = talk.into_iter().flat_map(|it| &it.console).collect();
    let rows = usize::from(SIP - 1 - u16::from(refused.is_some()));
    for (y, said) in (bottom + 1..).zip(said.iter().skip(said.len().saturating_sub(rows))) {
        line(pen, (0, y), columns, said);
    }
    if let Some(refused) = refused {
        pen.text(0, bottom + SIP - 1, &refused, Style::new().add_modifier(Modifier::BOLD));
    }
}

/// The dial pad, the arrows, and the keys that have letters.
fn pad(pen: &mut Pen<'_>, console: &Console, keyboard: &Keyboard) {
    let pressing = console.view.pressing;
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let digits = if pressing.recorded { "digits on record" } else { "digits secret" };
    let held = if pressing.hold { ", next is HELD" } else { "" };
    heading(pen, (LEFT, 0), pen.area.width - LEFT, &format!("KEYS: {digits}{held}"));
    for (y, row) in (1..).zip(DIAL) {
        for (x, char) in (LEFT + 1..).step_by(3).zip(row) {
            let shown = if keyboard.dials(char).is_some() { char } else { ' ' };
            pen.text(x, y, &shown.to_string(), bold);
            pen.target((x - 1, y), 3, Target::Key(Key::Char(char)));
        }
    }
    let pick = |glyph, ascii| pen.look.pick(glyph, ascii);
    let arrows = [
        (Key::Up, LEFT + 4, 6, pick("↑", "^")),
        (Key::Left, LEFT + 1, 7, pick("←", "<")),
        (Key::Right, LEFT + 7, 7, pick("→", ">")),
        (Key::Down, LEFT + 4, 8, pick("↓", "v")),
    ];
    for (arrow, x, y, sign) in arrows {
        if keyboard.arrow(arrow).is_some() {
            pen.text(x, y, sign, bold);
            pen.target((x - 1, y), 3, Target::Key(arrow));
        }
    }
    if let Some(key) = &keyboard.sends {
        pen.within(LEFT + 1, SEND, PAD - 2, "Enter", bold);
        pen.within(LEFT + 1, SEND + 1, PAD - 2, &key.0, Style::new());
        pen.target((LEFT, SEND), PAD - 1, Target::Key(Key::Enter));
    }
    let room = (pen.area.width - LEFT - PAD) / 2;
    for (at, (letter, key)) in keyboard.lettered(pressing.first).enumerate() {
        let (x, y) = (LEFT + PAD + room * (at / ROWS) as u16, 1 + (at % ROWS) as u16);
        pen.text(x, y, &letter.to_string(), bold);
        pen.within(x + 2, y, room - 2, &key.0, Style::new());
        pen.target((x, y), room - 1, Target::Key(Key::Char(letter)));
    }
    let (all, until) = (keyboard.others.len(), (pressing.first + PAGE).min(keyboard.others.len()));
    if all > PAGE {
        let text = format!("{}-{until} of {all}: PgDn, PgUp", pressing.first + 1);
        pen.text(LEFT + PAD, 1 + ROWS as u16, &text, pen.dim());
    }
}
