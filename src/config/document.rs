//! A TOML file with the place of every key and value, and the strict reading of it into raw types.
//!
//! Not here: what the values mean ([`check`](super::check)) and where files are looked for ([`load`](super::load)).

use std::{ops::Range, path::PathBuf};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Deserializer},
};

use super::{
    diagnostic::{Diagnostic, Diagnostics, Place},
    overrides::{self, Override},
};

/// Most findings of a document that are told. To place one, the text ahead of it is counted; whoever has so many to mend
/// begins with the first, and a file with more of them is hardly the one that was meant.
const MOST: usize = 100;

/// A file that was read and parsed, with the overrides that were applied to it.
#[derive(Debug, Clone)]
pub struct Document {
    segments: Vec<Segment>,
}

/// A text that spans point into: the file itself, then one for each override. Spans count bytes over all of them.
#[derive(Debug, Clone)]
struct Segment {
    origin: PathBuf,
    begin: usize,
    text: String,
}

impl Document {
    /// Parses the text of a file and applies overrides; `file` is what messages call it.
    ///
    /// # Errors
    /// Where it is not TOML, and overrides that lead nowhere in it.
    pub fn parse(file: PathBuf, text: String, overrides: &[Override]) -> Result<Self, Diagnostics> {
        let mut document = Self { segments: vec![Segment { origin: file, begin: 0, text }] };
        for change in overrides {
            let begin = document.segments.last().map_or(0, |last| last.begin + last.text.len() + 1);
            document.segments.push(Segment { origin: PathBuf::from("--set"), begin, text: change.to_string() });
        }
        let mut findings = Findings::new(&document);
        document.tree(&mut findings);
        findings.finish(()).map(|()| document)
    }

