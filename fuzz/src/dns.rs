//! The short look that the privileged process takes at questions to name servers.

use siprig::wire::dns::{Name, Question, asks, asks_in_stream};

/// What is read is what a plain reader of a whole question reads; whoever asks for the name asks for it also in a stream, and
/// whatever is behind it; and a part of a question is none.
pub fn check(bytes: &[u8]) {
    let names =
        ["sip-a.example", "pbx.example", "a"].map(|name| name.parse::<Name>().unwrap_or_else(|_| unreachable!()));
    let read = Question::of(bytes);
    assert_eq!(
        read.as_ref().map(|question| (question.kind, question.class)),
        plain(bytes).map(|(_, kind, class)| (kind, class))
    );
    let asked = asks(bytes, &names);
    let meant = plain(bytes).is_some_and(|(name, kind, class)| {
        let host = name.split('.').skip_while(|label| label.starts_with('_')).collect::<Vec<_>>().join(".");
        names.iter().any(|own| own.to_string() == host) && [1, 28, 33, 35, 255].contains(&kind) && class == 1
    });
    assert_eq!(asked, meant);
    if let Ok(length) = u16::try_from(bytes.len()) {
        let framed = [&length.to_be_bytes()[..], bytes].concat();
        assert!(asks_in_stream(&framed, &names) || !asked);
        let second = [&framed[..], &framed].concat();
        assert_eq!(asks_in_stream(&second, &names), asked);
    }
    let _ = asks_in_stream(bytes, &names);
}

/// The first question of a query in lower case, read without haste. A dot or a byte that is not ASCII in a label is a `?`.
fn plain(bytes: &[u8]) -> Option<(String, u16, u16)> {
    let header = bytes.get(..12)?;
    if header[2] & 0xf8 != 0 || (header[4], header[5]) == (0, 0) {
        return None;
    }
    let mut at = 12;
    let mut name = Vec::new();
    loop {
        let size = usize::from(*bytes.get(at)?);
        at += 1;
        if size == 0 {
            break;
        }
        if size > 63 {
            return None;
        }
        let label = bytes.get(at..at + size)?;
        let shown = |byte: &u8| if byte.is_ascii() && *byte != b'.' { byte.to_ascii_lowercase() as char } else { '?' };
        name.push(label.iter().map(shown).collect::<String>());
        at += size;
    }
    if name.iter().map(|label| label.len() + 1).sum::<usize>() > 254 || name.len() > 127 {
        return None;
    }
    let word = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    Some((name.join("."), word(at)?, word(at + 2)?))
}
