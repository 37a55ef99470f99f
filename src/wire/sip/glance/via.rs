//! `Via` lines, as far as they tell which transaction a message belongs to.

use std::borrow::Cow;

use super::{
    Oddities,
    said::{Again, Said},
};
use crate::wire::sip::{
    find::find_any,
    uri::Place,
    value::{self, AT_EITHER, Scanner},
};

const BRANCH: &[u8] = b"branch";

/// What every branch begins with that is unique (RFC 3261 section 8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// `branch` of the first value in a line, all of whose values are looked at.
pub fn branch<'a>(line: &'a str, odd: &mut Oddities) -> Option<Cow<'a, str>> {
    let (mut branch, mut is_first, mut is_sender) = (Said::Never, true, true);
    let mut scanner = Scanner::of(line);
    while let Some(piece) = scanner.next(AT_EITHER) {
        if scanner.unbalanced() {
            odd.note("an unbalanced quote or bracket");
            break;
        }
        let text = value::trim(piece.text);
        if is_sender {
            odd.note_if(!names_sender(text), "an unreadable Via");
        } else {
            odd.note_if(text.is_empty(), "an empty parameter");
            let is_branch = text.len() >= BRANCH.len() && text.as_bytes()[..BRANCH.len()].eq_ignore_ascii_case(BRANCH);
            if is_first
                && is_branch
                && let (name, Some(value)) = value::parameter(text)
                && name.len() == BRANCH.len()
            {
                branch.say(value::unquoted(value), REPEATED, odd);
            }
        }
        is_sender = piece.end == Some(b',');
        is_first &= !is_sender;
    }
    let branch = branch.agreed().filter(|branch| !branch.is_empty());
    odd.note_if(branch.as_deref() == Some(MAGIC_COOKIE), "a branch that is unique to nothing");
    branch
}

/// A parameter stands once (RFC 3261 section 7.3.1).
pub const REPEATED: Again =
    Again { at_all: "a parameter is repeated", differently: "repeated parameters contradict each other" };

/// Protocol, version, transport and a host: `SIP / 2.0 / UDP host:port`, white space around slashes and colon allowed.
fn names_sender(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("SIP/2.0/").or_else(|| behind_version(text)) else { return false };
    let rest = value::trim(rest);
    let Some(end) = find_any(rest.as_bytes(), *b" \t") else { return false };
    value::is_token(&rest[..end]) && Place::parse(&rest[end..]).is_some_and(|place| place.rest.is_empty())
}

/// What follows the second slash.
fn behind_version(text: &str) -> Option<&str> {
    let mut parts = text.splitn(3, '/').map(value::trim);
    let (protocol, version, rest) = (parts.next()?, parts.next()?, parts.next()?);
    (protocol.eq_ignore_ascii_case("SIP") && version == "2.0").then_some(rest)
}
