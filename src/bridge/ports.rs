//! The two interfaces as ports of the bridge, and what has to be done when one of them comes again: everything is opened
//! before the helper gives up what it could open more with.

use std::{io, os::fd::OwnedFd, time::Duration};

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
    bridge: u32,
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
        bridge: u32,
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
                if link.controller != Some(*bridge) {
                    links.attach(link.index, *bridge).await?;
                }
                links.up(link.index).await?;
                canary::place(links, entering, link.index).await
            }))
            .map_err(failed)?;
        tap.clear_error();
        self.carriers.joined(entering, link.index);
        Ok(Some(changed))
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
