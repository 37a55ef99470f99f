//! Each defect shows, and shows as what it is.

use std::time::Duration;

use super::{
    seconds, with_defect,
    world::{A, B, World, address, line},
};
use crate::virtual_bench::{
    phone::{PhoneDefect, PhoneInput, PhoneSpec},
    registrar::RegistrarDefect,
};

#[test]
fn a_phone_that_never_fails_over_asks_the_primary_only() {
    let mut world = World::new(with_defect(PhoneDefect::NeverFailsOver));
    world.cut(A);
    world.run_to(600.0);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    assert_eq!(world.registers(A, 0.0).len(), 20, "five rounds");
}

#[test]
fn a_phone_that_never_fails_back_renews_at_the_backup() {
    let mut world = World::new(with_defect(PhoneDefect::NeverFailsBack));
    world.cut(A);
    world.run_to(20.0);
    world.mend(A);
    world.run_to(600.0);
    assert_eq!(world.home().as_deref(), Some(B));
    assert_eq!(world.registers(A, 20.0), [0.0; 0]);
}

#[test]
fn a_phone_that_forgets_to_authenticate_never_gets_into_the_backup() {
    let mut world = World::new(with_defect(PhoneDefect::ForgetsToAuthenticateOnBackup));
    world.run_to(1.0);
    assert_eq!(world.home().as_deref(), Some(A));
    world.cut(A);
    world.run_to(60.0);
    assert_eq!(world.registers(B, 0.0), [49.05]);
    assert!(world.type_line("sip status").contains("1001@bench.test  401  -  No"));
}

#[test]
fn a_phone_that_claims_the_backup_lies_on_its_console_alone() {
    let mut world = World::new(with_defect(PhoneDefect::ClaimsBackup));
    world.run_to(1.0);
    assert_eq!(world.home().as_deref(), Some(A));
    assert!(world.take_console().contains("registered at 10.77.0.3 expires 60 backup yes"));
    assert!(world.type_line("sip status").contains("Registered  10.77.0.3  Yes"));
}

#[test]
fn a_phone_that_registers_at_both_keeps_a_binding_at_each() {
    let mut world = World::new(with_defect(PhoneDefect::RegistersAtBoth));
    world.run_to(200.0);
    assert_eq!((world.bound(A, "1001"), world.bound(B, "1001")), (1, 1));
    assert_eq!(world.home().as_deref(), Some(A));
}

#[test]
fn a_phone_that_moves_late_rests_before_it_tries_the_backup() {
    let mut world = World::new(with_defect(PhoneDefect::MovesLate(seconds(30))));
    world.cut(A);
    world.run_to(60.0);
    assert_eq!(world.registers(B, 0.0), [34.05, 34.05]);
}

#[test]
fn a_phone_that_dies_says_nothing_more() {
    let mut world = World::new(with_defect(PhoneDefect::DiesAfter(seconds(10))));
    world.run_to(100.0);
    assert!(world.died);
    assert!(world.registers(A, 10.0).is_empty());
    world.take_console();
    world.give(PhoneInput::Console(b"help\r".to_vec()));
    assert_eq!(world.take_console(), "");
    assert_eq!(world.phone.poll_deadline(), None);
}

#[test]
fn a_console_that_closes_leaves_the_phone_alive() {
    let mut world = World::new(with_defect(PhoneDefect::ConsoleClosesAfter(seconds(10))));
    world.run_to(100.0);
    assert!(world.take_console().ends_with("<closed>"));
    assert_eq!(world.registers(A, 10.0), [45.05, 90.05]);
}

#[test]
fn a_console_whose_cable_is_loose_is_back_after_a_while_and_the_phone_never_noticed() {
    let mut world = World::new(with_defect(PhoneDefect::ConsoleLooseAfter(seconds(10))));
    world.run_to(100.0);
    let console = world.take_console();
    assert!(console.contains("<closed><back>"), "{console}");
    assert!(world.type_line("version").contains("3.2.0.70"));
    assert_eq!(world.registers(A, 10.0), [45.05, 90.05]);
}

