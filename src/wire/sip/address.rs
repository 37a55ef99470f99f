//! What a user agent needs of the addresses in a message: who is meant, and where to send.

use std::net::{IpAddr, SocketAddr};

use super::{
    uri::Uri,
    value::{self, Address},
};

/// The port of a SIP URI that names none (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

/// The URI in a value of `From`, `To`, `Contact`, `Route` or their kin, as written.
pub fn uri(header_value: &str) -> &str {
    Address::split(header_value).0.uri
}

/// User and host of the URI in a `From`, `To` or `Contact` value, where that is a `sip` or `sips` URI with a user. Needless
/// escapes in the user are undone; the host is in lower case, without port, an IPv6 address in its brackets.
pub fn address_of_record(header_value: &str) -> Option<(String, String)> {
    let record = Uri::parse(uri(header_value))?.record()?;
    let (user, host) = record.rsplit_once('@')?;
    Some((user.to_owned(), host.to_owned()))
}

/// `tag` of a `From` or `To` value.
pub fn tag(header_value: &str) -> Option<String> {
    value::parameters(Address::split(header_value).1)
        .find(|(name, _)| name.eq_ignore_ascii_case("tag"))
        .and_then(|(_, value)| Some(value?.into_owned()))
}

/// Where a request to this URI goes, if that is written as an IP address; the port defaults to 5060. Names are for a
/// resolver.
pub fn place(uri: &str) -> Option<SocketAddr> {
    let Uri::Sip(uri) = Uri::parse(uri)? else { return None };
    let address: IpAddr = uri.host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(address, uri.port.unwrap_or(SIP_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_give_away_uri_tag_and_place() {
        let value = r#""Anna; <x>" <sip:1001@10.77.0.2:5070;transport=tcp>;tag=a1"#;
        assert_eq!(uri(value), "sip:1001@10.77.0.2:5070;transport=tcp");
        assert_eq!(tag(value).as_deref(), Some("a1"));
        assert_eq!(tag("<sip:1001@bench.test;tag=no>"), None);
        assert_eq!(place(uri(value)), "10.77.0.2:5070".parse().ok());
        assert_eq!(place("sip:1001@10.77.0.2"), "10.77.0.2:5060".parse().ok());
        assert_eq!(place("sip:1001@[fd00::2]:5061"), "[fd00::2]:5061".parse().ok());
        assert_eq!(place("sip:1001@bench.test"), None);
        assert_eq!(place("tel:1001"), None);
    }
}
