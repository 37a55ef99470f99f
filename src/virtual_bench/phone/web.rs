//! The web side of a simulated phone: its own page, whom it lets in, and what it fetches itself.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write as _,
    net::SocketAddr,
    time::Duration,
};

use super::{Colour, FIRMWARE, Phone, PhoneDefect, PhoneOutput, display::status_text, power::Power};
use crate::wire::http::{HttpError, HttpRequest, HttpResponse, HttpUrl, RequestReader, ResponseReader};

/// User of the web interface who may see everything (maker's guide, manualsbrain.com manual 989282, page 800).
pub const ADMIN: &str = "admin";
/// How long a server may take for an answer. Invented.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to the web interface that have not asked yet.
#[derive(Debug, Default)]
pub struct Visitors(BTreeMap<u32, (SocketAddr, RequestReader)>);

impl Visitors {
    /// Somebody connected.
    pub fn enter(&mut self, conn: u32, from: SocketAddr) {
        self.0.insert(conn, (from, RequestReader::default()));
    }

    /// A connection ended.
    pub fn leave(&mut self, conn: u32) {
        self.0.remove(&conn);
    }

    /// All connections, which are forgotten.
    pub fn clear(&mut self) -> impl Iterator<Item = u32> + use<> {
        std::mem::take(&mut self.0).into_keys()
    }

    /// Bytes came in: the request that they complete, if they do.
    pub fn received(&mut self, conn: u32, bytes: &[u8]) -> Option<(SocketAddr, Result<HttpRequest, HttpError>)> {
        let (from, reader) = self.0.get_mut(&conn)?;
        let (from, request) = (*from, reader.push(bytes)?);
        self.leave(conn);
        Some((from, request))
    }
}

/// What became of an address that was fetched.
#[derive(Debug)]
pub enum Fetched {
    /// An answer.
    Answer(HttpResponse),
    /// None that can be read, or none in time.
    Silence,
}

#[derive(Debug)]
struct Fetch {
    conn: u32,
    request: Vec<u8>,
    reader: ResponseReader,
    gives_up: Duration,
}

/// The HTTP client, which fetches one address at a time.
#[derive(Debug, Default)]
pub struct Browser(Option<Fetch>);

impl Browser {
    /// When it gives up.
    pub fn next_due(&self) -> Option<Duration> {
        self.0.as_ref().map(|fetch| fetch.gives_up)
    }

    /// It is the connection that it waits on.
    pub fn has(&self, conn: u32) -> bool {
        self.0.as_ref().is_some_and(|fetch| fetch.conn == conn)
    }

    /// Begins to fetch; what was under way is dropped.
    fn start(
        &mut self,
        conn: u32,
        to: SocketAddr,
        request: &HttpRequest,
        now: Duration,
        outputs: &mut VecDeque<PhoneOutput>,
    ) {
        outputs.extend(self.stop().map(|conn| PhoneOutput::TcpClose { conn, abort: true }));
        outputs.push_back(PhoneOutput::TcpConnect { conn, to });
        let reader = ResponseReader::default();
        self.0 = Some(Fetch { conn, request: request.to_bytes(), reader, gives_up: now + FETCH_TIMEOUT });
    }

    /// Drops what is under way; the connection to close.
    pub fn stop(&mut self) -> impl Iterator<Item = u32> + use<> {
        self.0.take().map(|fetch| fetch.conn).into_iter()
    }

    /// A connection is open; says whether it is the one waited for.
    pub fn connected(&mut self, conn: u32, outputs: &mut VecDeque<PhoneOutput>) -> bool {
        let Some(fetch) = self.0.as_mut().filter(|fetch| fetch.conn == conn) else { return false };
        outputs.push_back(PhoneOutput::TcpSend { conn, bytes: std::mem::take(&mut fetch.request) });
        true
    }

