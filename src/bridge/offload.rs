//! Receive offloads of the ports. GRO and LRO glue frames together, which then do not fit through the other side.
//! Read and changed through the ethtool ioctl (`linux/ethtool.h`).

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const GET_GRO: u32 = 0x2b;
const SET_GRO: u32 = 0x2c;
const GET_FLAGS: u32 = 0x25;
const SET_FLAGS: u32 = 0x26;
const FLAG_LRO: u32 = 1 << 15;

/// Turns GRO and LRO of an interface off. Returns what was changed, for people.
///
/// # Errors
/// If an offload is on and can not be turned off.
pub fn disable(interface: &str) -> io::Result<Vec<String>> {
    let control = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut changed = Vec::new();
    // A driver that does not know the question does not have the offload.
    if ethtool(&control, interface, GET_GRO, 0).unwrap_or(0) != 0 {
        ethtool(&control, interface, SET_GRO, 0)?;
        changed.push(format!("{interface}: generic-receive-offload off"));
    }
    let flags = ethtool(&control, interface, GET_FLAGS, 0).unwrap_or(0);
    if flags & FLAG_LRO != 0 {
        ethtool(&control, interface, SET_FLAGS, flags & !FLAG_LRO)?;
        changed.push(format!("{interface}: large-receive-offload off"));
    }
    Ok(changed)
}

#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

fn ethtool(control: &OwnedFd, interface: &str, command: u32, data: u32) -> io::Result<u32> {
    let mut value = Value { command, data };
    // SAFETY: zero is a valid `ifreq`; the name is cut to leave its final zero; `value` outlives the call.
    unsafe {
        let mut request: libc::ifreq = mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        if libc::ioctl(control.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(value.data)
}
