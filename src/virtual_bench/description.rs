//! What a virtual bench consists of: the file `rig/virtual.toml`, read strictly.
//!
//! Not here: what becomes of it on the link (`plan`).

mod settings;
mod swapped;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    peer::PeerDefect,
    phone::{Habits, PhoneDefect, Transport},
    plan::LabPlan,
    registrar::{DigestAlgorithm, RegistrarDefect, WhenFull},
};

pub use swapped::Swapped;

/// The file that is used where none is given.
pub const EMBEDDED: &str = include_str!("../../rig/virtual.toml");

/// Why a description was refused, over as many lines as it takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DescriptionError(pub String);

/// A virtual bench. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Description {
    /// Name and kind.
    pub bench: Head,
    /// Phones and servers.
    #[serde(rename = "virtual")]
    pub lab: Lab,
    /// Timers of all phones.
    pub timers: LabTimers,
}

/// The `[bench]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Head {
    /// Name of the bench.
    pub name: String,
    /// What makes it virtual.
    pub kind: Kind,
}

impl Default for Head {
    fn default() -> Self {
        Self { name: "virtual".to_owned(), kind: Kind::Virtual }
    }
}

/// The only kind that a description can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Simulated.
    #[default]
    Virtual,
}

/// The `[virtual]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Lab {
    /// How many phones, `p1` and up: 1 to 100.
    pub phones: u8,
    /// Transports of the phones in turn, from the first again when they run out.
    pub transports: Vec<Transport>,
    /// How many lines each phone has: 1 to 9. The first line of `p1` is 1001, its second 2001.
    pub lines: u8,
    /// Model of all phones.
    pub model: String,
    /// How many registrars, `a` and up: 1 to 8. `a` is the primary of all lines, `b` the backup.
    pub servers: u8,
    /// Domain of all lines, and digest realm.
    pub domain: String,
    /// The registrars ask for passwords.
    pub digest: bool,
    /// They also ask those who make calls.
    pub call_digest: bool,
    /// What they challenge with, in this order.
    pub digest_algorithms: Vec<DigestAlgorithm>,
    /// Voice messages that wait, by extension.
    pub messages: BTreeMap<String, u32>,
    /// Home servers of the phones in turn, from the first again when they run out.
    pub homes: Vec<String>,
    /// Registration distribution: whoever logs on while the home server is full is sent to another one.
    pub distribution: bool,
    /// Settings of all phones, as their `aastra.cfg` would hold them.
    pub settings: String,
    /// Settings of all phones, as their `<model>.cfg` would hold them; they count more than `settings`.
    pub model_settings: String,
    /// The phones take what the rig pushes to them, and the bench file says so.
    pub push: bool,
    /// How many call partners there are on the servers' side, `q1` and up, and the bench file names: 0 to 8. `q1` is 8001.
    pub peers: u8,
    /// What is wrong with all of them.
    pub peer_defects: Vec<PeerDefect>,
    /// The command by which they call, in place of the lab's own.
    pub peer_call: Vec<String>,
    /// The phones load their files at each boot, by TFTP from the host of the first server, and the bench file says where they are.
    pub provisioning: bool,
    /// The bench file names the phones' consoles.
    pub consoles: bool,
    /// Further witnesses that the bench file names.
    pub witnesses: Vec<LabWitness>,
    /// How many licences the command of the bench file tells to be free; none: the bench file has no such command.
    pub licences: Option<u32>,
    /// What the bench file names to press the phones' keys.
    pub keypads: Keypads,
    /// What the bench file has the wrong way round.
    pub swapped: Swapped,
    /// What is different about single phones.
    pub phone: Vec<PhoneOverride>,
    /// What is different about single servers.
    pub server: Vec<ServerOverride>,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            phones: 4,
            transports: vec![Transport::Udp, Transport::Udp, Transport::Tcp, Transport::Tcp],
            lines: 1,
            peers: 0,
            peer_defects: Vec::new(),
            peer_call: Vec::new(),
            model: "aastra-6731i".to_owned(),
            servers: 2,
            domain: "bench.test".to_owned(),
            digest: true,
            call_digest: false,
            digest_algorithms: vec![DigestAlgorithm::Md5],
            messages: BTreeMap::new(),
            homes: vec![server_name(1)],
            distribution: false,
            settings: String::new(),
            model_settings: String::new(),
            push: true,
            provisioning: false,
            consoles: true,
            witnesses: Vec::new(),
            licences: None,
            keypads: Keypads::Kp1,
            swapped: Swapped::default(),
            phone: Vec::new(),
            server: Vec::new(),
        }
    }
}

/// What presses the phones' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keypads {
    /// The key board of each phone.
    #[default]
    Kp1,
    /// The phones' XML interface; the boards are there, and nobody speaks to them.
    Xml,
}

/// A witness of where lines are registered, beside the wire and the consoles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabWitness {
    /// The status pages of the phones.
    StatusPage,
    /// What the phones say by syslog.
    Syslog,
    /// What they call when their registration changes.
    ActionUri,
    /// The servers' own lists of who is registered there.
    Server,
}

