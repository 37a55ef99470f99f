//! What a simulated phone is set to: the fields of its spec as the lowest layer, its configuration files above them, and
//! what was set on the phone itself on top.
//!
//! A host must be an IP address, as there is nobody to resolve a name; but a registrar that is a name gives the domain,
//! where an outbound proxy says whom to send to.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    Habits, LineSpec, PhoneDefect, PhoneSpec, PhoneTimers, Provisioning, Transport,
    failover::{Pair, Which},
};
use crate::config::{
    Mac, RenewalLead,
    provisioning::{self, Effective, Host, Layer, Layers, LineSettings, Merged, Server, SettingsFile},
};

/// The port of a server where none is set (maker's guide, manualsdump.com manual 257291, page 173).
const SIP_PORT: u16 = 5060;
/// `sip explicit mwi subscription period` where none is set.
const MWI_PERIOD: Duration = Duration::from_secs(86_400);
/// What `sip registration period: 0` means is not documented; here it is an hour.
const PERIOD: Duration = Duration::from_secs(3600);

/// One line as it is set.
#[derive(Clone, PartialEq)]
pub struct Account {
    /// `sip lineN user name`: user part of its address of record; empty: nobody is logged on.
    pub user: String,
    /// `sip lineN auth name`.
    pub auth_user: String,
    /// `sip lineN password`.
    pub password: String,
    /// Domain of its address of record; none: the address of the server that is asked.
    pub domain: Option<String>,
    /// The same at the backup, where that is another name: an outbound proxy may stand before both.
    pub backup_domain: Option<String>,
    /// `sip registrar ip` and `sip backup registrar ip` with their ports.
    pub registrars: Pair,
    /// `sip proxy ip` and `sip backup proxy ip` with their ports.
    pub proxies: Pair,
    /// `sip explicit mwi subscription`: the lifetime to ask for.
    pub mwi: Option<Duration>,
    /// Its timers.
    pub timers: PhoneTimers,
}

impl std::fmt::Debug for Account {
    /// Leaves the password out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .field("registrars", &self.registrars)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// Somebody is logged on.
    pub fn is_logged_on(&self) -> bool {
        !self.user.is_empty()
    }

    /// Its name: user and domain.
    pub fn name(&self) -> String {
        let server = self.registrars.primary.or(self.registrars.backup).or(self.proxies.primary);
        let domain = self.domain.clone().or_else(|| Some(server?.ip().to_string()));
        format!("{}@{}", self.user, domain.unwrap_or_else(|| "0.0.0.0".to_owned()))
    }

    /// The domain of its address of record as it tells that server.
    pub fn domain(&self, server: SocketAddr) -> String {
        self.domain.clone().unwrap_or_else(|| match server.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        })
    }

    /// The domain that it registers in at one of its registrars.
    pub fn domain_at(&self, which: Which, server: SocketAddr) -> String {
        let own = self.backup_domain.clone().filter(|_| which == Which::Backup);
        own.unwrap_or_else(|| self.domain(server))
    }

    /// Whom its calls come from: its user, or while nobody is logged on the MAC address without colons (invented).
    pub fn caller(&self, mac: Mac) -> String {
        if self.is_logged_on() { self.user.clone() } else { mac.to_string().replace(':', "") }
    }

    /// Whether that address is one of its servers'.
    pub fn knows(&self, server: SocketAddr) -> bool {
        let Self { registrars, proxies, .. } = self;
        let all = [registrars.primary, registrars.backup, proxies.primary, proxies.backup];
        all.into_iter().flatten().any(|known| known.ip() == server.ip())
    }
}

impl PhoneSpec {
    /// Its accounts as its files set them, were it free of defects.
    pub fn accounts(&self) -> Vec<Account> {
        let sound = Self { defects: Vec::new(), ..self.clone() };
        Settings::of(&sound, &layers(&sound)).accounts
    }

