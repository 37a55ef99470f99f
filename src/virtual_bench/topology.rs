//! The links of a virtual bench, built over rtnetlink:
//!
//! ```text
//! p1 eth0 ─┐                                                        ┌─ eth0 a
//! p2 eth0 ─┤ switch ─ uplink ─ phones0 │ rig │ servers0 ─ uplink ─ switch
//! p3 eth0 ─┘                                                        └─ eth0 b
//! ```
//!
//! Phones, servers and the two switches have a network namespace each; `phones0` and `servers0` are in the namespace
//! of the caller, down and not joined: that is the controller's work. Like a real switch that tracks its uplink, the
//! phones' one gives them a link only while it has one itself.
//!
//! Not here: the processes on the link (`supervisor`).

use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd},
    pin::Pin,
};

use futures_util::{Stream, StreamExt};
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, MulticastGroup,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        link::{BridgeStpState, InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage},
    },
    sys::SocketAddr as NetlinkAddress,
};

use super::{
    namespace::{Netns, finish_checksums, loopback_up, silence_ipv6},
    plan::{END, PHONE_SIDE, PREFIX, SERVER_SIDE},
};
use crate::config::Mac;

// The two ends of a pair must differ in their index: only then does the kernel report a lost carrier at once, and not
// up to a second later. All namespaces are new, so that indices can be chosen.
const PHONE_SIDE_INDEX: u32 = 2;
const SERVER_SIDE_INDEX: u32 = 3;
const END_INDEX: u32 = 2;
const SWITCH_INDEX: u32 = 2;
const UPLINK_INDEX: u32 = 1000;
const FIRST_PORT_INDEX: u32 = 1001;

/// Why a link could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {object}: {cause}")]
pub struct TopologyError {
    action: &'static str,
    object: String,
    cause: String,
}

/// Who is to be on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Name, which is also that of its switch port.
    pub name: String,
    /// MAC address.
    pub mac: Mac,
    /// IP address.
    pub address: IpAddr,
}

/// One side of the bench: a switch and those behind it.
#[derive(Debug)]
struct Side {
    switch: Netns,
    handle: Handle,
    ends: Vec<Netns>,
}

/// The whole of it. Dropping it removes every link.
#[derive(Debug)]
pub struct Topology {
    phones: Side,
    servers: Side,
}

impl Topology {
    /// Builds the bench around the network namespace of the calling thread, which must be the only one of the process.
    ///
    /// # Errors
    /// What the kernel refused.
    pub async fn build(phones: &[End], servers: &[End]) -> Result<Self, TopologyError> {
        silence_ipv6().map_err(failed("silence IPv6 on", PHONE_SIDE))?;
        let rig = connect().map_err(failed("reach the interfaces of", "the rig"))?;
        let phones = Side::build(&rig, (PHONE_SIDE, PHONE_SIDE_INDEX), phones, Ports::FollowUplink).await?;
        let servers = Side::build(&rig, (SERVER_SIDE, SERVER_SIDE_INDEX), servers, Ports::Up).await?;
        Ok(Self { phones, servers })
    }

    /// Namespaces of the phones, in the order in which they were given.
    pub fn phones(&self) -> &[Netns] {
        &self.phones.ends
    }

    /// Namespaces of the servers, in the order in which they were given.
    pub fn servers(&self) -> &[Netns] {
        &self.servers.ends
    }

    /// Begins to listen to the links of the phones' switch. Nothing that happens from now on is missed.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn listen(&self) -> Result<LinkNews, TopologyError> {
        let connected = self.phones.switch.run(|| rtnetlink::new_multicast_connection(&[MulticastGroup::Link]));
        let (connection, _, news) =
            connected.and_then(|inner| inner).map_err(failed("listen to the links of", "the phones' switch"))?;
        tokio::spawn(connection);
        Ok(LinkNews(Box::pin(news)))
    }

    /// Gives the phones a link whenever the uplink of their switch has one, and takes it away again.
    ///
    /// # Errors
    /// If the kernel stops telling about links, or refuses; it does not return otherwise.
    pub async fn track_uplink(&self, mut news: LinkNews) -> Result<(), TopologyError> {
        let mut link = false;
        while let Some((message, _)) = news.0.next().await {
            let Some(now) = uplink_carrier(&message) else { continue };
            if now != link {
                link = now;
                self.phones.set_ports(link).await?;
            }
        }
        Err(failed("hear of", "the uplink of the phones' switch")(io::Error::from(io::ErrorKind::ConnectionAborted)))
    }
}

