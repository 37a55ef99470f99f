//! `siprig net`: the bridge between phones and servers by hand, with the same safety as in a run.

use std::{future::Future, io::Write as _, process::ExitCode};

use super::{
    args::BenchArgs,
    bench::{self, Opened},
    error::UserError,
    exit::Exit,
    lock::{self, Holder},
    set_back, state, stopped, switched_off, written_back,
};
use crate::{
    config::{Bench, Network, load},
    driver::privileges,
    event::{OutageMode, PhoneName},
    look::harmless,
};

mod account;
pub mod args;
mod canaries;
mod everyone;
mod hold;
mod leftover;
mod order;
mod progress;
mod restore;
mod show;
mod target;
mod words;

use args::{NetCommand, OutageArgs};
pub use show::unreadable;

/// Runs a subcommand.
///
/// # Errors
/// If it did not do what it was asked for.
pub fn main(command: &NetCommand) -> Result<ExitCode, UserError> {
    match command {
        NetCommand::Show(args) => show::main(args).map(ExitCode::from),
        NetCommand::Block(args) => outage(&args.outage, "block", order::block(args)?).map(ExitCode::from),
        NetCommand::Restore(args) => restore::main(args).map(ExitCode::from),
        NetCommand::Shape(args) => outage(&args.outage, "shape", order::shape(args)?.into()).map(ExitCode::from),
    }
}

/// Orders an outage and holds it.
fn outage(args: &OutageArgs, verb: &str, mode: OutageMode) -> Result<Exit, UserError> {
    let (mut bench, network) = open(&args.bench)?;
    if mode.link().is_some() && !network.protected.is_empty() {
        let message = "the bench has protected devices, and a link that is down is so for them as well";
        return Err(UserError::new(
            Exit::Usage,
            message,
            "choose another --mode, or remove `protected` under [network]",
        ));
    }
    let mut phones = target::phones(&bench, &network, &args.phones)?;
    let server = target::server(&bench, &args.server, &phones)?.clone();
    let myself = Holder::myself(&format!("siprig net {verb} {}", server.name));
    let _locks = lock::acquire(&state::directory()?, &lock::needed(&bench, &[]), &myself, args.wait, |held| {
        let held = held.to_string();
        say(&format!("waiting: {}", held.split_once("; ").map_or(held.as_str(), |(held, _)| held)));
    })?;
    stopped::start_again(&bench, say)?;
    set_back::everything(&bench, say)?;
    written_back::without_boots(&bench, say)?;
    switched_off::switch_on_again(&network, say)?;
    if args.everyone {
        match everyone::join(&mut bench, &network, args.yes, &server.name.0)? {
            Some(all) => phones = all,
            None => return Ok(Exit::Success),
        }
    }
    let spec = order::spec(args, mode, &server.name, &phones);
    let protected = bench.phones.iter().filter(|phone| phone.mac().is_some_and(|mac| network.protected.contains(&mac)));
    let protected: Vec<PhoneName> = protected.map(|phone| phone.name.clone()).collect();
    for line in account::announcement(&spec, &bench.dark_in(&spec), &protected) {
        say(&line);
    }
    privileges::lay_down().map_err(|error| {
        UserError::new(
            Exit::Unexpected,
            format!("cannot work without privileges: {error}"),
            "run it as an ordinary user",
        )
    })?;
    wait_for(hold::hold(&bench, &network, spec))
}

/// The bench that was named, and its interfaces. A virtual bench has none now.
fn open(args: &BenchArgs) -> Result<(Bench, Network), UserError> {
    let document = match bench::open(args, &[])? {
        Opened::Real(document) => document,
        Opened::Virtual(_) => {
            let message =
                "this is a virtual bench: its interfaces are there only while a run or `siprig virtual` lasts";
            let help = "name the bench file of a lab with --bench; or start `siprig virtual`, and enter that bench as it \
                        says, with `net` in place of `run`";
            return Err(UserError::new(Exit::Usage, message, help));
        }
    };
    let (bench, _) = load::checked_bench(&document, &bench::rig())?;
    match bench.network.clone() {
        Some(network) => Ok((bench, network)),
        None => {
            let message = format!("{} names no interfaces", document.file().display());
            Err(UserError::new(Exit::Config, message, "add [network] with `phone-side` and `server-side`"))
        }
    }
}

/// Waits for something that the kernel or a device does.
fn wait_for<T>(work: impl Future<Output = Result<T, UserError>>) -> Result<T, UserError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let help = "is this machine out of memory or processes?";
        UserError::new(Exit::Unexpected, format!("cannot start the runtime: {error}"), help)
    })?;
    runtime.block_on(work)
}

/// Tells people something, on stderr.
fn say(text: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(anstream::stderr(), "{}", harmless(text));
}