#[test]
fn a_phone_that_hangs_answers_on_its_console_alone_and_is_well_after_a_boot() {
    let mut world = World::new(with_defect(PhoneDefect::HangsAfter(seconds(10))));
    world.run_to(100.0);
    assert!(world.registers(A, 10.0).is_empty());
    assert!(world.phone.poll_deadline().is_none(), "nothing is due that is never done");
    assert!(world.type_line("sip status").contains("sip: the application does not answer"));
    assert!(world.type_line("net status").contains("eth0: link is up, address"));
    assert!(world.type_line("reboot").contains("system: restarting"));
    world.run_to(110.0);
    assert!(world.take_console().contains("bootloader: cold start"));
    assert_eq!(world.registers(A, 100.0), [102.05, 102.05]);
}

#[test]
fn a_phone_that_panics_boots_again_and_registers() {
    let mut world = World::new(with_defect(PhoneDefect::RebootsAfter(seconds(10))));
    world.run_to(9.0);
    assert!(!world.take_console().contains("bootloader"), "the first boot is no reboot");
    world.run_to(20.0);
    let console = world.take_console();
    assert!(console.contains("kernel: Kernel panic - not syncing"), "{console}");
    assert!(console.contains("\r\nbootloader: cold start\r\n"), "{console}");
    assert_eq!(world.registers(A, 1.0), [12.05, 12.05]);
}

#[test]
fn a_phone_that_lapses_is_unregistered_for_two_seconds_each_time() {
    let mut world = World::new(with_defect(PhoneDefect::LapsesBeforeRenewing));
    world.run_to(61.0);
    assert_eq!((world.home(), world.bound(A, "1001")), (None, 0));
    world.run_to(63.0);
    assert_eq!(world.registers(A, 1.0), [62.05]);
    assert_eq!(world.home().as_deref(), Some(A));
}

#[test]
fn a_phone_whose_display_is_wrong_hides_its_trouble_there_alone() {
    let mut world = World::new(with_defect(PhoneDefect::DisplayWrong));
    world.cut(A);
    world.cut(B);
    world.run_to(60.0);
    assert!(world.type_line("display").contains("display: Idle | 1001\r\n"));
    assert!(world.type_line("lamps").contains("lamp: message off"));
    assert!(world.type_line("sip status").contains("1001@bench.test  No Service  -  No"));
}

#[test]
fn a_phone_that_never_gives_up_repeats_one_request_for_ever() {
    let mut world = World::new(with_defect(PhoneDefect::NeverGivesUp));
    world.cut(A);
    world.run_to(600.0);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    let sent = world.registers(A, 0.0);
    assert_eq!(sent[..6], [0.05, 0.55, 1.55, 3.55, 7.55, 11.55]);
    assert!(sent.len() > 150 && world.sent.iter().all(|one| one.summary.branch == world.sent[0].summary.branch));
}

#[test]
fn a_phone_that_reboots_instead_of_moving_never_gets_to_the_backup() {
    let mut world = World::new(with_defect(PhoneDefect::RebootsInsteadOfMoving));
    world.run_to(1.0);
    world.cut(A);
    world.run_to(120.0);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    let console = world.take_console();
    assert!(console.matches("bootloader: cold start").count() >= 5, "{console}");
}

#[test]
fn a_phone_that_loses_its_second_line_keeps_the_first() {
    let spec = with_defect(PhoneDefect::LosesSecondLine);
    let mut world = World::new(PhoneSpec { lines: vec![line("1001"), line("1002")], ..spec });
    world.run_to(1.0);
    assert_eq!(world.phone.registered_at(1), Some(address(A)));
    world.cut(A);
    world.run_to(60.0);
    world.mend(A);
    world.run_to(300.0);
    assert_eq!([0, 1].map(|line| world.phone.registered_at(line)), [Some(address(A)), None]);
    assert_eq!((world.bound(A, "1002"), world.bound(B, "1002")), (0, 0));
}

#[test]
fn a_phone_that_flaps_goes_back_and_forth_once_it_was_away() {
    let mut world = World::new(with_defect(PhoneDefect::Flaps));
    world.run_to(44.0);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    world.cut(A);
    world.run_to(50.0);
    world.mend(A);
    let mut homes = Vec::new();
    for step in 1..=8 {
        world.run_to(f64::from(50 + 12 * step));
        homes.push(world.home().unwrap());
    }
    homes.dedup();
    assert!(homes.len() >= 6, "{homes:?}");
}

