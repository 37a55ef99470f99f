//! What became of a call between two phones of the bench, or of one with a peer on the servers' side ([`Incoming`]: of one that
//! the peer made), and whose fault it is if it came to nothing.
//!
//! Both legs are seen: what the caller sent and heard, and what reached the callee and left it. So a call that is lost is
//! lost before the caller's phone, between the two, or at the callee's.
//!
//! Over UDP a message may be lost where the bridge does not see it. Its sender repeats it (RFC 3261 sections 17.1 and
//! 17.2), and that takes nobody's time; what nobody repeats, as a 180, or what was not repeated often enough to prove
//! anything, is held against nobody.

use std::time::Duration;

mod ending;
mod incoming;

pub use incoming::Incoming;

use super::{
    bound::{self, REGISTERING, Window},
    case::{CaseRun, Finding},
    dialog::{Call, Exchange},
    measure,
    registration::Fix,
    run::GRACE,
};
use crate::{
    config::{CallMark, Party},
    event::{ServerName, Stamp, Toward},
    verdict::{Blame, Measurement},
};

/// How long that may take for which no phone has to wait for a dead server.
const AT_ONCE: Duration = REGISTERING;

/// A registration that was confirmed this long before a call is no longer on its way between the parts of a server.
const SETTLED: Duration = Duration::from_secs(1);

/// A call, seen from both ends.
#[derive(Debug)]
pub struct View<'a> {
    caller: &'a CaseRun,
    /// None: a peer on the servers' side, of whose leg the bridge sees nothing.
    callee: Option<&'a CaseRun>,
    /// The leg of the caller.
    out: Option<Call<'a>>,
    /// The leg of the callee.
    into: Option<Call<'a>>,
    /// When the step began.
    step: Stamp,
    /// The caller's phone has found out otherwise that its primary is gone.
    noticed: bool,
}

/// How a call stands.
#[derive(Debug)]
pub enum Outcome {
    /// It is not clear yet; at that time it is.
    Wait(Stamp),
    /// As expected.
    Held {
        /// For people.
        note: String,
        /// The records that show it.
        evidence: Vec<u64>,
        /// What was measured of the caller.
        caller: Vec<Measurement>,
        /// What was measured of the callee.
        callee: Vec<Measurement>,
    },
    /// Otherwise.
    Failed {
        /// Who is concerned; none: both.
        culprit: Option<Party>,
        /// What is wrong.
        finding: Finding,
        /// What was measured of the caller.
        measured: Vec<Measurement>,
    },
}

impl<'a> View<'a> {
    /// The call that was dialled since `since`.
    pub fn new(caller: &'a CaseRun, callee: Option<&'a CaseRun>, since: Stamp, step: Stamp, noticed: bool) -> Self {
        let out = caller.calls.last(Toward::Server, since);
        let into = callee.and_then(|callee| callee.calls.last(Toward::Phone, since));
        Self { caller, callee, out, into, step, noticed }
    }

    /// How the call stands against what is expected of it.
    pub fn outcome(&self, of: CallMark, now: Stamp) -> Outcome {
        let Some((out, begun)) = self.out.as_ref().and_then(|out| Some((out, out.begun()?))) else {
            // Over TCP the primary is asked for a connection first, which no INVITE shows.
            let due = self.step + self.window().length + GRACE;
            if now < due {
                return Outcome::Wait(due);
            }
            let reason = "the keys arrived, and the phone sent no INVITE";
            return caller_fails(Finding::fail(Blame::Phone, "never-called", reason));
        };
        if let Some(finding) = self.wrong_proxy(out, begun) {
            return caller_fails(finding);
        }
        match of {
            CallMark::Ringing => self.ringing(out, begun, now),
            CallMark::Fails => self.fails(out, begun, now),
            CallMark::Answered => self.answered(out, begun, now),
            CallMark::Alive => self.alive(out, now),
            CallMark::HungUp => self.hung_up(out, now),
        }
    }

