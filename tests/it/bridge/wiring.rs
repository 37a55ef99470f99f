//! What `siprig check` says of a lab in which something is plugged in or set wrongly, for real; and that what it says to do
//! mends it.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Instant,
};

use caps::{CapSet, Capability};
use nix::sys::signal::Signal;
use serde_json::Value;
use siprig::{
    bridge::tap::Tap,
    config::Mac,
    wire::{frame::udp_frame, spanning_tree},
};

use super::{Lab, OTHER_PORT, ear::Ear, hosts, net::Desk};

/// Where the kernel has it, if it has it.
const BRIDGE_NETFILTER: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// What was found of the interfaces and the wiring.
struct Found {
    code: Option<i32>,
    /// State, what, remedy.
    findings: Vec<[String; 3]>,
}

impl Found {
    fn of(code: Option<i32>, json: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(json).unwrap();
        let all = document["findings"].as_array().unwrap().iter();
        let all = all.filter(|it| it["area"] == "network" || it["area"] == "wiring");
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        Self { code, findings: all.map(|it| ["state", "what", "remedy"].map(|key| text(it, key))).collect() }
    }

    fn problems(&self) -> Vec<&str> {
        self.findings.iter().filter(|it| it[0] == "problem").map(|it| it[1].as_str()).collect()
    }

    /// Whether something is told so, in that state.
    fn tells(&self, state: &str, words: &str) -> bool {
        self.findings.iter().any(|it| it[0] == state && it[1].contains(words))
    }

    /// Does what is said to do: the first command of each remedy.
    fn mend(&self) {
        for [_, _, remedy] in self.findings.iter().filter(|it| it[0] == "problem") {
            let command = remedy.split('`').nth(1).unwrap_or_else(|| panic!("no command: {remedy}"));
            let status = Command::new("sh").args(["-c", command]).status().unwrap();
            assert!(status.success(), "{command}");
        }
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit {:?}", self.code)?;
        self.findings.iter().try_for_each(|[state, what, remedy]| writeln!(f, "{state}: {what} -> {remedy}"))
    }
}

fn check(desk: &Desk) -> Found {
    let output = desk.siprig("check --bench lab.toml --json").stdin(Stdio::null()).output().unwrap();
    Found::of(output.status.code(), &output.stdout)
}

/// Listens while something goes on.
fn listen(desk: &Desk, bench: &str, meanwhile: impl FnOnce()) -> Found {
    let mut held = desk.start_siprig(&format!("check --bench {bench}.toml --json --listen 5m"));
    held.until("listening for");
    meanwhile();
    held.signal(Signal::SIGINT);
    let (code, out, said) = held.end();
    assert_eq!(code, Some(130), "{said}");
    Found::of(code, out.as_bytes())
}

/// Switches an interface on, which then says nothing of its own.
fn switch_on(interface: &str) {
    fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"), "1").unwrap();
    hosts::ip(&format!("link set {interface} up"));
}

/// A bridge between the two, made by somebody else.
fn join(bridge: &str, settings: &str) {
    hosts::ip(&format!("link add {bridge} type bridge {settings}"));
    for interface in ["phones", "servers", bridge] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"), "1").unwrap();
    }
    for interface in ["phones", "servers"] {
        hosts::ip(&format!("link set {interface} master {bridge} up"));
    }
    hosts::ip(&format!("link set {bridge} up"));
}

