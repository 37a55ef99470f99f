//! `siprig check`: everything that a run needs, looked at one by one, nothing changed.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    args::CheckArgs,
    bench::{self, Opened},
    discover,
    error::{UserError, print_data},
    exit::Exit,
    lock::{self, LockError},
    places::{PlacesFile, Seen},
    run, state,
};
use crate::{
    config::{Bench, Network, Phone, document::Document, load},
    driver::network,
};

pub mod cabling;
mod finding;
mod licences;
mod looking;
mod options;
mod pbx;
mod peer;
mod phone_files;
mod port;
pub mod preflight;
pub mod settings;
mod wiring;

use finding::{Finding, Report, State, lines};
use looking::Look;

/// Less than this on the disk, and a night's captures may not fit.
const LITTLE_SPACE: u64 = 500 << 20;

/// Checks a bench, here or inside the virtual bench, or the configuration files of phones.
///
/// # Errors
/// If a file is wrong, or the virtual bench does not come up.
pub fn main(args: &CheckArgs) -> Result<ExitCode, UserError> {
    if !args.config.is_empty() {
        return settings::check(args).map(ExitCode::from);
    }
    if args.discover.discover {
        return discover::main(args);
    }
    match bench::open(&args.bench, &[])? {
        Opened::Virtual(description) => {
            run::check_names(&args.preflight.phones, |name| description.phone_names().any(|known| known == name))?;
            bench::run_inside(&description, &bench::rig())
        }
        Opened::Real(document) => check(args, &document).map(ExitCode::from),
    }
}

/// The document for a check that could not even begin.
///
/// # Errors
/// If it can not be written as JSON.
pub fn failed(args: &CheckArgs, error: &UserError) -> Result<String, serde_json::Error> {
    if !args.config.is_empty() {
        return settings::failed(error);
    }
    Report::failed(error.exit.code(), error.text()).to_json()
}

fn check(args: &CheckArgs, document: &Document) -> Result<Exit, UserError> {
    let (bench, models) = load::checked_bench(document, &bench::rig())?;
    let selected = run::selected(&bench, &args.preflight.phones);
    run::check_names(&args.preflight.phones, |name| bench.phones.iter().any(|phone| phone.name.0 == name))?;
    let mut stopped_by = None;
    let findings = if args.preflight.preflight {
        preflight::look(args, &bench, &selected, &models)?
    } else if args.cabling.cabling {
        let look = Look { purpose: "cabling", bench: &bench, phones: &selected, models: &models };
        cabling::look(&look, args.cabling.restart, args.listen)?
    } else {
        let mut findings = look(&bench, document, &args.report_dir);
        if let Some(time) = args.listen {
            let heard = wiring::listen(&bench, time)?;
            findings.extend(heard.findings);
            stopped_by = heard.stopped_by;
        }
        findings
    };
    let any = |state| findings.iter().any(|finding| finding.state == state);
    let exit = if let Some(signal) = stopped_by {
        Exit::of_signal(signal)
    } else if any(State::Busy) {
        Exit::Busy
    } else if !findings.iter().all(Finding::is_passed) {
        Exit::Rig
    } else {
        Exit::Success
    };
    if args.json {
        let text = Report::of(&bench.name, exit.code(), &findings).to_json().map_err(|error| {
            UserError::new(Exit::Unexpected, format!("cannot write the findings: {error}"), "please report this")
        })?;
        print_data(&text)?;
    } else {
        print_data(&lines(&findings))?;
    }
    Ok(exit)
}

fn look(bench: &Bench, document: &Document, report_dir: &Path) -> Vec<Finding> {
    let lines: usize = bench.phones.iter().map(|phone| phone.lines.len()).sum();
    let what = format!(
        "{}: {} servers, {} phones, {lines} lines",
        document.file().display(),
        bench.servers.len(),
        bench.phones.len()
    );
    let mut findings = vec![Finding::ok("config", what)];
    findings.extend(bench.phones.iter().flat_map(port::of_phone));
    findings.extend(port::of_pushes(bench));
    findings.extend(port::of_listeners(bench));
    findings.extend(of_network(bench));
    findings.extend(bench.network.iter().flat_map(wiring::of_machine));
    findings.extend(options::of_servers(bench));
    findings.extend(pbx::of_settings(bench));
    findings.extend(peer::of_peers(bench));
    findings.extend(phone_files::of_files(bench));
    findings.push(disk(report_dir));
    findings.push(locks(bench));
    findings
}

fn of_network(bench: &Bench) -> Vec<Finding> {
    let Some(network) = &bench.network else {
        let remedy = "add [network] with `phone-side` and `server-side`";
        return vec![Finding::problem("network", "the bench names no interfaces: no server can be taken away", remedy)];
    };
    let looked = network::preflight(network).into_iter();
    let looked = looked.map(|finding| {
        let state = if finding.ok { State::Ok } else { State::Problem };
        Finding::of("network", state, finding.what, finding.remedy)
    });
    looked.chain(of_places(bench, network)).collect()
}

/// Where servers were last seen to answer from.
fn of_places(bench: &Bench, network: &Network) -> Vec<Finding> {
    // Where there is no directory for it, the locks say so.
    let seen = PlacesFile::of(network).map(|file| file.of_bench(bench)).unwrap_or_default();
    let told = seen.into_iter().map(|Seen { address, place, since }| {
        Finding::ok("network", format!("{address} answered from {place}, seen {since}"))
    });
    told.collect()
}

/// Room for what runs leave behind, in the directory or the nearest one above it that exists.
fn disk(report_dir: &Path) -> Finding {
    let absolute = std::path::absolute(report_dir).unwrap_or_else(|_| PathBuf::from("/"));
    let existing = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let remedy = "choose another directory with --report-dir";
    if let Err(error) = nix::unistd::access(existing, nix::unistd::AccessFlags::W_OK) {
        return Finding::problem("disk", format!("{} can not be written: {error}", existing.display()), remedy);
    }
    match nix::sys::statvfs::statvfs(existing) {
        Ok(found) => {
            let free = found.blocks_available().saturating_mul(found.fragment_size());
            let what = format!("{} MiB free for {}", free >> 20, report_dir.display());
            if free < LITTLE_SPACE { Finding::problem("disk", what, remedy) } else { Finding::ok("disk", what) }
        }
        Err(error) => Finding::problem("disk", format!("{} can not be measured: {error}", existing.display()), remedy),
    }
}

fn locks(bench: &Bench) -> Finding {
    let phones: Vec<&Phone> = bench.phones.iter().collect();
    let looked = state::directory().map(|state| lock::look(&state, &lock::needed(bench, &phones)));
    match looked {
        Ok(Ok(())) => Finding::ok("lock", "bench, interfaces and ports are free"),
        Ok(Err(LockError::Held { what, holder })) => {
            let what = format!("{what} is in use by {} (process {}) since {}", holder.name, holder.pid, holder.since);
            Finding::busy("lock", what, "wait for it, or stop it")
        }
        Ok(Err(error)) => Finding::problem("lock", error.to_string(), "make the state directory your own"),
        Err(error) => Finding::problem("lock", error.text(), "set SIPRIG_STATE"),
    }
}
