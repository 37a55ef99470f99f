//! Free seating: who may log on, and the settings that a phone gets when somebody logs on or off at it.

use super::{
    cluster::Cluster,
    spec::{Member, RegistrarSpec},
};
use crate::wire::aastra_xml::Configuration;

/// How somebody comes to a server to log on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Log On/Off XML key.
    Key,
    /// `*11*PIN*extension#`.
    Code,
}

/// A number that is dialled for what it does. Its `Debug` form leaves the PIN out.
#[derive(Clone, PartialEq, Eq)]
pub enum DialCode {
    /// `*11*PIN*extension#`.
    LogOn {
        /// As dialled.
        pin: String,
        /// As dialled.
        extension: String,
    },
    /// `#11#`.
    LogOff,
}

impl DialCode {
    /// Reads the user part of a Request-URI, in which `#` is escaped.
    pub fn read(user: &str) -> Option<Self> {
        let user = user.replace("%23", "#").replace("%2A", "*").replace("%2a", "*");
        if user == "#11#" {
            return Some(Self::LogOff);
        }
        let (pin, extension) = user.strip_prefix("*11*")?.strip_suffix('#')?.split_once('*')?;
        Some(Self::LogOn { pin: pin.to_owned(), extension: extension.to_owned() })
    }
}

impl std::fmt::Debug for DialCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LogOn { .. } => "LogOn",
            Self::LogOff => "LogOff",
        })
    }
}

/// A MAC address as terminals are named by: twelve digits in lower case. None if it is none.
pub fn terminal(text: &str) -> Option<String> {
    let digits = text.replace([':', '-'], "").to_ascii_lowercase();
    (digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

/// Logs a user on at a terminal. None: no such user, or not with that PIN.
pub fn log_on(
    spec: &RegistrarSpec,
    cluster: &mut Cluster,
    door: Door,
    (extension, pin): (&str, &str),
    terminal: &str,
) -> Option<Configuration> {
    let user = spec.users.get(extension).filter(|user| user.pin.as_deref() == Some(pin))?;
    let home = cluster.home_of(user);
    let me = cluster.me();
    let (registrar, backup) = if door == Door::Code && !cluster.is_first() && me != home {
        // Phones dial at their primary first. That the code came here is the sign that they can't reach it; this server
        // serves them alone, and so what a log-off here has lost stays lost.
        (me, None)
    } else if spec.distribution && cluster.is_full(home) {
        cluster.with_room_beside(home).map_or((home, cluster.beside(home)), |other| (other, Some(home)))
    } else {
        (home, cluster.beside(home))
    };
    let account = [
        ("sip line1 user name", extension),
        ("sip line1 screen name", extension),
        ("sip line1 auth name", extension),
        ("sip line1 password", &user.password),
    ];
    let configuration = settings(&account, registrar, Some(backup));
    cluster.sit(extension, terminal);
    Some(configuration)
}

/// Logs off whoever is logged on at a terminal, and the user who is known to register from it.
///
/// Away from the home server the phone is left with the address of this server alone, and with no backup: that is how
/// MX-ONE's `#11#` loses the primary.
pub fn log_off(spec: &RegistrarSpec, cluster: &mut Cluster, terminal: &str, registered: Option<&str>) -> Configuration {
    let extension = cluster.seated_at(terminal).or(registered).map(str::to_owned);
    let at_home = match extension.as_ref().and_then(|extension| spec.users.get(extension)) {
        Some(user) => cluster.home_of(user) == cluster.me(),
        None => cluster.is_first(),
    };
    if let Some(extension) = extension {
        cluster.rise(&extension);
    }
    let account = [("sip line1 user name", ""), ("sip line1 auth name", ""), ("sip line1 password", "")];
    settings(&account, cluster.me(), (!at_home).then_some(None))
}

/// The settings of an account. `backup`: none to leave it as it is, none within to switch it off.
fn settings(account: &[(&str, &str)], registrar: &Member, backup: Option<Option<&Member>>) -> Configuration {
    let address = |member: &Member| member.address.ip().to_string();
    let mut items: Vec<(String, String)> =
        account.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for name in ["sip proxy ip", "sip registrar ip"] {
        items.push((name.to_owned(), address(registrar)));
    }
    if let Some(backup) = backup {
        let backup = backup.map_or_else(|| "0.0.0.0".to_owned(), address);
        for name in ["sip backup proxy ip", "sip backup registrar ip"] {
            items.push((name.to_owned(), backup.clone()));
        }
    }
    Configuration { items }
}
