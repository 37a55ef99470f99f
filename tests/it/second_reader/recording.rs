//! A capture of made messages: by datagrams over IPv4 and IPv6, tagged and not, and in connections whose segments cut and
//! join them as they come.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use siprig::{
    config::Mac,
    wire::{
        capture::{CaptureWriter, Side},
        frame::{Envelope, TcpSegment, fix_checksums},
    },
};

use super::{
    corpus::{self, Carrier, Made},
    dice::Dice,
    tshark::Flow,
};

const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// From one frame to the next, in nanoseconds.
const STEP_NS: i64 = 1_000_000;

/// Payload of a fragment, in bytes: a multiple of eight.
const LONGEST_FRAGMENT: usize = 1480;

/// Messages of one connection that are cut into segments together.
const BURST: usize = 4;

/// Writes at least so many messages; returns those of each flow in their order.
pub fn record(path: &Path, dice: &mut Dice, count: usize) -> BTreeMap<Flow, Vec<Made>> {
    let file = BufWriter::new(File::create(path).unwrap());
    let mut recording = Recording { writer: CaptureWriter::new(file).unwrap(), unix_ns: 1_795_630_000_000_000_000 };
    let mut made: BTreeMap<Flow, Vec<Made>> = BTreeMap::new();
    let mut connections: BTreeMap<(u8, bool), Connection> = BTreeMap::new();
    let mut number = 0;
    while number < count {
        let phone = 11 + dice.below(40) as u8;
        let v6 = dice.percent(30);
        let vlan = [None, None, Some(77)][dice.below(3)];
        let to_server = dice.percent(50);
        let (phone_end, server_end) = (end(v6, phone, 5060), end(v6, 2, 5060));
        if dice.percent(70) {
            let (source, destination) = if to_server { (phone_end, server_end) } else { (server_end, phone_end) };
            let message = corpus::message(dice, number, Carrier::Datagram);
            let frame = envelope(to_server, vlan).udp(source, destination, &message.bytes);
            for frame in fragments(&frame, number as u16) {
                recording.frame(to_server, &frame);
            }
            made.entry((source, destination, false)).or_default().push(message);
            number += 1;
            continue;
        }
        let connection = connections.entry((phone, v6)).or_insert_with(|| {
            let mut connection = Connection::new(end(v6, phone, 40_000 + u16::from(phone)), server_end, vlan, dice);
            connection.open(&mut recording);
            connection
        });
        let carrier = if is_plain(connection.phone) { Carrier::PlainStream } else { Carrier::Stream };
        let burst = 0..1 + dice.below(BURST);
        let burst: Vec<Made> = burst.map(|nth| corpus::message(dice, number + nth, carrier)).collect();
        number += burst.len();
        let bytes: Vec<u8> = burst.iter().flat_map(|message| message.bytes.iter().copied()).collect();
        connection.send(&mut recording, dice, to_server, &bytes);
        made.entry(connection.flow(to_server)).or_default().extend(burst);
    }
    made
}

/// Whether a stream of this phone's is one in which everybody finds the ends of messages.
pub fn is_plain(phone: SocketAddr) -> bool {
    !phone.port().is_multiple_of(4)
}

fn end(v6: bool, host: u8, port: u16) -> SocketAddr {
    let address =
        if v6 { IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host)]) } else { IpAddr::from([10, 77, 0, host]) };
    SocketAddr::new(address, port)
}

fn envelope(to_server: bool, vlan: Option<u16>) -> Envelope {
    let (source, destination) = if to_server { (PHONE, SERVER) } else { (SERVER, PHONE) };
    Envelope::new(source, destination, vlan)
}

