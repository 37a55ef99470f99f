//! TLS as far as it shows from outside: record headers, the hellos, alerts (RFC 5246, RFC 8446). Pure header reading with
//! bounds; no keys, nothing is deciphered, and no certificate is looked at.

pub(super) mod hello;
mod steps;

pub use steps::Steps;

/// Bytes that [`looks_like_tls`] needs.
pub const LOOKED_AT: usize = 3;

/// Bytes that [`looks_like_hello`] needs.
const HELLO_LOOKED_AT: usize = 6;

/// Record types (RFC 8446 section B.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// Kind, version, length.
pub(super) const HEADER: usize = 5;

/// Longest record, in bytes: plain text of 2¹⁴ and what a cipher may add (RFC 5246 section 6.2.3).
pub(super) const MAX_RECORD: usize = (1 << 14) + 2048;

/// Longest hello that is read, in bytes. With the key shares that are usual in 2025 they are below 2000.
const MAX_HELLO: usize = 1 << 14;

/// Shortest encrypted record in TLS 1.3 that may be a `Finished`: four bytes of header, a hash of 32, the content type, a tag of
/// 8 (RFC 8446 sections 4.4.4 and 5.2). An alert, with which an end may answer instead, is shorter in every cipher.
const MIN_FINISHED: usize = 4 + 32 + 1 + 8;

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
    /// Both ends have sent encrypted bytes after that: as far as can be told without keys, they understand each other. Of a
    /// connection that was there before anybody watched: both ends send application data.
    Established,
    /// Encrypted bytes of one end, once established. Heard once for each segment that holds some.
    Data,
    /// An alert of one end.
    Alert {
        /// What it says (RFC 8446 section 6); none: it is encrypted.
        description: Option<u8>,
    },
}

/// One of the two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The one whose address is the lower, or any other rule that the caller keeps to.
    Low,
    /// The other.
    High,
}

/// A TLS connection, both directions.
#[derive(Debug, Clone, Default)]
pub struct TlsConnection {
    low: Side,
    high: Side,
    /// A ServerHello was seen, and none has called for another ClientHello since.
    agreed: bool,
    /// A hello was seen: encrypted records ahead of the agreement prove nothing.
    greeted: bool,
    established: bool,
    /// Handshake records are encrypted records of another type, and so are alerts.
    tls13: bool,
}

/// One direction, record by record.
#[derive(Debug, Clone, Default)]
struct Side {
    header: [u8; HEADER],
    /// Bytes of the header that are there.
    have: usize,
    /// Bytes of the record at hand that are still to come.
    left: usize,
    /// Beginning of its hello.
    plain: Vec<u8>,
    /// Its hello was read, or it sends something else.
    greeted: bool,
    changed_cipher: bool,
    encrypted: bool,
    /// The place of the next header is not known.
    lost: bool,
}

/// Whether bytes at the beginning of a stream, or of a segment, begin with a record of TLS 1.0 to 1.3 (RFC 8446 section 5.1).
pub fn looks_like_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, ..])
}

/// Whether bytes at the beginning of a segment begin with a ClientHello or a ServerHello: TLS, whatever the port.
pub fn looks_like_hello(bytes: &[u8]) -> bool {
    looks_like_tls(bytes)
        && bytes.first() == Some(&HANDSHAKE)
        && matches!(bytes.get(HELLO_LOOKED_AT - 1), Some(&(hello::CLIENT | hello::SERVER)))
}

