//! Servers of a cluster on virtual time, and phones that say what a test has them say, on a network without delay.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::super::{Registrar, RegistrarInput, RegistrarOutput, RegistrarSpec};
use crate::{
    event::SipStart,
    wire::{
        aastra_xml::{Configuration, Object},
        http::{HttpRequest, HttpResponse, HttpUrl, ResponseReader},
        sip::{Message, address, build_request, build_response},
        stream::{Framed, Framer},
    },
};

pub const A: &str = "10.77.0.2:5060";
pub const B: &str = "10.77.0.3:5060";
/// Two phones.
pub const P1: &str = "10.77.0.11:5060";
pub const P2: &str = "10.77.0.12:5060";
pub const MAC: &str = "00085d770001";

pub fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A message that reached a phone.
#[derive(Debug)]
pub struct Arrived {
    pub at: Duration,
    pub from: SocketAddr,
    pub message: Message,
}

impl Arrived {
    /// Status code, or 0 for a request.
    pub fn code(&self) -> u16 {
        match self.message.start() {
            SipStart::Response { code, .. } => *code,
            SipStart::Request { .. } => 0,
        }
    }

    /// Method of a request, or empty.
    pub fn method(&self) -> &str {
        match self.message.start() {
            SipStart::Request { method, .. } => method,
            SipStart::Response { .. } => "",
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.message.header(name).unwrap_or_default()
    }

    /// The settings in its body.
    pub fn settings(&self) -> Configuration {
        settings(self.message.body())
    }
}

pub fn settings(document: &[u8]) -> Configuration {
    match Object::parse(document) {
        Ok(Object::Configuration(configuration)) => configuration,
        other => panic!("{other:?}"),
    }
}

pub struct Net {
    pub now: Duration,
    pub servers: BTreeMap<SocketAddr, Registrar>,
    /// Servers that the others do not reach.
    pub cut: BTreeSet<SocketAddr>,
    /// What reached phones by datagram.
    inbox: Vec<(SocketAddr, Arrived)>,
    streams: BTreeMap<(SocketAddr, u32), Vec<u8>>,
    pub closed: Vec<(SocketAddr, u32)>,
    conn: u32,
    cseq: u32,
}

/// Server a with users 1001 and 1002, whose home it is, and 1003 of b; PINs are the last digit four times.
pub fn spec(name: &str) -> RegistrarSpec {
    let users = BTreeMap::from(["1001", "1002", "1003"].map(|extension| {
        let home = if extension == "1003" { "b" } else { "a" };
        let pin = extension[3..].repeat(4);
        (extension, serde_json::json!({"password": format!("pw-{extension}"), "pin": pin, "home": home}))
    }));
    let members: Vec<_> =
        [("a", A), ("b", B)].map(|(name, address)| serde_json::json!({"name": name, "address": address})).into();
    let address = if name == "a" { A } else { B };
    serde_json::from_value(serde_json::json!({
        "name": name, "address": at(address).ip(), "domain": "bench.test", "users": users, "cluster": members,
        "algorithms": [], "seed": name.len() + usize::from(name.as_bytes()[0]),
    }))
    .unwrap()
}

impl Net {
    pub fn of(specs: impl IntoIterator<Item = RegistrarSpec>) -> Self {
        let servers = specs.into_iter().map(|spec| (spec.sip(), Registrar::new(spec)));
        Self {
            now: Duration::ZERO,
            servers: servers.collect(),
            cut: BTreeSet::new(),
            inbox: Vec::new(),
            streams: BTreeMap::new(),
            closed: Vec::new(),
            conn: 100,
            cseq: 0,
        }
    }

    /// Servers a and b as `change` leaves them.
    pub fn with(change: impl Fn(&mut RegistrarSpec)) -> Self {
        Self::of(["a", "b"].map(|name| {
            let mut spec = spec(name);
            change(&mut spec);
            spec
        }))
    }

    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn server(&self, server: &str) -> &Registrar {
        &self.servers[&at(server)]
    }

    /// Runs from deadline to deadline until that many seconds.
    pub fn run_to(&mut self, seconds: f64) {
        let end = Duration::from_secs_f64(seconds);
        while let Some(due) = self.servers.values().filter_map(Registrar::poll_deadline).min().filter(|due| *due <= end)
        {
            self.now = self.now.max(due);
            for address in self.servers.keys().copied().collect::<Vec<_>>() {
                self.give(address, RegistrarInput::Timeout);
            }
        }
        self.now = end;
    }

    /// Hands a server an input, and everything that follows from it at once.
    pub fn give(&mut self, to: SocketAddr, input: RegistrarInput) {
        let mut todo = VecDeque::from([(to, input)]);
        while let Some((own, input)) = todo.pop_front() {
            let Some(server) = self.servers.get_mut(&own) else { continue };
            server.handle(self.now, input);
            while let Some(output) = server.poll_output() {
                match output {
                    RegistrarOutput::SendDatagram { to, bytes } if at(P1).ip() <= to.ip() => {
                        let message = Message::parse(&bytes).unwrap();
                        self.inbox.push((to, Arrived { at: self.now, from: own, message }));
                    }
                    RegistrarOutput::SendDatagram { to, bytes } => {
                        if !self.cut.contains(&own) && !self.cut.contains(&to) {
                            todo.push_back((to, RegistrarInput::Datagram { from: own, bytes }));
                        }
                    }
                    RegistrarOutput::TcpSend { conn, bytes } => {
                        self.streams.entry((own, conn)).or_default().extend(bytes)
                    }
                    RegistrarOutput::TcpClose { conn } => self.closed.push((own, conn)),
                }
            }
        }
    }

    /// A phone sends a datagram.
    pub fn send(&mut self, phone: &str, server: &str, bytes: Vec<u8>) {
        self.give(at(server), RegistrarInput::Datagram { from: at(phone), bytes });
    }

