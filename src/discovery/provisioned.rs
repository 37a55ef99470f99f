//! What the phones' own configuration files add to what was heard: where their lines belong, the server that nobody has asked yet,
//! lines that were silent, timers that no wire shows, and phones that were not heard at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use crate::config::{
    Mac, Role,
    provisioning::{Effective, Host, Layer, Layers, LineSettings, Naming, Origin, Server, SettingsFile, Taken},
};

/// The files of a provisioning server.
#[derive(Debug, Clone, Default)]
pub struct Provisioned {
    global: Vec<SettingsFile>,
    models: Vec<(String, SettingsFile)>,
    phones: BTreeMap<Mac, SettingsFile>,
}

/// Where a line belongs by the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its registrar, and what says so.
    pub primary: Option<(IpAddr, String)>,
    /// Its backup; none: it has none, or one that is named.
    pub backup: Option<(IpAddr, String)>,
    /// The backup is switched off, or not set at all.
    pub alone: bool,
}

impl Provisioned {
    /// From files by their names; what no phone reads as text is left out.
    pub fn of(files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Self {
        let mut all = Self::default();
        for (path, bytes) in files {
            let naming = Naming::of(&path);
            let file = SettingsFile::parse(path, &bytes);
            match naming {
                Naming::Global => all.global.push(file),
                Naming::Model(model) => all.models.push((model.to_ascii_lowercase(), file)),
                Naming::Phone(mac, _) => _ = all.phones.insert(mac, file),
                Naming::Local | Naming::Encrypted | Naming::Foreign => {}
            }
        }
        all
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.global.is_empty() && self.models.is_empty() && self.phones.is_empty()
    }

    /// What the phone of this MAC and model makes of them; none, where they say nothing of it.
    pub fn settings_of(&self, mac: Option<Mac>, model: &str) -> Option<Effective> {
        let own = mac.and_then(|mac| self.phones.get(&mac));
        let model = model.strip_prefix("aastra-").unwrap_or(model).to_ascii_lowercase();
        let of_model = self.models.iter().find(|(name, _)| *name == model).map(|(_, file)| file);
        let layers = [(Layer::Model, of_model), (Layer::Phone, own)];
        let mut all = Layers::new();
        self.global.iter().for_each(|file| all.push(Layer::Global, file.clone()));
        layers.into_iter().for_each(|(layer, file)| file.into_iter().for_each(|file| all.push(layer, file.clone())));
        let is_empty = self.global.is_empty() && of_model.is_none() && own.is_none();
        (!is_empty).then(|| Effective::of(&all.merge()))
    }

    /// The phones that have a file of their own, with the extensions of their lines.
    pub fn phones(&self) -> impl Iterator<Item = (Mac, Vec<String>)> {
        self.phones.keys().map(|mac| {
            let settings = self.settings_of(Some(*mac), "");
            let users = settings.iter().flat_map(|it| it.lines.values()).filter_map(|line| line.user.as_ref());
            (*mac, users.map(|user| user.value.clone()).collect())
        })
    }

    /// The server that most lines have for their home, and the one that most have for their backup, each with what says so.
    pub fn roles(&self) -> Vec<(IpAddr, Role, String)> {
        let homes = self.homes();
        let mut roles: Vec<(IpAddr, Role, String)> = Vec::new();
        for role in [Role::Primary, Role::Backup] {
            let mut named: BTreeMap<IpAddr, (usize, String)> = BTreeMap::new();
            for home in &homes {
                let there = if role == Role::Primary { &home.primary } else { &home.backup };
                if let Some((address, why)) = there.as_ref().filter(|(at, _)| roles.iter().all(|(it, ..)| it != at)) {
                    named.entry(*address).or_insert((0, why.clone())).0 += 1;
                }
            }
            let most = named.into_iter().max_by_key(|(address, (count, _))| (*count, std::cmp::Reverse(*address)));
            roles.extend(most.map(|(address, (_, why))| (address, role, why)));
        }
        roles
    }

    /// Every registrar that any line has, in the order of addresses.
    pub fn servers(&self) -> BTreeSet<IpAddr> {
        self.homes()
            .into_iter()
            .flat_map(|home| home.primary.into_iter().chain(home.backup))
            .map(|(at, _)| at)
            .collect()
    }

    /// Where every line belongs; where no phone has a file of its own, those of any phone.
    pub(super) fn homes(&self) -> Vec<Home> {
        let everybody = self.phones.keys().map(|mac| Some(*mac)).chain(self.phones.is_empty().then_some(None));
        let settings = everybody.filter_map(|mac| self.settings_of(mac, ""));
        settings.flat_map(|it| it.lines.values().map(Home::of).collect::<Vec<_>>()).collect()
    }
}

impl Home {
    /// Of a line: whom it sends to, which are its registrars unless proxies are set.
    pub fn of(line: &LineSettings) -> Self {
        let address = |server: &Server| match &server.host.value {
            Host::Address(address) => Some((*address, said(server.host.origin.as_ref()))),
            Host::Off | Host::Name(_) => None,
        };
        let [first, second] = line.next_hops();
        let place = |server: &Server| (server.host.value.clone(), server.port.value);
        // One proxy for both is left with them, and has no backup.
        let alone = line.backup_registrar.host.value.is_off() || place(first) == place(second);
        Self { primary: address(first), backup: address(second).filter(|_| !alone), alone }
    }
}

/// Timers of a bench file that the files set, with what says so.
pub fn timers(settings: &Effective) -> Vec<(&'static str, Duration, String)> {
    let set =
        |name, taken: &Taken<Duration>| taken.origin.as_ref().map(|origin| (name, taken.value, said(Some(origin))));
    let line = settings.line(1);
    let of_line = |name, which: fn(&LineSettings) -> &Taken<Duration>| line.and_then(|line| set(name, which(line)));
    [
        set("transaction", &settings.transaction),
        of_line("renewal-lead", |line| &line.renewal_lead),
        of_line("retry-timeout", |line| &line.retry_timeout),
        of_line("retry-rejected", |line| &line.retry_rejected),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `as aastra.cfg line 3 has it`.
pub fn said(origin: Option<&Origin>) -> String {
    let Some(origin) = origin else { return "as the phones have it by themselves".to_owned() };
    let file = origin.file.file_name().unwrap_or_default().to_string_lossy();
    format!("as {file} line {} has it", origin.line)
}
