//! Pseudonyms of what stands in text: numbers, names, tokens and addresses. Each has the length of what it stands for.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    ops::Range,
};

use super::{
    Key,
    find::{self, Form, Found},
    permute::{Choice, Permutations},
    vocabulary,
};
use crate::config::Mac;

/// Pseudonyms that are remembered, of each kind. They can be computed again.
const MAX_REMEMBERED: usize = 1 << 16;

/// Words longer than this are computed each time.
const LONGEST_REMEMBERED: usize = 64;

/// What becomes of bytes of which nothing is to be left.
pub const MASK: u8 = b'x';

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a person or a machine: runs of letters and runs of digits each become others, and addresses become addresses.
    Identity,
    /// The same, with `%` escapes.
    Escaped,
    /// Nobody's words, but perhaps made of somebody's: words of letters and digits become others as a whole.
    Token,
    /// Text that a program wrote: words of its trade and numbers of one or two digits stay, the others are an identity.
    Free,
    /// The name and version of a program: MAC addresses in it become others, and those IP addresses that were met
    /// elsewhere. Some versions look like IP addresses.
    Product,
    /// Of the text only the IP addresses.
    Addresses,
    /// A UUID as a URN. What was made of a MAC address stays so.
    Uuid,
    /// Nobody can tell: everything but line breaks becomes `x`.
    Unknown,
}

/// The pseudonyms that one key gives.
#[derive(Clone)]
pub struct Pseudonyms {
    permutations: Permutations,
    /// Behind the letter of what it is.
    texts: HashMap<Vec<u8>, Vec<u8>>,
    ips: HashMap<IpAddr, IpAddr>,
    macs: HashMap<[u8; 6], [u8; 6]>,
}

impl Pseudonyms {
    pub fn new(key: &Key) -> Self {
        let permutations = Permutations::new(key);
        Self { permutations, texts: HashMap::new(), ips: HashMap::new(), macs: HashMap::new() }
    }

    /// The pseudonym of an IP address.
    pub fn ip(&mut self, address: IpAddr) -> IpAddr {
        remember(&mut self.ips, address, |address| self.permutations.ip(*address))
    }

    /// The pseudonym of a MAC address.
    pub fn mac(&mut self, address: [u8; 6]) -> [u8; 6] {
        remember(&mut self.macs, address, |address| self.permutations.mac(*address))
    }

    /// Writes the pseudonym of a text over it.
    pub fn write_over(&mut self, text: &mut [u8], kind: Kind) {
        match kind {
            Kind::Unknown => blank(text),
            Kind::Uuid => self.uuid(text),
            _ => {
                let (mut done, mut from) = (0, 0);
                while let Some(found) = find::address(text, from) {
                    from = found.range.end;
                    if self.is_meant(&text[found.range.clone()], found.form, kind) {
                        self.words(&mut text[done..found.range.start], kind);
                        self.address(text, &found);
                        done = from;
                    }
                }
                self.words(&mut text[done..], kind);
            }
        }
    }

    /// Whether what looks like an address is one, in a text of that kind.
    fn is_meant(&self, written: &[u8], form: Form, kind: Kind) -> bool {
        match (form, kind) {
            (Form::Mac(_), Kind::Token | Kind::Addresses) => false,
            // Twelve digits are a number rather.
            (Form::Mac(_), Kind::Identity | Kind::Escaped | Kind::Free) => !written.iter().all(u8::is_ascii_digit),
            (Form::V4(address), Kind::Product) => self.ips.contains_key(&address.into()),
            (Form::V6(address), Kind::Product) => self.ips.contains_key(&address.into()),
            _ => true,
        }
    }

    fn address(&mut self, text: &mut [u8], Found { range, form }: &Found) {
        let text = &mut text[range.clone()];
        match *form {
            Form::V4(address) => text.copy_from_slice(self.ip(address.into()).to_string().as_bytes()),
            Form::V6(address) => self.v6(text, address),
            Form::Mac(address) => {
                let digits = Mac(self.mac(address)).to_string();
                write_digits(text, digits.bytes().filter(|byte| *byte != b':'));
            }
        }
    }

