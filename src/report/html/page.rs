//! What the page says, as plain text; the template only places it.

use askama::Template;
use jiff::Timestamp;

use super::{
    STYLE,
    bench::{PhoneRow, ServerRow, phones, servers},
    heat::HeatTable,
    mark,
    outages::{self, BiteRow, OutageRow},
    split::Split,
    style_hash,
    timeline::Timeline,
};
use crate::{
    config::Scenario,
    look::{Look, span},
    report::{RawFile, RunStory},
    verdict::{Case, Measurement, Verdict},
};

const LOOK: Look = Look { colour: true, unicode: true };

/// The page.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/askama.toml")]
pub struct Page<'f> {
    style: &'static str,
    style_hash: String,
    own_version: &'static str,
    overall: Verdict,
    symbol: &'static str,
    sentence: String,
    run: String,
    scenarios: Vec<Tried>,
    bench: String,
    begun: String,
    took: String,
    version: String,
    exit: u8,
    records: u64,
    keep_secrets: bool,
    chips: Vec<Chip>,
    problems: Vec<Problem>,
    results: Vec<Outcome>,
    timeline: Timeline,
    split: Split,
    registrations: Vec<Registration>,
    outages: Vec<OutageRow>,
    bites: Vec<BiteRow>,
    heat: HeatTable,
    deadlines: Vec<DeadlineRow>,
    measurements: Vec<MeasurementRow>,
    troubles: Vec<(String, String, u64)>,
    findings: Vec<(String, String, String, String)>,
    keys: Vec<String>,
    asked: Vec<String>,
    phones: Vec<PhoneRow>,
    servers: Vec<ServerRow>,
    overrides: Vec<String>,
    files: &'f [RawFile],
}

struct Chip {
    class: Verdict,
    symbol: &'static str,
    count: usize,
    word: &'static str,
}

struct Problem {
    class: Verdict,
    symbol: &'static str,
    verdict: &'static str,
    name: String,
    code: String,
    blame: String,
    expected: bool,
    reason: String,
    facts: Vec<(&'static str, String)>,
}

struct Outcome {
    class: Verdict,
    symbol: &'static str,
    verdict: &'static str,
    name: String,
    failover: Figure,
    failback: Figure,
    reason: String,
}

#[derive(Default)]
struct Figure {
    value: String,
    error: String,
    limit: String,
}

struct Registration {
    line: String,
    server: String,
    from: String,
    until: String,
    ended_by: &'static str,
    refreshes: usize,
    evidence: String,
}

struct DeadlineRow {
    line: String,
    of: String,
    limit: String,
    sum: String,
    assumed: String,
}

/// A scenario that was run.
struct Tried {
    name: String,
    purpose: String,
    proves: String,
}

impl Tried {
    fn of(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            purpose: scenario.title.clone(),
            proves: scenario.proves.clone().unwrap_or_default(),
        }
    }
}

struct MeasurementRow {
    /// How many rows the name of the line spans; 0: it was printed above.
    rows: usize,
    line: String,
    name: String,
    servers: String,
    begins: String,
    value: String,
    error: String,
    limit: String,
    judged: String,
    class: &'static str,
}

impl<'f> Page<'f> {
    /// All that the page says about the run.
    pub fn of(story: &RunStory, exit: u8, files: &'f [RawFile]) -> Self {
        let cases = story.cases();
        let plan = story.plan.as_deref();
        let overall = overall(&cases);
        let text = |of: fn(&crate::config::Plan) -> &str| plan.map_or("unknown", of).to_owned();
        Self {
            style: STYLE,
            style_hash: style_hash(),
            own_version: env!("CARGO_PKG_VERSION"),
            overall,
            symbol: LOOK.symbol(overall),
            sentence: sentence(&cases),
            run: story.run().to_owned(),
            scenarios: plan.map(|plan| plan.scenarios().map(Tried::of).collect()).unwrap_or_default(),
            bench: text(|plan| &plan.bench.name),
            begun: plan.map_or_else(String::new, |plan| begun(plan.epoch_unix_ns)),
            took: span(story.last.as_millis_f64()),
            version: text(|plan| &plan.version),
            exit,
            records: story.last_seq,
            keep_secrets: plan.is_some_and(|plan| plan.keep_secrets),
            chips: chips(&cases),
            problems: problems(story, &cases),
            results: cases.iter().map(outcome).collect(),
            timeline: Timeline::of(story, &cases),
            split: Split::of(&cases),
            registrations: registrations(story),
            outages: outages::rows(story),
            bites: outages::bites(story),
            heat: HeatTable::of(story, &cases),
            deadlines: deadlines(story, &cases),
            measurements: cases.iter().flat_map(measurements).collect(),
            troubles: story.troubles.iter().map(|t| (format!("{} s", t.at), t.note.clone(), t.seq)).collect(),
            findings: story
                .findings
                .iter()
                .map(|f| (format!("{} s", f.at), f.line.to_string(), f.code.clone(), f.note.clone()))
                .collect(),
            keys: keys(story),
            asked: story.asked(),
            phones: phones(story),
            servers: servers(story),
            overrides: plan.map(|plan| plan.overrides.clone()).unwrap_or_default(),
            files,
        }
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Flaky => "flaky",
        Verdict::Fail => "failed",
        Verdict::RigError => "rig error",
        Verdict::Skipped => "skipped",
        Verdict::NotRun => "not run",
    }
}

