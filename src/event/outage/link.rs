//! The link of a side, which can be taken down as a whole.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{OutageMode, Toward};

/// A side of the bridge, by what is behind its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkSide {
    /// That of the servers.
    Server,
    /// That of the phones.
    Phone,
}

impl LinkSide {
    /// Which way frames go that leave there.
    pub const fn toward(self) -> Toward {
        match self {
            Self::Server => Toward::Server,
            Self::Phone => Toward::Phone,
        }
    }
}

impl fmt::Display for LinkSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::Phone => "phone",
        })
    }
}

/// How long a link may take to come back when its interface was switched on: two interfaces agree on a speed within some seconds.
pub const LINK_RETURN: Duration = Duration::from_secs(10);

impl OutageMode {
    /// How much longer than others such an outage may take to end.
    pub const fn return_patience(&self) -> Duration {
        match self {
            Self::LinkDown(_) => LINK_RETURN,
            _ => Duration::ZERO,
        }
    }

    /// The side whose link is down in it; none: it takes frames, or a server.
    pub const fn link(&self) -> Option<LinkSide> {
        match self {
            Self::LinkDown(side) => Some(*side),
            _ => None,
        }
    }
}
