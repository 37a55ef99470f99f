//! TFTP (RFC 1350): the short look of the privileged process at what phones load, and the packets of a transfer.

/// Port of TFTP servers (RFC 1350 section 4).
pub const PORT: u16 = 69;

/// The longest name of a file that is read. Phones ask for their MAC address with `.cfg`, in a folder perhaps.
const LONGEST_NAME: usize = 255;
/// The longest transfer mode: `netascii`.
const LONGEST_MODE: usize = 8;

/// The file that a read request asks for; none: it is no such request. Options (RFC 2347) are not looked at.
pub fn asked_file(datagram: &[u8]) -> Option<&str> {
    let (name, rest) = text(datagram.strip_prefix(&[0, 1])?, LONGEST_NAME)?;
    let (mode, _) = text(rest, LONGEST_MODE)?;
    let known = ["octet", "netascii"].iter().any(|known| known.eq_ignore_ascii_case(mode));
    (known && !name.is_empty() && !name.contains(char::is_control)).then_some(name)
}

/// Bytes in each packet of data but the last, which has fewer (RFC 1350 section 2).
pub const BLOCK: usize = 512;

/// No such file (RFC 1350, appendix).
pub const NOT_FOUND: u16 = 1;

/// A packet of a transfer in which a file is read (RFC 1350 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A read request for this file.
    Read(&'a str),
    /// A block, counted from 1.
    Data(u16, &'a [u8]),
    /// So many blocks have come.
    Acknowledged(u16),
    /// The transfer is over, with this error code.
    Failed(u16),
}

impl<'a> Packet<'a> {
    /// Reads a packet; none: it is none, or belongs to the writing of a file.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        match number(0)? {
            1 => asked_file(bytes).map(Self::Read),
            3 => {
                let (block, data) = (number(2)?, &bytes[4..]);
                (data.len() <= BLOCK).then_some(Self::Data(block, data))
            }
            4 => Some(Self::Acknowledged(number(2)?)),
            5 => Some(Self::Failed(number(2)?)),
            _ => None,
        }
    }

    /// The same as bytes; a request is for octets.
    pub fn to_bytes(self) -> Vec<u8> {
        let headed = |code: u16, number: u16| [code.to_be_bytes(), number.to_be_bytes()].concat();
        match self {
            Self::Read(file) => [&[0, 1], file.as_bytes(), b"\0octet\0"].concat(),
            Self::Data(block, data) => [&headed(3, block), data].concat(),
            Self::Acknowledged(block) => headed(4, block),
            Self::Failed(code) => [&headed(5, code)[..], b"\0"].concat(),
        }
    }
}

/// A text up to its zero, and what follows that.
fn text(bytes: &[u8], longest: usize) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(longest + 1).position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_they_are_written() {
        for packet in [
            Packet::Read("aastra.cfg"),
            Packet::Data(1, b"sip proxy ip: 10.77.0.2\n"),
            Packet::Data(u16::MAX, b""),
            Packet::Acknowledged(0),
            Packet::Failed(NOT_FOUND),
        ] {
            assert_eq!(Packet::parse(&packet.to_bytes()), Some(packet));
        }
        assert!(
            Packet::parse(&[0, 2]).is_none() && Packet::parse(&[0, 3, 0]).is_none() && Packet::parse(b"").is_none()
        );
        let long = [&[0, 3, 0, 1][..], &[b'a'; BLOCK + 1]].concat();
        assert_eq!(Packet::parse(&long), None, "nobody has agreed on longer blocks (RFC 2348)");
    }

    #[test]
    fn a_read_request_names_a_file_and_anything_else_none() {
        let table: &[(&[u8], Option<&str>)] = &[
            (b"\0\x01aastra.cfg\0octet\0", Some("aastra.cfg")),
            (b"\0\x01cfg/00085D237429.cfg\0NetASCII\0", Some("cfg/00085D237429.cfg")),
            (b"\0\x01aastra.cfg\0octet\0blksize\x001432\0", Some("aastra.cfg")),
            // A write request, data, no mode, another mode, no name, no end, no text.
            (b"\0\x02aastra.cfg\0octet\0", None),
            (b"\0\x03\0\x01octet\0octet\0", None),
            (b"\0\x01aastra.cfg\0", None),
            (b"\0\x01aastra.cfg\0mail\0", None),
            (b"\0\x01\0octet\0", None),
            (b"\0\x01aastra.cfg\0octet", None),
            (b"\0\x01\xff.cfg\0octet\0", None),
            (b"\0\x01a\nb\0octet\0", None),
            (b"\0\x01", None),
            (b"", None),
        ];
        for (datagram, expected) in table {
            assert_eq!(asked_file(datagram), *expected, "{}", String::from_utf8_lossy(datagram));
        }
        let asking = |length: usize| [&[0, 1], "a".repeat(length).as_bytes(), b"\0octet\0"].concat();
        assert!(asked_file(&asking(LONGEST_NAME)).is_some());
        assert!(asked_file(&asking(LONGEST_NAME + 1)).is_none());
    }
}
