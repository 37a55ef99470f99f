//! Layers of configuration, what is set on the phone itself, and the ways to remove that.

use super::{
    calls::phone_with_keys,
    wire::Wire,
    world::{A, B, address, phone},
};
use crate::virtual_bench::phone::{PhoneSpec, Provisioning};

const RIG: &str = "10.77.0.250";
const FILES: &str = "xml application post list: 10.77.0.250\n";

fn files(global: &str, phone: &str) -> Provisioning {
    Provisioning { global: global.to_owned(), model: String::new(), phone: phone.to_owned() }
}

fn configure(items: &[(&str, &str)]) -> String {
    let items = items.iter().map(|(name, value)| {
        format!("<ConfigurationItem><Parameter>{name}</Parameter><Value>{value}</Value></ConfigurationItem>")
    });
    format!("<AastraIPPhoneConfiguration>{}</AastraIPPhoneConfiguration>", items.collect::<String>())
}

/// A phone on which the registrar was changed to the backup by hand.
fn changed() -> Wire {
    let mut wire = Wire::registered(PhoneSpec { provisioning: files(FILES, ""), ..phone_with_keys() });
    wire.push(RIG, &configure(&[("sip registrar ip", "10.77.0.3")]));
    wire.run_to(2.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)), "settings of a line count at once");
    wire
}

#[test]
fn a_phone_boots_from_its_files_alone() {
    let global = "sip registrar ip: 10.77.0.2\nsip backup registrar ip: 10.77.0.3\nsip proxy ip: 10.77.0.2\n\
                  sip registration period: 100\nsip registration renewal timer: 40\n";
    let own = "sip line1 user name: 1001\nsip line1 password: \"pw-1001\"\nsip line2 user name: 1002\n";
    let spec = PhoneSpec { lines: Vec::new(), provisioning: files(global, own), ..phone() };
    let mut wire = Wire::new(spec);
    wire.run_to(0.1);
    let register = wire.last("REGISTER");
    assert_eq!((register.uri(), register.header("Expires")), ("sip:10.77.0.2", "100"));
    let status = wire.type_line("sip status");
    assert!(status.contains("1     1001@10.77.0.2  Registered  10.77.0.2  No"), "{status}");
    assert!(status.contains("2     1002@10.77.0.2  Registered  10.77.0.2  No"), "{status}");
}

#[test]
fn the_file_of_the_model_comes_between_that_for_all_and_the_phones_own() {
    let [global, model, own] = ["10.77.0.97", "10.77.0.3", "10.77.0.2"].map(|ip| format!("sip registrar ip: {ip}\n"));
    for (phone_file, registrar) in [(String::new(), B), (own, A)] {
        let provisioning = Provisioning { global: global.clone(), model: model.clone(), phone: phone_file };
        let mut wire = Wire::new(PhoneSpec { provisioning, ..phone() });
        wire.run_to(0.1);
        assert_eq!(wire.phone.registered_at(0), Some(address(registrar)));
    }
}

#[test]
fn the_file_of_the_phone_beats_the_one_for_all_and_the_fields_of_its_spec() {
    let provisioning = files("sip registrar ip: 10.77.0.99\n", "sip registrar ip: 10.77.0.3\n");
    let mut wire = Wire::new(PhoneSpec { provisioning, ..phone() });
    wire.run_to(0.1);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
}

#[test]
fn a_registrar_that_is_a_name_gives_the_domain_behind_an_outbound_proxy() {
    let global = "sip registrar ip: mx.test\nsip proxy ip: mx.test\nsip outbound proxy: 10.77.0.2\n\
                  sip backup outbound proxy: 10.77.0.3\nsip line1 user name: 1001\n";
    let spec = PhoneSpec { lines: Vec::new(), provisioning: files(global, ""), ..phone() };
    let mut wire = Wire::new(spec);
    wire.run_to(0.1);
    let register = wire.last("REGISTER");
    assert_eq!((register.to, register.uri()), (address(A), "sip:mx.test"));
}

#[test]
fn without_a_registrar_there_is_neither_registration_nor_no_service() {
    let provisioning = files("", "sip registrar ip: 0.0.0.0\n");
    let mut wire = Wire::new(PhoneSpec { provisioning, ..phone() });
    wire.run_to(300.0);
    assert!(wire.sent.is_empty());
    assert!(wire.type_line("display").contains("display: Idle | 1001\r\n"));
    assert!(wire.type_line("lamps").contains("lamp: message off"));
    wire.type_line("dial 1002");
    assert_eq!(wire.last("INVITE").to, address(A), "calls still go to the proxy");
}

#[test]
fn what_was_set_on_the_phone_outlives_a_boot() {
    let mut wire = changed();
    wire.push(RIG, "<AastraIPPhoneExecute><ExecuteItem URI=\"Command: Reset\"/></AastraIPPhoneExecute>");
    wire.run_to(6.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
}

#[test]
fn a_locked_setting_can_not_be_changed_and_an_overwriting_one_wins_at_the_next_boot() {
    let locked = format!("{FILES}!sip registrar ip: 10.77.0.2\n");
    let mut wire = Wire::registered(PhoneSpec { provisioning: files(&locked, ""), ..phone_with_keys() });
    wire.push(RIG, &configure(&[("sip registrar ip", "10.77.0.3")]));
    wire.run_to(2.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    assert!(wire.take_console().contains("`sip registrar ip` is locked in aastra.cfg:2"));

    let overwriting = format!("{FILES}^sip registrar ip: 10.77.0.2\n");
    let mut wire = Wire::registered(PhoneSpec { provisioning: files(&overwriting, ""), ..phone_with_keys() });
    wire.push(RIG, &configure(&[("sip registrar ip", "10.77.0.3")]));
    wire.run_to(2.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    wire.push(RIG, "<AastraIPPhoneExecute><ExecuteItem URI=\"Command: Reset\"/></AastraIPPhoneExecute>");
    wire.run_to(6.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
}

#[test]
fn clear_local_removes_it_and_boots() {
    let mut wire = changed();
    wire.push(RIG, "<AastraIPPhoneExecute><ExecuteItem URI=\"Command: ClearLocal\"/></AastraIPPhoneExecute>");
    let console = wire.take_console();
    assert!(console.contains("config: local configuration removed"), "{console}");
    wire.run_to(6.0);
    assert!(wire.take_console().contains("bootloader: cold start"));
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
}

#[test]
fn the_administrator_menu_removes_it_behind_the_password() {
    let mut wire = changed();
    wire.take_console();
    wire.press(&["options", "5", "2", "2", "2", "2", "2", "pound"]);
    assert!(wire.take_console().contains("display: Administrator Menu | 1. "));
    wire.press(&["5"]);
    assert!(wire.take_console().contains("display: Remove local config? # to confirm"));
    wire.press(&["pound"]);
    wire.run_to(8.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
}

#[test]
fn three_wrong_passwords_lead_back_to_idle() {
    let mut wire = changed();
    wire.press(&["options", "5"]);
    for _ in 0..2 {
        wire.press(&["1", "pound"]);
        assert!(wire.type_line("display").contains("Wrong password | Enter Password:"));
    }
    wire.press(&["1", "pound"]);
    assert!(wire.type_line("display").contains("display: Idle | 1001"));
    assert!(!wire.take_console().contains("removed"));
}
