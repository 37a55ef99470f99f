//! What can be said to `siprig phone`.

use clap::{Args, Subcommand};

use super::super::args::BenchArgs;

const PRESS_ABOUT: &str = "\
Press keys of a phone, and say of each whether it showed an effect

Keys are those of the phone's model, pressed by whatever keypad the bench file gives the phone. One that is held is written \
`goodbye:1.5s`, or `goodbye:long` for the model's long press; several at once, `volup+mute`; a pause, `~400ms`; `{pin}` and \
`{extension}` are those of the phone's first line.

Where the phone's console tells of keys, each is waited for, and the first that does not show ends it. The keypad is let go \
whatever happens. A phone of the virtual bench lives in a run, and is pressed by the steps of a scenario.";

const PRESS_EXAMPLES: &str = "\
Examples:
  siprig phone press p1 options 3 6 --bench rig/lab-3.toml
  siprig phone press p1 goodbye:long ~400ms volup+mute --bench rig/lab-3.toml";

const DIAL_EXAMPLES: &str = "\
Examples:
  siprig phone dial p1 1002 --bench rig/lab-3.toml
  siprig phone dial p1 '*11*{pin}*{extension}#' --bench rig/lab-3.toml";

/// Arguments of `phone`.
#[derive(Debug, Args)]
pub struct PhoneArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: PhoneCommand,
}

/// The subcommands of `phone`.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Press keys of a phone, and say of each whether it showed an effect
    #[command(long_about = PRESS_ABOUT, after_help = PRESS_EXAMPLES)]
    Press(PressArgs),
    /// Type a number on the key pad of a phone
    #[command(after_help = DIAL_EXAMPLES)]
    Dial(DialArgs),
}

/// Arguments of `phone press`.
#[derive(Debug, Args)]
pub struct PressArgs {
    /// Its name in the bench file
    #[arg(value_name = "PHONE")]
    pub phone: String,
    /// Keys, in order
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    #[command(flatten)]
    pub bench: BenchArgs,
}

/// Arguments of `phone dial`.
#[derive(Debug, Args)]
pub struct DialArgs {
    /// Its name in the bench file
    #[arg(value_name = "PHONE")]
    pub phone: String,
    /// Digits, `*`, `#`, `{pin}` and `{extension}`
    #[arg(value_name = "NUMBER")]
    pub number: String,
    #[command(flatten)]
    pub bench: BenchArgs,
}
