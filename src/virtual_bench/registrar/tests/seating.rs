//! Logging on and off by key and by code.

use std::time::Duration;

use super::net::*;
use crate::{
    virtual_bench::registrar::RegistrarInput,
    wire::aastra_xml::{Configuration, InputScreen, Object},
};

/// Proxy, registrar, backup proxy and backup registrar.
fn servers(settings: &Configuration) -> [Option<&str>; 4] {
    ["sip proxy ip", "sip registrar ip", "sip backup proxy ip", "sip backup registrar ip"]
        .map(|name| settings.value(name))
}

const HOME_A: [Option<&str>; 4] = [Some("10.77.0.2"), Some("10.77.0.2"), Some("10.77.0.3"), Some("10.77.0.3")];
const HOME_B: [Option<&str>; 4] = [Some("10.77.0.3"), Some("10.77.0.3"), Some("10.77.0.2"), Some("10.77.0.2")];

#[test]
fn the_key_asks_for_extension_and_pin_and_sets_up_the_account_at_its_home_server() {
    let mut net = Net::new();
    let Object::InputScreen(InputScreen { url, fields, .. }) = net.object(A, &format!("/logon?mac={MAC}")) else {
        panic!("no form")
    };
    assert_eq!(url, format!("http://10.77.0.2/logon?mac={MAC}"));
    let fields: Vec<_> = fields.iter().map(|field| (field.parameter.as_str(), field.password)).collect();
    assert_eq!(fields, [("extension", false), ("pin", true)]);

    let Object::Configuration(settings) = net.object(A, &format!("/logon?mac={MAC}&extension=1001&pin=1111")) else {
        panic!("no settings")
    };
    for (name, value) in [
        ("sip line1 user name", "1001"),
        ("sip line1 screen name", "1001"),
        ("sip line1 auth name", "1001"),
        ("sip line1 password", "pw-1001"),
    ] {
        assert_eq!(settings.value(name), Some(value), "{name}");
    }
    assert_eq!(servers(&settings), HOME_A);
    assert_eq!(net.server(A).seat_of("1001"), Some(MAC));
    assert_eq!(net.server(B).seat_of("1001"), Some(MAC), "the other server was told");

    let Object::Configuration(settings) = net.object(A, "/logon?mac=00:08:5D:77:00:02&extension=1003&pin=3333") else {
        panic!("no settings")
    };
    assert_eq!(servers(&settings), HOME_B);
}

#[test]
fn a_wrong_pin_or_extension_is_told_on_the_screen() {
    let mut net = Net::new();
    for query in ["extension=1001&pin=1112", "extension=9999&pin=1111", "extension=1001&pin="] {
        let object = net.object(A, &format!("/logon?mac={MAC}&{query}"));
        let Object::TextScreen(screen) = object else { panic!("{query}: {object:?}") };
        assert_eq!(screen.text, "Wrong extension or PIN");
    }
    assert_eq!(net.server(A).seat_of("1001"), None);
}

#[test]
fn a_phone_where_somebody_is_logged_on_is_offered_to_log_off() {
    let mut net = Net::new();
    net.object(A, &format!("/logon?mac={MAC}&extension=1001&pin=1111"));
    let Object::TextScreen(screen) = net.object(B, &format!("/logon?mac={MAC}")) else { panic!("no screen") };
    assert_eq!(screen.text, "1001 is logged on");
    assert_eq!(screen.soft_keys[0].uri, format!("http://10.77.0.3/logoff?mac={MAC}"));

    let Object::Configuration(settings) = net.object(A, &format!("/logoff?mac={MAC}")) else { panic!("no settings") };
    for name in ["sip line1 user name", "sip line1 auth name", "sip line1 password"] {
        assert_eq!(settings.value(name), Some(""), "{name}");
    }
    assert_eq!(servers(&settings), [Some("10.77.0.2"), Some("10.77.0.2"), None, None], "the backup stays as it is");
    assert_eq!((net.server(A).seat_of("1001"), net.server(B).seat_of("1001")), (None, None));
    assert!(matches!(net.object(B, &format!("/logon?mac={MAC}")), Object::InputScreen(_)));
}

