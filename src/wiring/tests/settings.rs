//! What the machine tells of itself.

use std::time::Duration;

use super::*;
use crate::{
    event::Offload,
    wiring::{
        firewall::{Chain, Does, Family, Firewall, Shown},
        machine::{Bridge, Forwarding, LinkState, Machine, Port},
    },
};

fn port(name: &str) -> Port {
    Port {
        name: name.to_owned(),
        mac: None,
        link: LinkState::Up,
        addresses: Vec::new(),
        is_yours: false,
        offloads: Vec::new(),
        forwarding: Some(Forwarding::Forwarding),
    }
}

fn bridge() -> Bridge {
    Bridge {
        name: "br-lab".to_owned(),
        mac: None,
        spanning_tree: false,
        forward_delay: Duration::ZERO,
        group_forward_mask: 0xfff8,
        multicast_snooping: false,
        vlan_filtering: false,
    }
}

fn machine() -> Machine {
    Machine {
        ports: [Some(port("enp3s0")), Some(port("enp4s0"))],
        bridge: Some(bridge()),
        firewall: Firewall { shown: Vec::new(), chains: Ok(Vec::new()) },
    }
}

fn shown(family: Family) -> Shown {
    Shown {
        family,
        setting: "net.bridge.bridge-nf-call-iptables".to_owned(),
        off: "sysctl net.bridge.bridge-nf-call-iptables=0".to_owned(),
    }
}

fn chain(family: Family, does: Does) -> Chain {
    Chain { family, name: "chain FORWARD of table ip filter".to_owned(), does }
}

/// What is said of a firewall.
fn of(shown: Vec<Shown>, chains: Vec<Chain>) -> Verdict {
    firewall::finding(&Firewall { shown, chains: Ok(chains) }).verdict
}

#[test]
fn a_machine_on_which_all_is_as_it_must_be() {
    insta::assert_snapshot!(told(&machine().findings()));
}

#[test]
fn a_machine_on_which_everything_is_wrong() {
    let mut wrong = machine();
    wrong.bridge = Some(Bridge {
        spanning_tree: true,
        forward_delay: Duration::from_secs(15),
        group_forward_mask: 0,
        multicast_snooping: true,
        vlan_filtering: true,
        ..bridge()
    });
    wrong.firewall = Firewall { shown: vec![shown(Family::Ip)], chains: Ok(vec![chain(Family::Ip, Does::Drops)]) };
    wrong.ports = [
        Some(Port {
            link: LinkState::Down,
            addresses: vec![[10, 99, 0, 1].into(), [10, 98, 0, 1].into()],
            ..port("enp3s0")
        }),
        Some(Port {
            forwarding: Some(Forwarding::Held("learning")),
            offloads: vec![Offload::GenericReceiveOffload, Offload::LargeReceiveOffload],
            ..port("enp4s0")
        }),
    ];
    insta::assert_snapshot!(told(&wrong.findings()));
}

#[test]
fn a_bridge_that_is_not_there_is_nothing_to_complain_of_nor_are_interfaces_that_are_switched_off() {
    let mut fresh = machine();
    fresh.bridge = None;
    fresh.ports = ["enp3s0", "enp4s0"]
        .map(|name| Some(Port { link: LinkState::Off, forwarding: None, addresses: Vec::new(), ..port(name) }));
    let findings = fresh.findings();
    assert_eq!(problems(&findings), [""; 0]);
    let unknown = findings.iter().filter(|it| it.verdict == Verdict::Unknown).count();
    assert_eq!(unknown, 2, "{}", told(&findings));
    fresh.ports = [None, None];
    assert_eq!(fresh.findings().len(), 1, "what is not there is told by who looks for it");
}

#[test]
fn nobody_is_told_to_empty_the_interface_that_he_comes_in_by() {
    let [_, servers] = machine().ports;
    let has = |is_yours| Machine {
        ports: [Some(Port { addresses: vec![[10, 99, 0, 1].into()], is_yours, ..port("enp3s0") }), servers.clone()],
        ..machine()
    };
    assert!(told(&has(false).findings()).contains("ip address flush dev enp3s0"));
    let yours = has(true).findings();
    assert_eq!(problems(&yours).len(), 1, "{yours:?}");
    assert!(!told(&yours).contains("flush") && told(&yours).contains("use another interface"), "{}", told(&yours));
}

#[test]
fn eapol_and_lldp_are_both_wanted_and_more_does_no_harm() {
    for (mask, fits) in [(0xfff8, true), (0x4008, true), (0x4000, false), (0x0008, false), (0, false)] {
        let findings =
            Machine { bridge: Some(Bridge { group_forward_mask: mask, ..bridge() }), ..machine() }.findings();
        assert_eq!(problems(&findings).is_empty(), fits, "{mask:#x}");
    }
}

#[test]
fn a_firewall_counts_where_bridged_frames_come_to_it_and_it_may_drop_some() {
    for does in [Does::Nothing, Does::Rules, Does::Drops] {
        let expected = if does == Does::Nothing { Verdict::Ok } else { Verdict::Problem };
        let everywhere = [
            (Family::Ip, Family::Ip),
            (Family::Ip, Family::Inet),
            (Family::Ip6, Family::Inet),
            (Family::Arp, Family::Arp),
        ];
        for (seen, family) in everywhere {
            assert_eq!(of(vec![shown(seen)], vec![chain(family, does)]), expected, "{seen:?} {family:?} {does:?}");
        }
        for (seen, family) in [(Family::Ip, Family::Ip6), (Family::Arp, Family::Ip), (Family::Arp, Family::Inet)] {
            assert_eq!(of(vec![shown(seen)], vec![chain(family, does)]), Verdict::Ok, "{seen:?} {family:?} {does:?}");
        }
        assert_eq!(of(Vec::new(), vec![chain(Family::Ip, does)]), Verdict::Ok, "nothing comes to it: {does:?}");
    }
}

#[test]
fn a_filter_of_the_bridge_itself_counts_in_any_case_and_rules_that_are_not_read_are_not_judged() {
    assert_eq!(of(Vec::new(), vec![chain(Family::Bridge, Does::Drops)]), Verdict::Problem);
    assert_eq!(of(Vec::new(), vec![chain(Family::Bridge, Does::Rules)]), Verdict::Unknown);
    assert_eq!(of(Vec::new(), vec![chain(Family::Bridge, Does::Nothing)]), Verdict::Ok);
}

#[test]
fn a_firewall_that_may_not_be_looked_at_is_not_judged_and_the_way_out_is_told() {
    let hidden =
        |shown| firewall::finding(&Firewall { shown, chains: Err("its rules are told to root alone".to_owned()) });
    assert_eq!(hidden(Vec::new()).verdict, Verdict::Unknown);
    let seen = hidden(vec![shown(Family::Ip)]);
    assert_eq!(seen.verdict, Verdict::Unknown);
    assert!(seen.remedy.as_ref().unwrap().contains("`sysctl net.bridge.bridge-nf-call-iptables=0`"), "{seen:?}");
}
