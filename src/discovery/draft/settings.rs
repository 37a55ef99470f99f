//! What a phone's own files add to what was heard of it.

use super::{DraftLine, Noted, Timers, phones::Desk};
use crate::{
    config::{
        Role,
        provisioning::{Effective, LineSettings},
    },
    discovery::provisioned::{self, Home},
};

impl Desk<'_> {
    /// Where its lines belong, and those that were not heard.
    pub(super) fn complete(
        &mut self,
        settings: &Effective,
        name: &str,
        drafts: &mut Vec<DraftLine>,
        remarks: &mut Vec<String>,
    ) {
        for (number, line) in &settings.lines {
            let Some(user) = &line.user else { continue };
            let (primary, backup) = self.home(line);
            if let Some(known) = drafts.iter_mut().find(|draft| draft.extension.value == user.value) {
                // What lines have proven counts more than what they are told.
                if known.primary.as_ref().is_none_or(|primary| !primary.note.starts_with("proven")) {
                    (known.primary, known.backup) = (primary, backup);
                }
                continue;
            }
            let said = provisioned::said(user.origin.as_ref());
            if line.registrar.host.value.is_off() {
                remarks
                    .push(format!("its line {number}, {}, does not register: it has no registrar, {said}", user.value));
                continue;
            }
            let at = primary.as_ref().map(|primary| primary.value.clone());
            let at = at.or_else(|| self.servers.with_role(Role::Primary).map(str::to_owned)).unwrap_or_default();
            if let Some(other) = self.accounts.get(&(user.value.clone(), at.clone())) {
                remarks.push(format!("its line {number} is {}, {said}, which stands with {other}", user.value));
                continue;
            }
            self.accounts.insert((user.value.clone(), at), name.to_owned());
            // The line that had to be completed is.
            if drafts.first().is_some_and(|draft| draft.extension.note.starts_with("CHANGEME")) {
                drafts.clear();
                self.unknown_lines.retain(|unknown| unknown != name);
            }
            drafts.push(DraftLine {
                extension: Noted::new(user.value.clone(), format!("confirm: not heard, but {said}")),
                domain: None,
                auth_user: line.auth_name.as_ref().map(|it| it.value.clone()).filter(|auth| *auth != user.value),
                primary,
                backup,
                remarks: Vec::new(),
            });
        }
    }

    /// The servers of a line by its settings, where they are not those of all.
    fn home(&self, line: &LineSettings) -> (Option<Noted<String>>, Option<Noted<String>>) {
        let Home { primary, backup, alone } = Home::of(line);
        let usual = |role| self.servers.with_role(role);
        let named = |place: Option<(std::net::IpAddr, String)>| {
            place.and_then(|(address, why)| Some(Noted::new(self.servers.name_of(address)?.to_owned(), why)))
        };
        let (primary, mut backup) = (named(primary), named(backup));
        if alone && usual(Role::Backup).is_some() {
            let why = provisioned::said(line.backup_registrar.host.origin.as_ref());
            backup = Some(Noted::new("none".to_owned(), why));
        }
        let differs =
            |own: &Option<Noted<String>>, role| own.as_ref().is_some_and(|own| usual(role) != Some(&own.value));
        if differs(&primary, Role::Primary) || differs(&backup, Role::Backup) {
            (primary, backup)
        } else {
            (None, None)
        }
    }
}

impl Timers {
    /// Those that the files set; how long before expiry the phone renews is left to what was heard where that would be never.
    pub(super) fn complete(&mut self, settings: &Effective) {
        for (name, span, why) in provisioned::timers(settings) {
            let value = Noted::new(humantime::format_duration(span).to_string(), why);
            match name {
                "renewal-lead" if span < self.expires => self.lead = Some(value),
                "renewal-lead" => {}
                name => self.set.push((name, value)),
            }
        }
    }
}
