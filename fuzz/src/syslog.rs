//! Syslog of phones: messages, and streams of them.

use siprig::wire::syslog::{self, Framer, MAX_MESSAGE};

use super::script;

/// However a stream is cut, the messages are the same; text is harmless and bounded.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    let whole = Framer::default().push(stream);
    let mut framer = Framer::default();
    let pieces: Vec<Vec<u8>> = script::pieces(script, stream).flat_map(|(_, piece)| framer.push(piece)).collect();
    assert_eq!(pieces, whole);
    for message in whole.iter().map(Vec::as_slice).chain([stream]) {
        let text = syslog::text(message);
        assert!(text.len() <= 2048 && !text.contains(char::is_control), "{text:?}");
    }
    assert!(whole.iter().all(|message| message.len() <= MAX_MESSAGE + 1 && !message.is_empty()));
}
