//! The same over everything that carries SIP.

use super::*;

#[test]
fn tagged_frames_and_ipv6_are_read_like_any_other() {
    let mut tape = Tape::bare();
    tape.vlan = Some(77);
    tape.register(10.0, A, 60);
    assert_eq!(tape.registrations().len(), 1);

    let mut tape = Tape::bare();
    tape.phone = at("[fd00::11]:5060");
    tape.contact = "sip:1001@[fd00::11]:5060".to_owned();
    tape.register(10.0, "[fd00::2]:5060", 60);
    let phone = tape.phone();
    assert_eq!(phone.address.to_string(), "fd00::11");
    assert_eq!(phone.registrations[0].server.to_string(), "fd00::2");
}

#[test]
fn sip_is_found_at_any_port() {
    let mut tape = Tape::bare();
    tape.phone = at("10.77.0.11:41000");
    tape.register(10.0, "10.77.0.2:15060", 60);
    assert_eq!(tape.registrations().len(), 1);
}

#[test]
fn a_connection_is_read_in_whatever_pieces_it_comes_and_its_delay_is_told() {
    let mut tape = Tape::bare();
    let (phone, server) = (at("10.77.0.11:40000"), at(A));
    let mut sequence = 1_000;
    let mut segment = |tape: &mut Tape, ms: f64, up: bool, syn: bool, payload: &[u8]| {
        let (from, to) = if up { (phone, server) } else { (server, phone) };
        let it = TcpSegment {
            source_port: from.port(),
            destination_port: to.port(),
            sequence: if up { sequence } else { 9_000 },
            ack: (!syn || !up).then_some(1),
            syn,
            fin: false,
            rst: false,
            payload,
        };
        let frame = tape.envelope().tcp(from.ip(), to.ip(), &it, None);
        tape.frame(ms, &frame, None);
        if up {
            sequence += payload.len() as u32 + u32::from(syn);
        }
    };
    segment(&mut tape, 10.0, true, true, b"");
    segment(&mut tape, 11.0, false, true, b"");
    let request = tape.request(A, &tape.contact_header(60));
    let (head, tail) = request.split_at(100);
    segment(&mut tape, 13.5, true, false, head);
    segment(&mut tape, 14.0, true, false, tail);
    let ok = tape.response("200 OK", &tape.contact_header(60));
    let it = TcpSegment {
        source_port: server.port(),
        destination_port: phone.port(),
        sequence: 9_001,
        ack: Some(1),
        syn: false,
        fin: false,
        rst: false,
        payload: &ok,
    };
    let frame = tape.envelope().tcp(server.ip(), phone.ip(), &it, None);
    tape.frame(15.0, &frame, None);
    let phone = tape.phone();
    assert_eq!(phone.transport, Some("tcp"));
    assert_eq!((phone.traffic.connections, phone.traffic.connect_to_register_ms), (1, Some(2.5)));
    assert_eq!(phone.registrations[0].from_ms, 15.0);
}

#[test]
fn errors_that_quote_a_request_are_counted_and_make_a_phone_move() {
    let mut tape = Tape::new();
    tape.register(10.0, A, 60);
    let bytes = tape.request(A, &tape.contact_header(60));
    let frame = tape.envelope().udp(at(PHONE), at(A), &bytes);
    tape.frame(50_000.0, &frame, None);
    let error = crate::wire::frame::port_unreachable(&frame).unwrap();
    tape.frame(50_000.5, &error, None);
    tape.register(50_002.0, B, 60);
    let phone = tape.phone();
    assert_eq!(phone.traffic.unreachable, 1);
    assert_eq!(measured(&phone, "failover-detecting").value, Some(2.0));
}
