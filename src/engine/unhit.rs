//! Outages that are in force and hit nothing of a phone for as long as it takes to renew: what they are about may be something
//! else than what the phone does, and a phone that goes on then has shown nothing.
//!
//! Where canaries were dropped, the rule is known to take what the phone sends; where it is about certain messages, or chance
//! decides, only the phone's own frames can show it.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Outbox, bound,
    case::{CaseRun, Finding},
    registration::Fix,
    subjects::{OutageRun, Subjects},
};
use crate::event::{Derived, LinkSide, OutageId, OutageTally, PhoneName, Stamp};

/// An outage has dropped a frame from or to a phone.
pub fn hit(subjects: &mut Subjects, outage: OutageId, phone: &PhoneName, fix: Fix) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    run.looked_at.insert(phone.clone());
    let (server, began) = (run.spec.server.clone(), run.began);
    for case in subjects.cases_mut().iter_mut().filter(|case| case.at == *phone) {
        if let Some(cut) = case.cuts.iter_mut().find(|cut| cut.server == server && Some(cut.began) == began) {
            cut.hit.get_or_insert(fix);
        }
    }
}

/// When the next phone should have been hit; none: there is none of which that can be told yet.
pub fn due(subjects: &Subjects) -> Option<Stamp> {
    waiting(subjects).map(|(_, _, due)| due).min()
}

/// Tells of the phones that should have been hit by `over` and were not.
pub fn tell(subjects: &mut Subjects, over: Stamp, fix: Fix, out: &mut Outbox) {
    let due: Vec<(OutageId, PhoneName)> =
        waiting(subjects).filter(|(_, _, due)| *due <= over).map(|(id, phone, _)| (id, phone.clone())).collect();
    for (outage, phone) in due {
        say(subjects, outage, &phone, fix, out);
    }
}

/// The outage is over, and is known to have hit a phone or not.
pub fn count(
    subjects: &mut Subjects,
    outage: OutageId,
    tally: &BTreeMap<PhoneName, OutageTally>,
    fix: Fix,
    out: &mut Outbox,
) {
    for (phone, tally) in tally {
        let OutageTally { dropped_to_server, dropped_to_phone, late, doubled, .. } = *tally;
        if dropped_to_server + dropped_to_phone + late + doubled > 0 {
            hit(subjects, outage, phone, fix);
            continue;
        }
        let Some(run) = subjects.outages.get(&outage).filter(|run| is_seen(run)) else { return };
        let lasted = run.began.map(|began| fix.when.at.since(began.when.at));
        if lasted.zip(interval(subjects, run, phone)).is_none_or(|(lasted, interval)| lasted < interval) {
            continue;
        }
        let said = !run.looked_at.contains(phone);
        let (server, began) = (run.spec.server.clone(), run.began);
        let Some(words) = words(run, fix.when.at) else { return };
        if said {
            say(subjects, outage, phone, fix, out);
        }
        for case in subjects.cases_mut().iter_mut().filter(|case| case.at == *phone) {
            let mut cuts = case.cuts.iter().filter(|cut| cut.server == server && Some(cut.began) == began);
            if cuts.any(|cut| !cut.proven) {
                case.unhit.get_or_insert_with(|| Finding::unclear("nothing-hit", words.clone()).shown_by([fix.seq]));
            }
        }
    }
}

/// What to say of a line that did not do what it should have done in an outage of its primary which has hit nothing of its
/// phone, and which nothing else proves.
pub fn in_force(case: &CaseRun) -> Option<Finding> {
    let cut = case.last_cut().filter(|cut| cut.lifted.is_none() && !cut.proven && cut.hit.is_none())?;
    let reason = format!("the outage of server {} has hit no frame of the phone: see what it is about", cut.server);
    Some(Finding::unclear("nothing-hit", reason).shown_by([cut.began.seq]))
}

