//! What a phone is known by on the wire: its MAC address, or, where a router hides that, its IP addresses.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use super::bench::Phone;
use crate::event::{Course, Manner};

/// What a phone is known by on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Identity {
    /// It is behind a router, whose MAC address its frames have, as those of others behind it.
    Routed {
        /// Its addresses, at least one. They are fixed.
        routed: Vec<IpAddr>,
        /// Its MAC address, which no frame shows and its configuration files may be called by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<Mac>,
    },
    /// It is on the link.
    OnLink {
        /// Its MAC address.
        mac: Mac,
    },
}

/// `00:08:5d:23:74:29`, or `10.88.0.11 behind a router`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnLink { mac } => fmt::Display::fmt(mac, f),
            Self::Routed { routed, .. } => {
                let addresses: Vec<String> = routed.iter().map(ToString::to_string).collect();
                write!(f, "{} behind a router", addresses.join(" and "))
            }
        }
    }
}

impl Phone {
    /// Its MAC address, if it is known.
    pub const fn mac(&self) -> Option<Mac> {
        match self.identity {
            Identity::Routed { mac, .. } => mac,
            Identity::OnLink { mac } => Some(mac),
        }
    }

    /// Its MAC address, if its frames have it.
    pub const fn mac_on_link(&self) -> Option<Mac> {
        match self.identity {
            Identity::Routed { .. } => None,
            Identity::OnLink { mac } => Some(mac),
        }
    }

    /// The addresses that it is known by; none: it is on the link.
    pub fn routed(&self) -> &[IpAddr] {
        match &self.identity {
            Identity::Routed { routed, .. } => routed,
            Identity::OnLink { .. } => &[],
        }
    }

    /// Whether it is behind a router.
    pub const fn is_routed(&self) -> bool {
        matches!(self.identity, Identity::Routed { .. })
    }

    /// What keeps an outage from beginning for this phone, if anything: where it is behind a router, it is the router who asks for
    /// link-layer addresses. `all`: the phones of its bench.
    pub fn lacks_for(&self, course: &Course, all: &[Self]) -> Option<String> {
        let of_link = course.phases.iter().any(|phase| phase.manner == Manner::Unresolvable);
        if !of_link || !self.is_routed() {
            return None;
        }
        let others = all.iter().filter(|other| other.name != self.name && other.is_routed());
        let others: Vec<String> = others.map(|other| format!("phone {}", other.name)).collect();
        let also = if others.is_empty() {
            "everything behind that".to_owned()
        } else {
            format!("{}, and everything else behind a router", others.join(", "))
        };
        Some(format!(
            "needs a phone on the link: phone {} is behind a router, which asks for link-layer addresses in its place; what is \
             kept from the router {also} would lose as well",
            self.name
        ))
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = String;

    /// Reads `00:08:5d:23:74:29`, also with `-` or with nothing between the digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
        let wrong = || format!("`{text}` is not a MAC address; write it as `00:08:5d:23:74:29`");
        if digits.len() != 12 || !digits.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 6];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_on_the_link_is_written_as_ever_and_one_behind_a_router_with_its_addresses() {
        let on_link = Identity::OnLink { mac: Mac([0, 8, 0x5d, 0x23, 0x74, 0x29]) };
        let routed = Identity::Routed { routed: vec![[10, 88, 0, 11].into(), "fd88::11".parse().unwrap()], mac: None };
        for (identity, json, text) in [
            (on_link, r#"{"mac":"00:08:5d:23:74:29"}"#, "00:08:5d:23:74:29"),
            (routed, r#"{"routed":["10.88.0.11","fd88::11"]}"#, "10.88.0.11 and fd88::11 behind a router"),
        ] {
            assert_eq!(serde_json::to_string(&identity).unwrap(), json);
            assert_eq!(serde_json::from_str::<Identity>(json).unwrap(), identity);
            assert_eq!(identity.to_string(), text);
        }
    }
}
