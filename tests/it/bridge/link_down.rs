//! Links that are taken down on purpose: what everybody behind them sees, and who brings them up again.

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use siprig::{
    bridge::survey,
    event::{LinkLoss, LinkSide, OutageMode},
};

use super::{hosts::Stream, net::Desk, *};

/// Promised is a second, on a machine that is not overloaded; what it took is printed.
const PROMISED: Duration = Duration::from_secs(1);
/// A machine that is busy may not give a process the processor for as long again and again.
const BUSY: Duration = Duration::from_secs(3);
/// How often a process is killed.
const KILLS: usize = 3;

const SERVERS: OutageMode = OutageMode::LinkDown(LinkSide::Server);
const PHONES: OutageMode = OutageMode::LinkDown(LinkSide::Phone);
const SIDES: [(OutageMode, &str); 2] = [(SERVERS, "servers"), (PHONES, "phones")];

fn start(lab: &Lab) -> Rig {
    Rig::start_with(lab, |plan| plan.allow_link_down = true)
}

fn is_on(interface: &str) -> bool {
    survey::switched_on(interface).unwrap().unwrap().1
}

/// How long it takes from now on until an interface is on.
fn until_on(interface: &str) -> Duration {
    let begun = Instant::now();
    while !is_on(interface) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{interface} is never switched on");
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// Processes of this role.
fn processes(role: &str) -> Vec<Pid> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_one = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == role.as_bytes())
    };
    all.filter(is_one).map(Pid::from_raw).collect()
}

fn the_guardian() -> Pid {
    let [guardian] = processes("link-guardian")[..] else { panic!("{:?}", processes("link-guardian")) };
    guardian
}

fn until_no_guardian_is_left() {
    let begun = Instant::now();
    while !processes("link-guardian").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the guardian is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Of so many times the middle one has to be as promised, and each on a busy machine still bearable.
fn judge(who: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    println!("from the end of {who} to the link: {took:?}");
    assert!(took[took.len() / 2] < PROMISED && took[took.len() - 1] < BUSY, "{who}: {took:?}");
}

/// Neither side of the bridge is told as lost: it was our own doing.
fn tells_of_no_lost_link(seen: &[Observed]) {
    let told = |it: &&Observed| matches!(it, Observed::LinkLost { .. } | Observed::LinkBack { .. });
    assert_eq!(seen.iter().find(told), None);
    assert!(!seen.iter().any(|it| matches!(it, Observed::Leak { .. } | Observed::EvidenceLost { .. })), "{seen:?}");
}

#[test]
fn everybody_behind_it_is_cut_off_and_has_it_back_and_no_link_is_told_as_lost() {
    in_lab!("link_down::everybody_behind_it_is_cut_off_and_has_it_back_and_no_link_is_told_as_lost", |lab| {
        let mut rig = start(&lab);
        for (number, (mode, interface)) in (1..).zip(SIDES) {
            let [far, device] = if mode == SERVERS { ["server", "eth0"] } else { ["switch", "uplink"] };
            assert!(hosts::has_carrier(far, device));
            rig.begin_mode(number, mode.clone(), None, OutageScope::Host);
            assert!(!is_on(interface));
            hosts::until(|| !hosts::has_carrier(far, device));
            hosts::send_udp(hosts::PHONE, hosts::SERVER, SIP_PORT, register(number).as_bytes());
            for (from, to) in
                [(hosts::PHONE, hosts::SERVER), (hosts::NEIGHBOUR, hosts::SERVER), (hosts::BACKUP, hosts::PHONE)]
            {
                assert_eq!(hosts::udp_delivered(from, to, OTHER_PORT, 3), 0, "{from:?} {to:?}");
            }
            let passes = if mode == SERVERS { [false, true] } else { [true, false] };
            assert_eq!(rig.canaries(Some(number)), passes, "what would leave by {interface}");
            let asked = Instant::now();
            let (why, tally) = rig.end(number);
            println!("{interface}: ended {:?} after the order", asked.elapsed());
            assert_eq!(why, OutageEnd::Lifted);
            hosts::wait_until_open();
            assert_eq!(tally.leaked, 0);
            assert_eq!(tally.dropped_to_server > 0, mode == SERVERS, "{tally:?}");
            assert_eq!(rig.canaries(None), [true, true]);
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
        }
        let seen = rig.close();
        tells_of_no_lost_link(&seen);
        let fates: Vec<Fate> =
            seen.iter().filter_map(|it| if let Observed::Sip(fact) = it { Some(fact.fate) } else { None }).collect();
        assert_eq!(fates, [Fate::Dropped(OutageId(1))], "what a phone sends while the servers have no link");
        until_no_guardian_is_left();
    });
}

#[test]
fn the_guardian_is_alone_in_a_session_of_its_own_and_can_do_nothing_but_change_links() {
    in_lab!("link_down::the_guardian_is_alone_in_a_session_of_its_own_and_can_do_nothing_but_change_links", |lab| {
        let mut rig = start(&lab);
        let guardian = the_guardian();
        assert_eq!(nix::unistd::getsid(Some(guardian)), Ok(guardian));
        let status = fs::read_to_string(format!("/proc/{guardian}/status")).unwrap();
        let says =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().to_owned();
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(says(set), "0000000000001000", "{set} {status}");
        }
        assert_eq!((says("NoNewPrivs:"), says("Seccomp:"), says("Threads:")), ("1".into(), "2".into(), "1".into()));
        println!("the guardian has {} resident", says("VmRSS:"));
        let open = fs::read_dir(format!("/proc/{guardian}/fd")).unwrap();
        let mut open: Vec<String> =
            open.map(|fd| fs::read_link(fd.unwrap().path()).unwrap().to_string_lossy().into_owned()).collect();
        open.sort_unstable();
        // One to the helper, and one to the kernel.
        assert!(
            matches!(&open[..], [null, out, one, two] if null == "/dev/null" && out == null
            && one.starts_with("socket:") && two.starts_with("socket:")),
            "{open:?}"
        );
        for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
            kill(guardian, signal).unwrap();
        }
        rig.begin_mode(1, SERVERS, None, OutageScope::Host);
        assert_eq!(rig.end(1).0, OutageEnd::Lifted);
        rig.close();
        until_no_guardian_is_left();
    });
}

