//! Who uses what: one lock per bench, per pair of interfaces and per port, held as long as the process lives.
//!
//! A lock is an flock(2) on a file of the state directory. The kernel lets go of it whatever ends the process; the file
//! stays and says who held it last.
//!
//! Not here: which files are wrong, and who else in the kernel holds a port.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use serde::{Deserialize, Serialize};

use crate::{
    config::{Bench, Keypad, Phone, PortAddress},
    driver::{clock::RunClock, serial},
};

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// What it does: `siprig run failover`.
    pub name: String,
    /// Since when, in UTC.
    pub since: String,
}

impl Holder {
    /// This process.
    pub fn myself(name: &str) -> Self {
        let now = jiff::Timestamp::from_nanosecond(RunClock::start().epoch_unix_ns().into()).unwrap_or_default();
        Self {
            pid: std::process::id(),
            name: name.to_owned(),
            since: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        }
    }
}

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{what} is in use by {} (process {}) since {}; wait for it with --wait 30m, or stop it", holder.name, holder.pid, holder.since)]
    Held {
        /// What is locked.
        what: String,
        /// Who has it.
        holder: Holder,
    },
    /// Its file can not be used.
    #[error("cannot use the lock file {}: {source}; set SIPRIG_STATE to a directory of your own", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Something that only one may use at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lockable {
    /// Name of its lock file.
    file: String,
    /// For people: `the bench lab-3`.
    what: String,
}

impl Lockable {
    /// Its lock file. Names may have dots.
    fn path(&self, state: &Path) -> PathBuf {
        state.join(format!("{}.lock", self.file))
    }
}

/// What a night on a bench of that name needs beside what each of its runs needs. Whoever runs something on the bench without
/// being a night's takes it as well.
pub fn night(bench: &str) -> Lockable {
    let what = format!("the bench `{bench}`");
    Lockable { file: format!("night-{}-{bench}", namespace()), what }
}

/// Which network namespace this is.
fn namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/net").map_or(0, |found| found.ino())
}

/// What a run on these phones of a bench needs for itself, in the order in which everybody locks it.
///
/// Names of benches and interfaces count within a network namespace, ports as the devices that they lead to: equal names
/// in two virtual benches are different things.
pub fn needed(bench: &Bench, phones: &[&Phone]) -> Vec<Lockable> {
    let namespace = namespace();
    let mut all = vec![Lockable {
        file: format!("bench-{namespace}-{}", bench.name),
        what: format!("the bench `{}`", bench.name),
    }];
    if let Some(network) = &bench.network {
        for side in [&network.phone_side, &network.server_side] {
            all.push(Lockable { file: format!("link-{namespace}-{side}"), what: format!("the interface {side}") });
        }
    }
    for phone in phones {
        all.extend(phone.console.as_ref().and_then(|console| console_lock(&console.port)));
        all.extend(phone.keypad.as_ref().and_then(Keypad::board).and_then(device_lock));
    }
    all.sort();
    all.dedup_by(|a, b| a.file == b.file);
    all
}

/// The lock of a console's line, whoever names it how. What is behind a network is known by its name alone.
pub fn console_lock(address: &PortAddress) -> Option<Lockable> {
    match serial::device(address) {
        Ok(Some(path)) => device_lock(&path),
        Ok(None) => {
            let file = format!("port-{address}").replace(['/', '.'], "%");
            Some(Lockable { file, what: format!("the line {address}") })
        }
        // As below.
        Err(_) => None,
    }
}

/// The lock of a port. One that is not there is nobody's; opening it will say so.
fn device_lock(port: &Path) -> Option<Lockable> {
    let found = std::fs::metadata(port).ok()?;
    let device = if found.rdev() == 0 { found.ino() } else { found.rdev() };
    Some(Lockable { file: format!("port-{}-{device}", found.dev()), what: format!("the port {}", port.display()) })
}

/// Locks that are held until this is dropped.
#[derive(Debug)]
pub struct Locks {
    _held: Vec<Flock<File>>,
}

/// Takes all locks, or none. If one is held by another, `waiting` is told, and then it is waited for as long as `wait`
/// says.
///
/// # Errors
/// If one is still held by another, or the state directory can not be written.
pub fn acquire(
    state: &Path,
    needed: &[Lockable],
    myself: &Holder,
    wait: Option<Duration>,
    waiting: impl FnOnce(&LockError),
) -> Result<Locks, LockError> {
    let held = match take_all(state, needed, myself, FlockArg::LockExclusiveNonblock) {
        Err(error @ LockError::Held { .. }) if wait.is_some() => {
            waiting(&error);
            wait_for_all(state, needed, myself, wait.unwrap_or_default()).unwrap_or(Err(error))?
        }
        other => other?,
    };
    Ok(Locks { _held: held })
}

