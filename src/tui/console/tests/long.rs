//! Runs that go on and on.

use super::{super::story::Story, *};
use crate::{
    event::{Action, Fate, Observed, OutageId, Record, When},
    report::{
        RunStory,
        heat::{HeatMap, Row},
    },
    tui::Board,
};

/// So long after one another are rounds.
const ROUND: Stamp = Stamp::from_millis(20_000);

/// What was recorded of a failover, again and again: scenario after scenario of one run, each with outages of its own.
fn records_of_rounds(rounds: std::ops::Range<u32>) -> impl Iterator<Item = Record> {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/failover.jsonl");
    let recorded: Vec<Record> = JournalReader::open(&journal).unwrap().map(Result::unwrap).collect();
    rounds.flat_map(move |round| {
        let begins = Derived::ScenarioStarted { scenario: "failover".to_owned(), index: 0, of: 1 };
        let begin = Record { event: Event::Derived(begins), ..recorded[0].clone() };
        let is_once = |record: &&Record| {
            matches!(record.event, Event::Observed(Observed::RunStarted { .. }) | Event::Derived(Derived::RunEnded))
        };
        let own = recorded.iter().filter(|record| round == 0 || !is_once(record)).cloned();
        let all: Vec<Record> = if round == 0 { own.collect() } else { [begin].into_iter().chain(own).collect() };
        all.into_iter().map(move |record| later(record, round))
    })
}

fn later(mut record: Record, rounds: u32) -> Record {
    let shift = |at: Stamp| Stamp(at.0 + u64::from(rounds) * ROUND.0);
    record.seq += u64::from(rounds) * 1000;
    record.seen = shift(record.seen);
    record.when = When { at: shift(record.when.at), ..record.when };
    let number = |outage: &mut OutageId| outage.0 += rounds * 10;
    match &mut record.event {
        Event::Observed(
            Observed::OutageBegan { outage }
            | Observed::OutageEnded { outage, .. }
            | Observed::FirstBite { outage, .. }
            | Observed::LastBite { outage, .. },
        )
        | Event::Action(Action::BeginOutage { outage, .. } | Action::EndOutage { outage }) => number(outage),
        Event::Observed(Observed::Sip(fact)) => {
            if let Fate::Dropped(outage) = &mut fact.fate {
                number(outage);
            }
            if let crate::event::SipMessage::Read(read) = &mut fact.message {
                read.call_id.push_str(&rounds.to_string());
            }
        }
        _ => {}
    }
    record
}

/// How much a state holds, as far as its size depends on what it was told: the length of its description.
fn size(state: &impl std::fmt::Debug) -> usize {
    format!("{state:?}").len()
}

#[test]
fn nothing_grows_with_a_run_once_all_that_is_kept_is_full() {
    let mut console = Console::new(LIVE);
    let mut board = Board::default();
    let mut sizes = Vec::new();
    let mut counts = 0;
    for rounds in [0..200, 200..400, 400..600] {
        for record in records_of_rounds(rounds) {
            console.apply(&record);
            board.apply(&record);
            counts += 1;
        }
        sizes.push((size(&console), size(&board)));
    }
    let [_, (before, board_before), (after, board_after)] = sizes[..] else { panic!("{sizes:?}") };
    // Times and numbers are written with a digit more at most.
    assert!(after < before + before / 100, "{counts} records: {sizes:?}");
    assert!(board_after < board_before + board_before / 100, "{counts} records: {sizes:?}");
    assert_eq!(console.log.len(), super::super::LOG);
    // Each of them was for two phones.
    assert_eq!(console.story.outages.values().count(), 32);
    // What is not kept for ever is kept long enough to be seen.
    press(&mut console, "4");
    let network = drawn(&console, 12_000_000, (80, 24), GLYPHS).to_string();
    assert!(network.contains("lifted after"), "{network}");
    press(&mut console, "5");
    let scenario = drawn(&console, 12_000_000, (80, 24), GLYPHS).to_string();
    assert!(scenario.contains("pass") && scenario.contains("failover"), "{scenario}");
}

#[test]
fn the_map_of_a_run_that_is_watched_is_that_of_its_report() {
    let unreachable = OutageMode::Steady(Manner::Unreachable(Unreachable::Host));
    let mut records = sample::outage_records(&[OutageMode::DROP, unreachable, OutageMode::Steady(Manner::Reset)]);
    let measured =
        [(0, 1, Some(9_000.0)), (1, 1, Some(31_000.0)), (0, 2, Some(400.0)), (1, 3, None), (0, 2, Some(1.0))];
    for (line, outage, value) in measured {
        let mut record = records[0].clone();
        let measurement = Measurement {
            name: "failover".to_owned(),
            at_ms: Some(100_000.0 * f64::from(outage)),
            from_server: None,
            to_server: None,
            value,
            unit: "ms".to_owned(),
            error: None,
            min: None,
            max: None,
            why_null: value.is_none().then(|| Measurement::STAYED.to_owned()),
        };
        record.event = Event::Derived(Derived::Measured { case: sample::id(line), measurement });
        records.push(record);
    }
    let mut skipped = records[0].clone();
    let spec = sample::outages(&[OutageMode::DROP]).outages.into_values().next().unwrap().spec.unwrap();
    let spec = Box::new(crate::event::OutageSpec { mode: Manner::Unresolvable.into(), ..spec });
    skipped.when = When::exactly(Stamp::from_millis(150_000));
    skipped.event = Event::Derived(Derived::OutageSkipped { spec, needs: "needs a link".to_owned() });
    records.push(skipped);

    let report = RunStory::from_records(&records);
    let expected = HeatMap::of(&report, &report.cases()).unwrap();
    let mut board = Board::default();
    let mut story = Story::default();
    for record in &records {
        board.apply(record);
        story.apply(record, board.known());
    }
    let rows: Vec<Row> = story.map.rows().into_iter().cloned().collect();
    assert_eq!(rows, expected.rows);
    assert_eq!(rows.len(), 4);
    let mut alike = Story::default();
    records
        .iter()
        .filter(|record| !matches!(record.event, Event::Derived(Derived::Measured { .. })))
        .for_each(|record| alike.apply(record, board.known()));
    assert_eq!(alike.map.rows().len(), 0, "where nothing was measured there is nothing to compare");
}
