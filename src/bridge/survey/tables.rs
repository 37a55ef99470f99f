//! Siprig's outage tables in the kernel, and who owns them.

use std::io;

use netlink_packet_netfilter::{
    NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{NfTablesMessage, TableAttribute, TableMessage},
};

use super::{dump, is_helper};
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
    let question = NfTablesMessage::GetTable(TableMessage { attributes: Vec::new() });
    let answers = dump::all(NetfilterProtoFamily::Bridge, question)?.into_iter();
    let found = answers.filter_map(|message| match message.inner {
        NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(table)) => ours(&table),
        _ => None,
    });
    Ok(found.collect())
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
