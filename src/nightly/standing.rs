//! The `siprig.status/1` document: where a night is, for whoever asks from outside, by what its files tell. Pure: what was seen of them
//! in, a document out.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    before::{self, Before},
    parking::Parked,
    plan::{PlannedRun, RunId},
    state::{Attempt, Night, Outcome, Status},
    summary,
};
use crate::{
    event::PhoneName,
    verdict::{Blame, CaseId, Verdict},
};

/// The version of the document's contract.
pub const SCHEMA: &str = "siprig.status/1";

/// The document. Field names and order are a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was looked, in UTC.
    pub now: String,
    /// The night; null: there is none.
    pub night: Option<Stands>,
}

/// Where a night is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stands {
    /// Its name.
    pub night: String,
    /// Its directory.
    pub directory: String,
    /// Name of the suite.
    pub suite: String,
    /// Name of the bench.
    pub bench: String,
    /// How it goes.
    pub state: Goes,
    /// When it began, in UTC.
    pub began: String,
    /// How long ago that is.
    pub since_ms: u64,
    /// How often somebody went on with it.
    pub resumed: u32,
    /// The exit code; null while it goes on, or if it was cut off.
    pub exit: Option<u8>,
    /// The signal that ended it early.
    pub stopped_by: Option<String>,
    /// When something of it was last written, in UTC.
    pub last_sign: String,
    /// How long ago that is.
    pub silent_ms: u64,
    /// How many runs are where.
    pub runs: Runs,
    /// How many cases came to what so far; those that failed as expected are `known`.
    pub counts: BTreeMap<String, usize>,
    /// The run in flight; null: there is none.
    pub in_flight: Option<Flight>,
    /// The night that new failures are told by; null: there was no comparable one.
    pub compared_with: Option<String>,
    /// Cases that break the night, the new ones first.
    pub failed: Vec<Point>,
    /// Cases of which nothing can be told because of the rig.
    pub rig_faults: Vec<Point>,
    /// Phones that take no part any more.
    pub parked: Vec<Parked>,
    /// Runs that still have to be run, in their order.
    pub to_go: Vec<Waits>,
    /// How long all that is left should take, the run in flight included; null: nothing goes on.
    pub left_ms: Option<u64>,
    /// When it should be over then, in UTC.
    pub over_at: Option<String>,
}

/// How a night goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goes {
    /// Its process lives.
    Running,
    /// It came to its end.
    Over,
    /// It did not, and nobody goes on with it.
    CutOff,
}

/// How many runs are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Runs {
    /// Those of the plan.
    pub all: usize,
    /// Nothing more is to be done about them.
    pub done: usize,
    /// It is being run.
    pub running: usize,
    /// They have still to be run.
    pub waiting: usize,
    /// They were left.
    pub left: usize,
}

/// A run in flight.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flight {
    /// Its name.
    pub run: RunId,
    /// Its scenarios, in their order.
    pub scenarios: Vec<String>,
    /// Which attempt.
    pub attempt: u32,
    /// Who takes part.
    pub phones: Vec<PhoneName>,
    /// When it began, in UTC.
    pub began: String,
    /// How long ago that is.
    pub since_ms: u64,
    /// How long it should take.
    pub expected_ms: u64,
    /// So many earlier runs took that; 0: it is computed from the phones' timers, at most.
    pub of_runs: u32,
    /// When it is ended, from when it has the bench.
    pub limit_ms: u64,
    /// Its directory, within that of the night; null: it has none yet.
    pub directory: Option<String>,
    /// What it is about, by the end of its journal or what it said last; null: it told nothing yet.
    pub doing: Option<String>,
}

/// A case that is no plain pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The run that it is of.
    pub run: RunId,
    /// Which case.
    #[serde(flatten)]
    pub id: CaseId,
    /// What it came to.
    pub verdict: Verdict,
    /// Whose fault.
    pub blame: Option<Blame>,
    /// The word for what is wrong.
    pub code: Option<String>,
    /// The same for people.
    pub reason: Option<String>,
    /// Whether it was not so, or not with this code, in the nights before.
    pub new: bool,
    /// The directory that holds the evidence, within that of the night.
    pub directory: Option<String>,
}

/// A run that waits for its turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waits {
    /// Its name.
    pub run: RunId,
    /// How long it should take.
    pub expected_ms: u64,
}

/// What was seen of the files of a night.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// When it was looked, in nanoseconds since the Unix epoch.
    pub now_unix_ns: i64,
    /// Somebody has its ledger.
    pub lives: bool,
    /// When a file of it was last written to.
    pub sign_unix_ns: i64,
    /// The directory of the run in flight, within that of the night.
    pub run_directory: Option<String>,
    /// What that run is about.
    pub doing: Option<String>,
}

