//! Answers in a server's name, made of nothing but a scan of the request's header lines.
//!
//! What an answer repeats of its request (RFC 3261 section 8.2.6.2) is copied byte for byte, without being understood: so
//! this needs no parser, and the privileged process that gives the answers none either. Bounded in time and length, for
//! any bytes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    net::SocketAddr,
};

use serde::{Deserialize, Serialize};

use super::reason;
use crate::{
    config::Server,
    event::{ServerName, Spoof},
};

/// Longest answer, in bytes: with its headers it fits the smallest packet that every IPv6 path carries (RFC 8200 section
/// 5). A request that would need a longer one is not answered.
pub const LONGEST: usize = 1200;

/// Most bytes of a request that are looked at.
const MOST_READ: usize = 8192;

/// What a stand-in says to every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Status code: 300 to 699.
    pub code: u16,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
    /// The place that `Contact` names.
    pub redirect: Option<SocketAddr>,
}

/// A header line that an answer repeats, folded lines included and without its end.
#[derive(Debug, Clone, Copy, Default)]
struct Repeated<'a> {
    from: &'a [u8],
    to: &'a [u8],
    call_id: &'a [u8],
    cseq: &'a [u8],
}

impl StandIn {
    /// What an ordered answer comes to: a redirection leads to the first address of its server, at its first SIP port.
    ///
    /// # Errors
    /// If that server is not among these: its name.
    pub fn of(spoof: &Spoof, servers: &[Server]) -> Result<Self, ServerName> {
        let place = |name: &ServerName| {
            let server = servers.iter().find(|server| server.name == *name);
            let place = server.and_then(|it| Some((*it.addresses.first()?, *it.sip_ports().first()?).into()));
            place.ok_or_else(|| name.clone())
        };
        let redirect = spoof.redirect.as_ref().map(place).transpose()?;
        Ok(Self { code: spoof.code, retry_after_s: spoof.retry_after_s, redirect })
    }

    /// The answer to a request that came from `source`, which learns that address by its topmost `Via` if it asks for it
    /// (RFC 3581 section 4). None if there is nothing to answer: no SIP request, an ACK (RFC 3261 section 17), a header
    /// that is missing, no end of the headers within 8192 bytes, or an answer longer than [`LONGEST`]. The same request has
    /// the same answer.
    pub fn answer(&self, request: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        let request = &request[..request.len().min(MOST_READ)];
        let begin = request.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        let mut lines = Lines(request.get(begin..)?);
        let uri = request_uri(lines.next()?)?;
        let mut vias = Vec::new();
        let mut kept = Repeated::default();
        while !lines.at_end()? {
            let line = lines.next_header()?;
            // A colon in a line folded under it makes no name (RFC 3261 section 25.1, HCOLON).
            let Some(colon) = memchr::memchr2(b':', b'\n', line).filter(|at| line[*at] == b':') else { continue };
            let slot = match &*line[..colon].trim_ascii_end().to_ascii_lowercase() {
                b"via" | b"v" => {
                    vias.push(line);
                    continue;
                }
                b"from" | b"f" => &mut kept.from,
                b"to" | b"t" => &mut kept.to,
                b"call-id" | b"i" => &mut kept.call_id,
                b"cseq" => &mut kept.cseq,
                _ => continue,
            };
            if slot.is_empty() {
                *slot = line;
            }
        }
        let (top, others) = vias.split_first()?;
        if [kept.from, kept.to, kept.call_id, kept.cseq].iter().any(|line| line.is_empty()) {
            return None;
        }
        let answer = self.write(uri, &with_source(top, source), others, &kept).ok()?;
        (answer.len() <= LONGEST).then_some(answer)
    }

