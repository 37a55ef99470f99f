//! From a description to who is on the link: names, addresses, accounts and files of every phone and server, and the
//! bench file that tells the controller.
//!
//! Not here: anything that touches the system.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

mod phone_files;
mod secrets;

use super::{
    Description,
    description::{
        Keypads, Lab, LabTimers, LabWitness, PhoneOverride, ServerOverride, Swapped, extension, phone_name, server_name,
    },
    machines,
    peer::{self, PeerSpec},
    phone::{
        Account, LineSpec, Pair, PhoneSpec, PhoneTimers, Provisioning, Transport, shell::PhoneProcess, web::ADMIN,
    },
    registrar::{
        LIST, Member, RegistrarSpec, User,
        maintenance::{self, DISTRIBUTION, STATES},
    },
    supervisor,
};
use crate::{
    config::{Mac, RenewalLead, Role},
    event::KeyName,
    wire::action_uri,
};

/// Name of the interface toward the phones, in the namespace of the controller.
pub const PHONE_SIDE: &str = "phones0";
/// Name of the interface toward the servers, in the namespace of the controller.
pub const SERVER_SIDE: &str = "servers0";
/// Name of the interface of every phone and server, in its own namespace.
pub const END: &str = "eth0";
/// Length of the network prefix of all addresses.
pub const PREFIX: u8 = 24;

/// The controller's own address, from which it pushes.
const PROBE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 250));

/// How a server's list names an extension.
const LISTED: &str = r"(?m)^(?P<extension>\S+) (?P<contact>\S+) expires \d+$";

/// Where the controller receives action URIs.
const CALLS: u16 = 8080;

const SIP_PORT: u16 = 5060;
const SIPS_PORT: u16 = 5061;
const HTTP_PORT: u16 = 80;

/// Everybody on the link.
#[derive(Debug, Clone, PartialEq)]
pub struct LabPlan {
    /// The phones.
    pub phones: Vec<PhoneProcess>,
    /// The servers.
    pub servers: Vec<Server>,
    /// Call partners on their side.
    pub peers: Vec<PeerSpec>,
    peer_call: Vec<String>,
    bench: String,
    timers: LabTimers,
    model: String,
    push: bool,
    licences: Option<u32>,
    keypads: Keypads,
    swapped: Swapped,
    /// Phones whose consoles the bench file does not name.
    unplugged: Vec<String>,
    witnesses: Vec<LabWitness>,
    /// Of the phones' web interfaces, by the phones' names.
    web_passwords: BTreeMap<String, String>,
    directory: PathBuf,
}

/// A server on the link.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// What it is to all lines.
    pub role: Role,
    /// Its MAC address.
    pub mac: Mac,
    /// What its process is told.
    pub spec: RegistrarSpec,
}

