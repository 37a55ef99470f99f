//! Pushing an object to a phone: an HTTP POST whose body is `xml=` and the document. The maker's guide of 2014 forbids URL
//! encoding, its older sample and tools in the field encode; both are read.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use percent_encoding::percent_decode;

use super::{CONTENT_TYPE, MAX_DOCUMENT, Object, XmlError};
use crate::wire::http::HttpRequest;

/// The body, not encoded.
pub fn to_post(object: &Object) -> Vec<u8> {
    format!("xml={}", object.to_xml()).into_bytes()
}

/// The request that pushes an object to the phone whose web interface is there.
pub fn push(phone: SocketAddr, object: &Object) -> HttpRequest {
    let headers = [("Host", phone.to_string()), ("Content-Type", CONTENT_TYPE.to_owned())];
    HttpRequest {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body: to_post(object),
    }
}

/// Why nothing could be pushed. Never quotes what was pushed or answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct Objection {
    /// What happened, and where.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Objection {
    /// What happened, and what to do about it.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// What a phone's answer to a push has against it; none: it took the object. Which code it gives to a sender that
    /// `xml application post list` does not name is not documented.
    pub fn of(code: u16, phone: SocketAddr, from: IpAddr) -> Option<Self> {
        Some(match code {
            200 => return None,
            401 | 403 => Self::new(
                format!("{phone} refuses pushes from {from} ({code})"),
                format!("add {from} to the phone's `xml application post list`"),
            ),
            404 | 405 => Self::new(
                format!("{phone} takes no pushes ({code})"),
                "is that the phone's web interface? If not, correct address or port",
            ),
            503 => Self::new(format!("{phone} can not take a push now ({code})"), "is it busy, or still booting?"),
            _ => Self::new(format!("{phone} answered {code} to a push"), "look into the phone's own log"),
        })
    }
}

/// Reads a body; the `xml=` may be missing.
///
/// # Errors
/// As [`Object::parse`].
pub fn from_post(body: &[u8]) -> Result<Object, XmlError> {
    // Encoding makes three bytes of one at most.
    if body.len() > 3 * MAX_DOCUMENT {
        return Err(XmlError::TooLong);
    }
    let body = body.trim_ascii();
    let document = body.strip_prefix(b"xml=").unwrap_or(body).trim_ascii();
    let plain: Cow<'_, [u8]> = if document.starts_with(b"<") {
        document.into()
    } else {
        let spaced: Vec<u8> = document.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).collect::<Vec<u8>>().into()
    };
    Object::parse(&plain)
}
