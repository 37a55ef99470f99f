use std::{net::Ipv4Addr, time::Duration};

use proptest::prelude::*;

use super::{known::PARAMETERS, *};

#[test]
fn a_line_is_a_name_a_colon_and_a_value_however_it_is_spaced_and_written() {
    let table: &[(&str, &str, &str)] = &[
        ("plain", "sip proxy ip: 10.0.0.1", "sip proxy ip=10.0.0.1"),
        ("capitals and spaces", "  SIP  Proxy\tIP :10.0.0.1  ", "sip proxy ip=10.0.0.1"),
        ("empty value", "sip backup proxy ip:", "sip backup proxy ip="),
        ("value with colons", "action uri startup: http://a/b:c", "action uri startup=http://a/b:c"),
        ("comment after a space", "sip proxy ip: 10.0.0.1 # the old one", "sip proxy ip=10.0.0.1"),
        ("hash within a word", "sip vmail: *98#", "sip vmail=*98#"),
        ("nothing but a comment", "sip vmail: # none", "sip vmail="),
        ("in quotes", "sip dial plan: \"x+#|xx+*\"", "sip dial plan=x+#|xx+*"),
        ("in quotes with a comment", "softkey1 label: \" Log # on \" # key", "softkey1 label= Log # on "),
        ("locked", "!admin password: 22222", "!admin password=22222"),
        ("overwriting", "^sip proxy ip: a", "^sip proxy ip=a"),
        ("both, with spaces", " ! ^ sip proxy ip: a", "!^sip proxy ip=a"),
        ("comment", "  # sip proxy ip: a", ""),
        ("nothing", "   ", ""),
    ];
    for (what, line, expected) in table {
        let file = read(line.as_bytes());
        assert_eq!(told(&file), *expected, "{what}");
        assert_eq!(file.flaws, [], "{what}");
    }
}

#[test]
fn lines_end_in_any_of_three_ways_and_are_counted_alike() {
    for bytes in ["# a\nb: 1\n\nc: 2\n", "# a\r\nb: 1\r\n\r\nc: 2", "# a\rb: 1\r\rc: 2\r"] {
        let file = read(bytes.as_bytes());
        let lines: Vec<_> = file.assignments.iter().map(|found| found.origin.line).collect();
        assert_eq!(lines, [2, 4], "{bytes:?}");
        assert_eq!(file.assignments[1].origin.to_string(), "aastra.cfg:4");
    }
}

