//! The service manager that began siprig, told by sd_notify(3) that it is ready, what it is about, and that it goes on.
//!
//! Where no service manager wants to hear of it, nothing is told to anybody.

use std::{
    ffi::OsStr,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// Whoever wants to hear of siprig.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names; none: there is none.
    pub fn of_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name);
        Self::named(&variable("NOTIFY_SOCKET")?, watchdog(variable, std::process::id()))
    }

    /// The one behind a socket, by a path or in the abstract namespace (`@name`). It waits for no longer than `watchdog` for a sign of
    /// life.
    fn named(socket: &OsStr, watchdog: Option<Duration>) -> Option<Self> {
        let address = match socket.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok()?,
            [b'/', ..] => SocketAddr::from_pathname(socket).ok()?,
            _ => return None,
        };
        let unbound = UnixDatagram::unbound().ok()?;
        // Who does not listen is not waited for.
        unbound.set_nonblocking(true).ok()?;
        Some(Self { socket: unbound, address, watchdog })
    }

    /// How often it wants a sign of life: twice in the time after which it takes siprig for dead.
    pub fn beat(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 2)
    }

    /// siprig has begun with what it is there for, and is about this.
    pub fn ready(&self, about: &str) {
        self.send(&format!("READY=1\n{}", status(about)));
    }

    /// It goes on, and is about this.
    pub fn goes_on(&self, about: &str) {
        let alive = if self.watchdog.is_some() { "WATCHDOG=1\n" } else { "" };
        self.send(&format!("{alive}{}", status(about)));
    }

    /// It comes to its end.
    pub fn stopping(&self, about: &str) {
        self.send(&format!("STOPPING=1\n{}", status(about)));
    }

    fn send(&self, text: &str) {
        // Nothing that siprig does depends on who hears of it.
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.address);
    }
}

/// What siprig is about, in one line.
fn status(about: &str) -> String {
    let line: String = about.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    format!("STATUS={line}")
}

/// The time after which a process that gives no sign of life is taken for dead, if it is this one.
fn watchdog(variable: impl Fn(&str) -> Option<std::ffi::OsString>, myself: u32) -> Option<Duration> {
    let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_mine = match variable("WATCHDOG_PID") {
        Some(_) => number("WATCHDOG_PID") == Some(myself.into()),
        None => true,
    };
    let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && is_mine)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1000];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_service_manager_is_told_through_a_path_and_through_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("siprig-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            (path.as_os_str().to_owned(), UnixDatagram::bind(&path).unwrap()),
            (format!("@{name}").into(), UnixDatagram::bind_addr(&abstract_name).unwrap()),
        ];
        for (named, socket) in sockets {
            let supervisor = Supervisor::named(&named, Some(Duration::from_secs(60))).unwrap();
            assert_eq!(supervisor.beat(), Some(Duration::from_secs(30)));
            supervisor.ready("begins");
            supervisor.goes_on("run 1 of 2\nREADY=0");
            supervisor.stopping("over");
            assert_eq!(heard(&socket), "READY=1\nSTATUS=begins");
            assert_eq!(heard(&socket), "WATCHDOG=1\nSTATUS=run 1 of 2 READY=0", "no text becomes an order");
            assert_eq!(heard(&socket), "STOPPING=1\nSTATUS=over");
        }
    }

    #[test]
    fn who_is_not_there_or_has_another_kind_of_socket_is_no_hindrance() {
        let nobody = Supervisor::named(OsStr::new("/nowhere/notify"), None).unwrap();
        nobody.ready("begins");
        assert_eq!(nobody.beat(), None);
        assert!(["", "notify", "vsock:2:9"].iter().all(|name| Supervisor::named(OsStr::new(name), None).is_none()));
    }

    #[test]
    fn a_watchdog_is_only_that_of_the_process_that_it_is_meant_for() {
        let of = |known: &'static [(&str, &str)]| {
            watchdog(move |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()), 7)
        };
        assert_eq!(of(&[("WATCHDOG_USEC", "3000000")]), Some(Duration::from_secs(3)));
        assert_eq!(of(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "7")]), Some(Duration::from_secs(3)));
        assert_eq!(of(&[("WATCHDOG_USEC", "3000000"), ("WATCHDOG_PID", "8")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "soon")]), None);
        assert_eq!(of(&[]), None);
    }
}