fn change(desk: &Desk, from: &str, to: &str) {
    let file = desk.path().join("lab.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

/// All that siprig would have set.
const TRANSPARENT: &str = "stp_state 0 forward_delay 0 group_fwd_mask 65528 mcast_snooping 0";

#[test]
fn a_bridge_as_the_kernel_makes_it_is_found_wanting_and_what_is_said_to_do_mends_it() {
    in_lab!("wiring::a_bridge_as_the_kernel_makes_it_is_found_wanting_and_what_is_said_to_do_mends_it", |_lab| {
        let desk = Desk::new();
        change(&desk, "[network]", "[network]\nbridge = \"br-lab\"");
        join("br-lab", "stp_state 1");
        let found = check(&desk);
        assert!(hosts::described("br-lab").contains(" stp_state 1 "), "nothing was changed");
        assert_eq!(found.code, Some(3), "{found:?}");
        for words in [
            "br-lab takes part in spanning tree: after each loss of a link it forwards nothing for 30 s",
            "br-lab keeps 802.1X and LLDP to itself (group_fwd_mask 0x0)",
            "br-lab watches who wants which multicast",
            "br-lab forwards nothing at phones: the port is l",
            "br-lab forwards nothing at servers: the port is l",
        ] {
            assert!(found.tells("problem", words), "{words}: {found:?}");
        }
        found.mend();
        let found = check(&desk);
        assert_eq!((found.code, found.problems()), (Some(0), vec![]), "{found:?}");
        assert!(found.tells("ok", "br-lab lets everything pass"), "{found:?}");
        hosts::wait_until_open();
    });
}

#[test]
fn a_firewall_that_drops_what_passes_the_bridge_is_named_and_what_is_said_to_do_mends_it() {
    in_lab!("wiring::a_firewall_that_drops_what_passes_the_bridge_is_named_and_what_is_said_to_do_mends_it", |_lab| {
        if fs::write(BRIDGE_NETFILTER, "1").is_err() {
            println!("SKIPPED: this kernel has no br_netfilter");
            return;
        }
        let desk = Desk::new();
        join("siprig0", TRANSPARENT);
        hosts::wait_until_open();
        assert_eq!(check(&desk).problems(), [""; 0], "it is in force, and nothing drops");
        // As container runtimes leave it.
        hosts::nft("add table ip filter");
        hosts::nft("add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }");
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 0);
        let found = check(&desk);
        assert_eq!(found.problems().len(), 1, "{found:?}");
        assert!(
            found.tells("problem", "and chain FORWARD of table ip filter drops what no rule lets pass"),
            "{found:?}"
        );
        found.mend();
        assert_eq!(check(&desk).problems(), [""; 0]);
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);

        hosts::nft("add table bridge lab");
        hosts::nft("add chain bridge lab forward { type filter hook forward priority 0; policy drop; }");
        let found = check(&desk);
        assert!(found.tells("problem", "chain forward of table bridge lab drops what passes the bridge"), "{found:?}");
    });
}

#[test]
fn all_that_is_wrong_with_the_two_interfaces_is_told_at_once() {
    in_lab!("wiring::all_that_is_wrong_with_the_two_interfaces_is_told_at_once", |lab| {
        let desk = Desk::new();
        let found = check(&desk);
        assert_eq!((found.code, found.problems()), (Some(0), vec![]), "{found:?}");
        assert!(found.tells("skipped", "the link of phones"), "it is switched off: {found:?}");
        for interface in ["phones", "servers"] {
            switch_on(interface);
        }
        hosts::ip("address add 10.99.0.1/24 dev servers");
        hosts::ip("route add default via 10.99.0.2");
        hosts::ip("link set servers mtu 1400");
        hosts::offload("phones", true);
        hosts::ip("-n switch link set uplink down");
        hosts::until(|| hosts::described("phones").contains("NO-CARRIER"));
        let before = lab.links();
        let found = check(&desk);
        assert_eq!(lab.links(), before, "nothing was changed");
        assert_eq!(found.code, Some(3));
        for words in [
            "`phones` has an MTU of 1500 and `servers` one of 1400",
            "the default route goes through `servers`",
            "servers has an address of its own, 10.99.0.1",
            "phones (toward the phones) has no link",
        ] {
            assert!(found.tells("problem", words), "{words}: {found:?}");
        }
        assert_eq!(found.problems().len(), 4, "{found:?}");
        let told = format!("{found:?}");
        assert!(!told.contains("flush"), "the default route would go with the address: {told}");
        assert!(found.tells("ok", "phones puts frames together on its own (generic-receive-offload)"), "{found:?}");
        assert!(found.tells("ok", "servers (toward the servers) has a link"), "{found:?}");
    });
}

