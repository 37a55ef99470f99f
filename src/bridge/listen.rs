//! Taps on both sides for those who only want to hear who is there: nothing is taken away and nothing is said.
//!
//! What passes from side to side is heard where the two interfaces are ports of one bridge. Where they are not, they are
//! listened to as they are (as they may hear a mirror of the traffic), or joined first, just as a run joins them.

use super::{
    join,
    link::{Link, Links},
    protocol::Refusal,
    table::{Phones, Table},
    tap::Tap,
};
use crate::{config::Network, event::SettingChange};

/// Both sides, open.
#[derive(Debug)]
pub struct Ears {
    /// Toward the phones, toward the servers.
    pub taps: [Tap; 2],
    /// How the two interfaces are.
    pub standing: Standing,
    /// Held so that nobody else works on a bridge that we have made.
    _table: Option<Table>,
}

/// How the two interfaces of a bench are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The bridge that both are ports of; none: they are not joined.
    pub bridge: Option<String>,
    /// We have made that bridge, or put them on it; it stays.
    pub joined_now: bool,
    /// The bridge was there before.
    pub adopted: bool,
    /// Settings that were changed for that, and stay.
    pub changed: Vec<SettingChange>,
    /// Those without a carrier, or switched off.
    pub silent: Vec<String>,
}

/// Opens both sides. With `join` they are joined first if they are not, as a run does it.
///
/// # Errors
/// If an interface is missing, or the kernel forbids it; with `join` also if they can not be joined without harm.
pub async fn open(network: &Network, join: bool) -> Result<Ears, Refusal> {
    let failed = |error: std::io::Error| Refusal::from_io("ask the kernel for its interfaces", &error);
    let links = Links::connect().map_err(failed)?;
    let phone = join::find(&links, &network.phone_side, "phone-side").await?;
    let server = join::find(&links, &network.server_side, "server-side").await?;
    let bridge = match common(&phone, &server) {
        Some(index) => links.bridge_name(index).await.map_err(failed)?,
        None => None,
    };
    if join && bridge.is_none() {
        return join_and_open(&links, network).await;
    }
    let taps =
        [Tap::open_for_all(&network.phone_side, phone.index)?, Tap::open_for_all(&network.server_side, server.index)?];
    let both = [(&network.phone_side, &phone), (&network.server_side, &server)];
    let silent = both.into_iter().filter(|(_, link)| !link.running).map(|(name, _)| name.clone()).collect();
    Ok(ears(taps, Standing { bridge, joined_now: false, adopted: true, changed: Vec::new(), silent }, None))
}

/// The bridge (or bond) that both are ports of.
fn common(phone: &Link, server: &Link) -> Option<u32> {
    phone.controller.filter(|_| phone.controller == server.controller)
}

/// In the order in which nothing of a phone's first words is missed; see [`parts`](super::parts).
async fn join_and_open(links: &Links, network: &Network) -> Result<Ears, Refusal> {
    let examined = join::examine(links, network).await?;
    let table = Table::create(join::bridge_name(network), Phones::OnLink).await?;
    let joined = join::join(links, network, &examined).await?;
    let taps = [
        Tap::open_for_all(&network.phone_side, examined.phone.index)?,
        Tap::open_for_all(&network.server_side, examined.server.index)?,
    ];
    let up = links.up(examined.phone.index).await;
    up.map_err(|error| Refusal::from_io(format!("switch on `{}`", network.phone_side), &error))?;
    let standing = Standing {
        bridge: Some(joined.bridge),
        joined_now: true,
        adopted: joined.adopted,
        changed: joined.changed,
        silent: Vec::new(),
    };
    Ok(ears(taps, standing, Some(table)))
}

fn ears(taps: [Tap; 2], standing: Standing, table: Option<Table>) -> Ears {
    for tap in &taps {
        tap.clear_error();
    }
    Ears { taps, standing, _table: table }
}