    fn write(&self, uri: &[u8], top: &[u8], vias: &[&[u8]], kept: &Repeated<'_>) -> std::io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        write!(answer, "SIP/2.0 {} {}\r\n", self.code, reason(self.code))?;
        for via in [top].iter().chain(vias) {
            line(&mut answer, via);
        }
        line(&mut answer, kept.from);
        answer.extend_from_slice(kept.to);
        if !has_parameter(kept.to, b"tag") {
            write!(answer, ";tag={}", tag(kept, top))?;
        }
        answer.extend_from_slice(b"\r\n");
        line(&mut answer, kept.call_id);
        line(&mut answer, kept.cseq);
        if let Some(place) = self.redirect {
            answer.extend_from_slice(b"Contact: <sip:");
            if let Some(user) = user_of(uri).or_else(|| user_of(kept.to)) {
                answer.extend_from_slice(user);
                answer.push(b'@');
            }
            write!(answer, "{place}>\r\n")?;
        }
        if let Some(seconds) = self.retry_after_s {
            write!(answer, "Retry-After: {seconds}\r\n")?;
        }
        answer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Ok(answer)
    }
}

fn line(answer: &mut Vec<u8>, text: &[u8]) {
    answer.extend_from_slice(text);
    answer.extend_from_slice(b"\r\n");
}

/// Lines that end with LF, or CR LF; what follows the last end is not shown.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// The next line without its end.
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Whether the blank line is next; none if the bytes end before that is known.
    fn at_end(&self) -> Option<bool> {
        match self.0 {
            [b'\n', ..] | [b'\r', b'\n', ..] => Some(true),
            [] | [b'\r'] => None,
            _ => Some(false),
        }
    }

    /// The next line with those folded under it.
    fn next_header(&mut self) -> Option<&'a [u8]> {
        let all = self.0;
        let mut len = self.next()?.len();
        while matches!(self.0, [b' ' | b'\t', ..]) {
            let begun = all.len() - self.0.len();
            len = begun + self.next()?.len();
        }
        all.get(..len)
    }
}

/// The Request-URI of a request that wants an answer.
fn request_uri(line: &[u8]) -> Option<&[u8]> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let sound = !method.is_empty() && method.iter().all(is_token) && !uri.is_empty() && words.next().is_none();
    (sound && version.eq_ignore_ascii_case(b"SIP/2.0") && method != b"ACK").then_some(uri)
}

/// The topmost `Via`, told where the request came from if it asks for that.
fn with_source(via: &[u8], source: SocketAddr) -> Vec<u8> {
    // Other hosts' values may stand behind a comma.
    let end = outside_quotes(via).find(|(_, byte)| *byte == b',').map_or(via.len(), |(at, _)| at);
    let (first, rest) = via.split_at(end);
    match parameter(first, b"rport") {
        Some((at, false)) => {
            let (ahead, behind) = first.split_at(at);
            let port = format!("={};received={}", source.port(), source.ip());
            [ahead, port.as_bytes(), behind, rest].concat()
        }
        Some((_, true)) | None => via.to_vec(),
    }
}

/// Whether an address has that parameter behind its angle brackets, with a value.
fn has_parameter(line: &[u8], name: &[u8]) -> bool {
    // Where the first pair of brackets ends, a reader takes the address to end, whatever comes then.
    let mut marks = outside_quotes(line).skip_while(|(_, byte)| *byte != b'<');
    let behind = marks.find(|(_, byte)| *byte == b'>').map_or(0, |(at, _)| at);
    line.get(behind..).and_then(|text| parameter(text, name)).is_some_and(|(_, valued)| valued)
}

/// Where the name of a parameter ends, and whether it has a value.
fn parameter(text: &[u8], name: &[u8]) -> Option<(usize, bool)> {
    outside_quotes(text).filter(|(_, byte)| *byte == b';').find_map(|(at, _)| {
        let behind = text.get(at + 1..)?;
        let begun = at + 1 + behind.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let end = begun + name.len();
        let here = text.get(begun..end).is_some_and(|own| own.eq_ignore_ascii_case(name));
        let next = text.get(end..).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace());
        let bounded = text.get(end).is_none_or(|byte| byte.is_ascii_whitespace() || b";=,>".contains(byte));
        (here && bounded).then_some((end, next == Some(&b'=')))
    })
}

/// Bytes outside of quoted strings, with their places.
fn outside_quotes(text: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut quoted, mut escaped) = (false, false);
    text.iter().copied().enumerate().filter(move |(_, byte)| {
        let was = quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        !was && !quoted
    })
}

