//! Checks of further witnesses: what a model knows of them, and what a bench has of them.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use toml::Spanned;

use super::{Findings, hook, plain};
use crate::config::{
    model::Model,
    raw,
    witness::{Asked, EVERY, ServerWitness, StatusPage, SyslogDialect, WatchedPage},
};
use crate::wire::http::HttpUrl;

/// The port of a phone's web interface.
const HTTP: u16 = 80;

/// Times between two looks that make sense: oftener and the phone does nothing else, rarer and it tells nothing.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// What a model knows of the status page, laid over what the model that it extends knows.
pub(super) fn status_page(
    raw: &Spanned<raw::StatusPage>,
    base: Option<StatusPage>,
    findings: &mut Findings<'_>,
) -> Option<StatusPage> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let base = base.as_ref();
    let mut needed = |written: &raw::Text, inherited: Option<&String>, key: &str, example: &str| {
        let known = plain(written).or_else(|| inherited.cloned());
        let message = format!("the status page has no `{key}`");
        findings.required(known, span.clone(), &message, &format!("add `{key} = {example}`"))
    };
    let path = needed(&raw.path, base.map(|base| &base.path), "path", "\"/status.html\"");
    let account = needed(&raw.account, base.map(|base| &base.account), "account", "\"SIP Account\", a column's title");
    let status = needed(&raw.status, base.map(|base| &base.status), "status", "\"Status\", a column's title");
    let registered = needed(&raw.registered, base.map(|base| &base.registered), "registered", "'^Registered$'");
    let backup = plain(&raw.backup).or_else(|| base?.backup.clone());
    let on_backup = findings.pattern(&raw.on_backup, &[]).or_else(|| base?.on_backup.clone());
    if backup.is_some() != on_backup.is_some() {
        let help = "give both: `backup = \"Backup Registrar Used?\"` and `on-backup = '^Yes$'`";
        findings.at(span.clone(), "`backup` and `on-backup` belong together", help);
    }
    if let Some((text, path)) = raw.path.as_ref().zip(path.as_ref())
        && !(path.starts_with('/') && path.chars().all(|char| char.is_ascii_graphic()))
    {
        findings.at(
            text.span(),
            format!("`{path}` is no path"),
            "write what follows the phone's address, as `/status.html`",
        );
    }
    findings.pattern(&raw.registered, &[]);
    let extension = findings.pattern(&raw.extension, &["extension"]).or_else(|| Some(base?.extension.clone()));
    Some(StatusPage {
        path: path?,
        account: account?,
        extension: extension.unwrap_or_else(|| r"^(?P<extension>[^@\s]+)".to_owned()),
        status: status?,
        registered: registered?,
        backup,
        on_backup,
        server: plain(&raw.server).or_else(|| base?.server.clone()),
    })
}