#[test]
fn the_application_answers_nothing_but_its_two_addresses() {
    let mut net = Net::new();
    for (target, code) in [("/", 404), ("/logon", 400), ("/logon?mac=1", 400), ("/logoff?mac=00085d77000g", 400)] {
        assert_eq!(net.fetch(A, target).code, code, "{target}");
    }
}

#[test]
fn connections_that_ask_for_nothing_do_not_pile_up() {
    let mut net = Net::new();
    for conn in 0..257 {
        net.give(at(A), RegistrarInput::HttpAccepted { conn, from: at(P1) });
    }
    assert_eq!(net.closed, [(at(A), 256)]);
}

#[test]
fn who_logs_on_elsewhere_is_logged_off_where_they_were() {
    let mut net = Net::new();
    net.object(A, &format!("/logon?mac={MAC}&extension=1001&pin=1111"));
    net.object(A, "/logon?mac=00085d770002&extension=1001&pin=1111");
    assert_eq!(net.server(B).seat_of("1001"), Some("00085d770002"));
    assert!(matches!(net.object(A, &format!("/logon?mac={MAC}")), Object::InputScreen(_)));
    net.object(A, "/logon?mac=00085d770002&extension=1002&pin=2222");
    assert_eq!((net.server(B).seat_of("1001"), net.server(B).seat_of("1002")), (None, Some("00085d770002")));
}

#[test]
fn the_code_is_confirmed_by_a_call_and_brings_the_settings_in_a_notify() {
    let mut net = Net::new();
    let got = net.dial(P1, A, MAC, "*11*1111*1001%23");
    assert_eq!(got.iter().map(Arrived::code).collect::<Vec<_>>(), [100, 200, 0]);
    let answer = &got[1];
    assert_eq!(answer.header("Contact"), "<sip:10.77.0.2:5060>");
    assert!(answer.message.body().starts_with(b"v=0\r\n"));
    let notify = &got[2];
    assert_eq!((notify.method(), notify.header("Event")), ("NOTIFY", "aastra-xml"));
    assert_eq!(notify.message.start().to_owned(), notify_to(&format!("sip:{MAC}@{P1}")));
    let settings = notify.settings();
    assert_eq!((settings.value("sip line1 password"), servers(&settings)), (Some("pw-1001"), HOME_A));
    assert_eq!(net.server(B).seat_of("1001"), Some(MAC));

    // Acknowledged at 1.2 s, hung up 200 ms later; what is not answered is repeated.
    net.send(P1, A, respond(&notify.message, 200));
    net.run_to(1.2);
    let repeats = net.take(P1);
    assert_eq!(
        repeats.iter().map(|arrived| (arrived.at.as_millis(), arrived.code())).collect::<Vec<_>>(),
        [(500, 200)]
    );
    let ack = Ask::new("ACK", "sip:10.77.0.2:5060", MAC, "x").call(answer.header("Call-ID")).to(answer.header("To"));
    net.send(P1, A, ack.print(P1, 1));
    net.run_to(1.5);
    let byes = net.take(P1);
    assert_eq!(
        byes.iter().map(|arrived| (arrived.at.as_millis(), arrived.method())).collect::<Vec<_>>(),
        [(1400, "BYE")]
    );
    assert_eq!((byes[0].header("Call-ID"), byes[0].header("From")), (answer.header("Call-ID"), answer.header("To")));
    assert_eq!(byes[0].header("To"), answer.header("From"));
    net.send(P1, A, respond(&byes[0].message, 200));
    net.run_to(100.0);
    assert!(net.take(P1).is_empty());
    assert_eq!(net.server(A).poll_deadline(), None, "nothing is left of it");
}

#[test]
fn a_repeated_code_is_answered_again_and_done_once() {
    let mut net = Net::new();
    let invite = Ask::new("INVITE", "sip:*11*1111*1001%23@10.77.0.2", MAC, "x").contact(MAC, P1).branch("same");
    net.send(P1, A, invite.print(P1, 1));
    let first = net.take(P1);
    net.send(P1, A, invite.print(P1, 1));
    let again = net.take(P1);
    assert_eq!(again.iter().map(Arrived::code).collect::<Vec<_>>(), [200]);
    assert_eq!(again[0].message, first[1].message);
}

