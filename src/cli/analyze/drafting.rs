//! `siprig analyze --discover`: the draft of a bench file, from the same frames.

use std::path::Path;

use super::name_of;
use crate::{
    analysis::Settings,
    cli::{
        args::AnalyzeArgs,
        draft::{self, Destination},
        error::UserError,
        exit::Exit,
    },
    discovery::{Discovery, Origin, Provisioned},
    wire::capture::Captured,
};

/// The draft of a bench file under way.
pub(super) struct Drafting {
    to: Destination,
    files: Provisioned,
    discovery: Discovery,
}

impl Drafting {
    /// Begins one.
    ///
    /// # Errors
    /// If there is a file already, or standard output has another use.
    pub(super) fn begin(path: &Path, args: &AnalyzeArgs, settings: &Settings) -> Result<Self, UserError> {
        let to = Destination::new(path)?;
        if to.is_stdout() && args.json {
            let message = "--json and `--discover -` both want standard output";
            return Err(UserError::new(Exit::Usage, message, "name a file for the draft"));
        }
        let files = draft::provisioned(args.provisioning.as_deref())?;
        Ok(Self { to, files, discovery: Discovery::new(settings.clone()) })
    }

    /// Whether standard output is the draft's.
    pub(super) fn wants_stdout(&self) -> bool {
        self.to.is_stdout()
    }

    /// Takes in the next frame.
    pub(super) fn take(&mut self, captured: &Captured<'_>) {
        self.discovery.take(captured);
    }

    /// Writes it.
    ///
    /// # Errors
    /// If nobody registered, or it can not be written.
    pub(super) fn finish(self, args: &AnalyzeArgs) -> Result<(), UserError> {
        let source = args.captures.iter().map(|path| name_of(path)).collect::<Vec<_>>().join(", ");
        let origin = Origin { source, bench: self.to.bench_name(), ..Origin::default() };
        match self.discovery.draft(&draft::models(), &self.files, &origin) {
            Some(draft) => self.to.write(&draft),
            None => {
                let message = format!("no phone registers in {}: there is nothing to draft", origin.source);
                let help = "capture for longer than the phones' registrations live, where their SIP passes";
                Err(UserError::new(Exit::Rig, message, help))
            }
        }
    }
}
