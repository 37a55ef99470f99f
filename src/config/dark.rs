//! What goes dark besides SIP when a server goes away: what else is at its addresses, for people.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Bench, OutagePlan, Phone, Server};
use crate::event::{Course, LinkSide, Manner, OutageScope, OutageSpec, ServerName};

impl Bench {
    /// What goes dark with this outage, for its phones; nothing, if it is about SIP alone, or its server is not of this bench.
    pub fn dark_in(&self, spec: &OutageSpec) -> Vec<String> {
        if let Some(side) = spec.mode.link() {
            return self.dark_behind(side);
        }
        match self.server(&spec.server) {
            Some(server) if spec.only.is_none() => self.dark_with(server, &spec.scope, &spec.mode.course()),
            _ => Vec::new(),
        }
    }

    /// What goes dark with such an outage for these phones, by server; servers with which nothing does are left out.
    pub fn dark_under<'a>(
        &'a self,
        outage: &OutagePlan,
        phones: impl IntoIterator<Item = &'a Phone>,
    ) -> Vec<(&'a ServerName, Vec<String>)> {
        // That of a link is no matter of servers.
        if outage.only.is_some() || outage.link().is_some() {
            return Vec::new();
        }
        let course = outage.course();
        let servers = self.led_to(outage, phones);
        let dark = servers.map(|server| (&server.name, self.dark_with(server, &outage.scope, &course)));
        dark.filter(|(_, dark)| !dark.is_empty()).collect()
    }

    /// What goes dark when the link of a side is down, for everybody.
    pub fn dark_behind(&self, side: LinkSide) -> Vec<String> {
        let (what, names): (_, Vec<String>) = match side {
            LinkSide::Server => ("server", self.servers.iter().map(|server| server.name.to_string()).collect()),
            LinkSide::Phone => ("phone", self.phones.iter().map(|phone| phone.name.to_string()).collect()),
        };
        let interface = self.network.as_ref().map_or("the interface", |network| network.interface_of(side));
        vec![format!("every {what} ({})", names.join(", ")), format!("whatever else is behind {interface}")]
    }

    /// What keeps such an outage of the servers of these phones from beginning: `needs a server on the link: …`.
    pub fn lacks_for<'a>(
        &'a self,
        outage: &OutagePlan,
        phones: impl IntoIterator<Item = &'a Phone>,
    ) -> impl Iterator<Item = String> {
        let course = outage.course();
        let phones: Vec<&Phone> = phones.into_iter().collect();
        let of_servers: Vec<_> = self.led_to(outage, phones.iter().copied()).collect();
        let of_phones = if of_servers.is_empty() { Vec::new() } else { phones };
        let of_servers = of_servers.into_iter();
        let lacks = of_servers.filter_map(|server| server.lacks_for(&course, &self.servers)).collect::<Vec<_>>();
        lacks.into_iter().chain(of_phones.into_iter().filter_map(move |phone| phone.lacks_for(&course, &self.phones)))
    }

    /// What keeps this outage from beginning.
    pub fn lacks_of(&self, spec: &OutageSpec) -> Option<String> {
        let course = spec.mode.course();
        let of_phones = || {
            let mut phones = self.phones.iter().filter(|phone| spec.phones.contains(&phone.name));
            phones.find_map(|phone| phone.lacks_for(&course, &self.phones))
        };
        self.server(&spec.server).and_then(|server| server.lacks_for(&course, &self.servers)).or_else(of_phones)
    }

    /// The servers of these phones that such an outage takes away, in file order.
    pub fn led_to<'a>(
        &'a self,
        outage: &OutagePlan,
        phones: impl IntoIterator<Item = &'a Phone>,
    ) -> impl Iterator<Item = &'a Server> {
        let away: BTreeSet<ServerName> = outage.aims(phones).into_iter().map(|aim| aim.server).collect();
        self.servers.iter().filter(move |server| away.contains(&server.name))
    }

    fn dark_with(&self, server: &Server, scope: &OutageScope, course: &Course) -> Vec<String> {
        if course.phases.iter().any(|phase| phase.manner == Manner::Nameless) {
            let names: Vec<String> = server.names.iter().map(ToString::to_string).collect();
            return vec![format!("whatever else asks DNS for {}", names.join(", "))];
        }
        let (addresses, ports) = match scope {
            OutageScope::Sip => return Vec::new(),
            OutageScope::Host => (server.addresses.clone(), None),
            OutageScope::Part(part) => {
                let ports = (!part.ports.is_empty()).then_some(&part.ports);
                (part.address.map_or_else(|| server.addresses.clone(), |address| vec![address]), ports)
            }
        };
        let mut dark: Vec<String> = services(server, ports).collect();
        for other in self.servers.iter().filter(|other| other.name != server.name) {
            if other.addresses.iter().any(|address| addresses.contains(address)) {
                dark.push(format!("server {}, which has the same address", other.name));
            }
        }
        if ports.is_none() {
            dark.push(format!("whatever else is at {}", list(&addresses)));
        }
        dark
    }
}

