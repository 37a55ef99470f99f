//! What the controller does with the capabilities that it was given: it hands them on to the bridge helper and works without
//! them.
//!
//! They stay *permitted*, *inheritable* and *ambient* (capabilities(7)), since the helper is given them as it begins; none of
//! them is *effective*, so that nothing the controller does for a phone, a file or a terminal is done with them. Root keeps
//! what files and processes of others take: without it, it could not write where a user sent it.

use std::{io, process};

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

/// What is root's anyhow, and has nothing to do with networks.
const OF_FILES: [Capability; 7] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_NET_BIND_SERVICE,
];

/// Works without them from here on: this thread, and those that it begins.
///
/// # Errors
/// If the kernel does not let it, which it does.
pub fn lay_down() -> io::Result<()> {
    let effective = caps::read(None, CapSet::Effective).map_err(failed)?;
    let kept: CapsHashSet = effective.into_iter().filter(|it| OF_FILES.contains(it)).collect();
    caps::set(None, CapSet::Effective, &kept).map_err(failed)
}

/// Begins a command of the bench file, which is handed none of them: only a thread can do that for what it begins, so it is one
/// of its own.
pub(super) fn begin_without(command: &mut process::Command) -> io::Result<process::Child> {
    let begin = || {
        caps::clear(None, CapSet::Ambient).map_err(failed)?;
        command.spawn()
    };
    std::thread::scope(|scope| {
        let beginning = std::thread::Builder::new().spawn_scoped(scope, begin)?;
        beginning.join().unwrap_or_else(|_| Err(io::Error::other("its thread ended early")))
    })
}

fn failed(error: CapsError) -> io::Error {
    io::Error::other(error.to_string())
}
