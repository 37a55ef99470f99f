//! Waits until every line has the subscription of its message lamp where it is registered, or until it is clear that it
//! will not.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    engine::{
        bound::{self, Window},
        case::{CaseRun, Finding, Leg, Moved},
        dialog::{Exchange, Sent, Subscribed},
        judge, measure,
        registration::Fix,
        run::GRACE,
        subjects::Subjects,
    },
    event::{Move, ServerName, Stamp},
    verdict::{Blame, CaseId},
};

/// How long the NOTIFY of a subscription may take. It is sent at once (RFC 6665 section 4.2.1.1), and again after 0.5, 1.5
/// and 3.5 s: as many copies are not lost.
const NOTIFYING: Duration = Duration::from_secs(4);

/// The step.
#[derive(Debug)]
pub struct LampWait {
    waits: BTreeMap<CaseId, Wait>,
}

/// What is awaited of one case.
#[derive(Debug)]
struct Wait {
    leg: Leg,
    /// What made the line move, or register in the first place.
    cause: Fix,
    moved: Moved,
    home: ServerName,
    /// From the move on.
    window: Window,
    /// When it is looked at again.
    again: Stamp,
}

impl LampWait {
    /// Computes each case's window.
    pub fn begin(subjects: &mut Subjects, fix: Fix) -> Self {
        let observing = subjects.observing().unwrap_or(fix);
        let mut waits = BTreeMap::new();
        for case in subjects.running() {
            match Wait::of(case, observing) {
                Some(wait) => {
                    waits.insert(case.id.clone(), wait);
                }
                None => case.decide(Finding::rig("no-cause", "the message lamp is expected of a line that is nowhere")),
            }
        }
        Self { waits }
    }

    /// Takes each case as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects) {
        self.waits.retain(|id, wait| {
            wait.amend(id, subjects);
            let again = wait.advance(id, now, subjects);
            wait.again = again.unwrap_or(wait.again);
            again.is_some()
        });
    }

    /// The first time at which a case must be looked at again.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.waits.values().map(|wait| (wait.again, "the subscription of a message lamp")).min()
    }
}

impl Wait {
    fn of(case: &CaseRun, observing: Fix) -> Option<Self> {
        let (leg, moved) = case.last_move()?;
        let cause = case.cause(leg, observing)?;
        let at = moved.done.when.at.max(cause.when.at);
        let held = case.lamp.live_at(cause.when.at).filter(|held| held.until > at);
        let window = bound::lamp(&case.timers, held.map(|held| (held.granted, held.until.since(at))));
        let mut wait = Self { leg, cause, moved, home: case.subscribes_at()?.clone(), window, again: at };
        wait.again = wait.due();
        Some(wait)
    }

    /// A late report may have changed when the cause was.
    fn amend(&mut self, id: &CaseId, subjects: &Subjects) {
        let cause = |case: &CaseRun| case.cause(self.leg, subjects.observing()?);
        self.cause = subjects.case(id).and_then(cause).unwrap_or(self.cause);
    }

    fn due(&self) -> Stamp {
        self.moved.done.when.at.max(self.cause.when.at) + self.window.length + GRACE
    }

    /// The same, as the wire shows it: what was lost is sent again, the SUBSCRIBE by the phone, and by the server the NOTIFY
    /// that follows.
    fn due_by(&self, case: &CaseRun, granted: Option<Subscribed>) -> Stamp {
        let asked = case.lamp.asked_at(&self.home, self.cause.when.at);
        let unheard = asked.filter(|it| it.heard.is_none() && !it.is_reliable());
        let again = unheard.filter_map(|it| it.sent.as_ref()).map(Sent::again);
        let told = granted.map(|granted| granted.done.when.at + NOTIFYING);
        again.chain(told).map(|at| at + GRACE).fold(self.due(), Stamp::max)
    }

    /// The longest time that it may take from the cause on.
    fn limit(&self) -> Duration {
        self.moved.done.when.at.since(self.cause.when.at) + self.window.length
    }

    /// When it must be looked at again; none: nothing more is awaited.
    fn advance(&self, id: &CaseId, now: Stamp, subjects: &mut Subjects) -> Option<Stamp> {
        let case = subjects.case(id).filter(|case| case.running() && !case.step_done)?;
        let since = self.cause.when.at;
        // A line that was not moved may keep the subscription that it has.
        let stayed = match self.leg.of {
            Move::Baseline => case.follows,
            of => of == Move::Failback && case.origin(self.leg).is_none(),
        };
        let kept = stayed.then(|| case.lamp.held_at(&self.home, now)).flatten();
        let granted = case.lamp.granted_at(&self.home, since).or(kept);
        if let Some(granted) = granted.filter(|granted| granted.notified.is_some()) {
            self.restored(id, granted, subjects);
            return None;
        }
        let due = self.due_by(case, granted);
        if now < due {
            return Some(due);
        }
        let watch = subjects.watch(&id.phone);
        let dead = watch.and_then(|watch| judge::dead(watch, self.cause));
        let finding = dead.unwrap_or_else(|| self.missing(case, granted));
        self.measure(id, Err("no subscription was seen"), subjects);
        subjects.decide_case(id, finding);
        None
    }

