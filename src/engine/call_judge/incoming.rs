//! What became of a call that a peer on the servers' side made: one leg crosses the bridge, that of the phone.
//!
//! What happened between the peer and the server nobody sees, so that a call of which nothing reached the phone is held
//! against nobody; what the peer's command wrote stands in the reason.

use std::time::Duration;

use super::{AT_ONCE, GRACE, Outcome, both_fail, callee_fails};
use crate::{
    engine::{
        bound,
        case::{CaseRun, Finding},
        dialog::{Call, Exchange},
        measure,
        peer::CallOfPeer,
        registration::Fix,
    },
    event::{Stamp, Toward},
    verdict::{Blame, Measurement},
};

/// A call of a peer, seen from the phone that it called.
#[derive(Debug)]
pub struct Incoming<'a> {
    callee: &'a CaseRun,
    call: &'a CallOfPeer,
    /// Its leg, if any INVITE of it was seen.
    leg: Option<Call<'a>>,
    /// When the command was begun.
    begun: Fix,
    /// When the step began.
    step: Stamp,
}

impl<'a> Incoming<'a> {
    /// The call that was ordered at `since`.
    pub fn new(callee: &'a CaseRun, call: &'a CallOfPeer, since: Fix, step: Stamp) -> Self {
        let begun = call.begun.unwrap_or(since);
        Self { callee, call, leg: callee.calls.last(Toward::Phone, since.when.at), begun, step }
    }

    /// How the call stands against what is expected of it.
    pub fn outcome(&self, of: crate::config::CallMark, now: Stamp) -> Outcome {
        use crate::config::CallMark;
        match (of, self.leg.as_ref().zip(self.reached())) {
            (CallMark::Fails, reached) => self.fails(reached, now),
            (_, None) => self.undelivered(now),
            (CallMark::Ringing, Some((leg, reached))) => Self::ringing(leg, reached, now),
            (CallMark::Answered, Some((leg, reached))) => self.answered(leg, reached, now),
            (CallMark::Alive, Some((leg, _))) => self.alive(leg, now),
            (CallMark::HungUp, Some((leg, _))) => self.hung_up(leg, now),
        }
    }

    /// The first INVITE that reached the phone.
    fn reached(&self) -> Option<Fix> {
        self.leg.as_ref()?.invites.iter().find_map(|it| it.sent.as_ref()?.passed)
    }

    /// No INVITE reached the phone, so far.
    fn undelivered(&self, now: Stamp) -> Outcome {
        let away = self.callee.is_away(&self.callee.primary);
        let window = bound::post_dial(&self.callee.timers, away);
        let mut due = self.begun.when.at + window.length + GRACE;
        if let Some((ended, _)) = &self.call.ended {
            due = due.min(ended.when.at + GRACE);
        }
        if now < due {
            return Outcome::Wait(due);
        }
        if self.leg.is_some() {
            let reason = "the call was lost in the outage on its way to the phone that was called";
            return both_fail(Finding::unclear("callee-unreachable", reason)).shown_by([self.begun.seq]);
        }
        let reason = format!(
            "{} through server {}, and no INVITE reached the phone in {:.1} s: server or peer may be at fault{}",
            self.who(),
            self.call.call.server,
            due.since(self.begun.when.at).as_secs_f64(),
            self.word()
        );
        both_fail(Finding::unclear("call-not-delivered", reason)).shown_by(self.shown())
    }

    fn ringing(leg: &Call<'_>, reached: Fix, now: Stamp) -> Outcome {
        if let Some((refused, _)) = leg.refused() {
            let reason = format!("the phone refused the call with {}", refused.code);
            return callee_fails(Finding::fail(Blame::Phone, "refused-call", reason))
                .shown_by([reached.seq, refused.fix.seq]);
        }
        let Some((rang, _)) = leg.rang() else { return Self::silent(leg, reached, now) };
        let took = rang.fix.when.at.since(reached.when.at);
        let repeated = leg.invites.iter().filter_map(|it| it.repeated()).map(|(from, to)| to.since(from)).sum();
        let doubt = Duration::from_nanos(reached.when.error_ns + rang.fix.when.error_ns) + repeated;
        let evidence = vec![reached.seq, rang.fix.seq];
        let note = format!("rang {:.1} s after the INVITE", took.as_secs_f64());
        if took > AT_ONCE + doubt {
            let reason = format!("the phone {note}, {:.1} s allowed", AT_ONCE.as_secs_f64());
            return callee_fails(Finding::fail(Blame::Phone, "call-late", reason)).shown_by(evidence);
        }
        let callee = vec![measure::between("ring-delay", reached, rang.fix, Some(AT_ONCE))];
        Outcome::Held { note, evidence, caller: Vec::new(), callee }
    }

