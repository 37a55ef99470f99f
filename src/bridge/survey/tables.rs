//! Siprig's outage tables in the kernel, and who owns them. The kernel tells it to those with CAP_NET_ADMIN alone.

use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{NfTablesMessage, TableAttribute, TableMessage},
};
use rtnetlink::sys::{Socket, protocols::NETLINK_NETFILTER};

use super::is_helper;
use crate::bridge::table::NAME_PREFIX;

/// An outage table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFound {
    /// The bridge that it is for.
    pub bridge: String,
    /// The netlink port of its owner; none: nobody owns it, and it stays.
    pub owner: Option<u32>,
}

impl TableFound {
    /// The process that owns it. The kernel gives the first netlink socket of a process the number of that process
    /// (netlink(7)); if no helper has this one, the owner is not known.
    pub fn helper(&self) -> Option<u32> {
        self.owner.filter(|port| is_helper(*port))
    }
}

/// All of siprig's.
pub(super) fn look() -> io::Result<Vec<TableFound>> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    let header = NetfilterHeader::new(NetfilterProtoFamily::Bridge, 0, 0);
    let question = NfTablesMessage::GetTable(TableMessage { attributes: Vec::new() });
    let mut message = NetlinkMessage::from(NetfilterMessage::new(header, question));
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut found = Vec::new();
    loop {
        let (answer, _) = socket.recv_from_full()?;
        let mut rest = answer.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<NetfilterMessage>::deserialize(rest).map_err(io::Error::other)?;
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(found),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(NetfilterMessage {
                    inner: NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(table)),
                    ..
                }) => found.extend(ours(&table)),
                _ => {}
            }
            let len = usize::try_from(message.header.length).unwrap_or(rest.len()).next_multiple_of(4);
            rest = rest.get(len.max(4)..).unwrap_or_default();
        }
    }
}

fn ours(table: &TableMessage) -> Option<TableFound> {
    let name = table.attributes.iter().find_map(|it| match it {
        TableAttribute::Name(name) => Some(name.as_str()),
        _ => None,
    });
    let owner = table.attributes.iter().find_map(|it| match it {
        TableAttribute::Owner(port) => Some(*port),
        _ => None,
    });
    Some(TableFound { bridge: name?.strip_prefix(NAME_PREFIX)?.to_owned(), owner })
}
