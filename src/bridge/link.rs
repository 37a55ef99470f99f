//! Interfaces by rtnetlink(7): what is there, and the few changes that the bridge needs.

use std::{io, net::IpAddr, os::fd::RawFd};

use futures_util::TryStreamExt;
use rtnetlink::{
    Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        address::AddressAttribute,
        link::{
            BridgePortState, BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoVeth, LinkAttribute,
            LinkFlags, LinkInfo, LinkLayerType, LinkMessage, State,
        },
        neighbour::{NeighbourFlags, NeighbourState},
        route::RouteAttribute,
    },
};

use super::{carriers::Told, link_events};
use crate::config::Mac;

/// Forwards EAPOL and LLDP, which a bridge keeps to itself unless told otherwise. Spanning tree it lets pass when it takes no part in
/// it, and PAUSE and LACP never.
const GROUP_FORWARD_MASK: u16 = 0xfff8;

/// Requests to the kernel. Only inside a tokio runtime.
#[derive(Debug, Clone)]
pub struct Links {
    handle: Handle,
}

/// An interface as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its address; none: it is no Ethernet one.
    pub mac: Option<Mac>,
    /// Largest packet it carries.
    pub mtu: u32,
    /// It carries Ethernet frames.
    pub ethernet: bool,
    /// It is a bridge.
    pub bridge: bool,
    /// The bridge (or bond) it is a port of.
    pub controller: Option<u32>,
    /// The interface that it is made on, as a VLAN is on another.
    pub made_on: Option<u32>,
    /// It is switched on.
    pub up: bool,
    /// It has a link: the cable is in, and the other end is on.
    pub carrier: bool,
    /// It is switched on, has a carrier, and the kernel has taken notice of that.
    pub running: bool,
}

impl From<&LinkMessage> for Link {
    fn from(message: &LinkMessage) -> Self {
        let mut link = Self {
            index: message.header.index,
            mac: None,
            mtu: 0,
            ethernet: message.header.link_layer_type == LinkLayerType::Ether
                && !message.header.flags.contains(LinkFlags::Loopback),
            bridge: false,
            controller: None,
            made_on: None,
            up: message.header.flags.contains(LinkFlags::Up),
            carrier: false,
            running: false,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::Address(bytes) => link.mac = bytes.as_slice().try_into().ok().map(Mac),
                LinkAttribute::Carrier(carrier) => link.carrier = *carrier != 0,
                LinkAttribute::OperState(state) => link.running = *state == State::Up,
                LinkAttribute::Controller(index) => link.controller = Some(*index),
                LinkAttribute::Link(index) => link.made_on = Some(*index),
                LinkAttribute::LinkInfo(infos) => link.bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
                _ => {}
            }
        }
        link
    }
}

impl Links {
    /// Opens a connection to the kernel, which lives in the runtime it is called in.
    ///
    /// # Errors
    /// If there is none.
    pub fn connect() -> io::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// The interface of that name.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn find(&self, name: &str) -> io::Result<Option<Link>> {
        match self.handle.link().get().match_name(name.to_owned()).execute().try_next().await {
            Ok(found) => Ok(found.as_ref().map(Link::from)),
            Err(error) => match as_io(error) {
                error if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The interface of that name, as the kernel [tells](super::link_events) of its changes.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn told(&self, name: &str) -> io::Result<Option<Told>> {
        match self.handle.link().get().match_name(name.to_owned()).execute().try_next().await {
            Ok(found) => Ok(found.and_then(|message| link_events::of(&message, false))),
            Err(error) => match as_io(error) {
                error if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// All interfaces, with their names.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn all(&self) -> io::Result<Vec<(String, Link)>> {
        let all = self.messages().await?;
        Ok(all.iter().map(|message| (name_of(message).unwrap_or_default(), Link::from(message))).collect())
    }

    /// All interfaces, in all that the kernel tells of them.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub(super) async fn messages(&self) -> io::Result<Vec<LinkMessage>> {
        self.handle.link().get().execute().try_collect().await.map_err(as_io)
    }

    /// Numbers and names of a bridge's ports.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn ports_of(&self, bridge: u32) -> io::Result<Vec<(u32, String)>> {
        let ports = self.all().await?.into_iter().filter(|(_, link)| link.controller == Some(bridge));
        Ok(ports.map(|(name, link)| (link.index, name)).collect())
    }

    /// The addresses of this machine, each with the number of the interface that has it.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn addresses(&self) -> io::Result<Vec<(u32, IpAddr)>> {
        let all: Vec<_> = self.handle.address().get().execute().try_collect().await.map_err(as_io)?;
        let found = all.iter().filter_map(|message| {
            // A point-to-point link has two, of which the local one is ours.
            let local = message.attributes.iter().find_map(|it| match it {
                AddressAttribute::Local(address) => Some(*address),
                _ => None,
            });
            let address = local.or_else(|| {
                message.attributes.iter().find_map(|it| match it {
                    AddressAttribute::Address(address) => Some(*address),
                    _ => None,
                })
            })?;
            Some((message.header.index, address))
        });
        Ok(found.collect())
    }

    /// Removes an interface. The ports of a bridge are free then, and what came in at one goes nowhere any more.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn remove(&self, index: u32) -> io::Result<()> {
        self.handle.link().del(index).execute().await.map_err(as_io)
    }

