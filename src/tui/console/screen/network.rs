//! The network: servers with what goes to and from them, outages in force and of before, and what was lost.

use std::collections::{BTreeSet, HashSet};

use ratatui::style::{Modifier, Style};

use super::{
    super::{
        Console,
        moment::Moment,
        mouse::Target,
        rate::{self, MINUTES},
        talk::Traffic,
    },
    heading,
};
use crate::{
    config::Server,
    event::{OutageEnd, OutageSpec, PhoneName, Stamp},
    look::{Look, harmless, width},
    report::story::Outage,
    tui::{
        board::{OutageState, Place},
        draw::clock,
        pen::{Pen, cut, keeping},
        wording,
    },
};

/// Where each column of a server begins.
const SERVER: [(u16, &str); 6] =
    [(1, "SERVER"), (14, "ADDRESS"), (32, "STATE"), (56, "PASSED"), (63, "DROPPED"), (71, "LAST HIT")];

/// Cells of how a server stands.
const STATE: usize = 23;

/// Rows that outages, trouble and what stands between need beside the servers.
const BELOW: usize = 6;

/// Where the messages of the last minutes are drawn.
const STRIP: u16 = 14;

/// From few to many.
const BARS: ([&str; 8], [&str; 8]) =
    (["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], [":", "-", "=", "+", "*", "%", "&", "@"]);

pub(super) fn draw(pen: &mut Pen<'_>, console: &Console, now: Stamp) {
    let columns = pen.area.width;
    let moment = console.moment(now);
    let title =
        moment.map(|moment| format!("! as of {}, {} ago; f shows the present", moment.at, clock(now, moment.at)));
    heading(pen, (0, 0), columns, title.as_deref().unwrap_or("Servers, and the SIP to and from them"));
    let now = moment.map_or(now, |moment| moment.at);
    for (x, name) in SERVER {
        pen.text(x, 1, name, pen.dim());
    }
    let mut y = 2;
    let servers = console.servers();
    let most = servers.iter().flat_map(|server| console.talk.server(&server.name).rate.of_late(now)).flatten().max();
    let strips = servers.len() * 2 + BELOW <= pen.area.height.into();
    for server in servers {
        let traffic = console.talk.server(&server.name);
        row(pen, console, y, server, (&traffic, moment), now);
        y += 1;
        if strips {
            strip(pen, console, y, server, (&traffic, most.unwrap_or(0), moment), now);
            y += 1;
        }
        // Whether a message had met it by then nobody remembers.
        if let Some((note, warns)) = unmet(console, server, &traffic, now).filter(|_| moment.is_none()) {
            let style = if warns { Style::new().add_modifier(Modifier::BOLD) } else { pen.dim() };
            pen.text(3, y, &note, style);
            y += 1;
        }
    }
    if let Some(refused) = console.talk.refused.as_ref().filter(|_| moment.is_none()) {
        pen.within(1, y, columns - 2, &format!("! {refused}"), Style::new());
        y += 1;
    }
    outages(pen, console, y, moment, now);
}

fn row(
    pen: &mut Pen<'_>,
    console: &Console,
    y: u16,
    server: &Server,
    (traffic, moment): (&Traffic, Option<Moment>),
    now: Stamp,
) {
    let in_force = console.in_force(&server.name, moment);
    let state = match in_force.first() {
        Some((spec, _)) => {
            let state = wording::outage(spec).0.to_lowercase();
            let more = in_force.len() - 1;
            let more = if more > 0 { format!(" +{more}") } else { String::new() };
            let first = in_force.iter().filter_map(|(_, limit)| *limit).min();
            let left = first.map_or_else(String::new, |limit| clock(limit, now));
            // When the first of them ends has room in any case, and who made it in what is left.
            let head = format!("{} {state}{more}", pen.look.pick("■", "#"));
            let head = keeping(&head, &format!(" {left}"), STATE, pen.look);
            let room = STATE.saturating_sub(width(&head) + 3);
            if room < 2 { head } else { format!("{head} ({})", cut(harmless(owner(spec)), room, pen.look)) }
        }
        None => format!("{} open", pen.look.pick("□", "=")),
    };
    let hit = traffic.last_drop.map_or_else(String::new, |(_, at)| format!("{} s ago", now.since(at).as_secs()));
    // Counts are of the present alone.
    let counted = |count: String| if moment.is_some() { "-".to_owned() } else { count };
    let cells = [
        format!("{} {}", server.name, server.role),
        server.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        state,
        counted(traffic.passed.to_string()),
        counted(traffic.dropped.to_string()),
        counted(hit),
    ];
    let selected = console.server().is_some_and(|selected| selected.name == server.name);
    let style = if selected { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
    if selected {
        pen.text(0, y, ">", style);
    }
    pen.target((0, y), pen.area.width, Target::Server(server.name.clone()));
    let ends = SERVER.iter().skip(1).map(|(x, _)| *x).chain([pen.area.width]);
    for (((x, _), end), cell) in SERVER.into_iter().zip(ends).zip(cells) {
        pen.within(x, y, end - x - 1, &cell, style);
    }
}

/// Who answers for an outage.
fn owner(spec: &OutageSpec) -> &str {
    spec.by.as_deref().unwrap_or("run")
}

/// The messages of each of the last minutes, and in which of them the server was under an outage. All servers have one scale.
fn strip(
    pen: &mut Pen<'_>,
    console: &Console,
    y: u16,
    server: &Server,
    (traffic, most, moment): (&Traffic, u64, Option<Moment>),
    now: Stamp,
) {
    let counts = traffic.rate.of_late(now);
    let bars: String = counts.iter().map(|count| count.map_or("?", |count| bar(count, most, pen.look))).collect();
    let of_server = |outage: &&Outage| outage.spec.as_ref().is_some_and(|spec| spec.server == server.name);
    let under: Vec<(Stamp, Stamp)> = console
        .story
        .outages
        .values()
        .filter(of_server)
        .filter_map(|outage| Some((outage.began?.at, outage.ended.map_or(now, |ended| ended.at))))
        .collect();
    let shaded = rate::spans(now).map(|span| {
        let meets = |(from, to): (Stamp, Stamp)| under.iter().any(|(began, ended)| *began < to && *ended >= from);
        if span.is_some_and(meets) { pen.look.pick("▒", "#") } else { pen.look.pick("·", ".") }
    });
    let latest = counts.last().copied().flatten().map_or_else(|| "?".to_owned(), |count| count.to_string());
    let highest = counts.iter().flatten().max().copied().unwrap_or(0);
    let which = if moment.is_some() { "that" } else { "this" };
    pen.text(3, y, "SIP a min.", pen.dim());
    pen.text(STRIP, y, &bars, Style::new());
    pen.text(STRIP + MINUTES as u16 + 2, y, &format!("outage {}", shaded.concat()), pen.dim());
    let text = format!("{latest} {which} minute, at most {highest}");
    pen.within(STRIP + MINUTES as u16 * 2 + 11, y, pen.area.width.saturating_sub(46), &text, pen.dim());
}

fn bar(count: u64, most: u64, look: Look) -> &'static str {
    if count == 0 || most == 0 {
        return look.pick("·", ".");
    }
    let bars = if look.unicode { BARS.0 } else { BARS.1 };
    let place = (count * bars.len() as u64).div_ceil(most).saturating_sub(1);
    bars.get(usize::try_from(place).unwrap_or(usize::MAX)).copied().unwrap_or(bars[bars.len() - 1])
}

/// What is to be said of an outage that no message has met yet; and whether one should have, as lines that are at home there renew
/// within that time.
fn unmet(console: &Console, server: &Server, traffic: &Traffic, now: Stamp) -> Option<(String, bool)> {
    let not_met = |outage: &&OutageState| traffic.last_drop.is_none_or(|(_, at)| at < outage.began);
    let (_, outage) = console.outages_of(server).find(|(_, outage)| not_met(outage))?;
    let spec = outage.spec.as_ref()?;
    // Of frames that are late, or lost by chance, messages do not tell.
    spec.away_after()?;
    let known = console.board.known()?;
    // There may be thousands of them, and each frame asks.
    let some = (spec.phones.len() < known.phones.len()).then(|| spec.phones.iter().collect::<HashSet<_>>());
    let at_home = console.board.lines.iter().filter(|line| {
        matches!(&line.place, Place::At(at, _) if *at == server.name)
            && some.as_ref().is_none_or(|some| some.contains(&line.id.phone))
    });
    let renewal = at_home.filter_map(|line| known.phone(&line.id.phone)).map(|phone| phone.timers.expires.value).max();
    let waited = clock(now, outage.began);
    Some(match renewal {
        Some(renewal) if now.since(outage.began) >= renewal => {
            (format!("! in force for {waited}, and no message has met it: lines should have renewed"), true)
        }
        Some(_) => (format!("in force for {waited}, and no message has met it yet"), false),
        None => (format!("in force for {waited}; none of its lines is registered there"), false),
    })
}

fn outages(pen: &mut Pen<'_>, console: &Console, top: u16, moment: Option<Moment>, now: Stamp) {
    let columns = pen.area.width;
    heading(pen, (0, top), columns, "Outages, the latest first");
    let all = console.outages_then(moment);
    if all.is_empty() {
        pen.text(1, top + 1, "none was in force yet", pen.dim());
    }
    let mut y = top + 1;
    let all_troubles: Vec<_> =
        console.story.troubles.iter().filter(|trouble| moment.is_none() || trouble.at <= now).collect();
    let troubles = all_troubles.len().min(5) as u16;
    let bottom = pen.area.height.saturating_sub(if troubles > 0 { troubles + 1 } else { 0 });
    let count = console.board.phones();
    // The one that led here is in sight.
    let selected = moment.and_then(|moment| all.iter().position(|(id, _)| Some(*id) == moment.outage));
    let room = usize::from(bottom.saturating_sub(y) / 2);
    let from = selected.map_or(0, |at| (at + 1).saturating_sub(room.max(1)));
    for (at, (_, outage)) in all.iter().enumerate().skip(from) {
        let (Some(began), Some(spec)) = (outage.began, &outage.spec) else { continue };
        if y + 1 >= bottom {
            break;
        }
        if Some(at) == selected {
            pen.text(0, y, ">", Style::new().add_modifier(Modifier::BOLD));
        }
        let bold = if outage.ended.is_none() { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let whom = wording::whom(&spec.phones, count);
        let what = format!("{:>9} {} {}{whom}, by {}", began.at.to_string(), spec.server, spec.what(), owner(spec));
        let how = format!(": {}", state(outage, spec, now));
        pen.text(1, y, &keeping(&what, &how, usize::from(columns) - 2, pen.look), bold);
        y += 1;
        let bitten = outage.bites.keys().map(|(phone, _)| phone).collect::<BTreeSet<&PhoneName>>().len();
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
        let from = all_troubles.len().saturating_sub(troubles.into());
        for (y, trouble) in (bottom + 1..).zip(all_troubles.into_iter().skip(from)) {
            if moment.is_some_and(|moment| moment.seq == Some(trouble.seq)) {
                pen.text(0, y, ">", Style::new().add_modifier(Modifier::BOLD));
            }
            pen.text(1, y, &format!("{:>9} ! {}", trouble.at.to_string(), trouble.note), Style::new());
        }
    }
}

/// How an outage stands.
fn state(outage: &Outage, spec: &OutageSpec, now: Stamp) -> String {
    match (outage.began, outage.ended) {
        (Some(began), Some(ended)) => {
            let how = match outage.why {
                Some(OutageEnd::Lifted) | None => "lifted",
                Some(OutageEnd::Limit) => "ended at its limit",
                Some(OutageEnd::HelperLost) => "ended: the helper was lost",
                Some(OutageEnd::Lapsed) => "ended: not renewed",
            };
            format!("{how} after {}", clock(ended.at, began.at))
        }
        (Some(began), None) => format!("back by itself in {}", clock(began.at + spec.limit, now)),
        (None, _) => String::new(),
    }
}