/// What the kernel tells about links.
pub struct LinkNews(Pin<Box<dyn Stream<Item = (NetlinkMessage<RouteNetlinkMessage>, NetlinkAddress)>>>);

/// When the ports of a switch are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    Up,
    FollowUplink,
}

impl Side {
    async fn build(
        rig: &Handle,
        (outside, index): (&str, u32),
        ends: &[End],
        ports: Ports,
    ) -> Result<Self, TopologyError> {
        let switch = Netns::create().map_err(failed("make a namespace for the switch behind", outside))?;
        let handle =
            switch.run(connect).and_then(|handle| handle).map_err(failed("reach the switch behind", outside))?;
        let bridge = LinkBridge::new("switch").index(SWITCH_INDEX).stp_state(BridgeStpState::Disabled);
        add(&handle, bridge.mcast_snooping(false).up().build())
            .await
            .map_err(failed("make the switch behind", outside))?;

        let uplink = LinkMessageBuilder::<LinkUnspec>::new().index(UPLINK_INDEX).name("uplink".to_owned());
        let pair = veth(outside, uplink.setns_by_fd(switch.as_fd().as_raw_fd()).build());
        add(rig, pair.index(index).build()).await.map_err(failed("make interface", outside))?;
        let joined = LinkUnspec::new_with_index(UPLINK_INDEX).controller(SWITCH_INDEX).up().build();
        handle.link().set(joined).execute().await.map_err(failed("join to its switch", outside))?;

        let mut side = Self { switch, handle, ends: Vec::with_capacity(ends.len()) };
        for (end, index) in ends.iter().zip(FIRST_PORT_INDEX..) {
            let netns = side.attach(end, index, ports).await.map_err(failed("put on the link", &end.name))?;
            side.ends.push(netns);
        }
        Ok(side)
    }

    async fn attach(&self, end: &End, index: u32, ports: Ports) -> io::Result<Netns> {
        let netns = Netns::create()?;
        let inside =
            LinkMessageBuilder::<LinkUnspec>::new().index(END_INDEX).name(END.to_owned()).address(end.mac.0.to_vec());
        let pair = veth(&end.name, inside.setns_by_fd(netns.as_fd().as_raw_fd()).build());
        let port = pair.index(index).controller(SWITCH_INDEX);
        add(&self.handle, if ports == Ports::Up { port.up() } else { port }.build()).await?;

        let handle = netns.run(|| {
            loopback_up()?;
            finish_checksums(END)?;
            connect()
        })??;
        handle.address().add(END_INDEX, end.address, PREFIX).execute().await.map_err(io::Error::other)?;
        handle
            .link()
            .set(LinkUnspec::new_with_index(END_INDEX).up().build())
            .execute()
            .await
            .map_err(io::Error::other)?;
        Ok(netns)
    }

    async fn set_ports(&self, up: bool) -> Result<(), TopologyError> {
        for (index, _) in (FIRST_PORT_INDEX..).zip(&self.ends) {
            let port = LinkUnspec::new_with_index(index);
            let port = if up { port.up() } else { port.down() };
            let set = self.handle.link().set(port.build()).execute().await;
            set.map_err(failed("switch the link of a phone", if up { "on" } else { "off" }))?;
        }
        Ok(())
    }
}

fn veth(name: &str, peer: LinkMessage) -> LinkMessageBuilder<LinkVeth> {
    LinkVeth::new(name, "").set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
}

async fn add(handle: &Handle, message: LinkMessage) -> io::Result<()> {
    handle.link().add(message).execute().await.map_err(io::Error::other)
}

/// A connection to the kernel that stays in the namespace of the calling thread.
fn connect() -> io::Result<Handle> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    Ok(handle)
}

/// Whether the uplink has a carrier, if that is what a message is about.
fn uplink_carrier(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<bool> {
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) = &message.payload else { return None };
    // Bridges send messages of their own about their ports, which don't tell the carrier.
    let told = link.attributes.iter().any(|attribute| matches!(attribute, LinkAttribute::Carrier(_)));
    (link.header.index == UPLINK_INDEX && told).then(|| link.header.flags.contains(LinkFlags::LowerUp))
}

fn failed<E: ToString>(action: &'static str, object: &str) -> impl FnOnce(E) -> TopologyError {
    let object = object.to_owned();
    move |cause| TopologyError { action, object, cause: cause.to_string() }
}
