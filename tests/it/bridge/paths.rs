//! Outages in which frames pass, but badly: late, twice, out of order, by turns, or only some of them.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, UdpSocket},
    thread,
};

use nix::sys::socket::{setsockopt, sockopt};
use siprig::{
    event::{
        Impairment, Manner, OutageMode, Part, Selection, Share, Transport, Unreachable,
        outage::{Fading, Flapping, Rebooting},
    },
    wire::bad_path::{BadPath, Lot},
};

use super::{
    hosts::Host,
    modes::{ask, ask_within, at, call, connect, fates, serve},
    *,
};

const PACE: Duration = Duration::from_millis(2);

fn impaired(change: impl FnOnce(&mut Impairment)) -> OutageMode {
    let mut bad = Impairment::default();
    change(&mut bad);
    Manner::Impair(bad).into()
}

#[test]
fn a_host_that_is_unreachable_fails_whoever_asks_it_at_once_and_open_connections_live_on() {
    in_lab!("paths::a_host_that_is_unreachable_fails_whoever_asks_it_at_once_and_open_connections_live_on", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let old = connect(hosts::PHONE, hosts::SERVER).unwrap();
        for (number, what) in [(1, Unreachable::Host), (2, Unreachable::Admin)] {
            rig.begin_mode(number, Manner::Unreachable(what).into(), None, OutageScope::Host);
            assert_eq!(rig.canaries(Some(number)), [false, false]);
            // Of an error that may pass Linux tells only those senders of datagrams who want to know (ip(7)).
            let heard = [false, true].map(ask_minding);
            let told = Err(io::ErrorKind::HostUnreachable);
            let untold = if what == Unreachable::Host { Err(io::ErrorKind::WouldBlock) } else { told };
            assert_eq!(heard, [untold, told], "{what:?}");
            let failed = connect(hosts::PHONE, hosts::SERVER).map(|_| ()).map_err(|error| error.kind());
            assert_eq!(failed, Err(io::ErrorKind::HostUnreachable), "{what:?}");
            old.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let waiting = call(&old, &register(2)).map_err(|error| error.kind());
            assert_eq!(waiting, Err(io::ErrorKind::WouldBlock), "RFC 1122 section 4.2.3.9");
            let (_, tally) = rig.end(number);
            assert_eq!((tally.leaked, tally.dropped_to_server > 2), (0, true));
            old.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let late = (&old).read(&mut [0; 2048]).unwrap();
            assert!(late > 0, "what was sent again is answered after the lift");
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_reset_ends_a_connection_at_both_ends_and_tells_nobody_of_datagrams() {
    in_lab!("paths::a_reset_ends_a_connection_at_both_ends_and_tells_nobody_of_datagrams", |lab| {
        let mut rig = Rig::start(&lab);
        let listener = hosts::in_host(hosts::SERVER.namespace, || TcpListener::bind(at(hosts::SERVER)).unwrap());
        // One that the phone speaks in first, and one in which the server does.
        for phone_speaks in [true, false] {
            let mut near = connect(hosts::PHONE, hosts::SERVER).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            rig.begin_mode(u32::from(phone_speaks) + 1, Manner::Reset.into(), None, OutageScope::Host);
            if phone_speaks {
                near.write_all(b"x").unwrap()
            } else {
                far.write_all(b"x").unwrap()
            }
            for end in [&mut near, &mut far] {
                let reset = end.read(&mut [0; 10]).map_err(|error| error.kind());
                assert_eq!(reset, Err(io::ErrorKind::ConnectionReset), "phone speaks: {phone_speaks}");
            }
            let refused = connect(hosts::PHONE, hosts::SERVER).map(|_| ()).map_err(|error| error.kind());
            assert_eq!(refused, Err(io::ErrorKind::ConnectionRefused));
            assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 0);
            rig.end(u32::from(phone_speaks) + 1);
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn late_frames_are_late_by_what_is_said_in_their_order_and_go_at_once_when_the_outage_ends() {
    in_lab!("paths::late_frames_are_late_by_what_is_said_in_their_order_and_go_at_once_when_the_outage_ends", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let delay = Duration::from_millis(60);
        rig.begin_mode(1, impaired(|it| it.delay = delay), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [true, true], "canaries wait for nothing");
        let arrivals = hosts::udp_arrivals(hosts::PHONE, hosts::SERVER, OTHER_PORT, 500, PACE);
        assert_eq!(arrivals.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
        let mut late: Vec<Duration> = arrivals.iter().map(|(_, took)| took.saturating_sub(delay)).collect();
        late.sort();
        println!("later than {delay:?} by {:?} (median), {:?} (p99)", late[250], late[495]);
        assert!(arrivals.iter().all(|(_, took)| *took >= delay), "none is early");
        let begun = Instant::now();
        assert!(ask(hosts::PHONE, hosts::SERVER, &register(1)).unwrap().starts_with("SIP/2.0 200 "));
        assert!(begun.elapsed() >= 2 * delay, "each way");
        assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 3), 3);
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.leaked, tally.late >= 502), (0, 0, true), "{tally:?}");

        rig.begin_mode(2, impaired(|it| it.delay = Duration::from_secs(100)), None, OutageScope::Host);
        let (near, far) = hosts::in_host(hosts::SERVER.namespace, || {
            let far = UdpSocket::bind(SocketAddr::new(hosts::SERVER.ip, OTHER_PORT)).unwrap();
            (hosts::in_host(hosts::PHONE.namespace, || UdpSocket::bind("0.0.0.0:0").unwrap()), far)
        });
        for number in 0..5_u8 {
            near.send_to(&[number], SocketAddr::new(hosts::SERVER.ip, OTHER_PORT)).unwrap();
        }
        far.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut buffer = [0; 10];
        assert!(far.recv(&mut buffer).is_err(), "a hundred seconds are not over");
        rig.end(2);
        let order: Vec<u8> = (0..5).map(|_| far.recv(&mut buffer).map(|_| buffer[0]).unwrap()).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        assert_eq!(fates(&seen, 1), [(None, Fate::Passed), (Some(200), Fate::Passed)]);
        let (notes, _) = rig.notes();
        let late = |note: &&Note| matches!(note, Note::Late { by_ns, .. } if *by_ns >= 60_000_000);
        assert_eq!(notes.iter().filter(late).count(), 2, "request and answer: {notes:?}");
    });
}

#[test]
fn exactly_those_frames_are_lost_and_doubled_that_the_seed_says() {
    in_lab!("paths::exactly_those_frames_are_lost_and_doubled_that_the_seed_says", |lab| {
        let mut rig = Rig::start(&lab);
        let bad = Impairment {
            loss: Share::percent(30),
            burst: 3,
            duplicate: Share::percent(20),
            seed: 7,
            ..Impairment::default()
        };
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 1), 1);
        let (phone, server) = (hosts::PHONE, hosts::SERVER);
        for (number, from, to, toward) in [(1, phone, server, Toward::Server), (2, server, phone, Toward::Phone)] {
            rig.begin_mode(number, Manner::Impair(bad.clone()).into(), None, OutageScope::Host);
            let arrivals = hosts::udp_arrivals(from, to, OTHER_PORT, 300, PACE);
            let mut path = BadPath::new(bad.seed, 0, toward);
            let expected: Vec<usize> = (0..300)
                .flat_map(|number| match path.draw(&bad, 50, 0, 0) {
                    Lot::Lost => vec![],
                    Lot::Arrives { twice, .. } => vec![number; 1 + usize::from(twice)],
                })
                .collect();
            assert_eq!(arrivals.iter().map(|(number, _)| *number).collect::<Vec<_>>(), expected);
            let (_, tally) = rig.end(number);
            let distinct: std::collections::BTreeSet<usize> = expected.iter().copied().collect();
            let (lost, twice) = (300 - distinct.len(), expected.len() - distinct.len());
            assert_eq!((tally.dropped_to_server + tally.dropped_to_phone) as usize, lost);
            assert_eq!((tally.doubled as usize, tally.dropped_other as usize, tally.leaked), (twice, lost, 0));
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_slow_path_carries_no_more_than_its_rate_and_some_frames_are_overtaken_on_a_path_that_reorders() {
    in_lab!(
        "paths::a_slow_path_carries_no_more_than_its_rate_and_some_frames_are_overtaken_on_a_path_that_reorders",
        |lab| {
            let mut rig = Rig::start(&lab);
            assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 1), 1);
            // A datagram of 8 bytes is a frame of 50, which takes 4 ms at 100 kbit/s.
            rig.begin_mode(1, impaired(|it| it.rate_bps = Some(100_000)), None, OutageScope::Host);
            let begun = Instant::now();
            assert_eq!(hosts::udp_delivered(hosts::PHONE, hosts::SERVER, OTHER_PORT, 100), 100);
            assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
            rig.end(1);
            rig.begin_mode(2, impaired(|it| it.reorder = Share::percent(20)), None, OutageScope::Host);
            let arrivals = hosts::udp_arrivals(hosts::PHONE, hosts::SERVER, OTHER_PORT, 200, PACE);
            let order: Vec<usize> = arrivals.iter().map(|(number, _)| *number).collect();
            assert_eq!(order.len(), 200, "nothing is lost");
            let overtaken = |place: &usize| order[..*place].iter().any(|before| *before > order[*place]);
            assert!((20..=60).contains(&(0..200).filter(overtaken).count()), "{order:?}");
            rig.end(2);
            let seen = rig.close();
            assert!(!seen.iter().any(is_lost), "{seen:?}");
        }
    );
}

#[test]
fn a_server_that_flaps_is_away_and_back_by_turns_and_one_that_fades_is_slow_and_then_dead() {
    in_lab!("paths::a_server_that_flaps_is_away_and_back_by_turns_and_one_that_fades_is_slow_and_then_dead", |lab| {
        let mut rig = Rig::start(&lab);
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 1), 1);
        let second = Duration::from_secs(1);
        rig.begin_mode(1, OutageMode::Flap(Flapping { away: second, back: second }), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, false]);
        let pace = Duration::from_millis(20);
        let arrivals = hosts::udp_arrivals(hosts::PHONE, hosts::SERVER, OTHER_PORT, 200, pace);
        let numbers: Vec<usize> = arrivals.iter().map(|(number, _)| *number).collect();
        let turns: Vec<&[usize]> = numbers.chunk_by(|one, other| one + 1 == *other).collect();
        assert_eq!(turns.len(), 2, "{numbers:?}");
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server as usize, tally.leaked), (200 - numbers.len(), 0));
        // Fifty a second, but for what a busy machine sends a little later.
        assert!(turns.iter().all(|turn| (30..=70).contains(&turn.len())), "{numbers:?}");

        let fading = Fading { over: second, delay: Duration::from_millis(200) };
        rig.begin_mode(2, OutageMode::Fade(fading), None, OutageScope::Host);
        let arrivals = hosts::udp_arrivals(hosts::PHONE, hosts::SERVER, OTHER_PORT, 100, pace);
        let (first, last) = (arrivals.first().unwrap(), arrivals.last().unwrap());
        assert!(first.1 < Duration::from_millis(100) && last.1 >= Duration::from_millis(150), "{arrivals:?}");
        assert!((30..=70).contains(&arrivals.len()), "{arrivals:?}");
        rig.end(2);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
    });
}