#[test]
fn several_outages_of_a_link_are_over_together() {
    in_lab!("link_down::several_outages_of_a_link_are_over_together", |lab| {
        let mut rig = start(&lab);
        let first = rig.begin_changed(1, SERVERS, |_| {});
        let second = rig.begin_changed(2, SERVERS, |spec| spec.server = "b".into());
        assert_eq!(first, second, "they began when the link went down");
        assert!(rig.refused(|spec| spec.mode = PHONES).contains("has the link of `servers` down already"));
        rig.end(1);
        rig.expect("the other's end", |it| matches!(it, Observed::OutageEnded { outage: OutageId(2), .. }));
        assert!(is_on("servers"));
        tells_of_no_lost_link(&rig.close());
    });
}

#[test]
fn its_limit_gives_the_link_back() {
    in_lab!("link_down::its_limit_gives_the_link_back", |lab| {
        let mut rig = start(&lab);
        rig.begin_changed(1, SERVERS, |spec| spec.limit = Duration::from_secs(1));
        let limit = |it: &Observed| matches!(it, Observed::OutageEnded { why: OutageEnd::Limit, .. });
        rig.expect("the end", limit);
        assert!(is_on("servers"));
        tells_of_no_lost_link(&rig.close());
    });
}

#[test]
fn a_helper_that_is_killed_has_its_guardian_bring_the_link_up() {
    in_lab!("link_down::a_helper_that_is_killed_has_its_guardian_bring_the_link_up", |lab| {
        let mut took = Vec::new();
        for (_, (mode, interface)) in (0..KILLS).flat_map(|round| SIDES.map(|side| (round, side))) {
            let mut rig = start(&lab);
            rig.begin_mode(1, mode, None, OutageScope::Host);
            rig.signal(Signal::SIGKILL);
            took.push(until_on(interface));
            rig.expect("word of it", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::HelperLost, .. }));
            hosts::wait_until_open();
            until_no_guardian_is_left();
            rig.close();
            hosts::until_no_port_is_left();
        }
        judge("the helper", took);
    });
}

