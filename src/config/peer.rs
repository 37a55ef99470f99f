//! Call partners on the servers' side: where they are, and by which commands they call and answer.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    bench::{Bench, Server},
    scenario::Party,
};
use crate::{
    event::{PeerName, ServerName},
    wire::signalling::SIP_PORTS,
};

/// Somebody on the servers' side who calls phones, or is called by them. The commands are run as they are, by no shell, with
/// the rights of who runs siprig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: PeerName,
    /// What phones dial to reach it.
    pub extension: String,
    /// Where it is.
    pub address: IpAddr,
    /// The server through which it calls; none: the primary of who is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerName>,
    /// Program and arguments of what makes a call, with placeholders; none: it calls nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Vec<String>>,
    /// Program and arguments of what answers calls as long as it runs, with placeholders; none: it answers by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Vec<String>>,
    /// Who made a call hangs up after this time, if nobody has before.
    #[serde(with = "super::duration")]
    pub hold: Duration,
}

/// What a placeholder of a command stands for, beside what the peer itself is.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// The extension that is called.
    pub extension: &'a str,
    /// Where the server that is asked to connect speaks SIP.
    pub server: SocketAddr,
}

impl Peer {
    /// Placeholders of both commands: the peer's own extension and address.
    pub const OWN: [&str; 2] = ["{own-extension}", "{address}"];
    /// Placeholders of `call` besides: the extension that is called, the server's address and port, its address alone, and for
    /// how many seconds the call is held.
    pub const OF_CALL: [&str; 4] = ["{extension}", "{server}", "{server-address}", "{hold}"];

    /// The words of the command that makes this call; none: it calls nobody.
    pub fn calling(&self, called: Called<'_>) -> Option<Vec<String>> {
        let values = [
            called.extension.to_owned(),
            called.server.to_string(),
            called.server.ip().to_string(),
            self.hold.as_secs().to_string(),
        ];
        let all: Vec<_> = self.own().into_iter().chain(Self::OF_CALL.into_iter().zip(values)).collect();
        Some(self.call.as_ref()?.iter().map(|word| filled(word, &all)).collect())
    }

    /// The words of the command that answers calls; none: it answers by itself.
    pub fn answering(&self) -> Option<Vec<String>> {
        let own = self.own();
        Some(self.answer.as_ref()?.iter().map(|word| filled(word, &own)).collect())
    }

    fn own(&self) -> Vec<(&'static str, String)> {
        Self::OWN.into_iter().zip([self.extension.clone(), self.address.to_string()]).collect()
    }
}

/// A word in which each placeholder is what it stands for. What was put in is not looked at again.
fn filled(word: &str, values: &[(&'static str, String)]) -> String {
    let (mut left, mut out) = (word, String::new());
    while let Some(at) = left.find('{') {
        let (before, rest) = left.split_at(at);
        out.push_str(before);
        let known = values.iter().find(|(name, _)| rest.starts_with(name));
        let (taken, put) = known.map_or(("{", "{"), |(name, value)| (*name, value.as_str()));
        out.push_str(put);
        left = rest.get(taken.len()..).unwrap_or_default();
    }
    out + left
}

impl Bench {
    /// The peer that takes that side of calls: the first that can.
    pub fn peer_for(&self, side: Party) -> Option<&Peer> {
        self.peers.iter().find(|peer| side == Party::Callees || peer.call.is_some())
    }

    /// The peer of that name.
    pub fn peer(&self, name: &PeerName) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.name == *name)
    }
}

impl Server {
    /// Where it speaks SIP: its first address, with the first SIP port of its services.
    pub fn sip_place(&self) -> Option<SocketAddr> {
        let port = self.services.get("sip").and_then(|ports| ports.first()).or_else(|| SIP_PORTS.first())?;
        Some(SocketAddr::new(*self.addresses.first()?, *port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_once_and_everything_else_stays() {
        let peer = Peer {
            name: "desk".into(),
            extension: "8001".to_owned(),
            address: "10.77.0.241".parse().unwrap(),
            server: None,
            call: Some(
                ["sipp", "{server}", "-s", "{extension}", "{hold}0", "{x}{", "{own-extension}@{address}"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            answer: Some(["sipp", "-i", "{address}", "{extension}"].map(str::to_owned).to_vec()),
            hold: Duration::from_secs(90),
        };
        let called = Called { extension: "{hold}", server: "[2001:db8::2]:5070".parse().unwrap() };
        let words = peer.calling(called).unwrap();
        assert_eq!(words, ["sipp", "[2001:db8::2]:5070", "-s", "{hold}", "900", "{x}{", "8001@10.77.0.241"]);
        assert_eq!(peer.answering().unwrap(), ["sipp", "-i", "10.77.0.241", "{extension}"]);
    }
}
