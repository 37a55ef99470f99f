//! Are the ports of a phone there, may we use them, and does nobody else?

use std::{
    fmt::Display,
    fs::OpenOptions,
    io,
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use nix::{errno::Errno, libc};

use super::Finding;
use crate::{
    config::{Bench, Keypad, Phone, PortAddress},
    driver::{push, serial},
    wire::action_uri,
};

/// How long the server of a line may take to answer.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// What is to be said about the ports of one phone.
pub(super) fn of_phone(phone: &Phone) -> Vec<Finding> {
    if phone.console.is_none() && phone.keypad.is_none() {
        let why = "the bench file names none; the wire alone will tell";
        let skipped = Finding::skipped("port", format!("{}: neither console nor keypad", phone.name), why);
        return vec![skipped.about(&phone.name)];
    }
    let [console, keypad] = parts(phone);
    console.into_iter().chain(keypad).collect()
}

/// The same of its console and of its keypad, where it has them and they are on a port.
pub(super) fn parts(phone: &Phone) -> [Option<Finding>; 2] {
    let called = |part: &str, place: &dyn Display| format!("{part} of {} at {place}", phone.name);
    let console = phone.console.as_ref().map(|console| {
        let called = called("console", &console.port);
        match serial::device(&console.port) {
            Ok(Some(path)) => examine(&path, &called),
            Ok(None) => answers(&console.port, &called),
            Err(error) => {
                let text = error.to_string();
                let (what, remedy) = text.rsplit_once("; ").unwrap_or((&text, "name another in the bench file"));
                Finding::problem("port", format!("{called}: {what}"), remedy)
            }
        }
    });
    let keypad = phone.keypad.as_ref().and_then(|keypad| keypad.path());
    let keypad = keypad.map(|path| examine(path, &called("keypad", &path.display())));
    [console, keypad].map(|finding| finding.map(|finding| finding.about(&phone.name)))
}

/// Connects to a line that another machine holds, and hangs up. Nothing is sent.
fn answers(address: &PortAddress, called: &str) -> Finding {
    let (PortAddress::Tcp(remote) | PortAddress::Rfc2217(remote)) = address else {
        return Finding::skipped("port", called.to_owned(), "it is on this machine");
    };
    let reached = (remote.host.as_str(), remote.port).to_socket_addrs().and_then(|mut found| {
        let to = found.next().ok_or_else(|| io::Error::other("its name has no address"))?;
        TcpStream::connect_timeout(&to, CONNECT_TIME)
    });
    match reached {
        Ok(_) => Finding::ok("port", format!("{called} can be connected to")),
        Err(error) => Finding::problem("port", format!("{called}: {error}"), "start its server, or name another"),
    }
}

/// What is to be said about the phones that objects are pushed to, or that are looked at: whether they can be connected to.
/// Nothing is sent, so whether a phone lets this machine in, only a push or a look tells.
pub(super) fn of_pushes(bench: &Bench) -> Vec<Finding> {
    let probe = bench.probe_address();
    let pushed: Vec<_> = bench.phones.iter().flat_map(web).collect();
    if let (Some(probe), [_, ..]) = (probe, pushed.as_slice())
        && let Err(error) = UdpSocket::bind(SocketAddr::new(probe, 0))
    {
        let why = format!("this machine does not have {probe} now ({error}); a run joins the interfaces first");
        let what = format!("connections to the web interfaces of {} phones", pushed.len());
        return vec![Finding::skipped("port", what, why)];
    }
    pushed.into_iter().map(|(called, to)| knock(&called, to, probe)).collect()
}

/// What phones are to be set to, so that they say what they have to say to us.
pub(super) fn of_listeners(bench: &Bench) -> Vec<Finding> {
    let syslog = bench.syslog.map(|at| {
        format!("phones say by syslog: set `log server ip: {}` and `log server port: {}`", at.ip(), at.port())
    });
    let calls = bench
        .action_uri
        .map(|at| format!("phones call: set `action uri registration event: {}`", action_uri::registration_event(at)));
    syslog.into_iter().chain(calls).map(|what| Finding::ok("port", what)).collect()
}

/// The web interfaces of a phone that is told something there, or looked at, and what they are called.
fn web(phone: &Phone) -> Vec<(String, SocketAddr)> {
    let told = match &phone.keypad {
        Some(Keypad::Url { at, .. }) => Some(("keypad", *at)),
        Some(Keypad::Xml) => phone.push.map(|at| ("keypad", at)),
        _ => phone.push.map(|at| ("XML interface", at)),
    };
    let page = phone.status_page.as_ref().map(|page| ("status page", page.at));
    told.into_iter().chain(page).map(|(part, at)| (format!("{part} of {} at {at}", phone.name), at)).collect()
}

fn knock(called: &str, to: SocketAddr, probe: Option<IpAddr>) -> Finding {
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
            Finding::busy("port", what, format!("another program has it; `fuser {}` names it", path.display()))
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
    use super::{super::State, *};
    use crate::config::{document::Document, load};

    #[test]
    fn a_port_that_is_not_there_is_a_problem_with_a_remedy() {
        let found = examine(Path::new("/dev/serial/by-id/usb-nowhere"), "console of p1");
        assert_eq!(found.state, State::Problem);
        assert!(found.remedy.is_some_and(|remedy| remedy.contains("plug it in")));
    }

    #[test]
    fn a_phone_that_is_pushed_to_is_connected_to_and_one_where_nothing_listens_is_a_problem() {
        let text = std::fs::read_to_string("fixtures/config/valid/bench-push.toml").unwrap();
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let document = Document::parse("bench.toml".into(), text, &[]).unwrap();
        let (mut bench, _) = load::checked_bench(&document, Path::new(load::RIG)).unwrap();
        assert_eq!(of_pushes(&bench)[0].state, State::Skipped, "this machine does not have the probe address");
        bench.network = None;
        bench.phones.truncate(2);
        bench.phones[0].push = open.local_addr().ok();
        bench.phones[1].push = Some(closed);
        let found = of_pushes(&bench);
        assert_eq!(found[0].what, format!("keypad of p1 at {} can be connected to", open.local_addr().unwrap()));
        assert_eq!((found[1].state, found.len()), (State::Problem, 2));
        assert!(found[1].what.ends_with("refuses the connection") && found[1].remedy.is_some(), "{found:?}");
    }
}
