//! What is to be looked at of a line that has no verdict yet.

use std::time::Duration;

use super::{Console, ladder::Rung, story::LineCase};
use crate::{
    config::StepKind,
    event::{LineId, Move, Stamp, Toward},
    report::Deadline,
};

/// A request that got no answer for so long gets none: within that time, UDP has repeated it twice (RFC 3261, section 17.1.2.2).
const PATIENCE: Duration = Duration::from_secs(2);
/// So many messages back, the last is looked for: repetitions stand with the message that they repeat.
const BACK: usize = 8;

impl Console {
    /// In a few words; and whether something is wrong.
    pub(super) fn alert(&self, line: &LineId, now: Stamp) -> Option<(String, bool)> {
        let overdue = self.story.case(line).and_then(|case| self.overdue(case, now));
        if let Some((spent, window)) = overdue {
            return Some((format!("! {} s > {} s", spent.as_secs(), (window / 1000.0).round()), true));
        }
        let phone = self.talk.phone(&line.phone)?;
        let last = phone.sip.rungs().rev().take(BACK).max_by_key(|rung| rung.last);
        if last.is_some_and(|rung| is_request(rung) && now.since(rung.at) >= PATIENCE) {
            return Some(("! no answer".to_owned(), true));
        }
        if phone.face.blind_since.is_some() {
            return Some(("! console lost".to_owned(), true));
        }
        let rings = |rung: &Rung| rung.toward == Toward::Server && rung.label.starts_with("180");
        last.is_some_and(rings).then(|| ("ringing".to_owned(), false))
    }

    /// What the step in progress awaits of a case, and by when.
    pub(super) fn awaited<'c>(&self, case: &'c LineCase) -> Option<&'c Deadline> {
        case.deadlines.get(&self.expected()?)
    }

    fn expected(&self) -> Option<Move> {
        let step = self.board.step.as_ref()?;
        match self.scenario()?.all_steps().nth(step.step)?.kind {
            StepKind::Expect { of } => Some(of),
            _ => None,
        }
    }

    /// How long a case is at a step that should have taken it less, and how many milliseconds; none: it is in time, or done.
    fn overdue(&self, case: &LineCase, now: Stamp) -> Option<(Duration, f64)> {
        let (step, due) = (self.board.step.as_ref()?, self.awaited(case)?);
        let spent = now.since(step.began);
        let name = format!("{:?}", due.of).to_lowercase();
        let done = case.took.contains_key(&step.step) || case.measured.iter().any(|it| it.name == name);
        let late = spent.as_secs_f64() * 1000.0 > due.window_ms;
        (late && !done && case.decided.is_none()).then_some((spent, due.window_ms))
    }
}

/// Whether a phone has asked something that is to be answered.
fn is_request(rung: &Rung) -> bool {
    rung.toward == Toward::Server
        && rung.label.starts_with(|first: char| first.is_ascii_uppercase())
        && !rung.label.starts_with("ACK")
}
