//! A lab without hardware, on one machine, for anybody: network namespaces, simulated phones and servers.
//!
//! It offers what hardware offers (a console and a keypad on PTYs, frames on a link) and an ordinary bench file that
//! says where they are. The command line alone knows that a bench is virtual: before any thread exists it calls
//! [`launch`], which runs the unchanged controller inside the bench.
//!
//! Not here: anything that the controller does differently on a virtual bench. There is no such thing.

pub mod board;
pub mod description;
mod init;
pub mod launcher;
mod machines;
pub mod namespace;
pub mod peer;
pub mod phone;
pub mod plan;
pub mod process;
pub mod pty;
pub mod random;
pub mod registrar;
pub mod speech;
mod supervisor;
pub mod tftp;
pub mod topology;
pub mod veil;

use std::{ffi::OsString, path::Path, process::ExitCode};

pub use description::{Description, DescriptionError, EMBEDDED};
pub use launcher::{LaunchError, launch, standalone};

/// The processes of a bench, started by its launcher and by one another as `siprig internal ROLE …`. `args` is what
/// follows `internal`.
pub fn lab_main(args: &[OsString]) -> ExitCode {
    let Some((role, args)) = args.split_first() else { return ExitCode::from(2) };
    if role == "init" {
        return init::main(args);
    }
    // A command of whoever stops and starts servers, and no process of the lab.
    if let ("server", [socket, act, name]) = (role.to_str().unwrap_or_default(), args) {
        return machines::main(socket, act, name);
    }
    if role == "peer-call" {
        return peer::shell::call(args);
    }
    if role == "maintenance" {
        return registrar::maintenance::main(args);
    }
    // Between its start and this call the parent may have died already.
    if namespace::die_with_parent().is_err() || (role != "lab" && namespace::is_orphan()) {
        return ExitCode::FAILURE;
    }
    match (role.to_str(), args) {
        (Some("lab"), [directory]) => supervisor::main(Path::new(directory)),
        (Some("phone"), [spec]) => phone::main(Path::new(spec)),
        (Some("peer"), [spec]) => peer::shell::main(Path::new(spec)),
        (Some("registrar"), [spec]) => registrar::main(Path::new(spec)),
        _ => ExitCode::from(2),
    }
}
