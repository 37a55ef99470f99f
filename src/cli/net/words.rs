//! Lists on the command line that say which frames an outage is about.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use crate::{config::document::suggest, event::Selection};

/// What can be said of a message.
const KEYS: [&str; 5] = ["method", "status", "nth", "refresh", "call-id"];

/// Ports: `5060,5061`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(pub Vec<u16>);

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |word: &str| match word.trim().parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(format!("`{word}` is no port; write numbers from 1 to 65535, as 5060,5061")),
        };
        text.split(',').map(port).collect::<Result<_, _>>().map(Self)
    }
}

/// SIP messages: `method=REGISTER,nth=2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(pub Selection);

impl FromStr for Only {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut only = Selection::default();
        for word in text.split(',') {
            let (key, value) =
                word.trim().split_once('=').map_or((word.trim(), None), |(key, value)| (key, Some(value)));
            match (key, value) {
                ("method", Some(method)) if Selection::is_method(method) => only.method = Some(method.to_owned()),
                ("method", _) => {
                    return Err(format!("`{word}`: write a method as it stands in requests, as method=REGISTER"));
                }
                ("status", _) => only.status = Some(number(word, value, &Selection::STATUSES, "status=401")?),
                ("nth", _) => only.nth = Some(number(word, value, &Selection::SENDINGS, "nth=2")?),
                ("refresh", None | Some("true")) => only.refresh = true,
                ("refresh", Some(_)) => return Err(format!("`{word}`: write `refresh` alone, or leave it out")),
                ("call-id", Some(id)) if !id.is_empty() => only.call_id = Some(id.to_owned()),
                ("call-id", _) => return Err(format!("`{word}`: write it as call-id=ID")),
                _ => return Err(format!("`{key}` is nothing that a message is told by; {}", suggest(key, &KEYS))),
            }
        }
        if only.contradicts_itself() {
            return Err("no answer renews a registration: leave out `status` or `refresh`".to_owned());
        }
        Ok(Self(only))
    }
}

fn number<T: Copy + Display + FromStr + PartialOrd>(
    word: &str,
    value: Option<&str>,
    range: &RangeInclusive<T>,
    example: &str,
) -> Result<T, String> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| format!("`{word}`: write a number from {least} to {most}, as {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_by_all_that_is_named() {
        let Only(only) = "method=REGISTER, nth=2,refresh,call-id=a=b".parse().unwrap();
        let expected = Selection {
            method: Some("REGISTER".to_owned()),
            status: None,
            nth: Some(2),
            refresh: true,
            call_id: Some("a=b".to_owned()),
        };
        assert_eq!(only, expected);
        assert_eq!("status=200".parse::<Only>().unwrap().0.status, Some(200));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_advice() {
        let said = |text: &str| text.parse::<Only>().unwrap_err();
        assert!(said("metod=INVITE").contains("did you mean `method`?"));
        assert!(said("method=register").contains("as method=REGISTER"));
        assert!(said("status=70").contains("from 100 to 699"));
        assert!(said("status=200,refresh").contains("no answer renews"));
        for text in ["", "nth=0", "nth", "refresh=no", "call-id=", "method="] {
            assert!(text.parse::<Only>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_numbers() {
        assert_eq!("5060,5061".parse(), Ok(Ports(vec![5060, 5061])));
        for text in ["", "0", "65536", "sip", "5060,"] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }
}
