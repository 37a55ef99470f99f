//! Which SIP messages an outage takes, where it does not take all.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::Toward;

/// SIP messages: those that fit everything that is named. What can not be read fits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Selection {
    /// Requests with this method, and answers to such; as written, since methods have case (RFC 3261 section 7.1).
    pub method: Option<String>,
    /// Answers with this status code; none: requests, unless nothing but a call id is named.
    pub status: Option<u16>,
    /// The so-manieth time that the message is sent in its transaction, from 1 on: 2 is the first retransmission.
    pub nth: Option<u32>,
    /// REGISTERs that renew a registration which a server has confirmed under the same call id.
    pub refresh: bool,
    /// Messages with this `Call-ID`.
    pub call_id: Option<String>,
}

impl Selection {
    /// Status codes that an answer can have.
    pub const STATUSES: RangeInclusive<u16> = 100..=699;
    /// Sendings that can be told apart.
    pub const SENDINGS: RangeInclusive<u32> = 1..=100;

    /// Whether a request can have this method: those of SIP are written in capitals (RFC 3261 section 7.1).
    pub fn is_method(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())
    }

    /// Whether nothing can be among them: no answer renews a registration.
    pub fn contradicts_itself(&self) -> bool {
        self.refresh && self.status.is_some()
    }

    /// Whether it is about requests alone.
    pub fn is_of_requests(&self) -> bool {
        self.status.is_none() && (self.method.is_some() || self.nth.is_some() || self.refresh)
    }

    /// Whether no line can be registered without any of these messages, where those that go this way alone are concerned:
    /// each REGISTER is among them, or each 2xx to one. Where it is renewals alone, a line may register anew.
    pub fn stops_registering(&self, toward: Option<Toward>) -> bool {
        let of_registers = self.method.as_deref().is_none_or(|method| method == "REGISTER");
        let each = of_registers && !self.refresh && self.nth.is_none() && self.call_id.is_none();
        let way = match self.status {
            Some(200..300) => Toward::Phone,
            None if self.is_of_requests() => Toward::Server,
            _ => return false,
        };
        each && toward.is_none_or(|only| only == way)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.status, &self.method) {
            (Some(status), Some(method)) => format!("answers {status} to {method}"),
            (Some(status), None) => format!("answers {status}"),
            (None, _) if self.refresh => "renewals".to_owned(),
            (None, Some(method)) => method.clone(),
            (None, None) if self.is_of_requests() => "requests".to_owned(),
            (None, None) => "messages".to_owned(),
        };
        let nth = self.nth.map(|nth| match nth {
            1 => "at their first sending".to_owned(),
            2 => "at their second sending".to_owned(),
            more => format!("at sending {more}"),
        });
        let call_id = self.call_id.as_ref().map(|call_id| format!("of call {call_id}"));
        let words = [Some(kind), nth, call_id];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_selected_is_told_in_words() {
        let of = |method: Option<&str>, status, nth, refresh| Selection {
            method: method.map(str::to_owned),
            status,
            nth,
            refresh,
            call_id: None,
        };
        let told = [
            of(Some("REGISTER"), Some(200), None, false),
            of(Some("REGISTER"), None, Some(1), true),
            of(None, None, Some(3), false),
            of(Some("INVITE"), None, None, false),
        ];
        let expected =
            ["answers 200 to REGISTER", "renewals at their first sending", "requests at sending 3", "INVITE"];
        assert_eq!(told.map(|it| it.to_string()), expected);
    }

    #[test]
    fn nobody_registers_without_each_register_or_each_2xx_and_somebody_may_without_some() {
        let stops = |change: &dyn Fn(&mut Selection), toward| {
            let mut only = Selection::default();
            change(&mut only);
            only.stops_registering(toward)
        };
        let register = |it: &mut Selection| it.method = Some("REGISTER".to_owned());
        assert!(
            stops(&register, None) && stops(&register, Some(Toward::Server)) && !stops(&register, Some(Toward::Phone))
        );
        assert!(!stops(&|it| it.refresh = true, None));
        assert!(stops(&|it| it.status = Some(200), Some(Toward::Phone)) && !stops(&|it| it.status = Some(401), None));
        assert!(!stops(&|it| it.nth = Some(1), None) && !stops(&|it| it.call_id = Some("c".to_owned()), None));
        assert!(!stops(&|it| it.method = Some("INVITE".to_owned()), None));
    }
}
