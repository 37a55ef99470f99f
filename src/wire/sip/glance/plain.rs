//! The forms that nearly all addresses have, read in a few steps: `<sip:user@host>` or `"name" <sip:user@host>`, with a port
//! and parameters or without. Whatever is otherwise is none, and left to those who bear everything; what is one comes to
//! the same there.

use crate::wire::sip::{find::find_any, uri};

/// An address about which nothing is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Up to its closing bracket.
    pub text: &'a str,
    /// Between the brackets.
    pub uri: &'a str,
    /// `user@host`.
    pub record: &'a str,
    /// What follows the closing bracket.
    pub rest: &'a str,
}

impl<'a> Plain<'a> {
    /// At the beginning of a text.
    pub fn of(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let uri_at = behind_name(bytes)? + 1;
        if bytes.get(uri_at..uri_at + 4)? != b"sip:" {
            return None;
        }
        let user_at = uri_at + 4;
        // No password, no escape, nothing that might be something else.
        let at = user_at + find_any(&bytes[user_at..], *b"@>%:;?")?;
        if bytes[at] != b'@' || at == user_at {
            return None;
        }
        let host_end = at + 1 + uri::plain_host_len(&bytes[at + 1..])?;
        let port_end = host_end + port_len(&bytes[host_end..])?;
        let end = port_end + parameters_len(&bytes[port_end..])?;
        let (text, rest) = text.split_at(end + 1);
        Some(Self { text, uri: &text[uri_at..end], record: &text[user_at..host_end], rest })
    }
}

/// Where the opening bracket stands: first of all, or behind a quoted name.
fn behind_name(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'<' => Some(0),
        b'"' => {
            let end = 1 + find_any(&bytes[1..], *b"\"\\")?;
            match bytes.get(end..)? {
                [b'"', b'<', ..] => Some(end + 1),
                [b'"', b' ', b'<', ..] => Some(end + 2),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Length of `:port`, if there is one.
fn port_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b':', digits @ ..] => uri::port(digits).map(|(_, len)| 1 + len),
        _ => Some(0),
    }
}

/// Length of the parameters of a URI, up to the bracket that must follow.
fn parameters_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'>' => Some(0),
        b';' => {
            let end = find_any(bytes, *b">@?")?;
            (bytes[end] == b'>' && bytes[end - 1] > b' ').then_some(end)
        }
        _ => None,
    }
}

/// The tag in what follows an address in `From` or `To`, if there is nothing else, or none. None of both if there is.
pub fn tag(rest: &str) -> Option<Option<&str>> {
    if rest.is_empty() {
        return Some(None);
    }
    let tag = rest.strip_prefix(";tag=").filter(|tag| !tag.is_empty())?;
    find_any(tag.as_bytes(), *b";\"<\\ \t").is_none().then_some(Some(tag))
}

/// Whether a list goes on, or ends, right behind an address.
pub fn goes_on(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([';', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_address_is_told_from_others() {
        for (text, uri, record, rest) in [
            ("<sip:1001@bench.test>", "sip:1001@bench.test", "1001@bench.test", ""),
            (
                "\"A, <B>\" <sip:1001@10.77.0.11:5060;lr>;tag=1",
                "sip:1001@10.77.0.11:5060;lr",
                "1001@10.77.0.11",
                ";tag=1",
            ),
            ("\"\"<sip:a,b@c:65535>,x", "sip:a,b@c:65535", "a,b@c", ",x"),
        ] {
            let plain = Plain { text: text.strip_suffix(rest).unwrap(), uri, record, rest };
            assert_eq!(Plain::of(text), Some(plain), "{text}");
        }
        for text in [
            "",
            "<",
            "\"",
            "\"a",
            "\"a\"",
            "\"a\" ",
            "\"a\\\"\" <sip:a@b>",
            "a <sip:a@b>",
            "\"a\"  <sip:a@b>",
            " <sip:a@b>",
            "<SIP:a@b>",
            "<sips:a@b>",
            "<tel:1>",
            "<sip:b>",
            "<sip:@b>",
            "<sip:a:x@b>",
            "<sip:%41@b>",
            "<sip:a;x@b>",
            "<sip:a?x@b>",
            "<sip:a@b@c>",
            "<sip:a@>",
            "<sip:a@B>",
            "<sip:a@[::1]>",
            "<sip:a@b c>",
            "<sip:a@b:>",
            "<sip:a@b:65536>",
            "<sip:a@b:1x>",
            "<sip:a@b:99999999999>",
            "<sip:a@b?x>",
            "<sip:a@b;x?y>",
            "<sip:a@b;x@y>",
            "<sip:a@b;x >",
            "<sip:a@b ;x>",
            "<sip:a@b",
            "<sip:a@b;x",
            "< sip:a@b>",
            "sip:a@b",
        ] {
            assert_eq!(Plain::of(text), None, "{text}");
        }
        assert_eq!((tag(""), tag(";tag=a=b")), (Some(None), Some(Some("a=b"))));
        for rest in
            [";tag=", ";tag", ";TAG=1", "; tag=1", ";tag=1;x", ";tag=\"1\"", ";tag=1 ", ";x;tag=1", ",", " ;tag=1"]
        {
            assert_eq!(tag(rest), None, "{rest}");
        }
    }
}
