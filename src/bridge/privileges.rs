//! What helper and guardian give up when everything is open: they need one capability, to change the table of outages and to
//! switch interfaces, and none of what programs can be made to do that were taken over.

use std::{collections::BTreeMap, os::fd::RawFd};

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What each change of the table (nf_tables), and of an interface, still takes.
const KEPT: Capability = Capability::CAP_NET_ADMIN;

/// System calls that nothing in the loop of either makes, and that lead out of it: other programs, files, new sockets, other
/// namespaces, the kernel itself (syscalls(2)).
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_accept4,
    libc::SYS_listen,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
];

/// Gives up everything else, for good. An interface that comes again is bound through one of `binders`, and through nothing
/// else anything is.
///
/// # Errors
/// What could not be given up, in words that go on from "could not".
pub fn drop(binders: &[RawFd]) -> Result<(), String> {
    let failed = |what: &'static str| move |error: caps::errors::CapsError| format!("give up {what}: {error}");
    let kept = CapsHashSet::from([KEPT]);
    caps::clear(None, CapSet::Ambient).map_err(failed("ambient capabilities"))?;
    // First what it could gain again, since that needs a capability itself.
    for capability in caps::runtime::thread_all_supported() {
        if capability != KEPT && caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false) {
            // One that it may not give up (CAP_SETPCAP is missing) it can not gain either, with no new privileges.
            let _ = caps::drop(None, CapSet::Bounding, capability);
        }
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(failed("inheritable capabilities"))?;
    caps::set(None, CapSet::Effective, &kept).map_err(failed("effective capabilities"))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed("permitted capabilities"))?;
    prctl::set_no_new_privs().map_err(|error| format!("give up new privileges: {error}"))?;
    forbid(binders).map_err(|error| format!("forbid system calls: {error}"))
}

/// A forbidden call fails as if its permission were missing: a helper that is killed for it would end an outage.
fn forbid(binders: &[RawFd]) -> Result<(), seccompiler::Error> {
    let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let mut rules: BTreeMap<i64, Vec<_>> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let other = |fd: RawFd| {
        let fd = u64::try_from(fd).unwrap_or(u64::MAX);
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, fd)
    };
    let others = binders.iter().copied().map(other).collect::<Result<Vec<_>, _>>()?;
    // A rule without conditions is written as none.
    rules.insert(libc::SYS_bind, if others.is_empty() { Vec::new() } else { vec![SeccompRule::new(others)?] });
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}
