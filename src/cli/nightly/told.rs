//! What a night says of itself: a line for each event, with its time in UTC, on stderr.

use std::{
    cell::Cell,
    io::{IsTerminal, Write},
    time::Duration,
};

use crate::{
    driver::{clock::RunClock, supervisor::Supervisor},
    event::Stamp,
    look::{Look, harmless, span},
    nightly::{
        Night, PlannedRun,
        finding::{self, Finding},
        plan::Estimate,
        state::{Next, Outcome},
    },
    verdict::{Case, Verdict},
};

/// Writes lines, and knows when the last one was written.
pub(super) struct Teller {
    clock: RunClock,
    look: Look,
    last: Cell<Stamp>,
    /// Nobody is left without a word for longer.
    silence: Duration,
    supervisor: Option<Supervisor>,
}

impl Teller {
    pub(super) fn new(clock: &RunClock, silence: Duration) -> Self {
        let look = Look::of_stream(std::io::stderr().is_terminal());
        let supervisor = Supervisor::of_environment();
        supervisor.iter().for_each(|supervisor| supervisor.ready("the night begins"));
        Self { clock: clock.clone(), look, last: Cell::new(clock.now()), silence, supervisor }
    }

    /// When the next line has to be written.
    pub(super) fn due(&self) -> Stamp {
        self.last.get() + self.silence
    }

    /// How long somebody may be about something without saying so.
    pub(super) fn patience(&self) -> Duration {
        self.beat().map_or(self.silence, |beat| beat.min(self.silence))
    }

    /// How often the service manager wants to hear that the night goes on.
    pub(super) fn beat(&self) -> Option<Duration> {
        self.supervisor.as_ref().and_then(Supervisor::beat)
    }

    /// Tells the service manager that the night goes on, and what it is about.
    pub(super) fn goes_on(&self, about: &str) {
        self.supervisor.iter().for_each(|supervisor| supervisor.goes_on(about));
    }

    /// Tells the service manager that the night comes to its end.
    pub(super) fn ends(&self, about: &str) {
        self.supervisor.iter().for_each(|supervisor| supervisor.stopping(about));
    }

    /// Writes a line.
    pub(super) fn say(&self, text: &str) {
        self.last.set(self.clock.now());
        let text = self.look.spelt(&harmless(text));
        // Nobody is left to be told if stderr is gone.
        let _ = writeln!(std::io::stderr(), "{} {text}", time(self.clock.unix_ns(self.clock.now())));
    }

    /// Tells a case.
    pub(super) fn case(&self, case: &Case) {
        self.say(&format!("  {} {}", self.look.symbol(case.verdict), told(case)));
    }
}

/// A case in one line.
fn told(case: &Case) -> String {
    let mut line = format!("{:9} {}", case.verdict, case.id);
    let known =
        if matches!(case.verdict, Verdict::Fail | Verdict::Flaky) && !case.expected { "as expected; " } else { "" };
    if let Some(reason) = &case.reason {
        let blame = case.blame.map(|blame| format!("{blame}, ")).unwrap_or_default();
        line += &format!(": {known}{blame}{}: {reason}", case.code.as_deref().unwrap_or("pass"));
    }
    line
}

/// So many phones that came to the same are told together.
const MANY: usize = 3;

/// The cases that are no plain pass, the worst first, for the end of a night. What is the same on many phones is told once.
pub(super) fn open_points(outcomes: &[Outcome], look: Look) -> String {
    let weight = |outcome: &&Outcome| match (outcome.case.verdict, outcome.case.expected) {
        (Verdict::Fail, true) => 0,
        (Verdict::Pass, false) => 1,
        (Verdict::RigError, _) => 2,
        (Verdict::Flaky, true) => 3,
        (Verdict::NotRun, _) => 4,
        (Verdict::Fail | Verdict::Flaky, false) => 5,
        (Verdict::Skipped, _) => 6,
        (Verdict::Pass, true) => 7,
    };
    let mut points: Vec<&Outcome> = outcomes.iter().filter(|outcome| weight(outcome) < 7).collect();
    points.sort_by_key(weight);
    let findings = finding::of(outcomes);
    let shared = |outcome: &Outcome| {
        findings.iter().find(|it| {
            let Case { id, verdict, blame, code, .. } = &outcome.case;
            let same = it.scenario == id.scenario && it.verdict == *verdict && it.blame == *blame && it.code == *code;
            it.run == outcome.run && same && it.phones.len() >= MANY
        })
    };
    let mut told_once: Vec<&Finding> = Vec::new();
    let line = |outcome: &&Outcome| {
        if let Some(finding) = shared(outcome) {
            if told_once.contains(&finding) {
                return String::new();
            }
            told_once.push(finding);
            let phones: Vec<&str> = finding.phones.iter().map(|phone| phone.0.as_str()).collect();
            let all = format!("on {} phones at once ({})", phones.len(), phones.join(", "));
            let text =
                format!("{} {}, {all} ({})", look.symbol(outcome.case.verdict), told(&outcome.case), outcome.run);
            return look.spelt(&harmless(&text)) + "\n";
        }
        let place = outcome.directory.as_deref().map(|directory| format!(", {directory}")).unwrap_or_default();
        let text = format!("{} {} ({}{place})", look.symbol(outcome.case.verdict), told(&outcome.case), outcome.run);
        look.spelt(&harmless(&text)) + "\n"
    };
    points.iter().map(line).collect::<String>()
}

/// The clock of a line.
fn time(unix_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(unix_ns.into()).unwrap_or_default().strftime("%H:%M:%S").to_string()
}

/// A time for people.
pub(in crate::cli) fn length(time: Duration) -> String {
    span(time.as_secs_f64() * 1000.0)
}

/// How long a run will take, for people.
pub(in crate::cli) fn expected(estimate: Estimate) -> String {
    match estimate.of_runs {
        0 => format!("at most {} by the phones' timers", length(estimate.time)),
        1 => format!("{} as once before", length(estimate.time)),
        runs => format!("{} as in {runs} runs before", length(estimate.time)),
    }
}

/// A run with who takes part.
pub(super) fn run(run: &PlannedRun, next: &Next) -> String {
    let phones: Vec<&str> = next.phones.iter().map(|phone| phone.0.as_str()).collect();
    format!("{} on {} ({})", next.scenarios.join(", "), phones.join(", "), run.id)
}

/// Where a night is.
pub(super) fn place(night: &Night, look: Look) -> String {
    let all = night.plan.runs.len();
    let outcomes: Vec<Case> = night.outcomes().into_iter().map(|outcome| outcome.case).collect();
    let decided: Vec<Case> = outcomes.into_iter().filter(|case| case.verdict != Verdict::NotRun).collect();
    let left: Duration = night.waits().iter().map(|waits| waits.time).sum();
    let text = format!(
        "{} of {all} runs done: {}; {} to go",
        night.done(),
        crate::report::table::totals(&decided),
        length(left)
    );
    look.spelt(&text)
}
