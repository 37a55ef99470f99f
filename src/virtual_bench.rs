//! A lab without hardware, on one machine, for anybody: network namespaces, simulated phones and registrars.
//!
//! It offers what hardware offers (a console and a keypad on PTYs, frames on a link) and an ordinary bench file that
//! says where they are. The command line alone knows that a bench is virtual: before any thread exists it calls
//! [`launch`], which runs the unchanged controller inside the bench.
//!
//! Not here: anything that the controller does differently on a virtual bench. There is no such thing.

pub mod board;
pub mod description;
pub mod launcher;
pub mod phone;
pub mod random;
pub mod registrar;

use std::{ffi::OsString, process::ExitCode};

pub use description::{Description, DescriptionError, EMBEDDED};
pub use launcher::{LaunchError, launch, standalone};

/// The processes of a bench, started by its launcher and by one another as `siprig internal ROLE …`. `args` is what
/// follows `internal`.
pub fn lab_main(args: &[OsString]) -> ExitCode {
    let _ = args;
    ExitCode::from(2)
}
