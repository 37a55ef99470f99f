//! The SIP of a phone as a ladder. Phone, primary and backup always have a place, other servers where there is room, outages are shaded, silence is drawn to scale,
//! and repetitions are one row.

use ratatui::style::{Modifier, Style};

use super::{
    super::{Console, ladder::Rung, mouse::Target},
    heading, wrap,
};
use crate::{
    config::Role,
    event::{Fate, LineId, OutageId, ServerName, Stamp, Toward},
    look::{span, width},
    report::story::Outage,
    tui::{pen::Pen, wording},
};
use lanes::Lanes;
use rows::{Row, Silence, rows};

mod lanes;
mod rows;
mod scale;

/// Rows above the ladder.
const HEAD: u16 = 2;
/// Rows of a message that is shown in full.
const DETAIL: u16 = 8;
/// One silence has such a part of the rows at most, and so many in any case.
const SILENT: (u16, usize, usize) = (5, 3, 8);
/// Columns of what is said of a silence.
const QUIET: u16 = 20;

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let Some(line) = console.selected().cloned() else {
        pen.text(1, 0, "nothing is known of the run yet", pen.dim());
        return;
    };
    let columns = pen.area.width;
    let rungs: Vec<&Rung> = console.rungs().collect();
    let forgotten = console.talk.phone(&line.phone).map_or(0, |phone| phone.sip.forgotten);
    let selected = console.view.rung.and_then(|seq| rungs.iter().position(|rung| rung.seq == seq));
    let how = match selected {
        Some(at) => format!("held, {} new; G follows", rungs.len() - at - 1),
        None => "following".to_owned(),
    };
    let mut title = format!("SIP of {}   {how}   {} messages", line.phone, rungs.len());
    if forgotten > 0 {
        title.push_str(&format!(", {forgotten} older ones are in the capture"));
    }
    let outages: Vec<(OutageId, &Outage)> = console.story.outages.of(console.phone()).collect();
    let (part, least, most) = SILENT;
    let (rows, scale) = rows(&outages, &rungs, now, usize::from(pen.area.height / part).clamp(least, most));
    // The scale has room in any case.
    let scale = scale.map_or_else(String::new, |scale| format!(" {} {} ", pen.look.pick("┊", ":"), scale.told()));
    let left = columns.saturating_sub(width(&scale) as u16);
    heading(pen, (0, 0), left, &title);
    pen.text(left, 0, &scale, pen.dim());
    let chosen = selected.and_then(|at| rungs.get(at)).or(rungs.last()).copied();
    let detail = if console.view.detail { DETAIL } else { 0 };
    let lanes = Lanes::of(console, &line, &rungs, columns);
    head(pen, &line, &lanes);
    let room = usize::from(pen.area.height.saturating_sub(HEAD + detail));
    let is_chosen =
        |row: &Row<'_>| matches!((row, chosen), (Row::Message(rung), Some(chosen)) if rung.seq == chosen.seq);
    let at = rows.iter().position(is_chosen).unwrap_or(0);
    let last = if selected.is_some() { (at + room / 2 + 1).max(room).min(rows.len()) } else { rows.len() };
    let mut before = None;
    let shown = rows.iter().take(last).skip(last.saturating_sub(room));
    for (y, row) in (HEAD..).zip(shown) {
        let at = match row {
            Row::Message(rung) => Some(rung.at),
            Row::Silence(silence) => Some(silence.from),
            Row::Began(..) | Row::Ended(..) => None,
        };
        if at.is_some_and(|at| is_in_outage(&outages, at)) {
            pen.text(Lanes::phone() - 1, y, pen.look.pick("▒", "#"), Style::new());
        }
        draw_row(pen, console, &lanes, (y, row), before);
        if selected.is_some() && is_chosen(row) {
            pen.text(0, y, ">", Style::new().add_modifier(Modifier::BOLD));
        }
        if let Row::Message(rung) = row {
            pen.target((0, y), columns, Target::Rung(rung.seq));
            before = Some(rung.at);
        }
    }
    if rungs.is_empty() {
        pen.text(1, 3, "no message was seen", pen.dim());
    }
    if let Some(rung) = chosen.filter(|_| detail > 0) {
        let top = pen.area.height - detail;
        heading(pen, (0, top), columns, &format!("record {}", rung.seq));
        let room = usize::from(columns) - 2;
        let lines = rung.detail.lines().flat_map(|line| wrap(line, room));
        for (y, text) in (top + 1..pen.area.height).zip(lines) {
            pen.text(1, y, &text, Style::new());
        }
    }
}

/// Who stands where: the phone, its primary and its backup, and others.
fn head(pen: &mut Pen<'_>, line: &LineId, lanes: &Lanes) {
    pen.text(6, 1, "time", pen.dim());
    let names = [line.phone.to_string()].into_iter().chain(lanes.names());
    for (x, name) in lanes.all().zip(names) {
        let x = x.saturating_sub(width(&name) as u16 / 2);
        pen.within(x, 1, 18, &name, pen.dim());
    }
}

