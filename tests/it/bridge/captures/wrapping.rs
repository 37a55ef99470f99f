//! What is said, and what it can be wrapped in.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use siprig::wire::frame;

const SERVER_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 200);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x200);
const PHONE_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 66);
const PHONE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x66);
/// None, one of IEEE 802.1Q, and that behind another (IEEE 802.1ad).
const TAGS: [(&str, &[u8]); 3] =
    [("", &[]), (" 802.1Q", &[0x81, 0, 0, 77]), (" QinQ", &[0x88, 0xa8, 0, 100, 0x81, 0, 0, 77])];
/// Where a packet begins in a frame without tags, and of a fragmented one its second part in what it carries.
const PACKET_AT: usize = 14;
const CUT_AT: usize = 400;

/// How a frame is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrapping {
    pub v6: bool,
    pub tags: usize,
    /// In two fragments.
    pub cut: bool,
}

impl Wrapping {
    pub fn whole() -> Vec<Self> {
        let of = |v6| (0..TAGS.len()).map(move |tags| Self { v6, tags, cut: false });
        [false, true].into_iter().flat_map(of).collect()
    }

    pub fn all() -> Vec<Self> {
        Self::whole().into_iter().flat_map(|whole| [whole, Self { cut: true, ..whole }]).collect()
    }

    pub fn server(self) -> IpAddr {
        if self.v6 { SERVER_V6.into() } else { SERVER_V4.into() }
    }

    pub fn phone(self) -> IpAddr {
        if self.v6 { PHONE_V6.into() } else { PHONE_V4.into() }
    }

    /// The frame in its tags.
    pub fn wrap(self, plain: &[u8]) -> Vec<u8> {
        [&plain[..12], TAGS[self.tags].1, &plain[12..]].concat()
    }
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = if self.cut { " in fragments" } else { "" };
        write!(f, "IPv{}{}{pieces}", if self.v6 { 6 } else { 4 }, TAGS[self.tags].0)
    }
}

/// A SIP message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub method: &'a str,
    /// Of an answer.
    pub status: Option<u16>,
    pub cseq: u32,
    /// A line of its own.
    pub extra: &'a str,
}

impl Default for Message<'_> {
    fn default() -> Self {
        Self { method: "REGISTER", status: None, cseq: 1, extra: "" }
    }
}

impl Message<'_> {
    /// Long enough for two fragments.
    pub fn text(&self, call: &str) -> String {
        let Self { method, status, cseq, extra } = self;
        let start = match status {
            Some(status) => format!("SIP/2.0 {status} So"),
            None => format!("{method} sip:10.77.0.200 SIP/2.0"),
        };
        format!(
            "{start}\r\nVia: SIP/2.0/UDP 10.77.0.66;branch=z9hG4bK{call}-{cseq}\r\nFrom: <sip:1001@10.77.0.200>;tag=a\r\n\
             To: <sip:1001@10.77.0.200>\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:1001@10.77.0.66>\r\n{extra}Subject: {:-<400}\r\nContent-Length: 0\r\n\r\n",
            ""
        )
    }
}

/// The two fragments of a datagram (RFC 791 section 3.2, RFC 8200 section 4.5).
pub fn fragments(plain: &[u8], identification: u16) -> Vec<Vec<u8>> {
    let v6 = plain[PACKET_AT] >> 4 == 6;
    let header = if v6 { 40 } else { 20 };
    let (head, carried) = plain.split_at(PACKET_AT + header);
    let [first, second] = [&carried[..CUT_AT], &carried[CUT_AT..]];
    let piece = |part: &[u8], offset: u16, more: bool| {
        let mut bytes = head.to_vec();
        if v6 {
            let [a, b] = identification.to_be_bytes();
            let place = (offset | u16::from(more)).to_be_bytes();
            bytes[PACKET_AT + 6] = 44;
            bytes[PACKET_AT + 4..PACKET_AT + 6].copy_from_slice(&(part.len() as u16 + 8).to_be_bytes());
            bytes.extend([17, 0, place[0], place[1], 0, 0, a, b]);
        } else {
            let place = ((offset / 8) | (u16::from(more) << 13)).to_be_bytes();
            bytes[PACKET_AT + 2..PACKET_AT + 4].copy_from_slice(&(part.len() as u16 + 20).to_be_bytes());
            bytes[PACKET_AT + 4..PACKET_AT + 6].copy_from_slice(&identification.to_be_bytes());
            bytes[PACKET_AT + 6..PACKET_AT + 8].copy_from_slice(&place);
        }
        bytes.extend(part);
        frame::fix_checksums(&mut bytes);
        bytes
    };
    vec![piece(first, 0, true), piece(second, CUT_AT as u16, false)]
}
