//! Call partners on the servers' side: commands of the bench file that call phones, and processes that answer them, as the user
//! who runs siprig.
//!
//! Each has a thread, as servers that are stopped have. All of them end with the run, with their process groups: a call that
//! still stands is hung up by whoever is left of it.

use std::{collections::BTreeMap, sync::Arc, thread::JoinHandle, time::Duration};

use super::{
    Report,
    clock::RunClock,
    hook::{
        command::{self, Ending},
        keeper::offer,
    },
    secrets::Secrets,
};
use crate::{
    config::{Bench, Party, Peer, Plan, peer::Called},
    event::{Observed, PeerCall, PeerName, When},
};

/// A command that calls is told to end this long after the call should be over by itself.
const SPARE: Duration = Duration::from_secs(60);

/// What answers calls may run for this long: as long as any run.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 3600);

/// Why a peer can not take part.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// A program is not there.
    #[error(
        "peer {peer}: there is no program `{program}` to {key} with; look at `{key}` of the peer in the bench file"
    )]
    NoProgram {
        /// The peer.
        peer: PeerName,
        /// The key of its command.
        key: &'static str,
        /// The program.
        program: String,
    },
    /// The system has no thread for it.
    #[error("cannot wait for the command of peer {peer}: {source}")]
    Thread {
        /// The peer.
        peer: PeerName,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Looks for the programs of a peer.
///
/// # Errors
/// If one is not there.
pub fn ready(peer: &Peer) -> Result<(), PeerError> {
    for (key, words) in [("call", &peer.call), ("answer", &peer.answer)] {
        let Some(words) = words else { continue };
        let program = words.first().cloned().unwrap_or_default();
        if command::find(&program).is_none() {
            return Err(PeerError::NoProgram { peer: peer.name.clone(), key, program });
        }
    }
    Ok(())
}

/// The peers of a run.
#[derive(Debug, Default)]
pub struct Peers {
    work: Option<Work>,
    /// Commands that call, by the number of the order.
    calls: BTreeMap<u32, Ongoing>,
    /// Processes that answer.
    answering: Vec<Ongoing>,
}

#[derive(Debug, Clone)]
struct Work {
    bench: Arc<Bench>,
    secrets: Secrets,
    clock: RunClock,
    reports: tokio::sync::mpsc::Sender<Report>,
}

/// A command in progress. It ends when this is dropped, which waits for it.
#[derive(Debug)]
struct Ongoing {
    ending: Arc<Ending>,
    thread: Option<JoinHandle<()>>,
}

impl Peers {
    /// Begins what answers calls, as far as the scenarios of a plan want to be answered by it, and makes ready to call.
    ///
    /// # Errors
    /// If a program is not there.
    pub fn start(
        plan: &Plan,
        clock: &RunClock,
        reports: &tokio::sync::mpsc::Sender<Report>,
    ) -> Result<Self, PeerError> {
        let sides: Vec<Party> = plan.scenarios().filter_map(|scenario| scenario.peer).collect();
        if sides.is_empty() {
            return Ok(Self::default());
        }
        let bench = Arc::new(plan.bench.clone());
        let work = Work { bench, secrets: Secrets::of(plan), clock: clock.clone(), reports: reports.clone() };
        Self::taking(sides, work)
    }

    /// Those that take these sides of calls.
    fn taking(sides: Vec<Party>, work: Work) -> Result<Self, PeerError> {
        let mut peers = Self { work: Some(work.clone()), calls: BTreeMap::new(), answering: Vec::new() };
        for side in sides {
            let Some(peer) = work.bench.peer_for(side) else { continue };
            ready(peer)?;
            if let (Some(words), Party::Callees, true) = (peer.answering(), side, peers.answering.is_empty()) {
                let (name, work) = (peer.name.clone(), work.clone());
                peers.answering.push(Ongoing::begin(&peer.name, move |ending| work.answer(name, &words, ending))?);
            }
        }
        Ok(peers)
    }

    /// Has a peer call. [`Observed::PeerCalls`] and [`Observed::PeerCalled`] report what becomes of it. False: it can not.
    pub fn call(&mut self, sequence: u32, call: PeerCall) -> bool {
        let Some(work) = self.work.clone() else { return false };
        let place = work.bench.server(&call.server).and_then(crate::config::Server::sip_place);
        let Some((peer, server)) = work.bench.peer(&call.peer).zip(place) else { return false };
        let called = Called { extension: &call.extension, server };
        let Some(words) = peer.calling(called) else { return false };
        let (limit, name) = (peer.hold + SPARE, peer.name.clone());
        let begun = Ongoing::begin(&name, move |ending| work.call(sequence, call, &words, limit, ending));
        begun.map(|ongoing| self.calls.insert(sequence, ongoing)).is_ok()
    }

    /// Has a call ended, at once or after a moment in which its command may end by itself.
    pub fn end(&self, sequence: u32, patiently: bool) {
        if let Some(call) = self.calls.get(&sequence) {
            if patiently { call.ending.soon() } else { call.ending.now() }
        }
    }

    /// Ends everything, and waits for that.
    pub async fn close(self) {
        // A thread that panicked has said so.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// All are told side by side.
impl Drop for Peers {
    fn drop(&mut self) {
        self.calls.values().chain(&self.answering).for_each(|ongoing| ongoing.ending.now());
    }
}

impl Ongoing {
    fn begin(peer: &PeerName, work: impl FnOnce(&Ending) + Send + 'static) -> Result<Self, PeerError> {
        let ending = Arc::new(Ending::default());
        let of_thread = Arc::clone(&ending);
        let thread = std::thread::Builder::new().name(format!("peer {peer}")).spawn(move || work(&of_thread));
        let thread = thread.map_err(|source| PeerError::Thread { peer: peer.clone(), source })?;
        Ok(Self { ending, thread: Some(thread) })
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.ending.now();
        // One that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Work {
    fn call(&self, sequence: u32, call: PeerCall, words: &[String], limit: Duration, ending: &Ending) {
        let (peer, phone) = (call.peer.clone(), call.phone.clone());
        self.tell(Observed::PeerCalls { sequence, call: Box::new(call) });
        let outcome = command::attend(words, limit, ending, &self.secrets, &self.clock);
        self.tell(Observed::PeerCalled { sequence, peer, phone, outcome });
    }

    fn answer(&self, peer: PeerName, words: &[String], ending: &Ending) {
        let outcome = command::attend(words, FOR_EVER, ending, &self.secrets, &self.clock);
        if !ending.is_wished() {
            self.tell(Observed::PeerGone { peer, outcome });
        }
    }

    fn tell(&self, observed: Observed) {
        offer(&self.reports, Report { when: When::exactly(self.clock.now()), observed });
    }
}

#[cfg(test)]
mod tests;
