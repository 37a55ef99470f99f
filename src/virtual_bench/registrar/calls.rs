//! Calls: where they go, and the codes that are dialled.

use std::time::Duration;

use super::{
    Registrar,
    announcement::Bye,
    answer::{Answer, Asked, Way, local_tag},
    guard::Pass,
    requests::About,
    seating::{self, DialCode, Door},
};
use crate::wire::{
    aastra_xml::{CONTENT_TYPE, Configuration, Object},
    sip::{address, address_of_record, build_request},
};

/// Event of a NOTIFY that carries an XML object.
const XML_EVENT: &str = "aastra-xml";

impl Registrar {
    /// A request that may be for somebody else.
    pub(super) fn route(&mut self, now: Duration, asked: &Asked<'_>) {
        let inside = asked.dialog_tag().is_some();
        if inside && self.announcements.has(asked) {
            return self.within_announcement(now, asked);
        }
        if asked.method == "ACK" && asked.dialog_tag().as_ref() == Some(&local_tag(self.spec.seed, asked.message)) {
            // For a failure that was answered here.
            return;
        }
        let routes = self.proxy.routes_beyond(asked.message);
        let user = address_of_record(asked.uri).filter(|(_, host)| self.is_ours(host)).map(|(user, _)| user);
        let destination = match user {
            Some(user) => match DialCode::read(&user) {
                Some(code) => return self.code(now, asked, code),
                None => self.admit(now, asked, inside).and_then(|()| self.destination(now, asked, &user)),
            },
            None if inside => self.inside(asked, &routes),
            None => Err(Answer::bare(404)),
        };
        let onward = destination.and_then(|(uri, next)| {
            let bytes = self.proxy.onward(asked, &uri, &routes, next).map_err(Answer::bare)?;
            Ok((next, bytes))
        });
        match onward {
            // Who sent it over a connection does not repeat it.
            Ok((next @ Way::Datagram(_), bytes))
                if matches!(asked.way, Way::Connection(_)) && asked.method != "ACK" =>
            {
                let branch = self.proxy.branch(asked.message);
                let output = self.requests.send_on(now, next, asked.method, branch, bytes);
                self.outputs.push_back(output);
            }
            Ok((next, bytes)) => self.outputs.push_back(next.send(bytes)),
            // Nobody answers an ACK.
            Err(_) if asked.method == "ACK" => {}
            Err(answer) => self.answer(now, asked, &answer),
        }
    }

    /// Whether a call may be made: what is no call is answered, and who is not one of the cluster's servers may have to
    /// show credentials.
    fn admit(&self, now: Duration, asked: &Asked<'_>, inside: bool) -> Result<(), Answer> {
        if inside || matches!(asked.method, "ACK" | "CANCEL") {
            return Ok(());
        }
        if asked.method != "INVITE" {
            return Err(Answer::bare(405).with("Allow", super::ALLOW));
        }
        let fixed = self.spec.fixed.values().any(|place| place.ip() == asked.from.ip());
        if !self.spec.challenge_calls || fixed || self.cluster.peer_at(asked.from.ip()).is_some() {
            return Ok(());
        }
        let caller = asked.user_in("From").unwrap_or_default();
        let Some(user) = self.spec.users.get(&caller) else { return Err(Answer::bare(403)) };
        match self.guard.check(now, asked, "Proxy-Authorization", &caller, &user.password) {
            Pass::Welcome => Ok(()),
            Pass::Wrong => Err(Answer::bare(403)),
            Pass::Challenge(challenges) => Err(challenges
                .into_iter()
                .fold(Answer::bare(407), |answer, challenge| answer.with("Proxy-Authenticate", challenge))),
        }
    }

