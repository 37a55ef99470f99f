//! siprig itself, begun by a night in a process of its own, which ends with the night however that ends.

use std::process::Stdio;

use nix::sys::{prctl::set_pdeathsig, signal::Signal};
use tokio::process::Command;

use crate::{event::PhoneName, nightly::plan::Surroundings};

/// A command of siprig on some phones of the night's bench, that writes one document to a pipe.
pub(super) fn command<'a>(
    words: impl IntoIterator<Item = &'a str>,
    phones: &[PhoneName],
    surroundings: &Surroundings,
) -> Command {
    let names: Vec<&str> = phones.iter().map(|phone| phone.0.as_str()).collect();
    // The program that this is, also when another one has taken its place on the disk meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("siprig").args(words).args(["--json", "--phones", &names.join(",")]);
    if let Some(bench) = &surroundings.bench {
        command.args(["--bench", bench]);
    }
    for change in &surroundings.overrides {
        command.args(["--set", change]);
    }
    command.current_dir(&surroundings.directory).stdin(Stdio::null()).stdout(Stdio::piped());
    // Who began the night hears from the night alone.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    // A terminal's Ctrl-C is the night's, which hands it on once.
    command.process_group(0);
    // SAFETY: prctl(2) alone is called between fork and exec, which is async-signal-safe.
    unsafe {
        command.pre_exec(|| set_pdeathsig(Signal::SIGTERM).map_err(Into::into));
    }
    command
}
