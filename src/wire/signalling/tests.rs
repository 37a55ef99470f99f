//! What is heard in single frames and in connections.

use super::*;
use crate::{
    event::OutageId,
    wire::frame::{Envelope, TcpSegment, udp_frame},
};

const PHONE: Mac = Mac([0, 8, 0x5d, 0x77, 0, 1]);
const SERVER: Mac = Mac([2, 0, 0, 0, 0, 3]);
const ASK: &str = "REGISTER sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_datagram_that_is_sip_is_heard_on_any_port_with_what_stood_around_it() {
    let frame = udp_frame(PHONE, SERVER, Some(77), at(11, 40_000), at(3, 7000), ASK.as_bytes());
    let heard = hear(&mut Signalling::new([]), &[(frame, Fate::Passed)]);
    let ends = Ends { source: at(11, 40_000), destination: at(3, 7000) };
    assert_eq!(heard, [(0, Fate::Passed, Note::Message(ends, Transport::Udp, ASK.to_owned()))]);
    let frame = udp_frame(PHONE, SERVER, None, at(11, 40_000), at(3, 53), b"\x12\x34\x01\0");
    assert_eq!(hear(&mut Signalling::new([]), &[(frame, Fate::Passed)]), []);
}

#[test]
fn a_message_in_two_segments_has_the_tag_of_the_first_and_the_worse_fate() {
    let dropped = Fate::Dropped(OutageId(1));
    let (first, second) = ASK.split_at(20);
    let frames = [(tcp(1, first), Fate::Passed), (tcp(21, second), dropped), (tcp(21, second), Fate::Passed)];
    let ends = Ends { source: at(11, 40_000), destination: at(3, 5060) };
    let message = |tag, fate| (tag, fate, Note::Message(ends, Transport::Tcp, ASK.to_owned()));
    assert_eq!(hear(&mut Signalling::new([]), &frames), [message(0, dropped), message(2, Fate::Passed)]);
}

/// What was heard, without what it borrows.
#[derive(Debug, PartialEq, Eq)]
enum Note {
    Message(Ends, Transport, String),
    Other(String),
}

/// What the frames say, each with the index of the frame that it began in.
fn hear(signalling: &mut Signalling<usize>, frames: &[(Vec<u8>, Fate)]) -> Vec<(usize, Fate, Note)> {
    let mut heard = Vec::new();
    for (index, (bytes, fate)) in frames.iter().enumerate() {
        let frame = Frame::parse(bytes).unwrap();
        let sighting = Sighting { unix_ns: index as i64, fate: *fate, tag: index };
        signalling.take(&frame, &sighting, &mut |it| {
            assert_eq!(it.sighting.unix_ns, it.sighting.tag as i64);
            let note = match it.what {
                What::Message { ends, transport, bytes } => {
                    Note::Message(ends, transport, String::from_utf8_lossy(bytes).into_owned())
                }
                other => Note::Other(format!("{other:?}")),
            };
            heard.push((it.sighting.tag, it.sighting.fate, note));
        });
    }
    heard
}

fn tcp(sequence: u32, payload: &str) -> Vec<u8> {
    let segment = TcpSegment {
        source_port: 40_000,
        destination_port: 5060,
        sequence,
        ack: Some(1),
        syn: false,
        fin: false,
        rst: false,
        payload: payload.as_bytes(),
    };
    Envelope::new(PHONE, SERVER, None).tcp(at(11, 0).ip(), at(3, 0).ip(), &segment, None)
}

fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, last], port))
}