#[test]
fn a_phone_that_storms_registers_five_times_a_second() {
    let mut world = World::new(with_defect(PhoneDefect::Storms));
    world.run_to(10.0);
    assert_eq!(world.registers(A, 1.0).len(), 45);
}

#[test]
fn a_phone_that_registers_at_a_stranger_never_gets_to_the_backup() {
    let stranger = "10.77.0.66".parse().unwrap();
    let mut world = World::new(with_defect(PhoneDefect::RegistersAtStranger(stranger)));
    world.cut(A);
    world.run_to(20.0);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    assert_eq!(world.registers("10.77.0.66:5060", 0.0), [4.05, 4.55, 5.55, 7.55]);
}

#[test]
fn a_phone_that_splits_its_servers_calls_by_way_of_the_backup() {
    let mut world = World::new(with_defect(PhoneDefect::SplitsProxyAndRegistrar));
    world.run_to(1.0);
    assert_eq!(world.home().as_deref(), Some(A));
    world.type_line("dial 1002");
    let calls: Vec<_> = world.sent.iter().filter(|sent| sent.summary.method == "INVITE").map(|sent| sent.to).collect();
    assert_eq!(calls, [address(B)]);
}

#[test]
fn a_key_that_sticks_repeats_until_another_one_is_pressed() {
    let mut world = World::new(with_defect(PhoneDefect::StickyKey));
    world.run_to(1.0);
    world.take_console();
    world.give(PhoneInput::KeyDown { row: 0, col: 2 });
    world.now += Duration::from_millis(80);
    world.give(PhoneInput::KeyUp { row: 0, col: 2 });
    world.run_to(3.2);
    let console = world.take_console();
    assert_eq!(console.matches("key: press 3").count(), 5, "{console}");
    assert!(!console.contains("release"));
}

#[test]
fn a_console_that_falls_silent_says_nothing_and_the_phone_goes_on() {
    let mut world = World::new(with_defect(PhoneDefect::ConsoleSilentAfter(seconds(10))));
    world.run_to(11.0);
    world.take_console();
    world.run_to(50.0);
    assert_eq!(world.type_line("sip status"), "");
    assert_eq!(world.registers(A, 10.0), [45.05]);
}

#[test]
fn a_phone_that_reuses_its_nonce_is_rejected_when_that_is_stale() {
    let mut world = World::with(with_defect(PhoneDefect::ReusesNonce), |_, registrar| {
        registrar.nonce_lifetime = seconds(30);
    });
    world.run_to(50.0);
    assert_eq!(world.responses, [401, 200, 401, 401, 401, 401, 401]);
    assert_eq!(world.home(), None);
}

#[test]
fn a_phone_that_keeps_renewing_at_the_backup_holds_two_bindings_after_its_return() {
    let mut world = World::new(with_defect(PhoneDefect::KeepsRenewingAtBackup));
    world.cut(A);
    world.run_to(20.0);
    world.mend(A);
    world.run_to(400.0);
    assert_eq!(world.home().as_deref(), Some(A));
    assert_eq!((world.bound(A, "1001"), world.bound(B, "1001")), (1, 1));
    assert!(world.registers(B, 100.0).len() >= 8);
}

#[test]
fn a_phone_that_ignores_retry_after_asks_again_each_second() {
    let mut world = World::with(with_defect(PhoneDefect::IgnoresRetryAfter), |_, registrar| {
        registrar.defects = vec![RegistrarDefect::Reject(403)];
    });
    world.run_to(10.5);
    assert_eq!(world.registers(A, 0.0).len(), 11);
}

#[test]
fn a_poll_with_expires_0_makes_no_binding_and_takes_none() {
    let mut world = World::new(with_defect(PhoneDefect::PollsWithExpiresZero));
    world.cut(B);
    world.run_to(200.0);
    let polls: Vec<_> = world.sent.iter().filter(|sent| sent.summary.expires == Some(0)).collect();
    assert!(polls.len() >= 4 && polls.iter().all(|poll| poll.to == address(B)));
    assert_eq!(world.home().as_deref(), Some(A));
    assert_eq!((world.bound(A, "1001"), world.bound(B, "1001")), (1, 0));
}
