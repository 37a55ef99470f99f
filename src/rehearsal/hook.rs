//! Servers that are stopped and started by commands: what was in them is lost, and the machine that they ran on answers in the
//! name of nobody.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{Happening, Rehearsal};
use crate::{
    event::{HookAct, HookOutcome, Observed, OutageEnd, OutageId, OutageSpec, ServerName, When},
    virtual_bench::registrar::{Registrar, RegistrarSpec},
};

/// How long a command takes.
const TAKES: Duration = Duration::from_millis(30);

/// A server that was stopped, or is being stopped.
#[derive(Debug)]
pub(super) struct Hooked {
    server: ServerName,
    begun: super::Stamp,
    /// What it was, by where it speaks SIP.
    specs: BTreeMap<SocketAddr, RegistrarSpec>,
    starting: bool,
}

impl Rehearsal {
    pub(super) fn stop_server(&mut self, outage: OutageId, spec: &OutageSpec) {
        let server = spec.server.clone();
        let hooked = Hooked { server: server.clone(), begun: self.now, specs: BTreeMap::new(), starting: false };
        self.hooked.insert(outage, hooked);
        self.report(When::exactly(self.now), Observed::HookStarted { outage, server, act: HookAct::Stop });
        self.schedule(self.now + TAKES, Happening::Stopped(outage));
        self.schedule(self.now + spec.limit, Happening::End(outage, OutageEnd::Limit));
    }

    pub(super) fn stopped(&mut self, outage: OutageId) {
        let Some(hooked) = self.hooked.get_mut(&outage) else { return };
        let (server, begun) = (hooked.server.clone(), hooked.begun);
        let addresses = self.plan.bench.server(&server).map(|it| it.addresses.clone()).unwrap_or_default();
        let is_gone = |at: &SocketAddr, _: &mut Registrar| addresses.contains(&at.ip());
        hooked.specs = self.servers.extract_if(.., is_gone).map(|(at, gone)| (at, gone.spec().clone())).collect();
        self.close_connections(&addresses);
        self.tell_end(outage, server, HookAct::Stop);
        let when = When { at: begun, error_ns: self.now.since(begun).as_nanos() as u64 };
        self.report(when, Observed::OutageBegan { outage });
    }

    pub(super) fn start_server(&mut self, outage: OutageId, why: OutageEnd) {
        let Some(hooked) = self.hooked.get_mut(&outage).filter(|hooked| !hooked.starting) else { return };
        hooked.starting = true;
        let server = hooked.server.clone();
        self.report(When::exactly(self.now), Observed::HookStarted { outage, server, act: HookAct::Start });
        self.schedule(self.now + TAKES, Happening::Started(outage, why));
    }

    pub(super) fn started(&mut self, outage: OutageId, why: OutageEnd) {
        let Some(hooked) = self.hooked.remove(&outage) else { return };
        self.servers.extend(hooked.specs.into_iter().map(|(at, spec)| (at, Registrar::new(spec))));
        self.tell_end(outage, hooked.server, HookAct::Start);
        let when = When { at: self.now, error_ns: TAKES.as_nanos() as u64 };
        self.report(when, Observed::OutageEnded { outage, why, tally: BTreeMap::new() });
    }

    fn tell_end(&mut self, outage: OutageId, server: ServerName, act: HookAct) {
        let outcome = HookOutcome { took_ns: TAKES.as_nanos() as u64, output: String::new(), error: None };
        self.report(When::exactly(self.now), Observed::HookEnded { outage, server, act, outcome });
    }
}
