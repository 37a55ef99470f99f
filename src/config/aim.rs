//! Which servers an outage takes away, and for which phones. Roles are those of lines: one server may be the home of one phone and
//! the backup of another, or of two lines of the same phone.

use std::collections::BTreeSet;

use super::{Line, OutagePlan, Phone, Role};
use crate::event::{PhoneName, ServerName};

/// A server that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// Which.
    pub server: ServerName,
    /// What it is to the first line of these phones that has it.
    pub role: Role,
    /// The phones for which it goes.
    pub phones: Vec<PhoneName>,
}

impl OutagePlan {
    /// What it takes away from these phones. Of a role, each line has its own server; one that would leave another line, at home
    /// elsewhere, without any is left alone, unless both roles are meant.
    pub fn aims<'a>(&self, phones: impl IntoIterator<Item = &'a Phone>) -> Vec<Aim> {
        let phones: Vec<&Phone> = phones.into_iter().collect();
        let mut aims: Vec<Aim> = Vec::new();
        if self.is_one_for_all() {
            let lines: Vec<&Line> = phones.iter().flat_map(|phone| &phone.lines).collect();
            let all: Vec<PhoneName> = phones.iter().map(|phone| phone.name.clone()).collect();
            let aim = |(server, role)| Aim { server, role, phones: all.clone() };
            return self.chosen(&lines).into_iter().map(aim).collect();
        }
        for phone in phones {
            for (server, role) in self.chosen(&phone.lines.iter().collect::<Vec<_>>()) {
                match aims.iter_mut().find(|aim| aim.server == server && aim.role == role) {
                    Some(aim) => aim.phones.push(phone.name.clone()),
                    None => aims.push(Aim { server, role, phones: vec![phone.name.clone()] }),
                }
            }
        }
        aims
    }

    /// Whether whoever loses a server loses the same as all others.
    fn is_one_for_all(&self) -> bool {
        self.shared || self.is_hook()
    }

    /// The servers that these lines lose.
    fn chosen(&self, lines: &[&Line]) -> Vec<(ServerName, Role)> {
        let registering: Vec<&Line> = lines.iter().copied().filter(|line| line.registers).collect();
        let lines = if registering.is_empty() { lines.to_vec() } else { registering };
        let mut away = BTreeSet::new();
        let mut chosen = Vec::new();
        for line in &lines {
            for role in self.servers.iter().copied() {
                let Some(server) = line.server_in(role).filter(|server| !away.contains(server)) else { continue };
                let gone = |it: &ServerName| it == server || away.contains(&it);
                let strands = |line: &&Line| gone(&line.primary) && line.backup.as_ref().is_some_and(gone);
                if self.servers.len() == 1 && lines.iter().any(strands) {
                    continue;
                }
                away.insert(server);
                chosen.push((server.clone(), role));
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        config::{document::Document, load},
        event::OutageMode,
    };

    /// p1 is at home at a, p2 at b, and p3 has a line at each; c is somebody else's.
    fn phones() -> Vec<Phone> {
        let phone = |number: u8, lines: &str| {
            format!("[[phone]]\nname = \"p{number}\"\nmodel = \"unknown\"\nmac = \"02:00:00:00:00:0{number}\"\n{lines}")
        };
        let line = |extension: u16, home: &str, backup: &str| {
            format!("[[phone.line]]\nextension = \"{extension}\"\nprimary = \"{home}\"\nbackup = \"{backup}\"\n")
        };
        let servers = [("a", "primary", 2), ("b", "backup", 3), ("c", "other", 4)].map(|(name, role, last)| {
            format!("[[server]]\nname = \"{name}\"\nrole = \"{role}\"\naddresses = [\"10.0.0.{last}\"]\n")
        });
        let text = [
            "[bench]\nname = \"crossed\"\n[network]\nphone-side = \"one\"\nserver-side = \"two\"\n".to_owned(),
            servers.concat(),
            phone(1, &line(11, "a", "b")),
            phone(2, &line(12, "b", "a")),
            phone(3, &[line(13, "a", "b"), line(23, "b", "a"), line(33, "c", "none")].concat()),
        ];
        let document = Document::parse("crossed.toml".into(), text.concat(), &[]).unwrap();
        load::checked_bench(&document, Path::new("rig")).unwrap().0.phones
    }

    fn aims(servers: Vec<Role>, shared: bool) -> Vec<String> {
        let plan = OutagePlan { shared, ..OutagePlan::of(servers, OutageMode::DROP, Duration::from_secs(60)) };
        let names = |aim: &Aim| aim.phones.iter().map(|phone| phone.0.clone()).collect::<Vec<_>>().join(" ");
        plan.aims(&phones()).iter().map(|aim| format!("{} {}: {}", aim.server, aim.role, names(aim))).collect()
    }

    #[test]
    fn a_phone_whose_lines_are_at_home_at_different_servers_loses_one_that_leaves_each_line_another() {
        assert_eq!(aims(vec![Role::Primary], false), ["a primary: p1 p3", "b primary: p2", "c primary: p3"]);
        assert_eq!(aims(vec![Role::Backup], false), ["b backup: p1 p3", "a backup: p2"]);
    }

    #[test]
    fn one_that_is_shared_is_the_same_for_all_whatever_it_is_to_them() {
        assert_eq!(aims(vec![Role::Primary], true), ["a primary: p1 p2 p3", "c primary: p1 p2 p3"]);
    }

    #[test]
    fn both_servers_of_every_line_go_and_are_told_apart_by_what_they_are_to_whom() {
        let both = vec![Role::Primary, Role::Backup];
        let expected = ["a primary: p1 p3", "b backup: p1 p3", "b primary: p2", "a backup: p2", "c primary: p3"];
        assert_eq!(aims(both, false), expected);
    }
}
