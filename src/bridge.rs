//! The privileged helper process that joins the two interfaces and decides over the flows under test.

use std::process::ExitCode;

/// Body of `siprig internal bridge-helper FD`; `args` is what follows `bridge-helper`.
pub fn helper_main(_args: &[String]) -> ExitCode {
    ExitCode::from(3)
}
