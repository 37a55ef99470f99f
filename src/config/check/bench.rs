//! Checks of a bench: its network, its servers, its phones, and that no two of them claim the same thing.

use std::{collections::BTreeMap, net::IpAddr, ops::Range, path::Path, time::Duration};

use toml::Spanned;

use super::{Findings, LONGEST, called, hook, identity, licences, lines, pbx, peer, phone_files, ports, witness};
use crate::{
    config::{
        bench::{Bench, CAPTURE_SIZE, Network, Phone, Role, Server},
        diagnostic::Diagnostics,
        model::{Model, RenewalLead, Source, Timer, Timers},
        raw,
    },
    event::{PhoneName, ServerName},
    wire::{
        dns::{Name, NotAName},
        signalling::SIP_PORTS,
    },
};

/// Where models come from.
pub(in crate::config) type FindModel<'a> = dyn FnMut(&str) -> Result<Model, Diagnostics> + 'a;

/// The checked bench with the models of its phones; worth nothing if there are findings. `folder` is what relative
/// paths in it start from.
pub(in crate::config) fn bench(
    raw: &raw::Bench,
    folder: &Path,
    find_model: &mut FindModel<'_>,
    findings: &mut Findings<'_>,
) -> (Bench, BTreeMap<String, Model>) {
    let kind = raw.kind.as_ref().or_else(|| raw.bench.as_ref().and_then(|head| head.get_ref().kind.as_ref()));
    if let Some(kind) = kind {
        let help = "a virtual bench is started by `siprig run` and `siprig virtual`; a bench of devices has no kind";
        findings.at(kind.span(), format!("a bench of kind `{}` can not be opened as it is", kind.get_ref()), help);
    }
    let name = raw.bench.as_ref().and_then(|head| head.get_ref().name.as_ref());
    let name = findings
        .required(name, 0..0, "the bench has no name", "add `[bench]` with `name = \"…\"`")
        .and_then(|name| findings.name(name))
        .unwrap_or_default();
    let network = raw.network.as_ref().map(|network| self::network(network, findings));
    let mut claims = Claims::default();
    let servers = servers(&raw.server, folder, &mut claims, findings);
    let mut models = BTreeMap::new();
    let mut phones = Vec::new();
    for raw_phone in &raw.phone {
        phones.push(phone(raw_phone, raw, &servers, folder, &mut models, find_model, &mut claims, findings));
    }
    if raw.phone.is_empty() && kind.is_none() {
        findings.missing(0..0, "the bench has no phones", "add `[[phone]]` tables");
    }
    let probe = network.as_ref().and_then(|network: &Network| network.probe_address).map(|(address, _)| address);
    let heard = |phone: &Phone| {
        phone.address.is_some() && models.get(&phone.model).is_some_and(|model: &Model| model.syslog.is_some())
    };
    let heard = phones.iter().any(heard);
    let syslog = raw.syslog.as_ref().and_then(|it| witness::syslog(it, probe, heard, findings));
    let known = phones.iter().any(|phone: &Phone| phone.address.is_some());
    let action_uri = raw.action_uri.as_ref().and_then(|it| witness::action_uri(it, probe, known, findings));
    let pbx = pbx::settings(&raw.pbx, folder, findings);
    let peers = peer::peers(&raw.peer, &servers, &phones, folder, &mut claims, findings);
    let provisioning = raw.provisioning.as_ref().and_then(|it| phone_files::phone_files(it, folder, findings));
    let licences = raw.licences.as_ref().and_then(|it| licences::licences(it, folder, findings));
    (Bench { name, network, servers, phones, syslog, action_uri, pbx, peers, provisioning, licences }, models)
}

/// What exists once on a bench, and who has it.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<(&'static str, String), String>);

impl Claims {
    /// Claims a thing for an owner, or says who has it already.
    pub(super) fn claim(
        &mut self,
        what: &'static str,
        thing: &str,
        owner: &str,
        span: Range<usize>,
        findings: &mut Findings<'_>,
    ) {
        if let Some(first) = self.0.get(&(what, thing.to_owned())) {
            findings.at(span, format!("the {what} `{thing}` is given twice"), format!("{first} has it already"));
        } else {
            self.0.insert((what, thing.to_owned()), owner.to_owned());
        }
    }

