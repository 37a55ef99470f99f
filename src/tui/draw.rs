//! Draws a [`Board`]: a pure function from state and time to cells.
//!
//! State is a letter or a shape first and a colour second. The columns that decide (line, place, expiry, result) are
//! never cut at 80 columns; on anything narrower the board says so instead of lying by omission.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};

use super::{
    banner::{Banner, Old},
    board::{Board, LineState, Place},
    narrator::Told,
    pen::Pen,
};
use crate::{
    config::Role,
    event::Stamp,
    look::{Look, width},
    verdict::Verdict,
};

/// Columns below which nothing useful can be drawn. Wider ones are used by the text of events alone: most terminals
/// wrap what no longer fits when they are made narrower, and what was wrapped can not be repainted in place.
pub(super) const NARROWEST: u16 = 80;
/// Where each column of a line begins.
pub(super) const COLUMNS: [(u16, &str); 7] =
    [(1, "#"), (4, "LINE"), (21, "REGISTERED"), (35, "SINCE"), (44, "EXPIRES"), (53, "SEEN"), (60, "RESULT")];
/// Rows above the lines.
const HEAD: u16 = 3;

/// How many rows the board likes to have: all lines, and some events.
pub fn height(board: &Board) -> u16 {
    u16::try_from(board.lines.len()).unwrap_or(u16::MAX).saturating_add(8)
}

/// Draws the board as of `now` into `area`.
pub fn draw(board: &Board, now: Stamp, look: Look, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    let mut pen = Pen::new(buffer, area, look);
    if area.width < NARROWEST || area.height < HEAD + 1 {
        let step = board.step.as_ref().map_or_else(String::new, |step| format!("step {}/{}, ", step.step + 1, step.of));
        pen.text(0, 0, &format!("{step}{}; needs 80 columns", decided(board)), Style::new());
        return;
    }
    title(&mut pen, board, now, NARROWEST);
    let old = board.blind().map(|(since, why)| Old::Stale(since, why));
    Banner { board, old, now, where_asked: "siprig console --attach" }.draw(&mut pen, NARROWEST);
    for (x, name) in COLUMNS {
        pen.text(x, 2, name, pen.dim());
    }
    let room = area.height - HEAD;
    let lines = u16::try_from(board.lines.len()).unwrap_or(u16::MAX);
    // Events may take a third when there is not enough room for both.
    let shown = if lines < room { lines } else { room - room / 3 };
    // If not all lines fit, the last row says how many are missing.
    let whole = if shown < lines { shown - 1 } else { shown };
    let mut lines_shown: Vec<_> = board.lines.iter().enumerate().collect();
    if shown < lines {
        lines_shown.sort_by_key(|(_, line)| dullness(line));
    }
    pen.old = board.blind().is_some();
    for (y, (index, line)) in (HEAD..).zip(lines_shown.into_iter().take(whole.into())) {
        row(&mut pen, y, index, line, now);
    }
    pen.old = false;
    if shown < lines {
        pen.text(4, HEAD + whole, &format!("and {} more lines", lines - whole), pen.dim());
    }
    let below = HEAD + shown;
    if below < area.height {
        let rule = look.pick("─", "-").repeat(NARROWEST.into());
        pen.text(0, below, &rule, pen.dim());
        events(&mut pen, board, below + 1);
    }
}

/// Scenario, bench, time and step, and how much is decided, in the first row.
pub(super) fn title(pen: &mut Pen<'_>, board: &Board, now: Stamp, columns: u16) {
    let end = decided(board);
    let right = columns.saturating_sub(width(&end) as u16 + 1);
    let room = right.saturating_sub(3);
    let time = clock(now, Stamp::ZERO);
    let mut title = vec![if board.scenario.is_empty() { "starting".to_owned() } else { board.scenario.clone() }];
    title.push(if board.bench.is_empty() { String::new() } else { format!(" on {}", board.bench) });
    title.push(format!("  {time}"));
    if let Some(step) = &board.step {
        title.push(format!("  step {}/{}: {}", step.step + 1, step.of, step.title));
        title.push(format!(" ({})", clock(now, step.began)));
    }
    // What says least goes first when there is no room: the bench's name, then the age of the step.
    for least in [1, 4] {
        if width(&title.concat()) > room.into()
            && let Some(part) = title.get_mut(least)
        {
            part.clear();
        }
    }
    pen.within(1, 0, room, &title.concat(), Style::new().add_modifier(Modifier::BOLD));
    pen.text(right, 0, &end, Style::new());
}

/// What is shown first where not every line has room: trouble, then what is under way, then what went well.
pub(super) fn dullness(line: &LineState) -> u8 {
    match (&line.verdict, &line.place) {
        (Some((Verdict::Fail | Verdict::RigError | Verdict::Flaky, _)), _) => 0,
        (None, Place::Nowhere) => 1,
        (None, _) => 2,
        (Some(_), _) => 3,
    }
}

