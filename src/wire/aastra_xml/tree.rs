//! Elements, attributes and text: the little of XML that the objects need, with bounds.

use quick_xml::{
    Reader, XmlVersion,
    escape::{escape, resolve_xml_entity},
    events::{BytesStart, Event},
};

use super::{MAX_DOCUMENT, XmlError, is_yes};

/// Deepest nesting; the objects need three.
const MAX_DEPTH: usize = 8;

/// Most elements and attributes of a document.
const MAX_PARTS: usize = 2000;

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
    /// Its own text, without that of its children, trimmed.
    pub text: String,
    children: Vec<Element>,
}

impl Element {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, attribute: &str, value: &str) -> Self {
        self.attributes.push((attribute.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn saying(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    #[must_use]
    pub fn holding(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Text of the first child of that name; empty without one.
    pub fn text_of(&self, name: &str) -> String {
        self.all(name).next().map(|child| child.text.clone()).unwrap_or_default()
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn says_yes(&self, attribute: &str) -> bool {
        self.attribute(attribute).is_some_and(is_yes)
    }

    /// A number in an attribute; 0 if there is none.
    pub fn number(&self, attribute: &str) -> u8 {
        self.attribute(attribute).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// As a document of its own.
    pub fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            for part in [" ", name, "=\"", &in_attribute(value), "\""] {
                out.push_str(part);
            }
        }
        if self.text.is_empty() && self.children.is_empty() {
            return out.push_str("/>");
        }
        out.push('>');
        out.push_str(&in_text(&self.text));
        for child in &self.children {
            child.write(out);
        }
        for part in ["</", &self.name, ">"] {
            out.push_str(part);
        }
    }
}

/// As it stands between tags: a carriage return that is not named is read as a line feed (section 2.11).
fn in_text(text: &str) -> String {
    escape(carried(text)).replace('\r', "&#13;")
}

/// As it stands in an attribute, where white space that is not named is read as a space (section 3.3.3).
fn in_attribute(text: &str) -> String {
    in_text(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Without the characters that XML 1.0 can not carry in any way (section 2.2).
fn carried(text: &str) -> String {
    text.chars().filter(|char| is_carried(*char)).collect()
}

/// Whether XML 1.0 can carry a character (section 2.2, `Char`).
fn is_carried(char: char) -> bool {
    match char {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => !other.is_ascii_control() || other == '\u{7f}',
    }
}

/// Reads a document into its root element.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(XmlError::TooLong);
    }
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim());
    let mut parts = 0;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(MAX_DOCUMENT);
        let malformed = XmlError::Malformed(at);
        let event = reader.read_event().map_err(|_| malformed)?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(malformed);
                }
                open.push(element(&start, at, &mut parts)?);
                if open.len() > MAX_DEPTH {
                    return Err(XmlError::TooMuch(at));
                }
            }
            Event::Empty(start) => {
                let element = element(&start, at, &mut parts)?;
                close(element, &mut open, &mut root).ok_or(malformed)?;
            }
            Event::End(_) => {
                let mut element = open.pop().ok_or(malformed)?;
                let trimmed = element.text.trim();
                if trimmed.len() != element.text.len() {
                    element.text = trimmed.to_owned();
                }
                close(element, &mut open, &mut root).ok_or(malformed)?;
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|_| malformed)?;
                say(&text, &mut open).ok_or(malformed)?;
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|_| malformed)?;
                say(&text, &mut open).ok_or(malformed)?;
            }
            Event::GeneralRef(reference) => {
                let char = reference.resolve_char_ref().map_err(|_| malformed)?;
                let text = match char {
                    Some(char) => char.to_string(),
                    None => {
                        let name = reference.decode().map_err(|_| malformed)?;
                        resolve_xml_entity(&name).ok_or(XmlError::Entity(at))?.to_owned()
                    }
                };
                say(&text, &mut open).ok_or(malformed)?;
            }
            Event::DocType(_) => return Err(XmlError::Entity(at)),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => {
                // An element that is still open is not told by the reader.
                return if open.is_empty() { root.ok_or(malformed) } else { Err(malformed) };
            }
        }
    }
}

fn element(start: &BytesStart<'_>, at: usize, parts: &mut usize) -> Result<Element, XmlError> {
    let malformed = XmlError::Malformed(at);
    let name = |bytes: &[u8]| str::from_utf8(bytes).map(str::to_owned).map_err(|_| malformed);
    let mut element = Element { name: name(start.name().as_ref())?, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| malformed)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| malformed)?;
        if !value.chars().all(is_carried) {
            return Err(malformed);
        }
        element.attributes.push((name(attribute.key.as_ref())?, value.into_owned()));
        *parts += 1;
    }
    *parts += 1;
    if *parts > MAX_PARTS { Err(XmlError::TooMuch(at)) } else { Ok(element) }
}

/// Puts a complete element where it belongs; none if that is behind the root element.
fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Option<()> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None if root.is_none() => *root = Some(element),
        None => return None,
    }
    Some(())
}

/// Adds to the text of the element that is open; none if text stands outside of any, or holds what none may hold.
fn say(text: &str, open: &mut [Element]) -> Option<()> {
    if !text.chars().all(is_carried) {
        return None;
    }
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None => return text.trim().is_empty().then_some(()),
    }
    Some(())
}
