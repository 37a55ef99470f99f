//! What settings that are put on top of a phone's own make of its timers.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Effective, Layer, Layers, SettingsFile, recognise, rewrite::line_of};
use crate::config::{RenewalLead, Source, Timer, Timers};

/// The timers of a phone's line (counted from 1) with these settings on top: those that a setting names are configured, as the
/// phone takes them ([`Effective`] clamps), and the others are what they were. A setting for one line counts more than one for all.
pub fn retimed(timers: &Timers, settings: &BTreeMap<String, String>, line: u8) -> Timers {
    let lines: Vec<(String, String)> = settings.iter().filter_map(|(name, value)| line_of(name, value).ok()).collect();
    let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    let mut layers = Layers::new();
    layers.push(Layer::Phone, SettingsFile::parse(PathBuf::new(), text.as_bytes()));
    let effective = Effective::of(&layers.merge());
    let is_set = |parameter: &str| {
        lines
            .iter()
            .filter_map(|(name, _)| recognise(name))
            .any(|found| found.parameter.name == parameter && found.line.is_none_or(|of| of == line))
    };
    let mut timers = timers.clone();
    // A line for which nothing is set takes what is set for all, as line 1 does where nothing is set for it.
    let own = effective.line(line).or_else(|| effective.line(1));
    if let Some(own) = own {
        let take = |parameter: &str, timer: &mut Timer<std::time::Duration>, value| {
            if is_set(parameter) {
                *timer = Timer { value, source: Source::Configured };
            }
        };
        take("sip registration period", &mut timers.expires, own.period.value);
        take("sip transaction timer", &mut timers.transaction, effective.transaction.value);
        take("sip registration timeout retry timer", &mut timers.retry_timeout, own.retry_timeout.value);
        take("sip registration retry timer", &mut timers.retry_rejected, own.retry_rejected.value);
        if is_set("sip registration renewal timer") {
            let value = RenewalLead::Span(own.renewal_lead.value);
            timers.renewal_lead = Timer { value, source: Source::Configured };
        }
    }
    timers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(seconds: u64) -> Timer<Duration> {
        Timer { value: Duration::from_secs(seconds), source: Source::Assumed }
    }

    fn timers() -> Timers {
        Timers {
            expires: of(60),
            transaction: of(4),
            renewal_lead: Timer { value: RenewalLead::Percent(10.0), source: Source::Measured },
            retry_timeout: of(30),
            retry_rejected: of(30),
        }
    }

    fn on_top(settings: &[(&str, &str)], line: u8) -> Timers {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        retimed(&timers(), &settings, line)
    }

    #[test]
    fn what_a_setting_names_is_configured_as_the_phone_takes_it_and_the_rest_stays() {
        let taken = on_top(&[("SIP transaction  timer", "8000"), ("sip registration timeout retry timer", "5")], 1);
        assert_eq!(taken.transaction, Timer { value: Duration::from_secs(8), source: Source::Configured });
        assert_eq!(taken.retry_timeout.value, Duration::from_secs(30), "the phone raises it");
        assert_eq!((taken.expires, taken.renewal_lead), (timers().expires, timers().renewal_lead));
        assert_eq!(on_top(&[("sip display name", "x")], 1), timers());
    }

    #[test]
    fn a_setting_of_one_line_is_that_lines_alone_and_counts_more_than_one_for_all() {
        let settings = [("sip line2 registration period", "120"), ("sip registration renewal timer", "20")];
        let [one, two] = [1, 2].map(|line| on_top(&settings, line));
        assert_eq!((one.expires, two.expires.value), (of(60), Duration::from_secs(120)));
        for taken in [one, two] {
            assert_eq!(taken.renewal_lead.value, RenewalLead::Span(Duration::from_secs(20)));
        }
        let both = [("sip line2 registration period", "120"), ("sip registration period", "90")];
        assert_eq!([1, 2, 3].map(|line| on_top(&both, line).expires.value.as_secs()), [90, 120, 90]);
    }
}
