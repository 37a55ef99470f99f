//! Secrets between any bytes.

use std::net::SocketAddr;

use siprig::{
    config::Mac,
    wire::{
        frame::{self, Body, Content, Frame, Packet},
        redact,
    },
};

/// What must not be left, in words and in digits.
const SECRETS: [&str; 2] = ["h7s4k2q9", "4711470815"];

/// Lines that hold a secret where `@` stands.
const DRESSES: [(&str, usize); 12] = [
    ("Authorization: Digest username=\"1001\", response=\"@\"", 0),
    ("Proxy-Authorization: Digest response=@, uri=\"sip:a\"", 0),
    ("Authentication-Info: rspauth=\"@\"", 0),
    ("Authorization: Basic @", 0),
    ("Authorization: Bearer @", 0),
    ("Contact: <sip:1001:@@10.77.0.11:5060>", 0),
    ("sip line1 password: @", 0),
    ("a=1&sip_password=@&b=2", 0),
    ("<line><password>@</password></line>", 0),
    ("<Parameter>sip line1 password</Parameter><Value>@</Value>", 0),
    ("INVITE sip:*11*@*1001%23@a SIP/2.0", 1),
    ("PIN: @", 1),
];

/// Lengths are kept, and so are frames; and the secret that the first byte chooses is gone, whatever stands in the lines
/// above it and below it.
pub fn check(bytes: &[u8]) {
    let mut masked = bytes.to_vec();
    redact::sip_in_place(&mut masked);
    changed(bytes, &masked);
    let mut masked = bytes.to_vec();
    redact::frame_in_place(&mut masked);
    assert_eq!(masked.len(), bytes.len());
    if let Ok(text) = str::from_utf8(bytes) {
        assert_eq!(redact::text(text).len(), text.len());
    }

    let Some((choice, around)) = bytes.split_first() else { return };
    let (dress, kind) = DRESSES[usize::from(*choice) % DRESSES.len()];
    let secret = SECRETS[kind];
    if contains(around, secret) {
        return;
    }
    let (above, below) = around.split_at(around.iter().position(|byte| *byte == 0x1f).unwrap_or(around.len() / 2));
    let line = dress.replacen('@', secret, 1);
    let planted = [above, b"\r\n", line.as_bytes(), b"\r\n", below].concat();
    let mut masked = planted.clone();
    assert!(redact::sip_in_place(&mut masked));
    changed(&planted, &masked);
    assert!(!contains(&masked, secret), "{:?}", String::from_utf8_lossy(&masked));

    let payload = &planted[..planted.len().min(60_000)];
    let mut sent = datagram(payload);
    redact::frame_in_place(&mut sent);
    assert_eq!(datagram(read(&sent)), sent, "check sums and headers");
    if payload.len() == planted.len() {
        assert_eq!(read(&sent), masked);
    }
}

/// Only bytes that are now masks differ.
fn changed(before: &[u8], after: &[u8]) {
    assert_eq!(after.len(), before.len());
    assert!(before.iter().zip(after).all(|(before, after)| before == after || *after == b'x'));
}

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

fn datagram(payload: &[u8]) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let [from, to] = [SocketAddr::from(([10, 77, 0, 11], 5060)), SocketAddr::from(([10, 77, 0, 2], 5060))];
    frame::udp_frame(mac, mac, Some(77), from, to, payload)
}

fn read(frame: &[u8]) -> &[u8] {
    match Frame::parse(frame).map(|frame| frame.content) {
        Ok(Content::Ip(Packet { body: Body::Udp { payload, .. }, .. })) => payload,
        other => panic!("{other:?}"),
    }
}