#[test]
fn a_reboot_refuses_then_is_silent_then_answers_503_and_then_is_over() {
    in_lab!("paths::a_reboot_refuses_then_is_silent_then_answers_503_and_then_is_over", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 1), 1);
        let second = Duration::from_secs(1);
        let reboot = OutageMode::Reboot(Rebooting { refuse: second, silent: second, starting: second });
        let begun = Instant::now();
        rig.begin_mode(1, reboot, None, OutageScope::Host);
        let phase = |ms: u64, number: u32| {
            thread::sleep(Duration::from_millis(ms).saturating_sub(begun.elapsed()));
            fates_of_one(number)
        };
        let said: Vec<String> =
            [(500, 1), (1500, 2), (2500, 3), (3500, 4)].map(|(ms, number)| phase(ms, number)).into();
        assert_eq!(said, ["ConnectionRefused", "WouldBlock", "SIP/2.0 503", "SIP/2.0 200"]);
        rig.end(1);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        assert_eq!(fates(&seen, 4), [(None, Fate::Passed), (Some(200), Fate::Passed)]);
    });
}

/// What a phone hears that minds every error, or only those that are for good.
fn ask_minding(every: bool) -> Result<(), io::ErrorKind> {
    let bind = || UdpSocket::bind(SocketAddr::new(hosts::PHONE.ip, 0)).unwrap();
    let socket = hosts::in_host(hosts::PHONE.namespace, bind);
    setsockopt(&socket, sockopt::Ipv4RecvErr, &every).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.connect(at(hosts::SERVER)).unwrap();
    socket.send(register(1).as_bytes()).unwrap();
    socket.recv(&mut [0; 10]).map(|_| ()).map_err(|error| error.kind())
}

