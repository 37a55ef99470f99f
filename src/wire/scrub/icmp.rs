//! ICMP messages: errors quote the packet that they are about; neighbour discovery and memberships of groups name hosts.

use std::ops::Range;

use super::{
    clean::Cleaner,
    packet::{self, Body},
};
use crate::wire::frame::{ip::Datagram, sums};

/// Cleans an ICMP message; `v6`: of version 6.
pub fn clean(bytes: &mut [u8], place: Range<usize>, v6: bool, cut: bool, cleaner: &mut Cleaner) {
    let Range { start, end } = place;
    let Some(&[kind, _, _, _, ..]) = bytes.get(start..end) else { return };
    let behind = (start + 8).min(end);
    match (v6, kind) {
        // Unreachable, quench, redirect, time exceeded, parameter problem (RFC 792); a redirect names a gateway.
        (false, 3 | 4 | 5 | 11 | 12) | (true, 1..=4) => {
            if let Some(pseudonyms) = cleaner.pseudonyms.as_mut().filter(|_| (v6, kind) == (false, 5)) {
                packet::v4(&mut bytes[..end], start + 4, pseudonyms);
            }
            quote(bytes, behind..end, cleaner);
        }
        (true, 133..=137) if cleaner.pseudonyms.is_some() => neighbours(&mut bytes[start..end], kind, cleaner),
        (true, 130..=132 | 143) if cleaner.pseudonyms.is_some() => members::<16>(&mut bytes[start..end], kind, cleaner),
        // Echo: anything at all behind identifier and number.
        _ => cleaner.other(&[], &mut bytes[behind..end], cut),
    }
}

/// The beginning of a packet. What follows it has another sense, or none.
fn quote(bytes: &mut [u8], place: Range<usize>, cleaner: &mut Cleaner) {
    let Range { start, end } = place;
    let Ok(datagram) = Datagram::parse_begun(&bytes[..end], start) else {
        return packet::clean_unread(&mut bytes[place], cleaner);
    };
    let before = bytes[place].to_vec();
    if let Some(pseudonyms) = &mut cleaner.pseudonyms {
        packet::header(bytes, &datagram, pseudonyms);
    }
    match packet::body(bytes, &datagram) {
        Body::Udp(payload) => cleaner.payload(&mut bytes[payload], datagram.missing > 0),
        Body::Tcp { payload, .. } => cleaner.payload(&mut bytes[payload], true),
        Body::Icmp(payload) | Body::Igmp(payload) | Body::Other(payload) => {
            // The eight bytes that every quote has are ports, lengths and sums.
            let payload = (payload.start + 8).min(payload.end)..payload.end;
            cleaner.other(&[], &mut bytes[payload], true);
        }
    }
    cleaner.other(&[], &mut bytes[datagram.payload.end..end], true);
    // The sums go over the new addresses.
    if bytes[start..end] != before
        && let Ok(datagram) = Datagram::parse_begun(&bytes[..end], start)
    {
        sums::fix_datagram(bytes, &datagram);
    }
}

/// Cleans an IGMP message.
pub fn clean_igmp(message: &mut [u8], cut: bool, cleaner: &mut Cleaner) {
    match message {
        [kind, _, _, _, ..] if cleaner.pseudonyms.is_some() => {
            let kind = *kind;
            members::<4>(message, kind, cleaner);
        }
        _ => cleaner.other(&[], message, cut),
    }
}

/// Who listens to which group: IGMP (RFC 9776) and Multicast Listener Discovery (RFC 9777), whose messages differ in the
/// length of addresses alone. Nothing is left of what is not known there.
fn members<const LENGTH: usize>(message: &mut [u8], kind: u8, cleaner: &mut Cleaner) {
    const REPORTS: [u8; 2] = [0x22, 143];
    let mut at = if LENGTH == 4 { 4 } else { 8 };
    if let Some(&[_, _, _, _, _, _, high, low]) = message.get(..8).filter(|_| REPORTS.contains(&kind)) {
        at = 8;
        for _ in 0..u16::from_be_bytes([high, low]) {
            // Kind, words of auxiliary data, number of sources, group, sources, auxiliary data.
            let Some(&[_, words, high, low, ..]) = message.get(at..) else { break };
            let sources = usize::from(u16::from_be_bytes([high, low]));
            at = addresses::<LENGTH>(message, at + 4, 1 + sources, cleaner);
            let end = (at + 4 * usize::from(words)).min(message.len());
            message[at..end].fill(0);
            at = end;
        }
    } else {
        at = addresses::<LENGTH>(message, at, 1, cleaner);
        // In a query of the last version two bytes follow, a number of sources, and these.
        if let Some(&[_, _, high, low, ..]) = message.get(at..) {
            at = addresses::<LENGTH>(message, at + 4, u16::from_be_bytes([high, low]).into(), cleaner);
        }
    }
    let at = at.min(message.len());
    cleaner.other(&[], &mut message[at..], false);
}

/// So many addresses, as far as they are there; returns where the next field begins.
fn addresses<const LENGTH: usize>(message: &mut [u8], mut at: usize, count: usize, cleaner: &mut Cleaner) -> usize {
    let Some(pseudonyms) = &mut cleaner.pseudonyms else { return at };
    for _ in 0..count {
        if at + LENGTH > message.len() {
            break;
        }
        if LENGTH == 4 {
            packet::v4(message, at, pseudonyms);
        } else {
            packet::v6(message, at, pseudonyms);
        }
        at += LENGTH;
    }
    at.min(message.len())
}

/// Neighbour discovery (RFC 4861 section 4): addresses at fixed places, then options.
fn neighbours(message: &mut [u8], kind: u8, cleaner: &mut Cleaner) {
    let Some(pseudonyms) = &mut cleaner.pseudonyms else { return };
    let addresses = match kind {
        135 | 136 => 1,
        137 => 2,
        _ => 0,
    };
    for index in 0..addresses {
        packet::v6(message, 8 + 16 * index, pseudonyms);
    }
    let mut at = if kind == 134 { 16 } else { 8 + 16 * addresses };
    while let Some(&[option, length, ..]) = message.get(at..) {
        let end = (at + 8 * usize::from(length.max(1))).min(message.len());
        match option {
            // Link-layer addresses.
            1 | 2 => {
                packet::mac(&mut message[..end], at + 2, pseudonyms);
                message[(at + 8).min(end)..end].fill(0);
            }
            3 => packet::v6(&mut message[..end], at + 16, pseudonyms),
            5 => {}
            // Name servers (RFC 8106) and whatever else.
            _ => message[at + 2..end].fill(0),
        }
        at = end;
    }
}
