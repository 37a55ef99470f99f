//! Frames between a phone and a server, and what was heard in them.

use super::super::*;
use crate::wire::{
    frame::{Envelope, TcpSegment},
    tls::TlsEvent,
};

pub const PHONE: Mac = Mac([0, 8, 0x5d, 0x77, 0, 1]);
pub const SERVER: Mac = Mac([2, 0, 0, 0, 0, 3]);
pub const ASK: &str = "REGISTER sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
pub const SECOND: i64 = 1_000_000_000;

/// Something heard, without what it borrows, and the index of the frame in which it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub tag: usize,
    pub fate: Fate,
    pub note: Note,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    Message(Transport, Vec<u8>),
    Unreadable(Transport, &'static str, usize),
    KeepAlive(Transport),
    Gap(u32),
    Step(Step),
    Tls(String),
    Unreachable(Ends, Transport, IpAddr, u8, u8),
    Arp,
}

/// Hears frames, one a millisecond unless time is made to pass.
pub struct Ear {
    pub signalling: Signalling<usize>,
    pub now_ns: i64,
    frames: usize,
}

impl Default for Ear {
    fn default() -> Self {
        Self { signalling: Signalling::new([]), now_ns: 0, frames: 0 }
    }
}

impl Ear {
    pub fn hear(&mut self, frame: &[u8]) -> Vec<Noted> {
        self.hear_of(frame, Fate::Passed)
    }

    pub fn hear_of(&mut self, frame: &[u8], fate: Fate) -> Vec<Noted> {
        let mut heard = Vec::new();
        let frame = Frame::parse(frame).unwrap();
        let sighting = Sighting { unix_ns: self.now_ns, fate, tag: self.frames };
        self.frames += 1;
        self.now_ns += 1_000_000;
        self.signalling.take(&frame, &sighting, &mut |it| heard.push(noted(&it)));
        heard
    }

    /// What the frames say, but for steps of connections.
    pub fn said(&mut self, frames: &[Vec<u8>]) -> Vec<Note> {
        let heard = frames.iter().flat_map(|frame| self.hear(frame)).map(|it| it.note);
        heard.filter(|note| !matches!(note, Note::Step(_))).collect()
    }

    pub fn finish(&mut self) -> Vec<Noted> {
        let mut heard = Vec::new();
        self.signalling.finish(&mut |it| heard.push(noted(&it)));
        heard
    }
}

fn noted(heard: &Heard<'_, usize>) -> Noted {
    let note = match heard.what {
        What::Message { transport, bytes, .. } => Note::Message(transport, bytes.to_vec()),
        What::Unreadable { transport, reason, offset, .. } => Note::Unreadable(transport, reason, offset),
        What::KeepAlive { transport, .. } => Note::KeepAlive(transport),
        What::Gap { missing, .. } => Note::Gap(missing),
        What::Connection { step, .. } => Note::Step(step),
        What::Tls { event: TlsEvent::ClientHello { server_name }, .. } => {
            Note::Tls(format!("asks for {server_name:?}"))
        }
        What::Tls { event, .. } => Note::Tls(format!("{event:?}")),
        What::Unreachable { ends, transport, by, kind, code } => Note::Unreachable(ends, transport, by, kind, code),
        What::Arp { .. } => Note::Arp,
    };
    Noted { tag: heard.sighting.tag, fate: heard.sighting.fate, note }
}

pub fn udp(bytes: &[u8]) -> Note {
    Note::Message(Transport::Udp, bytes.to_vec())
}

pub fn tcp(bytes: &[u8]) -> Note {
    Note::Message(Transport::Tcp, bytes.to_vec())
}

pub fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, last], port))
}

/// The phone's datagram to the server.
pub fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    Envelope::new(PHONE, SERVER, None).udp(at(11, 40_000), at(3, port), payload)
}

/// A datagram in IPv4 fragments with so many bytes of payload each, its header options and all.
pub fn fragments(frame: &[u8], identification: u16, size: usize) -> Vec<Vec<u8>> {
    let (head, payload) = frame.split_at(14 + 4 * usize::from(frame[14] & 0xF));
    let pieces = payload.chunks(size).enumerate();
    let fragment = |(index, piece): (usize, &[u8])| {
        let mut bytes = [head, piece].concat();
        let more = u16::from((index + 1) * size < payload.len()) << 13;
        let place = u16::try_from(index * size / 8).unwrap() | more;
        let total = u16::try_from(bytes.len() - 14).unwrap();
        bytes[16..18].copy_from_slice(&total.to_be_bytes());
        bytes[18..20].copy_from_slice(&identification.to_be_bytes());
        bytes[20..22].copy_from_slice(&place.to_be_bytes());
        bytes
    };
    pieces.map(fragment).collect()
}

