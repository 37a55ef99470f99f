//! How parameters are told apart: names with numbers in them, forms for one line, and names that are misspelt.

use super::known::PARAMETERS;

/// A parameter that phones know.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in normal form; `N` stands for a number.
    pub name: &'static str,
    /// `sip …` may be written `sip lineN …` for one line, N from 1 to 9.
    pub per_line: bool,
    /// What it can be set to.
    pub kind: Kind,
    /// What a phone takes if it is not set, as it would be written in a file.
    pub default: &'static str,
    /// Where that is from.
    pub source: &'static str,
}

/// What a parameter can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything; also what is not examined.
    Text,
    /// Digits that can be typed on the phone, or nothing; secret.
    Digits,
    /// Anything; secret.
    Secret,
    /// 0 or 1.
    Flag,
    /// An address or a name.
    Host,
    /// Addresses and names, separated by commas.
    Hosts,
    /// 0 to 65535; 0 leaves it to the phone.
    Port,
    /// A URI that the phone fetches.
    Uri,
    /// A whole number.
    Number {
        /// Lowest.
        min: u64,
        /// Highest.
        max: u64,
        /// Of what.
        unit: Unit,
        /// That the phone takes the nearest limit for a lower number is documented; otherwise it is assumed.
        raised: bool,
    },
    /// One of these words.
    Word(&'static [&'static str]),
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// Its symbol.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }
}

/// A name that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Which parameter.
    pub parameter: &'static Parameter,
    /// The line, from 1 to 9, for the form `sip lineN …`.
    pub line: Option<u8>,
    /// What stands for the `N`s of the parameter's name.
    pub numbers: Vec<u16>,
}

/// Why a name was not recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// It resembles this one.
    Misspelt(String),
    /// It names a line or a key beyond those that phones of these series have.
    NoSuchNumber,
    /// It can not be set for one line; this is its name.
    NotPerLine(&'static str),
    /// It is not among the parameters that are known here, which are not all that there are.
    Unlisted,
}

/// Highest line of a phone.
const LINES: u8 = 9;

/// Longest name that is compared with others, in bytes.
const LONGEST_NAME: usize = 64;

/// Families of numbered names and how far they go: 55 soft keys are the 6739i's, 60 keys those of an expansion module.
const NUMBERED: [(&str, u16); 6] =
    [("prgkey", 20), ("topsoftkey", 44), ("softkey", 55), ("expmod", 3), ("key", 60), ("language ", 20)];

/// Recognises a name in normal form.
pub fn recognise(name: &str) -> Option<Identified> {
    let listed = |name: &str| PARAMETERS.iter().find(|parameter| parameter.name == name);
    if let Some(parameter) = listed(name) {
        return Some(Identified { parameter, line: None, numbers: Vec::new() });
    }
    if let Some((number, rest)) = line_form(name) {
        let parameter = listed(&format!("sip {rest}")).filter(|parameter| parameter.per_line)?;
        let line = u8::try_from(number).ok().filter(|line| (1..=LINES).contains(line))?;
        return Some(Identified { parameter, line: Some(line), numbers: Vec::new() });
    }
    let (pattern, numbers) = without_numbers(name);
    let fit = limits(&pattern).zip(&numbers).all(|(limit, number)| (1..=limit).contains(number));
    let parameter = listed(&pattern).filter(|_| fit)?;
    Some(Identified { parameter, line: None, numbers })
}

/// Recognises a name in normal form, or says why it can not be; the latter takes long, as all names are compared.
///
/// # Errors
/// What is wrong with it.
pub fn identify(name: &str) -> Result<Identified, Unknown> {
    recognise(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Unknown {
    let listed = |name: &str| PARAMETERS.iter().find(|parameter| parameter.name == name);
    if let Some((number, rest)) = line_form(name) {
        let global = format!("sip {rest}");
        return match listed(&global) {
            Some(parameter) if parameter.per_line => Unknown::NoSuchNumber,
            Some(parameter) => Unknown::NotPerLine(parameter.name),
            None => likely(&global).map_or(Unknown::Unlisted, |likely| {
                Unknown::Misspelt(likely.replacen("sip ", &format!("sip line{number} "), 1))
            }),
        };
    }
    let (pattern, numbers) = without_numbers(name);
    if listed(&pattern).is_some() {
        return Unknown::NoSuchNumber;
    }
    let found = likely(&pattern).map(|likely| with_numbers(&likely, &numbers)).or_else(|| likely(name));
    found.map_or(Unknown::Unlisted, Unknown::Misspelt)
}

/// Takes `sip lineN rest` apart.
fn line_form(name: &str) -> Option<(u16, &str)> {
    let (number, rest) = name.strip_prefix("sip line")?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// The name with `N` for each number, and the numbers. A number beyond all sense becomes the highest.
fn without_numbers(name: &str) -> (String, Vec<u16>) {
    let (mut pattern, mut numbers) = (String::new(), Vec::new());
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        pattern.push_str(&rest[..start]);
        pattern.push('N');
        numbers.push(rest[start..digits].parse().unwrap_or(u16::MAX));
        rest = &rest[digits..];
    }
    pattern.push_str(rest);
    (pattern, numbers)
}

fn with_numbers(pattern: &str, numbers: &[u16]) -> String {
    numbers.iter().fold(pattern.to_owned(), |name, number| name.replacen('N', &number.to_string(), 1))
}

/// The highest number for each `N` of a pattern.
fn limits(pattern: &str) -> impl Iterator<Item = u16> {
    let before = pattern.match_indices('N').map(|(at, _)| &pattern[..at]);
    before.map(|before| {
        NUMBERED.iter().find(|(family, _)| before.ends_with(family)).map_or(u16::MAX, |(_, limit)| *limit)
    })
}

/// The known name that this one is a likely misspelling of.
fn likely(name: &str) -> Option<String> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let tolerated = if name.len() < 10 { 1 } else { 2 };
    PARAMETERS
        .iter()
        .filter(|parameter| parameter.name.len().abs_diff(name.len()) <= tolerated)
        .map(|parameter| (strsim::osa_distance(name, parameter.name), parameter.name))
        .filter(|(distance, _)| (1..=tolerated).contains(distance))
        .min()
        .map(|(_, name)| name.to_owned())
}
