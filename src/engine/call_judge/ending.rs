//! Whether a call came about, stood, and was ended.

use super::{AT_ONCE, GRACE, Outcome, View, both_fail, callee_fails, caller_fails, name};
use crate::{
    config::Party,
    engine::{
        case::Finding,
        dialog::{Call, End},
        registration::Fix,
    },
    event::{Stamp, Toward},
    verdict::Blame,
};

impl View<'_> {
    pub(super) fn answered(&self, out: &Call<'_>, begun: Fix, now: Stamp) -> Outcome {
        if let Some(outcome) = self.dropped(out) {
            return outcome;
        }
        let picked_up = self.into.as_ref().and_then(Call::picked_up);
        let confirmed = match self.callee {
            Some(_) => self.into.as_ref().and_then(Call::acknowledged),
            None => out.acknowledged(),
        };
        let lossless = self.is_lossless(out);
        // Until it has heard that the caller knows, the phone that was called says again that it was picked up; a copy that
        // does not come shows that it has heard (RFC 3261 section 13.3.1.4).
        let again = picked_up.map(|(_, answer)| answer.again() + GRACE);
        let mut due = self.step + AT_ONCE + GRACE;
        if let (Some(again), false) = (again, lossless) {
            due = due.max(again);
        }
        match (out.answered(), out.acknowledged(), confirmed) {
            (Some(answer), Some(_), Some(heard)) => {
                let known = picked_up.is_some_and(|(leg, _)| leg.is_reliable());
                if let Some(again) = again.filter(|again| !known && now < *again) {
                    return Outcome::Wait(again);
                }
                let took = answer.fix.when.at.since(begun.when.at).as_secs_f64();
                Outcome::Held {
                    note: format!("up {took:.1} s after its INVITE"),
                    evidence: vec![begun.seq, answer.fix.seq, heard.seq],
                    caller: vec![self.span("call-setup", out, begun, answer.fix, None)],
                    callee: Vec::new(),
                }
            }
            _ if now < due => Outcome::Wait(due),
            (Some(answer), None, _) => {
                let reason = "the caller's ACK was not seen: it sent none, or the phones speak past the bridge";
                both_fail(Finding::unclear("dialog-unseen", reason)).shown_by([answer.fix.seq])
            }
            (Some(answer), Some(ack), None) => {
                let told = "the caller's ACK did not reach the phone that was called";
                both_fail(between("ack-lost", told, out.must_have_confirmed())).shown_by([answer.fix.seq, ack.seq])
            }
            (None, ..) => match picked_up {
                Some((leg, answer)) => {
                    let reason = "the phone that was called picked up, and the caller was not told";
                    both_fail(between("answer-lost", reason, lossless || leg.must_have_been_told()))
                        .shown_by([answer.fix.seq])
                }
                None if self.callee.is_none() => {
                    let reason = "the peer was called, and did not answer, or nobody told the caller";
                    both_fail(Finding::unclear("peer-silent", reason).shown_by([begun.seq]))
                }
                None => {
                    let reason = "the key to pick up arrived, and the phone did not answer the call";
                    callee_fails(Finding::fail(Blame::Phone, "never-answered", reason).shown_by([begun.seq]))
                }
            },
        }
    }

    pub(super) fn alive(&self, out: &Call<'_>, now: Stamp) -> Outcome {
        if let Some(outcome) = self.dropped(out) {
            return outcome;
        }
        let due = self.step + GRACE;
        let Some(answer) = out.answered().filter(|_| now >= due) else { return Outcome::Wait(due) };
        let changes = out.changes();
        let note = format!(
            "up for {:.1} s, its session changed {changes} times, and no BYE was seen",
            self.step.since(answer.fix.when.at).as_secs_f64()
        );
        Outcome::Held { note, evidence: vec![answer.fix.seq], caller: Vec::new(), callee: Vec::new() }
    }

    /// Somebody has ended the call, and nobody should have.
    fn dropped(&self, out: &Call<'_>) -> Option<Outcome> {
        let ends = [(Party::Callers, out.ended()), (Party::Callees, self.into.as_ref().and_then(Call::ended))];
        let mut ends = ends.into_iter().filter_map(|(party, end)| Some((party, end?)));
        let by_phone = ends.clone().filter(|(_, end)| end.by.toward == Toward::Server);
        if let Some((party, end)) = by_phone.min_by_key(|(_, end)| end.fix.when.at) {
            let reason = format!("the phone ended the call with {} at {}", end.by.method, name(end.by.server.as_ref()));
            let finding = Finding::fail(Blame::Phone, "call-dropped", reason).shown_by([end.fix.seq]);
            return Some(Outcome::Failed { culprit: Some(party), finding, measured: Vec::new() });
        }
        let (_, end) = ends.next()?;
        let reason = format!("{} ended the call with {}", name(end.by.server.as_ref()), end.by.method);
        if self.callee.is_none() {
            let reason = format!("{reason}: it, or the peer behind it");
            return Some(both_fail(Finding::unclear("call-dropped", reason)).shown_by([end.fix.seq]));
        }
        Some(both_fail(Finding::fail(Blame::Server, "call-dropped", reason)).shown_by([end.fix.seq]))
    }

    pub(super) fn hung_up(&self, out: &Call<'_>, now: Stamp) -> Outcome {
        let mut due = self.step + AT_ONCE + GRACE;
        let there = self.into.as_ref().and_then(Call::ended);
        let Some(end) = out.ended() else {
            if now < due {
                return Outcome::Wait(due);
            }
            let reason = "the key to hang up arrived, and the phone sent no BYE";
            return caller_fails(Finding::fail(Blame::Phone, "never-hung-up", reason));
        };
        if end.by.toward == Toward::Phone {
            return self.dropped(out).unwrap_or(Outcome::Wait(due));
        }
        if let (Some(confirmed), None) = (end.confirmed, self.callee) {
            return Outcome::Held {
                note: format!("{} confirmed by the other end", end.by.method),
                evidence: vec![end.fix.seq, confirmed.fix.seq],
                caller: vec![self.span("hang-up", out, end.fix, confirmed.fix, Some(AT_ONCE))],
                callee: Vec::new(),
            };
        }
        let taken = there.filter(|there| there.by.answer.is_some_and(|answer| answer.code < 300));
        if let (Some(confirmed), Some(there)) = (end.confirmed, taken) {
            return Outcome::Held {
                note: format!("{} confirmed by the other end", end.by.method),
                evidence: vec![end.fix.seq, there.fix.seq, confirmed.fix.seq],
                caller: vec![self.span("hang-up", out, end.fix, confirmed.fix, Some(AT_ONCE))],
                callee: Vec::new(),
            };
        }
        // What was lost is sent again, at either end.
        for request in [Some(end), there].into_iter().flatten().filter_map(|end| end.by.sent.as_ref()) {
            due = due.max(request.again() + GRACE);
        }
        if now < due {
            return Outcome::Wait(due);
        }
        let shown = std::iter::once(end.fix).chain(there.map(|there| there.fix)).map(|fix| fix.seq);
        self.not_ended(out, &end, there).shown_by(shown)
    }

    /// The caller hung up, and nothing shows that both ends know.
    fn not_ended(&self, out: &Call<'_>, end: &End<'_>, there: Option<End<'_>>) -> Outcome {
        let method = &end.by.method;
        let lossless = self.is_lossless(out);
        if !end.passed {
            return both_fail(Finding::unclear("bye-lost", format!("an outage took the {method} of the caller")));
        }
        if self.callee.is_none() {
            let reason = format!("nothing answered the {method} of the caller");
            return both_fail(between("bye-unanswered", reason, false));
        }
        let Some(there) = there else {
            let reason = format!("the {method} of the caller did not reach the other end");
            return both_fail(between("bye-lost", reason, end.by.must_have_arrived()));
        };
        match there.by.answer {
            None if there.by.must_have_arrived() => {
                let reason = format!("the phone did not answer the {method} of the caller");
                callee_fails(Finding::fail(Blame::Phone, "bye-unanswered", reason))
            }
            None => {
                let reason = format!("nothing shows that the {method} of the caller was answered");
                both_fail(between("bye-unanswered", reason, false))
            }
            Some(answer) if answer.code >= 300 => {
                let reason = format!("the phone answered the {method} of the caller with {}", answer.code);
                callee_fails(Finding::fail(Blame::Phone, "bye-refused", reason))
            }
            Some(_) => {
                let reason = format!("the caller was not told that its {method} was answered");
                both_fail(between("bye-answer-lost", reason, lossless || there.by.must_have_been_told()))
            }
        }
    }

    fn is_lossless(&self, out: &Call<'_>) -> bool {
        out.is_reliable() && self.into.as_ref().is_none_or(Call::is_reliable)
    }
}

/// What was lost between the two ends of a call: the server's fault, if it is `proven` that it had it.
fn between(code: &'static str, reason: impl Into<String>, proven: bool) -> Finding {
    let reason = reason.into();
    if proven {
        return Finding::fail(Blame::Server, code, reason);
    }
    Finding::unclear(code, format!("{reason}: it may have been lost where the bridge does not see it"))
}
