//! The network: servers, outages in force and of before, and what was lost.

use ratatui::style::{Modifier, Style};

use super::{super::Console, heading};
use crate::{
    event::{OutageEnd, Stamp},
    report::story::Outage,
    tui::{draw::clock, pen::Pen, wording},
};

/// Where each column of a server begins.
const SERVER: [(u16, &str); 6] =
    [(1, "SERVER"), (14, "ADDRESS"), (32, "STATE"), (54, "PASSED"), (62, "DROPPED"), (70, "LAST HIT")];

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let columns = pen.area.width;
    heading(pen, (0, 0), columns, "Servers, and the SIP to and from them");
    for (x, name) in SERVER {
        pen.text(x, 1, name, pen.dim());
    }
    let mut y = 2;
    let servers = console.story.plan.as_ref().map_or(&[][..], |plan| &plan.bench.servers);
    for server in servers {
        let traffic = console.talk.server(&server.name);
        let in_force = |outage: &&crate::tui::board::OutageState| {
            outage.spec.as_ref().is_some_and(|spec| spec.server == server.name)
        };
        let outage = console.board.outages.values().find(in_force);
        let state = match outage.and_then(|outage| outage.spec.as_ref()) {
            Some(spec) => format!("{} {}", pen.look.pick("■", "#"), wording::outage(spec).0.to_lowercase()),
            None => format!("{} open", pen.look.pick("□", "=")),
        };
        let hit = traffic.last_drop.map_or_else(String::new, |(_, at)| format!("{} s ago", now.since(at).as_secs()));
        let address = server.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let cells = [
            format!("{} {}", server.name, server.role),
            address,
            state,
            traffic.passed.to_string(),
            traffic.dropped.to_string(),
            hit,
        ];
        let ends = SERVER.iter().skip(1).map(|(x, _)| *x).chain([columns]);
        for (((x, _), end), cell) in SERVER.into_iter().zip(ends).zip(cells) {
            pen.within(x, y, end - x - 1, &cell, Style::new());
        }
        y += 1;
        if let Some(outage) = outage.filter(|outage| traffic.last_drop.is_none_or(|(_, at)| at < outage.began)) {
            let waited = clock(now, outage.began);
            pen.text(3, y, &format!("! in force for {waited}, and no message has met it yet"), Style::new());
            y += 1;
        }
    }
    outages(pen, console, y + 1, now);
}

fn outages(pen: &mut Pen<'_>, console: &Console, top: u16, now: Stamp) {
    let columns = pen.area.width;
    heading(pen, (0, top), columns, "Outages, the latest first; all are the run's");
    let all: Vec<&Outage> = console.story.outages.values().filter(|outage| outage.began.is_some()).collect();
    if all.is_empty() {
        pen.text(1, top + 1, "none was in force yet", pen.dim());
    }
    let mut y = top + 1;
    let troubles = console.story.troubles.len().min(5) as u16;
    let bottom = pen.area.height.saturating_sub(if troubles > 0 { troubles + 1 } else { 0 });
    let count = console.story.plan.as_ref().map_or(0, |plan| plan.phones.len());
    for outage in all.into_iter().rev() {
        let (Some(began), Some(spec)) = (outage.began, &outage.spec) else { continue };
        if y + 1 >= bottom {
            break;
        }
        let state = match (outage.ended, outage.why) {
            (None, _) => {
                let left = (began.at + spec.limit).since(now);
                format!("in force, back by itself in {} s", left.as_secs())
            }
            (Some(ended), why) => {
                let how = match why {
                    Some(OutageEnd::Lifted) | None => "lifted",
                    Some(OutageEnd::Limit) => "ended at its limit",
                    Some(OutageEnd::HelperLost) => "ended: the helper was lost",
                    Some(OutageEnd::Lapsed) => "ended: not renewed",
                };
                format!("{how} after {}", clock(ended.at, began.at))
            }
        };
        let bold = if outage.ended.is_none() { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let whom = wording::whom(&spec.phones, count);
        pen.text(1, y, &format!("{:>9} {} {}{whom}: {state}", began.at.to_string(), spec.server, spec.what()), bold);
        y += 1;
        let bitten = outage.bites.keys().map(|(phone, _)| phone).collect::<std::collections::BTreeSet<_>>().len();
        let dropped: u64 = outage.tally.values().map(|tally| tally.dropped_to_server + tally.dropped_to_phone).sum();
        let leaked: u64 = outage.tally.values().map(|tally| tally.leaked).sum();
        let mut more = format!("it has met frames of {bitten} of {} phones", spec.phones.len());
        if outage.ended.is_some() {
            more.push_str(&format!("; {dropped} frames dropped, {leaked} leaked"));
        }
        pen.text(11, y, &more, pen.dim());
        y += 1;
    }
    if troubles > 0 {
        heading(pen, (0, bottom), columns, "Trouble of the rig");
        let from = console.story.troubles.len().saturating_sub(troubles.into());
        for (y, trouble) in (bottom + 1..).zip(console.story.troubles.iter().skip(from)) {
            pen.text(1, y, &format!("{:>9} ! {}", trouble.at.to_string(), trouble.note), Style::new());
        }
    }
}
