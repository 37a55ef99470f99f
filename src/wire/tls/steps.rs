//! What of the life of a TLS connection is worth a record.

use super::TlsEvent;
use crate::event::{Fate, TlsStep, Toward};

/// Who says several things in a row is heard once in this time, in nanoseconds.
const SPOKE_EVERY_NS: i64 = 1_000_000_000;

/// Chooses the steps of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steps {
    agreed: bool,
    /// Who spoke last, what became of that, and when.
    spoke: Option<(Toward, Fate, i64)>,
}

impl Steps {
    /// The step that an event is; none: it says nothing new.
    pub fn take(&mut self, event: TlsEvent<'_>, toward: Toward, fate: Fate, unix_ns: i64) -> Option<TlsStep> {
        match event {
            TlsEvent::ClientHello { .. } => {
                *self = Self::default();
                Some(TlsStep::Greeted)
            }
            TlsEvent::ServerHello => Some(TlsStep::Greeted),
            TlsEvent::Established => {
                self.agreed = true;
                Some(TlsStep::Agreed)
            }
            TlsEvent::Data => {
                let goes_on = |(last, became, at): (Toward, Fate, i64)| {
                    (last, became) == (toward, fate) && (0..SPOKE_EVERY_NS).contains(&unix_ns.saturating_sub(at))
                };
                if self.spoke.is_some_and(goes_on) {
                    return None;
                }
                self.spoke = Some((toward, fate, unix_ns));
                Some(TlsStep::Spoke)
            }
            TlsEvent::Alert { description } => (!self.agreed).then_some(TlsStep::Refused { alert: description }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OutageId;

    const MS: i64 = 1_000_000;

    #[test]
    fn who_goes_on_speaking_is_heard_once_a_second_and_every_answer_at_once() {
        use Toward::{Phone, Server};
        let dropped = Fate::Dropped(OutageId(1));
        let rows = [
            (0, Server, Fate::Passed, true),
            (400 * MS, Server, Fate::Passed, false),
            (401 * MS, Phone, Fate::Passed, true),
            (402 * MS, Server, Fate::Passed, true),
            (403 * MS, Server, dropped, true),
            (404 * MS, Server, dropped, false),
            (1403 * MS, Server, dropped, true),
            // A clock that was set back.
            (0, Server, dropped, true),
        ];
        let mut steps = Steps::default();
        assert_eq!(steps.take(TlsEvent::Established, Server, Fate::Passed, 0), Some(TlsStep::Agreed));
        for (at, toward, fate, told) in rows {
            let step = steps.take(TlsEvent::Data, toward, fate, at);
            assert_eq!(step.is_some(), told, "{at} {toward:?} {fate:?}");
        }
    }

    #[test]
    fn an_alert_is_a_refusal_until_both_have_agreed() {
        let alert = TlsEvent::Alert { description: Some(48) };
        let mut steps = Steps::default();
        let refused = Some(TlsStep::Refused { alert: Some(48) });
        assert_eq!(steps.take(alert, Toward::Server, Fate::Passed, 0), refused);
        steps.take(TlsEvent::Established, Toward::Server, Fate::Passed, 1);
        assert_eq!(steps.take(alert, Toward::Server, Fate::Passed, 2), None);
        // The same ports once more.
        steps.take(TlsEvent::ClientHello { server_name: None }, Toward::Server, Fate::Passed, 3);
        assert_eq!(steps.take(alert, Toward::Server, Fate::Passed, 4), refused);
    }
}
