//! Call partners on the servers' side: what they and the servers say to each other does not cross the bridge.

use std::{net::SocketAddr, time::Duration};

use super::{Happening, ORDER, Rehearsal, clock, stamp};
use crate::{
    event::{HookOutcome, Observed, PeerCall, Stamp, When},
    virtual_bench::{
        peer::{Peer, PeerInput, PeerOutput},
        registrar::RegistrarInput,
    },
};

/// How long a command may take to end by itself where it is to end.
const MOMENT: Duration = Duration::from_secs(2);

impl Rehearsal {
    pub(super) fn due_peer(&self, now: Stamp) -> Option<SocketAddr> {
        let due = |peer: &Peer| peer.poll_deadline().is_some_and(|at| stamp(at) <= now);
        self.peers.iter().find(|(_, peer)| due(peer)).map(|(address, _)| *address)
    }

    /// A command has a peer call.
    pub(super) fn call_from_peer(&mut self, sequence: u32, call: PeerCall) {
        let bench = &self.plan.bench;
        let (Some(peer), Some(server)) = (bench.peer(&call.peer), bench.server(&call.server)) else { return };
        let at = self.peers.keys().find(|at| at.ip() == peer.address).copied();
        let (Some(at), Some(server)) = (at, server.sip_place()) else { return };
        let (extension, hold) = (call.extension.clone(), peer.hold);
        self.report(When::exactly(self.now), Observed::PeerCalls { sequence, call: Box::new(call.clone()) });
        self.peer_calls.insert(sequence, call);
        let input = PeerInput::Call { number: sequence, server, extension, hold };
        self.schedule(self.now + ORDER, Happening::ToPeer(at, input));
    }

    pub(super) fn end_peer_call(&mut self, sequence: u32, patiently: bool) {
        let ends = self.now + if patiently { MOMENT } else { ORDER };
        let peers: Vec<SocketAddr> = self.peers.keys().copied().collect();
        for at in peers {
            self.schedule(ends, Happening::ToPeer(at, PeerInput::HangUp { number: sequence }));
        }
    }

    /// Something happens to a peer; what it does about it goes on its way.
    pub(super) fn give_peer(&mut self, at: SocketAddr, input: PeerInput) {
        let Some(peer) = self.peers.get_mut(&at) else { return };
        peer.handle(clock(self.now), input);
        let outputs: Vec<PeerOutput> = std::iter::from_fn(|| peer.poll_output()).collect();
        for output in outputs {
            match output {
                PeerOutput::Datagram { to, bytes } => {
                    let there = self.now + self.link.leg();
                    self.schedule(there, Happening::ToServer(to, RegistrarInput::Datagram { from: at, bytes }));
                }
                PeerOutput::Over { number, failed } => {
                    let Some(PeerCall { peer, phone, .. }) = self.peer_calls.remove(&number) else { continue };
                    let error = failed.as_ref().map(|_| "ended with exit code 1".to_owned());
                    let output = failed.map(|why| format!("the call {why}")).unwrap_or_default();
                    let outcome = HookOutcome { took_ns: 0, output, error };
                    let over = Observed::PeerCalled { sequence: number, peer, phone, outcome };
                    self.report(When::exactly(self.now), over);
                }
            }
        }
    }
}
