//! `siprig check --cabling`: does what the bench file has as one phone belong to one device?

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use tokio::sync::mpsc;

use super::Finding;
use crate::{
    cabling::{self, Cabling, Manner, Part},
    cli::{
        changes::Noting,
        error::UserError,
        exit::Exit,
        lock::{self, Holder},
        state::{self, Scratch},
    },
    config::{Bench, Model, Phone, Plan, Scenario},
    driver::{Drivers, Report, Surroundings, clock::RunClock, privileges, signals::Signals},
    event::{Event, Record},
    session::Subscriber,
};

/// Arguments of `check --cabling`.
#[derive(Debug, Args)]
pub struct CablingArgs {
    /// Find out for each phone whether console, keypad, MAC address, address and extension belong to one device, and what is
    /// swapped: press a key through each keypad, ask each console, and listen
    #[arg(long, conflicts_with_all = ["config", "discover"])]
    pub cabling: bool,
    /// Also make the phones boot by their keypads, one after the other, and see which of them registers anew
    #[arg(long, requires = "cabling")]
    pub restart: bool,
}

/// How long phones that have not registered yet are waited for, if nothing is said.
const LISTENS: Duration = Duration::from_secs(30);

/// Joins the interfaces as a run does, goes through the procedure, and tells what came of it.
///
/// # Errors
/// If a port, the interfaces or a lock can not be had, or somebody ended it.
pub(super) fn look(
    restarts: bool,
    listens: Option<Duration>,
    bench: &Bench,
    phones: &[&Phone],
    models: &BTreeMap<String, Model>,
) -> Result<Vec<Finding>, UserError> {
    if bench.network.is_none() {
        let message = "the bench names no interfaces: nobody can be seen to register";
        return Err(UserError::new(Exit::Config, message, "add [network] with `phone-side` and `server-side`"));
    }
    let myself = Holder::myself("siprig check --cabling");
    let _locks = lock::acquire(&state::directory()?, &lock::needed(bench, phones), &myself, None, |_| {})?;
    let clock = RunClock::start();
    let plan = Plan {
        run: String::new(),
        epoch_unix_ns: clock.epoch_unix_ns(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bench: bench.clone(),
        models: models.clone(),
        scenario: Scenario::of("cabling", "cabling", Vec::new()),
        then: Vec::new(),
        phones: phones.iter().map(|phone| phone.name.clone()).collect(),
        unsettled: Vec::new(),
        overrides: Vec::new(),
        keep_secrets: false,
        allow_link_down: false,
    };
    privileges::lay_down().map_err(|error| state::unexpected("work without privileges", &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| state::unexpected("start the runtime", &error))?;
    let manner = Manner { listens: listens.unwrap_or(LISTENS), restarts };
    let found = runtime.block_on(procedure(&plan, manner, &clock))?;
    Ok(found.iter().map(told).collect())
}

async fn procedure(plan: &Plan, manner: Manner, clock: &RunClock) -> Result<Vec<cabling::Finding>, UserError> {
    let scratch = Scratch::make("cabling")?;
    let mut signals = Signals::listen().map_err(|error| state::unexpected("listen for signals", &error))?;
    let mut noting = plan.bench.network.as_ref().map(Noting::new).transpose()?;
    let (sender, mut reports) = mpsc::channel(4096);
    let mut drivers =
        Drivers::start(plan, clock, scratch.path(), Surroundings::default(), sender).await.map_err(|error| {
            UserError::new(
                if error.is_busy() { Exit::Busy } else { Exit::Rig },
                error.to_string(),
                "see `siprig check`",
            )
        })?;
    let mut cabling = Cabling::new(&plan.bench, &plan.models, &plan.phones, manner, clock.now());
    let ended = loop {
        while let Some(action) = cabling.poll_action() {
            if let Err(failed) = drivers.perform(action) {
                cabling.observe(clock.now(), &failed);
            }
        }
        let Some(due) = cabling.poll_deadline() else { break None };
        tokio::select! {
            signal = signals.next() => break Some(signal),
            Some(Report { when, observed }) = reports.recv() => {
                cabling.observe(clock.now(), &observed);
                let record = Record { seq: 0, seen: clock.now(), when, event: Event::Observed(observed) };
                noting.iter_mut().for_each(|noting| noting.record(&record));
            }
            () = clock.wait(Some(due)) => cabling.pass(clock.now()),
        }
    };
    drivers.close().await;
    match ended {
        None => Ok(cabling.findings()),
        Some(signal) => {
            let message = format!("{signal} ended it; nothing was found out");
            Err(UserError::new(Exit::of_signal(signal), message, "every key was let go"))
        }
    }
}

fn told(finding: &cabling::Finding) -> Finding {
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
        Found::Unproven { phone, part, why, fault } => {
            let what = format!("the {part} of {phone} is not proven");
            let (why, remedy) = why.rsplit_once("; ").unwrap_or((why, ""));
            let finding = match fault {
                true => Finding::problem("cabling", format!("{what}: {why}"), remedy),
                false => Finding::skipped("cabling", what, why),
            };
            (finding, phone, unproven(*part))
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

/// The code of a part of which nothing was learnt.
const fn unproven(part: Part) -> &'static str {
    match part {
        Part::Mac => "mac-unproven",
        Part::Address => "address-unproven",
        Part::Extension => "extension-unproven",
        Part::Console => "console-unproven",
        Part::Keypad => "keypad-unproven",
    }
}
