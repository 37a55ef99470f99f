//! The web interface: the status page, and who may push what.

use super::{
    calls::phone_with_keys,
    wire::Wire,
    world::{A, B, address, line, phone},
};
use crate::virtual_bench::phone::{PhoneSpec, Provisioning};

const RIG: &str = "10.77.0.250";
/// `admin` and `22222`.
const AUTHORIZED: &str = "GET /status.html HTTP/1.1\r\nHost: p\r\nAuthorization: Basic YWRtaW46MjIyMjI=\r\n\r\n";

fn with_files(global: &str) -> PhoneSpec {
    let provisioning = Provisioning { global: global.to_owned(), ..Provisioning::default() };
    PhoneSpec { provisioning, ..phone_with_keys() }
}

fn open_to_the_rig() -> PhoneSpec {
    with_files("xml application post list: 10.77.0.250,10.77.0.251\n")
}

fn execute(uri: &str) -> String {
    format!("<AastraIPPhoneExecute><ExecuteItem URI=\"{uri}\"/></AastraIPPhoneExecute>")
}

#[test]
fn the_status_page_asks_for_a_password_and_tells_of_each_line() {
    let mut wire = Wire::registered(PhoneSpec { lines: vec![line("1001"), line("1002")], ..phone() });
    let refused = wire.visit(RIG, "GET /status.html HTTP/1.1\r\nHost: p\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("WWW-Authenticate: Basic realm="), "{refused}");
    let page = wire.visit(RIG, AUTHORIZED);
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    for row in [
        "<th>Line</th><th>SIP Account</th><th>Status</th><th>Backup Registrar Used?</th>",
        "<tr><td>1</td><td>1001@bench.test</td><td>Registered</td><td>No</td></tr>",
        "<tr><td>2</td><td>1002@bench.test</td><td>Registered</td><td>No</td></tr>",
    ] {
        assert!(page.contains(row), "{page}");
    }
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    assert!(wire.visit(RIG, AUTHORIZED).contains("<td>1001@bench.test</td><td>Registered</td><td>Yes</td>"));
    assert!(wire.visit(RIG, "GET /nothing HTTP/1.1\r\nHost: p\r\n\r\n").starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_status_page_gives_the_number_of_the_error() {
    let mut spec = phone();
    spec.lines[0].primary = address("10.77.0.66:5060");
    spec.lines[0].backup = None;
    let mut wire = Wire::new(spec);
    wire.cut.insert(address("10.77.0.66:5060"));
    wire.run_to(0.1);
    let register = wire.last("REGISTER");
    wire.reply(&register, 403, &[]);
    assert!(wire.visit(RIG, AUTHORIZED).contains("<td>1001@bench.test</td><td>403</td><td>No</td>"));
}

#[test]
fn what_becomes_of_a_line_goes_to_the_log_server_if_one_is_set() {
    let mut wire = Wire::registered(with_files("log server ip: 10.77.0.250\nlog server port: 5514\n"));
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    let (to, words): (Vec<_>, Vec<_>) = wire.logs.iter().cloned().unzip();
    assert!(to.iter().all(|to| *to == address("10.77.0.250:5514")), "{to:?}");
    assert!(words[0].starts_with("<134>sip: line 1 1001@bench.test registered at 10.77.0.2 expires "), "{words:?}");
    assert!(words.iter().any(|it| it.contains("registered at 10.77.0.3") && it.ends_with("backup yes")), "{words:?}");
    assert_eq!(Wire::registered(phone()).logs, []);
}

#[test]
fn a_change_of_state_is_called_and_the_same_state_is_not_repeated() {
    let uri =
        "http://10.77.0.250:8080/action?line=$$SIPUSERNAME$$&state=$$REGISTRATIONSTATE$$&code=$$REGISTRATIONCODE$$";
    let mut wire = Wire::registered(with_files(&format!("action uri registration event: {uri}\n")));
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    let calls: Vec<&str> = wire.logs.iter().filter_map(|(_, call)| call.split(' ').nth(1)).collect();
    assert_eq!(calls, ["/action?line=1001&state=REGISTERED&code=001"], "it was registered all the time");
    wire.cut.insert(address(B));
    wire.run_to(200.0);
    assert!(wire.logs[1].1.starts_with("GET /action?line=1001&state=TIMEOUT&code=408 HTTP/1.1"), "{:?}", wire.logs);
}

#[test]
fn the_administrators_password_can_be_set() {
    let mut wire = Wire::registered(with_files("admin password: 4711\n"));
    assert!(wire.visit(RIG, AUTHORIZED).starts_with("HTTP/1.1 401 "));
}

#[test]
fn a_pushed_key_is_a_press_and_an_unknown_one_is_silently_discarded() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.take_console();
    assert_eq!(wire.push(RIG, &execute("Key:Options")), "HTTP/1.1 200 OK");
    let console = wire.take_console();
    assert!(console.contains("key: press options\r\n") && console.contains("display: Options | 1."), "{console}");
    for unknown in ["Key:SoftKey3", "Key:Line9", "Key:Nonsense"] {
        assert_eq!(wire.push(RIG, &execute(unknown)), "HTTP/1.1 200 OK");
        assert!(!wire.take_console().contains("press"), "{unknown}");
    }
    for key in ["KeyPad1", "KeyPadStar", "VolDwn", "NavDwn", "PrgKey1", "Line1", "Goodbye"] {
        wire.push(RIG, &execute(&format!("Key:{key}")));
        assert!(wire.take_console().contains("key: press "), "{key}");
    }
}

#[test]
fn a_host_that_is_not_listed_is_turned_away_and_nothing_happens() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.take_console();
    assert!(wire.push("10.77.0.66", &execute("Key:Options")).starts_with("HTTP/1.1 403"));
    let console = wire.take_console();
    assert!(console.contains("push from 10.77.0.66 refused") && !console.contains("press"), "{console}");
    let mut nobody = Wire::registered(phone_with_keys());
    assert!(nobody.push(RIG, &execute("Key:Options")).starts_with("HTTP/1.1 403"), "without a list it is nobody");
}

#[test]
fn a_push_may_be_url_encoded_and_must_be_an_object() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.take_console();
    let encoded =
        "%3CAastraIPPhoneExecute%3E%3CExecuteItem+URI%3D%22Key%3AOptions%22%2F%3E%3C%2FAastraIPPhoneExecute%3E";
    assert_eq!(wire.push(RIG, encoded), "HTTP/1.1 200 OK");
    assert!(wire.take_console().contains("press options"));
    assert!(wire.push(RIG, "nonsense").starts_with("HTTP/1.1 400"));
    assert!(wire.push(RIG, "<Unknown/>").starts_with("HTTP/1.1 400"));
}

