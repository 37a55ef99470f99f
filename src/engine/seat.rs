//! Extensions that move between phones while a run goes on: by free seating a user logs on at another phone, and from then on his
//! extension registers there. His line is followed to that phone, and judged there. No phone is at fault for that: neither the one
//! that he left, nor the one where he sits now, whose own user is logged off.

use std::collections::BTreeMap;

use super::{
    Outbox, by_hand,
    case::{CaseRun, Finding},
    firmware::Naming,
    registrars::Registrars,
    registration::{Fix, address_user, is_held},
    subjects::Subjects,
};
use crate::{
    config::{FailbackHabit, Plan},
    event::{Derived, Fate, LineId, PhoneName, SipFact, SipMessage, SipStart, SipSummary, Stamp, Toward},
    verdict::{Blame, CaseId, Verdict},
};

/// Where the user of a line is, if not at his phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seat {
    /// His extension registers from another phone.
    MovedTo(PhoneName, Fix),
    /// Another extension registers from his phone.
    TakenBy(String, Fix),
}

/// The last REGISTER of each extension from each phone where its line is not looked at: what the 2xx answers that shows that its
/// user has moved there.
pub type Visitors = BTreeMap<(PhoneName, String), (SipFact, Fix)>;

/// The extension that a message is about; none is empty.
pub fn asked_for(fact: &SipFact) -> &str {
    read(fact).and_then(|message| address_user(&message.to)).unwrap_or_default()
}

fn read(fact: &SipFact) -> Option<&SipSummary> {
    match &fact.message {
        SipMessage::Read(message) => Some(message.as_ref()),
        _ => None,
    }
}

/// Hears a phone ask for an extension, and a server confirm it, and notes whose seat that is. Where a line is followed to another
/// phone by that, returns what the phone had asked.
pub fn note(subjects: &mut Subjects, fact: &SipFact, fix: Fix, out: &mut Outbox) -> Option<(SipFact, Fix)> {
    let message = read(fact).filter(|message| message.method == "REGISTER" && fact.fate == Fate::Passed)?;
    let (user, server) = (address_user(&message.to)?, fact.server.as_ref()?);
    if fact.toward == Toward::Server {
        if subjects.cases().iter().any(|case| case.id.line == user && case.at != fact.phone) {
            subjects.visitors.insert((fact.phone.clone(), user.to_owned()), (fact.clone(), fix));
        }
        return None;
    }
    let confirms = matches!(message.start, SipStart::Response { code: 200..300, .. });
    let live = message.expires != Some(0) && message.contacts.iter().any(|contact| contact.expires != Some(0));
    if !(confirms && live) {
        return None;
    }
    let own = subjects.plan().phone(&fact.phone).is_some_and(|it| it.lines.iter().any(|line| line.extension == user));
    let asked = subjects.visitors.get(&(fact.phone.clone(), user.to_owned())).cloned();
    let asked = asked.filter(|(asked, _)| {
        read(asked).is_some_and(|asked| asked.call_id == message.call_id && asked.cseq == message.cseq)
    });
    // Who comes back to his phone while the other one is registered still, is at both, and is not followed to and fro.
    let both = |case: &CaseRun| case.track.binding(server).is_some_and(|binding| is_held(&binding.contact, message));
    let (mut moved, mut followed) = (Vec::new(), Vec::new());
    for case in subjects.cases_mut() {
        let (here, same) = (case.id.phone == fact.phone, case.id.line == user);
        match (own, here, same) {
            (true, true, true) if case.at == fact.phone => case.seat = None,
            (true, true, true) if asked.is_some() => {
                (case.seat, case.shared) = (None, both(case));
                followed.push(case.id.clone());
                moved.push(case.track.line().clone());
            }
            (false, true, false) if case.seat.is_none() => case.seat = Some(Seat::TakenBy(user.to_owned(), fix)),
            (false, false, true) if case.at != fact.phone && !(case.shared && case.track.home().is_some()) => {
                if !matches!(&case.seat, Some(Seat::MovedTo(to, _)) if *to == fact.phone) {
                    case.seat = Some(Seat::MovedTo(fact.phone.clone(), fix));
                    moved.push(case.track.line().clone());
                }
                if asked.is_some() {
                    case.seat = Some(Seat::MovedTo(fact.phone.clone(), fix));
                    followed.push(case.id.clone());
                }
            }
            _ => {}
        }
    }
    moved.into_iter().for_each(|line| tell(line, &fact.phone, fix, out));
    followed.iter().for_each(|id| follow(subjects, id, &fact.phone, fix));
    subjects.visitors.remove(&(fact.phone.clone(), user.to_owned()));
    asked.filter(|_| !followed.is_empty())
}

