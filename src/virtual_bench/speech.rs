//! What simulated devices say in calls: a packet of RTP (RFC 3550) each 20 ms to whoever listens, and silence in it. What they
//! hear is thrown away.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// From packet to packet.
const PACKET: Duration = Duration::from_millis(20);
/// Samples in it, each a byte of A-law.
const SAMPLES: u32 = 160;
/// A-law (RFC 3551 section 6, table 4), and its silence.
const A_LAW: u8 = 8;
const SILENCE: u8 = 0xd5;

/// A mouth. It falls silent when this is dropped.
#[derive(Debug)]
pub struct Mouth(watch::Sender<Vec<SocketAddr>>);

impl Mouth {
    /// Opens it at a port of one's own.
    ///
    /// # Errors
    /// If the port can not be had.
    pub async fn open(own: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(own).await?;
        let (sender, listeners) = watch::channel(Vec::new());
        tokio::spawn(speak(socket, listeners));
        Ok(Self(sender))
    }

    /// From now on speaks to these.
    pub fn speak_to(&self, listeners: Vec<SocketAddr>) {
        self.0.send_if_modified(|now| {
            let changed = *now != listeners;
            *now = listeners;
            changed
        });
    }
}

async fn speak(socket: UdpSocket, mut listeners: watch::Receiver<Vec<SocketAddr>>) {
    let mut ticks = interval(PACKET);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut heard, mut count) = ([0; 2048], 0_u32);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = listeners.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        }
        while socket.try_recv(&mut heard).is_ok() {}
        let to = listeners.borrow().clone();
        count = count.wrapping_add(1);
        for listener in to {
            // What can not be sent is lost, as on any network.
            let _ = socket.send_to(&packet(count), listener).await;
        }
        if listeners.borrow().is_empty() && listeners.changed().await.is_err() {
            return;
        }
    }
}

fn packet(count: u32) -> Vec<u8> {
    let [.., high, low] = count.to_be_bytes();
    let header = [0x80, A_LAW, high, low];
    let mut packet = [&header[..], &count.wrapping_mul(SAMPLES).to_be_bytes(), b"test"].concat();
    packet.resize(packet.len() + SAMPLES as usize, SILENCE);
    packet
}
