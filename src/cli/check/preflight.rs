//! `siprig check --preflight`: what must be so before a night may judge a phone. Nothing is changed.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use clap::Args;

use super::{
    Finding, State, cabling, disk, licences,
    looking::{Look, Procedure},
    options, phone_files, port,
};
use crate::{
    cli::{args::CheckArgs, error::UserError},
    config::{Bench, Keypad, Model, Phone, Plan},
    driver::{secrets::Secrets, synchrony},
    event::{Action, Observed, ServerName, Stamp, When},
    preflight::{self, LISTENS, Manner, Preflight, Verdict, clocks},
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
    /// With --preflight, have phones register anew of which nobody knows where they are: by the command `register` of the model's
    /// console, else they are made to boot by their keypads, which takes longer than a minute
    #[arg(long, requires = "preflight")]
    pub force: bool,
}

/// Looks at all of it.
///
/// # Errors
/// If the interfaces or a lock can not be had, or somebody ended it.
pub(super) fn look(
    args: &CheckArgs,
    bench: &Bench,
    phones: &[&Phone],
    models: &BTreeMap<String, Model>,
) -> Result<Vec<Finding>, UserError> {
    let mut findings = vec![disk(&args.report_dir).coded("disk"), Finding::from(clocks::of_rig(rig_clock()))];
    findings.extend(phone_files::fingerprints(bench, phones));
    let (bench, missing) = without_missing(bench, phones);
    let here: Vec<&Phone> = bench.phones.iter().filter(|it| phones.iter().any(|one| one.name == it.name)).collect();
    let manner = Manner { listens: args.listen.unwrap_or(LISTENS), forces: args.preflight.force };
    let beside = {
        let (bench, count) = (bench.clone(), phones.len());
        move |given_up: &AtomicBool| of_bench(&bench, count, given_up)
    };
    let look = Look { purpose: "preflight", bench: &bench, phones: &here, models };
    let mut looked = look.through(|plan: &Plan, now| Preflight::new(plan, manner, now), beside)?;
    let Aside { clocks, licences } = looked.beside;
    for (server, asked) in clocks {
        let heard = looked.procedure.clock_of(&server).map_or(asked, Ok);
        findings.push(clocks::of_server(&server, heard).into());
    }
    findings.extend(licences);
    let cables = looked.procedure.cables();
    let of_phones = looked.procedure.findings(looked.ended);
    for phone in &here {
        let mine = |finding: &Finding| finding.phone.as_ref() == Some(&phone.name);
        findings.extend(missing.iter().filter(|it| mine(it)).cloned());
        findings.extend(cables.iter().map(cabling::told).filter(mine).map(unless_heard));
        findings
            .extend(of_phones.iter().cloned().map(Finding::from).filter(mine).filter(|it| !is_missing(&missing, it)));
    }
    Ok(findings)
}

/// What is of the bench, and takes its time.
struct Aside {
    /// The servers' clocks by their answers to OPTIONS, or why nothing is known of them.
    clocks: Vec<(ServerName, Result<clocks::Offset, String>)>,
    licences: Option<Finding>,
}

/// Looks at it.
fn of_bench(bench: &Bench, phones: usize, given_up: &AtomicBool) -> Aside {
    let secrets = Secrets::of_bench(bench);
    let licences = bench.licences.as_ref().map(|it| licences::look(it, phones, &secrets, given_up));
    Aside { clocks: options::clocks(bench), licences }
}

fn rig_clock() -> Option<clocks::RigClock> {
    let synchrony::Synchrony { synchronized, estimated, most } = synchrony::ask()?;
    Some(clocks::RigClock { synchronized, estimated, most })
}

/// The bench without the ports that can not be opened, so that the other phones can be looked at; and what is to be said of those.
fn without_missing(bench: &Bench, phones: &[&Phone]) -> (Bench, Vec<Finding>) {
    let (mut bench, mut missing) = (bench.clone(), Vec::new());
    for phone in bench.phones.iter_mut().filter(|it| phones.iter().any(|one| one.name == it.name)) {
        let amiss = |finding: &Finding| matches!(finding.state, State::Problem | State::Busy);
        let [console, keypad] = port::parts(phone).map(|found| found.filter(amiss));
        if let Some(found) = console {
            missing.push(Finding { area: "console", ..found }.coded("console-missing"));
            phone.console = None;
            // What is typed there is gone with it.
            phone.keypad = phone.keypad.take().filter(|keypad| *keypad != Keypad::Console);
        }
        if let Some(found) = keypad {
            missing.push(Finding { area: "keypad", ..found }.coded("keypad-missing"));
            phone.keypad = None;
        }
    }
    (bench, missing)
}

/// It is said already that the port is missing.
fn is_missing(missing: &[Finding], finding: &Finding) -> bool {
    finding.state == State::Skipped && missing.iter().any(|it| it.phone == finding.phone && it.area == finding.area)
}

/// That a phone did not register meanwhile is said where its registration is.
fn unless_heard(finding: Finding) -> Finding {
    let silent = ["mac-unproven", "address-unproven", "extension-unproven"];
    if finding.state == State::Problem && finding.code.is_some_and(|code| silent.contains(&code)) {
        return Finding { state: State::Skipped, remedy: Some("no REGISTER was seen meanwhile".to_owned()), ..finding };
    }
    finding
}

impl From<preflight::Finding> for Finding {
    fn from(found: preflight::Finding) -> Self {
        let state = match found.verdict {
            Verdict::Ok => State::Ok,
            Verdict::Problem => State::Problem,
            Verdict::Unknown => State::Unknown,
            Verdict::Skipped => State::Skipped,
        };
        let code = Some(found.code);
        let preflight::Finding { area, phone, what, value, remedy, .. } = found;
        Self { area, state, code, phone, what, value, remedy }
    }
}

impl Procedure for Preflight {
    fn observe(&mut self, now: Stamp, when: When, observed: &Observed) {
        self.observe(now, when, observed);
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load;

    #[test]
    fn a_port_that_is_not_there_is_its_phone_s_alone_and_the_phone_is_looked_at_without_it() {
        let (bench, _) = load::bench("lab-example", Path::new(load::RIG), &[]).unwrap();
        let (usable, missing) = without_missing(&bench, &bench.phones.iter().collect::<Vec<_>>());
        let told: Vec<_> =
            missing.iter().map(|it| (it.state, it.code, it.phone.as_ref().map(|it| it.0.as_str()))).collect();
        let missing_is = |code| (State::Problem, Some(code), Some("p1"));
        assert_eq!(told, [missing_is("console-missing"), missing_is("keypad-missing")]);
        assert!(usable.phones[0].console.is_none() && usable.phones[0].keypad.is_none());
        let skipped = Finding::skipped("console", "console of p1", "none").about(&"p1".into());
        assert!(is_missing(&missing, &skipped), "that there is none is not said besides");
        let (untouched, missing) = without_missing(&bench, &[&bench.phones[1]]);
        assert_eq!((untouched, missing), (bench, vec![]), "phones that are not looked at are left alone");
    }

    #[test]
    fn clocks_and_firmware_that_are_unknown_keep_nobody_from_a_pass() {
        let unknown = |area| Finding::of(area, State::Unknown, "", None);
        assert!(unknown("clock").is_passed() && unknown("firmware").is_passed());
        assert!(!unknown("registration").is_passed() && !unknown("licences").is_passed());
    }
}
