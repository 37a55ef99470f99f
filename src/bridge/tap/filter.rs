//! Which frames a tap wants, as the kernel asks it: a program of classic BPF (socket(7)). What concerns nobody under test costs
//! the helper nothing, and can not push out what does.

use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use crate::config::Mac;

/// The longest program that the kernel takes (`BPF_MAXINSNS`).
const LONGEST: usize = 4096;
/// Where the last four bytes of receiver and sender are.
const ENDS: [u32; 2] = [2, 8];
/// Where the EtherType is, and the kernel has taken the outer tag out.
const TYPE_AT: u32 = 12;
const TAGGED: [u32; 2] = [0x8100, 0x88a8];
/// EtherType, and where in a frame the addresses of sender and receiver are (RFC 791 section 3.1, RFC 8200 section 3).
const IPV4: (u32, [u32; 2]) = (0x0800, [26, 30]);
const IPV6: (u32, [u32; 2]) = (0x86dd, [22, 38]);

/// What a tap is for, besides frames to groups.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Frames from and to these devices.
    pub devices: &'a [Mac],
    /// Packets from and to these addresses, of servers and of phones behind a router, whoever they are of,
    pub addresses: &'a [IpAddr],
    /// but for those from and to these.
    pub alone: &'a [IpAddr],
}

/// Lets a socket see what is wanted and, since it looks at the last four bytes of a device's address alone and not behind a
/// second tag, some of what is not. With more than it can ask for it goes on to see what it saw: at first, everything.
///
/// # Errors
/// If the kernel refuses.
pub fn attach(fd: BorrowedFd<'_>, wanted: &Wanted<'_>) -> io::Result<()> {
    let mut program = program(wanted);
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

fn program(wanted: &Wanted<'_>) -> Vec<libc::sock_filter> {
    // The lowest bit of the first byte says that it goes to a group (IEEE 802-2014 section 8.2.2).
    let mut program = vec![load(libc::BPF_B, 0), go_on_if(libc::BPF_JSET, 1), answer(ALL_OF_IT)];
    for end in ENDS {
        program.push(load(libc::BPF_W, end));
        for Mac([_, _, a, b, c, d]) in wanted.devices {
            program.extend([go_on_if(libc::BPF_JEQ, u32::from_be_bytes([*a, *b, *c, *d])), answer(ALL_OF_IT)]);
        }
    }
    program.push(load(libc::BPF_H, TYPE_AT));
    for tag in TAGGED {
        program.extend([go_on_if(libc::BPF_JEQ, tag), answer(ALL_OF_IT)]);
    }
    let words = |address: &IpAddr| -> Vec<u32> {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        bytes.chunks_exact(4).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))).collect()
    };
    for ((ether_type, places), is_it) in [(IPV4, IpAddr::is_ipv4 as fn(&IpAddr) -> bool), (IPV6, IpAddr::is_ipv6)] {
        let mut block = Vec::new();
        for (addresses, kept) in [(wanted.alone, 0), (wanted.addresses, ALL_OF_IT)] {
            for place in places {
                for address in addresses.iter().filter(|address| is_it(address)) {
                    block.extend(compare(place, &words(address), kept));
                }
            }
        }
        // What is of another type goes round it; behind it nothing else can be wanted.
        block.push(answer(0));
        program.extend([step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, ether_type), skip(block.len())]);
        program.extend(block);
    }
    program.push(answer(0));
    program
}

const ALL_OF_IT: u32 = u32::MAX;

/// Answers how much of a frame is kept if these words stand at a place of it; else goes on behind.
fn compare(place: u32, words: &[u32], kept: u32) -> Vec<libc::sock_filter> {
    let mut steps = vec![answer(kept)];
    for (at, word) in (place..).step_by(4).zip(words).collect::<Vec<_>>().into_iter().rev() {
        let behind = u8::try_from(steps.len()).unwrap_or(u8::MAX);
        let differs = step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, behind, *word);
        steps.splice(0..0, [load(libc::BPF_W, at), differs]);
    }
    steps
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

fn load(size: u32, at: u32) -> libc::sock_filter {
    step(libc::BPF_LD | size | libc::BPF_ABS, 0, 0, at)
}

fn answer(kept: u32) -> libc::sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, kept)
}

/// The next step if it holds, else the one after that.
fn go_on_if(test: u32, value: u32) -> libc::sock_filter {
    step(libc::BPF_JMP | test | libc::BPF_K, 0, 1, value)
}

