//! Bytes of a server of serial lines.

use siprig::wire::rfc2217::Client;

use super::script;

/// What comes of the stream does not depend on how it was cut; answers are refusals of what nobody offered; and what is
/// sent on a line comes back as it was.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    let (mut data, mut replies) = (Vec::new(), Vec::new());
    let mut whole = Client::default();
    whole.take(stream, &mut data, &mut replies);
    assert!(data.len() <= stream.len());
    assert!(replies.chunks(3).all(|reply| matches!(reply, [255, 252 | 254, _])), "{replies:?}");
    assert!(replies.len() <= stream.len());

    let (mut cut_data, mut cut_replies) = (Vec::new(), Vec::new());
    let mut pieces = Client::default();
    for (_, piece) in script::pieces(script, stream) {
        pieces.take(piece, &mut cut_data, &mut cut_replies);
    }
    assert_eq!((cut_data, cut_replies), (data, replies));
    assert_eq!((pieces.standing(), pieces.baud()), (whole.standing(), whole.baud()));

    let (mut back, mut answers) = (Vec::new(), Vec::new());
    Client::default().take(&Client::escaped(stream), &mut back, &mut answers);
    assert_eq!(back, stream);
    assert!(answers.is_empty());
}
