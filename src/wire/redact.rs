//! Masks secrets in place, keeping every length.
//!
//! Masked are digest responses, Basic and Bearer credentials, passwords in URIs and settings, PINs, keys of encrypted media
//! and keys pressed during a call, in whatever bytes they stand: a message cut by segment borders, a fragment, an ICMP error
//! that quotes a packet. Rather too much is masked than too little. Not here: whether to mask at all, putting together what
//! came in pieces (`scrub`), and the pressing of single keys, which no text shows.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use regex::bytes::Regex;

use super::frame;

mod digits;

pub use digits::DigitMask;

/// What a secret's bytes become.
const MASK: u8 = b'x';

/// Where secrets stand in SIP and what phones carry in it. Each group of each pattern is a secret. No pattern takes a line
/// that is not folded for the value of a name above it: it may hold a name and a secret of its own.
const SECRETS: [&str; 9] = [
    // Digest responses of both directions (RFC 7616 sections 3.4 and 3.5), in quotes or not, cut or not.
    r#"(?:response|rspauth)\s*=LWS*"?([^"\s,;]+)"#,
    // Passwords in URIs: `sip:user:password@host`.
    r#"sips?:[^\s<>"@:]*:([^\s<>"@]+)@"#,
    // Passwords in settings, XML and JSON: `password=…`, `password: …`, `<password>…<`, `"password":"…"`.
    r#"(?:password|passwd|passcode|passwort|secret|\bpwd|\bpass|\bpin)["']?\s*(?:[=:]LWS*(?:"([^"\r\n]*)|'([^'\r\n]*)|([^\s"'&;,<>]+))|>\s*([^<\r\n]+))"#,
    // Passwords in settings that the XML API of the phones carries, name and value in elements of their own.
    r"(?:password|passwd|passcode|secret|\bpin)\s*</parameter>\s*<value>\s*(?:<!\[cdata\[)?([^<\]]+)",
    // Feature codes with a PIN: `*11*PIN*extension#`.
    r"(?:\*|%2a)[0-9]{1,3}(?:\*|%2a)([0-9]+)(?:\*|%2a|\z)",
    // A PIN after its name alone.
    r"\bpin\s+([0-9*#]+)",
    // Keys of the media (RFC 4568 section 6.1, RFC 8866 section 5.12) and of its path (RFC 8839 section 5.4).
    r"\binline:([a-z0-9+/=]+)",
    r"(?:\A|[\r\n])(?:k=(?:clear|base64|uri)|a=ice-pwd):([^\r\n]+)",
    // A key that a user pressed, in the body of an INFO.
    r"(?:\A|[\r\n])signal[ \t]*=[ \t]*([0-9a-d*#]+)",
];

/// What a segment border leaves of a secret at the beginning of a buffer.
const REMAINS: [&str; 4] = [
    // Of a digest response, with what is left of its name.
    r#"\A(?:(?:esponse|sponse|ponse|onse|nse|se|e)?\s*=\s*"?|")?(?:([0-9a-f]{1,64})"|([0-9a-f]{8,64})\z)"#,
    // Of a password among settings, with what is left of its name.
    r"\A(?:[a-z]{0,7}d)?\s*</parameter>\s*<value>\s*([^<]+)",
    // Of Basic credentials.
    r"\A\s*([a-z0-9+/]{8,}={1,2})\s*(?:\r?\n|\z)",
    // Of a password in a URI.
    r"\A([a-z0-9_.!~*'()&=+$,;?/%:-]{1,64})@",
];

/// What a cut leaves of a password in a URI at the end of a buffer. It may as well be a port.
const BEGUN: &str = r#"sips?:[^\s<>"@:]*:([^\s<>"@]+)\z"#;

/// Basic (RFC 7617) and Bearer (RFC 6750) credentials: the word follows `Authorization:`, or what a segment border left of
/// it. Where a parameter follows the word, that is no secret. A line that is not folded is another header, and may have its
/// own.
const CREDENTIALS: &str = r"(?:authorization\s*:|\A(?:[a-z]{0,12}n)?\s*:?)LWS*(?:basic|bearer)LWS+([a-z0-9._~+/=-]+)";

