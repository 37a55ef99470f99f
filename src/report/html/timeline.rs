//! The timeline: one lane for each line, its registrations as bars, outages shaded behind them.

use super::{
    mark,
    page::WORST_FIRST,
    scale::{Px, Scale, Tick},
};
use crate::{
    config::Role,
    event::{LineId, Stamp, When},
    look::{Look, width},
    report::story::{Binding, Outage, RunStory},
    verdict::Case,
};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 138.0;
const BAR: f64 = 16.0;
const PAD: f64 = 7.0;
const MARKS: f64 = 16.0;
/// What a character of the small type takes at most, on average.
const CHARACTER: f64 = 6.6;
/// The same of a bold one, and the space to the next label.
const BOLD_CHARACTER: f64 = 7.4;
/// Refreshes nearer to each other than this would be a grey mass.
const REFRESH_GAP: f64 = 5.0;

/// The drawing, in its own units.
#[derive(Debug, Default)]
pub struct Timeline {
    pub width: Px,
    pub height: Px,
    pub top: Px,
    pub bottom: Px,
    pub axis_y: Px,
    pub description: String,
    /// Some line was registered at a server that is neither its primary nor its backup.
    pub others: bool,
    pub ticks: Vec<Tick>,
    pub shades: Vec<Shade>,
    pub edges: Vec<Edge>,
    pub lanes: Vec<Lane>,
}

/// An outage behind one lane.
#[derive(Debug)]
pub struct Shade {
    pub x: Px,
    pub y: Px,
    pub w: Px,
    pub h: Px,
}

/// Beginning or end of an outage, with its label if it has one.
#[derive(Debug)]
pub struct Edge {
    pub x: Px,
    pub y1: Px,
    pub text_x: Px,
    pub text_y: Px,
    /// The label stands to the left of its anchor.
    pub left: bool,
    pub label: String,
}

/// One line of a phone.
#[derive(Debug)]
pub struct Lane {
    pub top: Px,
    pub bottom: Px,
    pub label_y: Px,
    pub note_y: Px,
    pub marks_y: Px,
    pub marks_text_y: Px,
    pub class: String,
    pub symbol: &'static str,
    pub name: String,
    pub note: String,
    pub bars: Vec<Bar>,
    pub marks: Vec<Mark>,
}

/// One registration.
#[derive(Debug)]
pub struct Bar {
    pub class: Role,
    pub x: Px,
    pub y: Px,
    pub w: Px,
    pub h: Px,
    pub stale: Option<Stale>,
    pub refreshes: Vec<Px>,
    pub tick_y1: Px,
    pub tick_y2: Px,
    pub labelled: bool,
    pub label: String,
    pub text_x: Px,
    pub text_y: Px,
    pub title: String,
}

/// The part of a registration that outlives the move away from it.
#[derive(Debug)]
pub struct Stale {
    pub x: Px,
    pub w: Px,
}

/// An instant of a lane.
#[derive(Debug)]
pub struct Mark {
    pub x: Px,
    pub label_x: Px,
    /// Empty if its neighbour's label names it too.
    pub label: String,
    pub title: String,
}

impl Timeline {
    /// Draws the story's lines, those of `cases` in their order.
    pub fn of(story: &RunStory, cases: &[Case]) -> Self {
        let scale = Scale::new(LEFT, WIDTH - 14.0, story.last.as_millis_f64());
        let (edges, header) = edges(story, &scale);
        let mut drawing = Self { width: Px(WIDTH), top: Px(header), ticks: scale.ticks(), edges, ..Self::default() };
        let mut y = header;
        for case in one_for_each_line(cases) {
            let lane = lane(story, case, &scale, y);
            let (top, height) = (lane.top, Px(lane.bottom.0 - lane.top.0));
            for outage in story.outages.values() {
                let Some(began) = outage.began else { continue };
                let concerned = outage.spec.as_ref().is_none_or(|spec| spec.phones.contains(&case.id.phone));
                if concerned {
                    let (from, to) = (scale.at(began.at), scale.at(outage.ended.map_or(story.last, |end| end.at)));
                    drawing.shades.push(Shade { x: Px(from), y: top, w: Px(to - from), h: height });
                }
            }
            drawing.others |= lane.bars.iter().any(|bar| bar.class == Role::Other);
            y = lane.bottom.0;
            drawing.lanes.push(lane);
        }
        drawing.bottom = Px(y);
        drawing.axis_y = Px(y + 16.0);
        drawing.height = Px(y + 24.0);
        drawing.description = describe(story, cases);
        drawing
    }
}