fn say(subjects: &mut Subjects, outage: OutageId, phone: &PhoneName, fix: Fix, out: &mut Outbox) {
    let Some(run) = subjects.outages.get_mut(&outage) else { return };
    run.looked_at.insert(phone.clone());
    let (began, words) = (run.began, words(run, fix.when.at));
    let (Some(began), Some(note)) = (began, words) else { return };
    // Of a phone that is silent altogether nothing is shown by that.
    if !subjects.watch(phone).is_some_and(|watch| watch.alive_since(began.when.at)) {
        return;
    }
    let Some(run) = subjects.outages.get(&outage) else { return };
    for case in concerned(subjects, run, phone) {
        let line = case.track.line().clone();
        let (code, note, evidence) = ("nothing-hit".to_owned(), note.clone(), vec![began.seq]);
        out.conclude(fix.when, Derived::Detected { line, code, note, evidence });
    }
}

/// The phones of outages in force that are not known to have been hit, and when they should have been.
fn waiting(subjects: &Subjects) -> impl Iterator<Item = (OutageId, &PhoneName, Stamp)> {
    let in_force = subjects.outages.iter().filter(|(_, run)| !run.ended && is_seen(run));
    let dropping = in_force.filter_map(|(id, run)| Some((*id, run, run.began?.when.at + drops_after(run)?)));
    dropping.flat_map(move |(id, run, since)| {
        let open = run.spec.phones.iter().filter(|phone| !run.looked_at.contains(*phone));
        open.filter_map(move |phone| Some((id, phone, since + interval(subjects, run, phone)?)))
    })
}

/// Whether it is seen what it hits: of phones whose link is down nothing is.
fn is_seen(run: &OutageRun) -> bool {
    run.spec.mode.link() != Some(LinkSide::Phone)
}

/// How long after its beginning it first drops what it is about. Where chance decides, or frames are made late, nobody knows
/// before its end whether it hits.
fn drops_after(run: &OutageRun) -> Option<Duration> {
    let mut after_ns: u64 = 0;
    for phase in run.spec.mode.course().phases.into_iter().filter(|phase| phase.lasts_ns > 0) {
        if phase.manner.takes_all() {
            return Some(Duration::from_nanos(after_ns));
        }
        after_ns = after_ns.saturating_add(phase.lasts_ns);
    }
    None
}

/// Within how long each line of a phone renews that is at one of its servers.
fn interval(subjects: &Subjects, run: &OutageRun, phone: &PhoneName) -> Option<Duration> {
    let length = |case: &CaseRun| {
        let granted = case.track.last_granted(&run.spec.server).or_else(|| case.track.last_granted(case.home()?));
        // What nobody can read was granted as it was asked for.
        bound::renewal(&case.timers, granted.unwrap_or(case.timers.expires.value)).length
    };
    concerned(subjects, run, phone).map(length).max()
}

/// The lines of a phone that ask this server when they renew: those at home there. Who has it for a backup need not.
fn concerned<'a>(
    subjects: &'a Subjects,
    run: &'a OutageRun,
    phone: &'a PhoneName,
) -> impl Iterator<Item = &'a CaseRun> {
    let server = &run.spec.server;
    // Whom the scenario's outage found gone is not judged by it.
    let subject = |case: &CaseRun| run.by_hand() || !case.cuts.is_empty();
    let asks = move |case: &&CaseRun| case.primary == *server || case.home() == Some(server);
    subjects.cases().iter().filter(move |case| case.at == *phone && subject(case)).filter(asks)
}

fn words(run: &OutageRun, now: Stamp) -> Option<String> {
    let lasted = now.since(run.began?.when.at).as_secs_f64();
    let only = run.spec.only.as_ref().map_or_else(String::new, |only| format!(" of {only}"));
    let (server, mode) = (&run.spec.server, &run.spec.mode);
    Some(format!(
        "the outage of server {server} ({mode}{only}) has been in force for {lasted:.1} s, in which the phone should have \
         renewed, and has hit none of its frames"
    ))
}
