//! A message around a planted name and secret, scrubbed in a datagram and in segments.

use std::net::SocketAddr;

use siprig::{
    config::Mac,
    wire::{
        frame::{Envelope, LinkType, TcpSegment},
        scrub::{Key, Scrubber},
    },
};

/// What must not be left of a message where pseudonyms are asked for.
const NUMBER: &str = "4711470815";
/// What must not be left in any case.
const RESPONSE: &str = "5ec2e7ab5ec2e7ab5ec2e7ab5ec2e7ab";

/// Of a message that has headers of its own among the input, in a datagram or in segments, nothing is left that is
/// secret, nor what names a person if pseudonyms are asked for.
pub fn check(bytes: &[u8]) {
    let Some((choice, around)) = bytes.split_first() else { return };
    if contains(around, NUMBER) || contains(around, RESPONSE) {
        return;
    }
    let (above, below) = around.split_at(around.iter().position(|byte| *byte == 0x1f).unwrap_or(around.len() / 2));
    let planted = format!(
        "\r\nFrom: \"{NUMBER}\" <sip:{NUMBER}@bench.test>;tag=7\r\nAuthorization: Digest username=\"{NUMBER}\", response=\"{RESPONSE}\"\r\n"
    );
    let message = [b"REGISTER sip:bench.test SIP/2.0\r\n", above, planted.as_bytes(), below].concat();
    let message = &message[..message.len().min(30_000)];
    let piece = usize::from(*choice) * 8 + 1;
    let envelope = Envelope::new(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), None);
    let [from, to] = [SocketAddr::from(([10, 77, 0, 11], 5060)), SocketAddr::from(([10, 77, 0, 2], 5060))];
    let segments = message.chunks(piece).enumerate().map(|(index, payload)| {
        let segment = TcpSegment {
            source_port: 5060,
            destination_port: 5060,
            sequence: (index * piece) as u32,
            ack: None,
            syn: false,
            fin: false,
            rst: false,
            payload,
        };
        envelope.tcp(from.ip(), to.ip(), &segment, None)
    });
    for frames in [vec![envelope.udp(from, to, message)], segments.collect()] {
        let frames: Vec<_> = frames.into_iter().map(|frame| (LinkType::Ethernet, frame)).collect();
        for key in [None, Some(Key::of([7; 32]))] {
            let payloads: Vec<u8> = scrubbed(&frames, key.as_ref())
                .iter()
                .flat_map(|frame| frame[if frames.len() == 1 { 42 } else { 54 }..].to_vec())
                .collect();
            assert!(!contains(&payloads, RESPONSE), "{:?}", String::from_utf8_lossy(&payloads));
            assert!(key.is_none() || !contains(&payloads, NUMBER), "{:?}", String::from_utf8_lossy(&payloads));
        }
    }
}

fn scrubbed(frames: &[(LinkType, Vec<u8>)], key: Option<&Key>) -> Vec<Vec<u8>> {
    let mut scrubber = key.map_or_else(Scrubber::secrets, Scrubber::pseudonyms);
    let mut out = Vec::new();
    for (index, (link, frame)) in frames.iter().enumerate() {
        scrubber.push(*link, frame.clone(), index);
        out.extend(std::iter::from_fn(|| scrubber.pop()));
    }
    scrubber.finish();
    out.extend(std::iter::from_fn(|| scrubber.pop()));
    assert!(out.iter().map(|(index, _)| *index).eq(0..frames.len()), "every frame, in order");
    out.into_iter().map(|(_, frame)| frame).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
