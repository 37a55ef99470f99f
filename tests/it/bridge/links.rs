//! Interfaces that change under the bridge: carriers that flap, administrators, interfaces that go and come again.

use siprig::event::LinkLoss;

use super::{hosts::Stream, *};

/// Far beyond what is required after a carrier, since the machine may be busy; what it took is printed.
const AT_ONCE: Duration = Duration::from_millis(500);
/// Within which an interface that was made again has to carry frames.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_carrier_that_is_lost_is_told_costs_nothing_and_is_used_as_soon_as_it_is_back() {
    in_lab!("links::a_carrier_that_is_lost_is_told_costs_nothing_and_is_used_as_soon_as_it_is_back", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Sip);
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "through our own hands");
        for _ in 0..3 {
            hosts::ip("-n server link set eth0 down");
            assert_eq!(rig.link_lost(), ("servers".to_owned(), LinkLoss::Carrier));
            let (before, begun) = (rig.helper_time(), Instant::now());
            std::thread::sleep(Duration::from_secs(2));
            let spent = (rig.helper_time() - before).as_secs_f64() / begun.elapsed().as_secs_f64();
            println!("{:.2} % of a processor while the link is down", spent * 100.0);
            // Two ticks of the accounting clock, of 10 ms each, are 1 %.
            assert!(spent < 0.03, "{spent}");
            let stream = Stream::start(hosts::PHONE, hosts::SERVER, 7100, Duration::from_millis(1));
            hosts::ip("-n server link set eth0 up");
            let up = Instant::now();
            let took = stream.first_arrival_after(up);
            println!("frames pass {took:?} after the link is up");
            assert!(took < AT_ONCE, "{took:?}");
            let (how, gap) = rig.link_back("servers");
            assert_eq!(how, LinkLoss::Carrier);
            assert!(gap > Duration::from_millis(900) && gap < Duration::from_secs(10), "{gap:?}");
            stream.stop();
        }
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
        assert_eq!(rig.canaries(Some(1)), [false, false], "the outage lasts");
        rig.end(1);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_bridge_that_takes_part_in_spanning_tree_is_adopted_and_forwards_at_once() {
    in_lab!("links::a_bridge_that_takes_part_in_spanning_tree_is_adopted_and_forwards_at_once", |lab| {
        hosts::ip("link add siprig0 type bridge stp_state 1");
        for interface in ["phones", "servers"] {
            hosts::ip(&format!("link set {interface} master siprig0 up"));
        }
        hosts::ip("link set siprig0 up");
        hosts::until(|| hosts::described("phones").contains("state listening"));
        // It waits for frames that pass, and not for twice the forward delay.
        let mut rig = Rig::start(&lab);
        assert_eq!(rig.bridge, ("siprig0".to_owned(), true));
        assert_eq!(rig.canaries(None), [true, true]);
        rig.close();
    });
}