    fn ringing(&self, out: &Call<'_>, begun: Fix, now: Stamp) -> Outcome {
        let window = self.window();
        let Some((rang, carrier)) = out.rang() else {
            let due = begun.when.at + 2 * window.length + GRACE;
            return match out.refused() {
                Some((answer, by)) => self.refused(answer.code, by, answer.fix),
                None if now < due => Outcome::Wait(due),
                None => self.unheard(out, begun, &window),
            };
        };
        let Some(reached) = self.reached().or_else(|| self.callee.is_none().then_some(rang.fix)) else {
            let due = rang.fix.when.at + GRACE;
            if now < due {
                return Outcome::Wait(due);
            }
            let reason = format!("the caller heard {}, and no INVITE reached the phone that it called", rang.code);
            return both_fail(Finding::fail(Blame::Server, "call-astray", reason).shown_by([begun.seq, rang.fix.seq]));
        };
        let took = rang.fix.when.at.since(begun.when.at);
        let measured = vec![self.span("post-dial-delay", out, begun, rang.fix, Some(window.length))];
        let evidence = vec![begun.seq, rang.fix.seq, reached.seq];
        let repeating = self.repeating(carrier);
        let through = name(carrier);
        let mut allowed = format!("{:.1} s allowed ({})", window.length.as_secs_f64(), window.derivation);
        if !repeating.is_zero() {
            allowed += &format!(" + {:.1} s for what was lost and sent again", repeating.as_secs_f64());
        }
        let note = format!("rang after {:.1} s through {through}, {allowed}", took.as_secs_f64());
        let doubt = Duration::from_nanos(begun.when.error_ns + rang.fix.when.error_ns) + repeating;
        if took <= window.length + doubt {
            return Outcome::Held { note, evidence, caller: measured, callee: Vec::new() };
        }
        let carried = out.invites.iter().find(|it| it.server.as_ref() == carrier).and_then(|it| it.first());
        let connecting = carried.map_or(took, |carried| rang.fix.when.at.since(carried.when.at));
        let (culprit, blame) = if connecting <= REGISTERING + doubt {
            (Some(Party::Callers), Blame::Phone)
        } else if self.callee.is_none() {
            (None, Blame::Unknown)
        } else if self.ringing_late(reached) {
            (Some(Party::Callees), Blame::Phone)
        } else {
            (None, Blame::Server)
        };
        let finding = Finding::fail(blame, "call-late", format!("the call {note}")).shown_by(evidence);
        Outcome::Failed { culprit, finding, measured }
    }

    /// For how long INVITEs were sent again, by the caller or toward the callee, because they or their answers were lost.
    fn repeating(&self, carrier: Option<&ServerName>) -> Duration {
        let out = self.out.iter().flat_map(|out| &out.invites).filter(|it| it.server.as_ref() == carrier);
        let into = self.into.iter().flat_map(|into| &into.invites);
        let mut spans: Vec<(Stamp, Stamp)> = out.chain(into).filter_map(|it| it.repeated()).collect();
        spans.sort();
        let (mut sum, mut covered) = (Duration::ZERO, Stamp::ZERO);
        for (from, to) in spans {
            sum += to.since(from.max(covered));
            covered = covered.max(to);
        }
        sum
    }

    /// Whether it is the phone that was called which took its time.
    fn ringing_late(&self, reached: Fix) -> bool {
        let rings = |into: &Call<'_>| into.invites.iter().find_map(|it| it.rang.or(it.answer));
        let rang = self.into.as_ref().and_then(rings);
        rang.is_some_and(|rang| rang.fix.when.at.since(reached.when.at) > REGISTERING)
    }

