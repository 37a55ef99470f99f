//! The client's side of RFC 2217: a serial line over Telnet (RFC 854), with its bit rate.
//!
//! Acknowledgements are taken when they come and never waited for by this module: servers leave some out, as for the
//! control lines of a port that has none.

/// Telnet's commands (RFC 854, RFC 855).
const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

/// Telnet's options: binary transmission (RFC 856), suppress go-ahead (RFC 858), and the port's (RFC 2217 section 2).
const BINARY: u8 = 0;
const SUPPRESS_GO_AHEAD: u8 = 3;
const COM_PORT: u8 = 44;

/// What of the port is set, by the client's numbers (RFC 2217 section 3); the server answers with 100 more.
const SET_BAUDRATE: u8 = 1;
const SET_DATASIZE: u8 = 2;
const SET_PARITY: u8 = 3;
const SET_STOPSIZE: u8 = 4;
const SET_CONTROL: u8 = 5;
const FROM_SERVER: u8 = 100;

/// A subnegotiation longer than this is garbage; what RFC 2217 knows is much shorter, but for a signature.
const MAX_SUBNEGOTIATION: usize = 256;

/// What the server says of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It lets the port be set.
    Granted,
    /// It does not: this is no RFC 2217 server.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Data,
    Command,
    Option(u8),
    Subnegotiation,
    SubnegotiationCommand,
}

/// One connection.
#[derive(Debug, Default)]
pub struct Client {
    state: State,
    subnegotiation: Vec<u8>,
    standing: Standing,
    baud: Option<u32>,
}

impl Client {
    /// What is sent first: what we can do, and how the port is to be set: 8 data bits, no parity, one stop bit, no flow
    /// control.
    pub fn greeting(baud: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for option in [BINARY, SUPPRESS_GO_AHEAD, COM_PORT] {
            bytes.extend([IAC, WILL, option]);
        }
        for option in [BINARY, SUPPRESS_GO_AHEAD] {
            bytes.extend([IAC, DO, option]);
        }
        set(&mut bytes, SET_BAUDRATE, &baud.to_be_bytes());
        for (what, value) in [(SET_DATASIZE, 8), (SET_PARITY, 1), (SET_STOPSIZE, 1), (SET_CONTROL, 1)] {
            set(&mut bytes, what, &[value]);
        }
        bytes
    }

    /// Takes bytes from the server: appends the line's own to `data`, and what must be answered to `replies`.
    pub fn take(&mut self, bytes: &[u8], data: &mut Vec<u8>, replies: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Data, IAC) => State::Command,
                (State::Data, byte) => {
                    data.push(byte);
                    State::Data
                }
                (State::Command, IAC) => {
                    data.push(IAC);
                    State::Data
                }
                (State::Command, DO | DONT | WILL | WONT) => State::Option(byte),
                (State::Command, SB) => {
                    self.subnegotiation.clear();
                    State::Subnegotiation
                }
                // Anything else is a command of one byte, or none that we know.
                (State::Command, _) => State::Data,
                (State::Option(command), option) => {
                    self.negotiate(command, option, replies);
                    State::Data
                }
                (State::Subnegotiation, IAC) => State::SubnegotiationCommand,
                (State::Subnegotiation, byte) => self.add(byte),
                (State::SubnegotiationCommand, IAC) => self.add(IAC),
                (State::SubnegotiationCommand, SE) => {
                    self.told();
                    State::Data
                }
                // A command within a subnegotiation: it was cut off.
                (State::SubnegotiationCommand, DO | DONT | WILL | WONT) => State::Option(byte),
                (State::SubnegotiationCommand, _) => State::Data,
            };
        }
    }

    /// Bytes of the line as they are sent.
    pub fn escaped(bytes: &[u8]) -> Vec<u8> {
        let mut escaped = Vec::with_capacity(bytes.len());
        escape(&mut escaped, bytes);
        escaped
    }

    /// What the server says of the port.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The bit rate that the server says it has set.
    pub fn baud(&self) -> Option<u32> {
        self.baud
    }

    fn add(&mut self, byte: u8) -> State {
        if self.subnegotiation.len() >= MAX_SUBNEGOTIATION {
            return State::Data;
        }
        self.subnegotiation.push(byte);
        State::Subnegotiation
    }

    fn negotiate(&mut self, command: u8, option: u8, replies: &mut Vec<u8>) {
        let ours = matches!(option, BINARY | SUPPRESS_GO_AHEAD | COM_PORT);
        match (command, option) {
            (DO, COM_PORT) => self.standing = Standing::Granted,
            (DONT, COM_PORT) => self.standing = Standing::Refused,
            // What we offered or asked for is answered by this; only what is new is to be refused (RFC 854).
            (DO, _) if !ours => replies.extend([IAC, WONT, option]),
            (WILL, _) if !ours => replies.extend([IAC, DONT, option]),
            _ => {}
        }
    }

    fn told(&mut self) {
        match self.subnegotiation.as_slice() {
            [COM_PORT, what, a, b, c, d] if *what == SET_BAUDRATE + FROM_SERVER => {
                self.standing = Standing::Granted;
                self.baud = Some(u32::from_be_bytes([*a, *b, *c, *d]));
            }
            [COM_PORT, ..] => self.standing = Standing::Granted,
            _ => {}
        }
    }
}

