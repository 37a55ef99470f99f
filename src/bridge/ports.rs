//! The two interfaces as ports of the bridge, and what has to be done when one of them comes again: everything is opened
//! before the helper gives up what it could open more with.

use std::{io, net::IpAddr, os::fd::OwnedFd, time::Duration};

use tokio::{runtime::Runtime, time::timeout};

use super::{
    canary,
    carriers::{self, Carriers, Told},
    link::Links,
    link_events::LinkEvents,
    offload,
    protocol::Refusal,
    tap::Tap,
};
use crate::event::{SettingChange, Toward};

/// How long the kernel may take for a request. Outages have to be renewed more often.
const PATIENCE: Duration = Duration::from_millis(300);

/// Everything that is needed for it.
#[derive(Debug)]
pub struct Ports {
    /// What the kernel tells.
    pub events: LinkEvents,
    /// How the interfaces are.
    pub carriers: Carriers,
    runtime: Runtime,
    links: Links,
    control: OwnedFd,
    bridge: Bridge,
}

/// The bridge that both are ports of.
#[derive(Debug)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// It was there before us, and is somebody else's.
    pub adopted: bool,
    /// Our own address, with prefix length.
    pub probe_address: Option<(IpAddr, u8)>,
    /// The interface that has it; none: the bridge.
    pub probe_interface: Option<String>,
}

impl Ports {
    /// Puts it together.
    ///
    /// # Errors
    /// If there are no sockets.
    pub fn new(
        runtime: Runtime,
        links: Links,
        events: LinkEvents,
        carriers: Carriers,
        bridge: Bridge,
    ) -> io::Result<Self> {
        Ok(Self { events, carriers, runtime, links, control: offload::control()?, bridge })
    }

    /// Makes an interface that is there again what it was: a port of the bridge without receive offloads, switched on and
    /// tapped. `mtu`: that of the other side. What was changed; none: it is not there.
    ///
    /// # Errors
    /// If it does not fit, or the kernel refuses.
    pub fn rejoin(
        &mut self,
        interface: &str,
        entering: Toward,
        tap: &mut Tap,
        mtu: usize,
    ) -> Result<Option<Vec<SettingChange>>, Refusal> {
        let failed = |error: io::Error| Refusal::from_io(format!("join `{interface}` again"), &error);
        let Self { runtime, links, control, bridge, .. } = self;
        let found = runtime.block_on(within(links.find(interface))).map_err(failed)?;
        let Some(link) = found else { return Ok(None) };
        carriers::fits(interface, link.mtu, mtu)?;
        let changed = offload::disable_by(control, interface).map_err(failed)?;
        // Before the bridge forwards through it, so that nothing is missed.
        tap.reopen(link.index).map_err(failed)?;
        runtime
            .block_on(within(async {
                if link.controller != Some(bridge.index) {
                    links.attach(link.index, bridge.index).await?;
                }
                links.up(link.index).await?;
                canary::place(links, entering, link.index).await
            }))
            .map_err(failed)?;
        tap.clear_error();
        self.carriers.joined(entering, link.index);
        Ok(Some(changed))
    }

    /// The bridge.
    pub fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// Whether the bridge is there.
    pub fn has_bridge(&self) -> bool {
        let found = self.look(&self.bridge.name);
        found.ok().flatten().is_some_and(|found| found.index == self.bridge.index)
    }

    /// Makes a bridge that somebody has removed again, if it was of our making, and the interfaces and the port of canaries what they
    /// were on it. One that was not of our making is waited for. True if it is there again.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn rebuild(&mut self, sides: [(&str, Toward); 2]) -> Result<bool, Refusal> {
        let Self { runtime, links, bridge, .. } = self;
        let failed = |error: io::Error| Refusal::from_io(format!("make bridge `{}` again", bridge.name), &error);
        let again = async {
            let found = match links.find(&bridge.name).await? {
                None if bridge.adopted => return Ok(None),
                None => {
                    links.create_bridge(&bridge.name).await?;
                    links.find(&bridge.name).await?
                }
                found => found,
            };
            let index = found.ok_or(io::ErrorKind::NotFound)?.index;
            links.configure_bridge(index).await?;
            if let Some((address, prefix)) = bridge.probe_address {
                let on = match &bridge.probe_interface {
                    // What was made on a bridge that was removed went with it; whoever makes the bridge makes it after that.
                    Some(name) => match links.find(name).await? {
                        Some(link) => link.index,
                        None => return Ok(None),
                    },
                    None => index,
                };
                links.add_address(on, address, prefix).await?;
            }
            canary::reattach(links, index).await?;
            for (interface, entering) in sides {
                // One that is not there is joined when it comes.
                let Some(link) = links.find(interface).await? else { continue };
                match link.controller {
                    None => links.attach(link.index, index).await?,
                    Some(of) if of == index => {}
                    // Somebody else's by now.
                    Some(_) => continue,
                }
                canary::place(links, entering, link.index).await?;
            }
            Ok(Some(index))
        };
        let Some(index) = runtime.block_on(within(again)).map_err(failed)? else { return Ok(false) };
        self.bridge.index = index;
        self.carriers.rebuilt(index);
        Ok(true)
    }

    /// How an interface is now.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn look(&self, interface: &str) -> io::Result<Option<Told>> {
        self.runtime.block_on(within(self.links.told(interface)))
    }
}

async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
