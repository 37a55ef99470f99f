//! Checks of the lines of a phone: where each belongs, and that no two are the same account.

use std::{ops::Range, path::Path};

use toml::Spanned;

use super::{Findings, bench::Claims, plain, suggest};
use crate::{
    config::{
        bench::{Line, Proxies, Role, Server},
        raw,
    },
    event::ServerName,
};

/// What a line names as its backup that has none, though a server has that role for all others.
const NONE: &str = "none";

/// The lines of a phone, from `[[phone.line]]` tables or from the shorthand in the phone itself. Those that do not register
/// are checked and left out: nothing can be expected of them.
pub(super) fn lines(
    raw: &raw::Phone,
    owner: &str,
    phone: Range<usize>,
    servers: &[Server],
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Vec<Line> {
    let shorthand = raw::Line {
        extension: raw.extension.clone(),
        registers: None,
        proxy: None,
        backup_proxy: None,
        primary: raw.primary.clone(),
        backup: raw.backup.clone(),
        domain: raw.domain.clone(),
        auth_user: raw.auth_user.clone(),
        password_file: raw.password_file.clone(),
        pin_file: raw.pin_file.clone(),
    };
    let all: Vec<_> = match (&raw.extension, raw.line.as_slice()) {
        (Some(_), []) => vec![Spanned::new(phone, shorthand)],
        (Some(extension), _) => {
            let help = "move it into a `[[phone.line]]` of its own";
            findings.at(extension.span(), "an extension beside `[[phone.line]]` tables", help);
            raw.line.clone()
        }
        (None, []) => {
            let help = "add `extension = \"1001\"`, or a `[[phone.line]]` table for each of its accounts";
            findings.missing(phone, format!("the {owner} has no line"), help);
            Vec::new()
        }
        (None, lines) => lines.to_vec(),
    };
    all.iter().filter_map(|raw| line(raw, owner, servers, folder, claims, findings)).collect()
}

fn line(
    raw: &Spanned<raw::Line>,
    owner: &str,
    servers: &[Server],
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Option<Line> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let message = format!("a line of {owner} has no extension");
    let extension = findings.required(raw.extension.as_ref(), span.clone(), &message, "add `extension = \"1001\"`")?;
    let number = extension.get_ref();
    self::extension(extension, findings);
    let primary = server_of(&raw.primary, Role::Primary, servers, findings);
    let backup = backup_of(&raw.backup, servers, findings);
    if primary.is_none() && raw.primary.is_none() {
        let help = "give a server `role = \"primary\"`, or the line `primary = \"NAME\"`";
        findings.missing(extension.span(), format!("line {number} of {owner} has no primary server"), help);
    }
    if primary.is_some() && primary == backup {
        let at = raw.backup.as_ref().or(raw.primary.as_ref()).map_or(span, Spanned::span);
        let help = "name two different servers, or write `backup = \"none\"`";
        findings.at(at, format!("line {number} of {owner} has the same server as primary and as backup"), help);
    }
    if let Some(primary) = &primary {
        let account = format!("{number} at {primary}");
        claims.claim("extension", &account, owner, extension.span(), findings);
    }
    let primary = primary?;
    let proxies = Proxies {
        primary: raw
            .proxy
            .as_ref()
            .map_or(Some(primary.clone()), |_| server_of(&raw.proxy, Role::Primary, servers, findings))?,
        backup: raw.backup_proxy.as_ref().map_or(backup.clone(), |_| backup_of(&raw.backup_proxy, servers, findings)),
    };
    Some(Line {
        extension: number.clone(),
        registers: raw.registers.unwrap_or(true),
        proxies: Some(proxies).filter(|proxies| proxies.primary != primary || proxies.backup != backup),
        primary,
        backup,
        domain: plain(&raw.domain),
        auth_user: plain(&raw.auth_user),
        password_file: plain(&raw.password_file).map(|file| folder.join(file)),
        pin_file: plain(&raw.pin_file).map(|file| folder.join(file)),
    })
}

/// Says what is wrong with an extension, if anything is.
pub(super) fn extension(text: &Spanned<String>, findings: &mut Findings<'_>) {
    let number = text.get_ref();
    if number.is_empty() || number.contains(|c: char| c.is_whitespace() || "@<>\"/;:?".contains(c)) {
        let help = "write the user part of its address of record alone, as `1001`";
        findings.at(text.span(), format!("`{number}` can not be an extension"), help);
    }
}

/// The backup that a line names, or else the one for all; it may say that it has none.
fn backup_of(named: &Option<Spanned<String>>, servers: &[Server], findings: &mut Findings<'_>) -> Option<ServerName> {
    match named {
        Some(text) if text.get_ref() == NONE && servers.iter().all(|server| server.name.0 != NONE) => None,
        named => server_of(named, Role::Backup, servers, findings),
    }
}

/// The server that a line names, or else the one that has the role for all.
pub(super) fn server_of(
    named: &Option<Spanned<String>>,
    role: Role,
    servers: &[Server],
    findings: &mut Findings<'_>,
) -> Option<ServerName> {
    let Some(text) = named else {
        return servers.iter().find(|server| server.role == role).map(|server| server.name.clone());
    };
    let found = servers.iter().find(|server| server.name.0 == *text.get_ref());
    if found.is_none() {
        let known: Vec<_> = servers.iter().map(|server| server.name.0.as_str()).collect();
        findings.at(text.span(), format!("there is no server `{}`", text.get_ref()), suggest(text.get_ref(), &known));
    }
    found.map(|server| server.name.clone())
}
