//! Header values: digests, `Via`, addresses.

use std::net::SocketAddr;

use siprig::wire::{
    digest::{Challenge, Credentials},
    sip::{Via, address, address_of_record},
};

/// What is read and printed is read the same; what is answered is accepted with the password it was made with, and with no
/// other; what is taken out of a value stands in it.
pub fn check(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    digests(text);
    vias(text);
    let uri = address::uri(text);
    assert!(super::lies_within(uri.as_bytes(), text.as_bytes()) || uri.is_empty());
    let _ = (address::tag(text), address::place(uri), address::place(text));
    if let Some((user, host)) = address_of_record(text) {
        // What can be no host stays as it is written.
        let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
        assert!(!host.is_empty() && (!is_host || host == host.to_ascii_lowercase()), "{user:?} at {host:?}");
    }
}

fn digests(text: &str) {
    if let Some(challenge) = Challenge::parse(text) {
        assert_eq!(Challenge::parse(&challenge.header()), Some(challenge.clone()));
        assert_eq!(Challenge::best([text, text].into_iter()), Some(challenge.clone()));
        let (method, uri, user, password) = ("REGISTER", "sip:bench.test", "1001", "hush");
        let answer = Credentials::answer(&challenge, method, uri, user, password, "c0ffee", 1);
        let read = Credentials::parse(&answer).expect("an answer of our own");
        assert_eq!(
            (&*read.realm, &*read.nonce, &read.opaque),
            (&*challenge.realm, &*challenge.nonce, &challenge.opaque)
        );
        assert!(read.verify(method, password) && !read.verify(method, "hash") && !read.verify("INVITE", password));
    }
    if let Some(credentials) = Credentials::parse(text) {
        let _ = credentials.verify("REGISTER", "hush");
    }
}

fn vias(text: &str) {
    let Some(via) = Via::parse(text) else { return };
    let from = SocketAddr::from(([10, 77, 0, 11], 5071));
    let told = via.received_from(from);
    let read = Via::parse(&told).unwrap_or_else(|| panic!("{told:?} of {text:?}"));
    if told == text.trim_ascii() {
        assert_eq!(read, via);
        return;
    }
    assert_eq!(read.parameter("received"), Some("10.77.0.11"), "{told:?}");
    assert_eq!(read.reply_to().map(|to| to.ip()), Some(from.ip()));
    if let Some(port) = read.parameter("rport") {
        assert_eq!(port, "5071", "{told:?}");
        assert_eq!(read.reply_to(), Some(from));
    }
    assert_eq!(read.received_from(from), told, "told twice");
}
