//! A simulated server of a telephone exchange in the manner of MX-ONE: registrar, home location register with a limit,
//! proxy for calls, message waiting, free seating by key and by code; alone or with others as a cluster. Sans-IO, like the
//! simulated phone.
//!
//! SIP is as the RFCs have it. Of MX-ONE the public manuals tell what its users see: that several servers are one exchange
//! at any of which a phone can register, that `extension_registration_distribution` lets another server accept whom a
//! full one can not, the codes `*11*PIN*extension#` and `#11#`, the Log On/Off key, and that logging off at the backup
//! loses the primary. What goes over the wire for that is not public, and invented here: the addresses `/logon` and
//! `/logoff` of the XML application with their queries, the objects that answer them, the settings sent in a NOTIFY with
//! `Event: aastra-xml` beside the answered call, what a full server answers ([`WhenFull`]), and how the servers tell each
//! other of their users.
//!
//! Not here: sockets ([`shell`]), the command that its settings are changed by ([`maintenance`]), media.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    time::Duration,
};

mod announcement;
mod answer;
mod application;
mod binding;
mod calls;
mod cluster;
mod guard;
mod io;
pub mod maintenance;
mod mwi;
mod proxy;
mod register;
mod requests;
mod seating;
pub mod shell;
pub mod spec;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub use io::{RegistrarInput, RegistrarOutput};
pub use spec::{DigestAlgorithm, Member, RegistrarDefect, RegistrarSpec, User, WhenFull};

use self::{
    announcement::Announcements,
    answer::{Answer, Asked, Way, local_tag},
    cluster::Cluster,
    guard::Guard,
    mwi::{Notice, Subscriptions},
    proxy::Proxy,
    requests::{About, Requests},
};
use super::{random::Random, veil::Veil};
use crate::{
    event::SipStart,
    wire::{
        http::{HttpResponse, RequestReader},
        sip::{Message, Via},
        stream::{Framed, Framer},
    },
};

/// Where it tells over HTTP who is registered. Invented.
pub const LIST: &str = "/registrations";

/// Methods that are understood, for `Allow`.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE";

/// Most connections to the XML application whose request is not complete; more are closed at once.
const MOST_HTTP: usize = 256;

/// A simulated server.
#[derive(Debug)]
pub struct Registrar {
    spec: RegistrarSpec,
    guard: Guard,
    proxy: Proxy,
    cluster: Cluster,
    random: Random,
    bindings: BTreeMap<String, Vec<Binding>>,
    subscriptions: Subscriptions,
    announcements: Announcements,
    requests: Requests,
    connections: BTreeMap<u32, (SocketAddr, Framer)>,
    http: BTreeMap<u32, RequestReader>,
    /// SIP connections that look like TLS from outside.
    veils: BTreeMap<u32, Veil>,
    outputs: VecDeque<RegistrarOutput>,
    /// What a defect holds back, with the time when it goes out.
    held_back: VecDeque<(Duration, RegistrarOutput)>,
    /// It says nothing more, or never did.
    silent: bool,
}

impl Registrar {
    /// A server that knows of no phone.
    pub fn new(spec: RegistrarSpec) -> Self {
        Self {
            guard: Guard::new(&spec),
            proxy: Proxy { address: spec.sip(), secret: spec.seed },
            cluster: Cluster::new(&spec),
            random: Random::new(spec.seed),
            bindings: BTreeMap::new(),
            subscriptions: Subscriptions::new(spec.seed),
            announcements: Announcements::default(),
            requests: Requests::default(),
            connections: BTreeMap::new(),
            http: BTreeMap::new(),
            veils: BTreeMap::new(),
            outputs: VecDeque::new(),
            held_back: VecDeque::new(),
            silent: spec.defects.contains(&RegistrarDefect::Silent),
            spec,
        }
    }

    /// What it is.
    pub fn spec(&self) -> &RegistrarSpec {
        &self.spec
    }

