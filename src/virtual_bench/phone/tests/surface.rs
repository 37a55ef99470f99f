//! Keys, menus and console, and what is answered to requests from outside.

use std::time::Duration;

use super::{
    seconds, with_defect,
    world::{A, B, World, address, phone},
};
use crate::{
    event::SipStart,
    virtual_bench::phone::{Phone, PhoneDefect, PhoneInput, PhoneOutput},
    wire::sip::{Message, build_request},
};

#[test]
fn keys_move_through_the_menu_and_each_screen_is_told() {
    let mut world = World::new(phone());
    world.run_to(1.0);
    world.take_console();
    for (row, col) in [(1, 6), (1, 3), (0, 2), (1, 2), (7, 7)] {
        world.give(PhoneInput::KeyDown { row, col });
        world.now += Duration::from_millis(80);
        world.give(PhoneInput::KeyUp { row, col });
        world.now += Duration::from_millis(80);
    }
    let console = world.take_console();
    let told: Vec<&str> = console
        .split("\r\n")
        .filter_map(|line| line.split_once("] ").map(|(_, text)| text))
        .filter(|text| !text.starts_with("key: release"))
        .collect();
    assert_eq!(
        told,
        [
            "key: press goodbye",
            "key: press options",
            "display: Options | 1. Call Forward",
            "key: press 3",
            "display: Phone Status | 1. IP & MAC Addresses",
            "key: press 6",
            "display: Registration Status | 1001 Registered 10.77.0.2 Backup: No",
        ]
    );
}

#[test]
fn bounces_are_one_press_and_a_deaf_keypad_is_none() {
    let bounce = |world: &mut World| {
        for _ in 0..3 {
            world.give(PhoneInput::KeyDown { row: 1, col: 3 });
            world.give(PhoneInput::KeyUp { row: 1, col: 3 });
        }
        world.take_console().matches("press options").count()
    };
    assert_eq!(bounce(&mut World::new(phone())), 1);
    assert_eq!(bounce(&mut World::new(with_defect(PhoneDefect::DeafKeypad))), 0);
}

#[test]
fn the_console_echoes_prompts_and_survives_log_lines_that_break_in() {
    let mut world = World::new(phone());
    assert!(world.take_console().contains("\r\naastra> "));
    world.give(PhoneInput::Console(b"verx\x7fs".to_vec()));
    assert_eq!(world.take_console(), "verx\x08 \x08s");
    world.run_to(1.0);
    let console = world.take_console();
    assert!(console.ends_with("\r\naastra> vers") && console.starts_with("\r["), "{console:?}");
    world.give(PhoneInput::Console(b"ion\r\n".to_vec()));
    assert_eq!(world.take_console(), "ion\r\nAastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP\r\naastra> ");
    assert!(world.type_line("reboot now").contains("reboot: not found; try help\r\naastra> "));
}

#[test]
fn the_patterns_of_the_model_file_read_what_the_console_says() {
    let model: toml::Table = toml::from_str(include_str!("../../../../rig/models/aastra-6700i.toml")).unwrap();
    let pattern = |name: &str| regex::Regex::new(model["console"][name].as_str().unwrap()).unwrap();
    let mut world = World::new(phone());
    world.run_to(1.0);
    let registered = world.type_line("sip status") + &world.take_console();
    world.cut(A);
    world.cut(B);
    world.run_to(60.0);
    let lost = world.take_console() + &world.type_line("sip status");

    let all = |name: &str, text: &str, groups: &[&str]| -> Vec<String> {
        text.split("\r\n")
            .filter_map(|line| pattern(name).captures(line.rsplit('\r').next().unwrap_or(line)))
            .map(|found| groups.iter().map(|group| found[*group].to_owned()).collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(all("registered", &registered, &["extension", "server"]), ["1001 10.77.0.2"]);
    assert_eq!(all("unregistered", &registered, &["extension"]), [""; 0]);
    assert_eq!(all("registered", &lost, &["extension"]), [""; 0]);
    assert_eq!(all("unregistered", &lost, &["extension"]), ["1001", "1001"], "the log line and the status");
    assert_eq!(all("gave-up", &lost, &["extension", "server"]), ["1001 10.77.0.2", "1001 10.77.0.3"]);

    let mut spec = phone();
    spec.lines[0].password = "wrong".to_owned();
    let mut world = World::new(spec);
    world.run_to(1.0);
    let refused = world.take_console() + &world.type_line("sip status");
    assert_eq!(all("unregistered", &refused, &["extension"]), ["1001", "1001"]);
    assert!(pattern("prompt").is_match("aastra> "));
}

#[test]
fn requests_from_outside_are_answered_where_they_came_from() {
    let mut phone = Phone::new(phone());
    let asker = address("10.77.0.250:5099");
    for (method, expected) in [("OPTIONS", 200), ("NOTIFY", 200), ("INVITE", 486), ("PUBLISH", 405)] {
        let cseq = format!("1 {method}");
        let headers = [
            ("Via", "SIP/2.0/UDP 10.77.0.250:5099;branch=z9hG4bK1"),
            ("From", "<sip:rig@bench.test>;tag=1"),
            ("To", "<sip:1001@bench.test>"),
            ("Call-ID", "c1"),
            ("CSeq", cseq.as_str()),
        ];
        let bytes = build_request(method, "sip:1001@10.77.0.11", &headers, b"").unwrap();
        phone.handle(seconds(1), PhoneInput::Datagram { from: asker, bytes });
        let answer = std::iter::from_fn(|| phone.poll_output()).find_map(|output| match output {
            PhoneOutput::SendDatagram { to, bytes } if to == asker => Message::parse(&bytes).ok(),
            _ => None,
        });
        let answer = answer.unwrap();
        assert!(matches!(answer.start(), SipStart::Response { code, .. } if *code == expected), "{method}");
        assert_eq!(answer.header("Call-ID"), Some("c1"));
    }
}
