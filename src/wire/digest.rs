//! Digest authentication (RFC 7616), hashed over the text as received.
