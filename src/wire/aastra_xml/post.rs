//! The body of a pushed object: `xml=` and the document. The maker's guide of 2014 forbids URL encoding, its older sample
//! and tools in the field encode; both are read.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{MAX_DOCUMENT, Object, XmlError};

/// The body, not encoded.
pub fn to_post(object: &Object) -> Vec<u8> {
    format!("xml={}", object.to_xml()).into_bytes()
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
