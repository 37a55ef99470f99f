//! Where the person who works here came in: an interface that carries his own session is none for the rig.

use std::{ffi::OsString, fs, net::IpAddr, os::unix::ffi::OsStringExt};

/// What sshd(8) tells its children: the client's address and port, and then our own.
const VARIABLE: &str = "SSH_CONNECTION";

/// Our own address of the SSH session in which this process runs, if it runs in one. What `sudo` and the like keep from us is
/// looked for in the processes that started this one.
pub fn session_address() -> Option<IpAddr> {
    let own = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let told = own.or_else(|| ancestors().find_map(|pid| variable(&fs::read(format!("/proc/{pid}/environ")).ok()?)))?;
    local_address(told.to_str()?)
}

/// The processes that led to this one, the nearest first.
fn ancestors() -> impl Iterator<Item = u32> {
    std::iter::successors(parent("self"), |pid| parent(&pid.to_string()))
}

fn parent(process: &str) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().filter(|pid| *pid != 0)
}

/// The variable in an environment as proc_pid_environ(5) shows it.
fn variable(environment: &[u8]) -> Option<OsString> {
    let of = |entry: &[u8]| Some(entry.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"=")?.to_vec());
    environment.split(|byte| *byte == 0).find_map(of).filter(|value| !value.is_empty()).map(OsString::from_vec)
}

fn local_address(told: &str) -> Option<IpAddr> {
    let local = told.split_whitespace().nth(2)?;
    // A link-local address comes with its zone.
    let address: IpAddr = local.split('%').next()?.parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_word_is_our_own_address() {
        let ours = |told: &str| local_address(told).map(|address| address.to_string());
        assert_eq!(ours("192.0.2.7 51000 192.0.2.1 22").as_deref(), Some("192.0.2.1"));
        assert_eq!(ours("fe80::7%eth0 51000 fe80::1%eth0 22").as_deref(), Some("fe80::1"));
        assert_eq!(ours("::ffff:192.0.2.7 1 ::ffff:192.0.2.1 22").as_deref(), Some("192.0.2.1"));
        assert_eq!([ours(""), ours("192.0.2.7 51000"), ours("a b c d")], [None, None, None]);
    }

    #[test]
    fn what_another_process_was_told_is_found_among_all_that_it_was_told() {
        let environment = b"HOME=/\0SSH_CONNECTION_OLD=x\0SSH_CONNECTION=a b c d\0";
        assert_eq!(variable(environment), Some(OsString::from("a b c d")));
        assert_eq!(variable(b"HOME=/\0SSH_CONNECTION=\0"), None);
    }
}
