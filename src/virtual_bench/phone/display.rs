//! The display of a simulated phone and the keys that move through it.

use std::net::IpAddr;

use super::{
    call::CallState,
    form::Form,
    menu::{Entry, Menu, Order},
    registration::Status,
};
use crate::wire::aastra_xml::{SoftKey, TextScreen};

/// Longest number that can be dialled.
const LONGEST: usize = 40;
/// Wrong passwords that lead back to idle.
const TRIES: u8 = 3;

/// What the display shows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its extension; empty while nobody is logged on.
    pub extension: String,
    /// Registered or not.
    pub status: Status,
    /// Where.
    pub server: Option<IpAddr>,
    /// That is the backup.
    pub on_backup: bool,
    /// The other end of its call, and how that stands.
    pub call: Option<(String, CallState)>,
}

/// What keys make the phone do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Dial what was typed.
    Dial(String),
    /// Carry out what a menu offers.
    Order(Order),
    /// Fetch an address of the XML interface.
    Fetch(String),
}

/// A page of the display.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Page {
    #[default]
    Idle,
    /// A number is being typed.
    Dialling(String),
    /// A list, and which entry is the current one.
    List(Menu, usize),
    Registration,
    /// The administrator's password: what was typed, and how often it was wrong.
    Password(String, u8),
    /// Is that meant?
    Question(Order),
    /// A form of the XML interface.
    Form(Form),
    /// A message, until any key. Digits stand for soft keys with addresses.
    Notice(String, Vec<SoftKey>),
}

/// The display.
#[derive(Debug, Default)]
pub struct Display {
    page: Page,
    shown: String,
}

impl Display {
    /// A key went down.
    pub fn press(&mut self, key: &str, password: &str) -> Option<Wish> {
        let number = key.parse::<usize>().ok().filter(|number| *number <= 9);
        let is_pad = number.is_some() || matches!(key, "star" | "pound");
        match (&mut self.page, key) {
            (_, "goodbye") => self.page = Page::Idle,
            (Page::List(Menu::Options, _), "options") => self.page = Page::Idle,
            (_, "options") => self.page = Page::List(Menu::Options, 0),
            (Page::Notice(_, soft_keys), _) => {
                let chosen = soft_keys.iter().find(|soft_key| Some(usize::from(soft_key.index)) == number);
                let address = chosen.map(|soft_key| soft_key.uri.clone());
                self.page = Page::Idle;
                return address.map(Wish::Fetch);
            }
            (Page::Form(form), _) if is_pad => {
                let address = form.press(key)?;
                self.page = Page::Notice("Please wait".to_owned(), Vec::new());
                return Some(Wish::Fetch(address));
            }
            (Page::List(menu, cursor), "navdown") => {
                *cursor = (*cursor + 1).min(menu.entries().len().saturating_sub(1));
            }
            (Page::List(_, cursor), "navup") => *cursor = cursor.saturating_sub(1),
            (Page::List(_, cursor), "navright") => {
                let entry = *cursor;
                self.enter(entry);
            }
            (Page::List(menu, _), "navleft") => {
                self.page = menu.above().map_or(Page::Idle, |above| Page::List(above, 0));
            }
            (Page::List(..), _) => {
                if let Some(entry) = number.and_then(|number| number.checked_sub(1)) {
                    self.enter(entry);
                }
            }
            (Page::Registration, "navleft") => self.page = Page::List(Menu::PhoneStatus, 0),
            (Page::Password(..) | Page::Question(_), "navleft") => self.page = Page::List(Menu::Options, 0),
            (Page::Password(typed, tries), "pound") => {
                self.page = if typed == password {
                    Page::List(Menu::Administrator, 0)
                } else if *tries + 1 == TRIES {
                    Page::Idle
                } else {
                    Page::Password(String::new(), *tries + 1)
                };
            }
            (Page::Password(typed, _), _) if number.is_some() && typed.len() < LONGEST => typed.push_str(key),
            (Page::Question(order), "pound") => {
                let order = *order;
                self.page = Page::Idle;
                return Some(Wish::Order(order));
            }
            (Page::Idle, _) if is_pad => self.page = Page::Dialling(symbol(key).to_owned()),
            (Page::Dialling(typed), _) if is_pad => return self.type_on(key),
            _ => {}
        }
        None
    }

    /// The telephone is off the hook, and somebody may dial.
    pub fn off_hook(&mut self) {
        if !matches!(self.page, Page::Dialling(_)) {
            self.page = Page::Dialling(String::new());
        }
    }

    /// What was dialled so far; none if nobody is dialling.
    pub fn dialled(&self) -> Option<&str> {
        match &self.page {
            Page::Dialling(typed) => Some(typed),
            _ => None,
        }
    }