    /// Group by group, as it is written; an IPv4 address at the end by itself.
    fn v6(&mut self, text: &mut [u8], address: Ipv6Addr) {
        let IpAddr::V6(image) = self.ip(address.into()) else { return };
        let upper = text.iter().any(u8::is_ascii_uppercase);
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b':', text).chain([text.len()]) {
            pieces.push(start..end);
            start = end + 1;
        }
        let dotted = pieces.last().filter(|last| text[(*last).clone()].contains(&b'.')).cloned();
        // Counted from the end once the gap was passed. Of the two pieces of a leading gap the first is no gap.
        let behind = |index: usize| 8 - (pieces.len() - index) - usize::from(dotted.is_some());
        let mut passed = false;
        for (index, piece) in pieces.iter().enumerate() {
            if piece.is_empty() {
                passed |= index > 0 || text.starts_with(b"::");
            } else if Some(piece) != dotted.as_ref() {
                let group = image.segments()[if passed { behind(index) } else { index }];
                let digits = format!("{group:0width$x}", width = piece.len());
                text[piece.clone()].copy_from_slice(digits.as_bytes());
            }
        }
        if upper {
            text.make_ascii_uppercase();
        }
        if let Some(tail) = dotted {
            self.write_over(&mut text[tail], Kind::Addresses);
        }
    }

    fn uuid(&mut self, text: &mut [u8]) {
        const MADE_OF_MAC: &[u8] = b"00000000-0000-1000-8000";
        let lower = text.to_ascii_lowercase();
        let Some(start) = memchr::memmem::find(&lower, b"uuid:").map(|at| at + 5).filter(|at| is_uuid(&lower[*at..]))
        else {
            return self.write_over(text, Kind::Token);
        };
        let (uuid, behind) = text[start..].split_at_mut(36);
        self.write_over(behind, Kind::Token);
        let (head, node) = uuid.split_at_mut(24);
        let constant = head.starts_with(MADE_OF_MAC);
        // RFC 9562 sections 5.1 and 5.6, RFC 5626 section 4.1.
        if constant || matches!(head[14], b'1' | b'6') {
            if let Some(found) = find::address(node, 0) {
                self.address(node, &found);
            }
        } else {
            self.words(node, Kind::Token);
        }
        if !constant {
            self.words(head, Kind::Token);
        }
    }

    fn words(&mut self, text: &mut [u8], kind: Kind) {
        let units = match kind {
            Kind::Product | Kind::Addresses => return,
            Kind::Escaped | Kind::Token => units(text, true),
            _ => units(text, false),
        };
        let mut previous: Vec<u8> = Vec::new();
        for word in units.chunk_by(|a, b| a.is_of_word() && b.is_of_word()).filter(|word| word[0].is_of_word()) {
            let plain: Vec<u8> = word.iter().map(|unit| unit.byte).collect();
            if kind == Kind::Token {
                self.write_image(text, word, Sort::Token);
            } else if kind != Kind::Free || !stays(&plain.to_ascii_lowercase(), &previous) {
                for run in word.chunk_by(|a, b| a.byte.is_ascii_digit() == b.byte.is_ascii_digit()) {
                    let sort = if run[0].byte.is_ascii_digit() { Sort::Number } else { Sort::Name };
                    self.write_image(text, run, sort);
                }
            }
            previous = plain;
        }
    }

    fn write_image(&mut self, text: &mut [u8], units: &[Unit], sort: Sort) {
        let plain: Vec<u8> = units.iter().map(|unit| unit.byte).collect();
        for (unit, byte) in units.iter().zip(self.image(&plain, sort)) {
            unit.write(text, if unit.byte.is_ascii_uppercase() { byte.to_ascii_uppercase() } else { byte });
        }
    }

    /// The pseudonym of a word, in lower case: who writes `Anna` and who writes `anna` mean the same.
    fn image(&mut self, word: &[u8], sort: Sort) -> Vec<u8> {
        let mut question = vec![sort.letter()];
        question.extend(word.iter().map(u8::to_ascii_lowercase));
        if word.len() > LONGEST_REMEMBERED {
            return computed(&self.permutations, &question[1..], sort);
        }
        remember(&mut self.texts, question, |question| computed(&self.permutations, &question[1..], sort))
    }
}

/// What sort of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Digits alone. A zero at the beginning stays one, and nothing else becomes one.
    Number,
    /// Letters alone.
    Name,
    /// Letters and digits, each of which stays what it is. Hexadecimal digits stay such, too.
    Token,
}

impl Sort {
    const fn letter(self) -> u8 {
        match self {
            Self::Number => b'#',
            Self::Name => b'A',
            Self::Token => b'%',
        }
    }
}

