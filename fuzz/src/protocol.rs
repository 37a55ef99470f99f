//! What the privileged helper and its controller say to each other.

use siprig::bridge::protocol::{MESSAGE_MAX, Notice, Order};

/// What is read and written is read the same.
pub fn check(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MESSAGE_MAX)];
    if let Ok(order) = postcard::from_bytes::<Order>(bytes) {
        let written = postcard::to_stdvec(&order).expect("an order that was read");
        assert_eq!(postcard::from_bytes(&written), Ok(order));
    }
    if let Ok(notice) = postcard::from_bytes::<Notice>(bytes) {
        let written = postcard::to_stdvec(&notice).expect("a notice that was read");
        assert_eq!(postcard::from_bytes(&written), Ok(notice));
    }
}
