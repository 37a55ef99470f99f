//! One phone: its registrations, keys, console and latest SIP.

use std::time::Duration;

use ratatui::style::{Modifier, Style};

use super::{
    super::{
        Console,
        face::{Face, Faceless, is_old},
        talk::{Pressed, Said, Speaker},
    },
    heading,
    sip::short,
    wrap,
};
use crate::{
    event::Stamp,
    look::span,
    tui::{
        board::LineState,
        draw::{clock, place_of},
        pen::{Pen, keeping},
    },
};

/// What is not acknowledged for so long was lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Columns of the left half.
pub(super) const LEFT: u16 = 40;
/// Rows of what a display shows, at most.
const DISPLAY: usize = 2;
/// Rows of SIP at the bottom, with their heading.
pub(super) const SIP: u16 = 7;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let Some(phone) = console.phone().cloned() else {
        pen.text(1, 0, "nothing is known of the run yet", pen.dim());
        return;
    };
    let talk = console.talk.phone(&phone);
    heading(pen, (0, 0), LEFT - 1, &phone.0);
    let mut y = 1;
    let bottom = pen.area.height - SIP;
    for line in console.board.lines_of(&phone) {
        y = registration(pen, y, bottom, line, now);
    }
    if let Some(talk) = talk {
        y = face(pen, y, bottom, &talk.face, now);
    }
    if y + 1 < bottom {
        keys(pen, y, bottom, talk.into_iter().flat_map(|it| &it.keys), now);
    }
    said(pen, bottom, talk.into_iter().flat_map(|it| &it.console));
    let columns = pen.area.width;
    heading(pen, (0, bottom), columns, &format!("SIP of {phone}; 3 shows all of it"));
    let rungs: Vec<_> = console.rungs().rev().take(usize::from(SIP - 1)).collect();
    for (y, rung) in (bottom + 1..).zip(rungs.into_iter().rev()) {
        pen.text(1, y, &format!("{:>9}", rung.at.to_string()), pen.dim());
        pen.text(11, y, &short(console, rung), Style::new());
    }
}

pub(super) fn registration(pen: &mut Pen<'_>, y: u16, bottom: u16, line: &LineState, now: Stamp) -> u16 {
    let (symbol, word, style) = place_of(pen, line, now);
    let mut rows = vec![(format!("{}  {symbol} {word}", line.id.extension), style)];
    rows.push((format!("   since {}", clock(now, line.since)), Style::new()));
    for (server, end) in &line.expiry {
        rows.push((format!("   bound at {server}, {} s left", end.since(now).as_secs()), Style::new()));
    }
    if let Some(alive) = line.alive {
        let late = if line.is_quiet(now) { " !" } else { "" };
        rows.push((format!("   last heard {} s ago{late}", now.since(alive).as_secs()), Style::new()));
    }
    if let Some((verdict, code)) = &line.verdict {
        let code = code.as_ref().map_or_else(String::new, |code| format!(": {code}"));
        rows.push((format!("   {} {verdict}{code}", pen.look.symbol(*verdict)), pen.verdict(*verdict)));
    }
    let room = usize::from(bottom.saturating_sub(y));
    let count = rows.len().min(room);
    for (at, (text, style)) in (y..).zip(rows.into_iter().take(count)) {
        pen.within(1, at, LEFT - 3, &text, style);
    }
    y + count as u16
}

/// What its display shows and how its lamps burn, and how old that is. What is older than a moment, or was told before the console was
/// lost, is dimmed.
pub(super) fn face(pen: &mut Pen<'_>, y: u16, bottom: u16, face: &Face, now: Stamp) -> u16 {
    if y + 2 > bottom {
        return y;
    }
    heading(pen, (0, y), LEFT - 1, "Display and lamps");
    let room = usize::from(LEFT - 3);
    let style = |told: Stamp| if face.blind_since.is_some() || is_old(told, now) { pen.dim() } else { Style::new() };
    let mut rows = Vec::new();
    match face.faceless() {
        Some(Faceless::Untold) => rows.push(("nothing tells of them".to_owned(), pen.dim())),
        Some(Faceless::Unknown) => rows.push(("nothing was told of them yet".to_owned(), pen.dim())),
        None => {
            let lit = face.lamps_told().zip(lamps(face));
            if let Some((text, at)) = &face.display {
                let shown = wrap(&format!("\"{}\"", text.trim()), room);
                rows.extend(shown.into_iter().take(DISPLAY).map(|row| (row, style(*at))));
            }
            // Each has its own age, so that neither makes the other look younger.
            if let Some((at, lamps)) = &lit {
                let age = if face.display.is_some() { format!(" ({} ago)", ago(now, *at)) } else { String::new() };
                rows.push((keeping(lamps, &age, room, pen.look), style(*at)));
            }
            let told = face.display.as_ref().map(|(_, at)| *at).or(lit.map(|(at, _)| at));
            rows.extend(told.map(|told| (age(face, told, now), pen.dim())));
        }
    }
    let count = rows.len().min(usize::from(bottom - y - 1));
    for (at, (text, style)) in (y + 1..).zip(rows.into_iter().take(count)) {
        pen.within(1, at, LEFT - 3, &text, style);
    }
    y + 1 + count as u16
}