impl Standing {
    /// That there is no night.
    pub fn none(now_unix_ns: i64) -> Self {
        Self { schema: SCHEMA, now: summary::utc(now_unix_ns), night: None }
    }

    /// Where a night of this name in this directory is.
    pub fn of(name: &str, directory: &str, night: &Night, outcomes: &[Outcome], before: &Before, seen: Seen) -> Self {
        Self {
            schema: SCHEMA,
            now: summary::utc(seen.now_unix_ns),
            night: Some(Stands::of(name, directory, night, outcomes, before, seen)),
        }
    }
}

impl Stands {
    fn of(name: &str, directory: &str, night: &Night, outcomes: &[Outcome], before: &Before, seen: Seen) -> Self {
        let goes = match (&night.closed, seen.lives) {
            (Some(_), _) => Goes::Over,
            (None, true) => Goes::Running,
            (None, false) => Goes::CutOff,
        };
        let sign = seen.sign_unix_ns.max(night.last_unix_ns);
        let waiting = waiting(night);
        let flight = night.in_flight().filter(|_| goes == Goes::Running).map(|it| flight(it, &seen));
        let left = (goes == Goes::Running).then(|| left(night, &waiting, seen.now_unix_ns));
        Self {
            night: name.to_owned(),
            directory: directory.to_owned(),
            suite: night.plan.suite.clone(),
            bench: night.plan.bench.clone(),
            state: goes,
            began: summary::utc(night.began_unix_ns),
            since_ms: since(night.began_unix_ns, seen.now_unix_ns),
            resumed: night.resumed,
            exit: night.closed.as_ref().map(|closed| closed.exit),
            stopped_by: night.closed.as_ref().and_then(|closed| closed.stopped_by.clone()),
            last_sign: summary::utc(sign),
            silent_ms: since(sign, seen.now_unix_ns),
            runs: Runs::of(night),
            counts: summary::counts(outcomes.iter().map(|outcome| &outcome.case)),
            in_flight: flight,
            compared_with: before.night.clone(),
            failed: failed(outcomes, before),
            rig_faults: points(outcomes, before, |outcome| outcome.case.verdict == Verdict::RigError),
            parked: night.parked.values().cloned().collect(),
            to_go: waiting.iter().map(|(run, time)| Waits { run: run.id.clone(), expected_ms: ms(*time) }).collect(),
            left_ms: left.map(ms),
            over_at: left.map(|left| {
                let left = i64::try_from(left.as_nanos()).unwrap_or(i64::MAX);
                summary::utc(seen.now_unix_ns.saturating_add(left))
            }),
        }
    }
}

impl Runs {
    /// Where the runs of a night are.
    pub fn of(night: &Night) -> Self {
        let mut runs = Self { all: night.plan.runs.len(), ..Self::default() };
        for (run, attempts, left) in night.runs() {
            match (night.status(run, attempts), left) {
                (Status::Done, _) => runs.done += 1,
                (Status::Running, _) => runs.running += 1,
                (Status::Waiting, Some(_)) => runs.left += 1,
                (Status::Waiting, None) => runs.waiting += 1,
            }
        }
        runs
    }
}

/// Runs that have still to be run, and were not left.
fn waiting(night: &Night) -> Vec<(&PlannedRun, Duration)> {
    let runs =
        night.runs().filter(|(run, attempts, left)| left.is_none() && night.status(run, attempts) == Status::Waiting);
    runs.map(|(run, attempts, _)| (run, run.share(&night.next(run, attempts).scenarios))).collect()
}

/// How long all that is left should take. What takes longer than it should is over at any moment.
pub fn left_of(night: &Night, now_unix_ns: i64) -> Duration {
    left(night, &waiting(night), now_unix_ns)
}

fn left(night: &Night, waiting: &[(&PlannedRun, Duration)], now_unix_ns: i64) -> Duration {
    let of_flight = night.in_flight().map(|(run, attempt)| {
        let so_far = Duration::from_millis(since(attempt.began_unix_ns, now_unix_ns));
        run.share(&attempt.scenarios).saturating_sub(so_far)
    });
    waiting.iter().map(|(_, time)| time).sum::<Duration>() + of_flight.unwrap_or_default()
}

fn flight((run, attempt): (&PlannedRun, &Attempt), seen: &Seen) -> Flight {
    Flight {
        run: run.id.clone(),
        scenarios: attempt.scenarios.clone(),
        attempt: attempt.number,
        phones: attempt.phones.clone(),
        began: summary::utc(attempt.began_unix_ns),
        since_ms: since(attempt.began_unix_ns, seen.now_unix_ns),
        expected_ms: ms(run.share(&attempt.scenarios)),
        of_runs: run.estimate.of_runs,
        limit_ms: ms(run.limit),
        directory: seen.run_directory.clone(),
        doing: seen.doing.clone(),
    }
}

