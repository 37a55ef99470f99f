//! A lab of network namespaces: phone and neighbour behind a switch, two servers' addresses on one host, and between them
//! the two interfaces that the bridge joins.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, setns};
use pnet::datalink::{self, Channel};
use siprig::{
    bridge::{offload, tap::Tap},
    config::Mac,
    event::{Offload, Toward},
    wire::frame,
};

const INSIDE: &str = "SIPRIG_TEST_INSIDE";
pub const PHONE_MAC: &str = "02:00:00:00:00:11";
pub const NEIGHBOUR_MAC: &str = "02:00:00:00:00:12";

/// An address and the namespace that has it.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    pub namespace: &'static str,
    pub ip: IpAddr,
}

const fn v4(namespace: &'static str, net: u8, last: u8) -> Host {
    Host { namespace, ip: IpAddr::V4(Ipv4Addr::new(10, net, 0, last)) }
}

const fn v6(namespace: &'static str, last: u16) -> Host {
    Host { namespace, ip: IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, last)) }
}

pub const PHONE: Host = v4("phone", 77, 11);
pub const NEIGHBOUR: Host = v4("neighbour", 77, 12);
pub const SERVER: Host = v4("server", 77, 2);
pub const BACKUP: Host = v4("server", 77, 3);
pub const PHONE_6: Host = v6("phone", 0x11);
pub const SERVER_6: Host = v6("server", 2);

/// Whether this process is inside already; else runs the test there and says how it went.
pub fn enter(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["-U", "-r", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc"]);
        command
    };
    match unshare().args(["ip", "link", "set", "lo", "up"]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            println!("SKIPPED: no namespaces here: {}", String::from_utf8_lossy(&output.stderr));
            return false;
        }
        Err(error) => {
            println!("SKIPPED: no unshare(1): {error}");
            return false;
        }
    }
    let inside = std::env::current_exe().unwrap();
    let output = unshare()
        .arg(inside)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success() && out.contains("1 passed"), "inside: {out}\n{err}");
    false
}

pub fn ip(arguments: &str) {
    run("ip", arguments);
}

/// Turns the kernel's gluing together of received frames on or off.
pub fn offload(interface: &str, on: bool) {
    offload::set(interface, Offload::GenericReceiveOffload, on).unwrap();
}

pub fn has_offload(interface: &str) -> bool {
    offload::in_force(interface).unwrap().contains(&Offload::GenericReceiveOffload)
}

/// The address of a host's interface.
pub fn mac_of(namespace: &'static str) -> Mac {
    let told = run("ip", &format!("-n {namespace} -o link show eth0"));
    told.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap()
}

/// Whether an interface of a host has a link, as the host itself sees it.
pub fn has_carrier(namespace: &'static str, interface: &str) -> bool {
    run("ip", &format!("-n {namespace} -o link show {interface}")).contains("LOWER_UP")
}

/// Waits for something that takes a moment.
pub fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is never so");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An interface in all that `ip` tells of it.
pub fn described(interface: &str) -> String {
    run("ip", &format!("-details address show {interface}"))
}

pub fn nft(arguments: &str) {
    run("nft", arguments);
}

fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub struct Lab;

impl Lab {
    pub fn build() -> Self {
        run("mount", "-t tmpfs tmpfs /run");
        for namespace in ["phone", "neighbour", "server", "switch"] {
            ip(&format!("netns add {namespace}"));
            ip(&format!("-n {namespace} link set lo up"));
        }
        ip("link set lo up");
        ip("link add phones type veth peer name uplink netns switch");
        ip("link add servers type veth peer name eth0 netns server");
        ip("-n switch link add sw type bridge mcast_snooping 0");
        for (namespace, mac) in [("phone", PHONE_MAC), ("neighbour", NEIGHBOUR_MAC)] {
            ip(&format!("-n switch link add {namespace} type veth peer name eth0 address {mac} netns {namespace}"));
            ip(&format!("-n switch link set {namespace} master sw up"));
        }
        ip("-n switch link set uplink master sw up");
        ip("-n switch link set sw up");
        for (host, interface, prefix) in
            [(PHONE, "eth0", 24), (NEIGHBOUR, "eth0", 24), (SERVER, "eth0", 24), (BACKUP, "eth0", 24)]
        {
            ip(&format!("-n {} address add {}/{prefix} dev {interface}", host.namespace, host.ip));
        }
        for host in [PHONE_6, SERVER_6] {
            ip(&format!("-n {} address add {}/64 dev eth0 nodad", host.namespace, host.ip));
        }
        for namespace in ["phone", "neighbour", "server"] {
            ip(&format!("-n {namespace} link set eth0 up"));
        }
        Self
    }

    /// Interfaces where the bridge is, without what changes by itself.
    pub fn links(&self) -> Vec<String> {
        let all = run("ip", "-o link");
        all.lines().map(|line| line.split(" state ").next().unwrap_or(line).to_owned()).collect()
    }

    /// The tables of nftables.
    pub fn tables(&self) -> String {
        run("nft", "list tables")
    }

