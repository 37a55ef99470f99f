//! TLS as it shows from outside.

use siprig::wire::tls::{self, End, TlsConnection, TlsEvent};

use super::script;

/// Most that a connection holds, in bytes: a hello of each end and a segment on top.
const HELD: usize = 2 * (16_384 + 4_000);

/// What shows of a well-formed connection does not depend on how it is cut into segments; a connection is established once;
/// little is held. The script says how much comes of which end in turn.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    let turns: Vec<(End, &[u8])> = script::pieces(script, stream)
        .map(|(step, piece)| (if step.act % 2 == 0 { End::Low } else { End::High }, piece))
        .collect();
    let of = |end: End| turns.iter().filter(move |(of, _)| *of == end).flat_map(|(_, piece)| piece.iter().copied());
    let (low, high): (Vec<u8>, Vec<u8>) = (of(End::Low).collect(), of(End::High).collect());
    let _ = (tls::looks_like_tls(&low), tls::looks_like_hello(&high));
    let whole = shown(turns.iter().copied());
    let bytewise = shown(turns.iter().flat_map(|(end, piece)| piece.chunks(1).map(|byte| (*end, byte))));
    if well_formed(&low) && well_formed(&high) {
        assert_eq!(bytewise, whole);
    }
}

/// What shows, but for data, which is told once for each segment; sorted, as what shows of one segment has no order.
fn shown<'a>(turns: impl Iterator<Item = (End, &'a [u8])>) -> Vec<String> {
    let mut connection = TlsConnection::default();
    let (mut shown, mut established) = (Vec::new(), 0);
    for (end, piece) in turns {
        connection.take(end, piece, &mut |event| {
            if let TlsEvent::ClientHello { server_name: Some(name) } = event {
                assert!(!name.is_empty() && name.chars().all(|char| char.is_ascii_graphic()), "{name:?}");
            }
            established += usize::from(event == TlsEvent::Established);
            if event != TlsEvent::Data {
                shown.push(format!("{event:?}"));
            }
        });
        assert!(connection.held() <= HELD, "{} bytes held", connection.held());
    }
    assert!(established <= 1, "established twice");
    shown.sort();
    shown
}

/// Records to the end, the last of which may be cut.
fn well_formed(mut bytes: &[u8]) -> bool {
    while let [kind, major, minor, high, low, rest @ ..] = bytes {
        let length = usize::from(*high) << 8 | usize::from(*low);
        if !(20..=23).contains(kind) || *major != 3 || *minor > 4 || length > (1 << 14) + 2048 || length == 0 {
            return false;
        }
        bytes = rest.get(length..).unwrap_or_default();
    }
    true
}
