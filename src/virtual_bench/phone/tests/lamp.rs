//! The message lamp: its subscription, what it follows, and where it moves.

use super::{
    seconds,
    wire::Wire,
    world::{A, B, address, phone},
};
use crate::virtual_bench::phone::{PhoneDefect, PhoneInput, PhoneSpec, Provisioning};

const ON: &str = "Messages-Waiting: yes\r\nVoice-Message: 2/0 (0/0)\r\n";

fn subscriber() -> PhoneSpec {
    let global = "sip explicit mwi subscription: 1\nsip explicit mwi subscription period: 60\n".to_owned();
    PhoneSpec { provisioning: Provisioning { global, ..Provisioning::default() }, ..phone() }
}

/// Answers the last SUBSCRIBE as that server does.
fn confirm(wire: &mut Wire) {
    let subscribe = wire.last("SUBSCRIBE");
    let contact = format!("<sip:mwi@{}>", subscribe.to);
    wire.reply(&subscribe, 200, &[("Contact", &contact), ("Expires", "60")]);
}

fn notify(wire: &mut Wire, from: &str, state: &str, body: &str) {
    let subscribe = wire.last("SUBSCRIBE");
    let tagged = format!("{};tag=there", subscribe.header("To"));
    let server_side = if subscribe.header("To").contains("tag=") { subscribe.header("To") } else { &tagged };
    let headers = [
        ("From", server_side),
        ("To", subscribe.header("From")),
        ("Call-ID", subscribe.header("Call-ID")),
        ("Event", "message-summary"),
        ("Subscription-State", state),
        ("Content-Type", "application/simple-message-summary"),
    ];
    wire.ask(from, "NOTIFY", &headers, body);
}

#[test]
fn a_registered_phone_subscribes_and_its_lamp_follows_the_notifications() {
    let wire = Wire::registered(phone());
    assert!(wire.times("SUBSCRIBE").is_empty(), "only where that is set");
    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    let subscribe = wire.last("SUBSCRIBE");
    assert_eq!((subscribe.to, subscribe.uri()), (address(A), "sip:1001@bench.test"));
    assert_eq!((subscribe.header("Event"), subscribe.header("Expires")), ("message-summary", "60"));
    confirm(&mut wire);
    assert!(wire.take_console().contains("message lamp subscribed at 10.77.0.2"));
    notify(&mut wire, A, "active;expires=60", ON);
    assert_eq!(wire.times("200").len(), 1);
    assert!(wire.type_line("lamps").contains("lamp: message on"));
    notify(&mut wire, A, "active", "Messages-Waiting: no\r\n");
    assert!(wire.type_line("lamps").contains("lamp: message off"));
}

#[test]
fn a_notification_of_nobody_we_know_changes_nothing() {
    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    confirm(&mut wire);
    wire.ask(A, "NOTIFY", &[("Event", "message-summary")], ON);
    assert_eq!(wire.times("481").len(), 1);
    assert!(wire.type_line("lamps").contains("lamp: message off"));

    let mut wire = Wire::registered(phone());
    wire.ask("10.77.0.66:5060", "NOTIFY", &[("Event", "message-summary")], ON);
    wire.ask(A, "NOTIFY", &[("Event", "message-summary")], ON);
    assert_eq!((wire.times("481").len(), wire.times("200").len()), (1, 1), "unasked, but from its own server");
}

#[test]
fn it_is_renewed_in_its_dialog_and_begun_anew_elsewhere() {
    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    confirm(&mut wire);
    let first = wire.last("SUBSCRIBE");
    wire.run_to(45.2);
    let renewal = wire.last("SUBSCRIBE");
    assert_eq!((renewal.at.as_secs_f64(), renewal.uri()), (45.1, "sip:mwi@10.77.0.2:5060"));
    assert!(renewal.header("To").contains("tag=there"));
    assert_eq!(renewal.header("Call-ID"), first.header("Call-ID"));
    wire.run_to(49.2);
    let elsewhere = wire.last("SUBSCRIBE");
    assert_eq!((elsewhere.at.as_secs_f64(), elsewhere.to), (49.1, address(B)), "after four seconds of silence");
    assert!(!elsewhere.header("To").contains("tag="));
    assert_ne!(elsewhere.header("Call-ID"), first.header("Call-ID"));
}

#[test]
fn it_moves_with_the_registration_and_back() {
    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    confirm(&mut wire);
    wire.cut.insert(address(A));
    wire.run_to(54.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    confirm(&mut wire);
    assert_eq!(wire.last("SUBSCRIBE").to, address(B));
    notify(&mut wire, B, "active", ON);
    wire.cut.clear();
    wire.run_to(95.0);
    assert_eq!(wire.phone.registered_at(0), Some(address(A)));
    confirm(&mut wire);
    assert_eq!(wire.last("SUBSCRIBE").to, address(A));
    assert!(wire.take_console().contains("message lamp subscribed at 10.77.0.2"));
}

#[test]
fn a_phone_that_forgets_its_subscription_has_none_after_a_move() {
    let mut wire = Wire::new(PhoneSpec { defects: vec![PhoneDefect::ForgetsSubscription], ..subscriber() });
    wire.run_to(0.1);
    confirm(&mut wire);
    wire.cut.insert(address(A));
    wire.run_to(49.06);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    wire.sent.retain(|sent| sent.what() != "SUBSCRIBE");
    wire.run_to(300.0);
    assert!(wire.times("SUBSCRIBE").is_empty());
}

#[test]
fn a_server_that_ends_or_forgets_or_refuses_it_is_asked_again_in_its_time() {
    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    confirm(&mut wire);
    notify(&mut wire, A, "terminated;reason=deactivated", "");
    wire.run_to(120.2);
    assert_eq!(wire.last("SUBSCRIBE").at, seconds(120) + std::time::Duration::from_millis(100));

    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    confirm(&mut wire);
    wire.run_to(46.0);
    let renewal = wire.last("SUBSCRIBE");
    wire.reply(&renewal, 481, &[]);
    wire.give(PhoneInput::Timeout);
    assert!(!wire.last("SUBSCRIBE").header("To").contains("tag="), "a new one, at once");

    let mut wire = Wire::new(subscriber());
    wire.run_to(0.1);
    let subscribe = wire.last("SUBSCRIBE");
    wire.reply(&subscribe, 405, &[]);
    assert!(wire.take_console().contains("message lamp refused with 405"));
    wire.run_to(1799.0);
    assert_eq!(wire.times("SUBSCRIBE").len(), 1);
}
