//! Outages that do more than to drop: they refuse, they answer in the server's name, they take one way only.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use siprig::event::{Manner, OutageMode, ServerName, SipStart, SipSummary, Spoof};

use super::{hosts::Host, *};

const REFUSE: OutageMode = OutageMode::REFUSE;

fn busy() -> OutageMode {
    OutageMode::from(Manner::Answer(Spoof { code: 503, retry_after_s: Some(30), redirect: None }))
}

fn moved() -> OutageMode {
    OutageMode::from(Manner::Answer(Spoof { code: 302, retry_after_s: None, redirect: Some(ServerName::from("b")) }))
}

#[test]
fn a_refused_datagram_fails_at_its_sender_at_once() {
    in_lab!("modes::a_refused_datagram_fails_at_its_sender_at_once", |lab| {
        let mut rig = Rig::start(&lab);
        for (number, phone, server) in [(1, hosts::PHONE, hosts::SERVER), (2, hosts::PHONE_6, hosts::SERVER_6)] {
            serve(server);
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 1), 1);
            rig.begin_mode(number, REFUSE, None, OutageScope::Sip);
            let asked = Instant::now();
            let refused = ask(phone, server, &register(1));
            println!("refused after {:?}", asked.elapsed());
            assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionRefused), "{server:?}");
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3, "nothing but SIP is refused");
            let (_, tally) = rig.end(number);
            assert_eq!((tally.dropped_to_server, tally.leaked), (1, 0));
            assert!(ask(phone, server, &register(2)).unwrap().starts_with("SIP/2.0 200 "));
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        assert!(contains(&rig.capture(), b"made by the bridge for outage 2"), "the error is in the capture");
    });
}