/// What a phone hears within 400 ms.
fn fates_of_one(number: u32) -> String {
    match ask_within(hosts::PHONE, hosts::SERVER, &register(number), Duration::from_millis(400)) {
        Ok(answer) => answer[..11].to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn of_certain_messages_alone_the_others_pass() {
    in_lab!("paths::of_certain_messages_alone_the_others_pass", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        serve(hosts::SERVER_6);
        let patience = Duration::from_millis(300);
        let hear = |phone, server, number| {
            ask_within(phone, server, &register(number), patience).map_err(|error| error.kind())
        };
        let swallowed = Selection { status: Some(200), method: Some("REGISTER".to_owned()), ..Selection::default() };
        rig.begin_changed(1, OutageMode::DROP, |it| it.only = Some(swallowed));
        assert_eq!(rig.canaries(Some(1)), [true, true]);
        assert_eq!(hear(hosts::PHONE, hosts::SERVER, 1), Err(io::ErrorKind::WouldBlock));
        assert_eq!(hear(hosts::PHONE_6, hosts::SERVER_6, 2), Err(io::ErrorKind::WouldBlock));
        assert_eq!(hosts::udp_echoes(hosts::PHONE, hosts::SERVER, OTHER_PORT, 3), 3);
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (0, 2, 0));

        let first = Selection { nth: Some(1), ..Selection::default() };
        rig.begin_changed(2, OutageMode::DROP, |it| it.only = Some(first));
        assert_eq!(hear(hosts::PHONE, hosts::SERVER, 3), Err(io::ErrorKind::WouldBlock));
        assert!(hear(hosts::PHONE, hosts::SERVER, 3).is_ok(), "the second sending passes");
        rig.end(2);
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let dropped = |outage| Fate::Dropped(OutageId(outage));
        assert_eq!(fates(&seen, 1), [(None, Fate::Passed), (Some(200), dropped(1))]);
        assert_eq!(fates(&seen, 3), [(None, dropped(2)), (None, Fate::Passed), (Some(200), Fate::Passed)]);
    });
}

