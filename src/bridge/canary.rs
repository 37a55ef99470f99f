//! Canaries: marked frames of our own that take a phone's path through the bridge and prove that it is open, or closed.
//!
//! They enter through a third port, one end of a veth pair; the other end lies in a network namespace that only this
//! process holds, so that the port is gone when the process is. Whether they came out is seen by the tap of the far side.
//!
//! A canary harms nobody. Toward the server it has the phone's MAC as source and a receiver that nobody is, which the
//! bridge was told to look for on the server side. Toward the phone it has the phone's MAC as receiver, as the rule under
//! test looks at it, and an IP address for documentation (RFC 5737, RFC 3849), which the phone discards. Of a phone behind a
//! router the rule looks at the IP address: its canaries have that, and in place of the router's MAC another one that nobody is.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::sched::{CloneFlags, setns, unshare};

use super::{
    link::Links,
    protocol::{PhoneIndex, PhoneKey, Refusal, ServerIndex},
    tap::Tap,
};
use crate::{
    config::Mac,
    event::{OutageId, Toward},
    wire::{
        dns::{self, Name},
        frame::{self, Envelope},
    },
};

/// Receiver of canaries toward the server; locally administered.
const FAR_SIDE: Mac = Mac([0x02, 0x53, 0x49, 0x50, 0x52, 0x01]);
/// Sender of canaries toward the phone; locally administered.
const NEAR_SIDE: Mac = Mac([0x02, 0x53, 0x49, 0x50, 0x52, 0x02]);
/// In place of the router of a phone that is behind one; locally administered.
const BEHIND: Mac = Mac([0x02, 0x53, 0x49, 0x50, 0x52, 0x03]);
/// What the names of canary ports begin with. One of a helper that died just now may still be there for a moment.
pub const PORT_PREFIX: &str = "siprig-";
/// Name of our end of the pair.
const PEER: &str = "canary";
/// What a canary carries, before its number.
const MARK: &[u8] = b"siprig canary ";
/// The other port: discard (RFC 863).
const DISCARD: u16 = 9;

/// The port through which canaries enter the bridge.
#[derive(Debug)]
pub struct CanaryPort {
    inner: Tap,
}

impl CanaryPort {
    /// Makes the port and puts it on the bridge, whose interfaces have these numbers: toward the phones, toward the servers.
    ///
    /// # Errors
    /// If the kernel refuses. A new network namespace needs CAP_SYS_ADMIN.
    pub async fn open(links: &Links, bridge: u32, [phone_side, server_side]: [u32; 2]) -> Result<Self, Refusal> {
        let failed = |error: io::Error| Refusal::from_io("make the canary port (a veth pair)", &error);
        let open_namespace = || std::fs::File::open("/proc/thread-self/ns/net");
        let home = open_namespace().map_err(failed)?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(|error| failed(error.into()))?;
        let away = open_namespace();
        setns(&home, CloneFlags::CLONE_NEWNET).map_err(|error| failed(error.into()))?;
        let away = away.map_err(failed)?;

        let name = format!("{PORT_PREFIX}{}", std::process::id());
        links.create_veth(&name, PEER, away.as_raw_fd()).await.map_err(failed)?;
        let port = links.find(&name).await.map_err(failed)?;
        let port = port.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?.index;

        // What is opened there keeps the namespace alive, and nothing else does.
        setns(&away, CloneFlags::CLONE_NEWNET).map_err(|error| failed(error.into()))?;
        let opened = open_peer();
        setns(&home, CloneFlags::CLONE_NEWNET).map_err(|error| failed(error.into()))?;
        let (inner, peer, beyond) = opened?;
        beyond.up(peer).await.map_err(failed)?;
        inner.clear_error();

        attach(links, port, bridge).await.map_err(failed)?;
        place(links, Toward::Phone, server_side).await.map_err(failed)?;
        place(links, Toward::Server, phone_side).await.map_err(failed)?;
        links.up(port).await.map_err(failed)?;
        until_running(links, &name).await.map_err(failed)?;
        Ok(Self { inner })
    }