/// `LWS` in a pattern: white space within a header, which a folded line goes on with (RFC 3261 section 25.1).
const LWS: &str = r"(?:[ \t\x0b\x0c]|[\r\n]+[ \t])";

#[expect(clippy::unwrap_used, reason = "constant patterns, each one compiled by the tests")]
fn compiled(pattern: &str) -> Regex {
    // Names are compared without regard to case; bytes need not be UTF-8.
    Regex::new(&format!("(?i-u){}", pattern.replace("LWS", LWS))).unwrap()
}

static SECRET_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| SECRETS.into_iter().map(compiled).collect());

static REMAINS_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| REMAINS.into_iter().map(compiled).collect());

static BEGUN_PATTERN: LazyLock<Regex> = LazyLock::new(|| compiled(BEGUN));

static CREDENTIALS_PATTERN: LazyLock<Regex> = LazyLock::new(|| compiled(CREDENTIALS));

/// What matches if any pattern for text does: next to no line of a console holds a secret, and one pass finds that out.
static ANY_PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let all: Vec<_> = SECRETS.into_iter().chain([CREDENTIALS]).map(|pattern| format!("(?:{pattern})")).collect();
    compiled(&all.join("|"))
});

/// Where secrets of SIP messages stand in a buffer; the ranges may overlap. `cut`: bytes are missing behind it.
pub fn sip_secrets(bytes: &[u8], cut: bool) -> Vec<Range<usize>> {
    let mut secrets = found(bytes, &SECRET_PATTERNS);
    secrets.extend(found(bytes, &REMAINS_PATTERNS));
    if cut {
        secrets.extend(found(bytes, std::slice::from_ref(&*BEGUN_PATTERN)));
    }
    secrets
}

/// Overwrites ranges of a buffer with `x`. True if that changed anything.
pub fn overwrite(bytes: &mut [u8], secrets: &[Range<usize>]) -> bool {
    let mut changed = false;
    for secret in secrets {
        for byte in bytes.get_mut(secret.clone()).into_iter().flatten() {
            changed |= *byte != MASK;
            *byte = MASK;
        }
    }
    changed
}

/// Overwrites the secrets of SIP messages anywhere in a buffer with `x`. True if anything was overwritten.
pub fn sip_in_place(bytes: &mut [u8]) -> bool {
    let secrets = sip_secrets(bytes, false);
    overwrite(bytes, &secrets)
}

fn found(bytes: &[u8], patterns: &[Regex]) -> Vec<Range<usize>> {
    let mut secrets: Vec<Range<usize>> = Vec::new();
    for pattern in patterns {
        for found in pattern.captures_iter(bytes) {
            secrets.extend(found.iter().skip(1).flatten().map(|secret| secret.range()));
        }
    }
    for found in CREDENTIALS_PATTERN.captures_iter(bytes) {
        secrets.extend(found.get(1).map(|secret| secret.range()).filter(|secret| bytes.get(secret.end) != Some(&b'"')));
    }
    secrets
}

/// The same inside the UDP or TCP payload of a frame; its check sums are right afterwards. What carries neither (a
/// fragment, an ICMP error, a frame cut short) is masked wherever it shows a secret; the check sum of a datagram that
/// came in fragments is then wrong. True if anything was overwritten.
pub fn frame_in_place(bytes: &mut [u8]) -> bool {
    let payload = frame::payload_range(bytes);
    let changed = sip_in_place(&mut bytes[payload]);
    if changed {
        frame::fix_checksums(bytes);
    }
    changed
}

/// Where in console text, typed keys or a remark something stands that looks like a password or PIN.
pub fn text_secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    if ANY_PATTERN.is_match(bytes) { found(bytes, &SECRET_PATTERNS) } else { Vec::new() }
}

/// Overwrites what looks like a password or PIN in console text or typed keys with `x`. True if anything was overwritten.
pub fn text_in_place(bytes: &mut [u8]) -> bool {
    let secrets = text_secrets(bytes);
    overwrite(bytes, &secrets)
}

/// Masks what looks like a password or PIN in console text or typed keys.
pub fn text(text: &str) -> Cow<'_, str> {
    let secrets = text_secrets(text.as_bytes());
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    if overwrite(&mut bytes, &secrets) {
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
