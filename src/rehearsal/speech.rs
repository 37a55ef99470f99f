//! Speech between phones and call partners, as the bridge counts it: not packet for packet, but as much of it as a second holds.
//! None of an outage is about it: partners are at none of the servers' addresses.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{FRAME_ERROR_NS, Happening, Rehearsal};
use crate::{
    event::{Observed, PhoneName, Speech, Stamp, Toward, When},
    virtual_bench::peer,
};

/// As often as the bridge tells.
const SECOND: Duration = Duration::from_secs(1);
/// From packet to packet.
const PACKET: Duration = Duration::from_millis(20);

/// By phone and direction: since when something was said, how many packets, and the last.
pub(super) type Spoken = BTreeMap<(PhoneName, bool), (Stamp, u64, Stamp)>;

impl Rehearsal {
    /// Tells what was said in the second that is over: whoever speaks now has spoken all the time.
    pub(super) fn tell_speech(&mut self) {
        self.schedule(self.now + SECOND, Happening::Spoken);
        let mut said: Vec<(PhoneName, SocketAddr, SocketAddr, Toward)> = Vec::new();
        for (name, device) in &self.devices {
            let spec = device.phone.spec();
            let (port, listeners) = device.phone.speaks();
            let own = SocketAddr::new(spec.address, port);
            said.extend(listeners.into_iter().map(|other| (name.clone(), own, other, Toward::Server)));
            for (at, peer) in &self.peers {
                let other = SocketAddr::new(at.ip(), peer::PORT);
                let heard = peer.speaks_to().into_iter().filter(|listener| listener.ip() == spec.address);
                said.extend(heard.map(|own| (name.clone(), own, other, Toward::Phone)));
            }
        }
        for (phone, own, other, toward) in said {
            // Two phones speak with each other on their own switch.
            if !self.peers.keys().any(|peer| peer.ip() == other.ip()) {
                continue;
            }
            let key = (phone.clone(), toward == Toward::Server);
            let (first, packets, before) = self.spoken.get(&key).copied().unwrap_or((self.now, 0, self.now));
            let silent = self.now.since(before);
            let gap = if silent <= SECOND { PACKET } else { silent };
            let packets = packets + 50;
            self.spoken.insert(key, (first, packets, self.now));
            let gap_ns = gap.as_nanos() as u64;
            let last = self.now;
            let speech = Speech { phone, own, other, toward, packets, dropped: 0, first, last, gap_ns };
            self.report(When { at: last, error_ns: FRAME_ERROR_NS }, Observed::Spoke(Box::new(speech)));
        }
    }
}