#[test]
fn a_call_that_nobody_acknowledges_is_hung_up_in_the_end() {
    let mut net = Net::new();
    let got = net.dial(P1, A, MAC, "*11*1111*1001#");
    net.send(P1, A, respond(&got[2].message, 200));
    net.run_to(31.9);
    let sent = net.take(P1);
    assert!(sent.iter().all(|arrived| arrived.code() == 200));
    let seconds: Vec<_> = sent.iter().map(|arrived| arrived.at.as_secs_f64()).collect();
    assert_eq!(seconds, [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]);
    net.run_to(32.0);
    assert_eq!(net.take(P1).iter().map(Arrived::method).collect::<Vec<_>>(), ["BYE"]);
}

#[test]
fn a_caller_can_hang_up_first_and_cancel_nothing() {
    let mut net = Net::new();
    let got = net.dial(P1, A, MAC, "*11*1111*1001%23");
    let inside = |method: &str| {
        let ask = Ask::new(method, "sip:10.77.0.2:5060", MAC, "x");
        ask.call(got[1].header("Call-ID")).to(got[1].header("To"))
    };
    net.send(P1, A, respond(&got[2].message, 200));
    assert_eq!(net.ask(P1, A, inside("INFO")).map(|answer| answer.code()), Some(488));
    assert_eq!(net.ask(P1, A, inside("BYE")).map(|answer| answer.code()), Some(200));
    net.run_to(100.0);
    assert!(net.take(P1).is_empty());
    let cancel = Ask::new("CANCEL", "sip:*11*1111*1001%23@10.77.0.2", MAC, "x");
    assert_eq!(net.ask(P1, A, cancel).map(|answer| answer.code()), Some(481));
}

#[test]
fn a_wrong_pin_is_refused_and_its_ack_goes_nowhere() {
    let mut net = Net::new();
    let got = net.dial(P1, A, MAC, "*11*9*1001%23");
    assert_eq!(got.iter().map(Arrived::code).collect::<Vec<_>>(), [403]);
    let branch = got[0].message.via_branch().unwrap().strip_prefix("z9hG4bK").unwrap().to_owned();
    let ack = Ask::new("ACK", "sip:*11*9*1001%23@10.77.0.2", MAC, "x").call(got[0].header("Call-ID"));
    net.send(P1, A, ack.to(got[0].header("To")).branch(&branch).print(P1, 1));
    assert!(net.take(P1).is_empty());
    assert_eq!(net.server(A).seat_of("1001"), None);
}

#[test]
fn at_the_backup_the_code_makes_that_the_only_server_and_logging_off_loses_the_primary() {
    let mut net = Net::new();
    let got = net.dial(P1, B, MAC, "*11*1111*1001%23");
    let alone = [Some("10.77.0.3"), Some("10.77.0.3"), Some("0.0.0.0"), Some("0.0.0.0")];
    assert_eq!(servers(&got[2].settings()), alone, "for 1001 of server a");
    let got = net.dial(P1, B, "1001", "%2311%23");
    let settings = got[2].settings();
    assert_eq!(settings.value("sip line1 user name"), Some(""));
    assert_eq!(servers(&settings), alone);
    assert_eq!((net.server(A).seat_of("1001"), net.server(B).seat_of("1001")), (None, None));

    let got = net.dial(P1, A, MAC, "#11#");
    assert_eq!(
        servers(&got[2].settings()),
        [Some("10.77.0.2"), Some("10.77.0.2"), None, None],
        "not so at the primary"
    );
}

#[test]
fn at_the_primary_the_code_leads_to_the_home_server_wherever_that_is() {
    let mut net = Net::new();
    let got = net.dial(P1, A, MAC, "*11*3333*1003%23");
    assert_eq!(servers(&got[2].settings()), HOME_B);
}

#[test]
fn the_settings_are_sent_until_they_are_answered_or_for_half_a_minute() {
    let mut net = Net::new();
    net.dial(P1, A, MAC, "*11*1111*1001%23");
    net.run_to(60.0);
    let notifies: Vec<_> = net.take(P1).into_iter().filter(|arrived| arrived.method() == "NOTIFY").collect();
    assert_eq!(notifies.len(), 10);
    assert_eq!(notifies.last().map(|arrived| arrived.at), Some(Duration::from_millis(31_500)));
}

fn notify_to(uri: &str) -> crate::event::SipStart {
    crate::event::SipStart::Request { method: "NOTIFY".to_owned(), uri: uri.to_owned() }
}