#[test]
fn an_interface_that_is_switched_off_and_on_is_told_and_used_again() {
    in_lab!("links::an_interface_that_is_switched_off_and_on_is_told_and_used_again", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Sip);
        for interface in ["phones", "servers"] {
            hosts::ip(&format!("link set {interface} down"));
            assert_eq!(rig.link_lost(), (interface.to_owned(), LinkLoss::SwitchedOff));
            hosts::ip(&format!("link set {interface} up"));
            let (how, gap) = rig.link_back(interface);
            assert_eq!(how, LinkLoss::SwitchedOff);
            println!("{interface} was off for {gap:?}");
            hosts::wait_until_open();
            assert_eq!(rig.canaries(Some(1)), [false, false], "the outage lasts");
        }
        rig.end(1);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn an_interface_that_is_made_again_under_its_name_is_a_port_of_the_bridge_again_as_it_was() {
    in_lab!("links::an_interface_that_is_made_again_under_its_name_is_a_port_of_the_bridge_again_as_it_was", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Sip);
        let server = hosts::mac_of("server");
        for interface in ["servers", "phones"] {
            hosts::ip(&format!("link delete {interface}"));
            // It is switched off before it goes.
            assert_eq!(rig.link_lost(), (interface.to_owned(), LinkLoss::SwitchedOff));
            match interface {
                "servers" => make_servers(&server.to_string()),
                _ => make_phones(),
            }
            let begun = Instant::now();
            let (how, gap) = rig.link_back(interface);
            let joined = begun.elapsed();
            assert_eq!(how, LinkLoss::Removed);
            hosts::wait_until_open();
            println!("{interface}: joined {joined:?} and open {:?} after its link; gone for {gap:?}", begun.elapsed());
            assert!(joined < SOON, "{joined:?}");
            assert!(hosts::described(interface).contains("master siprig0"));
            assert!(!hosts::has_offload(interface));
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "through our own hands");
            assert_eq!(rig.canaries(Some(1)), [false, false], "the outage lasts");
        }
        rig.end(1);
        assert_eq!(rig.canaries(None), [true, true]);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn an_interface_that_somebody_takes_out_of_the_bridge_is_told_and_left_to_him() {
    in_lab!("links::an_interface_that_somebody_takes_out_of_the_bridge_is_told_and_left_to_him", |lab| {
        let mut rig = Rig::start(&lab);
        hosts::ip("link set servers nomaster");
        assert_eq!(rig.link_lost(), ("servers".to_owned(), LinkLoss::Removed));
        let failed = rig.expect("a word on it", |it| matches!(it, Observed::DriverFailed { .. }));
        let Observed::DriverFailed { reason, .. } = failed else { unreachable!() };
        assert!(reason.contains("`servers` taken out of its bridge"), "{reason}");
        hosts::ip("link set servers master siprig0");
        assert_eq!(rig.link_back("servers").0, LinkLoss::Removed);
        rig.close();
    });
}

#[test]
fn a_bridge_of_ours_that_somebody_removes_is_told_and_made_again_and_the_outage_lasts() {
    in_lab!("links::a_bridge_of_ours_that_somebody_removes_is_told_and_made_again_and_the_outage_lasts", |lab| {
        let mut rig = Rig::start_with(&lab, |plan| {
            let probe = ([10, 77, 0, 250].into(), 24);
            plan.bench.network.iter_mut().for_each(|network| network.probe_address = Some(probe));
        });
        for number in 1..=2 {
            rig.begin(number, OutageScope::Sip);
            hosts::ip("link delete siprig0");
            let mut lost = [(); 3].map(|()| rig.link_lost());
            lost.sort();
            assert_eq!(lost, ["phones", "servers", "siprig0"].map(|name| (name.to_owned(), LinkLoss::Removed)));
            let (how, gap) = rig.link_back("siprig0");
            println!("the bridge was gone for {gap:?}");
            assert_eq!(how, LinkLoss::Removed);
            hosts::wait_until_open();
            for interface in ["phones", "servers"] {
                assert!(hosts::described(interface).contains("master siprig0"));
            }
            assert!(hosts::described("siprig0").contains("10.77.0.250/24"));
            assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, SIP_PORT, 3), 0);
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "through our own hands");
            assert_eq!(rig.canaries(Some(number)), [false, false], "the outage lasts");
            rig.end(number);
            assert_eq!(rig.canaries(None), [true, true]);
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        for name in ["phones", "servers", "siprig0"] {
            let back = |it: &&Observed| matches!(it, Observed::LinkBack { interface, .. } if interface == name);
            assert_eq!(seen.iter().filter(back).count(), 2, "{name}");
        }
    });
}

