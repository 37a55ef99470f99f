//! Outages as a scenario has them: by roles, which for each line are other servers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Party;
use crate::{
    config::{bench::Role, duration},
    event::{
        Course, LinkSide, Manner, OutageMode, OutageScope, OutageSpec, PhoneName, Selection, ServerName, Spoof, Toward,
    },
};

/// Longest time that an outage may last: a day.
pub const LONGEST_OUTAGE: Duration = Duration::from_secs(24 * 3600);

/// The longest time by which a frame may be late: as late as a datagram of IP may be at all (RFC 791 section 3.2, two minutes
/// for a reassembly that RFC 1122 section 3.3.2 allows).
pub const LONGEST_DELAY: Duration = Duration::from_secs(120);

/// An outage as a scenario has it: by roles, which for each line are other servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutagePlan {
    /// What happens to the frames.
    pub mode: ModePlan,
    /// Only frames that go this way are taken; none: both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toward: Option<Toward>,
    /// Which servers.
    pub servers: Vec<Role>,
    /// One and the same for all phones, whatever it is to them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// How much of it.
    pub scope: OutageScope,
    /// Of that, only these SIP messages; none: everything. By another name in journals, where steps have an `only` of theirs.
    #[serde(rename = "messages", default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Selection>,
    /// For which phones of each pair; none: for all under test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<Party>,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Moment::is_now")]
    pub at: Moment,
    /// What the sentence that is put to the proof means.
    #[serde(default, skip_serializing_if = "Failure::is_cut")]
    pub failure: Failure,
    /// It ends by itself after this time.
    #[serde(with = "duration")]
    pub limit: Duration,
}

/// What an outage does to frames, as a scenario has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModePlan {
    /// See [`Manner::Answer`](crate::event::Manner::Answer).
    #[serde(rename_all = "kebab-case")]
    Answer {
        /// Status code: 300 to 699.
        code: u16,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
        /// A 3xx names the line's server in this role.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redirect: Option<Role>,
    },
    /// Anything else.
    #[serde(untagged)]
    Plain(OutageMode),
}

impl OutagePlan {
    /// Of these servers, and everything else as it is where a file does not say.
    pub fn of(servers: Vec<Role>, mode: OutageMode, limit: Duration) -> Self {
        Self {
            mode: ModePlan::Plain(mode),
            toward: None,
            servers,
            shared: false,
            scope: OutageScope::Host,
            only: None,
            party: None,
            at: Moment::Now,
            failure: Failure::Cut,
            limit,
        }
    }

    /// The outage of one server, for these phones; `server_in` is the server that their lines have in a role.
    pub fn spec(
        &self,
        server: ServerName,
        phones: Vec<PhoneName>,
        server_in: impl FnOnce(Role) -> Option<ServerName>,
    ) -> OutageSpec {
        let mode = match self.mode {
            ModePlan::Plain(ref mode) => mode.clone(),
            ModePlan::Answer { code, retry_after_s, redirect } => {
                Manner::Answer(Spoof { code, retry_after_s, redirect: redirect.and_then(server_in) }).into()
            }
        };
        let (scope, only) = (self.scope.clone(), self.only.clone());
        OutageSpec { mode, server, scope, only, phones, toward: self.toward, limit: self.limit, by: None }
    }

    /// Whether the servers are stopped by their own commands.
    pub fn is_hook(&self) -> bool {
        self.mode == ModePlan::Plain(OutageMode::Hook)
    }

    /// The side whose link is down in it; none: it takes frames, or servers.
    pub fn link(&self) -> Option<LinkSide> {
        match &self.mode {
            ModePlan::Plain(mode) => mode.link(),
            ModePlan::Answer { .. } => None,
        }
    }

    /// Whether it is for everybody, whatever phones are under test.
    pub fn is_for_everybody(&self) -> bool {
        self.is_hook() || self.link().is_some()
    }

    /// What happens to frames, by the time since it began; nothing, where a server is redirected to that is not named here.
    pub fn course(&self) -> Course {
        self.of_nobody().mode.course()
    }

    /// See [`OutageSpec::takes_canaries`].
    pub fn takes_canaries(&self, toward: Toward) -> bool {
        self.of_nobody().takes_canaries(toward)
    }

    /// See [`OutageSpec::away_after`].
    pub fn away_after(&self) -> Option<Duration> {
        self.of_nobody().away_after()
    }

    fn of_nobody(&self) -> OutageSpec {
        self.spec(ServerName(String::new()), Vec::new(), |_| None)
    }
}

impl ModePlan {
    /// Nothing passes, and nobody is told.
    pub const DROP: Self = Self::Plain(OutageMode::DROP);
    /// Nothing passes, and the phone is told.
    pub const REFUSE: Self = Self::Plain(OutageMode::REFUSE);
}

/// What an outage stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The server is cut off from the phones: it runs, and the servers can see each other.
    #[default]
    Cut,
    /// The server is down. The bridge can only cut it off from the phones; what the servers do among themselves then, the
    /// outage does not show.
    Down,
}

impl Failure {
    fn is_cut(&self) -> bool {
        *self == Self::Cut
    }
}

/// When an outage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// With the step, for all phones at once.
    #[default]
    Now,
    /// For each phone just before it renews.
    BeforeRenewal,
    /// For each phone just after it has renewed.
    AfterRenewal,
}

impl Moment {
    fn is_now(&self) -> bool {
        *self == Self::Now
    }
}
