//! How an outage is shown while it lasts: on a terminal a line that is drawn again and again, below what was told; elsewhere
//! lines alone.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use crate::{
    event::Stamp,
    look::{self, Look, harmless},
};

/// Where it is shown: on stderr.
#[derive(Debug)]
pub struct Progress {
    /// Lines may be drawn over.
    is_live: bool,
    look: Look,
    is_drawn: bool,
}

impl Progress {
    /// As stderr can take it.
    pub fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { is_live: is_terminal && !dumb, look: Look::of_stream(is_terminal), is_drawn: false }
    }

    /// How often it is drawn again.
    pub fn period(&self) -> Duration {
        if self.is_live { Duration::from_millis(250) } else { Duration::from_secs(60) }
    }

    /// What glyphs it can take.
    pub fn look(&self) -> Look {
        self.look
    }

    /// Tells something that stays.
    pub fn tell(&mut self, at: Stamp, text: &str) {
        let seconds = at.since(Stamp::ZERO).as_secs_f64();
        self.write(&format!("{seconds:>10.3}   {}\n", harmless(text)));
        self.is_drawn = false;
    }

    /// Shows how it stands.
    pub fn draw(&mut self, line: &str) {
        if self.is_live {
            // Some terminals do not know how wide they are, and say 0.
            let size = crossterm::terminal::size().ok().filter(|(columns, _)| *columns > 0);
            let columns = size.map_or(80, |(columns, _)| usize::from(columns));
            self.write(cut(line, columns.saturating_sub(1)));
            self.is_drawn = true;
        } else {
            self.write(&format!("{:>10}   {line}\n", ""));
        }
    }

    /// Takes away what was drawn.
    pub fn end(&mut self) {
        self.write("");
        self.is_drawn = false;
    }

    fn write(&self, text: &str) {
        // Back to the beginning of the line, which is made empty (ECMA-48, EL).
        let clear = if self.is_drawn { "\r\x1b[2K" } else { "" };
        let mut err = io::stderr().lock();
        // Nobody is left to be told if stderr is gone.
        let _ = write!(err, "{clear}{text}").and_then(|()| err.flush());
    }
}

/// As much of a line as fits.
fn cut(line: &str, columns: usize) -> &str {
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    let last = ends.take_while(|end| line.get(..*end).is_some_and(|text| look::width(text) <= columns)).last();
    line.get(..last.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_the_terminal_ends_and_never_within_a_letter() {
        assert_eq!(cut("p1 12↑", 5), "p1 12");
        assert_eq!(cut("p1 12↑", 6), "p1 12↑");
        assert_eq!(cut("電話", 3), "電");
        assert_eq!(cut("", 10), "");
    }
}
