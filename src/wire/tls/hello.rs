//! The two hellos of a handshake (RFC 8446 sections 4.1.2 and 4.1.3), as far as they interest.

/// Handshake types.
pub const CLIENT: u8 = 1;
/// See [`CLIENT`].
pub const SERVER: u8 = 2;

pub const SERVER_NAME: u16 = 0;
const SUPPORTED_VERSIONS: u16 = 43;
const TLS_13: [u8; 2] = [3, 4];

/// Longest name of a host, in bytes (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 255;

/// The random of a ServerHello that asks for another ClientHello (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2, 0xA2, 0x11,
    0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// What a handshake begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hello<'a> {
    /// More bytes must tell.
    Incomplete,
    /// Another message.
    Other,
    Client {
        server_name: Option<&'a str>,
    },
    Server {
        /// It chooses TLS 1.3.
        tls13: bool,
        /// It asks for another ClientHello.
        retry: bool,
    },
}

/// Reads the bytes of a handshake from their beginning on.
pub fn read(bytes: &[u8]) -> Hello<'_> {
    let Some((kind, bytes)) = bytes.split_first() else { return Hello::Incomplete };
    let [a, b, c, rest @ ..] = bytes else { return Hello::Incomplete };
    if !matches!(*kind, CLIENT | SERVER) {
        return Hello::Other;
    }
    let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
    match rest.get(..length) {
        None => Hello::Incomplete,
        Some(body) if *kind == CLIENT => Hello::Client { server_name: extensions(body, true).and_then(server_name) },
        Some(body) => {
            let chosen = extensions(body, false).and_then(|all| extension(all, SUPPORTED_VERSIONS));
            Hello::Server { tls13: chosen == Some(&TLS_13), retry: body.get(2..34) == Some(&RETRY) }
        }
    }
}

/// The extensions behind version, random, session, ciphers and compression, of which a client offers several.
fn extensions(body: &[u8], offers: bool) -> Option<&[u8]> {
    let (_session, rest) = short_vector(body.get(34..)?)?;
    let rest = if offers {
        let (_ciphers, rest) = vector(rest)?;
        short_vector(rest)?.1
    } else {
        rest.get(3..)?
    };
    Some(vector(rest)?.0)
}

fn extension(mut all: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [a, b, rest @ ..] = all {
        let (content, behind) = vector(rest)?;
        if u16::from_be_bytes([*a, *b]) == wanted {
            return Some(content);
        }
        all = behind;
    }
    None
}

/// The first name in the list of names, which is the only one (RFC 6066 section 3).
fn server_name(all: &[u8]) -> Option<&str> {
    let (list, _) = vector(extension(all, SERVER_NAME)?)?;
    let [0, rest @ ..] = list else { return None };
    let (name, _) = vector(rest)?;
    let usable = !name.is_empty() && name.len() <= MAX_NAME && name.iter().all(u8::is_ascii_graphic);
    str::from_utf8(name).ok().filter(|_| usable)
}

/// What has a length of two bytes ahead of it, and what is behind it.
fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [a, b, rest @ ..] = bytes else { return None };
    rest.split_at_checked(usize::from(u16::from_be_bytes([*a, *b])))
}

/// The same with a length of one byte.
fn short_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}
