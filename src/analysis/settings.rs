//! What is known of a capture before it is read.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    str::FromStr,
    time::Duration,
};

use crate::{
    config::{Bench, Role},
    engine::registration::ANSWER_SLACK,
    event::Stamp,
};

/// How long a phone of which nothing is known waits for an answer: 64 times T1 (RFC 3261 section 17.1.2.2), and what an
/// answer takes to come in.
const PATIENCE: Duration = Duration::from_secs(33);

/// A server that somebody has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedServer {
    /// Its name in a bench file; none: it was named by its address.
    pub name: Option<String>,
    /// What it is to the lines.
    pub role: Role,
}

/// A time that somebody has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Since the first frame.
    SinceFirst(Duration),
    /// Nanoseconds since the Unix epoch.
    Unix(i64),
}

/// A time in which the primary was away, as somebody has given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenOutage {
    /// When it was taken away.
    pub from: Moment,
    /// When it came back; none: not while the capture lasted.
    pub to: Option<Moment>,
}

/// All that is known beforehand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Servers that were named, by address.
    pub servers: BTreeMap<IpAddr, NamedServer>,
    /// Ports at which SIP is expected besides 5060 and 5061.
    pub sip_ports: BTreeSet<u16>,
    /// When the primary was away.
    pub outages: Vec<GivenOutage>,
    /// How long the phone at an address waits for an answer.
    pub patience: BTreeMap<IpAddr, Duration>,
    /// Every message is handed to rsip, not the first one of each shape alone. What is read is the same.
    pub thorough: bool,
    /// Messages are kept for the ladders of the text.
    pub ladders: bool,
}

impl Settings {
    /// What a bench file says of servers and phones.
    pub fn of_bench(bench: &Bench) -> Self {
        let mut settings = Self::default();
        for server in &bench.servers {
            for address in &server.addresses {
                let named = NamedServer { name: Some(server.name.to_string()), role: server.role };
                settings.servers.insert(*address, named);
            }
            settings.sip_ports.extend(server.sip_ports());
        }
        for phone in &bench.phones {
            for address in phone.address.iter().chain(phone.routed()) {
                settings.patience.insert(*address, phone.timers.transaction.value + ANSWER_SLACK);
            }
        }
        settings
    }

    /// Names a server by its address. What a bench file says of the same one gives way.
    pub fn name_server(&mut self, address: IpAddr, role: Role) {
        let name = self.servers.get(&address).and_then(|known| known.name.clone());
        self.servers.insert(address, NamedServer { name, role });
    }

    /// What an address is to the lines; none: nobody has named it.
    pub fn role(&self, address: IpAddr) -> Option<Role> {
        self.servers.get(&address).map(|server| server.role)
    }

    /// Whether an address is one of a server that was named.
    pub fn is_server(&self, address: IpAddr) -> bool {
        self.servers.contains_key(&address)
    }

    /// A server as people call it.
    pub fn label(&self, address: IpAddr) -> String {
        let named = self.servers.get(&address).and_then(|server| server.name.clone());
        named.unwrap_or_else(|| address.to_string())
    }

    /// How long the phone at an address is taken to wait for an answer.
    pub fn patience(&self, phone: IpAddr) -> Duration {
        self.patience.get(&phone).copied().unwrap_or(PATIENCE)
    }
}

impl Moment {
    /// The time since the first frame, which came in at `first_ns`.
    pub fn stamp(self, first_ns: i64) -> Stamp {
        match self {
            Self::SinceFirst(span) => Stamp::ZERO + span,
            Self::Unix(unix_ns) => Stamp(u64::try_from(unix_ns.saturating_sub(first_ns)).unwrap_or(0)),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    /// `31s`, `1m 2.5s`: since the first frame; a bare number: milliseconds since then, as `--json` has them;
    /// `2026-11-25T20:02:40Z`: that time.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(ms) = text.parse::<f64>() {
            let span = Duration::try_from_secs_f64(ms / 1000.0)
                .map_err(|_| format!("`{text}` is no time since the first frame"))?;
            return Ok(Self::SinceFirst(span));
        }
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            let unix_ns = i64::try_from(time.as_nanosecond()).map_err(|_| format!("`{text}` is too far away"))?;
            return Ok(Self::Unix(unix_ns));
        }
        span(text).map(Self::SinceFirst).ok_or_else(|| {
            format!("`{text}` is no time; write 31.5s or 31500 (since the first frame), or 2026-11-25T20:02:40Z")
        })
    }
}

/// A span as people write it; of the last unit also a fraction.
fn span(text: &str) -> Option<Duration> {
    if let Ok(span) = humantime::parse_duration(text) {
        return Some(span);
    }
    let unit_at = text.find(|char: char| char.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * scale).ok()
}

impl FromStr for GivenOutage {
    type Err = String;

    /// `FROM..TO`, or `FROM..` if it did not come back.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text.split_once("..").ok_or_else(|| format!("`{text}` is no FROM..TO, as 30s..90s"))?;
        let to = (!to.trim().is_empty()).then(|| to.parse()).transpose()?;
        let outage = Self { from: from.parse()?, to };
        match (outage.from, outage.to) {
            (Moment::SinceFirst(from), Some(Moment::SinceFirst(to))) if to < from => {
                Err(format!("`{text}` ends before it begins"))
            }
            (Moment::Unix(from), Some(Moment::Unix(to))) if to < from => Err(format!("`{text}` ends before it begins")),
            _ => Ok(outage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_given_in_the_ways_that_people_write_times() {
        let outage = |text: &str| text.parse::<GivenOutage>().unwrap();
        let since = |ms| Moment::SinceFirst(Duration::from_millis(ms));
        assert_eq!(outage("30s..90s"), GivenOutage { from: since(30_000), to: Some(since(90_000)) });
        assert_eq!(outage("12.5s..1m 30s"), GivenOutage { from: since(12_500), to: Some(since(90_000)) });
        assert_eq!(outage("5364..17000.5").to, Some(Moment::SinceFirst(Duration::from_micros(17_000_500))));
        assert_eq!(outage("30s..").to, None);
        let absolute = outage("2026-11-25T20:02:40.5Z..2026-11-25T21:02:52+01:00");
        assert_eq!(absolute.from, Moment::Unix(1_795_636_960_500_000_000));
        assert_eq!(absolute.to, Some(Moment::Unix(1_795_636_972_000_000_000)));
        for wrong in ["", "30s", "90s..30s", "x..y", "30s..y", "-5..7", "2026-11-25T20:02:40Z..2026-11-25T20:02:39Z"] {
            assert!(wrong.parse::<GivenOutage>().is_err(), "{wrong}");
        }
    }
}
