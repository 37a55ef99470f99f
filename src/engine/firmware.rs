//! What a phone calls itself, and that it begins to call itself something else: it took another firmware in the middle of a night. That
//! is no fault of it, and no phone of that night either: what was measured before and after is of two different ones.

use super::{
    Outbox,
    case::{CaseRun, Finding},
    registration::{Fix, address_user},
};
use crate::{
    event::{Derived, SipFact, SipMessage, SipStart, Stamp, Toward},
    verdict::Verdict,
};

/// Of a name, which is the phone's own choice, no more is kept.
const LONGEST: usize = 64;
/// One that calls itself something else each time says nothing by it.
const MOST_CHANGES: u8 = 4;

/// What the phone of a line calls itself when it registers (`User-Agent`, RFC 3261 section 20.41), which desk phones have their
/// firmware in.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    name: Option<String>,
    changes: u8,
}

impl Naming {
    /// The same at the beginning of another scenario.
    pub fn carried(self) -> Self {
        Self { changes: 0, ..self }
    }
}

/// That it changed while a case went on.
#[derive(Debug, Clone)]
pub struct Renamed {
    before: String,
    now: String,
    since: Fix,
}

/// Hears what a phone calls itself in a request to register this line.
pub fn note(case: &mut CaseRun, fact: &SipFact, fix: Fix, out: &mut Outbox) {
    let SipMessage::Read(message) = &fact.message else { return };
    let registers = fact.toward == Toward::Server && matches!(message.start, SipStart::Request { .. });
    if !registers || message.method != "REGISTER" || address_user(&message.to) != Some(case.id.line.as_str()) {
        return;
    }
    let Some(now) = message.agent.as_ref().map(|agent| agent.chars().take(LONGEST).collect::<String>()) else { return };
    let Some(before) = case.naming.name.replace(now.clone()).filter(|before| *before != now) else { return };
    if case.naming.changes == MOST_CHANGES {
        return;
    }
    case.naming.changes += 1;
    let note = format!("the phone calls itself `{now}` now, and `{before}` before: another firmware");
    let (line, code, evidence) = (case.track.line().clone(), "firmware-changed".to_owned(), vec![fix.seq]);
    out.conclude(fix.when, Derived::Detected { line, code, note, evidence });
    case.renamed = Some(Renamed { before, now, since: fix });
}

/// Says of a failure that the phone took another firmware meanwhile.
pub fn weigh(case: &CaseRun, finding: Finding) -> Finding {
    let failed = matches!(finding.verdict, Verdict::Fail | Verdict::RigError);
    let Some(Renamed { before, now, since }) = case.renamed.as_ref().filter(|_| failed) else { return finding };
    let at = since.when.at.since(Stamp::ZERO).as_secs_f64();
    let reason = format!("{}; since {at:.1} s it calls itself `{now}`, and `{before}` before", finding.reason);
    Finding { reason, ..finding }.shown_by([since.seq])
}
