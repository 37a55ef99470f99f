//! Extensions that move between phones while a run goes on: by free seating a user logs on at another phone, and from then on his
//! extension registers there. No phone is at fault for that: neither the one that he left, nor the one where he sits now, whose own
//! user is logged off.

use super::{
    Outbox,
    case::{CaseRun, Finding},
    registration::{Fix, address_user},
    subjects::Subjects,
};
use crate::{
    event::{Derived, Fate, PhoneName, SipFact, SipMessage, SipStart, Toward},
    verdict::{Blame, Verdict},
};

/// Where the user of a line is, if not at his phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// His extension registers from another phone.
    MovedTo(PhoneName, Fix),
    /// Another extension registers from his phone.
    TakenBy(String, Fix),
}

/// Hears a server confirm an extension, and notes whose seat that is.
pub fn note(subjects: &mut Subjects, fact: &SipFact, fix: Fix, out: &mut Outbox) {
    let SipMessage::Read(message) = &fact.message else { return };
    let confirms = matches!(message.start, SipStart::Response { code: 200..300, .. });
    let passed = fact.toward == Toward::Phone && fact.fate == Fate::Passed && fact.server.is_some();
    let live = message.expires != Some(0) && message.contacts.iter().any(|contact| contact.expires != Some(0));
    let Some(user) = address_user(&message.to).filter(|_| message.method == "REGISTER" && confirms && passed && live)
    else {
        return;
    };
    let own = subjects.plan().phone(&fact.phone).is_some_and(|it| it.lines.iter().any(|line| line.extension == user));
    let mut moved = Vec::new();
    for case in subjects.cases_mut() {
        let (here, same) = (case.id.phone == fact.phone, case.id.line == user);
        match (own, here, same) {
            (true, true, true) => case.seat = None,
            (false, true, false) if case.seat.is_none() => case.seat = Some(Seat::TakenBy(user.to_owned(), fix)),
            (false, false, true) if !matches!(&case.seat, Some(Seat::MovedTo(to, _)) if *to == fact.phone) => {
                case.seat = Some(Seat::MovedTo(fact.phone.clone(), fix));
                moved.push(case.track.line().clone());
            }
            _ => {}
        }
    }
    for line in moved {
        let note = format!("the extension is registered from {} now, where its user has logged on", fact.phone);
        let (code, evidence) = ("extension-moved".to_owned(), vec![fix.seq]);
        out.conclude(fix.when, Derived::Detected { line, code, note, evidence });
    }
}

/// What is found against a phone whose user has left it, or where somebody else sits, is no fault of it, and no riddle either: not
/// as long as it has not asked for its line again.
pub fn weigh(case: &CaseRun, finding: Finding) -> Finding {
    let failed = matches!(finding.verdict, Verdict::Fail | Verdict::RigError);
    let against = failed && matches!(finding.blame, Some(Blame::Phone | Blame::Unknown));
    let Some(seat) = case.seat.as_ref().filter(|_| against) else { return finding };
    let (Seat::MovedTo(_, since) | Seat::TakenBy(_, since)) = seat;
    if case.track.attempts().any(|attempt| attempt.last.when.at > since.when.at) {
        return finding;
    }
    let (code, where_to) = match seat {
        Seat::MovedTo(phone, _) => {
            ("extension-moved", format!("its user has moved to {phone}, where it is registered"))
        }
        Seat::TakenBy(other, _) => ("seat-taken", format!("extension {other} is registered from this phone")),
    };
    let reason = format!("{where_to}, so that nothing is shown of the phone ({})", finding.reason);
    Finding::unclear(code, reason).shown_by(finding.evidence.into_iter().chain([since.seq]))
}