impl LabPlan {
    /// Lays the bench out. Its files go into `directory`; `keys` are those of the phone model; `password` makes up one
    /// password after the other, in hexadecimal digits.
    pub fn new(
        description: &Description,
        directory: &Path,
        keys: &BTreeMap<KeyName, String>,
        mut password: impl FnMut() -> String,
    ) -> Self {
        let lab = &description.lab;
        let servers: Vec<_> = (1..=lab.servers).map(|number| (number, sip(server_address(number)))).collect();
        let [primary, backup] = [0, 1].map(|index| servers.get(index).map(|(_, address)| *address));
        let mut users = BTreeMap::new();
        let phones = (1..=lab.phones)
            .map(|number| {
                let name = phone_name(number);
                let own = lab.phone.iter().find(|phone| phone.name == name);
                let lines = own.and_then(|own| own.lines).unwrap_or(lab.lines);
                let turn = usize::from(number - 1) % lab.transports.len().max(1);
                let transport = own.and_then(|own| own.transport).or_else(|| lab.transports.get(turn).copied());
                let transport = transport.unwrap_or_default();
                let at = |server: SocketAddr| match transport {
                    Transport::Tls => SocketAddr::new(server.ip(), SIPS_PORT),
                    Transport::Udp | Transport::Tcp => server,
                };
                let lines = (1..=lines).map(|line| {
                    let extension = extension(line, number);
                    let (password, made_up) = (password(), pin(&password()));
                    let pin = own.and_then(|own| own.pin.clone()).filter(|_| line == 1).unwrap_or(made_up);
                    let turn = usize::from(number - 1) % lab.homes.len().max(1);
                    let user = User {
                        password: password.clone(),
                        pin: Some(pin),
                        home: lab.homes.get(turn).cloned(),
                        messages: lab.messages.get(&extension).copied().unwrap_or(0),
                    };
                    users.insert(extension.clone(), user);
                    LineSpec {
                        auth_user: extension.clone(),
                        extension,
                        domain: lab.domain.clone(),
                        password,
                        primary: at(primary.unwrap_or_else(|| sip(server_address(1)))),
                        backup: backup.map(at),
                    }
                });
                let mac = Mac([0x00, 0x08, 0x5d, 0x77, 0x00, number]);
                let mut phone = PhoneSpec {
                    product: product(&lab.model),
                    mac,
                    address: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 10 + number)),
                    port: SIP_PORT,
                    keys: keys.clone(),
                    lines: lines.collect(),
                    provisioning: Provisioning {
                        global: shared_settings(lab),
                        model: lab.model_settings.clone(),
                        phone: own.map(|own: &PhoneOverride| own.settings.clone()).unwrap_or_default(),
                    },
                    transport,
                    timers: phone_timers(description.timers),
                    habits: own.map(|own| own.habits).unwrap_or_default(),
                    defects: own.map(|own| own.defects.clone()).unwrap_or_default(),
                    seed: u64::from(number),
                    boot: Duration::from_millis(50),
                    local: String::new(),
                    tftp: lab.provisioning.then(|| server_address(1)),
                    name: name.clone(),
                };
                phone.provisioning.phone.insert_str(0, &log_on_key(&phone));
                PhoneProcess {
                    interface: Some(END.to_owned()),
                    console: directory.join(format!("{name}.console")),
                    keypad: directory.join(format!("{name}.keypad")),
                    http_port: HTTP_PORT,
                    phone,
                }
            })
            .collect();
        let member = |(number, address): &(u8, SocketAddr)| Member { name: server_name(*number), address: *address };
        let cluster: Vec<_> = servers.iter().map(member).collect();
        let peers: Vec<PeerSpec> = (1..=lab.peers).map(|number| PeerSpec::nth(number, &lab.peer_defects)).collect();
        let servers = servers.into_iter().map(|(number, address)| {
            let name = server_name(number);
            let own: Option<&ServerOverride> = lab.server.iter().find(|server| server.name == name);
            Server {
                role: match number {
                    1 => Role::Primary,
                    2 => Role::Backup,
                    _ => Role::Other,
                },
                mac: Mac([0x02, 0x00, 0x0a, 0x4d, 0x00, 1 + number]),
                spec: RegistrarSpec {
                    name,
                    address: address.ip(),
                    port: address.port(),
                    tls_port: Some(SIPS_PORT),
                    http_port: HTTP_PORT,
                    domain: lab.domain.clone(),
                    users: users.clone(),
                    cluster: cluster.clone(),
                    capacity: own.and_then(|own| own.capacity),
                    when_full: own.map(|own| own.when_full).unwrap_or_default(),
                    distribution: lab.distribution,
                    challenge_calls: lab.call_digest,
                    algorithms: if lab.digest { lab.digest_algorithms.clone() } else { Vec::new() },
                    nonce_lifetime: own.and_then(|own| own.nonce_lifetime).unwrap_or(Duration::from_secs(300)),
                    min_expires: own.and_then(|own| own.min_expires).unwrap_or(Duration::from_secs(1)),
                    max_expires: own.and_then(|own| own.max_expires).unwrap_or(Duration::from_secs(3600)),
                    fixed: peers.iter().map(|it| (it.extension.clone(), sip(it.address))).collect(),
                    defects: own.map(|own| own.defects.clone()).unwrap_or_default(),
                    seed: 1000 + u64::from(number),
                    tftp: None,
                },
            }
        });
        let phones: Vec<PhoneProcess> = phones;
        let unplugged = |name: &String| {
            let own = lab.phone.iter().find(|own| own.name == *name);
            !lab.consoles || own.is_some_and(|own| own.console_unplugged)
        };
        let web_password = |it: &PhoneProcess| (it.phone.name.clone(), it.phone.admin_password());
        let mut plan = Self {
            unplugged: phones.iter().map(|it| it.phone.name.clone()).filter(unplugged).collect(),
            witnesses: lab.witnesses.clone(),
            web_passwords: phones.iter().map(web_password).collect(),
            phones,
            servers: servers.collect(),
            peers,
            peer_call: lab.peer_call.clone(),
            bench: description.bench.name.clone(),
            timers: description.timers,
            model: lab.model.clone(),
            push: lab.push,
            licences: lab.licences,
            keypads: lab.keypads,
            swapped: lab.swapped.clone(),
            directory: directory.to_owned(),
        };
        let served = plan.served_folder();
        if let Some(first) = plan.servers.first_mut().filter(|_| lab.provisioning) {
            first.spec.tftp = Some(served);
        }
        plan
    }

    /// The bench file, as for hardware.
    pub fn bench_file(&self) -> toml::Table {
        let mut bench = toml::Table::new();
        bench.insert("bench".to_owned(), table([("name", self.bench.as_str().into())]));
        let network = [("phone-side", PHONE_SIDE.into()), ("server-side", SERVER_SIDE.into())];
        let probe = self.push.then(|| ("probe-address", format!("{PROBE}/{PREFIX}").into()));
        bench.insert("network".to_owned(), table(network.into_iter().chain(probe)));
        bench.insert(
            "server".to_owned(),
            self.servers.iter().map(|server| self.server_entry(server)).collect::<Vec<_>>().into(),
        );
        let distribution = (DISTRIBUTION, self.distribution_entry());
        bench.insert("pbx".to_owned(), table([distribution]));
        if self.phones.iter().any(|process| process.phone.tftp.is_some()) {
            bench.insert("provisioning".to_owned(), self.provisioning_entry());
        }
        if let Some(free) = self.licences {
            let command = ["printf".to_owned(), format!(r"free: {free}\n")].to_vec();
            let licences = [("command", command.into()), ("pattern", r"free: (?P<free>\d+)".into())];
            bench.insert("licences".to_owned(), table(licences));
        }
        if !self.peers.is_empty() {
            bench.insert("peer".to_owned(), self.peers.iter().map(|it| self.peer_entry(it)).collect::<Vec<_>>().into());
        }
        if self.witnesses.contains(&LabWitness::Syslog) {
            bench.insert("syslog".to_owned(), table([]));
        }
        if self.witnesses.contains(&LabWitness::ActionUri) {
            bench.insert("action-uri".to_owned(), table([("port", i64::from(CALLS).into())]));
        }
        bench.insert(
            "phone".to_owned(),
            self.phones.iter().map(|phone| self.phone_entry(phone)).collect::<Vec<_>>().into(),
        );
        bench
    }

    fn phone_entry(&self, process: &PhoneProcess) -> toml::Value {
        let phone = &process.phone;
        let timers = [
            ("expires", self.timers.expires),
            ("transaction", self.timers.transaction),
            ("renewal-lead", self.timers.renewal_lead),
            ("retry-timeout", self.timers.retry_timeout),
            ("retry-rejected", self.timers.retry_rejected),
        ];
        let owner = &self.other(&self.swapped.extensions, process).phone;
        let accounts = owner.accounts();
        let lines = owner.lines.iter().zip(&accounts).map(|(line, account)| self.line_entry(line, account));
        let timers = timers.map(|(name, span)| (name, humantime::format_duration(span).to_string().into()));
        let keypad = &self.other(&self.swapped.keypads, process).keypad;
        let keypad = match self.keypads {
            Keypads::Kp1 => table([("kind", "kp1".into()), ("port", path(keypad)), ("unit", 1.into())]),
            Keypads::Xml => table([("kind", "xml".into())]),
        };
        let push = self.push.then(|| ("push", table([("port", i64::from(process.http_port).into())])));
        let entries = [
            ("name", phone.name.as_str().into()),
            ("model", self.model.as_str().into()),
            ("mac", self.other(&self.swapped.macs, process).phone.mac.to_string().into()),
            ("address", self.other(&self.swapped.addresses, process).phone.address.to_string().into()),
            ("keypad", keypad),
            ("timers", table(timers)),
            ("line", lines.collect::<Vec<_>>().into()),
        ];
        let console = (!self.unplugged.contains(&phone.name)).then(|| {
            (
                "console",
                table([("port", path(&self.other(&self.swapped.consoles, process).console)), ("baud", 115_200.into())]),
            )
        });
        let page = self.witnesses.contains(&LabWitness::StatusPage).then(|| {
            let file = path(&self.web_password_file(&phone.name));
            let port = i64::from(process.http_port).into();
            ("status-page", table([("port", port), ("user", ADMIN.into()), ("password-file", file)]))
        });
        table(entries.into_iter().chain(console).chain(push).chain(page))
    }

    /// The phone whose part the bench file gives this one.
    fn other<'a>(&'a self, list: &'a [String], process: &'a PhoneProcess) -> &'a PhoneProcess {
        let name = Swapped::instead(list, &process.phone.name);
        self.phones.iter().find(|other| other.phone.name == name).unwrap_or(process)
    }

    /// The line with the servers that its phone is set to, whatever all others have.
    fn line_entry(&self, line: &LineSpec, account: &Account) -> toml::Value {
        let Pair { primary, backup } = account.registrars;
        let named = |address| self.server_at(address).map_or("none", |server| server.spec.name.as_str());
        let proxies = account.proxies.primary.filter(|_| account.proxies != account.registrars).map(|proxy| {
            let backup = account.proxies.backup.map_or("none", named);
            [("proxy", named(proxy).into()), ("backup-proxy", backup.into())]
        });
        let line = [
            ("extension", line.extension.as_str().into()),
            ("registers", primary.is_some().into()),
            ("domain", line.domain.as_str().into()),
            ("auth-user", line.auth_user.as_str().into()),
            ("password-file", path(&self.password_file(line))),
            ("pin-file", path(&self.pin_file(&line.extension))),
            ("primary", named(primary.unwrap_or(line.primary)).into()),
            ("backup", backup.map_or("none", named).into()),
        ];
        table(line.into_iter().chain(proxies.into_iter().flatten()))
    }

    fn server_entry(&self, server: &Server) -> toml::Value {
        let sip_ports: Vec<i64> = [server.spec.port].into_iter().chain(server.spec.tls_port).map(i64::from).collect();
        // The program is whatever runs the command: this one.
        let socket = machines::socket(&self.directory).to_string_lossy().into_owned();
        let command = |act: &str| {
            ["/proc/self/exe", "internal", "server", &socket, act, &server.spec.name].map(str::to_owned).to_vec()
        };
        let list = self.witnesses.contains(&LabWitness::Server).then(|| {
            let url = format!("http://{}:{}{LIST}", server.spec.address, server.spec.http_port);
            ("witness", table([("http", url.into()), ("pattern", LISTED.into())]))
        });
        let entries = [
            ("name", server.spec.name.as_str().into()),
            ("role", server.role.to_string().into()),
            ("addresses", vec![server.spec.address.to_string()].into()),
            ("services", table([("sip", sip_ports.into()), ("xml", port(server.spec.http_port))])),
            ("hook", table([("stop", command("stop").into()), ("start", command("start").into())])),
        ];
        table(entries.into_iter().chain(list))
    }

    /// How a call partner is told to call. It answers by itself.
    fn peer_entry(&self, peer: &PeerSpec) -> toml::Value {
        let socket = peer::shell::socket(&supervisor::spec_file(&self.directory, &peer.name));
        let socket = socket.to_string_lossy().into_owned();
        // The program is whatever runs the command: this one.
        let call = ["/proc/self/exe", "internal", "peer-call", &socket, "{extension}", "{server}", "{hold}"];
        let call = if self.peer_call.is_empty() { call.map(str::to_owned).to_vec() } else { self.peer_call.clone() };
        table([
            ("name", peer.name.as_str().into()),
            ("extension", peer.extension.as_str().into()),
            ("address", peer.address.to_string().into()),
            ("call", call.into()),
        ])
    }

    /// How registration distribution is switched on and off, and read.
    fn distribution_entry(&self) -> toml::Value {
        let file = |server: &Server| supervisor::spec_file(&self.directory, &server.spec.name);
        let sockets: Vec<String> =
            self.servers.iter().map(|it| maintenance::socket(&file(it)).to_string_lossy().into_owned()).collect();
        // The program is whatever runs the command: this one.
        let command = |words: &[&str]| {
            let words = ["/proc/self/exe", "internal", "maintenance", DISTRIBUTION].iter().chain(words);
            words.map(|word| (*word).to_owned()).chain(sockets.clone()).collect::<Vec<_>>()
        };
        let set = STATES.map(|(state, _)| (state, command(&[state]).into()));
        let pattern = STATES.map(|(state, _)| (state, format!("^{state}$").into()));
        let read = [("command", command(&[]).into()), ("pattern", table(pattern))];
        table([("set", table(set)), ("read", table(read))])
    }

    /// What keeps the bench from being one: servers that phones are set to and nobody plays.
    pub fn flaw(&self) -> Option<String> {
        self.phones.iter().find_map(|PhoneProcess { phone, .. }| {
            phone.accounts().iter().zip(1..).find_map(|(account, line)| {
                let Account { registrars, proxies, .. } = account;
                let all = [registrars.primary, registrars.backup, proxies.primary, proxies.backup];
                if let Some(stranger) = all.into_iter().flatten().find(|address| self.server_at(*address).is_none()) {
                    return Some(format!(
                        "line {line} of {} is set to {stranger}, where this bench has no server",
                        phone.name
                    ));
                }
                let same = registrars.primary.is_some() && registrars.primary == registrars.backup;
                same.then(|| format!("line {line} of {} has the same server as primary and as backup", phone.name))
            })
        })
    }

    fn server_at(&self, address: SocketAddr) -> Option<&Server> {
        self.servers.iter().find(|server| server.spec.is_at(address))
    }
}

