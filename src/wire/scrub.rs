//! Takes out of foreign captures what must not be seen by others: secrets, and with a key also who is who.
//!
//! # What becomes of a capture
//!
//! Frames go in one after the other and come out in the same order, each with the length that it had. **Secrets** (what
//! [`redact`](super::redact) knows) become `x`. With a [`Key`] **identities** get pseudonyms as well, of the same form: a
//! number becomes a number with as many digits, a name a name with as many letters in the same case, an address one of the
//! same prefix lengths; so `Content-Length` and TCP's sequence numbers stay true, and the scrubbed capture tells the same
//! of lines, servers, times and moves as the original. One key gives the same pseudonyms in every file.
//!
//! Known are the link layers of [`LinkType`], VLAN tags, ARP, IPv4 and IPv6 with their options and fragments, ICMP with what it
//! quotes, neighbour discovery, SIP over UDP and TCP on any port, SDP and summaries of waiting messages in it, and of TLS the
//! records. In these what the protocol prescribes stays, and what might name somebody gets a pseudonym, unknown headers and
//! parameters included. **Of anything else no payload is left**: media, DNS, DHCP, HTTP, LLDP, other bodies of SIP messages.
//! Check sums of changed packets are right afterwards, even where they were wrong before; where the end of a packet is missing
//! the sum is formed over what is there, because the old one would tell something of what was masked or cut off.
//!
//! # What is held back
//!
//! A secret or a number that segment borders of TCP or fragments of IP cut in pieces is known only when it is whole. So a frame
//! waits until every message and every datagram that it has a part of is complete, or is given up: by the end of its connection,
//! by a hole that stays, or because 4096 frames or 8 MB wait behind it. What was given up is masked as far as it shows a
//! secret; with a key a message is kept up to where it ends, and of the end of one whose beginning was not seen nothing is left.
//!
//! # Limits
//!
//! - A pseudonym is a secret permutation of all texts of one form. Without the key it can not be undone; but there are only
//!   1000 numbers of three digits, and whoever knows which line registered or called at what time knows its pseudonym.
//! - Equal stays equal: how often and when somebody called whom can still be told. That is the purpose.
//! - These stay: times, lengths, ports, sequence numbers, time stamps of TCP, TTLs, VLANs, what private prefix an address is
//!   of, the vendors of MAC addresses, service codes ahead of a number (`*21*`), a zero at the beginning of a number, and
//!   names and versions of programs, though some say whose they are.
//! - A display name that two people share is one pseudonym; a name in which somebody is called by a common word of the trade
//!   (`Call`) stays in reasons, warnings and remarks, though not in addresses.
//! - What comes in tunnels is not read: with a key nothing is left of it; without one secrets are masked in it as anywhere, and
//!   sums within are not repaired.
//! - Options of TCP stay as they are, and so does what IPv6 carries hop by hop.
//! - Of a file only frames and remarks pass here. Names of interfaces and hosts, and keys of TLS, must not be copied.

use std::net::SocketAddr;

use super::{
    capture::Note,
    frame::{LinkType, ip::Datagram, sums},
};

mod address;
mod body;
mod clean;
mod find;
mod fragments;
mod icmp;
mod key;
mod marks;
mod message;
mod packet;
mod permute;
mod queue;
mod streams;
mod text;
mod tls;
mod vocabulary;

pub use key::{Key, LENGTH as KEY_LENGTH, NoKey};

use clean::Cleaner;
use fragments::Fragments;
use packet::{Body, Layout, Packet};
use queue::{FrameId, Held, Place, Queue, Whole};
use streams::{Segment, Streams};
use text::{Kind, Pseudonyms};

/// Scrubs the frames of one capture. `T` is what the caller wants to know of a frame again: its time, its interface.
pub struct Scrubber<T> {
    cleaner: Cleaner,
    fragments: Fragments,
    streams: Streams,
    queue: Queue<T>,
}

impl<T> Scrubber<T> {
    /// Masks secrets, and changes nothing else.
    pub fn secrets() -> Self {
        Self::new(None)
    }

    /// Masks secrets and gives pseudonyms.
    pub fn pseudonyms(key: &Key) -> Self {
        Self::new(Some(Pseudonyms::new(key)))
    }

    fn new(pseudonyms: Option<Pseudonyms>) -> Self {
        let cleaner = Cleaner { pseudonyms };
        Self { cleaner, fragments: Fragments::default(), streams: Streams::default(), queue: Queue::new() }
    }

    /// Takes in the next frame of the capture, as far as that has kept it. What is scrubbed should be taken out after each.
    pub fn push(&mut self, link: LinkType, bytes: Vec<u8>, tag: T) {
        let layout = Layout::of(link, &bytes);
        let unknown = layout.unknown(&bytes);
        let frame = self.queue.push(tag, link, bytes);
        let everything = self.queue.whole(frame);
        let cleaner = &mut self.cleaner;
        self.queue.change(everything, |bytes| {
            if let Some(pseudonyms) = &mut cleaner.pseudonyms {
                layout.write_pseudonyms(bytes, pseudonyms);
            }
            cleaner.other(&[], &mut bytes[unknown], false);
        });
        if let Packet::Ip(datagram) = &layout.packet {
            self.packet(frame, datagram);
        }
        if let Some(whole) = self.queue.blocked_by() {
            self.flush(whole);
        }
    }

