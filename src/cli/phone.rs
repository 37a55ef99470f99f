//! `siprig phone`: the phones of a bench, one at a time.

use std::process::ExitCode;

use super::error::UserError;

pub mod args;
mod console;
mod keyboard;
mod learn;
mod press;
mod screen;
mod terminal;

/// Runs a subcommand of `phone`.
///
/// # Errors
/// Those of the subcommand.
pub fn main(command: &args::PhoneCommand) -> Result<ExitCode, UserError> {
    match command {
        args::PhoneCommand::Press(args) => press::press(args),
        args::PhoneCommand::Dial(args) => press::dial(args),
        args::PhoneCommand::Learn(args) => learn::main(args),
        args::PhoneCommand::Console(args) => console::main(args),
    }
}