#[test]
fn a_lab_that_is_wired_rightly_has_phones_here_and_servers_there() {
    in_lab!("wiring::a_lab_that_is_wired_rightly_has_phones_here_and_servers_there", |_lab| {
        let desk = Desk::new();
        join("siprig0", TRANSPARENT);
        hosts::wait_until_open();
        let found = listen(&desk, "lab", || {
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::BACKUP, OTHER_PORT, 3), 3);
        });
        assert_eq!(found.problems(), [""; 0]);
        for words in
            ["no frame came in on both sides", "phone p1 came in at phones", "servers a and b came in at servers"]
        {
            assert!(found.tells("ok", words), "{words}: {found:?}");
        }
    });
}

#[test]
fn exchanged_cables_are_named_though_nothing_joins_the_two() {
    in_lab!("wiring::exchanged_cables_are_named_though_nothing_joins_the_two", |_lab| {
        let desk = Desk::new();
        desk.bench("turned", "servers", "phones");
        for interface in ["phones", "servers"] {
            switch_on(interface);
        }
        let found = listen(&desk, "turned", || {
            // Each asks for the address of the other, whom it does not reach.
            hosts::send_udp(hosts::PHONE, hosts::SERVER, OTHER_PORT, b"hello");
            hosts::send_udp(hosts::SERVER, hosts::PHONE, OTHER_PORT, b"hello");
        });
        let words = "the two cables are exchanged: phone p1 came in at phones, and server a at servers";
        assert_eq!(found.problems(), [words], "{found:?}");
    });
}

#[test]
fn two_cables_in_one_switch_are_a_way_around_siprig() {
    in_lab!("wiring::two_cables_in_one_switch_are_a_way_around_siprig", |_lab| {
        let desk = Desk::new();
        hosts::ip("link add second type veth peer name second netns switch");
        hosts::ip("-n switch link set second master sw up");
        desk.bench("around", "phones", "second");
        for interface in ["phones", "second"] {
            switch_on(interface);
        }
        let found = listen(&desk, "around", || hosts::send_udp(hosts::PHONE, hosts::SERVER, OTHER_PORT, b"hello"));
        assert!(
            found.tells("problem", &format!("the first one of {}: there is a second way", hosts::PHONE_MAC)),
            "{found:?}"
        );
        assert!(found.tells("problem", "phone p1 came in on both sides"), "{found:?}");

        let found = listen(&desk, "around", || {
            let told = hosts::described("phones");
            let own: Mac =
                told.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
            let (from, to) = ("192.0.2.1:9".parse().unwrap(), "192.0.2.255:9".parse().unwrap());
            let mut tap = Tap::open("phones", nix::net::if_::if_nametoindex("phones").unwrap()).unwrap();
            tap.send(&udp_frame(own, Mac([0xff; 6]), None, from, to, b"hello")).unwrap();
        });
        // The phone may still be asking for an address that nobody answers.
        let words = "1 frame of this machine's own came back in at second: there is a loop";
        assert!(found.tells("problem", words), "{found:?}");
    });
}

#[test]
fn a_phone_on_the_servers_side_is_named() {
    in_lab!("wiring::a_phone_on_the_servers_side_is_named", |_lab| {
        let desk = Desk::new();
        change(&desk, hosts::PHONE_MAC, &hosts::mac_of("server").to_string());
        join("siprig0", TRANSPARENT);
        hosts::wait_until_open();
        let found = listen(&desk, "lab", || {
            assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 3), 3);
        });
        assert_eq!(found.problems(), ["phone p1 came in at servers, and not at phones"], "{found:?}");
    });
}