    /// Takes in what happened. `now` counts from any zero that is common to all calls, and never goes back.
    pub fn handle(&mut self, now: Duration, input: RegistrarInput) {
        self.run(now);
        match input {
            RegistrarInput::Datagram { from, bytes } => self.message(now, &bytes, from, Way::Datagram(from)),
            RegistrarInput::TcpAccepted { conn, from } => {
                self.connections.insert(conn, (from, Framer::default()));
            }
            RegistrarInput::HttpAccepted { conn, .. } if self.http.len() >= MOST_HTTP => {
                self.outputs.push_back(RegistrarOutput::TcpClose { conn });
            }
            RegistrarInput::HttpAccepted { conn, .. } => {
                self.http.insert(conn, RequestReader::default());
            }
            RegistrarInput::TcpData { conn, bytes } if self.http.contains_key(&conn) => self.fetch(now, conn, &bytes),
            RegistrarInput::TcpData { conn, bytes } => match self.unveil(conn, &bytes) {
                Some(said) => self.stream(now, conn, &said),
                None => self.stream(now, conn, &bytes),
            },
            RegistrarInput::TcpClosed { conn } => {
                self.veils.remove(&conn);
                self.connections.remove(&conn);
                self.http.remove(&conn);
            }
            RegistrarInput::Timeout => {}
        }
        self.cluster.set_full(self.is_full());
        self.tell_the_others(now);
        self.run(now);
    }

    /// The next thing it does; call until there is none.
    pub fn poll_output(&mut self) -> Option<RegistrarOutput> {
        let mut output = self.outputs.pop_front()?;
        match &mut output {
            RegistrarOutput::TcpSend { conn, bytes } => {
                if let Some(veil) = self.veils.get_mut(conn) {
                    *bytes = veil.hide(bytes);
                }
            }
            RegistrarOutput::TcpClose { conn } => _ = self.veils.remove(conn),
            RegistrarOutput::SendDatagram { .. } => {}
        }
        Some(output)
    }

    /// When it wants [`RegistrarInput::Timeout`].
    pub fn poll_deadline(&self) -> Option<Duration> {
        let bindings = self.bindings.values().flatten().map(|binding| binding.expires_at).min();
        if self.silent {
            return bindings;
        }
        let held_back = self.held_back.front().map(|(at, _)| *at);
        let others = [self.subscriptions.deadline(), self.announcements.deadline(), self.requests.deadline()];
        others.into_iter().chain([bindings, held_back]).flatten().min()
    }

    /// Bindings by extension, those that ended since the last input included.
    pub fn bindings(&self) -> &BTreeMap<String, Vec<Binding>> {
        &self.bindings
    }

    /// Who is registered at it, a line for each contact: `1001 sip:1001@10.77.0.11:5060 expires 12`.
    pub fn list(&self, now: Duration) -> String {
        let all = self.bindings.iter().flat_map(|(extension, held)| held.iter().map(move |it| (extension, it)));
        let live = all.filter(|(_, binding)| binding.expires_at > now);
        let line = |(extension, binding): (&String, &Binding)| {
            let left = binding.expires_at.saturating_sub(now).as_secs();
            format!("{extension} {} expires {left}\n", binding.contact)
        };
        live.map(line).collect()
    }

    /// Whether registrations are distributed.
    pub fn distribution(&self) -> bool {
        self.spec.distribution
    }

    /// Has registrations distributed from now on, or not.
    pub fn distribute(&mut self, on: bool) {
        self.spec.distribution = on;
    }

