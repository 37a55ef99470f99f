//! Phones of which consoles, lists and the wire say this and that, as drivers would report it.

use std::path::Path;

use super::*;
use crate::{
    config::{Asked, Scenario, ServerWitness, load},
    event::{Fate, LineId, RawRef, ServerName, Standing, Testimony, Transport, Witness},
    wire::sip,
};

/// Two phones, p1 with line 1001 and p2 with line 1002, both at home at a; and what is gone through.
struct World {
    now: Stamp,
    preflight: Preflight,
    /// What was ordered: whom, and what.
    orders: Vec<(String, String)>,
    cseq: u32,
}

impl World {
    fn new(forces: bool, change: impl Fn(&mut Phone)) -> Self {
        let (mut bench, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
        let mut first = bench.phones[0].clone();
        first.lines.truncate(1);
        let mut second = first.clone();
        second.name = "p2".into();
        second.identity = bench.phones[1].identity.clone();
        second.address = "10.77.0.12".parse().ok();
        second.lines[0].extension = "1002".to_owned();
        bench.phones = vec![first, second];
        bench.phones.iter_mut().for_each(change);
        let plan = Plan {
            run: String::new(),
            epoch_unix_ns: 0,
            version: String::new(),
            phones: bench.phones.iter().map(|phone| phone.name.clone()).collect(),
            bench,
            models,
            scenario: Scenario::of("preflight", "preflight", Vec::new()),
            then: Vec::new(),
            unsettled: Vec::new(),
            overrides: Vec::new(),
            keep_secrets: false,
            allow_link_down: false,
        };
        let manner = Manner { listens: LISTENS, forces };
        Self { now: Stamp::ZERO, preflight: Preflight::new(&plan, manner, Stamp::ZERO), orders: Vec::new(), cseq: 0 }
    }

    /// Phones that nobody sees into: neither console nor keypad.
    fn bare() -> Self {
        Self::new(false, |phone| (phone.console, phone.keypad) = (None, None))
    }

    fn hear(&mut self, observed: &Observed) {
        self.preflight.observe(self.now, When::exactly(self.now), observed);
    }

    /// Lets time pass until then, or until it is over; keypads press what they are told to.
    fn run_to(&mut self, seconds: u64) {
        let end = Stamp::from_millis(seconds * 1000);
        loop {
            while let Some(action) = self.preflight.poll_action() {
                match action {
                    Action::Type { phone, text } => self.orders.push((phone.0, text)),
                    Action::PlayKeys { phone, sequence, keys } => {
                        let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
                        self.orders.push((phone.0.clone(), keys.join(" ")));
                        self.hear(&Observed::KeysPlayed { phone, sequence, ack_after_ns: 0, error: None });
                    }
                    Action::AskWitnesses { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            match self.preflight.poll_deadline().filter(|due| *due <= end) {
                Some(due) => self.now = self.now.max(due),
                None => break,
            }
            self.preflight.pass(self.now);
        }
        self.now = self.now.max(end);
    }

    /// A REGISTER of a phone, and the answer to it, if there is one.
    fn registers(&mut self, phone: &str, server: &str, code: Option<u16>) {
        self.registers_dated(phone, server, code, "");
    }

    /// The same with further headers in the answer.
    fn registers_dated(&mut self, phone: &str, server: &str, code: Option<u16>, more: &str) {
        self.cseq += 1;
        let number = phone.trim_start_matches('p');
        let contact = format!("<sip:100{number}@10.77.0.1{number}:5060>");
        let common = format!(
            "Via: SIP/2.0/UDP 10.77.0.1{number};branch=z9hG4bK{}\r\nFrom: <sip:100{number}@b>;tag=1\r\nTo: <sip:100{number}@b>\r\n\
             Call-ID: {phone}-{server}\r\nCSeq: {} REGISTER\r\nContact: {contact}\r\nExpires: 600\r\n",
            self.cseq, self.cseq
        );
        let request = format!("REGISTER sip:b SIP/2.0\r\n{common}User-Agent: Aastra 6731i/3.2\r\n\r\n");
        let answer = code.map(|code| format!("SIP/2.0 {code} So\r\n{common}{more}\r\n"));
        let texts = [(Toward::Server, Some(request)), (Toward::Phone, answer)];
        for (toward, text) in texts.into_iter().filter_map(|(toward, text)| Some((toward, text?))) {
            let host = if server == "a" { 2 } else { 3 };
            let fact = SipFact {
                phone: phone.into(),
                server: Some(server.into()),
                server_addr: format!("10.77.0.{host}:5060").parse().unwrap(),
                phone_addr: format!("10.77.0.1{number}:5060").parse().unwrap(),
                toward,
                transport: Transport::Udp,
                fate: Fate::Passed,
                raw: RawRef { file: String::new(), offset: 0, len: 0 },
                message: sip::read(text.as_bytes()),
            };
            self.hear(&Observed::Sip(Box::new(fact)));
        }
    }

    /// A message of a phone's syslog, dated by the phone.
    fn logs(&mut self, phone: &str, dated_ms: i64) {
        let line = LineId { phone: phone.into(), extension: "1001".to_owned() };
        let (witness, dated_ms) = (Witness::Syslog, Some(dated_ms));
        let said = Testimony { witness, line, standing: Standing::Registered, quote: String::new(), dated_ms };
        self.hear(&Observed::Testified(Box::new(said)));
    }

    /// What a witness says of the line of a phone.
    fn says(&mut self, witness: Witness, phone: &str, standing: Standing) {
        let extension = format!("100{}", phone.trim_start_matches('p'));
        let line = LineId { phone: phone.into(), extension };
        let said = Testimony { witness, line, standing, quote: String::new(), dated_ms: None };
        self.hear(&Observed::Testified(Box::new(said)));
    }

    fn console(&mut self, phone: &str, text: &str) {
        let raw = RawRef { file: String::new(), offset: 0, len: 0 };
        let line = Observed::ConsoleLine { phone: phone.into(), text: text.to_owned(), raw, echo: false };
        self.hear(&line);
    }

    /// The code of where the line of each phone is.
    fn registrations(&mut self) -> [&'static str; 2] {
        let found = self.preflight.findings(self.now);
        ["p1", "p2"].map(|phone| {
            let mine = |it: &&Finding| it.area == "registration" && it.phone == Some(phone.into());
            found.iter().find(mine).unwrap().code
        })
    }

    fn is_over(&self) -> bool {
        self.preflight.poll_deadline().is_none()
    }
}

fn list(server: &str) -> Witness {
    Witness::Server(ServerName(server.to_owned()))
}

#[test]
fn what_nobody_knows_is_unknown_until_it_renews_and_never_a_pass() {
    let mut world = World::bare();
    world.run_to(39);
    assert!(!world.is_over());
    world.run_to(41);
    assert!(world.is_over(), "whoever has not said where it is by then is not waited for");
    assert_eq!(world.registrations(), ["unknown-until-renewal"; 2]);
    let found = world.preflight.findings(world.now);
    assert!(found.iter().all(|it| it.area != "registration" || it.verdict == Verdict::Unknown), "{found:#?}");
}

#[test]
fn a_register_that_the_primary_answers_ends_it_early_and_one_at_the_backup_is_a_problem() {
    let mut world = World::bare();
    world.registers("p1", "a", Some(200));
    world.registers("p2", "a", Some(200));
    world.run_to(15);
    assert_eq!((world.registrations(), world.is_over()), (["registered"; 2], true));
    let mut world = World::bare();
    world.registers("p1", "b", Some(200));
    world.registers("p2", "a", Some(403));
    world.run_to(41);
    assert_eq!(world.registrations(), ["registered-at-backup", "not-registered"]);
}

#[test]
fn a_challenge_is_no_registration_and_a_primary_that_does_not_answer_is_said() {
    let mut world = World::bare();
    world.registers("p1", "a", Some(401));
    world.registers("p2", "a", None);
    world.run_to(41);
    assert_eq!(world.registrations(), ["unknown-until-renewal", "not-registered"]);
}

#[test]
fn lists_say_where_lines_are_unless_both_name_one() {
    for (lists, expected) in [
        ([Some(Standing::Registered), None], "registered"),
        ([Some(Standing::Registered), Some(Standing::Nowhere)], "registered"),
        ([Some(Standing::Nowhere), None], "not-registered"),
        ([Some(Standing::Nowhere), Some(Standing::Registered)], "registered-at-backup"),
        ([Some(Standing::Registered), Some(Standing::Registered)], "unknown-until-renewal"),
        ([None, Some(Standing::Registered)], "unknown-until-renewal"),
    ] {
        let mut world = World::bare();
        world.says(list("a"), "p2", Standing::Registered);
        for (server, standing) in ["a", "b"].into_iter().zip(lists.clone()) {
            if let Some(standing) = standing {
                world.says(list(server), "p1", standing);
            }
        }
        world.run_to(41);
        assert_eq!(world.registrations(), [expected, "registered"], "{lists:?}");
    }
}

#[test]
fn a_list_that_names_nobody_at_all_says_nothing() {
    let mut world = World::bare();
    world.says(list("a"), "p1", Standing::Nowhere);
    world.says(list("a"), "p2", Standing::Nowhere);
    world.run_to(41);
    assert_eq!(world.registrations(), ["unknown-until-renewal"; 2]);
}

#[test]
fn a_phone_that_is_on_the_backup_by_its_own_word_is_so_though_the_primary_s_list_names_it_yet() {
    let mut world = World::bare();
    world.says(list("a"), "p1", Standing::Registered);
    world.says(Witness::StatusPage, "p1", Standing::Backup);
    world.says(Witness::StatusPage, "p2", Standing::At("10.77.0.2".to_owned()));
    world.run_to(41);
    assert_eq!(world.registrations(), ["registered-at-backup", "registered"]);
}

#[test]
fn a_server_that_takes_a_line_and_does_not_have_it_is_said() {
    let mut world = World::bare();
    world.preflight.bench.servers[0].witness = Some(ServerWitness {
        asked: Asked::Http(String::new()),
        pattern: String::new(),
        every: Duration::from_secs(2),
        limit: Duration::from_secs(2),
    });
    world.registers("p1", "a", Some(200));
    world.says(list("a"), "p2", Standing::Registered);
    world.says(list("a"), "p1", Standing::Nowhere);
    assert_eq!(world.registrations(), ["registered"; 2], "its list may be behind");
    world.run_to(20);
    assert!(!world.is_over(), "its list is waited for");
    world.says(list("a"), "p1", Standing::Nowhere);
    world.run_to(41);
    assert_eq!(world.registrations(), ["binding-forgotten", "registered"]);
}

#[test]
fn consoles_say_where_lines_are_and_which_firmware_there_is() {
    let mut world = World::new(false, |_| {});
    world.run_to(10);
    world.console("p1", "1     1001@bench.test  Registered  10.77.0.2  No");
    world.console("p1", "Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP");
    // Crossed with a third one, whose extension the bench file does not have.
    world.console("p2", "1     9009@bench.test  Registered  10.77.0.2  No");
    world.run_to(41);
    assert_eq!(world.registrations(), ["registered", "unknown-until-renewal"]);
    let found = world.preflight.findings(world.now);
    let firmware: Vec<_> =
        found.iter().filter(|it| it.code == "firmware").map(|it| (it.verdict, it.value.as_deref())).collect();
    assert_eq!(firmware, [(Verdict::Ok, Some("3.2.0.70-SIP")), (Verdict::Unknown, None)]);
}

#[test]
fn clocks_are_read_from_what_servers_and_phones_date() {
    let mut world = World::bare();
    world.run_to(2);
    // The run began at the beginning of 1970.
    world.registers_dated("p1", "a", Some(200), "Date: Thu, 01 Jan 1970 00:01:02 GMT\r\n");
    world.logs("p1", -30_000);
    let offset = world.preflight.clock_of(&"a".into()).unwrap();
    assert_eq!((offset.ahead_ms, world.preflight.clock_of(&"b".into())), (60_500, None));
    let found = world.preflight.findings(world.now);
    let clocks: Vec<_> =
        found.iter().filter(|it| it.area == "clock").map(|it| (it.code, it.value.as_deref())).collect();
    assert_eq!(clocks, [("clock-off", Some("-32000ms")), ("clock-unknown", None)]);
}

#[test]
fn a_phone_that_may_be_forced_is_told_to_register_by_its_console_or_to_boot_by_its_keypad() {
    let mut world = World::new(true, |phone| {
        phone.console = phone.console.take().filter(|_| phone.name == "p1".into());
    });
    world.run_to(39);
    let before = world.orders.len();
    world.run_to(41);
    let forced = world.orders.split_off(before);
    let restart = "goodbye options 6 pound";
    let expected = [("p1", "sip register"), ("p2", restart)].map(|(of, what)| (of.to_owned(), what.to_owned()));
    assert_eq!(forced, expected);
    world.registers("p1", "a", Some(200));
    world.run_to(100);
    assert!(!world.is_over(), "p2 boots");
    world.registers("p2", "b", Some(200));
    world.run_to(230);
    assert!(world.is_over());
    assert_eq!(world.registrations(), ["registered", "registered-at-backup"]);
}

#[test]
fn forty_phones_take_no_longer_than_two() {
    let mut world = World::new(false, |_| {});
    let first = world.preflight.phones[0].phone.clone();
    let mut bench = world.preflight.bench.clone();
    let number = |number: u8| {
        let mut phone = first.clone();
        phone.name = format!("p{number}").as_str().into();
        phone.lines[0].extension = format!("1{number:03}");
        phone
    };
    bench.phones = (1..=40).map(number).collect();
    let (_, models) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
    let plan = Plan {
        run: String::new(),
        epoch_unix_ns: 0,
        version: String::new(),
        phones: bench.phones.iter().map(|phone| phone.name.clone()).collect(),
        bench,
        models,
        scenario: Scenario::of("preflight", "preflight", Vec::new()),
        then: Vec::new(),
        unsettled: Vec::new(),
        overrides: Vec::new(),
        keep_secrets: false,
        allow_link_down: false,
    };
    world.preflight = Preflight::new(&plan, Manner { listens: LISTENS, forces: false }, Stamp::ZERO);
    world.run_to(45);
    assert!(world.is_over(), "the worst that there is: nothing is known of anybody");
}
