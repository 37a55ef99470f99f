//! `siprig analyze`: what a capture of anybody's making tells of registrations and moves.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    net::IpAddr,
    path::Path,
    process::ExitCode,
};

mod drafting;
mod scrub;

use drafting::Drafting;
use scrub::Scrubbing;

use super::{
    args::AnalyzeArgs,
    bench::{self, Opened},
    error::{UserError, print_data},
    exit::Exit,
};
use crate::{
    analysis::{self, Analysis, Findings, Settings, View},
    config::{Bench, Role, load},
    look::Look,
    wire::capture::{CaptureError, CaptureReader, Captured, Ending},
};

/// So many bytes are read from one word about the progress to the next.
const PROGRESS_STEP: u64 = 32 << 20;

/// Analyses captures.
///
/// # Errors
/// If a file can not be read, or is no capture.
pub fn main(args: &AnalyzeArgs) -> Result<ExitCode, UserError> {
    let settings = settings(args)?;
    let mut drafting = args.discover.as_deref().map(|path| Drafting::begin(path, args, &settings)).transpose()?;
    let mut analysis = Analysis::new(settings);
    let mut scrubbing =
        args.scrub.as_deref().map(|out| Scrubbing::begin(out, args.pseudonyms.as_deref())).transpose()?;
    let mut incomplete = Vec::new();
    for path in &args.captures {
        let read = read(path, &mut analysis, &mut |captured| {
            if let Some(drafting) = &mut drafting {
                drafting.take(captured);
            }
            scrubbing.as_mut().map_or(Ok(()), |scrubbing| scrubbing.take(captured))
        });
        incomplete.extend(read?);
    }
    if let (Some(scrubbing), Some(out)) = (scrubbing, &args.scrub) {
        let frames = scrubbing.finish()?;
        anstream::eprintln!(
            "{}: {frames} frames, {}",
            out.display(),
            match args.pseudonyms {
                Some(_) => "without secrets, all names replaced; what is printed here has them still",
                None => "without secrets",
            }
        );
    }
    let mut findings = analysis.finish();
    findings.document.incomplete = (!incomplete.is_empty()).then(|| incomplete.join("; "));
    if drafting.as_ref().is_none_or(|drafting| !drafting.wants_stdout()) {
        print(args, &findings)?;
    }
    drafting.map_or(Ok(()), |drafting| drafting.finish(args))?;
    Ok(Exit::Success.into())
}

fn settings(args: &AnalyzeArgs) -> Result<Settings, UserError> {
    let mut settings = match &args.bench.bench {
        Some(_) => Settings::of_bench(&bench_of(args)?),
        None => Settings::default(),
    };
    name_servers(&mut settings, &args.primary, &args.backup)?;
    if !args.outage.is_empty() && !settings.servers.values().any(|server| server.role == Role::Primary) {
        let message = "--outage says when the primary was away, and no primary is named";
        return Err(UserError::new(Exit::Usage, message, "name it with --primary IP or --bench FILE"));
    }
    settings.outages.clone_from(&args.outage);
    settings.sip_ports.extend(&args.sip_port);
    settings.thorough = args.thorough;
    settings.ladders = !args.json;
    Ok(settings)
}

/// Takes in what somebody has said of servers.
///
/// # Errors
/// If an address is said to be both.
pub fn name_servers(settings: &mut Settings, primary: &[IpAddr], backup: &[IpAddr]) -> Result<(), UserError> {
    if let Some(both) = primary.iter().find(|address| backup.contains(address)) {
        let message = format!("{both} is given as primary and as backup");
        return Err(UserError::new(Exit::Usage, message, "a server is one of them"));
    }
    for (addresses, role) in [(primary, Role::Primary), (backup, Role::Backup)] {
        for address in addresses {
            settings.name_server(*address, role);
        }
    }
    Ok(())
}

