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

/// By length, so that a name is compared with few others.
const BY_LENGTH: [&[Name]; 20] = {
    use Name::*;
    [
        &[],
        &[],
        &[To],
        &[Via],
        &[From, CSeq, Date],
        &[Event],
        &[Server],
        &[Contact, CallId, Expires],
        &[],
        &[],
        &[UserAgent],
        &[MinExpires, RetryAfter],
        &[MaxForwards, ContentType],
        &[Authorization],
        &[ContentLength],
        &[],
        &[WwwAuthenticate],
        &[],
        &[SubscriptionState, ProxyAuthenticate],
        &[ProxyAuthorization],
    ]
};

impl Name {
    /// How many there are, [`Name::Other`] aside.
    pub const COUNT: usize = Self::Other as usize;

    /// Of a long name, in any case (RFC 3261 section 7.3.1).
    pub fn of(long: &str) -> Self {
        let same_length = BY_LENGTH.get(long.len()).copied().unwrap_or_default();
        same_length.iter().copied().find(|name| name.text().eq_ignore_ascii_case(long)).unwrap_or(Self::Other)
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

    #[test]
    fn every_name_is_found_in_any_case_and_no_other_is() {
        for name in BY_LENGTH.into_iter().flatten() {
            assert_eq!(Name::of(name.text()), *name);
            assert_eq!(Name::of(&name.text().to_ascii_uppercase()), *name);
            assert_eq!(Name::of(&format!("X-{}", name.text())), Name::Other);
        }
        assert_eq!(BY_LENGTH.iter().map(|names| names.len()).sum::<usize>(), Name::COUNT);
        assert_eq!((Name::of(""), Name::of("Callid"), Name::of("Reply-To")), (Name::Other, Name::Other, Name::Other));
    }
}