fn tell(line: LineId, phone: &PhoneName, fix: Fix, out: &mut Outbox) {
    let note = if line.phone == *phone {
        format!("the extension is registered from its own phone {phone} again")
    } else {
        format!("the extension is registered from {phone} now, where its user has logged on")
    };
    let (code, evidence) = ("extension-moved".to_owned(), vec![fix.seq]);
    out.conclude(fix.when, Derived::Detected { line, code, note, evidence });
}

/// From now on a line is looked at at this phone. What is away from one of the two phones alone makes that no trial of the line.
fn follow(subjects: &mut Subjects, id: &CaseId, phone: &PhoneName, fix: Fix) {
    let plan = subjects.plan().clone();
    let left = subjects.seat_of(id).clone();
    let in_force = subjects.outages.values().filter(|run| run.began.is_some() && !run.ended);
    let differs = in_force.filter(|run| !run.by_hand()).find(|run| {
        let takes = |phone| run.spec.phones.contains(phone);
        takes(&left) != takes(phone)
    });
    let differs = differs.map(|run| (run.spec.server.clone(), run.spec.phones.contains(phone)));
    let by_hand = by_hand::of_one_of(subjects, &[&left, phone], fix);
    let Some((case, _)) = subjects.case_and_detectors(id) else { return };
    sit(case, &plan, phone.clone());
    case.evidence.insert(fix.seq);
    if case.running() {
        by_hand.into_iter().for_each(|disturbance| case.disturbed.add(disturbance));
    }
    if let Some((server, here)) = differs {
        let (not, only) = if here { (&left, phone) } else { (phone, &left) };
        let reason = format!(
            "its user has moved from {left} to {phone} while server {server} was away from {only} and not from {not}: what the \
             line did there shows nothing of the outage"
        );
        case.decide(Finding::unclear("extension-moved", reason).shown_by([fix.seq]));
    }
}

/// Seats the user of a line at a phone: its timers and habits are those of the line, and its servers, where it has a line of its own.
pub fn sit(case: &mut CaseRun, plan: &Plan, at: PhoneName) {
    let Some(phone) = plan.phone(&at) else { return };
    let own = phone.lines.iter().find(|line| line.extension == case.id.line);
    if let Some(line) = own.or_else(|| phone.lines.first()) {
        case.primary.clone_from(&line.primary);
        case.backup.clone_from(&line.backup);
        case.proxies.clone_from(&line.proxies);
    }
    let model = plan.model_of(phone);
    case.timers = phone.timers.clone();
    case.habit = model.map_or(FailbackHabit::Renewal, |model| model.failback);
    case.keeps_both = model.is_some_and(|model| model.keeps_both);
    case.at = at;
    case.naming = Naming::default();
    case.registrars = Registrars::default();
}

/// What is found against a phone whose user has left it without being followed, or where somebody else sits, is no fault of it, and
/// no riddle either: not as long as it has not asked for its line again. What is found of a line that was followed says where.
pub fn weigh(case: &CaseRun, finding: Finding) -> Finding {
    if let Some(Seat::MovedTo(phone, since)) = case.seat.as_ref().filter(|_| case.at != case.id.phone) {
        let at = format!(
            "at {phone} since {:.1} s, where its user has logged on",
            since.when.at.since(Stamp::ZERO).as_secs_f64()
        );
        let reason = if finding.reason.is_empty() { at } else { format!("{at}: {}", finding.reason) };
        return Finding { reason, ..finding }.shown_by([since.seq]);
    }
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
