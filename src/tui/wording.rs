//! How outages are told to people.

use crate::event::{OutageMode, OutageSpec, PhoneName, Toward};

/// Most phones that are named one by one.
const NAMED: usize = 3;

/// What is the matter with the server: `IS AWAY`, `ANSWERS 503`.
pub fn state(spec: &OutageSpec) -> String {
    match (&spec.mode, spec.toward) {
        (OutageMode::Drop, None) => "IS AWAY".to_owned(),
        (OutageMode::Drop, Some(Toward::Server)) => "HEARS NOTHING".to_owned(),
        (OutageMode::Drop, Some(Toward::Phone)) => "IS NOT HEARD".to_owned(),
        (OutageMode::Refuse, _) => "REFUSES".to_owned(),
        (OutageMode::Answer(spoof), _) => format!("ANSWERS {}", spoof.code),
    }
}

/// What begins: `is taken away`, `answers 503 from now on`.
pub fn beginning(spec: &OutageSpec) -> String {
    match (&spec.mode, spec.toward) {
        (OutageMode::Drop, None) => "is taken away".to_owned(),
        (OutageMode::Drop, Some(Toward::Server)) => "hears nothing from now on".to_owned(),
        (OutageMode::Drop, Some(Toward::Phone)) => "is not heard from now on".to_owned(),
        (OutageMode::Refuse, _) => "refuses from now on".to_owned(),
        (OutageMode::Answer(spoof), _) => format!("answers {} from now on", spoof.code),
    }
}

/// For whom, where that is not for all: ` for p2, p4`, ` for p1, p2, p3 and 5 more`.
pub fn whom(phones: &[PhoneName], all: usize) -> String {
    if phones.len() >= all {
        return String::new();
    }
    let names: Vec<&str> = phones.iter().take(NAMED).map(|phone| phone.0.as_str()).collect();
    let more = phones.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" for {}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_named_where_it_is_not_for_all_and_not_without_end() {
        let phones: Vec<PhoneName> = (1..=5).map(|number| PhoneName::from(format!("p{number}").as_str())).collect();
        assert_eq!(whom(&phones, 5), "");
        assert_eq!(whom(&phones[..2], 5), " for p1, p2");
        assert_eq!(whom(&phones, 40), " for p1, p2, p3 and 2 more");
    }
}
