//! What a simulated server is told: its users, its place in the cluster, its rules, and what is wrong with it.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A simulated server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistrarSpec {
    /// Its name, for the `Server` header and among the members of the cluster.
    pub name: String,
    /// Its IP address.
    pub address: IpAddr,
    /// Its SIP port, UDP and TCP.
    #[serde(default = "sip_port")]
    pub port: u16,
    /// Its port for what looks like TLS; none: the same.
    #[serde(default)]
    pub tls_port: Option<u16>,
    /// Port of its XML application.
    #[serde(default = "http_port")]
    pub http_port: u16,
    /// Domain and digest realm.
    pub domain: String,
    /// Users by extension, the same on all members of the cluster.
    pub users: BTreeMap<String, User>,
    /// All members of the cluster in their order, this one included; the first is the primary of phones that nobody is
    /// logged on at. Empty: it is alone.
    #[serde(default)]
    pub cluster: Vec<Member>,
    /// How many extensions can be registered here at a time.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// What a full server answers to a REGISTER that needs room.
    #[serde(default)]
    pub when_full: WhenFull,
    /// Registration distribution: whoever logs on is sent to another server while the home server is full.
    #[serde(default)]
    pub distribution: bool,
    /// What it challenges with, in this order; empty: it lets everybody in.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<DigestAlgorithm>,
    /// It challenges calls as well, with 407.
    #[serde(default)]
    pub challenge_calls: bool,
    /// How long a nonce may be used; then it is stale.
    #[serde(default = "nonce_lifetime", with = "crate::config::duration")]
    pub nonce_lifetime: Duration,
    /// Shorter lifetimes are answered 423. Removal is not.
    #[serde(default = "min_expires", with = "crate::config::duration")]
    pub min_expires: Duration,
    /// The longest lifetime granted; also what is granted to those who ask for none.
    #[serde(default = "max_expires", with = "crate::config::duration")]
    pub max_expires: Duration,
    /// Extensions that are registered nowhere, and where they are.
    #[serde(default)]
    pub fixed: BTreeMap<String, SocketAddr>,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<RegistrarDefect>,
    /// The folder that a TFTP server on its host serves; none: there is none.
    #[serde(default)]
    pub tftp: Option<std::path::PathBuf>,
    /// Seed of everything random about it: tags, nonces.
    #[serde(default)]
    pub seed: u64,
}

impl RegistrarSpec {
    /// Where it speaks SIP.
    pub const fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Whether it speaks SIP there.
    pub fn is_at(&self, place: SocketAddr) -> bool {
        place.ip() == self.address && (place.port() == self.port || Some(place.port()) == self.tls_port)
    }
}

impl fmt::Debug for RegistrarSpec {
    /// Leaves passwords and PINs out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrarSpec")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("users", &self.users.keys())
            .field("defects", &self.defects)
            .finish_non_exhaustive()
    }
}

/// A user of the cluster. In files a lone password will do.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "UserForm")]
pub struct User {
    /// Password of the SIP account. The user name of the digest is the extension.
    pub password: String,
    /// What is typed to log on at a phone; none: nobody can.
    pub pin: Option<String>,
    /// Name of the home server; none: the first of the cluster.
    pub home: Option<String>,
    /// Voice messages that wait.
    pub messages: u32,
}

impl From<String> for User {
    fn from(password: String) -> Self {
        Self { password, ..Self::default() }
    }
}

impl fmt::Debug for User {
    /// Leaves password and PIN out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("home", &self.home).field("messages", &self.messages).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum UserForm {
    Password(String),
    #[serde(rename_all = "kebab-case")]
    Full {
        password: String,
        #[serde(default)]
        pin: Option<String>,
        #[serde(default)]
        home: Option<String>,
        #[serde(default)]
        messages: u32,
    },
}

impl From<UserForm> for User {
    fn from(form: UserForm) -> Self {
        match form {
            UserForm::Password(password) => password.into(),
            UserForm::Full { password, pin, home, messages } => Self { password, pin, home, messages },
        }
    }
}

/// A server of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it speaks SIP.
    pub address: SocketAddr,
}

/// Hash of a digest challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestAlgorithm {
    /// `MD5`.
    Md5,
    /// `SHA-256` (RFC 8760).
    #[serde(rename = "sha-256")]
    Sha256,
}

/// How a full server says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// 403.
    #[default]
    Forbid,
    /// 302 to another member of the cluster that has room; 403 if none has.
    Redirect,
    /// 503 with `Retry-After`.
    Unavailable(#[serde(with = "crate::config::duration")] Duration),
    /// No answer.
    Silence,
}

/// A defect that a test of the rig wants to see caught. The times count from the start of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrarDefect {
    /// It answers nothing.
    Silent,
    /// It stops answering at that time.
    SilentAfter(#[serde(with = "crate::config::duration")] Duration),
    /// It answers OPTIONS and all else, but no REGISTER.
    TwoFaced,
    /// It answers every REGISTER with this status code.
    Reject(u16),
    /// It answers every REGISTER with 503 and this `Retry-After`.
    Unavailable(#[serde(with = "crate::config::duration")] Duration),
    /// It answers every REGISTER with 302 to an address where nobody is.
    RedirectsNowhere,
    /// Its 200 names no Contact.
    NoContactIn200,
    /// It answers 200 as if all were well and keeps no binding.
    Forgets,
    /// The same for this extension alone.
    ForgetsLine(String),
    /// It keeps every binding for this long, shorter or longer than what its 200 says.
    KeepsFor(#[serde(with = "crate::config::duration")] Duration),
    /// Its answers come this late.
    AnswersLate(#[serde(with = "crate::config::duration")] Duration),
    /// It lost its passwords at that time: whatever the credentials, it asks for them anew.
    LosesPasswordsAfter(#[serde(with = "crate::config::duration")] Duration),
    /// Each nonce is stale the first time it is used.
    AlwaysStale,
}

const fn sip_port() -> u16 {
    5060
}

const fn http_port() -> u16 {
    80
}

fn algorithms() -> Vec<DigestAlgorithm> {
    vec![DigestAlgorithm::Md5]
}

const fn nonce_lifetime() -> Duration {
    Duration::from_secs(300)
}

const fn min_expires() -> Duration {
    Duration::from_secs(1)
}

const fn max_expires() -> Duration {
    Duration::from_secs(3600)
}
