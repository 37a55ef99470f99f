//! `siprig check --preflight`: what must be so before a night may judge a phone. Nothing is changed.

use std::collections::BTreeMap;

use clap::Args;

use super::{Finding, State, cabling, disk};
use crate::{
    cli::{args::CheckArgs, error::UserError},
    config::{Bench, Model, Phone},
};

/// Arguments of `check --preflight`.
#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Find out in less than a minute, for all phones at once, what must be so before they can be judged: cables, keypad,
    /// registration at the primary, firmware; clocks, licences and disk
    #[arg(long, conflicts_with_all = ["config", "discover", "cabling"])]
    pub preflight: bool,
    /// With --preflight or --cabling, only these phones, separated by commas; otherwise all of the bench
    #[arg(long, value_delimiter = ',', value_name = "NAMES", conflicts_with_all = ["config", "discover"])]
    pub phones: Vec<String>,
}

/// Looks at all of it.
///
/// # Errors
/// If a port, the interfaces or a lock can not be had, or somebody ended it.
pub(super) fn look(
    args: &CheckArgs,
    bench: &Bench,
    phones: &[&Phone],
    models: &BTreeMap<String, Model>,
) -> Result<Vec<Finding>, UserError> {
    let mut findings = vec![disk(&args.report_dir).coded("disk")];
    let found = cabling::look(false, args.listen, bench, phones, models)?;
    findings.extend(found.into_iter().map(unless_heard));
    Ok(findings)
}

/// Of a phone that did not register meanwhile nothing is known until it does.
fn unless_heard(finding: Finding) -> Finding {
    let silent = ["mac-unproven", "address-unproven", "extension-unproven"];
    if finding.state == State::Problem && finding.code.is_some_and(|code| silent.contains(&code)) {
        return Finding { state: State::Unknown, code: Some("unknown-until-renewal"), ..finding };
    }
    finding
}
