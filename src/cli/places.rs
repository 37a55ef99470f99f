//! The state file of where servers were last seen to answer from, and phones behind routers to come from, for whoever looks at
//! a bench while nobody works with it. It is no proof of anything: a run has its own in its journal.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{error::UserError, lock::Holder, state};
use crate::{
    bridge::survey,
    config::{Bench, Network, Phone},
    event::{Event, LinkPlace, Observed, Record},
    session::Subscriber,
};

/// Where a server was seen, or the router of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its address.
    pub address: String,
    /// The place.
    pub place: LinkPlace,
    /// When, in UTC.
    pub since: String,
}

/// The file of one pair of interfaces.
#[derive(Debug, Clone)]
pub struct PlacesFile {
    path: PathBuf,
}

/// By address; of each the last place.
type Places = BTreeMap<String, Seen>;

impl PlacesFile {
    /// The file of the pair of interfaces of a bench, whichever way round they are named.
    ///
    /// # Errors
    /// If there is no directory for it.
    pub fn of(network: &Network) -> Result<Self, UserError> {
        let mut sides = [network.phone_side.as_str(), network.server_side.as_str()];
        sides.sort_unstable();
        let name = format!("servers-{}-{}-{}.json", survey::namespace(), sides[0], sides[1]);
        Ok(Self { path: state::of_network()?.join(name) })
    }

    /// What it says of the servers of a bench, and of its phones behind routers, in the bench's order. A file that can not be
    /// read says nothing.
    pub fn of_bench(&self, bench: &Bench) -> Vec<Seen> {
        let places = self.read();
        let servers = bench.servers.iter().flat_map(|server| &server.addresses);
        let addresses = servers.chain(bench.phones.iter().flat_map(Phone::routed));
        addresses.filter_map(|address| places.get(&address.to_string()).cloned()).collect()
    }

    /// Notes where a server, or the router of a phone, was observed.
    pub fn take(&self, observed: &Observed) {
        if let Observed::ServerSeen { address, place, .. } | Observed::RouterSeen { address, place, taken: false, .. } =
            observed
        {
            self.note(&address.to_string(), place);
        }
    }

    /// Notes a place. What can not be written is not known later, and nothing else comes of it.
    fn note(&self, address: &str, place: &LinkPlace) {
        let mut places = self.read();
        let seen = Seen { address: address.to_owned(), place: place.clone(), since: Holder::myself("").since };
        places.insert(address.to_owned(), seen);
        let beside = self.path.with_extension("new");
        if let Ok(text) = serde_json::to_vec(&places)
            && fs::write(&beside, text).is_ok()
        {
            let _ = fs::rename(&beside, &self.path);
        }
    }

    fn read(&self) -> Places {
        fs::read(&self.path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }
}

/// Notes what a run sees of servers, and of the routers of phones.
pub struct NotingPlaces(pub PlacesFile);

impl Subscriber for NotingPlaces {
    fn record(&mut self, record: &Record) {
        if let Event::Observed(observed) = &record.event {
            self.0.take(observed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Mac, event::Toward};

    #[test]
    fn the_last_place_of_an_address_is_kept_and_a_torn_file_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = PlacesFile { path: directory.path().join("servers.json") };
        assert!(file.read().is_empty());
        for last in [8, 9] {
            let mac = Mac([2, 0, 0, 0, 0, last]);
            file.note("10.77.0.2", &LinkPlace { mac, toward: Toward::Phone, vlans: vec![7], hop_limit: 63 });
        }
        let places = file.read();
        assert_eq!(places.len(), 1);
        assert_eq!(places["10.77.0.2"].place.mac, Mac([2, 0, 0, 0, 0, 9]));
        fs::write(&file.path, b"{\"10.77").unwrap();
        assert!(file.read().is_empty());
    }
}
