//! What is told of interfaces, and what follows.

use super::*;

const BRIDGE: u32 = 9;
const MS: i64 = 1_000_000;

#[test]
fn a_carrier_that_flaps_is_told_with_the_length_of_the_gap() {
    let mut carriers = carriers();
    assert_eq!(carriers.take(&told(1, true, true), 0), [], "nothing new");
    assert_eq!(carriers.take(&told(1, true, false), 10 * MS), [lost(LinkLoss::Carrier)]);
    assert_eq!(carriers.take(&told(1, true, false), 20 * MS), []);
    assert_eq!(carriers.take(&told(1, true, true), 35 * MS), [back(LinkLoss::Carrier, 25)]);
}

#[test]
fn the_worst_of_a_gap_is_told() {
    let mut carriers = carriers();
    carriers.take(&told(1, true, false), 10 * MS);
    assert_eq!(carriers.take(&told(1, false, false), 20 * MS), []);
    assert_eq!(carriers.take(&told(1, true, false), 30 * MS), []);
    assert_eq!(carriers.take(&told(1, true, true), 40 * MS), [back(LinkLoss::SwitchedOff, 30)]);
}

#[test]
fn an_interface_that_comes_again_under_its_name_has_to_be_joined_before_anything_passes() {
    let mut carriers = carriers();
    let gone = Told { removed: true, ..told(1, false, false) };
    assert_eq!(carriers.take(&gone, 10 * MS), [lost(LinkLoss::Removed)]);
    assert_eq!(carriers.missing().collect::<Vec<_>>(), [("a", Toward::Server)]);
    let stranger = Told { name: "c".to_owned(), ..told(7, true, true) };
    assert_eq!(carriers.take(&stranger, 11 * MS), []);
    let again = Told { controller: None, ..told(5, true, true) };
    assert_eq!(carriers.take(&again, 20 * MS), [Change::Appeared { entering: Toward::Server, index: 5 }]);
    assert_eq!(carriers.missing().count(), 1, "it is not joined yet");
    carriers.joined(Toward::Server, 5);
    assert_eq!(carriers.take(&told(5, true, true), 30 * MS), [back(LinkLoss::Removed, 20)]);
    assert_eq!(carriers.missing().count(), 0);
}

#[test]
fn an_interface_that_is_taken_out_of_the_bridge_is_told_and_may_be_put_back() {
    let mut carriers = carriers();
    let out = Told { controller: None, ..told(1, true, true) };
    let expected = [lost(LinkLoss::Removed), Change::TakenOut { interface: "a".to_owned(), index: 1 }];
    assert_eq!(carriers.take(&out, 0), expected);
    assert_eq!(carriers.missing().count(), 0, "it is not for us to put it back");
    assert_eq!(carriers.take(&told(1, true, true), 5 * MS), [back(LinkLoss::Removed, 5)]);
}

#[test]
fn a_bridge_that_is_removed_takes_both_sides_along_until_it_is_made_again() {
    let mut carriers = carriers();
    let other = |controller| Told { index: 2, name: "b".to_owned(), controller, ..told(2, true, true) };
    // Its ports leave it before it goes; the kernel may tell of one of them late.
    let out = Told { controller: None, ..told(1, true, true) };
    assert_eq!(carriers.take(&out, 0)[0], lost(LinkLoss::Removed));
    let bridge = Told { index: BRIDGE, name: "br".to_owned(), removed: true, ..told(BRIDGE, false, false) };
    let lost = |interface: &str| Change::Lost { interface: interface.to_owned(), how: LinkLoss::Removed };
    assert_eq!(carriers.take(&bridge, MS), [Change::BridgeRemoved, lost("b")]);
    assert_eq!(carriers.take(&other(None), 2 * MS), []);
    assert_eq!(carriers.missing().count(), 0, "there is nothing to join them to");
    carriers.rebuilt(BRIDGE + 1);
    let mut again = |told: Told, ms| carriers.take(&Told { controller: Some(BRIDGE + 1), ..told }, ms * MS);
    assert_eq!(again(told(1, true, true), 5), [back(LinkLoss::Removed, 5)]);
    assert!(matches!(&again(other(None), 5)[..], [Change::Back { gap_ns: 4_000_000, .. }]));
    assert_eq!(again(told(1, true, true), 6), []);
}