fn phone_timers(timers: LabTimers) -> PhoneTimers {
    PhoneTimers {
        expires: timers.expires,
        transaction: timers.transaction,
        renewal_lead: RenewalLead::Span(timers.renewal_lead),
        retry_timeout: timers.retry_timeout,
        retry_rejected: timers.retry_rejected,
        ..PhoneTimers::default()
    }
}

/// The settings of all phones: that they take pushes from the rig and tell it by syslog and calls, and what the description says, which counts more.
fn shared_settings(lab: &Lab) -> String {
    let push = if lab.push { format!("xml application post list: {PROBE}\n") } else { String::new() };
    let syslog = lab.witnesses.contains(&LabWitness::Syslog);
    let syslog = if syslog { format!("log server ip: {PROBE}\n") } else { String::new() };
    let calls = lab.witnesses.contains(&LabWitness::ActionUri);
    let uri = action_uri::registration_event(SocketAddr::new(PROBE, CALLS));
    let calls = if calls { format!("action uri registration event: {uri}\n") } else { String::new() };
    push + &syslog + &calls + &lab.settings
}

/// The Log On/Off key of a phone, which asks the primary of its first line and knows no other server.
fn log_on_key(phone: &PhoneSpec) -> String {
    let own = phone.accounts().first().and_then(|account| account.registrars.primary);
    let server = own.map_or_else(|| server_address(1), |primary| primary.ip());
    let terminal = phone.mac.to_string().replace(':', "");
    format!(
        "prgkey1 type: xml\nprgkey1 label: Log On/Off\nprgkey1 value: http://{server}:{HTTP_PORT}/logon?mac={terminal}\n"
    )
}

/// What a phone of that model calls itself: `Aastra 6731i`, whatever firmware the model's name tells besides.
fn product(model: &str) -> String {
    let name = Path::new(model).file_stem().unwrap_or_default().to_string_lossy();
    let mut words = name.split('-');
    let maker = words.next().unwrap_or_default();
    let maker: String =
        maker.chars().take(1).map(|first| first.to_ascii_uppercase()).chain(maker.chars().skip(1)).collect();
    words.next().map_or_else(|| maker.clone(), |kind| format!("{maker} {kind}"))
}

/// Twelve digits out of hexadecimal ones: so many stand nowhere by chance, and a leak can be looked for.
fn pin(digits: &str) -> String {
    let number = digits.get(..15).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    format!("{:012}", number.unwrap_or_default() % 1_000_000_000_000)
}

const fn server_address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1 + number))
}

const fn sip(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, SIP_PORT)
}

fn port(number: u16) -> toml::Value {
    vec![i64::from(number)].into()
}

fn path(path: &Path) -> toml::Value {
    path.to_string_lossy().into_owned().into()
}

fn table<'a>(entries: impl IntoIterator<Item = (&'a str, toml::Value)>) -> toml::Value {
    toml::Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests;
