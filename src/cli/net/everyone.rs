//! Everybody behind the phone side: who is heard there, declared or not.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{say, show::unreadable, target, wait_for};
use crate::{
    cli::{ask, error::UserError, exit::Exit},
    config::{Bench, Identity, Mac, Model, Network, Phone},
    driver::{clock::RunClock, listen::Listener, network::NetworkError},
    event::PhoneName,
    wire::frame::{Content, Frame},
};

/// How long it is listened.
const LISTENING: Duration = Duration::from_secs(5);
/// Senders that are remembered of one MAC.
const MOST_CARRIED: usize = 256;
/// Where frames come in that phones send.
const PHONE_SIDE: u32 = 0;

/// Listens on the phone side, lists who was heard, and adds the undeclared ones to the bench, each as a phone without lines
/// that is named by its MAC, or by its address, if it is behind the router of a declared phone. Protected devices are none of
/// them. None: somebody does not want it.
///
/// # Errors
/// If nobody can be asked, or the side can not be listened to.
pub fn join(
    bench: &mut Bench,
    network: &Network,
    yes: bool,
    server: &str,
) -> Result<Option<Vec<PhoneName>>, UserError> {
    if !yes && !ask::somebody() {
        let message = "--everyone asks before it takes a server away from devices that the bench does not declare";
        return Err(UserError::new(Exit::Usage, message, "run it in a terminal, or add --yes"));
    }
    let seconds = LISTENING.as_secs();
    say(&format!("listening for {seconds} s at {} for who else is there", network.phone_side));
    let heard = wait_for(listen(network))?;
    let strangers = heard.strangers(bench, network);
    let mut phones = target::phones(bench, network, &[])?;
    if strangers.is_empty() {
        say("nobody but the phones of the bench was heard");
        return Ok(Some(phones));
    }
    for stranger in &strangers {
        let place = match (stranger.router, stranger.address) {
            (Some(router), _) => format!(" behind the router {router}"),
            (None, Some(address)) => format!(" at {address}"),
            (None, None) => String::new(),
        };
        say(&format!("  {}{place}, {} frames; the bench does not declare it", stranger.name(), stranger.frames));
    }
    if !yes {
        let question = format!("Take {server} away from these {}, too?", strangers.len());
        let confirmed = ask::confirm(&question).map_err(|error| unreadable(&error))?;
        if !confirmed {
            return Ok(None);
        }
    }
    for stranger in strangers {
        let phone = bystander(stranger);
        phones.push(phone.name.clone());
        bench.phones.push(phone);
    }
    Ok(Some(phones))
}

async fn listen(network: &Network) -> Result<Heard, UserError> {
    let mut listener = Listener::open(network, false).await.map_err(NetworkError::from)?;
    let clock = RunClock::start();
    let end = clock.now() + LISTENING;
    let mut heard = Heard::default();
    loop {
        tokio::select! {
            biased;
            () = clock.wait(Some(end)) => return Ok(heard),
            taken = listener.next(|frame| if frame.side == PHONE_SIDE { heard.take(frame.bytes) }) => {
                if let Err((interface, error)) = taken {
                    say(&format!("  {interface}: {error}"));
                }
            }
        }
    }
}

/// Who was heard.
#[derive(Debug, Default)]
struct Heard(BTreeMap<Mac, Station>);

/// What came from one MAC.
#[derive(Debug, Default)]
struct Station {
    address: Option<IpAddr>,
    frames: u64,
    /// Packets by their senders: those of a router are many.
    carried: BTreeMap<IpAddr, u64>,
}

/// A device that the bench does not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stranger {
    identity: Identity,
    /// The router that it is behind.
    router: Option<Mac>,
    address: Option<IpAddr>,
    frames: u64,
}

impl Heard {
    fn take(&mut self, bytes: &[u8]) {
        let Ok(frame) = Frame::parse(bytes) else { return };
        let Some(mac) = frame.source.filter(|mac| mac.0[0] & 1 == 0 && mac.0 != [0; 6]) else { return };
        let station = self.0.entry(mac).or_default();
        station.frames += 1;
        let address = match &frame.content {
            Content::Arp { sender_ip, .. } => Some(IpAddr::V4(*sender_ip)),
            Content::Ip(packet) => Some(packet.source),
            Content::Other { .. } => None,
        };
        // Whoever speaks on the link alone at first has another address for everything else.
        let heard = address.filter(|address| !address.is_unspecified());
        if station.address.is_none_or(|known| is_of_link(known) && heard.is_some_and(|heard| !is_of_link(heard))) {
            station.address = heard;
        }
        if let (Content::Ip(_), Some(address)) = (&frame.content, heard.filter(|address| !is_of_link(*address)))
            && (station.carried.len() < MOST_CARRIED || station.carried.contains_key(&address))
        {
            *station.carried.entry(address).or_default() += 1;
        }
    }

