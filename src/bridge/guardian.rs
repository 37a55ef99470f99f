//! The guardian of a link that was taken down: a process that does nothing but to switch an interface on again when the helper
//! that has switched it off is gone or hangs. What the kernel drops for the helper it lets go by itself (see
//! [`table`](super::table)); an interface stays as it is.
//!
//! It is there while a helper is that may take links down. The helper [tells](Word) it ahead of switching an interface off, says
//! each [`BEAT`] that it is there, and tells when the interface is on again. The guardian switches the interface on, and goes,
//! when nobody holds the other end of the socket any more, or says nothing for [`SILENCE`]. It has a session of its own, takes no
//! signal of a terminal, and keeps the capability for that one request, through a socket that is open. Who kills it ends the
//! outage: the helper then switches the interface on itself.
//!
//! Here are what both say; in [`vigil`] when what is due, without a clock; in [`watch`] the process; in [`ward`] the helper's end.

use std::{process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};

mod switch;
mod vigil;
mod ward;
mod watch;

pub use switch::LinkSwitch;
pub use ward::{Guardian, Loss};

/// How often the helper says that it is there, while a link is down.
pub const BEAT: Duration = Duration::from_millis(100);
/// Who says nothing for so long is taken for dead.
pub const SILENCE: Duration = Duration::from_millis(500);
/// A guardian that does not answer for so long is taken for dead.
pub const DEAFNESS: Duration = Duration::from_millis(750);

/// What the helper says. Each word is answered by [`Answer::Heard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Word {
    /// The interface of that number is about to be switched off.
    Off(u32),
    /// The helper is there.
    Here,
    /// The interface is on again.
    On,
}

/// What the guardian says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    /// It has heard so many words. Also its first word, of none.
    Heard(u32),
    /// It has switched the interface on, from that time on (nanoseconds of `CLOCK_REALTIME`), and goes.
    Restored(i64),
}

/// Body of `siprig internal link-guardian FD`; `args` is what follows `link-guardian`. `FD` is one end of a `SOCK_SEQPACKET` pair
/// whose other end the helper holds.
pub fn guardian_main(args: &[String]) -> ExitCode {
    match args {
        [fd] => watch::run(fd),
        _ => ExitCode::from(2),
    }
}
