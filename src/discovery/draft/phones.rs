//! The phones: which lines and addresses are one device, and what is known of it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    Book, KnownModel, Noted, Timers, entry_of, few, is_routable,
    lines::DraftLine,
    servers::{Servers, is_server},
    tag_text, tags,
};
use crate::{
    config::{LONGEST, Mac},
    discovery::{
        Provisioned,
        line::Line,
        model::{Guess, guess},
    },
    event::Transport,
};

/// The model of phones of which nothing is known.
const UNKNOWN: &str = "unknown";

/// A phone as it is written.
#[derive(Debug)]
pub struct DraftPhone {
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: Noted<String>,
    /// What it is known by.
    pub known: Known,
    /// Timers of its own.
    pub timers: Option<Timers>,
    /// Its lines, at least one.
    pub lines: Vec<DraftLine>,
    /// What was seen of it.
    pub remarks: Vec<String>,
}

/// What a phone is known by.
#[derive(Debug)]
pub enum Known {
    /// It is on the link.
    OnLink {
        /// Its MAC.
        mac: Noted<Mac>,
        /// Its address, unless another phone has it.
        address: Noted<Option<IpAddr>>,
    },
    /// It is behind a router.
    Routed {
        /// Which.
        router: String,
        /// Its addresses.
        addresses: Noted<Vec<IpAddr>>,
    },
}

/// What is taken for one phone.
#[derive(Debug)]
pub struct Device {
    /// Who carried its packets, where the link layer tells.
    pub mac: Option<Mac>,
    /// That MAC carried other phones, too.
    pub routed: bool,
    /// Its addresses, the one that counts first: of each family the one that it spoke from last.
    pub addresses: Vec<IpAddr>,
    /// Its lines.
    pub lines: Vec<usize>,
    /// Servers to which it speaks in a way that can not be read.
    pub blind: Vec<IpAddr>,
}

/// Finds the devices: what one MAC carries is one phone, unless it is several.
pub fn devices(book: &Book, servers: &Servers) -> Vec<Device> {
    let is_phone = |address: &IpAddr| !is_server(book, *address) && !servers.addresses().any(|it| it == *address);
    let mut places: BTreeMap<IpAddr, (Option<Mac>, Vec<usize>)> = BTreeMap::new();
    let mut devices: Vec<Device> = Vec::new();
    let mut by_mac: BTreeMap<Mac, BTreeMap<IpAddr, Vec<usize>>> = BTreeMap::new();
    for (index, line) in book.lines.iter().enumerate().filter(|(_, line)| is_phone(&line.address)) {
        match line.mac {
            Some(mac) => by_mac.entry(mac).or_default().entry(line.address).or_default().push(index),
            None => places.entry(line.address).or_default().1.push(index),
        }
    }
    for (address, (mac, _)) in &book.blind {
        let known = book.by_address.contains_key(address);
        match mac {
            _ if known || !is_phone(address) => {}
            Some(mac) => drop(by_mac.entry(*mac).or_default().entry(*address).or_default()),
            None => drop(places.entry(*address).or_default()),
        }
    }
    for (mac, addresses) in by_mac {
        let clusters = clusters(book, addresses);
        let routed = clusters.len() > 1;
        let device = |(addresses, lines)| Device { mac: Some(mac), routed, addresses, lines, blind: Vec::new() };
        devices.extend(clusters.into_iter().map(device));
    }
    let alone =
        |(address, (mac, lines))| Device { mac, routed: false, addresses: vec![address], lines, blind: Vec::new() };
    devices.extend(places.into_iter().map(alone));
    for device in &mut devices {
        let said = |address: &IpAddr| {
            let lines = device.lines.iter().filter_map(|index| book.lines.get(*index));
            lines.filter(|line| line.address == *address).map(|line| line.last).max()
        };
        device.addresses.sort_by_key(|address| (address.is_ipv6(), Reverse(said(address)), *address));
        let blind = device.addresses.iter().filter_map(|address| book.blind.get(address));
        device.blind = blind.map(|(_, server)| server.ip()).collect();
    }
    devices.sort_by(|one, other| one.addresses.cmp(&other.addresses));
    devices
}

