//! The display of a simulated phone and the keys that move through it.
//!
//! The menu's order is the 6731i's as far as guides show it; its page of registrations is invented.

use std::net::IpAddr;

use super::line::Status;

/// What the display shows of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its extension.
    pub extension: String,
    /// Registered or not.
    pub status: Status,
    /// Where.
    pub server: Option<IpAddr>,
    /// That is the backup.
    pub on_backup: bool,
}

/// A page of the display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Page {
    #[default]
    Idle,
    Dialling,
    Options,
    PhoneStatus,
    Registration,
}

const OPTIONS: [&str; 7] = [
    "Call Forward",
    "Preferences",
    "Phone Status",
    "User Password",
    "Administrator Menu",
    "Restart Phone",
    "Phone Lock",
];
const PHONE_STATUS: [&str; 6] =
    ["IP & MAC Addresses", "LAN Port", "PC Port", "Firmware Info", "Error Messages", "Registration Status"];

/// The display.
#[derive(Debug, Default)]
pub struct Display {
    page: Page,
    cursor: usize,
    dialled: usize,
    shown: String,
}

impl Display {
    /// A key went down.
    pub fn press(&mut self, key: &str) {
        let digit = key.strip_prefix("keypad").unwrap_or(key);
        let number = digit.parse::<usize>().ok().filter(|number| *number <= 9);
        match (self.page, key) {
            (_, "options") if self.page == Page::Options => self.go(Page::Idle),
            (_, "options") => self.go(Page::Options),
            (_, "goodbye") => self.go(Page::Idle),
            (Page::Options | Page::PhoneStatus, "navdown") => {
                self.cursor = (self.cursor + 1).min(self.entries().len().saturating_sub(1));
            }
            (Page::Options | Page::PhoneStatus, "navup") => self.cursor = self.cursor.saturating_sub(1),
            (Page::Options | Page::PhoneStatus, "navright") => self.enter(self.cursor),
            (Page::Options, "navleft") => self.go(Page::Idle),
            (Page::PhoneStatus, "navleft") => self.go(Page::Options),
            (Page::Registration, "navleft") => self.go(Page::PhoneStatus),
            (Page::Options | Page::PhoneStatus, _) => {
                if let Some(entry) = number.and_then(|number| number.checked_sub(1)) {
                    self.enter(entry);
                }
            }
            (Page::Idle | Page::Dialling, _) if number.is_some() || matches!(digit, "star" | "pound") => {
                self.page = Page::Dialling;
                self.dialled = (self.dialled + 1).min(40);
            }
            _ => {}
        }
    }

    /// What is shown now, as one line.
    pub fn text(&self, accounts: &[Account]) -> String {
        match self.page {
            Page::Idle => accounts.iter().fold("Idle".to_owned(), |text, account| {
                let service = if account.status == Status::Registered { "" } else { " No Service" };
                format!("{text} | {}{service}", account.extension)
            }),
            // The digits stay out of the log: PINs are dialled, too.
            Page::Dialling => format!("Dial> {}", "#".repeat(self.dialled)),
            Page::Options => self.menu("Options", &OPTIONS),
            Page::PhoneStatus => self.menu("Phone Status", &PHONE_STATUS),
            Page::Registration => accounts.iter().fold("Registration Status".to_owned(), |text, account| {
                let server = account.server.map_or_else(|| "-".to_owned(), |server| server.to_string());
                let backup = if account.on_backup { "Yes" } else { "No" };
                format!("{text} | {} {} {server} Backup: {backup}", account.extension, status_text(account.status))
            }),
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

    fn go(&mut self, page: Page) {
        (self.page, self.cursor, self.dialled) = (page, 0, 0);
    }

    fn entries(&self) -> &'static [&'static str] {
        match self.page {
            Page::Options => &OPTIONS,
            Page::PhoneStatus => &PHONE_STATUS,
            Page::Idle | Page::Dialling | Page::Registration => &[],
        }
    }

    /// Opens an entry of the menu; those without a page of their own only become the current one.
    fn enter(&mut self, entry: usize) {
        match (self.page, self.entries().get(entry)) {
            (Page::Options, Some(&"Phone Status")) => self.go(Page::PhoneStatus),
            (Page::PhoneStatus, Some(&"Registration Status")) => self.go(Page::Registration),
            (_, Some(_)) => self.cursor = entry,
            (_, None) => {}
        }
    }

    fn menu(&self, title: &str, entries: &[&str]) -> String {
        let entry = entries.get(self.cursor).copied().unwrap_or_default();
        format!("{title} | {}. {entry}", self.cursor + 1)
    }
}

/// The status as the web page and the console write it.
pub fn status_text(status: Status) -> String {
    match status {
        Status::Registering => "Registering".to_owned(),
        Status::Registered => "Registered".to_owned(),
        Status::NoService => "No Service".to_owned(),
        Status::Rejected(code) => code.to_string(),
    }
}
