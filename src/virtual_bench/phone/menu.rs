//! The menus of a simulated phone.
//!
//! The order of the options is the 6731i's as far as guides show it, and so is the rule that three wrong passwords lead
//! back to idle (maker's guide, manualsdump.com manual 257308, page 613). The order of the administrator menu, the page of
//! registrations and the confirmation with `pound` are invented.

/// A list of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Behind the key of that name.
    Options,
    /// Its third entry.
    PhoneStatus,
    /// Its fifth entry, behind the password.
    Administrator,
}

/// Where an entry leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// To another list.
    Menu(Menu),
    /// To the page of registrations.
    Registration,
    /// To the question for the administrator's password.
    Password,
    /// To a question whether it is meant.
    Ask(Order),
    /// Nowhere here.
    Nowhere,
}

/// What a menu can have the phone do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Boot.
    Restart,
    /// Remove what was set on the phone, and boot.
    ClearLocal,
}

impl Order {
    /// The question whether it is meant.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Restart => "Restart phone? # to confirm",
            Self::ClearLocal => "Remove local config? # to confirm",
        }
    }
}

const OPTIONS: &[(&str, Entry)] = &[
    ("Call Forward", Entry::Nowhere),
    ("Preferences", Entry::Nowhere),
    ("Phone Status", Entry::Menu(Menu::PhoneStatus)),
    ("User Password", Entry::Nowhere),
    ("Administrator Menu", Entry::Password),
    ("Restart Phone", Entry::Ask(Order::Restart)),
    ("Phone Lock", Entry::Nowhere),
];

const PHONE_STATUS: &[(&str, Entry)] = &[
    ("IP & MAC Addresses", Entry::Nowhere),
    ("LAN Port", Entry::Nowhere),
    ("PC Port", Entry::Nowhere),
    ("Firmware Info", Entry::Nowhere),
    ("Error Messages", Entry::Nowhere),
    ("Registration Status", Entry::Registration),
];

const ADMINISTRATOR: &[(&str, Entry)] = &[
    ("Configuration Server", Entry::Nowhere),
    ("SIP Settings", Entry::Nowhere),
    ("Network Settings", Entry::Nowhere),
    ("Factory Default", Entry::Ask(Order::ClearLocal)),
    ("Remove Local Config", Entry::Ask(Order::ClearLocal)),
];

impl Menu {
    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Options => "Options",
            Self::PhoneStatus => "Phone Status",
            Self::Administrator => "Administrator Menu",
        }
    }

    /// Its entries.
    pub const fn entries(self) -> &'static [(&'static str, Entry)] {
        match self {
            Self::Options => OPTIONS,
            Self::PhoneStatus => PHONE_STATUS,
            Self::Administrator => ADMINISTRATOR,
        }
    }

    /// The list that it was opened from.
    pub const fn above(self) -> Option<Self> {
        match self {
            Self::Options => None,
            Self::PhoneStatus | Self::Administrator => Some(Self::Options),
        }
    }
}
