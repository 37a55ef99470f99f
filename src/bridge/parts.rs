//! What the helper works with, put together in the order in which nothing of a phone's first words is missed.

use super::{
    canary::CanaryPort,
    join,
    link::Links,
    protocol::{Notice, Refusal, Setup},
    table::Table,
    tap::Tap,
};

/// Everything that is open while the helper lives.
pub struct Parts {
    pub ready: Notice,
    pub phone_tap: Tap,
    pub server_tap: Tap,
    pub canary_port: CanaryPort,
    pub table: Table,
    pub mtu: usize,
}

impl Parts {
    /// Joins the interfaces and opens everything.
    ///
    /// # Errors
    /// If the interfaces are unfit, or the kernel refuses.
    pub fn assemble(setup: &Setup) -> Result<Self, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| Refusal::from_io("start", &error))?.block_on(assemble(setup))
    }
}

async fn assemble(setup: &Setup) -> Result<Parts, Refusal> {
    let network = &setup.network;
    let links = Links::connect().map_err(|error| Refusal::from_io("ask the kernel for its interfaces", &error))?;
    let examined = join::examine(&links, network).await?;
    // The table is the lock as well: whoever else works on this bridge has it, and nothing is changed under his feet.
    let table = Table::create(join::bridge_name(network)).await?;
    let joined = join::join(&links, network, &examined).await?;
    let phones: Vec<_> = setup.phones.iter().map(|phone| phone.mac).collect();
    let phone_tap = Tap::open_for(&phones, &network.phone_side, examined.phone.index)?;
    let server_tap = Tap::open_for(&phones, &network.server_side, examined.server.index)?;
    let canary_port = CanaryPort::open(&links, joined.bridge_index, examined.server.index).await?;
    links
        .up(examined.phone.index)
        .await
        .map_err(|error| Refusal::from_io(format!("switch on `{}`", network.phone_side), &error))?;
    let ready = Notice::Ready { bridge: joined.bridge, adopted: joined.adopted, changed: joined.changed };
    phone_tap.clear_error();
    server_tap.clear_error();
    let mtu = usize::try_from(examined.phone.mtu).unwrap_or(usize::MAX);
    Ok(Parts { ready, phone_tap, server_tap, canary_port, table, mtu })
}
