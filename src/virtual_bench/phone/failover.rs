//! The rule of `sip outbound support: 0`: every request outside a dialog goes to the primary first, and to the backup
//! when the primary let the transaction timer run out (maker's guide; MX-ONE manual 26/1531-ANF 901 14, section 11.27).

use std::net::SocketAddr;

use super::{PhoneDefect, context::Context};

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The primary.
    Primary,
    /// The backup.
    Backup,
}

impl Which {
    /// Both, the primary first.
    pub const BOTH: [Self; 2] = [Self::Primary, Self::Backup];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }
}

/// Two servers with one task: registrars or proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pair {
    /// The primary; none: 0.0.0.0.
    pub primary: Option<SocketAddr>,
    /// The backup; none: 0.0.0.0.
    pub backup: Option<SocketAddr>,
}

impl Pair {
    /// The address of one of them.
    pub const fn get(&self, which: Which) -> Option<SocketAddr> {
        match which {
            Which::Primary => self.primary,
            Which::Backup => self.backup,
        }
    }

    /// Which one has that address.
    pub fn find(&self, address: SocketAddr) -> Option<Which> {
        Which::BOTH.into_iter().find(|which| self.get(*which) == Some(address))
    }

    /// The first turn of a request that begins with `first`, or with whom there is.
    pub fn turn(&self, first: Which) -> Option<Turn> {
        let which = [first, first.other()].into_iter().find(|which| self.get(*which).is_some())?;
        Some(Turn { which, second: false })
    }

    /// Whose turn it is after a server has failed; none: nobody is left to ask.
    pub fn after(&self, failed: Turn, context: &Context<'_>) -> Option<Turn> {
        let other = failed.which.other();
        let forbidden = other == Which::Backup && context.has(PhoneDefect::NeverFailsOver);
        (!failed.second && !forbidden && self.get(other).is_some()).then_some(Turn { which: other, second: true })
    }
}

/// Whom a request is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The server.
    pub which: Which,
    /// The other one has failed already.
    pub second: bool,
}
