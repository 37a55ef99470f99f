//! The bridge and its helper process, between network namespaces.
//!
//! Each test runs its body again in fresh user, network, mount and process namespaces: a test thread can not enter a user
//! namespace itself (unshare(2)).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "frames on real sockets take real time, and a test says what it measured or why it can not run"
)]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use siprig::{
    bridge::protocol::Refusal,
    driver::network::{NetworkError, preflight},
    event::{Door, Fate, Knock, Observed, OutageEnd, OutageId, OutageScope, SipFact, SipMessage, Toward},
    wire::capture::Note,
};

mod bench;
mod ear;
mod hosts;

use bench::Rig;
use hosts::Lab;

const SIP_PORT: u16 = 5060;
const OTHER_PORT: u16 = 7000;
/// How often the helper is killed.
const KILLS: usize = 5;
const WAYS: [Toward; 2] = [Toward::Server, Toward::Phone];

/// Runs the body of a test in a lab of its own.
macro_rules! in_lab {
    ($name:literal, $body:expr) => {
        if hosts::enter(concat!("bridge::", $name)) {
            let body: fn(Lab) = $body;
            body(Lab::build());
        }
    };
}

mod behind;
mod captures;
mod following;
mod link_down;
mod links;
mod listen;
mod modes;
mod names;
mod net;
mod paths;
mod routed;
mod speech;
mod transparent;
mod wiring;

fn register(call: u32) -> String {
    format!(
        "REGISTER sip:10.77.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.77.0.11;branch=z9hG4bK{call}\r\n\
         From: <sip:1001@10.77.0.2>;tag=a\r\nTo: <sip:1001@10.77.0.2>\r\nCall-ID: {call}\r\nCSeq: 1 REGISTER\r\n\
         Contact: <sip:1001@10.77.0.11>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
    )
}

fn is_register(fact: &SipFact, call: u32) -> bool {
    matches!(&fact.message, SipMessage::Read(summary) if summary.call_id == call.to_string())
}

#[test]
fn hosts_talk_through_the_bridge_and_sip_is_reported_with_its_frame() {
    in_lab!("hosts_talk_through_the_bridge_and_sip_is_reported_with_its_frame", |lab| {
        let mut rig = Rig::start(&lab);
        assert_eq!(rig.bridge, ("siprig0".to_owned(), false));
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 20), 20);
        assert_eq!(hosts::tcp_round_trip("phone", hosts::SERVER, OTHER_PORT, 1 << 20), 1 << 20);
        hosts::send_udp(hosts::PHONE, hosts::SERVER, SIP_PORT, register(7).as_bytes());
        rig.expect("a sign of life", |it| matches!(it, Observed::SignOfLife { .. }));
        let Observed::Sip(fact) = rig.expect("the REGISTER", |it| matches!(it, Observed::Sip(_))) else {
            unreachable!()
        };
        assert!(is_register(&fact, 7), "{fact:?}");
        assert_eq!((fact.fate, fact.toward), (Fate::Passed, Toward::Server));
        assert_eq!(fact.server.as_ref().map(|it| it.0.as_str()), Some("a"));
        assert_eq!(fact.server_addr, SocketAddr::new(hosts::SERVER.ip, SIP_PORT));
        let rest = rig.close();
        assert!(!rest.iter().any(is_lost), "{rest:?}");
        let capture = rig.capture();
        let (from, to) = (fact.raw.offset as usize, (fact.raw.offset + fact.raw.len) as usize);
        assert!(contains(&capture[from..to], b"REGISTER sip:10.77.0.2"), "the reference leads to the frame");
    });
}

