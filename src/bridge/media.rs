//! Speech of the phones: packets of RTP counted by stream and direction, as they come in. The taps see all frames of phones in any
//! case, and what becomes of each is known where it is decided; so it costs a look at its first bytes and one in a table.
//! Nothing of it is shipped but the counts, each second. Pure bookkeeping.

use std::{collections::BTreeMap, net::SocketAddr};

use super::protocol::{Counted, PhoneIndex};
use crate::{
    event::Toward,
    wire::{
        frame::{Body, Content, Frame},
        signalling::SIP_PORTS,
    },
};

/// Streams that are counted at a time; the one that has been silent the longest goes first.
const MOST: usize = 256;

/// How often it is told what came, in nanoseconds.
const INTERVAL_NS: i64 = 1_000_000_000;

/// Ports below are those of services.
const LOWEST_PORT: u16 = 1024;

/// The header of RTP (RFC 3550 section 5.1).
const HEADER: usize = 12;

/// Payload types that RTP leaves to RTCP at the same port (RFC 5761 section 4).
const CONTROL: std::ops::RangeInclusive<u8> = 64..=95;

/// A direction of a stream: whose, its own end, the other end, which way.
type Stream = (PhoneIndex, SocketAddr, SocketAddr, bool);

/// What was counted.
#[derive(Debug, Default)]
pub struct Media {
    streams: BTreeMap<Stream, Count>,
    told_ns: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    packets: u64,
    dropped: u64,
    first_ns: i64,
    last_ns: i64,
    gap_ns: u64,
    /// Something came since it was told.
    fresh: bool,
}

impl Media {
    /// Takes a frame of a phone in, which goes on or does not.
    pub fn see(&mut self, phone: PhoneIndex, frame: &Frame<'_>, toward: Toward, at_ns: i64, passes: bool) {
        let Some((source, destination)) = rtp_of(frame) else { return };
        let (own, other) = match toward {
            Toward::Server => (source, destination),
            Toward::Phone => (destination, source),
        };
        let stream = (phone, own, other, toward == Toward::Server);
        if self.streams.len() >= MOST && !self.streams.contains_key(&stream) {
            let oldest = self.streams.iter().min_by_key(|(_, count)| count.last_ns).map(|(stream, _)| *stream);
            oldest.map(|oldest| self.streams.remove(&oldest));
        }
        let count = self.streams.entry(stream).or_default();
        count.fresh = true;
        if !passes {
            // One that has never passed is as old as this.
            count.last_ns = if count.packets == 0 { at_ns } else { count.last_ns };
            count.dropped += 1;
            return;
        }
        if count.packets == 0 {
            count.first_ns = at_ns;
        } else {
            count.gap_ns = count.gap_ns.max(u64::try_from(at_ns - count.last_ns).unwrap_or(0));
        }
        count.last_ns = count.last_ns.max(at_ns);
        count.packets += 1;
    }

    /// What came since it was told last, if it is time for that.
    pub fn due(&mut self, now_ns: i64) -> Vec<Counted> {
        if (0..INTERVAL_NS).contains(&(now_ns - self.told_ns)) {
            return Vec::new();
        }
        self.told_ns = now_ns;
        self.take()
    }

    /// What came since it was told last.
    pub fn take(&mut self) -> Vec<Counted> {
        let fresh = self.streams.iter_mut().filter(|(_, count)| count.fresh);
        let told = fresh.map(|((phone, own, other, to_server), count)| {
            count.fresh = false;
            Counted {
                phone: *phone,
                own: *own,
                other: *other,
                toward: if *to_server { Toward::Server } else { Toward::Phone },
                packets: count.packets,
                dropped: count.dropped,
                first_ns: count.first_ns,
                last_ns: count.last_ns,
                gap_ns: std::mem::take(&mut count.gap_ns),
            }
        });
        told.collect()
    }
}

/// The two ends of what looks like a packet of RTP: source and destination.
fn rtp_of(frame: &Frame<'_>) -> Option<(SocketAddr, SocketAddr)> {
    let Content::Ip(packet) = &frame.content else { return None };
    let Body::Udp { source_port, destination_port, payload } = packet.body else { return None };
    let ports = [source_port, destination_port];
    if payload.len() < HEADER || ports.iter().any(|port| *port < LOWEST_PORT || SIP_PORTS.contains(port)) {
        return None;
    }
    let version = payload.first()? >> 6;
    let kind = payload.get(1)? & 0x7f;
    if version != 2 || CONTROL.contains(&kind) {
        return None;
    }
    Some((SocketAddr::new(packet.source, source_port), SocketAddr::new(packet.destination, destination_port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Mac, wire::frame::Envelope};

    const MS: i64 = 1_000_000;

    fn frame(own: u8, port: u16, payload: &[u8]) -> Vec<u8> {
        let (phone, server) = (Mac([0, 8, 0x5d, 0x77, 0, 1]), Mac([2, 0, 0, 0, 0, 3]));
        let at = |last, port| SocketAddr::from(([10, 77, 0, last], port));
        Envelope::new(phone, server, None).udp(at(own, port), at(241, 4000), payload)
    }

    fn see(media: &mut Media, bytes: &[u8], at_ms: i64, passes: bool) {
        media.see(0, &Frame::parse(bytes).unwrap(), Toward::Server, at_ms * MS, passes);
    }

    #[test]
    fn packets_their_first_and_last_time_and_the_longest_pause_are_told_and_what_an_outage_took_is_told_apart() {
        let (mut media, speech) = (Media::default(), frame(11, 3000, &[0x80; 172]));
        for at in [1000, 1020, 1500, 1520] {
            see(&mut media, &speech, at, true);
        }
        see(&mut media, &speech, 1540, false);
        let [told] = &media.due(2000 * MS)[..] else { panic!() };
        assert_eq!((told.packets, told.dropped, told.gap_ns), (4, 1, 480_000_000));
        assert_eq!((told.first_ns, told.last_ns), (1000 * MS, 1520 * MS));
        see(&mut media, &speech, 2520, true);
        assert!(media.due(2900 * MS).is_empty(), "it was told within the second");
        let [told] = &media.due(3000 * MS)[..] else { panic!() };
        assert_eq!((told.packets, told.gap_ns), (5, 1_000_000_000), "the pause lies across the report");
        assert!(media.due(4000 * MS).is_empty(), "nothing came");
    }

    #[test]
    fn what_is_no_rtp_is_not_counted() {
        let mut media = Media::default();
        let mut control = [0x80; 60];
        control[1] = 200;
        for bytes in [
            frame(11, 3000, &control),
            frame(11, 3000, &[0x80; 11]),
            frame(11, 3000, &[0x40; 172]),
            frame(11, 5060, &[0x80; 172]),
            frame(11, 53, &[0x80; 172]),
        ] {
            see(&mut media, &bytes, 1, true);
        }
        assert!(media.take().is_empty());
    }

    #[test]
    fn streams_are_so_many_and_the_most_silent_one_goes_first() {
        let mut media = Media::default();
        for index in 0..u16::try_from(2 * MOST).unwrap() {
            see(&mut media, &frame(11, 3000 + index, &[0x80; 172]), i64::from(index), true);
        }
        assert_eq!(media.streams.len(), MOST);
        assert!(media.streams.keys().all(|(_, own, ..)| usize::from(own.port()) >= 3000 + MOST));
    }
}