#[test]
fn a_push_can_dial_light_lamps_and_boot() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.push(RIG, &execute("Led: prgkey2=slowflash"));
    assert!(wire.type_line("lamps").contains("lamp: prgkey2 slow"));
    wire.push(RIG, &execute("Dial:1002"));
    assert_eq!(wire.last("INVITE").uri(), "sip:1002@bench.test");
    wire.take_console();
    wire.push(RIG, &execute("Command: Reset"));
    wire.run_to(4.9);
    assert!(!wire.take_console().contains("restarting"), "a reset waits until the phone is idle");
    wire.type_line("hangup");
    wire.run_to(20.0);
    let console = wire.take_console();
    assert!(console.contains("restarting") && console.contains("bootloader: cold start"), "{console}");
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    wire.push(RIG, &execute("Command:FastReboot"));
    wire.run_to(20.4);
    assert_eq!(wire.phone.registered_at(0), None);
    wire.run_to(21.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    assert!(!wire.take_console().contains("bootloader"), "a fast reboot skips it");
}

#[test]
fn a_phone_that_is_off_lets_nobody_in() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.push(RIG, &execute("Command: Reset"));
    assert_eq!(wire.push(RIG, &execute("Key:Options")), "");
    wire.sent.clear();
    wire.ask(A, "OPTIONS", &[], "");
    assert!(wire.sent.is_empty());
}

#[test]
fn objects_come_by_notify_only_where_that_is_set() {
    let xml = execute("Key:Options");
    let mut deaf = Wire::registered(phone_with_keys());
    deaf.ask(A, "NOTIFY", &[("Event", "aastra-xml")], &xml);
    assert_eq!(deaf.times("489").len(), 1);
    assert!(!deaf.take_console().contains("press"));
    let mut wire = Wire::registered(with_files("sip xml notify event: 1\n"));
    wire.ask(A, "NOTIFY", &[("Event", "aastra-xml")], &xml);
    assert_eq!(wire.times("200").len(), 1);
    assert!(wire.take_console().contains("press options"));
}

#[test]
fn what_must_not_interrupt_a_call_does_not() {
    let mut wire = Wire::registered(open_to_the_rig());
    wire.type_line("dial 1002");
    let xml =
        "<AastraIPPhoneExecute><ExecuteItem URI=\"Command: FastReboot\" interruptCall=\"no\"/></AastraIPPhoneExecute>";
    wire.push(RIG, xml);
    assert!(!wire.take_console().contains("restarting"));
}
