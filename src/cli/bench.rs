//! The bench that a command works on, and the launcher of the virtual one.
//!
//! A virtual bench is brought up first, and the same command is run inside it on the bench file found there.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::sys::signal::Signal;

use super::{args::BenchArgs, error::UserError, exit::Exit, state};
use crate::{
    config::{Scenario, document::Document, load, overrides::Override},
    driver::serial::share,
    virtual_bench::{self, Description, plan::LabPlan},
};

/// A bench file, read and not yet checked.
pub enum Opened {
    /// Devices, or software that looks like devices.
    Real(Box<Document>),
    /// It must be brought up first.
    Virtual(Box<Description>),
}

/// The directory in which files are looked for by name.
pub fn rig() -> PathBuf {
    PathBuf::from(load::RIG)
}

/// The bench that is used where none is named.
const DEFAULT: &str = "virtual";

/// Reads the bench file that was named; or, where none was, that on which these scenarios are tried.
///
/// # Errors
/// What is wrong with it or with an override; scenarios that are tried on different benches.
pub fn open(args: &BenchArgs, scenarios: &[Scenario]) -> Result<Opened, UserError> {
    let tried_on = |scenario: &Scenario| scenario.tried_on.clone().unwrap_or_else(|| DEFAULT.to_owned());
    let benches: BTreeSet<String> = scenarios.iter().map(tried_on).collect();
    let name = match (&args.bench, benches.first()) {
        (Some(named), _) => named,
        (None, _) if benches.len() > 1 => {
            let named: Vec<_> = scenarios.iter().map(|it| format!("{} on {}", it.name, tried_on(it))).collect();
            let message = format!("these scenarios are tried on different benches: {}", named.join(", "));
            return Err(UserError::new(Exit::Usage, message, "run them apart, or name one bench with --bench"));
        }
        (None, Some(tried_on)) => tried_on,
        (None, None) => DEFAULT,
    };
    let document = load::document(name, &rig(), &args.overrides)?;
    if !document.is_virtual() {
        return Ok(Opened::Real(Box::new(document)));
    }
    let description: Description = document.read_as()?;
    match description.checked() {
        Ok(description) => Ok(Opened::Virtual(Box::new(description))),
        Err(error) => {
            let message = format!("{}: {error}", document.file().display());
            Err(UserError::new(Exit::Config, message, "see rig/virtual.toml for what can be written there"))
        }
    }
}

/// The bench file that a virtual bench would have, without bringing it up.
///
/// # Errors
/// If the model of its phones can not be read.
pub fn preview(description: &Description, rig: &Path) -> Result<Document, UserError> {
    let keys = load::model(&description.lab.model, rig)?.keys;
    let plan = LabPlan::new(description, Path::new(""), &keys, String::new);
    Ok(Document::parse(PathBuf::from("<virtual>/bench.toml"), plan.bench_file().to_string(), &[])?)
}

/// Brings a virtual bench up and runs this very command in it.
///
/// # Errors
/// If the bench does not come up.
pub fn run_inside(description: &Description, rig: &Path) -> Result<ExitCode, UserError> {
    let inner = as_applied(std::env::args_os().skip(1));
    let code = virtual_bench::launch(description, rig, &inner);
    if let Ok(state) = state::directory() {
        share::sweep(&state);
    }
    let code = code?;
    killed_by(code).map_or(Ok(ExitCode::from(code)), |signal| {
        let message = format!("{signal} ended the command in the virtual bench, and the bench with it");
        let help = "is this machine out of memory? a run that had begun is kept, as `siprig runs list` shows";
        Err(UserError::new(Exit::Unexpected, message, help))
    })
}

/// The signal behind an exit code, if it is none that people end a command with.
fn killed_by(code: u8) -> Option<Signal> {
    let signal = Signal::try_from(i32::from(code.checked_sub(128)?)).ok()?;
    let usual = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
    (!usual.contains(&signal)).then_some(signal)
}

/// The same arguments, for a bench file in which the overrides are applied already.
fn as_applied(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut options = true;
    arguments
        .into_iter()
        .map(|argument| {
            options &= argument != "--";
            match argument.to_str() {
                Some("--set") if options => "--applied-set".into(),
                Some(text) if options => text
                    .strip_prefix("--set=")
                    .map_or_else(|| argument.clone(), |change| format!("--applied-set={change}").into()),
                _ => argument,
            }
        })
        .collect()
}

/// All overrides in force, for the record.
pub fn in_force(args: &BenchArgs) -> impl Iterator<Item = &Override> {
    args.applied.iter().chain(&args.overrides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_handed_on_as_applied_and_nothing_else_is_touched() {
        let words = ["run", "--set", "expires=9s", "--json", "--set=vlan=3", "--", "--set"];
        let inner = as_applied(words.map(OsString::from));
        assert_eq!(inner, ["run", "--applied-set", "expires=9s", "--json", "--applied-set=vlan=3", "--", "--set"]);
    }
}
