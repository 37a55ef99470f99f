//! What the two ends find each other by: link-layer addresses (ARP, RFC 826; neighbour discovery, RFC 4861), and names (RFC 1035).

use std::net::Ipv6Addr;

use siprig::wire::{dns, frame::Envelope};

use super::{
    ends::{SERVER_MAC, macs},
    *,
};

const EVERYBODY: Mac = Mac([0xff; 6]);
/// Somebody whom no outage is about.
const OTHER: [u8; 4] = [10, 77, 0, 99];
const OTHER_6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x99);

#[test]
fn what_the_ends_find_each_other_by_vanishes_and_what_is_asked_about_others_passes() {
    in_lab!(
        "captures::finding::what_the_ends_find_each_other_by_vanishes_and_what_is_asked_about_others_passes",
        |lab| {
            let (mut rig, mut ends) = Ends::open(&lab);
            let of_link = |line: &Line| match line.sort {
                "address?" | "address!" | "phone's?" => "vanishes",
                _ => "passes",
            };
            let of_names = |line: &Line| if line.sort == "name?" { "vanishes" } else { "passes" };
            let in_fragments = |_: &Line| "passes";
            let cases = vec![
                case("unresolvable", Manner::Unresolvable, of_link),
                case("dns", Manner::Nameless, of_names),
                case("drop", Manner::Drop, |line| match line.sort {
                    // Those of ARP are no IP, and those of IPv6 that ask everybody go to no server.
                    "name?" | "other name?" | "name!" => "vanishes",
                    "address!" if line.wrapping.v6 => "vanishes",
                    _ => "passes",
                }),
            ];
            let mut table = Table::default();
            each_is_as_expected(&mut rig, &mut ends, &mut table, cases, |ends| {
                Wrapping::whole().into_iter().flat_map(|wrapping| lines(ends, wrapping)).collect()
            });
            let cases = vec![case("dns, in fragments", Manner::Nameless, in_fragments)];
            each_is_as_expected(&mut rig, &mut ends, &mut table, cases, |ends| {
                let cut = Wrapping::all().into_iter().filter(|wrapping| wrapping.cut);
                let question = question("sip-a.example");
                let long = [&question[..], &[0; 500]].concat();
                cut.map(|wrapping| ends.datagram("name?", Toward::Server, wrapping, dns::PORT, &long)).collect()
            });
            close(rig);
            println!("{table}");
        }
    );
}

fn question(name: &str) -> Vec<u8> {
    const ADDRESS: u16 = 1;
    name.parse::<dns::Name>().unwrap().question(ADDRESS)
}

fn lines(ends: &mut Ends, wrapping: Wrapping) -> Vec<Line> {
    let (phone, _) = macs(Toward::Server);
    let mut answer = question("sip-a.example");
    answer[2] |= 0x80;
    let mut lines = vec![
        ends.datagram("name?", Toward::Server, wrapping, dns::PORT, question("sip-a.example")),
        ends.datagram("other name?", Toward::Server, wrapping, dns::PORT, question("sip-b.example")),
        ends.datagram("name!", Toward::Phone, wrapping, dns::PORT, answer),
    ];
    let frames: [(&str, Toward, Vec<u8>); 4] = match (wrapping.phone(), wrapping.server()) {
        (std::net::IpAddr::V4(at_phone), std::net::IpAddr::V4(server)) => {
            let arp = |tells: bool, toward: Toward, to: Mac, from: [u8; 4], target: [u8; 4]| {
                let (sender, _) = macs(toward);
                let mut bytes = Envelope::new(sender, to, None).arp_probe(sender, target.into(), &[0; 18]);
                bytes[21] = 1 + u8::from(tells);
                bytes[28..32].copy_from_slice(&from);
                bytes
            };
            let (at_phone, server) = (at_phone.octets(), server.octets());
            [
                ("address?", Toward::Server, arp(false, Toward::Server, EVERYBODY, at_phone, server)),
                ("address!", Toward::Phone, arp(true, Toward::Phone, phone, server, at_phone)),
                ("phone's?", Toward::Phone, arp(false, Toward::Phone, EVERYBODY, server, at_phone)),
                ("other's?", Toward::Server, arp(false, Toward::Server, EVERYBODY, at_phone, OTHER)),
            ]
        }
        (std::net::IpAddr::V6(at_phone), std::net::IpAddr::V6(server)) => {
            let discovery = |kind: u8, toward: Toward, to: Mac, from: Ipv6Addr, target: Ipv6Addr, goes_to: Ipv6Addr| {
                const AT: usize = 14;
                let (sender, _) = macs(toward);
                let mut bytes = Envelope::new(sender, to, None).solicitation(target, b"abcdef");
                bytes[AT + 7] = 255;
                bytes[AT + 8..AT + 24].copy_from_slice(&from.octets());
                bytes[AT + 24..AT + 40].copy_from_slice(&goes_to.octets());
                bytes[AT + 40] = kind;
                siprig::wire::frame::fix_checksums(&mut bytes);
                bytes
            };
            let (asks, tells) = (135, 136);
            let many = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0x66);
            let of_many = Mac([0x33, 0x33, 0xff, 0, 0, 0x66]);
            [
                ("address?", Toward::Server, discovery(asks, Toward::Server, of_many, at_phone, server, many)),
                ("address!", Toward::Phone, discovery(tells, Toward::Phone, phone, server, server, at_phone)),
                ("phone's?", Toward::Phone, discovery(asks, Toward::Phone, of_many, server, at_phone, many)),
                ("other's?", Toward::Server, discovery(asks, Toward::Server, SERVER_MAC, at_phone, OTHER_6, many)),
            ]
        }
        _ => unreachable!("both are of one family"),
    };
    lines.extend(frames.map(|(sort, toward, plain)| ends.line(sort, toward, wrapping, &[plain])));
    lines
}
