//! From what was seen to what is written: servers and their roles, phones and their lines, and what a person has to
//! complete.
//!
//! Not here: how it is written (`text`).

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use super::{Book, KnownModel, Origin, Provisioned, hosts::Hosts, line::Line};
use crate::{config::Mac, wire::frame::Vlans};

mod lines;
mod phones;
mod servers;
mod settings;

pub use lines::DraftLine;
pub use phones::{DraftPhone, Known};
pub use servers::DraftServer;
use servers::Servers;

/// Names of interfaces in captures that are no names of interfaces: siprig's own captures have them.
const SIDES: [&str; 2] = ["phone-side", "server-side"];

/// A value, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted<T> {
    /// The value.
    pub value: T,
    /// What is to be said; empty: nothing.
    pub note: String,
}

impl<T> Noted<T> {
    /// A value that is a fact.
    pub fn plain(value: T) -> Self {
        Self { value, note: String::new() }
    }

    /// A value with a remark.
    pub fn new(value: T, note: impl Into<String>) -> Self {
        Self { value, note: note.into() }
    }
}

/// A bench file before it is written.
#[derive(Debug)]
pub struct Draft {
    /// What it rests on, for people.
    pub basis: String,
    /// What a person must complete or confirm.
    pub open: Vec<String>,
    /// The two interfaces, phone side first; none: nothing tells their names.
    pub sides: [Option<String>; 2],
    /// What is to be said about them.
    pub side_remark: Option<String>,
    /// The bridge that they are ports of.
    pub bridge: Option<String>,
    /// The VLAN of all phones and servers.
    pub vlan: Option<u16>,
    /// What is to be said about VLANs that are not all the same.
    pub vlan_remark: Option<String>,
    /// Timers that all phones share.
    pub timers: Option<Timers>,
    /// Servers, the primary first.
    pub servers: Vec<DraftServer>,
    /// Phones, in the order of their addresses.
    pub phones: Vec<DraftPhone>,
}

/// What was seen of the timers of a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timers {
    /// The lifetime that its server grants.
    pub expires: Duration,
    /// How long before expiry it renews, as a bench file says it; only where the model's does not fit that lifetime.
    pub lead: Option<Noted<String>>,
    /// Others that the phones' own files set, by the keys of a bench file.
    pub set: Vec<(&'static str, Noted<String>)>,
}

impl Draft {
    /// What comes of what was seen.
    pub fn of(book: &Book, models: &[KnownModel], files: &Provisioned, origin: &Origin) -> Self {
        let mut open = Vec::new();
        let servers = Servers::of(book, files);
        let devices = phones::devices(book, &servers);
        let known = sides(book, origin, &servers, &devices);
        let side_remark = side_remark(book, known.as_ref(), &servers, &devices);
        let is_name = |name: &String| is_interface(name);
        let sides = match &known {
            Some(known) => known.clone().map(|name| Some(name).filter(is_name)),
            None => [None, None],
        };
        if sides.iter().any(Option::is_none) {
            open.push(
                "`phone-side` and `server-side` under [network]: the two interfaces between which siprig is to sit; \
                 `ip link` lists them"
                    .to_owned(),
            );
        }
        let (vlan, vlan_remark) = vlan(book, &servers, &devices);
        if vlan_remark.is_some() {
            open.push("`vlan` under [network], which is one for all".to_owned());
        }
        servers.say_what_is_open(&mut open);
        let mut phones = phones::phones(book, models, files, &servers, (&devices, known.as_ref()), &mut open);
        say_who_is_missing(files, &devices, &mut open);
        let timers = shared_timers(&mut phones);
        if book.lines_left_out > 0 {
            open.push(format!("lines beyond those below: {} REGISTERs of more were seen", book.lines_left_out));
        }
        let lines: usize = phones.iter().map(|phone| phone.lines.len()).sum();
        let basis = format!(
            "{} with {} at {}, seen in {} frames within {:.1} s",
            counted(phones.len(), "phone"),
            counted(lines, "line"),
            counted(servers.list().len(), "server"),
            book.frames,
            book.last.as_millis_f64() / 1000.0
        );
        let servers = servers.into_drafts(book);
        let bridge = origin.bridge.clone();
        Self { basis, open, sides, side_remark, bridge, vlan, vlan_remark, timers, servers, phones }
    }

    /// Whether there is anything to write.
    pub fn has_phones(&self) -> bool {
        !self.phones.is_empty()
    }
}

/// A count with its noun.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A few of many, for people.
fn few<T: ToString>(all: impl Iterator<Item = T>, most: usize) -> String {
    let all: Vec<String> = all.map(|it| it.to_string()).collect();
    match all.len().checked_sub(most) {
        None | Some(0) => all.join(", "),
        Some(more) => format!("{} and {more} more", all[..most].join(", ")),
    }
}

/// VLAN ids of a frame, without the priority tag's 0 (IEEE 802.1Q).
fn tags(vlans: &Vlans) -> Vec<u16> {
    vlans.iter().copied().filter(|id| *id != 0).collect()
}

/// What people say of a tag.
fn tag_text(tags: &[u16]) -> String {
    match tags {
        [] => "untagged".to_owned(),
        [only] => format!("in VLAN {only}"),
        several => format!("in VLAN {}", few(several.iter(), 4)),
    }
}

