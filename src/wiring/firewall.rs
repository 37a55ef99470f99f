//! What of this machine may drop what passes the bridge: filters of the bridge itself, and, where `br_netfilter` is in force, the
//! firewall of what the machine forwards, which container runtimes set to drop.

use super::{Finding, listed};

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// Settings by which bridged frames are shown to the firewall.
    pub shown: Vec<Shown>,
    /// Chains for what is forwarded; or why they can not be read.
    pub chains: Result<Vec<Chain>, String>,
}

/// A setting that shows bridged frames to the firewall of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Which family.
    pub family: Family,
    /// What the setting is called.
    pub setting: String,
    /// The command that switches it off.
    pub off: String,
}

/// A family of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Of what is bridged.
    Bridge,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
    /// ARP.
    Arp,
}

/// Rules for what is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its family.
    pub family: Family,
    /// What people find it by.
    pub name: String,
    /// What it does.
    pub does: Does,
}

/// What a chain does. The rules themselves are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It lets everything pass.
    Nothing,
    /// It has rules, which may drop something.
    Rules,
    /// It drops what no rule lets pass.
    Drops,
}

/// What may drop frames on the bridge.
pub(super) fn finding(firewall: &Firewall) -> Finding {
    let settings: Vec<&str> = firewall.shown.iter().map(|shown| shown.setting.as_str()).collect();
    let commands: Vec<String> = firewall.shown.iter().map(|shown| format!("`{}`", shown.off)).collect();
    let in_force = format!("br_netfilter is in force ({})", listed(&settings));
    let chains = match &firewall.chains {
        Ok(chains) => chains,
        Err(why) if settings.is_empty() => {
            return Finding::unknown("whether a filter of this machine drops frames on the bridge", why);
        }
        Err(why) => {
            let what = format!("{in_force}: whether this machine's firewall drops what passes the bridge");
            return Finding::unknown(
                what,
                format!("{why}; without that setting it is in nobody's way: {}", listed(&commands)),
            );
        }
    };
    let of_bridge = |does| chains.iter().find(move |chain| chain.family == Family::Bridge && chain.does == does);
    if let Some(chain) = of_bridge(Does::Drops) {
        let what = format!("{} drops what passes the bridge, but for what its rules let pass", chain.name);
        return Finding::problem(what, "let it pass, or remove the chain: `nft list ruleset` shows it");
    }
    let seen = |chain: &&Chain| chain.does != Does::Nothing && firewall.shows(chain.family);
    if let Some(chain) = chains.iter().filter(seen).max_by_key(|chain| chain.does == Does::Drops) {
        let does =
            if chain.does == Does::Drops { "drops what no rule lets pass" } else { "has rules that may drop it" };
        return Finding::problem(
            format!("{in_force}: this machine's firewall sees what passes the bridge, and {} {does}", chain.name),
            format!("run {}; for good in /etc/sysctl.d, after what loads the module", listed(&commands)),
        );
    }
    match of_bridge(Does::Rules) {
        Some(chain) => Finding::unknown(
            format!("whether {} drops something that passes the bridge", chain.name),
            "its rules are not read: canaries tell when a run begins",
        ),
        None if settings.is_empty() => Finding::ok("no firewall of this machine sees what passes the bridge"),
        None => Finding::ok(format!("{in_force}, and no firewall of this machine drops what it forwards")),
    }
}

impl Firewall {
    /// Whether bridged frames come to chains of that family, beside the bridge's own.
    fn shows(&self, family: Family) -> bool {
        let has = |wanted| self.shown.iter().any(|shown| shown.family == wanted);
        match family {
            Family::Bridge => false,
            Family::Inet => has(Family::Ip) || has(Family::Ip6),
            family => has(family),
        }
    }
}
