//! What a line of a console means, by the patterns of a phone model.

use regex::{Captures, Regex, RegexSet};
use thiserror::Error;

use crate::{
    config::{Dialect, Mac},
    event::KeyName,
};

/// What a line of a console means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsoleFact {
    /// The phone rebooted or crashed.
    Fatal {
        /// The pattern that matched.
        pattern: String,
    },
    /// An account is registered.
    Registered {
        /// The account.
        extension: String,
        /// Address of the server, as printed.
        server: String,
    },
    /// An account is registered nowhere.
    Unregistered {
        /// The account.
        extension: String,
    },
    /// The phone gives a server up.
    GaveUp {
        /// The account.
        extension: String,
        /// Address of the server, as printed.
        server: String,
    },
    /// A key arrived.
    Key {
        /// Its name in the model's key table.
        name: KeyName,
    },
    /// The registration status is on the display.
    StatusShown {
        /// Accounts that it shows as registered, each with the server's address as displayed.
        accounts: Vec<(String, String)>,
    },
    /// The display changed.
    Display {
        /// What it shows.
        text: String,
    },
    /// A lamp was lit, or put out, or blinks.
    Lamp {
        /// Which, if the pattern reads that.
        name: Option<String>,
        /// How it burns, in the phone's own word, if the pattern reads that.
        state: Option<String>,
    },
    /// Settings were made on the phone itself, or none are left.
    LocalSettings {
        /// How many, as printed; `none` for none.
        count: String,
    },
    /// The phone comes up, and takes no keys yet.
    Booting,
    /// The phone has come up.
    Ready,
    /// The phone waits for a command.
    Prompt,
}

/// Why a dialect can not be used.
#[derive(Debug, Error, PartialEq)]
pub enum DialectError {
    /// A pattern is no regular expression, or a monstrous one.
    #[error("the console pattern `{entry}` does not compile: {source}")]
    Pattern {
        /// Key of the model file.
        entry: &'static str,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A pattern lacks a named group that its meaning needs.
    #[error("the console pattern `{entry}` has no group `{group}`; write it as `(?P<{group}>…)`")]
    MissingGroup {
        /// Key of the model file.
        entry: &'static str,
        /// The group.
        group: &'static str,
    },
}

/// A dialect ready for matching: all patterns in one pass, groups only of the one that matched.
#[derive(Debug, Clone)]
pub struct CompiledDialect {
    set: RegexSet,
    patterns: Vec<Pattern>,
    /// Finds each registered account in a line that shows the registration status.
    shown_account: Option<Regex>,
    /// Find who the phone is in any line.
    mac: Option<Regex>,
    firmware: Option<Regex>,
}

/// What a line says of who the phone is, whatever else it means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its firmware, as printed.
    pub firmware: Option<String>,
}

#[derive(Debug, Clone)]
struct Pattern {
    kind: Kind,
    regex: Regex,
}

/// In order of weight: where several patterns match a line, the first one here counts.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Fatal,
    Registered,
    Unregistered,
    GaveUp,
    Key,
    StatusShown,
    Display,
    Lamp,
    LocalSettings,
    Booting,
    Ready,
    Prompt,
    ShownAccount,
    Mac,
    Firmware,
}

impl Kind {
    /// The key in the model file, and the groups without which the pattern would be of no use.
    fn needs(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Fatal => ("fatal", &[]),
            Self::Registered => ("registered", &["extension", "server"]),
            Self::Unregistered => ("unregistered", &["extension"]),
            Self::GaveUp => ("gave-up", &["extension", "server"]),
            Self::Key => ("key", &["key"]),
            Self::StatusShown => ("status-shown", &[]),
            Self::Display => ("display", &["text"]),
            Self::Lamp => ("lamp", &[]),
            Self::LocalSettings => ("local-settings", &["count"]),
            Self::Booting => ("booting", &[]),
            Self::Ready => ("ready", &[]),
            Self::Prompt => ("prompt", &[]),
            Self::ShownAccount => ("shown-account", &["extension", "server"]),
            Self::Mac => ("mac", &["mac"]),
            Self::Firmware => ("firmware", &["firmware"]),
        }
    }
}

