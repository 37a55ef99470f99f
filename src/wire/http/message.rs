//! Requests and responses.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{HttpUrl, url};

/// A request. Its `Debug` form leaves query, header values and body out, which may hold passwords and PINs.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// As written.
    pub method: String,
    /// Path and query, as written.
    pub target: String,
    /// Names and values, as written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A GET of that address.
    pub fn get(url: &HttpUrl) -> Self {
        Self::to(url, "GET", Vec::new())
    }

    /// A POST to that address.
    pub fn post(url: &HttpUrl, content_type: &str, body: Vec<u8>) -> Self {
        Self::to(url, "POST", body).with("Content-Type", content_type)
    }

    /// With one more header. Control characters in the value are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), plain(value)));
        self
    }

    /// With these credentials (RFC 7617).
    #[must_use]
    pub fn authorized(self, user: &str, password: &str) -> Self {
        self.with("Authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }

    /// The first value of a header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The path, without its escapes.
    pub fn path(&self) -> String {
        url::decoded(self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path))
    }

    /// The first value of that name in the query, without escapes; `+` is a space.
    pub fn query(&self, name: &str) -> Option<String> {
        url::query_value(self.target.split_once('?')?.1, name)
    }

    /// User and password of `Authorization: Basic`.
    pub fn basic_auth(&self) -> Option<(String, String)> {
        let (scheme, token) = self.header("Authorization")?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
        text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// As it goes out. `Content-Length` and `Connection: close` are set here.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = format!("{} {} HTTP/1.1", self.method, self.target);
        print(&start, &self.headers, &self.body)
    }

    fn to(url: &HttpUrl, method: &str, body: Vec<u8>) -> Self {
        let headers = vec![("Host".to_owned(), url.authority())];
        Self { method: method.to_owned(), target: url.target.clone(), headers, body }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// A response. Its `Debug` form leaves the body out, which may hold passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub code: u16,
    /// Names and values, as written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A response with a body.
    pub fn new(code: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { code, headers: Vec::new(), body: body.into() }.with("Content-Type", content_type)
    }

    /// A response whose body is its reason phrase.
    pub fn bare(code: u16) -> Self {
        Self::new(code, "text/plain", format!("{code} {}\r\n", reason(code)))
    }

    /// 401: whoever asks must come back with Basic credentials for this realm.
    pub fn who_are_you(realm: &str) -> Self {
        let realm = realm.replace(['"', '\\'], "");
        Self::bare(401).with("WWW-Authenticate", &format!("Basic realm=\"{realm}\""))
    }

    /// With one more header. Control characters in the value are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), plain(value)));
        self
    }

    /// The first value of a header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// As it goes out. `Content-Length` and `Connection: close` are set here.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = format!("HTTP/1.1 {} {}", self.code, reason(self.code));
        print(&start, &self.headers, &self.body)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("code", &self.code)
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

fn print(start: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{start}\r\n");
    let ours = |name: &str| name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("Connection");
    for (name, value) in headers.iter().filter(|(name, _)| !ours(name)) {
        for part in [name, ": ", value, "\r\n"] {
            text.push_str(part);
        }
    }
    text.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()));
    [text.as_bytes(), body].concat()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn plain(value: &str) -> String {
    value.chars().filter(|char| !char.is_control()).collect()
}

const fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
