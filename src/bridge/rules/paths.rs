//! What the kernel has to give up for a rule.

use std::{collections::BTreeSet, net::IpAddr};

use super::Rule;
use crate::{bridge::table::Path, config::Mac};

impl Rule {
    /// The paths of its phones, without those of protected devices.
    pub fn paths(&self, protected: &BTreeSet<Mac>) -> Vec<Path> {
        let phones: Vec<Mac> = self.phones.iter().filter(|phone| !protected.contains(phone)).copied().collect();
        let servers = || self.servers.iter().copied();
        if self.is_of_names() {
            let on_link = phones.into_iter().map(|phone| Path::Names { phone });
            return on_link.chain(self.routed.iter().map(|phone| Path::RoutedNames { phone: *phone })).collect();
        }
        if self.is_of_resolution() {
            let told =
                phones.iter().flat_map(|phone| servers().map(|server| Path::Resolution { phone: *phone, server }));
            let asking = |phone: IpAddr| alike(phone, servers()).map(move |server| Path::Asking { phone, server });
            return told.chain(self.phone_addresses.iter().flat_map(|phone| asking(*phone))).collect();
        }
        let on_link = phones.iter().flat_map(|phone| servers().map(|server| Path::Packets { phone: *phone, server }));
        let routed = |phone: IpAddr| alike(phone, servers()).map(move |server| Path::Routed { phone, server });
        on_link.chain(self.routed.iter().flat_map(|phone| routed(*phone))).collect()
    }
}

/// Those of the same family.
fn alike(phone: IpAddr, servers: impl Iterator<Item = IpAddr>) -> impl Iterator<Item = IpAddr> {
    servers.filter(move |server| server.is_ipv4() == phone.is_ipv4())
}
