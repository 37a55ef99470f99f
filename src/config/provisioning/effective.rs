//! Settings as the phone takes them: typed, inherited by lines, clamped.

use std::{collections::BTreeMap, time::Duration};

use super::{
    layers::{Merged, Setting},
    parameter::{Identified, Kind, Parameter, Unit, recognise},
    syntax::Origin,
    value::{Host, Value},
};

/// A value as the phone takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<T> {
    /// The value.
    pub value: T,
    /// The line that sets it; none: it is the phone's default.
    pub origin: Option<Origin>,
}

/// A server's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its host.
    pub host: Taken<Host>,
    /// Its port. 0: with a name the phone looks for SRV records, with an address it uses 5060 (manualsdump.com 257291,
    /// page 173).
    pub port: Taken<u16>,
}

/// All that is examined of one phone's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Its lines by number. Line 1 is always there, the others if anything is set for them.
    pub lines: BTreeMap<u8, LineSettings>,
    /// `sip transaction timer`: how long a request may go unanswered.
    pub transaction: Taken<Duration>,
    /// `sip T1 timer`: the first interval of retransmission.
    pub t1: Taken<Duration>,
    /// `sip T2 timer`: the longest interval of retransmission.
    pub t2: Taken<Duration>,
    /// `sip outbound support`: it keeps flows to both servers (draft-ietf-sip-outbound).
    pub outbound_support: Taken<bool>,
    /// `sip transport protocol`.
    pub transport: Taken<Transport>,
    /// `xml application post list`: who may push XML objects. Empty: nobody.
    pub xml_post_list: Taken<Vec<Host>>,
    /// `sip xml notify event`: XML objects come by SIP NOTIFY, too.
    pub xml_notify: Taken<bool>,
    /// `action uri …` by event: `registered`, `startup`.
    pub action_uris: BTreeMap<String, Taken<Value>>,
    /// Keys that are given a meaning, by name: `prgkey1`, `softkey3`, `topsoftkey2`, `expmod1 key5`.
    pub keys: BTreeMap<String, Key>,
    /// `admin password`.
    pub admin_password: Taken<Value>,
    /// `user password`.
    pub user_password: Taken<Value>,
    /// What was not taken as it was written.
    pub remarks: Vec<Remark>,
}

/// The settings of a line, its own or else the phone's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSettings {
    /// `sip user name`: user part of its address of record. None: nobody is logged on.
    pub user: Option<Taken<String>>,
    /// `sip auth name`: user name for digest authentication. None: the user name.
    pub auth_name: Option<Taken<String>>,
    /// `sip password`.
    pub password: Option<Taken<Value>>,
    /// Where calls go: `sip proxy ip`, `sip proxy port`.
    pub proxy: Server,
    /// Where it registers: `sip registrar ip`, `sip registrar port`. Off: it does not register.
    pub registrar: Server,
    /// `sip backup proxy ip`, `sip backup proxy port`.
    pub backup_proxy: Server,
    /// `sip backup registrar ip`, `sip backup registrar port`.
    pub backup_registrar: Server,
    /// `sip outbound proxy`, `sip outbound proxy port`.
    pub outbound_proxy: Server,
    /// `sip backup outbound proxy`, `sip backup outbound proxy port`.
    pub backup_outbound_proxy: Server,
    /// `sip registration period`: lifetime asked for. Zero: what the phone does then is not documented.
    pub period: Taken<Duration>,
    /// `sip registration retry timer`: pause after a rejection.
    pub retry_rejected: Taken<Duration>,
    /// `sip registration timeout retry timer`: pause after all servers timed out.
    pub retry_timeout: Taken<Duration>,
    /// `sip registration renewal timer`: how long before expiry it renews. May be as long as the period, which is the
    /// caller's to judge.
    pub renewal_lead: Taken<Duration>,
    /// The first setting that is made for this line alone.
    pub own: Option<Origin>,
}

impl LineSettings {
    /// Whom it sends to what is for its registrar and for its backup: outbound proxies, where they are set (RFC 3261 section 8.1.2;
    /// that one without a backup is for both, no guide says).
    pub fn next_hops(&self) -> [&Server; 2] {
        let set = |server: &Server| !server.host.value.is_off();
        match (set(&self.outbound_proxy), set(&self.backup_outbound_proxy)) {
            (false, _) => [&self.registrar, &self.backup_registrar],
            (true, false) => [&self.outbound_proxy; 2],
            (true, true) => [&self.outbound_proxy, &self.backup_outbound_proxy],
        }
    }
}

/// What SIP is carried by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// 0: UDP and TCP.
    UdpAndTcp,
    /// 1.
    Udp,
    /// 2.
    Tcp,
    /// 4.
    Tls,
}

/// What a key is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `type`: `xml`, `speeddial`, `blf`, …, in lower case.
    pub kind: String,
    /// `value`: a number or a URI.
    pub value: Value,
    /// `label`.
    pub label: String,
    /// The line that sets the value, or else the type.
    pub origin: Origin,
}

