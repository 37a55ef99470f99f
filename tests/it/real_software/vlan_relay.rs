//! What a switch does between an access port and a trunk: frames leave with a VLAN tag (IEEE 802.1Q) and come back
//! without. For a bench on kernels that have no VLAN interfaces.
//!
//! `vlan-relay ID ACCESS TRUNK`: the VLAN's number and two interfaces, which are promiscuous and leave no checksum to
//! hardware. Runs until it is killed.

#![expect(clippy::unwrap_used, reason = "only tests run it")]

use std::{io, os::fd::AsFd};

use nix::{
    net::if_::if_nametoindex,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use siprig::bridge::tap::Tap;

/// Where the tag stands: behind the two addresses.
const AT: usize = 12;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [id, access, trunk] = &arguments[..] else { panic!("vlan-relay ID ACCESS TRUNK") };
    let [high, low] = id.parse::<u16>().unwrap().to_be_bytes();
    let tag = [0x81, 0x00, high, low];
    let open = |name: &String| Tap::open(name, if_nametoindex(name.as_str()).unwrap()).unwrap();
    let (mut access, mut trunk) = (open(access), open(trunk));
    loop {
        let [one, other] = [&access, &trunk].map(|tap| PollFd::new(tap.as_fd(), PollFlags::POLLIN));
        poll(&mut [one, other], PollTimeout::NONE)?;
        relay(&mut access, &mut trunk, |frame| Some([&frame[..AT], &tag[..], &frame[AT..]].concat()))?;
        relay(&mut trunk, &mut access, |frame| {
            (frame.get(AT..AT + 4)? == tag).then(|| [&frame[..AT], &frame[AT + 4..]].concat())
        })?;
    }
}

/// Sends on what has come in, as `change` makes it; what it makes nothing of goes nowhere.
fn relay(from: &mut Tap, to: &mut Tap, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
    while let Some(frame) = from.receive()? {
        if !frame.outgoing
            && let Some(changed) = change(frame.bytes)
        {
            to.send(&changed)?;
        }
    }
    Ok(())
}
