//! What a phone asks a TFTP server for (RFC 1350): the short look of the privileged process at what phones load.

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

/// A text up to its zero, and what follows that.
fn text(bytes: &[u8], longest: usize) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(longest + 1).position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

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
