//! `siprig serial`: a line for a device on a serial port, and its answer. For commands of the bench file.

use std::{process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use regex::Regex;

use super::{
    error::{UserError, print_data},
    exit::Exit,
};
use crate::{
    config::{ConsolePort, PortAddress},
    driver::{
        clock::RunClock,
        serial::{
            PortError,
            question::{Question, QuestionError},
        },
    },
    look::harmless,
};

/// What it is.
pub const ABOUT: &str = "\
Type a line on a serial port, and print what comes back

For a PBX or a switch that can be told something on its serial console alone: a bench file has such commands to set and to read \
what a scenario changes (docs/pbx.md). An empty line is typed first and a prompt waited for, then the line is typed, and what \
comes until the next prompt is printed, without the echo. Nobody is logged on by this: the device must be where its prompt is.";

/// How it is used.
pub const EXAMPLES: &str = "\
Examples:
  siprig serial /dev/serial/by-id/usb-FTDI_… 'extension_registration_distribution -p' --prompt '^mdsh> $'
  siprig serial rfc2217:10.77.0.40:2217 'show power inline' --prompt '^switch#' --baud 9600
                                                   a line that another machine has

In a bench file:
  [pbx.distribution.read]
  command = [\"siprig\", \"serial\", \"/dev/ttyUSB3\", \"extension_registration_distribution -p\", \"--prompt\", \"^mdsh> $\"]";

/// Arguments of `serial`.
#[derive(Debug, Args)]
pub struct SerialArgs {
    /// The port: a path, usb:…, usb-path:…, tcp:HOST:PORT or rfc2217:HOST:PORT (docs/consoles.md)
    pub port: PortAddress,
    /// What is typed
    pub line: String,
    /// Pattern of the last line when the device waits for the next one
    #[arg(long, value_name = "PATTERN")]
    pub prompt: Regex,
    /// Bit rate; eight data bits, no parity, one stop bit
    #[arg(long, default_value_t = 115_200, value_name = "RATE")]
    pub baud: u32,
    /// What ends a typed line
    #[arg(long, value_enum, default_value_t = Ending::Cr)]
    pub ending: Ending,
    /// How long each of the two prompts may be waited for
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub limit: Duration,
}

/// What ends a typed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ending {
    /// Carriage return
    Cr,
    /// Line feed
    Lf,
    /// Both
    Crlf,
}

impl Ending {
    const fn text(self) -> &'static str {
        match self {
            Self::Cr => "\r",
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// Asks, and prints the answer.
///
/// # Errors
/// If the port can not be had, or no prompt comes.
pub fn main(args: &SerialArgs) -> Result<ExitCode, UserError> {
    if args.line.contains(char::is_control) {
        let help = "write one line, without its end";
        return Err(UserError::new(Exit::Usage, "control characters are in what is to be typed", help));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let help = "is this machine out of memory or processes?";
        UserError::new(Exit::Unexpected, format!("cannot start the runtime: {error}"), help)
    })?;
    let port = ConsolePort::at(args.port.clone(), args.baud);
    let question =
        Question { port: &port, line: &args.line, ending: args.ending.text(), prompt: &args.prompt, limit: args.limit };
    let answer = runtime.block_on(question.ask(&RunClock::start())).map_err(|error| {
        let busy = matches!(error, QuestionError::Port(PortError::Busy { .. }));
        let mut error = UserError::because(if busy { Exit::Busy } else { Exit::Rig }, &error);
        error.problems.iter_mut().for_each(|problem| problem.message = harmless(&problem.message));
        error
    })?;
    let lines: String = answer.lines().map(|line| format!("{}\n", harmless(line))).collect();
    print_data(&lines)?;
    Ok(ExitCode::SUCCESS)
}