    /// Bytes came in on its connection.
    pub fn received(&mut self, conn: u32, bytes: &[u8], outputs: &mut VecDeque<PhoneOutput>) -> Option<Fetched> {
        let answer = self.0.as_mut().filter(|fetch| fetch.conn == conn)?.reader.push(bytes)?;
        self.0 = None;
        outputs.push_back(PhoneOutput::TcpClose { conn, abort: false });
        Some(answer.map_or(Fetched::Silence, Fetched::Answer))
    }

    /// A connection ended.
    pub fn closed(&mut self, conn: u32) -> Option<Fetched> {
        let mut fetch = self.0.take_if(|fetch| fetch.conn == conn)?;
        Some(fetch.reader.end().map_or(Fetched::Silence, Fetched::Answer))
    }

    /// Gives up when it is time.
    pub fn run(&mut self, now: Duration, outputs: &mut VecDeque<PhoneOutput>) -> Option<Fetched> {
        let fetch = self.0.take_if(|fetch| fetch.gives_up <= now)?;
        outputs.push_back(PhoneOutput::TcpClose { conn: fetch.conn, abort: true });
        Some(Fetched::Silence)
    }
}

impl Phone {
    /// Answers a visitor.
    pub(super) fn visit(
        &mut self,
        now: Duration,
        from: SocketAddr,
        request: Result<HttpRequest, HttpError>,
    ) -> HttpResponse {
        let request = match request {
            Ok(request) => request,
            Err(error) => return error.response(),
        };
        match (request.method.as_str(), request.path().as_str()) {
            ("POST", "/") => self.pushed(now, from.ip(), &request.body),
            (_, "/") => HttpResponse::bare(405),
            ("GET", "/status.html") => match request.basic_auth() {
                Some((user, password)) if user == ADMIN && password == self.settings.admin_password => {
                    HttpResponse::new(200, "text/html; charset=utf-8", self.status_page())
                }
                _ => HttpResponse::who_are_you(&self.spec.product),
            },
            _ => HttpResponse::bare(404),
        }
    }

    /// What it calls itself as a client of the web: `Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP`.
    pub(super) fn web_agent(&self) -> String {
        let mac = self.spec.mac.to_string().replace(':', "-").to_uppercase();
        format!("{} MAC:{mac} V:{FIRMWARE}", self.spec.product.replace(' ', ""))
    }

    /// Fetches an address of the XML interface.
    pub(super) fn fetch(&mut self, now: Duration, address: &str) {
        let place = HttpUrl::parse(address).and_then(|url| Some((url.address()?, url)));
        let Some((to, url)) = place else {
            self.terminal.log(now, "xml", Colour::Red, "cannot fetch: no address that this phone can use");
            return self.display.notice("No answer from server");
        };
        let request = HttpRequest::get(&url).with("User-Agent", &self.web_agent());
        let conn = self.next_conn;
        self.next_conn += 1;
        self.terminal.log(now, "xml", Colour::Plain, format_args!("fetching from {}", to.ip()));
        self.display.notice("Please wait");
        self.browser.start(conn, to, &request, now, &mut self.outputs);
    }

    /// Whether anybody is let in: the phone is up.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.power, Power::NoLink | Power::Running)
    }

    /// The table that shows whether the backup is used (maker's guide, manualsdump.com manual 257254, page 33).
    fn status_page(&self) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html><head><title>{}</title></head><body>\n<h1>System Information</h1>\n\
             <h2>SIP Status</h2>\n<table>\n<tr><th>Line</th><th>SIP Account</th><th>Status</th>\
             <th>Backup Registrar Used?</th></tr>\n",
            escaped(&self.spec.product)
        );
        for (index, (account, line)) in self.accounts().iter().zip(&self.lines).enumerate() {
            let backup = if account.on_backup && !self.has(PhoneDefect::PageWrong) { "Yes" } else { "No" };
            let (name, status) = (escaped(&line.account().name()), status_text(account.status));
            // Writing to a String can not fail.
            let _ = writeln!(page, "<tr><td>{}</td><td>{name}</td><td>{status}</td><td>{backup}</td></tr>", index + 1);
        }
        page + "</table>\n</body></html>\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
