//! What tshark 4.0 is known to misread, found by comparing it with messages whose content is known. Of these parts of a
//! message it is not asked; the generator's word stands for them, as it does for all others.

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    Via,
    From,
    To,
    CallId,
    CSeq,
    Contact,
    Expires,
    /// Any other.
    Other,
}

impl Part {
    /// The part that a header is.
    pub fn of(header: &str) -> Self {
        match header {
            "Via" => Self::Via,
            "From" => Self::From,
            "To" => Self::To,
            "Call-ID" => Self::CallId,
            "CSeq" => Self::CSeq,
            "Contact" => Self::Contact,
            "Expires" => Self::Expires,
            _ => Self::Other,
        }
    }
}

/// A kind of misreading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dispute {
    /// A datagram that begins with a CRLF is no SIP to it. Receivers of a stream must pass over them (RFC 3261 section
    /// 7.5), and phones take no exception of datagrams.
    BlankLineAhead,
    /// A header with white space ahead of its colon is not recognised (RFC 3261 section 7.3.1, `HCOLON` in section 25.1).
    SpaceAheadOfColon,
    /// A parameter with white space or a line break around its `;` or `=`, and what follows a `,` with white space ahead of
    /// it, is lost (RFC 3261 section 25.1: `SEMI`, `EQUAL`, `COMMA`).
    SpacedSeparator,
    /// A separator in a quoted string parts values (RFC 3261 section 25.1: `quoted-string`), in `Contact` only behind an
    /// escaped quote.
    QuotedSeparator,
    /// A URI without angle brackets whose scheme is not written `sip` or `sips` is not recognised: neither that of another
    /// scheme (RFC 3261 section 25.1: `addr-spec`) nor `SIP` (RFC 3986 section 3.1: schemes are the same in any case).
    BareUri,
    /// A URI without angle brackets that ends a line of `Contact` loses its last character where the line ends by LF alone.
    BareLineFeed,
    /// What follows an `expires` of 2³¹ and more is lost; up to 2³² - 1 are allowed (RFC 3261 section 20.19).
    LargeNumber,
    /// What follows an `expires` in quotes is lost. The grammar has no quotes there (RFC 3261 section 25.1:
    /// `c-p-expires`), but phones do.
    QuotedNumber,
}
