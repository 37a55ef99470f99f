//! What the privileged helper of the bridge reads of a SIP message: its first line, `Call-ID`, `CSeq` and `Expires`, and nothing else. Of
//! everything that can not be read without doubt it says nothing, so that it passes.

/// Bytes of a message that are looked at.
const MOST: usize = 8192;

/// A message, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// Request or answer.
    pub start: Start<'a>,
    /// `Call-ID`.
    pub call_id: &'a [u8],
    /// Number of `CSeq`.
    pub cseq: u32,
    /// Method of `CSeq`, as written.
    pub method: &'a [u8],
    /// `Expires`, in seconds; none: it is not there, or unreadable.
    pub expires: Option<u32>,
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// Its method.
    Request(&'a [u8]),
    /// Its status code: 100 to 699.
    Answer(u16),
}

/// Reads the message that begins here.
pub fn scan(bytes: &[u8]) -> Option<Scanned<'_>> {
    let bytes = &bytes[..bytes.len().min(MOST)];
    // Empty lines may come before it (RFC 3261 section 7.5).
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let mut rest = &bytes[begin..];
    let start = start(next_line(&mut rest)?)?;
    let (mut call_id, mut cseq, mut expires) = (None, None, None);
    // A header that is cut at the end of what is looked at is not read; the message is known by those before it.
    while let Some(mut header) = next_line(&mut rest) {
        if header.is_empty() {
            break;
        }
        let folded = rest;
        while rest.first().is_some_and(|byte| is_blank(*byte)) {
            next_line(&mut rest)?;
        }
        let name = take_name(&mut header)?;
        let more = &folded[..folded.len() - rest.len()];
        let value = || header.split(|byte| is_space(*byte)).chain(more.split(|byte| is_space(*byte)));
        let mut words = value().filter(|word| !word.is_empty());
        let place = match name {
            name if name.eq_ignore_ascii_case(b"call-id") || name.eq_ignore_ascii_case(b"i") => &mut call_id,
            name if name.eq_ignore_ascii_case(b"cseq") => &mut cseq,
            name if name.eq_ignore_ascii_case(b"expires") => {
                // Whatever parameters it may have (RFC 3261 section 7.3.1 lets any header have some) begin at a semicolon.
                let (first, second) = (words.next().unwrap_or_default(), words.next());
                let mut parts = first.split(|byte| *byte == b';');
                let seconds = parts.next().and_then(integer);
                let alone = parts.next().is_some() || second.is_none_or(|word| word.starts_with(b";"));
                if expires.replace(seconds.filter(|_| alone)).is_some() {
                    return None;
                }
                continue;
            }
            _ => continue,
        };
        let found = (words.next()?, words.next());
        // Said twice, or more than there is room for: nobody knows what is meant.
        if words.next().is_some() || place.replace(found).is_some() {
            return None;
        }
    }
    let (call_id, None) = call_id? else { return None };
    let (number, Some(method)) = cseq? else { return None };
    if matches!(start, Start::Request(of) if of != method) {
        return None;
    }
    let expires = expires.flatten();
    Some(Scanned { start, call_id, cseq: integer(number)?, method, expires })
}

/// Cuts off the next line that has an end; without it.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, behind) = rest.split_at(end);
    *rest = &behind[1..];
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn start(line: &[u8]) -> Option<Start<'_>> {
    const VERSION: &[u8] = b"SIP/2.0";
    let is_version = |word: &[u8]| word.eq_ignore_ascii_case(VERSION);
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let (first, behind) = (words.next()?, words.next()?);
    if is_version(first) {
        let code = behind.get(..3).filter(|_| behind.get(3).is_none_or(|byte| *byte == b' '))?;
        let code = u16::try_from(integer(code)?).ok()?;
        return (100..700).contains(&code).then_some(Start::Answer(code));
    }
    let version = behind.rsplit(|byte| *byte == b' ').next()?;
    (is_version(version) && first.iter().all(|byte| is_token(*byte))).then_some(Start::Request(first))
}

/// Cuts off the name of a header and its colon.
fn take_name<'a>(header: &mut &'a [u8]) -> Option<&'a [u8]> {
    let colon = header.iter().position(|byte| *byte == b':')?;
    let (name, value) = header.split_at(colon);
    *header = &value[1..];
    let name = name.trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| is_token(*byte))).then_some(name)
}

/// A decimal number without a sign.
fn integer(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_space(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'\r' | b'\n')
}

/// A character of a token (RFC 3261 section 25.1).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(Start<'_>, &str, u32, &str, Option<u32>)> {
        let Scanned { start, call_id, cseq, method, expires } = scan(text.as_bytes())?;
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        Some((start, text(call_id), cseq, text(method), expires))
    }

    #[test]
    fn requests_and_answers_are_read_however_they_are_written() {
        let register = Some((Start::Request(b"REGISTER"), "a@b", 7, "REGISTER", Some(60)));
        for text in [
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a@b\r\nCSeq: 7 REGISTER\r\nExpires: 60\r\n\r\nbody",
            "\r\n\r\nREGISTER sip:a sip/2.0\nEXPIRES:60\ni:a@b\ncseq :  7\t REGISTER\n\n",
            "REGISTER sip:a b SIP/2.0\r\nCall-ID:\r\n a@b\r\nVia: x,\r\n y\r\nCSeq: 7\r\n\tREGISTER\r\nExpires:\r\n 60\r\n\r\n",
        ] {
            assert_eq!(read(text), register, "{text}");
        }
        let answer = Some((Start::Answer(200), "a", 7, "REGISTER", None));
        assert_eq!(read("SIP/2.0 200\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\n\r\n"), answer);
        assert_eq!(read("SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\nExpires: soon\r\n\r\n"), answer);
    }

    #[test]
    fn what_leaves_a_doubt_is_not_read() {
        for text in [
            "",
            "\r\n\r\n",
            "REGISTER sip:a SIP/2.0",
            "REGISTER sip:a SIP/3.0\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCSeq: 7 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a\r\nCall-ID: b\r\nCSeq: 7 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a b\r\nCSeq: 7 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a\r\nCSeq: 7 OPTIONS\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a\r\nCSeq: 4294967296 REGISTER\r\n\r\n",
            "REGISTER sip:a SIP/2.0\r\nCall-ID: a\r\nCSeq: 7 REGISTER more\r\n\r\n",
            "SIP/2.0 2000 OK\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\n\r\n",
            "SIP/2.0 099 No\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\n\r\n",
            "GET / HTTP/1.1\r\nCall-ID: a\r\nCSeq: 7 GET\r\n\r\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let long =
            format!("REGISTER sip:a SIP/2.0\r\nVia: {}\r\nCall-ID: a\r\nCSeq: 7 REGISTER\r\n\r\n", "x".repeat(MOST));
        assert_eq!(read(&long), None, "no more is looked at than so much");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_what_is_read_stands_there(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(scanned) = scan(&bytes) {
                for part in [scanned.call_id, scanned.method] {
                    prop_assert!(!part.is_empty() && bytes.windows(part.len()).any(|window| window == part));
                }
            }
        }
    }
}
