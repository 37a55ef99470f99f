//! Users that more than one phone has.

use std::collections::BTreeMap;

use super::{Finding, Severity, Subject};
use crate::config::provisioning::Origin;

/// Most phones that a finding names.
const NAMED: usize = 4;

/// A line that has a user.
struct Holder {
    /// Index of the phone.
    phone: usize,
    line: u8,
    origin: Option<Origin>,
}

/// Tells each phone whose user another has at the same registrar.
pub(super) fn tell_shared(subjects: &mut [Subject]) {
    let mut accounts: BTreeMap<(String, String), Vec<Holder>> = BTreeMap::new();
    for (phone, subject) in subjects.iter().enumerate().filter(|(_, subject)| subject.mac.is_some()) {
        for (line, settings) in &subject.effective.lines {
            let Some(user) = &settings.user else { continue };
            let account = (user.value.clone(), settings.registrar.host.value.to_string());
            accounts.entry(account).or_default().push(Holder { phone, line: *line, origin: user.origin.clone() });
        }
    }
    let names: Vec<_> = subjects.iter().map(|subject| subject.name.clone()).collect();
    for ((user, _), holders) in accounts {
        let mut phones: Vec<_> = holders.iter().map(|holder| holder.phone).collect();
        phones.dedup();
        for holder in holders.iter().filter(|_| phones.len() > 1) {
            let others = phones.iter().filter(|phone| **phone != holder.phone).filter_map(|phone| names.get(*phone));
            let listed: Vec<_> = others.take(NAMED).map(String::as_str).collect();
            let more = (phones.len() - 1).saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let Some(subject) = subjects.get_mut(holder.phone) else { continue };
            subject.tell(Finding {
                severity: Severity::Error,
                code: "shared-user",
                lines: vec![holder.line],
                message: format!(
                    "the user {user} is also that of {}{more}: their registrations mix",
                    listed.join(", ")
                ),
                remedy: "give each phone a user of its own".to_owned(),
                origin: holder.origin.clone(),
            });
        }
    }
}
