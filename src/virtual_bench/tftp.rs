//! A small TFTP server (RFC 1350), as it runs beside the PBX: it gives files of one folder to whoever asks, in octets.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::net::UdpSocket;

use crate::wire::tftp::{BLOCK, NOT_FOUND, PORT, Packet};

/// How long an acknowledgement is waited for before a block is sent again, and how often.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 5;

/// One file on its way to somebody.
#[derive(Debug)]
pub struct Transfer {
    bytes: Vec<u8>,
    /// The block that was sent last, from 1.
    block: usize,
}

impl Transfer {
    /// Begins; the first block goes at once.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, block: 1 }
    }

    /// The block that is under way.
    pub fn packet(&self) -> Vec<u8> {
        let start = (self.block - 1) * BLOCK;
        let data = self.bytes.get(start..).unwrap_or_default();
        Packet::Data(self.block as u16, &data[..data.len().min(BLOCK)]).to_bytes()
    }

    /// Hears what comes back. True: the next block is under way; false: nothing has changed.
    pub fn hear(&mut self, datagram: &[u8]) -> bool {
        // Who acknowledges the block before has asked twice, and is not answered twice (RFC 1123 section 4.2.3.1).
        let next = Packet::parse(datagram) == Some(Packet::Acknowledged(self.block as u16)) && !self.is_last();
        self.block += usize::from(next);
        next
    }

    /// Whether that datagram ends it.
    pub fn is_ended_by(&self, datagram: &[u8]) -> bool {
        match Packet::parse(datagram) {
            Some(Packet::Acknowledged(block)) => block == self.block as u16 && self.is_last(),
            Some(Packet::Failed(_)) => true,
            _ => false,
        }
    }

    fn is_last(&self) -> bool {
        self.bytes.len() < self.block * BLOCK
    }
}

/// The file of that name in a folder, where names lead nowhere else.
pub fn file(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let plain = !name.contains(['/', '\\']) && name != "..";
    plain.then(|| std::fs::read(folder.join(name)).ok()).flatten()
}

/// Serves a folder from an address, for as long as it is polled.
pub async fn serve(address: IpAddr, folder: PathBuf) -> std::io::Result<()> {
    let door = UdpSocket::bind((address, PORT)).await?;
    let mut datagram = [0; 1500];
    loop {
        // An ICMP error for an earlier answer is nothing to this one.
        let Ok((length, from)) = door.recv_from(&mut datagram).await else { continue };
        if let Some(Packet::Read(name)) = Packet::parse(&datagram[..length]) {
            tokio::spawn(transfer(address, from, file(&folder, name)));
        }
    }
}

/// One transfer, from a port of its own (RFC 1350 section 4).
async fn transfer(own: IpAddr, to: SocketAddr, bytes: Option<Vec<u8>>) -> Option<()> {
    let socket = UdpSocket::bind((own, 0)).await.ok()?;
    socket.connect(to).await.ok()?;
    let Some(bytes) = bytes else {
        socket.send(&Packet::Failed(NOT_FOUND).to_bytes()).await.ok()?;
        return None;
    };
    let (mut transfer, mut tries, mut datagram) = (Transfer::new(bytes), 0, [0; 1500]);
    while tries < TRIES {
        socket.send(&transfer.packet()).await.ok()?;
        tries += 1;
        while let Ok(received) = tokio::time::timeout(PATIENCE, socket.recv(&mut datagram)).await {
            let datagram = &datagram[..received.ok()?];
            if transfer.is_ended_by(datagram) {
                return Some(());
            }
            if transfer.hear(datagram) {
                tries = 0;
                break;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that comes of a transfer to somebody who acknowledges what it gets.
    fn taken(bytes: &[u8]) -> Vec<u8> {
        let (mut transfer, mut got) = (Transfer::new(bytes.to_vec()), Vec::new());
        loop {
            let packet = transfer.packet();
            let Some(Packet::Data(block, data)) = Packet::parse(&packet) else { panic!("no data: {packet:?}") };
            got.extend_from_slice(data);
            let answer = Packet::Acknowledged(block).to_bytes();
            if transfer.is_ended_by(&answer) {
                return got;
            }
            assert!(!transfer.hear(&Packet::Acknowledged(block.wrapping_sub(1)).to_bytes()), "an old acknowledgement");
            assert!(transfer.hear(&answer));
        }
    }

    #[test]
    fn a_file_comes_whole_whatever_its_length() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 70_000 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert_eq!(taken(&bytes), bytes, "{length} bytes");
        }
    }

    #[test]
    fn names_lead_out_of_no_folder() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("served")).unwrap();
        std::fs::write(place.path().join("secret"), "x").unwrap();
        std::fs::write(place.path().join("served/aastra.cfg"), "a: 1").unwrap();
        let served = place.path().join("served");
        assert_eq!(file(&served, "aastra.cfg"), Some(b"a: 1".to_vec()));
        for name in ["../secret", "..", ".", "/etc/passwd", "none.cfg", "..\\secret"] {
            assert_eq!(file(&served, name), None, "{name}");
        }
    }
}
