//! Outages: what is ordered, what it does, how it ends.

use std::{fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{PhoneName, ServerName, Transport};

mod by_hand;
mod bystander;
mod course;
mod impairment;
mod link;
mod selection;

pub use by_hand::{Blocking, ByHand, ByHandAnswer, Harm};
pub use bystander::{Bystander, Bystanders};
pub use course::{Course, Fading, Flapping, Phase, Rebooting};
pub use impairment::{Impairment, NotAShare, Share};
pub use link::{LINK_RETURN, LinkSide};
pub use selection::Selection;

/// A network fault, as ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageSpec {
    /// What happens to the frames.
    pub mode: OutageMode,
    /// The server that goes away.
    pub server: ServerName,
    /// How much of it.
    pub scope: OutageScope,
    /// Of that, only these SIP messages; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Selection>,
    /// For whom.
    pub phones: Vec<PhoneName>,
    /// Only frames that go this way are taken, and the others pass; none: both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toward: Option<Toward>,
    /// It ends by itself after this time, whatever happens to the controller.
    #[serde(with = "crate::config::duration")]
    pub limit: Duration,
    /// The operator who makes it by hand; none: the scenario does, or whoever ran `siprig net`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl OutageSpec {
    /// What it does, and to how much of the server: `drop, requests only, whole host`.
    pub fn what(&self) -> String {
        if self.mode.link().is_some() {
            return self.mode.to_string();
        }
        let way = match self.toward {
            None => "",
            Some(Toward::Server) => ", requests only",
            Some(Toward::Phone) => ", answers only",
        };
        let only = self.only.as_ref().map_or_else(String::new, |only| format!(", {only}"));
        format!("{}{way}, {}{only}", self.mode, self.scope)
    }

    /// How long after its beginning no line can register at the server any more; none: a line may in spite of it. A part of a
    /// server may be another than the one that a phone speaks with.
    pub fn away_after(&self) -> Option<Duration> {
        let whole = !matches!(self.scope, OutageScope::Part(_));
        let all = self.only.as_ref().is_none_or(|only| only.stops_registering(self.toward));
        self.mode.away_after().filter(|_| whole && all)
    }

    /// Whether it drops the canaries that go this way when it has begun: datagrams in its scope. Bad paths let them pass.
    pub fn takes_canaries(&self, toward: Toward) -> bool {
        self.mode.course().at(0).is_some_and(|(manner, _)| self.drops_canary(manner, toward))
    }

    /// The same while this happens to frames. One that does not go out by a link that is down has never come in by it.
    pub fn drops_canary(&self, manner: &Manner, toward: Toward) -> bool {
        let only = self.toward.or(self.mode.link().map(LinkSide::toward));
        let way = only.is_none_or(|only| only == toward);
        way && manner.drops_canaries(toward) && self.scope.has_datagrams() && self.only.is_none()
    }
}

/// What an outage does to the frames under it: all the time the same, or one thing after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageMode {
    /// The server comes and goes.
    Flap(Flapping),
    /// It gets slower and slower, and falls silent.
    Fade(Fading),
    /// It goes down in order, and comes up again.
    Reboot(Rebooting),
    /// It is stopped and started by commands of its own, for everybody: nothing happens on the bridge.
    Hook,
    /// The interface of a side is switched off, for everybody there.
    LinkDown(LinkSide),
    /// The same until it ends.
    #[serde(untagged)]
    Steady(Manner),
}

/// What happens to frames at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// They pass.
    Pass,
    /// They vanish without a word, as where a cable was cut or a host lost its power.
    Drop,
    /// They vanish, and the phone is told so at once, as where the host runs and the service does not: an ICMP error
    /// "port unreachable" (RFC 1122 section 3.2.2.1) for a datagram, a reset (RFC 9293 section 3.5.2) for a TCP segment.
    Refuse,
    /// They vanish, and the phone is told by an ICMP error that it is not the service alone that can not be reached.
    Unreachable(Unreachable),
    /// They vanish, and both ends of a TCP connection are told that it is over (RFC 9293 section 3.5.2). Of datagrams nobody
    /// is told.
    Reset,
    /// They vanish, and SIP requests of the phone are answered in the server's name.
    Answer(Spoof),
    /// What asks for the server's link-layer address, and what tells it, vanishes both ways (ARP, RFC 826; neighbour
    /// discovery, RFC 4861). Everything else passes, for as long as the ends remember each other. A server that asks everybody
    /// for somebody else is heard by the phones, too, and found by those that learn from that, as RFC 826 has them do.
    Unresolvable,
    /// What phones ask name servers about the server's names vanishes (RFC 1035). Everything else passes: who knows the address
    /// goes on.
    Nameless,
    /// They pass, late, damaged in number and order, or not at all.
    Impair(Impairment),
}

/// What can not be reached, in the words of ICMP (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). A TCP connection
/// that is open goes on in spite of it (RFC 1122 section 4.2.3.9); one that is being opened may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The host; in IPv6 the address.
    Host,
    /// It is prohibited by whoever administers the network, as a firewall says.
    Admin,
}

impl From<Manner> for OutageMode {
    fn from(manner: Manner) -> Self {
        Self::Steady(manner)
    }
}

/// The answer that the bridge gives to a phone's SIP requests in a server's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoof {
    /// Status code: 300 to 699.
    pub code: u16,
    /// `Retry-After`, in seconds (RFC 3261 section 20.33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// The server that a 3xx names in its `Contact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<ServerName>,
}

