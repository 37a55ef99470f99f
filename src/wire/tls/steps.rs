//! What of the life of a TLS connection is worth a record.

use super::TlsEvent;
use crate::event::{TlsStep, Toward};

/// Each end is heard to speak at most so often in [`A_SECOND_NS`]. Signalling stays far below that; what does not is counted
/// no further. The order in which frames are read is not that of their times, so that nothing can be left out sooner.
const MOST_SPOKEN: u32 = 20;
const A_SECOND_NS: i64 = 1_000_000_000;

/// Chooses the steps of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Steps {
    agreed: bool,
    phone: Spoken,
    server: Spoken,
}

/// How often one end spoke.
#[derive(Debug, Clone, Copy, Default)]
struct Spoken {
    since_ns: i64,
    count: u32,
}

impl Steps {
    /// The step that an event is; none: it is not worth a record.
    pub fn take(&mut self, event: TlsEvent<'_>, toward: Toward, unix_ns: i64) -> Option<TlsStep> {
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
                let end = match toward {
                    Toward::Server => &mut self.phone,
                    Toward::Phone => &mut self.server,
                };
                end.speaks(unix_ns).then_some(TlsStep::Spoke)
            }
            TlsEvent::Alert { description } => (!self.agreed).then_some(TlsStep::Refused { alert: description }),
        }
    }
}

impl Spoken {
    fn speaks(&mut self, unix_ns: i64) -> bool {
        if !(0..A_SECOND_NS).contains(&unix_ns.saturating_sub(self.since_ns)) {
            *self = Self { since_ns: unix_ns, count: 0 };
        }
        self.count += 1;
        self.count <= MOST_SPOKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: TlsEvent<'_> = TlsEvent::ClientHello { server_name: None };

    #[test]
    fn an_end_that_speaks_without_end_is_not_told_of_without_end() {
        let mut steps = Steps::default();
        assert_eq!(steps.take(TlsEvent::Established, Toward::Server, 0), Some(TlsStep::Agreed));
        let mut told = |toward, at| steps.take(TlsEvent::Data, toward, at).is_some();
        let second = A_SECOND_NS as usize;
        let heard = (0..5 * second).step_by(second / 1000).filter(|at| told(Toward::Server, *at as i64)).count();
        assert_eq!(heard, 5 * MOST_SPOKEN as usize);
        assert!(told(Toward::Phone, 4_999_000_000), "the other end has its own count");
        assert!(told(Toward::Server, 0), "a clock that was set back");
    }

    #[test]
    fn an_alert_is_a_refusal_until_both_have_agreed() {
        let alert = TlsEvent::Alert { description: Some(48) };
        let mut steps = Steps::default();
        let refused = Some(TlsStep::Refused { alert: Some(48) });
        assert_eq!(steps.take(alert, Toward::Server, 0), refused);
        steps.take(TlsEvent::Established, Toward::Server, 1);
        assert_eq!(steps.take(alert, Toward::Server, 2), None);
        assert_eq!(steps.take(HELLO, Toward::Server, 3), Some(TlsStep::Greeted), "the same ports once more");
        assert_eq!(steps.take(alert, Toward::Server, 4), refused);
    }
}
