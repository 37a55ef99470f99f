//! Dates of SIP and HTTP: `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 section 20.17, RFC 9110 section 5.6.7).

use jiff::fmt::rfc2822;

/// The seconds since the Unix epoch; none: it is none, or not in GMT, as it has to be.
pub fn unix_seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    text.ends_with("GMT").then(|| rfc2822::parse(text).ok()).flatten().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_gmt_are_read_and_nothing_else() {
        assert_eq!(unix_seconds("Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
        assert_eq!(unix_seconds(" Thu, 01 Jan 1970 00:00:00 GMT "), Some(0));
        for text in ["Sat, 13 Nov 2010 23:29:00 +0100", "Sat, 13 Nov 2010", "yesterday GMT", "GMT", ""] {
            assert_eq!(unix_seconds(text), None, "{text:?}");
        }
    }
}
