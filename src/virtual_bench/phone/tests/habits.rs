//! What the manual leaves open, each way.

use std::time::Duration;

use super::{
    wire::Wire,
    world::{A, B, World, address, phone},
};
use crate::virtual_bench::phone::{Habits, PhoneSpec, Provisioning, Transport};

fn with(habits: Habits) -> PhoneSpec {
    PhoneSpec { habits, ..phone() }
}

#[test]
fn a_probe_of_its_own_brings_it_back_before_its_renewal() {
    let mut world = World::new(with(Habits { probe: Some(Duration::from_secs(10)), ..Habits::default() }));
    world.cut(A);
    world.run_to(20.0);
    assert_eq!(world.home().as_deref(), Some(B));
    assert_eq!(world.registers(A, 5.0), [14.05, 14.55, 15.55, 17.55], "the probe has its transaction, too");
    world.mend(A);
    world.run_to(29.0);
    assert_eq!(world.home().as_deref(), Some(A));
    assert_eq!(world.registers(A, 20.0), [28.05, 28.05]);
}

#[test]
fn with_outbound_support_it_renews_where_it_is_and_asks_the_primary_in_the_background() {
    let global = "sip outbound support: 1\n".to_owned();
    let provisioning = Provisioning { global, ..Provisioning::default() };
    let mut wire = Wire::new(PhoneSpec { provisioning, ..phone() });
    wire.cut.insert(address(A));
    wire.run_to(49.1);
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
    let renewals: Vec<_> = wire.times("REGISTER").into_iter().filter(|(at, _)| *at > 10.0).collect();
    assert_eq!(renewals, [(49.05, B.to_owned())], "the renewal loses nothing to the dead primary");
    wire.run_to(300.0);
    let asked = wire.times("OPTIONS");
    let first = asked[0].0 - 4.05;
    assert!((45.0..=90.0).contains(&first), "between half of 90 s and all of it after it left the primary: {first}");
    assert!(asked.iter().all(|(_, to)| to == A));
    wire.sent.clear();
    for second in 301..2200 {
        wire.run_to(f64::from(second));
        if !wire.times("OPTIONS").is_empty() {
            break;
        }
    }
    let options = wire.last("OPTIONS");
    wire.reply(&options, 200, &[]);
    let registers: Vec<_> = wire.sent.iter().rev().filter(|sent| sent.what() == "REGISTER").take(2).collect();
    assert_eq!((registers[1].to, registers[1].header("Expires")), (address(B), "0"), "first it leaves the backup");
    assert_eq!((registers[0].to, registers[0].header("Expires")), (address(A), "60"));
}

#[test]
fn a_redirection_to_the_backup_is_followed_only_where_that_is_its_habit() {
    for (follows_redirect, home) in [(false, None), (true, Some(address(B)))] {
        let mut wire = Wire::new(with(Habits { follows_redirect, ..Habits::default() }));
        wire.cut.insert(address(A));
        wire.run_to(0.1);
        let register = wire.last("REGISTER");
        wire.reply(&register, 302, &[("Contact", "<sip:1001@10.77.0.3>")]);
        assert_eq!(wire.phone.registered_at(0), home);
        wire.run_to(60.0);
        let codes = wire.type_line("sip status");
        assert_eq!(codes.contains("1001@bench.test  302  -  No"), home.is_none(), "{codes}");
    }
}

#[test]
fn a_redirection_to_a_third_server_is_followed_until_the_next_renewal_asks_the_primary_again() {
    let third = address("10.77.0.4:5060");
    let mut wire = Wire::new(with(Habits { follows_redirect: true, ..Habits::default() }));
    wire.cut.insert(address(A));
    wire.run_to(0.1);
    wire.reply(&wire.last("REGISTER"), 302, &[("Contact", "<sip:1001@10.77.0.4>")]);
    assert_eq!(wire.phone.registered_at(0), Some(third));
    let status = wire.type_line("sip status");
    assert!(status.contains("1001@bench.test  Registered  10.77.0.4  No"), "{status}");
    wire.sent.clear();
    wire.run_to(50.0);
    assert_eq!(wire.times("REGISTER")[0], (45.1, A.to_owned()));
    assert_eq!(wire.last("REGISTER").to, address(B), "and the third one is not its backup");
    assert_eq!(wire.phone.registered_at(0), Some(address(B)));
}

