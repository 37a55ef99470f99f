//! Receive offloads of the ports. GRO and LRO glue frames together, which then do not fit through the other side.
//! Read and changed through the ethtool ioctl (`linux/ethtool.h`); everybody may read.

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::event::{Offload, SettingChange};

const GET_GRO: u32 = 0x2b;
const SET_GRO: u32 = 0x2c;
const GET_FLAGS: u32 = 0x25;
const SET_FLAGS: u32 = 0x26;
const FLAG_LRO: u32 = 1 << 15;

/// Both.
const ALL: [Offload; 2] = [Offload::GenericReceiveOffload, Offload::LargeReceiveOffload];

/// Turns GRO and LRO of an interface off. Returns what was changed.
///
/// # Errors
/// If an offload is on and can not be turned off.
pub fn disable(interface: &str) -> io::Result<Vec<SettingChange>> {
    disable_by(&control()?, interface)
}

/// The same through a socket that is [open already](control).
///
/// # Errors
/// As [`disable`].
pub fn disable_by(control: &OwnedFd, interface: &str) -> io::Result<Vec<SettingChange>> {
    let mut changed = Vec::new();
    for setting in ALL {
        if read(control, interface, setting) {
            write(control, interface, setting, false)?;
            changed.push(SettingChange { interface: interface.to_owned(), setting, was_on: true });
        }
    }
    Ok(changed)
}

/// The offloads of an interface that are on.
///
/// # Errors
/// If there are no sockets.
pub fn in_force(interface: &str) -> io::Result<Vec<Offload>> {
    let control = control()?;
    Ok(ALL.into_iter().filter(|setting| read(&control, interface, *setting)).collect())
}

/// Turns an offload on or off. True if that was not so already.
///
/// # Errors
/// If it can not be turned.
pub fn set(interface: &str, setting: Offload, on: bool) -> io::Result<bool> {
    let control = control()?;
    if read(&control, interface, setting) == on {
        return Ok(false);
    }
    write(&control, interface, setting, on)?;
    Ok(true)
}

/// A socket to ask through.
///
/// # Errors
/// If there are none.
pub fn control() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

/// A driver that does not know the question does not have the offload.
fn read(control: &OwnedFd, interface: &str, setting: Offload) -> bool {
    match setting {
        Offload::GenericReceiveOffload => ethtool(control, interface, GET_GRO, 0).unwrap_or(0) != 0,
        Offload::LargeReceiveOffload => ethtool(control, interface, GET_FLAGS, 0).unwrap_or(0) & FLAG_LRO != 0,
    }
}

fn write(control: &OwnedFd, interface: &str, setting: Offload, on: bool) -> io::Result<()> {
    match setting {
        Offload::GenericReceiveOffload => ethtool(control, interface, SET_GRO, u32::from(on))?,
        Offload::LargeReceiveOffload => {
            let others = ethtool(control, interface, GET_FLAGS, 0)? & !FLAG_LRO;
            ethtool(control, interface, SET_FLAGS, others | if on { FLAG_LRO } else { 0 })?
        }
    };
    Ok(())
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