/// The declared services but SIP that are at these ports; none: at any.
fn services(server: &Server, ports: Option<&Vec<u16>>) -> impl Iterator<Item = String> {
    server.services.iter().filter(|(service, _)| *service != "sip").filter_map(move |(service, of_service)| {
        let taken = of_service.iter().filter(|port| ports.is_none_or(|ports| ports.contains(port)));
        let taken: Vec<String> = taken.map(ToString::to_string).collect();
        (!taken.is_empty()).then(|| format!("{service} ({})", taken.join(", ")))
    })
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        config::{Identity, load},
        event::{Manner, OutageMode, Part, Selection},
    };

    #[test]
    fn what_goes_dark_is_what_the_scope_takes() {
        let bench = bench();
        let dark = |scope: OutageScope| bench.dark_in(&spec(&bench, scope)).join("; ");
        assert_eq!(dark(OutageScope::Sip), "");
        let host = dark(OutageScope::Host);
        assert!(host.starts_with("provisioning (69, 443); xml (80)"), "{host}");
        assert!(host.contains("whatever else is at"), "{host}");
        let part = |part: Part| dark(OutageScope::Part(part));
        assert_eq!(part(Part { ports: vec![443, 5060], ..Part::default() }), "provisioning (443)");
        let address = bench.servers[0].addresses.first().copied();
        assert!(part(Part { address, ..Part::default() }).ends_with(&address.unwrap().to_string()));
    }

    #[test]
    fn without_its_names_a_server_is_there_for_those_who_know_its_address() {
        let mut bench = bench();
        bench.servers[0].names = vec!["a.example".parse().unwrap(), "pbx.example".parse().unwrap()];
        let spec = OutageSpec { mode: Manner::Nameless.into(), ..spec(&bench, OutageScope::Host) };
        assert_eq!(bench.dark_in(&spec), ["whatever else asks DNS for a.example, pbx.example"]);
    }

    #[test]
    fn nobody_s_link_layer_address_is_taken_from_a_phone_that_asks_for_none() {
        let mut bench = bench();
        for (phone, last) in bench.phones.iter_mut().zip([11, 12]) {
            phone.identity = Identity::Routed { routed: vec![[10, 88, 0, last].into()], mac: None };
        }
        let phones = vec![bench.phones[0].name.clone()];
        let unresolvable = OutageMode::from(Manner::Unresolvable);
        let spec = OutageSpec { mode: unresolvable, phones, ..spec(&bench, OutageScope::Host) };
        let lacks = bench.lacks_of(&spec).unwrap();
        let others = format!("phone {}, and everything else behind a router", bench.phones[1].name);
        assert!(lacks.starts_with("needs a phone on the link: ") && lacks.contains(&others), "{lacks}");
        assert_eq!(bench.lacks_of(&OutageSpec { mode: OutageMode::DROP, ..spec.clone() }), None);
        bench.phones[0].identity = Identity::OnLink { mac: crate::config::Mac([2, 0, 0, 0, 0, 1]) };
        assert_eq!(bench.lacks_of(&spec), None, "the other is not concerned");
    }

    #[test]
    fn a_server_at_the_same_address_is_named() {
        let mut bench = bench();
        bench.servers[1].addresses = bench.servers[0].addresses.clone();
        let dark = bench.dark_in(&spec(&bench, OutageScope::Host)).join("; ");
        assert!(dark.contains(&format!("server {}, which has the same address", bench.servers[1].name)), "{dark}");
    }

    #[test]
    fn nothing_goes_dark_where_certain_messages_do() {
        let bench = bench();
        let only = Some(Selection::default());
        assert!(bench.dark_in(&OutageSpec { only, ..spec(&bench, OutageScope::Host) }).is_empty());
    }

    fn bench() -> Bench {
        let file = "fixtures/config/valid/bench-full.toml";
        let mut bench = load::bench(file, Path::new(load::RIG), &[]).unwrap().0;
        bench.servers[0].services.insert("xml".to_owned(), vec![80]);
        bench.servers[0].services.insert("provisioning".to_owned(), vec![69, 443]);
        bench
    }

    fn spec(bench: &Bench, scope: OutageScope) -> OutageSpec {
        OutageSpec {
            mode: OutageMode::Steady(Manner::Drop),
            server: bench.servers[0].name.clone(),
            scope,
            only: None,
            phones: Vec::new(),
            toward: None,
            limit: Duration::from_secs(1),
            by: None,
        }
    }
}