/// Tells a phone that changed its address, or has two of different families, from several phones behind a router.
fn clusters(book: &Book, addresses: BTreeMap<IpAddr, Vec<usize>>) -> Vec<(Vec<IpAddr>, Vec<usize>)> {
    let user = |index: &usize| book.lines.get(*index).map(|line| line.user.as_str());
    let mut clusters: Vec<(Vec<IpAddr>, Vec<usize>)> = Vec::new();
    for (address, lines) in addresses {
        let belongs = |(others, known): &&mut (Vec<IpAddr>, Vec<usize>)| {
            others.iter().all(|other| other.is_ipv4() != address.is_ipv4())
                || known.iter().any(|known| lines.iter().any(|line| user(line) == user(known)))
        };
        match clusters.iter_mut().find(belongs) {
            Some((others, known)) => {
                others.push(address);
                known.extend(lines);
            }
            None => clusters.push((vec![address], lines)),
        }
    }
    clusters
}

/// The phones as they are written.
pub fn phones(
    book: &Book,
    models: &[KnownModel],
    files: &Provisioned,
    servers: &Servers,
    (devices, sides): (&[Device], Option<&[String; 2]>),
    open: &mut Vec<String>,
) -> Vec<DraftPhone> {
    let mut desk = Desk {
        book,
        models,
        files,
        servers,
        server_side: sides.map(|[_, server_side]| server_side.as_str()),
        accounts: BTreeMap::new(),
        addresses: BTreeMap::new(),
        macs: devices.iter().filter_map(|device| device.mac).collect(),
        unknown_models: Vec::new(),
        unknown_macs: Vec::new(),
        unknown_lines: Vec::new(),
    };
    let phones: Vec<DraftPhone> =
        devices.iter().zip(1..).map(|(device, number)| desk.phone(device, format!("p{number}"))).collect();
    for (names, what) in [
        (&desk.unknown_models, "the model of"),
        (&desk.unknown_macs, "the MAC of"),
        (&desk.unknown_lines, "the extension of"),
    ] {
        if !names.is_empty() {
            open.push(format!("{what} {}", few(names.iter(), 12)));
        }
    }
    phones
}

/// What is needed to write phones down.
pub(super) struct Desk<'a> {
    book: &'a Book,
    models: &'a [KnownModel],
    pub(super) files: &'a Provisioned,
    pub(super) servers: &'a Servers,
    /// The interface at which no phone should enter.
    server_side: Option<&'a str>,
    /// Who has an extension at a server.
    pub(super) accounts: BTreeMap<(String, String), String>,
    /// Who has an address.
    addresses: BTreeMap<IpAddr, String>,
    /// MACs that are taken.
    macs: BTreeSet<Mac>,
    unknown_models: Vec<String>,
    unknown_macs: Vec<String>,
    pub(super) unknown_lines: Vec<String>,
}

