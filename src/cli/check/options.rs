//! Do the servers answer? OPTIONS (RFC 3261 section 11) from the probe address; any answer is a sign of life.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::Finding;
use crate::{
    config::{Bench, Server},
    wire::sip,
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
    match exchange(socket, address) {
        Ok(Some(answer)) => Finding::ok("server", format!("{called} answers: {answer}")),
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

/// Asks until something comes back from that address. None: nothing did.
fn exchange(socket: &UdpSocket, to: SocketAddr) -> io::Result<Option<String>> {
    let from = socket.local_addr()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 4096];
    for attempt in 1..=ASKED {
        let request = request(from, to, attempt).map_err(io::Error::other)?;
        socket.send_to(&request, to)?;
        match socket.recv_from(&mut buffer) {
            Ok((length, answerer)) if answerer.ip() == to.ip() => {
                let text = String::from_utf8_lossy(&buffer[..length]);
                return Ok(Some(text.lines().next().unwrap_or("").chars().take(60).collect()));
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
            server.send_to(b"SIP/2.0 405 Method Not Allowed\r\n\r\n", from).unwrap();
            buffer[..length].to_vec()
        });
        assert_eq!(exchange(&client, address).unwrap().as_deref(), Some("SIP/2.0 405 Method Not Allowed"));
        let asked = sip::Message::parse(&answering.join().unwrap()).unwrap();
        assert_eq!(asked.header("CSeq"), Some("1 OPTIONS"));
    }

    #[test]
    fn a_server_that_is_silent_is_asked_three_times() {
        let (server, client) = (socket(), socket());
        assert_eq!(exchange(&client, server.local_addr().unwrap()).unwrap(), None);
        server.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let asked = std::iter::from_fn(|| server.recv_from(&mut buffer).ok()).count();
        assert_eq!(asked, ASKED);
    }
}
