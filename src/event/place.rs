//! Where frames come from, as they show it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Toward;
use crate::config::Mac;

/// A place on the link: of a device, or of the router before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LinkPlace {
    /// The MAC that its frames have.
    pub mac: Mac,
    /// Which way its frames went: [`Toward::Phone`] if they came in on the side of the servers.
    pub toward: Toward,
    /// VLAN ids of its frames, outer to inner.
    pub vlans: Vec<u16>,
    /// Their hop limit when they were first seen.
    pub hop_limit: u8,
}

/// `02:00:00:00:00:09 on the side of the servers, VLAN 7, hop limit 63`.
impl fmt::Display for LinkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.toward {
            Toward::Phone => "servers",
            Toward::Server => "phones",
        };
        write!(f, "{} on the side of the {side}", self.mac)?;
        self.vlans.iter().try_for_each(|vlan| write!(f, ", VLAN {vlan}"))?;
        write!(f, ", hop limit {}", self.hop_limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_with_side_and_tags() {
        let place = LinkPlace { mac: Mac([2, 0, 0, 0, 0, 9]), toward: Toward::Phone, vlans: vec![7], hop_limit: 63 };
        assert_eq!(place.to_string(), "02:00:00:00:00:09 on the side of the servers, VLAN 7, hop limit 63");
    }
}