impl TlsConnection {
    /// Takes in the next bytes of one end, in order.
    pub fn take(&mut self, end: End, mut bytes: &[u8], sink: &mut impl FnMut(TlsEvent<'_>)) {
        if self.side(end).lost {
            if !looks_like_tls(bytes) {
                return;
            }
            *self.side(end) = Side { lost: false, have: 0, left: 0, ..std::mem::take(self.side(end)) };
        }
        let was_established = self.established;
        let mut holds_data = false;
        while !bytes.is_empty() {
            let side = self.side(end);
            if side.left == 0 {
                bytes = side.fill_header(bytes);
                if side.have < HEADER {
                    break;
                }
                if !side.begin_record() {
                    side.lost = true;
                    return;
                }
                self.begun(end);
            }
            let side = self.side(end);
            holds_data |= side.kind() == APPLICATION_DATA;
            let (now, rest) = bytes.split_at(bytes.len().min(side.left));
            side.left -= now.len();
            bytes = rest;
            self.body(end, now, sink);
        }
        if self.established && !was_established {
            sink(TlsEvent::Established);
        } else if self.established && holds_data {
            sink(TlsEvent::Data);
        }
    }

    /// So many bytes of one end were never seen; 0: nobody knows how many.
    pub fn skip(&mut self, end: End, len: u32) {
        // A hello that was not seen does not count against what is seen later.
        self.greeted &= self.side(end).greeted;
        let side = self.side(end);
        side.plain = Vec::new();
        side.greeted = true;
        let len = len as usize;
        if len > 0 && len <= side.left {
            // Within a record: the place of the next one is known.
            side.left -= len;
        } else {
            side.lost = true;
        }
    }

    /// What it holds, in bytes.
    pub fn held(&self) -> usize {
        self.low.plain.len() + self.high.plain.len()
    }

    fn side(&mut self, end: End) -> &mut Side {
        match end {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        }
    }

    /// A record has begun: what its header alone shows.
    fn begun(&mut self, end: End) {
        let (agreed, greeted, tls13) = (self.agreed, self.greeted, self.tls13);
        let side = self.side(end);
        let long = side.left >= MIN_FINISHED || greeted && !tls13;
        side.encrypted |= match side.kind() {
            APPLICATION_DATA => long && (agreed || !greeted),
            HANDSHAKE => agreed && !tls13 && side.changed_cipher,
            _ => false,
        };
        side.changed_cipher |= side.kind() == CHANGE_CIPHER_SPEC;
        self.established |= self.low.encrypted && self.high.encrypted;
    }

    /// Bytes of the body of a record.
    fn body(&mut self, end: End, bytes: &[u8], sink: &mut impl FnMut(TlsEvent<'_>)) {
        let tls13 = self.tls13;
        let side = self.side(end);
        match side.kind() {
            HANDSHAKE if !side.greeted && (tls13 || !side.changed_cipher) => {
                side.plain.extend_from_slice(bytes);
                self.handshake(end, sink);
            }
            ALERT if side.left == 0 => {
                // A level and a description; whatever encrypts them makes them longer.
                let description = bytes.last().copied().filter(|_| side.record_len() == 2);
                sink(TlsEvent::Alert { description });
            }
            _ => {}
        }
    }

    fn handshake(&mut self, end: End, sink: &mut impl FnMut(TlsEvent<'_>)) {
        let plain = std::mem::take(&mut self.side(end).plain);
        match hello::read(&plain) {
            hello::Hello::Incomplete if plain.len() <= MAX_HELLO => self.side(end).plain = plain,
            hello::Hello::Incomplete | hello::Hello::Other => self.side(end).greeted = true,
            hello::Hello::Client { server_name } => {
                self.greeted = true;
                self.side(end).greeted = true;
                sink(TlsEvent::ClientHello { server_name });
            }
            hello::Hello::Server { tls13, retry } => {
                self.greeted = true;
                self.tls13 = tls13;
                if !retry {
                    self.side(end).greeted = true;
                    self.agreed = true;
                    sink(TlsEvent::ServerHello);
                }
            }
        }
    }
}

impl Side {
    fn kind(&self) -> u8 {
        self.header[0]
    }

    fn record_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.header[3], self.header[4]]))
    }

    /// Returns what is behind the header.
    fn fill_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(HEADER - self.have));
        for byte in now {
            if let Some(place) = self.header.get_mut(self.have) {
                *place = *byte;
                self.have += 1;
            }
        }
        rest
    }

    /// Whether the header is one.
    fn begin_record(&mut self) -> bool {
        self.have = 0;
        self.left = self.record_len();
        looks_like_tls(&self.header) && self.left <= MAX_RECORD
    }
}

#[cfg(test)]
mod tests;
