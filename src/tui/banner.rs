//! What everybody must see, in one row: why it is not the present that is seen, that an operator is needed, and what is taken away,
//! from whom, and when it comes back by itself. It is told in the longest form that has room: names are cut, times never.

use std::collections::BTreeSet;

use ratatui::style::{Color, Modifier};

use super::{
    board::Board,
    draw::clock,
    pen::{Pen, cut},
    wording,
};
use crate::{
    event::{PhoneName, Stamp},
    look::{Look, harmless, width},
};

/// Why it is not the present that is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Old {
    /// Nothing is told any more: since when, and why.
    Stale(Stamp, String),
    /// So many bytes of the journal are not shown yet.
    Behind(u64),
}

/// How much is told of outages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// With the time that each has lasted.
    Full,
    /// Without.
    Short,
    /// With names of so many cells at most.
    Named(usize),
    /// How many there are, and when the first of them ends.
    Counted,
}

/// From the most that is told to the least; and whether all else is told in full.
const FORMS: [(Form, bool); 9] = [
    (Form::Full, true),
    (Form::Short, true),
    (Form::Short, false),
    (Form::Named(16), false),
    (Form::Named(10), false),
    (Form::Named(6), false),
    (Form::Named(4), false),
    (Form::Counted, true),
    (Form::Counted, false),
];

/// Between two parts.
const GAP: &str = "   ";
/// Cells in which it is worth while to begin with what goes dark.
const DARK: usize = 14;

/// Outages that look alike, told as one.
struct Joined {
    server: String,
    state: String,
    phones: Vec<PhoneName>,
    /// The operator who made them.
    by: Option<String>,
    /// The first of them.
    began: Stamp,
    /// When the first of them ends by itself.
    limit: Option<Stamp>,
}

/// What there is to see as of a time.
pub(super) struct Banner<'b> {
    /// Of this.
    pub board: &'b Board,
    /// Why that is not the present.
    pub old: Option<Old>,
    /// When.
    pub now: Stamp,
    /// Where an operator who is needed is told more.
    pub where_asked: &'b str,
}