/// Something that was not taken as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The parameter, as written for one line or all.
    pub name: String,
    /// The line that sets it.
    pub origin: Origin,
    /// What.
    pub kind: RemarkKind,
}

/// What became of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemarkKind {
    /// It is out of range; the nearest limit is taken.
    Clamped {
        /// As written.
        asked: u64,
        /// As taken.
        taken: u64,
        /// Of what.
        unit: Unit,
        /// The guide says so; otherwise it is assumed.
        documented: bool,
    },
    /// It is no such thing; the default is taken, as is assumed.
    NotA {
        /// What was expected: `a whole number of seconds`.
        expected: &'static str,
        /// What is taken instead, as it would be written.
        taken: &'static str,
    },
}

impl Effective {
    /// Reads the values that count.
    pub fn of(merged: &Merged) -> Self {
        let mut reader = Reader { merged, remarks: BTreeMap::new() };
        let globally = Scope { line: None };
        let effective = Self {
            lines: line_numbers(merged).into_iter().map(|(number, own)| (number, reader.line(number, own))).collect(),
            transaction: reader.time(globally, "sip transaction timer"),
            t1: reader.time(globally, "sip t1 timer"),
            t2: or_four_seconds(reader.time(globally, "sip t2 timer")),
            outbound_support: reader.flag("sip outbound support"),
            transport: reader.transport(),
            xml_post_list: reader.hosts("xml application post list"),
            xml_notify: reader.flag("sip xml notify event"),
            action_uris: action_uris(merged),
            keys: keys(merged),
            admin_password: reader.digits("admin password"),
            user_password: reader.digits("user password"),
            remarks: Vec::new(),
        };
        Self { remarks: reader.remarks.into_values().collect(), ..effective }
    }

    /// The account and servers of a line. Shorthand for a look-up in [`lines`](Self::lines).
    pub fn line(&self, number: u8) -> Option<&LineSettings> {
        self.lines.get(&number)
    }
}

/// Whose value is looked for.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// None: the phone's.
    line: Option<u8>,
}

/// Reads one value after the other. A remark is kept once, however many lines inherit the value.
struct Reader<'a> {
    merged: &'a Merged,
    remarks: BTreeMap<String, Remark>,
}

impl<'a> Reader<'a> {
    /// The line's own setting, or else the phone's, with the name it goes by.
    fn find(&self, scope: Scope, name: &str) -> Option<(String, &'a Setting)> {
        let own = scope.line.and_then(|line| {
            let own = name.replacen("sip ", &format!("sip line{line} "), 1);
            self.merged.get(&own).map(|setting| (own, setting))
        });
        own.or_else(|| self.merged.get(name).map(|setting| (name.to_owned(), setting)))
    }

    fn remark(&mut self, name: String, setting: &Setting, kind: RemarkKind) {
        let remark = Remark { name: name.clone(), origin: setting.origin.clone(), kind };
        self.remarks.insert(name, remark);
    }

    /// A value read by `read`, which is given the default if nothing is set or what is set does not fit.
    fn take<T>(
        &mut self,
        scope: Scope,
        name: &str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
        fallback: T,
    ) -> Taken<T> {
        let Some((name, setting)) = self.find(scope, name) else {
            return Taken { value: fallback, origin: None };
        };
        let origin = Some(setting.origin.clone());
        if let Some(value) = read(setting.value.expose()) {
            return Taken { value, origin };
        }
        let taken = recognise(&name).map_or("", |found| found.parameter.default);
        self.remark(name, setting, RemarkKind::NotA { expected, taken });
        Taken { value: fallback, origin }
    }

    /// A time, in the parameter's unit and within its limits.
    fn time(&mut self, scope: Scope, name: &str) -> Taken<Duration> {
        let Some(Parameter { kind: Kind::Number { min, max, unit, raised }, default, .. }) =
            recognise(name).map(|found| found.parameter)
        else {
            return Taken { value: Duration::ZERO, origin: None };
        };
        let expected = match unit {
            Unit::Milliseconds => "a whole number of milliseconds",
            Unit::Seconds => "a whole number of seconds",
        };
        let asked = self.take(scope, name, expected, whole, whole(default).unwrap_or(0));
        let taken = asked.value.clamp(*min, *max);
        if taken != asked.value
            && let Some((name, setting)) = self.find(scope, name)
        {
            let documented = *raised && asked.value < *min;
            self.remark(name, setting, RemarkKind::Clamped { asked: asked.value, taken, unit: *unit, documented });
        }
        let value = match unit {
            Unit::Milliseconds => Duration::from_millis(taken),
            Unit::Seconds => Duration::from_secs(taken),
        };
        Taken { value, origin: asked.origin }
    }

    fn server(&mut self, scope: Scope, name: &str) -> Server {
        let host = if name.ends_with("outbound proxy") { name.to_owned() } else { format!("{name} ip") };
        Server {
            host: self.take(scope, &host, "an address or a name", Host::parse, Host::Off),
            port: self.take(scope, &format!("{name} port"), "a port from 0 to 65535", |text| text.parse().ok(), 0),
        }
    }