/// `message on, line1 fast`; none: nothing was told of lamps.
pub(super) fn lamps(face: &Face) -> Option<String> {
    if face.lamps.is_empty() {
        return None;
    }
    let lit: Vec<String> = face.lit().map(|(name, state)| format!("{name} {state}")).collect();
    Some(if lit.is_empty() { "no lamp is lit".to_owned() } else { lit.join(", ") })
}

/// When it was told, and by what.
fn age(face: &Face, told: Stamp, now: Stamp) -> String {
    let told = ago(now, told);
    match face.blind_since {
        Some(lost) => format!("! {told} old; console lost {} ago", clock(now, lost)),
        None => format!("told {told} ago by its console"),
    }
}

/// `0.2 s` of what is fresh, and `00:12` of what is not.
fn ago(now: Stamp, told: Stamp) -> String {
    if is_old(told, now) {
        return clock(now, told);
    }
    let tenths = now.since(told).as_millis() / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

pub(super) fn keys<'p>(pen: &mut Pen<'_>, y: u16, bottom: u16, pressed: impl Iterator<Item = &'p Pressed>, now: Stamp) {
    heading(pen, (0, y), LEFT - 1, "Keys");
    let all: Vec<&Pressed> = pressed.collect();
    let rows = usize::from(bottom - y - 1);
    if all.is_empty() {
        pen.within(1, y + 1, LEFT - 3, "none were pressed", pen.dim());
    }
    for (at, pressed) in (y + 1..).zip(all.iter().skip(all.len().saturating_sub(rows))) {
        let by = pressed.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
        let answer = match &pressed.answer {
            None if now.since(pressed.at) > PATIENCE => "! lost: no ack".to_owned(),
            None => "no ack yet".to_owned(),
            // What matters most has room.
            Some(Ok(_)) if pressed.shown.1 > 0 => "arrived".to_owned(),
            Some(Ok(ns)) if pressed.by.is_some() => format!("arrived {}", span(*ns as f64 / 1e6)),
            Some(Ok(ns)) => format!("ack {}", span(*ns as f64 / 1e6)),
            Some(Err(error)) => format!("! {error}"),
        };
        let shown = match pressed.shown {
            (0, 0) => "",
            (_, 0) => ", seen",
            (_, _) => ", not seen !",
        };
        let text = format!("{:>9} {} {answer}{shown}{by}", pressed.at.to_string(), pressed.strokes);
        pen.within(0, at, LEFT - 1, &text, Style::new());
    }
}

fn said<'p>(pen: &mut Pen<'_>, bottom: u16, said: impl Iterator<Item = &'p Said>) {
    let columns = pen.area.width - LEFT;
    heading(pen, (LEFT, 0), columns, "Console: what was awaited, or means something");
    let all: Vec<&Said> = said.collect();
    if all.is_empty() {
        pen.within(LEFT + 1, 1, columns - 1, "nothing was heard", pen.dim());
    }
    let rows = usize::from(bottom - 1);
    for (y, said) in (1..).zip(all.iter().skip(all.len().saturating_sub(rows))) {
        line(pen, (LEFT, y), columns, said);
    }
}

/// A line of a console, with the mark of who said it.
pub(super) fn line(pen: &mut Pen<'_>, (x, y): (u16, u16), columns: u16, said: &Said) {
    let (mark, style) = match said.by {
        Speaker::Phone => (" ", Style::new()),
        Speaker::Echo => ("=", pen.dim()),
        Speaker::Rig => (">", Style::new().add_modifier(Modifier::BOLD)),
        Speaker::Port => ("!", Style::new()),
    };
    pen.within(x, y, columns, &format!("{:>8} {mark} {}", said.at.to_string(), said.text), style);
}
