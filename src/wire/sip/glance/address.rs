//! `From`, `To` and `Contact`.

use std::borrow::Cow;

use super::{Contact, Oddities, said::Said, scalar, via::REPEATED};
use crate::wire::sip::{
    uri::Uri,
    value::{self, Address},
};

/// What `From` or `To` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party<'a> {
    /// `user@host`; a URI without user or of another scheme as written; nothing if it is unreadable.
    pub record: Cow<'a, str>,
    pub tag: Option<Cow<'a, str>>,
}

impl<'a> Party<'a> {
    pub fn of(value: &'a str, odd: &mut Oddities) -> Self {
        let address = Address::split(value);
        let readable = look_at(&address, value, odd);
        let record = match Uri::parse(address.uri).filter(|_| readable) {
            Some(uri) => uri.record().unwrap_or(Cow::Borrowed(value::trim(address.uri))),
            None => Cow::default(),
        };
        Self { record, tag: Parameters::of(address.parameters, odd).tag }
    }
}

/// Appends the contacts of a line.
pub fn contacts<'a>(line: &'a str, contacts: &mut Vec<Contact<'a>>, odd: &mut Oddities) {
    for value in value::pieces(line, Some(b',')) {
        if value.is_empty() {
            odd.note("an empty Contact");
            continue;
        }
        let address = Address::split(value);
        if address.uri == "*" && !address.bracketed {
            odd.note_if(!address.parameters.is_empty(), "parameters of a wildcard");
        } else {
            look_at(&address, value, odd);
        }
        let Parameters { expires, instance, q, reg_id, .. } = Parameters::of(address.parameters, odd);
        contacts.push(Contact { uri: value::trim(address.uri), expires, instance, q, reg_id });
    }
}

/// Whether it is clear what an address names.
fn look_at(address: &Address<'_>, value: &str, odd: &mut Oddities) -> bool {
    let uri = Uri::parse(address.uri);
    odd.note_if(uri.is_none(), "an unreadable address");
    odd.note_if(address.unbalanced, "an unbalanced quote or bracket");
    if address.bracketed {
        odd.note_if(value::trim(address.uri).len() != address.uri.len(), "white space around a URI");
    } else {
        odd.note_if(address.uri.contains('?'), "headers in a URI without angle brackets");
    }
    let quoted = address.display.is_some_and(|display| display.starts_with('"'));
    let is_plain =
        |display: &str| display.bytes().all(|byte| matches!(byte, b' ' | b'\t') || value::is_token_byte(byte));
    odd.note_if(!quoted && !address.display.is_none_or(is_plain), "a display name that needs quotes");
    // Where a quote is missing, the address may be part of the name (RFC 4475 section 3.1.2.6).
    let ambiguous = address.unbalanced && memchr::memchr_iter(b'<', value.as_bytes()).nth(1).is_some();
    odd.note_if(ambiguous, "an unreadable address");
    uri.is_some() && !ambiguous
}

/// The parameters of an address that are of use.
#[derive(Debug, Default)]
struct Parameters<'a> {
    tag: Option<Cow<'a, str>>,
    expires: Option<u32>,
    instance: Option<Cow<'a, str>>,
    q: Option<u16>,
    reg_id: Option<u32>,
}

impl<'a> Parameters<'a> {
    /// Of a text that begins with `;` or is empty.
    fn of(text: &'a str, odd: &mut Oddities) -> Self {
        let [mut tag, mut expires, mut instance, mut q, mut reg_id] = [const { Said::Never }; 5];
        let mut pieces = value::pieces(text, Some(b';'));
        odd.note_if(pieces.next().is_some_and(|piece| !piece.is_empty()), "text between an address and its parameters");
        for piece in pieces {
            odd.note_if(piece.is_empty(), "an empty parameter");
            let (name, text) = piece.split_once('=').unwrap_or((piece, ""));
            let name = value::trim(name);
            let said = match name.len() {
                1 if name.eq_ignore_ascii_case("q") => &mut q,
                3 if name.eq_ignore_ascii_case("tag") => &mut tag,
                6 if name.eq_ignore_ascii_case("reg-id") => &mut reg_id,
                7 if name.eq_ignore_ascii_case("expires") => &mut expires,
                13 if name.eq_ignore_ascii_case("+sip.instance") => &mut instance,
                _ => continue,
            };
            said.say(value::unquoted(value::trim(text)), REPEATED, odd);
        }
        let expires = expires.agreed().and_then(|text: Cow<'_, str>| {
            let seconds = value::number(&text);
            odd.note_if(seconds.is_none(), "an unreadable number of seconds");
            seconds
        });
        let q = q.agreed().and_then(|text: Cow<'_, str>| scalar::thousandths(&text));
        let reg_id = reg_id.agreed().and_then(|text: Cow<'_, str>| value::number(&text));
        Self { tag: tag.agreed(), expires, instance: instance.agreed(), q, reg_id }
    }
}