    /// Where a call to an extension goes: where that registered last, here or at another server. What another server
    /// sent goes to nobody but those who are registered here, so that no call goes round in circles.
    fn destination(&self, now: Duration, asked: &Asked<'_>, extension: &str) -> Result<(String, Way), Answer> {
        if let Some(place) = self.spec.fixed.get(extension) {
            return Ok((format!("sip:{extension}@{place}"), Way::Datagram(*place)));
        }
        let Some(user) = self.spec.users.get(extension) else { return Err(Answer::bare(404)) };
        let bindings = self.bindings.get(extension).into_iter().flatten();
        let reachable = bindings.filter_map(|binding| Some((self.open(binding.way())?, binding)));
        let here = reachable.max_by_key(|(_, binding)| binding.since);
        let from_peer = self.cluster.peer_at(asked.from.ip()).is_some();
        let there = self.cluster.elsewhere(now, extension).filter(|_| !from_peer);
        match (here, there) {
            (Some((way, binding)), there) if there.is_none_or(|(_, since)| since <= binding.since) => {
                Ok((binding.contact.clone(), way))
            }
            (_, Some((server, _))) => Ok((asked.uri.to_owned(), Way::Datagram(server))),
            _ => match self.cluster.likely(user).filter(|_| !from_peer) {
                Some(server) => Ok((asked.uri.to_owned(), Way::Datagram(server))),
                None => Err(Answer::bare(480)),
            },
        }
    }

    /// Where a request inside a dialog goes that passes through here.
    fn inside(&self, asked: &Asked<'_>, routes: &[&str]) -> Result<(String, Way), Answer> {
        let uri = asked.uri.to_owned();
        let Some(route) = routes.first() else {
            return self.way_to(asked.uri).map(|way| (uri, way)).ok_or_else(|| Answer::bare(404));
        };
        let server = address::place(address::uri(route)).filter(|place| self.cluster.peer_at(place.ip()).is_some());
        server.map(|server| (uri, Way::Datagram(server))).ok_or_else(|| Answer::bare(404))
    }

    /// How a phone's Contact is reached.
    fn way_to(&self, uri: &str) -> Option<Way> {
        let bindings = self.bindings.values().flatten();
        let bound = bindings.filter(|binding| binding.contact == uri).find_map(|binding| self.open(binding.way()));
        if bound.is_some() {
            return bound;
        }
        let place = address::place(uri)?;
        let uri = uri.to_ascii_lowercase();
        if uri.contains(";transport=tcp") || uri.contains(";transport=tls") {
            let mut connections = self.connections.iter().rev();
            return connections.find(|(_, (peer, _))| peer.ip() == place.ip()).map(|(conn, _)| Way::Connection(*conn));
        }
        Some(Way::Datagram(place))
    }

    /// A way, unless it is a connection that is gone.
    fn open(&self, way: Way) -> Option<Way> {
        match way {
            Way::Connection(conn) if !self.connections.contains_key(&conn) => None,
            way => Some(way),
        }
    }

    fn within_announcement(&mut self, now: Duration, asked: &Asked<'_>) {
        match asked.method {
            "ACK" => self.announcements.acknowledged(now, asked),
            "BYE" => {
                self.announcements.ended(asked);
                self.answer(now, asked, &Answer::bare(200));
            }
            // It lasts for a moment; nothing about it is up for change.
            _ => self.answer(now, asked, &Answer::bare(488)),
        }
    }

    /// A code was dialled.
    fn code(&mut self, now: Duration, asked: &Asked<'_>, code: DialCode) {
        let repeat = self.announcements.answer_to(asked);
        match asked.method {
            "INVITE" if repeat.is_some() => self.outputs.extend(repeat),
            "INVITE" => self.confirm(now, asked, code),
            "ACK" => {}
            "CANCEL" => {
                // What was answered already is not cancelled (RFC 3261 section 9.2).
                let code = if repeat.is_some() { 200 } else { 481 };
                self.answer(now, asked, &Answer::bare(code));
            }
            _ => self.answer(now, asked, &Answer::bare(405).with("Allow", super::ALLOW)),
        }
    }

