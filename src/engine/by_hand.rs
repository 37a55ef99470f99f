//! Servers that operators take away by hand in the middle of a run.
//!
//! Such an outage is none of the scenario's: no step is judged by it, no window begins with it, and no canary has to prove it. What
//! the phones concerned do from then on shows nothing, in whichever direction, so that their cases are [disturbed](super::hand).
//! It goes on until it is lifted, but no longer than its limit or the steps of the scenario; and where the scenario takes the same
//! server away, it ends first.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Outbox,
    hand::{self, Disturbance},
    registration::Fix,
    subjects::Subjects,
};
use crate::{
    config::{Role, StepKind},
    event::{
        Action, Blocking, ByHand, ByHandAnswer, Derived, Harm, Move, Observed, OutageId, PhoneName, ServerName, Stamp,
    },
};

/// The longest that one may be asked for.
const LONGEST: Duration = Duration::from_secs(3600);

/// The latest that frames may be made.
const LATEST: Duration = Duration::from_secs(10);

/// Does what an operator wishes of the network, if that can be done now. `refused` says why nothing new can begin, whatever it is;
/// `tried` whether a step is just about to take a server from some phones.
pub fn asked(
    (by, wish): (&str, &ByHand),
    refused: Option<&str>,
    tried: impl Fn(&ServerName, &[PhoneName]) -> bool,
    subjects: &mut Subjects,
    fix: Fix,
    out: &mut Outbox,
) {
    let done = match wish {
        ByHand::Block(blocking) => match refused {
            Some(reason) => Err(reason.to_owned()),
            None => begin(by, blocking, tried, subjects, fix, out),
        },
        ByHand::Lift { outage } => lift(*outage, subjects, out),
    };
    let answer = match done {
        Ok(outage) => ByHandAnswer::Obeyed { outage },
        Err(reason) => ByHandAnswer::Refused { reason },
    };
    out.conclude(fix.when, Derived::OutageAnswered { by: by.to_owned(), wish: wish.clone(), answer });
}

fn begin(
    by: &str,
    blocking: &Blocking,
    tried: impl Fn(&ServerName, &[PhoneName]) -> bool,
    subjects: &mut Subjects,
    fix: Fix,
    out: &mut Outbox,
) -> Result<OutageId, String> {
    let all = &subjects.plan().phones;
    let phones = if blocking.phones.is_empty() { all.clone() } else { blocking.phones.clone() };
    if let Some(reason) = objection(blocking, &phones, subjects) {
        return Err(reason);
    }
    if tried(&blocking.server, &phones) {
        return Err("the scenario is about to take this server away itself".to_owned());
    }
    let role = subjects.plan().bench.server(&blocking.server).map_or(Role::Other, |server| server.role);
    let spec = blocking.spec(by, phones.clone());
    let outage = subjects.next_outage(spec.clone(), role);
    if let Some(run) = subjects.outages.get_mut(&outage) {
        run.wish = Some(blocking.clone());
    }
    // From the order on, since what it takes may be told of before its beginning is.
    disturb(outage, by, blocking, &phones, subjects, fix);
    out.order(Action::BeginOutage { outage, spec: Box::new(spec) });
    Ok(outage)
}

/// Why it can not be done.
fn objection(blocking: &Blocking, phones: &[PhoneName], subjects: &Subjects) -> Option<String> {
    let Blocking { server, what, limit, .. } = blocking;
    let plan = subjects.plan();
    if plan.bench.server(server).is_none() {
        return Some(format!("the bench has no server {server}"));
    }
    if let Some(phone) = phones.iter().find(|phone| !plan.phones.contains(phone)) {
        return Some(format!("no phone of this run is called {phone}"));
    }
    if phones.iter().collect::<BTreeSet<_>>().len() < phones.len() {
        return Some("a phone is named twice".to_owned());
    }
    if limit.is_zero() || *limit > LONGEST {
        return Some("its limit has to be more than nothing, and an hour at most".to_owned());
    }
    match what {
        Harm::Loss(share) if share.is_none() => return Some("nothing would be lost".to_owned()),
        Harm::Delay(delay) if delay.is_zero() || *delay > LATEST => {
            return Some(format!("frames can be up to {} s late", LATEST.as_secs()));
        }
        Harm::Drop | Harm::Loss(_) | Harm::Delay(_) => {}
    }
    let overlaps = subjects.outages.values().find(|run| {
        run.spec.server == *server && !run.ended && run.spec.phones.iter().any(|phone| phones.contains(phone))
    })?;
    let whose = overlaps.spec.by.as_ref().map_or_else(|| "the scenario's".to_owned(), |by| format!("{by}'s"));
    Some(format!("server {server} is under an outage of {whose} already for one of these phones"))
}