impl CompiledDialect {
    /// Compiles the patterns of a model.
    ///
    /// # Errors
    /// If one does not compile or lacks a group.
    pub fn new(dialect: &Dialect) -> Result<Self, DialectError> {
        let fatal = dialect.fatal.iter().map(|text| (Kind::Fatal, text));
        let single = [
            (Kind::Registered, &dialect.registered),
            (Kind::Unregistered, &dialect.unregistered),
            (Kind::GaveUp, &dialect.gave_up),
            (Kind::Key, &dialect.key),
            (Kind::StatusShown, &dialect.status_shown),
            (Kind::Display, &dialect.display),
            (Kind::Lamp, &dialect.lamp),
            (Kind::LocalSettings, &dialect.local_settings),
            (Kind::Booting, &dialect.booting),
            (Kind::Ready, &dialect.ready),
            (Kind::Prompt, &dialect.prompt),
        ];
        let single = single.into_iter().filter_map(|(kind, text)| text.as_ref().map(|text| (kind, text)));
        let patterns = fatal.chain(single).map(|(kind, text)| compile(kind, text)).collect::<Result<Vec<_>, _>>()?;
        let set = RegexSet::new(patterns.iter().map(|pattern| pattern.regex.as_str()))
            .map_err(|source| DialectError::Pattern { entry: "all together", source })?;
        let within = |kind, text: &Option<String>| {
            let pattern = text.as_ref().map(|text| compile(kind, text)).transpose()?;
            Ok::<_, DialectError>(pattern.map(|pattern| pattern.regex))
        };
        Ok(Self {
            set,
            patterns,
            shown_account: within(Kind::ShownAccount, &dialect.shown_account)?,
            mac: within(Kind::Mac, &dialect.mac)?,
            firmware: within(Kind::Firmware, &dialect.firmware)?,
        })
    }

    /// What a line without control sequences means; none: nothing that the model knows of. Where several patterns
    /// match, the weightiest counts: a crash before a registration, a registration before a key.
    pub fn meaning(&self, line: &str) -> Option<ConsoleFact> {
        let fact = self.set.matches(line).into_iter().find_map(|index| self.patterns.get(index)?.read(line))?;
        Some(match (fact, &self.shown_account) {
            (ConsoleFact::StatusShown { .. }, Some(account)) => {
                let found = account.captures_iter(line);
                let accounts = found.filter_map(|it| Some((group(&it, "extension")?, group(&it, "server")?)));
                ConsoleFact::StatusShown { accounts: accounts.collect() }
            }
            (fact, _) => fact,
        })
    }
}

impl CompiledDialect {
    /// What a line says of who the phone is, whatever else it means.
    pub fn identity(&self, line: &str) -> Identity {
        let within = |pattern: &Option<Regex>, name| {
            let found = pattern.as_ref().and_then(|pattern| pattern.captures(line));
            found.and_then(|found| group(&found, name))
        };
        let mac = within(&self.mac, "mac").and_then(|text| text.parse().ok());
        Identity { mac, firmware: within(&self.firmware, "firmware") }
    }

    /// What a line says that the display shows, whatever else it means.
    pub fn displayed(&self, line: &str) -> Option<String> {
        let display = self.patterns.iter().find(|pattern| matches!(pattern.kind, Kind::Display))?;
        group(&display.regex.captures(line)?, "text")
    }
}

fn compile(kind: Kind, text: &str) -> Result<Pattern, DialectError> {
    let (entry, groups) = kind.needs();
    let regex = Regex::new(text).map_err(|source| DialectError::Pattern { entry, source })?;
    for &group in groups {
        if !regex.capture_names().flatten().any(|name| name == group) {
            return Err(DialectError::MissingGroup { entry, group });
        }
    }
    Ok(Pattern { kind, regex })
}

impl Pattern {
    fn read(&self, line: &str) -> Option<ConsoleFact> {
        let found = self.regex.captures(line)?;
        let group = |name| group(&found, name);
        Some(match self.kind {
            Kind::Fatal => ConsoleFact::Fatal { pattern: self.regex.as_str().to_owned() },
            Kind::Registered => ConsoleFact::Registered { extension: group("extension")?, server: group("server")? },
            Kind::Unregistered => ConsoleFact::Unregistered { extension: group("extension")? },
            Kind::GaveUp => ConsoleFact::GaveUp { extension: group("extension")?, server: group("server")? },
            Kind::Key => ConsoleFact::Key { name: KeyName(group("key")?) },
            Kind::StatusShown => ConsoleFact::StatusShown { accounts: Vec::new() },
            Kind::Display => ConsoleFact::Display { text: group("text")? },
            Kind::LocalSettings => ConsoleFact::LocalSettings { count: group("count")? },
            Kind::Lamp => ConsoleFact::Lamp { name: group("name"), state: group("state") },
            Kind::Booting => ConsoleFact::Booting,
            Kind::Ready => ConsoleFact::Ready,
            Kind::Prompt => ConsoleFact::Prompt,
            // They are looked for within lines of whatever kind.
            Kind::ShownAccount | Kind::Mac | Kind::Firmware => return None,
        })
    }
}