    /// How many subscriptions to message waiting it holds.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.count()
    }

    /// The terminal at which a user is logged on by key or code, as far as this server knows: its MAC in twelve digits,
    /// or the IP address of a phone that did not tell it.
    pub fn seat_of(&self, extension: &str) -> Option<&str> {
        self.cluster.seat_of(extension)
    }

    /// Does what is due.
    fn run(&mut self, now: Duration) {
        self.bindings.retain(|_, bindings| {
            bindings.retain(|binding| binding.expires_at > now);
            !bindings.is_empty()
        });
        let falls_silent = |defect: &RegistrarDefect| matches!(defect, RegistrarDefect::SilentAfter(at) if *at <= now);
        self.silent |= self.spec.defects.iter().any(falls_silent);
        if self.silent {
            return;
        }
        while let Some((_, output)) = self.held_back.pop_front_if(|(at, _)| *at <= now) {
            self.outputs.push_back(output);
        }
        let (repeats, given_up) = self.requests.run(now);
        self.outputs.extend(repeats);
        for about in given_up {
            self.failed(&about);
        }
        let (repeats, byes) = self.announcements.run(now);
        self.outputs.extend(repeats);
        for bye in byes {
            self.hang_up(now, &bye);
        }
        for notice in self.subscriptions.run(now) {
            self.notify(now, &notice);
        }
    }

    /// What is said in a connection that looks like TLS; none if it is another one.
    fn unveil(&mut self, conn: u32, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.silent {
            return Some(Vec::new());
        }
        if Veil::is_asked_for(bytes) {
            self.veils.entry(conn).or_insert_with(Veil::server);
        }
        let veil = self.veils.get_mut(&conn)?;
        let unveiled = veil.take(bytes);
        if veil.has_flight() {
            self.outputs.push_back(RegistrarOutput::TcpSend { conn, bytes: Vec::new() });
        }
        Some(unveiled.said)
    }

    fn stream(&mut self, now: Duration, conn: u32, bytes: &[u8]) {
        let Some((from, framer)) = self.connections.get_mut(&conn) else { return };
        let from = *from;
        for framed in framer.push(bytes) {
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

    /// Bytes of a connection to the XML application.
    fn fetch(&mut self, now: Duration, conn: u32, bytes: &[u8]) {
        let Some(request) = self.http.get_mut(&conn).and_then(|reader| reader.push(bytes)) else { return };
        if self.silent {
            return;
        }
        let response = match request {
            Ok(request) if request.path() == LIST => HttpResponse::new(200, "text/plain", self.list(now)),
            Ok(request) => application::answer(&self.spec, &mut self.cluster, &request),
            Err(error) => error.response(),
        };
        self.http.remove(&conn);
        self.outputs.push_back(RegistrarOutput::TcpSend { conn, bytes: response.to_bytes() });
        self.outputs.push_back(RegistrarOutput::TcpClose { conn });
    }

    fn message(&mut self, now: Duration, bytes: &[u8], from: SocketAddr, way: Way) {
        if self.silent {
            return;
        }
        let Ok(message) = Message::parse(bytes) else { return };
        match message.start() {
            SipStart::Request { method, uri } => {
                self.asked(now, &Asked { message: &message, method, uri, from, way });
            }
            SipStart::Response { code, reason } => self.answered(&message, *code, reason),
        }
    }

    fn asked(&mut self, now: Duration, asked: &Asked<'_>) {
        let answer = match asked.method {
            "REGISTER" => self.register(now, asked),
            "OPTIONS" => Some(Answer::bare(200).with("Allow", ALLOW)),
            "PUBLISH" => Some(self.hear(now, asked)),
            "SUBSCRIBE" => {
                let mailbox = asked.user_in("To").filter(|user| self.spec.users.contains_key(user));
                let (answer, notice) = match mailbox {
                    Some(extension) => self.subscriptions.subscribe(now, asked, &extension),
                    None => (Answer::bare(404), None),
                };
                self.answer(now, asked, &answer);
                return notice.into_iter().for_each(|notice| self.notify(now, &notice));
            }
            _ => return self.route(now, asked),
        };
        if let Some(answer) = answer {
            self.answer(now, asked, &answer);
        }
    }

    /// A response came: to a request of our own, or to one that was passed on.
    fn answered(&mut self, message: &Message, code: u16, reason: &str) {
        let ours = message.headers("Via").next().and_then(Via::parse).is_some_and(|via| via.is_of(self.spec.sip()));
        if !ours {
            return;
        }
        if let Some((way, bytes)) = self.proxy.back(message, code, reason) {
            // A provisional answer is enough to an INVITE (RFC 3261 section 17.1.1.2).
            if let Some(branch) = message.via_branch().filter(|_| code >= 200 || message.summary().method == "INVITE") {
                self.requests.answered(branch);
            }
            return self.outputs.push_back(way.send(bytes));
        }
        let branch = message.via_branch().filter(|_| code >= 200);
        if let Some(about) = branch.and_then(|branch| self.requests.answered(branch))
            && code >= 300
        {
            self.failed(&about);
        }
    }

    /// A request of our own was refused, or nobody answered it.
    fn failed(&mut self, about: &About) {
        match about {
            About::Subscription(tag) => self.subscriptions.failed(tag),
            About::Nothing => {}
        }
    }

    /// Another server tells what it knows.
    fn hear(&mut self, now: Duration, asked: &Asked<'_>) -> Answer {
        let Some(peer) = self.cluster.peer_at(asked.from.ip()) else { return Answer::bare(403) };
        if asked.message.header("Event") != Some(cluster::EVENT) {
            return Answer::bare(489);
        }
        let news = String::from_utf8_lossy(asked.message.body());
        self.cluster.hear(now, peer, &news, |extension| self.spec.users.contains_key(extension));
        Answer::bare(200)
    }

    fn tell_the_others(&mut self, now: Duration) {
        let Some(news) = self.cluster.take_news().filter(|_| !self.silent) else { return };
        let peers: Vec<_> = self.cluster.peers().collect();
        for peer in peers {
            let from = format!("<sip:{}@{}>;tag={}", self.spec.name, self.spec.domain, self.random.token());
            let (uri, call_id) = (format!("sip:{peer}"), self.random.token());
            let to = format!("<{uri}>");
            let headers = [
                ("From", from.as_str()),
                ("To", &to),
                ("Call-ID", &call_id),
                ("CSeq", "1 PUBLISH"),
                ("Event", cluster::EVENT),
                ("Content-Type", "text/plain"),
            ];
            self.request(now, Way::Datagram(peer), ("PUBLISH", &uri), &headers, news.as_bytes(), About::Nothing);
        }
    }

    fn notify(&mut self, now: Duration, notice: &Notice) {
        let messages = self.spec.users.get(&notice.extension).map_or(0, |user| user.messages);
        let waiting = if messages > 0 { "yes" } else { "no" };
        let (name, domain) = (&notice.extension, &self.spec.domain);
        let body = format!(
            "Messages-Waiting: {waiting}\r\nMessage-Account: sip:{name}@{domain}\r\nVoice-Message: {messages}/0\r\n"
        );
        let (cseq, contact) = (format!("{} NOTIFY", notice.cseq), format!("<sip:{}>", self.spec.sip()));
        let headers = [
            ("From", notice.from.as_str()),
            ("To", &notice.to),
            ("Call-ID", &notice.call_id),
            ("CSeq", &cseq),
            ("Contact", &contact),
            ("Event", mwi::EVENT),
            ("Subscription-State", &notice.state),
            ("Content-Type", "application/simple-message-summary"),
        ];
        let about = About::Subscription(notice.tag.clone());
        self.request(now, notice.way, ("NOTIFY", &notice.uri), &headers, body.as_bytes(), about);
    }

    fn answer(&mut self, now: Duration, asked: &Asked<'_>, answer: &Answer) {
        if let Some(bytes) = self.print(asked, answer) {
            self.later_or_now(now, asked.way.send(bytes));
        }
    }

    fn print(&self, asked: &Asked<'_>, answer: &Answer) -> Option<Vec<u8>> {
        let server = format!("siprig virtual registrar {}", self.spec.name);
        answer::print(asked, answer, &local_tag(self.spec.seed, asked.message), &server)
    }

    fn later_or_now(&mut self, now: Duration, output: RegistrarOutput) {
        let late = self.spec.defects.iter().find_map(|defect| match defect {
            RegistrarDefect::AnswersLate(span) => Some(*span),
            _ => None,
        });
        match late {
            Some(span) => self.held_back.push_back((now + span, output)),
            None => self.outputs.push_back(output),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        host == self.spec.domain.to_ascii_lowercase() || self.cluster.has_host(host)
    }

    fn has(&self, defect: &RegistrarDefect) -> bool {
        self.spec.defects.contains(defect)
    }
}

/// Runs a simulated server as a process: see [`shell`].
pub fn main(spec_path: &Path) -> ExitCode {
    shell::main(spec_path)
}