    /// Sends a canary into the bridge.
    ///
    /// # Errors
    /// If the port is gone.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        // What the bridge says on this port is of no interest; it only must not pile up.
        while let Ok(Some(_)) = self.inner.receive() {}
        self.inner.send(frame)
    }
}

/// Puts our port on a bridge that was made again.
///
/// # Errors
/// If the kernel refuses.
pub async fn reattach(links: &Links, bridge: u32) -> io::Result<()> {
    let port = links.find(&format!("{PORT_PREFIX}{}", std::process::id())).await?;
    attach(links, port.ok_or(io::ErrorKind::NotFound)?.index, bridge).await
}

async fn attach(links: &Links, port: u32, bridge: u32) -> io::Result<()> {
    links.attach(port, bridge).await?;
    links.silence_port(port).await
}

/// Removes the ports of helpers that are gone from a bridge. Whoever calls has its table, so that no other helper works on it;
/// a port that is gone by itself meanwhile is not told.
///
/// # Errors
/// If the kernel refuses.
pub async fn remove_orphans(links: &Links, bridge: u32) -> Result<Vec<String>, Refusal> {
    let failed = |error: io::Error| Refusal::from_io("remove what an earlier helper has left", &error);
    let mut removed = Vec::new();
    for (index, name) in links.ports_of(bridge).await.map_err(failed)? {
        if helper_of(&name).is_none() {
            continue;
        }
        match links.remove(index).await {
            Ok(()) => removed.push(name),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(removed)
}

/// The process that an interface of this name belongs to, if it is a port for canaries.
pub fn helper_of(name: &str) -> Option<u32> {
    name.strip_prefix(PORT_PREFIX)?.parse().ok()
}

/// Has the bridge look for a receiver of canaries at the interface of that number, where frames enter that go `entering`.
///
/// # Errors
/// If the kernel refuses.
pub async fn place(links: &Links, entering: Toward, interface: u32) -> io::Result<()> {
    let receiver = match entering {
        Toward::Phone => FAR_SIDE,
        Toward::Server => BEHIND,
    };
    links.place(receiver, interface).await
}

/// Our end of the pair, its number, and a connection to the kernel in the namespace that this thread is in.
fn open_peer() -> Result<(Tap, u32, Links), Refusal> {
    let failed = |error: io::Error| Refusal::from_io("open the canary port (a veth pair)", &error);
    let index = nix::net::if_::if_nametoindex(PEER).map_err(|error| failed(error.into()))?;
    Ok((Tap::open(PEER, index)?, index, Links::connect().map_err(failed)?))
}

/// A bridge forwards nothing from a port whose carrier it has not noticed yet.
async fn until_running(links: &Links, name: &str) -> io::Result<()> {
    for _ in 0..400 {
        if links.find(name).await?.is_some_and(|link| link.running) {
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "the kernel tells of a carrier in its own time")]
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "its carrier did not come up"))
}

/// A canary on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Its number.
    pub nonce: u64,
    /// The outage it proves, or none for the control.
    pub outage: Option<OutageId>,
    /// Whose path.
    pub phone: PhoneIndex,
    /// Whose path.
    pub server: ServerIndex,
    /// Which way it goes.
    pub toward: Toward,
    /// When it was sent.
    pub unix_ns: i64,
}

/// The frame of a canary.
pub fn build(nonce: u64, toward: Toward, phone: &PhoneKey, server: SocketAddr, vlan: Option<u16>) -> Vec<u8> {
    let nowhere = nowhere(server.ip());
    let mac = phone.mac().unwrap_or(BEHIND);
    let own = phone.address(server.ip()).unwrap_or(nowhere);
    let payload = [MARK, format!("{nonce:016x}").as_bytes()].concat();
    match toward {
        Toward::Server => frame::udp_frame(mac, FAR_SIDE, vlan, SocketAddr::new(own, DISCARD), server, &payload),
        Toward::Phone => {
            let receiver = if phone.mac().is_some() { nowhere } else { own };
            frame::udp_frame(NEAR_SIDE, mac, vlan, server, SocketAddr::new(receiver, DISCARD), &payload)
        }
    }
}