    /// Every entry with its span. Parsed anew for each reader, which takes it apart.
    fn tree(&self, findings: &mut Findings<'_>) -> Spanned<DeTable<'_>> {
        let Some((file, overrides)) = self.segments.split_first() else {
            return Spanned::new(0..0, DeTable::new());
        };
        let (mut tree, errors) = DeTable::parse_recoverable(&file.text);
        for error in errors {
            let mut lines = error.message().lines();
            let message = lines.next().unwrap_or("this is not TOML").to_owned();
            let rest: Vec<_> = lines.collect();
            let help =
                if rest.is_empty() { "TOML is described at https://toml.io".to_owned() } else { rest.join(", ") };
            findings.at(error.span().unwrap_or(0..0), message, help);
        }
        for change in overrides {
            if let Err(unfit) = overrides::apply(tree.get_mut(), &change.text, change.begin) {
                findings.at(unfit.span, unfit.message, unfit.help);
            }
        }
        tree
    }

    /// The file's name, as messages call it.
    pub fn file(&self) -> &std::path::Path {
        self.segments.first().map_or(std::path::Path::new(""), |segment| &segment.origin)
    }

    /// Whether the bench that it describes is a virtual one.
    pub fn is_virtual(&self) -> bool {
        let tree = self.tree(&mut Findings::new(self)).into_inner();
        let kind = tree.get("bench").and_then(|bench| bench.get_ref().get("kind")).or_else(|| tree.get("kind"));
        kind.and_then(|kind| kind.get_ref().as_str()) == Some("virtual")
    }

    /// Reads the document into a type that refuses unknown keys.
    ///
    /// # Errors
    /// Every entry that does not fit.
    pub fn read_as<T: DeserializeOwned + Default>(&self) -> Result<T, Diagnostics> {
        let mut findings = Findings::new(self);
        let value = self.read(&mut findings);
        findings.finish(value)
    }

    /// Reads the document into a raw type that refuses unknown keys. Each entry that does not fit becomes a finding
    /// and is left out, so that the entries after it are looked at too.
    pub(super) fn read<T: DeserializeOwned + Default>(&self, findings: &mut Findings<'_>) -> T {
        let mut tree = self.tree(findings);
        loop {
            let error = match T::deserialize(Deserializer::from(tree.clone())) {
                Ok(raw) => return raw,
                Err(error) => error,
            };
            let Some(span) = error.span() else {
                findings.push(0..0, error.message().to_owned(), None);
                return T::default();
            };
            if self.is_override(&span)
                && error.message().ends_with("expected a string")
                && amend_table(tree.get_mut(), &span, &|| {
                    Amendment::Replace(DeValue::String(self.text_of(&span).into()))
                })
            {
                continue;
            }
            let (message, help) = explain(error.message());
            findings.push(span.clone(), message, help);
            findings.incomplete = true;
            if findings.untold || !amend_table(tree.get_mut(), &span, &|| Amendment::Remove) {
                return T::default();
            }
        }
    }

    fn is_override(&self, span: &Range<usize>) -> bool {
        self.segments.get(1).is_some_and(|first| first.begin <= span.start)
    }

    fn segment(&self, span: &Range<usize>) -> Option<&Segment> {
        self.segments.iter().rev().find(|segment| segment.begin <= span.start)
    }

    fn text_of(&self, span: &Range<usize>) -> &str {
        self.segment(span)
            .and_then(|segment| segment.text.get(span.start - segment.begin..span.end - segment.begin))
            .unwrap_or("")
    }

    /// Where a span lies.
    pub(super) fn place(&self, span: &Range<usize>) -> Option<Place> {
        let segment = self.segment(span)?;
        let start = (span.start - segment.begin).min(segment.text.len());
        let before = segment.text.get(..start)?;
        let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let excerpt = segment.text.get(line_begin..)?.lines().next().unwrap_or("");
        // What is wrong with the end of a line, of two characters as it may be, is wrong behind what stands in it.
        let column = before.get(line_begin..)?.chars().count().min(excerpt.chars().count()) + 1;
        let on_this_line = excerpt.chars().count().saturating_sub(column - 1);
        let meant = segment.text.get(start..).and_then(|rest| rest.get(..span.end.saturating_sub(span.start)));
        let width = meant.unwrap_or("").chars().count().clamp(1, on_this_line.max(1));
        Some(Place {
            file: segment.origin.clone(),
            line: before.matches('\n').count() + 1,
            column,
            excerpt: excerpt.to_owned(),
            width,
        })
    }
}

/// Findings in one document, in the order in which they came up.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    document: &'a Document,
    list: Vec<Diagnostic>,
    /// Something was left out because it was wrong. What is missing now may be its consequence.
    pub(super) incomplete: bool,
    /// An outage was left out because it was wrong: what comes after it can not be held against it.
    pub(super) unread_outage: bool,
    /// There were more than [`MOST`].
    untold: bool,
    count: usize,
}

impl<'a> Findings<'a> {
    /// None yet.
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, list: Vec::new(), incomplete: false, unread_outage: false, untold: false, count: 0 }
    }

    /// Adds one.
    pub(super) fn push(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        if self.list.len() >= MOST {
            return self.pass_over();
        }
        let finding = Diagnostic { message, place: self.document.place(&span), help };
        self.extend(finding.into());
    }

    /// Adds one with advice.
    pub(super) fn at(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.push(span, message.into(), Some(help.into()));
    }

    /// Adds findings of another document, unless the same was said already.
    pub(super) fn extend(&mut self, other: Diagnostics) {
        for finding in other.0 {
            if self.list.len() >= MOST {
                self.pass_over();
            } else if !self.list.contains(&finding) {
                self.list.push(finding);
                self.count += 1;
            }
        }
    }

    fn pass_over(&mut self) {
        self.untold = true;
        self.count += 1;
    }

    /// How many there are, told or not.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The value, if nothing was found.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        if self.list.is_empty() { Ok(value) } else { Err(self.into()) }
    }
}

impl From<Findings<'_>> for Diagnostics {
    /// In the order of the file, so that a reader goes through it once; at the end, whether there are more.
    fn from(findings: Findings<'_>) -> Self {
        let mut list = findings.list;
        list.sort_by_key(|finding| finding.place.as_ref().map(|place| (place.file.clone(), place.line, place.column)));
        if findings.untold {
            list.push(Diagnostic::nowhere(format!("more than {MOST} things are wrong"), "correct these first"));
        }
        Self(list)
    }
}

