//! Namespaces and what ties processes to one another, as the kernel offers them (namespaces(7), prctl(2)).
//!
//! Not here: which namespaces a bench is made of (`topology`, `launcher`).

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CloneFlags, setns, unshare},
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, sigprocmask},
        socket::{AddressFamily, SockFlag, SockType, socket},
    },
    unistd::{getegid, geteuid, getppid},
};

/// How the calling process came to be alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// As real root, in the user namespace that it was in.
    Root,
    /// In a user namespace of its own, in which it is root. Files that it makes belong to the user who runs it.
    OwnUserNamespace,
}

/// What the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for.
    pub what: &'static str,
    /// The answer.
    pub errno: Errno,
}

/// Moves the calling process into new network, mount and (for its children) PID namespaces.
///
/// Real root stays in its user namespace, because in a new one the files of other users would be out of its reach;
/// everybody else, and a root whom the kernel refuses that, gets a user namespace as well.
///
/// # Errors
/// What the kernel refused. The process must have no second thread (EINVAL otherwise).
pub fn isolate() -> Result<Privilege, Refusal> {
    let alone = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    let (user, group) = (geteuid(), getegid());
    if user.is_root() && unshare(alone).is_ok() {
        return Ok(Privilege::Root);
    }
    let refused = |what| move |errno| Refusal { what, errno };
    unshare(alone | CloneFlags::CLONE_NEWUSER).map_err(refused("user namespace"))?;
    write_to("/proc/self/setgroups", "deny").map_err(refused("user namespace with rights in it"))?;
    write_to("/proc/self/uid_map", &format!("0 {user} 1")).map_err(refused("user mapping"))?;
    write_to("/proc/self/gid_map", &format!("0 {group} 1")).map_err(refused("group mapping"))?;
    Ok(Privilege::OwnUserNamespace)
}

/// A network namespace without a name: it exists as long as a process or a file descriptor holds it.
#[derive(Debug)]
pub struct Netns(File);

impl Netns {
    /// The one that the calling thread is in.
    ///
    /// # Errors
    /// If `/proc` can't be read.
    pub fn current() -> io::Result<Self> {
        File::open("/proc/thread-self/ns/net").map(Self)
    }

    /// A new one without IPv6, whose interfaces speak only when they are spoken through. The calling thread stays
    /// where it is.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn create() -> io::Result<Self> {
        let home = Self::current()?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let created = silence_ipv6().and_then(|()| Self::current());
        setns(&home.0, CloneFlags::CLONE_NEWNET)?;
        created
    }

    /// Does something in this namespace: a socket that is opened there stays there.
    ///
    /// # Errors
    /// If the thread can't get in, or not back.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let home = Self::current()?;
        setns(&self.0, CloneFlags::CLONE_NEWNET)?;
        let result = work();
        setns(&home.0, CloneFlags::CLONE_NEWNET)?;
        Ok(result)
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Keeps the kernel from giving interfaces IPv6 addresses of its own and from sending neighbour discovery. Interfaces
/// that exist already, the loopback among them, keep what they have. A kernel without IPv6 is content.
///
/// # Errors
/// If the setting exists and can't be written.
pub fn silence_ipv6() -> io::Result<()> {
    match fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// A socket for `ioctl`s on the interfaces of the namespace that the calling thread is in.
///
/// # Errors
/// If there is no socket to be had.
pub fn control_socket() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Makes the calling process die, by SIGKILL, when the thread that started it does. To be called after `exec`, which
/// may have cleared it.
///
/// # Errors
/// Never, on Linux.
pub fn die_with_parent() -> io::Result<()> {
    Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Whether whoever started the calling process is gone, and PID 1 of its namespace has taken it in.
pub fn is_orphan() -> bool {
    getppid().as_raw() == 1
}

/// Lets a file descriptor survive `exec`, or not. Safe between `fork` and `exec`.
///
/// # Errors
/// If it is not open.
pub fn set_inheritable(fd: impl AsFd, inheritable: bool) -> io::Result<()> {
    let flags = if inheritable { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Unblocks all signals. Safe between `fork` and `exec`.
///
/// # Errors
/// Never, on Linux.
pub fn unblock_signals() -> io::Result<()> {
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Joins a network namespace. Safe between `fork` and `exec`.
///
/// # Errors
/// If the kernel refuses.
pub fn join(netns: BorrowedFd<'_>) -> io::Result<()> {
    Ok(setns(netns, CloneFlags::CLONE_NEWNET)?)
}

/// Brings the loopback interface of the calling thread's namespace up (netdevice(7), SIOCSIFFLAGS).
///
/// # Errors
/// If the kernel refuses.
pub fn loopback_up() -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = interface_request("lo");
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which lives until the call returns.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })?;
    Ok(())
}

/// Has an interface of the calling thread's namespace send finished checksums. A virtual link otherwise leaves them
/// to hardware that isn't there, and a capture or a bridge in user space sees them wrong.
///
/// # Errors
/// If the kernel refuses.
pub fn finish_checksums(interface: &str) -> io::Result<()> {
    /// `struct ethtool_value` of linux/ethtool.h.
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    const ETHTOOL_STXCSUM: u32 = 0x17;
    let socket = control_socket()?;
    let mut value = Value { command: ETHTOOL_STXCSUM, data: 0 };
    let mut request = interface_request(interface);
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads an `ifreq` that points to an `ethtool_value`; both live until the call returns.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) })?;
    Ok(())
}

fn interface_request(name: &str) -> libc::ifreq {
    // SAFETY: an `ifreq` is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero, as the kernel wants it.
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

fn write_to(path: impl AsRef<Path>, text: &str) -> Result<(), Errno> {
    fs::write(path, text).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}