/// The same in IPv6.
pub fn fragments_v6(frame: &[u8], identification: u32, size: usize) -> Vec<Vec<u8>> {
    let (head, payload) = frame.split_at(14 + 40);
    let pieces = payload.chunks(size).enumerate();
    let fragment = |(index, piece): (usize, &[u8])| {
        let place = u16::try_from(index * size).unwrap() | u16::from((index + 1) * size < payload.len());
        let header = [&[head[20], 0][..], &place.to_be_bytes(), &identification.to_be_bytes()].concat();
        let mut bytes = [head, &header, piece].concat();
        let length = u16::try_from(header.len() + piece.len()).unwrap();
        bytes[18..20].copy_from_slice(&length.to_be_bytes());
        bytes[20] = 44;
        bytes
    };
    pieces.map(fragment).collect()
}

/// One end of a TCP connection between the phone's port 40 000 and a port of the server's.
#[derive(Clone)]
pub struct End {
    phone: bool,
    phone_port: u16,
    server_port: u16,
    /// Sequence number of what it says next.
    pub next: u32,
    /// What it has of the other's.
    pub ack: u32,
}

impl End {
    /// Phone and server, who agree on their numbers.
    pub fn pair(server_port: u16) -> (Self, Self) {
        let phone = Self { phone: true, phone_port: 40_000, server_port, next: u32::MAX - 20, ack: 7_000 };
        let server = Self { phone: false, next: phone.ack, ack: phone.next, ..phone };
        (phone, server)
    }

    /// The same from another port of the phone's.
    pub fn at_port(self, phone_port: u16) -> Self {
        Self { phone_port, ..self }
    }

    pub fn syn(&mut self) -> Vec<u8> {
        let ack = (!self.phone).then_some(self.ack);
        self.next = self.next.wrapping_add(1);
        self.frame(TcpSegment { syn: true, ack, sequence: self.next.wrapping_sub(1), ..self.segment(b"") })
    }

    pub fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        let frame = self.frame(self.segment(bytes));
        self.next = self.next.wrapping_add(bytes.len() as u32);
        frame
    }

    /// Bytes so many ahead of those that are next.
    pub fn say_at(&self, ahead: i32, bytes: &[u8]) -> Vec<u8> {
        self.frame(TcpSegment { sequence: self.next.wrapping_add_signed(ahead), ..self.segment(bytes) })
    }

    pub fn fin(&mut self) -> Vec<u8> {
        self.next = self.next.wrapping_add(1);
        self.frame(TcpSegment { fin: true, sequence: self.next.wrapping_sub(1), ..self.segment(b"") })
    }

    pub fn rst(&self) -> Vec<u8> {
        self.frame(TcpSegment { rst: true, ..self.segment(b"") })
    }

    /// The answer to a SYN that nobody wants.
    pub fn refuse(&self) -> Vec<u8> {
        self.frame(TcpSegment { rst: true, sequence: 0, ..self.segment(b"") })
    }

    /// All numbers of the other up to so many ahead of what was said.
    pub fn acknowledge(&self, ahead: u32) -> Vec<u8> {
        self.frame(TcpSegment { ack: Some(self.ack.wrapping_add(ahead)), ..self.segment(b"") })
    }

    fn segment<'a>(&self, payload: &'a [u8]) -> TcpSegment<'a> {
        let (source_port, destination_port) =
            if self.phone { (self.phone_port, self.server_port) } else { (self.server_port, self.phone_port) };
        TcpSegment {
            source_port,
            destination_port,
            sequence: self.next,
            ack: Some(self.ack),
            syn: false,
            fin: false,
            rst: false,
            payload,
        }
    }

    fn frame(&self, segment: TcpSegment<'_>) -> Vec<u8> {
        let (phone, server) = (at(11, 0).ip(), at(3, 0).ip());
        if self.phone {
            Envelope::new(PHONE, SERVER, None).tcp(phone, server, &segment, None)
        } else {
            Envelope::new(SERVER, PHONE, None).tcp(server, phone, &segment, None)
        }
    }
}
