//! Are the ports of a phone there, may we use them, and does nobody else?

use std::{
    fs::OpenOptions,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::{errno::Errno, libc};

use super::{Finding, State};
use crate::{
    config::{Keypad, Phone},
    driver::push,
};

/// What is to be said about the ports of one phone. `probe` is the address that pushes come from.
pub(super) fn of_phone(phone: &Phone, probe: Option<IpAddr>) -> Vec<Finding> {
    let console = phone.console.as_ref().map(|console| ("console", console.port.as_path()));
    let keypad = phone.keypad.as_ref().and_then(|keypad| Some(("keypad", keypad.board()?)));
    let pushed = phone.push.map(|to| {
        let called = if phone.keypad == Some(Keypad::Xml) { "keypad" } else { "XML interface" };
        knock(to, probe, &format!("{called} of {} at {to}", phone.name))
    });
    if console.is_none() && keypad.is_none() && pushed.is_none() {
        let why = "the bench file names none; the wire alone will tell";
        return vec![Finding::skipped("port", format!("{}: neither console nor keypad", phone.name), why)];
    }
    let parts = console.into_iter().chain(keypad);
    let parts = parts.map(|(part, path)| examine(path, &format!("{part} of {} at {}", phone.name, path.display())));
    parts.chain(pushed).collect()
}

/// Connects to where objects are pushed to, and sends nothing: whether the phone lets this machine in, only a push tells.
fn knock(to: SocketAddr, probe: Option<IpAddr>, called: &str) -> Finding {
    if let Some(probe) = probe
        && let Err(error) = UdpSocket::bind(SocketAddr::new(probe, 0))
    {
        let why = format!("this machine does not have {probe} now ({error}); a run joins the interfaces first");
        return Finding::skipped("port", called, why);
    }
    match push::reach(to, probe) {
        Ok(()) => Finding::ok("port", format!("{called} can be connected to")),
        Err(objection) => Finding::problem("port", format!("{called}: {}", objection.what), objection.remedy),
    }
}

/// Opens the port without waiting and without taking it as a controlling terminal, and closes it again.
fn examine(path: &Path, called: &str) -> Finding {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let error = match OpenOptions::new().read(true).write(true).custom_flags(flags).open(path) {
        Ok(_) => return Finding::ok("port", format!("{called} can be opened")),
        Err(error) => error,
    };
    let what = format!("{called}: {error}");
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY) => {
            let remedy = Some(format!("another program has it; `fuser {}` names it", path.display()));
            Finding { area: "port", state: State::Busy, what, remedy }
        }
        _ if error.kind() == io::ErrorKind::NotFound => {
            Finding::problem("port", what, "plug it in; `ls -l /dev/serial/by-id` lists what is there")
        }
        _ if error.kind() == io::ErrorKind::PermissionDenied => {
            Finding::problem("port", what, "join the group that owns it, often `dialout`, and log in again")
        }
        _ => Finding::problem("port", what, "name another port in the bench file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_not_there_is_a_problem_with_a_remedy() {
        let found = examine(Path::new("/dev/serial/by-id/usb-nowhere"), "console of p1");
        assert_eq!(found.state, State::Problem);
        assert!(found.remedy.is_some_and(|remedy| remedy.contains("plug it in")));
    }
}
