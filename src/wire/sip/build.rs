//! SIP messages of our own, printed by rsip.

use rsip::{Host, HostWithPort, StatusCode, Uri};

use super::{typed, value};

/// Why a message can not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value holds a line break or another control character: somebody tries to add headers.
    #[error("cannot build a SIP message: the {0} holds a control character; remove it")]
    Control(String),
    /// A name, method or status code that SIP's grammar does not allow.
    #[error("cannot build a SIP message: {0}")]
    Grammar(String),
}

/// A request. `Content-Length` is set here; one among `headers` is left out.
///
/// # Errors
/// If a part holds a control character or breaks the grammar.
pub fn build_request(method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, BuildError> {
    if !value::is_token(method) {
        return Err(BuildError::Grammar("the method is no token".to_owned()));
    }
    refuse_control("Request-URI", uri)?;
    if uri.is_empty() || uri.contains([' ', '\t']) {
        return Err(BuildError::Grammar("the Request-URI is empty or holds a space".to_owned()));
    }
    let length = body.len().to_string();
    let headers = checked(headers, &length)?;
    let mut request = typed::request(method, headers.into_iter(), &mut String::new()).ok_or_else(refused)?;
    request.uri = typed::uri(uri).filter(|typed| typed.to_string() == uri).unwrap_or_else(|| as_written(uri));
    let stand_in = request.method.to_string();
    let text = request.to_string();
    // Methods that rsip does not know travel as a stand-in.
    let rest = text.strip_prefix(&*stand_in).unwrap_or(&text);
    Ok([method.as_bytes(), rest.as_bytes(), body].concat())
}

/// A response. `Content-Length` is set here; one among `headers` is left out.
///
/// # Errors
/// As [`build_request`].
pub fn build_response(code: u16, reason: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>, BuildError> {
    if !(100..700).contains(&code) {
        return Err(BuildError::Grammar(format!("{code} is no status code")));
    }
    refuse_control("reason phrase", reason)?;
    let length = body.len().to_string();
    let headers = checked(headers, &length)?;
    let mut response = typed::response(code, headers.into_iter(), &mut String::new()).ok_or_else(refused)?;
    response.status_code = StatusCode::Other(code, reason.to_owned());
    Ok([response.to_string().as_bytes(), body].concat())
}

/// The headers with a right `Content-Length`, once nothing in them can end a line.
fn checked<'a>(headers: &[(&'a str, &'a str)], length: &'a str) -> Result<Vec<(&'a str, &'a str)>, BuildError> {
    let mut checked = Vec::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        if !value::is_token(name) {
            return Err(BuildError::Grammar("a header's name is no token".to_owned()));
        }
        refuse_control(name, value)?;
        if !name.eq_ignore_ascii_case("Content-Length") && !name.eq_ignore_ascii_case("l") {
            checked.push((*name, value::trim(value)));
        }
    }
    checked.push(("Content-Length", length));
    Ok(checked)
}

fn refuse_control(what: &str, text: &str) -> Result<(), BuildError> {
    if text.chars().any(|char| char.is_control() && char != '\t') {
        return Err(BuildError::Control(what.to_owned()));
    }
    Ok(())
}

fn refused() -> BuildError {
    BuildError::Grammar("the SIP parser refuses it".to_owned())
}

/// A URI that rsip would print differently, as one piece of text.
fn as_written(uri: &str) -> Uri {
    let host = Host::Domain(uri.into());
    let host_with_port = HostWithPort { host, port: None };
    Uri { scheme: None, auth: None, host_with_port, params: Vec::new(), headers: Vec::new() }
}
