//! TLS, as far as it shows from outside.

/// A step in the life of a TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsEvent<'a> {
    /// One end asks for it.
    ClientHello {
        /// The name by which it asks for the other end (RFC 6066 section 3); none: it gives none, or an unusable one.
        server_name: Option<&'a str>,
    },
    /// The other end agrees.
    ServerHello,
    /// Both ends have sent encrypted bytes after that: as far as can be told without keys, they understand each other.
    Established,
    /// Encrypted bytes of one end, once established. Heard once for each segment that holds some.
    Data,
    /// An alert of one end.
    Alert {
        /// What it says (RFC 8446 section 6); none: it is encrypted.
        description: Option<u8>,
    },
}
