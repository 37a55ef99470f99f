//! From the bytes of a connection to the one message that it carries.

use super::{HttpRequest, HttpResponse, MAX_BODY, MAX_HEAD, MAX_HEADERS};

/// Why bytes are no message. Never quotes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP/1.
    #[error("the bytes are no HTTP/1 message")]
    Malformed,
    /// More than [`MAX_HEAD`] bytes or too many headers.
    #[error("the head of an HTTP message is longer than {MAX_HEAD} bytes")]
    LongHead,
    /// More than [`MAX_BODY`] bytes.
    #[error("the body of an HTTP message is longer than {MAX_BODY} bytes")]
    LongBody,
    /// A transfer coding, as `chunked`.
    #[error("the body of an HTTP message is in a transfer coding, which is not read")]
    TransferCoding,
    /// The connection ended within the message.
    #[error("the connection ended within an HTTP message")]
    CutOff,
}

impl HttpError {
    /// What a server answers to such a request.
    pub fn response(self) -> HttpResponse {
        HttpResponse::bare(match self {
            Self::Malformed | Self::CutOff => 400,
            Self::LongHead => 431,
            Self::LongBody => 413,
            Self::TransferCoding => 501,
        })
    }
}

/// The server's side of a connection: reads its one request.
#[derive(Debug, Clone, Default)]
pub struct RequestReader(Reader<RequestHead>);

impl RequestReader {
    /// Takes in bytes. Some: the request is complete, or there will never be one; what follows is ignored.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Result<HttpRequest, HttpError>> {
        let result = self.0.push(bytes, parse_request, |head| head.length.unwrap_or(0))?;
        Some(result.map(|(head, body)| HttpRequest {
            method: head.start.0,
            target: head.start.1,
            headers: head.headers,
            body,
        }))
    }
}

/// The client's side of a connection: reads the one response.
#[derive(Debug, Clone, Default)]
pub struct ResponseReader(Reader<ResponseHead>);

impl ResponseReader {
    /// Takes in bytes. Some: the response is complete, or there will never be one; what follows is ignored.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Result<HttpResponse, HttpError>> {
        // Without a length the body goes on to the end of the connection (RFC 9112 section 6.3).
        let length = |head: &ResponseHead| match head.start {
            204 | 304 => 0,
            _ => head.length.unwrap_or(usize::MAX),
        };
        self.0.push(bytes, parse_response, length).map(|result| result.map(response))
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// If the response was not complete.
    pub fn end(&mut self) -> Result<HttpResponse, HttpError> {
        match self.0.head.take() {
            Some((head, usize::MAX)) => Ok(response((head, std::mem::take(&mut self.0.buffer)))),
            _ => Err(HttpError::CutOff),
        }
    }
}

/// The status code of a response whose beginning this is; none: its head is not complete yet. For whoever needs no more
/// than that, whatever body follows.
///
/// # Errors
/// If it is no response, or its head is too long.
pub fn status(bytes: &[u8]) -> Result<Option<u16>, HttpError> {
    Ok(response_head(bytes)?.map(|response| response.code))
}

/// The same with the headers; the body is empty.
///
/// # Errors
/// As [`status`].
pub fn response_head(bytes: &[u8]) -> Result<Option<HttpResponse>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes).map_err(fault)? {
        httparse::Status::Complete(end) if end <= MAX_HEAD => {
            let code = code_of(&response)?;
            let headers = response.headers.iter().map(owned).collect();
            Ok(Some(HttpResponse { code, headers, body: Vec::new() }))
        }
        httparse::Status::Partial if bytes.len() <= MAX_HEAD => Ok(None),
        httparse::Status::Complete(_) | httparse::Status::Partial => Err(HttpError::LongHead),
    }
}

fn response((head, body): (ResponseHead, Vec<u8>)) -> HttpResponse {
    HttpResponse { code: head.start, headers: head.headers, body }
}

type RequestHead = Head<(String, String)>;
type ResponseHead = Head<u16>;

/// Start line and headers, and the length of the body if they say it.
#[derive(Debug, Clone)]
struct Head<S> {
    start: S,
    headers: Vec<(String, String)>,
    length: Option<usize>,
}

