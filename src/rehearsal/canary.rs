//! Canaries on virtual time: whether each would come through.

use super::{FRAME_ERROR_NS, Rehearsal};
use crate::event::{Observed, OutageId, PhoneName, ServerName, Stamp, Toward, When};

impl Rehearsal {
    /// Sends canaries through the paths of these phones to a server: to prove an outage, or, without one, that they are whole.
    pub(super) fn send_canaries(
        &mut self,
        outage: Option<OutageId>,
        server: &ServerName,
        phones: Vec<PhoneName>,
        at: Stamp,
    ) {
        for phone in phones {
            for toward in [Toward::Server, Toward::Phone] {
                let passed = match outage {
                    Some(outage) => !self.drops_canary(outage, toward, at),
                    None => !self.takes_canary(server, &phone, toward, at),
                };
                let (phone, server) = (phone.clone(), server.clone());
                let canary = Observed::Canary { outage, phone, server, toward, passed };
                self.report(When { at, error_ns: FRAME_ERROR_NS }, canary);
            }
        }
    }

    /// Whether an outage is in force and drops a canary that goes this way then.
    fn drops_canary(&self, id: OutageId, toward: Toward, at: Stamp) -> bool {
        let outage = self.outages.get(&id).filter(|_| self.link.is_cut(id));
        outage.is_some_and(|outage| outage.drops_canary(toward, at))
    }

    /// Whether any does.
    fn takes_canary(&self, server: &ServerName, phone: &PhoneName, toward: Toward, at: Stamp) -> bool {
        let mut concerned = self.outages.iter().filter(|(_, outage)| outage.concerns(server, phone));
        concerned.any(|(id, _)| self.drops_canary(*id, toward, at))
    }
}