    /// Back to the idle page.
    pub fn clear(&mut self) {
        self.page = Page::Idle;
    }

    /// Opens a form.
    pub fn fill_in(&mut self, form: Form) {
        self.page = Page::Form(form);
    }

    /// Shows a message.
    pub fn notice(&mut self, text: impl Into<String>) {
        self.page = Page::Notice(text.into(), Vec::new());
    }

    /// Shows a text with what can be done about it.
    pub fn read(&mut self, screen: TextScreen) {
        let keys = screen.soft_keys.iter().map(|soft_key| format!(" | {}. {}", soft_key.index, soft_key.label));
        let text = format!("{} | {}{}", screen.title, screen.text, keys.collect::<String>());
        self.page = Page::Notice(text, screen.soft_keys);
    }

    /// What is shown now, as one line.
    pub fn text(&self, accounts: &[Account]) -> String {
        match &self.page {
            Page::Idle => idle(accounts),
            // The digits stay out of the log: PINs are dialled, too.
            Page::Dialling(typed) => format!("Dial> {}", "#".repeat(typed.len())),
            Page::List(menu, cursor) => {
                let entry = menu.entries().get(*cursor).map_or("", |(name, _)| name);
                format!("{} | {}. {entry}", menu.title(), cursor + 1)
            }
            Page::Registration => accounts.iter().fold("Registration Status".to_owned(), |text, account| {
                let server = account.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
                let backup = if account.on_backup { "Yes" } else { "No" };
                format!("{text} | {} {} {server} Backup: {backup}", account.extension, status_text(account.status))
            }),
            Page::Password(typed, tries) => {
                let wrong = if *tries > 0 && typed.is_empty() { "Wrong password | " } else { "" };
                format!("{wrong}Enter Password: {}", "#".repeat(typed.len()))
            }
            Page::Question(order) => order.question().to_owned(),
            Page::Form(form) => form.text(),
            Page::Notice(text, _) => text.clone(),
        }
    }

    /// What is shown now, if it differs from the last time this was called.
    pub fn changed(&mut self, accounts: &[Account]) -> Option<String> {
        let text = self.text(accounts);
        (text != self.shown).then(|| {
            self.shown.clone_from(&text);
            text
        })
    }

    /// A further key while dialling. A code that begins with star or pound ends with a pound of its own; any other
    /// number ends before it.
    fn type_on(&mut self, key: &str) -> Option<Wish> {
        let Page::Dialling(typed) = &mut self.page else { return None };
        let is_code = typed.starts_with(['*', '#']);
        if (key != "pound" || typed.is_empty() || is_code) && typed.len() < LONGEST {
            typed.push_str(symbol(key));
        }
        if key != "pound" || typed.len() < 2 {
            return None;
        }
        let typed = std::mem::take(typed);
        self.page = Page::Idle;
        Some(Wish::Dial(typed))
    }

    /// Opens an entry of a list; those that lead nowhere only become the current one.
    fn enter(&mut self, entry: usize) {
        let Page::List(menu, cursor) = &mut self.page else { return };
        self.page = match menu.entries().get(entry).map(|(_, entry)| *entry) {
            Some(Entry::Menu(menu)) => Page::List(menu, 0),
            Some(Entry::Registration) => Page::Registration,
            Some(Entry::Password) => Page::Password(String::new(), 0),
            Some(Entry::Ask(order)) => Page::Question(order),
            Some(Entry::Nowhere) => {
                *cursor = entry;
                return;
            }
            None => return,
        };
    }
}

fn idle(accounts: &[Account]) -> String {
    accounts.iter().fold("Idle".to_owned(), |text, account| {
        let name = if account.extension.is_empty() { "Log On" } else { &account.extension };
        let service = if matches!(account.status, Status::Registered | Status::Idle) { "" } else { " No Service" };
        let call = account.call.as_ref().map_or_else(String::new, |(other, state)| {
            let state = match state {
                CallState::Calling => "Calling",
                CallState::RingsThere => "Ringing at",
                CallState::RingsHere => "Call from",
                CallState::Up => "Connected",
                CallState::Held => "Held",
            };
            format!(" {state} {other}")
        });
        format!("{text} | {name}{service}{call}")
    })
}

fn symbol(key: &str) -> &str {
    match key {
        "star" => "*",
        "pound" => "#",
        digit => digit,
    }
}

/// The status as the web page and the console write it.
pub fn status_text(status: Status) -> String {
    match status {
        Status::Idle => "-".to_owned(),
        Status::Registering => "Registering".to_owned(),
        Status::Registered => "Registered".to_owned(),
        Status::NoService => "No Service".to_owned(),
        Status::Rejected(code) => code.to_string(),
    }
}