#[test]
fn a_bridge_of_somebody_s_own_that_he_removes_is_told_with_what_to_do_and_joined_when_it_is_there_again() {
    in_lab!(
        "links::a_bridge_of_somebody_s_own_that_he_removes_is_told_with_what_to_do_and_joined_when_it_is_there_again",
        |lab| {
            hosts::ip("link add br-lab type bridge mcast_snooping 0");
            hosts::ip("link set br-lab up");
            let mut rig = Rig::start_with(&lab, |plan| {
                plan.bench.network.iter_mut().for_each(|network| network.bridge = Some("br-lab".to_owned()));
            });
            assert_eq!(rig.bridge, ("br-lab".to_owned(), true));
            hosts::ip("link delete br-lab");
            let failed = rig.expect("a word on it", |it| matches!(it, Observed::DriverFailed { .. }));
            let Observed::DriverFailed { reason, .. } = failed else { unreachable!() };
            assert!(
                reason.contains("`br-lab` removed") && reason.contains("`ip link add br-lab type bridge`"),
                "{reason}"
            );
            assert!(!hosts::described("phones").contains("master"), "it is not for us to make it");
            hosts::ip("link add br-lab type bridge");
            assert_eq!(rig.link_back("br-lab").0, LinkLoss::Removed);
            hosts::wait_until_open();
            rig.begin(1, OutageScope::Host);
            assert_eq!(rig.canaries(Some(1)), [false, false]);
            rig.end(1);
            rig.close();
        }
    );
}

/// A VLAN on the bridge is one, where the kernel has them; any other that leads into it does for the test.
#[test]
fn our_own_address_is_put_on_an_interface_that_the_bench_names_and_answers_there() {
    in_lab!("links::our_own_address_is_put_on_an_interface_that_the_bench_names_and_answers_there", |lab| {
        hosts::ip("link add br-lab type bridge mcast_snooping 0");
        hosts::ip("link add voice type veth peer name voice-port");
        for link in ["set voice-port master br-lab", "set voice-port up", "set voice up", "set br-lab up"] {
            hosts::ip(&format!("link {link}"));
        }
        let mut rig = Rig::start_with(&lab, |plan| {
            plan.bench.network.iter_mut().for_each(|network| {
                network.bridge = Some("br-lab".to_owned());
                network.probe_address = Some(([10, 77, 0, 250].into(), 24));
                network.probe_interface = Some("voice".to_owned());
            });
        });
        assert!(hosts::described("voice").contains("10.77.0.250/24"));
        assert!(!hosts::described("br-lab").contains("10.77.0.250"));
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "nobody else is disturbed");
        rig.close();
    });
}

#[test]
fn a_port_that_an_earlier_helper_has_left_is_removed_and_named() {
    in_lab!("links::a_port_that_an_earlier_helper_has_left_is_removed_and_named", |lab| {
        Rig::start(&lab).close();
        hosts::until_no_port_is_left();
        hosts::ip("link add siprig-999999 type veth peer name left");
        hosts::ip("link set siprig-999999 master siprig0");
        hosts::nft("add table bridge siprig-siprig0");
        // Of another bridge, and somebody else's.
        hosts::ip("link add siprig-999998 type veth peer name other");
        let mut rig = Rig::start(&lab);
        let removed = rig.expect("what was left", |it| matches!(it, Observed::OrphansRemoved { .. }));
        assert_eq!(
            removed,
            Observed::OrphansRemoved {
                names: vec!["outage table siprig-siprig0".to_owned(), "siprig-999999".to_owned()]
            }
        );
        let links = lab.links().join("\n");
        assert!(!links.contains("siprig-999999") && links.contains("siprig-999998"), "{links}");
        rig.close();
    });
}

/// With the address that the server had, which the phones remember.
fn make_servers(mac: &str) {
    hosts::ip(&format!("link add servers type veth peer name eth0 address {mac} netns server"));
    for host in [hosts::SERVER, hosts::BACKUP] {
        hosts::ip(&format!("-n server address add {}/24 dev eth0", host.ip));
    }
    hosts::ip("-n server link set eth0 up");
}

fn make_phones() {
    hosts::ip("link add phones type veth peer name uplink netns switch");
    hosts::ip("-n switch link set uplink master sw up");
}
