//! From raw types to checked ones: every value read, every reference resolved, every contradiction named.
//!
//! Not here: TOML ([`document`](super::document)) and files ([`load`](super::load)).

use std::{net::IpAddr, ops::Range, time::Duration};

use regex::Regex;
use toml::Spanned;

use super::{
    document::{Findings, suggest},
    model::RenewalLead,
    raw::Text,
};

mod ask;
pub(super) mod bench;
pub(super) mod fit;
mod hook;
mod identity;
mod keying;
mod keys;
mod licences;
mod lift;
mod lines;
pub(super) mod model;
mod order;
mod outage;
mod pbx;
mod peer;
mod phone_files;
mod ports;
pub(super) mod reach;
pub(super) mod scenario;
pub(super) mod suite;
mod witness;

/// Names become parts of file names and of overrides, hence no space, slash or dot in front.
const NAME_HELP: &str = "use letters, digits, `-`, `_` and `.`, beginning with a letter or digit";

/// Readers of single values. Each says what is wrong and returns none.
impl Findings<'_> {
    /// Says that something is missing, unless it may be missing only because it was wrong.
    fn missing(&mut self, owner: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if !self.incomplete {
            self.at(owner, message, help);
        }
    }

    /// A key that must be there; `owner` is what lacks it.
    fn required<T>(&mut self, value: Option<T>, owner: Range<usize>, message: &str, help: &str) -> Option<T> {
        if value.is_none() {
            self.missing(owner, message, help);
        }
        value
    }

    /// A name that files, overrides and reports can carry.
    fn name(&mut self, text: &Spanned<String>) -> Option<String> {
        let name = text.get_ref();
        let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && name.len() <= 64;
        if !fits {
            self.at(text.span(), format!("`{name}` can not be a name"), NAME_HELP);
        }
        fits.then(|| name.clone())
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, text: &Spanned<String>, what: &str, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| word == text.get_ref()).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.at(text.span(), format!("`{}` is no {what}", text.get_ref()), suggest(text.get_ref(), &known));
        }
        found
    }

    /// A time within limits.
    fn duration(&mut self, text: &Spanned<String>, range: (Duration, Duration)) -> Option<Duration> {
        let Ok(value) = humantime::parse_duration(text.get_ref()) else {
            let message = format!("`{}` is not a time", text.get_ref());
            self.at(text.span(), message, "write it as `500ms`, `12s`, `10m` or `1h 30m`");
            return None;
        };
        if value < range.0 || value > range.1 {
            let limits = (humantime::format_duration(range.0), humantime::format_duration(range.1));
            let message = format!("`{}` is out of range", text.get_ref());
            self.at(text.span(), message, format!("it must lie between {} and {}", limits.0, limits.1));
            return None;
        }
        Some(value)
    }

    /// How long before expiry a phone renews: a time, or a share in percent.
    fn lead(&mut self, text: &Spanned<String>) -> Option<RenewalLead> {
        let Some(percent) = text.get_ref().strip_suffix('%') else {
            return self.duration(text, (Duration::ZERO, LONGEST)).map(RenewalLead::Span);
        };
        let percent = percent.trim().parse().ok().filter(|percent| (0.0..100.0).contains(percent));
        if percent.is_none() {
            let message = format!("`{}` is not a share of the lifetime", text.get_ref());
            self.at(text.span(), message, "write it as `10%`, at least 0 and below 100");
        }
        percent.map(RenewalLead::Percent)
    }

    /// An address that a single device can have.
    fn address(&mut self, text: &Spanned<String>) -> Option<IpAddr> {
        let Ok(address) = text.get_ref().parse::<IpAddr>() else {
            let message = format!("`{}` is not an IP address", text.get_ref());
            self.at(text.span(), message, "write an address, as `10.77.0.2` or `fd00::2`; names are not resolved");
            return None;
        };
        let flaw = match address {
            IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
            _ if address.is_unspecified() => Some("the unspecified address"),
            _ if address.is_multicast() => Some("a multicast address"),
            _ => None,
        };
        if let Some(flaw) = flaw {
            self.at(text.span(), format!("`{address}` is {flaw}"), "write the address of the device itself");
        }
        flaw.is_none().then_some(address)
    }

    /// A whole number within limits.
    fn integer<T: TryFrom<i64>>(&mut self, value: &Spanned<i64>, what: &str, range: (i64, i64)) -> Option<T> {
        let fits = (range.0..=range.1).contains(value.get_ref());
        if !fits {
            let message = format!("{} is no {what}", value.get_ref());
            self.at(value.span(), message, format!("it must lie between {} and {}", range.0, range.1));
        }
        fits.then(|| T::try_from(*value.get_ref()).ok()).flatten()
    }

    /// A regular expression that has the named groups.
    fn pattern(&mut self, text: &Text, groups: &[&str]) -> Option<String> {
        let text = text.as_ref()?;
        let regex = match Regex::new(text.get_ref()) {
            Ok(regex) => regex,
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
                let help = "write a regular expression as the `regex` crate reads it; in TOML use '…' quotes";
                self.at(text.span(), format!("the pattern does not compile: {reason}"), help);
                return None;
            }
        };
        for group in groups {
            if !regex.capture_names().flatten().any(|name| name == *group) {
                let help = format!("mark the part that holds it with `(?P<{group}>…)`");
                self.at(text.span(), format!("the pattern has no group `{group}`"), help);
            }
        }
        Some(text.get_ref().clone())
    }
}

/// Longest time that anything here may be set to.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The text without its place.
fn plain(text: &Text) -> Option<String> {
    text.as_ref().map(|text| text.get_ref().clone())
}

/// How messages call a server or phone.
fn called(what: &str, name: &str) -> String {
    if name.is_empty() { format!("{what} without a name") } else { format!("{what} `{name}`") }
}