/// The order in which verdicts matter to a reader.
pub(super) const WORST_FIRST: [Verdict; 6] =
    [Verdict::Fail, Verdict::RigError, Verdict::NotRun, Verdict::Flaky, Verdict::Pass, Verdict::Skipped];

fn overall(cases: &[Case]) -> Verdict {
    WORST_FIRST.into_iter().find(|v| cases.iter().any(|case| case.verdict == *v)).unwrap_or(Verdict::NotRun)
}

fn sentence(cases: &[Case]) -> String {
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let total = cases.len();
    // With several scenarios a line is tried more than once.
    let several = cases.iter().any(|case| case.id.scenario != cases[0].id.scenario);
    let lines = match (several, total) {
        (true, _) => "cases",
        (false, 1) => "line",
        (false, _) => "lines",
    };
    let (passed, failed) = (count(Verdict::Pass), count(Verdict::Fail));
    if total == 0 {
        return "Nothing was tried.".to_owned();
    }
    if passed == total {
        return if total == 1 { "The line passed.".to_owned() } else { format!("All {total} lines passed.") };
    }
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{failed} of {total} {lines} failed"));
    }
    let rest = [
        (Verdict::RigError, "without a verdict because of the rig"),
        (Verdict::NotRun, "not run to the end"),
        (Verdict::Flaky, "passed only on a retry"),
    ];
    for (verdict, words) in rest {
        if count(verdict) > 0 {
            parts.push(format!("{} {words}", count(verdict)));
        }
    }
    if parts.is_empty() {
        return format!("{passed} of {total} {lines} passed, the rest was skipped.");
    }
    format!("{}.", parts.join(", "))
}