fn skip(steps: usize) -> libc::sock_filter {
    step(libc::BPF_JMP | libc::BPF_JA, 0, 0, u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONES: [Mac; 2] = [Mac([0, 8, 0x5d, 0, 0, 1]), Mac([0, 8, 0x5d, 0, 0, 2])];
    const SERVER: Mac = Mac([2, 0, 0, 0, 0, 2]);
    const STRANGER: Mac = Mac([2, 0, 0, 0, 0, 9]);

    #[test]
    fn what_goes_to_a_phone_comes_from_one_or_goes_to_a_group_is_seen_and_nothing_else() {
        let program = program(&Wanted { devices: &PHONES, addresses: &[], alone: &[] });
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
    fn what_a_stranger_and_a_server_say_to_each_other_is_seen_too() {
        let servers = ["10.77.0.2", "10.77.0.3", "fd77::2"].map(|it| it.parse().unwrap());
        let program = program(&Wanted { devices: &PHONES, addresses: &servers, alone: &[] });
        for (source, destination, seen) in [
            ("10.77.0.99", "10.77.0.2", true),
            ("10.77.0.3", "10.77.0.99", true),
            ("10.77.0.99", "10.77.0.98", false),
            ("fd77::99", "fd77::2", true),
            ("fd77::2", "fd77::99", true),
            ("fd77::99", "fd77::98", false),
            ("fd77::99", "fd78::2", false),
        ] {
            let frame = packet(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(kept(&program, &frame) > 0, seen, "{source} to {destination}");
        }
        let mut other = packet("10.77.0.99".parse().unwrap(), "10.77.0.2".parse().unwrap());
        other[12..14].copy_from_slice(&0x0806_u16.to_be_bytes());
        assert_eq!(kept(&program, &other), 0);
        other[12..14].copy_from_slice(&0x8100_u16.to_be_bytes());
        assert!(kept(&program, &other) > 0, "what is behind a second tag, it does not know");
    }

    #[test]
    fn what_is_let_alone_is_not_seen_whatever_it_says_to_a_server_and_phones_are() {
        let servers = ["10.77.0.2", "fd77::2"].map(|it| it.parse().unwrap());
        let alone = ["10.77.0.99", "fd77::99"].map(|it| it.parse().unwrap());
        let program = program(&Wanted { devices: &PHONES, addresses: &servers, alone: &alone });
        let seen = |source: &str, destination: &str| {
            kept(&program, &packet(source.parse().unwrap(), destination.parse().unwrap())) > 0
        };
        assert!(!seen("10.77.0.99", "10.77.0.2") && !seen("10.77.0.2", "10.77.0.99"));
        assert!(!seen("fd77::99", "fd77::2") && !seen("fd77::2", "fd77::99"));
        assert!(seen("10.77.0.98", "10.77.0.2") && seen("fd77::2", "fd77::98"), "others");
        for (place, mac) in [(0, PHONES[0]), (6, PHONES[1]), (0, Mac([0xff; 6]))] {
            let mut frame = packet("10.77.0.99".parse().unwrap(), "10.77.0.2".parse().unwrap());
            frame[place..place + 6].copy_from_slice(&mac.0);
            assert!(kept(&program, &frame) > 0, "what a phone hears or says, and what everybody hears: {mac}");
        }
    }

    #[test]
    fn a_bench_of_a_thousand_phones_has_a_filter() {
        let servers = [IpAddr::from([0; 4]), IpAddr::from([0; 16])];
        assert!(program(&Wanted { devices: &[PHONES[0]; 1000], addresses: &servers, alone: &[] }).len() <= LONGEST);
    }

    /// The beginning of a packet between devices that nobody declared.
    fn packet(source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mut frame = [&SERVER.0[..], &STRANGER.0[..]].concat();
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([8, 0]);
                frame.extend([0; 12]);
                frame.extend([source.octets(), destination.octets()].concat());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd]);
                frame.extend([0; 8]);
                frame.extend([source.octets(), destination.octets()].concat());
            }
            _ => unreachable!(),
        }
        frame.resize(frame.len() + 40, 0);
        frame
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
                0x28 => value = u32::from(u16::from_be_bytes([frame[begin], frame[begin + 1]])),
                0x30 => value = u32::from(frame[begin]),
                0x05 => at += begin,
                0x15 => at += jumps(value == step.k),
                0x45 => at += jumps(value & step.k != 0),
                0x06 => return step.k,
                other => panic!("a step {other:#x}"),
            }
            at += 1;
        }
    }
}