    /// The administrator's password for its web interface, as its files set it.
    pub fn admin_password(&self) -> String {
        Settings::of(self, &layers(self)).admin_password
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The lines.
    pub accounts: Vec<Account>,
    /// What it speaks SIP over.
    pub transport: Transport,
    /// What it does where the manual is silent.
    pub habits: Habits,
    /// `xml application post list`.
    pub post_list: Vec<IpAddr>,
    /// `sip xml notify event`.
    pub xml_notify: bool,
    /// Keys that fetch an address (`prgkeyN type: xml`).
    pub xml_keys: BTreeMap<String, String>,
    /// `admin password`.
    pub admin_password: String,
    /// `action uri registration event`: what it calls when the state of a line changes.
    pub registration_event: Option<String>,
    /// `log server ip` and port: where its syslog goes.
    pub log_server: Option<SocketAddr>,
}

impl Settings {
    /// What counts.
    pub fn of(spec: &PhoneSpec, layers: &Layers) -> Self {
        let merged = layers.merge();
        let effective = Effective::of(&merged);
        let last = effective.lines.keys().next_back().copied().unwrap_or(1);
        let accounts = (1..=last).filter_map(|number| Some((number, effective.line(number)?)));
        let xml_keys = effective.keys.iter().filter(|(_, key)| key.kind == "xml");
        Self {
            accounts: accounts.map(|(number, line)| account(spec, &merged, &effective, number, line)).collect(),
            transport: match effective.transport.value {
                provisioning::Transport::Tls => Transport::Tls,
                provisioning::Transport::Tcp => Transport::Tcp,
                provisioning::Transport::Udp | provisioning::Transport::UdpAndTcp => Transport::Udp,
            },
            habits: Habits { outbound: spec.habits.outbound || effective.outbound_support.value, ..spec.habits },
            post_list: effective.xml_post_list.value.iter().filter_map(ip).collect(),
            xml_notify: effective.xml_notify.value,
            xml_keys: xml_keys.map(|(name, key)| (name.clone(), key.value.expose().to_owned())).collect(),
            admin_password: effective.admin_password.value.expose().to_owned(),
            registration_event: merged.get("action uri registration event").map(|it| it.value.expose().to_owned()),
            log_server: log_server(&merged),
        }
    }

    /// The timers of a line; those of the first one for a line that there is not.
    pub fn timers(&self, line: usize) -> PhoneTimers {
        let account = self.accounts.get(line).or_else(|| self.accounts.first());
        account.map(|account| account.timers).unwrap_or_default()
    }
}

/// The files that a phone asks for, in their order.
pub fn files(spec: &PhoneSpec) -> [String; 3] {
    let kind = spec.product.split_whitespace().last().unwrap_or_default();
    ["aastra.cfg".to_owned(), format!("{kind}.cfg"), format!("{}.cfg", provisioning::spelt(spec.mac))]
}

/// Those files as a server has them.
pub fn provisioning(spec: &PhoneSpec, loaded: &BTreeMap<String, Vec<u8>>) -> Provisioning {
    let [global, model, phone] = files(spec)
        .map(|name| loaded.get(&name).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default());
    Provisioning { global, model, phone }
}

/// The layers that a phone boots from: the fields of its spec, and above them its files.
pub fn layers(spec: &PhoneSpec) -> Layers {
    let files = &spec.provisioning;
    let [global, model, phone] = self::files(spec);
    let mut layers = Layers::new();
    for (layer, name, text) in [
        (Layer::Global, "spec".to_owned(), &fields(spec)),
        (Layer::Global, global, &files.global),
        (Layer::Model, model, &files.model),
        (Layer::Phone, phone, &files.phone),
        (Layer::Local, "local.cfg".to_owned(), &spec.local),
    ] {
        layers.push(layer, SettingsFile::parse(name.into(), text.as_bytes()));
    }
    layers
}

/// The fields of a spec as a configuration file.
fn fields(spec: &PhoneSpec) -> String {
    let PhoneTimers { expires, transaction, renewal_lead, t1, t2, retry_timeout, retry_rejected } = spec.timers;
    let mut text = String::new();
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a String can not fail. Quotes keep what would be a comment otherwise.
        let _ = writeln!(text, "{name}: \"{value}\"");
    };
    let transport = match spec.transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 4,
    };
    set("sip transport protocol", &transport);
    set("sip registration period", &expires.as_secs());
    set("sip transaction timer", &transaction.as_millis());
    set("sip t1 timer", &t1.as_millis());
    set("sip t2 timer", &t2.as_millis());
    set("sip registration timeout retry timer", &retry_timeout.as_secs());
    set("sip registration retry timer", &retry_rejected.as_secs());
    if let RenewalLead::Span(lead) = renewal_lead {
        set("sip registration renewal timer", &lead.as_secs());
    }
    for (number, line) in (1..).zip(&spec.lines) {
        let mut set = |name: &str, value: &dyn std::fmt::Display| set(&format!("sip line{number} {name}"), value);
        set("user name", &line.extension);
        set("auth name", &line.auth_user);
        set("password", &line.password);
    }
    // What all lines share is set for all, so that a setting for all can replace it.
    let servers = |line: &LineSpec| [("", Some(line.primary)), ("backup ", line.backup)];
    let common = spec.lines.first().map(servers);
    for (number, line) in (1..).zip(&spec.lines) {
        let own = servers(line);
        let scope = match (number, common == Some(own)) {
            (1, _) => "sip".to_owned(),
            (_, true) => continue,
            (_, false) => format!("sip line{number}"),
        };
        for (which, server) in own {
            for task in ["registrar", "proxy"] {
                let host = server.map_or(Host::Off, |server| Host::Address(server.ip()));
                set(&format!("{scope} {which}{task} ip"), &host);
                set(&format!("{scope} {which}{task} port"), &server.map_or(0, |server| server.port()));
            }
        }
    }
    text
}

