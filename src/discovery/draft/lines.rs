//! The lines of a phone: their names, and where they belong.

use std::{collections::BTreeSet, net::IpAddr};

use super::{Noted, few, phones::Desk};
use crate::{config::Role, discovery::line::Line};

/// A line as it is written.
#[derive(Debug)]
pub struct DraftLine {
    /// Its extension.
    pub extension: Noted<String>,
    /// Domain of its address of record.
    pub domain: Option<String>,
    /// User name of its credentials, where it differs from the extension.
    pub auth_user: Option<String>,
    /// Where it belongs, if that is not where all belong.
    pub primary: Option<Noted<String>>,
    /// Where it goes then.
    pub backup: Option<Noted<String>>,
    /// What was seen of it.
    pub remarks: Vec<String>,
}

impl Desk<'_> {
    /// The lines, each once; where there is none that can be written, one that has to be completed.
    pub(super) fn lines(&mut self, lines: &[&Line], name: &str, remarks: &mut Vec<String>) -> Vec<DraftLine> {
        let mut drafts: Vec<DraftLine> = Vec::new();
        // Of a line that was at several addresses of the phone, the one that was registered.
        let mut ordered = lines.to_vec();
        ordered.sort_by_key(|line| !line.was_registered());
        let mut users = BTreeSet::new();
        for line in ordered.into_iter().filter(|line| users.insert(line.user.as_str())) {
            if !is_extension(&line.user) {
                remarks.push(format!("it also registered as `{}`, which can not be an extension", line.user));
                continue;
            }
            let draft = self.line(line);
            let at = draft.primary.as_ref().map(|primary| primary.value.clone());
            let at = at.or_else(|| self.servers.with_role(Role::Primary).map(str::to_owned)).unwrap_or_default();
            match self.accounts.get(&(line.user.clone(), at.clone())) {
                Some(other) => remarks.push(format!(
                    "it also registered as {}, which stands with {other}: an extension that moved, or two phones with one",
                    line.user
                )),
                None => {
                    self.accounts.insert((line.user.clone(), at), name.to_owned());
                    drafts.push(draft);
                }
            }
        }
        if drafts.is_empty() {
            self.unknown_lines.push(name.to_owned());
            drafts.push(self.placeholder_line(name));
        }
        drafts
    }

    /// A line of which nothing is known, by an extension that nobody has.
    fn placeholder_line(&mut self, name: &str) -> DraftLine {
        let at = self.servers.with_role(Role::Primary).unwrap_or_default().to_owned();
        let mut extension = format!("CHANGEME-{name}");
        while self.accounts.contains_key(&(extension.clone(), at.clone())) {
            extension.push('-');
        }
        self.accounts.insert((extension.clone(), at), name.to_owned());
        DraftLine {
            extension: Noted::new(extension, "CHANGEME: what it registers as"),
            domain: None,
            auth_user: None,
            primary: None,
            backup: None,
            remarks: Vec::new(),
        }
    }

    fn line(&self, line: &Line) -> DraftLine {
        let is_address = |domain: &str| domain.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let domain = line.domains.iter().find(|domain| !domain.is_empty() && !is_address(domain)).cloned();
        let (primary, backup) = self.servers_of(line);
        DraftLine {
            extension: Noted::plain(line.user.clone()),
            domain,
            auth_user: line.auth_user.clone().filter(|user| *user != line.user),
            primary,
            backup,
            remarks: vec![self.course(line)],
        }
    }

    /// The servers of a line that is not at home where all are.
    fn servers_of(&self, line: &Line) -> (Option<Noted<String>>, Option<Noted<String>>) {
        let [primary, backup] = [Role::Primary, Role::Backup].map(|role| self.servers.with_role(role));
        let Some(usual) = primary else { return (None, None) };
        let name = |address: IpAddr| self.servers.name_of(address).filter(|name| !name.is_empty());
        if let Some((home, other)) = line.preference.proven()
            && let (Some(home), Some(other)) = (name(home), name(other))
        {
            let note = "proven: it left it when it failed, and came back while the other one had not failed";
            let differs = home != usual || Some(other) != backup;
            let both = (Some(Noted::new(home.to_owned(), note)), Some(Noted::plain(other.to_owned())));
            return if differs && home != other { both } else { (None, None) };
        }
        let home = line.accepted.iter().find_map(|address| name(*address));
        let Some(home) = home.filter(|home| *home != usual && !self.servers.are_given()) else {
            return (None, None);
        };
        let note = "confirm: it registered here first; is its home server another one than that of the others?";
        // A line must not have one server as both.
        let backup = (backup == Some(home)).then(|| Noted::new(usual.to_owned(), "confirm"));
        (Some(Noted::new(home.to_owned(), note)), backup)
    }

    /// What became of the line, in a sentence.
    fn course(&self, line: &Line) -> String {
        let granted = |address: &IpAddr| {
            let granted = line.granted(*address).map(|span| humantime::format_duration(span).to_string());
            format!("{} ({} granted)", self.called_server(*address), granted.unwrap_or_default())
        };
        let mut said = match line.accepted.as_slice() {
            [] => "never registered".to_owned(),
            all => format!("registered at {}", few(all.iter().map(granted), 4)),
        };
        if let Some(lead) = line.lead() {
            said += &format!(", renewed {:.1} s before expiry", lead.as_secs_f64());
        }
        let refused = line.refusals.iter().map(|(server, code)| format!("{code} by {}", self.called_server(*server)));
        if !line.refusals.is_empty() {
            said += &format!(", refused with {}", few(refused, 4));
        }
        let silent = line.asked.iter().filter(|it| !line.accepted.contains(it) && !line.refusals.contains_key(it));
        let silent: Vec<String> = silent.map(|address| self.called_server(*address)).collect();
        if !silent.is_empty() {
            said += &format!(", not accepted by {}", few(silent.iter(), 4));
        }
        said
    }
}

/// Whether a bench file takes a user as an extension.
fn is_extension(user: &str) -> bool {
    !user.is_empty() && user.len() <= 128 && !user.contains(|c: char| c.is_whitespace() || "@<>\"/;:?".contains(c))
}