#[test]
fn a_helper_that_hangs_has_its_guardian_bring_the_link_up_and_admits_it() {
    in_lab!("link_down::a_helper_that_hangs_has_its_guardian_bring_the_link_up_and_admits_it", |lab| {
        let mut took = Vec::new();
        for (_, (mode, interface)) in (0..KILLS).flat_map(|round| SIDES.map(|side| (round, side))) {
            let mut rig = start(&lab);
            rig.begin_mode(1, mode, None, OutageScope::Host);
            rig.signal(Signal::SIGSTOP);
            took.push(until_on(interface));
            hosts::wait_until_open();
            until_no_guardian_is_left();
            rig.signal(Signal::SIGCONT);
            let said =
                |it: &Observed| matches!(it, Observed::DriverFailed { reason, .. } if reason.contains("was not given"));
            rig.expect("an admission", said);
            rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
            tells_of_no_lost_link(&rig.close());
            hosts::until_no_port_is_left();
        }
        judge("a helper that is stopped", took);
    });
}

#[test]
fn whoever_kills_siprig_or_all_of_it_has_the_link_back() {
    in_lab!("link_down::whoever_kills_siprig_or_all_of_it_has_the_link_back", |_lab| {
        let desk = Desk::new();
        for with_helper in [false, true] {
            let mut took = Vec::new();
            for _ in 0..KILLS {
                let mut held = desk.start("block a --bench lab.toml --mode link-down --allow-link-down");
                held.until("canaries to the server are dropped, those to the phones pass");
                let stream = Stream::start(hosts::PHONE, hosts::SERVER, OTHER_PORT, Duration::from_millis(1));
                hosts::settle();
                assert!(!is_on("servers"));
                let helpers = processes("bridge-helper");
                assert_eq!(helpers.len(), 1);
                let killed = Instant::now();
                held.signal(Signal::SIGKILL);
                if with_helper {
                    // It may have gone already.
                    let _ = kill(helpers[0], Signal::SIGKILL);
                }
                took.push(until_on("servers"));
                println!("first frame after {:?}", stream.first_arrival_after(killed));
                stream.stop();
                until_no_guardian_is_left();
                assert_eq!(held.end().0, None);
                hosts::until_no_port_is_left();
            }
            judge(if with_helper { "siprig and its helper" } else { "siprig" }, took);
        }
    });
}

#[test]
fn a_guardian_that_is_killed_ends_the_outage_and_none_begins_without_one() {
    in_lab!("link_down::a_guardian_that_is_killed_ends_the_outage_and_none_begins_without_one", |lab| {
        let mut rig = start(&lab);
        rig.begin_mode(1, SERVERS, None, OutageScope::Host);
        kill(the_guardian(), Signal::SIGKILL).unwrap();
        let said =
            |it: &Observed| matches!(it, Observed::DriverFailed { reason, .. } if reason.contains("lost its guardian"));
        rig.expect("word of it", said);
        rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
        assert!(is_on("servers"));
        assert!(rig.refused(|spec| spec.mode = SERVERS).contains("has lost its guardian"));
        assert!(is_on("servers"));
        tells_of_no_lost_link(&rig.close());
    });
}

#[test]
fn a_guardian_that_hangs_ends_the_outage_too() {
    in_lab!("link_down::a_guardian_that_hangs_ends_the_outage_too", |lab| {
        let mut rig = start(&lab);
        rig.begin_mode(1, SERVERS, None, OutageScope::Host);
        let guardian = the_guardian();
        kill(guardian, Signal::SIGSTOP).unwrap();
        rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
        assert!(is_on("servers"));
        kill(guardian, Signal::SIGCONT).unwrap();
        until_no_guardian_is_left();
        rig.close();
    });
}

#[test]
fn no_link_goes_down_unless_it_was_said_that_it_may_or_where_devices_are_protected() {
    in_lab!("link_down::no_link_goes_down_unless_it_was_said_that_it_may_or_where_devices_are_protected", |lab| {
        let mut rig = Rig::start(&lab);
        assert_eq!(processes("link-guardian"), []);
        assert!(rig.refused(|spec| spec.mode = SERVERS).contains("--allow-link-down"));
        assert!(is_on("servers"));
        rig.close();
        hosts::until_no_port_is_left();
        let mut rig = Rig::start_with(&lab, |plan| {
            plan.allow_link_down = true;
            let network = plan.bench.network.as_mut().unwrap();
            network.protected = vec![hosts::NEIGHBOUR_MAC.parse().unwrap()];
        });
        assert!(rig.refused(|spec| spec.mode = SERVERS).contains("protected"));
        assert!(is_on("servers"));
        rig.close();
    });
}

