//! How outages are told to people.

use crate::event::{Manner, OutageMode, OutageSpec, PhoneName, Toward, Unreachable};

/// Most phones that are named one by one.
const NAMED: usize = 3;

/// What is the matter with the server while an outage lasts, and what is told when it begins: `IS AWAY`, `is taken away`.
pub fn outage(spec: &OutageSpec) -> (String, String) {
    if let Some(only) = &spec.only {
        return (format!("DOES NOT GET ALL ({only})"), format!("has a path on which {only} meet: {}", spec.mode));
    }
    let (state, beginning) = match (&spec.mode, spec.toward) {
        (OutageMode::Flap(_), _) => ("COMES AND GOES", "comes and goes from now on"),
        (OutageMode::Fade(_), _) => ("IS DYING", "gets slower from now on, and dies"),
        (OutageMode::Reboot(_), _) => ("REBOOTS", "reboots"),
        (OutageMode::Steady(manner), way) => match (manner, way) {
            (Manner::Drop, None) => ("IS AWAY", "is taken away"),
            (Manner::Drop, Some(Toward::Server)) => ("HEARS NOTHING", "hears nothing from now on"),
            (Manner::Drop, Some(Toward::Phone)) => ("IS NOT HEARD", "is not heard from now on"),
            (Manner::Refuse, _) => ("REFUSES", "refuses from now on"),
            (Manner::Unreachable(Unreachable::Host), _) => ("IS UNREACHABLE", "is unreachable from now on"),
            (Manner::Unreachable(Unreachable::Admin), _) => ("IS PROHIBITED", "is prohibited from now on"),
            (Manner::Reset, _) => ("RESETS", "has its connections reset from now on"),
            (Manner::Unresolvable, _) => ("IS NOT FOUND", "is not found any more (ARP)"),
            (Manner::Impair(_), _) => ("HAS A BAD PATH", "has a bad path from now on"),
            (Manner::Pass, _) => ("IS AS IT WAS", "is as it was"),
            (Manner::Answer(spoof), _) => {
                return (format!("ANSWERS {}", spoof.code), format!("answers {} from now on", spoof.code));
            }
        },
    };
    (state.to_owned(), beginning.to_owned())
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