/// What serde says, for people: what is wrong, and what to do.
fn explain(message: &str) -> (String, Option<String>) {
    for (kind, name) in [("unknown field `", "key"), ("unknown variant `", "word")] {
        if let Some((unknown, rest)) = message.strip_prefix(kind).and_then(|rest| rest.split_once('`')) {
            let known: Vec<_> = rest.split('`').skip(1).step_by(2).collect();
            return (format!("unknown {name} `{unknown}`"), Some(suggest(unknown, &known)));
        }
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        let expected = match expected {
            "i64" | "u64" | "u32" | "u16" | "u8" => "a whole number",
            "a map" => "a table",
            "a TOML datetime" => "a day",
            other => other,
        };
        let help = match (expected, found.split_once(' ')) {
            ("a whole number", Some(("string", _))) => "write a number without quotes".to_owned(),
            ("a string", Some(("integer" | "floating" | "boolean", _))) => "put it in quotes".to_owned(),
            ("a day", _) => "write it without quotes, as 2026-12-31".to_owned(),
            ("a sequence", _) => "put it in brackets: `[…]`".to_owned(),
            _ => format!("write {expected} here"),
        };
        return (format!("expected {expected}, found {found}"), Some(help));
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid value: integer `").and_then(|rest| rest.split_once("`, expected "))
    {
        let most = match expected {
            "u8" => u64::from(u8::MAX),
            "u16" => u64::from(u16::MAX),
            "u32" => u64::from(u32::MAX),
            _ => i64::MAX.cast_unsigned(),
        };
        return (format!("{found} is out of range"), Some(format!("write a whole number from 0 to {most}")));
    }
    (message.to_owned(), Some("remove it, or write it as the other entries".to_owned()))
}

/// Advice on a word that is not known: the likely one, or all of them.
pub fn suggest(unknown: &str, known: &[&str]) -> String {
    let likely = known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(unknown, word), word))
        .min()
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4);
    match likely {
        Some((_, word)) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "there is nothing that it could mean; remove it".to_owned(),
        None => {
            let words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("known here: {}", words.join(", "))
        }
    }
}

/// What becomes of an entry that did not fit.
enum Amendment<'t> {
    Remove,
    Replace(DeValue<'t>),
}

/// Finds the innermost entry at a span and amends it. False if there is none.
fn amend_table<'t>(table: &mut DeTable<'t>, span: &Range<usize>, how: &dyn Fn() -> Amendment<'t>) -> bool {
    for (_, value) in table.iter_mut() {
        if amend_within(value.get_mut(), span, how) {
            return true;
        }
    }
    let found = table.iter().find(|(key, value)| key.span() == *span || value.span() == *span);
    let Some((key, amendment)) = found.map(|(key, _)| (key.get_ref().to_string(), how())) else {
        return false;
    };
    match amendment {
        Amendment::Remove => drop(table.remove(key.as_str())),
        Amendment::Replace(new) => {
            if let Some(value) = table.get_mut(key.as_str()) {
                *value.get_mut() = new;
            }
        }
    }
    true
}

fn amend_within<'t>(value: &mut DeValue<'t>, span: &Range<usize>, how: &dyn Fn() -> Amendment<'t>) -> bool {
    match value {
        DeValue::Table(table) => amend_table(table, span, how),
        DeValue::Array(array) => {
            if array.iter_mut().any(|element| amend_within(element.get_mut(), span, how)) {
                return true;
            }
            let Some(index) = array.iter().position(|element| element.span() == *span) else {
                return false;
            };
            match how() {
                Amendment::Replace(new) => {
                    if let Some(element) = array.get_mut(index) {
                        *element.get_mut() = new;
                    }
                }
                Amendment::Remove => {
                    let all = std::mem::replace(array, DeArray::new()).into_iter().enumerate();
                    *array = all.filter(|(at, _)| *at != index).map(|(_, element)| element).collect();
                }
            }
            true
        }
        _ => false,
    }
}
