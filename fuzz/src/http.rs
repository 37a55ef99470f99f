//! HTTP from phones, and from whoever answers them.

use siprig::wire::http::{
    self, HttpError, HttpRequest, HttpResponse, HttpUrl, MAX_BODY, MAX_HEAD, MAX_HEADERS, RequestReader, ResponseReader,
};

use super::{cost, script};

/// What a reader may hold, in bytes: a head and a body in a buffer that may be twice as large as it needs to be, and the
/// headers once more, each in two pieces of its own.
const READER: isize = 4 * (MAX_HEAD + MAX_BODY).cast_signed();

/// Those that are written besides what was read: the length, and that the connection is closed.
const ADDED: usize = 2;

/// However the bytes are cut, the message is the same; what is read and written is read the same.
pub fn check(bytes: &[u8]) {
    let (script, stream) = script::split(bytes);
    requests(script, stream);
    responses(script, stream);
    if let Some(url) = HttpUrl::parse(&String::from_utf8_lossy(stream)) {
        let shown = url.to_string();
        assert_eq!(HttpUrl::parse(&shown), Some(url), "{shown}");
    }
}

fn requests(script: &[u8], stream: &[u8]) {
    let whole = RequestReader::default().push(stream);
    let mut reader = RequestReader::default();
    let pieces = in_pieces(script, stream, |piece| reader.push(piece));
    alike(&whole, &pieces);
    let Some(Ok(request)) = whole else { return };
    let _ = (request.path(), request.query("pin"), request.basic_auth(), format!("{request:?}"));
    assert!(request.body.len() <= MAX_BODY);
    let written = request.to_bytes();
    let Some(Ok(read)) = RequestReader::default().push(&written) else {
        let too_many = request.headers.len() + ADDED > MAX_HEADERS;
        return assert!(written.len() > MAX_HEAD || too_many, "not read again: {request:?}");
    };
    let kept = |request: &HttpRequest| {
        (request.method.clone(), request.target.clone(), ours(&request.headers), request.body.clone())
    };
    assert_eq!(kept(&read), kept(&request));
}

fn responses(script: &[u8], stream: &[u8]) {
    let mut reader = ResponseReader::default();
    let whole = reader.push(stream);
    let whole = whole.unwrap_or_else(|| reader.end());
    let mut reader = ResponseReader::default();
    let pieces = in_pieces(script, stream, |piece| reader.push(piece));
    let pieces = pieces.unwrap_or_else(|| reader.end());
    alike(&Some(whole.clone()), &Some(pieces));
    let Ok(response) = whole else { return };
    assert_eq!(http::status(stream), Ok(Some(response.code)));
    assert!(response.body.len() <= MAX_BODY);
    let written = response.to_bytes();
    let Some(Ok(read)) = ResponseReader::default().push(&written) else {
        let excused = response.headers.len() + ADDED > MAX_HEADERS || matches!(response.code, 204 | 304);
        return assert!(written.len() > MAX_HEAD || excused, "not read again: {response:?}");
    };
    let kept = |response: &HttpResponse| (response.code, ours(&response.headers));
    assert_eq!(kept(&read), kept(&response));
    if !matches!(response.code, 204 | 304) {
        assert_eq!(read.body, response.body);
    }
}

/// Headers but for those that every message is given anew.
fn ours(headers: &[(String, String)]) -> Vec<(String, String)> {
    let given = |name: &str| name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("Connection");
    headers.iter().filter(|(name, _)| !given(name)).cloned().collect()
}

fn in_pieces<T>(script: &[u8], stream: &[u8], mut push: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let before = cost::heap();
    let mut found = None;
    for (_, piece) in script::pieces(script, stream) {
        if let Some(result) = push(piece) {
            assert!(found.is_none(), "two messages of one connection");
            found = Some(result);
        }
        let taken = cost::heap() - before;
        assert!(taken <= READER + 2 * piece.len().cast_signed(), "a reader of {taken} bytes");
    }
    found
}

/// Which of several faults is told, and whether it is told before the end, may depend on how much of the message was there.
fn alike<T: PartialEq + std::fmt::Debug>(whole: &Option<Result<T, HttpError>>, pieces: &Option<Result<T, HttpError>>) {
    match (whole, pieces) {
        (Some(Err(_)), Some(Err(_)) | None) => {}
        _ => assert_eq!(whole, pieces),
    }
}