/// The state of a line.
pub(super) fn row(pen: &mut Pen<'_>, y: u16, index: usize, line: &LineState, now: Stamp) {
    let [number, name, place, since, expires, seen, result] = COLUMNS.map(|(x, _)| x);
    let room = |from: u16, to: u16| to - from - 1;
    pen.within(number, y, room(number, name), &(index + 1).to_string(), pen.dim());
    pen.within(name, y, room(name, place), &line.id.to_string(), Style::new());
    let (symbol, word, style) = place_of(pen, line, now);
    pen.within(place, y, room(place, since), &format!("{symbol} {word}"), style);
    if line.place != Place::Unsure {
        pen.within(since, y, room(since, expires), &clock(now, line.since), Style::new());
    }
    let expiry = match &line.place {
        Place::At(server, _) => line.expiry.get(server),
        _ => None,
    };
    let left =
        expiry.map_or_else(|| pen.look.pick("–", "-").to_owned(), |end| format!("{} s", end.since(now).as_secs()));
    pen.within(expires, y, room(expires, seen), &left, Style::new());
    let mark = if line.is_quiet(now) { "!" } else { "" };
    let ago = |at| format!("{mark}{} s", now.since(at).as_secs());
    let alive = line.alive.map_or_else(|| pen.look.pick("–", "-").to_owned(), ago);
    pen.within(seen, y, room(seen, result), &alive, Style::new());
    let Some((verdict, code)) = &line.verdict else { return };
    let word = code.clone().unwrap_or_else(|| verdict.to_string());
    pen.text(result, y, &format!("{} {word}", pen.look.symbol(*verdict)), pen.verdict(*verdict));
}

/// Where a line is registered: a symbol, words, and how they look. What is not sure any more is what it was last, and in question.
pub(super) fn place_of(pen: &Pen<'_>, line: &LineState, now: Stamp) -> (&'static str, String, Style) {
    let (symbol, word, style) = last_place_of(pen, line);
    if pen.old || line.is_in_doubt(now) { ("?", word, pen.dim()) } else { (symbol, word, style) }
}

fn last_place_of(pen: &Pen<'_>, line: &LineState) -> (&'static str, String, Style) {
    match &line.place {
        Place::Unsure => ("?", "unsure".to_owned(), pen.dim()),
        Place::Nowhere => (pen.look.pick("○", "-"), "none".to_owned(), pen.colour(Color::Red)),
        Place::At(server, role) => {
            let (symbol, colour) = match role {
                Role::Primary => (pen.look.pick("●", "P"), Color::Green),
                Role::Backup => (pen.look.pick("◐", "B"), Color::Yellow),
                Role::Other => (pen.look.pick("◇", "O"), Color::Magenta),
            };
            (symbol, format!("{role} {server}"), pen.colour(colour))
        }
        Place::Connected(servers) => {
            let names: Vec<&str> = servers.iter().map(|server| server.0.as_str()).collect();
            (pen.look.pick("◌", "C"), format!("TLS {}", names.join(",")), Style::new())
        }
    }
}

fn events(pen: &mut Pen<'_>, board: &Board, top: u16) {
    let room = usize::from(pen.area.height.saturating_sub(top));
    let first = board.events.len().saturating_sub(room);
    for (y, told) in (top..).zip(board.events.iter().skip(first)) {
        event(pen, y, told);
    }
}

/// One event.
pub(super) fn event(pen: &mut Pen<'_>, y: u16, told: &Told) {
    pen.text(1, y, &format!("{:>9}", told.at.to_string()), pen.dim());
    let style = event_style(pen, told);
    pen.text(11, y, &format!("{} {}", mark(pen.look, told), told.text), style);
}

const fn mark(look: Look, told: &Told) -> &'static str {
    match told.verdict {
        Some(verdict) => look.symbol(verdict),
        None if told.alarming => "!",
        None => " ",
    }
}

fn event_style(pen: &Pen<'_>, told: &Told) -> Style {
    match told.verdict {
        Some(verdict) => pen.verdict(verdict),
        None if told.alarming => pen.colour(Color::Red),
        None => Style::new(),
    }
}

fn decided(board: &Board) -> String {
    format!("{}/{} decided", board.decided(), board.lines.len())
}

