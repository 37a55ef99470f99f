//! What phones are told: datagrams and segments in, frames out.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    event::{Course, OutageId, OutageScope, Unreachable},
    wire::{
        frame::{Timestamps, timestamps, udp_frame},
        sip::StandIn,
    },
};

const PHONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 9]);
const BUSY: Treatment = Treatment::Answer(StandIn { code: 503, retry_after_s: Some(9), redirect: None });
const REQUEST: &str = "OPTIONS sip:a SIP/2.0\r\nVia: v\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";

fn rule(treatment: Treatment) -> Rule {
    Rule {
        outage: OutageId(1),
        course: Course::steady(treatment),
        link: None,
        toward: None,
        scope: OutageScope::Host,
        only: None,
        phones: BTreeSet::from([PHONE]),
        routed: BTreeSet::new(),
        phone_addresses: BTreeSet::new(),
        servers: vec!["10.77.0.2".parse().unwrap()],
        sip_ports: vec![5060],
        names: Vec::new(),
        from_ns: 0,
        opened_ns: None,
        until_ns: None,
    }
}

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    udp_frame(PHONE, ROUTER, Some(7), phone(), SocketAddr::new("10.77.0.2".parse().unwrap(), port), payload)
}

fn phone() -> SocketAddr {
    "10.77.0.11:40000".parse().unwrap()
}

fn said(treatment: Treatment, bytes: &[u8]) -> Vec<Vec<u8>> {
    tell(treatment, bytes, &mut Connections::default())
}

fn tell(treatment: Treatment, bytes: &[u8], connections: &mut Connections) -> Vec<Vec<u8>> {
    let made = take(treatment, bytes, connections, 4_000_000);
    assert!(made.iter().all(|made| (made.outage, made.toward) == (OutageId(1), Toward::Phone)));
    made.into_iter().map(|made| made.bytes).collect()
}

/// What is said about a frame of a phone that an outage took.
fn take(treatment: Treatment, bytes: &[u8], connections: &mut Connections, at_ns: i64) -> Vec<Made> {
    let frame = Frame::parse(bytes).unwrap();
    let taken = Taken { frame: &frame, bytes, toward: Toward::Server, at_ns };
    to(&rule(treatment.clone()), &treatment, &taken, connections)
}