/// What is different about one phone: a `[[virtual.phone]]` table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhoneOverride {
    /// Which phone.
    pub name: String,
    /// Its transport.
    #[serde(default)]
    pub transport: Option<Transport>,
    /// How many lines it has.
    #[serde(default)]
    pub lines: Option<u8>,
    /// The PIN of its first line's user; without it one is made up.
    #[serde(default)]
    pub pin: Option<String>,
    /// Nobody holds its console: the bench file does not name it.
    #[serde(default)]
    pub console_unplugged: bool,
    /// Its settings, as its `<MAC>.cfg` would hold them; they count more than those of all phones.
    #[serde(default)]
    pub settings: String,
    /// What it does where the manual is silent.
    #[serde(default)]
    pub habits: Habits,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<PhoneDefect>,
}

/// What is different about one server: a `[[virtual.server]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerOverride {
    /// Which server.
    pub name: String,
    /// The shortest lifetime that it grants.
    #[serde(default, with = "optional_duration")]
    pub min_expires: Option<Duration>,
    /// The longest lifetime that it grants.
    #[serde(default, with = "optional_duration")]
    pub max_expires: Option<Duration>,
    /// How long its nonces may be used.
    #[serde(default, with = "optional_duration")]
    pub nonce_lifetime: Option<Duration>,
    /// How many extensions can be registered at it at a time; at least 1. Without it there is no limit.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// What it answers when it is full.
    #[serde(default)]
    pub when_full: WhenFull,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<RegistrarDefect>,
}

/// The `[timers]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LabTimers {
    /// Lifetime that the phones ask for.
    #[serde(with = "crate::config::duration")]
    pub expires: Duration,
    /// How long a request may go unanswered: at least 4 s.
    #[serde(with = "crate::config::duration")]
    pub transaction: Duration,
    /// How long before expiry they renew.
    #[serde(with = "crate::config::duration")]
    pub renewal_lead: Duration,
    /// Pause after all servers timed out: at least 30 s.
    #[serde(with = "crate::config::duration")]
    pub retry_timeout: Duration,
    /// Pause after a rejection: at least 30 s.
    #[serde(with = "crate::config::duration")]
    pub retry_rejected: Duration,
}

impl Default for LabTimers {
    fn default() -> Self {
        Self {
            expires: Duration::from_secs(12),
            transaction: Duration::from_secs(4),
            renewal_lead: Duration::from_secs(6),
            retry_timeout: Duration::from_secs(30),
            retry_rejected: Duration::from_secs(30),
        }
    }
}

impl Description {
    /// Reads a file's text. Errors name line and column.
    ///
    /// # Errors
    /// If it is not TOML, has unknown keys, or contradicts itself.
    pub fn from_text(text: &str) -> Result<Self, DescriptionError> {
        toml::from_str::<Self>(text).map_err(|error| DescriptionError(error.to_string()))?.checked()
    }

    /// Reads a document to which overrides were applied.
    ///
    /// # Errors
    /// As [`from_text`](Self::from_text), without a line.
    pub fn from_table(table: toml::Table) -> Result<Self, DescriptionError> {
        table.try_into::<Self>().map_err(|error| DescriptionError(error.to_string()))?.checked()
    }

    /// Names of the phones.
    pub fn phone_names(&self) -> impl Iterator<Item = String> {
        (1..=self.lab.phones).map(phone_name)
    }

    /// Extensions of all phones.
    pub fn extensions(&self) -> impl Iterator<Item = String> {
        (1..=self.lab.phones).flat_map(|number| {
            let name = phone_name(number);
            let own = self.lab.phone.iter().find(|phone| phone.name == name);
            let lines = own.and_then(|own| own.lines).unwrap_or(self.lab.lines);
            (1..=lines).map(move |line| extension(line, number))
        })
    }

