//! The files that a night was planned from: whether they are the same when somebody goes on with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::nightly::NightPlan;

/// The digest of each file that a night is planned from: suite, bench and scenarios. What is built in can not change.
pub(super) fn digests(rig: &Path, suite: &str, bench: Option<&str>, plan: &NightPlan) -> BTreeMap<PathBuf, String> {
    let named = |name: &str, folder: &Path| {
        let by_name = folder.join(name).with_extension("toml");
        [PathBuf::from(name), by_name].into_iter().find(|path| path.is_file())
    };
    let scenarios: BTreeSet<&str> = plan.scenarios().map(|scenario| scenario.named.as_str()).collect();
    let scenarios = scenarios.into_iter().filter_map(|name| named(name, &rig.join("scenarios")));
    let others = [named(suite, &rig.join("suites")), bench.and_then(|bench| named(bench, rig))];
    let files = others.into_iter().flatten().chain(scenarios);
    let with_digest = |path: PathBuf| {
        let digest = digest(&path)?;
        Some((path, digest))
    };
    files.filter_map(with_digest).collect()
}

/// Files that are not what they were, or are gone.
pub(super) fn changed(files: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    files.iter().filter(|(path, was)| digest(path).as_ref() != Some(was)).map(|(path, _)| path.clone()).collect()
}

fn digest(path: &Path) -> Option<String> {
    let digest = Sha256::digest(fs::read(path).ok()?);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
