//! A simulated registrar (RFC 3261 section 10.3) with digest authentication. Sans-IO, like the simulated phone.
//!
//! Not here: sockets ([`shell`]), proxying, calls.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::Duration,
};

mod binding;
mod guard;
mod io;
pub mod shell;
pub mod spec;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use io::{RegistrarInput, RegistrarOutput};
pub use spec::{DigestAlgorithm, RegistrarDefect, RegistrarSpec};

use self::{
    binding::{Change, Refused},
    guard::{Guard, Pass},
};
use super::random::Random;
use crate::{
    event::SipStart,
    wire::{
        sip::{Message, address_of_record, build_response},
        stream::{Framed, Framer},
    },
};

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Datagram,
    Connection(u32),
}

/// An answer in the making.
struct Answer {
    code: u16,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    const fn bare(code: u16) -> Self {
        Self { code, headers: Vec::new() }
    }
}

/// A simulated registrar.
#[derive(Debug)]
pub struct Registrar {
    spec: RegistrarSpec,
    guard: Guard,
    random: Random,
    bindings: BTreeMap<String, Vec<Binding>>,
    connections: BTreeMap<u32, (SocketAddr, Framer)>,
    outputs: VecDeque<RegistrarOutput>,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(spec: RegistrarSpec) -> Self {
        Self {
            guard: Guard::new(&spec),
            random: Random::new(spec.seed),
            bindings: BTreeMap::new(),
            connections: BTreeMap::new(),
            outputs: VecDeque::new(),
            spec,
        }
    }

