//! Addresses that change hands under an outage which is about them: whoever has one now is meant, and nobody else.

use nix::sys::signal::Signal;
use siprig::event::Manner;

use super::{hosts::Host, *};

/// As often the helper may be kept from its work for so long that it finds its outage over.
const TRIES: u32 = 8;

/// Gives a host another address.
fn readdress(namespace: &str, from: Host, to: Host) {
    hosts::ip(&format!("-n {namespace} address del {}/24 dev eth0", from.ip));
    hosts::ip(&format!("-n {namespace} address add {}/24 dev eth0", to.ip));
    hosts::ip(&format!("-n {namespace} neigh flush all"));
}

#[test]
fn a_server_that_asks_everybody_finds_whoever_has_a_phone_s_old_address_and_not_the_phone() {
    in_lab!(
        "following::a_server_that_asks_everybody_finds_whoever_has_a_phone_s_old_address_and_not_the_phone",
        |lab| {
            let mut rig = Rig::start(&lab);
            rig.begin_mode(1, Manner::Unresolvable.into(), None, OutageScope::Host);
            readdress("phone", hosts::PHONE, hosts::NEIGHBOUR);
            readdress("neighbour", hosts::NEIGHBOUR, hosts::PHONE);
            hosts::ip("-n server neigh flush all");
            hosts::ip("-n server neigh flush all");
            let phone = Host { ip: hosts::NEIGHBOUR.ip, ..hosts::PHONE };
            let bystander = Host { ip: hosts::PHONE.ip, ..hosts::NEIGHBOUR };
            // Each asks for the server, and so tells what its address is.
            hosts::send_udp(phone, hosts::SERVER, OTHER_PORT, b"in vain");
            let echoes = hosts::udp_echoes(bystander, hosts::SERVER, OTHER_PORT, 3);
            assert_eq!(echoes, 3, "{:?}", rig.so_far());
            rig.expect(
                "the phone's address",
                |it| matches!(it, Observed::AddressSeen { address, .. } if *address == phone.ip),
            );
            hosts::settle();
            hosts::ip("-n server neigh flush all");
            assert_eq!(
                hosts::udp_delivered(hosts::SERVER, bystander, OTHER_PORT, 3),
                3,
                "it is asked for, and answers"
            );
            assert_eq!(hosts::udp_delivered(hosts::SERVER, phone, OTHER_PORT, 3), 0, "nobody hears who asks for it");
            let (_, tally) = rig.end(1);
            assert_eq!(tally.leaked, 0);
            rig.close();
        }
    );
}

#[test]
fn a_phone_that_is_followed_late_is_told_and_what_passed_meanwhile_is_a_leak() {
    in_lab!("following::a_phone_that_is_followed_late_is_told_and_what_passed_meanwhile_is_a_leak", |lab| {
        let mut rig = Rig::start(&lab);
        let mut phone = hosts::PHONE;
        for number in 1..=TRIES {
            rig.begin_mode(number, Manner::Unresolvable.into(), None, OutageScope::Host);
            let moved = Host { ip: [10, 77, 0, 100 + number as u8].into(), ..phone };
            rig.signal(Signal::SIGSTOP);
            readdress("phone", phone, moved);
            phone = moved;
            hosts::send_udp(phone, hosts::SERVER, OTHER_PORT, b"in vain");
            std::thread::sleep(Duration::from_millis(30));
            // The kernel does not know yet that this is to be dropped.
            hosts::send_udp(hosts::SERVER, phone, OTHER_PORT, b"who is it?");
            std::thread::sleep(Duration::from_millis(70));
            rig.signal(Signal::SIGCONT);
            let told = rig.expect("a word on it", |it| {
                matches!(it, Observed::FollowedLate { .. } | Observed::OutageEnded { .. })
            });
            let Observed::FollowedLate { outage, phone: of, address, late_ns } = told else {
                println!("the outage had lapsed");
                continue;
            };
            println!("followed after {} ms", late_ns / 1_000_000);
            assert_eq!((outage, of.0.as_str(), address), (OutageId(number), "p1", phone.ip));
            assert!(late_ns > 60_000_000, "{late_ns}");
            hosts::ip("-n server neigh flush all");
            assert_eq!(hosts::udp_delivered(hosts::SERVER, phone, OTHER_PORT, 3), 0, "it is followed");
            let (_, tally) = rig.end(number);
            assert!(tally.leaked > 0, "{tally:?}");
            rig.close();
            return;
        }
        panic!("the helper never got {TRIES} times the processor within its lease");
    });
}
