//! The privileged helper process that joins the two interfaces and decides over the flows under test.
//!
//! Both interfaces are ports of an ordinary kernel bridge, so that phones keep their network whatever happens to us. For
//! the time of an outage an nftables table takes exactly the flows under test away from the kernel; what of them may pass
//! is sent on from here, through `pnet`, and what a phone is told about the rest is made here. When this process dies the table dies with it, and when it hangs the table's
//! elements expire: the bridge forwards again.
//!
//! The process has no user interface and writes no log. It speaks with the controller over one socket
//! ([`protocol`]). Not here: what frames mean beyond addresses, ports and the looks of SIP (the controller reads it), and the controller's
//! end ([`driver::network`](crate::driver::network)).

use std::process::ExitCode;

mod addresses;
mod busy;
mod canary;
mod carriers;
mod clock;
mod connections;
mod expression;
mod guardian;
mod helper;
mod homes;
mod interest;
pub mod join;
pub mod link;
mod link_events;
pub mod listen;
mod media;
pub mod offload;
pub mod operator;
mod outage;
mod outbox;
mod parts;
mod paths;
mod ports;
mod privileges;
pub mod protocol;
mod reply;
mod routers;
pub mod rules;
mod segment;
mod sight;
mod strangers;
pub mod survey;
pub mod table;
pub mod tap;
mod waiting;

pub use guardian::{LinkSwitch, guardian_main};

/// Body of `siprig internal bridge-helper FD`; `args` is what follows `bridge-helper`. `FD` is one end of a
/// `SOCK_SEQPACKET` pair whose other end the controller holds.
pub fn helper_main(args: &[String]) -> ExitCode {
    match args {
        [fd] => helper::run(fd),
        _ => ExitCode::from(2),
    }
}
