//! What can be said to `siprig phone`.

use std::{path::PathBuf, time::Duration};

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

const CONSOLE_ABOUT: &str = "\
Use a phone's serial console, or watch it

What you type goes to the phone, and what it says to your terminal; Ctrl-] leaves. While a run, or another `siprig phone \
console`, has the port, you watch: one types, any number look on. A phone on a virtual bench can be watched only.

Of what the phone sends, your terminal gets text, line endings, tabs and backspaces; colours are left out, and all else is \
spelt out, unless you ask for --raw. Return types the line ending of the phone's model. If standard input is no terminal, \
it is typed, and siprig leaves when the phone has been silent for a second after its end.";

const CONSOLE_EXAMPLES: &str = "\
Examples:
  siprig phone console p1 --bench rig/lab-3.toml
  siprig phone console p1 --bench rig/lab-3.toml --times --log p1.txt
  siprig phone console p1 --bench rig/lab-3.toml --send settings.txt
  siprig phone console p1                          watch, while `siprig run` is on the virtual bench
  echo 'sip status' | siprig phone console p1 --bench rig/lab-3.toml";

const LEARN_ABOUT: &str = "\
Measure a phone's own timers and habits, and write a model file of them

Runs the scenario `learn` with this phone: it is watched while it renews, both servers are taken away in turn, and the primary \
turns it away once. From what passes on the wire it is read how long before expiry the phone renews, how long it waits for \
an answer, when it tries again after nobody has answered and after it was turned away, and how it looks for its primary from \
the backup. With --from it is read from a run that was, whatever its scenario.

Each value has its source: `measured`, with how often and how exactly; else that of the model in the bench file, with the \
reason why it was not measured. That something did not happen is no value.

The phone's console and keypad are not used. It takes as long as the phone's timers: with a lifetime of ten minutes two hours, \
half an hour of it for the retry after a rejection. Give the phone a shorter lifetime for it, if its timers do not follow that.";

const LEARN_EXAMPLES: &str = "\
Examples:
  siprig phone learn p1                            the virtual bench, for a try
  siprig phone learn p1 --bench rig/lab-3.toml --out rig/models/my-phone.toml
  siprig phone learn p1 --from latest              what the last run shows, whatever it was
  siprig phone learn p1 --bench rig/lab-3.toml --dry-run";

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
    /// Use a phone's serial console, or watch it
    #[command(long_about = CONSOLE_ABOUT, after_help = CONSOLE_EXAMPLES)]
    Console(ConsoleArgs),
    /// Measure a phone's own timers and habits, and write a model file of them
    #[command(long_about = LEARN_ABOUT, after_help = LEARN_EXAMPLES)]
    Learn(LearnArgs),
    /// Press keys of a phone, and say of each whether it showed an effect
    #[command(long_about = PRESS_ABOUT, after_help = PRESS_EXAMPLES)]
    Press(PressArgs),
    /// Type a number on the key pad of a phone
    #[command(after_help = DIAL_EXAMPLES)]
    Dial(DialArgs),
}

/// Arguments of `phone learn`.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Its name in the bench file
    #[arg(value_name = "PHONE")]
    pub phone: String,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Learn from a run that was: its directory, its name below --report-dir, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["bench", "overrides", "dry_run", "wait"])]
    pub from: Option<String>,
    /// Write a model file, which extends the phone's model: the name of the file is that of the model
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Where runs are kept, and looked for by name
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub report_dir: PathBuf,
    /// Print what would be done and touch nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait so long for a bench that another holds
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
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

/// Arguments of `phone console`.
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// Its name in the bench file
    #[arg(value_name = "PHONE")]
    pub phone: String,
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Only watch, even if nobody has the port: then wait for nobody, and say so
    #[arg(long)]
    pub watch: bool,
    /// Put the time of day before each line
    #[arg(long)]
    pub times: bool,
    /// Show both directions in hexadecimal
    #[arg(long, conflicts_with = "raw")]
    pub hex: bool,
    /// Let everything through to the terminal, which the phone can then do anything with
    #[arg(long)]
    pub raw: bool,
    /// Also write a text log, with times, to this file; one that is there is left as it is
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Type this file first, byte for byte, at the pace of the line
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    pub send: Option<PathBuf>,
}
