//! What tshark reads.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    process::Command,
};

use quick_xml::{Reader, XmlVersion, events::Event};

/// A message as tshark shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub method: Option<String>,
    pub uri: Option<String>,
    pub code: Option<u16>,
    pub call_id: Option<String>,
    pub cseq: Option<u32>,
    pub cseq_method: Option<String>,
    /// Of the first value of the first `Via`.
    pub branch: Option<String>,
    pub from: Address,
    pub to: Address,
    pub contacts: Vec<Contact>,
    pub expires: Option<String>,
    transports: usize,
}

/// `From` or `To`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    pub uri: Option<String>,
    pub tag: Option<String>,
}

/// One `Contact`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    pub uri: String,
    pub parameters: Vec<String>,
}

/// From whom to whom, and whether by TCP.
pub type Flow = (SocketAddr, SocketAddr, bool);

/// Whether it is here.
pub fn is_here() -> bool {
    Command::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Every message of a capture, in the order in which they became whole.
pub fn messages(capture: &Path) -> Vec<(Flow, Seen)> {
    let output = Command::new("tshark")
        .args(["-n", "-T", "pdml", "-J", "ip ipv6 icmp icmpv6 udp tcp sip"])
        .args(["-o", "tcp.desegment_tcp_streams:TRUE", "-o", "tcp.reassemble_out_of_order:TRUE"])
        .args(["-o", "sip.desegment_headers:TRUE", "-o", "sip.desegment_body:TRUE", "-o", "ip.defragment:TRUE"])
        .arg("-r")
        .arg(capture)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    read(&output.stdout)
}

#[derive(Default)]
struct Packet {
    addresses: [Option<IpAddr>; 2],
    ports: [Option<u16>; 2],
    tcp: bool,
    /// It is an error that quotes another packet: what that says was said before.
    quotes: bool,
}

fn read(pdml: &[u8]) -> Vec<(Flow, Seen)> {
    let mut reader = Reader::from_reader(pdml);
    let (mut found, mut packet, mut seen) = (Vec::new(), Packet::default(), None::<Seen>);
    loop {
        let (element, is_empty) = match reader.read_event().unwrap() {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(element) if element.name().as_ref() == b"proto" => {
                let Some(seen) = seen.take().filter(|_| !packet.quotes) else { continue };
                let [Some(source), Some(destination)] = packet.addresses else { panic!("a message of nobody") };
                let [Some(from), Some(to)] = packet.ports else { panic!("a message of nobody") };
                let ends = (SocketAddr::new(source, from), SocketAddr::new(destination, to));
                found.push(((ends.0, ends.1, packet.tcp), seen));
                continue;
            }
            Event::Eof => return found,
            _ => continue,
        };
        let attribute = |wanted: &str| {
            let found = element.try_get_attribute(wanted).unwrap();
            found.map(|it| {
                it.decoded_and_normalized_value(XmlVersion::Implicit1_0, reader.decoder()).unwrap().into_owned()
            })
        };
        let name = attribute("name").unwrap_or_default();
        match element.name().as_ref() {
            b"packet" => packet = Packet::default(),
            b"proto" => {
                packet.tcp |= name == "tcp";
                packet.quotes |= name == "icmp" || name == "icmpv6";
                if name == "sip" && !is_empty {
                    seen = Some(Seen::default());
                }
            }
            b"field" => {
                let show = attribute("show").unwrap_or_default();
                match &mut seen {
                    Some(seen) => seen.field(&name, show),
                    None => packet.field(&name, &show),
                }
            }
            _ => {}
        }
    }
}

impl Packet {
    /// Takes in what tells the ends; of a packet in a packet the outer one counts.
    fn field(&mut self, name: &str, show: &str) {
        match name {
            "ip.src" | "ipv6.src" => self.addresses[0] = self.addresses[0].or(show.parse().ok()),
            "ip.dst" | "ipv6.dst" => self.addresses[1] = self.addresses[1].or(show.parse().ok()),
            "udp.srcport" | "tcp.srcport" => self.ports[0] = self.ports[0].or(show.parse().ok()),
            "udp.dstport" | "tcp.dstport" => self.ports[1] = self.ports[1].or(show.parse().ok()),
            _ => {}
        }
    }
}

impl Seen {
    fn field(&mut self, name: &str, show: String) {
        let first = |slot: &mut Option<String>, show| {
            slot.get_or_insert(show);
        };
        match name {
            "sip.Method" => first(&mut self.method, show),
            "sip.r-uri" => first(&mut self.uri, show),
            "sip.Status-Code" => self.code = show.parse().ok(),
            "sip.Call-ID" => first(&mut self.call_id, show),
            "sip.CSeq.seq" => self.cseq = show.parse().ok(),
            "sip.CSeq.method" => first(&mut self.cseq_method, show),
            "sip.Via.transport" => self.transports += 1,
            "sip.Via.branch" if self.transports == 1 => first(&mut self.branch, show),
            "sip.from.addr" => first(&mut self.from.uri, show),
            "sip.from.tag" => first(&mut self.from.tag, show),
            "sip.to.addr" => first(&mut self.to.uri, show),
            "sip.to.tag" => first(&mut self.to.tag, show),
            "sip.Expires" => first(&mut self.expires, show),
            // The wildcard has no URI.
            "sip.Contact" if show == "*" => self.contacts.push(Contact { uri: show, parameters: Vec::new() }),
            "sip.contact.uri" => self.contacts.push(Contact { uri: show, parameters: Vec::new() }),
            "sip.contact.parameter" => {
                if let Some(contact) = self.contacts.last_mut() {
                    contact.parameters.push(show);
                }
            }
            _ => {}
        }
    }
}

impl Address {
    /// `user@host`, or the whole URI without a user, in the form of ours.
    pub fn record(&self) -> String {
        let uri = self.uri.clone().unwrap_or_default();
        let Some((scheme, rest)) = uri.split_once(':') else { return uri };
        let Some((user, place)) = rest.rsplit_once('@').filter(|_| scheme.to_lowercase().starts_with("sip")) else {
            return uri;
        };
        let user = user.split(':').next().unwrap_or_default();
        let end = if place.starts_with('[') { place.find(']').map(|at| at + 1) } else { place.find([':', ';', '?']) };
        format!("{}@{}", unescaped(user), place[..end.unwrap_or(place.len())].to_lowercase())
    }
}

impl Contact {
    pub fn expires(&self) -> Option<u32> {
        self.parameters.iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            // What is shown of the last one of a line may show its quotes and the end of the line, too.
            let digits = value.trim_matches(|char: char| !char.is_ascii_digit());
            name.eq_ignore_ascii_case("expires").then(|| digits.parse().ok())?
        })
    }
}

/// Escapes of letters and digits undone.
fn unescaped(user: &str) -> String {
    let mut plain = String::new();
    let mut rest = user;
    while let Some(at) = rest.find('%') {
        let digits = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let letter = digits.map(char::from).filter(char::is_ascii_alphanumeric);
        plain.push_str(&rest[..at]);
        plain.push(letter.unwrap_or('%'));
        rest = &rest[if letter.is_some() { at + 3 } else { at + 1 }..];
    }
    plain + rest
}
