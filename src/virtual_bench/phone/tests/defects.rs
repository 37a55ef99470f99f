//! Each defect shows, and shows as what it is.

use super::{
    seconds, with_defect,
    world::{A, B, World},
};
use crate::virtual_bench::phone::{PhoneDefect, PhoneInput};

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
