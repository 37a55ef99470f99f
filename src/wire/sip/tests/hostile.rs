//! The worst that 64 kB can do takes time in proportion to its length.

use std::time::Duration;

use super::*;
use crate::wire::{
    digest::{Challenge, Credentials, Nonce},
    redact,
    stream::Framer,
};

/// The sizes that are compared, in bytes.
const SMALL: usize = 16_000;
const LARGE: usize = 64_000;

/// Headers that are taken apart by themselves, and one that is not.
const HEADERS: [&str; 16] = [
    "Via",
    "From",
    "To",
    "Contact",
    "Route",
    "Record-Route",
    "Alert-Info",
    "Authorization",
    "WWW-Authenticate",
    "CSeq",
    "Call-ID",
    "Expires",
    "Retry-After",
    "Content-Length",
    "Event",
    "X-Unknown",
];

/// Lines, whole or not, that make up a head.
const LINES: [&str; 17] = [
    "m:*\n",
    "X: y\r\n",
    " folded\r\n",
    "\tfolded\n",
    " \r\n",
    "Contact: <sip:a@b>\r\n",
    "Contact: <sip:a@b>,\r\n ",
    "Via: x\r\n",
    "no name\r\n",
    ":\r\n",
    "CSeq: 1 REGISTER\r\n",
    "CSeq: 2 REGISTER\r\n",
    "\r",
    "\0",
    "\u{e4}",
    "Authorization: Digest nonce=\"a\"\r\n",
    "\r\r\n",
];

/// What is repeated to fill them.
const UNITS: [&str; 26] = [
    "a;b,",
    "\"",
    "\\\"",
    "\\",
    "<",
    "<>,",
    ">",
    "\"<",
    "<\"",
    ";",
    ",",
    "=",
    "%",
    "@",
    ":",
    "?",
    "[",
    "sip:a@b?",
    "9",
    " ",
    "\t",
    "tag=a;",
    "expires=1;",
    "Digest a=b, ",
    "\u{e4}",
    "/",
];

#[test]
fn no_header_takes_more_than_linear_time_to_read() {
    for name in HEADERS {
        for unit in UNITS {
            assert_linear(reading, &format!("{name} of {unit:?}"), |size| with_header(name, unit, size));
        }
    }
}

#[test]
fn no_head_takes_more_than_linear_time_to_read_or_to_cut_from_a_stream() {
    for unit in LINES {
        assert_linear(reading, &format!("lines {unit:?}"), |size| with_lines("", unit, size));
        assert_linear(framing, &format!("lines {unit:?}"), |size| with_lines("", unit, size));
        assert_linear(reading, &format!("value {unit:?}"), |size| with_lines("Subject: x", unit, size));
    }
    for byte in [b'\r', b'\n', b' ', 0xff, b'a', b':'] {
        assert_linear(reading, &format!("nothing but {byte}"), |size| vec![byte; size]);
        assert_linear(framing, &format!("nothing but {byte}"), |size| vec![byte; size]);
        let ahead = |size: usize| [vec![byte; size - register(&[]).len()], register(&[])].concat();
        assert_linear(reading, &format!("{byte} ahead"), ahead);
        assert_linear(framing, &format!("{byte} ahead"), ahead);
    }
    assert_linear(reading, "CRLF alone", |size| b"\r\n".repeat(size / 2));
    assert_linear(reading, "a body of CRLF", |size| [register(&[]), b"\r\n".repeat((size - 500) / 2)].concat());
}

#[test]
fn no_value_takes_more_than_linear_time_to_mask() {
    let baits =
        ["response=", "response=a,", "sip:a:b@", "sip:", "pin ", "password=\"", "*1*2", "authorization: basic "];
    for unit in UNITS.into_iter().chain(baits) {
        assert_linear(masking, unit, |size| with_header("Authorization", unit, size));
    }
}

#[test]
fn no_digest_takes_more_than_linear_time_to_read() {
    for unit in UNITS.into_iter().chain(["nonce=a,", "nonce=\"a\", ", "realm=\"\\", "a="]) {
        assert_linear(digests, unit, |size| format!("Digest {}", unit.repeat(size / unit.len())).into_bytes());
    }
}

#[test]
fn ten_thousand_headers_are_read() {
    let mut bytes = register(&[]);
    bytes.truncate(bytes.len() - 2);
    while bytes.len() < MAX_MESSAGE - 10 {
        bytes.extend(b"m:*\n");
    }
    bytes.extend(b"\r\n");
    assert!(summary_of(&bytes).contacts.len() > 15_000);
    bytes.resize(MAX_MESSAGE + 1, b'x');
    assert_eq!(Message::parse(&bytes).unwrap_err().offset, MAX_MESSAGE);
}

#[test]
fn many_shapes_take_no_more_memory_and_are_read_the_same() {
    let mut reader = Reader::by_shape();
    for number in 0..10_000 {
        let bytes = register(&[&format!("X-{number}: y")]);
        assert_eq!(reader.read(&bytes), read(&bytes));
    }
    let passed = reader.passed();
    assert_eq!(passed, 10_000);
    reader.read(&register(&["X-1: z"]));
    assert_eq!(reader.passed(), passed, "the first shapes are kept");
    reader.read(&register(&["X-9999: z"]));
    assert_eq!(reader.passed(), passed + 1, "and the last are not");
}

/// A REGISTER of this size with one such header, in place of the usual one if there is one.
fn with_header(name: &str, unit: &str, size: usize) -> Vec<u8> {
    let line = |times: usize| format!("{name}: {}", unit.repeat(times));
    register(&[&line((size - register(&[]).len()) / unit.len())])
}

/// A REGISTER of this size that ends with such lines.
fn with_lines(begin: &str, unit: &str, size: usize) -> Vec<u8> {
    let usual = register(&[]);
    let usual = &usual[..usual.len() - 2];
    let times = (size - usual.len() - begin.len() - 4) / unit.len();
    [usual, begin.as_bytes(), unit.repeat(times).as_bytes(), b"\r\n\r\n"].concat()
}

/// Four times the length takes four times the time if that is linear, sixteen times if it is quadratic. The floor is for
/// what a busy machine makes of short times; the quickest of so many tries counts as takes to show it.
fn assert_linear(work: fn(&[u8]), what: &str, bytes: impl Fn(usize) -> Vec<u8>) {
    let (small, large) = (bytes(SMALL), bytes(LARGE));
    assert!((LARGE - 1000..=MAX_MESSAGE).contains(&large.len()), "{what}: {} bytes", large.len());
    let (mut short, mut long) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        (short, long) = (short.min(time_of(work, &small)), long.min(time_of(work, &large)));
        if long < short * 10 + Duration::from_millis(20) {
            return;
        }
    }
    panic!("{what}: {short:?} and {long:?}");
}

fn reading(bytes: &[u8]) {
    read(bytes);
}

fn framing(bytes: &[u8]) {
    Framer::default().push(bytes);
}

fn masking(bytes: &[u8]) {
    redact::sip_in_place(&mut bytes.to_vec());
}

fn digests(bytes: &[u8]) {
    let value = str::from_utf8(bytes).unwrap();
    let _ = (Challenge::parse(value), Credentials::parse(value), Nonce::of_challenge(value));
}

/// Processor time of this thread, whatever else the machine is busy with.
pub fn time_of(work: fn(&[u8]), bytes: &[u8]) -> Duration {
    let begin = processor_time();
    work(bytes);
    processor_time() - begin
}

fn processor_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}
