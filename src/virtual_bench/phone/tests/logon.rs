//! Free seating: the Log On/Off key, the codes, and what they leave behind.

use super::{
    calls::phone_with_keys,
    wire::Wire,
    world::{A, B, address},
};
use crate::virtual_bench::phone::{PhoneInput, PhoneSpec, Provisioning};

const FORM: &str = "<AastraIPPhoneInputScreen><Title>Log on</Title><URL>http://10.77.0.2/logon?mac=00085d237429</URL>\
    <InputField type=\"number\"><Prompt>Extension:</Prompt><Parameter>extension</Parameter></InputField>\
    <InputField type=\"number\" password=\"yes\"><Prompt>PIN:</Prompt><Parameter>pin</Parameter></InputField>\
    </AastraIPPhoneInputScreen>";

/// A phone on which nobody is logged on, with the key on `prgkey1`.
fn logged_off() -> PhoneSpec {
    let phone = "sip line1 user name:\nprgkey1 type: xml\nprgkey1 value: http://10.77.0.2:80/logon?mac=00085d237429\n\
                 xml application post list: 10.77.0.250\n";
    PhoneSpec { provisioning: Provisioning { phone: phone.to_owned(), ..Provisioning::default() }, ..phone_with_keys() }
}

fn settings(user: &str, registrar: &str, backup: &str) -> String {
    let items = [
        ("sip line1 user name", user),
        ("sip line1 auth name", user),
        ("sip line1 password", "pw"),
        ("sip proxy ip", registrar),
        ("sip registrar ip", registrar),
        ("sip backup proxy ip", backup),
        ("sip backup registrar ip", backup),
    ];
    let items = items.map(|(name, value)| {
        format!("<ConfigurationItem><Parameter>{name}</Parameter><Value>{value}</Value></ConfigurationItem>")
    });
    format!("<AastraIPPhoneConfiguration>{}</AastraIPPhoneConfiguration>", items.concat())
}

/// Lets the phone's HTTP connection open and answers its request; returns the request.
fn serve(wire: &mut Wire, body: &str) -> String {
    let (conn, to) = *wire.connects.last().unwrap();
    assert_eq!(to, address("10.77.0.2:80"));
    wire.give(PhoneInput::TcpConnected { conn });
    let request = wire.streams.iter().rev().find(|(of, _)| *of == conn).unwrap().1.clone();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    wire.give(PhoneInput::TcpData { conn, bytes: answer.into_bytes() });
    String::from_utf8(request).unwrap()
}

/// The server takes the code that was dialled, sends settings, and hangs up.
fn take_code(wire: &mut Wire, xml: &str) {
    let invite = wire.last("INVITE");
    let server = invite.to.to_string();
    wire.reply(&invite, 200, &[("Contact", &format!("<sip:{server}>"))]);
    wire.ask(&server, "NOTIFY", &[("Event", "aastra-xml"), ("Call-ID", "settings")], xml);
    let (from, to) = (format!("{};tag=there", invite.header("To")), invite.header("From").to_owned());
    wire.ask(&server, "BYE", &[("From", &from), ("To", &to), ("Call-ID", invite.header("Call-ID"))], "");
}

#[test]
fn where_nobody_is_logged_on_nothing_registers_and_the_display_says_so() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(600.0);
    assert!(wire.sent.is_empty());
    assert!(wire.type_line("display").contains("display: Idle | Log On\r\n"));
    assert!(wire.type_line("lamps").contains("lamp: message off"));
}

#[test]
fn the_key_fetches_a_form_sends_it_filled_in_and_registers_with_the_answer() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(1.0);
    wire.press(&["prgkey1"]);
    let first = serve(&mut wire, FORM);
    assert!(first.starts_with("GET /logon?mac=00085d237429 HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("User-Agent: Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP\r\n"), "{first}");
    assert!(wire.type_line("display").contains("display: Log on | Extension: \r\n"));
    wire.press(&["1", "0", "0", "9", "star", "1", "pound", "4", "7", "1", "1"]);
    assert!(wire.type_line("display").contains("display: Log on | PIN: ####\r\n"));
    wire.press(&["pound"]);
    let second = serve(&mut wire, &settings("1001", "10.77.0.2", "10.77.0.3"));
    assert!(second.starts_with("GET /logon?mac=00085d237429&extension=1001&pin=4711 HTTP/1.1\r\n"), "{second}");
    wire.run_to(5.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    assert_eq!(wire.last("REGISTER").header("To"), "<sip:1001@bench.test>");
    let console = wire.take_console();
    assert!(console.contains("config: local sip line1 password set") && !console.contains("pw"), "{console}");
}

#[test]
fn the_key_is_dead_while_the_primary_is_away() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(1.0);
    wire.press(&["prgkey1"]);
    wire.run_to(10.9);
    assert!(wire.type_line("display").contains("Please wait"));
    wire.run_to(12.0);
    assert!(wire.type_line("display").contains("display: No answer from server\r\n"));
    assert!(wire.sent.is_empty());
    wire.press(&["1"]);
    assert!(wire.type_line("display").contains("Log On"));
}

#[test]
fn a_text_of_the_server_is_shown_and_its_soft_keys_are_digits() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(1.0);
    wire.press(&["prgkey1"]);
    let text = "<AastraIPPhoneTextScreen><Title>Log off</Title><Text>1001 is logged on</Text>\
                <SoftKey index=\"1\"><Label>Log off</Label><URI>http://10.77.0.2/logoff</URI></SoftKey>\
                </AastraIPPhoneTextScreen>";
    serve(&mut wire, text);
    assert!(wire.type_line("display").contains("display: Log off | 1001 is logged on | 1. Log off\r\n"));
    wire.press(&["1"]);
    assert!(serve(&mut wire, FORM).starts_with("GET /logoff HTTP/1.1"));
}