/// Cases that break a night, the new ones first.
pub fn failed(outcomes: &[Outcome], before: &Before) -> Vec<Point> {
    let mut failed = points(outcomes, before, |outcome| before::breaks(outcome.case.verdict, outcome.case.expected));
    failed.sort_by_key(|point| !point.new);
    failed
}

/// Some cases, in their order.
pub fn points(outcomes: &[Outcome], before: &Before, are: impl Fn(&&Outcome) -> bool) -> Vec<Point> {
    let point = |Outcome { run, directory, case, .. }: &Outcome| Point {
        run: run.clone(),
        id: case.id.clone(),
        verdict: case.verdict,
        blame: case.blame,
        code: case.code.clone(),
        reason: case.reason.clone(),
        new: before::breaks(case.verdict, case.expected) && before.is_new(case),
        directory: directory.clone(),
    };
    outcomes.iter().filter(are).map(point).collect()
}

/// From then to now; nothing if the clock was set back meanwhile.
fn since(unix_ns: i64, now_unix_ns: i64) -> u64 {
    u64::try_from(now_unix_ns.saturating_sub(unix_ns) / 1_000_000).unwrap_or_default()
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::state::sample;

    fn stands(length: usize, second: i64, lives: bool) -> Stands {
        let night = Night::of(&sample::night()[..length]).unwrap();
        let outcomes = night.outcomes();
        let seen = Seen {
            now_unix_ns: sample::at(second, super::super::Event::Resumed).at_unix_ns,
            lives,
            sign_unix_ns: sample::at(second - 2, super::super::Event::Resumed).at_unix_ns,
            run_directory: Some("2026-11-25T221503Z-failover-1".to_owned()),
            doing: Some("step 3 of 7: wait".to_owned()),
        };
        Standing::of("night", "/reports/night", &night, &outcomes, &Before::default(), seen).night.unwrap()
    }

    #[test]
    fn a_night_in_a_run_tells_of_it_and_when_all_should_be_over() {
        let stands = stands(15, 24, true);
        assert_eq!((stands.state, stands.since_ms, stands.silent_ms), (Goes::Running, 24_000, 2000));
        assert_eq!(stands.runs, Runs { all: 5, done: 4, running: 1, waiting: 0, left: 0 });
        let flight = stands.in_flight.unwrap();
        assert_eq!((flight.run.0.as_str(), flight.attempt, flight.since_ms), ("2.1.failover", 1, 10_000));
        assert_eq!((stands.left_ms, stands.over_at.as_deref()), (Some(30_000), Some("2026-11-25T22:15:57Z")));
        assert_eq!(stands.rig_faults.len(), 1);
        assert_eq!(stands.counts["not-run"], 3);
    }

    #[test]
    fn what_takes_longer_than_expected_leaves_no_negative_time() {
        assert_eq!(stands(15, 500, true).left_ms, Some(0));
    }

    #[test]
    fn a_night_that_nobody_has_is_cut_off_and_one_that_was_closed_is_over() {
        let cut = stands(15, 500, false);
        assert_eq!((cut.state, cut.in_flight, cut.left_ms, cut.over_at), (Goes::CutOff, None, None, None));
        let over = stands(19, 500, true);
        assert_eq!((over.state, over.exit, over.runs.done), (Goes::Over, Some(3), 5));
        assert!(over.to_go.is_empty());
    }

    #[test]
    fn a_failure_that_has_its_second_turn_before_it_is_told_so_and_new_ones_stand_first() {
        let stands = stands(16, 30, true);
        assert_eq!(stands.runs.waiting, 1);
        assert_eq!(stands.to_go[0].run.0, "2.1.failover");
        let [failed] = stands.failed.as_slice() else { panic!("{:?}", stands.failed) };
        assert!(failed.new && failed.id.phone == "p2".into() && failed.code.as_deref() == Some("never-failed-back"));
    }

    #[test]
    fn the_document_keeps_the_names_and_order_of_its_contract() {
        let night = Night::of(&sample::night()[..16]).unwrap();
        let seen = Seen { now_unix_ns: night.last_unix_ns + 500_000_000, lives: true, ..Seen::default() };
        let document = Standing::of("night", "/reports/night", &night, &night.outcomes(), &Before::default(), seen);
        insta::assert_snapshot!(serde_json::to_string(&document).unwrap().replace(",\"", ",\n\""));
    }
}
