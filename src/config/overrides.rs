//! `--set KEY=VALUE`: changes to a bench file from the command line, made before it is checked.

use std::{fmt, ops::Range, str::FromStr};

use toml::{
    Spanned,
    de::{DeArray, DeString, DeTable, DeValue},
};

use super::document::suggest;

/// Timers may be named without the section that they stand in.
const TIMERS: [&str; 5] = ["expires", "transaction", "renewal-lead", "retry-timeout", "retry-rejected"];

/// Most steps of a path: more than any entry of a file needs, and few enough for those who follow it into the depth.
const DEEPEST: usize = 16;

/// One override, as `timers.expires=10m` or `phone.p1.timers.transaction=8s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The path of keys; entries of array tables go by their name.
    pub key: String,
    /// A TOML value, or text without quotes.
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(Self { key: key.trim().to_owned(), value: value.trim().to_owned() })
            }
            _ => Err(format!("`{text}` is not KEY=VALUE; write it as `timers.expires=10m`")),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Why an override can not be applied.
pub(super) struct Unfit {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

/// Applies `text` (`KEY=VALUE`) to a document; its spans begin at `begin`.
pub(super) fn apply<'t>(tree: &mut DeTable<'t>, text: &'t str, begin: usize) -> Result<(), Unfit> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let mut steps = Vec::new();
    let mut at = begin;
    for step in key.split('.') {
        steps.push(Spanned::new(at..at + step.len(), step));
        at += step.len() + 1;
    }
    if steps.len() > DEEPEST {
        let message = format!("no entry lies {} steps deep", steps.len());
        return Err(Unfit {
            span: begin..begin + key.len(),
            message,
            help: "write it as `timers.expires=10m`".to_owned(),
        });
    }
    let value_span = begin + key.len() + 1..begin + text.len();
    let mut value = match DeValue::parse(value) {
        Ok(parsed) => moved(parsed, value_span.start),
        Err(_) => Spanned::new(value_span.clone(), DeValue::String(value.into())),
    };

    if let [only] = steps.as_slice() {
        if !TIMERS.contains(only.get_ref()) {
            let known: Vec<_> = TIMERS.into_iter().chain(["network.…", "server.NAME.…", "phone.NAME.…"]).collect();
            let help = suggest(only.get_ref(), &known);
            return Err(Unfit {
                span: only.span(),
                message: format!("`{only}` is no setting", only = only.get_ref()),
                help,
            });
        }
        steps.insert(0, Spanned::new(only.span(), "timers"));
    }
    // What is said on the command line counts for every phone, whatever the file says of some.
    if let [timers, timer] = steps.as_slice()
        && *timers.get_ref() == "timers"
        && let Some(DeValue::Array(phones)) = tree.get_mut("phone").map(Spanned::get_mut)
    {
        for phone in phones.iter_mut() {
            if let DeValue::Table(phone) = phone.get_mut()
                && let Some(DeValue::Table(own)) = phone.get_mut("timers").map(Spanned::get_mut)
            {
                own.remove(*timer.get_ref());
            }
        }
    }

    let Some((last, path)) = steps.split_last() else { return Ok(()) };
    let table = walk(tree, path)?;
    if let Some(DeValue::String(_)) = table.get(*last.get_ref()).map(Spanned::get_ref)
        && !matches!(value.get_ref(), DeValue::String(_))
    {
        value = Spanned::new(value_span, DeValue::String(text[key.len() + 1..].into()));
    }
    table.insert(Spanned::new(last.span(), (*last.get_ref()).into()), value);
    Ok(())
}

