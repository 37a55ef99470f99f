//! Session descriptions, of which it must be known where speech goes.

use siprig::wire::sdp::audio;

/// Longest input of which all is read.
const READ: usize = 8_000;
const READ_LINES: usize = 400;

/// What is told stands in the text. How lines end is nothing to it, nor what comes in another stream behind the first.
pub fn check(bytes: &[u8]) {
    let found = audio(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Some(line) = &found {
        assert!(text.contains(&line.port.to_string()), "{line:?} of {text}");
        assert!(line.place().is_none_or(|place| place.port() != 0 && !place.ip().is_unspecified()), "{line:?}");
    }
    if bytes.len() > READ || text.lines().count() > READ_LINES {
        return;
    }
    if !bytes.contains(&b'\r') {
        assert_eq!(audio(text.replace('\n', "\r\n").as_bytes()), found, "{text}");
    }
    if found.is_some() {
        let more = [bytes, b"\r\nm=video 51372 RTP/AVP 31\r\nc=IN IP4 192.0.2.9\r\na=inactive\r\n"].concat();
        assert_eq!(audio(&more), found, "{text}");
    }
}
