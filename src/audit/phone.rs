//! The rules for a phone as a whole.

use super::{Finding, Severity, Subject, line};
use crate::config::{
    Assignable,
    provisioning::{Effective, Host, Identified, Kind, Layer, Origin, RemarkKind, Transport, recognise},
};

/// Parameters whose local value decides where a phone registers.
const SERVERS: [&str; 4] = ["sip proxy ip", "sip registrar ip", "sip backup proxy ip", "sip backup registrar ip"];

/// Examines a phone and its lines; `assignable` says how many keys its model has, if that is known.
pub(super) fn examine(subject: &mut Subject, assignable: Option<Assignable>) {
    let lines = &subject.effective.lines;
    let anybody = lines.values().any(|line| line.user.is_some());
    // Where nobody is logged on, whoever does so gets the first line.
    let used =
        lines.iter().filter(|(number, line)| line.user.is_some() || line.own.is_some() || (!anybody && **number == 1));
    let told: Vec<_> = used
        .map(|(number, line)| (*number, line::examine(&subject.effective, *number, line, subject.mac.is_some())))
        .collect();
    for (number, told) in told {
        told.findings.into_iter().for_each(|finding| subject.tell(finding));
        subject.outlooks.extend(told.outlook.map(|outlook| (number, outlook)));
    }
    let found = [
        values(&subject.effective),
        transport(&subject.effective),
        reach(&subject.effective),
        keys(&subject.effective),
        assignable.map_or_else(Vec::new, |assignable| missing_keys(subject, assignable)),
        credentials(subject),
        local(subject),
    ];
    for finding in found.into_iter().flatten() {
        subject.tell(finding);
    }
}

fn finding(severity: Severity, code: &'static str, message: String, remedy: &str, origin: Option<&Origin>) -> Finding {
    Finding { severity, code, lines: Vec::new(), message, remedy: remedy.to_owned(), origin: origin.cloned() }
}

/// Values that the phone does not take as they are written.
fn values(effective: &Effective) -> Vec<Finding> {
    let told = effective.remarks.iter().map(|remark| {
        let origin = Some(&remark.origin);
        match &remark.kind {
            RemarkKind::Clamped { asked, taken, unit, documented } => {
                let (unit, how) =
                    (unit.symbol(), if *documented { "the phone takes" } else { "the phone presumably takes" });
                let message = format!("`{}: {asked}` is out of range; {how} {taken} {unit}", remark.name);
                finding(Severity::Warning, "out-of-range", message, "write what is meant", origin)
            }
            RemarkKind::NotA { .. } if is_password(&remark.name) => {
                let message =
                    format!("`{}` is not made of digits alone: nobody could enter it at the phone", remark.name);
                finding(Severity::Warning, "password-not-numeric", message, "choose another", origin)
            }
            RemarkKind::NotA { expected, taken } => {
                let taken = if taken.is_empty() { "nothing" } else { taken };
                let message = format!(
                    "the value of `{}` is not {expected}; the phone presumably goes on with its default, {taken}",
                    remark.name
                );
                finding(Severity::Error, "wrong-type", message, "write such a value, or remove the line", origin)
            }
        }
    });
    told.collect()
}

fn is_password(name: &str) -> bool {
    matches!(recognise(name), Some(Identified { parameter, .. }) if parameter.kind == Kind::Digits)
}

fn transport(effective: &Effective) -> Vec<Finding> {
    let mut found = Vec::new();
    if effective.transport.value == Transport::Tls {
        let message =
            "SIP goes over TLS, which the rig can not read: the wire proves connections, the rest is the console's word"
                .to_owned();
        let remedy = "set `sip transport protocol` to 1 (UDP) or 2 (TCP) for the test";
        found.push(finding(Severity::Warning, "blind", message, remedy, effective.transport.origin.as_ref()));
    }
    if effective.outbound_support.value {
        let message = "the phone keeps flows to both servers and comes back by itself; no guide says when".to_owned();
        let remedy =
            "set `sip outbound support: 0` to be judged by the renewal alone, or give the model a poll interval";
        found.push(finding(Severity::Note, "outbound", message, remedy, effective.outbound_support.origin.as_ref()));
    }
    found
}