#[test]
fn sip_on_any_port_is_reported_and_so_is_an_error_that_answers_it_and_nothing_else() {
    in_lab!("sip_on_any_port_is_reported_and_so_is_an_error_that_answers_it_and_nothing_else", |lab| {
        let mut rig = Rig::start(&lab);
        let voice = [0x80; 172];
        for (number, server, port) in [(8, hosts::SERVER, OTHER_PORT), (9, hosts::BACKUP, SIP_PORT)] {
            hosts::send_udp(hosts::PHONE, server, 30_000, &voice);
            hosts::send_udp(hosts::PHONE, server, port, register(number).as_bytes());
            let Observed::Sip(fact) = rig.expect("the REGISTER", |it| matches!(it, Observed::Sip(_))) else {
                unreachable!()
            };
            assert!(is_register(&fact, number), "{fact:?}");
            assert_eq!(fact.server_addr, SocketAddr::new(server.ip, port));
            // Nobody listens there, and the host's own kernel says so.
            let refused = |it: &Observed| matches!(it, Observed::Knock { door: Door::Udp, knock: Knock::Refused, .. });
            let Observed::Knock { server, fate, raw, .. } = rig.expect("the error", refused) else { unreachable!() };
            assert_eq!((Some(server), fate), (fact.server, Fate::Passed));
            assert!(raw.offset > fact.raw.offset, "{raw:?}");
        }
        let rest = rig.close();
        assert!(!rest.iter().any(is_lost), "{rest:?}");
        let capture = rig.capture();
        assert!(contains(&capture, b"REGISTER sip:10.77.0.2"));
        assert!(!contains(&capture, &voice[..100]), "nor what an error quotes of it");
    });
}

fn is_lost(observed: &Observed) -> bool {
    matches!(
        observed,
        Observed::EvidenceLost { .. }
            | Observed::DriverFailed { .. }
            | Observed::Leak { .. }
            | Observed::BystanderLost { .. }
    )
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_host_outage_stops_everything_of_the_phone_and_nothing_of_its_neighbour() {
    in_lab!("a_host_outage_stops_everything_of_the_phone_and_nothing_of_its_neighbour", |lab| {
        let mut rig = Rig::start(&lab);
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 1), 1);
        assert_eq!(rig.canaries(None), [true, true], "control: both ways are open");
        rig.begin(1, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, false], "outage: both ways are closed");
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 5), 0);
        assert_eq!(hosts::udp_delivered(hosts::SERVER, hosts::PHONE, OTHER_PORT, 5), 0);
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, SIP_PORT, 1), 0);
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::BACKUP, SIP_PORT, 5), 5, "the other server answers");
        assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 5), 5, "so it does for others");
        let (why, tally) = rig.end(1);
        assert_eq!(why, OutageEnd::Lifted);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (6, 5, 0));
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 5), 5, "open again");
        let seen = rig.close();
        for way in WAYS {
            let bites = seen.iter().filter(|it| matches!(it, Observed::FirstBite { toward, .. } if *toward == way));
            assert_eq!(bites.count(), 1, "one first bite {way:?}");
            let bites = seen.iter().filter(|it| matches!(it, Observed::LastBite { toward, .. } if *toward == way));
            assert_eq!(bites.count(), 1, "one last bite {way:?}");
        }
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let (notes, behind) = rig.notes();
        let count = |wanted: &dyn Fn(&Note) -> bool| notes.iter().filter(|note| wanted(note)).count();
        assert_eq!(count(&|note| *note == Note::Dropped { outage: OutageId(1) }), 1 + 2, "the datagram, and canaries");
        assert_eq!(count(&|note| *note == Note::Canary), 4);
        let outage = |note: &Note| match note {
            Note::OutageBegan { outage, server, unix_ns, .. } => Some((*outage, server.0.clone(), *unix_ns, true)),
            Note::OutageEnded { outage, server, unix_ns, .. } => Some((*outage, server.0.clone(), *unix_ns, false)),
            _ => None,
        };
        let [(id, server, began, true), (same, again, ended, false)] =
            &notes.iter().chain(&behind).filter_map(outage).collect::<Vec<_>>()[..]
        else {
            panic!("{notes:?} {behind:?}")
        };
        assert_eq!((id, server.as_str(), same, again), (&OutageId(1), "a", id, server));
        assert!(began < ended, "{began} {ended}");
    });
}