fn set(bytes: &mut Vec<u8>, what: u8, value: &[u8]) {
    bytes.extend([IAC, SB, COM_PORT, what]);
    escape(bytes, value);
    bytes.extend([IAC, SE]);
}

fn escape(into: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        into.push(byte);
        if byte == IAC {
            into.push(IAC);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(client: &mut Client, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut data, mut replies) = (Vec::new(), Vec::new());
        client.take(bytes, &mut data, &mut replies);
        (data, replies)
    }

    #[test]
    fn the_port_is_set_as_the_standard_writes_it() {
        let greeting = Client::greeting(65_535);
        let baud = [IAC, SB, 44, 1, 0, 0, 255, 255, 255, 255, IAC, SE];
        assert!(greeting.windows(baud.len()).any(|part| part == baud), "{greeting:?}");
        for part in [[IAC, SB, 44, 2, 8, IAC, SE], [IAC, SB, 44, 3, 1, IAC, SE], [IAC, SB, 44, 4, 1, IAC, SE]] {
            assert!(greeting.windows(part.len()).any(|found| found == part), "{greeting:?}");
        }
        assert!(greeting.windows(3).any(|part| part == [IAC, WILL, 44]));
    }

    #[test]
    fn every_byte_of_the_line_passes_however_it_is_cut() {
        let line: Vec<u8> = (0..=255).collect();
        let mut wire = Client::escaped(&line);
        wire.extend([IAC, DO, 44, IAC, SB, 44, 101, 0, 1, 0xc2, 0, IAC, SE, IAC, WILL, 1, IAC, DO, 31, IAC, 241, b'!']);
        for cut in 0..wire.len() {
            let mut client = Client::default();
            let (mut data, mut replies) = taken(&mut client, &wire[..cut]);
            let (more, answers) = taken(&mut client, &wire[cut..]);
            data.extend(more);
            replies.extend(answers);
            assert_eq!(data, [&line[..], b"!"].concat());
            assert_eq!(replies, [IAC, DONT, 1, IAC, WONT, 31]);
            assert_eq!((client.standing(), client.baud()), (Standing::Granted, Some(115_200)));
        }
    }

    #[test]
    fn a_server_that_refuses_is_known_and_garbage_swallows_no_more_than_a_subnegotiation() {
        let mut client = Client::default();
        assert_eq!(taken(&mut client, &[IAC, DONT, 44]), (vec![], vec![]));
        assert_eq!(client.standing(), Standing::Refused);
        let garbage = [&[IAC, SB][..], &[b'x'; 2 * MAX_SUBNEGOTIATION]].concat();
        let (data, _) = taken(&mut client, &garbage);
        assert!(data.len() >= MAX_SUBNEGOTIATION - 1, "{}", data.len());
    }
}
