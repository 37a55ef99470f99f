use std::time::Duration;

use self::world::{A, B, World, address, line, phone};
use super::{
    Habits, PhoneDefect, PhoneInput, PhoneSpec, PhoneTimers, Transport,
    settings::{self, Settings},
};
use crate::{config::RenewalLead, virtual_bench::registrar::RegistrarDefect};

mod calls;
mod defects;
mod fuzz;
mod habits;
mod lamp;
mod local;
mod logon;
mod mx_one;
mod servers;
mod surface;
mod web;
mod wire;
mod world;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn with_defect(defect: PhoneDefect) -> PhoneSpec {
    PhoneSpec { defects: vec![defect], ..phone() }
}

fn over_tcp() -> PhoneSpec {
    PhoneSpec { transport: Transport::Tcp, ..phone() }
}

#[test]
fn it_registers_at_the_primary_after_the_boot_time_and_renews_before_expiry() {
    let mut world = World::new(phone());
    world.run_to(44.0);
    assert_eq!(world.registers(A, 0.0), [0.05, 0.05], "once without and once with credentials");
    assert_eq!(world.responses, [401, 200]);
    assert_eq!(world.home().as_deref(), Some(A));
    world.run_to(46.0);
    // The remembered nonce is still good, so a renewal is one request.
    assert_eq!(world.registers(A, 1.0), [45.05]);
    assert_eq!(world.registers(B, 0.0), [0.0; 0]);
    let console = world.take_console();
    assert!(console.contains("line 1 1001@bench.test registered at 10.77.0.2 expires 60 backup no\r\n"), "{console}");
}

#[test]
fn a_dead_primary_gets_four_sends_and_the_backup_follows_after_the_transaction_timer() {
    let mut world = World::new(phone());
    world.run_to(10.0);
    world.cut(A);
    world.run_to(60.0);
    assert_eq!(world.registers(A, 10.0), [45.05, 45.55, 46.55, 48.55]);
    assert_eq!(world.registers(B, 10.0), [49.05, 49.05]);
    assert_eq!(world.home().as_deref(), Some(B));
    let branches: Vec<_> = world.sent.iter().filter(|sent| sent.at > seconds(10)).map(|s| &s.summary.branch).collect();
    assert!(branches[..4].iter().all(|branch| *branch == branches[0]), "repeats are the same transaction");
    assert!(branches[4] != branches[0] && branches[5] != branches[4], "another server is another transaction");
    let console = world.take_console();
    assert!(console.contains("1001@bench.test gave up on 10.77.0.2 after 4000 ms"), "{console}");
    assert!(console.contains("1001@bench.test registered at 10.77.0.3 expires 60 backup yes"), "{console}");
}

#[test]
fn a_renewal_on_the_backup_loses_a_timeout_to_the_dead_primary_first() {
    let mut world = World::new(phone());
    world.cut(A);
    world.run_to(60.0);
    assert_eq!(world.registers(A, 0.0), [0.05, 0.55, 1.55, 3.55, 49.05, 49.55, 50.55, 52.55]);
    assert_eq!(world.registers(B, 0.0), [4.05, 4.05, 53.05]);
}

#[test]
fn it_goes_back_at_the_renewal_that_the_primary_answers_and_leaves_the_other_binding_to_lapse() {
    let mut world = World::new(phone());
    world.cut(A);
    world.run_to(20.0);
    world.mend(A);
    world.run_to(49.0);
    assert_eq!(world.home().as_deref(), Some(B), "it has no heartbeat");
    world.run_to(50.0);
    assert_eq!(world.home().as_deref(), Some(A));
    assert_eq!((world.bound(A, "1001"), world.bound(B, "1001")), (1, 1));
    world.run_to(65.0);
    assert_eq!(world.bound(B, "1001"), 0);
    assert_eq!(world.registers(B, 5.0), [0.0; 0]);
}

#[test]
fn it_takes_its_binding_away_from_the_backup_where_that_is_its_habit() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let habits = Habits { removes_backup_binding: true, ..Habits::default() };
        let mut world = World::new(PhoneSpec { habits, transport, ..phone() });
        world.cut(A);
        world.run_to(20.0);
        world.mend(A);
        world.run_to(50.0);
        assert_eq!((world.bound(A, "1001"), world.bound(B, "1001")), (1, 0), "{transport:?}");
        assert_eq!(world.home().as_deref(), Some(A));
    }
}

