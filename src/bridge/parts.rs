//! What the helper works with, put together in the order in which nothing of a phone's first words is missed.

use super::{
    canary::{self, CanaryPort},
    carriers::{Carriers, Told},
    guardian::{Guardian, LinkSwitch},
    join::{self, Joined},
    link::Links,
    link_events::LinkEvents,
    ports::{Bridge, Ports},
    protocol::{Notice, Refusal, Setup},
    table::{Phones, Table},
    tap::{Tap, Wanted},
};

/// Everything that is open while the helper lives.
pub struct Parts {
    pub ready: Notice,
    pub phone_tap: Tap,
    pub server_tap: Tap,
    pub canary_port: CanaryPort,
    pub table: Table,
    pub ports: Ports,
    pub link_switch: LinkSwitch,
    /// None: no link may be taken down.
    pub guardian: Option<Guardian>,
    /// What an earlier helper had left.
    pub orphans: Vec<String>,
    pub mtu: usize,
}

impl Parts {
    /// Joins the interfaces and opens everything.
    ///
    /// # Errors
    /// If the interfaces are unfit, or the kernel refuses.
    pub fn assemble(setup: &Setup) -> Result<Self, Refusal> {
        let network = &setup.network;
        let failed = |error: std::io::Error| Refusal::from_io("ask the kernel for its interfaces", &error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::from_io("start", &error))?;
        let links = runtime.block_on(async { Links::connect() }).map_err(failed)?;
        let Opened { phone_tap, server_tap, canary_port, table, joined, orphans, mtu } =
            runtime.block_on(open(setup, &links))?;
        // From here on nothing of what the kernel tells of the interfaces is our own doing.
        let events = LinkEvents::open().map_err(failed)?;
        let state = |name| runtime.block_on(links.told(name)).map_err(failed);
        let [phones, servers] = [state(&network.phone_side)?, state(&network.server_side)?];
        let (Some(phones), Some(servers)) = (phones, servers) else {
            return Err(failed(std::io::ErrorKind::NotFound.into()));
        };
        let side = |told: &Told| (told.index, told.running);
        let [(phone, up), (server, on)] = [side(&phones), side(&servers)];
        let carriers =
            Carriers::new(joined.bridge_index, (&network.phone_side, phone, up), (&network.server_side, server, on));
        let Joined { bridge, bridge_index, adopted, changed } = joined;
        let on = Bridge {
            name: bridge.clone(),
            index: bridge_index,
            adopted,
            probe_address: network.probe_address,
            probe_interface: network.probe_interface.clone(),
        };
        let ports = Ports::new(runtime, links, events, carriers, on).map_err(failed)?;
        let link_switch = LinkSwitch::open().map_err(failed)?;
        let guardian = setup.allow_link_down.then(Guardian::start).transpose();
        let guardian = guardian.map_err(|error| Refusal::from_io("start the guardian of the links", &error))?;
        let ready = Notice::Ready { bridge, adopted, changed };
        Ok(Self { ready, phone_tap, server_tap, canary_port, table, ports, link_switch, guardian, orphans, mtu })
    }
}

/// What is opened while the kernel is asked.
struct Opened {
    phone_tap: Tap,
    server_tap: Tap,
    canary_port: CanaryPort,
    table: Table,
    joined: Joined,
    orphans: Vec<String>,
    mtu: usize,
}

async fn open(setup: &Setup, links: &Links) -> Result<Opened, Refusal> {
    let network = &setup.network;
    let examined = join::examine(links, network).await?;
    let mut orphans: Vec<String> = Table::remove_unowned(join::bridge_name(network)).into_iter().collect();
    // The table is the lock as well: whoever else works on this bridge has it, and nothing is changed under his feet.
    let is_routed = setup.phones.iter().any(|phone| !phone.routed().is_empty());
    let about = if is_routed { Phones::Routed } else { Phones::OnLink };
    let table = Table::create(join::bridge_name(network), about).await?;
    let joined = join::join(links, network, &examined).await?;
    orphans.extend(canary::remove_orphans(links, joined.bridge_index).await?);
    let (devices, addresses) = (setup.devices(), setup.addresses());
    let wanted = Wanted { devices: &devices, addresses: &addresses, alone: &[] };
    let phone_tap = Tap::open_for(&wanted, &network.phone_side, examined.phone.index)?;
    let server_tap = Tap::open_for(&wanted, &network.server_side, examined.server.index)?;
    let canary_port =
        CanaryPort::open(links, joined.bridge_index, [examined.phone.index, examined.server.index]).await?;
    links
        .up(examined.phone.index)
        .await
        .map_err(|error| Refusal::from_io(format!("switch on `{}`", network.phone_side), &error))?;
    phone_tap.clear_error();
    server_tap.clear_error();
    let mtu = usize::try_from(examined.phone.mtu).unwrap_or(usize::MAX);
    Ok(Opened { phone_tap, server_tap, canary_port, table, joined, orphans, mtu })
}
