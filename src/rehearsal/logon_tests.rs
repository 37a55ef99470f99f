//! Logging on and off: what the document admits comes out as such, and nothing else does.

use std::path::Path;

use super::{Rehearsal, Weather, cases};
use crate::{
    config::load,
    event::{Derived, Event, Record},
    verdict::{Blame, Case, Verdict},
    virtual_bench::{Description, phone::PhoneSpec, registrar::RegistrarSpec},
};

#[test]
fn a_log_off_on_the_backup_shows_the_documented_limit_and_is_cured() {
    let records = rehearse("log-off-on-backup", |_| {}, |_| {});
    for case in cases(&records) {
        assert_eq!((case.verdict, case.code.as_deref()), (Verdict::Fail, Some("documented-limit")), "{case:#?}");
        assert_eq!((case.blame, case.expected), (Some(Blame::Configuration), false));
        let home = homes(&records, case).pop().unwrap();
        assert_eq!(home.as_deref(), Some("a"), "the teardown brought it home");
    }
    assert_eq!(cases(&records).count(), 4);
}

/// The homes of a case's line, in order.
fn homes(records: &[Record], case: &Case) -> Vec<Option<String>> {
    let homes = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Home { line, server }) if line.phone == case.id.phone => {
            Some(server.as_ref().map(ToString::to_string))
        }
        _ => None,
    });
    homes.collect()
}

fn rehearse(
    name: &str,
    phone: impl FnMut(&mut PhoneSpec),
    server: impl FnMut(&mut RegistrarSpec),
) -> Vec<Record> {
    let scenario = load::scenario(name, Path::new(load::RIG)).unwrap();
    Rehearsal::new(&Description::default(), scenario, Weather::default(), phone, server).unwrap().run().unwrap()
}