#[test]
fn a_link_that_is_lost_on_the_other_side_meanwhile_is_told() {
    in_lab!("link_down::a_link_that_is_lost_on_the_other_side_meanwhile_is_told", |lab| {
        let mut rig = start(&lab);
        rig.begin_mode(1, SERVERS, None, OutageScope::Host);
        hosts::ip("-n switch link set uplink down");
        assert_eq!(rig.link_lost(), ("phones".to_owned(), LinkLoss::Carrier));
        hosts::ip("-n switch link set uplink up");
        assert_eq!(rig.link_back("phones").0, LinkLoss::Carrier);
        assert_eq!(rig.end(1).0, OutageEnd::Lifted);
        rig.close();
    });
}

#[test]
fn somebody_who_switches_it_on_or_removes_it_ends_the_outage_and_that_is_told() {
    in_lab!("link_down::somebody_who_switches_it_on_or_removes_it_ends_the_outage_and_that_is_told", |lab| {
        let mut rig = start(&lab);
        rig.begin_mode(1, SERVERS, None, OutageScope::Host);
        hosts::ip("link set servers up");
        let said =
            |it: &Observed| matches!(it, Observed::DriverFailed { reason, .. } if reason.contains("by somebody else"));
        rig.expect("word of it", said);
        rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
        rig.begin_mode(2, SERVERS, None, OutageScope::Host);
        hosts::ip("link delete servers");
        assert_eq!(rig.link_lost(), ("servers".to_owned(), LinkLoss::Removed));
        rig.expect("the end", |it| matches!(it, Observed::OutageEnded { why: OutageEnd::Lapsed, .. }));
        rig.close();
        until_no_guardian_is_left();
    });
}

#[test]
fn what_everybody_was_killed_over_is_shown_and_switched_on_by_whoever_comes_next() {
    in_lab!("link_down::what_everybody_was_killed_over_is_shown_and_switched_on_by_whoever_comes_next", |_lab| {
        let desk = Desk::new();
        for next in ["restore --bench lab.toml", "block a --bench lab.toml --for 1s"] {
            let mut held = desk.start("block a --bench lab.toml --mode link-down --side phone --allow-link-down");
            held.until("canaries to the phones are dropped, those to the server pass");
            kill(the_guardian(), Signal::SIGSTOP).unwrap();
            for pid in processes("bridge-helper").into_iter().chain([the_guardian()]) {
                kill(pid, Signal::SIGKILL).unwrap();
            }
            held.signal(Signal::SIGKILL);
            held.end();
            hosts::until_no_port_is_left();
            assert!(!is_on("phones"), "nobody is left");
            let shown = desk.show();
            assert!(shown["left"].to_string().contains("phones switched off for an outage"), "{shown:#}");
            let output = desk.net(next);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{next}: {said}");
            assert!(said.contains("phones was switched off by a siprig that did not switch it on again"), "{said}");
            assert!(is_on("phones"));
            assert_eq!(desk.show()["left"].to_string(), "[]");
            hosts::until_no_port_is_left();
        }
    });
}

#[test]
fn a_link_is_taken_down_by_hand_and_given_back_and_nothing_is_left_noted() {
    in_lab!("link_down::a_link_is_taken_down_by_hand_and_given_back_and_nothing_is_left_noted", |_lab| {
        let desk = Desk::new();
        let mut held = desk.start("block a --bench lab.toml --mode link-down --allow-link-down --for 2s");
        held.until("canaries to the server are dropped, those to the phones pass");
        assert!(
            held.said.contains("with it, for everybody: every server (a, b), whatever else is behind servers"),
            "{}",
            held.said
        );
        assert!(desk.show()["left"].to_string().contains("servers switched off for an outage"));
        let (code, out, said) = held.end();
        assert_eq!(code, Some(0), "{out} {said}");
        assert!(
            out.starts_with("a: link of the server side down for ") && out.contains("until its time was over"),
            "{out}"
        );
        assert_eq!(desk.show()["left"].to_string(), "[]");
        let refused = desk.net("block a --bench lab.toml --mode link-down");
        assert_eq!(refused.status.code(), Some(2));
    });
}
