//! Handshakes as they show from outside, cut in all ways.

use proptest::prelude::*;

use super::*;

/// What is heard, without what it borrows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Note {
    ClientHello(Option<String>),
    ServerHello,
    Established,
    Data,
    Alert(Option<u8>),
}

/// Who speaks, and a record of whom.
type Said = (End, Vec<u8>);

const CLIENT: End = End::High;
const SERVER: End = End::Low;

#[test]
fn a_handshake_of_tls_1_2_is_established_when_both_have_finished() {
    let ccs = record(CHANGE_CIPHER_SPEC, &[1]);
    let finished = record(HANDSHAKE, &[0x5A; 40]);
    let said = [
        (CLIENT, record(HANDSHAKE, &client_hello(Some("pbx.example.net")))),
        (SERVER, record(HANDSHAKE, &[server_hello(false, false), vec![11, 0, 0, 3, 0, 0, 0]].concat())),
        (SERVER, record(HANDSHAKE, &[14, 0, 0, 0])),
        (CLIENT, record(HANDSHAKE, &[16, 0, 0, 2, 0, 0])),
        (CLIENT, [ccs.clone(), finished.clone()].concat()),
        (SERVER, ccs),
        (SERVER, finished),
        (CLIENT, record(APPLICATION_DATA, &[0; 600])),
        (SERVER, record(ALERT, &[0; 26])),
    ];
    let name = Some("pbx.example.net".to_owned());
    let expected = [Note::ClientHello(name), Note::ServerHello, Note::Established, Note::Data, Note::Alert(None)];
    assert_eq!(heard(&said), expected);
}

#[test]
fn a_handshake_of_tls_1_3_is_established_when_the_client_sends_what_may_be_its_finished() {
    let ccs = record(CHANGE_CIPHER_SPEC, &[1]);
    let begun = [
        (CLIENT, record(HANDSHAKE, &client_hello(None))),
        (SERVER, [record(HANDSHAKE, &server_hello(true, false)), ccs.clone()].concat()),
        (SERVER, record(APPLICATION_DATA, &[0; 900])),
    ];
    let hellos = [Note::ClientHello(None), Note::ServerHello];
    let agreed = [&begun[..], &[(CLIENT, ccs), (CLIENT, record(APPLICATION_DATA, &[0; 53]))]].concat();
    assert_eq!(heard(&agreed), [&hellos[..], &[Note::Established]].concat());
    // An alert is as well encrypted, and no longer than this.
    let refused = [&begun[..], &[(CLIENT, record(APPLICATION_DATA, &[0; 19]))]].concat();
    assert_eq!(heard(&refused), hellos);
}

#[test]
fn a_server_that_asks_for_another_hello_has_not_agreed() {
    let ccs = record(CHANGE_CIPHER_SPEC, &[1]);
    let said = [
        (CLIENT, record(HANDSHAKE, &client_hello(None))),
        (SERVER, [record(HANDSHAKE, &server_hello(true, true)), ccs.clone()].concat()),
        (CLIENT, [ccs, record(HANDSHAKE, &client_hello(None))].concat()),
        (SERVER, [record(HANDSHAKE, &server_hello(true, false)), record(APPLICATION_DATA, &[0; 900])].concat()),
        (CLIENT, record(APPLICATION_DATA, &[0; 53])),
    ];
    assert_eq!(heard(&said), [Note::ClientHello(None), Note::ServerHello, Note::Established]);
}

#[test]
fn a_refused_handshake_says_why() {
    let said = [
        (CLIENT, record(HANDSHAKE, &client_hello(None))),
        (SERVER, record(ALERT, &[2, 40])),
        (CLIENT, record(APPLICATION_DATA, &[0; 600])),
    ];
    assert_eq!(heard(&said), [Note::ClientHello(None), Note::Alert(Some(40))]);
}

#[test]
fn a_connection_that_was_there_before_is_known_by_what_both_ends_send() {
    let data = record(APPLICATION_DATA, &[0; 600]);
    let said = [(CLIENT, data.clone()), (CLIENT, data.clone()), (SERVER, data.clone()), (SERVER, data)];
    assert_eq!(heard(&said), [Note::Established, Note::Data]);
}

#[test]
fn after_a_loss_reading_goes_on_where_a_record_begins() {
    let data = record(APPLICATION_DATA, &[0; 600]);
    let mut tls = TlsConnection::default();
    let mut heard = Vec::new();
    let mut say = |tls: &mut TlsConnection, end, bytes: &[u8]| tls.take(end, bytes, &mut |it| heard.push(note(it)));
    say(&mut tls, SERVER, &data);
    say(&mut tls, CLIENT, &data[..100]);
    tls.skip(CLIENT, 505);
    say(&mut tls, CLIENT, &data);
    tls.skip(CLIENT, 800);
    say(&mut tls, CLIENT, &data[300..]);
    say(&mut tls, CLIENT, &data);
    assert_eq!(heard, [Note::Established, Note::Data, Note::Data]);
}

#[test]
fn a_name_that_is_none_is_not_given() {
    let hello = client_hello(Some("pbx"));
    for (from, to) in [(b"pbx", b"p x"), (b"pbx", b"p\xFFx"), (b"pbx", b"p\0x")] {
        let at = memchr::memmem::find(&hello, from).unwrap();
        let mut changed = hello.clone();
        changed[at..at + 3].copy_from_slice(to);
        assert_eq!(heard(&[(CLIENT, record(HANDSHAKE, &changed))]), [Note::ClientHello(None)], "{to:?}");
    }
    // An extension that is longer than the hello.
    let mut changed = client_hello(Some("pbx"));
    let at = changed.len() - 10;
    changed[at] = 0xFF;
    assert_eq!(heard(&[(CLIENT, record(HANDSHAKE, &changed))]), [Note::ClientHello(None)]);
}

