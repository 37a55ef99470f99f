//! Whom a record is about.

use super::{Action, Derived, Event, Observed, PhoneName, Record};

impl Record {
    /// The phone that it is about, if it is about a single one.
    pub fn phone(&self) -> Option<&PhoneName> {
        match &self.event {
            Event::Observed(observed) => match observed {
                Observed::PortOpened { phone, .. }
                | Observed::PortLost { phone, .. }
                | Observed::ConsoleLine { phone, .. }
                | Observed::KeysPlayed { phone, .. }
                | Observed::Pushed { phone, .. }
                | Observed::PhoneFileWritten { phone, .. }
                | Observed::PeerCalled { phone, .. }
                | Observed::FirstBite { phone, .. }
                | Observed::LastBite { phone, .. }
                | Observed::Leak { phone, .. }
                | Observed::Canary { phone, .. }
                | Observed::AddressSeen { phone, .. }
                | Observed::FollowedLate { phone, .. }
                | Observed::RouterSeen { phone, .. }
                | Observed::Knock { phone, .. }
                | Observed::SignOfLife { phone }
                | Observed::HandAsked { phone, .. } => Some(phone),
                Observed::Sip(fact) => Some(&fact.phone),
                Observed::Fetched(fetch) => Some(&fetch.phone),
                Observed::Encrypted(fact) => Some(&fact.phone),
                Observed::Testified(testimony) => Some(&testimony.line.phone),
                _ => None,
            },
            Event::Derived(derived) => match derived {
                Derived::Binding(change) => Some(&change.line.phone),
                Derived::Home { line, .. } | Derived::Connected { line, .. } | Derived::Detected { line, .. } => {
                    Some(&line.phone)
                }
                Derived::KeyConfirmed { phone, .. } | Derived::HandAnswered { phone, .. } => Some(phone),
                Derived::StepEnded { case, .. }
                | Derived::DeadlineComputed { case, .. }
                | Derived::Measured { case, .. } => Some(&case.phone),
                Derived::CaseDecided(case) => Some(&case.id.phone),
                _ => None,
            },
            Event::Action(action) => match action {
                Action::Type { phone, .. }
                | Action::TypeControl { phone, .. }
                | Action::PlayKeys { phone, .. }
                | Action::Push { phone, .. } => Some(phone),
                _ => None,
            },
        }
    }
}
