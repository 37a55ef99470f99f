//! TLS records: their lengths and kinds stay, so that it can still be told that two ends speak TLS, and how far they got.
//! Of what they say only the numbers of a greeting are left.

use std::ops::Range;

use super::{
    clean::Cleaner,
    text::{Kind, MASK},
};
use crate::wire::tls::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER, MAX_RECORD, hello};

/// Extensions of a greeting that say something of versions, algorithms and the keys of this connection alone, and nothing of
/// anybody (the registry at iana.org/assignments/tls-extensiontype-values).
const PLAIN_EXTENSIONS: [u16; 15] = [5, 10, 11, 13, 16, 21, 22, 23, 27, 28, 43, 45, 50, 51, 0xff01];

/// The length of the record that begins here, as its header says, or that of a header without end; none: no record begins
/// here.
pub fn record(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [CHANGE_CIPHER_SPEC..=APPLICATION_DATA] | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3] => Some(HEADER),
        [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4] | [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, _] => {
            Some(HEADER)
        }
        [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, high, low, ..] => {
            Some(HEADER + usize::from(u16::from_be_bytes([*high, *low]))).filter(|len| *len <= HEADER + MAX_RECORD)
        }
        _ => None,
    }
}

/// Cleans a whole record.
pub fn clean(record: &mut [u8], cleaner: &mut Cleaner) {
    let Some((&mut [kind, ..], content)) = record.split_at_mut_checked(HEADER) else { return };
    match (kind, &*content) {
        (CHANGE_CIPHER_SPEC, [_]) | (ALERT, [_, _]) => {}
        (HANDSHAKE, [hello::CLIENT | hello::SERVER, 0, _, _, ..]) => greeting(content, cleaner),
        // A message of the handshake that is not encrypted, or one that is: four bytes are its kind and length, or nothing.
        (HANDSHAKE, [_, _, _, _, rest @ ..]) => {
            let start = content.len() - rest.len();
            content[start..].fill(MASK);
        }
        _ => content.fill(MASK),
    }
}

/// The beginning of a handshake (RFC 8446 section 4.1): versions and algorithms stay.
fn greeting(content: &mut [u8], cleaner: &mut Cleaner) {
    let mut walk = Walk { at: 4, end: content.len() };
    if let Some((session, extensions)) = walk.greeting(content) {
        content[session].fill(MASK);
        walk = Walk { at: extensions.start, end: extensions.end };
        while let Some((kind, body)) = walk.extension(content) {
            match kind {
                hello::SERVER_NAME => server_name(&mut content[body], cleaner),
                kind if PLAIN_EXTENSIONS.contains(&kind) => {}
                _ => content[body].fill(MASK),
            }
        }
    }
    content[walk.at..].fill(MASK);
}

/// A list of one name (RFC 6066 section 3); an answer has none.
fn server_name(body: &mut [u8], cleaner: &mut Cleaner) {
    if let [_, _, 0, _, _, name @ ..] = body {
        cleaner.text(name, Kind::Identity);
    } else {
        body.fill(MASK);
    }
}

/// Walks over fields that say how long they are. Where one can not be read, it stays ahead of it.
#[derive(Clone, Copy)]
struct Walk {
    at: usize,
    end: usize,
}

impl Walk {
    /// The session and the extensions of a greeting.
    fn greeting(&mut self, content: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
        // Version and random bytes.
        self.skip(2 + 32)?;
        let session = self.counted(content, 1)?;
        if content.first() == Some(&hello::CLIENT) {
            self.counted(content, 2)?;
            self.counted(content, 1)?;
        } else {
            self.skip(2 + 1)?;
        }
        Some((session, self.counted(content, 2)?))
    }

    fn extension(&mut self, content: &[u8]) -> Option<(u16, Range<usize>)> {
        let kind = content.get(self.at..self.end)?.first_chunk().map(|kind| u16::from_be_bytes(*kind))?;
        let mut behind = Walk { at: self.at + 2, ..*self };
        let body = behind.counted(content, 2)?;
        *self = behind;
        Some((kind, body))
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.at = Some(self.at + len).filter(|at| *at <= self.end)?;
        Some(())
    }

    /// A field behind its length, which has so many bytes.
    fn counted(&mut self, bytes: &[u8], len: usize) -> Option<Range<usize>> {
        let start = self.at + len;
        let len =
            bytes.get(self.at..start.min(self.end))?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let field = Some(start..start + len).filter(|field| field.end <= self.end)?;
        self.at = field.end;
        Some(field)
    }
}
