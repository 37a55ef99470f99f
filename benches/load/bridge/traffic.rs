//! Numbered frames at a steady rate, and who counts or reads them where they come out: packet sockets of their own, which know
//! nothing of siprig's.

use std::{
    io, mem,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
    time::Duration,
};

use nix::{
    net::if_::if_nametoindex,
    sys::{prctl, time::TimeSpec},
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
};
use siprig::{
    config::Mac,
    wire::{
        dns::{self, Name},
        frame::{self, Envelope},
    },
};

use super::lab::Outcome;

pub const PHONE: Mac = Mac([2, 0, 0, 0, 0, 0x11]);
/// A device that no bench names.
pub const OTHER: Mac = Mac([2, 0, 0, 0, 0, 0x12]);
pub const SERVER: Mac = Mac([2, 0, 0, 0, 0, 0x22]);
pub const PHONE_IP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
pub const SERVER_IP: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Not a SIP port.
pub const PORT: u16 = 7000;
/// Where the payload of a datagram begins: behind Ethernet, IPv4 and UDP headers. ARP is as long.
const PAYLOAD_AT: usize = 42;
/// Of a frame so much is read: the number of each is in it.
const BEGINNING: usize = 128;
/// What numbers begin with: others send from the same addresses, too.
const MARK: u64 = 0x5112 << 48;
/// Where its check sum is, which UDP does without over IPv4 (RFC 768).
const SUM_AT: usize = 40;
/// Frames that are sent by one system call at most.
const BATCH: usize = 64;

/// A frame that is sent again and again, each time with another number in it.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where that is.
    pub number_at: usize,
}

fn ip_of(mac: Mac) -> Ipv4Addr {
    if mac == SERVER { SERVER_IP } else { PHONE_IP }
}

/// A datagram of that many bytes on the wire.
pub fn datagram(from: Mac, to: Mac, len: usize) -> Template {
    udp(from, to, PORT, &vec![0; len.saturating_sub(PAYLOAD_AT)], PAYLOAD_AT)
}

/// A question for the other's link-layer address; the server's is the answer to the phone's (RFC 826).
pub fn question(from: Mac, to: Mac) -> Template {
    let asks = from != SERVER;
    let receiver = if asks { Mac([0xff; 6]) } else { to };
    let mut bytes = Envelope::new(from, receiver, None).arp_probe(from, ip_of(to), &[0; 18]);
    bytes[21] = if asks { 1 } else { 2 };
    bytes[28..32].copy_from_slice(&ip_of(from).octets());
    if !asks {
        bytes[32..38].copy_from_slice(&to.0);
    }
    Template { bytes, number_at: PAYLOAD_AT }
}

/// A question for the server's address by its name, to a name server in the server's place.
pub fn name_question(from: Mac, to: Mac, name: &str) -> Template {
    const ADDRESS: u16 = 1;
    // A text that is no name asks for nothing.
    let asked = name.parse::<Name>().map(|name| name.question(ADDRESS)).unwrap_or_default();
    let number_at = PAYLOAD_AT + asked.len();
    udp(from, to, dns::PORT, &[&asked[..], &[0; 16]].concat(), number_at)
}

fn udp(from: Mac, to: Mac, port: u16, payload: &[u8], number_at: usize) -> Template {
    let at = |mac: Mac| SocketAddr::new(IpAddr::V4(ip_of(mac)), if mac == SERVER { port } else { PORT });
    let mut bytes = frame::udp_frame(from, to, None, at(from), at(to), payload);
    bytes[SUM_AT..PAYLOAD_AT].fill(0);
    Template { bytes, number_at }
}

/// Nanoseconds of the wall clock, as the kernel stamps frames.
pub fn wall_ns() -> i64 {
    nanos(ClockId::CLOCK_REALTIME)
}

pub fn nanos(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}

/// A packet socket on an interface of this thread's namespace.
pub fn open(interface: &str, receives: bool) -> Outcome<OwnedFd> {
    let protocol = if receives { (libc::ETH_P_ALL as u16).to_be() } else { 0 };
    // SAFETY: plain calls; the descriptor is nobody else's, and the address is as long as is said.
    unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(io::Error::last_os_error().into());
        }
        let fd = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_ll = mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = if_nametoindex(interface)?.cast_signed();
        let bound = libc::bind(fd.as_raw_fd(), (&raw const address).cast(), size_of_val(&address) as u32);
        if bound == 0 { Ok(fd) } else { Err(io::Error::last_os_error().into()) }
    }
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    pub count: u64,
    pub took: Duration,
    /// Processor time of the sender, which carries frames through the kernel as well.
    pub cpu: Duration,
}

