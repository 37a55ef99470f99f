//! Frames as they come from the wire, into the process that may do most.

use std::net::IpAddr;

use siprig::wire::frame::{self, Body, Content, Envelope, Frame, Packet};

use super::lies_within;

/// What is read lies in the frame; repairing changes check sums only; what is made of a frame can be read.
pub fn check(bytes: &[u8]) {
    let range = frame::payload_range(bytes);
    assert!(range.start <= range.end && range.end <= bytes.len(), "{range:?} of {}", bytes.len());

    let read = Frame::parse(bytes);
    if let Ok(Frame { vlans, content, .. }) = &read {
        assert!(14 + 4 * vlans.len() <= bytes.len());
        if let Content::Ip(Packet { body, .. }) = content {
            within(body, bytes);
            if let Body::Udp { payload, .. } = body {
                assert_eq!(*payload, &bytes[range.clone()]);
            }
            if let Body::Tcp(segment) = body {
                assert_eq!(segment.payload, &bytes[range.clone()]);
            }
        }
    }

    let mut repaired = bytes.to_vec();
    frame::fix_checksums(&mut repaired);
    assert_eq!(repaired.len(), bytes.len());
    assert_eq!(Frame::parse(&repaired), read, "repairing changed what is read");
    let once = repaired.clone();
    frame::fix_checksums(&mut repaired);
    assert_eq!(repaired, once, "what is right was repaired");

    if frame::timestamps(bytes).is_some() {
        let Ok(Frame { content: Content::Ip(Packet { body: Body::Tcp(_), .. }), .. }) = &read else {
            panic!("timestamps of {read:?}")
        };
    }
    answers(bytes, &read);
}

fn within(body: &Body<'_>, bytes: &[u8]) {
    let payload = match body {
        Body::Udp { payload, .. } | Body::Icmp { payload, .. } | Body::Fragment { payload, .. } => payload,
        Body::Tcp(segment) => segment.payload,
        Body::Other { .. } => return,
    };
    assert!(lies_within(payload, bytes));
}

/// What is made from a frame goes back to where that came from, and says what it should.
fn answers(bytes: &[u8], read: &Result<Frame<'_>, frame::FrameError>) {
    if let Some(error) = frame::port_unreachable(bytes) {
        let answer = Frame::parse(&error).expect("an ICMP error of our own");
        let Content::Ip(Packet { source, destination, body: Body::Icmp { payload, .. } }) = answer.content else {
            panic!("{answer:?}")
        };
        if let Ok(Frame { content: Content::Ip(packet), .. }) = read {
            assert_eq!((packet.source, packet.destination), (destination, source));
        }
        let most = if source.is_ipv4() { 576 } else { 1280 };
        let link = 14 + 4 * answer.vlans.len();
        assert!(error.len() <= link + most, "{} bytes", error.len());
        // Four bytes without meaning, then the packet that it is about.
        assert!(bytes.windows(payload.len() - 4).any(|window| window == &payload[4..]));
    }
    if let Some(envelope) = Envelope::of(bytes) {
        let ends = [IpAddr::from([10, 77, 0, 2]), IpAddr::from([10, 77, 0, 11])];
        let made = envelope.clone().udp((ends[0], 5060).into(), (ends[1], 5061).into(), b"x");
        let made = Frame::parse(&made).expect("a datagram of our own");
        let Content::Ip(Packet { body: Body::Udp { payload, .. }, .. }) = made.content else { panic!("{made:?}") };
        assert_eq!(payload, b"x");
        assert_eq!(envelope.clone().back().back(), envelope);
        if let Ok(frame) = read {
            assert_eq!((&made.vlans, made.source, made.destination), (&frame.vlans, frame.source, frame.destination));
        }
    }
}