    fn text(&self, scope: Scope, name: &str) -> Option<Taken<String>> {
        let (_, setting) = self.find(scope, name)?;
        let value = setting.value.expose().to_owned();
        (!value.is_empty()).then(|| Taken { value, origin: Some(setting.origin.clone()) })
    }

    fn line(&mut self, number: u8, own: Option<Origin>) -> LineSettings {
        let scope = Scope { line: Some(number) };
        let password = self.find(scope, "sip password").filter(|(_, setting)| !setting.value.expose().is_empty());
        LineSettings {
            user: self.text(scope, "sip user name"),
            auth_name: self.text(scope, "sip auth name"),
            password: password
                .map(|(_, setting)| Taken { value: setting.value.clone(), origin: Some(setting.origin.clone()) }),
            proxy: self.server(scope, "sip proxy"),
            registrar: self.server(scope, "sip registrar"),
            backup_proxy: self.server(scope, "sip backup proxy"),
            backup_registrar: self.server(scope, "sip backup registrar"),
            outbound_proxy: self.server(scope, "sip outbound proxy"),
            backup_outbound_proxy: self.server(scope, "sip backup outbound proxy"),
            period: self.time(scope, "sip registration period"),
            retry_rejected: self.time(scope, "sip registration retry timer"),
            retry_timeout: self.time(scope, "sip registration timeout retry timer"),
            renewal_lead: self.time(scope, "sip registration renewal timer"),
            own,
        }
    }

    fn flag(&mut self, name: &str) -> Taken<bool> {
        let read = |text: &str| match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        self.take(Scope { line: None }, name, "0 or 1", read, false)
    }

    fn transport(&mut self) -> Taken<Transport> {
        let read = |text: &str| match text {
            "0" => Some(Transport::UdpAndTcp),
            "1" => Some(Transport::Udp),
            "2" => Some(Transport::Tcp),
            "4" => Some(Transport::Tls),
            _ => None,
        };
        let expected = "0 (UDP and TCP), 1 (UDP), 2 (TCP) or 4 (TLS)";
        self.take(Scope { line: None }, "sip transport protocol", expected, read, Transport::Udp)
    }

    fn hosts(&mut self, name: &str) -> Taken<Vec<Host>> {
        let read = |text: &str| {
            let listed = text.split(',').map(str::trim).filter(|host| !host.is_empty());
            listed.map(Host::parse).collect::<Option<Vec<_>>>()
        };
        self.take(Scope { line: None }, name, "addresses and names, separated by commas", read, Vec::new())
    }

    fn digits(&mut self, name: &'static str) -> Taken<Value> {
        let read = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| Value::secret(text));
        let default = recognise(name).map_or("", |found| found.parameter.default);
        self.take(Scope { line: None }, name, "digits, which can be typed on the phone", read, Value::secret(default))
    }
}

/// Line 1, and the lines for which anything is set, with the first line of a file that does so.
fn line_numbers(merged: &Merged) -> BTreeMap<u8, Option<Origin>> {
    let mut lines = BTreeMap::from([(1, None)]);
    for (name, setting) in merged.iter() {
        if let Some(Identified { line: Some(line), .. }) = recognise(name) {
            let first = lines.entry(line).or_insert(None);
            if first.as_ref().is_none_or(|first| setting.origin < *first) {
                *first = Some(setting.origin.clone());
            }
        }
    }
    lines
}

fn action_uris(merged: &Merged) -> BTreeMap<String, Taken<Value>> {
    let set = merged.iter().filter_map(|(name, setting)| Some((name.strip_prefix("action uri ")?, setting)));
    set.filter(|(event, setting)| *event != "poll interval" && !setting.value.expose().is_empty())
        .map(|(event, setting)| {
            (event.to_owned(), Taken { value: setting.value.clone(), origin: Some(setting.origin.clone()) })
        })
        .collect()
}

fn keys(merged: &Merged) -> BTreeMap<String, Key> {
    let mut keys = BTreeMap::new();
    for (name, setting) in merged.iter() {
        let Some(key) = name.strip_suffix(" type") else { continue };
        let kind = setting.value.expose().to_ascii_lowercase();
        if recognise(name).is_none() || matches!(kind.as_str(), "" | "none" | "empty") {
            continue;
        }
        let [value, label] = ["value", "label"].map(|attribute| merged.get(&format!("{key} {attribute}")));
        let key_settings = Key {
            kind,
            value: value.map_or_else(|| Value::new(name, ""), |setting| setting.value.clone()),
            label: label.map_or("", |setting| setting.value.expose()).to_owned(),
            origin: value.unwrap_or(setting).origin.clone(),
        };
        keys.insert(key.to_owned(), key_settings);
    }
    keys
}

fn whole(text: &str) -> Option<u64> {
    // `parse` would take a sign, too. What is too large for the type is out of any range as well.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The guide gives T2 a default of 0 in one place and of 4 s in another.
fn or_four_seconds(t2: Taken<Duration>) -> Taken<Duration> {
    let value = if t2.value.is_zero() { Duration::from_secs(4) } else { t2.value };
    Taken { value, ..t2 }
}