/// Orders the end of one that an operator has made.
fn lift(outage: OutageId, subjects: &Subjects, out: &mut Outbox) -> Result<OutageId, String> {
    match subjects.outages.get(&outage) {
        None => Err("there is no such outage".to_owned()),
        Some(run) if run.ended => Err("it is over already".to_owned()),
        Some(run) if !run.by_hand() => {
            Err("it is the scenario's own; all are lifted when the network is given back".to_owned())
        }
        Some(_) => {
            out.order(Action::EndOutage { outage });
            Ok(outage)
        }
    }
}

/// Orders the end of all that operators have made which would be in the way of one of the scenario's; and says which they are.
pub fn make_way(
    server: &ServerName,
    phones: &[PhoneName],
    subjects: &Subjects,
    out: &mut Outbox,
) -> BTreeSet<OutageId> {
    let in_the_way = |outage: &OutageId| {
        let run = subjects.outages.get(outage);
        run.is_some_and(|run| run.spec.server == *server && run.spec.phones.iter().any(|phone| phones.contains(phone)))
    };
    let open: BTreeSet<OutageId> = subjects.by_hand_open().filter(in_the_way).collect();
    for outage in &open {
        out.order(Action::EndOutage { outage: *outage });
    }
    open
}

/// Takes what an operator's outage comes to. Nothing of it is found against anybody; one that the bridge declines has taken nothing
/// from anybody, and is answered once more.
pub fn observe(observed: &Observed, fix: Fix, subjects: &mut Subjects, out: &mut Outbox) {
    let (Observed::OutageBegan { outage } | Observed::OutageDeclined { outage, .. }) = observed else { return };
    let Some(run) = subjects.outages.get_mut(outage) else { return };
    let Some((by, blocking)) = run.spec.by.clone().zip(run.wish.clone()) else { return };
    let Observed::OutageDeclined { reason, .. } = observed else {
        return subjects.cases_mut().iter_mut().for_each(|case| case.disturbed.confirm(*outage));
    };
    run.ended = true;
    subjects.cases_mut().iter_mut().for_each(|case| case.disturbed.undo(*outage));
    let answer = ByHandAnswer::Refused { reason: reason.clone() };
    out.conclude(fix.when, Derived::OutageAnswered { by, wish: ByHand::Block(blocking), answer });
}

fn disturb(outage: OutageId, by: &str, blocking: &Blocking, phones: &[PhoneName], subjects: &mut Subjects, fix: Fix) {
    let Blocking { server, what, .. } = blocking;
    let what = format!("made an outage of server {server} by hand ({what}) in the middle of this case");
    // What lines are measured by together nobody can tell apart.
    let scenario = &subjects.plan().scenario;
    let together =
        scenario.load || scenario.all_steps().any(|step| matches!(step.kind, StepKind::Expect { of: Move::Admission }));
    let concerned = if together { subjects.plan().phones.clone() } else { phones.to_vec() };
    let disturbance = Disturbance::of_network(by, what, fix).unless_declined(outage);
    hand::disturb(&disturbance, &concerned, subjects);
}

/// What a case is disturbed by whose line moves from one of these phones to the other, if an operator's outage takes something from
/// either.
pub fn of_one_of(subjects: &Subjects, phones: &[&PhoneName], fix: Fix) -> Option<Disturbance> {
    let mut in_force = subjects.outages.iter().filter(|(_, run)| !run.ended);
    let (outage, run) =
        in_force.find(|(_, run)| run.by_hand() && phones.iter().any(|phone| run.spec.phones.contains(phone)))?;
    let what = format!("had made an outage of server {} by hand when the extension moved", run.spec.server);
    let disturbance = Disturbance::of_network(run.spec.by.as_deref()?, what, fix);
    Some(if run.began.is_some() { disturbance } else { disturbance.unless_declined(*outage) })
}

/// A line that an operator's outage in an earlier scenario has driven away, and that has not been home since, does not begin where the
/// scenario takes it to be.
pub fn carry_over(subjects: &mut Subjects) {
    let mut driven: Vec<(PhoneName, ServerName, String, Fix)> = Vec::new();
    for run in subjects.outages.values() {
        if let (Some(by), Some(over)) = (&run.spec.by, run.over) {
            driven
                .extend(run.spec.phones.iter().map(|phone| (phone.clone(), run.spec.server.clone(), by.clone(), over)));
        }
    }
    for case in subjects.cases_mut() {
        for (phone, server, by, over) in &driven {
            // That its backup was taken drives nobody away from home.
            let concerned = case.is_of(phone) && case.primary == *server;
            if !concerned || case.home() == Some(&case.primary) || has_been_home(case, over.when.at) {
                continue;
            }
            let what = format!("had taken server {server} from it before, and it had not come home when this began");
            case.disturbed.add(Disturbance::of_network(by, what, *over));
        }
    }
}

fn has_been_home(case: &super::case::CaseRun, since: Stamp) -> bool {
    let mut answers = case.track.attempts_at(&case.primary).filter_map(|attempt| attempt.answer);
    answers.any(|answer| answer.live && answer.fix.when.at >= since)
}