    /// Claims a thing that all owners of the same name share.
    pub(super) fn share(
        &mut self,
        what: &'static str,
        thing: &str,
        owners: &str,
        span: Range<usize>,
        findings: &mut Findings<'_>,
    ) {
        if self.0.get(&(what, thing.to_owned())).is_none_or(|first| first != owners) {
            self.claim(what, thing, owners, span, findings);
        }
    }
}

fn network(raw: &Spanned<raw::Network>, findings: &mut Findings<'_>) -> Network {
    let (span, raw) = (raw.span(), raw.get_ref());
    let mut side = |name: &Option<Spanned<String>>, key: &str, toward: &str| {
        let message = format!("[network] does not say which interface leads to the {toward}");
        findings
            .required(name.as_ref(), span.clone(), &message, &format!("add `{key} = \"enp3s0\"`"))
            .and_then(|name| interface(name, findings))
            .unwrap_or_default()
    };
    let phone_side = side(&raw.phone_side, "phone-side", "phones");
    let server_side = side(&raw.server_side, "server-side", "servers");
    if let Some(server) = &raw.server_side
        && phone_side == server_side
    {
        let help = "the rig sits between two interfaces; name the other one";
        findings.at(server.span(), "both sides are the same interface", help);
    }
    let bridge = raw.bridge.as_ref().and_then(|name| interface(name, findings));
    if let (Some(name), Some(bridge)) = (&raw.bridge, &bridge)
        && [&phone_side, &server_side].contains(&bridge)
    {
        findings.at(name.span(), "the bridge is also one of its sides", "name the bridge itself, as `br-lab`");
    }
    let probe_interface = raw.probe_interface.as_ref().and_then(|name| interface(name, findings));
    if let Some(name) = &raw.probe_interface {
        if raw.probe_address.is_none() {
            findings.at(name.span(), "an interface for an address that is not said", "add `probe-address`");
        }
        if raw.bridge.is_none() {
            let help =
                "make the bridge and this interface by the system (docs/first-day.md), and add `bridge = \"br-lab\"`";
            findings.at(name.span(), "no interface is made on a bridge that siprig makes", help);
        }
    }
    let mut protected = Vec::new();
    for text in &raw.protected {
        protected.extend(identity::mac(text, findings));
    }
    Network {
        phone_side,
        server_side,
        bridge,
        probe_address: raw.probe_address.as_ref().and_then(|text| probe_address(text, findings)),
        probe_interface,
        vlan: raw.vlan.as_ref().and_then(|vlan| findings.integer(vlan, "VLAN", (1, 4094))),
        protected,
        capture_size: raw.capture_size.as_ref().and_then(|text| capture_size(text, findings)).unwrap_or(CAPTURE_SIZE),
    }
}

