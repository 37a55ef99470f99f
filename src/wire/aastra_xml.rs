//! Objects of the Aastra XML API, as applications send them to phones: by HTTP answer, by HTTP POST, or in a NOTIFY with
//! `Event: aastra-xml`.
//!
//! The objects and their elements are those of the maker's guide PA-001011 (XML API for Aastra SIP phones). What a phone
//! would ignore is ignored here: unknown elements and attributes. Reading never expands an entity, and is bounded in size,
//! depth and number of elements.
//!
//! Not here: HTTP, and what a phone does with an object.

mod post;
mod tree;
mod uri;

pub use post::{Objection, from_post, push, to_post};
pub use uri::{ExecuteUri, Led, PhoneCommand};

use self::tree::Element;

/// Longest document that is read, in bytes. Old firmware of real phones refuses more than 2150.
pub const MAX_DOCUMENT: usize = 65_536;

/// What the bytes of an object are called in HTTP and in a NOTIFY.
pub const CONTENT_TYPE: &str = "text/xml";

/// Why bytes are no object. Never quotes them, as they may hold passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More than [`MAX_DOCUMENT`] bytes.
    #[error("an XML object of more than {MAX_DOCUMENT} bytes; send smaller ones")]
    TooLong,
    /// Elements within elements without end, or too many of them.
    #[error("an XML object with too many elements, at byte {0}")]
    TooMuch(usize),
    /// Not well-formed.
    #[error("no well-formed XML, at byte {0}")]
    Malformed(usize),
    /// A document type, or an entity other than XML's own five: a phone needs neither.
    #[error("a document type or an entity of its own, at byte {0}; neither is read")]
    Entity(usize),
    /// Well-formed, but of a name that is not known here.
    #[error("an XML document that is no object of the Aastra XML API known here")]
    UnknownObject,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// Something to do.
    Execute(Execute),
    /// Settings to take over.
    Configuration(Configuration),
    /// A form to fill in.
    InputScreen(InputScreen),
    /// A text to show.
    TextScreen(TextScreen),
    /// Messages for the idle screen.
    Status(Status),
}

/// `AastraIPPhoneExecute`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Execute {
    /// `triggerDestroyOnExit`: objects on the display that are marked so go away.
    pub destroys_on_exit: bool,
    /// What is done, in this order.
    pub items: Vec<ExecuteItem>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteItem {
    /// What.
    pub uri: ExecuteUri,
    /// `interruptCall`: whether it is done during a call; none if it says nothing.
    pub interrupts_call: Option<bool>,
}

/// `AastraIPPhoneConfiguration`. Its `Debug` form leaves the values out, as some are passwords.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Names, as in the configuration files, and values, in this order.
    pub items: Vec<(String, String)>,
}

/// `AastraIPPhoneInputScreen`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputScreen {
    /// Its title.
    pub title: String,
    /// Where the phone sends what was entered, as a query.
    pub url: String,
    /// What is asked for. The old form with one field in the root element is read as one field.
    pub fields: Vec<InputField>,
}

/// A field of an input screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputField {
    /// What is shown before it.
    pub prompt: String,
    /// Its name in the query.
    pub parameter: String,
    /// What it holds at first.
    pub default: String,
    /// `type="number"`: only digits can be entered.
    pub number: bool,
    /// `password="yes"`: what is entered is not shown.
    pub password: bool,
}

/// `AastraIPPhoneTextScreen`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextScreen {
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Keys below it.
    pub soft_keys: Vec<SoftKey>,
}

/// A key of a screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoftKey {
    /// Which, from 1.
    pub index: u8,
    /// What is shown beside it.
    pub label: String,
    /// What it does: an address to fetch, or a word of the phone's own as `SoftKey:Exit`.
    pub uri: String,
}

/// `AastraIPPhoneStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whose messages they are; each session has its own.
    pub session: String,
    /// Place and text; an empty text removes the message there.
    pub messages: Vec<(u8, String)>,
}

impl Object {
    /// Reads a document.
    ///
    /// # Errors
    /// If it is too large, not well-formed, or none of the objects above.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let root = tree::parse(bytes)?;
        Ok(match root.name.as_str() {
            "AastraIPPhoneExecute" => Self::Execute(Execute::from_tree(&root)),
            "AastraIPPhoneConfiguration" => Self::Configuration(Configuration::from_tree(&root)),
            "AastraIPPhoneInputScreen" => Self::InputScreen(InputScreen::from_tree(&root)),
            "AastraIPPhoneTextScreen" => Self::TextScreen(TextScreen::from_tree(&root)),
            "AastraIPPhoneStatus" => Self::Status(Status::from_tree(&root)),
            _ => return Err(XmlError::UnknownObject),
        })
    }

    /// The document. Characters that XML can not carry (most control characters) are left out.
    pub fn to_xml(&self) -> String {
        match self {
            Self::Execute(object) => object.to_tree(),
            Self::Configuration(object) => object.to_tree(),
            Self::InputScreen(object) => object.to_tree(),
            Self::TextScreen(object) => object.to_tree(),
            Self::Status(object) => object.to_tree(),
        }
        .document()
    }
}

