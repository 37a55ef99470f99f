//! Which SIP messages an outage takes, where it does not take all.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Whether it is about requests alone.
    pub fn is_of_requests(&self) -> bool {
        self.status.is_none() && (self.method.is_some() || self.nth.is_some() || self.refresh)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.status, &self.method) {
            (Some(status), Some(method)) => format!("answers {status} to {method}"),
            (Some(status), None) => format!("answers {status}"),
            (None, Some(method)) => method.clone(),
            (None, None) if self.is_of_requests() => "requests".to_owned(),
            (None, None) => "messages".to_owned(),
        };
        let refresh = self.refresh.then(|| "that renew".to_owned());
        let nth = self.nth.map(|nth| format!("at sending {nth}"));
        let call_id = self.call_id.as_ref().map(|call_id| format!("of call {call_id}"));
        let words = [Some(kind), refresh, nth, call_id];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}
