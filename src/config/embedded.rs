//! The files that are part of the binary. A file of the same name in the rig directory takes a file's place.

/// A file in the binary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    /// Path below the rig directory.
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$(Embedded { path: $path, text: include_str!(concat!("../../rig/", $path)) }),*]
    };
}

/// All of them; a test holds that none is missing.
pub(super) const FILES: &[Embedded] = embedded![
    "models/aastra-6700i.toml",
    "models/aastra-6730i.toml",
    "models/aastra-6731i-fw3.toml",
    "models/aastra-6731i.toml",
    "models/aastra-6735i.toml",
    "models/aastra-6737i.toml",
    "models/aastra-6739i.toml",
    "models/aastra-6753i.toml",
    "models/aastra-6755i.toml",
    "models/aastra-6757i.toml",
    "models/baresip-both.toml",
    "models/baresip-console.toml",
    "models/baresip-serreg.toml",
    "models/baresip-srv.toml",
    "models/linphonec.toml",
    "models/linux-console.toml",
    "models/snom-d7xx.toml",
    "models/twinkle-console.toml",
    "models/unknown.toml",
    "models/yealink-t4x.toml",
    "scenarios/baseline.toml",
    "scenarios/boot-on-backup.toml",
    "scenarios/both-away.toml",
    "scenarios/call-before-renewal.toml",
    "scenarios/call-in-the-gap.toml",
    "scenarios/call-on-backup.toml",
    "scenarios/call-through-failover.toml",
    "scenarios/call.toml",
    "scenarios/configured-timers.toml",
    "scenarios/connections-reset.toml",
    "scenarios/crossed-homes.toml",
    "scenarios/cut-after-renewal.toml",
    "scenarios/cut-before-renewal.toml",
    "scenarios/distribution-switched.toml",
    "scenarios/drop-against-refusal.toml",
    "scenarios/failover.toml",
    "scenarios/flapping.toml",
    "scenarios/hold-on-backup.toml",
    "scenarios/home-server-full.toml",
    "scenarios/host-unreachable.toml",
    "scenarios/incoming-in-the-gap.toml",
    "scenarios/incoming-through-failover.toml",
    "scenarios/late-401.toml",
    "scenarios/learn.toml",
    "scenarios/link-down.toml",
    "scenarios/log-off-on-backup.toml",
    "scenarios/log-on-key-dead.toml",
    "scenarios/log-on-key.toml",
    "scenarios/lossy-path.toml",
    "scenarios/lost-refresh.toml",
    "scenarios/mass-return.toml",
    "scenarios/mwi-after-move.toml",
    "scenarios/one-way-loss.toml",
    "scenarios/outage-matrix.toml",
    "scenarios/outgoing-on-backup.toml",
    "scenarios/primary-answers-302.toml",
    "scenarios/primary-answers-403.toml",
    "scenarios/primary-answers-503.toml",
    "scenarios/primary-flaps.toml",
    "scenarios/primary-reboots.toml",
    "scenarios/prohibited.toml",
    "scenarios/registrar-off.toml",
    "scenarios/server-stopped.toml",
    "scenarios/settling.toml",
    "scenarios/slow-death.toml",
    "scenarios/slow-path.toml",
    "scenarios/storm.toml",
    "scenarios/swallowed-200.toml",
    "scenarios/watch.toml",
    "suites/nightly.toml",
    "virtual-crossed.toml",
    "virtual-differing.toml",
    "virtual-full-alone.toml",
    "virtual-full.toml",
    "virtual-lamps.toml",
    "virtual-lapsing.toml",
    "virtual-peer.toml",
    "virtual-provisioned.toml",
    "virtual-registrar-off.toml",
    "virtual.toml",
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn every_model_scenario_and_suite_of_the_rig_directory_is_in_the_binary() {
        let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("rig");
        let mut there = BTreeSet::new();
        for folder in ["models", "scenarios", "suites"] {
            let Ok(entries) = rig.join(folder).read_dir() else { continue };
            for entry in entries {
                let name = entry.unwrap().file_name().into_string().unwrap();
                there.insert(format!("{folder}/{name}"));
            }
        }
        let embedded: BTreeSet<_> =
            FILES.iter().map(|file| file.path.to_owned()).filter(|path| path.contains('/')).collect();
        assert_eq!(embedded, there);
    }
}
