//! Whatever comes, a phone neither panics nor falls behind its time.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    calls::phone_with_keys,
    world::{A, B, address, line},
};
use crate::virtual_bench::phone::{FIRST_ACCEPTED, Phone, PhoneInput, PhoneSpec, Provisioning, Service, Transport};

fn any_input() -> impl Strategy<Value = PhoneInput> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    let response = (100_u16..700, "[ -~]{0,80}").prop_map(|(code, text)| {
        format!("SIP/2.0 {code} X\r\nVia: {text}\r\nTo: {text}\r\nContact: {text}\r\nWWW-Authenticate: Digest {text}\r\n\r\n")
            .into_bytes()
    });
    let methods = ["INVITE", "ACK", "BYE", "CANCEL", "NOTIFY", "OPTIONS", "SUBSCRIBE"];
    let events = ["message-summary", "aastra-xml", "other"];
    let request =
        (prop::sample::select(methods.to_vec()), prop::sample::select(events.to_vec()), 0_u8..4, "[ -~]{0,40}")
            .prop_map(|(method, event, number, text)| {
                let bytes = format!(
                    "{method} sip:1001@10.77.0.11 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.2;branch=z9hG4bK{number}\r\n\
                 From: <sip:x@y>;tag={number}\r\nTo: <sip:1001@bench.test>\r\nCall-ID: c{number}\r\n\
                 CSeq: {number} {method}\r\nContact: <sip:x@10.77.0.2>\r\nEvent: {event}\r\n\r\n{text}"
                );
                PhoneInput::Datagram { from: address(A), bytes: bytes.into_bytes() }
            });
    let uris = ["Key:Line1", "Key:PrgKey1", "Dial:1002", "Command: Reset", "Command: ClearLocal", "http://10.77.0.2/x"];
    let pushes = (0_u32..3, prop::sample::select(uris.to_vec())).prop_map(|(conn, uri)| {
        let xml = format!("xml=<AastraIPPhoneExecute><ExecuteItem URI=\"{uri}\"/></AastraIPPhoneExecute>");
        let bytes = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{xml}", xml.len()).into_bytes();
        PhoneInput::TcpData { conn: FIRST_ACCEPTED + conn, bytes }
    });
    let commands = ["dial 1002", "answer", "hangup", "hold", "dial *11*1*2#", "sip status"];
    let command =
        prop::sample::select(commands.to_vec()).prop_map(|command| PhoneInput::Console(format!("{command}\r").into()));
    prop_oneof![
        request,
        pushes,
        command,
        (0_u32..3, any::<bool>()).prop_map(|(conn, http)| PhoneInput::TcpAccepted {
            conn: FIRST_ACCEPTED + conn,
            from: address(A),
            service: if http { Service::Http } else { Service::Sip },
        }),
        (0_u32..3, bytes()).prop_map(|(conn, bytes)| PhoneInput::TcpData { conn: FIRST_ACCEPTED + conn, bytes }),
        Just(PhoneInput::LinkUp),
        Just(PhoneInput::Timeout),
        bytes().prop_map(|bytes| PhoneInput::Datagram { from: address(A), bytes }),
        response.prop_map(|bytes| PhoneInput::Datagram { from: address(A), bytes }),
        bytes().prop_map(PhoneInput::Console),
        "[a-z \r]{0,40}".prop_map(|text| PhoneInput::Console(text.into_bytes())),
        Just(PhoneInput::Unreachable { to: address(B) }),
        (0_u32..4).prop_map(|conn| PhoneInput::TcpConnected { conn }),
        (0_u32..4, bytes()).prop_map(|(conn, bytes)| PhoneInput::TcpData { conn, bytes }),
        (0_u32..4).prop_map(|conn| PhoneInput::TcpClosed { conn, error: None }),
        (0_u8..9, 0_u8..9).prop_map(|(row, col)| PhoneInput::KeyDown { row, col }),
        (0_u8..9, 0_u8..9).prop_map(|(row, col)| PhoneInput::KeyUp { row, col }),
    ]
}

proptest! {
    #[test]
    fn no_input_makes_a_phone_panic_or_want_the_past(
        inputs in proptest::collection::vec((any_input(), 0_u64..50_000), 0..60),
        tcp in any::<bool>(),
    ) {
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let global = "xml application post list: 10.77.0.2\nsip xml notify event: 1\nsip explicit mwi subscription: 1\n\
                      prgkey1 type: xml\nprgkey1 value: http://10.77.0.2/logon\n".to_owned();
        let provisioning = Provisioning { global, ..Provisioning::default() };
        let lines = vec![line("1001"), line("1002")];
        let mut phone = Phone::new(PhoneSpec { transport, lines, provisioning, ..phone_with_keys() });
        let mut now = Duration::ZERO;
        for (input, pause) in inputs {
            now += Duration::from_millis(pause);
            phone.handle(now, input);
            while phone.poll_output().is_some() {}
            // Whatever was due has been done, or is bound to be done by a further call or two.
            for _ in 0..100 {
                if phone.poll_deadline().is_none_or(|at| at > now) {
                    break;
                }
                phone.handle(now, PhoneInput::Timeout);
            }
            prop_assert!(phone.poll_deadline().is_none_or(|at| at > now));
        }
    }
}
