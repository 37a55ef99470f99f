//! Draws the console: a pure function from state and time to cells.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    Console, Going, Question, Source,
    action::{ACTIONS, Screen},
    key::Key,
    ladder::Rung,
    mode::Mode,
    mouse::Target,
};
use crate::{
    event::Stamp,
    look::{Look, harmless, width},
    tui::{
        banner::{Banner, Old},
        draw,
        pen::Pen,
    },
};

mod block;
mod help;
mod keys;
mod log;
mod network;
mod phone;
mod phones;
mod prompt;
mod scenario;
mod serial;
mod sip;
mod small;
mod terminal;

/// The smallest terminal on which all columns that decide have room.
pub const SMALLEST: (u16, u16) = (80, 24);
/// Columns between two hints.
const GAP: usize = 3;
/// Rows above a screen: title, banner, screens.
const HEAD: u16 = 3;

/// Draws all of it as of `now` into `area`.
pub fn draw(console: &Console, now: Stamp, look: Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let mut pen = Pen::new(buffer, area, look);
    paint(&mut pen, console, now);
}

/// What is drawn in a cell of `area`, if one can point at it.
pub fn target(console: &Console, now: Stamp, area: Rect, (x, y): (u16, u16)) -> Option<Target> {
    let mut scratch = Buffer::empty(area);
    let mut pen = Pen::new(&mut scratch, area, Look::PLAIN);
    paint(&mut pen, console, now);
    let targets = pen.into_targets().into_iter().rev();
    targets.into_iter().find(|(there, _)| there.contains((x, y).into())).map(|(_, target)| target)
}

fn paint(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let area = pen.area;
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return small::draw(pen, console, now);
    }
    draw::title(pen, &console.board, now, area.width);
    banner(pen, console, now);
    tabs(pen, console, now);
    let body = Rect { x: area.x, y: area.y + HEAD, width: area.width, height: area.height - HEAD - 1 };
    let old = console.is_old(now);
    pen.inside(body, |inner| {
        // Neither is the network of then the present.
        inner.old = old || (console.view.screen == Screen::Network && console.moment(now).is_some());
        inner.thick = matches!(console.view.mode, Mode::Keys | Mode::Serial);
        match console.view.screen {
            Screen::Phones => phones::draw(inner, console, now),
            Screen::Phone if console.view.mode == Mode::Keys => keys::draw(inner, console, now),
            Screen::Phone => phone::draw(inner, console, now),
            Screen::Sip => sip::draw(inner, console, now),
            Screen::Network => network::draw(inner, console, now),
            Screen::Scenario => scenario::draw(inner, console, now),
            Screen::Log => log::draw(inner, console),
            Screen::Serial => serial::draw(inner, console),
        }
        // Questions and help are of the present.
        inner.old = false;
        if let Some(search) = &console.view.help {
            help::draw(inner, console, search);
        }
        if console.view.mode == Mode::Block && console.view.help.is_none() {
            block::draw(inner, console);
        }
        if let Some(question) = console.view.question {
            ask(inner, console, question);
        }
    });
    footer(pen, console);
}

fn banner(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    match banner_of(console, now) {
        Err(gone) => pen.text(1, 1, gone, Style::new().add_modifier(Modifier::BOLD)),
        Ok(banner) => banner.draw(pen, pen.area.width),
    }
}

/// What everybody must see; an error: that there is nothing any more that could tell.
fn banner_of(console: &Console, now: Stamp) -> Result<Banner<'_>, &'static str> {
    let old = match (&console.source, console.stale(now)) {
        (Source::Live { state: Going::Gone, .. }, _) => {
            return Err("! THE RUN IS GONE without a word; what is shown is the last that it told");
        }
        (_, Some((since, why))) => Some(Old::Stale(since, why)),
        (Source::Live { behind: behind @ 1.., .. }, None) => Some(Old::Behind(*behind)),
        _ => None,
    };
    Ok(Banner { board: &console.board, old, now, where_asked: "5 shows it" })
}

