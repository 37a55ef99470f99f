//! `From`, `To` and `Contact`.

use std::borrow::Cow;

use super::{
    Contact, Oddities,
    plain::{self, Plain},
    said::Said,
    scalar,
    via::REPEATED,
};
use crate::wire::sip::{
    uri::Uri,
    value::{self, AT_EITHER, AT_SEMICOLON, Address, Scanner},
};

/// What `From` or `To` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party<'a> {
    /// `user@host`; a URI without user or of another scheme as written; nothing if it is unreadable.
    pub record: Cow<'a, str>,
    pub tag: Option<Cow<'a, str>>,
    /// The value ahead of its parameters.
    address: &'a str,
}

impl<'a> Party<'a> {
    /// Of a value. In a REGISTER and its answers both parties mostly are the same: then nothing needs to be read twice.
    pub fn of(value: &'a str, other: Option<&Self>, odd: &mut Oddities) -> Self {
        if let Some(plain) = Plain::of(value)
            && let Some(tag) = plain::tag(plain.rest)
        {
            return Self { record: Cow::Borrowed(plain.record), tag: tag.map(Cow::Borrowed), address: plain.text };
        }
        let mut scanner = Scanner::of(value);
        let Some(piece) = scanner.next(AT_SEMICOLON) else { return Self::default() };
        let record = match other.filter(|other| other.address == piece.text) {
            Some(other) => other.record.clone(),
            None => {
                let address = Address::of(&piece);
                let as_written = Cow::Borrowed(value::trim(address.uri));
                let uri = read_uri(&address, &scanner, odd);
                uri.map(|uri| uri.record().unwrap_or(as_written)).unwrap_or_default()
            }
        };
        let mut tag = Said::Never;
        each_parameter(piece.end, &mut scanner, AT_SEMICOLON, odd, |name, value, odd| {
            if name.eq_ignore_ascii_case("tag") {
                tag.say(value::unquoted(value), REPEATED, odd);
            }
        });
        Self { record, tag: tag.agreed().filter(|tag| !tag.is_empty()), address: piece.text }
    }
}

/// Appends the contacts of a line.
pub fn contacts<'a>(line: &'a str, contacts: &mut Vec<Contact<'a>>, odd: &mut Oddities) {
    let mut scanner = Scanner::of(line);
    while !scanner.is_over() {
        let plain = Plain::of(scanner.rest()).filter(|plain| !scanner.unbalanced() && plain::goes_on(plain.rest));
        if let Some(Plain { text, uri, .. }) = plain {
            let piece = scanner.pass(text);
            contacts.push(contact(uri, piece.end, &mut scanner, odd));
            continue;
        }
        let Some(piece) = scanner.next(AT_EITHER) else { break };
        let address = Address::of(&piece);
        if address.uri.is_empty() {
            odd.note("an empty Contact");
        } else if address.uri == "*" {
            odd.note_if(address.bracketed || piece.end == Some(b';'), "a wildcard that is more than that");
        } else {
            read_uri(&address, &scanner, odd);
        }
        let contact = contact(value::trim(address.uri), piece.end, &mut scanner, odd);
        if !address.uri.is_empty() {
            contacts.push(contact);
        }
    }
}

/// The URI, if it is clear which one is meant.
fn read_uri<'a>(address: &Address<'a>, scanner: &Scanner<'_>, odd: &mut Oddities) -> Option<Uri<'a>> {
    let Address { display, uri, bracketed, behind } = address;
    if *bracketed {
        odd.note_if(value::trim(uri).len() != uri.len(), "white space around a URI");
        odd.note_if(!behind.is_empty(), "text between an address and its parameters");
    } else {
        odd.note_if(uri.contains('?'), "headers in a URI without angle brackets");
    }
    let is_plain = |byte| matches!(byte, b' ' | b'\t') || value::is_token_byte(byte);
    odd.note_if(!display.starts_with('"') && !display.bytes().all(is_plain), "a display name that needs quotes");
    // Where a quote is missing, an address may be part of the name (RFC 4475 section 3.1.2.6).
    let ambiguous = behind.contains('<') || scanner.unbalanced() && display.contains('<');
    let uri = Uri::parse(uri).filter(|_| !ambiguous);
    odd.note_if(uri.is_none(), "an unreadable address");
    uri
}

/// A contact with the parameters that follow its address, which ended like this.
fn contact<'a>(uri: &'a str, end: Option<u8>, scanner: &mut Scanner<'a>, odd: &mut Oddities) -> Contact<'a> {
    let [mut expires, mut instance, mut q, mut reg_id] = [const { Said::Never }; 4];
    each_parameter(end, scanner, AT_EITHER, odd, |name, value, odd| {
        let said = match name.len() {
            1 if name.eq_ignore_ascii_case("q") => &mut q,
            6 if name.eq_ignore_ascii_case("reg-id") => &mut reg_id,
            7 if name.eq_ignore_ascii_case("expires") => &mut expires,
            13 if name.eq_ignore_ascii_case("+sip.instance") => &mut instance,
            _ => return,
        };
        said.say(value::unquoted(value), REPEATED, odd);
    });
    let is_said = expires != Said::Never;
    let expires = expires.agreed().and_then(|text: Cow<'_, str>| value::number(&text));
    odd.note_if(is_said && expires.is_none(), "an unreadable number of seconds");
    Contact {
        uri,
        expires,
        instance: instance.agreed().filter(|text| !text.is_empty()),
        q: q.agreed().and_then(|text| scalar::thousandths(&text)),
        reg_id: reg_id.agreed().and_then(|text| value::number(&text)),
    }
}

/// Shows each parameter that follows an address that ended like this: its name, and its value as written.
fn each_parameter<'a, const N: usize>(
    mut end: Option<u8>,
    scanner: &mut Scanner<'a>,
    stops: [u8; N],
    odd: &mut Oddities,
    mut show: impl FnMut(&'a str, &'a str, &mut Oddities),
) {
    let was_balanced = !scanner.unbalanced();
    while end == Some(b';') {
        let Some(piece) = scanner.next(stops) else { break };
        end = piece.end;
        if was_balanced && scanner.unbalanced() {
            // Nobody knows where this parameter ends, and whether another follows.
            while scanner.next(stops).is_some() {}
            break;
        }
        let (name, value) = value::parameter(piece.text);
        odd.note_if(name.is_empty(), "an empty parameter");
        show(name, value.unwrap_or_default(), odd);
    }
    odd.note_if(scanner.unbalanced(), "an unbalanced quote or bracket");
}
