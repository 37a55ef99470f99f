//! `http` addresses and their queries.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// What may stand in a query as it is (the unreserved characters of RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An address `http://host[:port]/path[?query]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Name or IP address, an IPv6 address without its brackets.
    pub host: String,
    /// 80 unless another is written.
    pub port: u16,
    /// Path and query, escaped; begins with `/`.
    pub target: String,
}

impl HttpUrl {
    /// Reads an address; none if it is of another scheme, has no host, or holds what no request line can carry.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).map(|_| &text[7..])?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => literal.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => 80,
            None => return None,
        };
        // Brackets stand around IPv6 addresses, and nowhere else (RFC 3986 section 3.2.2).
        let literal = authority.starts_with('[');
        let fits = if literal { host.parse::<Ipv6Addr>().is_ok() } else { !host.contains(['[', ']', '@']) };
        let fits = fits && !host.is_empty() && text.chars().all(|char| char.is_ascii_graphic());
        fits.then(|| Self { host: host.to_owned(), port, target })
    }

    /// An address on a server that is known by its IP address.
    pub fn of(server: SocketAddr, path: &str) -> Self {
        Self { host: server.ip().to_string(), port: server.port(), target: path.to_owned() }
    }

    /// With one more value in the query.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let escaped = |text| utf8_percent_encode(text, ESCAPED);
        self.target.push_str(&format!("{separator}{}={}", escaped(name), escaped(value)));
        self
    }

    /// Where to connect, if the host is an IP address.
    pub fn address(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// Host and port, as in the `Host` header: without port 80.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

impl std::fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.target)
    }
}

/// Text without percent escapes. What is not UTF-8 then is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned()
}

/// The first value of that name in `a=b&c=d`.
pub fn query_value(query: &str, wanted: &str) -> Option<String> {
    let plain = |text: &str| decoded(&text.replace('+', " "));
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).find_map(|(name, value)| {
        let found = plain(name) == wanted;
        found.then(|| plain(value))
    })
}