fn body(bytes: &[u8]) -> Body<'_> {
    let frame = Frame::parse(bytes).unwrap();
    assert_eq!((frame.source, frame.destination, &frame.vlans[..]), (Some(ROUTER), Some(PHONE), &[7][..]));
    match frame.content {
        Content::Ip(packet) => packet.body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_datagram_has_an_icmp_error_on_every_port_and_nothing_is_said_where_nothing_may_be() {
    for port in [5060, 80] {
        let errors = said(Treatment::Refuse, &datagram(port, b"x"));
        assert!(matches!(body(&errors[0]), Body::Icmp { kind: 3, code: 3, .. }), "{errors:?}");
        assert_eq!(said(Treatment::Drop, &datagram(port, REQUEST.as_bytes())), [] as [Vec<u8>; 0]);
    }
    let error = said(Treatment::Refuse, &datagram(5060, b"x")).remove(0);
    let mut back = error.clone();
    back[..12].rotate_left(6);
    let mut to_all = datagram(5060, b"x");
    to_all[0] |= 1;
    let mut from_nobody = datagram(5060, b"x");
    from_nobody[30..34].fill(0);
    let canary = datagram(5060, b"siprig canary 0000000000000001");
    let mut later = datagram(5060, b"x");
    later[25] = 1;
    for silent in [back, to_all, from_nobody, canary, later] {
        assert_eq!(said(Treatment::Refuse, &silent), [] as [Vec<u8>; 0]);
    }
    let mut first = datagram(5060, b"x");
    first[24] = 0x20;
    assert_eq!(said(Treatment::Refuse, &first).len(), 1, "the first fragment has the ports");
}

#[test]
fn a_request_to_a_sip_port_is_answered_from_there_and_nothing_else_is() {
    let answers = said(BUSY, &datagram(5060, REQUEST.as_bytes()));
    let Body::Udp { source_port: 5060, destination_port: 40_000, payload } = body(&answers[0]) else { panic!() };
    assert!(payload.starts_with(b"SIP/2.0 503 Service Unavailable\r\nVia: v\r\n"));
    for (port, payload) in [(5070, REQUEST), (5060, "SIP/2.0 200 OK\r\n\r\n"), (5060, "\r\n\r\n"), (5060, "hello")] {
        assert_eq!(said(BUSY, &datagram(port, payload.as_bytes())), [] as [Vec<u8>; 0], "{payload}");
    }
}

/// A phone's end of a connection.
struct Phone {
    next: u32,
    expected: u32,
    times: Option<Timestamps>,
    heard: Vec<u8>,
    ended: bool,
}

impl Phone {
    fn segment(&self, syn: bool, fin: bool, payload: &[u8]) -> Vec<u8> {
        let segment = TcpSegment {
            source_port: 40_000,
            destination_port: 5060,
            sequence: self.next,
            ack: (!syn).then_some(self.expected),
            syn,
            fin,
            rst: false,
            payload,
        };
        let server = "10.77.0.2".parse().unwrap();
        Envelope::new(PHONE, ROUTER, Some(7)).tcp(phone().ip(), server, &segment, self.times)
    }

    /// Takes what comes, as a host would: nothing but what it expects.
    fn hear(&mut self, frames: &[Vec<u8>]) {
        for bytes in frames {
            let Body::Tcp(segment) = body(bytes) else { panic!("no TCP") };
            assert_eq!((segment.source_port, segment.destination_port, segment.rst), (5060, 40_000, false));
            assert_eq!((segment.sequence, segment.ack), (self.expected, Some(self.next)));
            let times = timestamps(bytes);
            assert_eq!(times.map(|it| (it.echo, it.value)), self.times.map(|it| (it.value, it.echo)));
            self.heard.extend_from_slice(segment.payload);
            self.expected = self.expected.wrapping_add(segment.payload.len() as u32 + u32::from(segment.fin));
            self.ended |= segment.fin;
        }
    }

    fn say(&mut self, connections: &mut Connections, payload: &[u8]) {
        let bytes = self.segment(false, false, payload);
        self.next = self.next.wrapping_add(payload.len() as u32);
        self.hear(&tell(BUSY, &bytes, connections));
    }

    fn answers(&self) -> usize {
        self.heard.windows(12).filter(|text| text == b"SIP/2.0 503 ").count()
    }
}

/// A connection that was there before the outage.
fn older() -> Phone {
    let times = Some(Timestamps { value: 77, echo: 99 });
    Phone { next: u32::MAX - 20, expected: 5_000, times, heard: Vec::new(), ended: false }
}

/// One that is opened in it.
fn newer(connections: &mut Connections) -> Phone {
    let mut phone = Phone { next: u32::MAX, expected: 0, times: None, heard: Vec::new(), ended: false };
    let syn = phone.segment(true, false, b"");
    let opened = tell(BUSY, &syn, connections);
    let Body::Tcp(segment) = body(&opened[0]) else { panic!() };
    assert_eq!((segment.syn, segment.ack), (true, Some(0)));
    assert_eq!(tell(BUSY, &syn, connections), opened, "the same SYN has the same answer");
    (phone.next, phone.expected) = (0, segment.sequence.wrapping_add(1));
    phone
}

#[test]
fn requests_in_a_new_connection_are_answered_until_the_phone_ends_it() {
    let mut connections = Connections::default();
    let mut phone = newer(&mut connections);
    phone.say(&mut connections, b"");
    assert_eq!(phone.answers(), 0);
    phone.say(&mut connections, REQUEST.repeat(3).as_bytes());
    assert_eq!(phone.answers(), 3);
    let fin = phone.segment(false, true, b"");
    phone.next += 1;
    phone.hear(&tell(BUSY, &fin, &mut connections));
    assert!(phone.ended);
    let again = tell(BUSY, &fin, &mut connections);
    assert!(matches!(body(&again[0]), Body::Tcp(last) if last.fin && last.sequence.wrapping_add(1) == phone.expected));
    assert_eq!(connections.reset(OutageId(1)), [], "it is over for both");
}

#[test]
fn a_connection_that_is_there_already_goes_on_with_its_numbers_and_is_reset_at_both_ends_at_last() {
    let mut connections = Connections::default();
    let mut phone = older();
    let begun = phone.next;
    assert_eq!(tell(BUSY, &phone.segment(false, false, b""), &mut connections), [] as [Vec<u8>; 0]);
    phone.say(&mut connections, REQUEST.as_bytes());
    phone.say(&mut connections, REQUEST.as_bytes());
    assert_eq!(phone.answers(), 2);
    assert_eq!(connections.reset(OutageId(2)), []);
    let resets = connections.reset(OutageId(1));
    assert_eq!(resets.iter().map(|made| made.toward).collect::<Vec<_>>(), [Toward::Phone, Toward::Server]);
    assert!(matches!(body(&resets[0].bytes), Body::Tcp(it) if it.rst && it.sequence == phone.expected));
    let frame = Frame::parse(&resets[1].bytes).unwrap();
    assert_eq!((frame.source, frame.destination), (Some(PHONE), Some(ROUTER)));
    let Content::Ip(Packet { body: Body::Tcp(reset), .. }) = frame.content else { panic!() };
    assert_eq!((reset.rst, reset.sequence, reset.source_port, reset.destination_port), (true, begun, 40_000, 5060));
}

#[test]
fn a_phone_that_calls_again_from_the_same_port_costs_the_server_its_old_end() {
    let mut connections = Connections::default();
    let mut phone = older();
    phone.say(&mut connections, REQUEST.as_bytes());
    let syn = phone.segment(true, false, b"");
    let made = take(BUSY, &syn, &mut connections, 0);
    let ways: Vec<_> = made.iter().map(|made| made.toward).collect();
    assert_eq!(ways, [Toward::Server, Toward::Phone], "a reset, and the answer to the SYN");
    assert!(matches!(body(&made[1].bytes), Body::Tcp(it) if it.syn && it.ack == Some(phone.next.wrapping_add(1))));
    assert_eq!(connections.reset(OutageId(1)).len(), 1, "the new one is the bridge's alone");
}

#[test]
fn what_was_lost_or_comes_twice_is_asked_for_again_or_acknowledged_and_never_answered_twice() {
    let mut connections = Connections::default();
    let mut phone = older();
    phone.say(&mut connections, REQUEST.as_bytes());
    let before = (phone.next, phone.heard.len());
    // The second half of a request ahead of the first.
    let (first, second) = REQUEST.as_bytes().split_at(40);
    phone.next += 40;
    let early = phone.segment(false, false, second);
    phone.next = before.0;
    phone.hear(&tell(BUSY, &early, &mut connections));
    assert_eq!(phone.heard.len(), before.1);
    phone.say(&mut connections, first);
    phone.say(&mut connections, second);
    assert_eq!(phone.answers(), 2);
    // All of it once more, and a keep-alive.
    phone.next = phone.next.wrapping_sub(REQUEST.len() as u32);
    let twice = phone.segment(false, false, REQUEST.as_bytes());
    phone.next = phone.next.wrapping_add(REQUEST.len() as u32 - 1);
    let probe = phone.segment(false, false, b"");
    phone.next = phone.next.wrapping_add(1);
    for bytes in [twice, probe] {
        let acknowledged = tell(BUSY, &bytes, &mut connections);
        assert_eq!(acknowledged.len(), 1);
        phone.hear(&acknowledged);
    }
    assert_eq!(phone.answers(), 2);
}

#[test]
fn more_connections_than_are_held_cost_the_oldest_which_is_reset() {
    let mut connections = Connections::default();
    let mut made = 0;
    for port in 0..65_u16 {
        let mut bytes = older().segment(false, false, b"x");
        bytes[38..40].copy_from_slice(&(40_000 + port).to_be_bytes());
        let said = take(BUSY, &bytes, &mut connections, i64::from(port));
        made += said.len();
        if let [reset, ..] = &said[..] {
            let expected = if port < 64 { 40_000 + port } else { 40_000 };
            assert!(
                matches!(body(&reset.bytes), Body::Tcp(it) if it.destination_port == expected && it.rst == (port == 64))
            );
        }
    }
    assert_eq!(made, 65 + 2, "an acknowledgement for each, and both resets of the first");
    assert_eq!(connections.reset(OutageId(1)).len(), 64 * 2);
}

#[test]
fn a_refused_segment_has_the_reset_that_its_sender_accepts() {
    for (syn, payload, expected) in [(true, &b""[..], (0, Some(u32::MAX - 19))), (false, b"hello", (5_000, None))] {
        let said = said(Treatment::Refuse, &older().segment(syn, false, payload));
        let Body::Tcp(reset) = body(&said[0]) else { panic!() };
        assert_eq!((reset.rst, reset.sequence, reset.ack, said.len()), (true, expected.0, expected.1, 1));
        let mut back = said[0].clone();
        back[..12].rotate_left(6);
        assert_eq!(tell(Treatment::Refuse, &back, &mut Connections::default()), [] as [Vec<u8>; 0]);
    }
}

#[test]
fn a_host_that_can_not_be_reached_is_told_of_by_its_own_code_and_never_of_an_error() {
    for (what, code) in [(Unreachable::Host, 1), (Unreachable::Admin, 13)] {
        for bytes in [datagram(5060, b"x"), older().segment(true, false, b""), older().segment(false, false, b"x")] {
            let said = said(Treatment::Unreachable(what), &bytes);
            assert_eq!(said.len(), 1);
            let Body::Icmp { kind: 3, code: found, payload } = body(&said[0]) else { panic!() };
            assert_eq!((found, &payload[4..24]), (code, &bytes[18..38]), "it quotes the packet");
        }
        let error = said(Treatment::Refuse, &datagram(5060, b"x")).remove(0);
        let mut back = error.clone();
        back[..12].rotate_left(6);
        assert_eq!(said(Treatment::Unreachable(what), &back), [] as [Vec<u8>; 0]);
    }
}

#[test]
fn a_reset_reaches_both_ends_and_each_takes_it_for_the_others() {
    let bytes = older().segment(false, false, b"hello");
    let sent = Frame::parse(&bytes).unwrap();
    let Content::Ip(Packet { body: Body::Tcp(segment), .. }) = &sent.content else { panic!() };
    let made = take(Treatment::Reset, &bytes, &mut Connections::default(), 0);
    assert_eq!(made.iter().map(|it| it.toward).collect::<Vec<_>>(), [Toward::Phone, Toward::Server]);
    let resets: Vec<Frame<'_>> = made.iter().map(|it| Frame::parse(&it.bytes).unwrap()).collect();
    let tcp = |frame: &Frame<'_>| match &frame.content {
        Content::Ip(Packet { body: Body::Tcp(reset), .. }) if reset.rst => (reset.sequence, reset.source_port),
        other => panic!("{other:?}"),
    };
    assert_eq!(tcp(&resets[0]), (segment.ack.unwrap(), 5060), "what the phone expects next");
    assert_eq!(tcp(&resets[1]), (segment.sequence, 40_000), "what the server expects next");
    assert_eq!((resets[1].source, resets[1].destination), (Some(PHONE), Some(ROUTER)));
    // A connection that is being opened is refused, and its server knows nothing of it.
    let syn = take(Treatment::Reset, &older().segment(true, false, b""), &mut Connections::default(), 0);
    assert_eq!(syn.iter().map(|it| it.toward).collect::<Vec<_>>(), [Toward::Phone]);
    assert_eq!(take(Treatment::Reset, &datagram(5060, b"x"), &mut Connections::default(), 0), []);
}

