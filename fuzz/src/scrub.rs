//! Captures of others, on their way to be shown.

use std::collections::VecDeque;

use siprig::wire::{
    capture::{CaptureCopy, CaptureReader},
    frame::{self, Body, Content, Frame, LinkType, Packet},
    scrub::{Key, Scrubber},
};

use super::cost;

/// Most heap that is taken, in bytes, beside some times the capture: what is held back, and what that is part of.
const TAKEN: isize = 48 << 20;

/// What must not be left.
const SECRET: &[u8] = b"h7s4k2q9h7s4k2q9h7s4k2q9h7s4k2q9";

/// Every frame comes out, in its order and with its length and its headers; without a key nothing but secrets and check
/// sums changes; with one the same comes out each time; and a secret behind whatever comes is gone.
pub fn check(bytes: &[u8]) {
    let plain = scrubbed(bytes, Scrubber::secrets());
    let Some(plain) = plain else { return };
    let mut reader = CaptureReader::new(bytes).expect("it could be read");
    let mut frames = plain.iter();
    while let Some(Ok(packet)) = reader.next() {
        let (link, scrubbed) = frames.next().expect("as many as there were");
        alike((*link, packet.bytes), scrubbed);
    }
    let key = Key::of([0x42; 32]);
    let named = scrubbed(bytes, Scrubber::pseudonyms(&key));
    assert_eq!(scrubbed(bytes, Scrubber::pseudonyms(&key)), named, "other pseudonyms");
    copied(&plain);
}

/// All frames, scrubbed; one with a secret is added at the end, and looked at here.
fn scrubbed(bytes: &[u8], mut scrubber: Scrubber<usize>) -> Option<Vec<(LinkType, Vec<u8>)>> {
    let mut reader = CaptureReader::new(bytes).ok()?;
    let before = cost::heap();
    let (mut waiting, mut out) = (VecDeque::new(), Vec::new());
    let mut take = |scrubber: &mut Scrubber<usize>, waiting: &mut VecDeque<(LinkType, usize)>| {
        while let Some((tag, bytes)) = scrubber.pop() {
            let (link, length) = waiting.pop_front().expect("a frame that went in");
            assert_eq!((tag, bytes.len()), (out.len(), length), "out of order or of another length");
            out.push((link, bytes));
        }
        out.len()
    };
    let mut number = 0;
    while let Some(Ok(packet)) = reader.next() {
        waiting.push_back((packet.link, packet.bytes.len()));
        scrubber.push(packet.link, packet.bytes.to_vec(), number);
        number += 1;
        take(&mut scrubber, &mut waiting);
        if let Some(comment) = &packet.comment {
            let told = scrubber.comment(comment);
            assert_eq!(told.len(), comment.len(), "{told:?}");
        }
        let taken = cost::heap() - before;
        assert!(taken <= TAKEN + 16 * bytes.len().cast_signed(), "{taken} bytes for {} of capture", bytes.len());
    }
    let secret = planted();
    waiting.push_back((LinkType::Ethernet, secret.len()));
    scrubber.push(LinkType::Ethernet, secret, number);
    scrubber.finish();
    assert_eq!(take(&mut scrubber, &mut waiting), number + 1, "frames are kept back");
    let (_, last) = out.pop().expect("the one that was added");
    assert!(!last.windows(8).any(|window| window == &SECRET[..8]), "{:?}", String::from_utf8_lossy(&last));
    Some(out)
}

/// A datagram with a digest response.
fn planted() -> Vec<u8> {
    let head = "REGISTER sip:bench.test SIP/2.0\r\nAuthorization: Digest username=\"1001\", response=\"";
    let text = [head.as_bytes(), SECRET, b"\"\r\n\r\n"].concat();
    let mac = siprig::config::Mac([2, 0, 0, 0, 0, 9]);
    frame::udp_frame(mac, mac, None, ([10, 99, 0, 1], 5060).into(), ([10, 99, 0, 2], 5060).into(), &text)
}

/// Headers are as they were, and of what they carry only secrets are masked.
fn alike((link, before): (LinkType, &[u8]), after: &[u8]) {
    let (Ok(before), Ok(after)) = (Frame::parse_as(link, before), Frame::parse_as(link, after)) else { return };
    assert_eq!((before.source, before.destination, before.vlans), (after.source, after.destination, after.vlans));
    let (Content::Ip(before), Content::Ip(after)) = (before.content, after.content) else { return };
    assert_eq!((before.source, before.destination), (after.source, after.destination));
    if let (Some(before), Some(after)) = (payload(&before), payload(&after)) {
        assert_eq!(before.len(), after.len());
        assert!(before.iter().zip(after).all(|(before, after)| before == after || *after == b'x'));
    }
}

/// What SIP may be in.
fn payload<'a>(packet: &Packet<'a>) -> Option<&'a [u8]> {
    match packet.body {
        Body::Udp { payload, .. } => Some(payload),
        Body::Tcp(segment) => Some(segment.payload),
        _ => None,
    }
}

/// What was scrubbed is written and read the same.
fn copied(frames: &[(LinkType, Vec<u8>)]) {
    let mut copy = CaptureCopy::new(Vec::new()).expect("memory");
    for (number, (link, bytes)) in frames.iter().enumerate() {
        // A test has fewer than 2³² frames.
        copy.write((number as u32 % 3, *link), number as i64, bytes.len() as u32, bytes, None).expect("memory");
    }
    let file = copy.into_inner();
    let mut reader = CaptureReader::new(&*file).expect("a capture of our own");
    for (link, bytes) in frames {
        let read = reader.next().expect("a frame that was written").expect("a whole one");
        assert_eq!((read.link, read.bytes), (*link, &**bytes));
    }
    assert!(reader.next().is_none());
}