/// An IPv4 datagram in as many frames as Ethernet needs for it (RFC 791 section 3.2); any other frame as it is.
fn fragments(frame: &[u8], identification: u16) -> Vec<Vec<u8>> {
    let tagged = frame[12..14] == [0x81, 0];
    let header_at = if tagged { 18 } else { 14 };
    let payload_at = header_at + 20;
    if frame[header_at - 2..header_at] != [8, 0] || frame.len() <= payload_at + LONGEST_FRAGMENT {
        return vec![frame.to_vec()];
    }
    let pieces = frame[payload_at..].chunks(LONGEST_FRAGMENT);
    let last = pieces.len() - 1;
    let pieces = pieces.enumerate().map(|(number, piece)| {
        let mut fragment = [&frame[..payload_at], piece].concat();
        let place = (number * LONGEST_FRAGMENT / 8) as u16 | if number == last { 0 } else { 0x2000 };
        let length = (20 + piece.len()) as u16;
        for (at, value) in [(2, length), (4, identification), (6, place)] {
            fragment[header_at + at..header_at + at + 2].copy_from_slice(&value.to_be_bytes());
        }
        fix_checksums(&mut fragment);
        fragment
    });
    pieces.collect()
}

struct Recording {
    writer: CaptureWriter<BufWriter<File>>,
    unix_ns: i64,
}

impl Recording {
    fn frame(&mut self, from_phone: bool, frame: &[u8]) {
        let side = if from_phone { Side::Phone } else { Side::Server };
        self.writer.write(side, self.unix_ns, frame.len() as u32, frame, &[]).unwrap();
        self.unix_ns += STEP_NS;
    }
}

/// A TCP connection of a phone's.
struct Connection {
    phone: SocketAddr,
    server: SocketAddr,
    vlan: Option<u16>,
    /// The next bytes of the phone and of the server.
    next: [u32; 2],
}

impl Connection {
    fn new(phone: SocketAddr, server: SocketAddr, vlan: Option<u16>, dice: &mut Dice) -> Self {
        // Some pass the end of the sequence numbers.
        let next = [dice.throw() as u32, u32::MAX - 5000 + dice.below(9000) as u32 % 5000];
        Self { phone, server, vlan, next }
    }

    fn flow(&self, to_server: bool) -> Flow {
        if to_server { (self.phone, self.server, true) } else { (self.server, self.phone, true) }
    }

    fn open(&mut self, recording: &mut Recording) {
        self.segment(recording, true, b"", true, None);
        self.next[0] = self.next[0].wrapping_add(1);
        self.segment(recording, false, b"", true, Some(self.next[0]));
        self.next[1] = self.next[1].wrapping_add(1);
        self.segment(recording, true, b"", false, Some(self.next[1]));
    }

    /// Sends bytes in segments cut anywhere; some are sent twice.
    fn send(&mut self, recording: &mut Recording, dice: &mut Dice, to_server: bool, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let longest = *dice.pick(&[20, 200, 536, 1400, 1400]);
            let (segment, behind) = rest.split_at((1 + dice.below(longest)).min(rest.len()));
            let ack = Some(self.next[usize::from(to_server)]);
            self.segment(recording, to_server, segment, false, ack);
            if dice.percent(5) {
                self.segment(recording, to_server, segment, false, ack);
            }
            let next = &mut self.next[usize::from(!to_server)];
            *next = next.wrapping_add(segment.len() as u32);
            rest = behind;
        }
        let ack = Some(self.next[usize::from(!to_server)]);
        self.segment(recording, !to_server, b"", false, ack);
    }

    fn segment(&self, recording: &mut Recording, to_server: bool, payload: &[u8], syn: bool, ack: Option<u32>) {
        let (source, destination, _) = self.flow(to_server);
        let segment = TcpSegment {
            source_port: source.port(),
            destination_port: destination.port(),
            sequence: self.next[usize::from(!to_server)],
            ack,
            syn,
            fin: false,
            rst: false,
            payload,
        };
        let frame = envelope(to_server, self.vlan).tcp(source.ip(), destination.ip(), &segment, None);
        recording.frame(to_server, &frame);
    }
}