    /// It reached the phone, and nothing that the phone said about it got through.
    fn silent(leg: &Call<'_>, reached: Fix, now: Stamp) -> Outcome {
        let due = reached.when.at + 2 * AT_ONCE + GRACE;
        if now < due {
            return Outcome::Wait(due);
        }
        let ignored = |leg: &&&Exchange| leg.must_have_arrived() && (leg.is_reliable() || leg.heard.is_none());
        if leg.invites.iter().any(|it| ignored(&it)) {
            let reason = "an INVITE reached the phone, and it did not ring";
            return callee_fails(Finding::fail(Blame::Phone, "never-rang", reason)).shown_by([reached.seq]);
        }
        let reason = "an INVITE was on its way to the phone, and nothing shows that it rang: what says so may have been lost \
                      where the bridge does not see it";
        both_fail(Finding::unclear("ringing-lost", reason)).shown_by([reached.seq])
    }

    fn answered(&self, leg: &Call<'_>, reached: Fix, now: Stamp) -> Outcome {
        if let Some(outcome) = self.dropped(leg) {
            return outcome;
        }
        let picked_up = leg.picked_up();
        // A copy that does not come shows that the phone has heard (RFC 3261 section 13.3.1.4).
        let again = picked_up.map(|(_, answer)| answer.again() + GRACE);
        let mut due = self.step + AT_ONCE + GRACE;
        if let (Some(again), false) = (again, leg.is_reliable()) {
            due = due.max(again);
        }
        match (leg.answered(), leg.acknowledged(), picked_up) {
            (Some(answer), Some(heard), Some((it, _))) => {
                if let Some(again) = again.filter(|again| !it.is_reliable() && now < *again) {
                    return Outcome::Wait(again);
                }
                let took = answer.fix.when.at.since(reached.when.at).as_secs_f64();
                Outcome::Held {
                    note: format!("up {took:.1} s after its INVITE"),
                    evidence: vec![reached.seq, answer.fix.seq, heard.seq],
                    caller: Vec::new(),
                    callee: Vec::new(),
                }
            }
            _ if now < due => Outcome::Wait(due),
            (Some(answer), ..) => {
                let reason = format!("the peer's ACK did not reach the phone{}", self.word());
                both_fail(Finding::unclear("ack-lost", reason)).shown_by([answer.fix.seq])
            }
            (None, _, Some((_, answer))) => {
                let reason = "the phone picked up, and an outage took what said so";
                both_fail(Finding::unclear("answer-lost", reason)).shown_by([answer.fix.seq])
            }
            (None, _, None) => {
                let reason = "the key to pick up arrived, and the phone did not answer the call";
                callee_fails(Finding::fail(Blame::Phone, "never-answered", reason)).shown_by([reached.seq])
            }
        }
    }

    fn alive(&self, leg: &Call<'_>, now: Stamp) -> Outcome {
        if let Some(outcome) = self.dropped(leg) {
            return outcome;
        }
        let due = self.step + GRACE;
        let Some(answer) = leg.answered().filter(|_| now >= due) else { return Outcome::Wait(due) };
        let note = format!(
            "up for {:.1} s, its session changed {} times, and no BYE was seen",
            self.step.since(answer.fix.when.at).as_secs_f64(),
            leg.changes()
        );
        Outcome::Held { note, evidence: vec![answer.fix.seq], caller: Vec::new(), callee: Vec::new() }
    }

    /// Somebody has ended the call, and nobody should have.
    fn dropped(&self, leg: &Call<'_>) -> Option<Outcome> {
        let end = leg.ended()?;
        if end.by.toward == Toward::Server {
            let reason = format!("the phone ended the call with {}", end.by.method);
            return Some(callee_fails(Finding::fail(Blame::Phone, "call-dropped", reason)).shown_by([end.fix.seq]));
        }
        let reason = format!("the peer, or a server for it, ended the call with {}{}", end.by.method, self.word());
        Some(both_fail(Finding::unclear("call-dropped", reason)).shown_by([end.fix.seq]))
    }