#[test]
fn a_sip_outage_lets_other_traffic_pass_exactly_once() {
    in_lab!("a_sip_outage_lets_other_traffic_pass_exactly_once", |lab| {
        let mut rig = Rig::start(&lab);
        assert_eq!(rig.canaries(None), [true, true]);
        rig.begin(1, OutageScope::Sip);
        assert_eq!(rig.canaries(Some(1)), [false, false]);
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, SIP_PORT, 5), 0);
        assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 200), 200);
        assert_eq!(hosts::udp_delivered(hosts::SERVER, hosts::PHONE, OTHER_PORT, 200), 200);
        assert_eq!(hosts::tcp_round_trip("phone", hosts::SERVER, OTHER_PORT, 200_000), 200_000);
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (5, 0, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn taking_over_and_handing_back_loses_no_frame_that_may_pass() {
    in_lab!("taking_over_and_handing_back_loses_no_frame_that_may_pass", |lab| {
        let mut rig = Rig::start(&lab);
        let stream = hosts::Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_micros(500));
        for outage in 1..=5 {
            rig.begin(outage, OutageScope::Sip);
            stream.until_more(50);
            rig.end(outage);
            stream.until_more(50);
        }
        let (sent, received) = stream.stop();
        rig.close();
        println!("take-over: {sent} sent, {} distinct, {} copies", received.distinct, received.copies);
        assert!(sent > 100, "{sent}");
        assert!(received.distinct + 2 >= sent, "{} of {sent}", received.distinct);
        assert!(received.copies <= 20, "{} copies", received.copies);
    });
}

#[test]
fn phones_are_not_stranded_when_the_helper_is_killed_in_mid_outage() {
    in_lab!("phones_are_not_stranded_when_the_helper_is_killed_in_mid_outage", |lab| {
        let mut cuts = Vec::new();
        for round in 0..KILLS {
            let mut rig = Rig::start(&lab);
            rig.begin(1, OutageScope::Host);
            let stream = hosts::Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_millis(1));
            hosts::settle();
            let killed = Instant::now();
            rig.signal(nix::sys::signal::Signal::SIGKILL);
            cuts.push(stream.first_arrival_after(killed));
            rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::HelperLost, .. }));
            rig.expect("the failure", |it| matches!(it, Observed::DriverFailed { .. }));
            stream.stop();
            assert_eq!(lab.tables(), "", "the table went with its owner, round {round}");
            rig.close();
            let (notes, behind) = rig.notes();
            let ended = |note: &Note| matches!(note, Note::OutageEnded { outage: OutageId(1), .. });
            assert!(notes.iter().chain(&behind).any(ended), "{notes:?} {behind:?}");
        }
        cuts.sort();
        println!("SIGKILL to first frame: {cuts:?}");
        assert!(cuts[KILLS / 2] < Duration::from_millis(30) && cuts[KILLS - 1] < Duration::from_secs(1), "{cuts:?}");
    });
}

#[test]
fn phones_are_not_stranded_when_the_helper_hangs_in_mid_outage() {
    in_lab!("phones_are_not_stranded_when_the_helper_hangs_in_mid_outage", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        let stream = hosts::Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_millis(1));
        let stopped = Instant::now();
        rig.signal(nix::sys::signal::Signal::SIGSTOP);
        let after = stream.first_arrival_after(stopped);
        println!("SIGSTOP to first frame: {after:?}");
        assert!(after < Duration::from_secs(1), "{after:?}");
        rig.signal(nix::sys::signal::Signal::SIGCONT);
        rig.expect(
            "the cause",
            |it| matches!(it, Observed::DriverFailed { reason, .. } if reason.contains("processor")),
        );
        rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
        stream.stop();
        let seen = rig.close();
        assert!(!seen.iter().any(|it| matches!(it, Observed::Leak { .. })), "{seen:?}");
    });
}

