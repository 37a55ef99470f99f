//! What a terminal can show: glyphs or letters, colour or none, and text from phones made harmless.
//!
//! Shared by the live display and the closing table. Not here: layouts.

use std::fmt::Write as _;

use crate::verdict::Verdict;

/// How to draw on a certain stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Escape codes for colour may be written.
    pub colour: bool,
    /// Glyphs beyond ASCII may be written.
    pub unicode: bool,
}

impl Look {
    /// No escape codes, ASCII only: what every stream can take.
    pub const PLAIN: Self = Self { colour: false, unicode: false };

    /// Decides from the environment, given whether the stream is a terminal: `NO_COLOR` (no-color.org) and
    /// `TERM=dumb` forbid colour, a locale other than UTF-8 or `TERM=dumb` forbids glyphs.
    pub fn of_stream(is_terminal: bool) -> Self {
        Self::decide(is_terminal, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn decide(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let colour = is_terminal && !dumb && variable("NO_COLOR").is_none();
        // The first that is set decides (POSIX, Environment Variables, section 8.2).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let unicode = !dumb && (locale.contains("utf-8") || locale.contains("utf8"));
        Self { colour, unicode }
    }

    /// The glyph if glyphs may be written, otherwise the letters.
    pub const fn pick(self, glyph: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { glyph } else { ascii }
    }

    /// The text in signs that may be written: where that is ASCII alone, dashes and dots are replaced by their like and what has
    /// none by a question mark.
    pub fn spelt(self, text: &str) -> String {
        if self.unicode || text.is_ascii() {
            return text.to_owned();
        }
        let sign = |char| match char {
            char if char.is_ascii() => char,
            '–' | '—' | '−' | '‐' => '-',
            '…' => '~',
            '×' => 'x',
            '·' => '.',
            'µ' => 'u',
            '’' | '‘' => '\'',
            '“' | '”' => '"',
            _ => '?',
        };
        text.chars().map(sign).collect()
    }

    /// The symbol of a verdict, one cell wide.
    pub const fn symbol(self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => self.pick("✓", "+"),
            Verdict::Flaky => self.pick("≈", "~"),
            Verdict::Fail => self.pick("✗", "x"),
            Verdict::RigError => "!",
            Verdict::Skipped => self.pick("–", "-"),
            Verdict::NotRun => self.pick("·", "."),
        }
    }
}

/// Text from outside, made harmless for a terminal: control characters, and the invisible ones that reorder or hide
/// text (Unicode bidirectional controls, zero-width characters), are spelt out as `\u{202e}`.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            // Writing to a String can not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Controls, line separators, bidirectional controls, zero-width and tag characters, and what can not be seen at all.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00ad | 0x061c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff
            | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// How many cells of a terminal the text takes.
pub fn width(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

/// An error bound to a tenth, never rounded down: ± 0.0 would claim that there is no error.
pub fn bound(error: f64) -> f64 {
    // The product of a tenth may lie a hair above the whole number that is meant.
    // `abs` for the zero: rounding up from just below it gives a negative one, which prints as "-0.0".
    (error * 10.0 - 1e-6).ceil().max(0.0).abs() / 10.0
}

/// A time span in milliseconds as people read it: `412 ms`, `31.0 s`, `10 min 05 s`.
pub fn span(ms: f64) -> String {
    let magnitude = ms.abs();
    if magnitude < 1000.0 {
        format!("{ms:.0} ms")
    } else if magnitude < 99_950.0 {
        format!("{:.1} s", ms / 1000.0)
    } else {
        let seconds = (ms / 1000.0).round();
        let minutes = (seconds / 60.0).trunc();
        format!("{minutes:.0} min {:02.0} s", (seconds - minutes * 60.0).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bound_is_rounded_down_and_none_prints_as_negative() {
        let printed = |error| format!("{:.1}", bound(error));
        assert_eq!(printed(0.0), "0.0");
        assert_eq!(printed(0.01), "0.1");
        assert_eq!(printed(0.3), "0.3");
        assert_eq!(printed(0.301), "0.4");
    }

    fn look(terminal: bool, variables: &[(&str, &str)]) -> Look {
        Look::decide(terminal, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        assert!(look(true, &[("LANG", "C.UTF-8")]).colour);
        assert!(!look(false, &[("LANG", "C.UTF-8")]).colour);
        assert!(!look(true, &[("NO_COLOR", "1")]).colour);
        assert!(!look(true, &[("TERM", "dumb")]).colour);
    }

    #[test]
    fn glyphs_need_a_utf8_locale_and_the_first_set_variable_decides() {
        assert!(look(true, &[("LANG", "de_DE.UTF-8")]).unicode);
        assert!(look(true, &[("LANG", "de_DE.utf8")]).unicode);
        assert!(!look(true, &[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).unicode);
        assert!(!look(true, &[]).unicode);
    }

    #[test]
    fn where_only_ascii_may_be_written_nothing_else_is() {
        assert_eq!(Look::PLAIN.spelt("10 s − 2 s … ü"), "10 s - 2 s ~ ?");
        assert_eq!(Look { colour: false, unicode: true }.spelt("−…ü"), "−…ü");
    }

    #[test]
    fn escape_codes_and_reordering_from_a_phone_are_spelt_out() {
        assert_eq!(harmless("a\x1b[2Jb\u{202e}c\nd"), "a\\u{1b}[2Jb\\u{202e}c\\u{a}d");
        assert_eq!(harmless("C1 \u{9b}31m, nül"), "C1 \\u{9b}31m, nül");
    }

    #[test]
    fn an_error_bound_is_never_made_smaller() {
        assert_eq!([0.0, 0.03, 0.1, 0.11, 0.3, 0.7, 12.0].map(bound), [0.0, 0.1, 0.1, 0.2, 0.3, 0.7, 12.0]);
    }

    #[test]
    fn spans_choose_their_unit_without_odd_carries() {
        assert_eq!(span(412.4), "412 ms");
        assert_eq!(span(1000.0), "1.0 s");
        assert_eq!(span(99_949.0), "99.9 s");
        assert_eq!(span(99_951.0), "1 min 40 s");
        assert_eq!(span(605_000.0), "10 min 05 s");
    }
}
