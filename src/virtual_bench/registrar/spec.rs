//! What a simulated registrar is told: its users, its rules, and what is wrong with it.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

/// A simulated registrar.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegistrarSpec {
    /// Its name, for the `Server` header.
    pub name: String,
    /// Its IP address.
    pub address: IpAddr,
    /// Its SIP port, UDP and TCP.
    #[serde(default = "sip_port")]
    pub port: u16,
    /// Domain and digest realm.
    pub domain: String,
    /// Passwords by extension. The user name of the digest is the extension.
    pub users: BTreeMap<String, String>,
    /// What it challenges with, in this order; empty: it lets everybody in.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<DigestAlgorithm>,
    /// How long a nonce may be used; then it is stale.
    #[serde(default = "nonce_lifetime", with = "crate::config::duration")]
    pub nonce_lifetime: Duration,
    /// Shorter lifetimes are answered 423. Removal is not.
    #[serde(default = "min_expires", with = "crate::config::duration")]
    pub min_expires: Duration,
    /// The longest lifetime granted; also what is granted to those who ask for none.
    #[serde(default = "max_expires", with = "crate::config::duration")]
    pub max_expires: Duration,
    /// What is wrong with it.
    #[serde(default)]
    pub defects: Vec<RegistrarDefect>,
    /// Seed of everything random about it: tags, nonces.
    #[serde(default)]
    pub seed: u64,
}

impl fmt::Debug for RegistrarSpec {
    /// Leaves the passwords out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrarSpec")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("users", &self.users.keys())
            .field("defects", &self.defects)
            .finish_non_exhaustive()
    }
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

/// A defect that a test of the rig wants to see caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrarDefect {
    /// It answers nothing.
    Silent,
    /// It answers every REGISTER with this status code.
    Reject(u16),
    /// Its 200 names no Contact.
    NoContactIn200,
    /// It answers 200 as if all were well and keeps no binding.
    Forgets,
}

const fn sip_port() -> u16 {
    5060
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
