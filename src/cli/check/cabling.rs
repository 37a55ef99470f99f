//! `siprig check --cabling`: does what the bench file has as one phone belong to one device?

use std::time::Duration;

use clap::Args;

use super::{
    Finding,
    looking::{Look, Procedure},
};
use crate::{
    cabling::{self, Cabling, Manner, Part},
    cli::error::UserError,
    config::Plan,
    event::{Action, Observed, Stamp, When},
};

/// Arguments of `check --cabling`.
#[derive(Debug, Args)]
pub struct CablingArgs {
    /// Find out for each phone whether console, keypad, MAC address, address and extension belong to one device, and what is
    /// swapped: press keys through each keypad, ask each console, and listen
    #[arg(long, conflicts_with_all = ["config", "discover"])]
    pub cabling: bool,
    /// Also make the phones boot by their keypads, one after the other, and see which of them registers anew
    #[arg(long, requires = "cabling")]
    pub restart: bool,
}

/// How long phones that have not registered yet are waited for, if nothing is said.
const LISTENS: Duration = Duration::from_secs(30);

/// Goes through the procedure, and tells what came of it.
///
/// # Errors
/// If a port, the interfaces or a lock can not be had, or somebody ended it.
pub(super) fn look(look: &Look<'_>, restarts: bool, listens: Option<Duration>) -> Result<Vec<Finding>, UserError> {
    let manner = Manner { listens: listens.unwrap_or(LISTENS), restarts };
    let begin = |plan: &Plan, now| Cabling::new(&plan.bench, &plan.models, &plan.phones, manner, now);
    let looked = look.through(begin, |_| ())?;
    Ok(looked.procedure.findings().iter().map(told).collect())
}

impl Procedure for Cabling {
    fn observe(&mut self, now: Stamp, _: When, observed: &Observed) {
        self.observe(now, observed);
    }

    fn pass(&mut self, now: Stamp) {
        self.pass(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.poll_action()
    }

    fn poll_deadline(&self) -> Option<Stamp> {
        self.poll_deadline()
    }
}

/// What is found of cables, for people and programs.
pub(super) fn told(finding: &cabling::Finding) -> Finding {
    use cabling::Finding as Found;
    let (finding, phone, code) = match finding {
        Found::Together { phone, parts } => {
            let names: Vec<_> = parts.iter().map(ToString::to_string).collect();
            let (last, others) =
                names.split_last().map_or((String::new(), &[][..]), |(last, rest)| (last.clone(), rest));
            let what = format!("{phone}: {} and {last} belong together", others.join(", "));
            (Finding::ok("cabling", what), phone, "cabling")
        }
        Found::Swapped { phone, part, of, shown_by } => {
            let whose = of.as_ref().map_or_else(
                || "that of a device which the bench file does not name".to_owned(),
                |of| format!("that of {of}"),
            );
            let remedy = match part {
                Part::Console | Part::Keypad => "exchange the cables, or the ports in the bench file",
                _ => "correct the bench file, or the phone's settings",
            };
            let what = format!("the {part} of {phone} is {whose}: {shown_by}");
            (Finding::problem("cabling", what, remedy), phone, swapped(*part))
        }
        Found::Unproven { phone, part, code, why, fault } => {
            let what = format!("the {part} of {phone} is not proven");
            let (why, remedy) = why.rsplit_once("; ").unwrap_or((why, ""));
            let finding = match fault {
                true => Finding::problem("cabling", format!("{what}: {why}"), remedy),
                false => Finding::skipped("cabling", what, why),
            };
            (finding, phone, *code)
        }
    };
    finding.about(phone).coded(code)
}

/// The code of a part that is another phone's.
const fn swapped(part: Part) -> &'static str {
    match part {
        Part::Mac => "mac-swapped",
        Part::Address => "address-swapped",
        Part::Extension => "extension-swapped",
        Part::Console => "console-swapped",
        Part::Keypad => "keypad-swapped",
    }
}
