//! What is on the wire at one end of the lab, by a packet socket of our own.

use std::{
    thread,
    time::{Duration, Instant},
};

use siprig::{bridge::tap::Tap, wire::frame::Frame};

use super::hosts;

/// Longer than a frame takes from one end of the lab to the other.
const LULL: Duration = Duration::from_millis(150);

/// Listens at the interface of a host.
pub struct Ear {
    tap: Tap,
}

/// A frame at one end.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The host itself has sent it; otherwise it came in.
    pub sent: bool,
    /// When the kernel saw it, in nanoseconds of the wall clock.
    pub at_ns: i64,
    pub bytes: Vec<u8>,
}

impl Heard {
    pub fn frame(&self) -> Frame<'_> {
        Frame::parse(&self.bytes).unwrap()
    }
}

impl Ear {
    pub fn at(namespace: &'static str) -> Self {
        let open = || Tap::open("eth0", nix::net::if_::if_nametoindex("eth0").unwrap()).unwrap();
        Self { tap: hosts::in_host(namespace, open) }
    }

    /// Sends a frame out of that interface.
    pub fn say(&mut self, frame: &[u8]) {
        self.tap.send(frame).unwrap();
    }

    /// Everything since the last call, until nothing has come for a while.
    pub fn heard(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        let mut until = Instant::now() + LULL;
        while Instant::now() < until {
            let more = self.so_far();
            if more.is_empty() {
                thread::sleep(Duration::from_millis(1));
            } else {
                all.extend(more);
                until = Instant::now() + LULL;
            }
        }
        all
    }

    /// Everything since the last call, as far as it is there.
    pub fn so_far(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some(received) = self.tap.receive().unwrap() {
            let at_ns = received.unix_ns.unwrap_or_default();
            all.push(Heard { sent: received.outgoing, at_ns, bytes: received.bytes.to_vec() });
        }
        all
    }
}