    /// Nothing was heard of the call.
    fn unheard(&self, out: &Call<'_>, begun: Fix, window: &Window) -> Outcome {
        let tried: Vec<u64> = out.invites.iter().filter_map(|it| it.first()).map(|first| first.seq).take(8).collect();
        let asked = |server: &ServerName| out.invites.iter().any(|it| it.server.as_ref() == Some(server));
        let (primary, backup) = self.caller.calls_through();
        let primary_away = self.caller.is_away(primary);
        let outcome = match (backup.filter(|_| primary_away), self.reached(), &self.into) {
            (Some(backup), ..) if !asked(backup) => {
                let reason = format!(
                    "the call was not tried at the backup {backup} in {:.1} s, although the primary did not answer ({})",
                    2.0 * window.length.as_secs_f64(),
                    window.derivation
                );
                caller_fails(Finding::fail(Blame::Phone, "call-not-rerouted", reason))
            }
            (_, Some(reached), _) => self.silent(reached),
            (_, None, Some(_)) => both_fail(Finding::unclear(
                "callee-unreachable",
                "the call was lost in the outage on its way to the phone that was called",
            )),
            (_, None, None) if !out.invites.iter().any(|it| it.must_have_arrived() || it.heard.is_some()) => {
                let reason = "the caller did not send its INVITE often enough to tell whether that was lost on its way";
                both_fail(Finding::unclear("call-lost", reason))
            }
            (_, None, None) => {
                let last = name(out.invites.last().and_then(|it| it.server.as_ref()));
                let reason = format!("the call got as far as {last}, which brought it to nobody and refused nothing");
                if self.callee.is_none() {
                    let reason =
                        format!("the call got as far as {last}, and the peer did not ring: either may be at fault");
                    return both_fail(Finding::unclear("call-not-delivered", reason)).shown_by([begun.seq]);
                }
                both_fail(Finding::fail(Blame::Server, "call-not-delivered", reason))
            }
        };
        outcome.shown_by(std::iter::once(begun.seq).chain(tried))
    }

    /// An INVITE reached the phone that was called, and the caller heard no ringing.
    fn silent(&self, reached: Fix) -> Outcome {
        let legs = || self.into.iter().flat_map(|into| &into.invites);
        let ignored = |leg: &&Exchange| leg.must_have_arrived() && (leg.is_reliable() || leg.heard.is_none());
        let reliable = |call: &Option<Call<'_>>| call.as_ref().is_some_and(Call::is_reliable);
        let lossless = reliable(&self.out) && reliable(&self.into);
        match legs().find_map(|leg| leg.rang.or(leg.answer)) {
            Some(rang) if lossless => {
                let reason = format!("the phone that was called said {}, and the caller was not told", rang.code);
                both_fail(Finding::fail(Blame::Server, "ringing-lost", reason).shown_by([reached.seq, rang.fix.seq]))
            }
            Some(rang) => {
                let reason = format!(
                    "the phone that was called said {}, and the caller was not told: it may have been lost where the \
                     bridge does not see it, and nobody says it again",
                    rang.code
                );
                both_fail(Finding::unclear("ringing-lost", reason).shown_by([reached.seq, rang.fix.seq]))
            }
            None if legs().copied().any(|leg| ignored(&leg)) => {
                let reason = "an INVITE reached the phone, and it did not ring";
                callee_fails(Finding::fail(Blame::Phone, "never-rang", reason).shown_by([reached.seq]))
            }
            None => {
                let reason = "an INVITE was on its way to the phone, and nothing shows that it rang: what says so may have \
                              been lost where the bridge does not see it";
                both_fail(Finding::unclear("ringing-lost", reason).shown_by([reached.seq]))
            }
        }
    }

    /// A server or the callee's phone said no.
    fn refused(&self, code: u16, by: Option<&ServerName>, fix: Fix) -> Outcome {
        let said = self.into.as_ref().and_then(|into| into.invites.last()?.answer).filter(|answer| answer.code == code);
        if let Some(said) = said {
            let reason = format!("the phone refused the call with {code}");
            return callee_fails(Finding::fail(Blame::Phone, "refused-call", reason).shown_by([said.fix.seq]));
        }
        if let Some(finding) = self.forgotten(code, by, fix) {
            return both_fail(finding);
        }
        let blame = match code {
            401..=404 | 407 => Blame::Configuration,
            // The server says it, and it may be the peer's word.
            _ if self.callee.is_none() => Blame::Unknown,
            _ => Blame::Server,
        };
        both_fail(Finding::fail(blame, "call-refused", format!("{} refused the call with {code}", name(by))))
            .shown_by([fix.seq])
    }