    /// Those that are neither declared nor protected. What a router carries of declared phones shows that it is one: it is none of
    /// them itself, and all others are that it carries.
    fn strangers(&self, bench: &Bench, network: &Network) -> Vec<Stranger> {
        let declared = |mac: &Mac| bench.phones.iter().any(|phone| phone.mac_on_link() == Some(*mac));
        let routed: BTreeSet<IpAddr> = bench.phones.iter().flat_map(Phone::routed).copied().collect();
        let open = self.0.iter().filter(|(mac, _)| !declared(mac) && !network.protected.contains(mac));
        let each = open.flat_map(|(mac, Station { address, frames, carried })| {
            if carried.keys().all(|address| !routed.contains(address)) {
                let identity = Identity::OnLink { mac: *mac };
                return vec![Stranger { identity, router: None, address: *address, frames: *frames }];
            }
            let others = carried.iter().filter(|(address, _)| !routed.contains(address));
            let stranger = |(address, frames): (&IpAddr, &u64)| {
                let identity = Identity::Routed { routed: vec![*address], mac: None };
                Stranger { identity, router: Some(*mac), address: Some(*address), frames: *frames }
            };
            others.map(stranger).collect()
        });
        each.collect()
    }
}

impl Stranger {
    /// Its name, for it has none.
    fn name(&self) -> PhoneName {
        match &self.identity {
            Identity::OnLink { mac } => PhoneName(mac.to_string()),
            Identity::Routed { routed, .. } => PhoneName(routed.first().map_or_else(String::new, ToString::to_string)),
        }
    }
}

/// Whether an address is good for nothing beyond its link (RFC 3927, RFC 4291 section 2.5.6).
fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn bystander(stranger: Stranger) -> Phone {
    let model = Model::unknown();
    Phone {
        name: stranger.name(),
        model: model.name,
        identity: stranger.identity,
        address: stranger.address,
        lines: Vec::new(),
        console: None,
        keypad: None,
        push: None,
        status_page: None,
        timers: model.timers,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{config::load, wire::frame};

    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0x99]);
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn bench() -> (Bench, Network) {
        let file = "fixtures/config/valid/bench-full.toml";
        let bench = load::bench(file, Path::new(load::RIG), &[]).unwrap().0;
        let network = bench.network.clone().unwrap();
        (bench, network)
    }

    fn datagram(from: Mac, last: u8) -> Vec<u8> {
        let [own, server] = [[10, 77, 0, last], [10, 77, 0, 2]].map(|address| (address, 5060).into());
        frame::udp_frame(from, SERVER, None, own, server, b"")
    }

    #[test]
    fn a_device_that_spoke_on_its_link_first_is_known_by_its_other_address() {
        let [own, server] = ["[fe80::99]:5353", "[fe80::2]:5353"].map(|address| address.parse().unwrap());
        let on_link = frame::udp_frame(OTHER, SERVER, None, own, server, b"");
        for frames in [[&on_link, &datagram(OTHER, 50)], [&datagram(OTHER, 50), &on_link]] {
            let mut heard = Heard::default();
            frames.into_iter().for_each(|frame| heard.take(frame));
            assert_eq!(heard.0[&OTHER].address, Some("10.77.0.50".parse().unwrap()));
        }
    }

    #[test]
    fn strangers_are_those_that_the_bench_neither_declares_nor_protects() {
        let (bench, mut network) = bench();
        let mut heard = Heard::default();
        let group = Mac([1, 0, 0x5e, 0, 0, 1]);
        for from in [bench.phones[0].mac().unwrap(), OTHER, OTHER, group] {
            heard.take(&datagram(from, 50));
        }
        heard.take(b"no frame");
        let identity = Identity::OnLink { mac: OTHER };
        let expected = Stranger { identity, router: None, address: Some([10, 77, 0, 50].into()), frames: 2 };
        assert_eq!(heard.strangers(&bench, &network), [expected]);
        network.protected.push(OTHER);
        assert_eq!(heard.strangers(&bench, &network), []);
    }

    #[test]
    fn of_what_a_phone_s_router_carries_each_is_a_stranger_of_its_own_and_the_phone_is_none() {
        let (mut bench, network) = bench();
        bench.phones[0].identity = Identity::Routed { routed: vec![[10, 77, 0, 51].into()], mac: None };
        let mut heard = Heard::default();
        for last in [50, 51, 52, 50] {
            heard.take(&datagram(OTHER, last));
        }
        let told: Vec<_> =
            heard.strangers(&bench, &network).iter().map(|it| (it.name().0, it.router, it.frames)).collect();
        assert_eq!(told, [("10.77.0.50".to_owned(), Some(OTHER), 2), ("10.77.0.52".to_owned(), Some(OTHER), 1)]);
    }
}