/// A number of bytes with a unit, enough for a few frames and at most what one file can be worked with.
fn capture_size(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<u64> {
    let help = "write the length at which the next file begins, from `1MB` to `100GB`, as `256MB`";
    let units = [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    let size = units.iter().find_map(|(unit, bytes)| {
        let number = text.get_ref().trim().strip_suffix(unit)?.trim_end().parse::<u64>().ok()?;
        number.checked_mul(*bytes)
    });
    let flaw = match size {
        None => "is no size of a file",
        Some(..1_000_000) => "is too small for a capture: it would be scattered over many files",
        Some(100_000_000_001..) => "is too large for a capture: nothing would open it",
        Some(_) => return size,
    };
    findings.at(text.span(), format!("`{}` {flaw}", text.get_ref()), help);
    None
}

/// The name of a Linux interface: at most 15 bytes, no slash, no space (`dev_valid_name` in net/core/dev.c).
fn interface(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<String> {
    let name = text.get_ref();
    let fits = !name.is_empty()
        && name.len() <= 15
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
        && name != "."
        && name != "..";
    if !fits {
        let help = "at most 15 bytes without `/`, `:` and spaces; `ip link` lists them";
        findings.at(text.span(), format!("`{name}` can not be the name of an interface"), help);
    }
    fits.then(|| name.clone())
}

/// An address with prefix length that a host can have: neither the network's own nor its broadcast address.
fn probe_address(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<(IpAddr, u8)> {
    let help = "write an unused address of the phones' network with its prefix length, as `10.77.0.250/24`";
    let parts = text
        .get_ref()
        .split_once('/')
        .and_then(|(address, prefix)| Some((address.parse::<IpAddr>().ok()?, prefix.parse::<u8>().ok()?)));
    let flaw = match parts {
        None => Some("is no address with prefix length"),
        Some((address, _)) if address.is_unspecified() || address.is_multicast() => Some("is no address of a device"),
        Some((IpAddr::V4(address), prefix @ 1..=32)) => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            let bits = u32::from(address) & host;
            match prefix {
                ..=30 if bits == 0 => Some("is the address of the network itself"),
                ..=30 if bits == host => Some("is the broadcast address of its network"),
                _ => None,
            }
        }
        Some((IpAddr::V6(_), 1..=128)) => None,
        Some(_) => Some("has an impossible prefix length"),
    };
    if let Some(flaw) = flaw {
        findings.at(text.span(), format!("`{}` {flaw}", text.get_ref()), help);
    }
    flaw.is_none().then_some(parts).flatten()
}

fn servers(
    raw: &[Spanned<raw::Server>],
    folder: &Path,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Vec<Server> {
    let roles = [("primary", Role::Primary), ("backup", Role::Backup), ("other", Role::Other)];
    let mut servers = Vec::new();
    for server in raw {
        let (span, raw) = (server.span(), server.get_ref());
        let name = findings
            .required(raw.name.as_ref(), span.clone(), "the server has no name", "add `name = \"a\"`")
            .and_then(|text| {
                claims.claim("server name", text.get_ref(), "another server", text.span(), findings);
                findings.name(text)
            })
            .unwrap_or_default();
        let role = raw.role.as_ref().map_or(Some(Role::Other), |role| findings.word(role, "role", &roles));
        findings.incomplete |= role.is_none();
        let role = role.unwrap_or(Role::Other);
        if role != Role::Other
            && let Some(first) = servers.iter().find(|server: &&Server| server.role == role)
            && let Some(text) = &raw.role
        {
            let help = format!(
                "server `{}` has it; make this one `other` and name it in the lines that use it: `{role} = \"{name}\"`",
                first.name
            );
            findings.at(text.span(), format!("two servers have the role `{role}`"), help);
        }
        let owner = called("server", &name);
        let mut addresses = Vec::new();
        for text in &raw.addresses {
            if let Some(address) = findings.address(text) {
                claims.claim("address", &address.to_string(), &owner, text.span(), findings);
                addresses.push(address);
            }
        }
        if raw.addresses.is_empty() {
            findings.missing(span, format!("the {owner} has no addresses"), "add `addresses = [\"10.77.0.2\"]`");
        }
        let names = raw.names.iter().filter_map(|text| host_name(text, findings)).collect();
        let gateway = raw.gateway.as_ref().and_then(|text| findings.address(text));
        let hook = raw.hook.as_ref().and_then(|it| hook::hook(it, &owner, folder, findings));
        let witness = raw.witness.as_ref().and_then(|it| witness::list(it, &owner, folder, findings));
        let (name, services) = (ServerName(name), services(raw, findings));
        servers.push(Server { name, role, addresses, services, names, gateway, hook, witness });
    }
    servers
}

fn host_name(text: &Spanned<String>, findings: &mut Findings<'_>) -> Option<Name> {
    let name = text.get_ref().parse();
    if let Err(NotAName) = name {
        let help = "write one that phones ask DNS for, as `sip-a.example.net`; addresses belong to `addresses`";
        findings.at(text.span(), format!("`{}` is {NotAName}", text.get_ref()), help);
    }
    name.ok()
}

fn services(raw: &raw::Server, findings: &mut Findings<'_>) -> BTreeMap<String, Vec<u16>> {
    let mut services = BTreeMap::from([("sip".to_owned(), SIP_PORTS.to_vec())]);
    for (service, ports) in &raw.services {
        let ports: Vec<_> = ports.iter().filter_map(|port| findings.integer(port, "port", (1, 65535))).collect();
        if !ports.is_empty() {
            services.insert(service.clone(), ports);
        }
    }
    services
}

#[expect(clippy::too_many_arguments, reason = "each is a different collection that a phone is checked against")]
fn phone(
    raw: &Spanned<raw::Phone>,
    whole: &raw::Bench,
    servers: &[Server],
    folder: &Path,
    models: &mut BTreeMap<String, Model>,
    find_model: &mut FindModel<'_>,
    claims: &mut Claims,
    findings: &mut Findings<'_>,
) -> Phone {
    let (span, raw) = (raw.span(), raw.get_ref());
    let name = findings
        .required(raw.name.as_ref(), span.clone(), "the phone has no name", "add `name = \"p1\"`")
        .and_then(|text| {
            claims.claim("phone name", text.get_ref(), "another phone", text.span(), findings);
            findings.name(text)
        })
        .unwrap_or_default();
    let owner = called("phone", &name);
    let model = findings.required(
        raw.model.as_ref(),
        span.clone(),
        &format!("the {owner} has no model"),
        "add `model = \"aastra-6731i\"`, or the path of a model file",
    );
    if let Some(model) = model
        && !models.contains_key(model.get_ref())
    {
        match find_model(model.get_ref()) {
            Ok(found) => drop(models.insert(model.get_ref().clone(), found)),
            Err(mut why) => {
                if let [only] = why.0.as_mut_slice()
                    && only.place.is_none()
                {
                    findings.push(model.span(), std::mem::take(&mut only.message), only.help.take());
                } else {
                    findings.extend(why);
                }
            }
        }
    }
    let (identity, address) = identity::identity(raw, &owner, span.clone(), claims, findings);
    let model_name = model.map(|model| model.get_ref().clone()).unwrap_or_default();
    let base = models.get(&model_name).map(|model| model.timers.clone());
    let has_xml = models.get(&model_name).is_none_or(|model| !model.xml_keys.is_empty());
    let keypad = ports::keypad(raw, &owner, address, folder, claims, findings);
    ports::tell_unpressable(keypad.as_ref(), models.get(&model_name), &owner, raw, findings);
    Phone {
        lines: lines::lines(raw, &owner, span.clone(), servers, folder, claims, findings),
        console: raw.console.as_ref().and_then(|console| ports::console(console, &owner, folder, claims, findings)),
        keypad,
        push: ports::push(raw, &owner, address, has_xml, findings),
        status_page: witness::watched_page(raw, &owner, address, models.get(&model_name), folder, findings),
        timers: timers([&whole.timers, &raw.timers], base, span, findings),
        name: PhoneName(name),
        model: model_name,
        identity,
        address,
    }
}

/// The model's timers under those of the bench file; of two layers the later one counts.
fn timers(
    layers: [&raw::TimerOverrides; 2],
    base: Option<Timers>,
    phone: Range<usize>,
    findings: &mut Findings<'_>,
) -> Timers {
    const SHORTEST: Duration = Duration::from_millis(10);
    let configured = |value| Timer { value, source: Source::Configured };
    let zero = Timer { value: Duration::ZERO, source: Source::Assumed };
    let mut timers = base.clone().unwrap_or(Timers {
        expires: zero,
        transaction: zero,
        renewal_lead: Timer { value: RenewalLead::Percent(0.0), source: Source::Assumed },
        retry_timeout: zero,
        retry_rejected: zero,
    });
    let mut lead_at = phone;
    for layer in layers {
        let spans = [
            (&layer.expires, &mut timers.expires),
            (&layer.transaction, &mut timers.transaction),
            (&layer.retry_timeout, &mut timers.retry_timeout),
            (&layer.retry_rejected, &mut timers.retry_rejected),
        ];
        for (text, timer) in spans {
            if let Some(value) = text.as_ref().and_then(|text| findings.duration(text, (SHORTEST, LONGEST))) {
                *timer = configured(value);
            }
        }
        if let Some(text) = &layer.renewal_lead
            && let Some(value) = findings.lead(text)
        {
            timers.renewal_lead = Timer { value, source: Source::Configured };
            lead_at = text.span();
        } else if let Some(text) = &layer.expires {
            lead_at = text.span();
        }
    }
    if base.is_some()
        && let RenewalLead::Span(lead) = timers.renewal_lead.value
        && lead >= timers.expires.value
    {
        let times = (humantime::format_duration(lead), humantime::format_duration(timers.expires.value));
        let message = format!("a renewal lead of {} is not shorter than an expiry of {}", times.0, times.1);
        findings.at(lead_at, message, "a phone renews before expiry: lower `renewal-lead` or raise `expires`");
    }
    timers
}
