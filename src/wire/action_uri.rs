//! What phones call when their registration changes: addresses that are set on them as action URIs.
//!
//! An Aastra asks for the address of `action uri registration event` when a line has another state than before, with what it
//! puts in the place of variables (release notes 2.4; XML developer's guide PA-001011-03-04, page 213). It does not say at which
//! server the line is.

use std::net::SocketAddr;

use super::http::HttpRequest;
use crate::event::Standing;

/// Path of all that is called.
const PATH: &str = "/action";

/// Longest words of a call that are kept, in bytes.
const QUOTE: usize = 80;

/// What phones are set to call, where it is received there.
pub fn registration_event(at: SocketAddr) -> String {
    let variables = "line=$$SIPUSERNAME$$&state=$$REGISTRATIONSTATE$$&code=$$REGISTRATIONCODE$$";
    format!("http://{at}{PATH}?{variables}")
}

/// The extension that a call is about, what it says of it, and its words; none: it says nothing that is known.
pub fn read(request: &HttpRequest) -> Option<(String, Standing, String)> {
    if request.method != "GET" || request.path() != PATH {
        return None;
    }
    let (line, state) = (request.query("line")?, request.query("state")?);
    let standing = match state.as_str() {
        "REGISTERED" => Standing::Registered,
        "UNREGISTERED" | "EXPIRED" | "REFUSED" | "TIMEOUT" => Standing::Nowhere,
        _ => return None,
    };
    let code = request.query("code").unwrap_or_default();
    let mut quote: String = format!("{state} {code}").chars().filter(|char| !char.is_control()).collect();
    quote.truncate(quote.floor_char_boundary(QUOTE));
    Some((line.split('@').next().unwrap_or_default().to_owned(), standing, quote.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::{HttpUrl, RequestReader};

    fn called(target: &str) -> Option<(String, Standing, String)> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        read(&RequestReader::default().push(request.as_bytes()).unwrap().unwrap())
    }

    #[test]
    fn what_is_set_on_a_phone_is_read_when_it_is_called() {
        let set = registration_event("10.77.0.250:8080".parse().unwrap());
        let url = set.replace("$$SIPUSERNAME$$", "1001").replace("$$REGISTRATIONCODE$$", "001");
        let target = |state: &str| HttpUrl::parse(&url.replace("$$REGISTRATIONSTATE$$", state)).unwrap().target;
        let said = |state: &str| called(&target(state)).map(|(line, standing, _)| (line, standing));
        assert_eq!(said("REGISTERED"), Some(("1001".to_owned(), Standing::Registered)));
        for state in ["UNREGISTERED", "EXPIRED", "REFUSED", "TIMEOUT"] {
            assert_eq!(said(state), Some(("1001".to_owned(), Standing::Nowhere)), "{state}");
        }
        assert_eq!(said("$$REGISTRATIONSTATE$$"), None, "a phone without that variable");
        assert_eq!(called(&target("REFUSED")).unwrap().2, "REFUSED 001");
    }

    #[test]
    fn what_else_is_called_says_nothing() {
        for target in
            ["/", "/action", "/action?line=1001", "/action?state=REGISTERED", "/other?line=1&state=REGISTERED"]
        {
            assert_eq!(called(target), None, "{target}");
        }
        let long = format!("/action?line=1&state=REGISTERED&code={}", "%1b[2J%0a9".repeat(400));
        let (_, _, quote) = called(&long).unwrap();
        assert!(quote.len() <= QUOTE && !quote.contains(char::is_control), "{quote:?}");
    }
}