#[test]
fn without_any_server_there_is_no_service_and_another_round_after_the_retry_timer() {
    let mut world = World::new(phone());
    world.run_to(1.0);
    world.cut(A);
    world.cut(B);
    world.run_to(54.0);
    assert_eq!(world.home(), None);
    let console = world.take_console();
    assert!(console.contains("1001@bench.test No Service: no server answers; next try in 120 s"), "{console}");
    assert!(console.contains("display: Idle | 1001 No Service"), "{console}");
    assert!(console.contains("lamp: message on"), "{console}");
    world.mend(B);
    world.run_to(173.0);
    assert_eq!(world.registers(A, 54.0), [0.0; 0], "it rests for two minutes");
    world.run_to(180.0);
    assert_eq!(world.registers(A, 54.0).first(), Some(&173.05));
    assert_eq!(world.home().as_deref(), Some(B));
    assert!(world.take_console().contains("lamp: message off"));
}

#[test]
fn a_transaction_timer_beyond_the_lead_lets_the_binding_lapse() {
    let timers = PhoneTimers { transaction: seconds(32), ..phone().timers };
    let mut world = World::new(PhoneSpec { timers, ..phone() });
    world.run_to(1.0);
    world.cut(A);
    world.run_to(61.0);
    assert_eq!(world.home(), None);
    assert!(world.take_console().contains("No Service: its registration expired"));
    world.run_to(78.0);
    assert_eq!(world.home().as_deref(), Some(B));
    assert_eq!(world.registers(A, 1.0).len(), 11, "as RFC 3261 has it for 32 s");
}

#[test]
fn a_wrong_password_is_a_rejection_with_its_own_retry_timer() {
    let mut spec = phone();
    spec.lines[0].password = "wrong".to_owned();
    let mut world = World::new(spec);
    world.run_to(1800.0);
    assert_eq!(world.responses, [401, 403]);
    assert_eq!(world.registers(B, 0.0), [0.0; 0], "a rejection is no reason to move");
    assert!(world.type_line("sip status").contains("1001@bench.test  403  -  No"));
    world.run_to(1801.0);
    assert_eq!(world.responses, [401, 403, 403]);
}

#[test]
fn a_server_that_repeats_its_challenge_is_not_asked_for_ever() {
    let mut world = World::with(phone(), |_, registrar| registrar.nonce_lifetime = Duration::ZERO);
    world.run_to(10.0);
    assert!(world.responses.len() <= 6 && world.responses.iter().all(|code| *code == 401), "{:?}", world.responses);
    assert_eq!(world.home(), None);
}

#[test]
fn a_stale_nonce_is_replaced_without_leaving_the_server() {
    let mut world = World::with(phone(), |_, registrar| registrar.nonce_lifetime = seconds(30));
    world.run_to(50.0);
    assert_eq!(world.responses, [401, 200, 401, 200]);
    assert_eq!(world.home().as_deref(), Some(A));
}

#[test]
fn a_lifetime_too_brief_is_raised_to_what_the_server_wants() {
    let mut world = World::with(phone(), |_, registrar| registrar.min_expires = seconds(90));
    world.run_to(80.0);
    assert_eq!(world.responses, [401, 423, 200, 200]);
    assert_eq!(world.sent.last().map(|sent| (sent.at.as_secs_f64(), sent.summary.expires)), Some((75.05, Some(90))));
}

#[test]
fn the_lifetime_granted_decides_when_it_renews() {
    let mut world = World::with(phone(), |_, registrar| registrar.max_expires = seconds(20));
    world.run_to(6.0);
    assert_eq!(world.registers(A, 1.0), [5.05]);
}

#[test]
fn over_tcp_a_silent_primary_gets_one_request_and_then_a_reset() {
    let mut world = World::new(over_tcp());
    world.run_to(10.0);
    assert_eq!(world.home().as_deref(), Some(A));
    world.cut(A);
    world.run_to(60.0);
    assert_eq!(world.registers(A, 10.0), [45.05]);
    assert_eq!(world.aborted, [(Duration::from_millis(49_050), address(A))]);
    assert_eq!(world.registers(B, 10.0), [49.05, 49.05]);
    assert_eq!(world.home().as_deref(), Some(B));
    // From now on it can not even connect: the timer counts that time as well.
    world.run_to(100.0);
    assert_eq!(world.registers(A, 50.0), [0.0; 0]);
    assert_eq!(world.registers(B, 50.0), [98.05]);
    world.mend(A);
    world.run_to(150.0);
    assert_eq!(world.home().as_deref(), Some(A));
    assert_eq!(world.connections.values().collect::<Vec<_>>(), [&address(A)], "the backup's was closed");
}

#[test]
fn over_tcp_a_refused_connection_moves_it_at_once() {
    let mut world = World::new(over_tcp());
    world.closed.insert(address(A));
    world.cut(A);
    world.run_to(1.0);
    assert_eq!(world.registers(B, 0.0), [0.05, 0.05]);
}