fn reach(effective: &Effective) -> Vec<Finding> {
    if !effective.xml_post_list.value.is_empty() || effective.xml_notify.value {
        return Vec::new();
    }
    let message = "nobody may push XML objects to the phone, so the rig can not press its keys that way".to_owned();
    let remedy = "add the rig's address to `xml application post list`, if there is no key board";
    vec![finding(Severity::Note, "no-xml-push", message, remedy, effective.xml_post_list.origin.as_ref())]
}

/// XML keys that are dead while the primary is away: the documented limit of the Log On/Off key.
fn keys(effective: &Effective) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, key) in effective.keys.iter().filter(|(_, key)| key.kind == "xml") {
        let Some(host) = host_of(key.value.expose()) else { continue };
        let primaries = effective.lines.values().flat_map(|line| [&line.registrar.host.value, &line.proxy.host.value]);
        if primaries.into_iter().any(|primary| *primary == host && !primary.is_off()) {
            let message = format!("the XML key {name} asks {host}, the primary, alone: it is dead while that is away");
            let remedy = "a limit that the manual admits; log on with *11*PIN*extension# then";
            found.push(finding(Severity::Note, "key-at-primary", message, remedy, Some(&key.origin)));
        }
    }
    found
}

/// Keys that are given a meaning, and that the model does not have.
fn missing_keys(subject: &Subject, assignable: Assignable) -> Vec<Finding> {
    let model = subject.model.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    for (name, key) in &subject.effective.keys {
        let number = recognise(&format!("{name} type")).and_then(|known| known.numbers.first().copied());
        let (there, what) = match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "prgkey" => (assignable.programmable, "programmable keys"),
            "softkey" => (assignable.soft, "soft keys"),
            "topsoftkey" => (assignable.top_soft, "upper soft keys"),
            _ => (assignable.expansion_modules, "expansion modules"),
        };
        if number.is_some_and(|number| number > u16::from(there)) {
            let message = format!("the {model} has {there} {what}: {name} does nothing on it");
            found.push(finding(
                Severity::Warning,
                "no-such-key",
                message,
                "give the meaning to another key",
                Some(&key.origin),
            ));
        }
    }
    found
}

/// The host of a URI such as `http://user@host:80/path`.
fn host_of(uri: &str) -> Option<Host> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let bare = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    Host::parse(bare)
}

/// Accounts in the phone's own file.
fn credentials(subject: &Subject) -> Vec<Finding> {
    let account = subject.merged.iter().find(|(name, setting)| {
        let known =
            recognise(name).is_some_and(|found| matches!(found.parameter.name, "sip user name" | "sip password"));
        known && setting.layer == Layer::Phone
    });
    let told = account.map(|(_, setting)| {
        let message = "the account is in the phone's own file: a full home server will not hand it to another one, as \
                       registration distribution needs a log-on"
            .to_owned();
        let remedy = "nothing, unless distribution is wanted; then take it out and log on by XML or VDP";
        finding(Severity::Note, "account-in-file", message, remedy, Some(&setting.origin))
    });
    let mut found: Vec<_> = told.into_iter().collect();
    if subject.mac.is_some() && subject.effective.lines.values().all(|line| line.user.is_none()) {
        let message = "no line has a user: the phone registers only after a log-on".to_owned();
        let remedy = "nothing, if somebody logs on before the run; otherwise set `sip user name`";
        found.push(finding(Severity::Note, "no-account", message, remedy, None));
    }
    found
}

/// Servers that were set on the phone, which is what is left of a log-off on the backup.
fn local(subject: &Subject) -> Vec<Finding> {
    let set_here = subject.merged.iter().filter_map(|(name, setting)| {
        let parameter = recognise(name)?.parameter;
        let (beaten, origin) = setting.beaten.as_ref()?;
        let other = SERVERS.contains(&parameter.name) && beaten.expose() != setting.value.expose();
        other.then(|| {
            let message = format!(
                "`{name}` is {} by what was set on the phone, against {} in {origin}",
                setting.value.shown(),
                beaten.shown()
            );
            let remedy =
                format!("remove the local settings (Command: ClearLocal), or write `^{name}` in the server's file");
            finding(Severity::Warning, "local-server", message, &remedy, Some(&setting.origin))
        })
    });
    set_here.collect()
}