#[test]
fn dhcp_on_the_phones_side_is_named_and_so_is_a_phone_that_is_not_heard() {
    in_lab!("wiring::dhcp_on_the_phones_side_is_named_and_so_is_a_phone_that_is_not_heard", |_lab| {
        let desk = Desk::new();
        // Whoever is there may say something at any time.
        change(&desk, hosts::PHONE_MAC, "02:00:00:00:00:99");
        join("siprig0", TRANSPARENT);
        hosts::wait_until_open();
        let found = listen(&desk, "lab", || {
            let (from, to) = ("10.77.0.12:67".parse().unwrap(), "255.255.255.255:68".parse().unwrap());
            let neighbour = hosts::NEIGHBOUR_MAC.parse().unwrap();
            Ear::at("neighbour").say(&udp_frame(neighbour, Mac([0xff; 6]), None, from, to, &[2, 1, 6, 0]));
        });
        let words =
            format!("DHCP is answered on the phones' side, at phones, by 10.77.0.12 ({})", hosts::NEIGHBOUR_MAC);
        assert_eq!(found.problems(), [words], "{found:?}");
        assert!(found.tells("skipped", "where phone p1 comes in"), "{found:?}");
    });
}

#[test]
fn a_switch_that_speaks_spanning_tree_is_named_with_its_root() {
    in_lab!("wiring::a_switch_that_speaks_spanning_tree_is_named_with_its_root", |_lab| {
        let desk = Desk::new();
        join("siprig0", TRANSPARENT);
        hosts::wait_until_open();
        let mut tap = Tap::open("phones", nix::net::if_::if_nametoindex("phones").unwrap()).unwrap();
        let mut heard = None;
        let found = listen(&desk, "lab", || {
            hosts::ip("-n switch link set sw type bridge stp_state 1");
            let begun = Instant::now();
            hosts::until(|| {
                while let Some(received) = tap.receive().unwrap() {
                    heard = heard.or(spanning_tree::read(received.bytes));
                }
                heard.is_some()
            });
            println!("the switch spoke after {:?}", begun.elapsed());
        });
        let root = heard.unwrap().root;
        let words = format!(
            "the switch's port at phones is an edge port: spanning tree frames come in, of bridge {root} with root \
             {root}"
        );
        assert!(found.tells("skipped", &words), "{words}: {found:?}");
        assert_eq!(found.problems(), [""; 0]);

        // Another switch on the other side, in the midst of its listening.
        let of_switch = [2, 0, 0, 0, 0, 0xa2];
        let bridge = [&[0x80, 0][..], &of_switch].concat();
        let ahead = [&[1, 0x80, 0xc2, 0, 0, 0][..], &of_switch, &[0, 39, 0x42, 0x42, 3, 0, 0, 2, 2, 0x0e]].concat();
        let rapid = [&ahead[..], &bridge, &[0; 4], &bridge, &[0; 12]].concat();
        let found = listen(&desk, "lab", || Ear::at("server").say(&rapid));
        let words = "bridge 32768.02:00:00:00:00:a2 does not forward yet at servers";
        assert!(found.tells("problem", words), "{found:?}");
    });
}

#[test]
fn whoever_may_not_listen_is_told_and_the_rest_is_looked_at() {
    in_lab!("wiring::whoever_may_not_listen_is_told_and_the_rest_is_looked_at", |_lab| {
        let desk = Desk::new();
        let mut command = desk.siprig("check --bench lab.toml --listen 1h --json");
        let without = || caps::drop(None, CapSet::Bounding, Capability::CAP_NET_RAW).map_err(std::io::Error::other);
        // SAFETY: prctl(2) alone, between fork and exec.
        unsafe { command.pre_exec(without) };
        let output = command.stdin(Stdio::null()).output().unwrap();
        let found = Found::of(output.status.code(), &output.stdout);
        let heard = found.findings.iter().find(|it| it[1] == "what comes in at the two interfaces");
        let Some([state, _, why]) = heard else { panic!("{found:?}") };
        assert_eq!(state, "skipped");
        assert!(why.contains("CAP_NET_RAW"), "{why}");
        assert!(found.tells("skipped", "the link of phones"), "{found:?}");
    });
}
