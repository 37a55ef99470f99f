//! Why a server did not take a line that asked for it, and whose fault that is.

use super::{
    case::Finding,
    judge::transactions,
    registration::{Attempt, Fix},
};
use crate::{config::Role, event::ServerName, verdict::Blame};

/// The phone tried, and the server did not take it.
pub fn refused(role: Role, server: &ServerName, tried: &[&Attempt], cause: Fix) -> Finding {
    let evidence = std::iter::once(cause.seq).chain(tried.iter().rev().take(8).map(|attempt| attempt.first.seq));
    // A challenge is no refusal: if the phone met it, only what came of that counts.
    let met = tried.iter().any(|attempt| attempt.authorized);
    let told: Vec<&&Attempt> = tried.iter().filter(|attempt| attempt.authorized || !met).collect();
    let last = told.iter().rev().find_map(|attempt| attempt.answer.map(|answer| (attempt, answer)));
    let finding = match last {
        None => Finding::fail(
            Blame::Server,
            match role {
                Role::Primary => "primary-silent",
                Role::Backup => "backup-silent",
                Role::Other => "server-silent",
            },
            format!(
                "{role} server {server} answered none of {}{}",
                transactions(told.len()),
                if met { " with credentials" } else { "" }
            ),
        ),
        Some((attempt, answer)) => match answer.code {
            401 | 407 if !met => Finding::fail(
                Blame::Phone,
                "no-credentials",
                format!("{role} server {server} asked for credentials, and the phone sent none"),
            ),
            200..=299 => Finding::fail(
                Blame::Server,
                "no-live-contact",
                format!("{role} server {server} answered {} without a live contact of the phone", answer.code),
            ),
            401 | 407 if other_nonce(tried, attempt) => Finding::fail(
                Blame::Phone,
                "wrong-nonce",
                format!("the phone answers {role} server {server} with another nonce than the one it was given"),
            ),
            401 | 407 if answer.stale_nonce => Finding::fail(
                Blame::Server,
                "stale-nonces",
                format!("{role} server {server} calls the nonce too old that it has just given out"),
            ),
            401 | 403 | 404 | 407 => Finding::fail(
                Blame::Configuration,
                "rejected",
                format!(
                    "{role} server {server} rejected the line with {}{}",
                    answer.code,
                    if attempt.authorized { " in spite of its credentials" } else { "" }
                ),
            ),
            300..=399 => Finding::fail(
                Blame::Server,
                "redirected",
                format!(
                    "{role} server {server} sent the line elsewhere with {}, and it did not register there",
                    answer.code
                ),
            ),
            500..=699 => Finding::fail(
                Blame::Server,
                "server-refused",
                format!("{role} server {server} refused the line with {}", answer.code),
            ),
            code => Finding::fail(
                Blame::Unknown,
                "rejected",
                format!("{role} server {server} answered the line with {code}"),
            ),
        },
    };
    finding.shown_by(evidence)
}

/// Whether credentials use another nonce than the challenge asked for that they answer.
fn other_nonce(tried: &[&Attempt], answered: &Attempt) -> bool {
    let before = tried.iter().filter(|attempt| attempt.first.seq < answered.first.seq);
    let asked = before.filter_map(|attempt| attempt.challenge.as_ref()).next_back();
    asked.is_some() && answered.nonce.is_some() && asked != answered.nonce.as_ref()
}

#[cfg(test)]
mod tests {
    use super::{super::registration::tests::Tape, *};
    use crate::{engine::registration::Change, event::Stamp};

    /// The line has tried the backup: without credentials, and with them.
    fn tape() -> Tape {
        let mut tape = Tape::new();
        tape.ask(59_280, "b", 1, false);
        assert_eq!(tape.answer(59_281, "b", 401, 1, &[]), None);
        tape.ask(63_284, "b", 2, true);
        tape
    }

    fn finding(tape: &Tape) -> Finding {
        let server = "b".into();
        let tried: Vec<&Attempt> = tape.track.attempts_at(&server).collect();
        let cause = Fix { seq: 0, when: crate::event::When::exactly(Stamp::ZERO) };
        refused(Role::Backup, &server, &tried, cause)
    }

    #[test]
    fn a_server_that_falls_silent_after_its_challenge_has_rejected_nobody() {
        let finding = finding(&tape());
        assert_eq!((finding.code, finding.blame), ("backup-silent", Some(Blame::Server)));
        assert!(finding.reason.contains("none of 1 REGISTER transaction with credentials"), "{}", finding.reason);
    }

    #[test]
    fn a_server_that_does_not_take_the_credentials_has_rejected_the_line() {
        let mut tape = tape();
        assert!(matches!(tape.answer(63_285, "b", 403, 2, &[]), Some(Change::Refused { ours: false, .. })));
        let finding = finding(&tape);
        assert_eq!((finding.code, finding.blame), ("rejected", Some(Blame::Configuration)));
        assert!(finding.reason.contains("403 in spite of its credentials"), "{}", finding.reason);
    }
}
