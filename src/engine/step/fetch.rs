//! Waits until each phone has asked for its own file, in the course of the boot that was ordered last.
//!
//! What the wire shows is the request that arrived. That the phone goes by what it got is for its registration to show.

use std::collections::BTreeMap;

use crate::{
    config::Phone,
    engine::{Outbox, bound, case::Finding, phone_files, registration::Fix, run::GRACE, subjects::Subjects},
    event::{Move, PhoneName, Stamp},
    verdict::Blame,
};

/// The step.
#[derive(Debug)]
pub struct FetchWait {
    waits: BTreeMap<PhoneName, Wait>,
}

#[derive(Debug)]
struct Wait {
    since: Stamp,
    until: Stamp,
}

impl FetchWait {
    /// From when the wire is watched on: phones that were restarted since, or that were booting then.
    pub fn of_earlier_run(subjects: &mut Subjects, now: Stamp) -> Self {
        let since = subjects.observing().map_or(now, |observing| observing.when.at);
        let wait = |phone| (phone, Wait { since, until: now + bound::BOOTING + GRACE });
        Self { waits: subjects.phones_running().into_iter().map(wait).collect() }
    }

    /// From the order to boot on.
    pub fn begin(subjects: &mut Subjects, now: Stamp) -> Self {
        let mut waits = BTreeMap::new();
        for phone in subjects.phones_running() {
            let ordered = subjects.cases().iter().filter(|case| case.id.phone == phone);
            let ordered = ordered.filter_map(|case| case.orders.last()).filter(|order| order.reboots);
            match ordered.map(|order| order.at.when.at).max() {
                Some(since) => {
                    waits.insert(phone, Wait { since, until: since.max(now) + bound::BOOTING + GRACE });
                }
                // It passed over the order.
                None => subjects.finish_step(&phone, "it was not restarted", &[]),
            }
        }
        Self { waits }
    }

    /// Takes each phone as far as the records let it.
    pub fn advance(&mut self, now: Stamp, subjects: &mut Subjects, out: &mut Outbox) {
        self.waits.retain(|phone, wait| {
            if !subjects.phones_running().contains(phone) {
                return false;
            }
            let file = subjects.plan().phone(phone).and_then(Phone::settings_file).unwrap_or_default();
            let asked = subjects.watch(phone).and_then(|watch| watch.fetches.by_name.arrived(&file));
            if let Some(own) = asked.filter(|own| own.when.at >= wait.since) {
                let after = own.when.at.since(wait.since).as_secs_f64();
                phone_files::fetched(phone, subjects, out);
                subjects.finish_step(phone, &format!("{after:.1} s after it was told to boot"), &[own.seq]);
                return false;
            }
            let registered = registered_since(phone, wait.since, subjects);
            if registered.is_none() && now < wait.until {
                return true;
            }
            if let Some(registered) = registered.filter(|_| subjects.files.is_settled_by_boot(phone)) {
                phone_files::fetched(phone, subjects, out);
                subjects.finish_step(
                    phone,
                    "it registered after its boot; how it loads its file is not seen",
                    &[registered.seq],
                );
                return false;
            }
            let finding = unfetched(phone, &file, wait.since, registered, subjects);
            subjects.decide(phone, || finding.clone());
            false
        });
    }

    /// When the first of them is given up.
    pub fn deadline(&self) -> Option<(Stamp, &'static str)> {
        self.waits.values().map(|wait| (wait.until, "a phone's request for its file")).min()
    }
}

/// That a line of a phone has registered since, if one has.
fn registered_since(phone: &PhoneName, since: Stamp, subjects: &Subjects) -> Option<Fix> {
    let cases = subjects.cases().iter().filter(|case| case.id.phone == *phone);
    let moved = cases.filter_map(|case| case.moved(Move::LogOn)).map(|moved| moved.request);
    moved.filter(|request| request.when.at >= since).min_by_key(|request| request.when.at)
}

/// Why a phone may not go by what its file says.
fn unfetched(phone: &PhoneName, file: &str, since: Stamp, registered: Option<Fix>, subjects: &Subjects) -> Finding {
    let fetches = subjects.watch(phone).map(|watch| &watch.fetches.by_name);
    let taken = fetches.and_then(|fetches| fetches.last_taken()).filter(|(_, fix)| fix.when.at >= since);
    let other = fetches.and_then(|fetches| fetches.last_arrived()).filter(|(_, fix)| fix.when.at >= since);
    let what = match registered {
        Some(_) => "it registered again",
        None => "it did not register again either",
    };
    let evidence = registered.map(|fix| fix.seq);
    if let Some((name, taken)) = taken {
        let reason = format!("{phone} asked for {name}, and an outage took the request; {what}");
        return Finding::fail(Blame::Configuration, "files-unreachable", reason)
            .shown_by(evidence)
            .shown_by([taken.seq]);
    }
    if let Some((name, fix)) = other {
        let reason = format!(
            "{phone} fetched {name} and not {file}, which has its settings; {what}; look at how the phone is told to load its files"
        );
        return Finding::fail(Blame::Configuration, "not-fetched", reason).shown_by(evidence).shown_by([fix.seq]);
    }
    // It may load its files in a way that nobody can read, or by a way that does not cross the bridge, or not at all.
    let reason = format!(
        "nothing on the wire shows {phone} load {file} by TFTP or HTTP after it was told to boot; {what}; it may load it in a TLS \
         connection, from a host on its own side, or not at all"
    );
    Finding::unclear("fetch-unseen", reason).shown_by(evidence)
}
