//! What a user agent needs of the addresses in a message: who is meant, and where to send.

use std::net::{IpAddr, SocketAddr};

use super::{typed, value::Address};

/// The port of a SIP URI that names none (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

/// The URI in a value of `From`, `To`, `Contact`, `Route` or their kin, as written.
pub fn uri(header_value: &str) -> &str {
    Address::split(header_value).uri
}

/// `tag` of a `From` or `To` value.
pub fn tag(header_value: &str) -> Option<String> {
    super::value::parameters(Address::split(header_value).parameters)
        .find(|(name, _)| name.eq_ignore_ascii_case("tag"))
        .and_then(|(_, value)| Some(value?.into_owned()))
}

/// Where a request to this URI goes, if that is written as an IP address; the port defaults to 5060. Names are for a
/// resolver.
pub fn place(uri: &str) -> Option<SocketAddr> {
    let place = typed::uri(uri)?.host_with_port;
    let host = place.host.to_string();
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let port = place.port.map_or(Some(SIP_PORT), |port| port.to_string().parse().ok())?;
    Some(SocketAddr::new(address, port))
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
