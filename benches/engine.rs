//! How many records a second the engine judges: a night's journals must be judged again in seconds.
//!
//! Replays the journal of a failover of two phones on the virtual bench, from memory.

#![expect(clippy::expect_used, reason = "without its fixture there is nothing to measure")]

use std::{fs, hint::black_box, path::Path, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use siprig::{
    config::load,
    event::{Record, Stamp},
    journal::JournalReader,
    rehearsal::{self, Rehearsal, Weather},
    session,
    verdict::Verdict,
    virtual_bench::Description,
};

const JOURNAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/journals/failover.jsonl");

fn records(journal: &[u8]) -> Vec<Record> {
    let reader = JournalReader::new(journal, Path::new(JOURNAL)).expect("the fixture is a journal");
    reader.map(|record| record.expect("the fixture holds records")).collect()
}

fn engine(criterion: &mut Criterion) {
    let journal = fs::read(JOURNAL).expect("the fixture is there");
    let whole = records(&journal);
    assert!(!session::replay(whole.clone()).records.is_empty(), "the engine concludes something");

    let mut group = criterion.benchmark_group("journal of a failover");
    group.throughput(Throughput::Elements(whole.len() as u64));
    group.bench_function("judge", |bencher| {
        bencher.iter_batched(|| whole.clone(), |records| black_box(session::replay(records)), BatchSize::LargeInput);
    });
    // Of that, what has to be done once for each run: checked patterns are made from the plan.
    group.throughput(Throughput::Elements(1));
    group.bench_function("begin", |bencher| {
        bencher.iter_batched(
            || whole[..1].to_vec(),
            |record| black_box(session::replay(record)),
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(whole.len() as u64));
    group.bench_function("read", |bencher| bencher.iter(|| black_box(records(&journal))));
    group.finish();
}

/// The main job with the timers of a real phone: ten minutes of lifetime, on virtual time.
fn ten_minutes(criterion: &mut Criterion) {
    let mut description = Description::default();
    rehearsal::manual_timers(&mut description);
    let scenario = load::scenario("failover", Path::new(load::RIG)).expect("the scenario is built in");
    let weather = Weather { seed: 1, switch_on: Duration::from_secs(570), ..Weather::default() };
    let run = || {
        let rehearsal = Rehearsal::new(&description, scenario.clone(), weather, |_| {}, |_| {}).expect("a good bench");
        rehearsal.run().expect("the run ends")
    };
    let records = run();
    let passed = rehearsal::cases(&records).filter(|case| case.verdict == Verdict::Pass).count();
    assert_eq!(passed, 4, "four healthy phones pass");
    let virtual_time = records.last().expect("there are records").seen;
    assert!(virtual_time > Stamp::from_millis(600_000), "ten minutes and more go by: {virtual_time} s");
    criterion
        .bench_function("failover with 600 s of lifetime, four phones", |bencher| bencher.iter(|| black_box(run())));
}

criterion_group!(benches, engine, ten_minutes);
criterion_main!(benches);
