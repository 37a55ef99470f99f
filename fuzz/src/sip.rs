//! SIP messages.

use siprig::{
    event::{SipMessage, SipStart},
    wire::sip::{self, MAX_MESSAGE, Message, Reader, Unreadable},
};

/// What is read is in the message; what is read and built again is read the same; and a reader that gives rsip the first
/// message of each shape only reads as one that gives it all of them. Messages end with 0x1e.
pub fn check(bytes: &[u8]) {
    let mut by_shape = Reader::by_shape();
    for bytes in bytes.split(|byte| *byte == 0x1e).take(8) {
        one(bytes);
        // Once more, now that its shape may be known.
        for _ in 0..2 {
            assert_eq!(by_shape.read(bytes), sip::read(bytes));
        }
    }
}

fn one(bytes: &[u8]) {
    let _ = (sip::looks_like_sip(bytes), sip::is_keep_alive(bytes));
    match Message::parse(bytes) {
        Ok(message) => {
            assert!(!sip::is_keep_alive(bytes));
            assert_eq!(sip::read(bytes), SipMessage::Read(Box::new(message.summary().clone())));
            parts(&message, bytes);
            again(&message);
        }
        Err(Unreadable { reason, offset }) => {
            assert!(offset <= bytes.len().min(MAX_MESSAGE), "{reason} at {offset} of {}", bytes.len());
            assert_eq!(sip::read(bytes), SipMessage::Unreadable { reason, offset });
        }
    }
}

fn parts(message: &Message, bytes: &[u8]) {
    let mut oddities = message.summary().oddities.clone();
    let surplus = oddities.iter().any(|oddity| oddity == "surplus bytes behind the body");
    assert!(bytes.ends_with(message.body()) || surplus);
    assert!(message.body().len() < bytes.len());
    // Each is looked for among all of them.
    for (name, value) in message.fields().take(40) {
        assert!(!name.is_empty() && name.is_ascii() && !name.contains([' ', ':']), "{name:?}");
        assert_eq!(value.trim_ascii(), value);
        assert!(!value.contains(['\r', '\n']), "{value:?}");
        let first = message.header(&name.to_ascii_uppercase());
        assert_eq!(first, message.fields().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value));
        for piece in message.headers(name).take(40) {
            assert!(!piece.is_empty() && piece.trim_ascii() == piece, "{piece:?}");
            let whole = |(other, value): (&str, &str)| other.eq_ignore_ascii_case(name) && value.contains(piece);
            assert!(message.fields().any(whole), "{piece:?} of {name}");
        }
    }
    oddities.sort();
    oddities.dedup();
    assert_eq!(oddities.len(), message.summary().oddities.len(), "said twice");
}

/// Builds the message anew from what was read. What no message of ours may hold is refused, and that is all.
fn again(message: &Message) {
    let is_length = |name: &str| name.eq_ignore_ascii_case("Content-Length");
    let fields: Vec<(&str, &str)> = message.fields().filter(|(name, _)| !is_length(name)).collect();
    let built = match message.start() {
        SipStart::Request { method, uri } => sip::build_request(method, uri, &fields, message.body()),
        SipStart::Response { code, reason } => sip::build_response(*code, reason, &fields, message.body()),
    };
    let Ok(built) = built else {
        let control = |text: &str| text.chars().any(|char| char.is_control() && char != '\t');
        let refused = match message.start() {
            SipStart::Request { uri, .. } => control(uri) || uri.contains([' ', '\t']),
            SipStart::Response { reason, .. } => control(reason),
        };
        assert!(refused || fields.iter().any(|(_, value)| control(value)), "{built:?} of {message:?}");
        return;
    };
    if built.len() > MAX_MESSAGE {
        return;
    }
    let read = Message::parse(&built).expect("a message of our own");
    assert_eq!(read.start(), message.start());
    assert_eq!(read.body(), message.body());
    // Names may be written in another case.
    let alike = |(one, other): (&(&str, &str), &(&str, &str))| one.0.eq_ignore_ascii_case(other.0) && one.1 == other.1;
    let again: Vec<(&str, &str)> = read.fields().filter(|(name, _)| !is_length(name)).collect();
    assert!(again.len() == fields.len() && again.iter().zip(&fields).all(alike), "{again:?} instead of {fields:?}");
    // What is odd about how a message is written may be gone; all else is as it was.
    let (mut before, mut after) = (message.summary().clone(), read.summary().clone());
    for oddity in std::mem::take(&mut after.oddities) {
        assert!(before.oddities.contains(&oddity), "{oddity} is new");
    }
    before.oddities.clear();
    assert_eq!(after, before);
}