proptest! {
    #[test]
    fn a_stream_cut_anywhere_is_answered_once_for_each_request(cuts in prop::collection::vec(1_usize..60, 1..40), new: bool) {
        let mut connections = Connections::default();
        let mut phone = if new { newer(&mut connections) } else { older() };
        let stream = REQUEST.repeat(4);
        let mut rest = stream.as_bytes();
        for cut in cuts.into_iter().chain([rest.len()]) {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            phone.say(&mut connections, piece);
            rest = behind;
        }
        prop_assert_eq!(phone.answers(), 4);
    }

    #[test]
    fn no_frame_makes_it_panic_or_say_more_than_it_heard_of(
        mut tail in prop::collection::vec(any::<u8>(), 0..120),
        sane in any::<bool>(),
        tcp in any::<bool>(),
        treatment in prop::sample::select(vec![Treatment::Refuse, Treatment::Reset, Treatment::Unreachable(Unreachable::Admin), BUSY]),
    ) {
        let mut connections = Connections::default();
        let mut bytes = datagram(5060, b"");
        bytes.truncate(38);
        if sane {
            tail.splice(0..0, [0x9c, 0x40, 0x13, 0xc4]);
        }
        bytes.extend(&tail);
        bytes[27] = if tcp { 6 } else { 17 };
        bytes[21] = u8::try_from(20 + tail.len()).unwrap();
        if Frame::parse(&bytes).is_ok() {
            let most = if treatment == Treatment::Reset { 2 } else { 1 };
            for at_ns in 0..3 {
                let made = take(treatment.clone(), &bytes, &mut connections, at_ns);
                prop_assert!(made.len() <= most && made.iter().all(|it| it.bytes.len() <= 18 + 576));
            }
        }
    }
}