#[test]
fn a_server_that_can_not_be_resolved_is_there_for_those_who_remember_it_and_for_nobody_else() {
    in_lab!("paths::a_server_that_can_not_be_resolved_is_there_for_those_who_remember_it_and_for_nobody_else", |lab| {
        let mut rig = Rig::start(&lab);
        let pairs = [(hosts::PHONE, hosts::SERVER), (hosts::PHONE_6, hosts::SERVER_6)];
        let forget = || {
            hosts::ip("-n phone neigh flush all");
            // Others it remembers: where it asks everybody for them, the phone hears who asks, and where (RFC 826).
            for phone in [hosts::PHONE, hosts::PHONE_6] {
                hosts::ip(&format!("-n server neigh flush to {}", phone.ip));
            }
        };
        assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 3), 3);
        for (phone, server) in pairs {
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3);
        }
        rig.begin_mode(1, Manner::Unresolvable.into(), None, OutageScope::Host);
        assert_eq!(rig.canaries(Some(1)), [false, true], "the one to the server asks for its address");
        for (phone, server) in pairs {
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3, "they remember each other");
        }
        forget();
        for (phone, server) in pairs {
            assert_eq!(hosts::udp_arrivals(phone, server, OTHER_PORT, 1, PACE), [], "{phone:?}");
            assert_eq!(hosts::udp_arrivals(server, phone, OTHER_PORT, 1, PACE), [], "{phone:?}");
        }
        assert_eq!(hosts::udp_echoes(hosts::NEIGHBOUR, hosts::SERVER, OTHER_PORT, 3), 3);
        let (_, tally) = rig.end(1);
        assert!(tally.dropped_to_server >= 2 && tally.dropped_to_phone >= 2, "{tally:?}");
        assert_eq!(tally.leaked, 0);
        forget();
        for (phone, server) in pairs {
            assert_eq!(hosts::udp_echoes(phone, server, OTHER_PORT, 3), 3, "found again");
        }
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let shown = |host: Host| {
            seen.iter().any(|it| matches!(it, Observed::AddressSeen { address, .. } if *address == host.ip))
        };
        assert!(shown(hosts::PHONE) && shown(hosts::PHONE_6) && !shown(hosts::NEIGHBOUR));
    });
}