fn bench_of(args: &AnalyzeArgs) -> Result<Bench, UserError> {
    let document = match bench::open(&args.bench, &[])? {
        Opened::Real(document) => *document,
        Opened::Virtual(description) => bench::preview(&description, &bench::rig())?,
    };
    Ok(load::checked_bench(&document, &bench::rig())?.0)
}

/// Reads a capture to its end, for the analysis and for others; returns what is to be said of that, if it is not what it
/// should be.
fn read(
    path: &Path,
    analysis: &mut Analysis,
    also: &mut dyn FnMut(&Captured<'_>) -> Result<(), UserError>,
) -> Result<Option<String>, UserError> {
    let name = name_of(path);
    let is_stdin = path == Path::new("-");
    let (input, size): (Box<dyn Read>, Option<u64>) = if is_stdin {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(path).map_err(|error| cannot_read(&name, &error))?;
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|it| it.len());
        (Box::new(file), size)
    };
    let mut captures = CaptureReader::new(input).map_err(|error| refused(&name, error))?;
    let mut progress = Progress::new(&name, size);
    while let Some(captured) = captures.next() {
        match captured {
            Ok(captured) => {
                progress.at(captured.offset);
                analysis.take(&captured);
                also(&captured)?;
            }
            Err(CaptureError::Read(error)) => return Err(cannot_read(&name, &error)),
            // Said by how it ended; what comes before is worth something.
            Err(_) => break,
        }
    }
    progress.done();
    captures.remarks().iter().for_each(|remark| analysis.remark(remark));
    Ok(match captures.ending() {
        Ending::Whole => None,
        Ending::Truncated { offset } => {
            Some(format!("{name} ends within a packet, at byte {offset}; all before it was read"))
        }
        Ending::Broken { offset, reason } => {
            Some(format!("{name} is broken at byte {offset}: {reason}; nothing behind that was read"))
        }
    })
}

fn print(args: &AnalyzeArgs, findings: &Findings) -> Result<(), UserError> {
    if args.json {
        let document = findings.document.to_json();
        let document = document.map_err(|error| UserError::new(Exit::Unexpected, error.to_string(), "report this"))?;
        return print_data(&document);
    }
    let names: Vec<_> = args.captures.iter().map(|path| name_of(path)).collect();
    let look = Look::of_stream(io::stdout().is_terminal());
    let view = View { phone: args.phone.clone() };
    print_data(&analysis::render(findings, &names.join(", "), &view, look))
}

fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn cannot_read(name: &str, error: &io::Error) -> UserError {
    UserError::new(Exit::Config, format!("cannot read {name}: {error}"), "name a capture file, or - for standard input")
}

fn refused(name: &str, error: CaptureError) -> UserError {
    match error {
        CaptureError::Read(error) => cannot_read(name, &error),
        other => UserError::new(
            Exit::Config,
            format!("{name}: {other}"),
            "captures are files of pcap or pcapng format, as tcpdump, dumpcap and siprig write them",
        ),
    }
}

/// How far the reading is, on a terminal.
struct Progress<'a> {
    name: &'a str,
    size: Option<u64>,
    next: u64,
    shown: bool,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str, size: Option<u64>) -> Self {
        Self { name, size, next: PROGRESS_STEP, shown: false }
    }

    fn at(&mut self, offset: u64) {
        if offset < self.next {
            return;
        }
        self.next = offset + PROGRESS_STEP;
        let mut err = io::stderr().lock();
        if !err.is_terminal() {
            return;
        }
        self.shown = true;
        let read = offset >> 20;
        // Nobody is left to be told if stderr is gone.
        let _ = match self.size.filter(|size| *size > 0) {
            Some(size) => write!(err, "\r\x1b[K{}: {} %", self.name, offset.min(size) * 100 / size),
            None => write!(err, "\r\x1b[K{}: {read} MiB", self.name),
        };
        let _ = err.flush();
    }

    fn done(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.done();
    }
}
