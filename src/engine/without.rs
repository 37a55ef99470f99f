//! Phones that do without an outage, for which the bench has no place, and without what follows from it.

use std::collections::BTreeMap;

use super::{Outbox, case::Finding, course::Course, pairs, registration::Fix, subjects::Subjects};
use crate::{
    config::{OutagePlan, Step, StepKind},
    event::{Derived, PhoneName, ServerName},
};

/// Decides with each outage who does without it until the next.
pub fn begin(course: &Course, step: &Step, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) {
    let StepKind::Outage(plan) = &step.kind else { return };
    let phones: Vec<PhoneName> = subjects.phones_running().into_iter().filter(|phone| course.has(phone)).collect();
    phones.iter().for_each(|phone| drop(subjects.without.remove(phone)));
    if !step.optional {
        return;
    }
    let lacking = |phone| Some((PhoneName::clone(phone), lacks(subjects, phone, plan)?));
    let without: Vec<(PhoneName, String)> = phones.iter().filter_map(lacking).collect();
    tell(plan, without, subjects, fix, out);
}

/// These phones do without an outage that could not begin, and without what follows from it.
pub fn from_now(
    plan: &OutagePlan,
    phones: &[PhoneName],
    needs: &str,
    subjects: &mut Subjects,
    fix: Fix,
    out: &mut Outbox,
) {
    tell(plan, phones.iter().map(|phone| (phone.clone(), needs.to_owned())).collect(), subjects, fix, out);
    phones.iter().for_each(|phone| subjects.finish_step(phone, &format!("skipped: {needs}"), &[fix.seq]));
}

fn tell(plan: &OutagePlan, without: Vec<(PhoneName, String)>, subjects: &mut Subjects, fix: Fix, out: &mut Outbox) {
    for (server, phones) in servers(&without, subjects, plan) {
        let server_in = |role| {
            let mut concerned = subjects.cases().iter().filter(|case| phones.contains(&case.at));
            concerned.find_map(|case| case.server_in(role).cloned())
        };
        let needs = without.iter().find(|(phone, _)| phones.contains(phone)).map(|(_, needs)| needs.clone());
        let spec = Box::new(plan.spec(server, phones.clone(), server_in));
        let what = spec.what();
        out.conclude(fix.when, Derived::OutageSkipped { spec, needs: needs.clone().unwrap_or_default() });
        for case in subjects.running().filter(|case| phones.contains(&case.at)) {
            let told = format!("the outage \"{what}\", skipped: {}", needs.as_deref().unwrap_or_default());
            if !case.without.contains(&told) {
                case.without.push(told);
            }
        }
    }
    subjects.without.extend(without);
}

/// Whether a phone passes over a step, and what to say of it. All steps do so but those at which others wait for it.
pub fn passes_over(step: &Step, phone: &PhoneName, subjects: &Subjects) -> Option<String> {
    let needs = subjects.without.get(phone)?;
    match &step.kind {
        StepKind::Meet => None,
        StepKind::Outage(_) => Some(format!("skipped: {needs}")),
        _ => Some("skipped, as the outage before it".to_owned()),
    }
}

/// Skips the cases of phones that have to do without every outage of the scenario.
pub fn skip(subjects: &mut Subjects) {
    for phone in subjects.phones_running() {
        if let Some(lacks) = everything(subjects, &phone) {
            subjects.decide(&phone, || lacks.clone());
        }
    }
}

/// What to say of a phone that has to do without every outage of the scenario, if of any.
fn everything(subjects: &Subjects, phone: &PhoneName) -> Option<Finding> {
    let outages = subjects.plan().scenario.all_steps().filter_map(|step| match &step.kind {
        StepKind::Outage(plan) => Some(lacks(subjects, phone, plan).filter(|_| step.optional)),
        _ => None,
    });
    let lacking: Vec<String> = outages.collect::<Option<_>>()?;
    Some(Finding::skipped("no-place", lacking.into_iter().next()?))
}

/// What the bench lacks to take the servers of a phone away so, if anything.
fn lacks(subjects: &Subjects, phone: &PhoneName, outage: &OutagePlan) -> Option<String> {
    if !outage.party.is_none_or(|party| pairs::is_of(subjects, phone, party)) {
        return None;
    }
    let spec = |server| outage.spec(server, vec![phone.clone()], |_| None);
    subjects.taken_from(phone, outage).find_map(|server| subjects.plan().bench.lacks_of(&spec(server)))
}

/// The servers that would have gone, and for which phones.
fn servers(
    without: &[(PhoneName, String)],
    subjects: &Subjects,
    outage: &OutagePlan,
) -> BTreeMap<ServerName, Vec<PhoneName>> {
    let mut servers: BTreeMap<ServerName, Vec<PhoneName>> = BTreeMap::new();
    for (phone, _) in without {
        for server in subjects.taken_from(phone, outage) {
            servers.entry(server).or_default().push(phone.clone());
        }
    }
    servers
}
