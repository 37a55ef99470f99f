//! Addresses in text, by their form alone.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Range,
};

/// Longest text of an IPv6 address (RFC 4291 section 2.2, third form).
const LONGEST: usize = 45;

/// An address that stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub range: Range<usize>,
    pub form: Form,
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `10.77.0.11`.
    V4(Ipv4Addr),
    /// Any form of RFC 4291 section 2.2.
    V6(Ipv6Addr),
    /// Twelve hexadecimal digits: in pairs or fours with `:`, `-` or `.` between them, or with nothing between them.
    Mac([u8; 6]),
}

/// The first address that begins at `from` or behind it. Each place is looked at a bounded number of times.
pub fn address(text: &[u8], from: usize) -> Option<Found> {
    let mut at = from;
    while at < text.len() {
        if begins(text, at)
            && let Some(found) = mac(text, at).or_else(|| v6(text, at)).or_else(|| v4(text, at))
        {
            return Some(found);
        }
        at += 1;
    }
    None
}

/// Whether a word may begin here.
fn begins(text: &[u8], at: usize) -> bool {
    let ahead = at.checked_sub(1).map(|at| text[at]);
    let inside = ahead.is_some_and(|byte| byte.is_ascii_alphanumeric());
    !inside && (text[at].is_ascii_hexdigit() || text[at] == b':')
}

fn v4(text: &[u8], at: usize) -> Option<Found> {
    if at > 0 && text[at - 1] == b'.' {
        return None;
    }
    let mut end = at;
    let mut octets = [0; 4];
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            end = (text.get(end) == Some(&b'.')).then_some(end + 1)?;
        }
        let digits = text[end..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        *octet = str::from_utf8(&text[end..end + digits]).ok()?.parse().ok()?;
        // A leading zero belongs to some other kind of number.
        if digits > 1 && text[end] == b'0' {
            return None;
        }
        end += digits;
    }
    let more = match &text[end..] {
        [b'.', next, ..] => next.is_ascii_digit(),
        [next, ..] => next.is_ascii_alphanumeric(),
        [] => false,
    };
    (!more).then(|| Found { range: at..end, form: Form::V4(octets.into()) })
}

fn v6(text: &[u8], at: usize) -> Option<Found> {
    // The second of two colons begins nothing, nor does a single one.
    if at > 0 && text[at - 1] == b':' || text[at] == b':' && text.get(at + 1) != Some(&b':') {
        return None;
    }
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let len = text[at..].iter().take(LONGEST + 2).take_while(is_part).count();
    if memchr::memchr(b':', &text[at..at + len]).is_none() || text.get(at + len).is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let text = str::from_utf8(&text[at..at + len]).ok()?;
    // The address may end a sentence, or stand ahead of a colon.
    [text, text.trim_end_matches('.'), text.strip_suffix(':').unwrap_or(text)]
        .into_iter()
        .find_map(|text| Some((text.len(), text.parse().ok()?)))
        .map(|(len, address)| Found { range: at..at + len, form: Form::V6(address) })
}

fn mac(text: &[u8], at: usize) -> Option<Found> {
    let separator = match (text.get(at + 2)?, text.get(at + 4)) {
        (separator @ (b':' | b'-'), _) => Some((*separator, 2)),
        (_, Some(separator @ (b':' | b'-' | b'.'))) => Some((*separator, 4)),
        _ => None,
    };
    // The end of a longer chain, a hash perhaps.
    if let [rest @ .., a, b, last] = &text[..at]
        && separator == Some((*last, 2))
        && a.is_ascii_hexdigit()
        && b.is_ascii_hexdigit()
        && !rest.last().is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let mut address = [0; 6];
    let mut end = at;
    for digit in 0..12 {
        if let Some((separator, every)) = separator
            && digit > 0
            && digit % every == 0
        {
            end = (text.get(end) == Some(&separator)).then_some(end + 1)?;
        }
        let value = char::from(*text.get(end)?).to_digit(16)?;
        address[digit / 2] = address[digit / 2] << 4 | value as u8;
        end += 1;
    }
    let more = text
        .get(end)
        .is_some_and(|next| next.is_ascii_alphanumeric() || Some(*next) == separator.map(|(byte, _)| byte));
    (!more).then_some(Found { range: at..end, form: Form::Mac(address) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(next) = address(text.as_bytes(), from) {
            from = next.range.end;
            found.push(&text[next.range]);
        }
        found
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        for (text, addresses) in [
            ("10.77.0.11", &["10.77.0.11"][..]),
            ("sip:10.77.0.11:5060;x=10.0.0.1~5060", &["10.77.0.11", "10.0.0.1"]),
            ("abc@10.77.0.11.", &["10.77.0.11"]),
            ("c=IN IP4 10.77.0.11/127", &["10.77.0.11"]),
            ("[2001:db8::11]:5060", &["2001:db8::11"]),
            ("received=2001:db8::9;branch", &["2001:db8::9"]),
            ("at fd00::2: refused", &["fd00::2"]),
            ("it is ::1.", &["::1"]),
            ("::ffff:10.77.0.11 said", &["::ffff:10.77.0.11"]),
            ("fe80::1%eth0", &["fe80::1"]),
            ("1:2:3:4:5:6:7:8", &["1:2:3:4:5:6:7:8"]),
            ("00:08:5d:23:74:29,00-08-5D-23-74-2A", &["00:08:5d:23:74:29", "00-08-5D-23-74-2A"]),
            ("0008.5d23.7429 0008-5d23-742a 0008:5d23:742b", &["0008.5d23.7429", "0008-5d23-742a", "0008:5d23:742b"]),
            ("VVX_411-UA/5.9_0004f2abcdef", &["0004f2abcdef"]),
        ] {
            assert_eq!(found(text), addresses, "{text}");
        }
    }

    #[test]
    fn what_only_resembles_an_address_is_none() {
        for text in [
            "",
            "1",
            ":",
            "::g",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.04",
            "v1.2.3.4",
            "1.2.3.4a",
            "3.3.1.4305",
            "12:30:45",
            "Foo::Bar",
            "a:b",
            "00:08:5d:23:74",
            "00:08:5d:23:74:29:11:22:33",
            "00085d2374291",
            "x00085d237429",
            "20:15:31.123",
            "fd00::1::2",
            "urn:uuid:",
            "sips:",
            "00:08-5d:23:74:29",
        ] {
            assert_eq!(found(text), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn the_worst_texts_take_linear_time() {
        for unit in [":", "::", "1.", "0:", "a-", "00:08:5d:23:74:2", "1.2.3."] {
            let text = unit.repeat(32_000);
            let _ = address(text.as_bytes(), 0);
        }
    }
}