#[test]
fn a_rejection_rests_by_its_own_timer_and_is_shown_until_then_or_moves_the_phone_where_that_is_its_habit() {
    let moves = Habits { moves_on_403: true, moves_on_503: true, ..Habits::default() };
    for (code, headers, again) in [
        (403, &[][..], 1800.05),
        (503, &[("Retry-After", "40")], 40.05),
        (503, &[], 1800.05),
        (302, &[("Contact", "<sip:1001@10.77.0.3>")], 1800.05),
    ] {
        for habits in [Habits::default(), moves] {
            let mut wire = Wire::new(with(habits));
            wire.cut.insert(address(A));
            wire.run_to(0.05);
            wire.reply(&wire.last("REGISTER"), code, headers);
            if habits.moves_on(code) {
                assert_eq!(wire.phone.registered_at(0), Some(address(B)), "{code}");
                continue;
            }
            let pause = (again - 0.05_f64).round();
            let console = wire.take_console();
            let said = format!("1001@bench.test {code} from 10.77.0.2; next try in {pause} s");
            assert!(console.contains(&said) && console.contains("lamp: message on"), "{console}");
            assert!(wire.type_line("display").contains("display: Idle | 1001 No Service"));
            assert!(wire.type_line("sip status").contains(&format!("1001@bench.test  {code}  -  No")));
            wire.sent.clear();
            wire.run_to(again + 0.1);
            assert_eq!(wire.times("REGISTER"), [(again, A.to_owned())], "{code} {headers:?}");
        }
    }
}

#[test]
fn where_both_servers_reject_it_the_last_ones_code_is_shown_and_the_retry_timer_runs() {
    let mut wire = Wire::new(with(Habits { moves_on_503: true, ..Habits::default() }));
    wire.cut.extend([address(A), address(B)]);
    wire.run_to(0.05);
    wire.reply(&wire.last("REGISTER"), 503, &[]);
    assert_eq!(wire.last("REGISTER").to, address(B));
    wire.reply(&wire.last("REGISTER"), 503, &[("Retry-After", "30")]);
    assert!(wire.take_console().contains("1001@bench.test 503 from 10.77.0.3; next try in 30 s"));
    assert!(wire.type_line("sip status").contains("1001@bench.test  503  -  No"));
}

#[test]
fn a_refused_connection_moves_it_at_once_or_after_the_transaction_timer() {
    for (waits_out_refusal, moved_at) in [(false, 0.05), (true, 4.05)] {
        let spec = with(Habits { waits_out_refusal, ..Habits::default() });
        let mut world = World::new(PhoneSpec { transport: Transport::Tcp, ..spec });
        world.closed.insert(address(A));
        world.run_to(10.0);
        assert_eq!(world.registers(B, 0.0).first(), Some(&moved_at));
        assert_eq!(world.home().as_deref(), Some(B));
    }
}

#[test]
fn a_403_moves_a_call_and_a_subscription_where_that_is_its_habit() {
    let provisioning =
        Provisioning { global: "sip explicit mwi subscription: 1\n".to_owned(), ..Provisioning::default() };
    let habits = Habits { moves_on_403: true, ..Habits::default() };
    let mut wire = Wire::new(PhoneSpec { provisioning, habits, ..phone() });
    wire.run_to(0.1);
    for method in ["SUBSCRIBE", "INVITE"] {
        if method == "INVITE" {
            wire.type_line("dial 1002");
        }
        assert_eq!(wire.last(method).to, address(A), "{method}");
        wire.reply(&wire.last(method), 403, &[]);
        assert_eq!(wire.last(method).to, address(B), "{method}");
    }
}

#[test]
fn retry_after_replaces_the_retry_timer() {
    let mut wire = Wire::new(phone());
    wire.cut.insert(address(A));
    wire.run_to(0.1);
    let register = wire.last("REGISTER");
    wire.reply(&register, 503, &[("Retry-After", "40")]);
    assert!(wire.take_console().contains("503 from 10.77.0.2; next try in 40 s"));
    wire.run_to(40.0);
    assert_eq!(wire.times("REGISTER").len(), 1);
    wire.run_to(40.2);
    assert_eq!(wire.times("REGISTER").len(), 2);
}
