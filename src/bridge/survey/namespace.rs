//! Which network namespace this is.

use std::{io, os::fd::AsRawFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// The number of this network namespace, which no other has until the machine starts again; 0 where the kernel is older
/// than 5.14 and does not tell (`SO_NETNS_COOKIE`).
pub fn namespace() -> u64 {
    cookie().unwrap_or(0)
}

fn cookie() -> io::Result<u64> {
    let any = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut cookie = 0_u64;
    let mut len = size_of_val(&cookie) as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which `cookie` has; both outlive the call.
    let told = unsafe {
        libc::getsockopt(
            any.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut len,
        )
    };
    if told == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}