    /// The description as a whole: counts, names, references. For those who read it with a deserializer of their own.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn checked(self) -> Result<Self, DescriptionError> {
        let Lab { phones, lines, servers, ref transports, ref domain, .. } = self.lab;
        within("virtual.phones", phones, 100)?;
        within("virtual.lines", lines, 9)?;
        within("virtual.servers", servers, 8)?;
        require(self.lab.peers <= 8, || "`virtual.peers` can be 8 at most".to_owned())?;
        require(!transports.is_empty(), || {
            "`virtual.transports` is empty; name at least one, as `[\"udp\"]`".to_owned()
        })?;
        let in_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        require(!domain.is_empty() && domain.chars().all(in_a_name), || {
            "`virtual.domain` can hold letters, digits, `-` and `.`; write it as `bench.test`".to_owned()
        })?;
        require(!self.lab.digest_algorithms.is_empty(), || {
            "`virtual.digest-algorithms` is empty; name `md5` or `sha-256`, or set `virtual.digest` to false".to_owned()
        })?;
        for extension in self.lab.messages.keys() {
            require(self.extensions().any(|own| own == *extension), || {
                format!("`virtual.messages` names extension `{extension}`, which no phone of this bench has")
            })?;
        }
        require(!self.bench.name.is_empty(), || "`bench.name` is empty; write a name, as `virtual`".to_owned())?;
        let known = (1..=phones).map(phone_name).collect();
        for (key, list) in self.lab.swapped.lists() {
            references(&format!("virtual.swapped.{key}"), list.iter().map(String::as_str), &known)?;
            require(list.len() != 1, || {
                format!("`virtual.swapped.{key}` names one phone; it takes two at least to swap something")
            })?;
        }
        references("virtual.phone", self.lab.phone.iter().map(|phone| phone.name.as_str()), &known)?;
        let known = (1..=servers).map(server_name).collect();
        references("virtual.server", self.lab.server.iter().map(|server| server.name.as_str()), &known)?;
        require(!self.lab.homes.is_empty(), || "`virtual.homes` is empty; name a server, as `[\"a\"]`".to_owned())?;
        for home in &self.lab.homes {
            require(known.contains(home), || {
                format!("`virtual.homes` names `{home}`, which this bench doesn't have; it has {}", listed(&known))
            })?;
        }
        for server in &self.lab.server {
            require(server.capacity != Some(0), || {
                format!("capacity of virtual server `{}` is 0; it can be 1 and more, or left out", server.name)
            })?;
        }
        for phone in &self.lab.phone {
            phone
                .lines
                .map_or(Ok(()), |lines| within(&format!("lines of virtual phone `{}`", phone.name), lines, 9))?;
        }
        require(self.lab.push || self.lab.keypads != Keypads::Xml, || {
            "`virtual.keypads` is `xml` and `virtual.push` is false; keys can not be pushed to phones that take no pushes"
                .to_owned()
        })?;
        require(self.lab.push || self.lab.witnesses.is_empty(), || {
            "`virtual.witnesses` names some and `virtual.push` is false; without it the rig has no address to look from"
                .to_owned()
        })?;
        settings::check("virtual.settings", &self.lab.settings)?;
        settings::check("virtual.model-settings", &self.lab.model_settings)?;
        for phone in &self.lab.phone {
            settings::check(&format!("settings of virtual phone {}", phone.name), &phone.settings)?;
            settings::check_pin(phone)?;
        }
        self.timers.checked()?;
        let plan = LabPlan::new(&self, Path::new(""), &BTreeMap::new(), String::new);
        plan.flaw().map_or(Ok(self), |flaw| Err(DescriptionError(flaw)))
    }
}

impl LabTimers {
    /// The simulated phones round what their manual rules out; the bench file must say what they really use.
    fn checked(self) -> Result<(), DescriptionError> {
        let least = [
            ("expires", self.expires, 2),
            ("transaction", self.transaction, 4),
            ("retry-timeout", self.retry_timeout, 30),
            ("retry-rejected", self.retry_rejected, 30),
        ];
        for (name, value, seconds) in least {
            require(value >= Duration::from_secs(seconds) && value.subsec_nanos() == 0, || {
                format!("`timers.{name}` must be whole seconds, at least {seconds}s; the phones can't do otherwise")
            })?;
            require(value <= crate::config::LONGEST, || format!("`timers.{name}` can be 7days at most"))?;
        }
        require(self.transaction <= Duration::from_secs(64), || "`timers.transaction` can be 64s at most".to_owned())?;
        require(self.retry_rejected <= Duration::from_secs(1800), || {
            "`timers.retry-rejected` can be 30m at most".to_owned()
        })?;
        require(self.renewal_lead < self.expires, || {
            "`timers.renewal-lead` must be less than `timers.expires`, as phones renew before they expire".to_owned()
        })
    }
}

/// Name of the nth phone, from 1.
pub fn phone_name(number: u8) -> String {
    format!("p{number}")
}

/// Extension of the nth line of the nth phone, both from 1.
pub fn extension(line: u8, phone: u8) -> String {
    (1000 * u32::from(line) + u32::from(phone)).to_string()
}

/// Name of the nth server, from 1.
pub fn server_name(number: u8) -> String {
    char::from(b'a' + (number - 1) % 26).to_string()
}

fn within(key: &str, value: u8, most: u8) -> Result<(), DescriptionError> {
    require((1..=most).contains(&value), || format!("`{key}` is {value}; it can be 1 to {most}"))
}

fn references<'a>(
    table: &str,
    names: impl Iterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> Result<(), DescriptionError> {
    let mut seen = BTreeSet::new();
    for name in names {
        require(known.contains(name), || {
            format!("`[[{table}]]` names `{name}`, which this bench doesn't have; it has {}", listed(known))
        })?;
        require(seen.insert(name), || format!("`[[{table}]]` names `{name}` twice; put it all into one table"))?;
    }
    Ok(())
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), DescriptionError> {
    if holds { Ok(()) } else { Err(DescriptionError(otherwise())) }
}

/// A duration that may be missing.
pub(super) mod optional_duration {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use crate::config::duration;

    pub fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => duration::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        #[derive(serde::Deserialize)]
        struct Text(#[serde(with = "crate::config::duration")] Duration);
        Ok(<Option<Text> as serde::Deserialize>::deserialize(deserializer)?.map(|text| text.0))
    }
}

#[cfg(test)]
mod tests;