    /// Who was called by a peer hangs up.
    fn hung_up(&self, leg: &Call<'_>, now: Stamp) -> Outcome {
        let mut due = self.step + AT_ONCE + GRACE;
        let Some(end) = leg.ended() else {
            if now < due {
                return Outcome::Wait(due);
            }
            let reason = "the key to hang up arrived, and the phone ended the call by nothing";
            return callee_fails(Finding::fail(Blame::Phone, "never-hung-up", reason));
        };
        if end.by.toward == Toward::Phone {
            return self.dropped(leg).unwrap_or(Outcome::Wait(due));
        }
        if let Some(confirmed) = end.confirmed {
            return Outcome::Held {
                note: format!("{} confirmed by the other end", end.by.method),
                evidence: vec![end.fix.seq, confirmed.fix.seq],
                caller: Vec::new(),
                callee: vec![measure::between("hang-up", end.fix, confirmed.fix, Some(AT_ONCE))],
            };
        }
        if let Some(sent) = &end.by.sent {
            due = due.max(sent.again() + GRACE);
        }
        if now < due {
            return Outcome::Wait(due);
        }
        let reason = format!("nothing answered the {} of the phone{}", end.by.method, self.word());
        both_fail(Finding::unclear("bye-unanswered", reason)).shown_by([end.fix.seq])
    }

    fn fails(&self, reached: Option<(&Call<'_>, Fix)>, now: Stamp) -> Outcome {
        if let Some((leg, reached)) = reached {
            if let Some((rang, _)) = leg.rang() {
                let reason = "the call got through: the line that was called had moved already, or was never cut off";
                return both_fail(Finding::unclear("no-gap", reason)).shown_by([reached.seq, rang.fix.seq]);
            }
            return Self::silent(leg, reached, now);
        }
        let window = bound::post_dial(&self.callee.timers, true);
        let due = self.begun.when.at + window.length + GRACE;
        let refused = self.call.ended.as_ref().filter(|(_, outcome)| outcome.error.is_some());
        if let Some((ended, _)) = self.call.ended.as_ref().filter(|(_, outcome)| outcome.error.is_none()) {
            let reason = format!("{} was answered, and no INVITE reached the phone", self.who());
            return both_fail(Finding::unclear("call-astray", reason)).shown_by([self.begun.seq, ended.seq]);
        }
        if refused.is_none() && now < due {
            return Outcome::Wait(due);
        }
        let lost = self.leg.iter().flat_map(|leg| &leg.invites).filter_map(|it| it.sent.as_ref());
        let (dropped, first) =
            lost.fold((0, None), |(sends, first), sent| (sends + sent.sends, first.or(Some(sent.first))));
        if refused.is_some() && dropped == 0 {
            // A peer that can not call at all would look like this.
            let reason = format!(
                "{} came to nothing, and no INVITE ran into the outage: that proves no gap{}",
                self.who(),
                self.word()
            );
            return both_fail(Finding::unclear("call-not-delivered", reason)).shown_by(self.shown());
        }
        let note = format!(
            "lost: {dropped} INVITEs ran into the outage, and nothing rang in {:.1} s",
            window.length.as_secs_f64().min(now.since(self.begun.when.at).as_secs_f64())
        );
        let lost = Measurement {
            value: Some(1.0),
            unit: "1".to_owned(),
            error: None,
            ..measure::between("calls-lost", self.begun, self.begun, None)
        };
        let evidence = self.shown().into_iter().chain(first.map(|fix| fix.seq)).collect();
        Outcome::Held { note, evidence, caller: Vec::new(), callee: vec![lost] }
    }

    fn who(&self) -> String {
        format!("the call of peer {} to {}", self.call.call.peer, self.call.call.extension)
    }

    /// What the peer's command said when it ended, if it has.
    fn word(&self) -> String {
        let Some((_, outcome)) = &self.call.ended else { return String::new() };
        let how = outcome.error.as_deref().unwrap_or("ended as if the call had been answered");
        let wrote = if outcome.output.is_empty() { String::new() } else { format!(" (\"{}\")", outcome.output) };
        format!("; its command {how}{wrote}")
    }

    fn shown(&self) -> Vec<u64> {
        let ended = self.call.ended.as_ref().map(|(ended, _)| ended.seq);
        std::iter::once(self.begun.seq).chain(ended).collect()
    }
}
