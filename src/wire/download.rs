//! What a phone asks a web server for of its files (HTTP/1.1, RFC 9112): the short look of the privileged process at what phones load.

/// The longest path of a file that is read.
const LONGEST_PATH: usize = 255;

/// The path of the settings file that a segment asks for; none: it does not begin such a request. One with credentials, or with a query,
/// which may be some, is not looked at: a phone asks without them first, until it is told that they are wanted.
pub fn asked_file(segment: &[u8]) -> Option<&str> {
    let rest = segment.strip_prefix(b"GET ")?;
    let end = rest.iter().take(LONGEST_PATH + 1).position(|byte| *byte == b' ')?;
    let path = std::str::from_utf8(&rest[..end]).ok()?;
    let whole = rest[end..].starts_with(b" HTTP/1.");
    let plain =
        path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let settings = ["cfg", "tuz"].iter().any(|known| known.eq_ignore_ascii_case(ending));
    (whole && plain && settings && !has_credentials(rest)).then_some(path)
}

/// Whether a header field holds credentials (RFC 9110 section 11.6.2), or what may be some.
fn has_credentials(request: &[u8]) -> bool {
    let lines = request.split(|byte| *byte == b'\n');
    let names = lines.skip(1).filter_map(|line| line.split(|byte| *byte == b':').next());
    let is = |name: &[u8], known: &[&str]| known.iter().any(|it| name.trim_ascii().eq_ignore_ascii_case(it.as_bytes()));
    names.into_iter().any(|name| is(name, &["authorization", "proxy-authorization", "cookie"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_settings_names_a_file_and_anything_else_none() {
        let table: &[(&[u8], Option<&str>)] = &[
            (b"GET /aastra.cfg HTTP/1.1\r\nHost: 10.77.0.2\r\n\r\n", Some("/aastra.cfg")),
            (b"GET /cfg/00085D237429.CFG HTTP/1.0\r\n", Some("/cfg/00085D237429.CFG")),
            (b"GET /00085D237429.tuz HTTP/1.1", Some("/00085D237429.tuz")),
            // Another method, another file, no file, a query, an absolute form, a control character, another protocol, no end.
            (b"PUT /aastra.cfg HTTP/1.1\r\n", None),
            (b"GET /logo.png HTTP/1.1\r\n", None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"GET /aastra.cfg?password=1 HTTP/1.1\r\n", None),
            (b"GET /a?b.cfg HTTP/1.1\r\n", None),
            (b"GET http://user:pw@10.77.0.2/aastra.cfg HTTP/1.1\r\n", None),
            (b"GET /a\x1bb.cfg HTTP/1.1\r\n", None),
            (b"GET /aastra.cfg SIP/2.0\r\n", None),
            (b"GET /aastra.cfg", None),
            (b"", None),
            // What is not to be kept.
            (b"GET /aastra.cfg HTTP/1.1\r\nHost: a\r\nauthorization: Basic YTpi\r\n\r\n", None),
            (b"GET /aastra.cfg HTTP/1.1\r\nCookie : a=b\r\n\r\n", None),
        ];
        for (segment, expected) in table {
            assert_eq!(asked_file(segment), *expected, "{}", String::from_utf8_lossy(segment));
        }
        let long = |length: usize| format!("GET /{}.cfg HTTP/1.1\r\n", "a".repeat(length)).into_bytes();
        assert!(asked_file(&long(LONGEST_PATH - 5)).is_some());
        assert!(asked_file(&long(LONGEST_PATH - 4)).is_none());
    }
}
