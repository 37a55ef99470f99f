//! What an earlier siprig left behind, and what is to be done about it.

use serde::Serialize;

use crate::{
    bridge::{join::DEFAULT_BRIDGE, survey::Survey},
    cli::changes::Changes,
};

/// Something that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything that was left behind.
pub fn all(survey: &Survey, changes: &Changes) -> Vec<Leftover> {
    let mut all = Vec::new();
    let is_off =
        |name: &str| survey.sides.iter().any(|side| side.name == name && side.link.as_ref().is_some_and(|it| !it.up));
    if let Some(off) = changes.off.as_ref().filter(|off| is_off(&off.interface)) {
        all.push(Leftover {
            what: format!("{} switched off for an outage, {}", off.interface, off.since),
            remedy: "where nobody uses it, `siprig net restore` switches it on again".to_owned(),
        });
    }
    for (name, _) in &survey.dead_ports {
        all.push(Leftover {
            what: format!("{name}, a port for canaries whose helper is gone"),
            remedy: "`siprig net restore` removes it".to_owned(),
        });
    }
    for table in survey.tables.iter().flatten().filter(|table| table.owner.is_none()) {
        all.push(Leftover {
            what: format!("an outage table for {}, which nobody owns", table.bridge),
            remedy: format!("`nft delete table bridge siprig-{}` removes it", table.bridge),
        });
    }
    if let Some(bridge) = survey.bridge.as_ref().filter(|bridge| bridge.ports.is_empty()) {
        let remedy = if changes.made(&bridge.name, bridge.link.index).is_some() {
            Some("`siprig net restore` removes it".to_owned())
        } else if bridge.name == DEFAULT_BRIDGE {
            Some(format!("if nobody needs it, `ip link delete {}` removes it", bridge.name))
        } else {
            None
        };
        let what = format!("{}, a bridge without ports", bridge.name);
        all.extend(remedy.map(|remedy| Leftover { what, remedy }));
    }
    all
}
