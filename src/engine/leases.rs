//! Addresses that change hands between phones, as leases do. On the wire a phone on the link is its MAC address, whichever address it
//! has, so that nothing that is read there is of another. But what siprig looks at by an address of the bench file, or sends there, is
//! of whoever has that now: no word of it counts, and nothing more is sent to it.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Outbox, case::Finding, registration::Fix, subjects::Subjects};
use crate::event::{Derived, PhoneName, Testimony, Witness};

/// Who has the address of a phone, by the phone; those who have their own are not in it.
pub type Usurped = BTreeMap<PhoneName, Usurper>;

/// Another phone at the address that the bench file gives to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usurper {
    phone: PhoneName,
    address: IpAddr,
    since: Fix,
}

/// A phone has shown an address by a frame of its own.
pub fn note(subjects: &mut Subjects, phone: &PhoneName, address: IpAddr, fix: Fix, out: &mut Outbox) {
    let owner = subjects.plan().bench.phones.iter().find(|it| it.address == Some(address)).map(|it| it.name.clone());
    let Some(owner) = owner else { return };
    if owner == *phone {
        subjects.usurped.remove(phone);
        return;
    }
    let usurper = Usurper { phone: phone.clone(), address, since: fix };
    if subjects.usurped.get(&owner).is_some_and(|known| known.phone == *phone) {
        return;
    }
    let note = usurper.words(&owner);
    for case in subjects.cases().iter().filter(|case| case.is_of(&owner)) {
        let (line, code, evidence) = (case.track.line().clone(), CODE.to_owned(), vec![fix.seq]);
        out.conclude(fix.when, Derived::Detected { line, code, note: note.clone(), evidence });
    }
    for witness in [Witness::StatusPage, Witness::Syslog, Witness::ActionUri] {
        subjects.lose_witness(&witness, Some(&owner));
    }
    subjects.usurped.insert(owner, usurper);
}

const CODE: &str = "address-moved";

impl Usurper {
    fn words(&self, owner: &PhoneName) -> String {
        let Self { phone, address, .. } = self;
        format!(
            "{phone} has {address} now, which is the address of {owner} in the bench file: what is said from there is of {phone}"
        )
    }
}

/// Whether somebody who speaks from the phone's address says that of another.
pub fn mistakes(subjects: &Subjects, testimony: &Testimony) -> bool {
    testimony.witness.server().is_none() && subjects.usurped.contains_key(&testimony.line.phone)
}

/// What keeps siprig from sending something to the address of a phone.
pub fn in_the_way(subjects: &Subjects, phone: &PhoneName) -> Option<Finding> {
    let usurper = subjects.usurped.get(phone)?;
    let reason = format!(
        "{}, and would get what is meant for {phone}; give phones addresses that stay, or leave `address` and `push` out",
        usurper.words(phone)
    );
    Some(Finding::unclear(CODE, reason).shown_by([usurper.since.seq]))
}