    fn confirm(&mut self, now: Duration, asked: &Asked<'_>, code: DialCode) {
        let parts = (asked.way_back(), asked.message.header("Call-ID"), asked.message.header("From"));
        let (Some((way, uri)), Some(call_id), Some(from)) = parts else {
            return self.answer(now, asked, &Answer::bare(400));
        };
        let caller = asked.user_in("From").unwrap_or_default();
        // A phone where nobody is logged on calls itself by its MAC.
        let terminal = seating::terminal(&caller)
            .or_else(|| self.cluster.seat_of(&caller).map(str::to_owned))
            .unwrap_or_else(|| address::place(&uri).unwrap_or(asked.from).ip().to_string());
        let configuration = match code {
            DialCode::LogOn { pin, extension } => {
                let who = (extension.as_str(), pin.as_str());
                seating::log_on(&self.spec, &mut self.cluster, Door::Code, who, &terminal)
            }
            DialCode::LogOff => {
                let caller = Some(caller.as_str()).filter(|caller| self.spec.users.contains_key(*caller));
                Some(seating::log_off(&self.spec, &mut self.cluster, &terminal, caller))
            }
        };
        let Some(configuration) = configuration else { return self.answer(now, asked, &Answer::bare(403)) };
        self.answer(now, asked, &Answer::bare(100));
        let tag = local_tag(self.spec.seed, asked.message);
        let answer = Answer {
            body: Some(("application/sdp", self.description())),
            ..Answer::bare(200).with("Contact", format!("<sip:{}>", self.spec.sip()))
        };
        let to = asked.message.header("To").unwrap_or_default();
        let bye = Bye {
            way,
            uri: uri.clone(),
            from: format!("{to};tag={tag}"),
            to: from.to_owned(),
            call_id: call_id.to_owned(),
        };
        if let Some(bytes) = self.print(asked, &answer) {
            self.later_or_now(now, asked.way.send(bytes.clone()));
            self.announcements.answered(now, asked, &tag, bytes, bye);
        }
        self.send_settings(now, way, &uri, configuration);
    }

    /// The least that is a session description (RFC 4566): one codec, and no sound either way.
    fn description(&self) -> String {
        let (address, kind) = (self.spec.address, if self.spec.address.is_ipv4() { "IP4" } else { "IP6" });
        format!(
            "v=0\r\no=- 0 0 IN {kind} {address}\r\ns=-\r\nc=IN {kind} {address}\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n\
             a=inactive\r\n"
        )
    }

    /// Hangs a confirmed call up.
    pub(super) fn hang_up(&mut self, now: Duration, bye: &Bye) {
        let headers = [("From", bye.from.as_str()), ("To", &bye.to), ("Call-ID", &bye.call_id), ("CSeq", "1 BYE")];
        self.request(now, bye.way, ("BYE", &bye.uri), &headers, &[], About::Nothing);
    }

    fn send_settings(&mut self, now: Duration, way: Way, uri: &str, configuration: Configuration) {
        let from = format!("<sip:{}@{}>;tag={}", self.spec.name, self.spec.domain, self.random.token());
        let (to, call_id) = (format!("<{uri}>"), self.random.token());
        let contact = format!("<sip:{}>", self.spec.sip());
        let headers = [
            ("From", from.as_str()),
            ("To", &to),
            ("Call-ID", &call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", &contact),
            ("Event", XML_EVENT),
            ("Content-Type", CONTENT_TYPE),
        ];
        let body = Object::Configuration(configuration).to_xml();
        self.request(now, way, ("NOTIFY", uri), &headers, body.as_bytes(), About::Nothing);
    }

    /// Sends a request of our own.
    pub(super) fn request(
        &mut self,
        now: Duration,
        way: Way,
        (method, uri): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
        about: About,
    ) {
        let branch = format!("z9hG4bK{}", self.random.token());
        let via = format!("SIP/2.0/{} {};branch={branch}", way.transport(), self.spec.sip());
        let all: Vec<_> =
            [("Via", via.as_str()), ("Max-Forwards", "70")].into_iter().chain(headers.iter().copied()).collect();
        if let Ok(bytes) = build_request(method, uri, &all, body) {
            let output = self.requests.send(now, way, branch, bytes, about);
            self.outputs.push_back(output);
        }
    }
}
