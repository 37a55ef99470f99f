//! Where who stands in a ladder: the phone, its primary and its backup always, and other servers beside them as far as there is room.

use crate::{
    config::Role,
    event::{LineId, ServerName},
    tui::console::{Console, ladder::Rung},
};

/// Where the phone stands.
const PHONE: u16 = 22;
/// Columns from one to the next.
const STEP: u16 = 20;
/// Columns from the last to the notes.
const GAP: u16 = 3;
/// Columns that notes need.
const NOTES: u16 = 15;
/// The place of the backup: the phone has the first.
const BACKUP: usize = 2;

/// Who stands where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lanes {
    primary: Option<ServerName>,
    backup: Option<ServerName>,
    /// Other servers, in the order of the bench; none: those that it does not name.
    others: Vec<Option<ServerName>>,
    /// How many of them have a lane.
    room: usize,
}

impl Lanes {
    /// Those of a line whose messages these are, in so many columns.
    pub(super) fn of(console: &Console, line: &LineId, rungs: &[&Rung], columns: u16) -> Self {
        let of_role = |role| {
            let servers = console.story.plan.iter().flat_map(|plan| &plan.bench.servers);
            let mut servers = servers.filter(move |server| console.role(line, &server.name) == role);
            servers.next().map(|server| server.name.clone())
        };
        let heard = |server: Option<&ServerName>| rungs.iter().any(|rung| rung.server.as_ref() == server);
        let servers = console.story.plan.iter().flat_map(|plan| &plan.bench.servers).map(|server| &server.name);
        let others = servers.filter(|server| console.role(line, server) == Role::Other).map(Some).chain([None]);
        Self {
            primary: of_role(Role::Primary),
            backup: of_role(Role::Backup),
            others: others.filter(|server| heard(*server)).map(Option::<&ServerName>::cloned).collect(),
            room: usize::from(columns.saturating_sub(x(BACKUP) + GAP + NOTES) / STEP),
        }
    }

    /// Where each lane is.
    pub(super) fn all(&self) -> impl Iterator<Item = u16> + use<> {
        (0..=BACKUP + self.others.len().min(self.room)).map(x)
    }

    /// Where the phone's is.
    pub(super) const fn phone() -> u16 {
        PHONE
    }

    /// Where that of a server is, that has this role for the line.
    pub(super) fn server(&self, server: Option<&ServerName>, role: Option<Role>) -> u16 {
        match role {
            Some(Role::Primary) => x(1),
            Some(Role::Backup) => x(BACKUP),
            Some(Role::Other) | None => {
                let place = self.others.iter().position(|other| other.as_ref() == server).unwrap_or(0) + 1;
                x(BACKUP + place.min(self.room))
            }
        }
    }

    /// Whether the lane of a server is its alone, so that nobody need say whose message it is.
    pub(super) fn is_alone(&self, server: Option<&ServerName>, role: Option<Role>) -> bool {
        match role {
            Some(Role::Primary | Role::Backup) => true,
            Some(Role::Other) | None => {
                let place = self.others.iter().position(|other| other.as_ref() == server);
                place.is_some_and(|place| place + 1 < self.room || (place + 1 == self.room && !self.are_too_many()))
            }
        }
    }

    /// Where what is said of a message stands.
    pub(super) fn note(&self) -> u16 {
        self.all().last().unwrap_or(PHONE) + GAP
    }

    /// What stands above each, from the second on.
    pub(super) fn names(&self) -> Vec<String> {
        let named = |server: &Option<ServerName>, role: Role| match server {
            Some(server) => format!("{server} {role}"),
            None => role.to_string(),
        };
        let mut names = vec![named(&self.primary, Role::Primary), named(&self.backup, Role::Backup)];
        let other =
            |server: &Option<ServerName>| server.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        names.extend(self.others.iter().take(self.room).map(other));
        if self.are_too_many() && self.room > 0 {
            names.pop();
            names.push("others".to_owned());
        }
        names
    }

    /// Some of them share the last lane: where none is theirs, that of the backup.
    fn are_too_many(&self) -> bool {
        self.others.len() > self.room
    }
}

fn x(place: usize) -> u16 {
    PHONE + STEP * u16::try_from(place).unwrap_or(u16::MAX / STEP - 2)
}
