//! The sums behind the limits, with those of many lines folded into one.

use std::fmt;

use crate::{
    event::Move,
    look::span,
    report::{RunStory, story::Deadline},
    verdict::Case,
};

/// A sum that holds for one line or for several.
pub struct Sum {
    of: Move,
    lines: Vec<String>,
    /// It holds for every line that has a limit for this move.
    of_all: bool,
    /// What stands between the figures.
    words: Vec<String>,
    /// The smallest and the largest of each figure, as written; the last one is what it comes to.
    figures: Vec<(String, String)>,
    assumed: Vec<String>,
}

impl Sum {
    /// Its lines have different figures.
    pub fn differs(&self) -> bool {
        self.figures.iter().any(|(least, most)| least != most)
    }
}

/// The sums of all cases, in the order of the moves.
pub fn folded(story: &RunStory, cases: &[Case]) -> Vec<Sum> {
    let mut sums: Vec<Sum> = Vec::new();
    let mut deadlines: Vec<_> = cases.iter().flat_map(|case| story.deadlines_of(&case.id)).collect();
    deadlines.sort_by_key(|deadline| deadline.of);
    for deadline in deadlines {
        let one = Sum::of(deadline);
        let alike = |sum: &&mut Sum| sum.of == one.of && sum.words == one.words && sum.assumed == one.assumed;
        match sums.iter_mut().find(alike) {
            Some(sum) => sum.add(one),
            None => sums.push(one),
        }
    }
    let moves: Vec<_> = sums.iter().map(|sum| sum.of).collect();
    for sum in &mut sums {
        sum.of_all = moves.iter().filter(|of| **of == sum.of).count() == 1;
    }
    sums
}

impl Sum {
    fn of(deadline: &Deadline) -> Self {
        let text = format!("{} = {}", deadline.derivation, span(deadline.window_ms));
        let (words, figures) = taken_apart(&text);
        Self {
            of: deadline.of,
            lines: vec![format!("{}/{}", deadline.case.phone, deadline.case.line)],
            of_all: false,
            words,
            figures: figures.into_iter().map(|figure| (figure.clone(), figure)).collect(),
            assumed: deadline.assumed.clone(),
        }
    }

    fn add(&mut self, other: Self) {
        self.lines.extend(other.lines);
        for ((least, most), (figure, _)) in self.figures.iter_mut().zip(other.figures) {
            if number(&figure) < number(least) {
                least.clone_from(&figure);
            }
            if number(&figure) > number(most) {
                *most = figure;
            }
        }
    }

    fn whose(&self) -> String {
        match self.lines.as_slice() {
            few if few.len() <= 2 => few.join(" and "),
            all if self.of_all => format!("all {} lines", all.len()),
            [first, .., last] => format!("{} lines ({first} to {last})", self.lines.len()),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadline {} of {}: ", self.of, self.whose())?;
        for (index, words) in self.words.iter().enumerate() {
            f.write_str(words)?;
            match self.figures.get(index) {
                Some((least, most)) if least == most => f.write_str(least)?,
                Some((least, most)) => write!(f, "{least}–{most}")?,
                None => {}
            }
        }
        match self.assumed.as_slice() {
            [] => Ok(()),
            timers => write!(f, " (assumed: {})", timers.join(", ")),
        }
    }
}

/// A text as its figures and what stands around them: one more piece of words than figures.
fn taken_apart(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut words, mut figures) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let (piece, from) = rest.split_at(begin);
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
        let (figure, behind) = from.split_at(end);
        words.push(piece.to_owned());
        figures.push(figure.to_owned());
        rest = behind;
    }
    words.push(rest.to_owned());
    (words, figures)
}

fn number(figure: &str) -> f64 {
    figure.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_when_it_is_put_together_again() {
        for text in ["10.2 s of 12 s − 6 s = 6.2 s", "", "none", "7", "(due already: 0 s)"] {
            let (words, figures) = taken_apart(text);
            assert_eq!(words.len(), figures.len() + 1);
            let whole = words.iter().zip(figures.iter().map(String::as_str).chain([""]));
            assert_eq!(whole.map(|(words, figure)| format!("{words}{figure}")).collect::<String>(), text);
        }
    }
}