    /// The next frame that is scrubbed, if there is one.
    pub fn pop(&mut self) -> Option<(T, Vec<u8>)> {
        let Held { tag, link, mut bytes, changed, .. } = self.queue.pop()?;
        if let Packet::Ip(datagram) = Layout::of(link, &bytes).packet
            && (changed || datagram.missing > 0)
        {
            sums::fix_datagram(&mut bytes, &datagram);
        }
        Some((tag, bytes))
    }

    /// There are no more frames: none waits any longer.
    pub fn finish(&mut self) {
        self.streams.flush_all(&mut self.queue, &mut self.cleaner);
        self.fragments.flush_all(&mut self.queue, &mut self.cleaner);
    }

    /// What becomes of a remark that stands beside a frame. What siprig itself says there stays.
    pub fn comment(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        let mut start = 0;
        // The first builds of siprig wrote two notes in one line.
        for piece in text.split_inclusive(['\n', ';']) {
            let end = start + piece.len();
            match piece.trim_matches(['\n', '\r', ';', ' ']).parse() {
                Ok(Note::OutageBegan { server, .. } | Note::OutageEnded { server, .. }) => {
                    // Behind the number of the outage and ` of `.
                    let at = start + piece.find(" of ").map_or(0, |at| at + 4);
                    self.cleaner.text(&mut bytes[at..at + server.0.len()], Kind::Identity);
                }
                Ok(_) => {}
                Err(_) => self.cleaner.text(&mut bytes[start..end], Kind::Free),
            }
            start = end;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What becomes of a number, a name or an address wherever it stands: for those who want to find a line of theirs again.
    pub fn identity(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.cleaner.text(&mut bytes, Kind::Identity);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn packet(&mut self, frame: FrameId, datagram: &Datagram) {
        let Self { cleaner, fragments, streams, queue } = self;
        let cut = datagram.missing > 0;
        let payload = datagram.payload.clone();
        let place = |range: &std::ops::Range<usize>| Place { frame, at: range.start, len: range.len() };
        if let Some(fragment) = datagram.fragment {
            let key = fragments::Key {
                source: datagram.source,
                destination: datagram.destination,
                // In IPv6 the first fragment alone tells (RFC 8200 section 4.5).
                protocol: datagram.source.is_ipv4().then_some(datagram.protocol),
                identification: fragment.identification,
            };
            let piece = fragments::Piece {
                protocol: datagram.protocol,
                offset: fragment.offset as usize,
                more: fragment.more,
                cut,
                place: place(&payload),
            };
            return fragments.push(key, piece, queue, cleaner);
        }
        let whole = queue.whole(frame);
        let bytes = queue.bytes(whole);
        match packet::body(bytes, datagram) {
            Body::Udp(text) => queue.change(whole, |bytes| {
                let behind = text.end..payload.end;
                cleaner.payload(&mut bytes[text], cut);
                cleaner.other(&[], &mut bytes[behind], cut);
            }),
            Body::Tcp { head, payload } => {
                let (key, segment) = segment(&bytes[head], datagram, place(&payload));
                streams.push(key, segment, queue, cleaner);
            }
            Body::Icmp(message) => {
                queue.change(whole, |bytes| icmp::clean(bytes, message, datagram.source.is_ipv6(), cut, cleaner));
            }
            Body::Igmp(payload) => queue.change(place(&payload), |bytes| icmp::clean_igmp(bytes, cut, cleaner)),
            Body::Other(payload) => queue.change(place(&payload), |bytes| cleaner.other(&[], bytes, cut)),
        }
    }

    fn flush(&mut self, whole: Whole) {
        match whole {
            Whole::Stream(key) => self.streams.flush(&key, &mut self.queue, &mut self.cleaner),
            Whole::Datagram(key) => self.fragments.flush(&key, &mut self.queue, &mut self.cleaner),
        }
    }
}

/// What a TCP header says.
fn segment(head: &[u8], datagram: &Datagram, payload: Place) -> (streams::Key, Segment) {
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let flag = |flag: u8| head[13] & flag != 0;
    let key = streams::Key {
        source: SocketAddr::new(datagram.source, word(0)),
        destination: SocketAddr::new(datagram.destination, word(2)),
    };
    let sequence = u32::from(word(4)) << 16 | u32::from(word(6));
    let (fin, syn, rst) = (flag(1), flag(2), flag(4));
    (key, Segment { sequence, syn, fin, rst, missing: datagram.missing, payload })
}

#[cfg(test)]
mod tests;
