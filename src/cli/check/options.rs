//! Do the servers answer? OPTIONS (RFC 3261 section 11) from the probe address; any answer is a sign of life.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::Finding;
use crate::{
    config::{Bench, Server},
    driver::clock::RunClock,
    event::ServerName,
    preflight::clocks::Offset,
    wire::{date, sip},
};

/// How often a server is asked, as a datagram may be lost.
const ASKED: usize = 3;
/// How long each answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is to be said about the servers.
pub(super) fn of_servers(bench: &Bench) -> Vec<Finding> {
    let all = "OPTIONS to the servers";
    let Some(probe) = bench.network.as_ref().and_then(|network| network.probe_address) else {
        return vec![Finding::skipped("server", all, "the bench file has no `probe-address`")];
    };
    match UdpSocket::bind(SocketAddr::new(probe.0, 0)) {
        Ok(socket) => bench.servers.iter().map(|server| ask(&socket, probe.0, server)).collect(),
        Err(error) => {
            let why = format!("this machine does not have {} now ({error}); a run joins the interfaces first", probe.0);
            vec![Finding::skipped("server", all, why)]
        }
    }
}

fn ask(socket: &UdpSocket, from: IpAddr, server: &Server) -> Finding {
    let port = server.sip_ports().first().copied().unwrap_or(5060);
    let address = server.addresses.iter().find(|address| address.is_ipv4() == from.is_ipv4());
    let Some(address) = address.map(|address| SocketAddr::new(*address, port)) else {
        let why = "it has no address of the family of the probe address";
        return Finding::skipped("server", format!("OPTIONS to server {}", server.name), why);
    };
    let called = format!("server {} at {address}", server.name);
    match exchange(socket, address, &RunClock::start()) {
        Ok(Some(answer)) => Finding::ok("server", format!("{called} answers: {}", answer.line)),
        Ok(None) => Finding::problem(
            "server",
            format!("{called} does not answer OPTIONS over UDP"),
            "is it running, and is the cable in? A server for TCP alone need not answer",
        ),
        Err(error) => {
            Finding::problem("server", format!("{called}: {error}"), "is the address in the bench file right?")
        }
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// Its first line.
    line: String,
    /// What it is dated with (RFC 3261 section 20.17), in seconds since the Unix epoch.
    date: Option<i64>,
    /// When it was asked for and when it came, in nanoseconds since then.
    asked_ns: i64,
    answered_ns: i64,
}

/// The clocks of the servers against this machine's, by the dates of their answers, or why nothing is known of them.
pub(super) fn clocks(bench: &Bench) -> Vec<(ServerName, Result<Offset, String>)> {
    let nobody = "no answer with a `Date` was seen";
    let from = bench.network.as_ref().and_then(|network| network.probe_address).map(|(address, _)| address);
    let socket = from.and_then(|from| UdpSocket::bind(SocketAddr::new(from, 0)).ok());
    let clock = RunClock::start();
    let look = |server: &Server| {
        let Some((socket, from)) = socket.as_ref().zip(from) else {
            return Err("this machine has no probe address to ask from".to_owned());
        };
        let address = server.addresses.iter().find(|address| address.is_ipv4() == from.is_ipv4());
        let address = address.ok_or("it has no address of the family of the probe address")?;
        let port = server.sip_ports().first().copied().unwrap_or(5060);
        match exchange(socket, SocketAddr::new(*address, port), &clock) {
            Ok(Some(Answer { date: Some(date), asked_ns, answered_ns, .. })) => {
                Ok(Offset::of_seconds(date, asked_ns, answered_ns))
            }
            Ok(Some(_)) => Err("its answer to OPTIONS has no `Date`".to_owned()),
            Ok(None) => Err(format!("{nobody}: it does not answer OPTIONS over UDP")),
            Err(error) => Err(format!("{nobody}: {error}")),
        }
    };
    bench.servers.iter().map(|server| (server.name.clone(), look(server))).collect()
}

/// Asks until something comes back from that address. None: nothing did.
fn exchange(socket: &UdpSocket, to: SocketAddr, clock: &RunClock) -> io::Result<Option<Answer>> {
    let from = socket.local_addr()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 4096];
    for attempt in 1..=ASKED {
        let request = request(from, to, attempt).map_err(io::Error::other)?;
        let asked = clock.now();
        socket.send_to(&request, to)?;
        match socket.recv_from(&mut buffer) {
            Ok((length, answerer)) if answerer.ip() == to.ip() => {
                let (asked_ns, answered_ns) = (clock.unix_ns(asked), clock.unix_ns(clock.now()));
                let text = String::from_utf8_lossy(&buffer[..length]);
                let line = text.lines().next().unwrap_or("").chars().take(60).collect();
                let message = sip::Message::parse(&buffer[..length]).ok();
                let date = message.and_then(|message| date::unix_seconds(message.header("Date")?));
                return Ok(Some(Answer { line, date, asked_ns, answered_ns }));
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn request(from: SocketAddr, to: SocketAddr, attempt: usize) -> Result<Vec<u8>, sip::BuildError> {
    let id = format!("{}-{attempt}", std::process::id());
    let uri = format!("sip:{to}");
    let via = format!("SIP/2.0/UDP {from};branch=z9hG4bK-{id};rport");
    let caller = format!("<sip:siprig@{}>;tag={id}", from.ip());
    let callee = format!("<{uri}>");
    let call_id = format!("{id}@{}", from.ip());
    let headers = [
        ("Via", via.as_str()),
        ("Max-Forwards", "70"),
        ("From", &caller),
        ("To", &callee),
        ("Call-ID", &call_id),
        ("CSeq", "1 OPTIONS"),
        ("User-Agent", "siprig"),
    ];
    sip::build_request("OPTIONS", &uri, &headers, b"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn socket() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    #[test]
    fn any_answer_is_a_sign_of_life() {
        let (server, client) = (socket(), socket());
        let address = server.local_addr().unwrap();
        let answering = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            let answer = b"SIP/2.0 405 Method Not Allowed\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n\r\n";
            server.send_to(answer, from).unwrap();
            buffer[..length].to_vec()
        });
        let answer = exchange(&client, address, &RunClock::start()).unwrap().unwrap();
        assert_eq!(answer.line, "SIP/2.0 405 Method Not Allowed");
        assert_eq!(answer.date, Some(1_289_690_940));
        assert!(answer.asked_ns <= answer.answered_ns);
        let asked = sip::Message::parse(&answering.join().unwrap()).unwrap();
        assert_eq!(asked.header("CSeq"), Some("1 OPTIONS"));
    }

    #[test]
    fn a_server_that_is_silent_is_asked_three_times() {
        let (server, client) = (socket(), socket());
        assert_eq!(exchange(&client, server.local_addr().unwrap(), &RunClock::start()).unwrap(), None);
        server.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let asked = std::iter::from_fn(|| server.recv_from(&mut buffer).ok()).count();
        assert_eq!(asked, ASKED);
    }
}