fn group(found: &Captures<'_>, name: &str) -> Option<String> {
    found.name(name).map(|text| text.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn dialect() -> Dialect {
        Dialect {
            line_ending: "\r\n".to_owned(),
            prompt: Some(r"^> $".to_owned()),
            status_command: Some("sip status".to_owned()),
            identity_command: Some("version".to_owned()),
            mac: Some(r"\bmac (?P<mac>[0-9A-Fa-f:-]+)".to_owned()),
            firmware: Some(r"\bfirmware (?P<firmware>\S+)".to_owned()),
            registered: Some(r"^acct (?P<extension>\S+): registered at (?P<server>\S+)$".to_owned()),
            unregistered: Some(r"^acct (?P<extension>\S+): not registered".to_owned()),
            gave_up: Some(r"^acct (?P<extension>\S+): no answer from (?P<server>\S+)".to_owned()),
            key: Some(r"^key (?P<key>\S+) pressed".to_owned()),
            status_shown: Some("^display: registration status".to_owned()),
            shown_account: Some(r"(?P<extension>\d+) at (?P<server>[0-9.]+)".to_owned()),
            display: Some("^display: (?P<text>.*)".to_owned()),
            lamp: Some(r"^lamp (?P<name>\S+) is (?P<state>\S+)".to_owned()),
            local_settings: Some("^local: (?P<count>.+)$".to_owned()),
            booting: Some("^Starting ".to_owned()),
            ready: Some("^Network is up".to_owned()),
            fatal: vec!["(?i)kernel panic".to_owned(), "^U-Boot ".to_owned()],
            byte_gap: None,
            quiet_before_typing: None,
            login: None,
            commands: BTreeMap::default(),
            says: BTreeMap::default(),
        }
    }

    fn meaning(line: &str) -> Option<ConsoleFact> {
        CompiledDialect::new(&dialect()).unwrap().meaning(line)
    }

    #[test]
    fn each_pattern_gives_its_meaning() {
        let (extension, server) = (|| "1001".to_owned(), || "10.77.0.3".to_owned());
        for (line, expected) in [
            (
                "acct 1001: registered at 10.77.0.3",
                Some(ConsoleFact::Registered { extension: extension(), server: server() }),
            ),
            ("acct 1001: not registered", Some(ConsoleFact::Unregistered { extension: extension() })),
            (
                "acct 1001: no answer from 10.77.0.3",
                Some(ConsoleFact::GaveUp { extension: extension(), server: server() }),
            ),
            ("key options pressed", Some(ConsoleFact::Key { name: "options".into() })),
            ("display: registration status", Some(ConsoleFact::StatusShown { accounts: vec![] })),
            (
                "display: registration status 1001 at 10.77.0.3, 2001 at 10.77.0.2",
                Some(ConsoleFact::StatusShown {
                    accounts: vec![(extension(), server()), ("2001".to_owned(), "10.77.0.2".to_owned())],
                }),
            ),
            (
                "lamp message is blinking",
                Some(ConsoleFact::Lamp { name: Some("message".to_owned()), state: Some("blinking".to_owned()) }),
            ),
            ("U-Boot 2012.07", Some(ConsoleFact::Fatal { pattern: "^U-Boot ".to_owned() })),
            ("> ", Some(ConsoleFact::Prompt)),
            (">", None),
            ("acct 1001: registered at", None),
            ("", None),
        ] {
            assert_eq!(meaning(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_the_display_shows_is_read_from_a_line_that_means_more() {
        let dialect = CompiledDialect::new(&dialect()).unwrap();
        assert_eq!(dialect.displayed("display: registration status 1001"), Some("registration status 1001".to_owned()));
        assert_eq!(dialect.displayed("key options pressed"), None);
    }

    #[test]
    fn who_the_phone_is_is_read_from_any_line() {
        let dialect = CompiledDialect::new(&dialect()).unwrap();
        let mac = Some(Mac([0, 8, 0x5d, 0x23, 0x74, 0x29]));
        for (line, mac, firmware) in [
            ("Starting firmware 3.2 mac 00-08-5D-23-74-29", mac, Some("3.2")),
            ("mac 00:08:5d:23:74:29", mac, None),
            ("mac 00:08", None, None),
            ("firmware is old", None, Some("is")),
            ("key x pressed", None, None),
        ] {
            let expected = Identity { mac, firmware: firmware.map(str::to_owned) };
            assert_eq!(dialect.identity(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_crash_outweighs_every_other_meaning_of_its_line() {
        let fact = meaning("key x pressed kernel panic");
        assert_eq!(fact, Some(ConsoleFact::Fatal { pattern: "(?i)kernel panic".to_owned() }));
    }

    #[test]
    fn a_pattern_without_its_group_is_refused_by_name() {
        let broken = Dialect { registered: Some("registered at (?P<server>.*)".to_owned()), ..dialect() };
        let error = CompiledDialect::new(&broken).unwrap_err();
        assert_eq!(error, DialectError::MissingGroup { entry: "registered", group: "extension" });
    }

    #[test]
    fn a_pattern_that_does_not_compile_is_refused_by_name() {
        let broken = Dialect { fatal: vec!["(".to_owned()], ..dialect() };
        let error = CompiledDialect::new(&broken).unwrap_err().to_string();
        assert!(error.contains("`fatal`"), "{error}");
    }
}