/// An address for documentation, of the same family.
const fn nowhere(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    }
}

/// The frame of a canary toward a server that does not speak but asks for its link-layer address, as nobody (RFC 5227
/// section 2.1.1; RFC 4862 section 5.4.2 in IPv6), so that no answer is due and nobody learns from it. Its mark is behind what is
/// read of ARP, and in an option for experiments in neighbour discovery (RFC 4727 section 5.1.3).
pub fn build_question(nonce: u64, phone: &PhoneKey, server: IpAddr, vlan: Option<u16>) -> Vec<u8> {
    let mark = [MARK, format!("{nonce:016x}").as_bytes()].concat();
    let phone = phone.mac().unwrap_or(BEHIND);
    let envelope = Envelope::new(phone, FAR_SIDE, vlan);
    match server {
        IpAddr::V4(server) => envelope.arp_probe(phone, server, &mark),
        IpAddr::V6(server) => envelope.solicitation(server, &mark),
    }
}

/// The frame of a canary that asks a name server for the server's name. Its mark is behind the question, where a reader of
/// messages has ended.
pub fn build_name_question(nonce: u64, phone: &PhoneKey, server: IpAddr, name: &Name, vlan: Option<u16>) -> Vec<u8> {
    const ANY: u16 = 255;
    let payload = [&name.question(ANY)[..], MARK, format!("{nonce:016x}").as_bytes()].concat();
    let own = if phone.mac().is_some() { None } else { phone.address(server) };
    let sender = SocketAddr::new(own.unwrap_or(nowhere(server)), DISCARD);
    frame::udp_frame(
        phone.mac().unwrap_or(BEHIND),
        FAR_SIDE,
        vlan,
        sender,
        SocketAddr::new(server, dns::PORT),
        &payload,
    )
}

/// The number of the canary that asks for an address, which this frame is.
pub fn nonce_of_question(frame: &[u8]) -> Option<u64> {
    let begins = frame.windows(MARK.len()).position(|window| window == MARK)?;
    nonce_of(frame.get(begins..)?)
}

/// The number of the canary that this payload is.
pub fn nonce_of(payload: &[u8]) -> Option<u64> {
    let digits = payload.strip_prefix(MARK)?.get(..16)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_of_a_phone_behind_a_router_has_its_address_and_no_mac_that_anybody_has() {
        let own: IpAddr = [10, 88, 0, 11].into();
        let phone = PhoneKey::Routed { addresses: vec![own], protected: false };
        let server = SocketAddr::from(([10, 77, 0, 2], 5060));
        for toward in [Toward::Server, Toward::Phone] {
            let bytes = build(7, toward, &phone, server, None);
            let frame = frame::Frame::parse(&bytes).unwrap();
            let frame::Content::Ip(packet) = &frame.content else { panic!("no IP") };
            let (ends, near) = match toward {
                Toward::Server => ((own, server.ip()), frame.source),
                Toward::Phone => ((server.ip(), own), frame.destination),
            };
            assert_eq!(((packet.source, packet.destination), near), (ends, Some(BEHIND)));
        }
    }

    #[test]
    fn a_canary_is_known_by_its_number_and_nothing_else_is_a_canary() {
        assert_eq!(nonce_of(b"siprig canary 00000000000000ff"), Some(255));
        assert_eq!(nonce_of(b"siprig canary ff"), None);
        assert_eq!(nonce_of(b"REGISTER sip:a SIP/2.0\r\n"), None);
    }
}
