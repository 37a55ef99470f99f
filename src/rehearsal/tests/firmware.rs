//! Phones that take another firmware while a run goes on.

use super::*;
use crate::event::{SipMessage, Toward};

const BEFORE: &str = "Aastra 6731i/3.3.1.4365";
const AFTER: &str = "Aastra 6731i/3.2.0.70";

/// A failover after whose outage p1 calls itself something else, judged anew. It never comes back if it is spoilt.
fn upgraded(spoilt: bool) -> Vec<Record> {
    let spoil = |phone: &mut PhoneSpec| {
        if spoilt && phone.name == "p1" {
            phone.defects.push(PhoneDefect::NeverFailsBack);
        }
    };
    let mut records = rehearse(&Description::default(), Weather::default(), spoil, |_| {});
    let mut lifted = false;
    for record in &mut records {
        match &mut record.event {
            Event::Observed(Observed::OutageEnded { .. }) => lifted = true,
            Event::Observed(Observed::Sip(fact)) if fact.phone.0 == "p1" && fact.toward == Toward::Server => {
                if let SipMessage::Read(message) = &mut fact.message {
                    message.agent = Some(if lifted { AFTER } else { BEFORE }.to_owned());
                }
            }
            _ => {}
        }
    }
    session::replay(records).records
}

/// The records that tell of it.
fn told(records: &[Record]) -> Vec<(&str, u64)> {
    let told = records.iter().filter_map(|record| match &record.event {
        Event::Derived(Derived::Detected { line, code, evidence, .. }) if code == "firmware-changed" => {
            Some((line.phone.0.as_str(), evidence[0]))
        }
        _ => None,
    });
    told.collect()
}

#[test]
fn a_phone_that_takes_another_firmware_is_told_once_and_that_is_no_fault_of_it() {
    let records = upgraded(false);
    assert_eq!(told(&records).iter().map(|(phone, _)| *phone).collect::<Vec<_>>(), ["p1"]);
    assert!(cases(&records).all(|case| case.verdict == Verdict::Pass));
}

#[test]
fn what_goes_wrong_after_it_is_the_phones_and_says_so_with_both_names() {
    let records = upgraded(true);
    let case = cases(&records).find(|case| case.id.phone.0 == "p1").unwrap();
    assert_eq!(found(&records, "p1"), (Verdict::Fail, Some(Blame::Phone), Some("never-failed-back")));
    let reason = case.reason.as_deref().unwrap();
    assert!(reason.contains(AFTER) && reason.contains(BEFORE), "{reason}");
    assert!(case.evidence.contains(&told(&records)[0].1), "{case:#?}");
}