#[test]
fn only_hellos_make_a_connection_tls_on_any_port() {
    assert!(looks_like_hello(&record(HANDSHAKE, &client_hello(None))));
    assert!(looks_like_hello(&record(HANDSHAKE, &server_hello(true, false))));
    assert!(!looks_like_hello(&record(APPLICATION_DATA, &[1; 30])));
    assert!(!looks_like_hello(&[22, 3, 1, 0, 5]));
    assert!(!looks_like_hello(b"\x16\x04\x01\0\x05\x01"));
}

#[test]
fn a_hello_without_end_is_given_up() {
    let mut tls = TlsConnection::default();
    let mut hello = record(HANDSHAKE, &[1, 0xFF, 0xFF, 0xFF]);
    for _ in 0..10 {
        hello.extend(record(HANDSHAKE, &[0; 16_000]));
    }
    for byte in hello.chunks(100) {
        tls.take(CLIENT, byte, &mut |it| panic!("{it:?}"));
        assert!(tls.held() <= MAX_HELLO + 16_000);
    }
    assert_eq!(tls.held(), 0);
}

proptest! {
    #[test]
    fn cuts_between_segments_change_nothing(cuts in prop::collection::vec(1..90_usize, 1..20), name in "[a-z.]{1,40}") {
        let hello = client_hello(Some(&name));
        // In records of 33 bytes each.
        let records = hello.chunks(33).flat_map(|piece| record(HANDSHAKE, piece)).collect::<Vec<_>>();
        let said = [
            (CLIENT, records),
            (SERVER, record(HANDSHAKE, &server_hello(true, false))),
            (SERVER, record(APPLICATION_DATA, &[0; 300])),
            (CLIENT, record(APPLICATION_DATA, &[0; 60])),
            (CLIENT, record(ALERT, &[1, 0])),
        ];
        let mut cuts = cuts.into_iter().cycle();
        let mut pieces = Vec::new();
        for (end, mut bytes) in said {
            while !bytes.is_empty() {
                let rest = bytes.split_off(bytes.len().min(cuts.next().unwrap()));
                pieces.push((end, bytes));
                bytes = rest;
            }
        }
        let mut heard = heard(&pieces);
        heard.retain(|note| *note != Note::Data);
        let expected = [Note::ClientHello(Some(name)), Note::ServerHello, Note::Established, Note::Alert(Some(0))];
        prop_assert_eq!(heard, expected);
    }

    #[test]
    fn no_bytes_panic_or_fill_the_memory(
        said in prop::collection::vec((any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..100), 0..200_u32), 0..40),
    ) {
        let mut tls = TlsConnection::default();
        for (client, plausible, mut bytes, skipped) in said {
            let end = if client { CLIENT } else { SERVER };
            if plausible && bytes.len() > 5 {
                bytes[..5].copy_from_slice(&[22, 3, 3, 0, 200]);
            }
            tls.take(end, &bytes, &mut |_| {});
            if skipped < 20 {
                tls.skip(end, skipped);
            }
            prop_assert!(tls.held() < 2 * (MAX_HELLO + 100));
        }
    }
}

fn heard(said: &[Said]) -> Vec<Note> {
    let mut tls = TlsConnection::default();
    let mut heard = Vec::new();
    for (end, bytes) in said {
        tls.take(*end, bytes, &mut |event| heard.push(note(event)));
    }
    heard
}

fn note(event: TlsEvent<'_>) -> Note {
    match event {
        TlsEvent::ClientHello { server_name } => Note::ClientHello(server_name.map(str::to_owned)),
        TlsEvent::ServerHello => Note::ServerHello,
        TlsEvent::Established => Note::Established,
        TlsEvent::Data => Note::Data,
        TlsEvent::Alert { description } => Note::Alert(description),
    }
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let [a, b] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, a, b][..], body].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, a, b, c][..], body].concat()
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn client_hello(name: Option<&str>) -> Vec<u8> {
    // An extension that nobody knows, ahead of the name.
    let mut extensions = [&[0xAA, 0xAA][..], &with_length(b"")].concat();
    if let Some(name) = name {
        let names = with_length(&[&[0][..], &with_length(name.as_bytes())].concat());
        extensions.extend([&[0, 0][..], &with_length(&names)].concat());
    }
    let head = [&[3, 3][..], &[7; 32], &[2, 8, 8], &with_length(&[0x13, 1, 0x13, 2]), &[1, 0]].concat();
    handshake(hello::CLIENT, &[head, with_length(&extensions)].concat())
}

fn server_hello(tls13: bool, retry: bool) -> Vec<u8> {
    let random = if retry {
        // SHA-256 of "HelloRetryRequest".
        use sha2::Digest;
        sha2::Sha256::digest(b"HelloRetryRequest").to_vec()
    } else {
        vec![9; 32]
    };
    let extensions = if tls13 { vec![0, 43, 0, 2, 3, 4] } else { vec![0xFF, 1, 0, 1, 0] };
    let head = [&[3, 3][..], &random, &[0], &[0x13, 1], &[0]].concat();
    handshake(hello::SERVER, &[head, with_length(&extensions)].concat())
}
