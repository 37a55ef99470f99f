//! The command line: one file per subcommand, and the launcher of the virtual bench.
//!
//! Data goes to stdout, words for people to stderr. Not here: anything that a run does.

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::Parser;

mod analyze;
mod args;
mod ask;
mod bench;
mod changes;
mod check;
mod console;
mod discover;
mod draft;
mod dry_run;
mod error;
mod exit;
mod key;
mod leftovers;
mod lock;
mod net;
mod nightly;
mod operator;
mod phone;
mod places;
mod run;
mod runs;
mod serial;
mod set_back;
mod shell;
mod state;
mod status;
mod stopped;
mod switched_off;
mod transcript;
mod written_back;

use args::{Cli, Command};
use error::{UserError, print_data};
use exit::Exit;

use crate::{report::Summary, virtual_bench};

/// Parses the arguments, runs the subcommand and returns its exit code.
pub fn main() -> ExitCode {
    // Roles of processes that siprig starts by itself come first: they must find no thread and no parsed option.
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((first, role)) = arguments.split_first()
        && first == "internal"
    {
        return internal(role);
    }
    let cli = Cli::parse();
    // The exit code of a panic, 101, means something else here. The message was printed by the panic itself.
    catch_unwind(AssertUnwindSafe(|| dispatch(&cli.command))).unwrap_or_else(|_| Exit::Unexpected.into())
}

fn internal(role: &[OsString]) -> ExitCode {
    let words = |args: &[OsString]| -> Vec<String> {
        args.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    };
    match role.split_first() {
        Some((helper, args)) if helper == "bridge-helper" => crate::bridge::helper_main(&words(args)),
        Some((guardian, args)) if guardian == "link-guardian" => crate::bridge::guardian_main(&words(args)),
        _ => virtual_bench::lab_main(role),
    }
}

fn dispatch(command: &Command) -> ExitCode {
    let done = match command {
        Command::Run(args) => run::main(args),
        Command::Console(args) => console::main(args),
        Command::Nightly(args) => nightly::main(args),
        Command::Status(args) => status::main(args),
        Command::Analyze(args) => analyze::main(args),
        Command::Check(args) => check::main(args),
        Command::Net(args) => net::main(&args.command),
        Command::Phone(args) => phone::main(&args.command),
        Command::Serial(args) => serial::main(args),
        Command::Virtual(args) => virtual_alone(args),
        Command::Report(args) => runs::report(args),
        Command::Runs(args) => runs::main(&args.command),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man => shell::man(),
    };
    done.unwrap_or_else(|error| {
        error.print();
        if let Some(document) = document(command, &error)
            && let Err(silent) = print_data(&document)
        {
            silent.print();
        }
        error.exit.into()
    })
}

/// What a command that was asked for a document prints when it came to nothing.
fn document(command: &Command, error: &UserError) -> Option<String> {
    match command {
        Command::Run(args) if args.json => Summary::failed(error.exit.code(), error.text()).to_json().ok(),
        Command::Check(args) if args.json => check::failed(args, error).ok(),
        _ => None,
    }
}

fn virtual_alone(args: &args::VirtualArgs) -> Result<ExitCode, UserError> {
    match bench::open(&args.bench, &[])? {
        bench::Opened::Virtual(description) => {
            Ok(ExitCode::from(virtual_bench::standalone(&description, &bench::rig())?))
        }
        bench::Opened::Real(document) => {
            let message = format!("{} does not describe a virtual bench", document.file().display());
            Err(UserError::new(Exit::Config, message, "give it `kind = \"virtual\"` under [bench], or name another"))
        }
    }
}
