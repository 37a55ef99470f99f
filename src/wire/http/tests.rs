use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Option<Result<HttpRequest, HttpError>> {
    RequestReader::default().push(bytes)
}

fn url(text: &str) -> HttpUrl {
    HttpUrl::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn a_request_is_complete_with_its_body_whatever_pieces_it_comes_in() {
    let bytes = b"POST /x HTTP/1.1\r\nHost: p\r\ncontent-length: 5\r\n\r\nxml=<surplus";
    let whole = read(bytes).unwrap().unwrap();
    assert_eq!((whole.method.as_str(), whole.path().as_str(), &whole.body[..]), ("POST", "/x", &b"xml=<"[..]));
    let mut reader = RequestReader::default();
    let pieces: Vec<_> = bytes.iter().filter_map(|byte| reader.push(&[*byte])).collect();
    assert_eq!(pieces, [Ok(whole)]);
}

#[test]
fn brackets_stand_around_ipv6_addresses_and_nowhere_else() {
    assert_eq!(url("http://[fd77::2]:8080/x").address(), Some("[fd77::2]:8080".parse().unwrap()));
    for text in ["http://[[f4d]", "http://[10.77.0.2]/", "http://a[b]/", "http://[fd77::2", "http://[]/"] {
        assert_eq!(HttpUrl::parse(text), None, "{text}");
    }
}

#[test]
fn a_request_tells_its_query_and_its_credentials() {
    let target = url("http://10.77.0.2/logon").with_query("mac", "00085d237429").with_query("pin", "1 &#+ü");
    assert_eq!(target.to_string(), "http://10.77.0.2/logon?mac=00085d237429&pin=1%20%26%23%2B%C3%BC");
    let request = HttpRequest::get(&target).authorized("admin", "22:222");
    let again = read(&request.to_bytes()).unwrap().unwrap();
    assert_eq!(again.path(), "/logon");
    assert_eq!(again.query("mac").as_deref(), Some("00085d237429"));
    assert_eq!(again.query("pin").as_deref(), Some("1 &#+ü"));
    assert_eq!((again.query("no"), again.header("host")), (None, Some("10.77.0.2")));
    assert_eq!(again.basic_auth(), Some(("admin".to_owned(), "22:222".to_owned())));
    for other in ["Digest YWJj", "Basic ???", "Basic YWJj"] {
        assert_eq!(HttpRequest::get(&target).with("Authorization", other).basic_auth(), None, "{other}");
    }
}

#[test]
fn what_may_be_secret_is_not_shown() {
    let request = HttpRequest::get(&url("http://h/logon?pin=4711")).authorized("admin", "22222");
    let response = HttpResponse::new(200, "text/xml", "<Value>4711</Value>");
    let shown = format!("{request:?} {response:?}");
    assert!(shown.contains("/logon") && !shown.contains("4711") && !shown.contains("Basic"), "{shown}");
}

#[test]
fn requests_that_can_not_be_read_have_their_answers() {
    let long_head = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(MAX_HEAD));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    for (bytes, error, code) in [
        ("GET / HTTP/1.1\r\n\0: x\r\n\r\n", HttpError::Malformed, 400),
        ("nonsense\r\n\r\n", HttpError::Malformed, 400),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", HttpError::Malformed, 400),
        ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", HttpError::Malformed, 400),
        ("GET / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", HttpError::LongBody, 413),
        ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", HttpError::LongBody, 413),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", HttpError::TransferCoding, 501),
        (&long_head, HttpError::LongHead, 431),
        (&many, HttpError::LongHead, 431),
    ] {
        assert_eq!(read(bytes.as_bytes()), Some(Err(error)));
        assert_eq!(error.response().code, code);
    }
}

#[test]
fn a_response_ends_with_its_length_or_with_its_connection() {
    let sent = HttpResponse::new(200, "text/xml", "<a/>");
    let mut reader = ResponseReader::default();
    let got = reader.push(&sent.to_bytes()).unwrap().unwrap();
    assert_eq!((got.code, got.header("content-type"), &got.body[..]), (200, Some("text/xml"), &b"<a/>"[..]));
    assert_eq!(reader.push(b"more"), None);

    let mut reader = ResponseReader::default();
    assert_eq!(reader.push(b"HTTP/1.0 200 OK\r\n\r\nab"), None);
    assert_eq!(reader.push(b"cd"), None);
    assert_eq!(reader.end().map(|response| response.body), Ok(b"abcd".to_vec()));

    let mut reader = ResponseReader::default();
    assert_eq!(reader.push(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd"), None);
    assert_eq!(reader.end(), Err(HttpError::CutOff));
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; MAX_BODY + 1]].concat();
    assert_eq!(ResponseReader::default().push(&endless), Some(Err(HttpError::LongBody)));
    let strange = b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ResponseReader::default().push(strange), Some(Err(HttpError::Malformed)));
    assert_eq!(status(strange), Err(HttpError::Malformed));
}

#[test]
fn addresses_are_read_with_port_and_query_or_not_at_all() {
    let full = url("HTTP://[fd77::2]:8080/a?b=c#d");
    assert_eq!((full.host.as_str(), full.port, full.target.as_str()), ("fd77::2", 8080, "/a?b=c"));
    assert_eq!(
        (full.to_string(), full.address()),
        ("http://[fd77::2]:8080/a?b=c".to_owned(), "[fd77::2]:8080".parse().ok())
    );
    let bare = url("http://pbx?x=1");
    assert_eq!((bare.port, bare.target.as_str(), bare.address()), (80, "/?x=1", None));
    for text in
        ["https://h/", "http://", "http:///x", "http://h:x/", "http://h:70000/", "http://u@h/", "http://h/a b", "ü"]
    {
        assert_eq!(HttpUrl::parse(text), None, "{text}");
    }
}

#[test]
fn a_header_value_can_not_begin_a_header_of_its_own() {
    let bytes = HttpResponse::bare(302).with("Location", "http://x/\r\nEvil: 1").to_bytes();
    let read = ResponseReader::default().push(&bytes).unwrap().unwrap();
    assert_eq!((read.header("Evil"), read.header("Location")), (None, Some("http://x/Evil: 1")));
}

proptest! {
    #[test]
    fn no_bytes_make_either_side_panic_or_grow(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "(GET|HTTP/1.1| |/|200|\r\n|Content-Length: ?[0-9]{1,6}|:|x){0,20}".prop_map(String::into_bytes),
            ],
            0..20,
        ),
    ) {
        let (mut server, mut client) = (RequestReader::default(), ResponseReader::default());
        let (mut requests, mut responses) = (0, 0);
        for piece in pieces {
            requests += usize::from(server.push(&piece).is_some());
            responses += usize::from(client.push(&piece).is_some());
        }
        prop_assert!(requests <= 1 && responses <= 1);
        prop_assert!(responses == 0 || client.end().is_err());
    }

    #[test]
    fn a_query_value_survives_the_way(name in "[a-z]{1,8}", value in "\\PC{0,30}") {
        let target = HttpUrl::of("10.77.0.2:80".parse().unwrap(), "/x").with_query("first", "1").with_query(&name, &value);
        let request = read(&HttpRequest::get(&target).to_bytes()).unwrap().unwrap();
        prop_assert_eq!(request.query(&name), Some(if name == "first" { "1".to_owned() } else { value }));
    }
}