/// The user part of the first SIP URI in a text, if it can stand in another as it is.
fn user_of(text: &[u8]) -> Option<&[u8]> {
    let (scheme, _) = outside_quotes(text).find(|(at, _)| {
        let rest = &text[*at..];
        rest.len() > 4 && (rest[..4].eq_ignore_ascii_case(b"sip:") || rest[..4].eq_ignore_ascii_case(b"sips"))
    })?;
    let rest = text.get(scheme..)?;
    let behind = rest.get(memchr::memchr(b':', rest)? + 1..)?;
    let end = behind.iter().position(|byte| matches!(byte, b'@' | b'>' | b' '))?;
    let user = behind.get(..end).filter(|_| behind.get(end) == Some(&b'@'))?;
    // RFC 3261 section 25.1; a password behind it stays out.
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()%&=+$,;?/".contains(byte);
    (!user.is_empty() && user.iter().all(allowed)).then_some(user)
}

/// A tag for `To`: the same for the same request, as a stateless server needs it (RFC 3261 section 8.2.7).
fn tag(kept: &Repeated<'_>, top: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    (kept.call_id, kept.from, kept.cseq, top).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        event::{SipContact, SipStart},
        wire::sip::Message,
    };

    const BUSY: StandIn = StandIn { code: 503, retry_after_s: Some(30), redirect: None };

    fn moved() -> StandIn {
        StandIn { code: 302, retry_after_s: None, redirect: "10.77.0.3:5061".parse().ok() }
    }

    fn source() -> SocketAddr {
        "10.77.0.11:40000".parse().unwrap()
    }

    fn register(via: &str, to: &str) -> String {
        format!(
            "REGISTER sip:10.77.0.2 SIP/2.0\r\n{via}\r\nFrom: <sip:1001@bench.test>;tag=a\r\n{to}\r\nCall-ID: c1\r\n\
             CSeq: 7 REGISTER\r\nContact: <sip:1001@10.77.0.11>\r\nContent-Length: 4\r\n\r\nbody"
        )
    }

    fn plain() -> String {
        register("Via: SIP/2.0/UDP 10.77.0.11;branch=z9hG4bK1", "To: <sip:1001@bench.test>")
    }

    fn answer(request: &str) -> String {
        String::from_utf8(BUSY.answer(request.as_bytes(), source()).unwrap()).unwrap()
    }

    #[test]
    fn an_answer_repeats_what_it_must_and_is_read_as_what_it_says() {
        let bytes = BUSY.answer(plain().as_bytes(), source()).unwrap();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(*message.start(), SipStart::Response { code: 503, reason: "Service Unavailable".to_owned() });
        let summary = message.summary();
        assert_eq!((summary.call_id.as_str(), summary.cseq, summary.method.as_str()), ("c1", 7, "REGISTER"));
        assert_eq!((summary.branch.as_str(), summary.retry_after), ("z9hG4bK1", Some(30)));
        assert!(summary.to_tag.is_some());
        assert_eq!((summary.oddities.as_slice(), message.body()), (&[][..], &[][..]));
        assert_eq!(bytes, BUSY.answer(plain().as_bytes(), source()).unwrap(), "a repeated request, the same answer");
    }

    #[test]
    fn a_redirection_names_the_user_of_the_request_or_else_that_of_to_at_the_new_place() {
        let contact = |request: &str| {
            let message = Message::parse(&moved().answer(request.as_bytes(), source()).unwrap()).unwrap();
            message.summary().contacts.clone()
        };
        let named =
            |uri: &str| vec![SipContact { uri: uri.to_owned(), expires: None, instance: None, q: None, reg_id: None }];
        assert_eq!(contact(&plain()), named("sip:1001@10.77.0.3:5061"));
        let invite = plain().replace("REGISTER sip:10.77.0.2", "INVITE sip:*21#;x@10.77.0.2").replace('#', "%23");
        assert_eq!(contact(&invite), named("sip:*21%23;x@10.77.0.3:5061"));
        let strange = plain().replace("To: <sip:1001@", "To: <sip:10\"01@");
        assert_eq!(contact(&strange), named("sip:10.77.0.3:5061"));
    }

    #[test]
    fn compact_and_folded_headers_are_repeated_as_they_stand() {
        let request = "OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP one;branch=z9hG4bK1,\n SIP/2.0/UDP two;rport\n\
                       Via: SIP/2.0/UDP three\nf: x\nt:\t\"y>;tag=no\"\n\t<sip:b>;TAG = 1\ni: c\nCSeq: 1 OPTIONS\n\n";
        let expected = "SIP/2.0 503 Service Unavailable\r\nv: SIP/2.0/UDP one;branch=z9hG4bK1,\n SIP/2.0/UDP two;rport\r\n\
                        Via: SIP/2.0/UDP three\r\nf: x\r\nt:\t\"y>;tag=no\"\n\t<sip:b>;TAG = 1\r\ni: c\r\n\
                        CSeq: 1 OPTIONS\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(answer(request), expected);
    }

    #[test]
    fn a_via_that_asks_where_it_came_from_is_told() {
        for (via, told) in [
            ("SIP/2.0/UDP x;rport;branch=b", "SIP/2.0/UDP x;rport=40000;received=10.77.0.11;branch=b"),
            ("SIP/2.0/UDP x;branch=b; rport", "SIP/2.0/UDP x;branch=b; rport=40000;received=10.77.0.11"),
            (
                "SIP/2.0/UDP x;branch=b;rport, SIP/2.0/UDP y",
                "SIP/2.0/UDP x;branch=b;rport=40000;received=10.77.0.11, SIP/2.0/UDP y",
            ),
            ("SIP/2.0/UDP x;rport=5", "SIP/2.0/UDP x;rport=5"),
            ("SIP/2.0/UDP x;rportal", "SIP/2.0/UDP x;rportal"),
        ] {
            let answer = answer(&register(&format!("Via: {via}"), "To: <sip:b>"));
            assert_eq!(answer.lines().nth(1), Some(format!("Via: {told}").as_str()));
        }
    }

    #[test]
    fn only_a_tag_of_to_itself_is_a_tag() {
        for (to, tags) in
            [("To: <sip:b>;tag=1", 1), ("To: sip:b;tag=1", 1), ("To: <sip:b;tag=1>", 2), ("To: <sip:b>;tags=1", 2)]
        {
            let answer = answer(&register("Via: v", to));
            let line = answer.lines().find(|line| line.starts_with("To:")).unwrap();
            assert_eq!(line.matches("tag").count(), tags, "{line}");
        }
    }

    #[test]
    fn what_wants_no_answer_gets_none() {
        let acknowledged = plain().replace("REGISTER", "ACK");
        let response = plain().replace("REGISTER sip:10.77.0.2 SIP/2.0", "SIP/2.0 200 OK");
        let endless = plain().replace("\r\n\r\nbody", "\r\n");
        let without = |name: &str| plain().replace(name, "X");
        let huge = register(&format!("Via: {}", "x".repeat(LONGEST)), "To: <sip:b>");
        let late = plain().replace("CSeq", &format!("X: {}\r\nCSeq", "x".repeat(MOST_READ)));
        let all = [
            acknowledged,
            response,
            endless,
            without("Via"),
            without("CSeq"),
            without("Call-ID"),
            without("From"),
            huge,
            late,
        ];
        for request in all.iter().map(String::as_bytes).chain([&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"siprig canary 0"])
        {
            assert_eq!(BUSY.answer(request, source()), None, "{}", String::from_utf8_lossy(request));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_talk_at_length(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            for spoof in [BUSY, moved()] {
                prop_assert!(spoof.answer(&bytes, source()).is_none_or(|answer| answer.len() <= LONGEST));
            }
        }

        #[test]
        fn a_request_with_bytes_changed_is_answered_briefly_or_not_and_no_answer_is_answered(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut request = register("Via: SIP/2.0/UDP x;rport;q=\"a,;\"", "To: \"q\" <sip:1001@b>").into_bytes();
            for (at, byte) in changes {
                let at = at.index(request.len());
                request[at] = byte;
            }
            for bytes in [&request[..], &request[..cut.index(request.len())]] {
                if let Some(answer) = moved().answer(bytes, source()) {
                    prop_assert!(answer.len() <= LONGEST && answer.starts_with(b"SIP/2.0 302 "));
                    prop_assert!(answer.ends_with(b"Content-Length: 0\r\n\r\n"));
                    prop_assert_eq!(moved().answer(&answer, source()), None);
                }
            }
        }
    }
}
