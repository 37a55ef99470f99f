//! Frames under an outage that were not SIP: of what they were, as far as ports tell.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Of what a frame is that goes from or to a server and is not SIP, by the server's port as IANA has assigned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bystander {
    /// Names: port 53.
    Dns,
    /// Addresses: ports 67, 68, 546 and 547.
    Dhcp,
    /// Files: port 69, where a transfer begins. The rest of it has ports of its own.
    Tftp,
    /// Pages and files: ports 80 and 8080.
    Http,
    /// Time: port 123.
    Ntp,
    /// Pages and files: port 443.
    Https,
    /// Logs: port 514.
    Syslog,
    /// ICMP and ICMPv6.
    Icmp,
    /// What asks for a link-layer address, and what tells it.
    Resolution,
    /// Anything else: voice among it.
    Rest,
}

impl Bystander {
    /// Of a port of UDP or TCP; none: it has no ports.
    pub const fn at(port: Option<u16>) -> Self {
        match port {
            Some(53) => Self::Dns,
            Some(67 | 68 | 546 | 547) => Self::Dhcp,
            Some(69) => Self::Tftp,
            Some(80 | 8080) => Self::Http,
            Some(123) => Self::Ntp,
            Some(443) => Self::Https,
            Some(514) => Self::Syslog,
            _ => Self::Rest,
        }
    }
}

/// How many frames of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bystanders {
    /// [`Bystander::Dns`].
    pub dns: u64,
    /// [`Bystander::Dhcp`].
    pub dhcp: u64,
    /// [`Bystander::Tftp`].
    pub tftp: u64,
    /// [`Bystander::Http`].
    pub http: u64,
    /// [`Bystander::Ntp`].
    pub ntp: u64,
    /// [`Bystander::Https`].
    pub https: u64,
    /// [`Bystander::Syslog`].
    pub syslog: u64,
    /// [`Bystander::Icmp`].
    pub icmp: u64,
    /// [`Bystander::Resolution`].
    pub resolution: u64,
    /// [`Bystander::Rest`].
    pub rest: u64,
}

impl Bystanders {
    /// One more.
    pub fn count(&mut self, what: Bystander) {
        *match what {
            Bystander::Dns => &mut self.dns,
            Bystander::Dhcp => &mut self.dhcp,
            Bystander::Tftp => &mut self.tftp,
            Bystander::Http => &mut self.http,
            Bystander::Ntp => &mut self.ntp,
            Bystander::Https => &mut self.https,
            Bystander::Syslog => &mut self.syslog,
            Bystander::Icmp => &mut self.icmp,
            Bystander::Resolution => &mut self.resolution,
            Bystander::Rest => &mut self.rest,
        } += 1;
    }

    /// Counts these, too.
    pub fn add(&mut self, more: &Self) {
        for (own, more) in self.counts_mut().into_iter().zip(more.counts()) {
            *own += more.1;
        }
    }

    const fn counts(&self) -> [(&'static str, u64); 10] {
        [
            ("DNS", self.dns),
            ("DHCP", self.dhcp),
            ("TFTP", self.tftp),
            ("HTTP", self.http),
            ("NTP", self.ntp),
            ("HTTPS", self.https),
            ("syslog", self.syslog),
            ("ICMP", self.icmp),
            ("ARP", self.resolution),
            ("other", self.rest),
        ]
    }

    const fn counts_mut(&mut self) -> [&mut u64; 10] {
        [
            &mut self.dns,
            &mut self.dhcp,
            &mut self.tftp,
            &mut self.http,
            &mut self.ntp,
            &mut self.https,
            &mut self.syslog,
            &mut self.icmp,
            &mut self.resolution,
            &mut self.rest,
        ]
    }
}

/// Those that there were: `3 HTTP, 1 other`.
impl fmt::Display for Bystanders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (word, count)) in self.counts().into_iter().filter(|(_, count)| *count > 0).enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {word}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_by_the_port_of_the_server() {
        let mut bystanders = Bystanders::default();
        assert_eq!(bystanders.to_string(), "");
        let ports = [53, 67, 69, 80, 8080, 123, 443, 514, 30_000].map(|port| Bystander::at(Some(port)));
        for what in ports.into_iter().chain([Bystander::at(None), Bystander::Icmp, Bystander::Resolution]) {
            bystanders.count(what);
        }
        let told = "1 DNS, 1 DHCP, 1 TFTP, 2 HTTP, 1 NTP, 1 HTTPS, 1 syslog, 1 ICMP, 1 ARP, 2 other";
        assert_eq!(bystanders.to_string(), told);
        let half = bystanders;
        bystanders.add(&half);
        assert_eq!((bystanders.http, bystanders.rest), (4, 4));
    }
}