#[derive(Debug, Clone)]
struct Reader<H> {
    /// Of the head as long as that is not complete, then of the body.
    buffer: Vec<u8>,
    /// With the length of the body; the greatest number: to the end of the connection.
    head: Option<(H, usize)>,
    done: bool,
}

impl<H> Default for Reader<H> {
    fn default() -> Self {
        Self { buffer: Vec::new(), head: None, done: false }
    }
}

impl<H> Reader<H> {
    fn push(
        &mut self,
        bytes: &[u8],
        parse: impl Fn(&[u8]) -> Result<Option<(H, usize)>, HttpError>,
        body_length: impl Fn(&H) -> usize,
    ) -> Option<Result<(H, Vec<u8>), HttpError>> {
        if self.done {
            return None;
        }
        let result = self.advance(bytes, parse, body_length).transpose();
        self.done = result.is_some();
        result
    }

    fn advance(
        &mut self,
        bytes: &[u8],
        parse: impl Fn(&[u8]) -> Result<Option<(H, usize)>, HttpError>,
        body_length: impl Fn(&H) -> usize,
    ) -> Result<Option<(H, Vec<u8>)>, HttpError> {
        self.buffer.extend_from_slice(bytes);
        if self.head.is_none() {
            // A head can only become complete with the end of a line.
            let parsed = if bytes.contains(&b'\n') { parse(&self.buffer)? } else { None };
            let Some((head, end)) = parsed else {
                return if self.buffer.len() > MAX_HEAD { Err(HttpError::LongHead) } else { Ok(None) };
            };
            if end > MAX_HEAD {
                return Err(HttpError::LongHead);
            }
            let length = body_length(&head);
            if length > MAX_BODY && length != usize::MAX {
                return Err(HttpError::LongBody);
            }
            self.buffer.drain(..end);
            self.head = Some((head, length));
        }
        match self.head.take_if(|(_, length)| *length <= self.buffer.len()) {
            Some((head, length)) => {
                self.buffer.truncate(length);
                Ok(Some((head, std::mem::take(&mut self.buffer))))
            }
            None if self.buffer.len() > MAX_BODY => Err(HttpError::LongBody),
            None => Ok(None),
        }
    }
}

fn parse_request(bytes: &[u8]) -> Result<Option<(RequestHead, usize)>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(end) = request.parse(bytes).map_err(fault)? else { return Ok(None) };
    let (Some(method), Some(target)) = (request.method, request.path) else { return Err(HttpError::Malformed) };
    Ok(Some((head((method.to_owned(), target.to_owned()), request.headers)?, end)))
}

fn parse_response(bytes: &[u8]) -> Result<Option<(ResponseHead, usize)>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = response.parse(bytes).map_err(fault)? else { return Ok(None) };
    Ok(Some((head(code_of(&response)?, response.headers)?, end)))
}

/// Below 100 there is none (RFC 9110 section 15).
fn code_of(response: &httparse::Response<'_, '_>) -> Result<u16, HttpError> {
    response.code.filter(|code| *code >= 100).ok_or(HttpError::Malformed)
}

fn fault(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::TooManyHeaders => HttpError::LongHead,
        _ => HttpError::Malformed,
    }
}

fn head<S>(start: S, headers: &[httparse::Header<'_>]) -> Result<Head<S>, HttpError> {
    let mut length = None;
    for header in headers {
        if header.name.eq_ignore_ascii_case("Transfer-Encoding") {
            return Err(HttpError::TransferCoding);
        }
        if header.name.eq_ignore_ascii_case("Content-Length") {
            let text = str::from_utf8(header.value).map_err(|_| HttpError::Malformed)?;
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // A length that does not fit a number is too long for certain; the greatest number means another thing.
            let found = text.parse().unwrap_or(usize::MAX - 1).min(usize::MAX - 1);
            if !digits || length.is_some_and(|length| length != found) {
                return Err(HttpError::Malformed);
            }
            length = Some(found);
        }
    }
    Ok(Head { start, headers: headers.iter().map(owned).collect(), length })
}

fn owned(header: &httparse::Header<'_>) -> (String, String) {
    (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
}