/// Who holds one of them now, without taking any.
///
/// # Errors
/// If the state directory can not be read.
pub fn look(state: &Path, needed: &[Lockable]) -> Result<(), LockError> {
    for lockable in needed {
        if lockable.path(state).exists() {
            take(state, lockable, None, FlockArg::LockSharedNonblock)?;
        }
    }
    Ok(())
}

/// Waits in a thread of its own, as flock(2) knows no time limit. None: the time is over; the thread ends with the
/// process.
fn wait_for_all(
    state: &Path,
    needed: &[Lockable],
    myself: &Holder,
    wait: Duration,
) -> Option<Result<Vec<Flock<File>>, LockError>> {
    let (sender, receiver) = mpsc::channel();
    let (state, needed, myself) = (state.to_owned(), needed.to_owned(), myself.clone());
    std::thread::spawn(move || {
        // Nobody listens any more after the time is over.
        let _ = sender.send(take_all(&state, &needed, &myself, FlockArg::LockExclusive));
    });
    receiver.recv_timeout(wait).ok()
}

fn take_all(state: &Path, needed: &[Lockable], myself: &Holder, how: FlockArg) -> Result<Vec<Flock<File>>, LockError> {
    needed.iter().map(|lockable| take(state, lockable, Some(myself), how)).collect()
}

fn take(state: &Path, lockable: &Lockable, myself: Option<&Holder>, how: FlockArg) -> Result<Flock<File>, LockError> {
    let path = lockable.path(state);
    let failed = |source| LockError::File { path: path.clone(), source };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match Flock::lock(file, how) {
        Ok(mut lock) => {
            if let Some(myself) = myself {
                sign(&mut lock, myself).map_err(failed)?;
            }
            Ok(lock)
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(failed)?;
            let unknown = || Holder { pid: 0, name: "another process".to_owned(), since: "a moment ago".to_owned() };
            let holder = serde_json::from_str(&text).unwrap_or_else(|_| unknown());
            Err(LockError::Held { what: lockable.what.clone(), holder })
        }
        Err((_, errno)) => Err(failed(errno.into())),
    }
}

fn sign(file: &mut File, myself: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(myself)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lockable(name: &str) -> Lockable {
        Lockable { file: name.to_owned(), what: format!("the {name}") }
    }

    fn quietly(_: &LockError) {}

    #[test]
    fn the_second_one_is_told_who_the_first_one_is() {
        let state = tempfile::tempdir().unwrap();
        let first = Holder::myself("siprig run first");
        let _held = acquire(state.path(), &[lockable("bench")], &first, None, quietly).unwrap();
        let second = acquire(state.path(), &[lockable("bench")], &Holder::myself("second"), None, quietly);
        let Err(LockError::Held { what, holder }) = second else { panic!("must be held") };
        assert_eq!((what.as_str(), holder), ("the bench", first));
    }

    #[test]
    fn who_waits_gets_it_when_the_first_one_ends() {
        let state = tempfile::tempdir().unwrap();
        let held = acquire(state.path(), &[lockable("bench")], &Holder::myself("first"), None, quietly).unwrap();
        let second = acquire(
            state.path(),
            &[lockable("bench")],
            &Holder::myself("second"),
            Some(Duration::from_secs(30)),
            |_| drop(held),
        );
        assert!(second.is_ok(), "{second:?}");
    }

    #[test]
    fn who_waits_in_vain_is_told_after_the_time() {
        let state = tempfile::tempdir().unwrap();
        let _held = acquire(state.path(), &[lockable("bench")], &Holder::myself("first"), None, quietly).unwrap();
        let wait = Some(Duration::from_millis(20));
        let second = acquire(state.path(), &[lockable("bench")], &Holder::myself("second"), wait, quietly);
        assert!(matches!(second, Err(LockError::Held { .. })), "{second:?}");
    }

    #[test]
    fn of_several_locks_all_are_had_or_none() {
        let state = tempfile::tempdir().unwrap();
        let held = acquire(state.path(), &[lockable("b")], &Holder::myself("first"), None, quietly).unwrap();
        let both = [lockable("a"), lockable("b")];
        assert!(acquire(state.path(), &both, &Holder::myself("second"), None, quietly).is_err());
        assert!(acquire(state.path(), &[lockable("a")], &Holder::myself("third"), None, quietly).is_ok());
        drop(held);
        assert!(acquire(state.path(), &both, &Holder::myself("second"), None, quietly).is_ok());
    }
}