/// One case for each line, the worst where several scenarios were run.
fn one_for_each_line(cases: &[Case]) -> Vec<&Case> {
    let rank = |case: &Case| WORST_FIRST.iter().position(|verdict| *verdict == case.verdict);
    let mut lines: Vec<&Case> = Vec::new();
    for case in cases {
        match lines.iter_mut().find(|line| line.id.phone == case.id.phone && line.id.line == case.id.line) {
            Some(line) if rank(case) < rank(line) => *line = case,
            Some(_) => {}
            None => lines.push(case),
        }
    }
    lines
}

fn lane(story: &RunStory, case: &Case, scale: &Scale, top: f64) -> Lane {
    let id = LineId { phone: case.id.phone.clone(), extension: case.id.line.clone() };
    let bindings = story.bindings.get(&id).map_or(&[][..], Vec::as_slice);
    let others = bindings.iter().any(|binding| story.role(&id, &binding.server) == Role::Other);
    let rows = if others { 3.0 } else { 2.0 };
    let bars_end = top + PAD + rows * (BAR + 3.0);
    let bars = bindings.iter().map(|binding| bar(story, &id, binding, bindings, scale, top)).collect();
    Lane {
        top: Px(top),
        bottom: Px(bars_end + MARKS),
        label_y: Px(top + PAD + 13.0),
        note_y: Px(top + PAD + 29.0),
        marks_y: Px(bars_end + 2.0),
        marks_text_y: Px(bars_end + 11.0),
        class: case.verdict.to_string(),
        symbol: Look { colour: true, unicode: true }.symbol(case.verdict),
        name: shortened(&format!("{}/{}", case.id.phone, case.id.line)),
        note: case.code.as_deref().map(shortened).unwrap_or_default(),
        bars,
        marks: marks(case, scale),
    }
}

fn bar(story: &RunStory, line: &LineId, binding: &Binding, all: &[Binding], scale: &Scale, top: f64) -> Bar {
    let class = story.role(line, &binding.server);
    let row = match class {
        Role::Primary => 0.0,
        Role::Backup => 1.0,
        Role::Other => 2.0,
    };
    let end = binding.until.map_or(story.last, |until| until.at);
    let (x, right) = (scale.at(binding.from.at), scale.at(end));
    let w = (right - x).max(1.5);
    let y = top + PAD + row * (BAR + 3.0);
    let stale = stale_from(binding, all, end).filter(|_| !binding.unread).map(|from| {
        let from = scale.at(from);
        Stale { x: Px(from), w: Px((right - from).max(0.0)) }
    });
    let mut refreshes: Vec<Px> = Vec::new();
    for at in &binding.refreshes {
        let tick = scale.at(*at);
        if refreshes.last().is_none_or(|last| tick - last.0 >= REFRESH_GAP) {
            refreshes.push(Px(tick));
        }
    }
    let label =
        if binding.unread { format!("{} connected", binding.server) } else { format!("{} {class}", binding.server) };
    let room = stale.as_ref().map_or(right, |stale| stale.x.0).min(refreshes.first().map_or(right, |tick| tick.0)) - x;
    let labelled = room > width(&label) as f64 * CHARACTER + 10.0;
    let until = binding.until.map_or_else(|| "the end of the run".to_owned(), mark::when);
    let at = if binding.unread { "connected with" } else { "at" };
    let title = format!("{line} {at} {} ({class}) from {} to {until}", binding.server, mark::when(binding.from));
    Bar {
        class,
        x: Px(x),
        y: Px(y),
        w: Px(w),
        h: Px(BAR),
        stale,
        refreshes,
        tick_y1: Px(y + 4.0),
        tick_y2: Px(y + BAR - 4.0),
        labelled,
        label,
        text_x: Px(x + 5.0),
        text_y: Px(y + 12.0),
        title,
    }
}