    /// What it is.
    pub fn spec(&self) -> &RegistrarSpec {
        &self.spec
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: RegistrarInput) {
        self.bindings.retain(|_, bindings| {
            bindings.retain(|binding| binding.expires_at > now);
            !bindings.is_empty()
        });
        match input {
            RegistrarInput::Datagram { from, bytes } => self.message(now, &bytes, from, Way::Datagram),
            RegistrarInput::TcpAccepted { conn, from } => {
                self.connections.insert(conn, (from, Framer::default()));
            }
            RegistrarInput::TcpData { conn, bytes } => {
                let Some((from, framer)) = self.connections.get_mut(&conn) else { return };
                let from = *from;
                for framed in framer.push(&bytes) {
                    match framed {
                        Framed::Message(bytes) => self.message(now, &bytes, from, Way::Connection(conn)),
                        Framed::KeepAlive => {}
                        Framed::Garbage { .. } => {
                            self.connections.remove(&conn);
                            return self.outputs.push_back(RegistrarOutput::TcpClose { conn });
                        }
                    }
                }
            }
            RegistrarInput::TcpClosed { conn } => {
                self.connections.remove(&conn);
            }
            RegistrarInput::Timeout => {}
        }
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<RegistrarOutput> {
        self.outputs.pop_front()
    }

    /// When it wants [`RegistrarInput::Timeout`]: the end of the binding that ends first.
    pub fn poll_deadline(&self) -> Option<Duration> {
        self.bindings.values().flatten().map(|binding| binding.expires_at).min()
    }

    /// Bindings by extension, those that ended since the last input included.
    pub fn bindings(&self) -> &BTreeMap<String, Vec<Binding>> {
        &self.bindings
    }

    fn message(&mut self, now: Duration, bytes: &[u8], from: SocketAddr, way: Way) {
        if self.has(&RegistrarDefect::Silent) {
            return;
        }
        let Ok(message) = Message::parse(bytes) else { return };
        let SipStart::Request { method, .. } = message.start() else { return };
        let answer = match method.as_str() {
            "ACK" => return,
            "REGISTER" => self.register(now, &message, from),
            "OPTIONS" => Answer { code: 200, headers: vec![("Allow", "OPTIONS, REGISTER".to_owned())] },
            _ => Answer { code: 405, headers: vec![("Allow", "OPTIONS, REGISTER".to_owned())] },
        };
        let Some(bytes) = self.print(&message, from, answer) else { return };
        self.outputs.push_back(match way {
            Way::Datagram => RegistrarOutput::SendDatagram { to: from, bytes },
            Way::Connection(conn) => RegistrarOutput::TcpSend { conn, bytes },
        });
    }

    fn register(&mut self, now: Duration, message: &Message, from: SocketAddr) -> Answer {
        if let Some(code) = self.rejects() {
            return Answer::bare(code);
        }
        let account = message.header("To").and_then(address_of_record);
        let Some((extension, host)) = account else { return Answer::bare(400) };
        let ours = host == self.spec.domain || host == self.spec.address.to_string();
        let Some(password) = self.spec.users.get(&extension).filter(|_| ours) else { return Answer::bare(404) };
        match self.guard.check(now, message, &extension, password) {
            Pass::Welcome => {}
            Pass::Challenge(challenges) => {
                let headers = challenges.into_iter().map(|challenge| ("WWW-Authenticate", challenge)).collect();
                return Answer { code: 401, headers };
            }
            Pass::Wrong => return Answer::bare(403),
        }
        let change = match Change::read(message, &self.spec) {
            Ok(change) => change,
            Err(Refused::TooBrief) => {
                let least = self.spec.min_expires.as_secs();
                return Answer { code: 423, headers: vec![("Min-Expires", least.to_string())] };
            }
            Err(Refused::Code(code)) => return Answer::bare(code),
        };
        let mut bindings = self.bindings.get(&extension).cloned().unwrap_or_default();
        if let Err(code) = change.apply(&mut bindings, now, from) {
            return Answer::bare(code);
        }
        let headers = if self.has(&RegistrarDefect::NoContactIn200) {
            Vec::new()
        } else {
            bindings.iter().map(|binding| ("Contact", binding.contact_header(now))).collect()
        };
        if !self.has(&RegistrarDefect::Forgets) {
            if bindings.is_empty() {
                self.bindings.remove(&extension);
            } else {
                self.bindings.insert(extension, bindings);
            }
        }
        Answer { code: 200, headers }
    }

    fn print(&mut self, request: &Message, from: SocketAddr, answer: Answer) -> Option<Vec<u8>> {
        let vias: Vec<&str> = request.headers("Via").collect();
        let (top, below) = vias.split_first()?;
        let top = received(top, from);
        let to = request.header("To")?;
        let tag = self.random.token();
        let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
        let mut headers = vec![("Via", top.as_str())];
        headers.extend(below.iter().map(|via| ("Via", *via)));
        headers.extend([
            ("From", request.header("From")?),
            ("To", &to),
            ("Call-ID", request.header("Call-ID")?),
            ("CSeq", request.header("CSeq")?),
        ]);
        headers.extend(answer.headers.iter().map(|(name, value)| (*name, value.as_str())));
        let server = format!("siprig virtual registrar {}", self.spec.name);
        headers.push(("Server", &server));
        build_response(answer.code, reason(answer.code), &headers, b"").ok()
    }

    fn has(&self, defect: &RegistrarDefect) -> bool {
        self.spec.defects.contains(defect)
    }

    fn rejects(&self) -> Option<u16> {
        self.spec.defects.iter().find_map(|defect| match defect {
            RegistrarDefect::Reject(code) => Some(*code),
            _ => None,
        })
    }
}

/// The topmost Via with the address that the request really came from (RFC 3581 section 4).
fn received(via: &str, from: SocketAddr) -> String {
    let mut parts: Vec<String> = via.split(';').map(|part| part.trim().to_owned()).collect();
    if let Some(rport) = parts.iter_mut().find(|part| part.eq_ignore_ascii_case("rport")) {
        *rport = format!("rport={}", from.port());
        parts.push(format!("received={}", from.ip()));
    }
    parts.join(";")
}

const fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        423 => "Interval Too Brief",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        _ => "Refused",
    }
}

/// Runs a simulated registrar as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
