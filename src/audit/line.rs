//! The rules for a line: where it registers, where it goes when that is away, and when.

use std::time::Duration;

use super::{
    Finding, LIFETIME, Severity,
    outlook::{self, Outlook},
};
use crate::{
    config::provisioning::{Effective, LineSettings, Origin, Server},
    engine::bound::PROMISE,
};

/// What is said about a line, and what it can do at best.
pub(super) struct Told {
    number: u8,
    pub(super) findings: Vec<Finding>,
    /// None: it moves nowhere.
    pub(super) outlook: Option<Outlook>,
}

impl Told {
    fn tell(
        &mut self,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
        remedy: &str,
        origin: Option<&Origin>,
    ) {
        self.findings.push(Finding {
            severity,
            code,
            lines: vec![self.number],
            message: message.into(),
            remedy: remedy.to_owned(),
            origin: origin.cloned(),
        });
    }
}

/// Examines a line. `named` says that the settings are those of a certain phone, which then needs a user.
pub(super) fn examine(effective: &Effective, number: u8, line: &LineSettings, named: bool) -> Told {
    let mut told = Told { number, findings: Vec::new(), outlook: None };
    if line.user.is_none() && line.own.is_some() && named {
        told.tell(
            Severity::Warning,
            "no-user",
            "the line has settings but no user: it never registers",
            "set `sip user name` for it, or remove its settings; a log-on key would set it on the phone",
            line.own.as_ref(),
        );
    }
    if let (Some(user), None) = (&line.user, &line.password) {
        told.tell(
            Severity::Warning,
            "no-password",
            format!("the user {} has no password; a registrar that asks for one rejects the line", user.value),
            "set `sip password` for it",
            user.origin.as_ref(),
        );
    }
    if line.registrar.host.value.is_off() {
        told.tell(
            Severity::Error,
            "registrar-off",
            "the registrar is 0.0.0.0: the phone sends no REGISTER, and shows neither No Service nor message waiting",
            "set `sip registrar ip` to the primary server",
            line.registrar.host.origin.as_ref(),
        );
        return told;
    }
    servers(line, &mut told);
    if !line.backup_registrar.host.value.is_off() {
        told.outlook = times(effective, line, &mut told);
    }
    told
}

fn servers(line: &LineSettings, told: &mut Told) {
    let [proxy, registrar] = [&line.proxy, &line.registrar];
    let [backup_proxy, backup_registrar] = [&line.backup_proxy, &line.backup_registrar];
    if proxy.host.value != registrar.host.value {
        told.tell(
            Severity::Warning,
            "proxy-differs",
            format!(
                "calls go to the proxy {}, registrations to the registrar {}",
                proxy.host.value, registrar.host.value
            ),
            "give `sip proxy ip` and `sip registrar ip` one address, or expect that only one of them goes away",
            proxy.host.origin.as_ref().or(registrar.host.origin.as_ref()),
        );
    }
    let set = backup_registrar.host.origin.as_ref().or(backup_proxy.host.origin.as_ref());
    match (backup_proxy.host.value.is_off(), backup_registrar.host.value.is_off()) {
        (true, true) => {
            let why = if set.is_some() { "is 0.0.0.0, which switches it off" } else { "is not set" };
            told.tell(
                Severity::Error,
                "backup-off",
                format!("the backup {why}: the phone has nowhere to go when its server is away"),
                "set `sip backup proxy ip` and `sip backup registrar ip` to the backup server",
                set,
            );
        }
        _ if backup_proxy.host.value != backup_registrar.host.value => told.tell(
            Severity::Error,
            "backup-differs",
            format!(
                "the backup proxy {} and the backup registrar {} differ, and MX-ONE wants them equal",
                backup_proxy.host.value, backup_registrar.host.value
            ),
            "set `sip backup proxy ip` and `sip backup registrar ip` to one address",
            set,
        ),
        _ => {}
    }
    let [hop, backup_hop] = line.next_hops();
    if !backup_registrar.host.value.is_off() && hop.host != registrar.host && place(hop) == place(backup_hop) {
        let both = !line.backup_outbound_proxy.host.value.is_off();
        told.tell(
            if both { Severity::Error } else { Severity::Warning },
            "one-proxy",
            format!(
                "what is for registrar {} and for backup {} goes to the outbound proxy {}: both go away together",
                registrar.host.value, backup_registrar.host.value, hop.host.value
            ),
            "set `sip backup outbound proxy` to another one, or expect that the proxy alone has a backup (docs/first-day.md)",
            hop.host.origin.as_ref(),
        );
    }
    if !backup_registrar.host.value.is_off() && place(backup_registrar) == place(registrar) {
        told.tell(
            Severity::Error,
            "backup-is-primary",
            format!("the backup is the primary, {}: both go away together", registrar.host.value),
            "set `sip backup proxy ip` and `sip backup registrar ip` to another server",
            backup_registrar.host.origin.as_ref(),
        );
    }
}

