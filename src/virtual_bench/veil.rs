//! What makes a SIP connection of the virtual bench look like TLS from outside: records with the headers of TLS 1.3
//! (RFC 8446 section 5.1), the two hellos, and everything else as application data.
//!
//! It is no TLS. There are no keys and nothing is protected; no implementation of TLS would speak with it. The controller
//! shall see what it sees of phones whose signalling is encrypted, and read as little of it.

/// Record types (RFC 8446 section B.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Handshake types (RFC 8446 section B.3).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

const HEADER: usize = 5;

/// Most bytes of a record (RFC 8446 section 5.1).
const MOST: usize = 1 << 14;

/// Bytes of what a server sends behind its hello: extensions, certificate, signature, `Finished`.
const SERVER_FLIGHT: usize = 900;

/// Bytes of the client's `Finished` with a hash of 32, as a usual cipher makes it.
const FINISHED: usize = 4 + 32 + 1 + 16;

/// Every byte is turned by this, so that nothing that looks for SIP finds any.
const TURNED_BY: u8 = 0xa5;

/// One end of such a connection.
#[derive(Debug)]
pub struct Veil {
    stage: Stage,
    received: Vec<u8>,
    /// What goes out ahead of everything else.
    flight: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A client's hello is out.
    Offered,
    /// A server waits for a hello.
    Waiting,
    /// A server's hello is out.
    TakenUp,
    Open,
}

/// What came of received bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unveiled {
    /// From now on the other end can be spoken with.
    pub opened: bool,
    /// What the other end said.
    pub said: Vec<u8>,
}

impl Veil {
    /// The end that opened the connection.
    pub fn client() -> Self {
        Self { stage: Stage::Offered, received: Vec::new(), flight: hello(CLIENT_HELLO) }
    }

    /// The end that the connection was opened to.
    pub const fn server() -> Self {
        Self { stage: Stage::Waiting, received: Vec::new(), flight: Vec::new() }
    }

    /// Whether bytes at the beginning of a connection ask for one that looks like TLS.
    pub fn is_asked_for(bytes: &[u8]) -> bool {
        bytes.first() == Some(&HANDSHAKE)
    }

    /// Whether something waits to be sent, whatever is said.
    pub const fn has_flight(&self) -> bool {
        !self.flight.is_empty()
    }

    /// What goes out for the next thing that is said, which may be nothing.
    pub fn hide(&mut self, said: &[u8]) -> Vec<u8> {
        let mut out = std::mem::take(&mut self.flight);
        for part in said.chunks(MOST) {
            out.extend(record(APPLICATION_DATA, &turned(part)));
        }
        out
    }

    /// Takes in what came.
    pub fn take(&mut self, bytes: &[u8]) -> Unveiled {
        self.received.extend_from_slice(bytes);
        let mut unveiled = Unveiled::default();
        while let Some((kind, body)) = self.next_record() {
            match (self.stage, kind) {
                (Stage::Waiting, HANDSHAKE) => {
                    self.stage = Stage::TakenUp;
                    let rest = record(APPLICATION_DATA, &[0; SERVER_FLIGHT]);
                    self.flight = [hello(SERVER_HELLO), record(CHANGE_CIPHER_SPEC, &[1]), rest].concat();
                }
                (Stage::Offered, APPLICATION_DATA) => {
                    let finished = record(APPLICATION_DATA, &[0; FINISHED]);
                    self.flight = [record(CHANGE_CIPHER_SPEC, &[1]), finished].concat();
                    self.stage = Stage::Open;
                    unveiled.opened = true;
                }
                (Stage::TakenUp, APPLICATION_DATA) => {
                    self.stage = Stage::Open;
                    unveiled.opened = true;
                }
                (Stage::Open, APPLICATION_DATA) => unveiled.said.extend(turned(&body)),
                _ => {}
            }
        }
        unveiled
    }

    fn next_record(&mut self) -> Option<(u8, Vec<u8>)> {
        let [kind, _, _, high, low, ..] = *self.received.as_slice() else { return None };
        let end = HEADER + usize::from(u16::from_be_bytes([high, low]));
        let body = self.received.get(HEADER..end)?.to_vec();
        self.received.drain(..end);
        Some((kind, body))
    }
}

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ TURNED_BY).collect()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &(body.len() as u16).to_be_bytes()[..], body].concat()
}

/// A hello that offers TLS 1.3, or chooses it (RFC 8446 sections 4.1.2, 4.1.3 and 4.2.1).
fn hello(kind: u8) -> Vec<u8> {
    const CIPHER: [u8; 2] = [0x13, 0x01];
    const VERSION: [u8; 2] = [3, 4];
    let (ciphers, versions) = match kind {
        CLIENT_HELLO => ([&[0, 2][..], &CIPHER, &[1, 0]].concat(), [&[2][..], &VERSION].concat()),
        _ => ([&CIPHER[..], &[0]].concat(), VERSION.to_vec()),
    };
    let extension = [&[0, 43, 0, versions.len() as u8][..], &versions].concat();
    let extensions = [&(extension.len() as u16).to_be_bytes()[..], &extension].concat();
    let body = [&[3, 3][..], &[0x5a; 32], &[0], &ciphers, &extensions].concat();
    let length = (body.len() as u32).to_be_bytes();
    record(HANDSHAKE, &[&[kind], &length[1..], &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tls::{End, TlsConnection, TlsEvent};

    /// Both ends until neither has anything to say; what an onlooker sees of it.
    fn speak(
        client: &mut Veil,
        server: &mut Veil,
        onlooker: &mut TlsConnection,
        said: &[u8],
    ) -> (Vec<u8>, Vec<String>) {
        let (mut heard, mut seen) = (Vec::new(), Vec::new());
        let mut look = |end, bytes: &[u8]| {
            onlooker.take(end, bytes, &mut |event: TlsEvent<'_>| seen.push(format!("{event:?}")));
        };
        let mut opened = client.stage == Stage::Open;
        loop {
            let out = if opened { client.hide(said) } else { client.hide(&[]) };
            look(End::Low, &out);
            heard.extend(server.take(&out).said);
            if opened {
                return (heard, seen);
            }
            let back = server.hide(&[]);
            look(End::High, &back);
            opened = client.take(&back).opened;
        }
    }

    #[test]
    fn an_onlooker_sees_tls_1_3_and_the_other_end_hears_what_is_said() {
        let (mut client, mut server, mut onlooker) = (Veil::client(), Veil::server(), TlsConnection::default());
        let (heard, seen) = speak(&mut client, &mut server, &mut onlooker, b"REGISTER sip:b SIP/2.0\r\n\r\n");
        assert_eq!(heard, b"REGISTER sip:b SIP/2.0\r\n\r\n");
        assert_eq!(seen, ["ClientHello { server_name: None }", "ServerHello", "Established"]);
        let long = vec![b'x'; MOST + 5];
        let (heard, seen) = speak(&mut client, &mut server, &mut onlooker, &long);
        assert_eq!((heard, seen), (long, vec!["Data".to_owned()]));
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let (mut client, mut server) = (Veil::client(), Veil::server());
        let out = client.hide(&[]);
        let (first, second) = out.split_at(7);
        assert!(Veil::is_asked_for(first));
        assert_eq!(server.take(first), Unveiled::default());
        server.take(second);
        assert!(server.has_flight());
        let back = server.hide(&[]);
        assert!(back.iter().any(|byte| client.take(&[*byte]).opened));
    }
}
