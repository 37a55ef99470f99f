//! The command line: one file per subcommand, and the launcher of the virtual bench.

use std::process::ExitCode;

/// Parses the arguments, runs the subcommand and returns its exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["internal", "bridge-helper", ..] => crate::bridge::helper_main(&arguments[2..]),
        _ => ExitCode::from(2),
    }
}