#[test]
fn the_code_logs_on_from_the_mac_address_at_the_primary() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(1.0);
    wire.press(&["star", "1", "1", "star", "4", "7", "1", "1", "star", "1", "0", "0", "1", "pound"]);
    let invite = wire.last("INVITE");
    assert_eq!((invite.to, invite.uri()), (address(A), "sip:*11*4711*1001%23@bench.test"));
    assert!(invite.header("From").starts_with("<sip:00085d237429@bench.test>"));
    assert!(invite.header("Contact").contains("00085d237429@10.77.0.11"));
    take_code(&mut wire, &settings("1001", "10.77.0.2", "10.77.0.3"));
    wire.run_to(3.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    let console = wire.take_console();
    assert!(console.contains("call code connected") && !console.contains("4711"), "{console}");
}

#[test]
fn the_code_works_at_the_backup_while_the_primary_is_away() {
    let mut wire = Wire::new(logged_off());
    wire.cut.insert(address(A));
    wire.run_to(1.0);
    wire.type_line("dial *11*4711*1001#");
    wire.run_to(6.0);
    assert_eq!(wire.last("INVITE").to, address(B));
    take_code(&mut wire, &settings("1001", "10.77.0.2", "10.77.0.3"));
    wire.run_to(20.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
}

#[test]
fn settings_of_strangers_are_not_taken() {
    let mut wire = Wire::new(logged_off());
    wire.run_to(1.0);
    let xml = settings("6666", "10.77.0.66", "0.0.0.0");
    wire.ask("10.77.0.66:5060", "NOTIFY", &[("Event", "aastra-xml")], &xml);
    wire.run_to(5.0);
    assert_eq!(wire.times("489").len(), 1);
    assert!(wire.times("REGISTER").is_empty());
}

#[test]
fn a_log_off_on_the_backup_loses_the_primary_until_local_settings_are_removed() {
    let mut wire = Wire::registered(PhoneSpec { provisioning: logged_off().provisioning, ..phone_with_keys() });
    wire.ask(A, "NOTIFY", &[("Event", "aastra-xml")], &settings("1001", "10.77.0.2", "10.77.0.3"));
    wire.run_to(2.0);
    wire.cut.insert(address(A));
    wire.run_to(60.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    wire.press(&["pound", "1", "1", "pound"]);
    wire.run_to(65.0);
    assert_eq!((wire.last("INVITE").to, wire.last("INVITE").uri()), (address(B), "sip:%2311%23@bench.test"));
    take_code(&mut wire, &settings("", "10.77.0.3", "0.0.0.0"));
    wire.cut.clear();
    wire.sent.clear();
    wire.run_to(300.0);
    assert!(wire.type_line("display").contains("Log On"));
    assert!(wire.times("REGISTER").is_empty(), "nobody is logged on");
    wire.type_line("dial *11*4711*1001#");
    assert_eq!(wire.last("INVITE").to, address(B), "the primary answers again, and is not asked");
    take_code(&mut wire, &settings("1001", "10.77.0.3", "0.0.0.0"));
    wire.run_to(400.0);
    assert!(wire.times("REGISTER").iter().all(|(_, to)| to == B));
    wire.push("10.77.0.250", "<AastraIPPhoneExecute><ExecuteItem URI=\"Command: ClearLocal\"/></AastraIPPhoneExecute>");
    wire.run_to(410.0);
    wire.type_line("dial *11*4711*1001#");
    assert_eq!(wire.last("INVITE").to, address(A), "and now it is");
}
