//! Registrars and proxies that differ, of the phone or of a line alone, and those that are off.

use super::{
    wire::Wire,
    world::{A, B, address, line, phone},
};
use crate::virtual_bench::phone::{PhoneSpec, Provisioning};

const C: &str = "10.77.0.4:5060";
const D: &str = "10.77.0.5:5060";

/// A phone with two accounts, whose `aastra.cfg` says that.
fn with(global: &str) -> Wire {
    let provisioning = Provisioning { global: global.to_owned(), ..Provisioning::default() };
    Wire::new(PhoneSpec { lines: vec![line("1001"), line("1002")], provisioning, ..phone() })
}

/// Whom requests of that method of an extension went to, each once and in order.
fn asked(wire: &Wire, method: &str, extension: &str) -> Vec<String> {
    let of = format!("<sip:{extension}@");
    let sent = wire.sent.iter().filter(|sent| sent.what() == method && sent.header("From").starts_with(&of));
    let mut all: Vec<_> = sent.map(|sent| sent.to.to_string()).collect();
    all.dedup();
    all
}

#[test]
fn registrations_go_to_the_registrars_and_calls_and_subscriptions_to_the_proxies() {
    let mut wire = with(
        "sip explicit mwi subscription: 1\nsip proxy ip: 10.77.0.4\nsip backup proxy ip: 10.77.0.5\n\
         sip line2 proxy ip: 10.77.0.3\nsip line2 backup proxy ip: 10.77.0.4\n",
    );
    wire.run_to(1.0);
    wire.type_line("dial 1009");
    wire.run_to(10.0);
    assert_eq!((asked(&wire, "REGISTER", "1001"), asked(&wire, "REGISTER", "1002")), (vec![A.into()], vec![A.into()]));
    let both = |first: &str, second: &str| vec![first.to_owned(), second.to_owned()];
    assert_eq!(asked(&wire, "SUBSCRIBE", "1001"), both(C, D), "nobody answers them here");
    assert_eq!(asked(&wire, "SUBSCRIBE", "1002"), both(B, C));
    assert_eq!(asked(&wire, "INVITE", "1001"), both(C, D));
    let status = wire.type_line("sip status");
    assert!(status.contains("1001@bench.test  Registered  10.77.0.2  No"), "{status}");

    wire.cut.insert(address(A));
    wire.sent.clear();
    wire.run_to(60.0);
    assert_eq!(asked(&wire, "REGISTER", "1001"), both(A, B));
    wire.type_line("dial 1009");
    assert_eq!(wire.last("INVITE").to, address(C), "where it is registered does not matter to its calls");
}

#[test]
fn backups_that_differ_are_each_asked_after_the_primary_of_their_own_kind() {
    let mut wire = with("sip backup proxy ip: 10.77.0.5\nsip line1 backup registrar ip: 10.77.0.4\n");
    wire.cut.insert(address(A));
    wire.run_to(10.0);
    assert_eq!([0, 1].map(|line| wire.phone.registered_at(line)), [Some(address(C)), Some(address(B))]);
    wire.type_line("dial 1009");
    wire.run_to(20.0);
    assert_eq!(asked(&wire, "INVITE", "1001"), [A, D]);
}

#[test]
fn a_line_whose_registrar_is_off_is_silent_and_the_other_one_has_its_own_trouble() {
    let mut wire = with("sip line2 registrar ip: 0.0.0.0\n");
    wire.run_to(1.0);
    assert_eq!(asked(&wire, "REGISTER", "1001"), [A]);
    let console = wire.take_console();
    assert!(console.contains("display: Idle | 1001 | 1002\r\n") && !console.contains("line 2"), "{console}");
    assert!(wire.type_line("lamps").contains("lamp: message off"));
    assert!(wire.type_line("sip status").contains("2     1002@bench.test  -  -  No"));
    wire.take_console();

    wire.cut.extend([address(A), address(B)]);
    wire.run_to(100.0);
    let console = wire.take_console();
    assert!(console.contains("display: Idle | 1001 No Service | 1002\r\n"), "{console}");
    assert!(console.contains("lamp: message on") && !console.contains("1002@bench.test"), "{console}");
    assert_eq!(asked(&wire, "REGISTER", "1002"), [] as [&str; 0]);
}

#[test]
fn a_backup_that_is_off_is_asked_by_nobody() {
    let off =
        "sip backup registrar ip: 0.0.0.0\nsip backup proxy ip: 0.0.0.0\nsip line2 backup registrar ip: 10.77.0.3\n";
    let mut wire = with(off);
    wire.cut.insert(address(A));
    wire.run_to(5.0);
    assert!(wire.take_console().contains("1001@bench.test No Service: no server answers; next try in 120 s"));
    wire.type_line("dial 1009");
    wire.run_to(30.0);
    assert_eq!((asked(&wire, "REGISTER", "1001"), asked(&wire, "INVITE", "1001")), (vec![A.into()], vec![A.into()]));
    assert_eq!([0, 1].map(|line| wire.phone.registered_at(line)), [None, Some(address(B))]);
}