/// Host and port; a port left to the phone is 5060 (or that of SRV records, the same for the same name).
fn place(server: &Server) -> (String, u16) {
    let port = if server.port.value == 0 { 5060 } else { server.port.value };
    (server.host.value.to_string(), port)
}

/// The timers together, and what comes of them.
fn times(effective: &Effective, line: &LineSettings, told: &mut Told) -> Option<Outlook> {
    let (period, lead, transaction) = (&line.period, &line.renewal_lead, &effective.transaction);
    let assumed = period.value.is_zero();
    let lifetime = if assumed { LIFETIME } else { period.value };
    if assumed {
        told.tell(
            Severity::Warning,
            "period-open",
            format!("the registration period is 0, whose meaning no guide tells; {} are reckoned with", secs(lifetime)),
            "set `sip registration period: 600` or less",
            period.origin.as_ref(),
        );
    }
    if lead.value >= lifetime {
        told.tell(
            Severity::Error,
            "lead-too-long",
            format!("renewal {} before expiry does not fit into a lifetime of {}", secs(lead.value), secs(lifetime)),
            "make `sip registration renewal timer` shorter than `sip registration period`",
            lead.origin.as_ref().or(period.origin.as_ref()),
        );
        return None;
    }
    let lapses = outlook::lapses(lead.value, transaction.value);
    if lapses {
        told.tell(
            Severity::Warning,
            "binding-lapses",
            format!(
                "a request may stay unanswered for {}, but renewals begin {} before expiry: while the primary is away, the \
                 binding at the backup runs out at each renewal",
                secs(transaction.value),
                secs(lead.value)
            ),
            "make `sip registration renewal timer` longer than `sip transaction timer`",
            transaction.origin.as_ref().or(lead.origin.as_ref()),
        );
    }
    let failover = outlook::failover(lifetime, lead.value, transaction.value);
    if failover.worst > PROMISE {
        told.tell(
            Severity::Error,
            "promise-broken",
            format!(
                "moving to the backup can take {}, longer than the 10 minutes that the manual promises: lifetime {} − lead {} \
                 + transaction timer {}",
                secs(failover.worst),
                secs(lifetime),
                secs(lead.value),
                secs(transaction.value)
            ),
            "shorten `sip registration period`, or `sip transaction timer`",
            period.origin.as_ref().or(transaction.origin.as_ref()),
        );
    }
    let keeps_flows = effective.outbound_support.value;
    let failback = (!keeps_flows).then(|| outlook::failback(lifetime, lead.value));
    Some(Outlook { failover, failback, lapses, lifetime, assumed })
}

/// Whole or tenths of seconds.
fn secs(span: Duration) -> String {
    if span.subsec_millis() == 0 { format!("{} s", span.as_secs()) } else { format!("{:.1} s", span.as_secs_f64()) }
}