fn begun(epoch_unix_ns: i64) -> String {
    Timestamp::from_nanosecond(epoch_unix_ns.into())
        .map_or_else(|_| "at an unknown time".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn chips(cases: &[Case]) -> Vec<Chip> {
    let chip = |class: Verdict| {
        let count = cases.iter().filter(|case| case.verdict == class).count();
        Chip { class, symbol: LOOK.symbol(class), count, word: word(class) }
    };
    WORST_FIRST.map(chip).into_iter().filter(|chip| chip.count > 0).collect()
}

fn problems(story: &RunStory, cases: &[Case]) -> Vec<Problem> {
    let worth = [Verdict::Fail, Verdict::RigError, Verdict::NotRun, Verdict::Flaky];
    worth
        .into_iter()
        .flat_map(|verdict| cases.iter().filter(move |case| case.verdict == verdict))
        .map(|case| Problem {
            class: case.verdict,
            symbol: LOOK.symbol(case.verdict),
            verdict: word(case.verdict),
            name: name(case),
            code: case.code.clone().unwrap_or_else(|| "no-code".to_owned()),
            blame: case.blame.map_or_else(|| "nobody".to_owned(), |blame| blame.to_string()),
            expected: case.expected,
            reason: case.reason.clone().unwrap_or_else(|| "no reason was given".to_owned()),
            facts: facts(story, case),
        })
        .collect()
}

/// Measured against limit, where the limit comes from, what failed on the way, and the records that show it.
fn facts(story: &RunStory, case: &Case) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let limited = |measurement: &&Measurement| measurement.max.is_some() || measurement.min.is_some();
    let (kept, broken): (Vec<_>, Vec<_>) =
        case.measurements.iter().filter(limited).partition(|measurement| judged(measurement).1 == "pass");
    for (sign, measurements) in [("✗", broken), ("✓", kept)] {
        for m in measurements {
            let error = if m.error.is_some() { format!(" {}", mark::error(m)) } else { String::new() };
            let why = m.why_null.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let (value, limit) = (mark::value(m), mark::limit(m));
            facts.push(("measured", format!("{sign} {} {value}{error}, limit {limit}{why}", m.name)));
        }
    }
    for deadline in story.deadlines_of(&case.id) {
        let mut text = format!("{}: {} = {}", deadline.of, deadline.derivation, span(deadline.window_ms));
        if !deadline.assumed.is_empty() {
            text = format!("{text} (assumed: {})", deadline.assumed.join(", "));
        }
        facts.push(("limit", text));
    }
    for step in story.steps.iter().filter(|step| step.case == case.id && !step.ok) {
        facts.push(("step", format!("step {} at {} s: {}", step.step + 1, step.at, step.note)));
    }
    for finding in story.findings.iter().filter(|f| f.line.phone == case.id.phone && f.line.extension == case.id.line) {
        facts.push(("detector", format!("{} at {} s: {}", finding.code, finding.at, finding.note)));
    }
    if !case.evidence.is_empty() {
        facts.push(("evidence", format!("records {}", mark::numbers(&case.evidence))));
    }
    facts
}

fn name(case: &Case) -> String {
    case.id.to_string()
}

fn outcome(case: &Case) -> Outcome {
    let figure = |name: &str| {
        case.measurements.iter().find(|m| m.name == name).map_or_else(Figure::default, |measurement| Figure {
            value: mark::value(measurement),
            error: mark::error(measurement),
            limit: mark::limit(measurement),
        })
    };
    let reason = match (&case.code, &case.reason) {
        (Some(code), Some(reason)) => format!("{code}: {reason}"),
        (code, reason) => code.as_ref().or(reason.as_ref()).cloned().unwrap_or_default(),
    };
    Outcome {
        class: case.verdict,
        symbol: LOOK.symbol(case.verdict),
        verdict: word(case.verdict),
        name: name(case),
        failover: figure("failover"),
        failback: figure("failback"),
        reason,
    }
}

fn registrations(story: &RunStory) -> Vec<Registration> {
    let rows = story.bindings.iter().flat_map(|(line, bindings)| {
        bindings.iter().map(move |binding| Registration {
            line: line.to_string(),
            server: format!("{} ({})", binding.server, story.role(line, &binding.server)),
            from: mark::when(binding.from),
            until: binding.until.map_or_else(|| "end of the run".to_owned(), mark::when),
            ended_by: match (binding.unread, binding.ended_by) {
                (true, _) => "connected only: its signalling is encrypted",
                (false, ended_by) => ended_by.unwrap_or("still alive"),
            },
            refreshes: binding.refreshes.len(),
            evidence: few(&binding.evidence),
        })
    });
    rows.collect()
}

/// The first and last of many numbers.
fn few(evidence: &[u64]) -> String {
    match evidence {
        [first, second, .., last] if evidence.len() > 6 => {
            format!("{first}, {second}, … {last} ({} in all)", evidence.len())
        }
        short => mark::numbers(short),
    }
}

fn deadlines(story: &RunStory, cases: &[Case]) -> Vec<DeadlineRow> {
    let rows = cases.iter().flat_map(|case| {
        story.deadlines_of(&case.id).into_iter().map(move |deadline| DeadlineRow {
            line: name(case),
            of: deadline.of.to_string(),
            limit: span(deadline.window_ms),
            sum: deadline.derivation.clone(),
            assumed: if deadline.assumed.is_empty() { "none".to_owned() } else { deadline.assumed.join(", ") },
        })
    });
    rows.collect()
}

fn measurements(case: &Case) -> Vec<MeasurementRow> {
    let rows = case.measurements.iter().enumerate().map(|(index, measurement)| {
        let (judged, class) = judged(measurement);
        let server = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
        let servers = match (&measurement.from_server, &measurement.to_server) {
            (None, None) => String::new(),
            (from, to) => format!("{} → {}", server(from), server(to)),
        };
        MeasurementRow {
            rows: if index == 0 { case.measurements.len() } else { 0 },
            line: name(case),
            name: measurement.name.clone(),
            servers,
            begins: measurement.at_ms.map_or_else(String::new, |ms| format!("{:.3} s", ms / 1000.0)),
            value: mark::value(measurement),
            error: mark::error(measurement),
            limit: mark::limit(measurement),
            judged,
            class,
        }
    });
    rows.collect()
}

fn judged(measurement: &Measurement) -> (String, &'static str) {
    let Some(value) = measurement.value else {
        return (measurement.why_null.clone().unwrap_or_else(|| "not measured".to_owned()), "skipped");
    };
    match (measurement.min, measurement.max) {
        (_, Some(max)) if value > max => {
            (format!("✗ over by {}", mark::quantity(value - max, &measurement.unit)), "fail")
        }
        (Some(min), _) if value < min => {
            (format!("✗ under by {}", mark::quantity(min - value, &measurement.unit)), "fail")
        }
        (None, None) => (String::new(), "skipped"),
        _ => ("✓ within".to_owned(), "pass"),
    }
}

fn keys(story: &RunStory) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::<&str, (usize, usize)>::new();
    for note in &story.keys {
        let (confirmed, pressed) = counts.entry(&note.phone.0).or_default();
        *confirmed += usize::from(note.by.is_some());
        *pressed += 1;
    }
    counts
        .into_iter()
        .map(|(phone, (confirmed, pressed))| {
            format!("Keys of {phone}: {confirmed} of {pressed} presses showed their effect on its console.")
        })
        .collect()
}
