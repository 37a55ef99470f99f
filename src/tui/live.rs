//! Puts the board on a terminal, below what is already there, and keeps it current.
//!
//! The rows are repainted in place with relative moves. Asking the terminal where its cursor is (as an inline viewport
//! of a full-screen library does) would need raw mode, would take Ctrl-C away from the run, and would hang on a
//! terminal that does not answer.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anstyle::{AnsiColor, Effects};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};

use super::{
    board::Board,
    draw::{draw, height},
    feed::Feed,
};
use crate::{
    event::{Record, Stamp},
    look::{Look, width},
};

/// Ages and countdowns move at least this often.
const TICK: Duration = Duration::from_millis(250);

/// A board of a few rows at the bottom of the terminal on stderr. No mode of the terminal is changed: Ctrl-C stays a
/// signal, and nothing has to be restored. Dropping it takes the board off the terminal again.
#[derive(Debug)]
pub struct LiveDisplay {
    feed: Feed<Board>,
}

impl LiveDisplay {
    /// Starts the display; `now` tells the time since the run began.
    ///
    /// # Errors
    /// If stderr is no terminal, or its thread can not be started.
    pub fn start(look: Look, now: impl Fn() -> Stamp + Send + 'static) -> io::Result<Self> {
        if !io::stderr().is_terminal() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "stderr is not a terminal"));
        }
        Self::on(io::stderr(), look, now, terminal_size)
    }

    fn on(
        out: impl Write + Send + 'static,
        look: Look,
        now: impl Fn() -> Stamp + Send + 'static,
        size: impl Fn() -> (u16, u16) + Send + 'static,
    ) -> io::Result<Self> {
        let mut painter = Painter { out, rows: 0, columns: 0 };
        let feed = Feed::start(
            Board::default(),
            TICK,
            |board| board.clone(),
            move |board, last| {
                let painted = if last { painter.erase() } else { painter.paint(&board, now(), look, size()) };
                // A terminal that is gone (EIO, EPIPE) is not written to again; the run goes on without it.
                painted.is_ok()
            },
        )?;
        Ok(Self { feed })
    }

    /// Takes one more record. Never waits for the terminal.
    pub fn record(&mut self, record: &Record) {
        self.feed.change(|board| {
            board.apply(record);
        });
    }
}

/// Columns and rows of the terminal; 80 × 24 if it does not say.
fn terminal_size() -> (u16, u16) {
    match crossterm::terminal::window_size() {
        Ok(size) if size.columns > 0 && size.rows > 0 => (size.columns, size.rows),
        _ => (80, 24),
    }
}

/// Repaints a few rows in place. The cursor rests at the beginning of the row below them.
struct Painter<W> {
    out: W,
    /// Rows that are on the terminal now.
    rows: u16,
    /// For which width they were painted.
    columns: u16,
}

impl<W: Write> Painter<W> {
    fn paint(&mut self, board: &Board, now: Stamp, look: Look, (columns, rows): (u16, u16)) -> io::Result<()> {
        // The row of the cursor must stay free, or the terminal scrolls at each repaint.
        let rows = height(board).min(rows.saturating_sub(1)).max(1);
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        draw(board, now, look, area, &mut buffer);
        let mut text = self.home();
        if columns != self.columns || rows < self.rows {
            text.push_str("\x1b[J");
        }
        for y in 0..rows {
            push_row(&mut text, &buffer, y);
            text.push_str("\x1b[K\r\n");
        }
        (self.rows, self.columns) = (rows, columns);
        self.write(&text)
    }

    fn erase(&mut self) -> io::Result<()> {
        let text = format!("{}\x1b[J", self.home());
        self.rows = 0;
        self.write(&text)
    }

    /// Moves to the first row of the board.
    fn home(&self) -> String {
        if self.rows == 0 { "\r".to_owned() } else { format!("\r\x1b[{}A", self.rows) }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// Appends one row of cells without its trailing spaces.
fn push_row(text: &mut String, buffer: &Buffer, y: u16) {
    let blank = |cell: &Cell| cell.symbol() == " " && !cell.modifier.contains(Modifier::REVERSED);
    let cells = || (0..buffer.area.width).filter_map(|x| Some((x, buffer.cell((x, y))?)));
    let end = cells().filter(|(_, cell)| !blank(cell)).map(|(x, _)| x + 1).max().unwrap_or(0);
    let mut current = anstyle::Style::new();
    let mut covered = 0;
    for (x, cell) in cells().take_while(|(x, _)| *x < end) {
        // The cell behind a wide character holds nothing of its own.
        if x < covered {
            continue;
        }
        covered = x + (width(cell.symbol()) as u16).max(1);
        let style = ansi(cell);
        if style != current {
            text.push_str(&format!("{}{}", current.render_reset(), style.render()));
            current = style;
        }
        text.push_str(cell.symbol());
    }
    text.push_str(&current.render_reset().to_string());
}

fn ansi(cell: &Cell) -> anstyle::Style {
    let colour = match cell.fg {
        Color::Red => Some(AnsiColor::Red),
        Color::Green => Some(AnsiColor::Green),
        Color::Yellow => Some(AnsiColor::Yellow),
        Color::Magenta => Some(AnsiColor::Magenta),
        _ => None,
    };
    let mut effects = Effects::new();
    for (modifier, effect) in [(Modifier::BOLD, Effects::BOLD), (Modifier::DIM, Effects::DIMMED)] {
        if cell.modifier.contains(modifier) {
            effects |= effect;
        }
    }
    anstyle::Style::new().fg_color(colour.map(Into::into)).effects(effects)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::sample;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn painted(look: Look) -> String {
        let screen = Screen::default();
        let now = || Stamp::from_millis(20_000);
        let mut display = LiveDisplay::on(screen.clone(), look, now, || (80, 24)).unwrap();
        for record in sample::mixed_run() {
            display.record(&record);
        }
        while !String::from_utf8_lossy(&screen.0.lock().unwrap()).contains("5/5 decided") {
            std::thread::yield_now();
        }
        drop(display);
        String::from_utf8(screen.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn the_board_is_repainted_in_place_and_leaves_nothing_behind() {
        let text = painted(Look { colour: true, unicode: true });
        assert!(text.contains("\x1b[32m"), "no colour: {text:?}");
        assert!(text.contains("5/5 decided"), "{text}");
        let rows = 5 + 8;
        assert!(text.ends_with(&format!("\r\x1b[{rows}A\x1b[J")), "{text:?}");
        for forbidden in ["\x1b[?", "\x1b[6n", "\x1b[2J"] {
            assert!(!text.contains(forbidden), "{forbidden:?} asks or changes more than the board's own rows");
        }
    }

    #[test]
    fn without_colour_only_the_cursor_is_moved() {
        let text = painted(Look { colour: false, unicode: true });
        let moves = (1..=24).map(|rows| format!("\x1b[{rows}A"));
        let rest = moves.chain(["\x1b[K".to_owned(), "\x1b[J".to_owned()]);
        let rest = rest.fold(text.clone(), |text, code| text.replace(&code, ""));
        assert!(!rest.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn a_terminal_that_is_gone_does_not_hurt_the_run() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut display = LiveDisplay::on(Gone, Look::PLAIN, || Stamp::ZERO, || (80, 24)).unwrap();
        for record in sample::clean_run() {
            display.record(&record);
        }
        drop(display);
    }
}