impl Desk<'_> {
    fn phone(&mut self, device: &Device, name: String) -> DraftPhone {
        let book = self.book;
        let lines: Vec<&Line> = device.lines.iter().filter_map(|index| book.lines.get(*index)).collect();
        let model = self.model(&lines, &name);
        let known = self.known(device, &name);
        let mut remarks = self.remarks(device, &lines);
        let mut drafts = self.lines(&lines, &name, &mut remarks);
        let mut timers = self.timers(&lines, &model.value);
        let mac = device.mac.filter(|_| !device.routed);
        if let Some(settings) = self.files.settings_of(mac, &model.value) {
            self.complete(&settings, &name, &mut drafts, &mut remarks);
            timers.iter_mut().for_each(|timers| timers.complete(&settings));
        }
        DraftPhone { name, model, known, timers, lines: drafts, remarks }
    }

    fn model(&mut self, lines: &[&Line], name: &str) -> Noted<String> {
        let known: Vec<KnownModel> = self.models.iter().filter(|model| model.name != UNKNOWN).cloned().collect();
        match lines.iter().find_map(|line| line.agent.as_deref()).map(|agent| guess(agent, &known)) {
            Some(Guess::Certain(model)) => return Noted::plain(model),
            Some(Guess::Candidates(models)) if !models.is_empty() => {
                self.unknown_models.push(name.to_owned());
                let note = format!("confirm: by what it calls itself {}", few(models.iter(), 12));
                return Noted::new(UNKNOWN.to_owned(), note);
            }
            _ => {}
        }
        self.unknown_models.push(name.to_owned());
        Noted::new(UNKNOWN.to_owned(), "confirm: no model in rig/models fits what it calls itself")
    }

    fn known(&mut self, device: &Device, name: &str) -> Known {
        let own = device.addresses.iter().copied().filter(|address| !self.addresses.contains_key(address));
        let own: Vec<IpAddr> = own.collect();
        let of = |family: fn(&IpAddr) -> bool| own.iter().copied().find(family);
        let (Some(mac), false, true) = (device.mac, own.is_empty(), device.routed) else {
            let mac = self.mac(device, name);
            return Known::OnLink { mac, address: self.address(device, name) };
        };
        let addresses: Vec<IpAddr> = of(IpAddr::is_ipv4).into_iter().chain(of(IpAddr::is_ipv6)).collect();
        let others: Vec<_> = device.addresses.iter().filter(|other| !addresses.contains(other)).collect();
        let mut note = "confirm: it has to be fixed, as the phone is known by nothing else".to_owned();
        if !others.is_empty() {
            note = format!("also {}; {note}", few(others.into_iter(), 4));
        }
        for own in &device.addresses {
            self.addresses.entry(*own).or_insert_with(|| name.to_owned());
        }
        let router = format!("{mac}, which carried its packets, is a router's: several phones speak through it");
        Known::Routed { router, addresses: Noted::new(addresses, note) }
    }

    fn mac(&mut self, device: &Device, name: &str) -> Noted<Mac> {
        let book = self.book;
        let Some(mac) = device.mac else {
            return self.placeholder(name, "CHANGEME: this capture has no MACs; it stands on the phone's label");
        };
        if device.routed {
            let note = format!(
                "CHANGEME: it stands on the phone's label. {mac}, which carried its packets, carried those of others, too, and \
                 its address is another's"
            );
            return self.placeholder(name, &note);
        }
        let also = book.hosts.station(mac).into_iter().flat_map(|station| station.addresses.iter());
        let family = |address: &&IpAddr| device.addresses.iter().any(|own| own.is_ipv4() == address.is_ipv4());
        let also: Vec<&IpAddr> = also
            .filter(|address| !device.addresses.contains(*address) && is_routable(**address) && address.is_ipv4())
            .filter(family)
            .collect();
        if also.is_empty() {
            return Noted::plain(mac);
        }
        self.unknown_macs.push(name.to_owned());
        Noted::new(mac, format!("confirm: it also carried {}; is it a router's?", few(also.into_iter(), 4)))
    }

    /// A MAC that nobody has: administered locally, and not among those that were seen.
    fn placeholder(&mut self, name: &str, note: &str) -> Noted<Mac> {
        self.unknown_macs.push(name.to_owned());
        let free = (1..=u16::MAX).map(|number| {
            let [high, low] = number.to_be_bytes();
            Mac([0x06, 0, 0, 0, high, low])
        });
        let taken = |mac: &Mac| self.macs.contains(mac) || self.book.hosts.station(*mac).is_some();
        let mac = free.into_iter().find(|mac| !taken(mac)).unwrap_or(Mac([0x06, 0, 0, 0, 0, 0]));
        self.macs.insert(mac);
        Noted::new(mac, note)
    }

    fn address(&mut self, device: &Device, name: &str) -> Noted<Option<IpAddr>> {
        let free = device.addresses.iter().copied().find(|address| !self.addresses.contains_key(address));
        let Some(address) = free else {
            let first = device.addresses.first().and_then(|address| self.addresses.get(address));
            let other = first.map_or_else(|| "another phone".to_owned(), Clone::clone);
            let addresses = few(device.addresses.iter(), 4);
            return Noted::new(None, format!("{addresses} was that of {other}, too: it is left to be learnt"));
        };
        for own in &device.addresses {
            self.addresses.entry(*own).or_insert_with(|| name.to_owned());
        }
        let others: Vec<_> = device.addresses.iter().filter(|other| **other != address).collect();
        let asks = device.mac.and_then(|mac| self.book.hosts.station(mac)).is_some_and(|station| station.asks_dhcp);
        let mut note = Vec::new();
        if !others.is_empty() {
            note.push(format!("also {}", few(others.into_iter(), 4)));
        }
        if asks {
            note.push("confirm: it asked for one by DHCP; leave it out where that may give it another one".to_owned());
        }
        Noted::new(Some(address), note.join("; "))
    }

    fn remarks(&self, device: &Device, lines: &[&Line]) -> Vec<String> {
        let book = self.book;
        let mut facts: Vec<String> = Vec::new();
        facts.extend(lines.iter().find_map(|line| line.agent.clone()));
        let transports: BTreeSet<Transport> = lines.iter().flat_map(|line| line.transports.iter().copied()).collect();
        if !transports.is_empty() {
            facts.push(format!("over {}", few(transports.iter(), 4)));
        }
        if !device.blind.is_empty() {
            let servers = device.blind.iter().map(|address| self.called_server(*address));
            facts.push(format!("blind: it speaks TLS with {}, which can not be read", few(servers, 4)));
        }
        if let Some(line) = lines.first().filter(|line| !line.vlans.is_empty()) {
            facts.push(tag_text(&tags(&line.vlans)));
        }
        facts.extend(entry_of(&book.hosts, device.mac));
        let mut remarks = if facts.is_empty() { Vec::new() } else { vec![facts.join(", ")] };
        let side = device.mac.and_then(|mac| book.hosts.station(mac)?.side()).map(|side| book.hosts.label(side));
        if let Some(side) = side.filter(|side| Some(side.as_str()) == self.server_side) {
            remarks.push(format!("confirm: it entered at {side}, the side of the servers"));
        }
        remarks
    }

    /// A server by its name.
    pub(super) fn called_server(&self, address: IpAddr) -> String {
        self.servers.name_of(address).map_or_else(|| address.to_string(), str::to_owned)
    }

    /// The lifetime that the home server grants, and a renewal lead where the model's does not fit it.
    fn timers(&self, lines: &[&Line], model: &str) -> Option<Timers> {
        let home =
            |line: &&Line| line.preference.proven().map(|(home, _)| home).or_else(|| line.accepted.first().copied());
        let granted = lines.iter().filter_map(|line| line.granted(home(line)?));
        let expires = granted.filter(|span| !span.is_zero() && *span <= LONGEST).max()?;
        let usual = self.models.iter().find(|known| known.name == model).and_then(KnownModel::lead_time);
        let lead = usual.filter(|usual| *usual >= expires).map(|_| {
            let fits = |lead: &Duration| *lead < expires && !lead.is_zero();
            let agent = lines.iter().find_map(|line| line.agent.as_deref());
            let alike = self.book.lines.iter().filter(|line| agent.is_some() && line.agent.as_deref() == agent);
            let own = lines.iter().filter_map(|line| line.lead()).map(rounded).find(fits);
            let of_others = alike.filter_map(Line::lead).map(rounded).find(fits);
            match (own, of_others) {
                (Some(lead), _) => Noted::new(humantime::format_duration(lead).to_string(), "as it was seen"),
                (None, Some(lead)) => {
                    Noted::new(humantime::format_duration(lead).to_string(), "as it was seen of others of its name")
                }
                (None, None) => Noted::new("10%".to_owned(), "confirm: the model's does not fit so short a lifetime"),
            }
        });
        Some(Timers { expires, lead, set: Vec::new() })
    }
}

/// To whole seconds, if it has some: phones count in them.
fn rounded(span: Duration) -> Duration {
    let seconds = span.as_secs_f64().round();
    if seconds < 1.0 { span } else { Duration::from_secs(seconds as u64) }
}
