//! REGISTER (RFC 3261 section 10.3): who may, whether there is room, what is bound, and what a defect makes of it.

use std::time::Duration;

use super::{
    Registrar, RegistrarDefect, WhenFull,
    answer::{Answer, Asked},
    binding::{Change, Refused},
    guard::Pass,
};
use crate::wire::sip::address_of_record;

/// An address where nobody is: of the block that documentation uses (RFC 5737).
const NOWHERE: &str = "192.0.2.1";

impl Registrar {
    /// The answer to a REGISTER; none if it gets none.
    pub(super) fn register(&mut self, now: Duration, asked: &Asked<'_>) -> Option<Answer> {
        for defect in &self.spec.defects {
            match defect {
                RegistrarDefect::TwoFaced => return None,
                RegistrarDefect::Reject(code) => return Some(Answer::bare(*code)),
                RegistrarDefect::Unavailable(span) => return Some(unavailable(*span)),
                RegistrarDefect::RedirectsNowhere => {
                    let user = asked.user_in("To").unwrap_or_default();
                    return Some(Answer::bare(302).with("Contact", format!("<sip:{user}@{NOWHERE}>")));
                }
                _ => {}
            }
        }
        let account = asked.message.header("To").and_then(address_of_record);
        let Some((extension, host)) = account else { return Some(Answer::bare(400)) };
        let user = self.spec.users.get(&extension).filter(|_| self.is_ours(&host));
        let Some(user) = user else { return Some(Answer::bare(404)) };
        match self.guard.check(now, asked, "Authorization", &extension, &user.password) {
            Pass::Welcome => {}
            Pass::Challenge(challenges) => {
                let answer = Answer::bare(401);
                return Some(challenges.into_iter().fold(answer, |answer, one| answer.with("WWW-Authenticate", one)));
            }
            Pass::Wrong => return Some(Answer::bare(403)),
        }
        let change = match Change::read(asked.message, &self.spec) {
            Ok(change) => change,
            Err(Refused::TooBrief) => {
                let least = self.spec.min_expires.as_secs();
                return Some(Answer::bare(423).with("Min-Expires", least.to_string()));
            }
            Err(Refused::Code(code)) => return Some(Answer::bare(code)),
        };
        let needs_room = change.granted().is_some() && !self.bindings.contains_key(&extension);
        if needs_room && self.is_full() {
            return self.no_room(&extension);
        }
        Some(self.bind(now, asked, &extension, change))
    }

    fn bind(&mut self, now: Duration, asked: &Asked<'_>, extension: &str, change: Change) -> Answer {
        let granted = change.granted();
        let before = self.bindings.get(extension).cloned().unwrap_or_default();
        let mut bindings = before.clone();
        if let Err(code) = change.apply(&mut bindings, now, (asked.from, asked.way)) {
            return Answer::bare(code);
        }
        let mut answer = Answer::bare(200);
        if !self.has(&RegistrarDefect::NoContactIn200) {
            for binding in &bindings {
                answer = answer.with("Contact", binding.contact_header(now));
            }
        }
        if self.has(&RegistrarDefect::Forgets) || self.has(&RegistrarDefect::ForgetsLine(extension.to_owned())) {
            return answer;
        }
        let kept = self.spec.defects.iter().find_map(|defect| match defect {
            RegistrarDefect::KeepsFor(span) => Some(*span),
            _ => None,
        });
        if let Some(kept) = kept {
            for binding in bindings.iter_mut().filter(|binding| !before.contains(binding)) {
                binding.expires_at = now + kept;
            }
        }
        if bindings.is_empty() {
            if self.bindings.remove(extension).is_some() {
                self.cluster.registered(extension, None);
            }
        } else {
            if granted.is_some() {
                self.cluster.registered(extension, kept.or(granted));
            }
            self.bindings.insert(extension.to_owned(), bindings);
        }
        answer
    }

    /// Whether nobody new can register.
    pub(super) fn is_full(&self) -> bool {
        self.spec.capacity.is_some_and(|capacity| self.bindings.len() >= capacity as usize)
    }

    /// What somebody is told for whom there is no room. With distribution on, those who logged on by key or code are sent
    /// to another server, whatever the others are told; those with an account of their own in the phone's files are not.
    fn no_room(&self, extension: &str) -> Option<Answer> {
        let distributed = self.spec.distribution && self.cluster.seat_of(extension).is_some();
        match self.spec.when_full {
            _ if distributed => Some(self.redirect(extension)),
            WhenFull::Redirect => Some(self.redirect(extension)),
            WhenFull::Forbid => Some(Answer::bare(403)),
            WhenFull::Unavailable(span) => Some(unavailable(span)),
            WhenFull::Silence => None,
        }
    }

    fn redirect(&self, extension: &str) -> Answer {
        match self.cluster.with_room_beside(self.cluster.me()) {
            Some(other) => Answer::bare(302).with("Contact", format!("<sip:{extension}@{}>", other.address)),
            None => Answer::bare(403),
        }
    }
}

fn unavailable(span: Duration) -> Answer {
    Answer::bare(503).with("Retry-After", span.as_secs().to_string())
}
