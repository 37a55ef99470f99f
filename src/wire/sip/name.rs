//! Names of headers: those whose values are read, compact forms, and which lines may hold several values.

/// A header whose value is read here, or any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Name {
    Authorization,
    CallId,
    Contact,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Event,
    Expires,
    From,
    MaxForwards,
    MinExpires,
    ProxyAuthenticate,
    ProxyAuthorization,
    RetryAfter,
    Server,
    SubscriptionState,
    To,
    UserAgent,
    Via,
    WwwAuthenticate,
    Other,
}

impl Name {
    /// How many there are, [`Name::Other`] aside.
    pub const COUNT: usize = Self::Other as usize;

    /// Of a long name, in any case (RFC 3261 section 7.3.1).
    pub fn of(long: &str) -> Self {
        let first = long.bytes().next().map(|byte| byte.to_ascii_lowercase());
        // Length and first letter leave one to compare with.
        let name = match (long.len(), first) {
            (2, Some(b't')) => Self::To,
            (3, Some(b'v')) => Self::Via,
            (4, Some(b'c')) => Self::CSeq,
            (4, Some(b'd')) => Self::Date,
            (4, Some(b'f')) => Self::From,
            (5, Some(b'e')) => Self::Event,
            (6, Some(b's')) => Self::Server,
            (7, Some(b'c')) if long.as_bytes()[4] == b'-' => Self::CallId,
            (7, Some(b'c')) => Self::Contact,
            (7, Some(b'e')) => Self::Expires,
            (10, Some(b'u')) => Self::UserAgent,
            (11, Some(b'm')) => Self::MinExpires,
            (11, Some(b'r')) => Self::RetryAfter,
            (12, Some(b'c')) => Self::ContentType,
            (12, Some(b'm')) => Self::MaxForwards,
            (13, Some(b'a')) => Self::Authorization,
            (14, Some(b'c')) => Self::ContentLength,
            (16, Some(b'w')) => Self::WwwAuthenticate,
            (18, Some(b'p')) => Self::ProxyAuthenticate,
            (18, Some(b's')) => Self::SubscriptionState,
            (19, Some(b'p')) => Self::ProxyAuthorization,
            _ => return Self::Other,
        };
        // Most write it as the RFC does.
        let same = name.text() == long || name.text().eq_ignore_ascii_case(long);
        if same { name } else { Self::Other }
    }

    /// As RFC 3261 section 20 spells it; nothing for another.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Authorization => "Authorization",
            Self::CallId => "Call-ID",
            Self::Contact => "Contact",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::CSeq => "CSeq",
            Self::Date => "Date",
            Self::Event => "Event",
            Self::Expires => "Expires",
            Self::From => "From",
            Self::MaxForwards => "Max-Forwards",
            Self::MinExpires => "Min-Expires",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::RetryAfter => "Retry-After",
            Self::Server => "Server",
            Self::SubscriptionState => "Subscription-State",
            Self::To => "To",
            Self::UserAgent => "User-Agent",
            Self::Via => "Via",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::Other => "",
        }
    }
}

/// The long form of a compact name (RFC 3261 section 7.3.3 and the IANA registry of SIP headers).
pub fn long(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}

/// Headers whose grammar allows several values in a line, separated by commas (RFC 3261 section 7.3.1 and the
/// extensions that phones use). Not the four of authentication: their commas separate parameters.
const LISTS: [&str; 28] = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Call-Info",
    "Contact",
    "Content-Encoding",
    "Content-Language",
    "Diversion",
    "Error-Info",
    "History-Info",
    "In-Reply-To",
    "P-Asserted-Identity",
    "P-Associated-URI",
    "Path",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Require",
    "Route",
    "Service-Route",
    "Supported",
    "Unsupported",
    "Via",
    "Warning",
];

/// Whether a line of this header may hold several values.
pub fn is_list(name: &str) -> bool {
    LISTS.iter().any(|list| list.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Name; Name::COUNT] = {
        use Name::*;
        [
            Authorization,
            CallId,
            Contact,
            ContentLength,
            ContentType,
            CSeq,
            Date,
            Event,
            Expires,
            From,
            MaxForwards,
            MinExpires,
            ProxyAuthenticate,
            ProxyAuthorization,
            RetryAfter,
            Server,
            SubscriptionState,
            To,
            UserAgent,
            Via,
            WwwAuthenticate,
        ]
    };

    #[test]
    fn every_name_is_found_in_any_case_and_no_other_is() {
        for (number, name) in ALL.into_iter().enumerate() {
            assert_eq!(name as usize, number, "each once");
            assert_eq!(Name::of(name.text()), name);
            assert_eq!(Name::of(&name.text().to_ascii_uppercase()), name);
            assert_eq!(Name::of(&name.text().to_ascii_lowercase()), name);
            assert_eq!(Name::of(&format!("X-{}", name.text())), Name::Other);
            assert_eq!(Name::of(&format!("{}x", &name.text()[..name.text().len() - 1])), Name::Other);
        }
        for other in ["", "Callid", "Reply-To", "Contakt", "Call_ID"] {
            assert_eq!(Name::of(other), Name::Other);
        }
    }
}