fn account(spec: &PhoneSpec, merged: &Merged, effective: &Effective, number: u8, line: &LineSettings) -> Account {
    let own = spec.lines.get(usize::from(number) - 1);
    let outbound = pair(&line.outbound_proxy, &line.backup_outbound_proxy);
    let through = |direct: Pair| if outbound.primary.is_some() { outbound } else { direct };
    let proxies = through(pair(&line.proxy, &line.backup_proxy));
    let registers = !line.registrar.host.value.is_off();
    let registrars = pair(&line.registrar, &line.backup_registrar);
    let named = |server: &Server| match &server.host.value {
        Host::Name(name) => Some(name.clone()),
        Host::Off | Host::Address(_) => None,
    };
    let splits = spec.defects.contains(&PhoneDefect::SplitsProxyAndRegistrar);
    let user = line.user.as_ref().map(|user| user.value.clone()).unwrap_or_default();
    Account {
        auth_user: line.auth_name.as_ref().map_or_else(|| user.clone(), |name| name.value.clone()),
        password: line.password.as_ref().map(|password| password.value.expose().to_owned()).unwrap_or_default(),
        domain: named(&line.registrar).or_else(|| own.map(|own| own.domain.clone())),
        backup_domain: named(&line.backup_registrar),
        registrars: if registers { through(registrars) } else { Pair::default() },
        proxies: match proxies.backup {
            Some(backup) if splits => Pair { primary: Some(backup), backup: None },
            _ => proxies,
        },
        mwi: subscription_period(merged),
        timers: timers(spec, effective, line),
        user,
    }
}

fn timers(spec: &PhoneSpec, effective: &Effective, line: &LineSettings) -> PhoneTimers {
    let expires = Some(line.period.value).filter(|period| !period.is_zero()).unwrap_or(PERIOD);
    let lead = line.renewal_lead.value.min(expires.saturating_sub(Duration::from_secs(1)));
    PhoneTimers {
        expires,
        transaction: effective.transaction.value,
        renewal_lead: match spec.timers.renewal_lead {
            percent @ RenewalLead::Percent(_) if line.renewal_lead.origin.is_none() => percent,
            _ => RenewalLead::Span(lead),
        },
        t1: effective.t1.value.max(Duration::from_millis(1)),
        t2: effective.t2.value.max(Duration::from_millis(1)),
        retry_timeout: line.retry_timeout.value,
        retry_rejected: line.retry_rejected.value,
    }
}

/// 514 unless another port is set (RFC 5426 section 3.3).
fn log_server(merged: &Merged) -> Option<SocketAddr> {
    let value = |name| merged.get(name).map(|setting| setting.value.expose());
    let port = value("log server port").and_then(|port| port.parse().ok()).filter(|port| *port > 0);
    Some(SocketAddr::new(value("log server ip")?.parse().ok()?, port.unwrap_or(514)))
}

fn subscription_period(merged: &Merged) -> Option<Duration> {
    let value = |name| merged.get(name).map(|setting| setting.value.expose());
    let asked = value("sip explicit mwi subscription") == Some("1");
    let period = value("sip explicit mwi subscription period").and_then(|period| period.parse().ok());
    asked.then(|| period.filter(|period| *period > 0).map_or(MWI_PERIOD, Duration::from_secs))
}

fn pair(primary: &Server, backup: &Server) -> Pair {
    Pair { primary: place(primary), backup: place(backup) }
}

fn place(server: &Server) -> Option<SocketAddr> {
    let port = if server.port.value == 0 { SIP_PORT } else { server.port.value };
    Some(SocketAddr::new(ip(&server.host.value)?, port))
}

fn ip(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Address(ip) => Some(*ip),
        Host::Off | Host::Name(_) => None,
    }
}