/// Goes down to the table that a path names; tables that do not exist are made, entries of arrays must exist.
fn walk<'a, 't>(tree: &'a mut DeTable<'t>, path: &[Spanned<&'t str>]) -> Result<&'a mut DeTable<'t>, Unfit> {
    let Some((step, rest)) = path.split_first() else { return Ok(tree) };
    let name = *step.get_ref();
    if name == "virtual"
        && let [list, entry, ..] = rest
        && ["phone", "server"].contains(list.get_ref())
    {
        make_entry(tree, step, list, entry);
    }
    if !tree.contains_key(name) {
        tree.insert(Spanned::new(step.span(), name.into()), Spanned::new(step.span(), DeValue::Table(DeTable::new())));
    }
    let unfit = |span, message| Unfit { span, message, help: "name a key of a table, as `timers.expires`".to_owned() };
    match tree.get_mut(name).map(Spanned::get_mut) {
        Some(DeValue::Table(table)) => walk(table, rest),
        Some(DeValue::Array(entries)) => {
            let Some((entry, rest)) = rest.split_first() else {
                return Err(unfit(step.span(), format!("`{name}` is a list; say which of its entries")));
            };
            let names: Vec<_> = entries.iter().map(|entry| name_of(entry).unwrap_or("").to_owned()).collect();
            let Some(index) = names.iter().position(|name| name == entry.get_ref()) else {
                let known: Vec<_> = names.iter().map(String::as_str).collect();
                return Err(Unfit {
                    span: entry.span(),
                    message: format!("there is no {name} `{}`", entry.get_ref()),
                    help: suggest(entry.get_ref(), &known),
                });
            };
            match entries.get_mut(index).map(Spanned::get_mut) {
                Some(DeValue::Table(table)) => walk(table, rest),
                _ => Err(unfit(entry.span(), format!("`{name}.{}` is not a table", entry.get_ref()))),
            }
        }
        _ => Err(unfit(step.span(), format!("`{name}` is a value and has no keys of its own"))),
    }
}

/// Phones and servers of a virtual bench are there without being mentioned: mentions one.
fn make_entry<'t>(tree: &mut DeTable<'t>, lab: &Spanned<&'t str>, list: &Spanned<&'t str>, entry: &Spanned<&'t str>) {
    let key = |step: &Spanned<&'t str>| Spanned::new(step.span(), (*step.get_ref()).into());
    let made = |value| Spanned::new(entry.span(), value);
    let lab = tree.entry(key(lab)).or_insert_with(|| made(DeValue::Table(DeTable::new())));
    let DeValue::Table(lab) = lab.get_mut() else { return };
    let list = lab.entry(key(list)).or_insert_with(|| made(DeValue::Array(DeArray::new())));
    let DeValue::Array(entries) = list.get_mut() else { return };
    if !entries.iter().any(|known| name_of(known) == Some(*entry.get_ref())) {
        let mut table = DeTable::new();
        table.insert(made_key(entry, "name"), made(DeValue::String((*entry.get_ref()).into())));
        entries.push(made(DeValue::Table(table)));
    }
}

/// A key that nobody wrote, at the place of the one that it is there for.
fn made_key<'t>(step: &Spanned<&'t str>, name: &'static str) -> Spanned<DeString<'t>> {
    Spanned::new(step.span(), name.into())
}

/// What the entry of an array of tables goes by.
fn name_of<'a>(entry: &'a Spanned<DeValue<'_>>) -> Option<&'a str> {
    let table = entry.get_ref().as_table()?;
    ["name", "extension"].into_iter().find_map(|key| table.get(key)?.get_ref().as_str())
}

/// A value parsed on its own, with its spans moved to where it stands in the whole.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span().start + by..value.span().end + by;
    let inner = match value.into_inner() {
        DeValue::Array(mut array) => {
            for element in array.iter_mut() {
                let taken = std::mem::replace(element, Spanned::new(0..0, DeValue::Boolean(false)));
                *element = moved(taken, by);
            }
            DeValue::Array(array)
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let span = key.span().start + by..key.span().end + by;
                    (Spanned::new(span, key.into_inner()), moved(value, by))
                })
                .collect(),
        ),
        plain => plain,
    };
    Spanned::new(span, inner)
}