impl Execute {
    /// Things to do, one after the other.
    pub fn of(uris: impl IntoIterator<Item = ExecuteUri>) -> Self {
        let items = uris.into_iter().map(|uri| ExecuteItem { uri, interrupts_call: None }).collect();
        Self { destroys_on_exit: false, items }
    }

    fn from_tree(root: &Element) -> Self {
        let items = root.all("ExecuteItem").map(|item| ExecuteItem {
            uri: ExecuteUri::read(item.attribute("URI").unwrap_or_default()),
            interrupts_call: item.attribute("interruptCall").map(is_yes),
        });
        Self { destroys_on_exit: root.says_yes("triggerDestroyOnExit"), items: items.collect() }
    }

    fn to_tree(&self) -> Element {
        let mut root = Element::new("AastraIPPhoneExecute");
        if self.destroys_on_exit {
            root = root.with("triggerDestroyOnExit", "yes");
        }
        self.items.iter().fold(root, |root, item| {
            let element = Element::new("ExecuteItem").with("URI", &item.uri.to_string());
            root.holding(match item.interrupts_call {
                Some(interrupts) => element.with("interruptCall", if interrupts { "yes" } else { "no" }),
                None => element,
            })
        })
    }
}

impl std::fmt::Debug for Configuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.items.iter().map(|(name, _)| name).collect();
        f.debug_struct("Configuration").field("names", &names).finish_non_exhaustive()
    }
}

impl Configuration {
    /// The value that a setting is to take; names are not case-sensitive. Of several the last counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.items.iter().rev().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn from_tree(root: &Element) -> Self {
        let items = root.all("ConfigurationItem").map(|item| (item.text_of("Parameter"), item.text_of("Value")));
        Self { items: items.filter(|(name, _)| !name.is_empty()).collect() }
    }

    fn to_tree(&self) -> Element {
        self.items.iter().fold(Element::new("AastraIPPhoneConfiguration"), |root, (name, value)| {
            root.holding(
                Element::new("ConfigurationItem")
                    .holding(Element::new("Parameter").saying(name))
                    .holding(Element::new("Value").saying(value)),
            )
        })
    }
}

impl InputScreen {
    fn from_tree(root: &Element) -> Self {
        let mut fields: Vec<_> = root.all("InputField").map(InputField::from_tree).collect();
        if fields.is_empty() && root.all("Parameter").next().is_some() {
            fields.push(InputField::from_tree(root));
        }
        fields.retain(|field| !field.parameter.is_empty());
        Self { title: root.text_of("Title"), url: root.text_of("URL"), fields }
    }

    fn to_tree(&self) -> Element {
        let root = Element::new("AastraIPPhoneInputScreen")
            .with("type", "string")
            .holding(Element::new("Title").saying(&self.title))
            .holding(Element::new("URL").saying(&self.url));
        self.fields.iter().fold(root, |root, field| root.holding(field.to_tree()))
    }
}

impl InputField {
    fn from_tree(element: &Element) -> Self {
        Self {
            prompt: element.text_of("Prompt"),
            parameter: element.text_of("Parameter"),
            default: element.text_of("Default"),
            number: element.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("number")),
            password: element.says_yes("password"),
        }
    }

    fn to_tree(&self) -> Element {
        let mut field = Element::new("InputField").with("type", if self.number { "number" } else { "string" });
        if self.password {
            field = field.with("password", "yes");
        }
        field
            .holding(Element::new("Prompt").saying(&self.prompt))
            .holding(Element::new("Parameter").saying(&self.parameter))
            .holding(Element::new("Default").saying(&self.default))
    }
}

impl TextScreen {
    fn from_tree(root: &Element) -> Self {
        let soft_keys = root.all("SoftKey").map(|key| SoftKey {
            index: key.number("index"),
            label: key.text_of("Label"),
            uri: key.text_of("URI"),
        });
        Self { title: root.text_of("Title"), text: root.text_of("Text"), soft_keys: soft_keys.collect() }
    }

    fn to_tree(&self) -> Element {
        let root = Element::new("AastraIPPhoneTextScreen")
            .holding(Element::new("Title").saying(&self.title))
            .holding(Element::new("Text").saying(&self.text));
        self.soft_keys.iter().fold(root, |root, key| {
            root.holding(
                Element::new("SoftKey")
                    .with("index", &key.index.to_string())
                    .holding(Element::new("Label").saying(&key.label))
                    .holding(Element::new("URI").saying(&key.uri)),
            )
        })
    }
}

impl Status {
    fn from_tree(root: &Element) -> Self {
        let messages = root.all("Message").map(|message| (message.number("index"), message.text.clone()));
        Self { session: root.text_of("Session"), messages: messages.collect() }
    }

    fn to_tree(&self) -> Element {
        let root = Element::new("AastraIPPhoneStatus").holding(Element::new("Session").saying(&self.session));
        self.messages.iter().fold(root, |root, (index, text)| {
            root.holding(Element::new("Message").with("index", &index.to_string()).saying(text))
        })
    }
}

fn is_yes(text: &str) -> bool {
    text.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests;
