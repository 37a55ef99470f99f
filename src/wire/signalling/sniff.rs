//! What bytes look like, wherever they came from.

use crate::wire::{sip, tls};

/// STUN (RFC 8489 section 5): length of its header, and its magic cookie.
pub const STUN_HEADER: usize = 20;
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Whether a datagram is SIP. Where SIP is expected, anything that may be meant as such; elsewhere only what has a start line
/// without fault: the first line of many a log message ends like a request.
pub fn is_sip_datagram(payload: &[u8], expected: bool) -> bool {
    if expected {
        return sip::looks_like_sip(payload);
    }
    let (line, ended) = first_line(payload);
    ended && is_start_line(line)
}

/// Whether a segment shows that its connection speaks SIP, whatever the port: it begins with a start line, or with as much of
/// one as can be told from anything else.
pub fn begins_sip_stream(payload: &[u8]) -> bool {
    let (line, ended) = first_line(payload);
    if ended { is_start_line(line) } else { begins_start_line(line) }
}

/// Whether a segment shows that its connection speaks TLS, whatever the port.
pub fn begins_tls_stream(payload: &[u8]) -> bool {
    tls::looks_like_hello(payload)
}

/// Whether a datagram between ends that speak SIP only keeps their path open.
pub fn is_keep_alive(payload: &[u8]) -> bool {
    sip::is_keep_alive(payload) || is_stun(payload)
}

/// Whether a datagram is a message of STUN, by its header.
pub fn is_stun(payload: &[u8]) -> bool {
    let [kind, _, a, b, c, d, e, f, ..] = payload else { return false };
    let length = usize::from(u16::from_be_bytes([*a, *b]));
    kind & 0xC0 == 0 && [*c, *d, *e, *f] == STUN_COOKIE && length % 4 == 0 && payload.len() == STUN_HEADER + length
}

/// The first line behind leading line breaks, and whether it has an end.
fn first_line(bytes: &[u8]) -> (&[u8], bool) {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = &bytes[blank..];
    // Nothing of a start line is not ASCII but, with luck, the URI.
    if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return (b"", true);
    }
    match memchr::memchr(b'\n', rest) {
        Some(end) => (rest[..end].trim_ascii_end(), true),
        None => (rest, false),
    }
}

/// RFC 3261 sections 7.1 and 7.2, more than one space allowed.
fn is_start_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    if is_version(first) {
        return matches!(second, [b'1'..=b'6', b'0'..=b'9', b'0'..=b'9']);
    }
    is_method(first) && has_scheme(second) && words.next_back().is_some_and(is_version)
}

fn begins_start_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let is_sip = |scheme: &[u8]| second.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    is_version(first) || is_method(first) && (is_sip(b"sip:") || is_sip(b"sips:"))
}

/// `SIP/2.0` or another.
fn is_version(word: &[u8]) -> bool {
    let Some((name, version)) = word.split_at_checked(4) else { return false };
    let Some(dot) = version.iter().position(|byte| *byte == b'.') else { return false };
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    name.eq_ignore_ascii_case(b"SIP/") && is_number(&version[..dot]) && is_number(&version[dot + 1..])
}

fn is_method(word: &[u8]) -> bool {
    word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte))
}

fn has_scheme(word: &[u8]) -> bool {
    let colon = word.iter().position(|byte| *byte == b':');
    colon.is_some_and(|colon| {
        colon > 0 && word[..colon].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'+')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elsewhere_than_at_its_ports_only_a_faultless_start_line_is_sip() {
        for (line, anywhere, where_expected) in [
            ("REGISTER sip:b SIP/2.0", true, true),
            ("\r\n\r\nOPTIONS  sip:a@[2001:db8::1]:5060;x  SIP/2.0", true, true),
            ("x-odd!method tel:+49 sip/2.0", true, true),
            ("SIP/2.0 200 OK", true, true),
            ("SIP/2.0 100 ", true, true),
            ("SIP/7.0 489 Bad Event", true, true),
            ("SIP/2.0 99 Almost", false, true),
            ("<135>Jan  1 00:00:00 6731i Sent: REGISTER sip:b SIP/2.0", false, true),
            ("sent REGISTER to SIP/2.0", false, true),
            ("GET / HTTP/1.1", false, false),
            ("RTSP/1.0 200 OK", false, false),
            ("Via: SIP/2.0/UDP 10.0.0.1", false, false),
            ("", false, false),
        ] {
            let bytes = format!("{line}\r\nVia: x\r\n\r\n");
            assert_eq!(is_sip_datagram(bytes.as_bytes(), false), anywhere, "{line}");
            assert_eq!(begins_sip_stream(bytes.as_bytes()), anywhere, "{line}");
            assert_eq!(is_sip_datagram(bytes.as_bytes(), true), where_expected, "{line}");
        }
        assert!(!is_sip_datagram(b"REGISTER sip:b SIP/2.0", false), "a datagram is not cut in its first line");
    }

    #[test]
    fn a_stream_is_known_by_part_of_its_first_line() {
        for (bytes, known) in [
            ("REGISTER sip:b SIP", true),
            ("SUBSCRIBE SIPS:", true),
            ("SIP/2.0 4", true),
            ("REGISTER si", false),
            ("REGI", false),
            ("GET sipping", false),
            ("", false),
        ] {
            assert_eq!(begins_sip_stream(bytes.as_bytes()), known, "{bytes}");
        }
    }

    #[test]
    fn keep_alives_are_line_breaks_nulls_nothing_and_stun() {
        let stun = [&[0, 1, 0, 4][..], &STUN_COOKIE, &[7; 12], &[0x80, 0x22, 0, 0]].concat();
        for (bytes, is) in [
            (&b""[..], true),
            (b"\r\n\r\n", true),
            (b"\0\0\0\0", true),
            (&stun, true),
            (&stun[..20], false),
            (&[0x80; 172], false),
            (b"hello", false),
        ] {
            assert_eq!(is_keep_alive(bytes), is, "{bytes:?}");
        }
    }
}
