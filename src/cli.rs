//! The command line: one file per subcommand, and the launcher of the virtual bench.

use std::process::ExitCode;

/// Parses the arguments, runs the subcommand and returns its exit code.
pub fn main() -> ExitCode {
    ExitCode::from(2)
}