#[test]
fn a_refused_connection_fails_at_once_and_one_that_is_there_is_reset() {
    in_lab!("modes::a_refused_connection_fails_at_once_and_one_that_is_there_is_reset", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let old = connect(hosts::PHONE, hosts::SERVER).unwrap();
        assert!(call(&old, &register(1)).unwrap().starts_with("SIP/2.0 200 "));
        rig.begin_mode(1, REFUSE, None, OutageScope::Host);
        let refused = connect(hosts::PHONE, hosts::SERVER).map(|_| ());
        assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionRefused));
        let reset = call(&old, &register(2));
        assert_eq!(reset.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset));
        rig.end(1);
        let new = connect(hosts::PHONE, hosts::SERVER).unwrap();
        assert!(call(&new, &register(3)).unwrap().starts_with("SIP/2.0 200 "));
        let seen = rig.close();
        assert_eq!(fates(&seen, 2), [(None, Fate::Dropped(OutageId(1)))]);
        assert_eq!(fates(&seen, 3), [(None, Fate::Passed), (Some(200), Fate::Passed)]);
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_datagram_is_answered_in_the_server_s_name_and_after_the_lift_by_the_server() {
    in_lab!("modes::a_datagram_is_answered_in_the_server_s_name_and_after_the_lift_by_the_server", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        serve(hosts::SERVER_6);
        // Its peer's address is known before IP between the two is cut.
        assert_eq!(hosts::udp_echoes(hosts::PHONE_6, hosts::SERVER_6, OTHER_PORT, 1), 1);
        rig.begin_mode(1, busy(), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, false]);
        for (call, phone, server) in [(1, hosts::PHONE, hosts::SERVER), (2, hosts::PHONE_6, hosts::SERVER_6)] {
            let asked = Instant::now();
            let answer = ask(phone, server, &register(call)).unwrap();
            println!("answered after {:?}", asked.elapsed());
            assert!(answer.starts_with("SIP/2.0 503 ") && answer.contains("\r\nRetry-After: 30\r\n"), "{answer}");
        }
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 0);
        rig.end(1);
        assert!(ask(hosts::PHONE, hosts::SERVER, &register(3)).unwrap().starts_with("SIP/2.0 200 "));
        let seen = rig.close();
        for call in [1, 2] {
            let expected = [(None, Fate::Dropped(OutageId(1))), (Some(503), Fate::Injected(OutageId(1)))];
            assert_eq!(fates(&seen, call), expected);
        }
        assert_eq!(fates(&seen, 3), [(None, Fate::Passed), (Some(200), Fate::Passed)]);
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn connections_are_answered_in_the_server_s_name_and_give_way_to_new_ones_after_the_lift() {
    in_lab!("modes::connections_are_answered_in_the_server_s_name_and_give_way_to_new_ones_after_the_lift", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let old = connect(hosts::PHONE, hosts::SERVER).unwrap();
        assert!(call(&old, &register(1)).unwrap().starts_with("SIP/2.0 200 "));
        rig.begin_mode(1, moved(), None, OutageScope::Sip);
        let new = connect(hosts::PHONE, hosts::SERVER).unwrap();
        for (number, connection) in [(2, &old), (3, &new), (4, &old), (5, &new)] {
            let answer = call(connection, &register(number)).unwrap();
            assert!(answer.starts_with("SIP/2.0 302 "), "{answer}");
            assert!(answer.contains("\r\nContact: <sip:1001@10.77.0.3:5060>\r\n"), "{answer}");
        }
        let ended = connect(hosts::PHONE, hosts::SERVER).unwrap();
        ended.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!((&ended).read(&mut [0; 10]).unwrap(), 0, "a connection that the phone ends is over for both");
        rig.end(1);
        for mut connection in [&old, &new] {
            let reset = connection.read(&mut [0; 10]).map_err(|error| error.kind());
            assert_eq!(reset, Err(io::ErrorKind::ConnectionReset));
        }
        let after = connect(hosts::PHONE, hosts::SERVER).unwrap();
        assert!(call(&after, &register(6)).unwrap().starts_with("SIP/2.0 200 "));
        let seen = rig.close();
        for call in 2..=5 {
            let expected = [(None, Fate::Dropped(OutageId(1))), (Some(302), Fate::Injected(OutageId(1)))];
            assert_eq!(fates(&seen, call), expected);
        }
        assert_eq!(fates(&seen, 6), [(None, Fate::Passed), (Some(200), Fate::Passed)]);
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn the_server_s_end_of_a_connection_that_was_answered_is_reset_as_well() {
    in_lab!("modes::the_server_s_end_of_a_connection_that_was_answered_is_reset_as_well", |lab| {
        let mut rig = Rig::start(&lab);
        let listener = hosts::in_host(hosts::SERVER.namespace, || TcpListener::bind(at(hosts::SERVER)).unwrap());
        let near = connect(hosts::PHONE, hosts::SERVER).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        far.set_read_timeout(Some(PATIENCE)).unwrap();
        rig.begin_mode(1, busy(), None, OutageScope::Sip);
        assert!(call(&near, &register(1)).unwrap().starts_with("SIP/2.0 503 "));
        rig.end(1);
        let reset = far.read(&mut [0; 10]).map_err(|error| error.kind());
        assert_eq!(reset, Err(io::ErrorKind::ConnectionReset), "and it never got the request");
        rig.close();
    });
}

#[test]
fn what_both_sides_have_seen_is_told_in_the_order_in_which_it_came() {
    const CALLS: u32 = 200;
    in_lab!("modes::what_both_sides_have_seen_is_told_in_the_order_in_which_it_came", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        serve(hosts::PHONE);
        // More than one system call takes waits at both sides, so that whatever is asked first has answers of the other's.
        rig.signal(Signal::SIGSTOP);
        for number in 0..CALLS {
            let (from, to) = match number % 3 {
                0 => (hosts::PHONE, hosts::SERVER),
                _ => (hosts::SERVER, hosts::PHONE),
            };
            ask(from, to, &register(number)).unwrap();
        }
        rig.signal(Signal::SIGCONT);
        rig.expect("the last answer", |it| {
            fates(std::slice::from_ref(it), CALLS - 1).iter().any(|(code, _)| code.is_some())
        });
        let seen = rig.close();
        let facts = seen.iter().filter_map(|observed| match observed {
            Observed::Sip(fact) => Some(&fact.message),
            _ => None,
        });
        let calls = facts.filter_map(|message| match message {
            SipMessage::Read(message) => Some((message.call_id.parse().unwrap(), code(message))),
            SipMessage::Unreadable { .. } => None,
        });
        let expected = (0..CALLS).flat_map(|number| [(number, None), (number, Some(200))]);
        assert_eq!(calls.collect::<Vec<(u32, _)>>(), expected.collect::<Vec<_>>());
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn one_way_lets_the_other_pass_and_the_canaries_say_which() {
    in_lab!("modes::one_way_lets_the_other_pass_and_the_canaries_say_which", |lab| {
        let mut rig = Rig::start(&lab);
        for (number, only, open, arrive) in
            [(1, Toward::Server, [false, true], [0, 20]), (2, Toward::Phone, [true, false], [20, 0])]
        {
            rig.begin_mode(number, OutageMode::DROP, Some(only), OutageScope::Host);
            assert_eq!(rig.canaries(Some(number)), open);
            let (phone, server) = (hosts::PHONE, hosts::SERVER);
            assert_eq!(hosts::udp_delivered(phone, server, OTHER_PORT, 20), arrive[0], "requests, {only:?}");
            assert_eq!(hosts::udp_delivered(server, phone, OTHER_PORT, 20), arrive[1], "answers, {only:?}");
            let (_, tally) = rig.end(number);
            let dropped = arrive.map(|arrived| 20 - arrived as u64);
            assert_eq!([tally.dropped_to_server, tally.dropped_to_phone, tally.leaked], [dropped[0], dropped[1], 0]);
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_redirection_to_a_server_that_the_bench_does_not_have_is_refused_by_name() {
    in_lab!("modes::a_redirection_to_a_server_that_the_bench_does_not_have_is_refused_by_name", |lab| {
        let mut rig = Rig::start(&lab);
        let nowhere = Spoof { code: 302, retry_after_s: None, redirect: Some(ServerName::from("c")) };
        let refusal = rig.try_begin(OutageMode::from(Manner::Answer(nowhere))).unwrap_err().to_string();
        assert!(refusal.contains("server `c`"), "{refusal}");
        rig.close();
    });
}

const PATIENCE: Duration = Duration::from_secs(5);

pub fn at(host: Host) -> SocketAddr {
    SocketAddr::new(host.ip, SIP_PORT)
}

/// Code (of a response) and fate of the messages of a call, each once.
pub fn fates(seen: &[Observed], call: u32) -> Vec<(Option<u16>, Fate)> {
    let of_call = seen.iter().filter_map(|observed| match observed {
        Observed::Sip(fact) => match &fact.message {
            SipMessage::Read(message) if message.call_id == call.to_string() => Some((code(message), fact.fate)),
            _ => None,
        },
        _ => None,
    });
    of_call.collect()
}

fn code(message: &SipSummary) -> Option<u16> {
    match message.start {
        SipStart::Response { code, .. } => Some(code),
        SipStart::Request { .. } => None,
    }
}

/// A server that agrees to whatever it is asked, by datagrams and in connections, until the process ends.
pub fn serve(host: Host) {
    let (udp, tcp) = hosts::in_host(host.namespace, move || {
        (UdpSocket::bind(at(host)).unwrap(), TcpListener::bind(at(host)).unwrap())
    });
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = udp.recv_from(&mut buffer) {
            udp.send_to(&agreement(&buffer[..len]), from).unwrap();
        }
    });
    thread::spawn(move || {
        while let Ok((mut stream, _)) = tcp.accept() {
            thread::spawn(move || {
                let mut buffer = [0; 2048];
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    stream.write_all(&agreement(&buffer[..len])).unwrap();
                }
            });
        }
    });
}

/// The 200 to a request that came in one piece.
fn agreement(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let repeated = ["Via", "From", "To", "Call-ID", "CSeq"];
    let repeated = text.lines().filter(|line| line.split(':').next().is_some_and(|name| repeated.contains(&name)));
    let head: String = repeated.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n").into_bytes()
}

/// Sends a datagram from a connected socket, which hears of errors, and waits for the answer.
pub fn ask(from: Host, to: Host, request: &str) -> io::Result<String> {
    ask_within(from, to, request, PATIENCE)
}

/// The same, with another patience.
pub fn ask_within(from: Host, to: Host, request: &str, patience: Duration) -> io::Result<String> {
    let socket = hosts::in_host(from.namespace, move || UdpSocket::bind(SocketAddr::new(from.ip, 0)))?;
    socket.set_read_timeout(Some(patience))?;
    socket.connect(at(to))?;
    socket.send(request.as_bytes())?;
    let mut buffer = [0; 2048];
    let len = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
}

pub fn connect(from: Host, to: Host) -> io::Result<TcpStream> {
    let stream = hosts::in_host(from.namespace, move || TcpStream::connect_timeout(&at(to), PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a request in a connection and waits for the answer, which has no body.
pub fn call(mut stream: &TcpStream, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut buffer = [0; 2048];
        match stream.read(&mut buffer)? {
            0 => break,
            len => answer.extend_from_slice(&buffer[..len]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
