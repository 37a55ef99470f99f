//! Which model a phone is of, by what it calls itself.

use std::time::Duration;

use crate::config::{Model, RenewalLead};

/// A model that a bench file can name.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownModel {
    /// Its name: `aastra-6731i`.
    pub name: String,
    /// How long before expiry its phones renew.
    pub lead: RenewalLead,
}

impl KnownModel {
    /// A model under the name that benches use for it.
    pub fn new(name: String, model: &Model) -> Self {
        Self { name, lead: model.timers.renewal_lead.value }
    }

    /// Its renewal lead, if that is a time.
    pub fn lead_time(&self) -> Option<Duration> {
        match self.lead {
            RenewalLead::Span(lead) => Some(lead),
            RenewalLead::Percent(_) => None,
        }
    }
}

/// What a name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    /// This model and no other.
    Certain(String),
    /// One of these, or none of them.
    Candidates(Vec<String>),
}

/// Finds the models that fit what a phone calls itself: `Aastra 6731i/2.6.0.2019`.
///
/// A name is certain if maker and type stand in it and no other model says as much; where the type alone is missing, or is a
/// series (`d7xx`), there are candidates.
pub fn guess(agent: &str, models: &[KnownModel]) -> Guess {
    let agent = agent.to_ascii_lowercase();
    let words = |model: &KnownModel| -> Vec<String> { model.name.split('-').map(str::to_ascii_lowercase).collect() };
    let of_maker: Vec<(&KnownModel, Vec<String>)> = models
        .iter()
        .map(|model| (model, words(model)))
        .filter(|(_, words)| words.first().is_some_and(|maker| agent.contains(maker.as_str())))
        .collect();
    let fits = |stands: &dyn Fn(&str, &str) -> bool| -> Vec<String> {
        let all = of_maker.iter().filter(|(_, words)| words.len() > 1);
        let all = all.filter(|(_, words)| words.iter().skip(1).all(|word| stands(&agent, word)));
        all.map(|(model, _)| model.name.clone()).collect()
    };
    if let [only] = fits(&has_type).as_slice() {
        return Guess::Certain(only.clone());
    }
    let series = fits(&|agent, word| has_type(agent, word) || is_of_series(agent, word));
    if !series.is_empty() {
        return Guess::Candidates(series);
    }
    Guess::Candidates(of_maker.into_iter().map(|(model, _)| model.name.clone()).collect())
}

/// Whether a type stands in a text: `6731i` in `aastra6731i mac:…`, and not in `6731ip` or `16731i`.
fn has_type(text: &str, kind: &str) -> bool {
    let begins_with_digit = kind.starts_with(|c: char| c.is_ascii_digit());
    text.match_indices(kind).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + kind.len()..].chars().next();
        !after.is_some_and(|c| c.is_ascii_alphanumeric())
            && !before.is_some_and(|c| if begins_with_digit { c.is_ascii_digit() } else { c.is_ascii_alphanumeric() })
    })
}

/// Whether a type of the series that `d7xx` or `t4x` names stands in a text: each `x` is one character, the first a digit.
fn is_of_series(text: &str, series: &str) -> bool {
    let stem = series.trim_end_matches('x');
    let open = series.len() - stem.len();
    open > 0
        && !stem.is_empty()
        && text.match_indices(stem).any(|(at, _)| {
            let rest = &text.as_bytes()[at + stem.len()..];
            rest.len() >= open && rest[0].is_ascii_digit() && rest[..open].iter().all(u8::is_ascii_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(agent: &str) -> Guess {
        let models = [
            "aastra-6700i",
            "aastra-6731i",
            "aastra-6731i-fw3",
            "aastra-6757i",
            "baresip-both",
            "baresip-srv",
            "snom-d7xx",
            "unknown",
            "yealink-t4x",
        ];
        let models = models.map(|name| KnownModel { name: name.to_owned(), lead: RenewalLead::Percent(10.0) });
        guess(agent, &models)
    }

    fn candidates(names: &[&str]) -> Guess {
        Guess::Candidates(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_type_that_stands_in_the_name_is_certain() {
        for agent in ["Aastra 6731i/2.6.0.2019", "Aastra6731i MAC:00-08-5D-23-74-29 V:3.2.0.70-SIP", "AASTRA 6731I"] {
            assert_eq!(guessed(agent), Guess::Certain("aastra-6731i".to_owned()), "{agent}");
        }
        assert_eq!(guessed("Aastra 6757i/1"), Guess::Certain("aastra-6757i".to_owned()));
    }

    #[test]
    fn a_series_or_a_maker_alone_makes_candidates() {
        assert_eq!(guessed("snomD735/10.1.64.14"), candidates(&["snom-d7xx"]));
        assert_eq!(guessed("Yealink SIP-T46S 66.85.0.5"), candidates(&["yealink-t4x"]));
        assert_eq!(guessed("baresip v1.0.0 (x86_64/linux)"), candidates(&["baresip-both", "baresip-srv"]));
        let aastra = ["aastra-6700i", "aastra-6731i", "aastra-6731i-fw3", "aastra-6757i"];
        for agent in ["Aastra 6731ip/1", "Aastra 16731i", "Aastra 6751i"] {
            assert_eq!(guessed(agent), candidates(&aastra), "{agent}");
        }
    }

    #[test]
    fn a_stranger_has_no_candidates_and_no_text_is_cut_within_a_character() {
        assert_eq!(guessed("Grandstream GXP1628"), candidates(&[]));
        assert_eq!(guessed(""), candidates(&[]));
        assert_eq!(guessed("snomd7é"), candidates(&["snom-d7xx"]));
        assert_eq!(guessed("yealink é6731ié"), candidates(&["yealink-t4x"]));
    }
}
