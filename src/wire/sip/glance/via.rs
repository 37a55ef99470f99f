//! `Via` lines, as far as they tell which transaction a message belongs to.

use std::borrow::Cow;

use super::{
    Oddities,
    said::{Again, Said},
};
use crate::wire::sip::{uri, value};

/// What every branch begins with that is unique (RFC 3261 section 8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// `branch` of the first value in a line, all of whose values are looked at.
pub fn branch<'a>(line: &'a str, odd: &mut Oddities) -> Option<Cow<'a, str>> {
    let mut first = Said::Never;
    for (place, via) in value::pieces(line, Some(b',')).enumerate() {
        let mut parts = value::pieces(via, Some(b';'));
        odd.note_if(!is_sender(parts.next().unwrap_or_default()), "an unreadable Via");
        for part in parts {
            odd.note_if(part.is_empty(), "an empty parameter");
            let Some((name, text)) = part.split_once('=').filter(|_| place == 0) else { continue };
            if value::trim(name).eq_ignore_ascii_case("branch") {
                first.say(value::unquoted(value::trim(text)), REPEATED, odd);
            }
        }
    }
    let branch = first.agreed();
    odd.note_if(branch.as_deref() == Some(MAGIC_COOKIE), "a branch that is unique to nothing");
    branch
}

/// A parameter stands once (RFC 3261 section 7.3.1).
pub const REPEATED: Again =
    Again { at_all: "a parameter is repeated", differently: "repeated parameters contradict each other" };

/// Protocol, version, transport and a host: `SIP / 2.0 / UDP host:port`, white space around slashes and colon allowed.
fn is_sender(text: &str) -> bool {
    let mut parts = text.splitn(3, '/').map(value::trim);
    let (Some(protocol), Some("2.0"), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Some((transport, sent_by)) = rest.split_once([' ', '\t']) else { return false };
    protocol.eq_ignore_ascii_case("SIP")
        && value::is_token(transport)
        && uri::host_and_port(value::trim(sent_by)).is_some()
}