#[test]
fn an_outage_follows_a_phone_to_another_address_and_leaves_whoever_takes_its_old_one_alone() {
    in_lab!("paths::an_outage_follows_a_phone_to_another_address_and_leaves_whoever_takes_its_old_one_alone", |lab| {
        let mut rig = Rig::start(&lab);
        rig.begin(1, OutageScope::Host);
        let swap = |namespace: &str, from: Host, to: Host| {
            hosts::ip(&format!("-n {namespace} address del {}/24 dev eth0", from.ip));
            hosts::ip(&format!("-n {namespace} address add {}/24 dev eth0", to.ip));
        };
        swap("phone", hosts::PHONE, hosts::NEIGHBOUR);
        swap("neighbour", hosts::NEIGHBOUR, hosts::PHONE);
        hosts::ip("-n server neigh flush all");
        let phone = Host { ip: hosts::NEIGHBOUR.ip, ..hosts::PHONE };
        let bystander = Host { ip: hosts::PHONE.ip, ..hosts::NEIGHBOUR };
        assert_eq!(hosts::udp_delivered(phone, hosts::SERVER, OTHER_PORT, 5), 0, "the phone with its new address");
        assert_eq!(hosts::udp_delivered(hosts::SERVER, phone, OTHER_PORT, 5), 0);
        assert_eq!(hosts::udp_echoes(bystander, hosts::SERVER, OTHER_PORT, 5), 5, "the bystander with the phone's");
        let (_, tally) = rig.end(1);
        assert_eq!((tally.dropped_to_server, tally.dropped_to_phone, tally.leaked), (5, 5, 0));
        let seen = rig.close();
        assert!(!seen.iter().any(is_lost), "{seen:?}");
        let shown = |it: &Observed| matches!(it, Observed::AddressSeen { address, .. } if *address == phone.ip);
        assert!(seen.iter().any(shown), "the new address is told");
    });
}

#[test]
fn a_part_of_a_server_goes_away_and_the_rest_stays() {
    in_lab!("paths::a_part_of_a_server_goes_away_and_the_rest_stays", |lab| {
        let mut rig = Rig::start(&lab);
        serve(hosts::SERVER);
        let arrives = |server, port| hosts::udp_delivered(hosts::PHONE, server, port, 3);
        let connects = || connect(hosts::PHONE, hosts::SERVER).is_ok();
        for (number, part, taken, expected) in [
            (1, Part { ports: vec![7001], ..Part::default() }, [false, false], [3, 0, 1]),
            (2, Part { transport: Some(Transport::Tcp), ..Part::default() }, [true, true], [3, 3, 0]),
            (3, Part { transport: Some(Transport::Udp), ..Part::default() }, [false, false], [0, 0, 1]),
            (4, Part { address: Some(hosts::SERVER_6.ip), ..Part::default() }, [false, false], [3, 3, 1]),
        ] {
            rig.begin_changed(number, Manner::Reset.into(), |it| it.scope = OutageScope::Part(part));
            assert_eq!(rig.canaries(Some(number)), taken, "{number}: canaries to what goes away");
            let found = [arrives(hosts::SERVER, 7000), arrives(hosts::SERVER, 7001), usize::from(connects())];
            assert_eq!(found, expected, "{number}");
            if number == 4 {
                assert_eq!(hosts::udp_delivered(hosts::PHONE_6, hosts::SERVER_6, OTHER_PORT, 3), 0);
            }
            rig.end(number);
        }
        let stranger = OutageScope::Part(Part { address: Some(hosts::BACKUP.ip), ..Part::default() });
        let refused = rig.refused(|it| it.scope = stranger);
        assert!(refused.contains("an address that its server does not have"), "{refused}");
        rig.close();
    });
}
