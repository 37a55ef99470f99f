//! ICMP messages: errors quote the packet that they are about, neighbour discovery names hosts.

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
        Body::Icmp(payload) | Body::Other(payload) => {
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
