//! HTTP/1.1 (RFC 9110, RFC 9112) as devices and whoever pushes to them need it: both sides, one request for each connection,
//! which the server closes.
//!
//! Not here: TLS, chunked bodies, redirects, connections that are used again. What a device answers is the device's.

mod message;
mod read;
mod url;

pub use message::{HttpRequest, HttpResponse};
pub use read::{HttpError, RequestReader, ResponseReader, response_head, status};
pub use url::HttpUrl;

/// Longest head that is read, in bytes: start line and headers.
pub const MAX_HEAD: usize = 16_384;

/// Most headers that are read.
pub const MAX_HEADERS: usize = 64;

/// Longest body that is read, in bytes.
pub const MAX_BODY: usize = 65_536;

#[cfg(test)]
mod tests;
