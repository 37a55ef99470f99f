//! Values that are numbers or words.

use super::{Oddities, Start};
use crate::wire::sip::value;

/// CSeq numbers are below this (RFC 3261 section 8.1.1.5).
const CSEQ_LIMIT: u32 = 1 << 31;

/// Number and method of `CSeq`. A number that is none is zero.
pub fn cseq<'a>(text: &'a str, start: &Start<'_>, odd: &mut Oddities) -> (u32, &'a str) {
    let (digits, method) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let method = value::trim(method);
    let number = value::number(digits);
    odd.note_if(number.is_none_or(|number| number >= CSEQ_LIMIT), "an unreadable CSeq number");
    match start {
        Start::Request { method: of_start, .. } => odd.note_if(*of_start != method, "the method of CSeq differs"),
        Start::Response { .. } => odd.note_if(method.is_empty(), "a CSeq without method"),
    }
    // Where the number should be stands something else: so does something else where the method should be.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (number.unwrap_or_default(), if is_number { method } else { "" })
}

/// The seconds that a value begins with: a comment and parameters may follow (RFC 3261 section 20.33).
pub fn seconds(text: &str, odd: &mut Oddities) -> Option<u32> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let goes_on = value::trim(&text[end..]);
    let goes_on_well = goes_on.is_empty() || goes_on.starts_with([';', '(']);
    let seconds = goes_on_well.then(|| value::number(&text[..end])).flatten();
    odd.note_if(seconds.is_none(), "an unreadable number of seconds");
    seconds
}

/// What stands ahead of the parameters.
pub fn word(text: &str) -> &str {
    value::trim(text.split(';').next().unwrap_or_default())
}

/// A `q` in thousandths: 0 to 1 with at most three decimals (RFC 3261 section 25.1).
pub fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = value::number(whole)?;
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals = decimals.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    Some(whole.checked_mul(1000)?.checked_add(decimals)?).filter(|q| *q <= 1000)
}