/// `mm:ss` from `earlier` to `later`; with hours from the first on.
pub(super) fn clock(later: Stamp, earlier: Stamp) -> String {
    let seconds = later.since(earlier).as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{event::Record, report::sample};

    const GLYPHS: Look = Look { colour: false, unicode: true };

    fn board(records: &[Record], now: Stamp) -> Board {
        let mut board = Board::default();
        for record in records.iter().filter(|record| record.seen <= now) {
            board.apply(record);
        }
        board
    }

    fn screen(records: &[Record], now_ms: u64, (columns, rows): (u16, u16), look: Look) -> TestBackend {
        let now = Stamp::from_millis(now_ms);
        let board = board(records, now);
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(&board, now, look, frame.area(), frame.buffer_mut())).unwrap();
        terminal.backend().clone()
    }

    #[test]
    fn an_outage_at_eighty_by_twenty_four() {
        insta::assert_snapshot!(screen(&sample::mixed_run(), 21_000, (80, 24), GLYPHS));
    }

    #[test]
    fn the_end_at_a_hundred_and_twenty_by_forty() {
        insta::assert_snapshot!(screen(&sample::mixed_run(), 58_100, (120, 40), GLYPHS));
    }

    #[test]
    fn the_height_of_the_live_display_in_ascii() {
        let records = sample::clean_run();
        let backend = screen(&records, 17_500, (80, 12), Look::PLAIN);
        assert!(backend.to_string().is_ascii(), "{backend}");
        insta::assert_snapshot!(backend);
    }

    #[test]
    fn before_the_first_record_there_is_something_to_see() {
        insta::assert_snapshot!(screen(&[], 300, (80, 6), GLYPHS));
    }

    #[test]
    fn where_not_every_line_has_room_trouble_is_shown_first() {
        let mut fates = [sample::Fate::Clean; 40];
        fates[38] = sample::Fate::NeverHome;
        let text = screen(&sample::run(&fates), 58_100, (80, 24), GLYPHS).to_string();
        let first = text.lines().nth(3).unwrap();
        assert!(first.contains(" 39 p39/10039") && first.contains("never-failed-back"), "{text}");
        assert!(text.contains("and 27 more lines"), "{text}");
    }

    #[test]
    fn on_a_wide_terminal_nothing_but_events_reaches_beyond_eighty_columns() {
        let text = screen(&sample::mixed_run(), 21_000, (120, 24), GLYPHS).to_string();
        let board = text.lines().take_while(|line| !line.contains('─'));
        for row in board.chain(text.lines().filter(|line| line.contains('─'))) {
            assert!(width(row.trim_matches('"').trim_end()) <= 80, "{row}");
        }
    }

    #[test]
    fn every_place_has_a_letter_of_its_own_without_colour() {
        let text = screen(&sample::mixed_run(), 21_000, (80, 24), Look::PLAIN).to_string();
        for state in ["B backup b", "- none", "? unsure"] {
            assert!(text.contains(state), "{state}: {text}");
        }
        let early = screen(&sample::mixed_run(), 5_000, (80, 24), Look::PLAIN).to_string();
        assert!(early.contains("P primary a"), "{early}");
    }

    #[test]
    fn a_line_that_nobody_can_read_is_shown_as_connected() {
        let mut records = sample::mixed_run();
        records.truncate(1);
        let line = crate::event::LineId { phone: "p1".into(), extension: "1001".into() };
        let servers = vec!["a".into(), "b".into()];
        let connected = crate::event::Derived::Connected { line, servers };
        records.push(Record { event: crate::event::Event::Derived(connected), ..records[0].clone() });
        let text = screen(&records, 100, (80, 24), GLYPHS).to_string();
        assert!(text.contains(" p1/1001          ◌ TLS a,b"), "{text}");
        assert!(screen(&records, 100, (80, 24), Look::PLAIN).to_string().contains("C TLS a,b"));
    }

    #[test]
    fn colour_follows_state_and_is_absent_where_it_is_not_wanted() {
        let coloured = screen(&sample::clean_run(), 5_000, (80, 24), Look { colour: true, unicode: true });
        assert_eq!(coloured.buffer()[(21, 3)].fg, Color::Green);
        let plain = screen(&sample::clean_run(), 5_000, (80, 24), GLYPHS);
        assert!(plain.buffer().content().iter().all(|cell| cell.fg == Color::Reset && cell.modifier.is_empty()));
    }

    #[test]
    fn no_size_and_no_text_of_a_phone_breaks_it() {
        let mut records = sample::mixed_run();
        sample::rename_reason(&mut records, "late", "\x1b[2J\u{202e}evil\nline 世界 \u{200d}👩‍👩‍👧");
        for columns in [0, 1, 7, 79, 80, 81, 300] {
            for rows in [0, 1, 3, 4, 5, 8, 24] {
                let board = board(&records, Stamp::from_millis(58_100));
                let area = Rect::new(0, 0, columns, rows);
                let mut buffer = Buffer::empty(area);
                draw(&board, Stamp::from_millis(58_100), GLYPHS, area, &mut buffer);
                let hostile = buffer.content().iter().any(|cell| cell.symbol().contains(['\x1b', '\u{202e}']));
                assert!(!hostile, "{columns}×{rows}");
            }
        }
        assert!(screen(&records, 58_100, (120, 24), GLYPHS).to_string().contains("\\u{1b}[2J\\u{202e}evil\\u{a}line"));
    }
}