/// The VLAN of all, or what is to be said where there is no such one.
fn vlan(book: &Book, servers: &Servers, devices: &[phones::Device]) -> (Option<u16>, Option<String>) {
    let mut counts: BTreeMap<Vec<u16>, [usize; 2]> = BTreeMap::new();
    for line in devices.iter().flat_map(|device| device.lines.iter()).filter_map(|index| book.lines.get(*index)) {
        counts.entry(tags(&line.vlans)).or_default()[0] += 1;
    }
    for vlans in servers.addresses().filter_map(|address| book.hosts.host(address)).flat_map(|it| it.vlans.iter()) {
        counts.entry(tags(vlans)).or_default()[1] += 1;
    }
    let all: Vec<_> = counts.into_iter().collect();
    match all.as_slice() {
        [] => (None, None),
        [(tags, _)] if tags.is_empty() => (None, None),
        [(tags, _)] if tags.len() == 1 => (tags.first().copied().filter(|id| (1..=4094).contains(id)), None),
        several => {
            let said = |(tags, [lines, servers]): &(Vec<u16>, [usize; 2])| {
                format!("{} and {} {}", counted(*lines, "line"), counted(*servers, "server"), tag_text(tags))
            };
            (None, Some(few(several.iter().map(said), 4)))
        }
    }
}

/// The two interfaces, phone side first, as captures call them: as somebody knows, or as it was seen where phones and
/// servers entered.
fn sides(book: &Book, origin: &Origin, servers: &Servers, devices: &[phones::Device]) -> Option<[String; 2]> {
    let usual = [most(&entries_of_phones(book, devices)), most(&entries_of_servers(book, servers))];
    origin.sides.clone().or(match usual {
        [Some(phone), Some(server)] if phone != server => Some([phone, server].map(|side| book.hosts.label(side))),
        _ => None,
    })
}

/// What is to be said of who entered where.
fn side_remark(
    book: &Book,
    known: Option<&[String; 2]>,
    servers: &Servers,
    devices: &[phones::Device],
) -> Option<String> {
    let [phones, servers] = [entries_of_phones(book, devices), entries_of_servers(book, servers)];
    let Some([phone_side, server_side]) = known else {
        let all = most(&phones).filter(|side| book.hosts.has_sides() && most(&servers) == Some(*side))?;
        return Some(format!("phones and servers entered at the same interface, {}", book.hosts.label(all)));
    };
    let entered = |sides: &[Option<usize>], name: &str| {
        let there = sides.iter().flatten().filter(|side| book.hosts.label(**side) == *name).count();
        format!("{there} of {}", sides.len())
    };
    Some(format!(
        "{} phones entered at {phone_side}, {} servers at {server_side}",
        entered(&phones, phone_side),
        entered(&servers, server_side)
    ))
}

/// Where each phone entered, as far as that is known.
fn entries_of_phones(book: &Book, devices: &[phones::Device]) -> Vec<Option<usize>> {
    devices.iter().map(|device| book.hosts.station(device.mac?)?.side()).collect()
}

/// Where each server entered, as far as that is known; those that sent nothing do not count.
fn entries_of_servers(book: &Book, servers: &Servers) -> Vec<Option<usize>> {
    let hosts = servers.addresses().filter_map(|address| book.hosts.host(address));
    hosts.map(|host| host.macs.iter().find_map(|mac| book.hosts.station(*mac)?.side())).collect()
}

/// The side of most.
fn most(sides: &[Option<usize>]) -> Option<usize> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for side in sides.iter().flatten() {
        *counts.entry(*side).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(side, _)| side)
}

/// Whether an interface of Linux can have that name (`dev_valid_name` in net/core/dev.c), and it is one.
fn is_interface(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 15
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || crate::look::is_harmful(c))
        && !matches!(name, "." | "..")
        && !SIDES.contains(&name)
}

/// Where a station entered, for people; none: there is one interface alone.
fn entry_of(hosts: &Hosts, mac: Option<Mac>) -> Option<String> {
    if !hosts.has_sides() {
        return None;
    }
    Some(match hosts.station(mac?)?.side() {
        Some(side) => format!("entered at {}", hosts.label(side)),
        None => "entered on both sides: is there a loop?".to_owned(),
    })
}

/// Phones that have a file and were not heard.
fn say_who_is_missing(files: &Provisioned, devices: &[phones::Device], open: &mut Vec<String>) {
    let heard = |mac: &Mac| devices.iter().any(|device| device.mac == Some(*mac) && !device.routed);
    let missing = files.phones().filter(|(mac, _)| !heard(mac)).map(|(mac, users)| match users.as_slice() {
        [] => mac.to_string(),
        users => format!("{mac} ({})", few(users.iter(), 4)),
    });
    let missing: Vec<String> = missing.collect();
    if !missing.is_empty() {
        let count = counted(missing.len(), "phone");
        open.push(format!("{count} with a configuration file that was not heard: {}", few(missing.iter(), 12)));
    }
}

/// Takes the timers that all phones share away from the phones.
fn shared_timers(phones: &mut [DraftPhone]) -> Option<Timers> {
    let first = phones.first()?.timers.clone()?;
    if phones.len() < 2 || phones.iter().any(|phone| phone.timers.as_ref() != Some(&first)) {
        return None;
    }
    for phone in phones {
        phone.timers = None;
    }
    Some(first)
}

/// How a line is called among people.
fn called(line: &Line) -> String {
    format!("{} at {}", line.user, line.address)
}

/// Whether an address counts where it is asked who else speaks through a station: those that a host gives itself do not.
fn is_routable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}