fn tabs(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let mut x = 0;
    for (number, screen) in (1..).zip(Screen::ALL) {
        let of_phone = console.view.screen == Screen::Serial && screen == Screen::Phone;
        let chosen = screen == console.view.screen || of_phone;
        let text =
            if chosen { format!("[{number} {}]", screen.name()) } else { format!(" {number} {} ", screen.name()) };
        let style = if chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        pen.text(x, 2, &text, style);
        pen.target((x, 2), width(&text) as u16, Target::Screen(screen));
        x += width(&text) as u16 + 1;
    }
    let state = state(console, now);
    let room = pen.area.width.saturating_sub(x + 1);
    let keyboard = console.board.keyboard.as_ref().filter(|_| console.phase().goes_on());
    // Who has the keyboard is said in any case, as far as there is room.
    let forms = match keyboard {
        Some((by, since)) => vec![format!("keyboard: {by} since {since}  {state}"), format!("keys: {by}")],
        None => vec![state],
    };
    let fits = |form: &&String| width(&harmless(form)) <= room.into();
    let Some(right) = forms.iter().find(fits).or(forms.last().filter(|_| keyboard.is_some())) else { return };
    let at = pen.area.width.saturating_sub(width(&harmless(right)) as u16 + 1).max(x);
    pen.within(at, 2, room, right, pen.dim());
}

/// How what is shown comes about.
fn state(console: &Console, now: Stamp) -> String {
    match &console.source {
        Source::None => String::new(),
        Source::Live { state: Going::Ended, .. } => "ended".to_owned(),
        Source::Live { state: Going::Gone, .. } => "gone".to_owned(),
        Source::Live { own, .. } => if *own { "run of this console" } else { "attached" }.to_owned(),
        Source::Replay { playing, speed, end } => {
            let state = if *playing { format!("x{speed}") } else { "held".to_owned() };
            format!("replay {state} {}/{}", draw::clock(now, Stamp::ZERO), draw::clock(*end, Stamp::ZERO))
        }
    }
}

/// What keys are at present.
const fn mode(console: &Console) -> &'static str {
    match (&console.view.question, console.view.help.is_some(), console.view.filtering) {
        (Some(_), ..) => "ASK",
        (None, true, _) => "HELP",
        (None, false, true) if matches!(console.view.screen, Screen::Serial) => "FIND",
        (None, false, true) => "FILTER",
        (None, false, false) if console.view.number.is_some() => "LINE",
        (None, false, false) => console.view.mode.name(),
    }
}

fn footer(pen: &mut Pen<'_>, console: &Console) {
    let row = pen.area.height - 1;
    let mode = mode(console);
    pen.text(1, row, mode, Style::new().add_modifier(Modifier::BOLD));
    let from = width(mode) as u16 + 3;
    let text = match mode {
        "ASK" => "y yes   n, Esc no   (Return does nothing)".to_owned(),
        "HELP" => "type to search   Return does what alone is left   Esc close".to_owned(),
        "LINE" => "the number of a line   Return go there   Esc forget it".to_owned(),
        "FIND" => "what is looked for   Return go there   Esc forget it".to_owned(),
        "FILTER" => "a name, a code, reg:none, !reg:primary   Return keep   Esc show all".to_owned(),
        _ => match &console.view.note {
            Some(note) => format!("! {note}"),
            None => return hints(pen, console, (from, row)),
        },
    };
    pen.text(from, row, &text, Style::new());
}

/// Hints for as many actions as have room, whole words only; the help is always among them.
fn hints(pen: &mut Pen<'_>, console: &Console, (from, row): (u16, u16)) {
    let fitting = ACTIONS.iter().filter(|entry| entry.fits(console.view.screen, console.phase(), console.view.mode));
    let mut ranked: Vec<(u8, Key, String)> = Vec::new();
    for entry in fitting {
        if let (Some(rank), Some(key)) = (entry.rank, entry.keys.first()) {
            ranked.push((rank, *key, format!("{key} {}", entry.hint)));
        }
    }
    let room = usize::from(pen.area.width.saturating_sub(from));
    let length = |hints: &[(u8, Key, String)]| hints.iter().map(|(_, _, hint)| width(hint) + GAP).sum::<usize>();
    while length(&ranked) > room {
        let Some(worst) = ranked.iter().map(|(rank, ..)| *rank).max() else { break };
        let Some(at) = ranked.iter().rposition(|(rank, ..)| *rank == worst) else { break };
        ranked.remove(at);
    }
    let mut x = from;
    for (_, key, hint) in ranked {
        pen.text(x, row, &hint, Style::new());
        pen.target((x, row), width(&hint) as u16, Target::Key(key));
        x += (width(&hint) + GAP) as u16;
    }
}