#[test]
fn what_is_wrong_with_the_form_is_told_with_line_and_column() {
    let table: &[(&[u8], usize, usize, FlawKind)] = &[
        (b"a: 1\n  sip proxy ip 10.0.0.1\n", 2, 3, FlawKind::NoColon),
        (b" : 10.0.0.1", 1, 2, FlawKind::NoName),
        (b"!^: 1", 1, 1, FlawKind::NoName),
        (b"a: \"open", 1, 4, FlawKind::OpenQuote),
        (b"a: \"b\" c", 1, 8, FlawKind::AfterQuote),
        (b"sip display name: J\xfcrg", 1, 20, FlawKind::NotUtf8),
        (b"\xef\xbb\xbfa: 1", 1, 1, FlawKind::ByteOrderMark),
        (b"\xff\xfea\0:\0", 1, 1, FlawKind::NotText),
        (b"a: 1\nb: 2\nA: 3", 3, 1, FlawKind::Twice { before: 1 }),
    ];
    for (bytes, line, column, kind) in table {
        let flaw = Flaw { line: *line, column: *column, kind: *kind };
        assert_eq!(read(bytes).flaws, [flaw], "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn bytes_that_are_no_utf8_are_latin_1_and_a_byte_order_mark_is_no_part_of_a_name() {
    assert_eq!(told(&read(b"sip display name: J\xfcrg")), "sip display name=Jürg");
    assert_eq!(told(&read(b"\xef\xbb\xbfa: 1")), "a=1");
}

#[test]
fn a_file_without_end_is_cut_short_and_says_so() {
    let long = read(&vec![b'a'; MAX_BYTES + 1]);
    assert_eq!((long.assignments.len(), long.flaws.last().unwrap().kind), (0, FlawKind::TooLong));
    let many = read("a: 1\n".repeat(MAX_LINES + 5).as_bytes());
    assert_eq!((many.assignments.len(), many.flaws.len()), (MAX_LINES, MAX_FLAWS));
    let wide = read(format!("a: {}\nb: 2", "x".repeat(MAX_LINE)).as_bytes());
    assert_eq!((told(&wide).as_str(), wide.flaws[0].kind), ("b=2", FlawKind::LongLine));
}

#[test]
fn secrets_show_neither_in_debug_output_nor_to_people_even_under_misspelt_names() {
    for name in
        ["sip password", "sip line2 password", "admin pasword", "user passwrod", "sip line1 pssword", "door pin"]
    {
        let file = read(format!("{name}: 4711").as_bytes());
        let mut layers = Layers::new();
        layers.push(Layer::Local, file.clone());
        let merged = layers.merge();
        let everything = format!("{file:?} {layers:?} {merged:?} {:?}", Effective::of(&merged));
        assert!(!everything.contains("4711"), "{name}: {everything}");
        assert_eq!(file.assignments[0].value.expose(), "4711");
    }
    let uri = read(b"firmware server: ftp://user:4711@10.0.0.1/a");
    assert_eq!(uri.assignments[0].value.shown(), "ftp://(hidden)@10.0.0.1/a");
    assert!(!format!("{:?}", read(b"sip password 4711")).contains("4711"), "a flaw does not quote the line");
}

#[test]
fn a_parameter_is_recognised_for_the_phone_for_a_line_and_for_a_key() {
    let (phone, line, key) =
        (identify("sip proxy ip"), identify("sip line9 proxy ip"), identify("expmod2 key31 value"));
    assert_eq!((phone.unwrap().line, line.unwrap().line), (None, Some(9)));
    assert_eq!(key.unwrap().numbers, [2, 31]);
    assert_eq!(identify("sip t1 timer").unwrap().parameter.default, "500");
}

#[test]
fn a_name_that_is_not_known_is_answered_with_the_likely_one() {
    let misspelt = |name: &str| Err(Unknown::Misspelt(name.to_owned()));
    assert_eq!(identify("sip regsitrar ip"), misspelt("sip registrar ip"));
    assert_eq!(identify("sip line3 backup registar ip"), misspelt("sip line3 backup registrar ip"));
    assert_eq!(identify("prgkey4 vale"), misspelt("prgkey4 value"));
    assert_eq!(identify("sip transction timer"), misspelt("sip transaction timer"));
    assert_eq!(identify("sip line0 proxy ip"), Err(Unknown::NoSuchNumber));
    assert_eq!(identify("sip line10 proxy ip"), Err(Unknown::NoSuchNumber));
    assert_eq!(identify("softkey99 type"), Err(Unknown::NoSuchNumber));
    assert_eq!(identify("sip line1 transaction timer"), Err(Unknown::NotPerLine("sip transaction timer")));
    assert_eq!(identify("ring tone colour"), Err(Unknown::Unlisted));
}

#[test]
fn every_parameter_that_is_listed_is_recognised_and_has_a_default_that_fits() {
    for parameter in PARAMETERS {
        let name = parameter.name.replace('N', "1");
        assert_eq!(identify(&name).unwrap().parameter, parameter, "{name}");
        let (mut layers, file) = (Layers::new(), format!("{name}: {}", parameter.default));
        layers.push(Layer::Global, read(file.as_bytes()));
        assert_eq!(Effective::of(&layers.merge()).remarks, [], "{name}");
    }
}

#[test]
fn the_later_file_of_the_server_wins_with_its_value_and_its_lock() {
    let mut layers = Layers::new();
    layers.push(Layer::Phone, named("00085D237429.cfg", "sip proxy port: 5064"));
    layers.push(Layer::Global, named("aastra.cfg", "^sip proxy ip: a\n^sip proxy port: 5060"));
    layers.push(Layer::Model, named("6731i.cfg", "!sip proxy ip: b\n!sip proxy port: 5062"));
    let merged = layers.merge();
    let (host, port) = (merged.get("sip proxy ip").unwrap(), merged.get("sip proxy port").unwrap());
    assert_eq!((host.value.expose(), host.layer, host.locked), ("b", Layer::Model, true));
    assert_eq!((port.value.expose(), port.layer, port.locked), ("5064", Layer::Phone, false));
    assert_eq!(port.origin.to_string(), "00085D237429.cfg:1");
}

#[test]
fn what_was_set_on_the_phone_wins_until_a_caret_says_otherwise() {
    let mut layers = Layers::new();
    layers.push(Layer::Global, named("aastra.cfg", "sip proxy ip: a\n^sip registrar ip: a"));
    layers.push(Layer::Local, named("local.cfg", "sip proxy ip: b\nsip registrar ip: b"));
    let merged = layers.merge();
    let (proxy, registrar) = (merged.get("sip proxy ip").unwrap(), merged.get("sip registrar ip").unwrap());
    assert_eq!((proxy.value.expose(), proxy.layer), ("b", Layer::Local));
    assert_eq!(proxy.beaten.as_ref().unwrap().1.to_string(), "aastra.cfg:1");
    assert_eq!((registrar.value.expose(), registrar.layer), ("a", Layer::Global));
}

#[test]
fn a_change_on_the_phone_counts_at_once_and_a_caret_takes_it_back_at_the_restart() {
    let mut layers = Layers::new();
    layers.push(Layer::Global, named("aastra.cfg", "^sip registrar ip: a\nsip proxy ip: a"));
    layers.set_local("SIP registrar  IP", "b").unwrap();
    layers.set_local("sip proxy ip", "b").unwrap();
    let value = |layers: &Layers, name| layers.merge().get(name).unwrap().value.expose().to_owned();
    assert_eq!(value(&layers, "sip registrar ip"), "b");
    layers.restart();
    assert_eq!((value(&layers, "sip registrar ip"), value(&layers, "sip proxy ip")), ("a".into(), "b".into()));
    layers.clear_local();
    assert_eq!(value(&layers, "sip proxy ip"), "a");
}

#[test]
fn a_locked_parameter_can_not_be_changed_on_the_phone() {
    let mut layers = Layers::new();
    layers.push(Layer::Phone, named("00085D237429.cfg", "# servers\n!sip proxy ip: a"));
    let refused = layers.set_local("sip proxy ip", "b").unwrap_err();
    assert_eq!(refused.to_string(), "`sip proxy ip` is locked in 00085D237429.cfg:2; take the `!` away there");
    assert_eq!(layers.set_local("sip vmail", "*98\nsip proxy ip: b"), Err(Refused::NoLine));
    assert_eq!(layers.local_file(), "");
}

#[test]
fn a_line_takes_its_own_settings_and_the_phones_for_the_rest() {
    let effective = effective(
        "sip proxy ip: 10.0.0.1\nsip backup proxy ip: 10.0.0.2\nsip registration period: 600\n\
         sip line1 user name: 1001\nsip line3 user name: 1003\nsip line3 proxy ip: pbx.example.com.\nsip line3 proxy port: 5070",
    );
    assert_eq!(effective.lines.keys().copied().collect::<Vec<_>>(), [1, 3]);
    let (first, third) = (effective.line(1).unwrap(), effective.line(3).unwrap());
    assert_eq!(first.proxy.host.value, Host::Address(Ipv4Addr::new(10, 0, 0, 1).into()));
    assert_eq!(third.proxy.host.value, Host::Name("pbx.example.com".into()));
    assert_eq!((third.proxy.port.value, third.backup_proxy.host.value.to_string()), (5070, "10.0.0.2".into()));
    assert_eq!((third.user.as_ref().unwrap().value.as_str(), third.period.value), ("1003", Duration::from_secs(600)));
    assert_eq!(third.own.as_ref().unwrap().line, 5);
    assert_eq!(third.registrar.host, Taken { value: Host::Off, origin: None });
}

#[test]
fn without_any_setting_a_phone_has_the_defaults_of_the_guide() {
    let effective = effective("");
    let line = effective.line(1).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!((effective.transaction.value, effective.t1.value), (seconds(4), Duration::from_millis(500)));
    assert_eq!((effective.t2.value, effective.transport.value), (seconds(4), Transport::Udp));
    assert_eq!((line.renewal_lead.value, line.retry_timeout.value), (seconds(15), seconds(120)));
    assert_eq!((line.retry_rejected.value, line.period.value), (seconds(1800), Duration::ZERO));
    assert_eq!((effective.admin_password.value.expose(), effective.user_password.value.expose()), ("22222", ""));
    assert_eq!((line.user.as_ref(), line.own.as_ref(), effective.remarks.len()), (None, None, 0));
}

#[test]
fn times_out_of_range_are_moved_into_it_and_that_is_said() {
    let clamped = |text: &str| match effective(text).remarks.as_slice() {
        [Remark { kind: RemarkKind::Clamped { asked, taken, documented, .. }, .. }] => (*asked, *taken, *documented),
        other => panic!("{other:?}"),
    };
    assert_eq!(clamped("sip registration timeout retry timer: 5"), (5, 30, true));
    assert_eq!(clamped("sip line2 registration retry timer: 3600"), (3600, 1800, false));
    assert_eq!(clamped("sip transaction timer: 500"), (500, 4000, false));
    assert_eq!(clamped("sip registration period: 99999999999999999999999"), (u64::MAX, 2_147_483_647, false));
}

#[test]
fn a_value_of_the_wrong_kind_leaves_the_default_and_is_said_once_for_all_lines() {
    let effective = effective(
        "sip registration renewal timer: fast\nsip line1 user name: 1\nsip line2 user name: 2\nsip outbound support: yes\n\
         sip proxy ip: 10.0.0.300\nsip proxy port: -1\nadmin password: secret\nxml application post list: 10.0.0.1, ?",
    );
    let names: Vec<_> = effective.remarks.iter().map(|remark| remark.name.as_str()).collect();
    let expected = ["admin password", "sip outbound support", "sip proxy ip", "sip proxy port"];
    assert_eq!(names[..4], expected);
    assert_eq!(names[4..], ["sip registration renewal timer", "xml application post list"]);
    assert_eq!(effective.line(2).unwrap().renewal_lead.value, Duration::from_secs(15));
    assert!(!format!("{effective:?}").contains("secret\""));
}

#[test]
fn keys_action_uris_and_the_post_list_are_found() {
    let effective = effective(
        "prgkey1 type: XML\nprgkey1 label: Log On\nprgkey1 value: http://10.0.0.1/logon?pin=12\nsoftkey2 type: none\n\
         expmod1 key5 type: blf\naction uri registered: http://10.0.0.9/r\naction uri poll interval: 60\n\
         xml application post list: 10.0.0.9, rig.example.com\nsip transport protocol: 2",
    );
    assert_eq!(effective.keys.keys().collect::<Vec<_>>(), ["expmod1 key5", "prgkey1"]);
    let key = &effective.keys["prgkey1"];
    assert_eq!((key.kind.as_str(), key.label.as_str(), key.origin.line), ("xml", "Log On", 3));
    assert_eq!(key.value.shown(), "http://10.0.0.1/logon?pin=xx");
    assert_eq!(effective.action_uris.keys().collect::<Vec<_>>(), ["registered"]);
    assert_eq!(effective.xml_post_list.value.len(), 2);
    assert_eq!(effective.transport.value, Transport::Tcp);
}

#[test]
fn a_host_is_an_address_or_a_name_and_nothing_in_between() {
    for (text, expected) in [("0.0.0.0", "0.0.0.0"), ("::", "0.0.0.0"), ("", "0.0.0.0"), ("[fd00::2]", "fd00::2")] {
        assert_eq!(Host::parse(text).unwrap().to_string(), expected);
    }
    for wrong in ["10.0.0", "10.0.0.256", "a b", "a..b", "sip:a", "http://a", "-", "a/24"] {
        assert_eq!(Host::parse(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_grow_beyond_its_bounds(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let file = read(&bytes);
        prop_assert!(file.flaws.len() <= MAX_FLAWS);
        let mut layers = Layers::new();
        layers.push(Layer::Global, file);
        Effective::of(&layers.merge());
    }

    #[test]
    fn no_line_of_likely_words_makes_it_panic(
        text in "([!^ ]{0,2}(sip |line|prgkey|[0-9]{1,6}|proxy|timer| ip|expmod|é|\"|#){0,6}:[ -~é\"#]{0,12}\r?\n){0,8}"
    ) {
        let file = read(text.as_bytes());
        for assignment in &file.assignments {
            let _ = identify(&assignment.name);
        }
        let mut layers = Layers::new();
        layers.push(Layer::Local, file);
        Effective::of(&layers.merge());
    }

    #[test]
    fn the_last_layer_that_sets_a_parameter_wins(settings in layers_of_settings()) {
        let mut layers = Layers::new();
        for (layer, caret, value) in &settings {
            let caret = if *caret && *layer != Layer::Local { "^" } else { "" };
            layers.push(*layer, read(format!("{caret}sip proxy ip: {value}").as_bytes()));
        }
        let last = |wanted: Layer| settings.iter().rev().find(|(layer, ..)| *layer == wanted);
        let server = [Layer::Phone, Layer::Model, Layer::Global].into_iter().find_map(last);
        let local = last(Layer::Local).filter(|_| !server.is_some_and(|(_, caret, _)| *caret));
        let expected = local.or(server).map(|(_, _, value)| value.to_string());
        let merged = layers.merge();
        prop_assert_eq!(merged.get("sip proxy ip").map(|setting| setting.value.expose().to_owned()), expected);
    }

    #[test]
    fn what_is_set_on_the_phone_survives_being_written_and_read(
        settings in prop::collection::btree_map("[a-z]{1,6}( [a-z]{1,6})?", "[ -~é]{0,12}", 0..6)
    ) {
        let mut layers = Layers::new();
        for (name, value) in &settings {
            // What no file can hold is refused, and that is all that may be lost.
            if layers.set_local(name, value).is_err() {
                prop_assert!(value.contains('"'), "{name}: {value}");
            }
        }
        let mut again = Layers::new();
        again.push(Layer::Local, named("local.cfg", &layers.local_file()));
        prop_assert_eq!(again.merge(), layers.merge());
    }

    #[test]
    fn a_time_is_taken_as_it_is_or_at_a_limit(asked in 0_u64..300_000_000_000) {
        let effective = effective(&format!("sip registration retry timer: {asked}"));
        let taken = effective.line(1).unwrap().retry_rejected.value.as_secs();
        prop_assert_eq!(taken, asked.clamp(30, 1800));
        prop_assert_eq!(effective.remarks.is_empty(), taken == asked);
    }
}

fn layers_of_settings() -> impl Strategy<Value = Vec<(Layer, bool, u8)>> {
    let layer = prop::sample::select(vec![Layer::Global, Layer::Model, Layer::Phone, Layer::Local]);
    prop::collection::vec((layer, any::<bool>(), any::<u8>()), 0..6)
}

fn read(bytes: &[u8]) -> SettingsFile {
    SettingsFile::parse("aastra.cfg".into(), bytes)
}

fn named(file: &str, text: &str) -> SettingsFile {
    SettingsFile::parse(file.into(), text.as_bytes())
}

fn effective(text: &str) -> Effective {
    let mut layers = Layers::new();
    layers.push(Layer::Global, named("aastra.cfg", text));
    Effective::of(&layers.merge())
}

fn told(file: &SettingsFile) -> String {
    let told = file.assignments.iter().map(|found| {
        let prefix =
            [(found.lock, "!"), (found.overwrite, "^")].map(|(set, sign)| if set { sign } else { "" }).concat();
        format!("{prefix}{}={}", found.name, found.value.expose())
    });
    told.collect::<Vec<_>>().join("\n")
}
