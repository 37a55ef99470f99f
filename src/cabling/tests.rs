//! Phones whose parts were exchanged, as drivers would report them.

use std::{net::SocketAddr, path::Path};

use super::*;
use crate::{
    config::{Identity, load},
    event::{Fate, RawRef, Transport},
    wire::sip,
};

/// Which true phone (0 and 1) is behind each part of the phones of the bench file; the MAC address tells what frames are
/// reported as, the others what is behind a port or an entry.
#[derive(Debug, Clone, Copy)]
struct Wiring {
    macs: [usize; 2],
    addresses: [usize; 2],
    extensions: [usize; 2],
    consoles: [usize; 2],
    keypads: [usize; 2],
}

const RIGHT: Wiring = Wiring { macs: [0, 1], addresses: [0, 1], extensions: [0, 1], consoles: [0, 1], keypads: [0, 1] };
const SWAP: [usize; 2] = [1, 0];

#[test]
fn what_is_wired_rightly_belongs_together() {
    let together = [Part::Mac, Part::Address, Part::Extension, Part::Console, Part::Keypad];
    let expected = ["p1", "p2"].map(|phone| Finding::Together { phone: phone.into(), parts: together.to_vec() });
    assert_eq!(find(RIGHT), expected);
}

#[test]
fn each_kind_of_exchange_is_named_and_nothing_else_is() {
    for (wiring, parts) in [
        (Wiring { consoles: SWAP, ..RIGHT }, vec![Part::Console]),
        (Wiring { keypads: SWAP, ..RIGHT }, vec![Part::Keypad]),
        (Wiring { consoles: SWAP, keypads: SWAP, ..RIGHT }, vec![Part::Console, Part::Keypad]),
        (Wiring { extensions: SWAP, ..RIGHT }, vec![Part::Extension]),
        (Wiring { macs: SWAP, ..RIGHT }, vec![Part::Mac]),
        (Wiring { addresses: SWAP, ..RIGHT }, vec![Part::Address]),
    ] {
        let found = find(wiring);
        for (phone, other) in [("p1", "p2"), ("p2", "p1")] {
            let swapped: Vec<Part> = found
                .iter()
                .filter_map(|finding| match finding {
                    Finding::Swapped { phone: of, part, of: whose, .. } if *of == phone.into() => {
                        assert_eq!(whose.as_ref(), Some(&other.into()), "{wiring:?}: {finding:?}");
                        Some(*part)
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(swapped, parts, "{wiring:?}: {found:#?}");
        }
        assert!(!found.iter().any(|finding| matches!(finding, Finding::Unproven { .. })), "{found:#?}");
    }
}

#[test]
fn a_console_of_a_stranger_and_a_keypad_that_reaches_nobody_are_said() {
    let mut cabling = begin();
    let mut now = hear_registrations(&mut cabling, RIGHT);
    now = until_over(&mut cabling, now, |cabling, now, action| match action {
        Action::Type { phone, .. } => {
            let extension = if phone == "p1".into() { "9009" } else { "1002" };
            console(cabling, now, &phone, &format!("1     {extension}@bench.test  Registered  10.77.0.2  No"));
        }
        Action::PlayKeys { phone, sequence, .. } => played(cabling, now, &phone, sequence, None),
        other => panic!("{other:?}"),
    });
    assert!(now >= Stamp::from_millis(3000));
    let found = cabling.findings();
    let stranger = Finding::Swapped {
        phone: "p1".into(),
        part: Part::Console,
        of: None,
        shown_by: "it tells of extension 9009".to_owned(),
    };
    assert!(found.contains(&stranger), "{found:#?}");
    let mute =
        found.iter().filter(|finding| matches!(finding, Finding::Unproven { part: Part::Keypad, fault: true, .. }));
    assert_eq!(mute.count(), 2, "{found:#?}");
}

#[test]
fn a_console_of_a_phone_that_is_not_looked_at_is_said_to_be_its() {
    let (bench, models) = bench(|_| {});
    let manner = Manner { listens: Duration::ZERO, restarts: false };
    let mut cabling = Cabling::new(&bench, &models, &["p1".into()], manner, Stamp::ZERO);
    send(&mut cabling, Stamp::from_millis(100), "p1", 0, 0, "first");
    until_over(&mut cabling, Stamp::from_millis(100), |cabling, now, action| match action {
        Action::Type { phone, .. } => {
            console(cabling, now, &phone, "1     1002@bench.test  Registered  10.77.0.2  No");
        }
        Action::PlayKeys { phone, sequence, .. } => played(cabling, now, &phone, sequence, None),
        other => panic!("{other:?}"),
    });
    let found = cabling.findings();
    let swapped = Finding::Swapped {
        phone: "p1".into(),
        part: Part::Console,
        of: Some("p2".into()),
        shown_by: "it tells of extension 1002".to_owned(),
    };
    assert!(found.contains(&swapped), "{found:#?}");
}

#[test]
fn a_keypad_without_a_console_is_proven_by_the_phone_that_it_makes_boot() {
    let manner = Manner { listens: Duration::ZERO, restarts: true };
    let (bench, models) = bench(|phone| phone.console = None);
    let mut cabling = Cabling::new(&bench, &models, &named(&bench), manner, Stamp::ZERO);
    let now = hear_registrations(&mut cabling, RIGHT);
    until_over(&mut cabling, now, |cabling, now, action| {
        let Action::PlayKeys { phone, sequence, keys } = action else { panic!("{action:?}") };
        played(cabling, now, &phone, sequence, None);
        if keys.len() > 2 {
            // The wrong one boots.
            let booted = usize::from(phone == "p1".into());
            register(cabling, now, ["p1", "p2"][booted], booted, "after");
        }
    });
    let swapped = cabling.findings().into_iter().filter_map(|finding| match finding {
        Finding::Swapped { phone, part: Part::Keypad, of: Some(of), .. } => Some((phone.0, of.0)),
        _ => None,
    });
    let expected = [("p1".to_owned(), "p2".to_owned()), ("p2".to_owned(), "p1".to_owned())];
    assert_eq!(swapped.collect::<Vec<_>>(), expected);
}

#[test]
fn consoles_that_tell_who_they_are_need_no_registration() {
    let mut cabling = begin();
    until_over(&mut cabling, Stamp::ZERO, |cabling, now, action| match action {
        Action::Type { phone, text } if text == "version" => {
            // Crossed.
            let mac = if phone == "p1".into() { "00-08-5D-23-74-2A" } else { "00-08-5D-23-74-29" };
            console(cabling, now, &phone, &format!("Aastra6731i MAC:{mac} V:3.2.0.70-SIP"));
        }
        Action::Type { .. } => {}
        Action::PlayKeys { phone, sequence, .. } => played(cabling, now, &phone, sequence, Some("no such board")),
        other => panic!("{other:?}"),
    });
    let swapped = cabling.findings().into_iter().filter_map(|finding| match finding {
        Finding::Swapped { phone, part: Part::Console, of: Some(of), .. } => Some((phone.0, of.0)),
        _ => None,
    });
    let expected = [("p1".to_owned(), "p2".to_owned()), ("p2".to_owned(), "p1".to_owned())];
    assert_eq!(swapped.collect::<Vec<_>>(), expected);
}

#[test]
fn of_many_phones_all_keypads_press_at_once_and_each_is_told_apart() {
    let (mut bench, models) = bench(|_| {});
    let first = bench.phones[0].clone();
    let phone = |number: u8| {
        let mut phone = first.clone();
        phone.name = format!("p{number}").as_str().into();
        phone.identity = Identity::OnLink { mac: Mac([0, 8, 0x5d, 0, 0, number]) };
        phone.lines[0].extension = format!("10{number:02}");
        phone
    };
    bench.phones = (1..=40).map(phone).collect();
    let manner = Manner { listens: Duration::ZERO, restarts: false };
    let mut cabling = Cabling::new(&bench, &models, &named(&bench), manner, Stamp::ZERO);
    let number = |phone: &PhoneName| phone.0[1..].parse::<u8>().unwrap();
    // The keypads of p7 to p9 are exchanged in a ring, and that of p20 is deaf.
    let pressed = |phone: &PhoneName| match number(phone) {
        7 => Some(8),
        8 => Some(9),
        9 => Some(7),
        20 => None,
        own => Some(own),
    };
    let over = until_over(&mut cabling, Stamp::ZERO, |cabling, now, action| match action {
        Action::Type { phone, text } if text == "version" => {
            console(cabling, now, &phone, &format!("Aastra6731i MAC:00-08-5D-00-00-{:02X} V:3", number(&phone)));
        }
        Action::PlayKeys { phone, sequence, keys } => {
            for (key, on) in keys.iter().zip(std::iter::repeat(pressed(&phone))) {
                let line = format!("[   12.345678] key: press {key}");
                on.into_iter().for_each(|on| console(cabling, now, &format!("p{on}").as_str().into(), &line));
            }
            played(cabling, now, &phone, sequence, None);
        }
        _ => {}
    });
    assert!(over < Stamp::from_millis(20_000), "it took {over:?}");
    let swapped = cabling.findings().into_iter().filter_map(|finding| match finding {
        Finding::Swapped { phone, part, of, .. } => Some((phone.0, part, of.map(|of| of.0))),
        Finding::Unproven { phone, part: Part::Keypad, .. } => Some((phone.0, Part::Keypad, None)),
        _ => None,
    });
    let expected = [("p7", Some("p8")), ("p8", Some("p9")), ("p9", Some("p7")), ("p20", None)];
    let expected = expected.map(|(phone, of)| (phone.to_owned(), Part::Keypad, of.map(str::to_owned)));
    assert_eq!(swapped.collect::<Vec<_>>(), expected);
}

#[test]
fn keypads_that_press_into_the_same_phone_are_tried_alone() {
    let mut cabling = begin();
    let now = hear_registrations(&mut cabling, RIGHT);
    until_over(&mut cabling, now, |cabling, now, action| match action {
        Action::Type { phone, .. } => {
            let extension = if phone == "p1".into() { "1001" } else { "1002" };
            console(cabling, now, &phone, &format!("1     {extension}@bench.test  Registered  10.77.0.2  No"));
        }
        Action::PlayKeys { phone, sequence, keys } => {
            for key in &keys {
                console(cabling, now, &"p1".into(), &format!("[   12.345678] key: press {key}"));
            }
            played(cabling, now, &phone, sequence, None);
        }
        other => panic!("{other:?}"),
    });
    let found = cabling.findings();
    let both = Finding::Swapped {
        phone: "p2".into(),
        part: Part::Keypad,
        of: Some("p1".into()),
        shown_by: "its key shows on the console of p1".to_owned(),
    };
    assert!(found.contains(&both), "{found:#?}");
    assert!(!found.iter().any(|it| matches!(it, Finding::Swapped { phone, .. } if phone.0 == "p1")), "{found:#?}");
}

#[test]
fn a_console_that_falls_silent_is_said_though_it_had_told_whose_it_is() {
    let mut cabling = begin();
    console(
        &mut cabling,
        Stamp::from_millis(50),
        &"p1".into(),
        "[ 1.0] sip: line 1 1001@bench.test registered at 10.77.0.2",
    );
    let now = hear_registrations(&mut cabling, RIGHT);
    until_over(&mut cabling, now, |cabling, now, action| match action {
        Action::Type { phone, .. } if phone == "p2".into() => {
            console(cabling, now, &phone, "1     1002@bench.test  Registered  10.77.0.2  No");
        }
        Action::Type { .. } => {}
        Action::PlayKeys { phone, sequence, .. } => played(cabling, now, &phone, sequence, None),
        other => panic!("{other:?}"),
    });
    let silent = cabling.findings().into_iter().filter_map(|finding| match finding {
        Finding::Unproven { phone, code: "console-silent", fault: true, .. } => Some(phone.0),
        _ => None,
    });
    assert_eq!(silent.collect::<Vec<_>>(), ["p1"]);
}

#[test]
fn phones_that_never_register_are_waited_for_and_said() {
    let mut cabling = begin();
    until_over(&mut cabling, Stamp::ZERO, |cabling, now, action| {
        if let Action::PlayKeys { phone, sequence, .. } = action {
            played(cabling, now, &phone, sequence, Some("no such board"));
        }
    });
    let found = cabling.findings();
    let faults = found.iter().filter(|finding| matches!(finding, Finding::Unproven { fault: true, .. })).count();
    assert_eq!((faults, found.len()), (10, 10), "{found:#?}");
}

/// The whole procedure on phones that are wired so.
fn find(wiring: Wiring) -> Vec<Finding> {
    let mut cabling = begin();
    let now = hear_registrations(&mut cabling, wiring);
    until_over(&mut cabling, now, |cabling, now, action| {
        let name = |at: usize| PhoneName(["p1", "p2"][at].to_owned());
        let index = |phone: &PhoneName| usize::from(*phone == "p2".into());
        match action {
            Action::Type { text, .. } if text == "version" => {}
            Action::Type { phone, .. } => {
                let device = wiring.consoles[index(&phone)];
                let extension = place(wiring.extensions, device) + 1;
                let line = format!("1     100{extension}@bench.test  Registered  10.77.0.2  No");
                console(cabling, now, &phone, &line);
            }
            Action::PlayKeys { phone, sequence, keys } => {
                let device = wiring.keypads[index(&phone)];
                for key in &keys {
                    let line = format!("[   12.345678] key: press {key}");
                    console(cabling, now, &name(place(wiring.consoles, device)), &line);
                }
                played(cabling, now, &phone, sequence, None);
            }
            other => panic!("{other:?}"),
        }
    });
    cabling.findings()
}

fn begin() -> Cabling {
    let (bench, models) = bench(|_| {});
    let manner = Manner { listens: Duration::from_secs(60), restarts: false };
    Cabling::new(&bench, &models, &named(&bench), manner, Stamp::ZERO)
}

fn named(bench: &Bench) -> Vec<PhoneName> {
    bench.phones.iter().map(|phone| phone.name.clone()).collect()
}

/// Two phones with all parts; extensions 1001 and 1002, addresses .11 and .12.
fn bench(change: impl Fn(&mut Phone)) -> (Bench, BTreeMap<String, Model>) {
    let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    let mut first = bench.phones[0].clone();
    first.lines.truncate(1);
    let mut second = first.clone();
    second.name = "p2".into();
    second.identity = bench.phones[1].identity.clone();
    second.address = "10.77.0.12".parse().ok();
    second.lines[0].extension = "1002".to_owned();
    change(&mut first);
    change(&mut second);
    bench.phones = vec![first, second];
    (bench, models)
}

/// Each true phone registers, and is reported by the MAC address that the bench file has for it.
fn hear_registrations(cabling: &mut Cabling, wiring: Wiring) -> Stamp {
    let now = Stamp::from_millis(100);
    for device in 0..2 {
        let name = ["p1", "p2"][place(wiring.macs, device)];
        send(cabling, now, name, place(wiring.extensions, device), place(wiring.addresses, device), "first");
    }
    now
}

/// The phone of the bench file that has this part of a true phone.
fn place(part: [usize; 2], device: usize) -> usize {
    part.iter().position(|it| *it == device).unwrap()
}

fn register(cabling: &mut Cabling, now: Stamp, name: &str, device: usize, call: &str) {
    send(cabling, now, name, device, device, call);
}

/// A REGISTER of the extension and from the address that the bench file has for these phones.
fn send(cabling: &mut Cabling, now: Stamp, name: &str, extension: usize, address: usize, call: &str) {
    let extension = extension + 1;
    let bytes = format!(
        "REGISTER sip:b SIP/2.0\r\nTo: <sip:100{extension}@bench.test>\r\nCall-ID: {call}-{extension}\r\nCSeq: 1 \
         REGISTER\r\n\r\n"
    );
    let phone_addr: SocketAddr = format!("10.77.0.1{}:5060", address + 1).parse().unwrap();
    let fact = SipFact {
        phone: name.into(),
        server: None,
        server_addr: "10.77.0.2:5060".parse().unwrap(),
        phone_addr,
        toward: Toward::Server,
        transport: Transport::Udp,
        fate: Fate::Passed,
        raw: RawRef { file: String::new(), offset: 0, len: 0 },
        message: sip::read(bytes.as_bytes()),
    };
    cabling.observe(now, &Observed::Sip(Box::new(fact)));
}

fn console(cabling: &mut Cabling, now: Stamp, phone: &PhoneName, text: &str) {
    let raw = RawRef { file: String::new(), offset: 0, len: 0 };
    let line = Observed::ConsoleLine { phone: phone.clone(), text: text.to_owned(), raw, echo: false };
    cabling.observe(now, &line);
}

fn played(cabling: &mut Cabling, now: Stamp, phone: &PhoneName, sequence: u32, error: Option<&str>) {
    let error = error.map(str::to_owned);
    cabling.observe(now, &Observed::KeysPlayed { phone: phone.clone(), sequence, ack_after_ns: 0, error });
}

/// Lets time pass and has orders carried out until it is over.
fn until_over(cabling: &mut Cabling, mut now: Stamp, mut carry_out: impl FnMut(&mut Cabling, Stamp, Action)) -> Stamp {
    loop {
        while let Some(action) = cabling.poll_action() {
            carry_out(cabling, now, action);
        }
        let Some(due) = cabling.poll_deadline() else { return now };
        now = now.max(due);
        cabling.pass(now);
    }
}
