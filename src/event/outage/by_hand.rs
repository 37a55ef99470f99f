//! Outages that operators make by hand in the middle of a run, and what becomes of their wishes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Impairment, Manner, OutageMode, OutageScope, OutageSpec, Share};
use crate::{
    config::duration,
    event::{OutageId, PhoneName, ServerName},
};

/// What an operator wishes of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByHand {
    /// That a server goes away, or that the path to it becomes bad.
    Block(Blocking),
    /// That an outage ends which an operator has made.
    Lift {
        /// Which.
        outage: OutageId,
    },
}

/// A server that is to go away, or the path to it to become bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Blocking {
    /// The server.
    pub server: ServerName,
    /// For whom; none: for all phones of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<PhoneName>,
    /// What is done.
    pub what: Harm,
    /// It ends by itself after this time.
    #[serde(with = "duration")]
    pub limit: Duration,
}

/// What an operator does to the path between phones and a server, both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// Every frame vanishes.
    Drop,
    /// So many of them do.
    Loss(Share),
    /// All are late by this.
    Delay(#[serde(with = "duration")] Duration),
}

/// What became of such a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByHandAnswer {
    /// The outage has this number, and its beginning or its end was ordered.
    Obeyed {
        /// Which.
        outage: OutageId,
    },
    /// It was not.
    Refused {
        /// Why, for people.
        reason: String,
    },
}

impl Blocking {
    /// The outage that it is, for these phones.
    pub fn spec(&self, by: &str, phones: Vec<PhoneName>) -> OutageSpec {
        OutageSpec {
            mode: self.what.mode(),
            server: self.server.clone(),
            scope: OutageScope::Host,
            only: None,
            phones,
            toward: None,
            limit: self.limit,
            by: Some(by.to_owned()),
        }
    }
}

impl Harm {
    fn mode(&self) -> OutageMode {
        let impairment = match self {
            Self::Drop => return OutageMode::DROP,
            Self::Loss(loss) => Impairment { loss: *loss, ..Impairment::default() },
            Self::Delay(delay) => Impairment { delay: *delay, ..Impairment::default() },
        };
        Manner::Impair(impairment).into()
    }
}

/// For people: `drop`, `20% lost`, `200ms late`.
impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mode().fmt(f)
    }
}