fn draw_row(pen: &mut Pen<'_>, console: &Console, lanes: &Lanes, (y, row): (u16, &Row<'_>), before: Option<Stamp>) {
    let lane = pen.look.pick("│", "|");
    let dim = pen.dim();
    match row {
        Row::Message(rung) => {
            pen.text(1, y, &format!("{:>9}", rung.at.to_string()), dim);
            let since = before
                .map_or_else(String::new, |before| format!("+{}", span(rung.at.since(before).as_secs_f64() * 1000.0)));
            pen.within(11, y, 9, &since, dim);
            lanes.all().for_each(|x| pen.text(x, y, lane, dim));
            arrow(pen, console, lanes, y, rung);
        }
        Row::Silence(Silence { length, first, broken, .. }) => {
            let lane = if *broken { pen.look.pick("≈", "~") } else { pen.look.pick("┊", ":") };
            lanes.all().for_each(|x| pen.text(x, y, lane, dim));
            // How long it was is said where it begins, or where what is shown does.
            if *first || y == HEAD {
                let text = format!("{} quiet {}", pen.look.pick("┄┄", ".."), scale::length(*length));
                pen.within(1, y, QUIET, &text, dim);
            } else if *broken {
                pen.within(1, y, QUIET, &format!("{lane}{lane} not to scale"), dim);
            }
        }
        Row::Began(id, at) | Row::Ended(id, at) => {
            let spec = console.story.outages.get(id).and_then(|outage| outage.spec.as_ref());
            let server = spec.map_or_else(|| "a server".to_owned(), |spec| spec.server.to_string());
            let what = match (row, spec) {
                (Row::Ended(..), _) => "IS OPEN AGAIN".to_owned(),
                (_, Some(spec)) => wording::outage(spec).0,
                (_, None) => "IS AWAY".to_owned(),
            };
            let bar = pen.look.pick("▒", "#");
            let text = format!(" {server} {what} ");
            let rest = usize::from(pen.area.width).saturating_sub(11 + 4 + width(&text));
            pen.text(1, y, &format!("{:>9}", at.to_string()), dim);
            let style = Style::new().add_modifier(Modifier::BOLD);
            pen.text(11, y, &format!("{}{text}{}", bar.repeat(4), bar.repeat(rest)), style);
        }
    }
}

/// Whether an outage of the phone was in force then.
fn is_in_outage(outages: &[(OutageId, &Outage)], at: Stamp) -> bool {
    outages.iter().any(|(_, outage)| {
        outage.began.is_some_and(|began| began.at <= at) && outage.ended.is_none_or(|ended| at < ended.at)
    })
}

fn arrow(pen: &mut Pen<'_>, console: &Console, lanes: &Lanes, y: u16, rung: &Rung) {
    let role = console.selected().zip(rung.server.as_ref()).map(|(line, server)| console.role(line, server));
    let right = lanes.server(rung.server.as_ref(), role);
    let room = usize::from(right - Lanes::phone() - 1);
    let again = if rung.again > 0 { format!(" x{}", rung.again + 1) } else { String::new() };
    let mut label = crate::look::harmless(&rung.label);
    while width(&label) + width(&again) + 4 > room && label.pop().is_some() {}
    let label = label + &again;
    let bar = pen.look.pick("─", "-");
    let free = room - 1 - width(&label);
    let (left, rest) = (bar.repeat(free / 2), bar.repeat(free - free / 2));
    let lost = matches!(rung.fate, Fate::Dropped(_));
    let text = match (rung.toward, lost) {
        (Toward::Server, false) => format!("{left}{label}{rest}{}", pen.look.pick("▶", ">")),
        (Toward::Server, true) => format!("{left}{label}{rest}{}", pen.look.pick("✗", "x")),
        (Toward::Phone, false) => format!("{}{left}{label}{rest}", pen.look.pick("◀", "<")),
        (Toward::Phone, true) => format!("{}{left}{label}{rest}", pen.look.pick("✗", "x")),
    };
    let style = if lost { pen.colour(ratatui::style::Color::Red) } else { Style::new() };
    pen.text(Lanes::phone() + 1, y, &text, style);
    let note = note(console, lanes, rung, role);
    pen.text(lanes.note(), y, &note, Style::new());
}

fn note(console: &Console, lanes: &Lanes, rung: &Rung, role: Option<Role>) -> String {
    let alone = lanes.is_alone(rung.server.as_ref(), role);
    match (&rung.fate, &rung.server) {
        (Fate::Injected(_), _) => "by the bridge".to_owned(),
        (_, Some(server)) if !alone => format!("of {server}"),
        (_, None) if !alone => "unknown server".to_owned(),
        _ if rung.again > 0 => {
            let mut before = rung.at;
            let mut pauses = Vec::new();
            for at in &rung.repeats {
                pauses.push(format!("{:.1}", at.since(before).as_secs_f64()));
                before = *at;
            }
            pauses.join(" ")
        }
        _ => console.answered(rung).map_or_else(String::new, |ms| format!("after {}", span(ms))),
    }
}

impl Console {
    /// What a server is to a line.
    fn role(&self, line: &LineId, server: &ServerName) -> Role {
        self.story.plan.as_ref().map_or(Role::Other, |plan| plan.role(line, server))
    }

    /// How long after the request before it an answer came, in milliseconds.
    fn answered(&self, rung: &Rung) -> Option<f64> {
        if rung.toward != Toward::Phone {
            return None;
        }
        let mut before = self.rungs().rev().skip_while(|other| other.seq != rung.seq).skip(1);
        let asked = before.find(|other| other.toward == Toward::Server && other.server == rung.server)?;
        Some(rung.at.since(asked.at).as_secs_f64() * 1000.0)
    }
}

/// A message in a line: `p1 > a REGISTER 600`.
pub(super) fn short(console: &Console, rung: &Rung) -> String {
    let server = rung.server.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let phone = console.phone().map_or_else(String::new, ToString::to_string);
    let (from, to) = match rung.toward {
        Toward::Server => (phone, server),
        Toward::Phone => (server, phone),
    };
    let again = if rung.again > 0 { format!(" x{}", rung.again + 1) } else { String::new() };
    let fate = match rung.fate {
        Fate::Passed => "",
        Fate::Dropped(_) => "  dropped",
        Fate::Injected(_) => "  by the bridge",
    };
    format!("{from} > {to}  {}{again}{fate}", rung.label)
}