    /// The name of a bridge; none: that interface is none, as a bond is.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn bridge_name(&self, index: u32) -> io::Result<Option<String>> {
        let found = self.handle.link().get().match_index(index).execute().try_next().await.map_err(as_io)?;
        Ok(found.filter(|message| Link::from(message).bridge).and_then(|message| name_of(&message)))
    }

    /// The numbers of the interfaces that carry a default route.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub async fn default_route_interfaces(&self) -> io::Result<Vec<u32>> {
        let mut found = Vec::new();
        let all = [
            RouteMessageBuilder::<std::net::Ipv4Addr>::new().build(),
            RouteMessageBuilder::<std::net::Ipv6Addr>::new().build(),
        ];
        for family in all {
            let routes = self.handle.route().get(family).execute().try_collect::<Vec<_>>().await.map_err(as_io)?;
            for route in routes.iter().filter(|route| route.header.destination_prefix_length == 0) {
                found.extend(route.attributes.iter().filter_map(|attribute| match attribute {
                    RouteAttribute::Oif(index) => Some(*index),
                    _ => None,
                }));
            }
        }
        Ok(found)
    }

    /// Creates a bridge.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn create_bridge(&self, name: &str) -> io::Result<()> {
        let message = LinkMessageBuilder::<LinkBridge>::new(name).build();
        self.handle.link().add(message).execute().await.map_err(as_io)
    }

    /// Makes a bridge transparent: no spanning tree, no waiting, no snooping, EAPOL and LLDP forwarded. Switches it on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn configure_bridge(&self, index: u32) -> io::Result<()> {
        let bridge = |settings| {
            let message = LinkMessageBuilder::<LinkBridge>::new_with_info_kind(InfoKind::Bridge);
            message.set_info_data(InfoData::Bridge(settings)).index(index)
        };
        // By itself: of one message the kernel takes the delay first, and takes none that short while there is spanning tree.
        self.change(bridge(vec![InfoBridge::StpState(BridgeStpState::Disabled)]).build()).await?;
        let settings = vec![
            InfoBridge::ForwardDelay(0),
            InfoBridge::GroupFwdMask(GROUP_FORWARD_MASK),
            InfoBridge::MulticastSnooping(false),
        ];
        self.change(bridge(settings).up().build()).await
    }

    /// Has a port forward that spanning tree holds back. It goes on to do so for a while when it was switched off.
    ///
    /// # Errors
    /// If the kernel refuses, as it does for a port without a link.
    pub async fn open_port(&self, port: u32) -> io::Result<()> {
        let message = LinkBridgePort::new(port).append_info_data(InfoBridgePort::State(BridgePortState::Forwarding));
        self.change(message.build()).await
    }

    /// Makes an interface a port of a bridge.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn attach(&self, port: u32, bridge: u32) -> io::Result<()> {
        self.change(LinkUnspec::new_with_index(port).controller(bridge).build()).await
    }

    /// Switches an interface on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn up(&self, index: u32) -> io::Result<()> {
        self.change(LinkUnspec::new_with_index(index).up().build()).await
    }

    /// Gives an interface an address; one that it has already is fine.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn add_address(&self, index: u32, address: IpAddr, prefix: u8) -> io::Result<()> {
        self.handle.address().add(index, address, prefix).replace().execute().await.map_err(as_io)
    }

    /// Creates a veth pair of which one end lies in another network namespace. Both are down.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn create_veth(&self, name: &str, peer: &str, peer_namespace: RawFd) -> io::Result<()> {
        let peer = LinkUnspec::new_with_name(peer).setns_by_fd(peer_namespace).build();
        let message = LinkMessageBuilder::<LinkVeth>::new(name, "").set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
        self.handle.link().add(message.build()).execute().await.map_err(as_io)
    }

    /// A port that only we speak through: the bridge learns nothing from it and floods nothing to it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn silence_port(&self, port: u32) -> io::Result<()> {
        let message = LinkBridgePort::new(port)
            .append_info_data(InfoBridgePort::Learning(false))
            .append_info_data(InfoBridgePort::UnicastFlood(false))
            .append_info_data(InfoBridgePort::MulticastFlood(false))
            .append_info_data(InfoBridgePort::BroadcastFlood(false));
        self.change(message.build()).await
    }

    /// Tells the bridge behind which port an address lies, for good.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn place(&self, mac: Mac, port: u32) -> io::Result<()> {
        let request = self.handle.neighbours().add_bridge(port, &mac.0);
        let request = request.state(NeighbourState::Noarp).flags(NeighbourFlags::Controller).replace();
        request.execute().await.map_err(as_io)
    }

    async fn change(&self, message: LinkMessage) -> io::Result<()> {
        self.handle.link().change(message).execute().await.map_err(as_io)
    }
}

/// The name of an interface.
pub(super) fn name_of(message: &LinkMessage) -> Option<String> {
    message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}

fn as_io(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
