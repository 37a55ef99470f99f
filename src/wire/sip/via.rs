//! `Via` values: who has carried a message, and where the answer to it goes.

use std::net::{IpAddr, SocketAddr};

use super::{uri::Place, value};

/// One `Via` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// As written.
    text: String,
    host: String,
    port: Option<u16>,
    parameters: Vec<(String, Option<String>)>,
}

impl Via {
    /// Reads a value; none if it names no sender.
    pub fn parse(text: &str) -> Option<Self> {
        let (sender, parameters) = text.split_at(text.find(';').unwrap_or(text.len()));
        // `SIP / 2.0 / UDP host:port`: white space may stand around the slashes.
        let (_, behind) = sender.rsplit_once('/')?;
        let (_, sent_by) = value::trim(behind).split_once([' ', '\t'])?;
        let Place { host, port, .. } = Place::parse(sent_by).filter(|place| place.rest.is_empty())?;
        let parameters = value::parameters(parameters)
            .map(|(name, value)| (name.to_ascii_lowercase(), value.map(std::borrow::Cow::into_owned)));
        Some(Self {
            text: value::trim(text).to_owned(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            parameters: parameters.collect(),
        })
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name)?.1.as_deref()
    }

    /// Whether this is the address that the sender calls itself.
    pub fn is_of(&self, address: SocketAddr) -> bool {
        self.host.parse() == Ok(address.ip()) && self.port.unwrap_or(5060) == address.port()
    }

    /// Where an answer goes by datagram (RFC 3261 section 18.2.2, RFC 3581 section 4); none if that is a name.
    pub fn reply_to(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.parameter("received").unwrap_or(&self.host).parse().ok()?;
        let rport = self.parameter("rport").and_then(value::number);
        Some(SocketAddr::new(ip, rport.or(self.port).unwrap_or(5060)))
    }

    /// The value as the receiver hands it on: with the address that the message really came from, where the sender asked
    /// for it (RFC 3581 section 4) or calls itself by another (RFC 3261 section 18.2.1).
    pub fn received_from(&self, from: SocketAddr) -> String {
        let asked = self.parameters.iter().any(|(name, _)| name == "rport");
        if !asked && self.host.parse() == Ok(from.ip()) {
            return self.text.clone();
        }
        let is_ours = |part: &str| {
            let name = value::trim(part.split('=').next().unwrap_or_default());
            name.eq_ignore_ascii_case("rport") || name.eq_ignore_ascii_case("received")
        };
        let mut parts = self.text.split(';').map(value::trim);
        let sender = parts.next();
        let kept: Vec<_> = sender.into_iter().chain(parts.filter(|part| !is_ours(part))).collect();
        let rport = if asked { format!(";rport={}", from.port()) } else { String::new() };
        format!("{}{rport};received={}", kept.join(";"), from.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via {
        Via::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn an_answer_goes_where_the_request_came_from_or_where_its_sender_says() {
        let from = "10.77.0.11:5062".parse().unwrap();
        for (text, received, reply) in [
            ("SIP/2.0/UDP 10.77.0.11:5070;branch=b", "SIP/2.0/UDP 10.77.0.11:5070;branch=b", "10.77.0.11:5070"),
            ("SIP/2.0/UDP 10.77.0.11", "SIP/2.0/UDP 10.77.0.11", "10.77.0.11:5060"),
            (
                "SIP / 2.0 / UDP 10.77.0.11:5070 ; rport;branch=b",
                "SIP / 2.0 / UDP 10.77.0.11:5070;branch=b;rport=5062;received=10.77.0.11",
                "10.77.0.11:5062",
            ),
            ("SIP/2.0/TCP [fd00::1]:5061", "SIP/2.0/TCP [fd00::1]:5061;received=10.77.0.11", "10.77.0.11:5061"),
            ("SIP/2.0/UDP phone;received=1.2.3.4", "SIP/2.0/UDP phone;received=10.77.0.11", "10.77.0.11:5060"),
        ] {
            assert_eq!(via(text).received_from(from), received);
            assert_eq!(via(received).reply_to(), reply.parse().ok());
        }
        assert_eq!(via("SIP/2.0/UDP phone").reply_to(), None);
    }

    #[test]
    fn a_sender_knows_itself_and_its_parameters() {
        let own = via("SIP/2.0/UDP 10.77.0.2;branch=z9hG4bKx;CONN=7;alias");
        assert!(own.is_of("10.77.0.2:5060".parse().unwrap()) && !own.is_of("10.77.0.2:5061".parse().unwrap()));
        assert_eq!((own.parameter("conn"), own.parameter("alias"), own.parameter("x")), (Some("7"), None, None));
        for text in ["", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "10.77.0.2"] {
            assert_eq!(Via::parse(text), None, "{text}");
        }
    }
}
