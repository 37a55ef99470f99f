//! Writes a capture of REGISTER traffic to standard output: `register-load MEGABYTES [PHONES]`.
//!
//! Every phone renews each 60 s: REGISTER, challenge, REGISTER with credentials, 2xx. Branches, tags, numbers, nonces and
//! responses differ from message to message, as they do on a wire. The same numbers give the same bytes.

use std::{
    io::{self, BufWriter, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use siprig::{
    config::Mac,
    wire::{
        capture::{CaptureWriter, Side},
        frame::Envelope,
    },
};

const FIRST_NS: i64 = 1_790_000_000_000_000_000;
const ROUND_NS: i64 = 60_000_000_000;
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)), 5060);

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let megabytes = numbers.next().and_then(Result::ok).unwrap_or(200);
    let phones = numbers.next().and_then(Result::ok).unwrap_or(1000).max(1);
    let mut capture = CaptureWriter::new(BufWriter::with_capacity(1 << 20, io::stdout().lock()))?;
    let mut written = 0;
    for message in 0.. {
        // Four messages make a registration; all phones have one in each round.
        let (registration, step) = (message / 4, message % 4);
        let (round, phone) = (registration / phones, registration % phones);
        let at =
            FIRST_NS + round as i64 * ROUND_NS + (phone as i64 * ROUND_NS / phones as i64) + step as i64 * 1_000_000;
        let frame = frame(phone, round, step);
        let side = if step.is_multiple_of(2) { Side::Phone } else { Side::Server };
        written += capture.write(side, at, frame.len() as u32, &frame, &[])?.len;
        if written >= megabytes << 20 && step == 3 {
            break;
        }
    }
    capture.into_inner().flush()
}

fn frame(phone: u64, round: u64, step: u64) -> Vec<u8> {
    let number = u16::try_from(phone % 60_000).unwrap_or_default();
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 78, 0, 0)) + u32::from(number) + 1);
    let phone_addr = SocketAddr::new(address.into(), 5060);
    let [high, low] = number.to_be_bytes();
    let (mac, server_mac) = (Mac([0x00, 0x08, 0x5d, 0, high, low]), Mac([2, 0, 0, 0, 0, 2]));
    let user = 10_000 + phone;
    let cseq = 2 * round + 1 + step / 2;
    let branch = hash(&[phone, round, step / 2, 1]);
    let call = hash(&[phone, 2]);
    let (tag, nonce) = (hash(&[phone, round, 3]), hash(&[phone, round, 4]));
    let domain = "pbx.example.test";
    let common = format!(
        "From: \"Desk {user}\" <sip:{user}@{domain}>;tag={tag:016x}\r\nCall-ID: {call:016x}@{address}\r\n\
         CSeq: {cseq} REGISTER\r\n"
    );
    let contact = format!("<sip:{user}@{address}:5060;transport=udp>");
    let via = format!("Via: SIP/2.0/UDP {address}:5060;branch=z9hG4bK{branch:016x}");
    let text = if step.is_multiple_of(2) {
        let credentials = format!(
            "Authorization: Digest username=\"{user}\",realm=\"{domain}\",nonce=\"{nonce:016x}\",uri=\"sip:{domain}\",\
             response=\"{:016x}{:016x}\",algorithm=MD5,cnonce=\"{:08x}\",qop=auth,nc=00000001\r\n",
            hash(&[phone, round, 5]),
            hash(&[phone, round, 6]),
            hash(&[phone, round, 7]) as u32
        );
        let credentials = if step == 2 { credentials } else { String::new() };
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\n{via};rport\r\nMax-Forwards: 70\r\n{common}To: \"Desk {user}\" <sip:{user}@{domain}>\r\n\
             Contact: \"Desk {user}\" {contact};+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00085D00{number:04X}>\"\r\n\
             {credentials}Expires: 120\r\nSupported: path, gruu\r\nAllow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, OPTIONS, UPDATE, INFO\r\n\
             User-Agent: Aastra 6731i/3.3.1.4322\r\nContent-Length: 0\r\n\r\n"
        )
    } else {
        let to = format!("To: \"Desk {user}\" <sip:{user}@{domain}>;tag={:016x}\r\n", hash(&[phone, round, step, 8]));
        let answer = if step == 1 {
            format!(
                "WWW-Authenticate: Digest realm=\"{domain}\",nonce=\"{nonce:016x}\",algorithm=MD5,qop=\"auth\",opaque=\"5ccc069c\"\r\n"
            )
        } else {
            format!("Contact: {contact};expires=120\r\nDate: Wed, 25 Nov 2026 20:{:02}:40 GMT\r\n", round % 60)
        };
        let status = if step == 1 { "401 Unauthorized" } else { "200 OK" };
        format!(
            "SIP/2.0 {status}\r\n{via};rport=5060;received={address}\r\n{common}{to}{answer}Server: pbx/7.3 (registrar)\r\n\
             Content-Length: 0\r\n\r\n"
        )
    };
    if step.is_multiple_of(2) {
        Envelope::new(mac, server_mac, None).udp(phone_addr, SERVER, text.as_bytes())
    } else {
        Envelope::new(server_mac, mac, None).udp(SERVER, phone_addr, text.as_bytes())
    }
}

/// A number that looks like no other (the finaliser of SplitMix64, public domain).
fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