    /// A frame of the phone to the server, sent out of a port as if somebody else had forwarded it.
    pub fn send_past_the_bridge(&self, port: &str, payload: &[u8]) {
        let interface = datalink::interfaces().into_iter().find(|it| it.name == port).unwrap();
        let Ok(Channel::Ethernet(mut sender, _)) = datalink::channel(&interface, datalink::Config::default()) else {
            panic!("no channel")
        };
        let (from, to) = (SocketAddr::new(PHONE.ip, 4000), SocketAddr::new(SERVER.ip, 4001));
        let bytes = frame::udp_frame(PHONE_MAC.parse().unwrap(), Mac([2, 0, 0, 0, 0, 0x99]), None, from, to, payload);
        sender.send_to(&bytes, None).unwrap().unwrap();
    }
}

/// Runs something in a namespace of the lab, on a thread of its own.
pub fn in_host<T: Send + 'static>(namespace: &'static str, work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_in(namespace, work).join().unwrap()
}

fn spawn_in<T: Send + 'static>(namespace: &'static str, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(move || {
        setns(File::open(format!("/run/netns/{namespace}")).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        work()
    })
}

fn udp_socket(host: Host, port: u16) -> UdpSocket {
    let socket = in_host(host.namespace, move || UdpSocket::bind(SocketAddr::new(host.ip, port)).unwrap());
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket
}

pub fn send_udp(from: Host, to: Host, port: u16, payload: &[u8]) {
    udp_socket(from, 0).send_to(payload, SocketAddr::new(to.ip, port)).unwrap();
}

/// How many datagrams come out at the far end, copies included. The near end's port is ephemeral.
pub fn udp_delivered(from: Host, to: Host, port: u16, count: usize) -> usize {
    udp_arrivals(from, to, port, count, Duration::ZERO).len()
}

/// The numbers of the datagrams that come out at the far end, sent at that pace, and how long after it was sent each did.
pub fn udp_arrivals(from: Host, to: Host, port: u16, count: usize, pace: Duration) -> Vec<(usize, Duration)> {
    let (near, far) = (udp_socket(from, 0), udp_socket(to, port));
    let begun = Instant::now();
    let sender = thread::spawn(move || -> Vec<Duration> {
        let send = |number: usize| {
            thread::sleep((pace * number as u32).saturating_sub(begun.elapsed()));
            let at = begun.elapsed();
            near.send_to(&number.to_be_bytes(), SocketAddr::new(to.ip, port)).unwrap();
            at
        };
        (0..count).map(send).collect()
    });
    let mut arrived = Vec::new();
    // Nothing may come for a while: as long as more is sent, and a little longer.
    loop {
        let mut number = [0; 8];
        match far.recv_from(&mut number) {
            Ok(_) => arrived.push((usize::from_be_bytes(number), begun.elapsed())),
            Err(_) if sender.is_finished() => break,
            Err(_) => {}
        }
    }
    let sent = sender.join().unwrap();
    arrived.into_iter().map(|(number, at)| (number, at.saturating_sub(sent[number]))).collect()
}

/// How many VLAN-tagged datagrams between phone and server come out with their tag, copies included. They are made and
/// taken as raw frames: not every kernel has VLAN interfaces.
pub fn tagged_delivered(vlan: u16, toward: Toward, port: u16, count: usize) -> usize {
    let (near, far) = match toward {
        Toward::Server => (PHONE, SERVER),
        Toward::Phone => (SERVER, PHONE),
    };
    let (phone, server) = (PHONE_MAC.parse().unwrap(), Mac([2, 0, 0, 0, 0, 0x77]));
    let (from, to, at, going) = match toward {
        Toward::Server => (phone, server, SocketAddr::new(near.ip, 4000), SocketAddr::new(far.ip, port)),
        Toward::Phone => (server, phone, SocketAddr::new(near.ip, port), SocketAddr::new(far.ip, 4000)),
    };
    let open = || Tap::open("eth0", nix::net::if_::if_nametoindex("eth0").unwrap()).unwrap();
    let (mut sender, mut receiver) = (in_host(near.namespace, open), in_host(far.namespace, open));
    let frames: Vec<_> = (0..count)
        .map(|number| frame::udp_frame(from, to, Some(vlan), at, going, format!("tagged {number}").as_bytes()))
        .collect();
    for bytes in &frames {
        sender.send(bytes).unwrap();
    }
    let until = Instant::now() + Duration::from_millis(300);
    let mut arrived = 0;
    while Instant::now() < until {
        match receiver.receive().unwrap() {
            Some(received) if !received.outgoing => {
                arrived += frames.iter().filter(|bytes| **bytes == received.bytes).count();
            }
            Some(_) => {}
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
    arrived
}

/// How many datagrams come back from a host that echoes them, one at a time.
pub fn udp_echoes(from: Host, to: Host, port: u16, count: usize) -> usize {
    let (near, far) = (udp_socket(from, 0), udp_socket(to, port));
    let mut buffer = [0; 64];
    let mut one = |number: usize| {
        near.send_to(&number.to_be_bytes(), SocketAddr::new(to.ip, port)).ok()?;
        let (len, back) = far.recv_from(&mut buffer).ok()?;
        far.send_to(&buffer[..len], back).ok()?;
        near.recv_from(&mut buffer).ok()
    };
    (0..count).filter_map(&mut one).count()
}

/// Sends bytes to a host that sends them back; how many came.
pub fn tcp_round_trip(from: &'static str, to: Host, port: u16, len: usize) -> usize {
    let listener = in_host(to.namespace, move || TcpListener::bind(SocketAddr::new(to.ip, port)).unwrap());
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut copy = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut copy).unwrap();
    });
    let mut stream = in_host(from, move || TcpStream::connect(SocketAddr::new(to.ip, port)).unwrap());
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        writer.write_all(&vec![0x5a; len]).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sender.join().unwrap();
    echo.join().unwrap();
    back.len()
}