/// The status page of a phone.
pub(super) fn watched_page(
    raw: &raw::Phone,
    owner: &str,
    address: Option<IpAddr>,
    model: Option<&Model>,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<WatchedPage> {
    let page = raw.status_page.as_ref()?;
    let (span, page) = (page.span(), page.get_ref());
    let port = match &page.port {
        Some(port) => findings.integer(port, "port", (1, 65535)),
        None => Some(HTTP),
    };
    if model.is_some_and(|model| model.status_page.is_none()) {
        let help = "give the model [status-page], or leave `status-page` out";
        findings.at(span.clone(), format!("the model of {owner} knows of no status page"), help);
    }
    if page.user.is_none() && page.password_file.is_some() {
        let message = format!("the status page of {owner} has a password and no user");
        findings.at(span.clone(), message, "add `user = \"admin\"`");
    }
    if address.is_none() && raw.address.is_none() {
        let help = "add `address = \"10.77.0.11\"`; one that is learnt in the run comes too late";
        findings.at(span, format!("the status page of {owner} is to be looked at, which has no address"), help);
    }
    let every = every(&page.every, findings);
    Some(WatchedPage {
        at: SocketAddr::new(address?, port?),
        user: plain(&page.user),
        password_file: page.password_file.as_ref().map(|file| folder.join(file.get_ref())),
        every: every?,
    })
}

/// How long a command may take unless a bench says otherwise, and how long it may be given.
const LIMIT: Duration = Duration::from_secs(5);
const LIMITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// The list of a server.
pub(super) fn list(
    raw: &Spanned<raw::ServerWitness>,
    owner: &str,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<ServerWitness> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let example = "`command = [\"kamcmd\", \"ul.dump\"]`";
    let asked = match (&raw.command, &raw.http) {
        (Some(words), None) => {
            hook::command(words, "the `command` of a witness", example, folder, findings).map(Asked::Command)
        }
        (None, Some(url)) => web(url, findings).map(Asked::Http),
        (Some(_), Some(_)) => {
            let help = "leave one of them out";
            findings.at(span.clone(), format!("the list of {owner} is asked for by a command and by http"), help);
            None
        }
        (None, None) => {
            let help = format!("add {example}, or `http = \"http://10.77.0.2/registrations\"`");
            findings.missing(span.clone(), format!("it is not said how the list of {owner} is asked for"), help);
            None
        }
    };
    if let Some(limit) = raw.limit.as_ref().filter(|_| raw.http.is_some()) {
        findings.at(limit.span(), "a limit is for commands", "leave it out: a web server has 3 s");
    }
    let help = r"add `pattern = '(?m)^(?P<extension>\S+) is registered$'`";
    findings.required(raw.pattern.as_ref(), span, &format!("the list of {owner} has no pattern"), help)?;
    let pattern = findings.pattern(&raw.pattern, &["extension"]);
    let limit = raw.limit.as_ref().map_or(Some(LIMIT), |text| findings.duration(text, LIMITS));
    Some(ServerWitness { asked: asked?, pattern: pattern?, every: every(&raw.every, findings)?, limit: limit? })
}

fn web(url: &Spanned<String>, findings: &mut Findings<'_>) -> Option<String> {
    let fits = HttpUrl::parse(url.get_ref()).is_some_and(|url| url.address().is_some());
    if !fits {
        let help = "write it as `http://10.77.0.2:8080/registrations`: with an IP address, and without TLS";
        findings.at(url.span(), format!("`{}` can not be asked", url.get_ref()), help);
    }
    fits.then(|| url.get_ref().clone())
}

/// The port of syslog (RFC 5426 section 3.3).
const SYSLOG: u16 = 514;

/// Where action URIs are received unless a bench says otherwise: a port that is nobody's alone.
const CALLS: u16 = 8080;

/// Where syslog is received; `probe` is the controller's own address.
pub(super) fn syslog(
    raw: &Spanned<raw::Listener>,
    probe: Option<IpAddr>,
    heard: bool,
    findings: &mut Findings<'_>,
) -> Option<SocketAddr> {
    if !heard {
        let help = "give the model of one [syslog] and the phone an `address`, or leave [syslog] of the bench out";
        findings.missing(raw.span(), "no phone of the bench would be understood by its syslog", help);
    }
    listener(raw, "syslog", SYSLOG, probe, findings)
}

/// Where action URIs are received.
pub(super) fn action_uri(
    raw: &Spanned<raw::Listener>,
    probe: Option<IpAddr>,
    known: bool,
    findings: &mut Findings<'_>,
) -> Option<SocketAddr> {
    if !known {
        let help = "give phones an `address`, or leave [action-uri] out";
        findings.missing(raw.span(), "no phone of the bench would be known by the address that it calls from", help);
    }
    listener(raw, "action-uri", CALLS, probe, findings)
}

fn listener(
    raw: &Spanned<raw::Listener>,
    table: &str,
    usual: u16,
    probe: Option<IpAddr>,
    findings: &mut Findings<'_>,
) -> Option<SocketAddr> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let address = match &raw.address {
        Some(text) => findings.address(text),
        None => {
            let help = "add `address = \"…\"`, or `probe-address` under [network]";
            findings.required(probe, span, &format!("[{table}] has no address to listen at"), help)
        }
    };
    let port = match &raw.port {
        Some(port) => findings.integer(port, "port", (1, 65535)),
        None => Some(usual),
    };
    Some(SocketAddr::new(address?, port?))
}

/// How the syslog of a model speaks, laid over the model that it extends.
pub(super) fn syslog_dialect(
    raw: &Spanned<raw::SyslogDialect>,
    base: Option<SyslogDialect>,
    findings: &mut Findings<'_>,
) -> SyslogDialect {
    let (base, raw) = (base.unwrap_or_default(), raw.get_ref());
    SyslogDialect {
        registered: findings.pattern(&raw.registered, &["extension"]).or(base.registered),
        unregistered: findings.pattern(&raw.unregistered, &["extension"]).or(base.unregistered),
    }
}

/// The time between two looks.
fn every(text: &raw::Text, findings: &mut Findings<'_>) -> Option<Duration> {
    text.as_ref().map_or(Some(EVERY), |text| findings.duration(text, LOOKS))
}