impl fmt::Display for OutageMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady(manner) => manner.fmt(f),
            Self::Flap(flapping) => flapping.fmt(f),
            Self::Fade(fading) => fading.fmt(f),
            Self::Reboot(rebooting) => rebooting.fmt(f),
            Self::Hook => f.write_str("stopped by its own command"),
            Self::LinkDown(side) => write!(f, "link of the {side} side down"),
        }
    }
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Drop => f.write_str("drop"),
            Self::Refuse => f.write_str("refuse"),
            Self::Unreachable(Unreachable::Host) => f.write_str("host unreachable"),
            Self::Unreachable(Unreachable::Admin) => f.write_str("administratively prohibited"),
            Self::Reset => f.write_str("reset"),
            Self::Answer(spoof) => {
                write!(f, "answer {}", spoof.code)?;
                if let Some(server) = &spoof.redirect {
                    write!(f, " to {server}")?;
                }
                spoof.retry_after_s.map_or(Ok(()), |seconds| write!(f, ", retry after {seconds} s"))
            }
            Self::Unresolvable => f.write_str("unresolvable"),
            Self::Nameless => f.write_str("not found by name (DNS)"),
            Self::Impair(impairment) => impairment.fmt(f),
        }
    }
}

/// How much of a server an outage takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageScope {
    /// Everything to and from its addresses.
    Host,
    /// Its SIP ports only.
    Sip,
    /// A part of it.
    Part(Part),
}

/// A part of a server: everything that fits all that is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Part {
    /// This one of its addresses; none: all.
    pub address: Option<IpAddr>,
    /// These of its ports, of UDP and TCP; none: all that it has, and what has no ports.
    pub ports: Vec<u16>,
    /// This transport alone.
    pub transport: Option<Transport>,
}

impl OutageScope {
    /// Whether it has what goes to or comes from a port of one of the server's addresses. An address that is not said is in
    /// it; what has no port or transport is in a part only where none is named.
    pub fn covers(
        &self,
        address: Option<IpAddr>,
        port: Option<u16>,
        transport: Option<Transport>,
        sip_ports: &[u16],
    ) -> bool {
        match self {
            Self::Host => true,
            Self::Sip => port.is_some_and(|port| sip_ports.contains(&port)),
            Self::Part(part) => {
                part.address.is_none_or(|own| address.is_none_or(|address| address == own))
                    && (part.ports.is_empty() || port.is_some_and(|port| part.ports.contains(&port)))
                    && part.transport.is_none_or(|own| transport == Some(own))
            }
        }
    }

    /// Whether there are datagrams in it.
    pub fn has_datagrams(&self) -> bool {
        !matches!(self, Self::Part(Part { transport: Some(Transport::Tcp), .. }))
    }
}

impl fmt::Display for OutageScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("whole host"),
            Self::Sip => f.write_str("SIP ports only"),
            Self::Part(part) => {
                let ports: Vec<String> = part.ports.iter().map(ToString::to_string).collect();
                let ports = (!ports.is_empty()).then(|| format!("port {}", ports.join(", ")));
                let words = [part.address.map(|it| it.to_string()), part.transport.map(|it| it.to_string()), ports];
                f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// Why an outage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageEnd {
    /// As ordered.
    Lifted,
    /// Its time limit came.
    Limit,
    /// The bridge helper failed; the kernel forwards everything.
    HelperLost,
    /// The bridge helper did not get to renew it in time, or the controller did not say that it is there, and the kernel let it go.
    Lapsed,
}

/// What an outage did to one phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutageTally {
    /// Frames from the phone that were dropped.
    pub dropped_to_server: u64,
    /// Frames to the phone that were dropped.
    pub dropped_to_phone: u64,
    /// Of the dropped, those that were neither from nor to one of the server's SIP ports.
    #[serde(default)]
    pub dropped_other: u64,
    /// Of what those were.
    #[serde(default)]
    pub bystanders: Bystanders,
    /// Frames that went on late.
    #[serde(default)]
    pub late: u64,
    /// Frames that went on twice.
    #[serde(default)]
    pub doubled: u64,
    /// Frames under the outage that the kernel sent on: they were seen beyond the bridge.
    pub leaked: u64,
}

impl OutageTally {
    /// Counts a dropped frame; `bystander`: of what it is, if not of SIP.
    pub fn count_drop(&mut self, toward: Toward, bystander: Option<Bystander>) {
        match toward {
            Toward::Server => self.dropped_to_server += 1,
            Toward::Phone => self.dropped_to_phone += 1,
        }
        if let Some(what) = bystander {
            self.dropped_other += 1;
            self.bystanders.count(what);
        }
    }

    /// Counts what another outage, or the same for another phone, did, too.
    pub fn add(&mut self, more: &Self) {
        self.dropped_to_server += more.dropped_to_server;
        self.dropped_to_phone += more.dropped_to_phone;
        self.dropped_other += more.dropped_other;
        self.bystanders.add(&more.bystanders);
        self.late += more.late;
        self.doubled += more.doubled;
        self.leaked += more.leaked;
    }

    /// Whether nothing was dropped.
    pub fn dropped_nothing(&self) -> bool {
        self.dropped_to_server == 0 && self.dropped_to_phone == 0
    }

    /// Of the dropped, what was not SIP: `4 not SIP (3 HTTP, 1 other)`; none: all was.
    pub fn not_sip(&self) -> Option<String> {
        // A tally of an older journal does not say of what they were.
        let what = self.bystanders.to_string();
        let what = if what.is_empty() { what } else { format!(" ({what})") };
        (self.dropped_other > 0).then(|| format!("{} not SIP{what}", self.dropped_other))
    }
}

/// Direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toward {
    /// From a phone to a server.
    Server,
    /// From a server to a phone.
    Phone,
}

impl Toward {
    /// The other way.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Self::Server => Self::Phone,
            Self::Phone => Self::Server,
        }
    }
}