/// When the line registered elsewhere while this binding was still alive.
fn stale_from(binding: &Binding, all: &[Binding], end: Stamp) -> Option<Stamp> {
    let later = all.iter().filter(|other| other.server != binding.server && other.from.at > binding.from.at);
    // A refresh after the move means that the line came back without the binding ever ending.
    let last = binding.refreshes.last().copied().unwrap_or(binding.from.at);
    later.map(|other| other.from.at).filter(|from| *from < end && *from >= last).min()
}

/// t1, t3, t4 and the return, labelled so that no label covers another.
fn marks(case: &Case, scale: &Scale) -> Vec<Mark> {
    let instants = [
        ("failover-waiting", "t1", "first REGISTER that the primary does not answer"),
        ("failover-detecting", "t3", "first REGISTER at the backup"),
        ("failover", "t4", "the backup confirms"),
        ("failback", "home", "the primary confirms"),
    ];
    let mut marks: Vec<Mark> = Vec::new();
    for (name, label, meaning) in instants {
        let Some(measurement) = case.measurements.iter().find(|m| m.name == name) else { continue };
        let (Some(from), Some(value)) = (measurement.at_ms, measurement.value) else { continue };
        let x = scale.x(from + value);
        let error = measurement.error.map_or_else(String::new, |error| format!(" ± {error:.1} ms"));
        let title = format!("{label}: {meaning}, at {:.3} s{error}", (from + value) / 1000.0);
        let room = width(label) as f64 * CHARACTER + 8.0;
        match marks.iter_mut().rfind(|mark| !mark.label.is_empty()) {
            Some(near) if (x - near.label_x.0).abs() < room + width(&near.label) as f64 * CHARACTER / 2.0 => {
                near.label = format!("{} {label}", near.label);
                near.label_x = Px(f64::midpoint(near.x.0, x));
                marks.push(Mark { x: Px(x), label_x: Px(x), label: String::new(), title });
            }
            _ => marks.push(Mark { x: Px(x), label_x: Px(x), label: label.to_owned(), title }),
        }
    }
    marks
}

/// Rows of labels above the lanes.
const LABEL_ROWS: usize = 3;

/// Labels above the lanes, none over another.
#[derive(Default)]
struct Labels {
    taken: [Vec<(f64, f64)>; LABEL_ROWS],
}

/// Where a label found room.
struct Place {
    row: usize,
    /// It ends there, and does not begin.
    left: bool,
    text_x: f64,
}

impl Labels {
    /// Room for a label at `x`, preferably in the row `first`.
    fn place(&mut self, label: &str, x: f64, first: usize) -> Option<Place> {
        let long = width(label) as f64 * BOLD_CHARACTER;
        let left = x + long >= WIDTH;
        let text_x = if left { WIDTH - 4.0 } else { x };
        let from = if left { text_x - long } else { x };
        let mut rows = (first..LABEL_ROWS).chain(0..first);
        let row = rows.find(|row| self.taken[*row].iter().all(|(a, b)| from + long < *a || from > *b))?;
        self.taken[row].push((from, from + long));
        Some(Place { row, left, text_x })
    }
}