    /// What reached a phone since this was last asked.
    pub fn take(&mut self, phone: &str) -> Vec<Arrived> {
        let all = std::mem::take(&mut self.inbox);
        let (taken, left) = all.into_iter().partition(|(to, _)| *to == at(phone));
        self.inbox = left;
        Vec::into_iter(taken).map(|(_, arrived)| arrived).collect()
    }

    /// Messages that a server wrote to a connection since this was last asked.
    pub fn take_stream(&mut self, server: &str, conn: u32) -> Vec<Message> {
        let bytes = self.streams.remove(&(at(server), conn)).unwrap_or_default();
        let framed = Framer::default().push(&bytes).into_iter();
        framed
            .filter_map(|framed| match framed {
                Framed::Message(bytes) => Message::parse(&bytes).ok(),
                _ => None,
            })
            .collect()
    }

    /// A phone fetches something from a server's XML application.
    pub fn fetch(&mut self, server: &str, target: &str) -> HttpResponse {
        self.conn += 1;
        let (server, conn) = (at(server), self.conn);
        let url = HttpUrl::parse(&format!("http://{}{target}", server.ip())).unwrap();
        self.give(server, RegistrarInput::HttpAccepted { conn, from: at(P1) });
        self.give(server, RegistrarInput::TcpData { conn, bytes: HttpRequest::get(&url).to_bytes() });
        assert!(self.closed.contains(&(server, conn)));
        ResponseReader::default().push(&self.streams[&(server, conn)]).unwrap().unwrap()
    }

    /// As [`fetch`](Self::fetch), of what must be an XML object.
    pub fn object(&mut self, server: &str, target: &str) -> Object {
        Object::parse(&self.fetch(server, target).body).unwrap()
    }

    /// Registers an extension from a phone for a minute and returns the answer's code.
    pub fn register(&mut self, phone: &str, server: &str, extension: &str) -> u16 {
        let ask = Ask::new("REGISTER", "sip:bench.test", extension, extension);
        let ask = ask.contact(extension, phone).with("Expires", "60");
        self.ask(phone, server, ask).expect("an answer").code()
    }

    /// Sends a request and takes the last answer to it.
    pub fn ask(&mut self, phone: &str, server: &str, ask: Ask) -> Option<Arrived> {
        self.cseq += 1;
        let bytes = ask.print(phone, self.cseq);
        let call_id = ask.call_id.clone();
        self.send(phone, server, bytes);
        self.take(phone).into_iter().rfind(|arrived| arrived.code() > 0 && arrived.header("Call-ID") == call_id)
    }

    /// Dials a code and returns everything that reached the phone for it.
    pub fn dial(&mut self, phone: &str, server: &str, caller: &str, code: &str) -> Vec<Arrived> {
        self.cseq += 1;
        let uri = format!("sip:{code}@{}", at(server).ip());
        let ask = Ask::new("INVITE", &uri, caller, code).contact(caller, phone).call(&format!("code-{}", self.cseq));
        self.send(phone, server, ask.print(phone, self.cseq));
        self.take(phone)
    }
}

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    uri: String,
    from: String,
    to: String,
    call_id: String,
    branch: Option<String>,
    via: Option<String>,
    more: Vec<(String, String)>,
}

impl Ask {
    pub fn new(method: &str, uri: &str, from: &str, to: &str) -> Self {
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            from: format!("<sip:{from}@bench.test>;tag=f-{from}"),
            to: format!("<sip:{to}@bench.test>"),
            call_id: format!("{method}-{from}-{to}"),
            branch: None,
            via: None,
            more: Vec::new(),
        }
    }

    pub fn contact(self, user: &str, phone: &str) -> Self {
        self.with("Contact", &format!("<sip:{user}@{phone}>"))
    }

    pub fn call(mut self, call_id: &str) -> Self {
        call_id.clone_into(&mut self.call_id);
        self
    }

    pub fn branch(mut self, branch: &str) -> Self {
        self.branch = Some(format!("z9hG4bK{branch}"));
        self
    }

    /// Another Via than that of the sender over UDP.
    pub fn via(mut self, via: &str) -> Self {
        self.via = Some(via.to_owned());
        self
    }

    /// `To` as an answer had it.
    pub fn to(mut self, to: &str) -> Self {
        to.clone_into(&mut self.to);
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.more.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn print(&self, phone: &str, cseq: u32) -> Vec<u8> {
        let branch = self.branch.clone().unwrap_or_else(|| format!("z9hG4bK{cseq}"));
        let via = self.via.clone().unwrap_or_else(|| format!("SIP/2.0/UDP {phone};branch={branch}"));
        let cseq = format!("{cseq} {}", self.method);
        let mut headers = vec![
            ("Via", via.as_str()),
            ("From", &self.from),
            ("To", &self.to),
            ("Call-ID", &self.call_id),
            ("CSeq", &cseq),
        ];
        headers.extend(self.more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        build_request(&self.method, &self.uri, &headers, b"").unwrap()
    }
}

/// An answer to a request that reached a phone, with a tag of its own.
pub fn respond(request: &Message, code: u16) -> Vec<u8> {
    let to = request.header("To").unwrap();
    let to = if address::tag(to).is_some() { to.to_owned() } else { format!("{to};tag=callee") };
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for name in ["Via", "Record-Route"] {
        headers.extend(request.headers(name).map(|value| (name, value)));
    }
    for name in ["From", "Call-ID", "CSeq"] {
        headers.push((name, request.header(name).unwrap()));
    }
    headers.extend([("To", to.as_str()), ("Contact", "<sip:callee@10.77.0.12:5060>")]);
    build_response(code, "Said", &headers, b"").unwrap()
}