impl Sent {
    /// Frames a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

/// Sends numbered frames at a rate until `stop` says so, or that many; `sent_at` is told when each went.
pub fn send(
    fd: &OwnedFd,
    template: &Template,
    rate: u64,
    most: u64,
    mut stop: impl FnMut() -> bool,
    mut sent_at: impl FnMut(i64),
) -> Outcome<Sent> {
    // Else the kernel may be 50 µs late.
    let _ = prctl::set_timerslack(1);
    let mut frames = vec![template.bytes.clone(); BATCH];
    let at = template.number_at;
    let begun = nanos(ClockId::CLOCK_MONOTONIC);
    let cpu = nanos(ClockId::CLOCK_THREAD_CPUTIME_ID);
    let mut count = 0;
    while count < most && !stop() {
        let elapsed = (nanos(ClockId::CLOCK_MONOTONIC) - begun) as u128;
        let due = u64::try_from(elapsed * u128::from(rate) / 1_000_000_000)?.saturating_add(1).min(most);
        if due <= count {
            let next = begun + (count as i128 * 1_000_000_000 / i128::from(rate)) as i64;
            // At high rates a few go together: a sleep takes longer than a frame.
            let pause = next.max(nanos(ClockId::CLOCK_MONOTONIC) + 20_000);
            let until = TimeSpec::new(pause / 1_000_000_000, pause % 1_000_000_000);
            let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &until);
            continue;
        }
        let now = wall_ns();
        let batch = usize::try_from(due - count)?.min(BATCH);
        for frame in &mut frames[..batch] {
            frame[at..at + 8].copy_from_slice(&(MARK | count).to_be_bytes());
            frame[at + 8..at + 16].copy_from_slice(&now.to_be_bytes());
            sent_at(now);
            count += 1;
        }
        send_all(fd, &frames[..batch])?;
    }
    let took = Duration::from_nanos((nanos(ClockId::CLOCK_MONOTONIC) - begun).unsigned_abs());
    let cpu = Duration::from_nanos((nanos(ClockId::CLOCK_THREAD_CPUTIME_ID) - cpu).unsigned_abs());
    Ok(Sent { count, took, cpu })
}

fn send_all(fd: &OwnedFd, mut frames: &[Vec<u8>]) -> Outcome<()> {
    while !frames.is_empty() {
        // SAFETY: zero is a valid value of both; every pointer outlives the call, of the length beside it.
        let sent = unsafe {
            let mut parts: [libc::iovec; BATCH] = mem::zeroed();
            let mut headers: [libc::mmsghdr; BATCH] = mem::zeroed();
            for ((header, part), frame) in headers.iter_mut().zip(&mut parts).zip(frames) {
                *part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
            }
            libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), frames.len() as u32, 0)
        };
        match usize::try_from(sent) {
            Ok(sent) => frames = &frames[sent..],
            Err(_) => return Err(io::Error::last_os_error().into()),
        }
    }
    Ok(())
}

/// Counts the frames of a sender, read or not: none costs more than a look.
pub struct Counter(OwnedFd);

impl Counter {
    pub fn open(interface: &str, of: Mac) -> Outcome<Self> {
        let fd = open(interface, true)?;
        only_of(&fd, of)?;
        set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, 1)?;
        set(&fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
        let counter = Self(fd);
        counter.take()?;
        Ok(counter)
    }

    /// How many since the last call.
    pub fn take(&self) -> Outcome<u64> {
        let mut statistics: libc::tpacket_stats = unsafe { mem::zeroed() };
        let mut len = size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the buffer is as long as `len` says.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut len,
            )
        };
        if result == 0 { Ok(u64::from(statistics.tp_packets)) } else { Err(io::Error::last_os_error().into()) }
    }
}

/// A frame that came out.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub number: u64,
    /// When it was sent.
    pub sent_ns: i64,
    /// When the kernel stamped it.
    pub at_ns: i64,
}

/// Reads the frames of a sender.
pub struct Reader {
    fd: OwnedFd,
    number_at: usize,
}

impl Reader {
    pub fn open(interface: &str, of: Mac, number_at: usize) -> Outcome<Self> {
        let fd = open(interface, true)?;
        only_of(&fd, of)?;
        set(&fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
        set(&fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 32 << 20)
            .or_else(|_| set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, 32 << 20))?;
        let patience = libc::timeval { tv_sec: 0, tv_usec: 20_000 };
        // SAFETY: the value is as long as is said.
        unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const patience).cast(),
                size_of_val(&patience) as u32,
            );
        }
        Ok(Self { fd, number_at })
    }

    /// The next frame; none came for a while.
    pub fn next(&self) -> Outcome<Option<Arrival>> {
        loop {
            match self.any()? {
                Some(arrival) if arrival.number & (0xffff << 48) == MARK => {
                    return Ok(Some(Arrival { number: arrival.number ^ MARK, ..arrival }));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    fn any(&self) -> Outcome<Option<Arrival>> {
        let mut bytes = [0_u8; BEGINNING];
        let mut control = [0_u64; 8];
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: zero is a valid header; every pointer in it outlives the call, of the length beside it; what the CMSG macros
        // walk was written by the kernel.
        let at_ns = unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &raw mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control);
            if libc::recvmsg(self.fd.as_raw_fd(), &raw mut header, 0) < 0 {
                let error = io::Error::last_os_error();
                return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error.into()) };
            }
            let item = libc::CMSG_FIRSTHDR(&raw const header);
            if item.is_null() {
                return Ok(None);
            }
            let stamp = ptr::read_unaligned(libc::CMSG_DATA(item).cast::<libc::timespec>());
            stamp.tv_sec * 1_000_000_000 + stamp.tv_nsec
        };
        let word = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes);
        Ok(Some(Arrival { number: word(self.number_at)?, sent_ns: word(self.number_at + 8)?.cast_signed(), at_ns }))
    }
}

/// Lets a socket see the frames of one sender alone (classic BPF, socket(7)).
fn only_of(fd: &OwnedFd, Mac([a, b, c, d, e, f]): Mac) -> Outcome<()> {
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load, half, jump, answer) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_LD | libc::BPF_H | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ,
        libc::BPF_RET,
    );
    let mut program = [
        op(load, 0, 0, 6),
        op(jump, 0, 3, u32::from_be_bytes([a, b, c, d])),
        op(half, 0, 0, 10),
        op(jump, 0, 1, u32::from(u16::from_be_bytes([e, f]))),
        op(answer, 0, 0, u32::MAX),
        op(answer, 0, 0, 0),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies the program, which is as long as is said.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as u32,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}

fn set(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> Outcome<()> {
    // SAFETY: the value is as long as is said.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), size_of_val(&value) as u32) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}
