//! Captures written by hand: who said what to whom and when, and what the analysis makes of it.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use super::{document::*, *};
use crate::{
    config::{Mac, Role},
    verdict::Measurement,
    wire::frame::{Envelope, LinkType, TcpSegment},
};

mod calls;
mod dialogs;
mod moves;
mod refusals;
mod registrations;
mod transports;
mod waiting;

const PHONE: &str = "10.77.0.11:5060";
const A: &str = "10.77.0.2:5060";
const B: &str = "10.77.0.3:5060";

/// When the first frame of every capture came in.
const FIRST_NS: i64 = 1_790_000_000_000_000_000;

/// A capture under way. Times are milliseconds since its first frame.
struct Tape {
    analysis: Analysis,
    phone: SocketAddr,
    aor: String,
    contact: String,
    call_id: String,
    cseq: u32,
    vlan: Option<u16>,
}

impl Tape {
    /// Of a capture of which nothing is known.
    fn bare() -> Self {
        Self::with(Settings::default())
    }

    /// With the two servers in their roles.
    fn new() -> Self {
        Self::with(roles())
    }

    fn with(settings: Settings) -> Self {
        let mut tape = Self {
            analysis: Analysis::new(settings),
            phone: at(PHONE),
            aor: "1001@bench.test".to_owned(),
            contact: "sip:1001@10.77.0.11:5060".to_owned(),
            call_id: "one".to_owned(),
            cseq: 0,
            vlan: None,
        };
        // The first frame says nothing, so that times are those of the tests.
        tape.datagram(0.0, at("10.77.0.11:1"), at("10.77.0.2:2"), b"nothing");
        tape
    }

    fn frame(&mut self, ms: f64, bytes: &[u8], comment: Option<&str>) {
        let unix_ns = FIRST_NS + (ms * 1e6).round() as i64;
        let captured = Captured {
            unix_ns,
            link: LinkType::Ethernet,
            interface: 0,
            interface_name: None,
            original_len: bytes.len() as u32,
            bytes,
            comment: comment.map(Cow::Borrowed),
            offset: 0,
            len: 0,
        };
        self.analysis.take(&captured);
    }

    fn datagram(&mut self, ms: f64, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let frame = self.envelope().udp(from, to, payload);
        self.frame(ms, &frame, None);
    }

    fn envelope(&self) -> Envelope {
        Envelope::new(Mac([2, 0, 0, 0, 0, 11]), Mac([2, 0, 0, 0, 0, 2]), self.vlan)
    }

    /// A REGISTER of the next number with these further headers.
    fn request(&mut self, server: &str, headers: &str) -> Vec<u8> {
        self.cseq += 1;
        self.repeated(server, headers)
    }

    /// The last REGISTER again.
    fn repeated(&self, server: &str, headers: &str) -> Vec<u8> {
        let Self { aor, call_id, cseq, phone, .. } = self;
        let server = at(server).ip();
        format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {phone};branch=z9hG4bK{cseq}\r\nFrom: <sip:{aor}>;tag=t\r\n\
             To: <sip:{aor}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{headers}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    /// An answer to the last REGISTER.
    fn response(&self, status: &str, headers: &str) -> Vec<u8> {
        let Self { aor, call_id, cseq, phone, .. } = self;
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {phone};branch=z9hG4bK{cseq}\r\nFrom: <sip:{aor}>;tag=t\r\n\
             To: <sip:{aor}>;tag=s\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{headers}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn contact_header(&self, expires: u32) -> String {
        format!("Contact: <{}>;expires={expires}\r\n", self.contact)
    }

    /// A REGISTER with the line's contact.
    fn ask(&mut self, ms: f64, server: &str, expires: u32) {
        let headers = self.contact_header(expires);
        self.ask_for(ms, server, &headers);
    }

    /// A REGISTER with these headers.
    fn ask_for(&mut self, ms: f64, server: &str, headers: &str) {
        let bytes = self.request(server, headers);
        self.datagram(ms, self.phone, at(server), &bytes);
    }

    /// The last REGISTER with the line's contact once more.
    fn again(&mut self, ms: f64, server: &str, expires: u32) {
        let bytes = self.repeated(server, &self.contact_header(expires));
        self.datagram(ms, self.phone, at(server), &bytes);
    }

    /// An answer with these headers to the last REGISTER.
    fn answer(&mut self, ms: f64, server: &str, status: &str, headers: &str) {
        let bytes = self.response(status, headers);
        self.datagram(ms, at(server), self.phone, &bytes);
    }

    /// A 2xx that lists the line's contact.
    fn ok(&mut self, ms: f64, server: &str, expires: u32) {
        let headers = self.contact_header(expires);
        self.answer(ms, server, "200 OK", &headers);
    }

    /// REGISTER, challenge, REGISTER, 2xx.
    fn register(&mut self, ms: f64, server: &str, expires: u32) {
        self.ask(ms, server, expires);
        self.answer(ms + 1.0, server, "401 Unauthorized", "");
        self.ask(ms + 2.0, server, expires);
        self.ok(ms + 3.0, server, expires);
    }

    /// A frame that says nothing: the capture lasts until then.
    fn idle(&mut self, ms: f64) {
        self.datagram(ms, at("10.77.0.11:1"), at("10.77.0.2:2"), b"nothing");
    }

    fn finish(self) -> Findings {
        self.analysis.finish()
    }

    fn document(self) -> Document {
        self.finish().document
    }

    /// The only entry.
    fn phone(self) -> Phone {
        let mut phones = self.document().phones;
        assert_eq!(phones.len(), 1, "{phones:#?}");
        phones.remove(0)
    }

    /// The registrations of the only entry: server, from, until, how it ended, refreshes.
    fn registrations(self) -> Vec<(String, f64, Option<f64>, EndedBy, u32)> {
        let all = self.phone().registrations;
        all.into_iter().map(|it| (it.server.to_string(), it.from_ms, it.until_ms, it.ended_by, it.refreshes)).collect()
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    at(text).ip()
}

fn roles() -> Settings {
    let mut settings = Settings::default();
    settings.name_server(ip(A), Role::Primary);
    settings.name_server(ip(B), Role::Backup);
    settings
}

fn outage(text: &str) -> Settings {
    Settings { outages: vec![text.parse().unwrap()], ..roles() }
}

fn measured<'a>(phone: &'a Phone, name: &str) -> &'a Measurement {
    let found: Vec<&Measurement> = phone.measurements.iter().filter(|it| it.name == name).collect();
    assert_eq!(found.len(), 1, "{name}: {:#?}", phone.measurements);
    found[0]
}

fn names(phone: &Phone) -> Vec<&str> {
    phone.measurements.iter().map(|it| it.name.as_str()).collect()
}