impl Banner<'_> {
    /// Draws it in the second row of so many columns.
    pub(super) fn draw(&self, pen: &mut Pen<'_>, columns: u16) {
        let room = columns.saturating_sub(2);
        let mut told = self.told(pen.look, room.into());
        let dark = self.board.outages.values().flat_map(|outage| &outage.dark);
        let dark: BTreeSet<&str> = dark.map(String::as_str).collect();
        // In what room is left, as the log has all of it.
        let left = usize::from(room).saturating_sub(taken(&told) + GAP.len());
        if !dark.is_empty() && left >= DARK {
            let dark = format!("with it: {}", dark.into_iter().collect::<Vec<_>>().join(", "));
            told.push(cut(harmless(&dark), left, pen.look));
        }
        if told.is_empty() {
            // That the run has ended is said by whoever has seen it end: a moment later, it can be left without a question.
            let ended = if self.board.ended { "; every phone has its network back" } else { "" };
            let open = format!("{} all paths open{ended}", pen.look.pick("□", "="));
            pen.text(1, 1, &open, pen.dim());
        } else {
            let style = pen.colour(Color::Red).add_modifier(Modifier::BOLD);
            pen.within(1, 1, room, &told.join(GAP), style);
        }
    }

    /// The parts in rows of their own, so many of so many cells.
    pub(super) fn in_rows(&self, look: Look, columns: usize, rows: usize) -> Vec<String> {
        let has_room =
            |parts: &[String]| parts.len() <= rows && parts.iter().all(|part| width(&harmless(part)) <= columns);
        self.longest(look, has_room)
    }

    /// The parts of the longest form that has room, or else of the shortest.
    fn longest(&self, look: Look, has_room: impl Fn(&[String]) -> bool) -> Vec<String> {
        let all = self.joined();
        let mut least = Vec::new();
        for (form, full) in FORMS {
            least = self.around(self.outages(&all, form, look), full);
            if has_room(&least) {
                break;
            }
        }
        least
    }

    /// The same in one row.
    fn told(&self, look: Look, room: usize) -> Vec<String> {
        let mut least = self.longest(look, |parts| taken(parts) <= room);
        // Why nothing is told has what room is left.
        let left = room.saturating_sub(taken(&least) + 2);
        if let (Some(Old::Stale(_, why)), Some(first)) = (&self.old, least.first_mut())
            && !first.contains(": ")
            && left > 3
        {
            *first = format!("{first}: {}", cut(harmless(why), left, look));
        }
        least
    }

    /// What else there is to tell, before and behind them.
    fn around(&self, outages: Vec<String>, full: bool) -> Vec<String> {
        let Self { board, now, where_asked, .. } = self;
        let old = self.old.as_ref().map(|old| old.told(*now, full));
        let asked = board.asked.values().min().map(|until| match full {
            true => format!("! OPERATOR NEEDED ({where_asked}) for {}", clock(*until, *now)),
            false => format!("! OPERATOR {}", clock(*until, *now)),
        });
        let ending = board.stopping.then(|| match full {
            true => "! ENDING: giving everything back".to_owned(),
            false => "! ENDING".to_owned(),
        });
        let lost = (board.lost > 0).then(|| match full {
            true => format!("! evidence lost: {} frames", board.lost),
            false => format!("! lost {}", board.lost),
        });
        old.into_iter().chain(asked).chain(outages).chain(ending).chain(lost).collect()
    }

    fn joined(&self) -> Vec<Joined> {
        let mut all: Vec<Joined> = Vec::new();
        for outage in self.board.outages.values() {
            let spec = outage.spec.as_ref();
            let server = spec.map_or_else(|| "a server".to_owned(), |spec| spec.server.to_string());
            let state = spec.map_or_else(|| "IS AWAY".to_owned(), |spec| wording::outage(spec).0);
            let phones = spec.map(|spec| spec.phones.clone()).unwrap_or_default();
            let by = spec.and_then(|spec| spec.by.clone());
            match all.iter_mut().find(|one| one.server == server && one.state == state && one.by == by) {
                Some(one) => {
                    one.phones.extend(phones);
                    one.began = one.began.min(outage.began);
                    one.limit = one.limit.min(outage.limit);
                }
                None => all.push(Joined { server, state, phones, by, began: outage.began, limit: outage.limit }),
            }
        }
        all
    }

    fn outages(&self, all: &[Joined], form: Form, look: Look) -> Vec<String> {
        let mark = look.pick("■", "#");
        if form == Form::Counted {
            let outages = self.board.outages.values();
            let first = outages.filter_map(|outage| outage.limit).min().map(|limit| clock(limit, self.now));
            let back = |words: &str| first.map_or_else(String::new, |left| format!(", {words} in {left}"));
            return match self.board.outages.len() {
                0 => Vec::new(),
                1 => vec![format!("{mark} 1 outage{}", back("back"))],
                count => vec![format!("{mark} {count} outages{}", back("first back"))],
            };
        }
        all.iter().map(|outage| self.outage(outage, form, look)).collect()
    }

    /// What there is to say of an outage.
    fn outage(&self, outage: &Joined, form: Form, look: Look) -> String {
        let now = self.now;
        let mut whom = wording::whom(&outage.phones, self.board.phones());
        let (mut server, mut state) = (outage.server.clone(), outage.state.as_str());
        let mut by = outage.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        if let Form::Named(room) = form {
            let short = |text: &str| cut(harmless(text), room, look);
            server = short(&server);
            // What it is about in particular stands behind what is the matter.
            state = state.split(" (").next().unwrap_or(state);
            whom = match outage.phones.as_slice() {
                _ if whom.is_empty() => whom,
                [phone] => format!(" for {}", short(&phone.0)),
                phones => format!(" for {} phones", phones.len()),
            };
            by = outage.by.as_ref().map_or_else(String::new, |by| format!(" by {}", short(by)));
        }
        let (since, left) = (clock(now, outage.began), outage.limit.map(|limit| clock(limit, now)));
        let (by, back) = match form {
            Form::Full if by.is_empty() => (format!(" for {since}"), ", back by itself in "),
            Form::Full => (format!("{by}, for {since}"), ", back by itself in "),
            _ => (by, ", back in "),
        };
        let back = left.map_or_else(String::new, |left| format!("{back}{left}"));
        format!("{mark} {server} {state}{whom}{by}{back}", mark = look.pick("■", "#"))
    }
}

/// How many cells they take.
fn taken(parts: &[String]) -> usize {
    width(&harmless(&parts.join(GAP)))
}

impl Old {
    fn told(&self, now: Stamp, full: bool) -> String {
        match self {
            Self::Stale(since, why) if full => format!("! STALE for {} s: {why}", now.since(*since).as_secs()),
            Self::Stale(since, _) => format!("! STALE for {} s", now.since(*since).as_secs()),
            Self::Behind(bytes) if full => format!("! catching up: {} kB", bytes / 1000 + 1),
            Self::Behind(bytes) => format!("! behind {} kB", bytes / 1000 + 1),
        }
    }
}