fn ask(pen: &mut Pen<'_>, console: &Console, question: Question) {
    let lift;
    let what = match question {
        Question::Lift(outage) => {
            lift = block::lift(console, outage);
            &lift
        }
        Question::Stop => "End the run? Every phone gets its network back; cases without a verdict are not-run.",
        Question::Leave => {
            "Leave? The run is this console's own, and is ended: every phone gets its network back. Ctrl-c again is yes too."
        }
        Question::Type if console.is_judged() => {
            "Type on the console of this phone? Its case is judged: with the first line it comes to not-run, disturbed by \
             you. The run goes on."
        }
        Question::TakeOver => {
            "Take the keyboard from whoever has it, and have it for this phone? He is told, and what he pressed or typed last may \
             still be under way. A case that is judged is disturbed by the first key."
        }
        Question::Type => "Type on the console of this phone? What is typed goes to it, a line at a time.",
        Question::Keys => {
            "Press keys of this phone? Its case is judged: with the first key it comes to not-run, disturbed by you. The \
             run goes on."
        }
    };
    let undecided = console.board.lines.len() - console.board.decided();
    let undecided = format!("{undecided} of {} lines have no verdict yet.", console.board.lines.len());
    // What is given back costs no verdict.
    let costs = !matches!(question, Question::Lift(_));
    let lines: Vec<String> = [what.to_owned()].into_iter().chain(costs.then_some(undecided)).collect();
    boxed(pen, &lines);
}

/// A box in the middle.
fn boxed(pen: &mut Pen<'_>, lines: &[String]) {
    let inner = 72.min(usize::from(pen.area.width).saturating_sub(4));
    let mut rows: Vec<String> = Vec::new();
    for line in lines {
        rows.extend(wrap(line, inner));
    }
    let most = usize::from(pen.area.height.saturating_sub(2)).max(1);
    if rows.len() > most {
        let more = rows.len() - (most - 1);
        rows.truncate(most - 1);
        rows.push(format!("and {more} rows more; the journal has all of it"));
    }
    let x = (pen.area.width - inner as u16 - 4) / 2;
    let y = (pen.area.height.saturating_sub(rows.len() as u16 + 2)) / 2;
    let side = pen.look.pick("┃", "|");
    let edge = |left: &str, right: &str, middle: &str| format!("{left}{}{right}", middle.repeat(inner + 2));
    let look = pen.look;
    let pick = |glyph, ascii| look.pick(glyph, ascii);
    pen.text(x, y, &edge(pick("┏", "+"), pick("┓", "+"), pick("━", "=")), Style::new());
    for (at, row) in (y + 1..).zip(&rows) {
        let filler = " ".repeat(inner.saturating_sub(width(row)));
        pen.text(x, at, &format!("{side} {row}{filler} {side}"), Style::new());
    }
    let bottom = edge(pick("┗", "+"), pick("┛", "+"), pick("━", "="));
    pen.text(x, y + 1 + rows.len() as u16, &bottom, Style::new());
}

/// Lines of at most so many cells, broken between words, and where one is longer than that in the middle of it.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').flat_map(|word| serial::cut(word, room)) {
        if let Some(line) = lines.last_mut() {
            if line.is_empty() {
                line.push_str(&word);
            } else if width(line) + 1 + width(&word) <= room {
                line.push(' ');
                line.push_str(&word);
            } else {
                lines.push(word);
            }
        }
    }
    lines
}

/// A title with a rule behind it, over so many columns.
fn heading(pen: &mut Pen<'_>, (x, y): (u16, u16), columns: u16, title: &str) {
    let rule = if pen.thick { pen.look.pick("━", "=") } else { pen.look.pick("─", "-") };
    let rest = usize::from(columns).saturating_sub(width(title) + 4);
    let text = format!("{rule} {title} {}", rule.repeat(rest));
    pen.within(x, y, columns, &text, pen.dim());
}

impl Console {
    /// The messages of the selected phone.
    pub(super) fn rungs(&self) -> impl DoubleEndedIterator<Item = &Rung> {
        let phone = self.phone().and_then(|phone| self.talk.phone(phone));
        phone.into_iter().flat_map(|phone| phone.sip.rungs())
    }
}