#[test]
fn what_has_never_been_up_is_not_lost() {
    let mut carriers = Carriers::new(BRIDGE, ("a", 1, false), ("b", 2, true));
    assert_eq!(carriers.take(&told(1, true, false), 0), []);
    assert_eq!(carriers.take(&told(1, true, true), MS), []);
    assert_eq!(carriers.take(&told(1, true, false), 2 * MS), [lost(LinkLoss::Carrier)]);
}

#[test]
fn what_we_switch_off_ourselves_is_no_loss_and_its_return_is_told_as_such() {
    let mut carriers = carriers();
    carriers.switch_off(Toward::Server);
    assert!(carriers.is_off(1) && !carriers.is_off(2));
    assert_eq!(carriers.take(&told(1, false, false), 10 * MS), []);
    carriers.switch_on(Toward::Server, 20 * MS);
    assert_eq!(carriers.take(&told(1, false, false), 21 * MS), [], "told late");
    assert_eq!(carriers.take(&told(1, true, false), 22 * MS), []);
    assert_eq!(carriers.take(&told(1, true, true), 2000 * MS), [Change::CameBack { interface: "a".to_owned() }]);
    assert_eq!(carriers.overdue(i64::MAX), []);
    assert_eq!(carriers.take(&told(1, false, false), 3000 * MS), [lost(LinkLoss::SwitchedOff)], "not ours");
}

#[test]
fn a_link_that_is_lost_on_the_other_side_is_a_loss_all_the_same() {
    let mut carriers = carriers();
    carriers.switch_off(Toward::Server);
    carriers.take(&told(1, false, false), 10 * MS);
    let other = Told { name: "b".to_owned(), ..told(2, true, false) };
    let lost = Change::Lost { interface: "b".to_owned(), how: LinkLoss::Carrier };
    assert_eq!(carriers.take(&other, 20 * MS), [lost]);
    assert_eq!(carriers.carrying(Toward::Server), None);
    assert_eq!(carriers.carrying(Toward::Phone), None);
}

#[test]
fn a_link_that_does_not_come_back_is_a_loss_since_it_was_switched_on() {
    let mut carriers = carriers();
    carriers.switch_off(Toward::Server);
    carriers.switch_on(Toward::Server, 20 * MS);
    carriers.take(&told(1, true, false), 21 * MS);
    let due = 20 * MS + RETURN_PATIENCE_NS;
    assert_eq!(carriers.overdue(due - 1), []);
    assert_eq!(carriers.overdue(due), [lost(LinkLoss::Carrier)]);
    assert_eq!(carriers.overdue(due + MS), [], "it is told once");
    let patience_ms = u64::try_from(RETURN_PATIENCE_NS / MS).unwrap();
    assert_eq!(carriers.take(&told(1, true, true), due + 5 * MS), [back(LinkLoss::Carrier, patience_ms + 5)]);
}

#[test]
fn somebody_else_who_switches_it_on_is_told_and_so_is_one_who_removes_it() {
    let on = Change::SwitchedOn { interface: "a".to_owned() };
    for running in [true, false] {
        let mut carriers = carriers();
        carriers.switch_off(Toward::Server);
        assert_eq!(carriers.take(&told(1, true, running), 10 * MS), std::slice::from_ref(&on));
        assert!(!carriers.is_off(1));
        let back = if running { vec![] } else { vec![Change::CameBack { interface: "a".to_owned() }] };
        assert_eq!(carriers.take(&told(1, true, true), 20 * MS), back, "it takes a while to have a link");
    }
    let mut carriers = carriers();
    carriers.switch_off(Toward::Server);
    let gone = Told { removed: true, ..told(1, false, false) };
    assert_eq!(carriers.take(&gone, 10 * MS), [lost(LinkLoss::Removed)]);
    let again = Told { controller: None, ..told(5, false, false) };
    assert_eq!(carriers.take(&again, 20 * MS), [Change::Appeared { entering: Toward::Server, index: 5 }]);
}

fn carriers() -> Carriers {
    Carriers::new(BRIDGE, ("a", 1, true), ("b", 2, true))
}

fn told(index: u32, up: bool, running: bool) -> Told {
    Told { index, name: "a".to_owned(), removed: false, up, running, controller: Some(BRIDGE) }
}

fn lost(how: LinkLoss) -> Change {
    Change::Lost { interface: "a".to_owned(), how }
}

fn back(how: LinkLoss, gap_ms: u64) -> Change {
    Change::Back { interface: "a".to_owned(), how, gap_ns: gap_ms * 1_000_000 }
}