    /// A server knows nobody at an extension (RFC 3261 sections 21.4.5, 21.4.11 and 21.4.18) of which it, or the one that
    /// the call would have had to reach, has confirmed the registration: it has not kept it as long as it said.
    fn forgotten(&self, code: u16, by: Option<&ServerName>, fix: Fix) -> Option<Finding> {
        let (begun, callee) = (self.out.as_ref()?.begun()?.when.at, self.callee?);
        let servers = std::iter::once(&callee.primary).chain(&callee.backup);
        let bound = servers.filter_map(|server| Some((server, callee.track.binding(server)?)));
        let mut bound = bound.filter(|(server, binding)| {
            let stands = binding.created.when.at + SETTLED <= begun && binding.until > fix.when.at;
            stands && !callee.is_away(server)
        });
        let (server, binding) = bound.next().filter(|_| matches!(code, 404 | 410 | 480))?;
        let shown = if binding.confirmed.when.at <= begun { binding.confirmed } else { binding.created };
        let reason = format!(
            "{} refused the call with {code}, although server {server} has confirmed the registration of {} for {} s, of              which {:.1} s were left",
            name(by),
            callee.id.line,
            binding.granted.as_secs(),
            binding.until.since(fix.when.at).as_secs_f64()
        );
        Some(Finding::fail(Blame::Server, "binding-forgotten", reason).shown_by([shown.seq, fix.seq]))
    }

    fn fails(&self, out: &Call<'_>, begun: Fix, now: Stamp) -> Outcome {
        if let Some((rang, _)) = out.rang() {
            let reason = "the call got through: the line that was called had moved already, or was never cut off";
            return both_fail(Finding::unclear("no-gap", reason)).shown_by([begun.seq, rang.fix.seq]);
        }
        let window = bound::post_dial(&self.caller.timers, true);
        let due = begun.when.at + window.length + GRACE;
        let refused = out.refused();
        if refused.is_none() && now < due {
            return Outcome::Wait(due);
        }
        if let Some(reached) = self.reached() {
            return match refused {
                Some((answer, by)) => self.refused(answer.code, by, answer.fix),
                None => self.silent(reached),
            };
        }
        let lost = self.into.iter().flat_map(|into| &into.invites).filter_map(|it| it.sent.as_ref());
        let (dropped, first) =
            lost.fold((0, None), |(sends, first), sent| (sends + sent.sends, first.or(Some(sent.first))));
        let note = match refused {
            Some((answer, by)) => format!("lost: {} refused it with {}", name(by), answer.code),
            None => format!(
                "lost: {dropped} INVITEs ran into the outage, and nothing rang in {:.1} s",
                window.length.as_secs_f64()
            ),
        };
        let evidence = [Some(begun), first, refused.map(|(answer, _)| answer.fix)];
        let lost = Measurement {
            value: Some(1.0),
            unit: "1".to_owned(),
            error: None,
            ..measure::between("calls-lost", begun, begun, None)
        };
        // Whoever is under test has it.
        let (caller, callee) = if self.callee.is_some() { (Vec::new(), vec![lost]) } else { (vec![lost], Vec::new()) };
        Outcome::Held { note, evidence: evidence.into_iter().flatten().map(|fix| fix.seq).collect(), caller, callee }
    }

