//! Which frames a tap wants, as the kernel asks it: a program of classic BPF (socket(7)). What concerns nobody under test costs
//! the helper nothing, and can not push out what does.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use crate::config::Mac;

/// The longest program that the kernel takes (`BPF_MAXINSNS`).
const LONGEST: usize = 4096;
/// Where the last four bytes of receiver and sender are.
const ENDS: [u32; 2] = [2, 8];

/// Lets a socket see frames to groups, to these devices and from them; and, since it asks for the last four bytes of an
/// address alone, those of a few others. With more devices than it can ask for it sees everything.
///
/// # Errors
/// If the kernel refuses.
pub fn attach(fd: BorrowedFd<'_>, devices: &[Mac]) -> io::Result<()> {
    let mut program = program(devices);
    let Some(len) = u16::try_from(program.len()).ok().filter(|len| usize::from(*len) <= LONGEST) else { return Ok(()) };
    let filter = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which is as long as is said, and reads only what `filter` is.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn program(devices: &[Mac]) -> Vec<libc::sock_filter> {
    const ALL_OF_IT: u32 = u32::MAX;
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |size, at| step(libc::BPF_LD | size | libc::BPF_ABS, 0, 0, at);
    let answer = |kept| step(libc::BPF_RET | libc::BPF_K, 0, 0, kept);
    let unless = |test, value| step(libc::BPF_JMP | test | libc::BPF_K, 0, 1, value);
    // The lowest bit of the first byte says that it goes to a group (IEEE 802-2014 section 8.2.2).
    let mut program = vec![load(libc::BPF_B, 0), unless(libc::BPF_JSET, 1), answer(ALL_OF_IT)];
    for end in ENDS {
        program.push(load(libc::BPF_W, end));
        for Mac([_, _, a, b, c, d]) in devices {
            program.push(unless(libc::BPF_JEQ, u32::from_be_bytes([*a, *b, *c, *d])));
            program.push(answer(ALL_OF_IT));
        }
    }
    program.push(answer(0));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONES: [Mac; 2] = [Mac([0, 8, 0x5d, 0, 0, 1]), Mac([0, 8, 0x5d, 0, 0, 2])];
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const STRANGER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    #[test]
    fn what_goes_to_a_phone_comes_from_one_or_goes_to_a_group_is_seen_and_nothing_else() {
        let program = program(&PHONES);
        for (destination, source, seen) in [
            (PHONES[0], SERVER, true),
            (PHONES[1], STRANGER, true),
            (SERVER, PHONES[1], true),
            (Mac([0xff; 6]), SERVER, true),
            (Mac([0x33, 0x33, 0, 0, 0, 1]), STRANGER, true),
            (SERVER, STRANGER, false),
            (STRANGER, SERVER, false),
        ] {
            let frame = [&destination.0[..], &source.0[..], &[0; 48]].concat();
            assert_eq!(kept(&program, &frame) > 0, seen, "{destination} from {source}");
        }
    }

    #[test]
    fn a_bench_of_a_thousand_phones_has_a_filter() {
        assert!(program(&[PHONES[0]; 1000]).len() <= LONGEST);
    }

    /// Runs what such programs are made of.
    fn kept(program: &[libc::sock_filter], frame: &[u8]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            let begin = step.k as usize;
            let jumps = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
            match u32::from(step.code) {
                0x20 => value = u32::from_be_bytes(frame[begin..begin + 4].try_into().unwrap()),
                0x30 => value = u32::from(frame[begin]),
                0x15 => at += jumps(value == step.k),
                0x45 => at += jumps(value & step.k != 0),
                0x06 => return step.k,
                other => panic!("a step {other:#x}"),
            }
            at += 1;
        }
    }
}