/// The lines at which outages begin and end, and the height that their labels take. Where sentences have no room beside
/// each other, the numbers stand there that the outages have in the table below.
fn edges(story: &RunStory, scale: &Scale) -> (Vec<Edge>, f64) {
    let began = || (1..).zip(story.outages.values()).filter_map(|(number, it)| Some((number, it, it.began?)));
    let sentences = began().map(|(_, outage, began)| {
        let end = outage.ended.map_or_else(|| "the end".to_owned(), |end| format!("{} s", end.at));
        format!("t0: {}, {} s to {end}", mark::outage(outage), began.at)
    });
    let numbers = began().map(|(number, ..)| number.to_string());
    let placed = |labels: Vec<String>, rows: usize| -> Vec<(String, Option<Place>)> {
        let mut taken = Labels::default();
        let place = |(index, (label, (_, _, began))): (usize, (String, (usize, &Outage, When)))| {
            let place = taken.place(&label, scale.at(began.at), index % rows);
            (label, place.filter(|place| place.row < rows))
        };
        labels.into_iter().zip(began()).enumerate().map(place).collect()
    };
    let mut labels = placed(sentences.collect(), LABEL_ROWS);
    let mut rows = story.outages.len().min(LABEL_ROWS);
    if labels.iter().any(|(_, place)| place.is_none()) {
        labels = placed(numbers.collect(), 1);
        rows = 1;
    }
    let header = 20.0 + 16.0 * rows as f64;
    let mut edges = Vec::new();
    for ((label, place), (_, outage, began)) in labels.into_iter().zip(began()) {
        let x = Px(scale.at(began.at));
        let text_y = |row: usize| 14.0 + 16.0 * row as f64;
        let (text_y, left, text_x, label) = match place {
            Some(Place { row, left, text_x }) => (text_y(row), left, Px(text_x), label),
            None => (text_y(rows.saturating_sub(1)), false, x, String::new()),
        };
        edges.push(Edge { x, y1: Px(text_y + 4.0), text_x, text_y: Px(text_y), left, label });
        if let Some(ended) = outage.ended {
            let x = Px(scale.at(ended.at));
            let y1 = Px(if rows > 1 { header } else { text_y + 4.0 });
            edges.push(Edge { x, y1, text_x: x, text_y: Px(text_y), left: false, label: String::new() });
        }
    }
    (edges, header)
}

fn describe(story: &RunStory, cases: &[Case]) -> String {
    let lines = cases.len();
    let outages: Vec<_> = story
        .outages
        .values()
        .filter_map(|outage| {
            let began = outage.began?.at;
            Some(format!("{} from {began} s to {} s", mark::outage(outage), outage.ended.map_or(story.last, |e| e.at)))
        })
        .collect();
    let outages = if outages.is_empty() { "no outage".to_owned() } else { outages.join("; ") };
    format!("{lines} lanes over {} s; {outages}. The table below holds the same data.", story.last)
}

/// Short enough for the margin; the full name is in the tables.
fn shortened(name: &str) -> String {
    if width(name) <= 17 { name.to_owned() } else { name.chars().take(16).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::OutageMode, report::sample::outages};

    fn labels(number: usize) -> Vec<String> {
        let story = outages(&vec![OutageMode::DROP; number]);
        let edges = Timeline::of(&story, &story.cases()).edges;
        edges.into_iter().map(|edge| edge.label).collect()
    }

    #[test]
    fn outages_are_named_in_the_drawing_where_there_is_room_and_numbered_where_there_is_none() {
        let named = [
            "t0: a away (drop, whole host), 100.000 s to the end",
            "t0: a away (drop, whole host), 200.000 s to the end",
        ];
        assert_eq!(labels(2), named);
        assert_eq!(labels(18), (1..=18).map(|number| number.to_string()).collect::<Vec<_>>());
        let some = labels(400);
        let told = some.iter().filter(|label| !label.is_empty()).count();
        assert!(some[0] == "1" && (20..80).contains(&told), "{some:?}");
    }
}