fn computed(permutations: &Permutations, word: &[u8], sort: Sort) -> Vec<u8> {
    let mut image = word.to_vec();
    // Nobody stays nobody, and nobody else becomes one.
    let is_nobody = |word: &[u8]| sort == Sort::Name && vocabulary::is_nobody(word);
    while !is_nobody(word) {
        let letters = letters(&image, sort);
        let mut choices: Vec<Choice> = letters.iter().map(|letter| letter.choice).collect();
        permutations.permute_text(&[sort.letter()], &mut choices);
        for (byte, (letter, choice)) in image.iter_mut().zip(letters.iter().zip(choices)) {
            *byte = letter.first + choice.index;
        }
        if !is_nobody(&image) {
            break;
        }
    }
    image
}

/// A character, as one of those that it may become.
struct Letter {
    first: u8,
    choice: Choice,
}

/// The characters of a word in lower case.
fn letters(word: &[u8], sort: Sort) -> Vec<Letter> {
    let hexadecimal = word.iter().all(u8::is_ascii_hexdigit);
    let is_continuation = |at: usize| word.get(at).is_some_and(|byte| (0x80..0xc0).contains(byte));
    let letter = |(at, byte): (usize, &u8)| {
        let (first, of) = match byte {
            b'0' if sort == Sort::Number && at == 0 => (b'0', 1),
            b'1'..=b'9' if sort == Sort::Number && at == 0 => (b'1', 9),
            b'0'..=b'9' => (b'0', 10),
            b'a'..=b'f' if sort == Sort::Token && hexadecimal => (b'a', 6),
            b'a'..=b'z' => (b'a', 26),
            // UTF-8: the last byte of a character becomes another, which leaves it a character as long; so does what is
            // no UTF-8. C2 begins signs, not letters.
            0x80..0xc0 if !is_continuation(at + 1) && (at == 0 || word[at - 1] != 0xc2) => (0x80, 64),
            0xc0.. if !is_continuation(at + 1) => (0xc0, 64),
            other => (*other, 1),
        };
        Letter { first, choice: Choice { index: byte - first, of } }
    };
    word.iter().enumerate().map(letter).collect()
}

/// Whether a word in lower case stays in text that a program wrote.
fn stays(word: &[u8], previous: &[u8]) -> bool {
    let number = word.iter().all(u8::is_ascii_digit);
    number && (word.len() <= 2 || previous.eq_ignore_ascii_case(b"outage")) || vocabulary::is_of_the_trade(word)
}

/// A character of a text and its place: one byte, or three of a `%` escape (RFC 3986 section 2.1).
#[derive(Debug, Clone)]
struct Unit {
    byte: u8,
    place: Range<usize>,
}

impl Unit {
    fn is_of_word(&self) -> bool {
        self.byte.is_ascii_alphanumeric() || !self.byte.is_ascii()
    }

    fn write(&self, text: &mut [u8], byte: u8) {
        match &mut text[self.place.clone()] {
            [plain] => *plain = byte,
            escape if byte != self.byte => escape.copy_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => {}
        }
    }
}

fn units(text: &[u8], escapes: bool) -> Vec<Unit> {
    let mut units = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = text.get(at + 1..at + 3).filter(|_| escapes && *byte == b'%').and_then(|digits| {
            let [high, low] = [digits[0], digits[1]].map(|digit| char::from(digit).to_digit(16));
            u8::try_from(16 * high? + low?).ok()
        });
        let (byte, len) = escaped.map_or((*byte, 1), |byte| (byte, 3));
        units.push(Unit { byte, place: at..at + len });
        at += len;
    }
    units
}

/// Writes hexadecimal digits over those of a text, in capitals if the text has any.
fn write_digits(text: &mut [u8], digits: impl Iterator<Item = u8>) {
    let upper = text.iter().any(u8::is_ascii_uppercase);
    for (byte, digit) in text.iter_mut().filter(|byte| byte.is_ascii_hexdigit()).zip(digits) {
        *byte = if upper { digit.to_ascii_uppercase() } else { digit };
    }
}

/// `8-4-4-4-12` hexadecimal digits at the beginning.
fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    text.get(..36).is_some_and(|uuid| uuid.iter().enumerate().all(fits))
        && !text.get(36).is_some_and(u8::is_ascii_alphanumeric)
}

/// Leaves nothing but lines.
pub fn blank(text: &mut [u8]) {
    for byte in text.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        *byte = MASK;
    }
}

/// What is known already, or is found out and remembered.
fn remember<K: Eq + Hash, V: Clone>(known: &mut HashMap<K, V>, question: K, answer: impl FnOnce(&K) -> V) -> V {
    if let Some(known) = known.get(&question) {
        return known.clone();
    }
    let answer = answer(&question);
    if known.len() >= MAX_REMEMBERED {
        known.clear();
    }
    known.insert(question, answer.clone());
    answer
}

#[cfg(test)]
mod tests;
