//! Messages of calls and subscriptions, for the tests of both.

use super::*;

/// A message; the rest is as usual.
#[derive(Clone, Copy)]
pub struct Line {
    server: &'static str,
    /// The phone asks; else the other end.
    ours: bool,
    status: Option<&'static str>,
    method: &'static str,
    cseq: u32,
    call: &'static str,
    inside: bool,
    headers: &'static str,
    body: &'static str,
    host: &'static str,
}

/// A request of the phone.
pub fn asks(server: &'static str, method: &'static str, cseq: u32) -> Line {
    Line {
        server,
        ours: true,
        status: None,
        method,
        cseq,
        call: "c1",
        inside: false,
        headers: "",
        body: "",
        host: "bench.test",
    }
}

/// An answer to the phone.
pub fn says(server: &'static str, status: &'static str, method: &'static str, cseq: u32) -> Line {
    Line { status: Some(status), ..asks(server, method, cseq) }
}

impl Line {
    /// It belongs to a dialog that stands.
    pub fn inside(self) -> Self {
        Self { inside: true, ..self }
    }

    /// The other end asks, and the phone answers.
    pub fn turned(self) -> Self {
        Self { ours: false, ..self }
    }

    pub fn of(self, call: &'static str) -> Self {
        Self { call, ..self }
    }

    pub fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    pub fn telling(self, body: &'static str) -> Self {
        Self { body, ..self }
    }

    /// Of the address of record at this host.
    pub fn at_host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn bytes(&self, call: &str) -> Vec<u8> {
        let Self { server, ours, status, method, cseq, inside, headers, body, host, .. } = *self;
        let first =
            status.map_or_else(|| format!("{method} sip:x@{} SIP/2.0", ip(server)), |it| format!("SIP/2.0 {it}"));
        let [from, to] = if ours { ["1001", "1002"] } else { ["1002", "1001"] };
        let to_tag = if inside || status.is_some() { ";tag=t" } else { "" };
        let length = body.len();
        format!(
            "{first}\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-{call}-{ours}-{method}-{cseq}\r\nFrom: <sip:{from}@{host}>;tag=f\r\n\
             To: <sip:{to}@{host}>{to_tag}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {length}\r\n\
             \r\n{body}",
            at(server),
        )
        .into_bytes()
    }
}

impl Tape {
    pub fn put(&mut self, ms: f64, line: Line) {
        self.put_of(ms, line, line.call);
    }

    /// With this `Call-ID`.
    pub fn put_of(&mut self, ms: f64, line: Line, call: &str) {
        let (from, to) = self.ends(&line);
        self.datagram(ms, from, to, &line.bytes(call));
    }

    /// An outage takes it.
    pub fn lose(&mut self, ms: f64, line: Line) {
        let (from, to) = self.ends(&line);
        let frame = self.envelope().udp(from, to, &line.bytes(line.call));
        let dropped = crate::wire::capture::Note::Dropped { outage: crate::event::OutageId(1) };
        self.frame(ms, &frame, Some(&dropped.to_string()));
    }

    fn ends(&self, line: &Line) -> (SocketAddr, SocketAddr) {
        let (phone, server) = (self.phone, at(line.server));
        if line.ours == line.status.is_none() { (phone, server) } else { (server, phone) }
    }

    /// A call of the phone that is picked up two seconds after `ms`, through a server; with a challenge ahead of it.
    pub fn call(&mut self, ms: f64, server: &'static str) {
        for (after, line) in [
            (0.0, asks(server, "INVITE", 1)),
            (1.0, says(server, "407 Proxy Authentication Required", "INVITE", 1)),
            (2.0, asks(server, "ACK", 1).inside()),
            (3.0, asks(server, "INVITE", 2)),
            (4.0, says(server, "100 Trying", "INVITE", 2)),
            (40.0, says(server, "180 Ringing", "INVITE", 2)),
            (2_000.0, says(server, "200 OK", "INVITE", 2)),
            (2_001.0, asks(server, "ACK", 2).inside()),
        ] {
            self.put(ms + after, line);
        }
    }
}
