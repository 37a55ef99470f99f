//! XML objects that are pushed to phones.

use siprig::wire::aastra_xml::{self, ExecuteUri, MAX_DOCUMENT, Object, XmlError};

/// What is read and written is read the same, pushed or not; a fault is told with a place that there is.
pub fn check(bytes: &[u8]) {
    match Object::parse(bytes) {
        Ok(object) => again(&object),
        Err(XmlError::Malformed(at) | XmlError::TooMuch(at) | XmlError::Entity(at)) => {
            // Bytes that are not UTF-8 are replaced by three.
            assert!(at <= 3 * bytes.len());
        }
        Err(XmlError::TooLong) => assert!(bytes.len() > MAX_DOCUMENT),
        Err(XmlError::UnknownObject) => {}
    }
    if let Ok(object) = aastra_xml::from_post(bytes) {
        again(&object);
    }
    let uri = ExecuteUri::read(&String::from_utf8_lossy(bytes));
    assert_eq!(ExecuteUri::read(&uri.to_string()), uri);
}

fn again(object: &Object) {
    let written = object.to_xml();
    if written.len() > MAX_DOCUMENT {
        return;
    }
    assert_eq!(Object::parse(written.as_bytes()).as_ref(), Ok(object), "{written}");
    assert_eq!(aastra_xml::from_post(&aastra_xml::to_post(object)).as_ref(), Ok(object));
}