#[test]
fn the_helper_is_small_and_alone_and_has_no_privilege_but_for_the_table_of_outages() {
    in_lab!("the_helper_is_small_and_alone_and_has_no_privilege_but_for_the_table_of_outages", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        let status = rig.helper_status();
        let says =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().to_owned();
        const NET_ADMIN: &str = "0000000000001000";
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(says(set), NET_ADMIN, "{set} {status}");
        }
        for set in ["CapInh:", "CapAmb:"] {
            assert_eq!(says(set), "0000000000000000", "{set} {status}");
        }
        assert_eq!((says("NoNewPrivs:"), says("Seccomp:"), says("Threads:")), ("1".into(), "2".into(), "1".into()));
        let resident: u64 = says("VmRSS:").trim_end_matches(" kB").parse().unwrap();
        println!("the helper has {resident} KiB resident");
        assert!(resident <= 64 << 10, "{resident} KiB");
        let (why, tally) = rig.end(1);
        assert_eq!((why, tally.leaked), (OutageEnd::Lifted, 0));
        rig.close();
    });
}

#[test]
fn an_outage_ends_by_itself_at_its_limit() {
    in_lab!("an_outage_ends_by_itself_at_its_limit", |lab| {
        let mut rig = Rig::start(&lab);
        let begun = rig.begin_for(1, OutageScope::Host, Duration::from_millis(700));
        let (when, ended) = rig.expect_at("the end", |it| matches!(it, Observed::OutageEnded { .. }));
        assert!(matches!(ended, Observed::OutageEnded { why: OutageEnd::Limit, .. }), "{ended:?}");
        let lasted = when.since(begun);
        assert!(lasted >= Duration::from_millis(695) && lasted < Duration::from_millis(900), "{lasted:?}");
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
        rig.close();
    });
}

#[test]
fn a_frame_of_the_outage_that_leaves_by_another_way_is_a_leak() {
    in_lab!("a_frame_of_the_outage_that_leaves_by_another_way_is_a_leak", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        hosts::settle();
        lab.send_past_the_bridge("servers", b"by another way");
        let leak = rig.expect("the leak", |it| matches!(it, Observed::Leak { .. }));
        assert!(matches!(leak, Observed::Leak { outage: OutageId(1), toward: Toward::Server, .. }), "{leak:?}");
        let (_, tally) = rig.end(1);
        assert_eq!(tally.leaked, 1);
        rig.close();
    });
}

#[test]
fn an_outage_holds_for_vlan_tagged_frames_and_keeps_the_tags_of_others() {
    in_lab!("an_outage_holds_for_vlan_tagged_frames_and_keeps_the_tags_of_others", |lab| {
        let mut rig = Rig::start_in_vlan(&lab, 77);
        let tagged = |toward, port, count| hosts::tagged_delivered(77, toward, port, count);
        for toward in WAYS {
            assert_eq!(tagged(toward, OTHER_PORT, 5), 5, "{toward:?}");
        }
        assert_eq!(rig.canaries(None), [true, true]);
        rig.begin(1, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, false]);
        assert_eq!(WAYS.map(|toward| tagged(toward, OTHER_PORT, 5)), [0, 0]);
        rig.end(1);
        rig.begin(2, OutageScope::Sip);
        assert_eq!(WAYS.map(|toward| tagged(toward, SIP_PORT, 5)), [0, 0]);
        assert_eq!(WAYS.map(|toward| tagged(toward, OTHER_PORT, 50)), [50, 50]);
        let (_, tally) = rig.end(2);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (5, 5, 0));
        rig.close();
    });
}

#[test]
fn an_outage_holds_for_ipv6() {
    in_lab!("an_outage_holds_for_ipv6", |lab| {
        let mut rig = Rig::start(&lab);
        let (phone, server) = (hosts::PHONE_6, hosts::SERVER_6);
        assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3);
        rig.begin(1, OutageScope::Host);
        assert_eq!(hosts::udp_delivered(phone, server, OTHER_PORT, 3), 0);
        assert_eq!(hosts::udp_delivered(server, phone, OTHER_PORT, 3), 0);
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (3, 3, 0));
        rig.close();
    });
}