#[test]
fn two_accounts_of_a_phone_live_their_own_lives() {
    let mut spec = PhoneSpec { lines: vec![line("1001"), line("1002")], ..phone() };
    spec.lines[1].primary = address(B);
    spec.lines[1].backup = Some(address(A));
    let mut world = World::new(spec);
    world.run_to(1.0);
    assert_eq!(world.phone.registered_at(0), Some(address(A)));
    assert_eq!(world.phone.registered_at(1), Some(address(B)));
    world.cut(A);
    world.run_to(60.0);
    assert_eq!([0, 1].map(|line| world.phone.registered_at(line)), [Some(address(B)); 2]);
    let status = world.type_line("sip status");
    assert!(status.contains("\r\n1     1001@bench.test  Registered  10.77.0.3  Yes\r\n"), "{status}");
    assert!(status.contains("\r\n2     1002@bench.test  Registered  10.77.0.3  No\r\n"), "{status}");
    let call_ids: std::collections::BTreeSet<_> = world.sent.iter().map(|sent| &sent.summary.call_id).collect();
    assert_eq!(call_ids.len(), 3, "one Call-ID for each account and server");
}

#[test]
fn a_503_or_an_icmp_error_moves_it_only_where_that_is_its_habit() {
    let reject = |at: &str, registrar: &mut crate::virtual_bench::registrar::RegistrarSpec| {
        if at == A {
            registrar.defects = vec![RegistrarDefect::Reject(503)];
        }
    };
    let mut stays = World::with(phone(), reject);
    stays.run_to(10.0);
    assert_eq!(stays.home(), None);
    let habits = Habits { moves_on_503: true, moves_on_icmp: true, ..Habits::default() };
    let mut moves = World::with(PhoneSpec { habits, ..phone() }, reject);
    moves.run_to(0.1);
    assert_eq!(moves.home().as_deref(), Some(B));

    for (habits, home) in [(Habits::default(), None), (habits, Some(B))] {
        let mut world = World::new(PhoneSpec { habits, ..phone() });
        world.cut(A);
        world.run_to(0.2);
        world.give(PhoneInput::Unreachable { to: address(A) });
        assert_eq!(world.home().as_deref(), home);
    }
}

#[test]
fn an_answer_without_its_contact_is_no_registration() {
    let mut world = World::with(phone(), |_, registrar| registrar.defects = vec![RegistrarDefect::NoContactIn200]);
    world.run_to(1.0);
    assert_eq!((world.responses.last(), world.home()), (Some(&200), None));
}

#[test]
fn timers_out_of_range_go_to_the_nearest_end_of_it() {
    let wild = PhoneTimers {
        expires: Duration::ZERO,
        transaction: seconds(1),
        renewal_lead: RenewalLead::Span(seconds(1_000_000)),
        retry_timeout: seconds(1),
        retry_rejected: seconds(9000),
        ..PhoneTimers::default()
    };
    let taken = |timers| {
        let spec = PhoneSpec { timers, ..phone() };
        Settings::of(&spec, &settings::layers(&spec)).timers(0)
    };
    let clamped = taken(wild);
    assert_eq!(clamped.expires, seconds(3600));
    assert_eq!(clamped.transaction, seconds(4));
    assert_eq!(clamped.renewal_lead, RenewalLead::Span(seconds(3599)));
    assert_eq!(clamped.retry_timeout, seconds(30));
    assert_eq!(clamped.retry_rejected, seconds(1800));
    assert_eq!(taken(PhoneTimers { transaction: seconds(100), ..wild }).transaction, seconds(64));
    assert_eq!(taken(PhoneTimers::default()), PhoneTimers::default());
}

#[test]
fn the_same_seed_says_the_same_thing() {
    let said = |seed: u64| {
        let mut world = World::new(PhoneSpec { seed, ..phone() });
        world.run_to(100.0);
        world.sent.iter().map(|sent| sent.summary.branch.clone()).collect::<Vec<_>>()
    };
    assert_eq!(said(1), said(1));
    assert_ne!(said(1), said(2));
}

#[test]
fn a_spec_survives_its_journey_as_json() {
    let spec = PhoneSpec { defects: vec![PhoneDefect::MovesLate(seconds(30)), PhoneDefect::ClaimsBackup], ..phone() };
    let text = serde_json::to_string(&spec).unwrap();
    assert!(text.contains(r#"[{"moves-late":"30s"},"claims-backup"]"#), "{text}");
    assert_eq!(serde_json::from_str::<PhoneSpec>(&text).unwrap(), spec);
}