    /// The call began at another server than the line, which has no reason for that.
    fn wrong_proxy(&self, out: &Call<'_>, begun: Fix) -> Option<Finding> {
        let (primary, track) = (&self.caller.primary, &self.caller.track);
        let first = out.invites.first()?.server.as_ref()?;
        if let Some(finding) = self.split_backup(out) {
            return Some(finding);
        }
        if self.caller.proxies.is_some() {
            let (proxy, _) = self.caller.calls_through();
            let reason = format!("the line is set to call through server {proxy}, and calls through server {first}");
            let wrong = first != proxy && !self.caller.is_away(proxy);
            return wrong.then(|| Finding::fail(Blame::Phone, "wrong-proxy", reason).shown_by([begun.seq]));
        }
        let cut = self.caller.last_cut().filter(|cut| cut.lifted.is_none());
        let begun_since_cut = |cut: Stamp| track.attempts_at(primary).any(|attempt| attempt.first.when.at >= cut);
        let noticed = self.noticed || cut.is_some_and(|cut| begun_since_cut(cut.began.when.at));
        let registered = track.binding(primary).filter(|binding| binding.created.when.at <= begun.when.at)?;
        if first == primary || (cut.is_some() && noticed) || track.home() != Some(primary) {
            return None;
        }
        let reason =
            format!("the line is registered at its primary server {primary}, and calls through server {first}");
        Some(Finding::fail(Blame::Phone, "wrong-proxy", reason).shown_by([registered.created.seq, begun.seq]))
    }

    /// The line has moved to its backup, and calls through a third server: also where the bench says that it is set so,
    /// the document does not want it.
    fn split_backup(&self, out: &Call<'_>) -> Option<Finding> {
        let (primary, backup, track) = (&self.caller.primary, self.caller.backup.as_ref()?, &self.caller.track);
        let registered = track.binding(backup).filter(|_| track.home() == Some(backup))?;
        let astray =
            out.invites.iter().find(|it| it.server.as_ref().is_some_and(|it| it != primary && it != backup))?;
        let reason = format!(
            "the line is registered at its backup server {backup}, and calls through {}: `sip backup proxy ip` and `sip \
             backup registrar ip` are to be equal",
            name(astray.server.as_ref())
        );
        let evidence = [Some(registered.created), astray.first()];
        let finding = Finding::fail(Blame::Configuration, "proxy-differs", reason);
        Some(finding.shown_by(evidence.into_iter().flatten().map(|fix| fix.seq)))
    }

    /// The first INVITE that reached the callee.
    fn reached(&self) -> Option<Fix> {
        let sent = |it: &&Exchange| it.sent.as_ref()?.passed;
        self.into.as_ref()?.invites.iter().find_map(sent)
    }

    fn window(&self) -> Window {
        bound::post_dial(&self.caller.timers, self.caller.is_away(self.caller.calls_through().0))
    }

    /// A span of the caller's, from the server that was tried first to the one that carried the call.
    fn span(&self, name: &str, out: &Call<'_>, from: Fix, to: Fix, max: Option<Duration>) -> Measurement {
        let first = out.invites.first().and_then(|it| it.server.as_ref());
        let carrier = out.rang().and_then(|(_, carrier)| carrier);
        Measurement {
            from_server: first.map(ToString::to_string),
            to_server: carrier.map(ToString::to_string),
            ..measure::between(name, from, to, max)
        }
    }
}

impl Outcome {
    fn shown_by(self, evidence: impl IntoIterator<Item = u64>) -> Self {
        match self {
            Self::Failed { culprit, finding, measured } => {
                Self::Failed { culprit, finding: finding.shown_by(evidence), measured }
            }
            other => other,
        }
    }
}

fn caller_fails(finding: Finding) -> Outcome {
    Outcome::Failed { culprit: Some(Party::Callers), finding, measured: Vec::new() }
}

fn callee_fails(finding: Finding) -> Outcome {
    Outcome::Failed { culprit: Some(Party::Callees), finding, measured: Vec::new() }
}

fn both_fail(finding: Finding) -> Outcome {
    Outcome::Failed { culprit: None, finding, measured: Vec::new() }
}

fn name(server: Option<&ServerName>) -> String {
    server.map_or_else(|| "a server that nobody named".to_owned(), |server| format!("server {server}"))
}

#[cfg(test)]
#[path = "call_judge_tests.rs"]
mod tests;