#[test]
fn a_tcp_message_that_was_dropped_is_reported_again_when_it_arrives_after_the_outage() {
    in_lab!("a_tcp_message_that_was_dropped_is_reported_again_when_it_arrives_after_the_outage", |lab| {
        let mut rig = Rig::start(&lab);
        let mut connection = hosts::Connection::open("phone", hosts::SERVER, SIP_PORT);
        rig.begin(1, OutageScope::Sip);
        connection.send(register(9).as_bytes());
        let of_ours = |it: &Observed| matches!(it, Observed::Sip(fact) if is_register(fact, 9));
        let Observed::Sip(fact) = rig.expect("the dropped message", of_ours) else { unreachable!() };
        assert_eq!(fact.fate, Fate::Dropped(OutageId(1)));
        rig.end(1);
        let Observed::Sip(fact) = rig.expect("the delivered message", of_ours) else { unreachable!() };
        assert_eq!(fact.fate, Fate::Passed);
        assert_eq!(connection.received(), register(9).into_bytes());
        rig.close();
    });
}

#[test]
fn a_second_run_adopts_the_bridge_that_the_first_one_left() {
    in_lab!("a_second_run_adopts_the_bridge_that_the_first_one_left", |lab| {
        Rig::start(&lab).close();
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3, "the bridge stays after the run");
        let mut rig = Rig::start(&lab);
        assert_eq!(rig.bridge, ("siprig0".to_owned(), true));
        assert_eq!(rig.canaries(None), [true, true]);
        rig.close();
    });
}

#[test]
fn two_runs_on_the_same_interfaces_do_not_get_in_each_others_way() {
    in_lab!("two_runs_on_the_same_interfaces_do_not_get_in_each_others_way", |lab| {
        let mut first = Rig::start(&lab);
        first.begin(1, OutageScope::Host);
        let refusal = Rig::refusal(&lab, |_| {});
        assert!(matches!(refusal, NetworkError::Refused(Refusal::Busy { .. })), "{refusal}");
        assert_eq!(first.canaries(Some(1)), [false, false], "the outage of the first goes on");
        first.end(1);
        assert_eq!(first.canaries(None), [true, true]);
        first.close();
    });
}

#[test]
fn unfit_interfaces_are_refused_by_name_and_left_as_they_are() {
    in_lab!("unfit_interfaces_are_refused_by_name_and_left_as_they_are", |lab| {
        let before = lab.links();
        let missing = Rig::refusal(&lab, |network| network.server_side = "eth9".to_owned());
        let is_eth9 = |error: &NetworkError| matches!(error, NetworkError::Refused(Refusal::MissingInterface { interface, .. }) if interface == "eth9");
        assert!(is_eth9(&missing), "{missing}");
        let same = Rig::refusal(&lab, |network| network.server_side = "phones".to_owned());
        assert!(same.to_string().contains("same interface"), "{same}");
        let strange = Rig::refusal(&lab, |network| network.server_side = "lo".to_owned());
        assert!(strange.to_string().contains("`lo` is no Ethernet interface"), "{strange}");
        hosts::ip("link set servers mtu 1400");
        let unequal = Rig::refusal(&lab, |_| {});
        assert!(unequal.to_string().contains("MTU of 1500"), "{unequal}");
        hosts::ip("link set servers mtu 1500");
        assert_eq!(lab.links(), before, "nothing was changed");
    });
}

#[test]
fn the_default_route_is_never_put_on_the_bridge() {
    in_lab!("the_default_route_is_never_put_on_the_bridge", |lab| {
        hosts::ip("link set servers up");
        hosts::ip("address add 10.99.0.1/24 dev servers");
        hosts::ip("route add default via 10.99.0.2");
        let refusal = Rig::refusal(&lab, |_| {});
        assert!(refusal.to_string().contains("default route goes through `servers`"), "{refusal}");
    });
}

#[test]
fn the_look_before_a_run_finds_a_fit_bench_in_order_and_changes_nothing() {
    in_lab!("the_look_before_a_run_finds_a_fit_bench_in_order_and_changes_nothing", |lab| {
        let before = (lab.links(), lab.tables());
        let findings = preflight(&bench::network());
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
        let mut network = bench::network();
        network.phone_side = "eth9".to_owned();
        let findings = preflight(&network);
        assert!(findings.iter().any(|it| !it.ok && it.what.contains("eth9") && it.remedy.is_some()), "{findings:?}");
        assert_eq!((lab.links(), lab.tables()), before);
    });
}
