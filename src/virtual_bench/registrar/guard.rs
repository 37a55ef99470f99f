//! Who gets in: digest authentication (RFC 3261 section 22, RFC 8760) with nonces that carry their own age.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{
    DigestAlgorithm, RegistrarDefect, RegistrarSpec,
    answer::{Asked, hex},
};
use crate::wire::digest::{Algorithm, Challenge, Credentials};

/// What the guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// Come in.
    Welcome,
    /// Who are you? The header values, one for each hash offered.
    Challenge(Vec<String>),
    /// Not with these credentials.
    Wrong,
}

/// Checks credentials.
#[derive(Debug)]
pub struct Guard {
    realm: String,
    algorithms: Vec<DigestAlgorithm>,
    nonce_lifetime: Duration,
    secret: u64,
    /// From when on no credentials are right.
    forgets_at: Option<Duration>,
}

impl Guard {
    /// The guard of that server.
    pub fn new(spec: &RegistrarSpec) -> Self {
        Self {
            realm: spec.domain.clone(),
            algorithms: spec.algorithms.clone(),
            nonce_lifetime: if spec.defects.contains(&RegistrarDefect::AlwaysStale) {
                Duration::ZERO
            } else {
                spec.nonce_lifetime
            },
            secret: spec.seed,
            forgets_at: spec.defects.iter().find_map(|defect| match defect {
                RegistrarDefect::LosesPasswordsAfter(at) => Some(*at),
                _ => None,
            }),
        }
    }

    /// Checks a request for an extension with that password. `header` is that of the credentials.
    pub fn check(&self, now: Duration, asked: &Asked<'_>, header: &str, extension: &str, password: &str) -> Pass {
        if self.algorithms.is_empty() {
            return Pass::Welcome;
        }
        let credentials = asked
            .message
            .headers(header)
            .filter_map(Credentials::parse)
            .find(|credentials| credentials.realm == self.realm);
        let known = self.forgets_at.is_none_or(|at| now < at);
        let Some(credentials) = credentials.filter(|_| known) else { return self.challenge(now, false) };
        let right = credentials.username == extension && credentials.verify(asked.method, password);
        match self.age(now, &credentials.nonce) {
            _ if !right => Pass::Wrong,
            Some(age) if age < self.nonce_lifetime => Pass::Welcome,
            Some(_) | None => self.challenge(now, true),
        }
    }

    fn challenge(&self, now: Duration, stale: bool) -> Pass {
        let challenges = self.algorithms.iter().map(|algorithm| {
            let algorithm = match algorithm {
                DigestAlgorithm::Md5 => Algorithm::Md5,
                DigestAlgorithm::Sha256 => Algorithm::Sha256,
            };
            let nonce = self.nonce(now.as_millis());
            Challenge { realm: self.realm.clone(), nonce, opaque: None, algorithm, qop_auth: true, stale }.header()
        });
        Pass::Challenge(challenges.collect())
    }

    /// A nonce made at that time: the time in milliseconds, and a proof that it is ours.
    fn nonce(&self, ms: u128) -> String {
        let proof = Sha256::new().chain_update(self.secret.to_be_bytes()).chain_update(ms.to_be_bytes()).finalize();
        format!("{ms:x}-{}", hex(&proof[..8]))
    }

    /// How old one of our nonces is; none if it is not ours.
    fn age(&self, now: Duration, nonce: &str) -> Option<Duration> {
        let ms = u128::from_str_radix(nonce.split_once('-')?.0, 16).ok()?;
        if self.nonce(ms) != nonce {
            return None;
        }
        now.checked_sub(Duration::from_millis(u64::try_from(ms).ok()?))
    }
}