/// Waits until frames pass: links take a moment to come up.
pub fn wait_until_open() {
    for (near, far) in [(PHONE, SERVER), (NEIGHBOUR, SERVER), (PHONE, BACKUP)] {
        let until = Instant::now() + Duration::from_secs(10);
        while udp_echoes(near, far, 9000, 1) == 0 {
            assert!(Instant::now() < until, "the bridge never opened");
        }
    }
}

/// Waits until the kernel tells of every interface's carrier: of a bridge's it does so up to a second after that forwards.
pub fn wait_until_carried() {
    let until = Instant::now() + Duration::from_secs(10);
    while run("ip", "-o link").contains("NO-CARRIER") {
        assert!(Instant::now() < until, "an interface never has a carrier");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until no canary port of a helper that has ended is there.
pub fn until_no_port_is_left() {
    let until = Instant::now() + Duration::from_secs(10);
    while run("ip", "-o link").contains(": siprig-") {
        assert!(Instant::now() < until, "a port of a helper is left");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Longer than a frame may be on its way when an outage begins.
pub fn settle() {
    thread::sleep(Duration::from_millis(20));
}

/// A TCP connection of which both ends are ours.
pub struct Connection {
    near: TcpStream,
    far: TcpStream,
}

impl Connection {
    pub fn open(from: &'static str, to: Host, port: u16) -> Self {
        let listener = in_host(to.namespace, move || TcpListener::bind(SocketAddr::new(to.ip, port)).unwrap());
        let near = in_host(from, move || TcpStream::connect(SocketAddr::new(to.ip, port)).unwrap());
        let (far, _) = listener.accept().unwrap();
        far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { near, far }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.near.write_all(bytes).unwrap();
    }

    pub fn received(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let len = self.far.read(&mut buffer).unwrap();
        buffer.truncate(len);
        buffer
    }
}

/// What came out of a [`Stream`].
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    pub distinct: usize,
    pub copies: usize,
}

/// Numbered datagrams at a steady pace.
pub struct Stream {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<usize>,
    receiver: JoinHandle<()>,
    arrivals: Arc<Mutex<Vec<(Instant, usize)>>>,
}

impl Stream {
    pub fn start(from: Host, to: Host, port: u16, pace: Duration) -> Self {
        let (near, far) = (udp_socket(from, 0), udp_socket(to, port));
        far.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (stopped, stopping) = (Arc::clone(&stop), Arc::clone(&stop));
        let sender = thread::spawn(move || {
            let mut sent = 0_usize;
            while !stopping.load(Ordering::Relaxed) {
                near.send_to(&sent.to_be_bytes(), SocketAddr::new(to.ip, port)).unwrap();
                sent += 1;
                thread::sleep(pace);
            }
            sent
        });
        let log = Arc::clone(&arrivals);
        let receiver = thread::spawn(move || {
            let mut number = [0; 8];
            loop {
                match far.recv_from(&mut number) {
                    Ok(_) => log.lock().unwrap().push((Instant::now(), usize::from_be_bytes(number))),
                    Err(_) if stopped.load(Ordering::Relaxed) => return,
                    Err(_) => {}
                }
            }
        });
        Self { stop, sender, receiver, arrivals }
    }

    /// How long after `start` the next datagram came out.
    pub fn first_arrival_after(&self, start: Instant) -> Duration {
        let until = start + Duration::from_secs(5);
        loop {
            let found = self.arrivals.lock().unwrap().iter().map(|(at, _)| *at).find(|at| *at >= start);
            match found {
                Some(at) => return at - start,
                None => assert!(Instant::now() < until, "nothing ever came"),
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until so many more came out.
    pub fn until_more(&self, count: usize) {
        let wanted = self.arrivals.lock().unwrap().len() + count;
        let until = Instant::now() + Duration::from_secs(10);
        while self.arrivals.lock().unwrap().len() < wanted {
            assert!(Instant::now() < until, "nothing more came");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops; how many were sent, and what of them came.
    pub fn stop(self) -> (usize, Arrived) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap();
        self.receiver.join().unwrap();
        let arrivals = self.arrivals.lock().unwrap();
        let distinct = arrivals.iter().map(|(_, number)| *number).collect::<BTreeSet<_>>().len();
        (sent, Arrived { distinct, copies: arrivals.len() - distinct })
    }
}
