//! The short look that the privileged process takes at what phones load, and the packets of a transfer.

use siprig::wire::{
    download,
    tftp::{Packet, asked_file},
};

/// The name is one that a plain reader splits off at the zeros, stands in the datagram, and is harmless in a line. A packet that is read is
/// written and read the same. A path is one that stands in the segment, and of a request that has no credentials.
pub fn check(bytes: &[u8]) {
    let mut fields = bytes.get(2..).unwrap_or_default().splitn(3, |byte| *byte == 0);
    let (name, mode, rest) = (fields.next(), fields.next(), fields.next());
    let known = mode.is_some_and(|mode| [&b"octet"[..], b"netascii"].iter().any(|it| it.eq_ignore_ascii_case(mode)));
    let plain = name.filter(|_| bytes.starts_with(&[0, 1]) && known && rest.is_some());
    let plain = plain.and_then(|name| std::str::from_utf8(name).ok());
    let plain = plain.filter(|name| (1..=255).contains(&name.len()) && !name.contains(char::is_control));
    assert_eq!(asked_file(bytes), plain);
    if let Some(packet) = Packet::parse(bytes) {
        assert_eq!(Packet::parse(&packet.to_bytes()), Some(packet));
    }
    if let Some(path) = download::asked_file(bytes) {
        assert!(bytes[4..].starts_with(path.as_bytes()) && path.starts_with('/') && !path.contains(char::is_control));
        let said = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        assert!(!said.contains("\nauthorization:") && !said.contains("\ncookie:"), "{said}");
    }
}