    fn restored(&self, id: &CaseId, granted: Subscribed, subjects: &mut Subjects) {
        let evidence: Vec<u64> =
            [granted.request, granted.done].into_iter().chain(granted.notified).map(|fix| fix.seq).collect();
        if granted.request.when.at < self.cause.when.at {
            // Nothing was restored, so there is no time that it took.
            return subjects.finish_case_step(id, &format!("still subscribed at {}", self.home), &evidence);
        }
        let took = granted.done.when.at.since(self.cause.when.at);
        let limit = self.limit();
        self.measure(id, Ok(granted.done), subjects);
        let said = format!("subscribed at {} after {:.1} s", self.home, took.as_secs_f64());
        // What was lost behind the bridge and had to be sent again is not the phone's time.
        let repeating = subjects.case(id).map_or(Duration::ZERO, |case| self.repeated(case));
        let doubt = Duration::from_nanos(self.cause.when.error_ns + granted.done.when.error_ns) + repeating;
        if took > limit + doubt {
            let reason = format!("{said}; {:.1} s are allowed ({})", limit.as_secs_f64(), self.window.derivation);
            subjects.decide_case(id, Finding::fail(Blame::Phone, "subscription-late", reason).shown_by(evidence));
        } else {
            let note = format!("{said}, {:.1} s allowed", limit.as_secs_f64());
            subjects.finish_case_step(id, &note, &evidence);
        }
    }

    /// How long SUBSCRIBEs were sent again because nothing answered them.
    fn repeated(&self, case: &CaseRun) -> Duration {
        let asked = case.lamp.asked_at(&self.home, self.cause.when.at).filter_map(Exchange::repeated);
        asked.map(|(from, to)| to.since(from)).sum()
    }

    /// What to say of a living phone whose lamp has no subscription where the line is.
    fn missing(&self, case: &CaseRun, granted: Option<Subscribed>) -> Finding {
        let home = &self.home;
        let allowed =
            format!("in {:.1} s after it came there ({})", self.window.length.as_secs_f64(), self.window.derivation);
        let asked: Vec<&Exchange> = case.lamp.asked_at(home, self.cause.when.at).collect();
        let passed = asked.iter().rev().find(|it| it.sent.as_ref().is_some_and(|sent| sent.passed.is_some()));
        let finding = if !case.lamp.is_wanted() {
            let reason =
                "the phone never subscribed to its message lamp; is it told to (`sip explicit mwi subscription`)?";
            Finding::skipped("no-subscription", reason)
        } else if granted.is_some() {
            let reason = format!("server {home} granted the subscription and sent no NOTIFY");
            Finding::fail(Blame::Server, "no-notify", reason)
        } else {
            match (passed, passed.and_then(|asked| asked.answer)) {
                (None, _) => {
                    let reason = format!("the phone sent no SUBSCRIBE for its message lamp to server {home} {allowed}");
                    Finding::fail(Blame::Phone, "subscription-lost", reason)
                }
                (Some(_), None) => {
                    let reason = format!("server {home} did not answer the SUBSCRIBE for the message lamp");
                    Finding::fail(Blame::Server, "subscription-unanswered", reason)
                }
                (Some(asked), Some(_)) if asked.is_challenged() => {
                    let reason = format!("server {home} asked for credentials, and the phone sent none that it takes");
                    Finding::fail(Blame::Phone, "no-credentials", reason)
                }
                (Some(_), Some(answer)) => {
                    let reason =
                        format!("server {home} answered the SUBSCRIBE for the message lamp with {}", answer.code);
                    Finding::fail(Blame::Server, "subscription-refused", reason)
                }
            }
        };
        let shown = asked.iter().rev().take(8).filter_map(|it| it.first());
        finding.shown_by([self.cause, self.moved.done].into_iter().chain(shown).map(|fix| fix.seq))
    }

    fn measure(&self, id: &CaseId, to: Result<Fix, &str>, subjects: &mut Subjects) {
        let Some((case, _)) = subjects.case_and_detectors(id) else { return };
        let name = format!("mwi-{}", self.leg.of);
        let measured = measure::span(case, &name, self.leg, self.cause, to, Some(self.limit()));
        case.noted.push(measured);
    }
}
